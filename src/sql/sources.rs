//! Finds out which files a statement reads, so that none of them is replaced by its answer.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::{ListingTable, ListingTableUrl};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use futures::TryStreamExt;

use super::NpzTable;

/// Returns the files of all tables that a statement names, in views and subqueries too. Nothing is started.
///
/// # Errors
/// If the statement cannot be planned.
pub async fn sources(context: &SessionContext, statement: Statement) -> Result<Vec<PathBuf>> {
    let state = context.state();
    let plan = state.statement_to_plan(statement).await?;
    let mut tables = Vec::new();
    collect(&plan, &mut tables)?;
    let mut files = Vec::new();
    for table in tables {
        let table = table.as_ref() as &dyn Any;
        if let Some(table) = table.downcast_ref::<NpzTable>() {
            files.extend(table.source().files().into_iter().map(PathBuf::from));
        } else if let Some(table) = table.downcast_ref::<ListingTable>() {
            for url in table.table_paths() {
                files.extend(listed(&state, url).await);
            }
        }
    }
    Ok(files)
}

/// Collects the tables that a plan names.
fn collect(plan: &LogicalPlan, tables: &mut Vec<Arc<dyn TableProvider>>) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(table) = source_as_provider(&scan.source)
        {
            if let Some(view) = table.get_logical_plan() {
                collect(&view, tables)?;
            }
            tables.push(table);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Lists the files behind the location of a table: one, or those of a folder or pattern. What cannot be listed cannot
/// be read either, and the query itself says so.
async fn listed(state: &SessionState, url: &ListingTableUrl) -> Vec<PathBuf> {
    let Ok(store) = state.runtime_env().object_store(url.object_store()) else {
        return Vec::new();
    };
    let Ok(files) = url.list_all_files(state, store.as_ref(), "").await else {
        return Vec::new();
    };
    let files: Vec<_> = files.try_collect().await.unwrap_or_default();
    files
        .into_iter()
        .map(|file| PathBuf::from(format!("/{}", file.location)))
        .collect()
}
