//! Tells what a user should know about groups, as facts with remedies.

use crate::error::{
    Level, NoObjectPatches, Notice, Parameter, Remedy, RustTerms, Terms, with_remedies,
};

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
    /// The middle of the patterns was cut out, and one row or column more is left on one side.
    UnevenCrop {
        /// The first and the last row that are taken.
        rows: [usize; 2],
        /// The first and the last column that are taken.
        columns: [usize; 2],
        /// The height and the width of a pattern as it is stored.
        shape: [usize; 2],
    },
    /// A part was cut out around the centre of mass of the mean pattern.
    CenterOfMass {
        /// The row and the column of the pixel nearest to it.
        pixel: [usize; 2],
    },
    /// Frames without a single count entered the normalisation factor.
    DeadFrames {
        /// The number of such frames.
        frames: usize,
        /// The number of frames that the factor was computed over.
        of: usize,
        /// The first scan point of such a frame.
        first: u32,
    },
    /// Patterns have pixels that are not finite, and were handed out as they are stored.
    NotFinite {
        /// The scan point of the first such pattern that was read.
        scan_point: usize,
        /// The row and the column of its first such pixel, in the pattern as it is stored.
        pixel: Vec<usize>,
        /// What helps.
        remedies: Vec<Remedy>,
    },
    /// Some object patches lie in part beside the object, where they are 0.
    PatchesOffObject {
        /// The number of such patches.
        patches: usize,
        /// The number of all patches.
        of: usize,
        /// The scan point of the first one.
        scan_point: u32,
        /// The height and width of the object, in pixels.
        object: [usize; 2],
    },
    /// Positions are lengths, and the file has no centre of the object: position 0 was taken for its first pixel.
    AssumedOrigin,
    /// The groups have no object patches, although the scan has an object.
    NoObjectPatches(NoObjectPatches),
}

impl GroupNote {
    /// Returns a short name for the kind of note, which stays the same in every version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Skipped { .. } => "groups_skipped",
            Self::PoolSmaller { .. } => "pool_smaller",
            Self::UnknownMeasurement => "unknown_measurement",
            Self::UnevenCrop { .. } => "uneven_crop",
            Self::CenterOfMass { .. } => "center_of_mass",
            Self::DeadFrames { .. } => "dead_frames_in_factor",
            Self::NotFinite { .. } => "pixels_not_finite",
            Self::PatchesOffObject { .. } => "patches_off_object",
            Self::AssumedOrigin => "assumed_origin",
            Self::NoObjectPatches(_) => "no_object_patches",
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
            Self::UnevenCrop {
                rows: [top, bottom],
                columns: [left, right],
                shape: [height, width],
            } => format!(
                "the middle of {height} x {width} pixels was cut out, with one row or column more on one side: rows \
                 {top} to {bottom} and columns {left} to {right}"
            ),
            Self::CenterOfMass {
                pixel: [row, column],
            } => format!(
                "the centre of mass of the mean pattern is pixel ({row}, {column}), around which the patterns were cropped"
            ),
            Self::DeadFrames { frames, of, first } => format!(
                "{frames} of the {of} patterns that the normalisation factor was computed over hold no counts, the \
                 first is that of scan point {first}; they make the factor larger"
            ),
            Self::NotFinite {
                scan_point, pixel, ..
            } => format!(
                "patterns have pixels that are not finite, and were left as they are stored; the first is pixel \
                 {pixel:?} of scan point {scan_point}"
            ),
            Self::PatchesOffObject {
                patches,
                of,
                scan_point,
                object: [height, width],
            } => format!(
                "{patches} of {of} object patches lie in part beside the object of {height} x {width} pixels, and are 0 \
                 there; the first is that of scan point {scan_point}"
            ),
            Self::AssumedOrigin => {
                "the file does not say where the object's centre is; position 0 was taken for the middle of the object's \
                 first pixel"
                    .to_string()
            }
            Self::NoObjectPatches(reason) => format!("no object patches: {}", reason.facts()),
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
            Self::UnevenCrop { .. } => vec![Remedy::Move(Parameter::Center)],
            Self::CenterOfMass { .. } => Vec::new(),
            Self::DeadFrames { .. } => vec![Remedy::LeaveOutPoints],
            Self::NotFinite { remedies, .. } => remedies.clone(),
            Self::PatchesOffObject { .. } => vec![Remedy::LeaveOutPoints],
            Self::NoObjectPatches(reason) => reason.remedies(),
            Self::AssumedOrigin => vec![Remedy::NameMember {
                role: "object_center_x",
                member: None,
            }],
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
            level: match note {
                GroupNote::UnevenCrop { .. }
                | GroupNote::CenterOfMass { .. }
                | GroupNote::AssumedOrigin => Level::Note,
                _ => Level::Warning,
            },
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
