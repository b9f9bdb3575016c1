//! Where in a member a role's data lies: which axes count scan points, which are taken at one index.

mod patterns;
mod positions;

use std::fmt;

use super::archive::Archive;
use super::assign::{By, Filled, Roster};
use super::form::{Form, leading_ones, shape_found};
use super::order::PositionOrder;
use super::roles::Role;
use super::{MISFIT, PatternAxis};
use crate::array::View;
use crate::error::{Error, Result};
use crate::npz::ArrayInfo;

/// Where in a member a role's data lies. All axes that are in neither list, in their order, are the shape of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The member.
    pub member: String,
    /// The axes that rows run along, slowest first: one for scan points, two for those of a raster, any number for the
    /// modes of a probe; none if the whole array is one row.
    pub rows: Vec<usize>,
    /// Axes taken at one index: (axis, index).
    pub fixed: Vec<(usize, usize)>,
}

impl Placed {
    fn new(info: &ArrayInfo, rows: Vec<usize>, fixed: Vec<(usize, usize)>) -> Self {
        Self {
            member: info.name.clone(),
            rows,
            fixed,
        }
    }

    /// As the part of an array that a column is made of.
    pub fn view(&self) -> View {
        View {
            rows: self.rows.clone(),
            fixed: self.fixed.clone(),
        }
    }

    /// Rows of a member of this shape.
    pub fn num_rows(&self, shape: &[usize]) -> usize {
        self.rows
            .iter()
            .filter_map(|axis| shape.get(*axis))
            .fold(1, |product, len| product.saturating_mul(*len))
    }

    /// The shape of a row of a member of this shape.
    pub fn row_shape(&self, shape: &[usize]) -> Vec<usize> {
        let is_fixed = |axis: usize| self.fixed.iter().any(|(fixed, _)| *fixed == axis);
        let in_row = |(axis, _): &(usize, &usize)| !self.rows.contains(axis) && !is_fixed(*axis);
        shape
            .iter()
            .enumerate()
            .filter(in_row)
            .map(|(_, len)| *len)
            .collect()
    }
}

/// All roles of a scan in their places.
#[derive(Debug)]
pub struct Scene {
    /// Positions, or patterns where there are none.
    pub points: usize,
    /// Scan rows and columns of a raster.
    pub raster: Option<[usize; 2]>,
    /// The places, by role.
    pub roles: Vec<(Role, Placed)>,
    /// Why members that would fill a role do not.
    pub notes: Vec<String>,
}

/// How many scan points there are, and what says so.
struct Count<'a> {
    points: usize,
    /// The member that was counted.
    member: &'a str,
    /// What it holds: positions, patterns.
    what: &'static str,
}

impl<'a> Count<'a> {
    fn of(info: &'a ArrayInfo, placed: &Placed, what: &'static str) -> Self {
        Self {
            points: placed.num_rows(&info.shape),
            member: &info.name,
            what,
        }
    }
}

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in `{}`", self.points, self.what, self.member)
    }
}

/// What a pattern looks like.
struct Frame<'a> {
    member: &'a str,
    shape: Vec<usize>,
}

impl<'a> Frame<'a> {
    fn of(info: &'a ArrayInfo, placed: &Placed) -> Self {
        Self {
            member: &info.name,
            shape: placed.row_shape(&info.shape),
        }
    }
}

/// Places every member of the roster; one that fills a role by its name alone loses it if it does not fit.
///
/// # Errors
/// If there are neither positions nor patterns, if a member does not fit its role, or if its axes leave open how.
pub fn place<'a>(
    archive: &Archive<'a>,
    roster: &mut Roster<'a>,
    order: Option<PositionOrder>,
    axis: Option<PatternAxis>,
) -> Result<Scene> {
    let mut roles = Vec::new();
    let x = roster.get(Role::X).copied();
    if let Some(x) = &x {
        roles.extend(positions::place(archive, x, roster.get(Role::Y), order)?);
    } else {
        positions::may_be_missing(archive, roster)?;
    }
    let counted = x
        .zip(roles.first())
        .map(|(x, (_, placed))| Count::of(x.info, placed, "positions"));
    let patterns = match roster.get(Role::Diffraction) {
        Some(filled) => Some((
            filled.info,
            patterns::place(archive, filled.info, counted.as_ref(), axis)?,
        )),
        None => None,
    };
    let counted = counted.or(patterns
        .as_ref()
        .map(|(info, placed)| Count::of(info, placed, "patterns")));
    let Some(counted) = counted else {
        return Err(archive.missing(Role::X));
    };
    let frame = patterns
        .as_ref()
        .map(|(info, placed)| Frame::of(info, placed));
    let raster = patterns
        .as_ref()
        .and_then(|(info, placed)| patterns::raster(info, placed));
    roles.extend(patterns.map(|(_, placed)| (Role::Diffraction, placed)));
    let notes = place_others(archive, roster, &mut roles, &counted, frame.as_ref())?;
    roles.sort_by_key(|(role, _)| *role as usize);
    Ok(Scene {
        points: counted.points,
        raster,
        roles,
        notes,
    })
}

