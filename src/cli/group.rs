//! `ptychoarrow group`: groups of neighbouring patterns, into a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::Schema;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::failure::Result;
use super::input::{InputArgs, SpecArgs, shown};
use super::output::{self, OutputArgs, log};
use super::print::{data_type_name, table};
use super::profile::{self, Profiled};
use super::{PrintFormat, RunArgs};
use crate::array::{Access, tensor};
use crate::export::{ExportOptions, Format, Written};
use crate::group::{Channels, Groups, Measure, PatternOptions};
use crate::scan::Scan;
use crate::table::{ReadOptions, Rows, Table, TableInfo, TableReader, is_wide};

#[derive(Debug, Args)]
pub struct GroupArgs {
    /// An NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    spec: SpecArgs,
    /// Columns to write; by default the narrow ones, and in Arrow files `diffraction`.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// As what to hand out patterns: the numbers of the file, amplitudes, or intensities (counts).
    #[arg(long = "as", value_enum, default_value = "stored")]
    measure: MeasureArg,
    /// Where the axis of members is in the patterns: [C, N, N] or [N, N, C].
    #[arg(long, value_enum, default_value = "channels-first")]
    layout: LayoutArg,
    /// Only the middle of each pattern, N x N pixels.
    #[arg(long, value_name = "N")]
    crop: Option<usize>,
    /// Put B x B pixels together: counts add up, of amplitudes the squares do.
    #[arg(long, value_name = "B")]
    bin: Option<usize>,
    /// Set bad pixels to 0, as the file's own mask (role bad_pixels or valid_pixels) tells them.
    #[arg(long)]
    mask: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MeasureArg {
    Stored,
    Amplitude,
    Intensity,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutArg {
    ChannelsFirst,
    ChannelsLast,
}

impl GroupArgs {
    fn patterns(&self, format: Option<Format>) -> PatternOptions {
        PatternOptions {
            measure: match self.measure {
                MeasureArg::Stored => Measure::Stored,
                MeasureArg::Amplitude => Measure::Amplitude,
                MeasureArg::Intensity => Measure::Intensity,
            },
            channels: match self.layout {
                // The layout of PtychoPINN's own dict.
                _ if format == Some(Format::Npz) => Channels::Last,
                LayoutArg::ChannelsFirst => Channels::First,
                LayoutArg::ChannelsLast => Channels::Last,
            },
            crop: self.crop,
            bin: self.bin,
            mask: self.mask,
        }
    }
}

/// Groups shown where no output is named.
const SHOWN_GROUPS: usize = 10;

pub fn run(args: &GroupArgs, run: &RunArgs) -> Result<()> {
    if !args.output.check()? {
        return Ok(());
    }
    let start = Instant::now();
    let input = args.input.options();
    let scan = profile::phase("open", || Scan::open_with(&args.file, &input))?;
    let format = args.output.output.as_deref().map(Format::of).transpose()?;
    let spec = args.spec.spec(Some(&args.file), &input, run)?;
    let groups = Groups::try_new_with(&scan, spec, args.patterns(format))?;
    let Some(output) = &args.output.output else {
        return show(args, run, &groups);
    };
    let columns = columns(args, &groups, format);
    let reader = reader(&groups, columns.clone(), Rows::All, run)?;
    let schema = reader.schema();
    let rows = reader.rows_left() as u64;
    let options = ExportOptions {
        if_exists: args.output.if_exists(),
        provenance: groups.provenance(),
        expected_bytes: Some(reader.num_bytes()),
        tensors: args.output.tensors(),
    };
    let written = match format {
        Some(Format::Npz) => super::npz::write(&groups, &columns, output, &options, run)?,
        _ => output::write(Profiled::new(reader, &groups), output, &options, Some(rows))?,
    };
    profile::add_phases_of(&groups);
    let Some(written) = written else {
        return Ok(());
    };
    groups
        .warnings()
        .iter()
        .for_each(|warning| log(&format!("warning: {warning}")));
    let done = Done {
        groups: &groups,
        output,
        schema: &schema,
        written,
        seconds: start.elapsed().as_secs_f64(),
    };
    match args.format {
        PrintFormat::Table => output::result(&done.text()),
        PrintFormat::Json => output::result(&format!("{:#}", done.json())),
    }
}

/// Without an output: the first groups, narrow columns.
fn show(args: &GroupArgs, run: &RunArgs, groups: &Groups) -> Result<()> {
    let reader = reader(
        groups,
        columns(args, groups, None),
        Rows::Range(0..SHOWN_GROUPS),
        run,
    )?;
    let batches = reader.collect::<std::result::Result<Vec<RecordBatch>, _>>()?;
    match args.format {
        PrintFormat::Table => {
            output::result(&table(&batches)?)?;
            let total = groups.num_rows()?;
            let shown = total.min(SHOWN_GROUPS);
            output::result(&format!(
                "{shown} of {total} groups; write them all with -o groups.arrow"
            ))?;
        }
        PrintFormat::Json => output::result(&super::print::json(&batches)?)?,
    }
    groups
        .warnings()
        .iter()
        .for_each(|warning| log(&format!("warning: {warning}")));
    Ok(())
}

fn reader(groups: &Groups, columns: Vec<String>, rows: Rows, run: &RunArgs) -> Result<TableReader> {
    groups.index()?;
    let batch_bytes = run.batch_bytes as usize;
    Ok(groups.read(&ReadOptions {
        columns: Some(columns),
        rows,
        batch_bytes,
        batch_rows: None,
    })?)
}

/// The columns asked for, or the default ones: those that are narrow and cheap, and where patterns are kept, the
/// patterns.
fn columns(args: &GroupArgs, groups: &Groups, format: Option<Format>) -> Vec<String> {
    if let Some(columns) = &args.columns {
        return columns.clone();
    }
    let schema = groups.schema();
    if format == Some(Format::Npz) {
        return super::npz::columns(&schema);
    }
    let fields = schema.fields().iter().enumerate();
    let default = fields.filter(|(index, field)| match format {
        _ if groups.is_on_request(*index) => false,
        // On a screen there is no room for tensors.
        None => tensor::shape(field).is_none(),
        Some(format) => {
            !is_wide(field) || (format.holds_patterns() && field.name() == "diffraction")
        }
    });
    default.map(|(_, field)| field.name().clone()).collect()
}

/// What was done.
struct Done<'a> {
    groups: &'a Groups,
    output: &'a Path,
    schema: &'a Arc<Schema>,
    written: Written,
    seconds: f64,
}

impl Done<'_> {
    fn text(&self) -> String {
        let (scan, spec) = (self.groups.scan(), self.groups.spec());
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
                    "{} groups of {} patterns, each from the {} nearest neighbours of its seed point; seed {}",
                    self.written.rows,
                    self.groups.group_size(),
                    self.groups.pool_size(),
                    spec.seed
                ),
            ),
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
            ("open it", open_text(self.output, self.schema)),
        ];
        let lines: Vec<String> = lines
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(label, text)| format!("{label:<10}{}", text.replace('\n', "\n          ")))
            .collect();
        lines.join("\n")
    }

    /// The members that play a part, of one kind of access; reasons are told once.
    fn members(&self, word: &str) -> String {
        let scan = self.groups.scan();
        let roles = scan
            .layout()
            .roles
            .iter()
            .filter_map(|(_, placed)| scan.npz().info(&placed.member));
        let of_kind = roles
            .map(|info| (info, Access::of(scan.npz(), info)))
            .filter(|(_, access)| access.word() == word);
        let text = of_kind.map(|(info, access)| match access.reason() {
            Some(reason) => format!("{} ({reason})", info.name),
            None => info.name.clone(),
        });
        let text = text
            .collect::<Vec<_>>()
            .join(if word == "mapped" { ", " } else { "\n" });
        match word {
            "copied" if !text.is_empty() => format!("{text}\na batch at a time, never whole"),
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
            "neighbors": self.groups.pool_size(),
            "bytes": self.written.bytes,
            "seconds": self.seconds,
            "columns": self.schema.fields().iter().map(field).collect::<Vec<_>>(),
            "warnings": self.groups.warnings(),
        })
    }
}

/// Column names, lists with their shape; wrapped.
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

/// How to open the output in Python.
fn open_text(output: &Path, schema: &Schema) -> String {
    let path = shown(output);
    let patterns = schema.fields().iter().find(|field| is_wide(field));
    match (Format::of(output), patterns) {
        (Ok(Format::ArrowFile), Some(field)) => format!(
            "in Python, without a copy:\n\
             batch = pyarrow.ipc.open_file(pyarrow.memory_map({path:?})).get_batch(0)\n\
             batch[{:?}].to_numpy_ndarray()",
            field.name()
        ),
        (Ok(Format::ArrowFile), None) => format!("in Python: polars.read_ipc({path:?})"),
        (Ok(Format::ArrowStream), _) => format!("in Python: polars.read_ipc_stream({path:?})"),
        (Ok(Format::Npz), _) => format!("in Python: numpy.load({path:?})"),
        (Ok(Format::Parquet), _) => {
            format!("in Python: polars.read_parquet({path:?}); in DuckDB: FROM '{path}'")
        }
        _ => String::new(),
    }
}
