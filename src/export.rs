//! Writes files: the rows of any `RecordBatchReader` as Arrow IPC, Parquet or CSV, groups as an NPZ file, and whole
//! archives aligned or cut to some of their scan points.
//!
//! Nothing in the files depends on time, host or path: the same rows in the same batches give the same bytes.
//!
//! # Complete files only
//!
//! A file is written without a name, or under a temporary name beside the output, and takes its name when it is
//! complete. A call that fails, or whose process is killed, leaves nothing behind under the output's name.
//!
//! # Outputs that are inputs
//!
//! What is made of a file and is not it (groups, a table, a query's answer) never replaces that file: the writers are told
//! their sources ([`ExportOptions::sources`]) and refuse an output that is one of them, by whichever path or link. What
//! is a scan written anew ([`align()`], [`clean()`]) may replace its own source; the new file is read back first.
//!
//! # Power failures
//!
//! A file that replaces another ([`IfExists::Replace`]) is written through to the disk before it takes the name: after
//! a power failure there is either the old file or the new one, complete. A new file is not written through: a power
//! failure shortly after the call may lose it or leave it damaged.
//!
//! # Links, pipes and devices
//!
//! Where the output is a symbolic link, the file that the link leads to is the output: it is that file which is
//! refused, left or replaced, and the link stays. A link that leads nowhere is refused. Of a file with several hard
//! links only the name that was given gets the new file. Pipes and devices are written to directly, and what is written
//! to them before an error stays written.

mod align;
mod clean;
mod csv;
mod describe;
mod ipc;
mod npz;
mod parquet;
mod ptychopinn;
mod subset;
mod target;
mod tensors;
mod text;
mod verify;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::error::{Error, OutputProblem, Result, chain};
use crate::progress::Progress;
pub use align::{AlignOptions, Aligned, ByteOrder, align};
pub use clean::{CleanOptions, clean};
#[cfg(feature = "cli")]
pub(crate) use csv::{csv, refuse_wide};
pub use describe::{Description, describe};
pub use npz::{NpzMember, write_npz};
pub use ptychopinn::{default_columns, write_groups};
pub use subset::{PROVENANCE_MEMBER, Subset};
use target::{Place, Target};
pub(crate) use tensors::Conversion;
#[cfg(feature = "cli")]
pub(crate) use tensors::is_tensor;
#[cfg(feature = "cli")]
pub(crate) use text::{Length, texts};

/// Names the file formats that rows are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Arrow IPC file format, `.arrow`: uncompressed, every buffer aligned to 64 bytes, so that it can be mapped.
    ArrowFile,
    /// The Arrow IPC stream format, `.arrows`: uncompressed.
    ArrowStream,
    /// The Parquet format, `.parquet`: compressed with zstd.
    Parquet,
    /// The CSV format, `.csv`: only for columns with a few values per row.
    Csv,
    /// The NPZ format, `.npz`: one member per column; see [`write_npz`].
    Npz,
}

impl Format {
    /// Returns the format that a path's ending names.
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

    /// Returns whether patterns are written to this format unless other columns are asked for: the Arrow formats.
    pub fn holds_patterns(self) -> bool {
        matches!(self, Self::ArrowFile | Self::ArrowStream)
    }
}

/// Says what to do if the output exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum IfExists {
    /// Report an error.
    #[default]
    Error,
    /// Leave it as it is, and report success.
    Skip,
    /// Replace it by the new file, once that is complete.
    Replace,
}

/// Holds the options of [`write()`] and [`write_npz`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// What to do if the output exists. Default: an error.
    pub if_exists: IfExists,
    /// The files that the rows are made of: the output never replaces one of them, whatever `if_exists` says and however
    /// its path is spelled. Default: none that the writer does not know itself.
    pub sources: Vec<PathBuf>,
    /// Keys and values that are added to the schema's metadata; they must not depend on time, host or path.
    /// Default: none. An NPZ file has no place for them.
    pub provenance: BTreeMap<String, String>,
    /// The number of bytes that the rows take, if it is known: where the disk has fewer, nothing is written.
    /// Default: unknown.
    pub expected_bytes: Option<u64>,
    /// The number of rows, if it is known, for `progress`. Default: unknown.
    pub expected_rows: Option<u64>,
    /// How Arrow and Parquet files hold tensors. Default: Arrow files as [`Tensors::Tensor`]; Parquet files as lists, whose
    /// shape stands in the Arrow schema that the file carries, and which PyArrow and `datasets` take for plain lists.
    pub tensors: Option<Tensors>,
    /// Receives the number of rows written so far. Default: nobody listens.
    pub progress: Progress,
}

