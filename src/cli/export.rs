//! Runs `ptychoarrow export`: writes one table of a file in another format, or the scan itself with some of its scan
//! points.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::failure::{Failure, Result};
use super::input::{InputArgs, register_options};
use super::output::{self, OutputArgs};
use super::{RunArgs, progress};
use crate::export::{CleanOptions, ExportOptions, Format, clean};
use crate::group::GroupSpec;
use crate::npz::NpzFile;
use crate::scan::{Scan, array, arrays};
use crate::sql::Session;
use crate::table::{ReadOptions, Rows, Table, TableReader};

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
    output: OutputArgs,
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
        .require(&[], ".arrow, .arrows, .parquet, .csv or .npz")?;
    if !args.output.check()? {
        return Ok(());
    }
    if Format::of(output)? == Format::Npz {
        write_scan(args, output, run)
    } else {
        write_table(args, output, run)
    }
}

fn write_table(args: &ExportArgs, output: &Path, run: &RunArgs) -> Result<()> {
    let table = open(args)?;
    let read = ReadOptions {
        columns: args.columns.clone(),
        rows: match points(args, run)? {
            Some(points) => Rows::List(points.into()),
            None => Rows::All,
        },
        batch_bytes: run.batch_bytes as usize,
        batch_rows: None,
    };
    let provenance = table.provenance();
    let reader = TableReader::try_new(table, &read)?;
    let options = ExportOptions {
        provenance,
        expected_bytes: Some(reader.num_bytes()),
        expected_rows: Some(reader.rows_left() as u64),
        ..args.output.options()
    };
    let Some(written) = output::write(reader, output, &options)? else {
        return Ok(());
    };
    let size = ByteSize::b(written.bytes);
    output::result(&format!(
        "{} rows to {}, {size}",
        written.rows,
        output.display()
    ))
}

fn open(args: &ExportArgs) -> Result<Arc<dyn Table>> {
    let options = args.input.options();
    let npz = Arc::new(NpzFile::open_with(&args.file, &options.open)?);
    if let Some(name) = &args.array {
        return Ok(Arc::new(array(&npz, name)?));
    }
    let scan = || Scan::try_new(Arc::clone(&npz), &options);
    Ok(match args.table {
        TableArg::Scan => Arc::new(scan()?),
        TableArg::Scans => Arc::new(scan()?.scans()?),
        TableArg::Probe => Arc::new(scan()?.probe()?),
        TableArg::Object => Arc::new(scan()?.object()?),
        TableArg::Arrays => Arc::new(arrays(&npz)?),
    })
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
    let points = match points(args, run)? {
        Some(points) => points,
        None => (0..scan.num_positions()).collect(),
    };
    let options = CleanOptions {
        if_exists: args.output.if_exists(),
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
fn points(args: &ExportArgs, run: &RunArgs) -> Result<Option<Vec<usize>>> {
    let Some(predicate) = &args.among else {
        return Ok(None);
    };
    if args.table != TableArg::Scan {
        return Err(Failure::usage(
            "--among selects rows of the table `scan`, which has one row per scan point; leave out --table",
        ));
    }
    let session = Session::try_new(run.threads, &args.input.options())?;
    session.register(
        "public",
        &args.file,
        &register_options(&args.input.options(), GroupSpec::default()),
    )?;
    let points = session.scan_points(predicate)?;
    Ok(Some(
        points.into_iter().map(|point| point as usize).collect(),
    ))
}
