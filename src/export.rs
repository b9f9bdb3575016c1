//! Writers: any `RecordBatchReader` into a file.
//!
//! A file is written under no name, or under a temporary one beside the target, and takes its name when it is complete:
//! a run that fails or is killed leaves nothing behind under the target's name. Nothing in the files depends on time,
//! host or path: the same rows in the same batches give the same bytes.

mod align;
mod csv;
mod describe;
mod ipc;
mod npz;
mod parquet;
mod subset;
mod target;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::error::{Error, OutputProblem, Result, chain};
pub use align::{AlignOptions, Aligned, align};
pub use csv::{list_text, lists_as_text, text_columns};
pub use describe::{Description, describe};
pub use npz::{NpzMember, write_npz};
pub use subset::{PROVENANCE_MEMBER, Subset, SubsetOptions, subset};
use target::Target;

/// File formats by their ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.arrow`: Arrow IPC file, uncompressed, every buffer aligned to 64 bytes; can be mapped.
    ArrowFile,
    /// `.arrows`: Arrow IPC stream, uncompressed.
    ArrowStream,
    /// `.parquet`: zstd.
    Parquet,
    /// `.csv`: narrow columns only.
    Csv,
    /// `.npz`: one member a column; see [`write_npz`].
    Npz,
}

impl Format {
    /// The format that a path's ending names.
    ///
    /// # Errors
    /// [`Error::BadOutput`] for another ending.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("arrow" | "ipc" | "feather") => Ok(Self::ArrowFile),
            Some("arrows") => Ok(Self::ArrowStream),
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("npz") => Ok(Self::Npz),
            _ => Err(Error::BadOutput {
                path: path.to_path_buf(),
                problem: OutputProblem::UnknownEnding(&[
                    ".arrow", ".arrows", ".parquet", ".csv", ".npz",
                ]),
            }),
        }
    }

    /// Whether people keep patterns in it: the Arrow formats.
    pub fn holds_patterns(self) -> bool {
        matches!(self, Self::ArrowFile | Self::ArrowStream)
    }
}

/// What to do when the output is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IfExists {
    /// Refuse.
    #[default]
    Error,
    /// Leave it as it is.
    Skip,
    /// Put the new file in its place, once it is complete.
    Replace,
}

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// What to do when the output is there already.
    pub if_exists: IfExists,
    /// Keys and values for the schema's metadata; must not depend on time, host or path.
    pub provenance: BTreeMap<String, String>,
    /// Bytes the rows take, if known: refused at once if the disk has fewer.
    pub expected_bytes: Option<u64>,
    /// How Parquet files hold tensors.
    pub tensors: Tensors,
}

/// How Parquet files hold tensors: patterns, coordinates, lists of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tensors {
    /// As lists, which every reader understands.
    #[default]
    Lists,
    /// Wide ones as the bytes of one row, little-endian, C order: many times faster to write and to read. The field's
    /// metadata says what they are: `ptychoarrow.dtype`, NumPy's name of the type, and `ptychoarrow.shape`, a JSON list.
    Binary,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Written {
    /// Rows in the file.
    pub rows: u64,
    /// Size of the file in bytes; 0 for a device.
    pub bytes: u64,
}

/// Writes all rows of a reader to `path`, in the format its ending names. `progress` is called with the rows written so
/// far. Returns `None` if the output was there and is to be left.
///
/// # Errors
/// If the output exists, cannot be written, or does not fit the disk; whatever the reader reports. Nothing is left
/// behind then.
pub fn write(
    reader: impl RecordBatchReader,
    path: &Path,
    options: &ExportOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Written>> {
    let format = Format::of(path)?;
    let Some(mut target) = Target::create(path, options.if_exists)? else {
        return Ok(None);
    };
    target.check_space(options.expected_bytes)?;
    let rows = {
        let mut reader = Described::new(reader, &options.provenance, progress);
        match format {
            Format::ArrowFile => ipc::write_file(&mut reader, target.file()),
            Format::ArrowStream => ipc::write_stream(&mut reader, target.file()),
            Format::Parquet => parquet::write(&mut reader, target.file(), options.tensors),
            Format::Csv => csv::write(&mut reader, target.file()),
            Format::Npz => Err(Error::BadOutput {
                path: path.to_path_buf(),
                problem: OutputProblem::HoldsArrays,
            }),
        }
        .map_err(|error| locate(path, error))?;
        reader.rows
    };
    let bytes = target.commit()?;
    Ok(Some(Written { rows, bytes }))
}

/// Checks that `path` could be written, before any work is done for it. False if it is there and is to be left.
///
/// # Errors
/// As [`write()`].
pub fn check(path: &Path, if_exists: IfExists) -> Result<bool> {
    Format::of(path)?;
    target::check(path, if_exists)
}

/// Arrow's error on the way to the disk is text; say which file it was.
fn locate(path: &Path, error: Error) -> Error {
    match error {
        Error::Arrow(inner @ arrow::error::ArrowError::IoError(..)) => {
            let source = match inner {
                arrow::error::ArrowError::IoError(_, source) => source,
                other => std::io::Error::other(chain(&other)),
            };
            Error::Io {
                path: path.to_path_buf(),
                action: "write",
                source,
            }
        }
        other => other,
    }
}

/// A reader whose schema carries provenance, and which counts its rows.
struct Described<'a, R> {
    inner: R,
    schema: SchemaRef,
    rows: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a, R: RecordBatchReader> Described<'a, R> {
    fn new(
        inner: R,
        provenance: &BTreeMap<String, String>,
        progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        let schema = inner.schema();
        let mut metadata = schema.metadata().clone();
        metadata.extend(
            provenance
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        let schema = Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata));
        Self {
            inner,
            schema,
            rows: 0,
            progress,
        }
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.inner.next().transpose()? else {
            return Ok(None);
        };
        self.rows += batch.num_rows() as u64;
        (self.progress)(self.rows);
        // The batch's own metadata may differ, where it comes from elsewhere.
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        Ok(Some(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &rows,
        )?))
    }
}

/// A buffer so large that a pattern is written by one call.
fn buffered<W: Write>(file: W) -> std::io::BufWriter<W> {
    std::io::BufWriter::with_capacity(1 << 20, file)
}
