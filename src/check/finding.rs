//! Describes what a check found: how bad it is, of which kind, and what helps.

use serde::{Serialize, Serializer};

use crate::error::{Remedy, Terms, alternatives};

/// Names how bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Results would be wrong, or there would be none.
    Error,
    /// The file may be meant that way.
    Warning,
}

impl Severity {
    /// Returns `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Defines [`Code`]: each variant with its stable id and what findings of that kind mean.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $id:literal, $meaning:literal;)*) => {
        /// Names the kind of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the stable id, such as `not-finite`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// Returns what findings of this kind usually mean for a user, as a clause.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    /// A member's bytes are not those that were written: CRC-32 or length differ, or it does not inflate.
    Crc, "crc", "the file is damaged";
    /// A member is no plain array.
    RefusedMember, "refused-member", "the member cannot be read";
    /// Several members have the same name.
    DuplicateMember, "duplicate-member", "only one of them can be read";
    /// The file is no scan: roles do not fit each other, or no member fills one.
    NoScan, "no-scan", "only the archive was checked, not the values";
    /// A member has the name of a role and cannot fill it.
    Misfit, "misfit", "the member is not used in that role";
    /// Scan points or pixels are missing, or object patches are not one per scan point.
    Length, "length", "a scan needs scan points, pixels, and one object patch per scan point";
    /// A probe or an object holds no numbers.
    Dtype, "dtype", "the member cannot be used in its role";
    /// Positions, patterns, probe or object have infinite values or NaN.
    NotFinite, "not-finite", "one such value is enough to spoil a normalisation or a reconstruction";
    /// Scan points lie at exactly the position of an earlier one.
    DuplicatePositions, "duplicate-positions",
        "exposures were repeated, or the stage did not move; neighbours at distance 0 add no overlap";
    /// Scan points lie much farther from their nearest neighbour than others.
    IsolatedPositions, "isolated-positions", "the stage may have been elsewhere, or the position be misread; such a scan point overlaps with no other";
    /// The range of the positions is unlikely in their unit.
    SuspiciousUnit, "suspicious-unit", "in a wrong unit, object patches are cut at the wrong places";
    /// Scan points lie so far from the object that most of their patch is beside it.
    OffObject, "off-object", "no object patches can be cut there, and the unit, the pixel size or the object may be wrong";
    /// Frame numbers occur more than once.
    DuplicateFrameIndex, "duplicate-frame-index", "patterns of another file cannot be joined by such numbers";
    /// Patterns have values below 0.
    Negative, "negative", "a background may have been subtracted; no amplitude can be computed from such a count";
    /// The values of a frame sum to 0, or to less than 1 % of the median frame's sum.
    DeadFrames, "dead-frames", "the shutter may have been closed, or the beam lost";
    /// All pixels of a frame have one value, which is not 0.
    ConstantFrames, "constant-frames", "these frames may be no exposures";
    /// Frames have pixels at the largest value that occurs or that the dtype can hold.
    SaturatedFrames, "saturated-frames", "the detector may have been overexposed, or the value may mark bad pixels";
    /// Frames have exactly the bytes of an earlier one.
    RepeatedFrames, "repeated-frames", "the detector or the file may have written a frame again; no two exposures have the same noise";
    /// Pixels stand out from their neighbours in nearly every frame.
    HotPixels, "hot-pixels", "these pixels may count without light";
    /// The probe holds zeros only.
    ZeroProbe, "zero-probe", "the illumination is missing";
    /// It stays open which axes of the probe count its modes, or there is one mode per scan point.
    ProbeModes, "probe-modes", "numbers of modes, and the power of each, may be those of another axis";
    /// The modes of the probe do not have the shape of a pattern.
    ProbeShape, "probe-shape", "the probe cannot be multiplied with patches of the size of a pattern";
    /// Data cannot be read.
    NotChecked, "not-checked", "the values of the member were not checked";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// Describes one thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad the finding is.
    pub severity: Severity,
    /// The kind of the finding.
    pub code: Code,
    /// The member concerned, if the finding is about one.
    pub member: Option<String>,
    /// What was found, in words, with its numbers.
    pub found: String,
    /// What helps; any one of the remedies may do.
    pub remedies: Vec<Remedy>,
    /// The number of values (`not-finite` in patterns, probe and object; `negative`), else of scan points or
    /// frames concerned; 1 where nothing is counted.
    pub count: u64,
    /// The first scan points (of patterns: rows) concerned, at most 5, ascending; none for `hot-pixels`, which are
    /// counted.
    pub first: Vec<u64>,
}

impl Finding {
    /// Creates an error.
    pub(super) fn error(code: Code, found: impl Into<String>, remedies: Vec<Remedy>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            member: None,
            found: found.into(),
            remedies,
            count: 1,
            first: Vec::new(),
        }
    }

    /// Creates a warning.
    pub(super) fn warning(code: Code, found: impl Into<String>, remedies: Vec<Remedy>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, found, remedies)
        }
    }

    /// Returns the same finding about a member.
    pub(super) fn of(self, member: Option<&str>) -> Self {
        Self {
            member: member.map(str::to_string),
            ..self
        }
    }

    /// Returns the same finding with a count, at these rows.
    pub(super) fn at(self, count: u64, rows: Tally) -> Self {
        Self {
            count,
            first: rows.first,
            ..self
        }
    }

    /// Returns what the finding means and what helps, in the terms of a front end.
    pub fn hint(&self, terms: &dyn Terms) -> String {
        let remedies: Vec<String> = self
            .remedies
            .iter()
            .map(|remedy| remedy.in_terms(terms))
            .collect();
        let parts = [self.code.meaning().to_string(), alternatives(&remedies)];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("; ")
    }
}

/// Counts the rows in which something is found, and keeps the first of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The number of rows.
    pub count: u64,
    /// The first rows, at most [`Tally::SHOWN`].
    pub first: Vec<u64>,
}

impl Tally {
    /// The largest number of rows that a finding names.
    const SHOWN: usize = 5;

    /// Counts these rows.
    pub fn of(rows: impl Iterator<Item = usize>) -> Self {
        let mut tally = Self::default();
        for row in rows {
            tally.count += 1;
            if tally.first.len() < Self::SHOWN {
                tally.first.push(row as u64);
            }
        }
        tally
    }

    /// Writes `4, 7, 9`, with `...` if there are more.
    pub fn rows(&self) -> String {
        let shown: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = if self.count > self.first.len() as u64 {
            ", ..."
        } else {
            ""
        };
        shown.join(", ") + more
    }
}

/// Writes `1 value`, `3 values`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// Writes a number in few characters; integers exactly.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if value == value.trunc() && size < 1e15 => format!("{value}"),
        size if (1e-2..1e7).contains(&size) => format!("{}", (value * 1e3).round() / 1e3),
        _ => format!("{value:.3e}"),
    }
}
