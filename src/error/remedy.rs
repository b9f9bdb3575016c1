//! What helps against an error or a note, as data; each front end words it in its own terms.

use super::{FileKind, Parameter};

/// Names one thing that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Give the parameter a larger value.
    Raise(Parameter),
    /// Give the parameter a smaller value.
    Lower(Parameter),
    /// Give the parameter its right value.
    Give(Parameter),
    /// Give the parameter this value.
    Set(Parameter, &'static str),
    /// Turn the parameter on.
    Enable(Parameter),
    /// Leave the parameter out, so that its default holds.
    LeaveOut(Parameter),
    /// Let the parameter, a selection, include more.
    Widen(Parameter),
    /// Let the parameter, a selection, include less.
    Narrow(Parameter),
    /// Give the parameter, a place, another value.
    Move(Parameter),
    /// Mark the pixels that hold this value as bad.
    MarkBadValue(String),
    /// Name further pixels in the file's mask, this member.
    ExtendMask(String),
    /// Name the member that fills a role; `member` is a candidate, if there is an obvious one.
    NameMember {
        /// The role, as [`Role::name`](crate::scan::layout::Role::name) spells it.
        role: &'static str,
        /// A member that might fill it.
        member: Option<String>,
    },
    /// Use another member.
    UseAnotherMember,
    /// Ask for columns that do not need the member.
    OtherColumns,
    /// Save the member again as a plain array of numbers, text or times.
    SaveAsPlainArray,
    /// Save the file again with every member name once.
    SaveWithUniqueNames,
    /// Save the member again as this, a noun phrase.
    SaveAs(&'static str),
    /// Read the members of the file one by one, as arrays.
    ReadAsArrays,
    /// Say what every column of a member with both coordinates is.
    NameColumns,
    /// Leave the scan points concerned out of the selection.
    LeaveOutPoints,
    /// Leave out the positions and patterns that have no partner.
    LeaveOutUnpaired,
    /// Set the values concerned to 0.
    SetToZero,
    /// Name the pixels concerned in a mask of bad pixels.
    MaskPixels,
    /// Crop or pad the member to the shape of a pattern.
    FitToPatterns,
    /// Copy the file, or save it, again.
    CopyAgain,
    /// Correct what the file holds.
    CorrectFile,
    /// Check the path.
    CheckPath,
    /// Read the file again once it is complete.
    ReadAgain,
    /// Convert a file of this kind to NPZ.
    Convert(FileKind),
    /// Free disk space.
    FreeSpace,
    /// Put temporary files into another folder.
    MoveTempFolder,
    /// Rewrite the archive with its members stored and aligned.
    Align,
    /// Look for every fault of the file.
    Check,
    /// Count the scan points that a predicate keeps.
    CountPoints,
    /// Write another format: one of these file name endings.
    WriteFormat(&'static [&'static str]),
    /// Write to another path.
    WriteElsewhere,
    /// Create the folder first.
    CreateFolder,
    /// Scale the positions.
    ScalePositions,
}

/// Spells parameters and tasks in the terms of one front end.
pub trait Terms {
    /// Returns how the user of the front end writes the parameter, such as `GroupSpec::neighbors`.
    fn parameter(&self, parameter: Parameter) -> String;

    /// Returns how the user gives the parameter this value, such as `PatternOptions::bin = 2`.
    fn set(&self, parameter: Parameter, value: &str) -> String;

    /// Returns how the user performs the task.
    fn task(&self, task: Task) -> &'static str;
}

/// Names a task that a remedy refers to and that each front end does in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Rewrite an archive so that it can be mapped.
    Align,
    /// Look for every fault of a file.
    Check,
    /// Count the scan points that a predicate keeps.
    CountPoints,
}

/// The terms of this crate's Rust API.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustTerms;

impl Terms for RustTerms {
    fn parameter(&self, parameter: Parameter) -> String {
        parameter.rust_path().to_string()
    }

    fn set(&self, parameter: Parameter, value: &str) -> String {
        format!("{} = {value}", parameter.rust_path())
    }

    fn task(&self, task: Task) -> &'static str {
        match task {
            Task::Align => "export::align",
            Task::Check => "check::check",
            Task::CountPoints => "counting the rows of the table `scan` that it keeps",
        }
    }
}

