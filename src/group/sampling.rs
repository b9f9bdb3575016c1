//! Draws seed points and members: from a plan to the index table.

mod draw;

use std::ops::Range;

use self::draw::Draw;
use super::index::{GroupIndex, INDEX};
use super::neighbors::{Neighbors, largest_square};
use super::phases::{Phase, Phases};
use super::plan::{Plan, check_finite};
use super::rng::Stream;
use super::spec::{GroupSpec, Sampling};
use crate::error::{Parameter, Result};
use crate::memory;
use crate::scan::Scan;

/// Draws these groups of a plan, without computing the members of any other.
///
/// # Errors
/// As [`super::Groups::index_of`].
pub fn index(
    plan: &Plan,
    scan: &Scan,
    spec: &GroupSpec,
    numbers: Numbers<'_>,
    phases: &Phases,
) -> Result<GroupIndex> {
    let positions = scan.positions()?;
    let candidates = plan.candidates.to_vec()?;
    check_finite(scan, candidates.iter().copied())?;
    let seeds = phases.time(Phase::Sampling, || seed_points(plan, spec))?;
    if plan.group_size == 1 {
        let mut members = memory::reserve(numbers.len() as u128, INDEX, Parameter::NGroups)?;
        members.extend((0..numbers.len()).map(|at| seeds[numbers.at(at)]));
        return numbers.index(1, members.clone(), members);
    }
    let neighbors = phases.time(Phase::Tree, || {
        Neighbors::new(&positions.x, &positions.y, &candidates)
    });
    let draw = Draw {
        plan,
        spec,
        neighbors,
        seeds: &seeds,
        limit2: spec.max_distance.map_or(f64::INFINITY, largest_square),
        numbers,
    };
    phases.time(Phase::Sampling, || draw.index())
}

/// Names the groups to draw.
#[derive(Debug, Clone)]
pub enum Numbers<'a> {
    /// Consecutive ones.
    Range(Range<usize>),
    /// A list, ascending; allowed only where each seed point has one group.
    List(&'a [usize]),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    /// Returns the number of the group at a place of the index table.
    fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place],
        }
    }

    /// Returns the rounds of group oversampling from which the seed point of group `first`, the first one of
    /// its own that is to be drawn, has groups to draw.
    fn rounds(&self, first: usize, num_seeds: usize) -> Range<usize> {
        match self {
            Self::Range(range) => {
                let start = first / num_seeds;
                start..start + 1 + (range.end - 1 - first) / num_seeds
            }
            Self::List(_) => 0..1,
        }
    }

    fn index(&self, size: usize, seed_points: Vec<u32>, members: Vec<u32>) -> Result<GroupIndex> {
        match self {
            Self::Range(range) => Ok(GroupIndex::consecutive(
                size,
                range.start,
                seed_points,
                members,
            )),
            Self::List(list) => GroupIndex::listed(size, list, seed_points, members),
        }
    }
}

/// Returns the seed points, ascending.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) if the memory for them cannot be had.
pub fn seed_points(plan: &Plan, spec: &GroupSpec) -> Result<Vec<u32>> {
    let (total, wanted) = (plan.seeds.len(), plan.num_groups.min(plan.seeds.len()));
    if wanted == total {
        return Ok(plan.seeds.to_vec()?.into_owned());
    }
    let mut seeds = memory::reserve(wanted as u128, INDEX, Parameter::NGroups)?;
    match spec.sampling {
        Sampling::Sequential => seeds.extend((0..wanted).map(|place| plan.seeds.at(place))),
        Sampling::Random => {
            let places = Stream::of_seed_points(spec.seed).sample(total as u32, wanted as u32);
            seeds.extend(
                places
                    .into_iter()
                    .map(|place| plan.seeds.at(place as usize)),
            );
        }
    }
    Ok(seeds)
}
