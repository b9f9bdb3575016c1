//! Groups as a query asks for them: a spec, with predicates in place of its lists of scan points.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use super::points::Predicate;
use crate::array::{Access, RowSet};
use crate::error::{Error, Parameter, Result};
use crate::group::{GroupSpec, Groups, PatternOptions};
use crate::scan::Scan;
use crate::table::{Table, TableInfo};

/// Which groups: plain data, so that a plan which holds it can be sent to another machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupQuery {
    /// The groups.
    pub spec: GroupSpec,
    /// A predicate over the columns of `scan` for [`GroupSpec::among`].
    pub among: Option<String>,
    /// A predicate over the columns of `scan` for [`GroupSpec::seeds_from`]; what `among` leaves out is left out here too.
    pub seeds_from: Option<String>,
    /// How patterns are handed out.
    pub patterns: PatternOptions,
}

impl From<GroupSpec> for GroupQuery {
    fn from(spec: GroupSpec) -> Self {
        Self {
            spec,
            ..Self::default()
        }
    }
}

impl GroupQuery {
    /// The table `groups`, or `group_members`. Without predicates it is ready; with them the scan points are looked for
    /// when the first row is.
    ///
    /// # Errors
    /// If a predicate or the spec cannot be met; what depends on the points that a predicate leaves shows later.
    pub fn open(&self, scan: &Scan, members: bool) -> Result<Arc<dyn Table>> {
        let as_table = |groups: Groups| -> Arc<dyn Table> {
            if members {
                Arc::new(groups.members())
            } else {
                Arc::new(groups)
            }
        };
        let template = as_table(Groups::try_new_with(
            scan,
            self.spec.clone(),
            self.patterns,
        )?);
        if self.among.is_none() && self.seeds_from.is_none() {
            return Ok(template);
        }
        let parse = |sql: &Option<String>| {
            sql.as_deref()
                .map(|sql| Predicate::parse(scan, sql))
                .transpose()
        };
        let failed = |e| super::session::of_planning(e);
        let (among, seeds_from) = (
            parse(&self.among).map_err(failed)?,
            parse(&self.seeds_from).map_err(failed)?,
        );
        let (scan, query) = (scan.clone(), self.clone());
        Ok(Arc::new(PredicateTable {
            scan,
            query,
            members,
            template,
            among,
            seeds_from,
            resolved: Mutex::default(),
        }))
    }
}

/// Groups whose scan points are told by predicates.
#[derive(Debug)]
struct PredicateTable {
    scan: Scan,
    query: GroupQuery,
    members: bool,
    /// The same without the predicates: its columns are these.
    template: Arc<dyn Table>,
    among: Option<Predicate>,
    seeds_from: Option<Predicate>,
    resolved: Mutex<Option<Arc<dyn Table>>>,
}

impl PredicateTable {
    /// The groups, once it is known which scan points they are of.
    fn resolved(&self) -> Result<Arc<dyn Table>> {
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = resolved.as_ref() {
            return Ok(Arc::clone(table));
        }
        let points = |predicate: &Option<Predicate>| -> Result<Option<Vec<u32>>> {
            let points = predicate
                .as_ref()
                .map(|predicate| predicate.points(&self.scan));
            points.transpose().map_err(super::session::of_execution)
        };
        let mut spec = self.query.spec.clone();
        let (among, seeds_from) = (points(&self.among)?, points(&self.seeds_from)?);
        spec.seeds_from = match (&among, seeds_from) {
            (Some(among), Some(mut seeds)) => {
                seeds.retain(|point| among.binary_search(point).is_ok());
                Some(seeds)
            }
            (_, seeds) => seeds,
        };
        spec.among = among;
        if spec.seeds_from.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::NothingSelected {
                path: self.scan.npz().path().to_path_buf(),
                parameter: Parameter::SeedsFrom,
            });
        }
        let query = GroupQuery {
            spec,
            among: None,
            seeds_from: None,
            patterns: self.query.patterns,
        };
        let table = query.open(&self.scan, self.members)?;
        *resolved = Some(Arc::clone(&table));
        Ok(table)
    }
}

impl TableInfo for PredicateTable {
    fn known_rows(&self) -> Option<usize> {
        None
    }

    fn is_on_request(&self, column: usize) -> bool {
        self.template.is_on_request(column)
    }

    fn ordering(&self) -> &[&str] {
        self.template.ordering()
    }

    fn is_early(&self, column: usize) -> bool {
        self.template.is_early(column)
    }

    fn restricted(&self, rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        self.resolved()?.restricted(rows)
    }

    fn spec_text(&self) -> Option<String> {
        let mut spec = self.query.spec.to_string();
        for (name, predicate) in [
            ("among", &self.query.among),
            ("seeds_from", &self.query.seeds_from),
        ] {
            spec.extend(
                predicate
                    .iter()
                    .map(|predicate| format!(", {name}='{predicate}'")),
            );
        }
        Some(spec)
    }

    fn access(&self, column: usize) -> Option<&Access> {
        self.template.access(column)
    }

    fn will_need(&self, column: usize, rows: &RowSet<'_>) {
        if let Ok(table) = self.resolved() {
            table.will_need(column, rows);
        }
    }

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        let resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        resolved
            .as_ref()
            .map_or_else(|| self.template.phases(), |table| table.phases())
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        self.resolved()
            .map_or_else(|_| self.template.provenance(), |table| table.provenance())
    }
}

impl Table for PredicateTable {
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
        self.scan.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        self.resolved()?.column(index, rows)
    }
}
