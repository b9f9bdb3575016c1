//! Holds tables whose rows depend on predicates, which are evaluated when the first row is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;

use crate::array::{Access, RowSet};
use crate::error::{Error, Notice, Result};
use crate::table::{Table, TableInfo};

/// Works out the table that takes the place of a template.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Evaluates the predicates and creates the table.
    ///
    /// # Errors
    /// If a predicate cannot be evaluated, or leaves too little.
    fn resolve(&self) -> Result<Arc<dyn Table>>;

    /// Returns the parameters of the table, predicates included, in few words.
    fn spec_text(&self) -> String;
}

/// Holds a table whose rows are told by predicates.
#[derive(Debug)]
pub struct Deferred {
    /// The table without the predicates, which has the same columns.
    template: Arc<dyn Table>,
    rows: Box<dyn Resolve>,
    resolved: OnceLock<Arc<dyn Table>>,
    /// Held while the predicates are evaluated, so that partitions do not all do it. A rayon worker never waits for it,
    /// since the evaluation itself needs the workers.
    resolving: Mutex<()>,
}

impl Deferred {
    /// Creates a table from one without the predicates and what evaluates these.
    pub fn new(template: Arc<dyn Table>, rows: Box<dyn Resolve>) -> Self {
        Self {
            template,
            rows,
            resolved: OnceLock::new(),
            resolving: Mutex::new(()),
        }
    }

    /// Returns the table, once it is known which scan points it is of.
    fn resolved(&self) -> Result<&Arc<dyn Table>> {
        if let Some(table) = self.resolved.get() {
            return Ok(table);
        }
        let _guard = match rayon::current_thread_index() {
            Some(_) => self.resolving.try_lock().ok(),
            None => Some(
                self.resolving
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            ),
        };
        if let Some(table) = self.resolved.get() {
            return Ok(table);
        }
        let table = self.rows.resolve()?;
        Ok(self.resolved.get_or_init(|| table))
    }
}

#[deny(clippy::missing_trait_methods)]
impl TableInfo for Deferred {
    fn known_rows(&self) -> Option<usize> {
        None
    }

    fn expected_rows(&self) -> Option<usize> {
        None
    }

    fn column_of_member(&self, member: &str) -> Option<String> {
        self.template.column_of_member(member)
    }

    fn ordering(&self) -> &[&str] {
        self.template.ordering()
    }

    fn is_on_request(&self, column: usize) -> bool {
        self.template.is_on_request(column)
    }

    fn is_early(&self, column: usize) -> bool {
        self.template.is_early(column)
    }

    fn restricted(&self, rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        self.resolved()?.restricted(rows)
    }

    fn spec_text(&self) -> Option<String> {
        Some(self.rows.spec_text())
    }

    fn access(&self, column: usize) -> Option<&Access> {
        self.template.access(column)
    }

    fn is_slice(&self, column: usize, rows: &RowSet<'_>) -> bool {
        self.resolved()
            .is_ok_and(|table| table.is_slice(column, rows))
    }

    fn will_need(&self, column: usize, rows: &RowSet<'_>) {
        if let Ok(table) = self.resolved() {
            table.will_need(column, rows);
        }
    }

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        self.resolved.get().unwrap_or(&self.template).phases()
    }

    fn check_column(&self, column: usize) -> Result<()> {
        self.template.check_column(column)
    }

    fn why_absent(&self, column: &str) -> Option<Error> {
        self.template.why_absent(column)
    }

    fn notices(&self, columns: &[usize]) -> Vec<Notice> {
        // Until it is known which scan points there are, nothing is known about them.
        let table = self.resolved.get();
        table.map_or_else(Vec::new, |table| table.notices(columns))
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        self.resolved()
            .map_or_else(|_| self.template.provenance(), |table| table.provenance())
    }
}

impl Table for Deferred {
    fn name(&self) -> &str {
        self.template.name()
    }

    fn schema(&self) -> SchemaRef {
        self.template.schema()
    }

    fn num_rows(&self) -> Result<usize> {
        self.resolved()?.num_rows()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.template.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        self.resolved()?.column(index, rows)
    }
}
