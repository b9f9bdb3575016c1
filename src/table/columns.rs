//! Finds the columns of a table by name, and holds one column as a table.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};

use super::{Table, TableInfo};
use crate::array::{Column, RowSet};
use crate::error::{Error, Result, nearest_name};

/// Returns the indices of the columns with these names; `None` for the default columns.
///
/// # Errors
/// [`Error::NoSuchColumn`], with the nearest name, unless the table says why it lacks the column.
pub fn project(table: &dyn Table, names: Option<&[String]>) -> Result<Vec<usize>> {
    let schema = table.schema();
    let Some(names) = names else {
        let all = 0..schema.fields().len();
        return Ok(all.filter(|index| !table.is_on_request(*index)).collect());
    };
    let index = |name: &String| {
        column_index(table, &schema, name).map_err(|error| table.why_absent(name).unwrap_or(error))
    };
    names.iter().map(index).collect()
}

fn column_index(table: &dyn Table, schema: &Schema, name: &str) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        let available: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let suggestion = table
            .column_of_member(name)
            .or_else(|| nearest_name(name, available.iter().map(String::as_str)));
        Error::NoSuchColumn {
            table: table.name().to_string(),
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

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Float64Type;

    use super::*;
    use crate::array::View;
    use crate::npz::NpzFile;

    #[test]
    fn one_column_is_a_table() {
        let npz = Arc::new(NpzFile::open("tests/data/siemens_star.npz").unwrap());
        let column = Column::open(&npz, "xcoords", "x", &View::along(0)).unwrap();
        let whole = column.array(&RowSet::Range(0..516)).unwrap();
        let whole = whole.as_primitive::<Float64Type>().values();
        let table = ColumnTable::new("positions", column);
        assert_eq!((table.name(), table.known_rows()), ("positions", Some(516)));
        assert_eq!(table.num_rows().unwrap(), 516);
        assert_eq!(table.schema().field(0).name(), "x");
        let list = table.column(0, &RowSet::List(&[515, 0, 515])).unwrap();
        let expected = [whole[515], whole[0], whole[515]];
        assert_eq!(list.as_primitive::<Float64Type>().values(), &expected);
        table.check_unchanged().unwrap();
        assert_eq!(project(&table, None).unwrap(), [0]);
        let error = project(&table, Some(&["y".to_string()])).unwrap_err();
        assert!(matches!(error, Error::NoSuchColumn { .. }));
    }
}
