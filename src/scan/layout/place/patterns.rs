//! Places the patterns: along the axis as long as the positions, or along the two axes of a raster.

use super::Placed;
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::ArrayInfo;
use crate::scan::layout::members::Members;
use crate::scan::layout::note::Note;
use crate::scan::layout::options::PatternAxis;
use crate::scan::layout::shape_rule::{ShapeRule, is_count, leading_ones, shape_found};

/// Holds what is known about the number of patterns before their axes are told apart.
#[derive(Debug, Default)]
pub struct Counts {
    /// The number of positions in the file.
    pub positions: Option<usize>,
    /// The number of positions in another file, if that is where they are.
    pub elsewhere: Option<usize>,
    /// The number of frame numbers.
    pub numbers: Option<usize>,
    /// Whether the frame numbers are those of the patterns, not of the positions.
    pub are_numbered: bool,
    /// Whether there may be more or fewer patterns than positions in the file.
    pub may_differ: bool,
    /// Whether all files of the layout have their patterns along the first axis.
    pub is_first: bool,
    /// Whether the patterns are those of a layout, which count along the first axis where the shape leaves it open.
    pub by_layout: bool,
}

impl Counts {
    /// Iterates over the numbers that may be that of the patterns, the most telling first.
    fn all(&self) -> impl Iterator<Item = usize> {
        let of_patterns = self.numbers.filter(|_| self.are_numbered);
        let of_either = self.numbers.filter(|_| !self.are_numbered);
        [of_patterns, self.positions, self.elsewhere, of_either]
            .into_iter()
            .flatten()
    }

    /// Returns whether the file, or another one, has positions.
    fn have_positions(&self) -> bool {
        self.positions.or(self.elsewhere).is_some()
    }

    /// Returns the number of positions that there must be patterns for.
    fn demanded(&self) -> Option<usize> {
        self.positions.filter(|_| !self.may_differ)
    }
}

