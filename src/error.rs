//! What can go wrong, as facts: which file, which member, what was found, what was expected, what to do.
//!
//! `Display` is one line without the source; [`Error::report`] joins the whole chain into one line.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

/// The result of this crate's fallible calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path leads nowhere.
    #[error("{}: no such file; check the path", path.display())]
    NoSuchFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What was tried, as a verb: `open`, `map`, `write`.
        action: &'static str,
        /// The system's own word.
        source: std::io::Error,
    },
    /// The file is of another format.
    #[error("{}: found {found}, expected a NumPy .npz (zip) archive; {hint}", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What its first bytes say it is.
        found: &'static str,
        /// What to do with such a file.
        hint: &'static str,
    },
    /// A zip archive whose directory cannot be believed.
    #[error("{}: damaged archive: {problem}; {hint}", path.display())]
    DamagedArchive {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        problem: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A member that cannot serve as what it was asked for.
    #[error("{}: member `{member}`: found {found}, expected {expected}; {hint}", path.display())]
    BadMember {
        /// The file.
        path: PathBuf,
        /// The member's name, without `.npy`.
        member: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do about it.
        hint: String,
    },
    /// A file that SQL was to read as a table.
    #[error("{}: cannot be read as a table: {problem}; expected what its ending names: Arrow IPC, Parquet, or CSV with a header", path.display())]
    BadTable {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        problem: String,
    },
    /// No member of that name.
    #[error("{}: no member `{member}`; the file has {}{}", path.display(), list(available), did_you_mean(suggestion))]
    NoSuchMember {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        member: String,
        /// The names there are.
        available: Vec<String>,
        /// The nearest of them, if it is near.
        suggestion: Option<String>,
    },
    /// A role that no member fills.
    #[error("{}: no member for {role}: found {}, expected {expected}; name it with --role {role}=NAME", path.display(), list(available))]
    MissingRole {
        /// The file.
        path: PathBuf,
        /// The role, by its name in `--role`.
        role: &'static str,
        /// The names it goes by.
        expected: String,
        /// The names there are.
        available: Vec<String>,
    },
    /// No column of that name.
    #[error(
        "table `{table}` has no column `{column}`; it has {}{}",
        list(available),
        did_you_mean(suggestion)
    )]
    NoSuchColumn {
        /// The table.
        table: String,
        /// The name asked for.
        column: String,
        /// The names there are.
        available: Vec<String>,
        /// The nearest of them, if it is near.
        suggestion: Option<String>,
    },
    /// A position that is not a number.
    #[error("{}: scan point {scan_point} is at x = {x}, y = {y}, expected finite positions; remove it from the file, or leave it out with `among`", path.display())]
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
    /// Fewer scan points than a group has members.
    #[error("{}: {points} scan points to choose from, expected at least C = {group_size} (gridsize {gridsize}); use a smaller gridsize{}", path.display(), if *restricted { " or widen `among`" } else { "" })]
    TooFewPoints {
        /// The file.
        path: PathBuf,
        /// Scan points that may be members.
        points: usize,
        /// Members a group.
        group_size: usize,
        /// The gridsize asked for.
        gridsize: usize,
        /// Whether `among` restricts them.
        restricted: bool,
    },
    /// A parameter of the call that cannot be met.
    #[error("{parameter} = {found}: expected {expected}; {hint}")]
    BadParameter {
        /// The parameter's name in [`crate::GroupSpec`] or the options.
        parameter: &'static str,
        /// The value given.
        found: String,
        /// The values that make sense here.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// The file is not the one that was opened.
    #[error("{}: the file changed while it was read ({what}); read it again once it is complete", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// What changed.
        what: String,
    },
    /// A deflated member that neither the memory set aside nor the temporary folder can hold.
    #[error("{}: member `{member}`: {needed} bytes when inflated, {} has {available} free; free some space there, name another folder in the environment variable TMPDIR, raise --inflate-memory, or rewrite the file with `ptychoarrow align`", path.display(), folder.display())]
    ScratchFull {
        /// The file.
        path: PathBuf,
        /// The member.
        member: String,
        /// Bytes it takes.
        needed: u64,
        /// The temporary folder.
        folder: PathBuf,
        /// Bytes it has free.
        available: u64,
    },
    /// The output is there already.
    #[error("{}: output exists; choose another name, or pass --if-exists replace (or skip)", path.display())]
    OutputExists {
        /// The output.
        path: PathBuf,
    },
    /// An output that cannot be written as asked.
    #[error("{}: cannot be the output: {reason}; {hint}", path.display())]
    BadOutput {
        /// The output.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// What would do.
        hint: &'static str,
    },
    /// The disk cannot hold the output.
    #[error("{}: needs {needed} bytes, the disk has {available} free; nothing was written: free some space, choose fewer --columns, or write elsewhere", path.display())]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// Bytes the output takes.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// A query that cannot be understood or planned.
    #[error("cannot run the query: {problem}")]
    BadQuery {
        /// What DataFusion said of it.
        problem: String,
    },
    /// Arrow's own word; with `From` in both directions so that readers can pass our errors through.
    #[error(transparent)]
    Arrow(ArrowError),
    /// A library's own word, with what we were doing.
    #[error("{action}")]
    External {
        /// What was tried.
        action: String,
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether the call is at fault (exit code 2) rather than the data or the system (exit code 1).
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoSuchFile { .. }
                | Self::NoSuchColumn { .. }
                | Self::NoSuchMember { .. }
                | Self::BadParameter { .. }
                | Self::OutputExists { .. }
                | Self::BadOutput { .. }
                | Self::BadQuery { .. }
        )
    }

    /// The error and all its sources on one line.
    pub fn report(&self) -> String {
        chain(self)
    }

    /// An [`Error::Io`], or [`Error::NoSuchFile`] where the system says so.
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

    /// An [`Error::External`].
    pub fn external(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::External {
            action: action.into(),
            source: source.into(),
        }
    }
}

/// An error and its sources, joined by colons. A source whose text its parent repeats is left out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
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

/// `a, b and 3 more`, for messages.
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

/// The name nearest to `wanted` by edit distance, if no more than a third of it differs.
pub fn nearest_name<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
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

/// Levenshtein distance in characters; both texts are cut at 64, long enough for names.
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

#[cfg(feature = "sql")]
impl From<Error> for datafusion::error::DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
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
