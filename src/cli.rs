//! Turns a command line into one call of the library: first what was typed, then what it means, then the call.

mod align;
mod check;
mod export;
mod failure;
mod group;
mod input;
mod inspect;
mod norm;
mod notices;
mod output;
mod print;
mod profile;
mod progress;
mod spans;
mod sql;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::Error;
use failure::{CommandTerms, Failure, Result};

/// Reads scans of ptychography from NPZ files: inspects and checks them, forms groups of neighbouring patterns, answers
/// SQL queries, and writes Arrow, Parquet, CSV and NPZ files.
///
/// Stored members are mapped into memory, not read: a file must not be modified while it is open.
#[derive(Debug, Parser)]
#[command(name = "ptychoarrow", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a file holds: arrays, layout, positions.
    Inspect(inspect::InspectArgs),
    /// Read whole files and report what is wrong with them.
    Check(check::CheckArgs),
    /// Form groups of neighbouring patterns and write them to a file.
    Group(group::GroupArgs),
    /// Print the factor by which patterns are normalised.
    Norm(norm::NormArgs),
    /// Query scans and groups with SQL.
    Sql(sql::SqlArgs),
    /// Write one table or one array of a file in another format, or a selection of its scan points as an NPZ file.
    Export(export::ExportArgs),
    /// Rewrite an NPZ file so that it can be mapped: members stored uncompressed, their data aligned to 64 bytes.
    Align(align::AlignArgs),
}

/// Says how to run; for every command.
#[derive(Debug, Clone, Args)]
struct RunArgs {
    /// The number of threads; by default one per core. The results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads, help_heading = "Running")]
    threads: Option<usize>,
    /// The largest size of a batch of rows, such as 512KiB; less than 2 GiB. The rows do not depend on it.
    #[arg(long, global = true, value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes,
          help_heading = "Running")]
    batch_bytes: u64,
    /// Treat warnings as errors: exit with code 1, and keep no output.
    #[arg(long, global = true, help_heading = "Running")]
    strict: bool,
    /// Print where the time went, how many bytes moved, and how much memory was used.
    #[arg(long, global = true, help_heading = "Running")]
    profile: bool,
}

/// Names the forms in which results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrintFormat {
    /// Text for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors, and go to stdout.
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let terms = cli.command.terms();
    let done = run(cli);
    progress::clear();
    match done {
        Ok(code) => code,
        // The reader of the output has closed it: nothing went wrong.
        Err(failure) if is_broken_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            output::log(&format!("error: {}", failure.report(terms)));
            ExitCode::from(failure.exit_code())
        }
    }
}

impl Command {
    /// Returns the terms in which the command's failures are worded.
    fn terms(&self) -> CommandTerms {
        let command = match self {
            Self::Inspect(_) => "inspect",
            Self::Check(_) => "check",
            Self::Group(_) => "group",
            Self::Norm(_) => "norm",
            Self::Sql(_) => "sql",
            Self::Export(_) => "export",
            Self::Align(_) => "align",
        };
        CommandTerms { command }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Some(threads) = cli.run.threads {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
        pool.map_err(|e| Error::external("cannot start threads", e))?;
    }
    let watch = cli.run.profile.then(profile::Watch::start);
    let done = execute(&cli);
    watch.into_iter().for_each(profile::Watch::report);
    done
}

fn execute(cli: &Cli) -> Result<ExitCode> {
    let done = match &cli.command {
        Command::Check(args) => return check::run(args, &cli.run),
        Command::Inspect(args) => inspect::run(args, &cli.run),
        Command::Group(args) => group::run(args, &cli.run),
        Command::Norm(args) => norm::run(args, &cli.run),
        Command::Sql(args) => sql::run(args, &cli.run),
        Command::Export(args) => export::run(args, &cli.run),
        Command::Align(args) => align::run(args, &cli.run),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn is_broken_pipe(failure: &Failure) -> bool {
    let Failure::Library(error) = failure else {
        return false;
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Parses a number of bytes, such as `4096`, `512KiB` or `1GB`.
fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "expected bytes, such as 512KiB".to_string())
}

fn parse_threads(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("expected a number from 1 to 1024".to_string()),
    }
}
