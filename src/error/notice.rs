//! What a user should know although it is no error, in the one form in which every front end takes it.

use std::fmt;

use serde::Serialize;

use super::{Remedy, RustTerms, Terms, with_remedies};

/// Says how much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is good to know, and nothing has to be done.
    Note,
    /// Results may be wrong, or not what was meant; what settles the question makes the warning go away.
    Warning,
}

impl Level {
    /// Returns `note` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
        }
    }
}

/// Tells something that the user of a table should know, as facts with remedies.
///
/// It is made of a note about an archive, a scan or groups
/// ([`ArchiveNote`](crate::npz::ArchiveNote), [`scan::Note`](crate::scan::Note),
/// [`GroupNote`](crate::group::GroupNote)), which are typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// A short name for the kind of notice, which stays the same in every version.
    pub code: &'static str,
    /// What is the case, without naming any front end.
    pub facts: String,
    /// What helps, if it is not as intended; any one of the remedies may do.
    pub remedies: Vec<Remedy>,
}

impl Notice {
    /// Returns whether results may be wrong, or not what was meant.
    pub fn is_warning(&self) -> bool {
        self.level == Level::Warning
    }

    /// Returns facts and remedies in the terms of a front end.
    pub fn in_terms(&self, terms: &dyn Terms) -> String {
        with_remedies(self.facts.clone(), &self.remedies, terms)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_terms(&RustTerms))
    }
}
