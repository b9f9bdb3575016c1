//! Parses, plans and starts statements.

use std::sync::Arc;

use std::any::Any;

use arrow::datatypes::Schema;
use datafusion::common::plan_err;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DfResult;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlanStatement};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::sql::parser::Statement;

use super::exec::NpzScanExec;
use super::parse::statements;
use super::table::NpzTable;
use super::{recent, refuse, schema, tensors};
use crate::error::Notice;
use crate::table::{DEFAULT_BATCH_BYTES, row_bytes};

/// Plans and starts one statement.
///
/// DataFusion's operators collect rows into batches of a fixed number of rows. So that batches of patterns too stay near
/// 8 MiB, that number is chosen from the widest row that the statement reads.
///
/// # Errors
/// If the statement cannot be parsed, planned or started, or if it would write anything. Queries are run, and names within
/// the session can be given and removed (`CREATE EXTERNAL TABLE`, `CREATE VIEW`, `DROP`).
pub async fn query(ctx: &SessionContext, sql: &str) -> DfResult<SendableRecordBatchStream> {
    run(ctx, only_statement(sql)?).await
}

/// Parses the one statement of a text.
///
/// # Errors
/// If there is none, or more than one; if it cannot be parsed.
pub(super) fn only_statement(sql: &str) -> DfResult<Statement> {
    let mut statements = statements(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => plan_err!("expected a statement, found none"),
        (Some(_), false) => plan_err!("expected one statement, found {}", statements.len() + 1),
    }
}

/// Plans and starts one statement that has been parsed, as [`query`] does.
///
/// # Errors
/// As [`query`].
pub async fn run(
    ctx: &SessionContext,
    statement: Statement,
) -> DfResult<SendableRecordBatchStream> {
    Ok(start(ctx, statement).await?.stream)
}

/// Holds a statement that has been started.
pub(super) struct Started {
    /// The rows.
    pub stream: SendableRecordBatchStream,
    /// The plan that yields them; `None` for a statement that changes the session only.
    pub plan: Option<Arc<dyn ExecutionPlan>>,
}

/// Returns what the tables that a plan reads have to say, each notice once.
pub(super) fn notices(plan: &Arc<dyn ExecutionPlan>) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    let visit = |node: &Arc<dyn ExecutionPlan>| {
        if let Some(scan) = node.downcast_ref::<NpzScanExec>() {
            for notice in scan.notices() {
                if !notices.contains(&notice) {
                    notices.push(notice);
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    };
    // The visitor never fails.
    drop(plan.apply(visit));
    notices
}

/// Plans and starts one statement that has been parsed, as [`run`] does, and keeps its plan.
///
/// # Errors
/// As [`query`].
pub(super) async fn start(ctx: &SessionContext, statement: Statement) -> DfResult<Started> {
    refuse::check(&statement)?;
    let state = ctx.state();
    let planned = state.statement_to_plan(statement.clone()).await;
    let plan = planned.map_err(|error| recent::explained(ctx, &statement, error))?;
    tensors::check(&plan)?;
    if changes_the_session_only(&plan) {
        if let LogicalPlan::Ddl(DdlStatement::DropTable(drop)) = &plan
            && schema::is_of_a_file(ctx, &drop.name)
        {
            return plan_err!(
                "`{}` is a table of a file, and stays; only names given in this session can be dropped",
                drop.name
            );
        }
        let stream = ctx
            .execute_logical_plan(plan)
            .await?
            .execute_stream()
            .await?;
        return Ok(Started { stream, plan: None });
    }
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .verify_plan(&plan)?;
    let explained = |error| recent::explained(ctx, &statement, error);
    let plan = state.optimize(&plan).map_err(explained)?;
    settle_counts(&plan)?;
    let rows = DEFAULT_BATCH_BYTES / widest_row(&plan)?.max(1);
    let rows = rows.min(state.config().batch_size()).max(1);
    // Otherwise the builder would replace the default catalog by an empty one.
    let config = state
        .config()
        .clone()
        .with_batch_size(rows)
        .with_create_default_catalog_and_schema(false);
    let state = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .build();
    let physical = state
        .query_planner()
        .create_physical_plan(&plan, &state)
        .await?;
    Ok(Started {
        stream: execute_stream(Arc::clone(&physical), state.task_ctx())?,
        plan: Some(physical),
    })
}

/// Works out how many rows those tables have that are to be counted as a whole: from then on the number is certain, and the
/// plan answers with it. Only where the number depends on data, and not for EXPLAIN, is anything read.
///
/// # Errors
/// If the rows of such a table are refused.
fn settle_counts(plan: &LogicalPlan) -> DfResult<()> {
    if matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
        return Ok(());
    }
    let counts = |node: &LogicalPlan| matches!(node, LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty());
    plan.apply_with_subqueries(|node| {
        if counts(node) {
            node.inputs().into_iter().try_for_each(settle_count)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(drop)
}

/// Works out the number of rows of a table that is read without any column.
fn settle_count(node: &LogicalPlan) -> DfResult<()> {
    match node {
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            node.inputs().into_iter().try_for_each(settle_count)
        }
        LogicalPlan::TableScan(scan) => {
            let whole = scan.filters.is_empty() && scan.fetch.is_none();
            let is_empty = scan.projection.as_ref().is_some_and(Vec::is_empty);
            let Ok(provider) = source_as_provider(&scan.source) else {
                return Ok(());
            };
            match (provider.as_ref() as &dyn Any).downcast_ref::<NpzTable>() {
                Some(table) if whole && is_empty => Ok(table.settle()?),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Returns whether a statement changes only names or settings of this session.
fn changes_the_session_only(plan: &LogicalPlan) -> bool {
    use DdlStatement::{CreateExternalTable, CreateView, DropTable, DropView};
    match plan {
        LogicalPlan::Ddl(ddl) => matches!(
            ddl,
            CreateExternalTable(_) | CreateView(_) | DropTable(_) | DropView(_)
        ),
        LogicalPlan::Statement(statement) => {
            matches!(
                statement,
                PlanStatement::SetVariable(_) | PlanStatement::ResetVariable(_)
            )
        }
        _ => false,
    }
}

/// Returns the number of bytes of the widest row that any node of a plan yields.
fn widest_row(plan: &LogicalPlan) -> DfResult<usize> {
    let mut widest = 0;
    plan.apply_with_subqueries(|node| {
        let schema: &Schema = node.schema().as_arrow();
        widest = widest.max(row_bytes(schema));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(widest)
}
