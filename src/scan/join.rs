//! Patterns out of another file, joined on the frame index.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::ScanOptions;
use super::layout::{Layout, LayoutOptions, Role};
use crate::array::{Column, RowSet};
use crate::error::{Error, Remedy, Result};
use crate::npz::NpzFile;

/// Patterns of another file, in the order of the positions.
pub struct Joined {
    /// That file.
    pub npz: Arc<NpzFile>,
    /// One pattern a position.
    pub column: Column,
}

/// Finds the pattern of each position of `npz` in the file at `path`. Patterns without a position are left out.
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
    let other = Arc::new(NpzFile::open_with(path, &options.open)?);
    let settled = LayoutOptions {
        pattern_axis: options.layout.pattern_axis,
        ..Default::default()
    };
    let theirs = Layout::detect(&other, &settled)?;
    let open = |role, name| {
        let placed = theirs.require(&other, role)?;
        Column::open(&other, &placed.member, name, &placed.view())
    };
    let (frames, column) = (
        open(Role::FrameIndex, "frame_index")?,
        open(Role::Diffraction, "diffraction")?,
    );
    let bad = |npz: &NpzFile, role: &Layout, found: String, expected: String| Error::BadMember {
        path: npz.path().to_path_buf(),
        member: role
            .member(Role::FrameIndex)
            .unwrap_or_default()
            .to_string(),
        found,
        expected,
        remedies: vec![Remedy::CorrectFile],
    };

    let mut row_of = HashMap::with_capacity(frames.num_rows());
    for (row, frame) in frames
        .numbers(&RowSet::Range(0..frames.num_rows()))?
        .to_i64()?
        .into_iter()
        .enumerate()
    {
        if row_of.insert(frame, row).is_some() {
            return Err(bad(
                &other,
                &theirs,
                format!("frame {frame} twice"),
                "every frame once".to_string(),
            ));
        }
    }
    let mine = frame_index
        .numbers(&RowSet::Range(0..frame_index.num_rows()))?
        .to_i64()?;
    let rows: Vec<Option<usize>> = mine
        .iter()
        .map(|frame| row_of.get(frame).copied())
        .collect();
    let lost: Vec<String> = mine
        .iter()
        .zip(&rows)
        .filter(|(_, row)| row.is_none())
        .map(|(frame, _)| frame.to_string())
        .collect();
    if let Some(first) = lost.first() {
        let found = match lost.len() {
            1 => format!("frame {first}, which is not there"),
            lost => format!("{lost} frames that are not there, the first is {first}"),
        };
        let expected = format!(
            "only frames that `{}` of {} has",
            theirs.member(Role::FrameIndex).unwrap_or_default(),
            path.display()
        );
        return Err(bad(npz, layout, found, expected));
    }
    let column = column.reordered(rows.into_iter().flatten().collect());
    Ok(Joined { npz: other, column })
}
