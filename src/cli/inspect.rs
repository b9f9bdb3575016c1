//! Runs `ptychoarrow inspect`: shows what a file holds, without reading its patterns.

mod rows;
mod stats;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytesize::ByteSize;
use clap::Args;
use serde_json::{Map, Value, json};

use super::failure::{CommandTerms, Failure};
use super::input::{InputArgs, shown};
use super::print::{number, table};
use super::{PrintFormat, RunArgs, output};
use crate::array::{Access, Column};
use crate::error::{Notice, Result};
use crate::group::{Spacing, spacing};
use crate::npz::{ArrayInfo, NpzFile};
use crate::scan::layout::{Role, suspicious_unit};
use crate::scan::{Positions, Scan, arrays, shape_text};
use crate::table::{ReadOptions, TableReader};
use stats::Stats;

const TERMS: CommandTerms = CommandTerms { command: "inspect" };

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The NPZ files to show; also Arrow and Parquet files, which tell where their rows came from.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The form in which to print the report.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    /// Also read all numbers, and print the smallest, the largest and the mean of each array.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    input: InputArgs,
}

/// Reports what was found out about a file.
struct Report {
    npz: Arc<NpzFile>,
    /// The scan, or the reason why there is none.
    scan: std::result::Result<ScanReport, String>,
    stats: Vec<(String, Stats)>,
}

struct ScanReport {
    scan: Scan,
    positions: Option<PositionReport>,
}

struct PositionReport {
    x: (f64, f64),
    y: (f64, f64),
    not_finite: usize,
    spacing: Option<Spacing>,
    /// The number of scan points at the position of an earlier one.
    duplicates: usize,
}

pub fn run(args: &InspectArgs, run: &RunArgs) -> super::failure::Result<()> {
    let mut warnings = 0;
    for (number, file) in args.files.iter().enumerate() {
        let text = match (rows::described(file)?, args.format) {
            (Some(rows), PrintFormat::Json) => format!("{:#}", rows::json(file, &rows)),
            (Some(rows), PrintFormat::Table) => rows::text(file, &rows),
            (None, format) => {
                let report = Report::of(file, args)?;
                warnings += report.warnings().count();
                match format {
                    PrintFormat::Json => format!("{:#}", report.json()?),
                    PrintFormat::Table => report.text()?,
                }
            }
        };
        let gap = if number == 0 || args.format == PrintFormat::Json {
            ""
        } else {
            "\n"
        };
        output::result(&format!("{gap}{text}"))?;
    }
    match run.strict && warnings > 0 {
        true => Err(Failure::Warnings(warnings)),
        false => Ok(()),
    }
}

impl Report {
    fn of(file: &Path, args: &InspectArgs) -> Result<Self> {
        let options = args.input.options();
        let npz = Arc::new(NpzFile::open_with(file, &options.open)?);
        let scan = Scan::try_new(Arc::clone(&npz), &options).and_then(ScanReport::of);
        let scan = scan.map_err(|error| error.report_in(&TERMS));
        let stats = if args.stats {
            stats::of_arrays(&npz)?
        } else {
            Vec::new()
        };
        Ok(Self { npz, scan, stats })
    }

    /// Returns all that the user should know, about the archive and about the scan.
    fn notices(&self) -> Vec<Notice> {
        let notes = self.scan.iter().flat_map(|scan| scan.scan.notes());
        let archive = self.npz.notes().iter().map(Notice::from);
        archive
            .chain(notes.map(|note| Notice::from(&note)))
            .collect()
    }

    fn warnings(&self) -> impl Iterator<Item = Notice> {
        self.notices().into_iter().filter(Notice::is_warning)
    }

    fn arrays(&self) -> Result<RecordBatch> {
        let reader = TableReader::try_new(Arc::new(arrays(&self.npz)?), &ReadOptions::default())?;
        let schema = arrow::array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(arrow::compute::concat_batches(&schema, &batches)?)
    }

    fn text(&self) -> Result<String> {
        let size = ByteSize::b(self.npz.identity().size);
        let count = self.npz.members().len();
        let mut text = format!("{}: {size}, {count} members\n", shown(self.npz.path()));
        self.npz
            .notes()
            .iter()
            .for_each(|note| text += &format!("warning: {note}\n"));
        let arrays = self.arrays()?;
        text += &table(&arrays.schema(), &[arrays])?.to_string();
        for (name, stats) in &self.stats {
            let Stats {
                min,
                max,
                mean,
                not_finite,
            } = stats;
            let bad = if *not_finite == 0 {
                String::new()
            } else {
                format!(", {not_finite} not finite")
            };
            text += &format!(
                "\n{name}: {} to {}, mean {}{bad}",
                number(*min),
                number(*max),
                number(*mean)
            );
        }
        text += "\n";
        match &self.scan {
            Ok(scan) => text += &scan.text(),
            Err(problem) => text += &format!("\nno scan: {problem}"),
        }
        Ok(text)
    }

