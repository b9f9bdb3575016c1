//! Finds what is wrong with a file, and what is odd about it.
//!
//! [`check`] reads everything once: every member to its end, then the values of the scan. An error makes
//! results wrong or impossible; a warning may be meant that way. Each [`Finding`] has a stable [`Code`]:
//!
//! | code | severity | what it means |
//! |---|---|---|
//! | `crc` | error | a member's bytes are not those that were written: CRC-32 or length differ, or it does not inflate |
//! | `refused-member` | both | a member that is no plain array: an error if a scan needs it (it has the name of a role, or an option names it), or if it is all there is (a bare `.npy`) |
//! | `duplicate-member` | warning | several members of one name |
//! | `no-scan` | both | roles that do not fit each other in shape, length or dtype; a warning if the file merely has no member for one |
//! | `misfit` | warning | a member with the name of a role that cannot fill it, by its shape, length or dtype |
//! | `length` | error | no scan points, frames without pixels, or object patches that are not one per scan point |
//! | `dtype` | error | a probe or object that holds no numbers |
//! | `not-finite` | error | infinite values or NaN in positions, patterns, probe or object |
//! | `isolated-positions` | warning | scan points much farther from their nearest neighbour than others: see below |
//! | `duplicate-positions` | warning | scan points at exactly the position of an earlier one |
//! | `suspicious-unit` | warning | positions whose range is unlikely in their unit: see [`suspicious_unit`](crate::scan::layout::suspicious_unit) |
//! | `off-object` | warning | scan points most of whose object patch lies beside the object |
//! | `duplicate-frame-index` | warning | frame numbers that an earlier scan point has already |
//! | `negative` | warning | patterns with values below 0 |
//! | `dead-frames` | warning | the values of a frame sum to 0, or to less than 1 % of the median frame's sum |
//! | `constant-frames` | warning | all pixels of a frame have one value, which is not 0 |
//! | `saturated-frames` | warning | see below |
//! | `repeated-frames` | warning | frames with exactly the bytes of an earlier one |
//! | `hot-pixels` | warning | pixels that stand out in nearly every frame: see below |
//! | `zero-probe` | error | a probe of zeros |
//! | `probe-shape` | warning | a probe whose modes do not have the shape of a pattern, whichever axes count them |
//! | `probe-modes` | warning | a probe whose shape leaves open which axes count its modes, or with one mode per scan point |
//! | `not-checked` | error | data that cannot be read |
//!
//! A frame is saturated if it has a pixel at the largest value of an integer dtype of up to 32 bits. It is
//! saturated too, whatever the dtype, if at least 4 of its pixels have the largest value of all frames, and
//! if more pixels of the frame have that value than have the frame's next lower value: a clipped peak is
//! flat, whereas in a weak pattern of few counts the lower values are the more frequent.
//!
//! A pixel is hot if it stands out in at least 9 of 10 frames: its value is above 0 and at least 10 times as
//! large as that of its neighbours (the square root of 10 times, where patterns are amplitudes), but for a
//! quarter of them, that is 2 of the 8 around a pixel, 1 at an edge and none in a corner. Diffraction is smooth
//! over a few pixels wherever the object is sampled well enough to be reconstructed, whereas a hot pixel stands
//! alone, with one or two others, or in a line one pixel wide.
//!
//! A scan point is isolated if the nearest other position is farther away than 10 times the median of that
//! distance over all distinct positions.
//!
//! Pixels that the file's own mask names (role `bad_pixels` or `valid_pixels`), and those that hold one of
//! [`BadPixels::values`](crate::scan::BadPixels::values), are passed over: what is said of patterns is said of
//! the pixels that are left. [`CheckReport::masked_pixels`] and [`CheckReport::marked_values`] tell how many are
//! not.
//!
//! # What is not a finding
//!
//! - Anything in pixels that are masked, whether or not the mask is applied elsewhere.
//! - Repeated frames that are dead or constant, which is a finding already.
//! - Hot pixels among fewer than 4 frames with counts, in frames that have not two axes, in complex frames, and
//!   at the zero frequency, pixel (H div 2, W div 2) or (0, 0): what is not scattered may all fall there. Hot
//!   pixels in groups of four or more, which look like a peak.
//! - Isolated positions among fewer than 4 distinct ones, two stray positions next to each other, and positions
//!   that are not finite.
//! - PtychoPINN's member `_metadata`, a pickled dictionary that no scan needs.
//! - Saturation of patterns of booleans, of patterns whose largest value is 0 or less, and of a frame whose
//!   pixels all have one value (unless that is the largest value of the dtype); the largest value of 64-bit
//!   integers has no meaning of its own.
//! - Dead frames relative to the median, where the median sum is 0, negative or not finite: then only sums of
//!   exactly 0 count. The median is over the frames that have finite values; a frame without any is not dead
//!   but not finite.
//! - Constant frames of a single pixel, and of zeros (those are dead).
//! - Duplicate positions among scan points whose position is not finite; 0 and -0 are the same place.
//! - The unit of positions in steps or of unknown unit, and whether they lie on the object.
//! - Values of members without a role: their bytes are checked, their numbers are not.
//! - The values of a member whose bytes are damaged (`crc`).
//!
//! Sums are taken over the finite values as they are stored, amplitudes or counts; the real and imaginary
//! parts of a complex number count as two values.

