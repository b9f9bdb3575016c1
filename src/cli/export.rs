//! Runs `ptychoarrow export`: writes one table of a file in another format, or the scan itself with some of its scan
//! points.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatchReader;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::failure::{Failure, Result};
use super::input::InputArgs;
use super::notices::{Attentive, Speaker};
use super::output::{self, RowOutputArgs};
use super::{RunArgs, progress};
use crate::export::{CleanOptions, ExportOptions, Format, clean};
use crate::npz::NpzFile;
use crate::scan::{Scan, array, arrays};
use crate::sql::scan_points;
use crate::table::{ReadOptions, Rows, Table, TableInfo, TableReader};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The table to write.
    #[arg(long, value_enum, default_value = "scan")]
    table: TableArg,
    /// Write one array of the archive instead of a table: one row per index of its first axis, in the columns `row` and
    /// `value`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["table", "among"])]
    array: Option<String>,
    /// The columns to write, separated by commas; by default all.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Which rows of the table `scan`, or which scan points of an .npz file, to write: a predicate over the table's
    /// columns, such as "y < 200".
    #[arg(long, value_name = "SQL")]
    among: Option<String>,
    #[command(flatten)]
    output: RowOutputArgs,
    #[command(flatten)]
    input: InputArgs,
}

/// Names the tables that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableArg {
    /// One row per scan point: positions and patterns.
    Scan,
    /// One row for the whole file.
    Scans,
    /// One row per mode of the probe.
    Probe,
    /// One row per layer of the object.
    Object,
    /// One row per array of the archive.
    Arrays,
}

pub fn run(args: &ExportArgs, run: &RunArgs) -> Result<()> {
    let output = args
        .output
        .file
        .require(&[], ".arrow, .arrows, .parquet, .csv or .npz")?;
    // A scan may take its own place; what is made of it may not.
    let is_scan = Format::of(output)? == Format::Npz;
    let sources = args.input.sources(&args.file);
    let kept = if is_scan { &sources[1..] } else { &sources };
    if !args.output.check(kept.to_vec())? {
        return Ok(());
    }
    if is_scan {
        write_scan(args, output, run)
    } else {
        write_table(args, output, run)
    }
}

fn write_table(args: &ExportArgs, output: &Path, run: &RunArgs) -> Result<()> {
    let (table, rows) = open(args)?;
    let read = ReadOptions {
        columns: args.columns.clone(),
        rows,
        batch_bytes: run.batch_bytes as usize,
        batch_rows: None,
    };
    let provenance = table.provenance();
    let reader = TableReader::try_new(table, &read)?;
    let speaker = Speaker::new("export", run.strict);
    speaker.say(&reader.notices())?;
    let options = ExportOptions {
        provenance,
        expected_bytes: Some(reader.num_bytes()),
        expected_rows: Some(reader.rows_left() as u64),
        ..args.output.options(args.input.sources(&args.file))
    };
    args.output.tell_tensors(&reader.schema());
    let reader = Attentive::new(reader, &speaker, TableReader::notices);
    let written = output::write(reader, output, &options);
    speaker.check()?;
    let Some(written) = written? else {
        return Ok(());
    };
    let size = ByteSize::b(written.bytes);
    output::result(&format!(
        "{} rows to {}, {size}",
        written.rows,
        output.display()
    ))
}

/// Opens the table, and finds out which of its rows are asked for.
fn open(args: &ExportArgs) -> Result<(Arc<dyn Table>, Rows)> {
    if args.among.is_some() && args.table != TableArg::Scan {
        return Err(Failure::usage(
            "--among selects rows of the table `scan`, which has one row per scan point; leave out --table",
        ));
    }
    let options = args.input.options();
    let npz = Arc::new(NpzFile::open_with(&args.file, &options.open)?);
    if let Some(name) = &args.array {
        return Ok((Arc::new(array(&npz, name)?), Rows::All));
    }
    let scan = || Scan::try_new(Arc::clone(&npz), &options);
    let table: Arc<dyn Table> = match args.table {
        TableArg::Scan => {
            let scan = scan()?;
            let rows = points(args, &scan)?.map_or(Rows::All, Rows::from);
            return Ok((Arc::new(scan), rows));
        }
        TableArg::Scans => Arc::new(scan()?.scans()?),
        TableArg::Probe => Arc::new(scan()?.probe()?),
        TableArg::Object => Arc::new(scan()?.object()?),
        TableArg::Arrays => Arc::new(arrays(&npz)?),
    };
    Ok((table, Rows::All))
}

/// Writes the scan as a new archive, with some of its scan points.
fn write_scan(args: &ExportArgs, output: &Path, run: &RunArgs) -> Result<()> {
    if args.table != TableArg::Scan || args.array.is_some() || args.columns.is_some() {
        return Err(Failure::usage_of(
            output,
            "an .npz file holds a whole scan, not a table, an array or some columns; leave out --table, --array and \
             --columns, or write a file that ends in .arrow, .parquet or .csv",
        ));
    }
    let scan = Scan::open_with(&args.file, &args.input.options())?;
    let points = match points(args, &scan)? {
        Some(points) => points,
        None => (0..scan.num_positions()).collect(),
    };
    let every_column: Vec<usize> = (0..scan.schema().fields().len()).collect();
    Speaker::new("export", run.strict).say(&scan.notices(&every_column))?;
    let options = CleanOptions {
        if_exists: args.output.file.if_exists(),
        among: args.among.clone(),
        progress: progress::shown(),
    };
    let Some(written) = clean(&scan, &points, output, &options)? else {
        return Ok(());
    };
    for (name, reason) in &written.copied_unread {
        output::log(&format!(
            "note: `{name}` was copied whole, even if it has one row per scan point: {reason}"
        ));
    }
    let (size, all) = (ByteSize::b(written.bytes), scan.num_positions());
    output::result(&format!(
        "{} of {all} scan points to {}, {size}",
        written.points,
        output.display()
    ))
}

/// Returns the scan points that the predicate selects; `None` if there is no predicate.
fn points(args: &ExportArgs, scan: &Scan) -> Result<Option<Vec<usize>>> {
    let Some(predicate) = &args.among else {
        return Ok(None);
    };
    let points = scan_points(scan, predicate)?;
    Ok(Some(
        points.into_iter().map(|point| point as usize).collect(),
    ))
}
