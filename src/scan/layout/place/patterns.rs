//! Places the patterns: along the axis as long as the positions, or along the two axes of a raster.

use super::{Placed, PointCount};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::ArrayInfo;
use crate::scan::layout::members::Members;
use crate::scan::layout::options::PatternAxis;
use crate::scan::layout::shape_rule::{ShapeRule, is_count, leading_ones, shape_found};

/// Places the patterns, as many as the positions if those are counted.
///
/// # Errors
/// If there are not that many, if the shape leaves open which axis counts them, or if they are no real numbers.
pub fn place(
    members: &Members,
    info: &ArrayInfo,
    count: Option<&PointCount>,
    said: Option<PatternAxis>,
) -> Result<Placed> {
    let skip = leading_ones(&info.shape, 3);
    let points = count.map(|count| count.points);
    let rows = match info.shape.len() - skip {
        3 => vec![pattern_axis(members, info, skip, points, said)?],
        4 => raster_axes(members, info, skip, points, said)?,
        _ => {
            return Err(mismatch(
                members,
                info,
                points,
                vec![Remedy::NameMember {
                    role: "diffraction",
                    member: None,
                }],
            ));
        }
    };
    members.check(info, ShapeRule::Patterns)?;
    let placed = Placed::new(info, rows, (0..skip).map(|axis| (axis, 0)).collect());
    if !is_count(placed.num_rows(&info.shape)) {
        return Err(members.wrong(info, shape_found(info), "fewer than 2^31 patterns"));
    }
    if placed.row_shape(&info.shape).contains(&0) {
        return Err(members.wrong(info, shape_found(info), "patterns with pixels"));
    }
    Ok(placed)
}

/// Returns the numbers of scan rows and scan columns of patterns along two axes.
pub fn raster(info: &ArrayInfo, placed: &Placed) -> Option<[usize; 2]> {
    let [rows, cols] = placed.rows[..] else {
        return None;
    };
    Some([info.shape[rows], info.shape[cols]])
}

/// Returns the axis along which patterns are counted: first or last of the three after `skip`.
///
/// # Errors
/// If neither is as long as the positions, or if the shape leaves it open which one it is.
fn pattern_axis(
    members: &Members,
    info: &ArrayInfo,
    skip: usize,
    points: Option<usize>,
    said: Option<PatternAxis>,
) -> Result<usize> {
    let said = said.map(|axis| {
        if axis == PatternAxis::First {
            skip
        } else {
            skip + 2
        }
    });
    let Some(points) = points else {
        return Ok(said.unwrap_or(skip));
    };
    let lengths = &info.shape[skip..];
    let first = (lengths[0] == points).then_some(skip);
    let last = (lengths[2] == points).then_some(skip + 2);
    let several = lengths.iter().filter(|len| **len == points).count() > 1;
    match said {
        Some(said) if [first, last].contains(&Some(said)) => Ok(said),
        Some(_) => Err(mismatch(
            members,
            info,
            Some(points),
            vec![Remedy::LeaveOut(Parameter::PatternAxis)],
        )),
        // Of two axes as long as the positions, the shape does not tell which one counts the patterns.
        None if several => Err(members.bad(
            &info.name,
            shape_found(info),
            format!("one axis of length {points}, the number of positions"),
            vec![
                Remedy::Set(Parameter::PatternAxis, "first"),
                Remedy::Set(Parameter::PatternAxis, "last"),
            ],
        )),
        None => first
            .or(last)
            .ok_or_else(|| mismatch(members, info, Some(points), vec![Remedy::CorrectFile])),
    }
}

/// Returns the two axes of a raster, scan row and scan column.
fn raster_axes(
    members: &Members,
    info: &ArrayInfo,
    skip: usize,
    points: Option<usize>,
    said: Option<PatternAxis>,
) -> Result<Vec<usize>> {
    let start = if said == Some(PatternAxis::Last) {
        skip + 2
    } else {
        skip
    };
    let product = info.shape[start].checked_mul(info.shape[start + 1]);
    if points.is_some() && product != points {
        return Err(mismatch(members, info, points, vec![Remedy::CorrectFile]));
    }
    Ok(vec![start, start + 1])
}

/// Creates the error for patterns that are not as many as the positions.
fn mismatch(
    members: &Members,
    info: &ArrayInfo,
    points: Option<usize>,
    remedies: Vec<Remedy>,
) -> Error {
    let expected = match points {
        Some(points) => format!("({points}, N, N): one pattern for each of the {points} positions"),
        None => ShapeRule::Patterns.expected().to_string(),
    };
    members.bad(&info.name, shape_found(info), expected, remedies)
}
