//! Evaluates one filter on the columns that it needs.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr};

use crate::array::RowSet;
use crate::table::{Table, read_batch};

/// Drops the rows that do not pass an expression, reading only the columns that the expression names.
pub struct Filter {
    expr: Arc<dyn PhysicalExpr>,
    columns: Vec<usize>,
    schema: SchemaRef,
    is_dynamic: bool,
}

impl Filter {
    /// Creates a filter from an expression over the columns of a table.
    ///
    /// # Errors
    /// If the expression names a column that the table does not have.
    pub fn try_new(expr: &Arc<dyn PhysicalExpr>, table_schema: &Schema) -> Result<Self> {
        let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let schema = Arc::new(table_schema.project(&columns)?);
        let is_dynamic = DynamicFilterTracking::classify(expr).contains_dynamic_filter();
        Ok(Self {
            expr: reassign_expr_columns(Arc::clone(expr), &schema)?,
            columns,
            schema,
            is_dynamic,
        })
    }

    /// Returns whether the filter may become stricter while the query runs.
    pub fn is_dynamic(&self) -> bool {
        self.is_dynamic
    }

    /// Returns whether all columns of the filter are known before the rows are worked out.
    pub fn is_early(&self, table: &dyn Table) -> bool {
        !self.columns.is_empty() && self.columns.iter().all(|column| table.is_early(*column))
    }

    /// Keeps the rows that pass; a null does not pass.
    ///
    /// # Errors
    /// If a column cannot be read, or the expression cannot be evaluated.
    pub fn retain(&self, table: &dyn Table, rows: &mut Vec<usize>) -> Result<()> {
        let passes = self.passes(table, &as_row_set(rows))?;
        let mut passes = passes.values().iter();
        rows.retain(|_| passes.next().unwrap_or(false));
        Ok(())
    }

    /// Returns for each of the rows whether it passes, without nulls.
    ///
    /// # Errors
    /// As [`Filter::retain`].
    pub fn passes(&self, table: &dyn Table, rows: &RowSet<'_>) -> Result<BooleanArray> {
        let batch = read_batch(table, &self.schema, &self.columns, rows)?;
        let mask = self.expr.evaluate(&batch)?.into_array(batch.num_rows())?;
        let Some(mask) = mask.as_any().downcast_ref::<BooleanArray>() else {
            return internal_err!("the filter {} is not a truth value", self.expr);
        };
        Ok(match mask.null_count() {
            0 => mask.clone(),
            _ => prep_null_mask_filter(mask),
        })
    }

    /// Returns the schema of the columns that the filter reads.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// Returns neighbouring rows as a range, which can be sliced out of a map.
pub fn as_row_set(rows: &[usize]) -> RowSet<'_> {
    match rows {
        [first, .., last] if last - first + 1 == rows.len() && rows.is_sorted() => {
            RowSet::Range(*first..last + 1)
        }
        rows => RowSet::List(rows),
    }
}
