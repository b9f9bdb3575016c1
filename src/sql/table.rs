//! One table provider for every table of a file: it plans from headers, and hands over to [`NpzScanExec`].

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::{DFSchema, TableReference, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::{NpzScanExec, is_filterable};
use super::{Source, open_relation};
use crate::npz::NpzFile;
use crate::table::Table;

/// A table of a file, for DataFusion.
#[derive(Debug, Clone)]
pub struct NpzTable {
    source: Source,
    table: Arc<dyn Table>,
}

impl NpzTable {
    /// A provider of a table that is open.
    pub fn new(source: Source, table: Arc<dyn Table>) -> Self {
        Self { source, table }
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

/// A schema whose tables are opened when they are first asked for: a spec that the file cannot meet fails when `groups`
/// is named in a query, not before.
#[derive(Debug)]
pub struct LazySchema {
    /// Tables that were in the schema before.
    others: Option<Arc<dyn SchemaProvider>>,
    sources: Mutex<HashMap<String, (Source, Arc<NpzFile>)>>,
    opened: Mutex<HashMap<String, Arc<NpzTable>>>,
    registered: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl LazySchema {
    /// A schema in front of another.
    pub fn new(others: Option<Arc<dyn SchemaProvider>>) -> Self {
        let (sources, opened, registered) = Default::default();
        Self {
            others,
            sources,
            opened,
            registered,
        }
    }

    /// Adds a table under its own name.
    pub fn add(&self, source: Source, npz: Arc<NpzFile>) {
        lock(&self.sources).insert(source.relation.name().to_string(), (source, npz));
    }

    fn open(&self, name: &str) -> Result<Option<Arc<NpzTable>>> {
        if let Some(table) = lock(&self.opened).get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let Some((source, npz)) = lock(&self.sources).get(name).cloned() else {
            return Ok(None);
        };
        let table = open_relation(&npz, &source.scan, &source.relation)?;
        let table = Arc::new(NpzTable::new(source, table));
        lock(&self.opened).insert(name.to_string(), Arc::clone(&table));
        Ok(Some(table))
    }
}

/// Whether a name stands for a table of a file that was registered as a whole. DataFusion asks for the table, and takes
/// the refusal to drop it for its absence.
pub fn is_of_a_file(context: &SessionContext, name: &TableReference) -> bool {
    let (state, name) = (context.state(), name.clone());
    let name = name.resolve(
        &state.config_options().catalog.default_catalog,
        &state.config_options().catalog.default_schema,
    );
    let schema = context
        .catalog(&name.catalog)
        .and_then(|catalog| catalog.schema(&name.schema));
    let Some(schema) = schema else { return false };
    let Some(lazy) = (schema.as_ref() as &dyn Any).downcast_ref::<LazySchema>() else {
        return false;
    };
    lock(&lazy.sources).contains_key(name.table.as_ref())
        && !lock(&lazy.registered).contains_key(name.table.as_ref())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl SchemaProvider for LazySchema {
    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = lock(&self.sources).keys().cloned().collect();
        // `information_schema` opens what is listed here, and one that cannot be opened would spoil it all.
        names.retain(|name| self.open(name).is_ok());
        names.extend(lock(&self.registered).keys().cloned());
        names.extend(self.others.iter().flat_map(|others| others.table_names()));
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(table) = lock(&self.registered).get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        if let Some(table) = self.open(name)? {
            return Ok(Some(table));
        }
        match &self.others {
            Some(others) => others.table(name).await,
            None => Ok(None),
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(lock(&self.registered).insert(name, table))
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match lock(&self.registered).remove(name) {
            None if lock(&self.sources).contains_key(name) => {
                plan_err!("`{name}` is a table of the file, and stays")
            }
            removed => Ok(removed),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}
