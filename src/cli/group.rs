//! Runs `ptychoarrow group`: forms groups of neighbouring patterns and writes them to a file.

mod open;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::Schema;
use bytesize::ByteSize;
use clap::Args;
use serde_json::json;

use super::failure::Result;
use super::input::{InputArgs, PatternArgs, SpecArgs, shown};
use super::notices::{Attentive, Speaker};
use super::output::{self, RowOutputArgs};
use super::print::{data_type_name, table};
use super::{PrintFormat, RunArgs};
use crate::array::{Access, tensor};
use crate::error::{Error, Notice};
use crate::export;
use crate::export::{ExportOptions, Format, Tensors, Written, default_columns, write_groups};
use crate::group::{Center, Channels, Groups, Measure, PatternOptions};
use crate::scan::Scan;
use crate::scan::layout::Role;
use crate::table::{ReadOptions, Rows, Table, TableInfo, TableReader, is_wide};

#[derive(Debug, Args)]
pub struct GroupArgs {
    /// The NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    spec: SpecArgs,
    /// The columns to write, separated by commas; by default those with a few values per row, and for Arrow files also
    /// `diffraction`.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Whether patterns are written as stored, as amplitudes, or as intensities (counts).
    #[arg(long = "as", value_enum, default_value = "stored")]
    measure: Measure,
    /// The place of the axis of members in the patterns of a group.
    #[arg(long, value_enum, default_value = "channels-first")]
    layout: Channels,
    #[command(flatten)]
    patterns: PatternArgs,
    /// The form in which to print what was done.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    output: RowOutputArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl GroupArgs {
    fn patterns(&self, format: Option<Format>) -> PatternOptions {
        PatternOptions {
            measure: self.measure,
            // The dictionary of PtychoPINN has one layout.
            channels: if format == Some(Format::Npz) {
                Channels::Last
            } else {
                self.layout
            },
            ..self.patterns.options()
        }
    }
}

/// The number of groups that are shown if no output is given.
const SHOWN_GROUPS: usize = 10;

pub fn run(args: &GroupArgs, run: &RunArgs) -> Result<()> {
    let sources = args.input.sources(&args.file);
    if !args.output.check(sources.clone())? {
        return Ok(());
    }
    let start = Instant::now();
    let speaker = Speaker::new("group", run.strict);
    let scan = Scan::open_with(&args.file, &args.input.options())?;
    let format = args
        .output
        .file
        .output
        .as_deref()
        .map(Format::of)
        .transpose()?;
    let groups = args.spec.query(args.patterns(format)).resolve(&scan)?;
    let Some(output) = &args.output.file.output else {
        return show(args, run, &groups, &speaker);
    };
    let read = read_options(columns(args, &groups, format), Rows::All, run);
    let reader = reader(&groups, &read)?;
    let written_columns: Vec<String> = column_names(&reader.schema());
    let notices = || {
        let lacks_patches = format == Some(Format::Npz) && args.columns.is_none();
        let lacking = groups.note_of_no_patches().filter(|_| lacks_patches);
        let notices = notices(&groups, &written_columns).into_iter();
        notices
            .chain(lacking.as_ref().map(Notice::from))
            .collect::<Vec<_>>()
    };
    speaker.say(&notices())?;
    let schema = reader.schema();
    let options = ExportOptions {
        provenance: groups.provenance(),
        expected_bytes: Some(reader.num_bytes()),
        expected_rows: Some(reader.rows_left() as u64),
        ..args.output.options(sources)
    };
    output::announce(output, &options);
    args.output.tell_tensors(&schema);
    let mut reader = Attentive::new(reader, &speaker, TableReader::notices);
    let written = match format {
        // The dictionary is written member by member, so what its rows show must be known before.
        Some(Format::Npz) if run.strict => reader
            .try_for_each(|batch| batch.map(drop))
            .map_err(Error::from)
            .and_then(|()| write_groups(&groups, &read, output, &options)),
        Some(Format::Npz) => write_groups(&groups, &read, output, &options),
        _ => export::write(reader, output, &options),
    };
    speaker.check()?;
    let Some(written) = written? else {
        return Ok(());
    };
    let notices = notices();
    speaker.say(&notices)?;
    let done = Done {
        groups: &groups,
        warnings: speaker.texts(&notices),
        output,
        schema: &schema,
        tensors: options.tensors,
        written,
        seconds: start.elapsed().as_secs_f64(),
    };
    match args.format {
        PrintFormat::Table => output::result(&done.text()),
        PrintFormat::Json => output::result(&format!("{:#}", done.json())),
    }
}

