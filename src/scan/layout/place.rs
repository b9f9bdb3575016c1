//! Finds where in a member a role's data lies: which axes count scan points, which are taken at one index.

mod fields;
mod patterns;
mod positions;

use std::fmt;

use super::assign::{Assignment, By, RoleMember};
use super::members::Members;
use super::note::Note;
use super::options::{PatternAxis, ProbeAxis, Unpaired};
use super::order::PositionOrder;
use super::roles::Role;
use super::shape_rule::{ShapeRule, leading_ones, shape_found, vector_axis};
use crate::array::View;
use crate::error::{Error, Result};
use crate::npz::ArrayInfo;
pub use fields::FieldRule;

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

/// Says how members are placed, as far as they do not tell themselves.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The order of the columns of a member that holds both coordinates.
    pub order: Option<PositionOrder>,
    /// The axis along which patterns are counted.
    pub axis: Option<PatternAxis>,
    /// The axes of the probe along which its modes are counted.
    pub probe_axis: Option<ProbeAxis>,
    /// What happens to members of different lengths.
    pub unpaired: Unpaired,
    /// The number of positions in another file, if that is where they are.
    pub elsewhere: Option<usize>,
    /// Whether all files of the layout have their patterns along the first axis.
    pub is_first: bool,
    /// Whether the patterns are those of a layout.
    pub by_layout: bool,
}

/// Holds the numbers of rows of the two sides of a scan.
struct Sides<'a> {
    /// The positions, if the file has any.
    positions: Option<PointCount<'a>>,
    /// The patterns, if the file has any.
    patterns: Option<PointCount<'a>>,
    /// What happens to members of other lengths.
    unpaired: Unpaired,
    /// Whether both sides have a frame index, on which they are joined.
    is_joined: bool,
}

impl<'a> Sides<'a> {
    /// Returns the positions, or the patterns where there are none.
    fn first(&self) -> Option<&PointCount<'a>> {
        self.positions.as_ref().or(self.patterns.as_ref())
    }

    /// Returns the side whose rows the role's member has.
    fn of(&self, role: Role) -> Option<&PointCount<'a>> {
        match role {
            Role::FrameIndex if self.is_joined => self.patterns.as_ref(),
            _ => self.first(),
        }
    }

    /// Returns whether a side has this many rows.
    fn have(&self, rows: usize) -> bool {
        let sides = [&self.positions, &self.patterns];
        sides.into_iter().flatten().any(|side| side.points == rows)
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
    rules: &Rules,
) -> Result<Placements> {
    let mut roles = Vec::new();
    let x = assignment.get(Role::X).copied();
    if let Some(x) = &x {
        roles.extend(positions::place(
            members,
            x,
            assignment.get(Role::Y),
            rules,
        )?);
    } else {
        positions::may_be_missing(members, assignment)?;
    }
    let is_joined = x.is_some() && assignment.has_two_indices();
    let positions = shorter(x.as_ref(), assignment.get(Role::Y), &roles);
    let mut settled = None;
    let patterns = match assignment.get(Role::Diffraction) {
        Some(filled) => {
            let number = |role: Role| assignment.get(role).and_then(|index| length(index.info));
            let counts = patterns::Counts {
                positions: positions.as_ref().map(|count| count.points),
                elsewhere: rules.elsewhere,
                numbers: number(Role::FrameIndex),
                are_numbered: is_joined || positions.is_none(),
                may_differ: is_joined || rules.unpaired == Unpaired::Drop,
                is_first: rules.is_first,
                by_layout: rules.by_layout,
            };
            let placed = patterns::place(members, filled.info, &counts, rules.axis)?;
            if rules.axis.is_none() {
                settled = patterns::settled_by_layout(filled.info, &placed, &counts);
            }
            Some((filled.info, placed))
        }
        None => None,
    };
    let sides = Sides {
        positions,
        patterns: patterns
            .as_ref()
            .map(|(info, placed)| PointCount::of(info, placed, "patterns")),
        unpaired: rules.unpaired,
        is_joined,
    };
    if sides.first().is_none() {
        return Err(match assignment.unreadable(Role::Diffraction) {
            Some(member) => members.refusal(Role::Diffraction, member),
            None => members.missing(Role::X),
        });
    }
    let frame = patterns
        .as_ref()
        .map(|(info, placed)| PatternShape::of(info, placed));
    let raster = patterns
        .as_ref()
        .and_then(|(info, placed)| patterns::raster(info, placed));
    roles.extend(patterns.map(|(_, placed)| (Role::Diffraction, placed)));
    let fields = FieldRule {
        pattern: frame.as_ref().map(|frame| &frame.shape[..]),
        points: sides.first().map_or(0, |side| side.points),
        said: rules.probe_axis,
    };
    let mut notes = place_fields(assignment, &mut roles, &fields);
    let others = place_others(members, assignment, &mut roles, &sides, frame.as_ref());
    notes.extend(others?);
    notes.extend(settled);
    roles.sort_by_key(|(role, _)| *role as usize);
    let of_positions = |(role, placed): &(Role, Placed)| {
        let info = assignment.get(*role).filter(|_| role.is_of_positions());
        info.map(|filled| placed.num_rows(&filled.info.shape))
    };
    let points = match &sides.patterns {
        Some(patterns) if sides.positions.is_none() => Some(patterns.points),
        _ => roles.iter().filter_map(of_positions).min(),
    };
    Ok(Placements {
        points: points.unwrap_or_default(),
        raster,
        roles,
        notes,
    })
}

