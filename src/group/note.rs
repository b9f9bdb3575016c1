//! Tells what a user should know about groups, as facts with remedies.

use crate::error::{Level, Notice, Parameter, Remedy, RustTerms, Terms, with_remedies};

/// Describes something that a user should know about groups although they could be formed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupNote {
    /// Groups were skipped, because `max_distance` left their seed points fewer candidates than a group has
    /// members.
    Skipped {
        /// The number of groups that were skipped.
        groups: usize,
        /// The number of groups that were asked for.
        asked: usize,
    },
    /// There are fewer other scan points than neighbours were asked for.
    PoolSmaller {
        /// The number of neighbours in a pool.
        neighbors: usize,
        /// The number asked for, K, or its default.
        asked: usize,
    },
    /// Patterns were normalised as amplitudes, and nothing tells whether they are.
    UnknownMeasurement,
}

impl GroupNote {
    /// Returns a short name for the kind of note, which stays the same in every version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Skipped { .. } => "groups_skipped",
            Self::PoolSmaller { .. } => "pool_smaller",
            Self::UnknownMeasurement => "unknown_measurement",
        }
    }

    /// Returns what is the case, without naming any front end.
    pub fn facts(&self) -> String {
        match self {
            Self::Skipped { groups, asked } => format!(
                "{groups} of {asked} groups were skipped: their seed points have fewer candidates within the largest \
                 distance than a group has members"
            ),
            Self::PoolSmaller { neighbors, asked } => format!(
                "pools have {neighbors} neighbours, fewer than K = {asked}: there are no more scan points"
            ),
            Self::UnknownMeasurement => {
                "patterns were normalised as amplitudes, and nothing tells whether they are \
                 amplitudes or intensities"
                    .to_string()
            }
        }
    }

    /// Returns what helps, if it is not as intended; any one of the remedies may do.
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Skipped { .. } => vec![
                Remedy::Raise(Parameter::MaxDistance),
                Remedy::Lower(Parameter::Gridsize),
            ],
            Self::PoolSmaller { .. } => vec![Remedy::Lower(Parameter::Neighbors)],
            Self::UnknownMeasurement => vec![
                Remedy::Set(Parameter::Measurement, "amplitude"),
                Remedy::Set(Parameter::Measurement, "intensity"),
            ],
        }
    }

    /// Returns facts and remedies in the terms of a front end.
    pub fn in_terms(&self, terms: &dyn Terms) -> String {
        with_remedies(self.facts(), &self.remedies(), terms)
    }
}

impl From<&GroupNote> for Notice {
    fn from(note: &GroupNote) -> Self {
        Self {
            level: Level::Warning,
            code: note.code(),
            facts: note.facts(),
            remedies: note.remedies(),
        }
    }
}

impl std::fmt::Display for GroupNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.in_terms(&RustTerms))
    }
}
