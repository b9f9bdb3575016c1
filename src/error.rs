//! What can go wrong, as facts: which file, which member, which parameter, what was found, what was expected.
//!
//! [`Error::facts`] states what happened without naming any front end; [`Error::remedies`] lists what helps as data.
//! `Display` joins both in the terms of the Rust API; [`Error::report_in`] does so in the terms of another front end.

mod facts;
mod file_kind;
mod kinds;
mod names;
mod notice;
mod object_patches;
mod parameter;
mod remedy;

use std::fmt;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

pub use file_kind::FileKind;
pub use kinds::{GroupLimit, Number, OutputProblem, PixelProblem};
pub(crate) use names::nearest_name;
pub use notice::{Level, Notice};
pub use object_patches::NoObjectPatches;
pub use parameter::Parameter;
pub use remedy::{Remedy, RustTerms, Task, Terms};
pub(crate) use remedy::{alternatives, with_remedies};

/// The result of this crate's fallible calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Describes what went wrong, and where.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The path leads nowhere.
    NoSuchFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The operating system refused.
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What was tried, as a verb: `open`, `map`, `write`.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The file is of another format.
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// The format that its first bytes belong to.
        found: FileKind,
    },
    /// The directory of a zip archive is inconsistent.
    DamagedArchive {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        problem: String,
    },
    /// A member cannot serve as what it was asked for.
    BadMember {
        /// The file.
        path: PathBuf,
        /// The member's name, without `.npy`.
        member: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What helps.
        remedies: Vec<Remedy>,
    },
    /// A member has another element type than the one asked for.
    OtherDtype {
        /// The file.
        path: PathBuf,
        /// The member's name, without `.npy`.
        member: String,
        /// NumPy's text for the type it has.
        found: String,
        /// NumPy's text for the type asked for.
        expected: String,
    },
    /// A member has another number of axes than the one asked for.
    OtherAxes {
        /// The file.
        path: PathBuf,
        /// The member's name, without `.npy`.
        member: String,
        /// The lengths of its axes.
        shape: Vec<usize>,
        /// The number of axes asked for.
        expected: usize,
    },
    /// A file cannot be read as a table.
    BadTable {
        /// The file.
        path: PathBuf,
        /// What the reader of its format reports.
        problem: String,
    },
    /// The archive has no member of that name.
    NoSuchMember {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        member: String,
        /// The names of the archive's members.
        available: Vec<String>,
        /// The most similar of them, if one is similar.
        suggestion: Option<String>,
    },
    /// A column is asked for whose member cannot be read.
    UnreadableColumn {
        /// The column.
        column: String,
        /// Which member cannot be read, and why.
        reason: String,
    },
    /// No member fills a role.
    MissingRole {
        /// The file.
        path: PathBuf,
        /// The role's name.
        role: &'static str,
        /// The member names that would fill it.
        expected: String,
        /// The names of the archive's members.
        available: Vec<String>,
    },
    /// The table has no column of that name.
    NoSuchColumn {
        /// The table.
        table: String,
        /// The name asked for.
        column: String,
        /// The names of the table's columns.
        available: Vec<String>,
        /// The most similar of them, if one is similar.
        suggestion: Option<String>,
    },
    /// A position is infinite or not a number.
    NonFinitePosition {
        /// The file.
        path: PathBuf,
        /// The first such scan point.
        scan_point: usize,
        /// Its x as stored.
        x: f64,
        /// Its y as stored.
        y: f64,
    },
    /// Positions are so far apart that squared distances overflow.
    PositionsTooFarApart {
        /// The file.
        path: PathBuf,
        /// The seed point around which they do.
        scan_point: usize,
    },
    /// There are fewer scan points than a group has members.
    TooFewPoints {
        /// The file.
        path: PathBuf,
        /// The number of scan points that may be members.
        points: usize,
        /// The number of members per group.
        group_size: usize,
        /// The gridsize asked for.
        gridsize: usize,
        /// Whether `among` restricts the scan points.
        restricted: bool,
    },
    /// A parameter's value lies outside its range.
    OutOfRange {
        /// The parameter.
        parameter: Parameter,
        /// The value given.
        found: Number,
        /// The smallest value allowed.
        min: Number,
        /// The largest value allowed, if there is one.
        max: Option<Number>,
    },
    /// A parameter that is a size or a factor is not a finite number above 0.
    NotAboveZero {
        /// The parameter.
        parameter: Parameter,
        /// The value given.
        found: f64,
    },
    /// The groups of a scan have no object patches.
    NoObjectPatches {
        /// The file.
        path: PathBuf,
        /// Why there are none.
        reason: NoObjectPatches,
    },
    /// Most of an object patch lies beside the object.
    PatchOffObject {
        /// The file.
        path: PathBuf,
        /// The scan point whose patch it is.
        scan_point: usize,
        /// The column and row of the object, counted from 0, that the patch is cut around.
        at: [f64; 2],
        /// The height and width of the object, in pixels.
        object: [usize; 2],
        /// The number of pixels of the patch that lie on the object.
        pixels_on: usize,
        /// The number of pixels of a patch.
        pixels: usize,
    },
    /// A value of a member is beyond the range of f32, in which it would be returned.
    BeyondFloat32 {
        /// The file.
        path: PathBuf,
        /// The member.
        member: String,
        /// The place of the value in the row that it is part of: for pixels, row and column.
        index: Vec<usize>,
        /// The number of the row of the member, such as the scan point; `None` where the member is one row.
        row: Option<usize>,
        /// The value; of a complex one the part that does not fit.
        value: f64,
    },
    /// The pool of neighbours is smaller than a group.
    PoolTooSmall {
        /// The number of neighbours asked for, K.
        neighbors: usize,
        /// The number of members per group, C.
        group_size: usize,
        /// The gridsize asked for.
        gridsize: usize,
    },
    /// There cannot be as many groups as were asked for.
    TooManyGroups {
        /// The number of groups asked for.
        asked: usize,
        /// The largest number there can be.
        possible: u128,
        /// Why there cannot be more.
        limit: GroupLimit,
    },
    /// A list of scan points does not ascend.
    NotAscending {
        /// The list.
        parameter: Parameter,
        /// A scan point of the list.
        first: u32,
        /// The one after it, which is not larger.
        second: u32,
    },
    /// A seed point is not one of the scan points that may be members.
    SeedPointNotAmong {
        /// The seed point.
        scan_point: u32,
    },
    /// A selection of scan points keeps none.
    NothingSelected {
        /// The file.
        path: PathBuf,
        /// The selection.
        parameter: Parameter,
    },
    /// No seed point has enough candidates within `max_distance` for a group.
    EveryGroupSkipped {
        /// The file.
        path: PathBuf,
        /// The number of groups that were skipped.
        groups: usize,
    },
    /// The grouping rules asked for do not have this parameter.
    NotInSemantics {
        /// The parameter.
        parameter: Parameter,
        /// The name of the grouping rules.
        semantics: &'static str,
    },
    /// Patterns are to be converted, and the file does not say what their numbers are.
    UnknownMeasurement {
        /// The file.
        path: PathBuf,
        /// The parameter that asks for the conversion.
        parameter: Parameter,
    },
    /// A pixel of a pattern has a value that cannot be used as asked.
    BadPixel {
        /// The file of the patterns.
        path: PathBuf,
        /// The member.
        member: String,
        /// The scan point of the pattern.
        scan_point: usize,
        /// The row and the column of the pixel in the pattern as it is stored; empty where they are unknown.
        pixel: Vec<usize>,
        /// Its value.
        value: f64,
        /// What was to be done with it, and what is wrong.
        problem: PixelProblem,
        /// What helps.
        remedies: Vec<Remedy>,
    },
    /// The type of a member does not have a value.
    NotInType {
        /// The file.
        path: PathBuf,
        /// The member.
        member: String,
        /// The parameter whose value it is.
        parameter: Parameter,
        /// The value.
        value: String,
        /// The Arrow type of the member's values.
        data_type: String,
        /// The values that the type has.
        expected: String,
    },
    /// A part that is to be cut out of each pattern does not lie within it.
    CropOutside {
        /// The height and the width of the part, in pixels.
        crop: [usize; 2],
        /// The row and the column of the pixel that is to be the middle of the part.
        center: [usize; 2],
        /// The height and the width of a pattern as it is stored, in pixels.
        shape: [usize; 2],
    },
    /// The mean pattern has no centre of mass.
    NoMass {
        /// The file of the patterns.
        path: PathBuf,
        /// The member.
        member: String,
    },
    /// A parameter has no effect without another one.
    WithoutEffect {
        /// The parameter.
        parameter: Parameter,
        /// The one that it needs.
        needs: Parameter,
    },
    /// The normalisation factor is not a finite number above 0.
    NoNormFactor {
        /// The file.
        path: PathBuf,
        /// The mean power of the patterns it was computed from.
        mean_power: f64,
    },
    /// Patterns cannot be divided into squares of this size.
    NotDivisible {
        /// The side of the squares asked for.
        bin: usize,
        /// The height and width of the patterns, in pixels.
        shape: [usize; 2],
    },
    /// A group takes more values than one row of an Arrow array can hold.
    GroupTooWide {
        /// The number of members per group.
        group_size: usize,
        /// The number of pixels per pattern.
        pixels: usize,
    },
    /// A scan that has patterns was given those of another file too.
    PatternsTwice {
        /// The scan's file.
        path: PathBuf,
        /// The member of that file that holds its patterns.
        member: String,
        /// The other file.
        patterns: PathBuf,
    },
    /// Positions and patterns do not pair.
    Unpaired {
        /// The file of the positions.
        path: PathBuf,
        /// The member that holds the positions, or their frame numbers.
        member: String,
        /// The number of positions.
        positions: usize,
        /// The file of the patterns.
        other: PathBuf,
        /// The member that holds the patterns, or their frame numbers.
        other_member: String,
        /// The number of patterns.
        patterns: usize,
        /// Where both have frame numbers, how many of the positions and of the patterns are without a partner, and
        /// the first such number.
        joined: Option<[(usize, Option<i64>); 2]>,
    },
    /// The positions of two scans are in different units.
    UnitsDiffer {
        /// The file of one scan.
        path: PathBuf,
        /// The unit of its positions.
        unit: String,
        /// The file of the other scan.
        other: PathBuf,
        /// The unit of its positions.
        other_unit: String,
    },
    /// The memory that a call takes cannot be had.
    TooLarge {
        /// What the memory is for.
        purpose: &'static str,
        /// The number of bytes.
        bytes: u128,
        /// The parameter that decides about it.
        parameter: Parameter,
    },
    /// The file is not the one that was opened.
    FileChanged {
        /// The file.
        path: PathBuf,
        /// What changed.
        what: String,
    },
    /// Neither the memory set aside nor the temporary folder can hold an inflated member.
    ScratchFull {
        /// The file.
        path: PathBuf,
        /// The member.
        member: String,
        /// The number of bytes it takes.
        needed: u64,
        /// The temporary folder.
        folder: PathBuf,
        /// The number of bytes free there.
        available: u64,
    },
    /// The output exists.
    OutputExists {
        /// The output.
        path: PathBuf,
    },
    /// The output is one of the files that it would be made of.
    OutputIsInput {
        /// The output.
        path: PathBuf,
        /// The input, as it was named.
        input: PathBuf,
    },
    /// The output cannot be written as asked.
    BadOutput {
        /// The output.
        path: PathBuf,
        /// Why it cannot be.
        problem: OutputProblem,
    },
    /// A column cannot be written in this format.
    UnsupportedColumn {
        /// The column.
        column: String,
        /// Its Arrow type.
        data_type: String,
        /// The name of the format.
        format: &'static str,
        /// What the format can hold.
        expected: &'static str,
    },
    /// The disk cannot hold the output.
    DiskFull {
        /// The output.
        path: PathBuf,
        /// The number of bytes the output takes.
        needed: u64,
        /// The number of bytes free.
        available: u64,
    },
    /// A predicate over the columns of the table `scan` cannot be evaluated.
    BadPredicate {
        /// The parameter whose value it is.
        parameter: Parameter,
        /// The predicate.
        predicate: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A query cannot be understood or planned.
    BadQuery {
        /// What DataFusion reports.
        problem: String,
    },
    /// Arrow reports an error; `From` in both directions lets readers pass this crate's errors through.
    Arrow(ArrowError),
    /// A library reports an error.
    External {
        /// What was tried.
        action: String,
        /// What the library reports.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns whether the call is at fault rather than the data or the system.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::NoSuchFile { .. }
            | Self::OtherDtype { .. }
            | Self::OtherAxes { .. }
            | Self::NoSuchColumn { .. }
            | Self::NoSuchMember { .. }
            | Self::OutOfRange { .. }
            | Self::NotAboveZero { .. }
            | Self::PoolTooSmall { .. }
            | Self::TooManyGroups { .. }
            | Self::NotAscending { .. }
            | Self::SeedPointNotAmong { .. }
            | Self::NothingSelected { .. }
            | Self::EveryGroupSkipped { .. }
            | Self::NotInSemantics { .. }
            | Self::UnknownMeasurement { .. }
            | Self::NoNormFactor { .. }
            | Self::NotInType { .. }
            | Self::CropOutside { .. }
            | Self::WithoutEffect { .. }
            | Self::NotDivisible { .. }
            | Self::GroupTooWide { .. }
            | Self::PatternsTwice { .. }
            | Self::UnitsDiffer { .. }
            | Self::TooLarge { .. }
            | Self::OutputExists { .. }
            | Self::OutputIsInput { .. }
            | Self::BadOutput { .. }
            | Self::UnsupportedColumn { .. }
            | Self::BadPredicate { .. }
            | Self::BadQuery { .. } => true,
            Self::NoObjectPatches { reason, .. } => reason.is_usage(),
            Self::UnreadableColumn { .. }
            | Self::Io { .. }
            | Self::NotAnArchive { .. }
            | Self::DamagedArchive { .. }
            | Self::BadMember { .. }
            | Self::BadTable { .. }
            | Self::MissingRole { .. }
            | Self::NonFinitePosition { .. }
            | Self::BadPixel { .. }
            | Self::NoMass { .. }
            | Self::PositionsTooFarApart { .. }
            | Self::TooFewPoints { .. }
            | Self::Unpaired { .. }
            | Self::PatchOffObject { .. }
            | Self::BeyondFloat32 { .. }
            | Self::FileChanged { .. }
            | Self::ScratchFull { .. }
            | Self::DiskFull { .. }
            | Self::Arrow(_)
            | Self::External { .. } => false,
        }
    }

    /// Returns facts, remedies and all sources on one line, in the terms of the Rust API.
    pub fn report(&self) -> String {
        self.report_in(&RustTerms)
    }

    /// Returns facts, remedies and all sources on one line, in the terms of a front end.
    pub fn report_in(&self, terms: &dyn Terms) -> String {
        with_sources(self.in_terms(terms), self)
    }

    /// Returns facts and remedies in the terms of a front end.
    pub fn in_terms(&self, terms: &dyn Terms) -> String {
        with_remedies(self.facts(), &self.remedies(), terms)
    }

    /// Returns facts and all sources on one line, without remedies.
    pub(crate) fn facts_with_sources(&self) -> String {
        with_sources(self.facts(), self)
    }

    /// Creates an [`Error::Io`], or an [`Error::NoSuchFile`] where the system says so.
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NoSuchFile { path },
            _ => Self::Io {
                path,
                action,
                source,
            },
        }
    }

    /// Creates an [`Error::External`].
    pub fn external(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::External {
            action: action.into(),
            source: source.into(),
        }
    }

    /// Creates an [`Error::OutOfRange`].
    pub(crate) fn out_of_range(
        parameter: Parameter,
        found: impl Into<Number>,
        min: impl Into<Number>,
        max: Option<Number>,
    ) -> Self {
        Self::OutOfRange {
            parameter,
            found: found.into(),
            min: min.into(),
            max,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_terms(&RustTerms))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Arrow(error) => error.source(),
            Self::External { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// Joins an error and its sources by colons. A source whose text its parent repeats is left out.
#[cfg(feature = "export")]
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    with_sources(error.to_string(), error)
}

fn with_sources(mut text: String, error: &(dyn std::error::Error + 'static)) -> String {
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<ArrowError> for Error {
    /// Unwraps one of our own errors that travelled through an Arrow reader.
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Arrow(ArrowError::ExternalError(other)),
            },
            other => Self::Arrow(other),
        }
    }
}

