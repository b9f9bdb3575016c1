//! Describes tables of files as plain data, and opens them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{GroupQuery, NeighborsQuery};
use crate::error::{Error, Result};
use crate::npz::{Identity, NpzFile};
use crate::scan::{self, Scan, ScanOptions};
use crate::table::Table;

/// Names a table of a file, with the parameters that it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The table `scan`: one row per scan point.
    Scan,
    /// The table `groups`: one row per group.
    Groups(Arc<GroupQuery>),
    /// The table `group_members`: one row per member of each group.
    GroupMembers(Arc<GroupQuery>),
    /// The table `neighbors`: one row per neighbour of each scan point.
    Neighbors(NeighborsQuery),
    /// The table `scans`: one row for the file.
    Scans,
    /// The table `probe`: one row per mode.
    Probe,
    /// The table `object`: one row per layer.
    Object,
    /// The table `arrays`: one row per member of the archive.
    Arrays,
    /// A member of this name: one row per index of its first axis.
    Array(String),
}

impl Relation {
    /// Returns the table's name in SQL.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Groups(_) => "groups",
            Self::GroupMembers(_) => "group_members",
            Self::Neighbors(_) => "neighbors",
            Self::Scans => "scans",
            Self::Probe => "probe",
            Self::Object => "object",
            Self::Arrays => "arrays",
            Self::Array(_) => "array",
        }
    }

    /// Returns every table of a file, with these groups and, in `neighbors`, six neighbours per scan point, among those
    /// that the groups' predicate `among` leaves.
    pub fn all(groups: &GroupQuery) -> Vec<Self> {
        let near = NeighborsQuery {
            among: groups.among.clone(),
            ..NeighborsQuery::default()
        };
        let query = Arc::new(groups.clone());
        let groups = [Self::Groups(Arc::clone(&query)), Self::GroupMembers(query)];
        let others = [
            Self::Neighbors(near),
            Self::Scans,
            Self::Probe,
            Self::Object,
            Self::Arrays,
        ];
        [Self::Scan]
            .into_iter()
            .chain(groups)
            .chain(others)
            .collect()
    }
}

/// Describes a table of a file as plain data: what a plan holds, and another process can open again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSource {
    /// The file.
    pub path: PathBuf,
    /// What the file was when the query was planned.
    pub identity: Identity,
    /// How to open the file, and what it does not say about its layout.
    pub scan: ScanOptions,
    /// The table.
    pub relation: Relation,
}

impl TableSource {
    /// Returns the files that the table's rows are made of: the file, that of its patterns, and another scan whose points
    /// are the neighbours.
    pub(super) fn files(&self) -> Vec<&Path> {
        let of = match &self.relation {
            Relation::Neighbors(query) => query.of.as_ref().map(|of| &of.path),
            _ => None,
        };
        let others = self.scan.patterns.iter().chain(of);
        std::iter::once(&self.path)
            .chain(others)
            .map(PathBuf::as_path)
            .collect()
    }

    /// Opens the table, if the file is still what it was.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if it is not; if the file cannot be opened, or has no such table.
    pub fn open(&self) -> Result<Arc<dyn Table>> {
        let npz = Arc::new(NpzFile::open_with(&self.path, &self.scan.open)?);
        if *npz.identity() != self.identity {
            let what = "it is not the file that the query was planned with".to_string();
            return Err(Error::FileChanged {
                path: self.path.clone(),
                what,
            });
        }
        open_relation(&npz, &self.scan, &self.relation)
    }
}

/// Opens a table of a file that is open.
///
/// # Errors
/// If the file has no such table.
pub(super) fn open_relation(
    npz: &Arc<NpzFile>,
    options: &ScanOptions,
    relation: &Relation,
) -> Result<Arc<dyn Table>> {
    let scan = || Scan::try_new(Arc::clone(npz), options);
    Ok(match relation {
        Relation::Scan => Arc::new(scan()?),
        Relation::Groups(query) => query.table(&scan()?, false)?,
        Relation::GroupMembers(query) => query.table(&scan()?, true)?,
        Relation::Neighbors(query) => query.table(&scan()?, options)?,
        Relation::Scans => Arc::new(scan()?.scans()?),
        Relation::Probe => Arc::new(scan()?.probe()?),
        Relation::Object => Arc::new(scan()?.object()?),
        Relation::Arrays => Arc::new(scan::arrays(npz)?),
        Relation::Array(member) => Arc::new(scan::array(npz, member)?),
    })
}