    fn json(&self) -> Result<Value> {
        let members = self.npz.members().iter().map(|member| {
            let array = match &member.array {
                Ok(info) => array_json(&self.npz, info),
                Err(problem) => {
                    json!({"name": member.name, "access": "refused", "reason": problem.to_string()})
                }
            };
            let stats = self.stats.iter().find(|(name, _)| *name == member.name);
            match (array, stats) {
                (Value::Object(mut array), Some((_, stats))) => {
                    array.insert("stats".to_string(), stats.json());
                    Value::Object(array)
                }
                (array, _) => array,
            }
        });
        let mut report = Map::new();
        report.insert("file".to_string(), json!(shown(self.npz.path())));
        report.insert("size".to_string(), json!(self.npz.identity().size));
        let notes: Vec<String> = self.npz.notes().iter().map(ToString::to_string).collect();
        report.insert("notes".to_string(), json!(notes));
        let warnings: Vec<String> = self
            .warnings()
            .map(|notice| notice.in_terms(&TERMS))
            .collect();
        report.insert("warnings".to_string(), json!(warnings));
        report.insert("arrays".to_string(), members.collect());
        match &self.scan {
            Ok(scan) => report.insert("scan".to_string(), scan.json()),
            Err(problem) => report.insert("problem".to_string(), json!(problem)),
        };
        Ok(Value::Object(report))
    }
}

fn array_json(npz: &NpzFile, info: &ArrayInfo) -> Value {
    let access = Access::of(npz, info);
    json!({
        "name": info.name,
        "dtype": info.dtype.descr,
        "shape": info.shape,
        "fortran_order": info.fortran_order,
        "method": info.method.to_string(),
        "byte_offset": info.byte_offset,
        "num_bytes": info.num_bytes,
        "access": access.word(),
        "reason": access.reason(),
    })
}

impl ScanReport {
    fn of(scan: Scan) -> Result<Self> {
        let positions = match scan.has_positions() {
            true => Some(PositionReport::of(scan.positions()?)),
            false => None,
        };
        Ok(Self { scan, positions })
    }

    fn text(&self) -> String {
        let layout = self.scan.layout();
        let mut lines = vec![("layout", format!("{}: {}", layout.name, layout.reason))];
        lines.extend(
            layout
                .runner_up
                .iter()
                .map(|runner_up| ("runner-up", runner_up.clone())),
        );
        let others = self.scan.sources().skip(1).zip(self.scan.other_layout());
        lines.extend(others.map(|(npz, layout)| {
            let file = shown(npz.path());
            (
                "beside",
                format!("{file}: {}: {}", layout.name, layout.reason),
            )
        }));
        let notes = self.scan.notes();
        lines.extend(
            notes
                .iter()
                .map(|note| (note.level().word(), note.in_terms(&TERMS))),
        );
        match &self.positions {
            Some(positions) => lines.extend(positions.lines(&self.scan)),
            None => lines.push((
                "positions",
                match layout.unreadable(Role::X) {
                    Some(member) => format!("`{member}`, which cannot be read"),
                    None => "none: without them there are no groups".to_string(),
                },
            )),
        }
        lines.push(("patterns", self.patterns_text()));
        for role in [
            Role::Probe,
            Role::Object,
            Role::ObjectPatches,
            Role::BadPixels,
            Role::ValidPixels,
        ] {
            let source = self.scan.source(role);
            if let Some(info) = source.and_then(|source| source.npz.info(&source.placed.member)) {
                let label = if role == Role::ObjectPatches {
                    "patches"
                } else {
                    role.name()
                };
                lines.push((
                    label,
                    format!("`{}` {} {}", info.name, info.dtype, shape_text(&info.shape)),
                ));
            }
        }
        lines
            .iter()
            .map(|(label, text)| format!("\n{label:<12} {text}"))
            .collect()
    }

