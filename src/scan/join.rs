//! Joins the patterns of another file on the frame index.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::layout::{Layout, LayoutOptions, Role};
use super::options::ScanOptions;
use crate::array::{Column, RowSet};
use crate::error::{Error, Remedy, Result};
use crate::npz::NpzFile;

/// Holds the patterns of another file, in the order of the positions.
pub struct Joined {
    /// The other file.
    pub npz: Arc<NpzFile>,
    /// The patterns, one per position.
    pub column: Column,
}

/// Finds the pattern of each position of `npz` in the file at `path`. Patterns without a position are left
/// out.
///
/// # Errors
/// If the positions have patterns already, if one of the files has no frame index, if a frame occurs twice among the
/// patterns, or if a position has no pattern.
pub fn patterns(
    npz: &NpzFile,
    layout: &Layout,
    frame_index: Option<&Column>,
    path: &Path,
    options: &ScanOptions,
) -> Result<Joined> {
    if let Some(member) = layout.member(Role::Diffraction) {
        return Err(Error::PatternsTwice {
            path: npz.path().to_path_buf(),
            member: member.to_string(),
            patterns: path.to_path_buf(),
        });
    }
    let frame_index = frame_index.ok_or_else(|| layout.missing(npz, Role::FrameIndex))?;
    let table = FrameTable::try_new(path, options)?;
    let frames = all_numbers(frame_index)?;
    let rows = table.rows_of(&frames).map_err(|missing| {
        let expected = format!(
            "only frames that `{}` of {} has",
            table.member(),
            path.display()
        );
        bad_frame_index(npz, layout, missing.found(), expected)
    })?;
    Ok(Joined {
        npz: table.npz,
        column: table.patterns.reordered(rows.into()),
    })
}

/// Maps the frame numbers of a file of patterns to its rows.
struct FrameTable {
    npz: Arc<NpzFile>,
    layout: Layout,
    patterns: Column,
    row_of: HashMap<i64, usize>,
}

/// Says which frames a file of patterns lacks.
struct MissingFrames {
    /// The number of frames that are not there.
    count: usize,
    /// The first of them.
    first: i64,
}

impl FrameTable {
    /// Opens the file of patterns and reads its frame index.
    ///
    /// # Errors
    /// If it has no patterns or no frame index, or if a frame occurs twice.
    fn try_new(path: &Path, options: &ScanOptions) -> Result<Self> {
        let npz = Arc::new(NpzFile::open_with(path, &options.open)?);
        let layout_options = LayoutOptions {
            pattern_axis: options.layout.pattern_axis,
            ..Default::default()
        };
        let layout = Layout::detect(&npz, &layout_options)?;
        let open = |role: Role| {
            let placed = layout.require(&npz, role)?;
            Column::open(&npz, &placed.member, role.name(), &placed.view())
        };
        let (frames, patterns) = (open(Role::FrameIndex)?, open(Role::Diffraction)?);
        let mut row_of = HashMap::with_capacity(frames.num_rows());
        for (row, frame) in all_numbers(&frames)?.into_iter().enumerate() {
            if row_of.insert(frame, row).is_some() {
                let found = format!("frame {frame} twice");
                let expected = "every frame once".to_string();
                return Err(bad_frame_index(&npz, &layout, found, expected));
            }
        }
        Ok(Self {
            npz,
            layout,
            patterns,
            row_of,
        })
    }

    /// Returns the member that holds the frame numbers.
    fn member(&self) -> &str {
        self.layout.member(Role::FrameIndex).unwrap_or_default()
    }

    /// Returns the row of each frame.
    ///
    /// # Errors
    /// If some frames are not there.
    fn rows_of(&self, frames: &[i64]) -> Result<Vec<usize>, MissingFrames> {
        let missing = || {
            frames
                .iter()
                .filter(|frame| !self.row_of.contains_key(frame))
        };
        if let Some(first) = missing().next() {
            return Err(MissingFrames {
                count: missing().count(),
                first: *first,
            });
        }
        Ok(frames.iter().map(|frame| self.row_of[frame]).collect())
    }
}

impl MissingFrames {
    fn found(&self) -> String {
        match self.count {
            1 => format!("frame {}, which is not there", self.first),
            count => format!(
                "{count} frames that are not there, the first is {}",
                self.first
            ),
        }
    }
}

fn all_numbers(column: &Column) -> Result<Vec<i64>> {
    column
        .numbers(&RowSet::Range(0..column.num_rows()))?
        .to_i64()
}

fn bad_frame_index(npz: &NpzFile, layout: &Layout, found: String, expected: String) -> Error {
    let member = layout.member(Role::FrameIndex).unwrap_or_default();
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: member.to_string(),
        found,
        expected,
        remedies: vec![Remedy::CorrectFile],
    }
}
