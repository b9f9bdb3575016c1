//! Places the positions, in one member each or in columns of one, and other members with one number per scan
//! point.

use super::{Placed, PointCount, Rules};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::ArrayInfo;
use crate::scan::layout::assign::{Assignment, By, RoleMember};
use crate::scan::layout::members::Members;
use crate::scan::layout::options::Unpaired;
use crate::scan::layout::order::{MAX_COLUMNS, PositionOrder};
use crate::scan::layout::roles::Role;
use crate::scan::layout::shape_rule::{
    ShapeRule, is_count, leading_ones, shape_found, vector_axis,
};

/// Checks that a file without positions is a scan all the same: patterns may stand alone.
///
/// # Errors
/// If there are no patterns, or if one of x and y is there, whether it can be read or not.
pub fn may_be_missing(members: &Members, assignment: &Assignment) -> Result<()> {
    let is_there = |role: Role| {
        role.members()
            .iter()
            .any(|name| name.len() > 1 && members.has(name))
    };
    let x_fits = members.find(Role::X.members(), ShapeRule::Vector).is_some();
    if let Some(member) = assignment.unreadable(Role::X) {
        let stands_alone = assignment.get(Role::Diffraction).is_some();
        return match stands_alone {
            true => Ok(()),
            false => Err(members.refusal(Role::X, member)),
        };
    }
    match assignment.get(Role::Diffraction) {
        _ if assignment.unreadable(Role::Diffraction).is_some() => Ok(()),
        _ if assignment.get(Role::Y).is_some() => Err(members.missing(Role::X)),
        _ if is_there(Role::X) || is_there(Role::Y) => {
            Err(members.missing(if x_fits { Role::Y } else { Role::X }))
        }
        None => Err(members.missing(Role::X)),
        Some(_) => Ok(()),
    }
}

/// Places x and y.
///
/// # Errors
/// If they are of different lengths or no vectors of real numbers; if they are columns of one member and it stays open
/// which; [`Error::MissingRole`] if there is no y.
pub fn place(
    members: &Members,
    x: &RoleMember,
    y: Option<&RoleMember>,
    rules: &Rules,
) -> Result<[(Role, Placed); 2]> {
    let order = rules.order;
    let in_one = y.is_none_or(|y| y.info.name == x.info.name);
    // A single scan point in a combined array, (1, 2), has the shape of a vector too.
    let has_columns = ShapeRule::Columns.fits(x.info) && (x.by != By::Option || order.is_some());
    if in_one && (has_columns || vector_axis(&x.info.shape).is_none()) {
        return combined(members, x.info, order);
    }
    members.check(x.info, ShapeRule::Vector)?;
    let Some(y) = y else {
        return Err(members.missing(Role::Y));
    };
    let x_place = vector(x.info);
    let y_place = per_point(
        members,
        y.info,
        ShapeRule::Vector,
        &PointCount::of(x.info, &x_place, "positions"),
        rules.unpaired == Unpaired::Drop,
    )?;
    Ok([(Role::X, x_place), (Role::Y, y_place)])
}

/// Places a vector.
fn vector(info: &ArrayInfo) -> Placed {
    let along = vector_axis(&info.shape).unwrap_or_default();
    let fixed = (0..info.shape.len())
        .filter(|axis| *axis != along)
        .map(|axis| (axis, 0))
        .collect();
    Placed::new(info, vec![along], fixed)
}

/// Places a member with one number per scan point.
///
/// # Errors
/// If it is of another length, unless it `may_differ` in that, or holds other values.
pub fn per_point(
    members: &Members,
    info: &ArrayInfo,
    rule: ShapeRule,
    count: &PointCount,
    may_differ: bool,
) -> Result<Placed> {
    let placed = vector(info);
    let expected = format!("({},), one value for each of the {count}", count.points);
    if vector_axis(&info.shape).is_none() {
        return Err(members.wrong(info, shape_found(info), expected));
    }
    if !may_differ && placed.num_rows(&info.shape) != count.points {
        let remedies = vec![
            Remedy::LeaveOutUnpaired,
            Remedy::CorrectFile,
            Remedy::NameMember {
                role: "ROLE",
                member: None,
            },
        ];
        return Err(members.bad(&info.name, shape_found(info), expected, remedies));
    }
    members.check(info, rule)?;
    Ok(placed)
}

/// Places x and y in the columns of one member.
fn combined(
    members: &Members,
    info: &ArrayInfo,
    order: Option<PositionOrder>,
) -> Result<[(Role, Placed); 2]> {
    let skip = leading_ones(&info.shape, 2);
    let [first, second] = info.shape[skip..] else {
        let expected = format!(
            "{}, or {}",
            ShapeRule::Vector.expected(),
            ShapeRule::Columns.expected()
        );
        return Err(members.wrong(info, shape_found(info), expected));
    };
    let Some(order) = order else {
        return Err(unknown_order(members, info, first, second));
    };
    let (along, columns) = match (first == order.len(), second == order.len()) {
        (true, true) => return Err(square(members, info)),
        (true, false) => (skip + 1, skip),
        (false, true) => (skip, skip + 1),
        (false, false) => return Err(other_order(members, info, order)),
    };
    if !is_count(info.shape[along]) {
        return Err(members.wrong(info, shape_found(info), "fewer than 2^31 scan points"));
    }
    members.check(info, ShapeRule::Columns)?;
    let at = |column: usize| {
        let ones = (0..skip).map(|axis| (axis, 0));
        Placed::new(info, vec![along], ones.chain([(columns, column)]).collect())
    };
    Ok([(Role::X, at(order.x())), (Role::Y, at(order.y()))])
}

fn other_order(members: &Members, info: &ArrayInfo, order: PositionOrder) -> Error {
    let expected = format!(
        "one axis of length {}, the columns of order `{order}`",
        order.len()
    );
    members.bad(
        &info.name,
        shape_found(info),
        expected,
        vec![Remedy::NameColumns],
    )
}

fn unknown_order(members: &Members, info: &ArrayInfo, first: usize, second: usize) -> Error {
    if first == second && (2..=MAX_COLUMNS).contains(&first) {
        return square(members, info);
    }
    let expected = "an array whose columns are known to be x and y";
    let order = |order| Remedy::Set(Parameter::PositionOrder, order);
    let remedies = vec![order("yx"), order("xy"), Remedy::NameColumns];
    members.bad(&info.name, shape_found(info), expected, remedies)
}

fn square(members: &Members, info: &ArrayInfo) -> Error {
    let expected = "more, or fewer, scan points than columns, so that the axes can be told apart";
    let remedies = vec![Remedy::SaveAs("two members, one for x and one for y")];
    members.bad(&info.name, shape_found(info), expected, remedies)
}
