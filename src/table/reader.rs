//! Reads a table in batches bounded by bytes.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::{Table, batch_rows, project, read_batch, row_bytes, value_bytes};
use crate::array::RowSet;
use crate::error::{Error, Notice, Parameter, Result};
use crate::memory;

/// The default bound of a batch, in bytes.
///
/// Below 32 MiB glibc reuses the memory of one batch for the next; larger
/// batches are mapped and faulted anew each time, which is about four times slower.
pub const DEFAULT_BATCH_BYTES: usize = 8 << 20;

/// The largest bound of a batch, in bytes: the limit of one Arrow buffer with 32-bit offsets.
const MAX_BATCH_BYTES: usize = i32::MAX as usize;

/// Selects rows of a table.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Rows {
    /// Every row.
    #[default]
    All,
    /// Rows `start..end`, counted from 0; what lies beyond the table is left out.
    Range(Range<usize>),
    /// These rows, in this order.
    List(Arc<[usize]>),
}

impl From<Range<usize>> for Rows {
    fn from(range: Range<usize>) -> Self {
        Self::Range(range)
    }
}

impl From<Vec<usize>> for Rows {
    fn from(list: Vec<usize>) -> Self {
        Self::List(list.into())
    }
}

/// Says what is read of a table, and in batches of what size.
///
/// ```
/// use ptychoarrow::{ReadOptions, Scan};
///
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let options = ReadOptions::default()
///     .with_columns(["scan_point", "diffraction"])
///     .with_rows(100..200)
///     .with_batch_bytes(1 << 20); // 63 rows of a number and a pattern of 64 x 64 f32
/// let batches = scan.read(&options)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [63, 37]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The columns by name, in this order; `None` for all but those [on
    /// request](super::TableInfo::is_on_request).
    pub columns: Option<Vec<String>>,
    /// The rows; all by default.
    pub rows: Rows,
    /// The bound of a batch in bytes, 1 to 2^31 - 1; a batch has at least one row whatever the bound. Default
    /// 8 MiB.
    pub batch_bytes: usize,
    /// The bound of a batch in rows; a batch has at least one row whatever the bound. None by default.
    pub batch_rows: Option<usize>,
}

impl ReadOptions {
    /// Sets the columns, by name.
    ///
    /// ```
    /// let options = ptychoarrow::ReadOptions::default().with_columns(["x", "y"]);
    /// assert_eq!(options.columns.unwrap(), ["x", "y"]);
    /// ```
    pub fn with_columns(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the rows.
    pub fn with_rows(mut self, rows: impl Into<Rows>) -> Self {
        self.rows = rows.into();
        self
    }

    /// Sets the bound of a batch in bytes.
    pub fn with_batch_bytes(mut self, batch_bytes: usize) -> Self {
        self.batch_bytes = batch_bytes;
        self
    }

    /// Sets the bound of a batch in rows; `None` for no bound.
    pub fn with_batch_rows(mut self, batch_rows: impl Into<Option<usize>>) -> Self {
        self.batch_rows = batch_rows.into();
        self
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            columns: None,
            rows: Rows::All,
            batch_bytes: DEFAULT_BATCH_BYTES,
            batch_rows: None,
        }
    }
}

/// Reads batches of some columns of a table: what every reader of tables has in common.
#[derive(Debug)]
pub struct BatchSource {
    table: Arc<dyn Table>,
    columns: Vec<usize>,
    schema: SchemaRef,
    batch_rows: usize,
    pace: Pace,
}

#[cfg_attr(not(feature = "sql"), allow(dead_code))]
impl BatchSource {
    /// Creates a source of these columns in batches of at most `batch_bytes` bytes and `batch_rows` rows.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the bound in bytes is 0, or more than an Arrow buffer may hold; if a column cannot be
    /// read.
    pub fn try_new(
        table: Arc<dyn Table>,
        columns: Vec<usize>,
        batch_bytes: usize,
        batch_rows: Option<usize>,
    ) -> Result<Self> {
        if !(1..=MAX_BATCH_BYTES).contains(&batch_bytes) {
            let max = Some(MAX_BATCH_BYTES.into());
            return Err(Error::out_of_range(
                Parameter::BatchBytes,
                batch_bytes,
                1usize,
                max,
            ));
        }
        columns
            .iter()
            .try_for_each(|column| table.check_column(*column))?;
        let schema = Arc::new(table.schema().project(&columns)?);
        let batch_rows = self::batch_rows(&schema, batch_bytes)
            .min(batch_rows.unwrap_or(usize::MAX))
            .max(1);
        Ok(Self {
            table,
            columns,
            schema,
            batch_rows,
            pace: Pace::default(),
        })
    }

    /// Returns the table.
    pub fn table(&self) -> &Arc<dyn Table> {
        &self.table
    }

    /// Replaces the table by one with the same columns.
    pub fn set_table(&mut self, table: Arc<dyn Table>) {
        self.table = table;
    }