impl ExportOptions {
    /// Sets what to do if the output exists.
    pub fn with_if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// Sets the files that the rows are made of, which the output never replaces.
    ///
    /// ```no_run
    /// use ptychoarrow::export::ExportOptions;
    /// let scan = ptychoarrow::Scan::open("scan.npz")?;
    /// let options = ExportOptions::default().with_sources(scan.sources().map(|npz| npz.path()));
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
    pub fn with_sources(mut self, sources: impl IntoIterator<Item: Into<PathBuf>>) -> Self {
        self.sources = sources.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the keys and values that are added to the schema's metadata.
    pub fn with_provenance(mut self, provenance: BTreeMap<String, String>) -> Self {
        self.provenance = provenance;
        self
    }

    /// Sets the number of bytes that the rows take.
    pub fn with_expected_bytes(mut self, expected_bytes: impl Into<Option<u64>>) -> Self {
        self.expected_bytes = expected_bytes.into();
        self
    }

    /// Sets the number of rows.
    pub fn with_expected_rows(mut self, expected_rows: impl Into<Option<u64>>) -> Self {
        self.expected_rows = expected_rows.into();
        self
    }

    /// Sets how Arrow and Parquet files hold tensors.
    pub fn with_tensors(mut self, tensors: impl Into<Option<Tensors>>) -> Self {
        self.tensors = tensors.into();
        self
    }

    /// Sets what receives the progress.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Returns the place of an output that is made of the sources, and so replaces none of them.
    fn place<'a>(&'a self, path: &'a Path) -> Place<'a> {
        Place {
            path,
            if_exists: self.if_exists,
            sources: &self.sources,
            may_replace_source: false,
        }
    }
}

/// Says how Arrow and Parquet files hold tensors: patterns, coordinates, and all other columns with a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Tensors {
    /// As Arrow's extension type `arrow.fixed_shape_tensor`, in Parquet too: PyArrow opens the columns as tensors.
    Tensor,
    /// As fixed-size lists without any extension type, which every reader understands, `datasets` of Hugging Face included.
    ///
    /// The values are in C order; the field's metadata keeps the shape as a JSON list, `ptychoarrow.shape`.
    Lists,
    /// As the bytes of one row, which are many times faster to write to Parquet and to read from it.
    ///
    /// The bytes are little-endian and in C order. The field's metadata says what they are: `ptychoarrow.dtype` is
    /// NumPy's name of the type, and `ptychoarrow.shape` is a JSON list. A tensor that is not made of numbers, truth
    /// values or times is an error.
    Binary,
}

/// Describes a file that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Written {
    /// The number of rows in the file.
    pub rows: u64,
    /// The size of the file in bytes; 0 for a pipe or a device.
    pub bytes: u64,
}

/// Writes all rows of a reader to `path`, in the format that its ending names. Returns `None` if the output exists and
/// is to be left as it is.
///
/// # Errors
/// If the output exists, cannot be written, or does not fit the disk; if a column cannot be written in this format; and
/// whatever the reader reports. Nothing is left behind then.
pub fn write(
    reader: impl RecordBatchReader,
    path: &Path,
    options: &ExportOptions,
) -> Result<Option<Written>> {
    let format = Format::of(path)?;
    let Some(mut target) = Target::create(options.place(path))? else {
        return Ok(None);
    };
    target.check_space(options.expected_bytes)?;
    let span = span(path).entered();
    let mut reader = Described::new(reader, path, format, options)?;
    match format {
        Format::ArrowFile => ipc::write_file(&mut reader, target.file()),
        Format::ArrowStream => ipc::write_stream(&mut reader, target.file()),
        Format::Parquet => parquet::write(&mut reader, target.file()),
        Format::Csv => csv::write(&mut reader, target.file(), path),
        Format::Npz => Err(Error::BadOutput {
            path: path.to_path_buf(),
            problem: OutputProblem::HoldsArrays,
        }),
    }
    .map_err(|error| locate(path, error))?;
    let rows = reader.finish();
    let bytes = target.commit()?;
    span.record("bytes", bytes);
    Ok(Some(Written { rows, bytes }))
}

/// Returns the span in which a file is written; its field `bytes` is recorded at the end.
fn span(path: &Path) -> tracing::Span {
    tracing::debug_span!("write", file = %path.display(), bytes = tracing::field::Empty)
}

/// Checks that `path` could be written, before any work is done for it. Returns false if it exists and is to be left
/// as it is.
///
/// # Errors
/// If the output exists, is one of the options' sources, or cannot be written; if its format has no tensors and the
/// options say how to hold them.
pub fn check(path: &Path, options: &ExportOptions) -> Result<bool> {
    tensors::check(path, Format::of(path)?, options.tensors)?;
    target::check(options.place(path))
}

/// Adds the file to an error of the disk, which Arrow reports without it.
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

/// Reads batches whose schema carries the provenance, and counts their rows.
struct Described<'a, R> {
    inner: R,
    /// The schema with the provenance.
    schema: SchemaRef,
    /// What becomes of the tensors.
    conversion: Conversion,
    rows: u64,
    task: String,
    options: &'a ExportOptions,
}

impl<'a, R: RecordBatchReader> Described<'a, R> {
    fn new(inner: R, path: &Path, format: Format, options: &'a ExportOptions) -> Result<Self> {
        let schema = inner.schema();
        let mut metadata = schema.metadata().clone();
        metadata.extend(options.provenance.clone());
        let schema = Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata));
        let conversion = Conversion::of(&schema, path, format, options.tensors)?;
        Ok(Self {
            inner,
            schema,
            conversion,
            rows: 0,
            task: path.display().to_string(),
            options,
        })
    }

    fn schema(&self) -> &SchemaRef {
        self.conversion.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let read = tracing::debug_span!("read").in_scope(|| self.inner.next());
        let Some(batch) = read.transpose()? else {
            return Ok(None);
        };
        self.rows += batch.num_rows() as u64;
        let progress = &self.options.progress;
        progress.rows(&self.task, self.rows, self.options.expected_rows);
        // The batch's own metadata may differ, where it comes from another library.
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &rows)?;
        self.conversion.apply(&batch).map(Some)
    }

    /// Reports the end; returns the number of rows.
    fn finish(self) -> u64 {
        let progress = &self.options.progress;
        progress.rows(&self.task, self.rows, Some(self.rows));
        self.rows
    }
}

/// Returns a buffer so large that a pattern is written by one call.
fn buffered<W: Write>(file: W) -> std::io::BufWriter<W> {
    std::io::BufWriter::with_capacity(1 << 20, file)
}