mod archive;
mod fields;
mod finding;
mod frames;
mod patterns;
mod positions;
mod report;
mod run;
mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::array::Column;
use crate::error::{Error, Remedy, Result};
use crate::npz::NpzFile;
use crate::progress::Progress;
use crate::scan::layout::{Note, Role};
use crate::scan::{Scan, ScanOptions};
pub use finding::{Code, Finding, Severity};
pub use report::CheckReport;
use run::{Run, is_fatal};

/// Holds how a file is checked.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// How the scan is opened.
    pub scan: ScanOptions,
    /// The listener to how many bytes were read, of how many in all; the task is the file's path. Default:
    /// none.
    pub progress: Progress,
}

impl CheckOptions {
    /// Sets how the scan is opened.
    pub fn with_scan(mut self, scan: ScanOptions) -> Self {
        self.scan = scan;
        self
    }

    /// Sets the listener to how many bytes were read.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// Reads all of a file, and says what is wrong with it.
///
/// Memory is constant but for a few dozen bytes per frame. A compressed member that fills a role is inflated as for any
/// other use of it, and no member is inflated twice.
///
/// ```
/// use std::sync::Arc;
/// use ptychoarrow::NpzFile;
/// use ptychoarrow::check::{CheckOptions, check};
///
/// let npz = Arc::new(NpzFile::open("tests/data/siemens_star.npz")?);
/// let report = check(&npz, &CheckOptions::default())?;
/// assert_eq!((report.positions, report.frames), (Some(516), Some(516)));
/// assert_eq!(report.errors().count(), 0);
/// for finding in report.warnings() {
///     println!("{}: {}", finding.code.id(), finding.found);
/// }
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or changes meanwhile; what is wrong with its contents is a finding.
pub fn check(npz: &Arc<NpzFile>, options: &CheckOptions) -> Result<CheckReport> {
    let scan = match Scan::try_new(Arc::clone(npz), &options.scan) {
        Err(error) if is_fatal(&error) => return Err(error),
        scan => scan,
    };
    let mut run = Run {
        npz,
        findings: Vec::new(),
        masked_pixels: None,
        marked_values: None,
        done: 0,
        total: bytes_to_read(npz, scan.as_ref().ok()),
        progress: &options.progress,
    };
    let is_used = |name: &str| {
        let roles = scan.iter().flat_map(|scan| &scan.layout().roles);
        roles.into_iter().any(|(_, placed)| placed.member == name)
    };
    let bytes = archive::check(&mut run, &options.scan, is_used)?;
    match &scan {
        Ok(scan) => check_scan(&mut run, scan)?,
        Err(error) => run.findings.push(no_scan(error)),
    }
    npz.check_unchanged()?;
    let (masked_pixels, marked_values) = (run.masked_pixels, run.marked_values);
    let mut findings = run.findings;
    findings.sort_by_key(|finding| finding.severity);
    let scan = scan.as_ref().ok();
    Ok(CheckReport {
        findings,
        positions: scan
            .filter(|scan| scan.has_positions())
            .map(Scan::num_positions),
        frames: scan.and_then(Scan::diffraction).map(Column::num_rows),
        masked_pixels,
        marked_values,
        members: npz.members().len(),
        bytes,
    })
}

/// Returns the bytes of all members, and those of the patterns, which are read once more.
fn bytes_to_read(npz: &NpzFile, scan: Option<&Scan>) -> u64 {
    let sizes = npz.members().iter().map(|member| member.size);
    let members = sizes.fold(0u64, u64::saturating_add);
    let patterns = scan.and_then(Scan::diffraction).map_or(0, |column| {
        column.num_rows().saturating_mul(column.row_bytes()) as u64
    });
    members.saturating_add(patterns)
}

fn no_scan(error: &Error) -> Finding {
    let found = error.facts_with_sources();
    match error {
        Error::MissingRole { .. } => Finding::warning(Code::NoScan, found, error.remedies()),
        Error::BadMember { member, .. } => {
            Finding::error(Code::NoScan, found, error.remedies()).of(Some(member))
        }
        _ => Finding::error(Code::NoScan, found, error.remedies()),
    }
}

fn check_scan(run: &mut Run, scan: &Scan) -> Result<()> {
    if scan.num_positions() == 0 {
        let finding = Finding::error(Code::Length, "no scan points", vec![Remedy::ReadAgain]);
        run.findings.push(finding);
    }
    let misfits: Vec<Finding> = scan.layout().notes.iter().filter_map(misfit).collect();
    for finding in misfits {
        // A member that is no array at all is a finding already.
        let is_about =
            |other: &Finding| other.code == Code::RefusedMember && other.member == finding.member;
        if !run.findings.iter().any(is_about) {
            run.findings.push(finding);
        }
    }
    if scan.has_positions() {
        run.look(scan, &[Role::X, Role::Y], positions::check)?;
    }
    if scan.has_starts() {
        run.look(scan, &[Role::XStart, Role::YStart], positions::check_starts)?;
    }
    run.look(scan, &[Role::FrameIndex], positions::check_frame_index)?;
    run.look(scan, &[Role::Diffraction], patterns::check)?;
    run.findings.extend(fields::probe_axes(scan));
    run.look(scan, &[Role::Probe], fields::check_probe)?;
    run.look(scan, &[Role::Object], fields::check_object)?;
    run.look(scan, &[Role::ObjectPatches], fields::check_patches)
}

fn misfit(note: &Note) -> Option<Finding> {
    let Note::Misfit { member, .. } = note else {
        return None;
    };
    Some(Finding::warning(Code::Misfit, note.facts(), note.remedies()).of(Some(member)))
}
