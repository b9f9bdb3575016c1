//! `ptychoarrow export`: one table of a file, in another format.

use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::RunArgs;
use super::input::{InputArgs, register_options};
use super::output::{self, OutputArgs};
use crate::error::{Error, Result};
use crate::export::ExportOptions;
use crate::group::GroupSpec;
use crate::npz::NpzFile;
use crate::scan::{Scan, array, arrays};
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
    /// Which rows of `scan`: a predicate over its columns, such as "y < 200".
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
    let output = args.output.require(&[], "name a file that ends in .arrow, .arrows, .parquet or .csv")?;
    if !args.output.check()? {
        return Ok(());
    }
    let table = open(args)?;
    let rows = rows(args, run)?;
    let batch_bytes = run.batch_bytes as usize;
    let options = ReadOptions { columns: args.columns.clone(), rows, batch_bytes, batch_rows: None };
    let provenance = table.provenance();
    let reader = TableReader::try_new(table, &options)?;
    let total = reader.rows_left() as u64;
    let options =
        ExportOptions { if_exists: args.output.if_exists(), provenance, expected_bytes: Some(reader.num_bytes()) };
    let Some(written) = output::write(reader, output, &options, Some(total))? else { return Ok(()) };
    let size = ByteSize::b(written.bytes);
    output::result(&format!("{} rows to {}, {size}", written.rows, output.display()))
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

fn rows(args: &ExportArgs, run: &RunArgs) -> Result<Rows> {
    let Some(predicate) = &args.among else { return Ok(Rows::All) };
    if args.table != TableArg::Scan {
        return Err(Error::BadParameter {
            parameter: "among",
            found: "another table than scan".to_string(),
            expected: "--table scan".to_string(),
            hint: "only scan has one row a scan point".to_string(),
        });
    }
    let session = Session::try_new(run.threads, &args.input.options())?;
    session.register("public", &args.file, &register_options(&args.input.options(), GroupSpec::default()))?;
    let points = session.scan_points(predicate)?;
    Ok(Rows::List(points.into_iter().map(|point| point as usize).collect()))
}
