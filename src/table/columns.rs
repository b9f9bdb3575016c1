//! Columns of a table by name, and a table of one column.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};

use super::{Table, TableInfo};
use crate::array::{Column, RowSet};
use crate::error::{Error, Result, nearest_name};

/// Returns the indices of the columns with these names; `None` for the default columns.
///
/// # Errors
/// [`Error::NoSuchColumn`], with the nearest name.
pub fn project(table: &dyn Table, names: Option<&[String]>) -> Result<Vec<usize>> {
    let schema = table.schema();
    let Some(names) = names else {
        let all = 0..schema.fields().len();
        return Ok(all.filter(|index| !table.is_on_request(*index)).collect());
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

/// Holds one column as a table.
#[derive(Debug)]
pub struct ColumnTable {
    name: &'static str,
    column: Column,
}

impl ColumnTable {
    /// Creates a table with this column.
    pub fn new(name: &'static str, column: Column) -> Self {
        Self { name, column }
    }
}

impl TableInfo for ColumnTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.column.num_rows())
    }
}

impl Table for ColumnTable {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Arc::clone(self.column.field())]))
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.column.num_rows())
    }

    fn column(&self, _index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        self.column.array(rows)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.column.npz().check_unchanged()
    }
}