    /// Returns the schema of the columns that are read.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the largest number of rows of a batch.
    pub fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// Returns the indices of the columns that are read.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Reads one batch, after a check that the file is unchanged.
    ///
    /// `next` are the rows that are likely to be read after these: where reading is slow enough to be worth
    /// it, they are asked for ahead.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if the file has changed; [`Error::TooLarge`] if the batch cannot be held in
    /// memory; any error of a column that cannot be read.
    pub fn read(&mut self, rows: &RowSet<'_>, next: &RowSet<'_>) -> Result<RecordBatch> {
        let is_first = self.pace.is_new();
        let is_slow = self
            .pace
            .begin(rows.len().saturating_mul(row_bytes(&self.schema)));
        self.table.check_unchanged()?;
        self.check_memory(rows)?;
        if is_first {
            self.will_need(rows);
        }
        if is_slow {
            self.will_need(next);
        }
        let bytes = rows.len().saturating_mul(row_bytes(&self.schema));
        let table = self.table.name();
        let _span = tracing::debug_span!("batch", table, rows = rows.len(), bytes).entered();
        read_batch(self.table.as_ref(), &self.schema, &self.columns, rows)
    }

    /// Checks that memory can hold the columns of a batch that are no slices of the mapped file.
    fn check_memory(&self, rows: &RowSet<'_>) -> Result<()> {
        let columns = self.columns.iter().zip(self.schema.fields());
        let row_bytes = columns
            .filter(|(column, _)| !self.table.is_slice(**column, rows))
            .fold(0u128, |sum, (_, field)| sum + value_bytes(field) as u128);
        let bytes = (rows.len() as u128).saturating_mul(row_bytes);
        memory::check(bytes, "a batch", Parameter::BatchBytes).map(drop)
    }

    fn will_need(&self, rows: &RowSet<'_>) {
        if !rows.is_empty() {
            self.columns
                .iter()
                .for_each(|column| self.table.will_need(*column, rows));
        }
    }
}

/// Measures how fast batches follow each other.
///
/// Where that is slower than memory, the file may have to be read, and the next rows are worth asking for
/// ahead. Asking costs as much as a tenth of a batch that is in memory.
#[derive(Debug, Default)]
struct Pace {
    /// The time at which the last batch began, and its bytes.
    last: Option<(Instant, usize)>,
}

/// The bytes per second that no disk delivers, and any memory does.
const MEMORY_SPEED: f64 = 3e9;

impl Pace {
    fn is_new(&self) -> bool {
        self.last.is_none()
    }

    /// Begins a batch of this many bytes; returns whether reading and using the one before it took long.
    fn begin(&mut self, bytes: usize) -> bool {
        let last = self.last.replace((Instant::now(), bytes));
        last.is_none_or(|(begun, bytes)| {
            (bytes as f64) < MEMORY_SPEED * begun.elapsed().as_secs_f64()
        })
    }
}

/// Reads a table batch by batch. The rows never depend on how they are cut into batches.
#[derive(Debug)]
pub struct TableReader {
    source: BatchSource,
    rows: Rows,
    next: usize,
    num_rows: usize,
}

impl TableReader {
    /// Checks the options against the table; no row is read yet.
    ///
    /// # Errors
    /// If there is no such column, if a row lies beyond the table, or if the bound in bytes is out of range.
    pub fn try_new(table: Arc<dyn Table>, options: &ReadOptions) -> Result<Self> {
        let columns = project(table.as_ref(), options.columns.as_deref())?;
        let source = BatchSource::try_new(table, columns, options.batch_bytes, options.batch_rows)?;
        let (rows, num_rows) = select(&options.rows, source.table().num_rows()?)?;
        Ok(Self {
            source,
            rows,
            next: 0,
            num_rows,
        })
    }

    /// Returns the number of rows still to come.
    pub fn rows_left(&self) -> usize {
        self.num_rows - self.next
    }

    /// Returns what the user of the rows should know, as far as it is known by now: more may be known once they were
    /// read.
    pub fn notices(&self) -> Vec<Notice> {
        self.source.table().notices(self.source.columns())
    }

    /// Returns the bytes of data that all rows take together; `u64::MAX` if there are more.
    pub fn num_bytes(&self) -> u64 {
        (self.num_rows as u64).saturating_mul(row_bytes(self.source.schema()) as u64)
    }

    fn next_batch(&mut self) -> Result<RecordBatch> {
        let end = self.after(self.next);
        let rows = row_set(&self.rows, self.next, end);
        let following = row_set(&self.rows, end, self.after(end));
        let batch = self.source.read(&rows, &following)?;
        self.next = end;
        Ok(batch)
    }

    /// Returns where the batch that begins at `start` ends.
    fn after(&self, start: usize) -> usize {
        start
            .saturating_add(self.source.batch_rows())
            .min(self.num_rows)
    }
}

fn row_set(rows: &Rows, from: usize, to: usize) -> RowSet<'_> {
    match rows {
        Rows::All => RowSet::Range(from..to),
        Rows::Range(range) => RowSet::Range(range.start + from..range.start + to),
        Rows::List(list) => RowSet::List(&list[from..to]),
    }
}

impl Iterator for TableReader {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.num_rows).then(|| {
            self.next_batch().map_err(|error| {
                // An error ends the reader.
                self.next = self.num_rows;
                error.into()
            })
        })
    }
}

impl RecordBatchReader for TableReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.source.schema())
    }
}

fn select(rows: &Rows, total: usize) -> Result<(Rows, usize)> {
    match rows {
        Rows::All => Ok((Rows::All, total)),
        Rows::Range(range) => {
            let range = range.start.min(total)..range.end.min(total);
            let len = range.len();
            Ok((Rows::Range(range), len))
        }
        Rows::List(list) => match list.iter().find(|row| **row >= total) {
            None => Ok((rows.clone(), list.len())),
            Some(row) => {
                let max = Some(total.saturating_sub(1).into());
                Err(Error::out_of_range(Parameter::Rows, *row, 0usize, max))
            }
        },
    }
}

#[cfg(test)]
mod tests;
