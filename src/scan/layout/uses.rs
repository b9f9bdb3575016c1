//! Says what a job reads of a scan, and which notes concern it.

use super::note::Note;
use super::roles::Role;
use crate::error::{Level, Notice};

/// Says what a job reads of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// The roles whose members are read.
    pub roles: Vec<Role>,
    /// Whether the result rests on what the numbers of the patterns are.
    pub measurement: bool,
    /// The columns of `scan` that are read and that no role stands behind.
    pub columns: Vec<String>,
    /// The scan points whose positions are read, if they are not all: of the others nothing is said.
    pub among: Option<Vec<u32>>,
    /// Whether the rows would hold patterns if there were any.
    pub wants_patterns: bool,
    /// Whether every column of `scan` is read, so that a member without a column is missed.
    pub every_column: bool,
}

impl Uses {
    /// Creates the uses of a job that reads these roles.
    pub fn of_roles(roles: &[Role]) -> Self {
        Self {
            roles: roles.to_vec(),
            ..Self::default()
        }
    }

    /// Adds a role, unless it is used already.
    pub fn add(&mut self, role: Role) {
        if !self.has(role) {
            self.roles.push(role);
        }
    }

    /// Returns whether the job reads the role's member.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }
}

impl Note {
    /// Returns a short name for the kind of note, which stays the same in every version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Misfit { .. } => "misfit",
            Self::Unreadable { .. } => "unreadable_member",
            Self::TakenByNameAlone { .. } => "taken_by_name_alone",
            Self::TakenInAnotherCase { .. } => "taken_in_another_case",
            Self::MaskPolarity { .. } => "mask_polarity",
            Self::MaskNotApplied { .. } => "mask_not_applied",
            Self::HalfOfPair { .. } => "half_of_pair",
            Self::LooksLikePatterns { .. } => "looks_like_patterns",
            Self::ComplexWithoutRole { .. } => "complex_without_role",
            Self::NoPatterns => "no_patterns",
            Self::PatternAxisByLayout { .. } => "pattern_axis_by_layout",
            Self::Remark { .. } => "remark",
            Self::UnlikelyUnit { .. } => "unlikely_unit",
            Self::NoColumn { .. } => "no_column",
            Self::RenamedColumn { .. } => "renamed_column",
            Self::MeasurementByDtype { .. } => "measurement_by_dtype",
            Self::DuplicatePositions { .. } => "duplicate_positions",
            Self::PositionsNotFinite { .. } => "positions_not_finite",
            Self::Unpaired { .. } => "unpaired",
            Self::PairedByOrder { .. } => "paired_by_order",
            Self::CountsByLayout { .. } => "counts_by_layout",
            Self::OffObject { .. } => "off_object",
            Self::OpenProbeAxis { .. } => "open_probe_axis",
            Self::ProbeShape { .. } => "probe_shape",
            Self::ProbePerPoint { .. } => "probe_per_point",
        }
    }

    /// Returns how much the note matters.
    pub fn level(&self) -> Level {
        match self {
            Self::TakenInAnotherCase { .. }
            | Self::MaskPolarity { .. }
            | Self::NoPatterns
            | Self::PatternAxisByLayout { .. }
            | Self::Remark { .. }
            | Self::RenamedColumn { .. } => Level::Note,
            // Frame numbers on one side alone say that something may be missing on the other.
            Self::Unpaired { numbered, .. } | Self::PairedByOrder { numbered, .. } => {
                match numbered {
                    Some(_) => Level::Warning,
                    None => Level::Note,
                }
            }
            Self::Misfit { .. }
            | Self::Unreadable { .. }
            | Self::TakenByNameAlone { .. }
            | Self::MaskNotApplied { .. }
            | Self::HalfOfPair { .. }
            | Self::LooksLikePatterns { .. }
            | Self::ComplexWithoutRole { .. }
            | Self::UnlikelyUnit { .. }
            | Self::NoColumn { .. }
            | Self::MeasurementByDtype { .. }
            | Self::CountsByLayout { .. }
            | Self::DuplicatePositions { .. }
            | Self::PositionsNotFinite { .. }
            | Self::OffObject { .. }
            | Self::OpenProbeAxis { .. }
            | Self::ProbeShape { .. }
            | Self::ProbePerPoint { .. } => Level::Warning,
        }
    }

    /// Returns whether the note concerns a job that reads this of the scan.
    pub(crate) fn concerns(&self, uses: &Uses) -> bool {
        match self {
            Self::Misfit { roles, .. } | Self::Unreadable { roles, .. } => {
                uses.has_any(roles) || uses.wants_patterns && roles.contains(&Role::Diffraction)
            }
            Self::TakenByNameAlone { roles, .. } | Self::TakenInAnotherCase { roles, .. } => {
                uses.has_any(roles)
            }
            Self::MaskPolarity { .. } => uses.has_any(&[Role::BadPixels, Role::ValidPixels]),
            Self::MaskNotApplied { .. } | Self::PatternAxisByLayout { .. } => {
                uses.has(Role::Diffraction)
            }
            Self::HalfOfPair { pair, .. } => uses.has_any(pair),
            Self::LooksLikePatterns { has_patterns, .. } => {
                uses.has(Role::Diffraction) || !has_patterns && uses.wants_patterns
            }
            Self::NoPatterns => uses.wants_patterns,
            Self::ComplexWithoutRole { .. } => {
                uses.has_any(&[Role::Probe, Role::Object, Role::ObjectPatches])
            }
            Self::Remark { .. } => uses.has_any(&[Role::X, Role::Diffraction]),
            Self::UnlikelyUnit { .. }
            | Self::DuplicatePositions { .. }
            | Self::PositionsNotFinite { .. } => uses.has_any(&[Role::X, Role::Y]),
            Self::OffObject { .. } => uses.has_any(&[Role::Object, Role::ObjectPatches]),
            Self::OpenProbeAxis { .. } | Self::ProbeShape { .. } | Self::ProbePerPoint { .. } => {
                uses.has(Role::Probe)
            }
            Self::NoColumn { .. } => uses.every_column,
            Self::RenamedColumn { column, .. } => {
                uses.every_column || uses.columns.contains(column)
            }
            Self::MeasurementByDtype { .. } | Self::CountsByLayout { .. } => uses.measurement,
            // They say which rows there are.
            Self::Unpaired { .. } => true,
            Self::PairedByOrder { .. } => uses.has(Role::Diffraction),
        }
    }
}

impl From<&Note> for Notice {
    fn from(note: &Note) -> Self {
        Self {
            level: note.level(),
            code: note.code(),
            facts: note.facts(),
            remedies: note.remedies(),
        }
    }
}
