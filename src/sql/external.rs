//! `CREATE EXTERNAL TABLE s STORED AS NPZ LOCATION 'scan.npz'`: a table of a file under a name of one's own.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::CreateExternalTable;

use super::relation::open_table;
use super::{GroupQuery, Relation};
use crate::error::nearest_name;
use crate::scan::ScanOptions;

/// The format's name in SQL.
pub const FORMAT: &str = "NPZ";

/// Makes tables of NPZ files: `scan` by default, another with `OPTIONS (table 'arrays')`.
#[derive(Debug)]
pub struct NpzFactory {
    /// How files are opened.
    pub options: ScanOptions,
}

#[async_trait]
impl TableProviderFactory for NpzFactory {
    async fn create(
        &self,
        _state: &dyn Session,
        command: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        let [location] = &command.locations[..] else {
            return plan_err!(
                "{}: expected one LOCATION, found {}",
                command.name,
                command.locations.len()
            );
        };
        if !command.schema.fields().is_empty() {
            return plan_err!(
                "{}: an NPZ file brings its own columns; leave them out",
                command.name
            );
        }
        let mut relation = Relation::Scan;
        for (key, value) in &command.options {
            match key.strip_prefix("format.").unwrap_or(key) {
                "table" => relation = relation_of(value)?,
                other => {
                    return plan_err!("{}: no option `{other}`; there is `table`", command.name);
                }
            }
        }
        let path = PathBuf::from(location.strip_prefix("file://").unwrap_or(location));
        Ok(Arc::new(open_table(&path, relation, &self.options)?))
    }
}

fn relation_of(name: &str) -> Result<Relation> {
    let all = Relation::all(&GroupQuery::default().spec);
    let names: Vec<&str> = all.iter().map(Relation::name).collect();
    match all.iter().find(|relation| relation.name() == name) {
        Some(relation) => Ok(relation.clone()),
        None => {
            let near = nearest_name(name, names.iter().copied());
            let near = near
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            plan_err!(
                "no table '{name}' of an NPZ file; there are {}{near}",
                names.join(", ")
            )
        }
    }
}
