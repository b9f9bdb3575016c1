//! Gathers the findings of one file.

use serde_json::{Value, json};

use super::finding::{Finding, Severity};
use crate::error::Terms;

/// Holds what a check of one file found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The findings: errors first, then warnings, each in the order of the checks.
    pub findings: Vec<Finding>,
    /// The number of positions; `None` for a file without positions.
    pub positions: Option<usize>,
    /// The number of patterns; `None` for a file without patterns.
    pub frames: Option<usize>,
    /// The number of pixels of a pattern that the file's own mask names, and that were passed over; `None` for a
    /// file without a mask.
    pub masked_pixels: Option<usize>,
    /// The number of values in all patterns that mark other pixels as bad, and that were passed over; `None`
    /// where no value does.
    pub marked_values: Option<u64>,
    /// The number of members of the archive.
    pub members: usize,
    /// The number of bytes of members that were read, unpacked, with their NPY headers.
    pub bytes: u64,
}

impl CheckReport {
    /// Iterates over the findings that make results wrong or impossible.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.of(Severity::Error)
    }

    /// Iterates over the findings that may be meant that way.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.of(Severity::Warning)
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.severity == severity)
    }

    /// Returns the report as JSON, with what helps in the terms of a front end.
    ///
    /// Each finding has `severity`, `code`, `member`, `found`, `hint`, `count` and `first`; the report has
    /// `findings`, `positions`, `frames`, `masked_pixels`, `marked_values`, `members` and `bytes`.
    pub fn to_json(&self, terms: &dyn Terms) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "severity": finding.severity,
                "code": finding.code,
                "member": finding.member,
                "found": finding.found,
                "hint": finding.hint(terms),
                "count": finding.count,
                "first": finding.first,
            })
        };
        json!({
            "findings": self.findings.iter().map(finding).collect::<Value>(),
            "positions": self.positions,
            "frames": self.frames,
            "masked_pixels": self.masked_pixels,
            "marked_values": self.marked_values,
            "members": self.members,
            "bytes": self.bytes,
        })
    }
}
