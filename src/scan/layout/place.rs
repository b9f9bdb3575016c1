//! Finds where in a member a role's data lies: which axes count scan points, which are taken at one index.

mod patterns;
mod positions;

use std::fmt;

use super::assign::{Assignment, By, RoleMember};
use super::members::Members;
use super::note::Note;
use super::options::PatternAxis;
use super::order::PositionOrder;
use super::roles::Role;
use super::shape_rule::{ShapeRule, leading_ones, shape_found};
use crate::array::View;
use crate::error::{Error, Result};
use crate::npz::ArrayInfo;

/// Describes where in a member a role's data lies. All axes that are in neither list, in their order, are the
/// shape of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The member.
    pub member: String,
    /// The axes that rows run along, slowest first: one for scan points, two for those of a raster, any
    /// number for the modes of a probe; none if the whole array is one row.
    pub rows: Vec<usize>,
    /// The axes taken at one index, as (axis, index).
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

    /// Returns the place as the view of an array that a column is made of.
    pub fn view(&self) -> View {
        View {
            rows: self.rows.clone(),
            fixed: self.fixed.clone(),
        }
    }

    /// Returns the number of rows of a member of this shape.
    pub fn num_rows(&self, shape: &[usize]) -> usize {
        self.rows
            .iter()
            .filter_map(|axis| shape.get(*axis))
            .fold(1, |product, len| product.saturating_mul(*len))
    }

    /// Returns the shape of a row of a member of this shape.
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

/// Holds the places of all roles of a scan.
#[derive(Debug)]
pub struct Placements {
    /// The number of positions, or of patterns where there are no positions.
    pub points: usize,
    /// The numbers of scan rows and scan columns of a raster.
    pub raster: Option<[usize; 2]>,
    /// The places by role.
    pub roles: Vec<(Role, Placed)>,
    /// The reasons why members that would fill a role do not.
    pub notes: Vec<Note>,
}

/// Says how many scan points there are, and which member shows it.
struct PointCount<'a> {
    points: usize,
    /// The member whose rows were counted.
    member: &'a str,
    /// What the member holds: `positions` or `patterns`.
    what: &'static str,
}

impl<'a> PointCount<'a> {
    fn of(info: &'a ArrayInfo, placed: &Placed, what: &'static str) -> Self {
        Self {
            points: placed.num_rows(&info.shape),
            member: &info.name,
            what,
        }
    }
}

impl fmt::Display for PointCount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in `{}`", self.points, self.what, self.member)
    }
}

/// Describes the shape of one pattern.
struct PatternShape<'a> {
    member: &'a str,
    shape: Vec<usize>,
}

impl<'a> PatternShape<'a> {
    fn of(info: &'a ArrayInfo, placed: &Placed) -> Self {
        Self {
            member: &info.name,
            shape: placed.row_shape(&info.shape),
        }
    }
}

/// Places every member that fills a role; one that does so by its name alone loses the role if it does not
/// fit.
///
/// # Errors
/// If there are neither positions nor patterns, if a member does not fit its role, or if its axes leave open how.
pub fn place<'a>(
    members: &Members<'a>,
    assignment: &mut Assignment<'a>,
    order: Option<PositionOrder>,
    axis: Option<PatternAxis>,
) -> Result<Placements> {
    let mut roles = Vec::new();
    let x = assignment.get(Role::X).copied();
    if let Some(x) = &x {
        roles.extend(positions::place(
            members,
            x,
            assignment.get(Role::Y),
            order,
        )?);
    } else {
        positions::may_be_missing(members, assignment)?;
    }
    let counted = x
        .zip(roles.first())
        .map(|(x, (_, placed))| PointCount::of(x.info, placed, "positions"));
    let patterns = match assignment.get(Role::Diffraction) {
        Some(filled) => Some((
            filled.info,
            patterns::place(members, filled.info, counted.as_ref(), axis)?,
        )),
        None => None,
    };
    let counted = counted.or(patterns
        .as_ref()
        .map(|(info, placed)| PointCount::of(info, placed, "patterns")));
    let Some(counted) = counted else {
        return Err(members.missing(Role::X));
    };
    let frame = patterns
        .as_ref()
        .map(|(info, placed)| PatternShape::of(info, placed));
    let raster = patterns
        .as_ref()
        .and_then(|(info, placed)| patterns::raster(info, placed));
    roles.extend(patterns.map(|(_, placed)| (Role::Diffraction, placed)));
    let notes = place_others(members, assignment, &mut roles, &counted, frame.as_ref())?;
    roles.sort_by_key(|(role, _)| *role as usize);
    Ok(Placements {
        points: counted.points,
        raster,
        roles,
        notes,
    })
}

