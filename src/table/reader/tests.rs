use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use proptest::prelude::*;

use super::*;
use crate::table::TableInfo;

/// A table of row numbers, and of a column as wide as a test likes that nobody should ever build.
#[derive(Debug, Default)]
struct Numbered {
    num_rows: usize,
    /// The number of Int64 values per row of the second column.
    width: i32,
    largest_batch: AtomicUsize,
    has_changed: AtomicBool,
}

impl Numbered {
    fn new(num_rows: usize, width: i32) -> Arc<Self> {
        Arc::new(Self {
            num_rows,
            width,
            ..Default::default()
        })
    }
}

impl TableInfo for Numbered {
    fn is_on_request(&self, column: usize) -> bool {
        column == 1
    }
}

impl Table for Numbered {
    fn name(&self) -> &str {
        "numbered"
    }

    fn schema(&self) -> SchemaRef {
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        Arc::new(Schema::new(vec![
            Field::new("row", DataType::Int64, false),
            Field::new("wide", DataType::FixedSizeList(item, self.width), true),
        ]))
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.num_rows)
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        self.largest_batch.fetch_max(rows.len(), Ordering::Relaxed);
        Ok(match index {
            0 => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row as i64),
            )),
            _ => new_null_array(self.schema().field(1).data_type(), rows.len()),
        })
    }

    fn check_unchanged(&self) -> Result<()> {
        match self.has_changed.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::FileChanged {
                path: "numbered".into(),
                what: "size".to_string(),
            }),
        }
    }
}

fn reader(table: &Arc<Numbered>, options: &ReadOptions) -> Result<TableReader> {
    TableReader::try_new(Arc::clone(table) as Arc<dyn Table>, options)
}

fn rows_of(reader: TableReader) -> Vec<usize> {
    reader
        .flat_map(|batch| {
            let batch = batch.unwrap();
            let rows = batch.column(0).as_primitive::<Int64Type>().values();
            rows.iter().map(|row| *row as usize).collect::<Vec<_>>()
        })
        .collect()
}

proptest! {
    #[test]
    fn rows_do_not_depend_on_batches(
        num_rows in 0usize..40,
        batch_bytes in 1usize..200,
        batch_rows in proptest::option::of(0usize..7),
        start in 0usize..50,
        end in 0usize..50,
        picks in proptest::collection::vec(0usize..40, 0..30),
    ) {
        let table = Numbered::new(num_rows, 1);
        let options = ReadOptions::default()
            .with_batch_bytes(batch_bytes)
            .with_batch_rows(batch_rows);
        let read = |rows: Rows| rows_of(reader(&table, &options.clone().with_rows(rows)).unwrap());
        prop_assert_eq!(read(Rows::All), (0..num_rows).collect::<Vec<_>>());
        let expected: Vec<usize> = (start..end).filter(|row| *row < num_rows).collect();
        prop_assert_eq!(read((start..end).into()), expected);
        // A list may name rows twice, in any order; all lie within the table.
        let list: Vec<usize> = picks.into_iter().filter(|row| *row < num_rows).collect();
        prop_assert_eq!(read(list.clone().into()), list);
        let bound = (batch_bytes / 8).min(batch_rows.unwrap_or(usize::MAX)).max(1);
        prop_assert!(table.largest_batch.load(Ordering::Relaxed) <= bound);
    }
}

