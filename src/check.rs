//! What is wrong with a file, and what is odd about it.
//!
//! [`check`] reads everything once: every member to its end, then the values of the scan. An error makes results wrong
//! or impossible; a warning may be meant that way. Each [`Finding`] has a stable code:
//!
//! | code | severity | what it means |
//! |---|---|---|
//! | `crc` | error | a member's bytes are not those that were written: CRC-32 or length differ, or it does not inflate |
//! | `refused-member` | both | a member that is no plain array: an error if a scan needs it (it is named like a role, or by an option), or if it is all there is (a bare `.npy`). PtychoPINN's `_metadata`, which nobody needs, is no finding |
//! | `duplicate-member` | warning | several members of one name |
//! | `no-scan` | both | roles that do not fit each other in shape, length or dtype; a warning if the file merely has no member for one |
//! | `misfit` | warning | a member with the name of a role that does not serve as it, by its shape, length or dtype |
//! | `length` | error | no scan points, frames without pixels, or object patches that are not one a scan point |
//! | `dtype` | error | a probe or object that holds no numbers |
//! | `not-finite` | error | infinite values, or no numbers, in positions, patterns, probe or object |
//! | `duplicate-positions` | warning | scan points at exactly the position of an earlier one |
//! | `suspicious-unit` | warning | positions whose range is unlikely in their unit |
//! | `duplicate-frame-index` | warning | frame numbers that an earlier scan point has already |
//! | `negative` | warning | patterns with values below 0 |
//! | `dead-frames` | warning | the values of a frame sum to 0, or to less than 1 % of the median frame's sum |
//! | `constant-frames` | warning | all pixels of a frame have one value, which is not 0 |
//! | `saturated-frames` | warning | see below |
//! | `zero-probe` | error | a probe of zeros |
//! | `probe-shape` | warning | a probe whose last two axes are not those of a pattern |
//! | `not-checked` | error | data that cannot be read |
//!
//! A frame is saturated if it has a pixel at the largest value of an integer dtype of up to 32 bits; or, whatever the
//! dtype but for truth values, if at least 4 of its pixels have the largest value of all frames, and more than have the frame's next lower
//! value. A clipped peak is flat; the few counts of a weak pattern are not: of those, lower values are the more frequent.
//!
//! Sums are taken over the finite values as they are stored, amplitudes or counts. Members found damaged are not looked
//! into any further.

mod archive;
mod fields;
mod patterns;
mod positions;
mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::npz::NpzFile;
use crate::scan::layout::{MISFIT, Role};
use crate::scan::{Scan, ScanOptions};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Results would be wrong, or there would be none.
    Error,
    /// It may be meant that way.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is of: a stable id, in the module's table.
    pub code: &'static str,
    /// The member concerned, if it is about one.
    pub member: Option<String>,
    /// What is there, in words, with its numbers.
    pub found: String,
    /// What to do about it.
    pub hint: String,
    /// How many values (`not-finite`, `negative`), frames or scan points it is about; 1 where nothing is counted.
    pub count: u64,
    /// The first scan points (of patterns: rows) concerned, at most 5, ascending.
    pub first: Vec<u64>,
}

impl Finding {
    fn error(code: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        let (found, hint) = (found.into(), hint.into());
        Self {
            severity: Severity::Error,
            code,
            member: None,
            found,
            hint,
            count: 1,
            first: Vec::new(),
        }
    }

    fn warning(code: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, found, hint)
        }
    }

    /// The same about a member.
    fn of(self, member: Option<&str>) -> Self {
        Self {
            member: member.map(str::to_string),
            ..self
        }
    }

    /// The same with a count, at these rows.
    fn at(self, count: u64, rows: Tally) -> Self {
        Self {
            count,
            first: rows.first,
            ..self
        }
    }
}

/// What a check of one file found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Errors first, then warnings, each in the order of the checks.
    pub findings: Vec<Finding>,
    /// Number of positions; `None` for a file without.
    pub positions: Option<usize>,
    /// Number of patterns; `None` for a file without.
    pub frames: Option<usize>,
    /// Number of members.
    pub members: usize,
    /// Bytes of members that were read, NPY headers included, unpacked.
    pub bytes: u64,
}

impl CheckReport {
    /// The findings that make results wrong or impossible.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }

    /// The findings that may be meant that way.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
    }
}