/// Returns the number of positions: that of the shorter coordinate.
fn shorter<'a>(
    x: Option<&RoleMember<'a>>,
    y: Option<&RoleMember<'a>>,
    roles: &[(Role, Placed)],
) -> Option<PointCount<'a>> {
    let count = |filled: &RoleMember<'a>, (_, placed): &(Role, Placed)| {
        PointCount::of(filled.info, placed, "positions")
    };
    let x = x.zip(roles.first()).map(|(x, placed)| count(x, placed));
    let y = y.zip(roles.get(1)).map(|(y, placed)| count(y, placed));
    match (x, y) {
        (Some(x), Some(y)) if y.points < x.points => Some(y),
        (x, _) => x,
    }
}

/// Returns the number of values of a vector.
fn length(info: &ArrayInfo) -> Option<usize> {
    vector_axis(&info.shape).map(|axis| info.shape[axis])
}

/// Places probe and object; returns what is odd about them. A probe whose axes stay open has no place, but keeps its role,
/// so that no other member is taken for it.
fn place_fields(
    assignment: &Assignment,
    roles: &mut Vec<(Role, Placed)>,
    rule: &FieldRule,
) -> Vec<Note> {
    let mut notes = Vec::new();
    for filled in assignment.iter().filter(|filled| is_field(filled)) {
        let placed = rule.place(filled.info, filled.role);
        if filled.role == Role::Probe {
            notes.extend(rule.notes(filled.info, placed.as_ref()));
        }
        roles.extend(placed.map(|placed| (filled.role, placed)));
    }
    notes
}

/// Returns whether a member is a complex field; one that is not is placed, and refused, like all others.
fn is_field(filled: &RoleMember) -> bool {
    matches!(filled.role, Role::Probe | Role::Object) && ShapeRule::Field.fits(filled.info)
}

/// Places all roles but positions, patterns and fields; returns the reasons why members lost their roles.
fn place_others<'a>(
    members: &Members<'a>,
    assignment: &mut Assignment<'a>,
    roles: &mut Vec<(Role, Placed)>,
    sides: &Sides,
    frame: Option<&PatternShape>,
) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let is_other = |role: Role| !matches!(role, Role::X | Role::Y | Role::Diffraction);
    let others: Vec<RoleMember> = assignment
        .iter()
        .copied()
        .filter(|filled| is_other(filled.role) && !is_field(filled))
        .collect();
    for filled in others {
        match place_other(members, &filled, sides, frame) {
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
    use Role::{FrameIndex, PositionIndex, XStart, YStart};
    let per_point = matches!(filled.role, XStart | YStart | FrameIndex | PositionIndex);
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
    sides: &Sides,
    frame: Option<&PatternShape>,
) -> Result<Placed> {
    let (info, rule) = (filled.info, filled.role.rule());
    let Some(count) = sides.of(filled.role) else {
        return Err(members.missing(Role::X));
    };
    if matches!(rule, ShapeRule::Vector | ShapeRule::Indices) {
        // A member that is here by its name alone does not shorten the scan.
        let may_differ = sides.unpaired == Unpaired::Drop
            && (is_strict(filled) || length(info).is_some_and(|len| sides.have(len)));
        return positions::per_point(members, info, rule, count, may_differ);
    }
    members.check(info, rule)?;
    let placed = match rule {
        ShapeRule::Stack => Placed::new(info, vec![leading_ones(&info.shape, 3)], ones(info, 3)),
        ShapeRule::Mask => Placed::new(info, Vec::new(), ones(info, 2)),
        _ => Placed::new(info, Vec::new(), ones(info, 0)),
    };
    let misfit = match (rule, frame) {
        (ShapeRule::Stack, _) if !sides.have(placed.num_rows(&info.shape)) => Some(format!(
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
