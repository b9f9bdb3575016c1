//! Serves every table of a file to DataFusion through one provider, which plans from headers alone.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::TableSource;
use super::exec::{NpzScanExec, is_filterable};
use crate::error::Error;
use crate::table::Table;

/// Serves a table of a file to DataFusion.
#[derive(Debug, Clone)]
pub struct NpzTable {
    source: TableSource,
    table: Arc<dyn Table>,
}

impl NpzTable {
    /// Creates a provider of a table that is open.
    pub fn new(source: TableSource, table: Arc<dyn Table>) -> Self {
        Self { source, table }
    }

    /// Makes the number of rows certain, where the table can be expected to have some number.
    ///
    /// # Errors
    /// If the file has changed, or the rows are refused.
    pub(super) fn settle(&self) -> Result<(), Error> {
        if self.table.known_rows().is_none() && self.table.expected_rows().is_some() {
            self.table.check_unchanged()?;
            self.table.num_rows()?;
        }
        Ok(())
    }

    /// Returns the description of the table as plain data.
    pub(super) fn source(&self) -> &TableSource {
        &self.source
    }
}

#[async_trait]
impl TableProvider for NpzTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = DFSchema::try_from(self.table.schema())?;
        let physical = |filter: &Expr| state.create_physical_expr(filter.clone(), &schema);
        let filters = filters.iter().map(physical).collect::<Result<_>>()?;
        let all = || (0..self.table.schema().fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let partitions = state.config().target_partitions();
        let (source, table) = (self.source.clone(), Arc::clone(&self.table));
        Ok(Arc::new(NpzScanExec::try_new(
            source, table, projection, filters, limit, partitions,
        )?))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let schema = self.table.schema();
        let narrow = |filter: &Expr| {
            let mut columns = filter.column_refs().into_iter();
            columns.all(|column| is_filterable(self.table.as_ref(), &schema, column.name()))
        };
        let support = |filter: &&Expr| match !filter.is_volatile() && narrow(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }
}