impl Remedy {
    /// Returns the remedy as an imperative clause in the terms of a front end.
    ///
    /// ```
    /// use ptychoarrow::error::{Parameter, Remedy, RustTerms};
    /// let remedy = Remedy::Raise(Parameter::Neighbors);
    /// assert_eq!(remedy.in_terms(&RustTerms), "raise GroupSpec::neighbors");
    /// ```
    pub fn in_terms(&self, terms: &dyn Terms) -> String {
        match self {
            Self::Raise(parameter) => format!("raise {}", terms.parameter(*parameter)),
            Self::Lower(parameter) => format!("lower {}", terms.parameter(*parameter)),
            Self::Give(parameter) => format!("give {}", terms.parameter(*parameter)),
            Self::Set(parameter, value) => format!("set {}", terms.set(*parameter, value)),
            Self::Enable(parameter) => format!("set {}", terms.set(*parameter, "true")),
            Self::LeaveOut(parameter) => format!("leave out {}", terms.parameter(*parameter)),
            Self::Widen(parameter) => format!("widen {}", terms.parameter(*parameter)),
            Self::Narrow(parameter) => format!("narrow {}", terms.parameter(*parameter)),
            Self::Move(parameter) => format!("move {}", terms.parameter(*parameter)),
            Self::MarkBadValue(value) => format!(
                "mark the pixels as bad with {}",
                terms.set(Parameter::BadValues, value)
            ),
            Self::ExtendMask(member) => format!("name these pixels in the mask `{member}` too"),
            Self::NameMember { role, member } => {
                let value = format!("{role}={}", member.as_deref().unwrap_or("NAME"));
                format!(
                    "name the member with {}",
                    terms.set(Parameter::Role, &value)
                )
            }
            Self::UseAnotherMember => "use another member".to_string(),
            Self::OtherColumns => "ask for columns that do not need it".to_string(),
            Self::SaveAsPlainArray => {
                "save it again as a plain array of numbers, text or times".to_string()
            }
            Self::SaveWithUniqueNames => {
                "save the file again with every member name once".to_string()
            }
            Self::SaveAs(what) => format!("save it again as {what}"),
            Self::ReadAsArrays => format!(
                "read its members as arrays with {}",
                terms.set(Parameter::Array, "NAME")
            ),
            Self::NameColumns => format!(
                "name every column with {}, where _ is neither x nor y",
                terms.set(Parameter::PositionOrder, "_yx")
            ),
            Self::LeaveOutPoints => format!(
                "leave these scan points out with {}",
                terms.parameter(Parameter::Among)
            ),
            Self::LeaveOutUnpaired => format!(
                "leave out what has no partner with {}",
                terms.set(Parameter::Unpaired, "drop")
            ),
            Self::SetToZero => "set these values to 0".to_string(),
            Self::MaskPixels => format!(
                "add a mask of bad pixels, a member named with {}",
                terms.set(Parameter::Role, "bad_pixels=NAME")
            ),
            Self::FitToPatterns => "crop or pad it to the shape of a pattern".to_string(),
            Self::CopyAgain => "copy the file or save it again".to_string(),
            Self::CorrectFile => "correct the file".to_string(),
            Self::CheckPath => "check the path".to_string(),
            Self::ReadAgain => "read the file again once it is complete".to_string(),
            Self::Convert(kind) => kind.how_to_convert().to_string(),
            Self::FreeSpace => "free some disk space".to_string(),
            Self::MoveTempFolder => {
                "name a larger folder in the environment variable TMPDIR".to_string()
            }
            Self::Align => format!("rewrite the file with {}", terms.task(Task::Align)),
            Self::Check => format!(
                "find out what else does not fit with {}",
                terms.task(Task::Check)
            ),
            Self::CountPoints => format!(
                "find out how many remain by {}",
                terms.task(Task::CountPoints)
            ),
            Self::WriteFormat(endings) => {
                format!("write a file that ends in {}", alternatives(endings))
            }
            Self::WriteElsewhere => "write to another path".to_string(),
            Self::CreateFolder => "create the folder first".to_string(),
            Self::ScalePositions => "scale the positions".to_string(),
        }
    }
}

/// Joins a statement of facts and what helps against it into one line.
pub(crate) fn with_remedies(facts: String, remedies: &[Remedy], terms: &dyn Terms) -> String {
    if remedies.is_empty() {
        return facts;
    }
    let clauses: Vec<String> = remedies
        .iter()
        .map(|remedy| remedy.in_terms(terms))
        .collect();
    format!("{facts}; {}", alternatives(&clauses))
}

/// Writes `a`, `a or b`, `a, b or c`.
pub(crate) fn alternatives(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_read_as_a_list() {
        assert_eq!(alternatives(&["a"; 0]), "");
        assert_eq!(alternatives(&["a"]), "a");
        assert_eq!(alternatives(&["a", "b"]), "a or b");
        assert_eq!(alternatives(&["a", "b", "c"]), "a, b or c");
    }
}
