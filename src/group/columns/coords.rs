//! Computes with the positions of members: centres, relative coordinates, distances, places of object
//! patches.

use super::sum::{Rounding, mean};
use crate::group::neighbors::squared_distance;
use crate::group::spec::Semantics;
use crate::scan::{Positions, Scan};

/// Names what a column tells of the members' positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coords {
    /// The positions themselves.
    Absolute,
    /// The centre minus each position.
    Relative,
    /// The centre.
    Centre,
}

/// Names the positions that a column is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The corrected positions, by which neighbours are found.
    Corrected,
    /// The start positions, those before correction.
    Start,
}

/// Returns the precision in which centres are computed. PtychoPINN computes in the coordinates' own type.
pub fn rounding(scan: &Scan, semantics: Semantics, source: Source) -> Rounding {
    match semantics {
        Semantics::PtychopinnRaw if scan.positions_are_single(source == Source::Start) => {
            Rounding::Single
        }
        _ => Rounding::Double,
    }
}

/// The number of members up to which a centre is computed without an allocation: groups of 5 x 5.
const FEW: usize = 25;

/// Returns the mean of the members' coordinates along one axis.
pub fn centre(values: &[f64], members: &[u32], rounding: Rounding) -> f64 {
    let coordinates = members.iter().map(|member| values[*member as usize]);
    let mut few = [0.0; FEW];
    match few.get_mut(..members.len()) {
        Some(few) => {
            few.iter_mut()
                .zip(coordinates)
                .for_each(|(place, value)| *place = value);
            mean(few, rounding)
        }
        None => mean(&coordinates.collect::<Vec<_>>(), rounding),
    }
}

/// Returns (x, y) at which each member's object patch is cut.
///
/// In native semantics these are the members' positions. PtychoPINN cuts at offset plus relative coordinate,
/// which is `centre + (centre - r)`: each position mirrored at the centre.
pub fn patch_centres(
    positions: &Positions,
    members: &[u32],
    semantics: Semantics,
    rounding: Rounding,
) -> Vec<[f64; 2]> {
    let at = |member: &u32| positions.at(*member as usize);
    if semantics == Semantics::Native {
        return members.iter().map(at).collect();
    }
    let centre = [&positions.x, &positions.y].map(|values| centre(values, members, rounding));
    let mirrored = |mean: f64, value: f64| mean + -rounding.round(value - mean);
    members
        .iter()
        .map(at)
        .map(|[x, y]| [mirrored(centre[0], x), mirrored(centre[1], y)])
        .collect()
}

/// Returns the largest distance between two members.
pub fn span(positions: &Positions, members: &[u32]) -> f64 {
    let pairs = members
        .iter()
        .enumerate()
        .flat_map(|(at, a)| members[..at].iter().map(move |b| (*a, *b)));
    pairs
        .map(|(a, b)| distance2(positions, a, b))
        .fold(0.0, f64::max)
        .sqrt()
}

/// Returns the distance between two scan points.
pub fn distance(positions: &Positions, a: u32, b: u32) -> f64 {
    distance2(positions, a, b).sqrt()
}

fn distance2(positions: &Positions, a: u32, b: u32) -> f64 {
    squared_distance(positions.at(a as usize), positions.at(b as usize))
}

/// Returns a number times -1, as PtychoPINN computes it: 0 becomes -0, and what is not a number keeps its sign.
fn negated(value: f64) -> f64 {
    if value.is_nan() { value } else { -value }
}

/// Appends the x of all members, then the y of all members; of the centre one x and one y.
pub fn extend_coords(
    out: &mut Vec<f64>,
    what: Coords,
    positions: &Positions,
    members: &[u32],
    rounding: Rounding,
) {
    for values in [&positions.x, &positions.y] {
        let mean = || centre(values, members, rounding);
        let coordinates = members.iter().map(|member| values[*member as usize]);
        match what {
            Coords::Absolute => out.extend(coordinates),
            Coords::Relative => {
                let mean = mean();
                let relative = |value: f64| negated(rounding.round(value - mean));
                out.extend(coordinates.map(relative));
            }
            Coords::Centre => out.push(mean()),
        }
    }
}
