//! Scan points by a predicate over the table `scan`, without a session: what `among` and `seeds_from` of a plan mean,
//! wherever the plan is run.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray};
use arrow::compute::prep_null_mask_filter;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, internal_err, plan_datafusion_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::prelude::SessionContext;
use rayon::prelude::*;

use super::SessionOptions;
use crate::array::RowSet;
use crate::scan::Scan;
use crate::table::{DEFAULT_BATCH_BYTES, Table, batch_rows, read_batch};

/// A predicate over the columns of `scan`, checked.
#[derive(Debug)]
pub struct Predicate {
    expr: Arc<dyn PhysicalExpr>,
}

impl Predicate {
    /// Parses and checks a predicate; every scalar function of SQL can be used, subqueries cannot.
    ///
    /// # Errors
    /// If it cannot be parsed, names no column of `scan`, or is no truth value.
    pub fn parse(scan: &Scan, sql: &str) -> Result<Self> {
        let context = super::context(&SessionOptions {
            threads: Some(1),
            ..Default::default()
        })?;
        let schema = DFSchema::try_from_qualified_schema("scan", &scan.schema())?;
        let expr = context
            .parse_sql_expr(sql, &schema)
            .map_err(|e| bad(sql, &e))?;
        let is_query = |expr: &Expr| {
            matches!(
                expr,
                Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_)
            )
        };
        if expr.exists(|expr| Ok(is_query(expr)))? {
            return Err(bad(
                sql,
                &plan_datafusion_err!("expected columns of `scan` alone, found a subquery"),
            ));
        }
        Self::physical(&context, expr, &schema).map_err(|e| bad(sql, &e))
    }

    fn physical(context: &SessionContext, expr: Expr, schema: &DFSchema) -> Result<Self> {
        let expr = context.create_physical_expr(expr, schema)?;
        let found = expr.data_type(schema.as_arrow())?;
        match found {
            arrow::datatypes::DataType::Boolean => Ok(Self { expr }),
            other => Err(plan_datafusion_err!(
                "expected a truth value, found {other}"
            )),
        }
    }

    /// The scan points for which it holds, ascending. Reads the columns it names and no other, a batch at a time.
    ///
    /// # Errors
    /// If a column cannot be read, or if it cannot be evaluated.
    pub fn points(&self, scan: &Scan) -> Result<Vec<u32>> {
        let mut columns: Vec<usize> = collect_columns(&self.expr)
            .iter()
            .map(|column| column.index())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let schema = Arc::new(scan.schema().project(&columns)?);
        let expr = reassign_expr_columns(Arc::clone(&self.expr), &schema)?;
        let step = batch_rows(&schema, DEFAULT_BATCH_BYTES);
        let starts: Vec<usize> = (0..scan.num_positions()).step_by(step).collect();
        let of_batch = |start: usize| -> Result<Vec<u32>> {
            let rows = start..(start + step).min(scan.num_positions());
            let batch = read_batch(scan, &schema, &columns, &RowSet::Range(rows.clone()))?;
            let mask = expr.evaluate(&batch)?.into_array(batch.num_rows())?;
            let Some(mask) = mask.as_any().downcast_ref::<BooleanArray>() else {
                return internal_err!("the predicate is no truth value");
            };
            // A null is no pass.
            let mask = if mask.null_count() > 0 {
                prep_null_mask_filter(mask)
            } else {
                mask.clone()
            };
            Ok(rows
                .zip(mask.values().iter())
                .filter(|(_, holds)| *holds)
                .map(|(row, _)| row as u32)
                .collect())
        };
        let points: Vec<Vec<u32>> = starts
            .into_par_iter()
            .map(of_batch)
            .collect::<Result<_>>()?;
        Ok(points.concat())
    }
}

fn bad(sql: &str, error: &DataFusionError) -> DataFusionError {
    plan_datafusion_err!(
        "the predicate \"{sql}\" over `scan`: {}",
        error.strip_backtrace()
    )
}
