//! Pairs positions and patterns: joins them on the frame index where both sides have one, else by order.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{File, Files, RoleSource};
use super::layout::{LeftOut, Note, Role, Unpaired};
use crate::array::{Column, RowSet};
use crate::error::{Error, Remedy, Result};

/// Says which rows of a member are those of the scan points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// The first rows, this many.
    First(usize),
    /// The row of each scan point.
    Picked(Arc<[usize]>),
}

impl Rows {
    fn of(rows: Vec<usize>) -> Self {
        match rows.iter().enumerate().all(|(place, row)| place == *row) {
            true => Self::First(rows.len()),
            false => Self::Picked(rows.into()),
        }
    }

    /// Returns the row of a scan point.
    pub fn at(&self, scan_point: usize) -> usize {
        match self {
            Self::First(_) => scan_point,
            Self::Picked(rows) => rows[scan_point],
        }
    }

    /// Returns a column with the rows of the scan points alone.
    pub fn of_column(&self, column: Column) -> Column {
        match self {
            Self::First(len) => column.limited(*len),
            Self::Picked(rows) => column.reordered(Arc::clone(rows)),
        }
    }
}

/// Says which rows of the members on either side belong to which scan point.
#[derive(Debug)]
pub struct Pairing {
    /// The number of scan points.
    pub points: usize,
    /// The rows of members that have one row per position.
    pub positions: Rows,
    /// The rows of members that have one row per pattern.
    pub patterns: Rows,
}

/// The roles whose members have one row per position or per pattern, and of which the shortest counts.
const COUNTED: [Role; 7] = [
    Role::X,
    Role::Y,
    Role::XStart,
    Role::YStart,
    Role::PositionIndex,
    Role::FrameIndex,
    Role::Diffraction,
];

/// Names a side of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Positions,
    Patterns,
}

impl Pairing {
    /// Pairs the positions and the patterns of a scan. Frame numbers are read, if both sides have them.
    ///
    /// # Errors
    /// If a frame number occurs twice on a side that is joined on it; unless what is unpaired is to be left
    /// out, if a position has no pattern, or a pattern no position.
    pub fn of(files: &Files, unpaired: Unpaired) -> Result<(Self, Vec<Note>)> {
        match keys(files) {
            Some(keys) => join(files, keys, unpaired),
            None => by_order(files, unpaired),
        }
    }

    /// Returns the rows of the member that fills a role; `None` if its rows are not those of scan points.
    pub fn rows(&self, files: &Files, role: Role) -> Option<&Rows> {
        let file = files.of(role).filter(|_| role.is_of_scan_points())?;
        Some(self.of_side(side_of(files, file, role)))
    }

    /// Returns the rows of a member without a role that has this many; `None` if they are not those of scan
    /// points.
    ///
    /// # Errors
    /// If they may be those of positions or those of patterns, which are not the same.
    pub fn rows_of_other(
        &self,
        files: &Files,
        file: &File,
        len: usize,
    ) -> Result<Option<&Rows>, ()> {
        let counts = |role: &Role| {
            let is_used = files.of(*role).is_some_and(|used| std::ptr::eq(used, file));
            is_used && file.num_rows(*role) == Some(len)
        };
        let roles = COUNTED.into_iter().filter(counts);
        let mut rows = roles.map(|role| self.of_side(side_of(files, file, role)));
        let Some(first) = rows.next() else {
            return Ok(None);
        };
        match rows.all(|other| other == first) {
            true => Ok(Some(first)),
            false => Err(()),
        }
    }

    fn of_side(&self, side: Side) -> &Rows {
        match side {
            Side::Positions => &self.positions,
            Side::Patterns => &self.patterns,
        }
    }
}

/// Returns the side whose rows a role's member in this file has.
fn side_of(files: &Files, file: &File, role: Role) -> Side {
    let is = |other: Option<&File>| other.is_some_and(|other| std::ptr::eq(other, file));
    match (is(files.of_positions()), is(files.of_patterns())) {
        (true, false) => Side::Positions,
        (false, _) => Side::Patterns,
        _ if role.is_of_positions() => Side::Positions,
        _ if role == Role::Diffraction => Side::Patterns,
        _ if role == Role::FrameIndex && file.has(Role::PositionIndex) => Side::Patterns,
        // What has as many rows as both is of the positions.
        _ => {
            let rows = file.num_rows(role);
            let is_of_positions = rows == file.num_rows(Role::X);
            match !is_of_positions && rows == file.num_rows(Role::Diffraction) {
                true => Side::Patterns,
                false => Side::Positions,
            }
        }
    }
}