#[test]
fn bounds_outside_their_range_are_errors() {
    let table = Numbered::new(3, 1);
    for batch_bytes in [0, 1 << 31, usize::MAX] {
        let error = reader(
            &table,
            &ReadOptions::default().with_batch_bytes(batch_bytes),
        );
        assert!(
            matches!(
                error,
                Err(Error::OutOfRange {
                    parameter: Parameter::BatchBytes,
                    ..
                })
            ),
            "{batch_bytes}"
        );
    }
    let largest = ReadOptions::default()
        .with_batch_bytes(i32::MAX as usize)
        .with_batch_rows(usize::MAX);
    assert_eq!(rows_of(reader(&table, &largest).unwrap()), [0, 1, 2]);
    for row in [3, usize::MAX] {
        let error = reader(&table, &ReadOptions::default().with_rows(vec![0, row]));
        assert!(matches!(
            error,
            Err(Error::OutOfRange {
                parameter: Parameter::Rows,
                ..
            })
        ));
    }
    let range = ReadOptions::default().with_rows(1..usize::MAX);
    assert_eq!(rows_of(reader(&table, &range).unwrap()), [1, 2]);
}

#[test]
fn tables_of_any_claimed_size_are_read_without_overflow() {
    let table = Numbered::new(usize::MAX, i32::MAX);
    let all = ReadOptions::default().with_columns(["row", "wide"]);
    let huge = reader(&table, &all).unwrap();
    assert_eq!((huge.num_bytes(), huge.rows_left()), (u64::MAX, usize::MAX));
    // One row of the wide column takes 16 GiB; many of them more than there is.
    let last = all.clone().with_rows(usize::MAX - 1..usize::MAX);
    assert_eq!(reader(&table, &last).unwrap().rows_left(), 1);
    let narrow = ReadOptions::default()
        .with_rows(usize::MAX - 3..usize::MAX)
        .with_batch_rows(2);
    let rows = rows_of(reader(&table, &narrow).unwrap());
    assert_eq!(rows, [usize::MAX - 3, usize::MAX - 2, usize::MAX - 1]);
    // No columns at all: rows are counted, nothing is allocated.
    let none = ReadOptions::default()
        .with_columns(Vec::<String>::new())
        .with_batch_bytes(1000);
    let mut none = reader(&table, &none).unwrap();
    assert_eq!(none.next().unwrap().unwrap().num_rows(), 1000);
    assert_eq!(none.num_bytes(), 0);
}

#[test]
fn a_batch_that_memory_cannot_hold_is_an_error_that_ends_the_reader() {
    let table = Numbered::new(usize::MAX, i32::MAX);
    let source = |columns: Vec<usize>| {
        BatchSource::try_new(Arc::clone(&table) as Arc<dyn Table>, columns, 1 << 20, None)
    };
    let rows = RowSet::Range(0..usize::MAX);
    let error = source(vec![1]).unwrap().read(&rows, &rows).unwrap_err();
    let expected = (usize::MAX as u128) * (i32::MAX as u128) * 8;
    assert!(
        matches!(
            error,
            Error::TooLarge { bytes, parameter: Parameter::BatchBytes, .. } if bytes == expected
        ),
        "{error:?}"
    );
    assert_eq!(table.largest_batch.load(Ordering::Relaxed), 0);
}

#[test]
fn an_error_ends_the_reader() {
    let table = Numbered::new(9, 1);
    let mut reader = reader(&table, &ReadOptions::default().with_batch_rows(2)).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 2);
    table.has_changed.store(true, Ordering::Relaxed);
    let error = Error::from(reader.next().unwrap().unwrap_err());
    assert!(matches!(error, Error::FileChanged { .. }));
    assert!(reader.next().is_none());
    assert_eq!(reader.rows_left(), 0);
}

#[test]
fn columns_on_request_are_read_only_if_named() {
    let table = Numbered::new(2, 3);
    let names = |options: &ReadOptions| -> Vec<String> {
        let schema = reader(&table, options).unwrap().schema();
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    assert_eq!(names(&ReadOptions::default()), ["row"]);
    let both = ReadOptions::default().with_columns(["wide", "row"]);
    assert_eq!(names(&both), ["wide", "row"]);
    let batch = reader(&table, &both).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(0).len(), 2);
    let error = reader(&table, &ReadOptions::default().with_columns(["rows"])).unwrap_err();
    assert!(matches!(error, Error::NoSuchColumn { suggestion: Some(name), .. } if name == "row"));
}
