//! From a plan to the index table: seed points, pools, members.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

use super::index::{GroupIndex, SKIPPED};
use super::neighbors::{Neighbor, Neighbors};
use super::phases::{Phase, Phases};
use super::plan::{Plan, combinations, non_finite};
use super::rng::Stream;
use super::spec::{GroupSpec, IncludeSeed, Sampling};
use crate::error::{Error, GroupLimit, Parameter, Result};
use crate::memory;
use crate::scan::{Positions, Scan};

/// These groups of a plan, without computing the members of any other.
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
    let candidates = plan.candidates.to_vec();
    check_finite(scan, positions, &candidates)?;
    let seeds = phases.time(Phase::Sampling, || seed_points(plan, spec));
    if plan.group_size == 1 {
        let seeds: Vec<u32> = (0..numbers.len()).map(|at| seeds[numbers.at(at)]).collect();
        return Ok(numbers.index(1, seeds.clone(), seeds));
    }
    let neighbors = phases.time(Phase::Tree, || {
        Neighbors::new(&positions.x, &positions.y, &candidates)
    });
    phases.time(Phase::Sampling, || {
        Draw {
            plan,
            spec,
            neighbors,
            seeds: &seeds,
            numbers,
        }
        .index()
    })
}

/// Which groups to draw.
#[derive(Debug, Clone)]
pub enum Numbers<'a> {
    /// Neighbouring ones.
    Range(Range<usize>),
    /// These, ascending; only where each seed point has one group.
    List(&'a [usize]),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place],
        }
    }

    /// The number behind the last one.
    fn end(&self) -> usize {
        self.len()
            .checked_sub(1)
            .map_or(0, |last| self.at(last) + 1)
    }

    fn index(&self, size: usize, seed_points: Vec<u32>, members: Vec<u32>) -> GroupIndex {
        match self {
            Self::Range(range) => GroupIndex::consecutive(size, range.start, seed_points, members),
            Self::List(list) => GroupIndex::listed(size, list, seed_points, members),
        }
    }
}

/// The seed points, ascending.
pub fn seed_points(plan: &Plan, spec: &GroupSpec) -> Vec<u32> {
    let (total, wanted) = (plan.seeds.len(), plan.num_groups.min(plan.seeds.len()));
    match spec.sampling {
        _ if wanted == total => plan.seeds.to_vec(),
        Sampling::Sequential => (0..wanted).map(|index| plan.seeds.at(index)).collect(),
        Sampling::Random => {
            let sample = Stream::of_seed_points(spec.seed).sample(total as u32, wanted as u32);
            sample
                .into_iter()
                .map(|index| plan.seeds.at(index as usize))
                .collect()
        }
    }
}

fn check_finite(scan: &Scan, positions: &Positions, candidates: &[u32]) -> Result<()> {
    let is_bad = |point: &&u32| {
        !positions
            .at(**point as usize)
            .iter()
            .all(|value| value.is_finite())
    };
    match candidates.iter().find(is_bad) {
        None => Ok(()),
        Some(point) => Err(non_finite(scan, positions, *point as usize)),
    }
}

/// What drawing members takes.
struct Draw<'a> {
    plan: &'a Plan,
    spec: &'a GroupSpec,
    neighbors: Neighbors<'a>,
    /// All S seed points.
    seeds: &'a [u32],
    /// The groups to draw.
    numbers: Numbers<'a>,
}

/// The groups of some seed points, in the order they were drawn: place in the index, C members.
#[derive(Default)]
struct Drawn {
    rows: Vec<usize>,
    members: Vec<u32>,
}

/// Buffers reused from seed point to seed point.
#[derive(Default)]
struct Scratch {
    pool: Vec<u32>,
    shuffled: Vec<u32>,
    seen: HashSet<Vec<u32>>,
}

/// What the memory of the index table is for.
const INDEX: &str = "the index table of the groups";

/// Seed points drawn for by one task: few enough to share out, enough not to matter.
const CHUNK: usize = 4096;

