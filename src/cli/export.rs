//! `ptychoarrow export`: one table of a file in another format, or the scan itself with some of its scan points.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::RunArgs;
use super::failure::{Failure, Result};
use super::input::{InputArgs, register_options};
use super::output::{self, OutputArgs};
use super::profile::{self, Profiled};
use crate::array::{Column, RowSet, View};
use crate::error::{Error, OutputProblem};
use crate::export::{ExportOptions, Format, PROVENANCE_MEMBER, SubsetOptions, subset};
use crate::group::GroupSpec;
use crate::npz::NpzFile;
use crate::scan::layout::Role;
use crate::scan::{Scan, array, arrays, provenance};
use crate::sql::Session;
use crate::table::{ReadOptions, Rows, Table, TableReader};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// An NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The table to write.
    #[arg(long, value_enum, default_value = "scan")]
    table: TableArg,
    /// Write one array of the archive instead, a row along its first axis: columns `row` and `value`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["table", "among"])]
    array: Option<String>,
    /// Columns to write; all by default.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Which rows of `scan`, or scan points of an .npz: a predicate over its columns, such as "y < 200".
    #[arg(long, value_name = "SQL")]
    among: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableArg {
    Scan,
    Scans,
    Probe,
    Object,
    Arrays,
}

pub fn run(args: &ExportArgs, run: &RunArgs) -> Result<()> {
    let output = args.output.require(
        &[],
        "name a file that ends in .arrow, .arrows, .parquet, .csv or .npz",
    )?;
    if !args.output.check()? {
        return Ok(());
    }
    if Format::of(output)? == Format::Npz {
        return clean(args, output, run);
    }
    let table = profile::phase("open", || open(args))?;
    let rows = rows(args, run)?;
    let batch_bytes = run.batch_bytes as usize;
    let options = ReadOptions {
        columns: args.columns.clone(),
        rows,
        batch_bytes,
        batch_rows: None,
    };
    let provenance = table.provenance();
    let reader = TableReader::try_new(Arc::clone(&table), &options)?;
    let total = reader.rows_left() as u64;
    let options = ExportOptions {
        if_exists: args.output.if_exists(),
        provenance,
        expected_bytes: Some(reader.num_bytes()),
        tensors: args.output.tensors(),
    };
    let Some(written) = output::write(
        Profiled::new(reader, table.as_ref()),
        output,
        &options,
        Some(total),
    )?
    else {
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

/// Writes the scan back as an archive, with some of its scan points.
fn clean(args: &ExportArgs, output: &Path, run: &RunArgs) -> Result<()> {
    if args.table != TableArg::Scan || args.array.is_some() || args.columns.is_some() {
        return Err(Failure::usage_of(
            output,
            "an .npz file takes a whole scan, not a table, an array or some columns; leave out --table, --array and \
             --columns, or write to .arrow, .parquet or .csv",
        ));
    }
    let options = args.input.options();
    let scan = Scan::try_new(
        Arc::new(NpzFile::open_with(&args.file, &options.open)?),
        &options,
    )?;
    if options.patterns.is_some() {
        return Err(Error::BadOutput {
            path: output.to_path_buf(),
            problem: OutputProblem::PatternsInAnotherFile,
        }
        .into());
    }
    let npz = scan.npz();
    let points = match rows(args, run)? {
        Rows::List(points) => points.to_vec(),
        _ => (0..scan.num_positions()).collect(),
    };
    let has_numbers = scan.layout().member(Role::FrameIndex).is_some();
    let before = text_member(npz, PROVENANCE_MEMBER)?;
    let among = args.among.as_deref();
    let options = SubsetOptions {
        if_exists: args.output.if_exists(),
        axes: scan.scan_point_axes()?,
        numbers: (!has_numbers && npz.info(FRAME_NUMBERS).is_none())
            .then(|| FRAME_NUMBERS.to_string()),
        provenance: provenance::of_subset(
            npz,
            among,
            points.len(),
            scan.num_positions(),
            before.as_deref(),
        ),
        points,
    };
    let bar = output::byte_bar();
    let written = subset(npz, output, &options, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let Some(written) = written? else {
        return Ok(());
    };
    for (name, reason) in &written.copied_unread {
        output::log(&format!(
            "note: `{name}` was copied whole, whatever it has of each scan point: {reason}"
        ));
    }
    let (size, all) = (ByteSize::b(written.bytes), scan.num_positions());
    output::result(&format!(
        "{} of {all} scan points to {}, {size}",
        written.points,
        output.display()
    ))
}

/// The member of the PtychoPINN layout that numbers frames.
const FRAME_NUMBERS: &str = "scan_index";

/// A member that is one text.
fn text_member(npz: &Arc<NpzFile>, name: &str) -> Result<Option<String>> {
    if npz.info(name).is_none() {
        return Ok(None);
    }
    let column = Column::open(npz, name, name, &View::whole())?;
    let array = column.array(&RowSet::Range(0..1))?;
    Ok(array
        .as_string_opt::<i32>()
        .map(|text| text.value(0).to_string()))
}

fn rows(args: &ExportArgs, run: &RunArgs) -> Result<Rows> {
    let Some(predicate) = &args.among else {
        return Ok(Rows::All);
    };
    if args.table != TableArg::Scan {
        return Err(Failure::usage(
            "--among is a predicate over the table scan, which has one row per scan point; leave out --table",
        ));
    }
    let session = Session::try_new(run.threads, &args.input.options())?;
    session.register(
        "public",
        &args.file,
        &register_options(&args.input.options(), GroupSpec::default()),
    )?;
    let points = session.scan_points(predicate)?;
    Ok(Rows::List(
        points.into_iter().map(|point| point as usize).collect(),
    ))
}
