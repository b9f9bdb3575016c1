//! Puts the tables of a file in front of a schema of the session.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{TableReference, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;

use super::table::NpzTable;
use super::{TableSource, open_relation};
use crate::npz::NpzFile;
use crate::scan::Scan;

/// Adds the tables of a file to a schema; each is opened when it is first asked for.
///
/// A spec that the file cannot meet thus fails when `groups` is named in a query, not before. The schema that was there
/// stays the one that tables are registered in and removed from.
#[derive(Debug)]
pub struct LazySchema {
    /// The schema that was there before.
    inner: Arc<dyn SchemaProvider>,
    sources: Mutex<HashMap<String, (TableSource, Arc<NpzFile>)>>,
    opened: Mutex<HashMap<String, Arc<NpzTable>>>,
    /// The names of the file's tables that have been given to other tables since.
    replaced: Mutex<HashSet<String>>,
}

impl LazySchema {
    /// Creates a schema in front of another, or of an empty one.
    pub fn new(inner: Option<Arc<dyn SchemaProvider>>) -> Self {
        let (sources, opened, replaced) = Default::default();
        Self {
            inner: inner.unwrap_or_else(|| Arc::new(MemorySchemaProvider::new())),
            sources,
            opened,
            replaced,
        }
    }

    /// Adds a table under its own name.
    pub fn add(&self, source: TableSource, npz: Arc<NpzFile>) {
        lock(&self.sources).insert(source.relation.name().to_string(), (source, npz));
    }

    /// Returns whether a name stands for a table of the file.
    fn is_of_file(&self, name: &str) -> bool {
        lock(&self.sources).contains_key(name) && !lock(&self.replaced).contains(name)
    }

    /// Opens a table of the file, if it has one of that name.
    fn open(&self, name: &str) -> Result<Option<Arc<NpzTable>>> {
        if !self.is_of_file(name) {
            return Ok(None);
        }
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

/// Returns whether a name stands for a table of a file that was registered as a whole. DataFusion asks for the table, and
/// takes the refusal to drop it for its absence.
pub fn is_of_a_file(context: &SessionContext, name: &TableReference) -> bool {
    let (state, name) = (context.state(), name.clone());
    let catalogs = &state.config_options().catalog;
    let name = name.resolve(&catalogs.default_catalog, &catalogs.default_schema);
    let schema = context
        .catalog(&name.catalog)
        .and_then(|catalog| catalog.schema(&name.schema));
    let Some(schema) = schema else { return false };
    (schema.as_ref() as &dyn Any)
        .downcast_ref::<LazySchema>()
        .is_some_and(|lazy| lazy.is_of_file(&name.table))
}

/// Returns the scans of all files that are registered as a whole, those of the default schema first.
pub fn scans(context: &SessionContext) -> impl Iterator<Item = Scan> {
    let state = context.state();
    let catalogs = state.config_options().catalog.clone();
    let catalog = context.catalog(&catalogs.default_catalog);
    let mut schemas: Vec<(bool, String)> = catalog
        .iter()
        .flat_map(|catalog| catalog.schema_names())
        .map(|name| (name != catalogs.default_schema, name))
        .collect();
    schemas.sort();
    schemas.into_iter().filter_map(move |(_, name)| {
        let schema = catalog.as_ref()?.schema(&name)?;
        let lazy = (schema.as_ref() as &dyn Any).downcast_ref::<LazySchema>()?;
        let (source, npz) = lock(&lazy.sources).values().next().cloned()?;
        Scan::try_new(npz, &source.scan).ok()
    })
}

/// Returns the names of all tables of the session, those of the default schema without it.
pub fn all_tables(context: &SessionContext) -> Vec<String> {
    let state = context.state();
    let catalogs = state.config_options().catalog.clone();
    let Some(catalog) = context.catalog(&catalogs.default_catalog) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for schema in catalog.schema_names() {
        let tables = catalog.schema(&schema).map(|schema| schema.table_names());
        names.extend(tables.unwrap_or_default().into_iter().map(|table| {
            match schema == catalogs.default_schema {
                true => table,
                false => format!("{schema}.{table}"),
            }
        }));
    }
    names.sort();
    names
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl SchemaProvider for LazySchema {
    fn owner_name(&self) -> Option<&str> {
        self.inner.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = lock(&self.sources).keys().cloned().collect();
        // `information_schema` opens what is listed here, and one that cannot be opened would spoil it all.
        names.retain(|name| matches!(self.open(name), Ok(Some(_))));
        names.extend(self.inner.table_names());
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.open(name)? {
            Some(table) => Ok(Some(table)),
            None => self.inner.table(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let before = self.inner.register_table(name.clone(), table)?;
        if lock(&self.sources).contains_key(&name) {
            lock(&self.replaced).insert(name);
        }
        Ok(before)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.is_of_file(name) {
            return plan_err!("`{name}` is a table of the file, and stays");
        }
        let removed = self.inner.deregister_table(name)?;
        lock(&self.replaced).remove(name);
        Ok(removed)
    }

    fn table_exist(&self, name: &str) -> bool {
        matches!(self.open(name), Ok(Some(_))) || self.inner.table_exist(name)
    }
}
