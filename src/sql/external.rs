//! Gives a table of a file a name: `CREATE EXTERNAL TABLE s STORED AS NPZ LOCATION 'scan.npz'`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::CreateExternalTable;

use super::relation::{names, open_named};
use crate::error::nearest_name;
use crate::scan::ScanOptions;

/// The format's name in SQL.
pub const FORMAT: &str = "NPZ";

/// Makes tables of NPZ files: `scan` by default, another with `OPTIONS ('table' 'groups', 'neighbors' '6')`. All other
/// options are the arguments of the table function of that name.
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
        let mut table = "scan";
        let mut values = vec![("file", location.strip_prefix("file://").unwrap_or(location))];
        // In the order of their names, so that of several errors it is always the same that is reported.
        let options: BTreeMap<_, _> = command.options.iter().collect();
        for (key, value) in options {
            match key.strip_prefix("format.").unwrap_or(key) {
                "table" => table = value,
                argument => values.push((argument, value)),
            }
        }
        match open_named(table, values, &self.options)? {
            Some(table) => Ok(Arc::new(table)),
            None => no_table(table),
        }
    }
}

fn no_table<T>(name: &str) -> Result<T> {
    let names: Vec<&str> = names().collect();
    let near = nearest_name(name, names.iter().copied());
    let near = near.map(|near| format!("; did you mean '{near}'?"));
    plan_err!(
        "no table '{name}' of an NPZ file; there are {}{}",
        names.join(", "),
        near.unwrap_or_default()
    )
}
