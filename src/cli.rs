//! The command line: what was typed, then what it means, then one call of the library.

mod align;
mod check;
mod export;
mod failure;
mod group;
mod input;
mod inspect;
mod norm;
mod npz;
mod output;
mod print;
mod profile;
mod sql;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::Error;
use failure::{Failure, Result};

/// Scans of ptychography as Arrow: inspect an NPZ file, form groups of neighbouring patterns, ask it by SQL, export it.
///
/// Stored members are mapped, not read: a file must not change while it is open.
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
    /// Read all of a file and say what is wrong with it.
    Check(check::CheckArgs),
    /// Form groups of neighbouring patterns and write them to a file.
    Group(group::GroupArgs),
    /// Print the factor that patterns are normalised by.
    Norm(norm::NormArgs),
    /// Ask scans and groups by SQL.
    Sql(sql::SqlArgs),
    /// Write one table or one array of a file to another format, or the scan with some of its scan points as NPZ.
    Export(export::ExportArgs),
    /// Rewrite an NPZ file so that it maps: members stored, data aligned to 64 bytes.
    Align(align::AlignArgs),
}

/// How to run; for every command.
#[derive(Debug, Clone, Args)]
struct RunArgs {
    /// Threads to use; all cores by default. The result never depends on it.
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads, help_heading = "Running")]
    threads: Option<usize>,
    /// Bound of a batch in bytes, such as 512KiB; less than 32 MiB. The rows never depend on it.
    #[arg(long, global = true, value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes,
          help_heading = "Running")]
    batch_bytes: u64,
    /// Print where the time went, how fast bytes moved, and what memory it took.
    #[arg(long, global = true, help_heading = "Running")]
    profile: bool,
}

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrintFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and go to stdout.
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match run(cli) {
        Ok(code) => code,
        // Whoever read our output has had enough: nothing went wrong.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.report());
            ExitCode::from(error.exit_code())
        }
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
        Command::Check(args) => return check::run(args),
        Command::Inspect(args) => inspect::run(args),
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

/// A number of bytes: `4096`, `512KiB`, `1GB`.
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
