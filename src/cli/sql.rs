//! Runs `ptychoarrow sql`: answers queries over the tables of files, one by one or at a prompt.

mod inputs;
mod print;
mod prompt;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatchReader;
use clap::{Args, ValueEnum};

use super::failure::{Failure, Result};
use super::input::{InputArgs, SpecArgs};
use super::notices::{Attentive, Speaker};
use super::output::{self, RowOutputArgs};
use super::{RunArgs, parse_bytes};
use crate::error::Error;
use crate::export::{self, ExportOptions};
use crate::scan::provenance;
use crate::sql::{QueryReader, Session, SessionOptions, Statement};
use print::print;

/// The metadata key of the query that made a file.
const QUERY_KEY: &str = "ptychoarrow.query";

#[derive(Debug, Args)]
pub struct SqlArgs {
    /// The NPZ, Arrow, Parquet and CSV files to query. The tables of a.npz are a.scan, a.groups, a.group_members,
    /// a.neighbors, a.scans, a.probe, a.object and a.arrays; if it is the only NPZ file, also scan, groups and so on. Any
    /// other file is one table, named like the file without its ending.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The query, or several separated by semicolons. Without this option and -f, queries are read from standard input,
    /// or at a prompt if that is a terminal.
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    command: Option<String>,
    /// The file that holds the query.
    #[arg(short, long, value_name = "SQLFILE")]
    file: Option<PathBuf>,
    /// The form in which to print the rows.
    #[arg(long, value_enum, default_value = "table")]
    format: RowFormat,
    /// The memory that sorts, joins and aggregates may take together, such as 256MB; beyond that they use temporary
    /// files. Mapped files do not count. By default there is no limit.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory_limit: Option<u64>,
    #[command(flatten)]
    output: RowOutputArgs,
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    input: InputArgs,
}

/// Names the forms in which rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    /// The first rows as text for people; large tensors are summarised.
    Table,
    /// All rows as CSV; lists become text, wide columns are refused.
    Csv,
    /// All rows as a JSON array of objects.
    Json,
}

pub fn run(args: &SqlArgs, run: &RunArgs) -> Result<()> {
    if !args.output.check(sources(args))? {
        return Ok(());
    }
    let text = text(args)?;
    let scan = args.input.options();
    let options = SessionOptions::default()
        .with_threads(run.threads)
        .with_memory_limit(args.memory_limit)
        .with_scan(scan);
    let session = Session::try_new_with(&options)?;
    inputs::register(&session, args, &options)?;
    let Some(text) = text else {
        return prompt::run(&session, args.format);
    };
    let speaker = Speaker::new("sql", run.strict);
    let mut statements = session.statements(&text)?;
    let Some(last) = statements.pop() else {
        return Err(no_query());
    };
    match &args.output.file.output {
        Some(path) => {
            for statement in statements {
                run_silently(&session, statement)?;
            }
            write(&session, last, path, args, &speaker)
        }
        None => statements
            .into_iter()
            .chain([last])
            .try_for_each(|statement| {
                print(session.run(statement)?, args.format, &speaker).map(drop)
            }),
    }
}

/// Runs a statement that comes before the one whose rows are written, and so must not have rows itself.
fn run_silently(session: &Session, statement: Statement) -> Result<()> {
    let shown = statement.to_string();
    let mut reader = session.run(statement)?;
    if !reader.schema().fields().is_empty() {
        return Err(Failure::usage(format!(
            "several queries return rows, the first is: {shown}; with -o, expected one such query, as the last \
             statement; before it, statements such as CREATE VIEW"
        )));
    }
    reader
        .try_for_each(|batch| batch.map(drop))
        .map_err(Failure::from)
}

fn write(
    session: &Session,
    statement: Statement,
    path: &Path,
    args: &SqlArgs,
    speaker: &Speaker,
) -> Result<()> {
    // This is added to what the rows' own tables say.
    let said = [
        (
            provenance::VERSION_KEY,
            env!("CARGO_PKG_VERSION").to_string(),
        ),
        (provenance::TABLE_KEY, "query".to_string()),
        (QUERY_KEY, statement.to_string().trim().to_string()),
    ];
    let provenance = said.map(|(key, value)| (key.to_string(), value)).into();
    let named = session.sources(&statement)?;
    let sources = sources(args).into_iter().chain(named);
    let options = ExportOptions {
        provenance,
        ..args.output.options(sources)
    };
    // Once more, now that the files that the query names are known, and before it is started.
    if !export::check(path, &options)? {
        return Ok(());
    }
    let rows = session.run(statement)?;
    speaker.say(&rows.notices())?;
    args.output.tell_tensors(&rows.schema());
    let rows = Attentive::new(rows, speaker, QueryReader::notices);
    let written = export::write(rows, path, &options);
    speaker.check()?;
    written?.map_or(Ok(()), |written| {
        output::result(&format!("{} rows to {}", written.rows, path.display()))
    })
}

/// Returns the files that the command line names as inputs.
fn sources(args: &SqlArgs) -> Vec<PathBuf> {
    let patterns = args.input.options().patterns;
    let others = args.file.iter().cloned().chain(patterns);
    args.files.iter().cloned().chain(others).collect()
}

/// Returns the queries of the command line, a file, or standard input; `None` if there is a terminal to ask at.
fn text(args: &SqlArgs) -> Result<Option<String>> {
    if let Some(command) = &args.command {
        return Ok(Some(command.clone()));
    }
    if let Some(file) = &args.file {
        return std::fs::read_to_string(file)
            .map(Some)
            .map_err(|e| Error::io(file, "read", e).into());
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return if args.output.file.output.is_some() {
            Err(no_query())
        } else {
            Ok(None)
        };
    }
    let mut text = String::new();
    let read = stdin.lock().read_to_string(&mut text);
    read.map_err(|e| Error::io(Path::new("stdin"), "read", e))?;
    if text.trim().is_empty() {
        Err(no_query())
    } else {
        Ok(Some(text))
    }
}

fn no_query() -> Failure {
    Failure::usage(
        "no query: expected -c SQL, -f SQLFILE, or a query on standard input, such as -c 'SELECT * FROM scan LIMIT 5'",
    )
}