/// Places the patterns, as many as the positions if those are counted.
///
/// An axis of length 1 in front of patterns that have positions is no axis of a raster; without positions it
/// is its scan rows.
///
/// # Errors
/// If there are not that many, if the shape leaves open which axis counts them, or if they are no real numbers.
pub fn place(
    members: &Members,
    info: &ArrayInfo,
    counts: &Counts,
    said: Option<PatternAxis>,
) -> Result<Placed> {
    let mut skip = leading_ones(&info.shape, 3);
    let is_line = info.shape.len() - skip == 3 && skip > 0;
    if is_line && !counts.have_positions() && said != Some(PatternAxis::Last) {
        skip -= 1;
    }
    let rows = match info.shape.len() - skip {
        3 => vec![pattern_axis(members, info, skip, counts, said)?],
        4 => raster_axes(members, info, skip, counts, said)?,
        _ => {
            let other = Remedy::NameMember {
                role: "diffraction",
                member: None,
            };
            return Err(mismatch(members, info, counts.positions, vec![other]));
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

/// Notes that the shape alone would leave open which axis counts the patterns, where the layout settles it.
pub fn settled_by_layout(info: &ArrayInfo, placed: &Placed, counts: &Counts) -> Option<Note> {
    let [axis] = placed.rows[..] else { return None };
    let mut known = counts.positions.into_iter().chain(counts.elsewhere);
    let axes = &info.shape[placed.fixed.len()..];
    let is_open = |count: usize| axes.iter().filter(|len| **len == count).count() > 1;
    (counts.by_layout && known.any(is_open)).then(|| Note::PatternAxisByLayout {
        member: info.name.clone(),
        shape: info.shape.clone(),
        axis,
    })
}

/// Returns the axis along which patterns are counted: first or last of the three after `skip`.
///
/// # Errors
/// If neither is as long as the positions, or if the shape leaves it open which one it is.
fn pattern_axis(
    members: &Members,
    info: &ArrayInfo,
    skip: usize,
    counts: &Counts,
    said: Option<PatternAxis>,
) -> Result<usize> {
    let lengths = &info.shape[skip..];
    let (first, last) = (skip, skip + 2);
    if let Some(said) = said {
        let axis = if said == PatternAxis::First {
            first
        } else {
            last
        };
        let unmet = counts.demanded().filter(|len| info.shape[axis] != *len);
        let Some(points) = unmet else { return Ok(axis) };
        let others = lengths.contains(&points);
        let remedies = match others {
            true => vec![Remedy::LeaveOut(Parameter::PatternAxis)],
            false => vec![
                Remedy::LeaveOutUnpaired,
                Remedy::LeaveOut(Parameter::PatternAxis),
            ],
        };
        return Err(mismatch(members, info, counts.positions, remedies));
    }
    for count in counts.all() {
        // Of two axes as long as the positions, the shape does not tell which one counts the patterns.
        if lengths.iter().filter(|len| **len == count).count() > 1 {
            let is_known = counts.positions == Some(count) || counts.elsewhere == Some(count);
            if is_known && counts.by_layout && lengths[0] == count {
                return Ok(first);
            }
            if is_known && !counts.is_first {
                let expected = format!("one axis of length {count}, the number of positions");
                return Err(ask(members, info, expected));
            }
            match lengths[0] == count || counts.demanded() != Some(count) {
                true => continue,
                false => return Err(not_as_many(members, info, counts)),
            }
        }
        match lengths {
            [len, ..] if *len == count => return Ok(first),
            [.., len] if *len == count => return Ok(last),
            _ if counts.demanded() == Some(count) => {
                return Err(not_as_many(members, info, counts));
            }
            _ => {}
        }
    }
    // No axis is as long as anything known: the two that are equally long are the sides of a pattern.
    match (lengths[0] == lengths[1], lengths[1] == lengths[2]) {
        _ if counts.is_first => Ok(first),
        (false, true) => Ok(first),
        (true, false) => Ok(last),
        _ if counts.have_positions() => Err(ask(members, info, tell_apart())),
        _ => Ok(first),
    }
}

/// Returns the two axes of a raster, scan row and scan column.
fn raster_axes(
    members: &Members,
    info: &ArrayInfo,
    skip: usize,
    counts: &Counts,
    said: Option<PatternAxis>,
) -> Result<Vec<usize>> {
    let [a, b, height, width] = info.shape[skip..] else {
        return Err(mismatch(members, info, counts.positions, Vec::new()));
    };
    let start = if said == Some(PatternAxis::Last) {
        2
    } else {
        0
    };
    let demanded = counts.demanded();
    let pairs = [a.checked_mul(b), height.checked_mul(width)];
    if demanded.is_some() && pairs[start / 2] != demanded {
        let is_other = pairs[1 - start / 2] == demanded;
        let other = if start == 0 { "last" } else { "first" };
        let remedy = match is_other {
            true => Remedy::Set(Parameter::PatternAxis, other),
            false => Remedy::LeaveOutUnpaired,
        };
        let remedies = vec![remedy, Remedy::CorrectFile];
        return Err(mismatch(members, info, counts.positions, remedies));
    }
    // Lines of pixels may be detectors of one row, or scans of one row whose axes come last.
    let are_lines = (height == 1 || width == 1) && a > 1 && b > 1;
    if are_lines && said.is_none() && !counts.is_first && !counts.all().any(|n| Some(n) == pairs[0])
    {
        return Err(ask(members, info, tell_apart()));
    }
    Ok(vec![skip + start, skip + start + 1])
}

/// Says which shapes tell the pattern axis.
fn tell_apart() -> String {
    "axes that tell which of them counts the patterns (pattern axis), first (M, H, W) or (R, S, H, W), or last \
     (H, W, M) or (H, W, R, S)"
        .to_string()
}

/// Creates the error for patterns whose shape leaves open which axis counts them.
fn ask(members: &Members, info: &ArrayInfo, expected: String) -> Error {
    let remedies = ["first", "last"].map(|axis| Remedy::Set(Parameter::PatternAxis, axis));
    members.bad(&info.name, shape_found(info), expected, remedies.to_vec())
}

/// Creates the error for patterns that are more, or fewer, than the positions.
fn not_as_many(members: &Members, info: &ArrayInfo, counts: &Counts) -> Error {
    let remedies = vec![Remedy::LeaveOutUnpaired, Remedy::CorrectFile];
    mismatch(members, info, counts.positions, remedies)
}

/// Creates the error for patterns of which an axis, or all axes, are not as expected.
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