/// Prints the first groups, without wide columns.
fn show(args: &GroupArgs, run: &RunArgs, groups: &Groups, speaker: &Speaker) -> Result<()> {
    let rows = Rows::Range(0..SHOWN_GROUPS);
    let reader = reader(
        groups,
        &read_options(columns(args, groups, None), rows, run),
    )?;
    speaker.say(&reader.notices())?;
    let schema = reader.schema();
    let shown_columns = column_names(&schema);
    let batches = reader.collect::<std::result::Result<Vec<RecordBatch>, _>>()?;
    match args.format {
        PrintFormat::Table => {
            output::result(&table(&schema, &batches)?.to_string())?;
            let total = groups.num_rows()?;
            let shown = total.min(SHOWN_GROUPS);
            output::result(&format!(
                "{shown} of {total} groups; write them all with -o groups.arrow"
            ))?;
        }
        PrintFormat::Json => output::result(&super::print::json(&batches)?)?,
    }
    speaker.say(&notices(groups, &shown_columns))
}

fn read_options(columns: Vec<String>, rows: Rows, run: &RunArgs) -> ReadOptions {
    ReadOptions {
        columns: Some(columns),
        rows,
        batch_bytes: run.batch_bytes as usize,
        batch_rows: None,
    }
}

fn reader(groups: &Groups, options: &ReadOptions) -> Result<TableReader> {
    groups.index()?;
    let reader = groups.read(options)?;
    // What the factor shows is to be known before anything is written.
    if column_names(&reader.schema())
        .iter()
        .any(|name| NORMALISED.contains(&name.as_str()))
    {
        groups.norm_factor()?;
    }
    Ok(reader)
}

/// The columns that the normalisation factor is computed for.
const NORMALISED: [&str; 2] = ["norm_factor", "diffraction_normalized"];

fn column_names(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// Returns what the user of these columns should know, as far as it is known by now.
pub fn notices(groups: &Groups, columns: &[String]) -> Vec<Notice> {
    let schema = groups.schema();
    let indices: Vec<usize> = columns
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .collect();
    groups.notices(&indices)
}

/// Returns the columns asked for, or the default ones: the columns that are narrow and quick to compute, and in formats
/// that hold patterns, the patterns.
fn columns(args: &GroupArgs, groups: &Groups, format: Option<Format>) -> Vec<String> {
    if let Some(columns) = &args.columns {
        return columns.clone();
    }
    let schema = groups.schema();
    if format == Some(Format::Npz) {
        return default_columns(&schema);
    }
    let fields = schema.fields().iter().enumerate();
    let default = fields.filter(|(index, field)| match format {
        _ if groups.is_on_request(*index) => false,
        // Tensors do not fit on a screen.
        None => tensor::shape(field).is_none(),
        Some(format) => {
            !is_wide(field) || (format.holds_patterns() && field.name() == "diffraction")
        }
    });
    default.map(|(_, field)| field.name().clone()).collect()
}

/// Reports what was done.
struct Done<'a> {
    groups: &'a Groups,
    warnings: Vec<String>,
    output: &'a Path,
    schema: &'a Arc<Schema>,
    tensors: Option<Tensors>,
    written: Written,
    seconds: f64,
}

