//! The one contract between what produces rows and what consumes them.
//!
//! A [`Table`] knows its schema and its number of rows, and builds any of its columns for any of its rows. The one
//! reader, [`TableReader`], turns that into a `RecordBatchReader` with projection, row selection and batches bounded by
//! bytes; SQL, export and bindings accept that and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::array::{Access, Column, RowSet, text_width};
use crate::error::{Error, Result, nearest_name};

/// Default bound of a batch, in bytes.
pub const DEFAULT_BATCH_BYTES: usize = 8 << 20;

/// From here on glibc maps and faults every buffer anew, which is four times slower.
pub const BATCH_BYTES_LIMIT: usize = 32 << 20;

/// Something with columns and rows.
pub trait Table: fmt::Debug + Send + Sync {
    /// Its name in SQL and in messages.
    fn name(&self) -> &str;

    /// All its columns.
    fn schema(&self) -> SchemaRef;

    /// How many rows it has, as far as that is known without reading anything but headers.
    fn known_rows(&self) -> Option<usize>;

    /// How many rows it has.
    ///
    /// # Errors
    /// If what the number depends on cannot be read.
    fn num_rows(&self) -> Result<usize>;

    /// Whether a column is left out unless it is asked for by name: those that cost a pass over every pattern.
    fn is_on_request(&self, _column: usize) -> bool {
        false
    }

    /// Columns by which its rows ascend, the first one first.
    fn ordering(&self) -> &[&str] {
        &[]
    }

    /// Whether a column is known before the rows themselves are worked out: filters on such columns come first.
    fn is_early(&self, _column: usize) -> bool {
        false
    }

    /// A table of these rows alone, ascending, in which no other is ever worked out; `None` if that would spare nothing.
    ///
    /// # Errors
    /// If the rows cannot be worked out.
    fn restricted(&self, _rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        Ok(None)
    }

    /// What it is made by, in few words, if there is a choice: the spec of groups.
    fn spec_text(&self) -> Option<String> {
        None
    }

    /// How the data of a column reaches memory, if it is a member of a file.
    fn access(&self, _column: usize) -> Option<&Access> {
        None
    }

    /// Whether these rows of a column are handed out as a slice of the map.
    fn is_slice(&self, _column: usize, _rows: &RowSet<'_>) -> bool {
        false
    }

