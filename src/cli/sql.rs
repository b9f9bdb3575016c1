//! `ptychoarrow sql`: one query over the tables of files.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use arrow::array::{RecordBatch, RecordBatchReader};
use clap::{Args, ValueEnum};

use super::RunArgs;
use super::input::{InputArgs, SpecArgs, register_options, stem};
use super::output::{self, OutputArgs, log};
use super::print::table;
use crate::error::{Error, Result};
use crate::export::{ExportOptions, text_columns};
use crate::sql::{QueryReader, Session};

#[derive(Debug, Args)]
pub struct SqlArgs {
    /// NPZ files. Of one, the tables are scan, groups, group_members, scans, probe, object, arrays; of several, those of
    /// a.npz are a.scan, a.groups and so on.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The query.
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    command: Option<String>,
    /// A file with the query.
    #[arg(short, long, value_name = "SQLFILE")]
    file: Option<PathBuf>,
    /// How to print the rows.
    #[arg(long, value_enum, default_value = "table")]
    format: RowFormat,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    /// For people: the first rows, tensors in short.
    Table,
    /// All rows; lists as text, no wide columns.
    Csv,
    /// All rows, one array of objects.
    Json,
}

/// Rows shown in a table.
const SHOWN_ROWS: usize = 40;

pub fn run(args: &SqlArgs, run: &RunArgs) -> Result<()> {
    if !args.output.check()? {
        return Ok(());
    }
    let query = query(args)?;
    let session = session(args, run)?;
    let reader = session.query(&query)?;
    match &args.output.output {
        Some(path) => {
            let options = ExportOptions { if_exists: args.output.if_exists(), ..ExportOptions::default() };
            let written = output::write(reader, path, &options, None)?;
            written.map_or(Ok(()), |written| output::result(&format!("{} rows to {}", written.rows, path.display())))
        }
        None => print(reader, args.format),
    }
}

/// The query from the command line, a file, or standard input.
fn query(args: &SqlArgs) -> Result<String> {
    if let Some(command) = &args.command {
        return Ok(command.clone());
    }
    if let Some(file) = &args.file {
        return std::fs::read_to_string(file).map_err(|e| Error::io(file, "read", e));
    }
    let mut text = String::new();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let read = stdin.lock().read_to_string(&mut text);
        read.map_err(|e| Error::io(std::path::Path::new("stdin"), "read", e))?;
    }
    if text.trim().is_empty() {
        return Err(Error::BadParameter {
            parameter: "command",
            found: "no query".to_string(),
            expected: "-c QUERY, -f FILE.sql, or a query on standard input".to_string(),
            hint: "try -c 'SELECT * FROM scan LIMIT 5'".to_string(),
        });
    }
    Ok(text)
}

fn session(args: &SqlArgs, run: &RunArgs) -> Result<Session> {
    let session = Session::try_new(run.threads, &args.input.options())?;
    let input = args.input.options();
    if args.files.len() > 1 && args.spec.has_predicates() {
        return Err(Error::BadParameter {
            parameter: "among",
            found: format!("a predicate and {} files", args.files.len()),
            expected: "one file".to_string(),
            hint: "scan points are rows of one file: query the files one by one".to_string(),
        });
    }
    for file in &args.files {
        let schema = if args.files.len() == 1 { "public".to_string() } else { stem(file) };
        let spec = args.spec.spec(Some(file), &input, run)?;
        session.register(&schema, file, &register_options(&input, spec))?;
    }
    Ok(session)
}

fn print(reader: QueryReader<'_>, format: RowFormat) -> Result<()> {
    match format {
        RowFormat::Table => print_table(reader),
        RowFormat::Csv => {
            let mut header = true;
            let empty = RecordBatch::new_empty(reader.schema());
            for batch in std::iter::once(Ok(empty)).chain(reader) {
                output::result_text(&csv(&batch?, header)?)?;
                header = false;
            }
            Ok(())
        }
        RowFormat::Json => {
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
            output::result(&json(&batches)?)
        }
    }
}

fn print_table(reader: QueryReader<'_>) -> Result<()> {
    let schema = reader.schema();
    let mut batches = vec![RecordBatch::new_empty(schema)];
    let mut rows = 0;
    let mut more = false;
    for batch in reader {
        let batch = batch?;
        let shown = batch.num_rows().min(SHOWN_ROWS - rows);
        more = shown < batch.num_rows();
        rows += shown;
        batches.push(batch.slice(0, shown));
        if more {
            break;
        }
    }
    output::result(&table(&batches)?)?;
    if more {
        log(&format!("the first {rows} rows; for all of them: --format csv or json, or -o FILE"));
    }
    Ok(())
}

fn csv(batch: &RecordBatch, header: bool) -> Result<String> {
    let mut bytes = Vec::new();
    let batch = text_columns(batch)?;
    arrow::csv::WriterBuilder::new().with_header(header).build(&mut bytes).write(&batch)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Rows as a JSON array of objects.
///
/// # Errors
/// If a type has no JSON.
pub fn json(batches: &[RecordBatch]) -> Result<String> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}