    fn patterns_text(&self) -> String {
        let Some(patterns) = self.scan.diffraction() else {
            return match self.scan.layout().unreadable(Role::Diffraction) {
                Some(member) => format!("`{member}`, which cannot be read"),
                None => "none; they may be in another file: --patterns FILE".to_string(),
            };
        };
        let shape = patterns
            .row_shape()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" x ");
        let measurement = self.scan.measurement().word();
        let settle = if measurement == "unknown" {
            " (settle it with --measurement)"
        } else {
            ""
        };
        format!(
            "{} of {shape}, measurement {measurement}{settle}, {}",
            patterns.num_rows(),
            patterns.access()
        )
    }

    fn json(&self) -> Value {
        let layout = self.scan.layout();
        let roles: Map<String, Value> = Role::all()
            .filter_map(|role| Some((role.name().to_string(), json!(self.scan.member(role)?))))
            .collect();
        let mut report = json!({
            "layout": layout.name,
            "reason": layout.reason,
            "runner_up": layout.runner_up,
            "notes": self.scan.notes().iter().map(|note| note.in_terms(&TERMS)).collect::<Vec<_>>(),
            "roles": roles,
            "unit": self.scan.unit().to_string(),
            "raster": self.scan.raster(),
            "start_positions": self.scan.has_starts(),
            "patterns": self.scan.diffraction().map(Column::num_rows),
            "pattern_shape": self.scan.diffraction().map(Column::row_shape),
            "measurement": self.scan.measurement().word(),
        });
        let positions = match &self.positions {
            Some(positions) => positions.json(&self.scan),
            None => json!({"positions": 0}),
        };
        if let (Value::Object(report), Value::Object(positions)) = (&mut report, positions) {
            report.extend(positions);
        }
        report
    }
}

impl PositionReport {
    fn of(positions: &Positions) -> Self {
        let is_lost = |point: &usize| !positions.is_finite(*point);
        let not_finite = (0..positions.len()).filter(is_lost).count();
        let [x, y] = positions.extents();
        let spacing = spacing(positions);
        // All but one, if there is no step.
        let of_none = (positions.len() - not_finite).saturating_sub(1);
        let duplicates = spacing.map_or(of_none, |spacing| spacing.duplicates);
        Self {
            x,
            y,
            not_finite,
            spacing,
            duplicates,
        }
    }

    fn lines(&self, scan: &Scan) -> Vec<(&'static str, String)> {
        let unit = scan.unit();
        let mut lines = vec![
            ("positions", self.positions_text(scan)),
            ("extent", self.extent_text(scan)),
        ];
        if let Some(step) = self.spacing {
            let of = [step.min, step.median, step.max].map(|step| number(step * unit.factor()));
            lines.push((
                "step",
                format!(
                    "{} {} to the nearest neighbour (min / median / max)",
                    of.join(" / "),
                    unit.name()
                ),
            ));
        }
        lines
    }

    fn positions_text(&self, scan: &Scan) -> String {
        let (unit, duplicates) = (scan.unit().to_string(), self.duplicates);
        let starts = if scan.has_starts() {
            "with start positions"
        } else {
            "no start positions"
        };
        let bad = if self.not_finite > 0 {
            format!(", {} NOT FINITE", self.not_finite)
        } else {
            String::new()
        };
        let settle = if unit == "unknown" {
            " unit (settle it with --unit)"
        } else {
            ""
        };
        format!(
            "{} in {unit}{settle}, {duplicates} duplicates, {starts}{bad}",
            scan.num_positions()
        )
    }

    fn extent_text(&self, scan: &Scan) -> String {
        let unit = scan.unit();
        let span = |(min, max): (f64, f64)| number((max - min) * unit.factor());
        let scaled = |value: f64| number(value * unit.factor());
        let range = |(min, max): (f64, f64)| format!("{} to {}", scaled(min), scaled(max));
        if scan.num_positions() == self.not_finite {
            return "none".to_string();
        }
        format!(
            "x {}, y {} ({} x {} {})",
            range(self.x),
            range(self.y),
            span(self.x),
            span(self.y),
            unit.name()
        )
    }

    fn json(&self, scan: &Scan) -> Value {
        let unit = scan.unit();
        let scaled = |value: f64| value * unit.factor();
        let range = |(min, max): (f64, f64)| [scaled(min), scaled(max)];
        let step = self.spacing.map(|step| {
            json!({"min": scaled(step.min), "median": scaled(step.median), "max": scaled(step.max)})
        });
        json!({
            "positions": scan.num_positions(),
            "extent": {"x": range(self.x), "y": range(self.y)},
            "extent_unit": unit.name(),
            "step": step,
            "duplicates": self.duplicates,
            "not_finite": self.not_finite,
            "suspicious_unit": suspicious_unit(scan.unit(), self.x, self.y)
                .map(|note| note.in_terms(&TERMS)),
        })
    }
}
