//! Evaluates predicates over the table `scan` without a session: what `among` and `seeds_from` mean, wherever a plan runs.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, plan_datafusion_err, plan_err};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::registry::FunctionRegistry;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use rayon::prelude::*;

use super::error::{ours, plain};
use super::filter::Filter;
use super::hints::{Known, explained};
use super::parse::statements;
use super::tensors::TensorOperators;
use super::{functions, refuse};
use crate::array::RowSet;
use crate::error::{Error, Parameter, Result};
use crate::scan::Scan;
use crate::table::{DEFAULT_BATCH_BYTES, Table, batch_rows};

/// Returns the scan points for which a predicate over the columns of the table `scan` holds, ascending.
///
/// Every scalar function of SQL can be used; subqueries cannot. Only the columns that the predicate names are read, a
/// batch at a time.
///
/// ```
/// let scan = ptychoarrow::Scan::open("tests/data/siemens_star.npz")?;
/// let points = ptychoarrow::sql::scan_points(&scan, "y < 200 AND scan_point % 3 = 0")?;
/// assert!(points.iter().all(|point| point % 3 == 0));
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
///
/// # Errors
/// [`Error::BadPredicate`] if it cannot be parsed or evaluated, names a column that `scan` does not have, or is not a
/// truth value; if a column cannot be read.
pub fn scan_points(scan: &Scan, predicate: &str) -> Result<Vec<u32>> {
    Predicate::parse(scan, Parameter::Among, predicate)?.points(scan)
}

/// Holds a predicate over the columns of `scan` that has been checked.
#[derive(Debug)]
pub(super) struct Predicate {
    parameter: Parameter,
    sql: String,
    expr: Arc<dyn PhysicalExpr>,
}

impl Predicate {
    /// Parses and checks the predicate that is the value of a parameter.
    ///
    /// # Errors
    /// As [`scan_points`].
    pub fn parse(scan: &Scan, parameter: Parameter, sql: &str) -> Result<Self> {
        let expr = physical(scan, sql).map_err(|e| bad(parameter, sql, e))?;
        let sql = sql.to_string();
        Ok(Self {
            parameter,
            sql,
            expr,
        })
    }

    /// Returns the scan points for which the predicate holds, ascending.
    ///
    /// # Errors
    /// If a column cannot be read, or the predicate cannot be evaluated.
    pub fn points(&self, scan: &Scan) -> Result<Vec<u32>> {
        let of_batch = |(filter, rows): (&Filter, std::ops::Range<usize>)| -> DfResult<Vec<u32>> {
            let passes = filter.passes(scan, &RowSet::Range(rows.clone()))?;
            let kept = rows.zip(passes.values().iter());
            // Below, the number of scan points is checked.
            Ok(kept
                .filter(|(_, passes)| *passes)
                .map(|(row, _)| row as u32)
                .collect())
        };
        let of_scan = || -> DfResult<Vec<Vec<u32>>> {
            let filter = Filter::try_new(&self.expr, &scan.schema())?;
            let step = batch_rows(filter.schema(), DEFAULT_BATCH_BYTES);
            let rows = scan.num_positions();
            if u32::try_from(rows).is_err() {
                return plan_err!("expected fewer than 2^32 scan points, found {rows}");
            }
            let starts: Vec<usize> = (0..rows).step_by(step).collect();
            let batches = starts.into_par_iter();
            batches
                .map(|start| of_batch((&filter, start..start.saturating_add(step).min(rows))))
                .collect()
        };
        let points = of_scan().map_err(|e| bad(self.parameter, &self.sql, e))?;
        Ok(points.concat())
    }
}

/// Returns a predicate as an expression over the columns of `scan`.
fn physical(scan: &Scan, sql: &str) -> DfResult<Arc<dyn PhysicalExpr>> {
    // A context of its own, which knows the functions and no table: a predicate is about one scan.
    let context = SessionContext::new();
    context
        .state_ref()
        .write()
        .register_expr_planner(Arc::new(TensorOperators))?;
    functions::all()
        .into_iter()
        .for_each(|function| context.register_udf(function));
    let schema = DFSchema::try_from_qualified_schema("scan", &scan.schema())?;
    // As a statement, it is checked and explained as any other.
    let statement = statements(&format!("SELECT {sql}"))?.pop();
    statement.iter().try_for_each(refuse::check)?;
    let expr = context.parse_sql_expr(sql, &schema);
    let expr = expr.map_err(|error| match &statement {
        Some(statement) => {
            let known = Known {
                context: &context,
                scans: &|| vec![scan.clone()],
                tables: &Vec::new,
            };
            explained(&known, statement, error)
        }
        None => error,
    })?;
    let is_query = |expr: &Expr| {
        matches!(
            expr,
            Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
        )
    };
    if expr.exists(|expr| Ok(is_query(expr)))? {
        return Err(plan_datafusion_err!(
            "expected columns of `scan` alone, found a subquery"
        ));
    }
    let expr = context.create_physical_expr(expr, &schema)?;
    match expr.data_type(schema.as_arrow())? {
        DataType::Boolean => Ok(expr),
        found => Err(plan_datafusion_err!(
            "expected a truth value, found {found}"
        )),
    }
}

/// Returns this crate's own error, such as that the file has changed, or else says that the predicate is at fault.
fn bad(parameter: Parameter, sql: &str, error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::BadPredicate {
        parameter,
        predicate: sql.to_string(),
        problem: plain(&error),
    })
}
