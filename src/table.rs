//! Defines the one contract between what produces rows and what consumes them.
//!
//! A [`Table`] knows its schema and its number of rows, and builds any of its columns for any of its rows.
//! The one reader, [`TableReader`], turns that into a `RecordBatchReader` with projection, row selection and
//! batches bounded by bytes; SQL, export and bindings accept that and nothing else. What a planner wants to
//! know beforehand is apart, in [`TableInfo`], whose methods all have defaults.

mod columns;
mod memory;
mod reader;
mod width;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use crate::array::{Access, RowSet};
use crate::error::{Error, Notice, Result};
pub use columns::ColumnTable;
pub(crate) use columns::project;
pub use memory::MemoryTable;
#[cfg(feature = "sql")]
pub(crate) use reader::BatchSource;
pub use reader::{DEFAULT_BATCH_BYTES, ReadOptions, Rows, TableReader};
#[cfg(feature = "sql")]
pub(crate) use width::UNREADABLE_KEY;
pub(crate) use width::{batch_rows, is_wide, unreadable};
pub use width::{row_bytes, value_bytes};

/// Produces columns on demand, for a range or a list of rows.
///
/// The rows and columns of a table never change. A table may be implemented outside this crate:
/// [`TableReader`] and the SQL tables take any implementation.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, UInt64Array};
/// use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
/// use ptychoarrow::array::RowSet;
/// use ptychoarrow::table::{ReadOptions, Table, TableInfo, TableReader};
/// use ptychoarrow::Result;
///
/// /// The squares of 0 to n - 1.
/// #[derive(Debug)]
/// struct Squares(usize);
///
/// impl TableInfo for Squares {}
///
/// impl Table for Squares {
///     fn name(&self) -> &str {
///         "squares"
///     }
///     fn schema(&self) -> SchemaRef {
///         Arc::new(Schema::new(vec![Field::new("square", DataType::UInt64, false)]))
///     }
///     fn num_rows(&self) -> Result<usize> {
///         Ok(self.0)
///     }
///     fn column(&self, _index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
///         let squares = rows.iter().map(|row| (row * row) as u64);
///         Ok(Arc::new(UInt64Array::from_iter_values(squares)))
///     }
///     fn check_unchanged(&self) -> Result<()> {
///         Ok(()) // there is no file behind it
///     }
/// }
///
/// let options = ReadOptions::default().with_rows(vec![9, 3]);
/// let mut reader = TableReader::try_new(Arc::new(Squares(10)), &options)?;
/// let batch = reader.next().unwrap()?;
/// assert_eq!(batch.column(0).as_ref(), &UInt64Array::from(vec![81, 9]));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait Table: TableInfo {
    /// Returns the table's name in SQL and in messages.
    fn name(&self) -> &str;

    /// Returns the schema of all columns.
    fn schema(&self) -> SchemaRef;

    /// Returns the number of rows.
    ///
    /// # Errors
    /// If what the number depends on cannot be read; if every row is refused for what the data is, such as a
    /// position that is not finite.
    fn num_rows(&self) -> Result<usize>;

    /// Builds one column for these rows, in their order.
    ///
    /// # Errors
    /// If what the column is made of cannot be read.
    ///
    /// # Panics
    /// If the table has no such column, or no such row.
    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef>;

    /// Checks that the file behind the table is still the one that was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if it is not.
    fn check_unchanged(&self) -> Result<()>;
}

/// Tells what planners and reports want to know of a table; every method has a default.
///
/// A table that wraps another one forwards all of them: its implementation carries
/// `#[deny(clippy::missing_trait_methods)]`, so that none is forgotten.
pub trait TableInfo: fmt::Debug + Send + Sync {
    /// Returns the number of rows, if it is certain without reading more data: a planner may answer a count with
    /// it, so a table whose rows may yet be refused for what its data is does not tell it.
    fn known_rows(&self) -> Option<usize> {
        None
    }

    /// Returns the number of rows that a planner may reckon with, though reading may turn out to be an error; the
    /// known number by default.
    fn expected_rows(&self) -> Option<usize> {
        self.known_rows()
    }

    /// Returns the column that is made of a member of the file, for whoever asks for it by the member's name.
    fn column_of_member(&self, _member: &str) -> Option<String> {
        None
    }

    /// Returns the columns by which the rows ascend, the most significant first.
    fn ordering(&self) -> &[&str] {
        &[]
    }

    /// Returns whether a column is read only if it is named: columns that cost a pass over every pattern.
    fn is_on_request(&self, _column: usize) -> bool {
        false
    }

    /// Returns whether a column is known before the rows are worked out: filters on such columns come first.
    fn is_early(&self, _column: usize) -> bool {
        false
    }

    /// Returns a table of these rows alone, ascending, in which no other row is ever worked out; `None` if
    /// that would spare nothing.
    ///
    /// # Errors
    /// If the rows cannot be worked out.
    fn restricted(&self, _rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        Ok(None)
    }

    /// Returns the parameters that the table was made with, in few words, if it has any.
    fn spec_text(&self) -> Option<String> {
        None
    }

    /// Returns how the data of a column reaches memory, if the column is a member of a file.
    fn access(&self, _column: usize) -> Option<&Access> {
        None
    }

    /// Returns whether these rows of a column are returned as a slice of the mapped file.
    fn is_slice(&self, _column: usize, _rows: &RowSet<'_>) -> bool {
        false
    }

    /// Tells the system that these rows of a column will be read next, so that it reads ahead. A hint.
    fn will_need(&self, _column: usize, _rows: &RowSet<'_>) {}

    /// Returns the time that each phase of working out the rows has taken so far; the same phases at every
    /// call.
    fn phases(&self) -> Vec<(&'static str, Duration)> {
        Vec::new()
    }

    /// Checks that a column can be read at all: one whose member cannot be is in the schema all the same, so that it is
    /// missed by whoever asks for it, and by nobody else.
    ///
    /// # Errors
    /// If it cannot be read; the error names member and reason.
    fn check_column(&self, _column: usize) -> Result<()> {
        Ok(())
    }

    /// Returns why the table has no column of this name, if it might have had one.
    fn why_absent(&self, _column: &str) -> Option<Error> {
        None
    }

    /// Returns what the reader of these columns should know, as far as it is known by now: more may be known once
    /// the rows were read.
    fn notices(&self, _columns: &[usize]) -> Vec<Notice> {
        Vec::new()
    }

    /// Returns where the rows come from, as keys and values for an export's metadata: no time, no host, no
    /// path.
    fn provenance(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// Reads one batch: these columns, whose schema is `schema`, for these rows.
///
/// # Errors
/// If a column cannot be read.
pub fn read_batch(
    table: &dyn Table,
    schema: &SchemaRef,
    columns: &[usize],
    rows: &RowSet<'_>,
) -> Result<RecordBatch> {
    let arrays = columns
        .iter()
        .map(|index| table.column(*index, rows))
        .collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        arrays,
        &options,
    )?)
}