impl Done<'_> {
    fn text(&self) -> String {
        let (scan, spec) = (self.groups.scan(), self.groups.spec());
        let (neighbors, joins) = self.groups.pool();
        let joined = if joins { " and itself" } else { "" };
        let lines = [
            (
                "read",
                format!(
                    "{}: {} positions",
                    shown(scan.npz().path()),
                    scan.num_positions()
                ),
            ),
            ("mapped", self.members("mapped")),
            ("copied", self.members("copied")),
            ("inflated", self.members("inflated")),
            (
                "groups",
                format!(
                    "{} groups of {} patterns, each from the {neighbors} nearest neighbours of its seed point{joined}; \
                     seed {}",
                    self.written.rows,
                    self.groups.group_size(),
                    spec.seed
                ),
            ),
            ("patterns", self.crop_text()),
            (
                "wrote",
                format!(
                    "{}, {}, in {:.2} s",
                    shown(self.output),
                    ByteSize::b(self.written.bytes),
                    self.seconds
                ),
            ),
            ("columns", columns_text(self.schema)),
            (
                "open it",
                open::text(self.output, self.schema, self.tensors),
            ),
        ];
        let lines: Vec<String> = lines
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(label, text)| format!("{label:<10}{}", text.replace('\n', "\n          ")))
            .collect();
        lines.join("\n")
    }

    /// Says which part was cut out of each pattern, where that was asked for.
    fn crop_text(&self) -> String {
        let options = self.groups.patterns();
        let (Some(crop), Ok(Some([row, column]))) = (options.crop, self.groups.center()) else {
            return String::new();
        };
        let mass = match options.center {
            Some(Center::Mass) => ", the centre of mass of the mean pattern",
            Some(Center::Pixel(_)) | None => "",
        };
        let [top, left] = [row - crop.height / 2, column - crop.width / 2];
        format!(
            "{} x {} pixels around pixel ({row}, {column}){mass}: rows {top} to {}, columns {left} to {}",
            crop.height,
            crop.width,
            top + crop.height - 1,
            left + crop.width - 1
        )
    }

    /// Lists the members that have a role and are reached by one kind of access, each with the reason.
    fn members(&self, word: &str) -> String {
        let scan = self.groups.scan();
        let sources = Role::all().filter_map(|role| scan.source(role));
        let of_kind = sources
            .filter_map(|source| Some((source.npz, source.npz.info(&source.placed.member)?)))
            .map(|(npz, info)| (info, Access::of(npz, info)))
            .filter(|(_, access)| access.word() == word);
        let text = of_kind.map(|(info, access)| match access.reason() {
            Some(reason) => format!("{} ({reason})", info.name),
            None => info.name.clone(),
        });
        let text = text
            .collect::<Vec<_>>()
            .join(if word == "mapped" { ", " } else { "\n" });
        match word {
            "copied" if !text.is_empty() => {
                format!("{text}\n(one batch at a time, never the whole member)")
            }
            _ => text,
        }
    }

    fn json(&self) -> serde_json::Value {
        let field = |field: &Arc<arrow::datatypes::Field>| json!({"name": field.name(), "type": field.data_type().to_string(), "shape": tensor::shape(field)});
        json!({
            "file": shown(self.groups.scan().npz().path()),
            "output": shown(self.output),
            "groups": self.written.rows,
            "group_size": self.groups.group_size(),
            "neighbors": self.groups.pool().0,
            "bytes": self.written.bytes,
            "center": self.groups.center().ok().flatten(),
            "seconds": self.seconds,
            "columns": self.schema.fields().iter().map(field).collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }
}

/// Lists the columns with their types and shapes, in lines of limited width.
fn columns_text(schema: &Schema) -> String {
    const WIDTH: usize = 90;
    let mut text = String::new();
    let mut line = 0;
    for field in schema.fields() {
        let shape = tensor::shape(field)
            .map(|shape| format!(" {shape:?}"))
            .unwrap_or_default();
        let dtype = match field.data_type() {
            arrow::datatypes::DataType::FixedSizeList(item, size) if shape.is_empty() => {
                format!("{} [{size}]", data_type_name(item.data_type()))
            }
            arrow::datatypes::DataType::FixedSizeList(item, _) => data_type_name(item.data_type()),
            other => data_type_name(other),
        };
        let item = format!("{} {dtype}{shape}", field.name());
        let gap = match line {
            0 => "",
            line if line + item.len() > WIDTH => ",\n",
            _ => ", ",
        };
        line = if gap == ",\n" {
            item.len()
        } else {
            line + gap.len() + item.len()
        };
        text += gap;
        text += &item;
    }
    text
}
