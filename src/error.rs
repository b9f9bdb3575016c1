//! What can go wrong, as facts: which file, which member, which parameter, what was found, what was expected.
//!
//! [`Error::facts`] states what happened without naming any front end; [`Error::remedies`] lists what helps as data.
//! `Display` joins both in the terms of the Rust API; [`Error::report_in`] does so in the terms of another front end.

mod parameter;
mod remedy;

use std::fmt;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

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

/// Names the formats of files that are not archives, by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The file has no bytes.
    Empty,
    /// The path leads to a folder.
    Folder,
    /// The path leads to a pipe, a socket or a device.
    Special,
    /// HDF5, and so also MATLAB 7.3, NeXus and CXI.
    Hdf5,
    /// MATLAB 5.
    Mat,
    /// An Arrow IPC file.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// A gzip stream.
    Gzip,
    /// A bzip2 stream.
    Bzip2,
    /// An xz stream.
    Xz,
    /// A Zstandard stream.
    Zstd,
    /// A 7-Zip archive.
    SevenZip,
    /// A TIFF image.
    Tiff,
    /// A Python pickle.
    Pickle,
    /// None of those.
    Unknown,
}

impl FileKind {
    /// Returns the format as a noun phrase: `an HDF5 file`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Folder => "a folder",
            Self::Special => "a pipe, a socket or a device",
            Self::Hdf5 => "an HDF5 file",
            Self::Mat => "a MATLAB file",
            Self::Arrow => "an Arrow IPC file",
            Self::Parquet => "a Parquet file",
            Self::Gzip => "a gzip file",
            Self::Bzip2 => "a bzip2 file",
            Self::Xz => "an xz file",
            Self::Zstd => "a Zstandard file",
            Self::SevenZip => "a 7-Zip archive",
            Self::Tiff => "a TIFF image",
            Self::Pickle => "a Python pickle",
            Self::Unknown => "a file of unknown format",
        }
    }

    /// Returns how its contents become an NPZ file, as an imperative clause.
    pub(crate) fn how_to_convert(self) -> &'static str {
        match self {
            Self::Empty => "write the file first",
            Self::Folder => "name a file in it",
            Self::Special => "copy what it yields into a regular file",
            Self::Hdf5 => {
                "open it with h5py and write its arrays with np.savez(path, xcoords=..., ycoords=..., diff3d=...)"
            }
            Self::Mat => "load it with scipy.io.loadmat and write its arrays with np.savez",
            Self::Arrow => "read it with pyarrow.ipc.open_file or polars.read_ipc",
            Self::Parquet => "read it with pyarrow.parquet or polars.read_parquet",
            Self::Gzip => "unpack it with gunzip first",
            Self::Bzip2 => "unpack it with bunzip2 first",
            Self::Xz => "unpack it with unxz first",
            Self::Zstd => "unpack it with unzstd first",
            Self::SevenZip => "unpack it first",
            Self::Tiff => "stack the images and write them with np.savez",
            Self::Pickle => "load it where you trust it and write its arrays with np.savez",
            Self::Unknown => "check the path",
        }
    }
}

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
            Self::Real(value) => write!(f, "{value}"),
        }
    }
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
            | Self::PoolTooSmall { .. }
            | Self::TooManyGroups { .. }
            | Self::NotAscending { .. }
            | Self::SeedPointNotAmong { .. }
            | Self::NothingSelected { .. }
            | Self::NotInSemantics { .. }
            | Self::UnknownMeasurement { .. }
            | Self::NoNormFactor { .. }
            | Self::NotDivisible { .. }
            | Self::GroupTooWide { .. }
            | Self::PatternsTwice { .. }
            | Self::TooLarge { .. }
            | Self::OutputExists { .. }
            | Self::BadOutput { .. }
            | Self::UnsupportedColumn { .. }
            | Self::BadPredicate { .. }
            | Self::BadQuery { .. } => true,
            Self::Io { .. }
            | Self::NotAnArchive { .. }
            | Self::DamagedArchive { .. }
            | Self::BadMember { .. }
            | Self::BadTable { .. }
            | Self::MissingRole { .. }
            | Self::NonFinitePosition { .. }
            | Self::PositionsTooFarApart { .. }
            | Self::TooFewPoints { .. }
            | Self::FileChanged { .. }
            | Self::ScratchFull { .. }
            | Self::DiskFull { .. }
            | Self::Arrow(_)
            | Self::External { .. } => false,
        }
    }

    /// Returns what happened, without what helps and without the source.
    pub fn facts(&self) -> String {
        match self {
            Self::NoSuchFile { path } => format!("{}: no such file", path.display()),
            Self::Io { path, action, .. } => format!("{}: cannot {action}", path.display()),
            Self::NotAnArchive { path, found } => format!(
                "{}: found {}, expected a NumPy .npz (zip) archive that begins at byte 0",
                path.display(),
                found.name()
            ),
            Self::DamagedArchive { path, problem } => {
                format!("{}: damaged archive: {problem}", path.display())
            }
            Self::BadMember {
                path,
                member,
                found,
                expected,
                ..
            } => {
                format!(
                    "{}: member `{member}`: found {found}, expected {expected}",
                    path.display()
                )
            }
            Self::OtherDtype {
                path,
                member,
                found,
                expected,
            } => format!(
                "{}: member `{member}` has the dtype {found}, expected {expected}",
                path.display()
            ),
            Self::OtherAxes {
                path,
                member,
                shape,
                expected,
            } => format!(
                "{}: member `{member}` has the shape {shape:?}, expected {expected} axes",
                path.display()
            ),
            Self::BadTable { path, problem } => format!(
                "{}: cannot be read as a table: {problem}; expected what its ending names: Arrow IPC, Parquet, \
                 or CSV with a header",
                path.display()
            ),
            Self::NoSuchMember {
                path,
                member,
                available,
                suggestion,
            } => format!(
                "{}: no member `{member}`; the file has {}{}",
                path.display(),
                list(available),
                did_you_mean(suggestion)
            ),
            Self::MissingRole {
                path,
                role,
                expected,
                available,
            } => format!(
                "{}: no member for {role}: found {}, expected {expected}",
                path.display(),
                list(available)
            ),
            Self::NoSuchColumn {
                table,
                column,
                available,
                suggestion,
            } => format!(
                "table `{table}` has no column `{column}`; it has {}{}",
                list(available),
                did_you_mean(suggestion)
            ),
            Self::NonFinitePosition {
                path,
                scan_point,
                x,
                y,
            } => format!(
                "{}: scan point {scan_point} is at x = {x}, y = {y}, expected finite positions",
                path.display()
            ),
            Self::PositionsTooFarApart { path, scan_point } => format!(
                "{}: squared distances from scan point {scan_point} are infinite, expected finite ones",
                path.display()
            ),
            Self::TooFewPoints {
                path,
                points,
                group_size,
                gridsize,
                ..
            } => format!(
                "{}: {points} scan points to choose from, expected at least C = {group_size} (gridsize {gridsize})",
                path.display()
            ),
            Self::OutOfRange {
                parameter,
                found,
                min,
                max: Some(max),
            } => {
                format!("{parameter} = {found}: expected {min} to {max}")
            }
            Self::OutOfRange {
                parameter,
                found,
                min,
                max: None,
            } => {
                format!("{parameter} = {found}: expected at least {min}")
            }
            Self::PoolTooSmall {
                neighbors,
                group_size,
                gridsize,
            } => format!(
                "neighbors = {neighbors}: expected K of at least C = {group_size} (gridsize {gridsize})"
            ),
            Self::TooManyGroups {
                asked,
                possible,
                limit,
            } => {
                format!(
                    "n_groups = {asked}: expected at most {possible}{}",
                    limit.reason()
                )
            }
            Self::NotAscending {
                parameter,
                first,
                second,
            } => format!(
                "{parameter}: found scan point {second} after {first}, expected an ascending list without repeats"
            ),
            Self::SeedPointNotAmong { scan_point } => format!(
                "seeds_from: found scan point {scan_point}, expected only scan points of `among`"
            ),
            Self::NothingSelected { path, parameter } => {
                format!(
                    "{}: {parameter} keeps no scan point, expected at least one",
                    path.display()
                )
            }
            Self::NotInSemantics {
                parameter,
                semantics,
            } => {
                format!(
                    "{parameter}: found a value, expected none: {semantics} semantics has no such choice"
                )
            }
            Self::UnknownMeasurement { path, parameter } => format!(
                "{}: {parameter} needs to know whether patterns are amplitudes or intensities, and the file does not \
                 say (integers are intensities)",
                path.display()
            ),
            Self::NoNormFactor { path, mean_power } => format!(
                "{}: found a mean power of {mean_power} per pattern, expected a finite one above 0 to normalise by",
                path.display()
            ),
            Self::NotDivisible {
                bin,
                shape: [height, width],
            } => {
                format!(
                    "bin = {bin}: expected a divisor of both sides of the patterns, {height} x {width} pixels"
                )
            }
            Self::GroupTooWide { group_size, pixels } => format!(
                "a group of {group_size} patterns of {pixels} pixels: expected fewer than 2^30 pixels per group"
            ),
            Self::PatternsTwice {
                path,
                member,
                patterns,
            } => format!(
                "{}: found patterns in `{member}`, expected none beside those of {}",
                path.display(),
                patterns.display()
            ),
            Self::TooLarge {
                purpose,
                bytes,
                parameter,
            } => {
                format!("{parameter}: {purpose} takes {bytes} bytes, more than can be had")
            }
            Self::FileChanged { path, what } => {
                format!(
                    "{}: the file changed while it was read ({what})",
                    path.display()
                )
            }
            Self::ScratchFull {
                path,
                member,
                needed,
                folder,
                available,
            } => format!(
                "{}: member `{member}`: {needed} bytes when inflated, {} has {available} free",
                path.display(),
                folder.display()
            ),
            Self::OutputExists { path } => format!("{}: output exists", path.display()),
            Self::BadOutput { path, problem } => {
                format!(
                    "{}: cannot be the output: {}",
                    path.display(),
                    problem.reason()
                )
            }
            Self::UnsupportedColumn {
                column,
                data_type,
                format,
                expected,
            } => {
                format!("column `{column}` of type {data_type}: expected {expected} in {format}")
            }
            Self::DiskFull {
                path,
                needed,
                available,
            } => format!(
                "{}: needs {needed} bytes, the disk has {available} free; nothing was written",
                path.display()
            ),
            Self::BadPredicate {
                parameter,
                predicate,
                problem,
            } => format!("{parameter}: the predicate \"{predicate}\" over `scan`: {problem}"),
            Self::BadQuery { problem } => format!("cannot run the query: {problem}"),
            Self::Arrow(error) => error.to_string(),
            Self::External { action, .. } => action.clone(),
        }
    }

    /// Returns what helps; any one of the remedies may do.
    pub fn remedies(&self) -> Vec<Remedy> {
        use Parameter as P;
        use Remedy as R;
        match self {
            Self::NoSuchFile { .. } => vec![R::CheckPath],
            Self::NotAnArchive { found, .. } => vec![R::Convert(*found)],
            Self::DamagedArchive { .. } => vec![R::CopyAgain],
            Self::BadMember { remedies, .. } => remedies.clone(),
            Self::MissingRole { role, .. } => vec![R::NameMember { role, member: None }],
            Self::NonFinitePosition { .. } => vec![R::Narrow(P::Among), R::CorrectFile],
            Self::PositionsTooFarApart { .. } => vec![R::ScalePositions],
            Self::TooFewPoints {
                restricted: false, ..
            } => vec![R::Lower(P::Gridsize)],
            Self::TooFewPoints { .. } => vec![R::Lower(P::Gridsize), R::Widen(P::Among)],
            Self::PoolTooSmall { .. } => vec![R::Raise(P::Neighbors), R::Lower(P::Gridsize)],
            Self::TooManyGroups { limit, .. } => limit.remedies(),
            Self::SeedPointNotAmong { .. } => vec![R::Widen(P::Among), R::Narrow(P::SeedsFrom)],
            Self::NothingSelected { parameter, .. } => vec![R::Widen(*parameter), R::CountPoints],
            Self::NotInSemantics { parameter, .. } => {
                vec![R::LeaveOut(*parameter), R::Set(P::Semantics, "native")]
            }
            Self::UnknownMeasurement { .. } => {
                vec![
                    R::Set(P::Measurement, "amplitude"),
                    R::Set(P::Measurement, "intensity"),
                ]
            }
            Self::NoNormFactor { .. } => vec![R::Narrow(P::Among), R::Set(P::Norm, "1")],
            Self::NotDivisible { .. } => vec![R::Lower(P::Crop)],
            Self::GroupTooWide { .. } => vec![R::Lower(P::Gridsize), R::Lower(P::Crop)],
            Self::PatternsTwice { .. } => vec![R::LeaveOut(P::Patterns)],
            Self::TooLarge { parameter, .. } => vec![R::Lower(*parameter)],
            Self::FileChanged { .. } => vec![R::ReadAgain],
            Self::ScratchFull { .. } => {
                vec![
                    R::FreeSpace,
                    R::MoveTempFolder,
                    R::Raise(P::InflateMemory),
                    R::Align,
                ]
            }
            Self::OutputExists { .. } => vec![R::WriteElsewhere, R::Set(P::IfExists, "replace")],
            Self::BadOutput { problem, .. } => problem.remedies(),
            Self::UnsupportedColumn { .. } => {
                vec![
                    R::Narrow(P::Columns),
                    R::WriteFormat(&[".arrow", ".parquet"]),
                ]
            }
            Self::DiskFull { .. } => vec![R::FreeSpace, R::Narrow(P::Columns), R::WriteElsewhere],
            Self::OutOfRange { .. }
            | Self::NotAscending { .. }
            | Self::Io { .. }
            | Self::OtherDtype { .. }
            | Self::OtherAxes { .. }
            | Self::BadTable { .. }
            | Self::NoSuchMember { .. }
            | Self::NoSuchColumn { .. }
            | Self::BadPredicate { .. }
            | Self::BadQuery { .. }
            | Self::Arrow(_)
            | Self::External { .. } => Vec::new(),
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

impl GroupLimit {
    fn reason(self) -> String {
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

    fn remedies(self) -> Vec<Remedy> {
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
    fn reason(&self) -> String {
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
                "an .npz file takes its patterns from the file that is cut, and they are in another"
                    .to_string()
            }
        }
    }

    fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NoFolder(_) => vec![Remedy::CreateFolder],
            Self::IsFolder | Self::DanglingLink(_) => vec![Remedy::WriteElsewhere],
            Self::UnknownEnding(_) => Vec::new(),
            Self::HoldsArrays | Self::PatternsInAnotherFile => {
                vec![Remedy::WriteFormat(&[".arrow", ".parquet"])]
            }
        }
    }
}

/// Joins an error and its sources by colons. A source whose text its parent repeats is left out.
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

/// Displays names as `a`, `b` and 3 more.
fn list(names: &[String]) -> ListDisplay<'_> {
    ListDisplay(names)
}

struct ListDisplay<'a>(&'a [String]);

impl fmt::Display for ListDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 24;
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, name) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// Returns the name nearest to `wanted` by edit distance, if no more than a third of it differs.
pub(crate) fn nearest_name<'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let limit = wanted.chars().count().div_ceil(3);
    names
        .into_iter()
        .map(|name| {
            (
                edit_distance(&wanted.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name.to_string())
}

/// Computes the Levenshtein distance in characters; both texts are cut at 64, long enough for names.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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
}
