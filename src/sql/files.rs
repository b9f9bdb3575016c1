//! Registers Arrow, Parquet and CSV files as tables, to be joined with scans.

use std::path::Path;

use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::context::SessionContext;
use datafusion::execution::options::{ArrowReadOptions, ParquetReadOptions};
use datafusion::prelude::CsvReadOptions;

use super::csv;
use super::error::{CANNOT_ANSWER, plain};
use crate::error::{Error, Result};

/// Names the formats that DataFusion reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Arrow IPC, either a file or a stream.
    Arrow,
    /// The Parquet format.
    Parquet,
    /// CSV whose first line names the columns. Where that comes after lines that begin with `#`, all such lines are
    /// comments.
    Csv,
}

impl FileFormat {
    /// Returns the format that a path's ending names; `None` for NPZ and any other.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "arrow" | "arrows" | "ipc" | "feather" => Some(Self::Arrow),
            "parquet" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Registers a file as a table of the session's default schema. Tensors of Arrow and Parquet files keep their shapes; the
/// types of a CSV file's columns are those of all its rows.
///
/// # Errors
/// [`Error::NoSuchFile`] if there is no file; [`Error::BadTable`] if it is not of that format.
pub async fn register_file(
    context: &SessionContext,
    name: &str,
    path: &Path,
    format: FileFormat,
) -> Result<()> {
    let full = path.canonicalize().map_err(|_| Error::NoSuchFile {
        path: path.to_path_buf(),
    })?;
    let bad = |problem: String| Error::BadTable {
        path: path.to_path_buf(),
        problem,
    };
    let Some(url) = full.to_str() else {
        return Err(bad("its path is not UTF-8".to_string()));
    };
    let table = TableReference::bare(name);
    let ending = full
        .extension()
        .and_then(|ending| ending.to_str())
        .map(|ending| format!(".{ending}"));
    let ending = ending.unwrap_or_default();
    let registered: DfResult<()> = match format {
        FileFormat::Arrow => {
            let options = ArrowReadOptions {
                file_extension: &ending,
                ..Default::default()
            };
            context.register_arrow(table, url, options).await
        }
        FileFormat::Parquet => {
            // The metadata holds the shapes of tensors.
            let options = ParquetReadOptions::new().skip_metadata(false);
            context
                .register_parquet(
                    table,
                    url,
                    ParquetReadOptions {
                        file_extension: &ending,
                        ..options
                    },
                )
                .await
        }
        FileFormat::Csv => {
            let (schema, has_comments) = csv::describe(&full).map_err(bad)?;
            let options = CsvReadOptions::new()
                .has_header(true)
                .schema(&schema)
                .file_extension(&ending);
            let options = match has_comments {
                true => options.comment(csv::COMMENT),
                false => options,
            };
            context.register_csv(table, url, options).await
        }
    };
    let said = |e: DataFusionError| plain(&e).trim_start_matches(CANNOT_ANSWER).to_string();
    registered.map_err(|e| bad(said(e)))
}
