//! Groups as a query asks for them: a spec, with predicates in place of its lists of scan points.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deferred::{Deferred, Resolve};
use super::predicate::Predicate;
use crate::error::{Error, Parameter, Result};
use crate::group::{GroupSpec, Groups, PatternOptions};
use crate::scan::Scan;
use crate::table::Table;

/// Says which groups: plain data, so that a plan which holds it can be sent to another machine.
///
/// The command line and SQL both ask for groups with it.
///
/// ```
/// use ptychoarrow::sql::GroupQuery;
/// use ptychoarrow::{GroupSpec, Scan, Table};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let query = GroupQuery::from(GroupSpec::default().with_neighbors(6))
///     .with_among("y < 200")
///     .with_seeds_from("x < 150");
/// let groups = query.resolve(&scan)?;
/// assert!(groups.num_rows()? > 0);
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupQuery {
    /// The groups.
    pub spec: GroupSpec,
    /// A predicate over the columns of `scan`, which takes the place of [`GroupSpec::among`].
    pub among: Option<String>,
    /// A predicate over the columns of `scan`, which takes the place of [`GroupSpec::seeds_from`]. Scan points that
    /// `among` leaves out are left out here too.
    pub seeds_from: Option<String>,
    /// How patterns are returned.
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
    /// Sets the predicate for the scan points that may be members.
    pub fn with_among(mut self, predicate: impl Into<String>) -> Self {
        self.among = Some(predicate.into());
        self
    }

    /// Sets the predicate for the scan points that may be seed points.
    pub fn with_seeds_from(mut self, predicate: impl Into<String>) -> Self {
        self.seeds_from = Some(predicate.into());
        self
    }

    /// Sets how patterns are returned.
    pub fn with_patterns(mut self, patterns: PatternOptions) -> Self {
        self.patterns = patterns;
        self
    }

    /// Evaluates the predicates over a scan that is open, and returns the groups of the scan points they leave.
    ///
    /// # Errors
    /// [`Error::BadPredicate`] if a predicate cannot be evaluated; [`Error::NothingSelected`] if no seed point is left;
    /// otherwise as [`Groups::try_new_with`].
    pub fn resolve(&self, scan: &Scan) -> Result<Groups> {
        let template = self.template(scan)?;
        match Predicates::parse(self, scan)? {
            None => Ok(template),
            Some(predicates) => self.resolve_with(scan, &predicates, Groups::try_new_with),
        }
    }

    /// Evaluates the predicates, and returns groups of which the factor alone is asked for: there may be fewer scan
    /// points than a group has members.
    ///
    /// # Errors
    /// As [`GroupQuery::resolve`].
    #[cfg(feature = "cli")]
    pub(crate) fn resolve_factor(&self, scan: &Scan) -> Result<Groups> {
        let template = Groups::of_factor(scan, self.spec.clone(), self.patterns)?;
        match Predicates::parse(self, scan)? {
            None => Ok(template),
            Some(predicates) => self.resolve_with(scan, &predicates, Groups::of_factor),
        }
    }

    /// Returns the groups without the predicates: whatever cannot be met of all scan points cannot be met of some.
    fn template(&self, scan: &Scan) -> Result<Groups> {
        Groups::try_new_with(scan, self.spec.clone(), self.patterns)
    }

    fn resolve_with(
        &self,
        scan: &Scan,
        predicates: &Predicates,
        groups: impl Fn(&Scan, GroupSpec, PatternOptions) -> Result<Groups>,
    ) -> Result<Groups> {
        let mut spec = self.spec.clone();
        if let Some(among) = &predicates.among {
            spec.among = Some(among.points(scan)?);
        }
        if let Some(seeds) = &predicates.seeds_from {
            spec.seeds_from = Some(seeds.points(scan)?);
        }
        if let (Some(among), Some(seeds)) = (&spec.among, &mut spec.seeds_from) {
            seeds.retain(|point| among.binary_search(point).is_ok());
        }
        if spec.seeds_from.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::NothingSelected {
                path: scan.npz().path().to_path_buf(),
                parameter: Parameter::SeedsFrom,
            });
        }
        groups(scan, spec, self.patterns)
    }

    /// Returns the table `groups`, or `group_members`. With predicates, the scan points are looked for when the first row
    /// is asked for.
    ///
    /// # Errors
    /// If a predicate or the spec cannot be met; what depends on the points that a predicate leaves shows later.
    pub(super) fn table(&self, scan: &Scan, members: bool) -> Result<Arc<dyn Table>> {
        let template = as_table(self.template(scan)?, members);
        let Some(predicates) = Predicates::parse(self, scan)? else {
            return Ok(template);
        };
        let rows = PredicateGroups {
            scan: scan.clone(),
            query: self.clone(),
            members,
            predicates,
        };
        Ok(Arc::new(Deferred::new(template, Box::new(rows))))
    }
}

fn as_table(groups: Groups, members: bool) -> Arc<dyn Table> {
    if members {
        Arc::new(groups.members())
    } else {
        Arc::new(groups)
    }
}

/// Holds the predicates of a query, parsed.
#[derive(Debug)]
struct Predicates {
    among: Option<Predicate>,
    seeds_from: Option<Predicate>,
}

impl Predicates {
    /// Parses the predicates of a query; `None` if it has none.
    fn parse(query: &GroupQuery, scan: &Scan) -> Result<Option<Self>> {
        let parse = |parameter, sql: &Option<String>| {
            let sql = sql.as_deref();
            sql.map(|sql| Predicate::parse(scan, parameter, sql))
                .transpose()
        };
        let among = parse(Parameter::Among, &query.among)?;
        let seeds_from = parse(Parameter::SeedsFrom, &query.seeds_from)?;
        let any = among.is_some() || seeds_from.is_some();
        Ok(any.then_some(Self { among, seeds_from }))
    }
}

/// Holds groups whose scan points are told by predicates.
#[derive(Debug)]
struct PredicateGroups {
    scan: Scan,
    query: GroupQuery,
    members: bool,
    predicates: Predicates,
}

impl Resolve for PredicateGroups {
    fn resolve(&self) -> Result<Arc<dyn Table>> {
        let groups = self
            .query
            .resolve_with(&self.scan, &self.predicates, Groups::try_new_with)?;
        Ok(as_table(groups, self.members))
    }

    fn spec_text(&self) -> String {
        let mut spec = self.query.spec.to_string();
        for (name, predicate) in [
            ("among", &self.query.among),
            ("seeds_from", &self.query.seeds_from),
        ] {
            let shown = predicate.iter();
            spec.extend(shown.map(|predicate| format!(", {name}='{predicate}'")));
        }
        spec
    }
}
