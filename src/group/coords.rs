//! Members' positions: centres, relative coordinates, distances, places of object patches.

use super::Groups;
use super::neighbors::squared_distance;
use super::spec::Semantics;
use super::sum::{Rounding, mean};
use crate::error::Result;
use crate::scan::Positions;

/// What of the members' positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coords {
    /// The positions themselves.
    Nn,
    /// -(r - centre).
    Relative,
    /// The centre.
    Offsets,
}

/// Which positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Corrected,
    Start,
}

/// In what precision the mean of positions is taken: PtychoPINN computes in the coordinates' own type.
pub fn rounding(groups: &Groups, source: Source) -> Rounding {
    let single = groups.scan().positions_are_single(source == Source::Start);
    match groups.spec().semantics {
        Semantics::Ptychopinn if single => Rounding::Single,
        _ => Rounding::Double,
    }
}

/// Mean of the members' coordinates.
pub fn centre(values: &[f64], members: &[u32], rounding: Rounding) -> f64 {
    // Groups of up to 5 x 5 need no allocation.
    let mut small = [0.0; 25];
    let value = |member: &u32| values[*member as usize];
    match small.get_mut(..members.len()) {
        Some(coordinates) => {
            coordinates
                .iter_mut()
                .zip(members)
                .for_each(|(slot, member)| *slot = value(member));
            mean(coordinates, rounding)
        }
        None => mean(&members.iter().map(value).collect::<Vec<_>>(), rounding),
    }
}

/// Where each member's object patch is cut: at its true position; in PtychoPINN semantics at the sum of offset and
/// relative coordinate, 2 * mean - position, as PtychoPINN does.
pub fn patch_offsets(groups: &Groups, row: usize) -> Result<Vec<[f64; 2]>> {
    let (positions, index) = (groups.scan().positions()?, groups.index()?);
    let members = index.members(row);
    if groups.spec().semantics == Semantics::Native {
        return Ok(members
            .iter()
            .map(|member| positions.at(*member as usize))
            .collect());
    }
    let rounding = rounding(groups, Source::Corrected);
    let centre = [&positions.x, &positions.y].map(|values| centre(values, members, rounding));
    let mirrored = |mean: f64, value: f64| mean + -rounding.round(value - mean);
    let offset = |member: &u32| {
        let [x, y] = positions.at(*member as usize);
        [mirrored(centre[0], x), mirrored(centre[1], y)]
    };
    Ok(members.iter().map(offset).collect())
}

/// The largest distance between two members.
pub fn span(positions: &Positions, members: &[u32]) -> f64 {
    let place = |member: &u32| positions.at(*member as usize);
    let pairs = members
        .iter()
        .enumerate()
        .flat_map(|(at, a)| members[..at].iter().map(move |b| (a, b)));
    let farthest = pairs
        .map(|(a, b)| squared_distance(place(a), place(b)))
        .fold(0.0, f64::max);
    farthest.sqrt()
}

/// Appends x of all members, then y of all members.
pub fn extend_coords(
    out: &mut Vec<f64>,
    what: Coords,
    positions: &Positions,
    members: &[u32],
    rounding: Rounding,
) {
    for values in [&positions.x, &positions.y] {
        let mean = centre(values, members, rounding);
        let coordinates = members.iter().map(|member| values[*member as usize]);
        match what {
            Coords::Nn => out.extend(coordinates),
            Coords::Relative => out.extend(coordinates.map(|value| -rounding.round(value - mean))),
            Coords::Offsets => out.push(mean),
        }
    }
}

/// Distance between two scan points.
pub fn distance(positions: &Positions, a: u32, b: u32) -> f64 {
    squared_distance(positions.at(a as usize), positions.at(b as usize)).sqrt()
}
