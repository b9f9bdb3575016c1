//! Tables that are one batch in memory: lists of arrays, of files.

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