impl Draw<'_> {
    /// Draws for the seed points in spatial order, which is faster, and puts each group in its place.
    fn index(&self) -> Result<GroupIndex> {
        let (size, count) = (self.plan.group_size, self.numbers.len());
        let active: Vec<u32> = self.places().map(|place| self.seeds[place]).collect();
        let order = self.neighbors.spatial_order(&active);
        let drawn: Vec<Drawn> = order
            .par_chunks(CHUNK)
            .map(|part| self.of(&active, part))
            .collect::<Result<_>>()?;
        let len = count as u128 * size as u128;
        let mut members = memory::filled(SKIPPED, len, INDEX, Parameter::NGroups)?;
        for part in drawn {
            for (row, group) in part.rows.iter().zip(part.members.chunks_exact(size)) {
                members[row * size..(row + 1) * size].copy_from_slice(group);
            }
        }
        let seed_points = (0..count)
            .map(|at| self.seeds[self.numbers.at(at) % self.seeds.len()])
            .collect();
        Ok(self
            .numbers
            .index(size, seed_points, members)
            .without_skipped())
    }

    /// Places in `seeds` of the seed points whose groups are to be drawn, each once.
    fn places(&self) -> impl Iterator<Item = usize> {
        let total = self.seeds.len();
        (0..self.numbers.len().min(total)).map(move |at| self.numbers.at(at) % total)
    }

    /// The groups of these of the active seed points.
    fn of(&self, active: &[u32], order: &[u32]) -> Result<Drawn> {
        let mut drawn = Drawn::default();
        let mut scratch = Scratch::default();
        let mut failed = None;
        self.neighbors
            .nearest_of_each(active, order, self.plan.neighbors, |at, found| {
                self.fill_pool(active[at], found, &mut scratch.pool);
                if let Err(error) = self.draw(at, active[at], &mut scratch, &mut drawn) {
                    failed.get_or_insert(error);
                }
            });
        failed.map_or(Ok(drawn), Err)
    }

    /// The pool of a seed point, in its original order.
    fn fill_pool(&self, seed_point: u32, found: &[Neighbor], pool: &mut Vec<u32>) {
        let max2 = self
            .spec
            .max_distance
            .map_or(f64::INFINITY, |max| max * max);
        let joins = match self.spec.include_seed {
            IncludeSeed::Never => self.plan.candidates.len() == self.plan.group_size,
            IncludeSeed::Pool => true,
            IncludeSeed::First => false,
        };
        pool.clear();
        pool.extend(joins.then_some(seed_point));
        pool.extend(
            found
                .iter()
                .filter(|near| near.distance2 <= max2)
                .map(|near| near.scan_point),
        );
    }

    /// Draws the groups of a seed point, the first of which is at this place of the numbers.
    fn draw(
        &self,
        place: usize,
        seed_point: u32,
        scratch: &mut Scratch,
        drawn: &mut Drawn,
    ) -> Result<()> {
        let (total, first) = (self.seeds.len(), self.numbers.at(place));
        let fixed = usize::from(self.spec.include_seed == IncludeSeed::First);
        let count = self.plan.group_size - fixed;
        if scratch.pool.len() < count {
            return Ok(());
        }
        let rounds = match self.numbers {
            Numbers::Range(_) => {
                first / total..(self.numbers.end() - 1 - first) / total + first / total + 1
            }
            Numbers::List(_) => 0..1,
        };
        self.check_rounds(rounds.end, count, seed_point, scratch.pool.len())?;
        let mut stream = Stream::of_group(self.spec.seed, self.spec.epoch, (first % total) as u64);
        scratch.seen.clear();
        for round in 0..rounds.end {
            scratch.draw_distinct(&mut stream, count, rounds.end > 1);
            if rounds.contains(&round) {
                drawn.rows.push(place + (round - rounds.start) * total);
                drawn.members.extend((fixed == 1).then_some(seed_point));
                drawn.members.extend(&scratch.shuffled[..count]);
            }
        }
        Ok(())
    }

    /// Whether a pool has as many distinct groups as were asked for; `max_distance` may have left fewer.
    fn check_rounds(
        &self,
        rounds: usize,
        count: usize,
        seed_point: u32,
        pool: usize,
    ) -> Result<()> {
        let distinct = combinations(pool, count);
        if rounds as u128 <= distinct {
            return Ok(());
        }
        Err(Error::TooManyGroups {
            asked: self.plan.num_groups,
            possible: distinct,
            limit: GroupLimit::CandidatesLeft {
                scan_point: seed_point,
                candidates: pool,
                rounds,
            },
        })
    }
}

impl Scratch {
    /// Shuffles the pool until its first `count` are a set that did not come before, if sets are to be `distinct`.
    fn draw_distinct(&mut self, stream: &mut Stream, count: usize, distinct: bool) {
        loop {
            self.shuffled.clear();
            self.shuffled.extend(&self.pool);
            stream.draw(&mut self.shuffled, count);
            let set = || {
                let mut set = self.shuffled[..count].to_vec();
                set.sort_unstable();
                set
            };
            if !distinct || self.seen.insert(set()) {
                return;
            }
        }
    }
}
