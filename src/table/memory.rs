//! Holds tables that are one batch in memory, such as the list of a file's arrays.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;

use super::{Table, TableInfo};
use crate::array::RowSet;
use crate::error::Result;

/// Holds a table in memory.
#[derive(Debug)]
pub struct MemoryTable {
    name: &'static str,
    batch: RecordBatch,
    provenance: BTreeMap<String, String>,
}

impl MemoryTable {
    /// Creates a table with the rows of a batch.
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

impl TableInfo for MemoryTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.batch.num_rows())
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        self.provenance.clone()
    }
}

impl Table for MemoryTable {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.batch.num_rows())
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

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn ranges_and_lists_of_rows_are_those_of_the_batch() {
        let columns: [(&str, ArrayRef); 2] = [
            ("number", Arc::new(Int32Array::from(vec![10, 11, 12, 13]))),
            (
                "name",
                Arc::new(StringArray::from(vec!["a", "b", "c", "d"])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let provenance = BTreeMap::from([("source".to_string(), "test".to_string())]);
        let table = MemoryTable::new("list", batch.clone(), provenance.clone());
        assert_eq!((table.name(), table.known_rows()), ("list", Some(4)));
        assert_eq!(
            (table.schema(), table.provenance()),
            (batch.schema(), provenance)
        );
        let range = table.column(0, &RowSet::Range(1..3)).unwrap();
        assert_eq!(range.as_primitive::<Int32Type>().values(), &[11, 12]);
        let list = table.column(1, &RowSet::List(&[3, 0, 3])).unwrap();
        let expected = StringArray::from(vec!["d", "a", "d"]);
        assert_eq!(list.as_string::<i32>(), &expected);
        for none in [RowSet::Range(4..4), RowSet::List(&[])] {
            assert!(table.column(1, &none).unwrap().is_empty());
        }
    }
}