impl From<Error> for ArrowError {
    fn from(error: Error) -> Self {
        match error {
            Error::Arrow(inner) => inner,
            other => Self::ExternalError(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["diffraction", "probeGuess", "xcoords"];
        assert_eq!(
            nearest_name("difraction", names).as_deref(),
            Some("diffraction")
        );
        assert_eq!(
            nearest_name("PROBEGUESS", names).as_deref(),
            Some("probeGuess")
        );
        assert_eq!(nearest_name("temperature", names), None);
    }

    #[test]
    fn our_errors_survive_a_trip_through_arrow() {
        let error = Error::NoSuchFile {
            path: "a.npz".into(),
        };
        let back = Error::from(ArrowError::from(error));
        assert!(matches!(back, Error::NoSuchFile { .. }), "{back:?}");
    }

    #[test]
    fn facts_and_remedies_are_joined_in_the_terms_of_a_front_end() {
        struct Loud;
        impl Terms for Loud {
            fn parameter(&self, parameter: Parameter) -> String {
                parameter.name().to_uppercase()
            }
            fn set(&self, parameter: Parameter, value: &str) -> String {
                format!("{} TO {value}", self.parameter(parameter))
            }
            fn task(&self, _: Task) -> &'static str {
                "TASK"
            }
        }
        let error = Error::PoolTooSmall {
            neighbors: 3,
            group_size: 4,
            gridsize: 2,
        };
        let facts = "neighbors = 3: expected K of at least C = 4 (gridsize 2)";
        assert_eq!(error.facts(), facts);
        assert_eq!(
            error.report_in(&Loud),
            format!("{facts}; raise NEIGHBORS or lower GRIDSIZE")
        );
        assert_eq!(
            error.to_string(),
            format!("{facts}; raise GroupSpec::neighbors or lower GroupSpec::gridsize")
        );
    }

    #[test]
    fn a_source_is_told_once() {
        let source = std::io::Error::other("no space left");
        let error = Error::io(Path::new("a.npz"), "write", source);
        assert_eq!(error.report(), "a.npz: cannot write: no space left");
        assert!(std::error::Error::source(&error).is_some());
    }
}