/// Returns the frame index of the positions and that of the patterns, if both are there.
fn keys(files: &Files) -> Option<[(Role, RoleSource<'_>); 2]> {
    let (positions, patterns) = (files.of_positions()?, files.of_patterns()?);
    let of_positions = match std::ptr::eq(positions, patterns) {
        true => Role::PositionIndex,
        false => Role::FrameIndex,
    };
    Some([
        (of_positions, positions.source(of_positions)?),
        (Role::FrameIndex, patterns.source(Role::FrameIndex)?),
    ])
}

/// Returns the members of a side, or of both, each with its number of rows.
fn lengths(files: &Files, side: Option<Side>) -> Vec<(&str, usize)> {
    let mut lengths = Vec::new();
    for file in files.iter() {
        for role in COUNTED {
            let is_used = match (role, files.of(role)) {
                // Both files may have one.
                (Role::FrameIndex, _) => file.has(role),
                (_, Some(used)) => std::ptr::eq(used, file),
                (_, None) => false,
            };
            let is_of_side = || side.is_none_or(|side| side_of(files, file, role) == side);
            if let Some(source) = file.source(role).filter(|_| is_used && is_of_side()) {
                lengths.push((source.placed.member.as_str(), source.num_rows()));
            }
        }
    }
    lengths.dedup();
    lengths
}

fn shortest(lengths: &[(&str, usize)]) -> usize {
    lengths
        .iter()
        .map(|(_, len)| *len)
        .min()
        .unwrap_or_default()
}

/// Returns the members that have more rows than this.
fn longer(lengths: &[(&str, usize)], rows: usize) -> Vec<LeftOut> {
    let longer = lengths.iter().filter(|(_, len)| *len > rows);
    longer
        .map(|(member, len)| LeftOut {
            member: (*member).to_string(),
            rows: len - rows,
            of: *len,
            first: None,
        })
        .collect()
}

/// Pairs by order; the shorter side counts.
fn by_order(files: &Files, unpaired: Unpaired) -> Result<(Pairing, Vec<Note>)> {
    let lengths = lengths(files, None);
    let points = shortest(&lengths);
    let left_out = longer(&lengths, points);
    if unpaired == Unpaired::Error && !left_out.is_empty() {
        return Err(of_other_length(files, &lengths));
    }
    let member = |role: Role| {
        files
            .source(role)
            .map(|source| source.placed.member.clone())
    };
    let numbered = match (member(Role::X), member(Role::Diffraction)) {
        (Some(_), Some(_)) => member(Role::FrameIndex),
        _ => None,
    };
    let note = match (member(Role::X), member(Role::Diffraction)) {
        _ if !left_out.is_empty() => Some(Note::Unpaired {
            points,
            joined_on: None,
            left_out,
            numbered,
        }),
        (Some(positions), Some(patterns)) if files.second.is_some() => Some(Note::PairedByOrder {
            positions,
            patterns,
            numbered,
        }),
        _ => None,
    };
    let pairing = Pairing {
        points,
        positions: Rows::First(points),
        patterns: Rows::First(points),
    };
    Ok((pairing, note.into_iter().collect()))
}

/// Creates the error for members of different lengths in two files.
fn of_other_length(files: &Files, lengths: &[(&str, usize)]) -> Error {
    let side = |file: Option<&File>, role: Role| {
        let file = file.unwrap_or(&files.first);
        let source = file.source(role);
        let (fallback, len) = lengths.first().copied().unwrap_or_default();
        (
            file.npz.path().to_path_buf(),
            source
                .map_or(fallback, |source| &source.placed.member)
                .to_string(),
            source.map_or(len, |source| source.num_rows()),
        )
    };
    let (path, member, positions) = side(files.of_positions(), Role::X);
    let (other, other_member, patterns) = side(files.of_patterns(), Role::Diffraction);
    Error::Unpaired {
        path,
        member,
        positions,
        other,
        other_member,
        patterns,
        joined: None,
    }
}

/// Joins positions and patterns on their frame numbers, in the order of the positions.
fn join(
    files: &Files,
    [of_positions, of_patterns]: [(Role, RoleSource<'_>); 2],
    unpaired: Unpaired,
) -> Result<(Pairing, Vec<Note>)> {
    let sides = [Side::Positions, Side::Patterns].map(|side| lengths(files, Some(side)));
    let ends = sides.each_ref().map(|lengths| shortest(lengths));
    let cut = sides
        .iter()
        .zip(ends)
        .flat_map(|(lengths, end)| longer(lengths, end));
    let mut left_out: Vec<LeftOut> = cut.collect();
    let positions = numbers(of_positions, ends[0])?;
    let patterns = numbers(of_patterns, ends[1])?;
    let row_of = row_of_each(of_patterns.1, &patterns)?;
    let point_of = row_of_each(of_positions.1, &positions)?;
    let is_paired = |(_, frame): &(usize, &i64)| row_of.contains_key(*frame);
    let points: Vec<usize> = positions
        .iter()
        .enumerate()
        .filter(is_paired)
        .map(|(point, _)| point)
        .collect();
    let rows: Vec<usize> = points
        .iter()
        .map(|point| row_of[&positions[*point]])
        .collect();
    let alone = [
        alone(of_positions.1, &positions, &row_of),
        alone(of_patterns.1, &patterns, &point_of),
    ];
    if unpaired == Unpaired::Error
        && (alone.iter().any(|alone| alone.rows > 0) || !left_out.is_empty())
    {
        return Err(not_paired([of_positions.1, of_patterns.1], alone));
    }
    let members = [of_positions.1, of_patterns.1].map(|source| source.placed.member.clone());
    left_out.extend(alone.into_iter().filter(|alone| alone.rows > 0));
    let note = (!left_out.is_empty()).then_some(Note::Unpaired {
        points: points.len(),
        joined_on: Some(members),
        left_out,
        numbered: None,
    });
    let pairing = Pairing {
        points: points.len(),
        positions: Rows::of(points),
        patterns: Rows::of(rows),
    };
    Ok((pairing, note.into_iter().collect()))
}

/// Reads the first frame numbers of an index.
fn numbers((role, source): (Role, RoleSource<'_>), len: usize) -> Result<Vec<i64>> {
    let column = source.column(role)?;
    column.numbers(&RowSet::Range(0..len))?.to_i64()
}

/// Returns the row of each frame number.
///
/// # Errors
/// [`Error::BadMember`] if one occurs twice.
fn row_of_each(source: RoleSource<'_>, numbers: &[i64]) -> Result<HashMap<i64, usize>> {
    let mut row_of = HashMap::with_capacity(numbers.len());
    for (row, frame) in numbers.iter().enumerate() {
        if let Some(first) = row_of.insert(*frame, row) {
            return Err(Error::BadMember {
                path: source.npz.path().to_path_buf(),
                member: source.placed.member.clone(),
                found: format!("frame {frame} twice, in rows {first} and {row}"),
                expected: "every frame number once, since positions and patterns are joined on it"
                    .to_string(),
                remedies: vec![
                    Remedy::CorrectFile,
                    Remedy::NameMember {
                        role: Role::FrameIndex.name(),
                        member: None,
                    },
                ],
            });
        }
    }
    Ok(row_of)
}

/// Counts the frame numbers that the other side does not have.
fn alone(source: RoleSource<'_>, numbers: &[i64], other: &HashMap<i64, usize>) -> LeftOut {
    let alone = || numbers.iter().filter(|frame| !other.contains_key(frame));
    LeftOut {
        member: source.placed.member.clone(),
        rows: alone().count(),
        of: numbers.len(),
        first: alone().next().copied(),
    }
}

/// Creates the error for frame numbers that one side has alone.
fn not_paired([positions, patterns]: [RoleSource<'_>; 2], alone: [LeftOut; 2]) -> Error {
    Error::Unpaired {
        path: positions.npz.path().to_path_buf(),
        member: positions.placed.member.clone(),
        positions: positions.num_rows(),
        other: patterns.npz.path().to_path_buf(),
        other_member: patterns.placed.member.clone(),
        patterns: patterns.num_rows(),
        joined: Some(alone.map(|alone| (alone.rows, alone.first))),
    }
}
