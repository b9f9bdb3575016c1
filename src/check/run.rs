//! Keeps what a check has found so far, and how far it is.

use std::sync::Arc;

use super::finding::{Code, Finding};
use crate::error::{Error, Result};
use crate::npz::NpzFile;
use crate::progress::Progress;
use crate::scan::Scan;
use crate::scan::layout::Role;

/// Holds the state of a check.
pub struct Run<'a> {
    /// The file.
    pub npz: &'a Arc<NpzFile>,
    /// The findings so far.
    pub findings: Vec<Finding>,
    /// The number of pixels that the file's mask names.
    pub masked_pixels: Option<usize>,
    /// The number of values that mark a pixel as bad.
    pub marked_values: Option<u64>,
    /// The number of bytes read so far.
    pub done: u64,
    /// The number of bytes to read in all.
    pub total: u64,
    /// The listener that is told about them.
    pub progress: &'a Progress,
}

impl Run<'_> {
    /// Reports how many bytes were read.
    pub fn advance_to(&mut self, done: u64) {
        self.done = done.min(self.total);
        let task = self.npz.path().display().to_string();
        self.progress.bytes(&task, self.done, self.total);
    }

    /// Checks the members of these roles, unless one is known to be damaged. That they cannot be read is a
    /// finding, so that the other roles are still checked.
    ///
    /// # Errors
    /// If the file changed, or if the system cannot read it.
    pub fn look(
        &mut self,
        scan: &Scan,
        roles: &[Role],
        check: impl FnOnce(&mut Self, &Scan) -> Result<()>,
    ) -> Result<()> {
        // That the member cannot be read is a finding of its own.
        if roles.iter().any(|role| scan.unreadable(*role).is_some()) {
            return Ok(());
        }
        let sources = roles.iter().filter_map(|role| scan.source(*role));
        // What was found out about a member of this file says nothing about one of another file.
        let members = sources
            .filter(|source| Arc::ptr_eq(source.npz, self.npz))
            .map(|source| source.placed.member.as_str());
        let members: Vec<&str> = members.collect();
        let is_damaged = |member: &str| {
            let about = |finding: &Finding| finding.member.as_deref() == Some(member);
            self.findings
                .iter()
                .any(|finding| finding.code == Code::Crc && about(finding))
        };
        if members.iter().copied().any(is_damaged) {
            return Ok(());
        }
        match check(self, scan) {
            Err(error) if is_fatal(&error) => Err(error),
            Err(error) => {
                let found = error.facts_with_sources();
                let finding = Finding::error(Code::NotChecked, found, error.remedies());
                self.findings.push(finding.of(members.first().copied()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Returns whether there is no use in looking at anything else of the file.
pub fn is_fatal(error: &Error) -> bool {
    matches!(error, Error::FileChanged { .. } | Error::Io { .. })
}
