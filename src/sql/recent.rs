//! Explains errors with what a session knows: its tables, and the files that were opened last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::sql::parser::Statement;

use super::hints::{self, Known};
use super::schema;
use super::source::TableSource;
use crate::npz::NpzFile;
use crate::scan::Scan;

/// Remembers the files that table functions opened last, so that members can be looked up in them.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<TableSource>>);

/// The number of files that are remembered.
const REMEMBERED: usize = 8;

impl Recent {
    /// Adds a file.
    pub fn add(&self, source: TableSource) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push_front(source);
        sources.truncate(REMEMBERED);
    }

    fn scans(&self) -> Vec<Scan> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |source: &TableSource| {
            let npz = NpzFile::open_with(&source.path, &source.scan.open).ok()?;
            Scan::try_new(Arc::new(npz), &source.scan).ok()
        };
        sources.iter().filter_map(open).collect()
    }
}

/// Returns the error of a statement that cannot be planned, in words that say what was probably meant.
pub fn explained(
    context: &SessionContext,
    statement: &Statement,
    error: DataFusionError,
) -> DataFusionError {
    let opened = || {
        let recent = context.copied_config().get_extension::<Recent>();
        recent.map_or_else(Vec::new, |recent| recent.scans())
    };
    let known = Known {
        context,
        scans: &|| schema::scans(context).chain(opened()).collect(),
        tables: &|| schema::all_tables(context),
    };
    hints::explained(&known, statement, error)
}
