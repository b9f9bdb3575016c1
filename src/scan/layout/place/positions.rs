//! Positions: one member each, or columns of one; and other members with one number a scan point.

use super::{Count, Placed};
use crate::error::{Error, Result};
use crate::error::{Parameter, Remedy};
use crate::npz::ArrayInfo;
use crate::scan::layout::archive::Archive;
use crate::scan::layout::assign::{By, Filled, Roster};
use crate::scan::layout::form::{Form, is_count, leading_ones, shape_found, vector_axis};
use crate::scan::layout::order::{MAX_COLUMNS, PositionOrder};
use crate::scan::layout::roles::Role;

/// Whether a file without positions may do without: patterns may stand alone.
///
/// # Errors
/// If there are no patterns, or if one of x and y is there, whether it can be read or not.
pub fn may_be_missing(archive: &Archive, roster: &Roster) -> Result<()> {
    let is_there = |role: Role| {
        role.members()
            .iter()
            .any(|name| name.len() > 1 && archive.has(name))
    };
    let x_fits = archive.find(Role::X.members(), Form::Vector).is_some();
    match roster.get(Role::Diffraction) {
        _ if roster.get(Role::Y).is_some() => Err(archive.missing(Role::X)),
        _ if is_there(Role::X) || is_there(Role::Y) => {
            Err(archive.missing(if x_fits { Role::Y } else { Role::X }))
        }
        None => Err(archive.missing(Role::X)),
        Some(_) => Ok(()),
    }
}

/// x and y in their places.
///
/// # Errors
/// If they are of different lengths or no vectors of real numbers; if they are columns of one member and it stays open
/// which; [`Error::MissingRole`] if there is no y.
pub fn place(
    archive: &Archive,
    x: &Filled,
    y: Option<&Filled>,
    order: Option<PositionOrder>,
) -> Result<[(Role, Placed); 2]> {
    let in_one = y.is_none_or(|y| y.info.name == x.info.name);
    // A single scan point in a combined array, (1, 2), has the shape of a vector too.
    let has_columns = Form::Columns.fits(x.info) && (x.by != By::Option || order.is_some());
    if in_one && (has_columns || vector_axis(&x.info.shape).is_none()) {
        return combined(archive, x.info, order);
    }
    archive.check(x.info, Form::Vector)?;
    let Some(y) = y else {
        return Err(archive.missing(Role::Y));
    };
    let x_place = vector(x.info);
    let y_place = per_point(
        archive,
        y.info,
        Form::Vector,
        &Count::of(x.info, &x_place, "positions"),
    )?;
    Ok([(Role::X, x_place), (Role::Y, y_place)])
}

/// A vector in its place.
fn vector(info: &ArrayInfo) -> Placed {
    let along = vector_axis(&info.shape).unwrap_or_default();
    let fixed = (0..info.shape.len())
        .filter(|axis| *axis != along)
        .map(|axis| (axis, 0))
        .collect();
    Placed::new(info, vec![along], fixed)
}

/// A member with one number a scan point, in its place.
///
/// # Errors
/// If it is of another length, or holds other values.
pub fn per_point(archive: &Archive, info: &ArrayInfo, form: Form, count: &Count) -> Result<Placed> {
    let placed = vector(info);
    if vector_axis(&info.shape).is_none() || placed.num_rows(&info.shape) != count.points {
        let expected = format!("({},), one value for each of the {count}", count.points);
        return Err(archive.wrong(info, shape_found(info), expected));
    }
    archive.check(info, form)?;
    Ok(placed)
}

/// x and y from the columns of one member.
fn combined(
    archive: &Archive,
    info: &ArrayInfo,
    order: Option<PositionOrder>,
) -> Result<[(Role, Placed); 2]> {
    let skip = leading_ones(&info.shape, 2);
    let [first, second] = info.shape[skip..] else {
        let expected = format!(
            "{}, or {}",
            Form::Vector.expected(),
            Form::Columns.expected()
        );
        return Err(archive.wrong(info, shape_found(info), expected));
    };
    let Some(order) = order else {
        return Err(unknown_order(archive, info, first, second));
    };
    let (along, columns) = match (first == order.len(), second == order.len()) {
        (true, true) => return Err(square(archive, info)),
        (true, false) => (skip + 1, skip),
        (false, true) => (skip, skip + 1),
        (false, false) => return Err(other_order(archive, info, order)),
    };
    if !is_count(info.shape[along]) {
        return Err(archive.wrong(info, shape_found(info), "fewer than 2^31 scan points"));
    }
    archive.check(info, Form::Columns)?;
    let at = |column: usize| {
        let ones = (0..skip).map(|axis| (axis, 0));
        Placed::new(info, vec![along], ones.chain([(columns, column)]).collect())
    };
    Ok([(Role::X, at(order.x())), (Role::Y, at(order.y()))])
}

fn other_order(archive: &Archive, info: &ArrayInfo, order: PositionOrder) -> Error {
    let expected = format!(
        "one axis of length {}, the columns of order `{order}`",
        order.len()
    );
    let remedies = vec![Remedy::Set(Parameter::PositionOrder, "yx")];
    archive.bad(&info.name, shape_found(info), expected, remedies)
}

fn unknown_order(archive: &Archive, info: &ArrayInfo, first: usize, second: usize) -> Error {
    if first == second && (2..=MAX_COLUMNS).contains(&first) {
        return square(archive, info);
    }
    let expected = "an array whose columns are known to be x and y";
    let remedies = ["yx", "xy", "_yx"].map(|order| Remedy::Set(Parameter::PositionOrder, order));
    archive.bad(&info.name, shape_found(info), expected, remedies.to_vec())
}

fn square(archive: &Archive, info: &ArrayInfo) -> Error {
    let expected = "more, or fewer, scan points than columns, so that the axes can be told apart";
    let name = |role| Remedy::NameMember { role, member: None };
    archive.bad(
        &info.name,
        shape_found(info),
        expected,
        vec![Remedy::CorrectFile, name("x"), name("y")],
    )
}