/// Places all roles but positions and patterns; returns the reasons why members lost their roles.
fn place_others<'a>(
    members: &Members<'a>,
    assignment: &mut Assignment<'a>,
    roles: &mut Vec<(Role, Placed)>,
    count: &PointCount,
    frame: Option<&PatternShape>,
) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let is_other = |role: Role| !matches!(role, Role::X | Role::Y | Role::Diffraction);
    let others: Vec<RoleMember> = assignment
        .iter()
        .copied()
        .filter(|filled| is_other(filled.role))
        .collect();
    for filled in others {
        match place_other(members, &filled, count, frame) {
            Ok(placed) => roles.push((filled.role, placed)),
            Err(error) if is_strict(&filled) => return Err(error),
            Err(error) => {
                notes.extend(refusal(error, filled.role));
                assignment.remove(filled.role);
            }
        }
    }
    notes.extend(half_of_starts(assignment, roles));
    Ok(notes)
}

/// Returns whether a member that does not fit is an error: one that an option names, or one of a known layout
/// that has one value per scan point.
fn is_strict(filled: &RoleMember) -> bool {
    let per_point = matches!(filled.role, Role::XStart | Role::YStart | Role::FrameIndex);
    filled.by == By::Option || filled.by == By::Layout && per_point
}

fn refusal(error: Error, role: Role) -> Option<Note> {
    let Error::BadMember {
        member,
        found,
        expected,
        ..
    } = error
    else {
        return None;
    };
    Some(Note::Misfit {
        member,
        roles: vec![role],
        found,
        expected,
    })
}

/// Takes its role from a start position whose other coordinate is not there.
fn half_of_starts(assignment: &mut Assignment, roles: &mut Vec<(Role, Placed)>) -> Option<Note> {
    let half = match (assignment.get(Role::XStart), assignment.get(Role::YStart)) {
        (Some(half), None) | (None, Some(half)) => *half,
        _ => return None,
    };
    assignment.remove(half.role);
    roles.retain(|(role, _)| *role != half.role);
    Some(Note::HalfOfPair {
        member: half.info.name.clone(),
        pair: [Role::XStart, Role::YStart],
    })
}

fn place_other(
    members: &Members,
    filled: &RoleMember,
    count: &PointCount,
    frame: Option<&PatternShape>,
) -> Result<Placed> {
    let (info, rule) = (filled.info, filled.role.rule());
    if matches!(rule, ShapeRule::Vector | ShapeRule::Indices) {
        return positions::per_point(members, info, rule, count);
    }
    members.check(info, rule)?;
    let placed = match rule {
        ShapeRule::Field => layers(info),
        ShapeRule::Stack => Placed::new(info, vec![leading_ones(&info.shape, 3)], ones(info, 3)),
        ShapeRule::Mask => Placed::new(info, Vec::new(), ones(info, 2)),
        _ => Placed::new(info, Vec::new(), ones(info, 0)),
    };
    let misfit = match (rule, frame) {
        (ShapeRule::Stack, _) if placed.num_rows(&info.shape) != count.points => Some(format!(
            "({}, N, N): one patch for each of the {count}",
            count.points
        )),
        (ShapeRule::Mask, Some(frame)) if placed.row_shape(&info.shape) != frame.shape => {
            Some(format!(
                "shape {:?}, that of a pattern in `{}`",
                frame.shape, frame.member
            ))
        }
        _ => None,
    };
    misfit.map_or(Ok(placed), |expected| {
        Err(members.wrong(info, shape_found(info), expected))
    })
}

/// Returns the axes of length 1 in front, taken at index 0, such that `keep` axes remain at least.
fn ones(info: &ArrayInfo, keep: usize) -> Vec<(usize, usize)> {
    (0..leading_ones(&info.shape, keep))
        .map(|axis| (axis, 0))
        .collect()
}

/// Places a complex field, or several: all axes but the last two count them. Axes of length 1 in front, and
/// one at the end of three or more, are taken at index 0.
fn layers(info: &ArrayInfo) -> Placed {
    let mut fixed = ones(info, 2);
    let (start, mut end) = (fixed.len(), info.shape.len());
    if end - start > 2 && info.shape[end - 1] == 1 {
        end -= 1;
        fixed.push((end, 0));
    }
    Placed::new(info, (start..end - 2).collect(), fixed)
}
