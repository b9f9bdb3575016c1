//! Arguments that say what is written and where, and the writing of results and messages.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatchReader;
use arrow::datatypes::{DataType, Field, Schema};
use bytesize::ByteSize;
use clap::Args;

use super::failure::{Failure, Result};
use super::progress;
use crate::error::Error;
use crate::export::{self, ExportOptions, IfExists, Tensors, Written, is_tensor};

/// Says where results go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The file to write. Its ending names the format: .arrow, .arrows (an Arrow IPC stream), .parquet or .csv; groups
    /// and whole scans can also be written to .npz.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to do if the output exists. Where the output is a symbolic link, the file that it leads to is meant, and
    /// the link stays.
    #[arg(long, value_enum, default_value = "error")]
    if_exists: IfExists,
    /// Replace the output if it exists; the same as --if-exists replace.
    #[arg(long, conflicts_with = "if_exists")]
    force: bool,
}

/// Says where rows go, and how they are written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct RowOutputArgs {
    #[command(flatten)]
    pub file: OutputArgs,
    /// How Arrow and Parquet files hold tensors: patterns and all other columns with a shape; by default, Arrow files as
    /// tensors, and Parquet files as lists.
    #[arg(long, value_enum)]
    pub tensors: Option<Tensors>,
}

impl RowOutputArgs {
    /// Checks the output before any work is done, as [`OutputArgs::check`] does, and that --tensors has a file to have an
    /// effect on.
    ///
    /// # Errors
    /// As [`OutputArgs::check`]; if there is no such file.
    pub fn check(&self, sources: impl IntoIterator<Item = PathBuf>) -> Result<bool> {
        if self.tensors.is_some() && self.file.output.is_none() {
            return Err(Failure::usage(
                "--tensors says how a file holds tensors, and there is no output; add -o FILE, a name that ends in \
                 .arrow, .arrows or .parquet",
            ));
        }
        self.file.check_with(&self.options(sources))
    }

    /// Says so if no column of the output is a tensor, so that --tensors changes nothing, and which lists do not become
    /// bytes.
    pub fn tell_tensors(&self, schema: &Schema) {
        let Some(tensors) = self.tensors else { return };
        if !schema.fields().iter().any(|field| is_tensor(field)) {
            return log("note: --tensors has no effect: no column is a tensor");
        }
        let is_list =
            |field: &&Arc<Field>| matches!(field.data_type(), DataType::FixedSizeList(..));
        let lists = schema.fields().iter().filter(is_list);
        let lists: Vec<String> = lists
            .filter(|field| !is_tensor(field))
            .map(|field| format!("`{}`", field.name()))
            .collect();
        if tensors == Tensors::Binary && !lists.is_empty() {
            log(&format!(
                "note: still lists, since they are no tensors: {}",
                lists.join(", ")
            ));
        }
    }

    /// Returns the options of a writer, apart from what is known about the rows.
    /// `sources` are the files that the rows are made of.
    pub fn options(&self, sources: impl IntoIterator<Item = PathBuf>) -> ExportOptions {
        ExportOptions {
            if_exists: self.file.if_exists(),
            sources: sources.into_iter().collect(),
            tensors: self.tensors,
            progress: progress::shown(),
            ..Default::default()
        }
    }
}

impl OutputArgs {
    /// Returns what to do if the output exists.
    pub fn if_exists(&self) -> IfExists {
        if self.force {
            IfExists::Replace
        } else {
            self.if_exists
        }
    }

    /// Returns the output of a command that cannot do without one. If `endings` are given, its name must end in one
    /// of them; `expected` says so in words.
    ///
    /// # Errors
    /// If there is no output, or if its name ends otherwise.
    pub fn require(&self, endings: &[&str], expected: &str) -> Result<&Path> {
        let Some(path) = &self.output else {
            return Err(Failure::usage(format!(
                "no output: expected -o FILE, a name that ends in {expected}"
            )));
        };
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if !endings.is_empty() && !endings.contains(&ending) {
            return Err(Failure::usage_of(
                path,
                format!("cannot be the output: expected a name that ends in {expected}"),
            ));
        }
        Ok(path)
    }

    /// Checks the output before any work is done; returns false if it exists and is to be left as it is. `sources` are
    /// the files that it must not replace.
    ///
    /// # Errors
    /// If the output exists, is one of the sources, or cannot be written.
    pub fn check(&self, sources: impl IntoIterator<Item = PathBuf>) -> Result<bool> {
        let options = ExportOptions::default()
            .with_if_exists(self.if_exists())
            .with_sources(sources);
        self.check_with(&options)
    }

    fn check_with(&self, options: &ExportOptions) -> Result<bool> {
        let Some(path) = &self.output else {
            return Ok(true);
        };
        let proceed = export::check(path, options)?;
        if !proceed {
            log(&format!("{} exists and is left as it is", path.display()));
        }
        Ok(proceed)
    }
}

/// Writes a reader to a file, after a message that tells the size.
///
/// # Errors
/// The same as [`export::write`].
pub fn write(
    reader: impl RecordBatchReader,
    path: &Path,
    options: &ExportOptions,
) -> Result<Option<Written>> {
    announce(path, options);
    Ok(export::write(reader, path, options)?)
}

/// Tells how much there is to write, before it is written.
pub fn announce(path: &Path, options: &ExportOptions) {
    if let Some(bytes) = options.expected_bytes {
        log(&format!(
            "{}: {} of data to write",
            path.display(),
            ByteSize::b(bytes)
        ));
    }
}

/// Writes a line for people to stderr. Where stderr is closed or full, nobody reads it, and the command goes on.
pub fn log(text: &str) {
    progress::suspended(|| drop(writeln!(std::io::stderr(), "{text}")));
}

/// Writes a result and a line break to stdout.
///
/// # Errors
/// If stdout cannot be written to; the caller tells a closed pipe from other errors.
pub fn result(text: &str) -> Result<()> {
    result_text(&format!("{text}\n"))
}

/// Writes a result to stdout as it is.
///
/// # Errors
/// The same as [`result`].
pub fn result_text(text: &str) -> Result<()> {
    progress::suspended(|| {
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        Ok(written.map_err(|e| Error::io(Path::new("stdout"), "write", e))?)
    })
}
