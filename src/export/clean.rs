//! Writes a scan with some of its scan points as a new NPZ file.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;

use super::IfExists;
use super::subset::{PROVENANCE_MEMBER, Subset, SubsetOptions, subset};
use crate::array::{Column, RowSet, View};
use crate::error::{Error, OutputProblem, Result};
use crate::npz::NpzFile;
use crate::progress::Progress;
use crate::scan::layout::Role;
use crate::scan::{Scan, provenance};

/// Holds the options of [`clean`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct CleanOptions {
    /// What to do if the output exists. Default: an error.
    pub if_exists: IfExists,
    /// The predicate that selected the scan points, for the provenance; it is recorded, not evaluated. Default: none.
    pub among: Option<String>,
    /// Receives the number of bytes written so far. Default: nobody listens.
    pub progress: Progress,
}

impl CleanOptions {
    /// Sets what to do if the output exists.
    pub fn with_if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// Sets the predicate that is recorded in the provenance.
    pub fn with_among(mut self, among: impl Into<Option<String>>) -> Self {
        self.among = among.into();
        self
    }

    /// Sets what receives the progress.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// The member of the PtychoPINN layout that numbers frames.
const FRAME_NUMBERS: &str = "scan_index";

/// Writes a scan with some of its scan points, in the order given. Returns `None` if the output exists and is to be left
/// as it is.
///
/// Members that have one row per scan point, by their role or by their shape, are cut; probe, object and all others are
/// kept whole. The dtype, the byte order and the axes of every member stay; data is aligned to 64 bytes. Memory does not
/// grow with the members. The same points of the same archive give the same bytes. If the scan does not number its frames, the member `scan_index` is added, with the numbers that the scan
/// points had. Bad pixels that the scan reads as 0 are written as 0. The member [`PROVENANCE_MEMBER`] is added, with the source and what was kept of it. A member in Fortran order
/// whose first axis counts the scan points is written in C order.
///
/// The output may be the archive itself ([`IfExists::Replace`]): it is replaced once the new file has been read back.
///
/// # Errors
/// If the scan is read from two files; if there are no points, or if one lies beyond the scan; if a member
/// is damaged (its CRC-32 is verified) or cannot be unpacked; if the output exists, cannot be written, or does not fit
/// the disk. Nothing is left behind then.
pub fn clean(
    scan: &Scan,
    points: &[usize],
    path: &Path,
    options: &CleanOptions,
) -> Result<Option<Subset>> {
    let npz = scan.npz();
    let layout = scan.layout();
    if scan.sources().count() > 1 {
        return Err(Error::BadOutput {
            path: path.to_path_buf(),
            problem: OutputProblem::PatternsInAnotherFile,
        });
    }
    let has_numbers =
        layout.member(Role::FrameIndex).is_some() || npz.info(FRAME_NUMBERS).is_some();
    let before = text_of(npz, PROVENANCE_MEMBER)?;
    let options = SubsetOptions {
        if_exists: options.if_exists,
        points: points.to_vec(),
        axes: scan.scan_point_axes()?,
        rows: scan.picked_rows(),
        cleared: scan
            .diffraction()
            .and_then(|patterns| Some((patterns.member().to_string(), patterns.marks()?))),
        numbers: (!has_numbers).then(|| FRAME_NUMBERS.to_string()),
        provenance: provenance::of_subset(
            npz,
            options.among.as_deref(),
            points.len(),
            scan.num_positions(),
            before.as_deref(),
        ),
        progress: options.progress.clone(),
    };
    subset(npz, path, &options)
}

/// Reads a member that is a single text; returns `None` if there is no such member, or if it is anything else.
fn text_of(npz: &Arc<NpzFile>, name: &str) -> Result<Option<String>> {
    if npz.info(name).is_none() {
        return Ok(None);
    }
    let column = Column::open(npz, name, name, &View::whole())?;
    let array = column.array(&RowSet::Range(0..1))?;
    Ok(array
        .as_string_opt::<i32>()
        .map(|text| text.value(0).to_string()))
}