    /// Tells the system that these rows of a column will be asked for next, so that it reads ahead. A hint.
    fn will_need(&self, _column: usize, _rows: &RowSet<'_>) {}

    /// What working out its rows has taken so far, phase by phase; the same phases every time.
    fn phases(&self) -> Vec<(&'static str, Duration)> {
        Vec::new()
    }

    /// Checks that the file behind it is still the one that was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if not.
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    /// Where its rows come from, as keys and values for an export's metadata: no time, no host, no path.
    fn provenance(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// One column for these rows; `rows` lie within the table.
    ///
    /// # Errors
    /// If what the column is made of cannot be read.
    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef>;
}

/// Which rows to read.
#[derive(Debug, Clone, Default)]
pub enum Rows {
    /// Every row.
    #[default]
    All,
    /// Rows `start..end`, 0-based; what lies beyond the table is left out.
    Range(Range<usize>),
    /// These rows, in this order.
    List(Arc<[usize]>),
}

/// What to read, and in what portions.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Columns by name, in this order; `None` for all but those [on request](Table::is_on_request).
    pub columns: Option<Vec<String>>,
    /// Rows, all by default.
    pub rows: Rows,
    /// Bound of a batch in bytes; a batch has at least one row. Default 8 MiB, less than 32 MiB.
    pub batch_bytes: usize,
    /// Bound of a batch in rows, none by default.
    pub batch_rows: Option<usize>,
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

/// Reads a table batch by batch. The rows never depend on how they are cut into batches.
#[derive(Debug)]
pub struct TableReader {
    table: Arc<dyn Table>,
    columns: Vec<usize>,
    schema: SchemaRef,
    rows: Rows,
    next: usize,
    num_rows: usize,
    batch_rows: usize,
    pace: Pace,
}

/// How fast batches follow each other: where that is slower than memory, the file may have to be read, and what comes next
/// is worth asking for ahead. Asking costs little, but as much as a tenth of a batch that is in memory.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the last batch was begun, and its bytes.
    last: Option<(Instant, usize)>,
}

/// Bytes a second that no disk gives, and any memory.
const MEMORY_SPEED: f64 = 3e9;

impl Pace {
    /// Begins a batch of so many bytes; whether the one before took long, with all that was done with it.
    pub fn begin(&mut self, bytes: usize) -> bool {
        let last = self.last.replace((Instant::now(), bytes));
        last.is_none_or(|(begun, bytes)| {
            (bytes as f64) < MEMORY_SPEED * begun.elapsed().as_secs_f64()
        })
    }
}

impl TableReader {
    /// Checks the options against the table; nothing is read yet.
    ///
    /// # Errors
    /// If there is no such column, if a row lies beyond the table, or if the bound in bytes is 0 or 32 MiB and more.
    pub fn try_new(table: Arc<dyn Table>, options: &ReadOptions) -> Result<Self> {
        if options.batch_bytes == 0 || options.batch_bytes >= BATCH_BYTES_LIMIT {
            return Err(Error::BadParameter {
                parameter: "batch-bytes",
                found: options.batch_bytes.to_string(),
                expected: "at least 1 byte and less than 32 MiB".to_string(),
                hint: "leave it out for 8 MiB; larger batches are slower".to_string(),
            });
        }
        let columns = project(table.as_ref(), options.columns.as_deref())?;
        let schema = Arc::new(table.schema().project(&columns)?);
        let total = table.num_rows()?;
        let (rows, num_rows) = select(&options.rows, total)?;
        let batch_rows = batch_rows(&schema, options.batch_bytes)
            .min(options.batch_rows.unwrap_or(usize::MAX))
            .max(1);
        Ok(Self {
            table,
            columns,
            schema,
            rows,
            next: 0,
            num_rows,
            batch_rows,
            pace: Pace::default(),
        })
    }

    /// Rows still to come.
    pub fn rows_left(&self) -> usize {
        self.num_rows - self.next
    }

    /// Bytes of data that all rows take together.
    pub fn num_bytes(&self) -> u64 {
        self.num_rows as u64 * row_bytes(&self.schema) as u64
    }

    fn next_batch(&mut self) -> Result<RecordBatch> {
        let end = (self.next + self.batch_rows).min(self.num_rows);
        let bytes = (end - self.next) * row_bytes(&self.schema);
        let is_slow = self.pace.begin(bytes);
        let rows = self.row_set(self.next, end);
        self.table.check_unchanged()?;
        if self.next == 0 {
            self.will_need(&rows);
        }
        if is_slow {
            self.will_need(&self.row_set(end, (end + self.batch_rows).min(self.num_rows)));
        }
        let _span =
            tracing::debug_span!("batch", table = self.table.name(), rows = rows.len()).entered();
        let batch = read_batch(self.table.as_ref(), &self.schema, &self.columns, &rows)?;
        self.next = end;
        Ok(batch)
    }

    fn row_set(&self, from: usize, to: usize) -> RowSet<'_> {
        match &self.rows {
            Rows::All => RowSet::Range(from..to),
            Rows::Range(range) => RowSet::Range(range.start + from..range.start + to),
            Rows::List(list) => RowSet::List(&list[from..to]),
        }
    }

    fn will_need(&self, rows: &RowSet<'_>) {
        if !rows.is_empty() {
            self.columns
                .iter()
                .for_each(|column| self.table.will_need(*column, rows));
        }
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
        Arc::clone(&self.schema)
    }
}

