//! Arguments about what is written, and the writing itself: size first, progress, then a summary.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow::array::RecordBatchReader;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::failure::{Failure, Result};
use crate::error::Error;
use crate::export::{self, ExportOptions, IfExists, Tensors, Written};
use crate::npz::Progress;

/// Where results go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The file to write: .arrow, .arrows (stream), .parquet or .csv; for groups and whole scans also .npz.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to do if it is there already.
    #[arg(long, value_enum, default_value = "error")]
    if_exists: IfExistsArg,
    /// The same as --if-exists replace.
    #[arg(long, conflicts_with = "if_exists")]
    force: bool,
    /// How Parquet files hold wide tensors: lists, for every reader; or binary, the bytes of a row, many times faster.
    #[arg(long, value_enum, default_value = "lists")]
    tensors: TensorsArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TensorsArg {
    Lists,
    Binary,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum IfExistsArg {
    /// Refuse.
    Error,
    /// Leave it, and succeed.
    Skip,
    /// Replace it once the new file is complete.
    Replace,
}

impl OutputArgs {
    /// What to do if the output is there.
    pub fn if_exists(&self) -> IfExists {
        match self.if_exists {
            _ if self.force => IfExists::Replace,
            IfExistsArg::Error => IfExists::Error,
            IfExistsArg::Skip => IfExists::Skip,
            IfExistsArg::Replace => IfExists::Replace,
        }
    }

    /// How Parquet files hold tensors.
    pub fn tensors(&self) -> Tensors {
        match self.tensors {
            TensorsArg::Lists => Tensors::Lists,
            TensorsArg::Binary => Tensors::Binary,
        }
    }

    /// The output, which this command cannot do without; its ending is one of `endings`, if any are given.
    ///
    /// # Errors
    /// If there is none, or if it ends otherwise.
    pub fn require(&self, endings: &[&str], hint: &'static str) -> Result<&Path> {
        let Some(path) = &self.output else {
            return Err(Failure::usage(format!(
                "no output: expected -o FILE; {hint}"
            )));
        };
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if !endings.is_empty() && !endings.contains(&ending) {
            return Err(Failure::usage_of(
                path,
                format!("cannot be the output: it ends in .{ending}; {hint}"),
            ));
        }
        Ok(path)
    }

    /// Checks the output before any work is done; false if it is there and stays.
    ///
    /// # Errors
    /// If it exists, or cannot be written.
    pub fn check(&self) -> Result<bool> {
        let Some(path) = &self.output else {
            return Ok(true);
        };
        let proceed = export::check(path, self.if_exists())?;
        if !proceed {
            log(&format!(
                "{} is there already, left as it is",
                path.display()
            ));
        }
        Ok(proceed)
    }
}

/// Writes a reader to a file, with a progress bar on a terminal. `rows` if their number is known.
///
/// # Errors
/// As [`export::write`].
pub fn write(
    reader: impl RecordBatchReader,
    path: &Path,
    options: &ExportOptions,
    rows: Option<u64>,
) -> Result<Option<Written>> {
    announce(path, options);
    let bar = progress_bar(rows);
    let written = export::write(reader, path, options, &mut |rows| bar.set_position(rows));
    bar.finish_and_clear();
    Ok(written?)
}

/// Says how much there is to write, before it is written.
pub fn announce(path: &Path, options: &ExportOptions) {
    if let Some(bytes) = options.expected_bytes {
        log(&format!(
            "{}: {} of data to write",
            path.display(),
            ByteSize::b(bytes)
        ));
    }
}

/// A bar for bytes, on a terminal; its length comes with the first report.
pub fn byte_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {elapsed}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn progress_bar(rows: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{bar:40} {human_pos} of {human_len} rows, {elapsed}, {eta} left";
    match rows {
        Some(rows) => ProgressBar::new(rows).with_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        ),
        None => ProgressBar::new_spinner(),
    }
}

/// Shows how many bytes of a file were read, on a terminal; its length is set when that is known.
pub fn reading(file: &Path) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{prefix}: {bar:40} {bytes} of {total_bytes}, {eta} left {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0)
        .with_style(style)
        .with_prefix(file.display().to_string())
}

/// Shows how far a large deflated member is, on a terminal.
pub fn inflating() -> Progress {
    /// Less is done before anybody could read it.
    const WORTH_SHOWING: u64 = 64 << 20;
    if !std::io::stderr().is_terminal() {
        return Progress::default();
    }
    let bar: Mutex<Option<(String, ProgressBar)>> = Mutex::default();
    Progress::new(move |member, done, total| {
        let Ok(mut shown) = bar.lock() else { return };
        if total < WORTH_SHOWING {
            return;
        }
        if shown.as_ref().is_none_or(|(name, _)| name != member) {
            let template = "{prefix}: inflating {bar:40} {bytes} of {total_bytes}, {eta} left";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            *shown = Some((
                member.to_string(),
                ProgressBar::new(total)
                    .with_style(style)
                    .with_prefix(member.to_string()),
            ));
        }
        if let Some((_, bar)) = shown.as_ref() {
            bar.set_position(done);
            if done == total {
                bar.finish_and_clear();
            }
        }
    })
}

/// A line for people, on stderr.
pub fn log(text: &str) {
    eprintln!("{text}");
}

/// A result, on stdout.
///
/// # Errors
/// If stdout cannot be written to; a closed pipe is found out by the caller.
pub fn result(text: &str) -> Result<()> {
    result_text(&format!("{text}\n"))
}

/// As [`result`], without a line break after it.
///
/// # Errors
/// As [`result`].
pub fn result_text(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    Ok(written.map_err(|e| Error::io(Path::new("stdout"), "write", e))?)
}