/// Reads all of a file, at constant memory but for a few dozen bytes a frame, and says what is wrong with it. `progress`
/// is told bytes done and bytes in all; a deflated member with patterns is inflated as for any other use of it.
///
/// ```
/// use std::sync::Arc;
/// use ptychoarrow::{NpzFile, check::check, scan::ScanOptions};
/// let npz = Arc::new(NpzFile::open("tests/data/siemens_star.npz")?);
/// let report = check(&npz, &ScanOptions::default(), &mut |_, _| {})?;
/// assert_eq!((report.positions, report.errors().count()), (Some(516), 0));
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or changes meanwhile; what is wrong with its contents is a finding.
pub fn check(
    npz: &Arc<NpzFile>,
    options: &ScanOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CheckReport> {
    let scan = match Scan::try_new(Arc::clone(npz), options) {
        Err(error) if is_fatal(&error) => return Err(error),
        scan => scan,
    };
    let members = npz
        .members()
        .iter()
        .fold(0u64, |sum, member| sum.saturating_add(member.size));
    let patterns = scan.as_ref().ok().and_then(Scan::diffraction);
    let patterns = patterns.map_or(0, |column| {
        column.num_rows().saturating_mul(column.row_bytes()) as u64
    });
    let total = members.saturating_add(patterns);
    let mut run = Run {
        npz,
        findings: Vec::new(),
        done: 0,
        total,
        progress,
    };

    let bytes = archive::check(&mut run, options)?;
    match &scan {
        Ok(scan) => check_scan(&mut run, scan)?,
        Err(error) => run.findings.push(no_scan(error)),
    }
    npz.check_unchanged()?;
    let scan = scan.ok();
    let mut findings = run.findings;
    findings.sort_by_key(|finding| finding.severity);
    Ok(CheckReport {
        findings,
        positions: scan
            .as_ref()
            .filter(|scan| scan.has_positions())
            .map(Scan::num_positions),
        frames: scan
            .as_ref()
            .and_then(Scan::diffraction)
            .map(crate::array::Column::num_rows),
        members: npz.members().len(),
        bytes,
    })
}

/// Whether there is no use in looking at anything else of the file.
fn is_fatal(error: &Error) -> bool {
    matches!(error, Error::FileChanged { .. } | Error::Io { .. })
}

fn no_scan(error: &Error) -> Finding {
    let found = error.report();
    match error {
        Error::MissingRole { .. } => {
            Finding::warning("no-scan", found, "only the archive was checked")
        }
        Error::BadMember { member, .. } => {
            Finding::error("no-scan", found, "only the archive was checked").of(Some(member))
        }
        _ => Finding::error("no-scan", found, "only the archive was checked"),
    }
}

fn check_scan(run: &mut Run, scan: &Scan) -> Result<()> {
    if scan.num_positions() == 0 {
        run.findings.push(Finding::error(
            "length",
            "no scan points",
            "was the file written before the scan began?",
        ));
    }
    let misfits = scan
        .layout()
        .notes
        .iter()
        .filter(|note| note.contains(MISFIT));
    let hint = "correct the member, or name another with --role";
    run.findings
        .extend(misfits.map(|note| Finding::warning("misfit", note.clone(), hint)));
    if scan.has_positions() {
        run.look(scan, &[Role::X, Role::Y], positions::check)?;
    }
    if scan.has_starts() {
        run.look(scan, &[Role::XStart, Role::YStart], positions::check_starts)?;
    }
    run.look(scan, &[Role::FrameIndex], positions::check_frame_index)?;
    run.look(scan, &[Role::Diffraction], patterns::check)?;
    run.look(scan, &[Role::Probe], fields::check_probe)?;
    run.look(scan, &[Role::Object], fields::check_object)?;
    run.look(scan, &[Role::ObjectPatches], fields::check_patches)
}

/// A check on its way.
struct Run<'a> {
    npz: &'a Arc<NpzFile>,
    findings: Vec<Finding>,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Run<'_> {
    /// Tells how far it is.
    fn advance_to(&mut self, done: u64) {
        self.done = done.min(self.total);
        (self.progress)(self.done, self.total);
    }

    /// Looks into the members of these roles, unless one is known to be damaged. That they cannot be read is a finding,
    /// so that the others are still looked into.
    fn look(
        &mut self,
        scan: &Scan,
        roles: &[Role],
        check: impl FnOnce(&mut Self, &Scan) -> Result<()>,
    ) -> Result<()> {
        let members = || roles.iter().filter_map(|role| scan.layout().member(*role));
        let is_damaged = |member: &str| {
            self.findings
                .iter()
                .any(|finding| finding.code == "crc" && finding.member.as_deref() == Some(member))
        };
        if members().any(is_damaged) {
            return Ok(());
        }
        match check(self, scan) {
            Err(error) if is_fatal(&error) => Err(error),
            Err(error) => {
                let finding = Finding::error(
                    "not-checked",
                    error.report(),
                    "the values of this member are unknown",
                );
                self.findings.push(finding.of(members().next()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Most rows named by a finding.
const FIRST: usize = 5;

/// How many rows something is found in, and the first of them.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    first: Vec<u64>,
}

impl Tally {
    fn of(rows: impl Iterator<Item = usize>) -> Self {
        let mut tally = Self::default();
        for row in rows {
            tally.count += 1;
            if tally.first.len() < FIRST {
                tally.first.push(row as u64);
            }
        }
        tally
    }

    /// `4, 7, 9`, with `...` if there are more.
    fn rows(&self) -> String {
        let shown: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = if self.count > self.first.len() as u64 {
            ", ..."
        } else {
            ""
        };
        shown.join(", ") + more
    }
}

/// `1 value`, `3 values`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A number in few characters; whole ones exactly.
fn short(value: f64) -> String {
    match value.abs() {
        size if value == value.trunc() && size < 1e15 => format!("{value}"),
        size if (1e-2..1e7).contains(&size) => format!("{}", (value * 1e3).round() / 1e3),
        _ => format!("{value:.3e}"),
    }
}