/// One batch: these columns (whose schema is `schema`) of these rows.
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

/// Column indices for names; `None` for the default columns.
///
/// # Errors
/// [`Error::NoSuchColumn`], with the nearest name.
pub fn project(table: &dyn Table, names: Option<&[String]>) -> Result<Vec<usize>> {
    let schema = table.schema();
    let Some(names) = names else {
        return Ok((0..schema.fields().len())
            .filter(|index| !table.is_on_request(*index))
            .collect());
    };
    names
        .iter()
        .map(|name| column_index(table.name(), &schema, name))
        .collect()
}

fn column_index(table: &str, schema: &Schema, name: &str) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        let available: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let suggestion = nearest_name(name, available.iter().map(String::as_str));
        Error::NoSuchColumn {
            table: table.to_string(),
            column: name.to_string(),
            available,
            suggestion,
        }
    })
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
            Some(row) => Err(Error::BadParameter {
                parameter: "rows",
                found: row.to_string(),
                expected: format!("rows below {total}"),
                hint: "rows count from 0".to_string(),
            }),
        },
    }
}

/// Rows that fit a batch of so many bytes, at least one.
pub fn batch_rows(schema: &Schema, batch_bytes: usize) -> usize {
    (batch_bytes / row_bytes(schema).max(1)).max(1)
}

/// Bytes a row takes.
pub fn row_bytes(schema: &Schema) -> usize {
    schema.fields().iter().map(|field| value_bytes(field)).sum()
}

/// Bytes a value of this column takes; text is taken for 32 where its field does not tell its width.
pub fn value_bytes(field: &Field) -> usize {
    match field.data_type() {
        DataType::Boolean => 1,
        DataType::FixedSizeList(item, size) => (*size as usize).saturating_mul(value_bytes(item)),
        DataType::Utf8 => text_width(field).map_or(32, |width| width.saturating_add(4)),
        other => other.primitive_width().unwrap_or(32),
    }
}

/// Whether a column is wide, such as patterns: more than [`WIDE_BYTES`] a row.
pub fn is_wide(field: &Field) -> bool {
    value_bytes(field) > WIDE_BYTES
}

/// A row of 100 members' coordinates is still narrow; the smallest pattern in use (32 x 32) is not.
pub const WIDE_BYTES: usize = 2048;

/// A table that is one batch in memory: lists of arrays, of files.
#[derive(Debug)]
pub struct MemoryTable {
    name: &'static str,
    batch: RecordBatch,
    provenance: BTreeMap<String, String>,
}

impl MemoryTable {
    /// A table with these rows, which come from there.
    pub fn new(
        name: &'static str,
        batch: RecordBatch,
        provenance: BTreeMap<String, String>,
    ) -> Self {
        Self {
            name,
            batch,
            provenance,
        }
    }
}

impl Table for MemoryTable {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    fn known_rows(&self) -> Option<usize> {
        Some(self.batch.num_rows())
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.batch.num_rows())
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        self.provenance.clone()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let column = self.batch.column(index);
        match rows {
            RowSet::Range(range) => Ok(column.slice(range.start, range.len())),
            RowSet::List(list) => {
                let picks: Vec<(usize, usize)> = list.iter().map(|row| (0, *row)).collect();
                Ok(arrow::compute::interleave(&[column.as_ref()], &picks)?)
            }
        }
    }
}

/// A table of one column.
#[derive(Debug)]
pub struct ColumnTable {
    name: &'static str,
    column: Column,
}

impl ColumnTable {
    /// A table with this column.
    pub fn new(name: &'static str, column: Column) -> Self {
        Self { name, column }
    }
}

impl Table for ColumnTable {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Arc::clone(self.column.field())]))
    }

    fn known_rows(&self) -> Option<usize> {
        Some(self.column.num_rows())
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.column.num_rows())
    }

    fn column(&self, _index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        self.column.array(rows)
    }
}
