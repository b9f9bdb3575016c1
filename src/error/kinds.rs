//! The kinds that errors tell apart: file formats, limits of the number of groups, faults of outputs, numbers.

use std::fmt;
use std::path::PathBuf;

use super::{Parameter, Remedy, alternatives};

/// Names why there cannot be more groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupLimit {
    /// Without group oversampling there is one group per seed point.
    OneGroupPerSeedPoint,
    /// A group of one member is its seed point.
    GroupOfOne,
    /// Each of the seed points has this many distinct groups.
    DistinctGroups {
        /// The number of seed points.
        seed_points: usize,
        /// The number of distinct groups per seed point.
        each: u128,
    },
    /// `max_distance` leaves one seed point fewer candidates than the others.
    CandidatesLeft {
        /// The seed point.
        scan_point: u32,
        /// The number of candidates it has left.
        candidates: usize,
        /// The number of groups asked for per seed point.
        rounds: usize,
    },
    /// A limit of the grouping rules.
    Rules,
}

/// Names why an output cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputProblem {
    /// The folder it should be in does not exist.
    NoFolder(PathBuf),
    /// The path leads to a folder.
    IsFolder,
    /// The path is a symbolic link to this path, where there is nothing.
    DanglingLink(PathBuf),
    /// The ending of its name belongs to no format; these are known.
    UnknownEnding(&'static [&'static str]),
    /// A format that holds arrays, not rows of any table.
    HoldsArrays,
    /// The patterns are in another file than the positions.
    PatternsInAnotherFile,
    /// The format has no tensors, and the call says how to hold them.
    NoTensors,
    /// A tensor that is to be written as bytes is not made of values of a fixed width.
    NotBytes {
        /// The column.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
}

/// Says why a pixel of a pattern cannot be used as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelProblem {
    /// A negative count has no amplitude: the square root of it is not a number.
    NegativeRoot,
    /// A negative count would be subtracted in the sum over which the normalisation factor is computed.
    NegativeInFactor,
    /// A number that is not finite would spoil the normalisation factor.
    NotFiniteInFactor,
    /// A number that is not finite is to be converted.
    NotFinite,
    /// The result is larger than any f32.
    TooLarge,
    /// A centre of mass is to be computed, for which numbers are finite and not negative.
    NoMass,
}

impl PixelProblem {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::NegativeRoot => "a count of 0 or more, of which a square root is to be taken",
            Self::NegativeInFactor => "a count of 0 or more in the normalisation factor",
            Self::NotFiniteInFactor => "a finite number in the normalisation factor",
            Self::NotFinite => "a finite number to be converted",
            Self::TooLarge => "a number that, once it is converted, fits Float32",
            Self::NoMass => "a finite number of 0 or more in a centre of mass",
        }
    }
}

/// Holds a number of either kind, for messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A count.
    Count(u128),
    /// A real number.
    Real(f64),
}

impl From<usize> for Number {
    fn from(count: usize) -> Self {
        Self::Count(count as u128)
    }
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self::Count(u128::from(count))
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            // Digits alone would be hundreds of zeros.
            Self::Real(value) if value.abs() >= 1e16 || value.abs() < 1e-6 && *value != 0.0 => {
                write!(f, "{value:e}")
            }
            Self::Real(value) => write!(f, "{value}"),
        }
    }
}

impl GroupLimit {
    pub(super) fn reason(self) -> String {
        match self {
            Self::OneGroupPerSeedPoint => ", one group per seed point".to_string(),
            Self::GroupOfOne => ", one group per seed point where C = 1".to_string(),
            Self::DistinctGroups { seed_points, each } => {
                format!(": {seed_points} seed points with {each} distinct groups each")
            }
            Self::CandidatesLeft {
                scan_point,
                candidates,
                rounds,
            } => format!(
                " per seed point, asked for {rounds}: scan point {scan_point} has {candidates} candidates left"
            ),
            Self::Rules => String::new(),
        }
    }

    pub(super) fn remedies(self) -> Vec<Remedy> {
        use Parameter as P;
        let other = match self {
            Self::OneGroupPerSeedPoint => vec![Remedy::Enable(P::GroupOversampling)],
            Self::GroupOfOne => vec![Remedy::Raise(P::Gridsize)],
            Self::DistinctGroups { .. } => vec![Remedy::Raise(P::Neighbors)],
            Self::CandidatesLeft { .. } => {
                vec![Remedy::Raise(P::Neighbors), Remedy::Raise(P::MaxDistance)]
            }
            Self::Rules => Vec::new(),
        };
        [Remedy::Lower(P::NGroups)]
            .into_iter()
            .chain(other)
            .collect()
    }
}

impl OutputProblem {
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NoFolder(folder) => format!("there is no folder {}", folder.display()),
            Self::IsFolder => "it is a folder".to_string(),
            Self::DanglingLink(leads_to) => {
                format!(
                    "it is a symbolic link to {}, which does not exist",
                    leads_to.display()
                )
            }
            Self::UnknownEnding(known) => {
                format!("expected a name that ends in {}", alternatives(known))
            }
            Self::HoldsArrays => {
                "an .npz file holds a whole scan or groups, not the rows of any table".to_string()
            }
            Self::PatternsInAnotherFile => {
                "an .npz file is cut from one file, and the positions and patterns are in two"
                    .to_string()
            }
            Self::NoTensors => {
                "only Arrow and Parquet files can hold tensors in one way or another".to_string()
            }
            Self::NotBytes { column, data_type } => format!(
                "the column `{column}` of type {data_type} cannot be bytes; expected rows of less than 2 GiB that are \
                 made of numbers, truth values or times"
            ),
        }
    }

    pub(super) fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NoFolder(_) => vec![Remedy::CreateFolder],
            Self::IsFolder | Self::DanglingLink(_) => vec![Remedy::WriteElsewhere],
            Self::UnknownEnding(_) => Vec::new(),
            Self::NoTensors => vec![
                Remedy::LeaveOut(Parameter::Tensors),
                Remedy::WriteFormat(&[".arrow", ".arrows", ".parquet"]),
            ],
            Self::NotBytes { .. } => vec![
                Remedy::Set(Parameter::Tensors, "lists"),
                Remedy::Narrow(Parameter::Columns),
            ],
            Self::HoldsArrays | Self::PatternsInAnotherFile => {
                vec![Remedy::WriteFormat(&[".arrow", ".parquet"])]
            }
        }
    }
}