/// Places all roles but positions and patterns; gives the reasons of those that had to go.
fn place_others<'a>(
    archive: &Archive<'a>,
    roster: &mut Roster<'a>,
    roles: &mut Vec<(Role, Placed)>,
    count: &Count,
    frame: Option<&Frame>,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let is_other = |role: Role| !matches!(role, Role::X | Role::Y | Role::Diffraction);
    let others: Vec<Filled> = roster
        .iter()
        .copied()
        .filter(|filled| is_other(filled.role))
        .collect();
    for filled in others {
        match place_other(archive, &filled, count, frame) {
            Ok(placed) => roles.push((filled.role, placed)),
            Err(error) if is_strict(&filled) => return Err(error),
            Err(error) => {
                notes.extend(refusal(&error, filled.role));
                roster.remove(filled.role);
            }
        }
    }
    notes.extend(half_of_starts(roster, roles));
    Ok(notes)
}

/// Whether a member that does not fit is an error: one that was named, and those per scan point of a known layout.
fn is_strict(filled: &Filled) -> bool {
    let per_point = matches!(filled.role, Role::XStart | Role::YStart | Role::FrameIndex);
    filled.by == By::Option || filled.by == By::Layout && per_point
}

fn refusal(error: &Error, role: Role) -> Option<String> {
    let Error::BadMember {
        member,
        found,
        expected,
        ..
    } = error
    else {
        return None;
    };
    Some(format!(
        "`{member}` {MISFIT} {}: {found}, expected {expected}",
        role.name()
    ))
}

/// Start positions come in pairs.
fn half_of_starts(roster: &mut Roster, roles: &mut Vec<(Role, Placed)>) -> Option<String> {
    let half = match (roster.get(Role::XStart), roster.get(Role::YStart)) {
        (Some(half), None) | (None, Some(half)) => *half,
        _ => return None,
    };
    roster.remove(half.role);
    roles.retain(|(role, _)| *role != half.role);
    Some(format!(
        "`{}` alone is no start position: x_start and y_start come in pairs",
        half.info.name
    ))
}

fn place_other(
    archive: &Archive,
    filled: &Filled,
    count: &Count,
    frame: Option<&Frame>,
) -> Result<Placed> {
    let (info, form) = (filled.info, filled.role.form());
    if matches!(form, Form::Vector | Form::Indices) {
        return positions::per_point(archive, info, form, count);
    }
    archive.check(info, form)?;
    let placed = match form {
        Form::Field => layers(info),
        Form::Stack => Placed::new(info, vec![leading_ones(&info.shape, 3)], ones(info, 3)),
        Form::Mask => Placed::new(info, Vec::new(), ones(info, 2)),
        _ => Placed::new(info, Vec::new(), ones(info, 0)),
    };
    let misfit = match (form, frame) {
        (Form::Stack, _) if placed.num_rows(&info.shape) != count.points => Some(format!(
            "({}, N, N): one patch for each of the {count}",
            count.points
        )),
        (Form::Mask, Some(frame)) if placed.row_shape(&info.shape) != frame.shape => Some(format!(
            "shape {:?}, that of a pattern in `{}`",
            frame.shape, frame.member
        )),
        _ => None,
    };
    misfit.map_or(Ok(placed), |expected| {
        Err(archive.wrong(info, shape_found(info), expected))
    })
}

/// Axes of length 1 in front, taken at 0, of all but `keep` axes.
fn ones(info: &ArrayInfo, keep: usize) -> Vec<(usize, usize)> {
    (0..leading_ones(&info.shape, keep))
        .map(|axis| (axis, 0))
        .collect()
}

/// A complex field, or several: all axes but the last two count them; those of length 1 in front, and one at the end
/// of three, are nothing.
fn layers(info: &ArrayInfo) -> Placed {
    let mut fixed = ones(info, 2);
    let (start, mut end) = (fixed.len(), info.shape.len());
    if end - start > 2 && info.shape[end - 1] == 1 {
        end -= 1;
        fixed.push((end, 0));
    }
    Placed::new(info, (start..end - 2).collect(), fixed)
}
