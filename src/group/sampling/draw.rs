//! Draws the members of groups from pools of neighbours.

use std::collections::HashSet;

use rayon::prelude::*;

use super::Numbers;
use crate::error::{Error, GroupLimit, Parameter, Result};
use crate::group::combinations::combinations;
use crate::group::index::{GroupIndex, INDEX, SKIPPED};
use crate::group::neighbors::{Neighbor, Neighbors};
use crate::group::plan::Plan;
use crate::group::rng::Stream;
use crate::group::spec::{GroupSpec, IncludeSeed};
use crate::memory;

/// Holds what drawing members takes.
pub struct Draw<'a> {
    /// The checked spec.
    pub plan: &'a Plan,
    /// The spec.
    pub spec: &'a GroupSpec,
    /// The search structure over the candidates.
    pub neighbors: Neighbors<'a>,
    /// All S seed points.
    pub seeds: &'a [u32],
    /// The largest squared distance whose root is within `max_distance`.
    pub limit2: f64,
    /// The groups to draw.
    pub numbers: Numbers<'a>,
}

/// Holds the groups of some seed points, in the order they were drawn: their places in the index table and
/// their members, C each.
struct Drawn {
    rows: Vec<usize>,
    members: Vec<u32>,
}

/// Holds buffers that are used again for each seed point.
#[derive(Default)]
struct Scratch {
    pool: Vec<u32>,
    shuffled: Vec<u32>,
    seen: HashSet<Vec<u32>>,
}

/// The number of groups that one task draws: small enough to share the work evenly, large enough that sharing
/// costs little.
const TASK_GROUPS: usize = 4096;

/// The number of groups per thread that are held before they are put into the index table: the memory beside
/// the table does not grow with it, unless one seed point has more groups.
const HELD_GROUPS: usize = 64 * TASK_GROUPS;

/// What the memory of sets is for.
const SETS: &str = "the groups of one seed point, which must differ";

impl Draw<'_> {
    /// Draws for the seed points in spatial order, which is faster, and puts each group in its place.
    ///
    /// # Errors
    /// If `max_distance` leaves a seed point too few distinct groups; if the memory for the table cannot be
    /// had.
    pub fn index(&self) -> Result<GroupIndex> {
        let (size, count) = (self.plan.group_size, self.numbers.len());
        let len = count as u128 * size as u128;
        let mut members = memory::filled(SKIPPED, len, INDEX, Parameter::NGroups)?;
        let mut seed_points = memory::reserve(count as u128, INDEX, Parameter::NGroups)?;
        seed_points.extend((0..count).map(|at| self.seeds[self.numbers.at(at) % self.seeds.len()]));
        let active: Vec<u32> = self.places().map(|place| self.seeds[place]).collect();
        let order = self.neighbors.spatial_order(&active);
        let seeds_per_task = (TASK_GROUPS / self.rounds()).max(1);
        let seeds_held = (HELD_GROUPS / self.rounds()).max(1) * rayon::current_num_threads();
        for order in order.chunks(seeds_held) {
            let drawn: Vec<Drawn> = order
                .par_chunks(seeds_per_task)
                .map(|part| self.groups_of(&active, part))
                .collect::<Result<_>>()?;
            for part in drawn {
                for (row, group) in part.rows.iter().zip(part.members.chunks_exact(size)) {
                    members[row * size..(row + 1) * size].copy_from_slice(group);
                }
            }
        }
        let index = self.numbers.index(size, seed_points, members)?;
        index.without_skipped()
    }

    /// Returns the places in `seeds` of the seed points whose groups are to be drawn, each once.
    fn places(&self) -> impl Iterator<Item = usize> {
        let total = self.seeds.len();
        (0..self.numbers.len().min(total)).map(move |at| self.numbers.at(at) % total)
    }

    /// Returns the largest number of groups that are to be drawn for one seed point, at least 1.
    fn rounds(&self) -> usize {
        self.numbers.len().div_ceil(self.seeds.len().max(1)).max(1)
    }

    /// Draws the groups of these places of the active seed points.
    fn groups_of(&self, active: &[u32], order: &[u32]) -> Result<Drawn> {
        let groups = order.len() as u128 * self.rounds() as u128;
        let members = groups * self.plan.group_size as u128;
        let mut drawn = Drawn {
            rows: memory::reserve(groups, INDEX, Parameter::NGroups)?,
            members: memory::reserve(members, INDEX, Parameter::NGroups)?,
        };
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

    /// Fills in the pool of a seed point, in its original order.
    fn fill_pool(&self, seed_point: u32, found: &[Neighbor], pool: &mut Vec<u32>) {
        let joins = match self.spec.include_seed {
            IncludeSeed::Never => self.plan.candidates.len() == self.plan.group_size,
            IncludeSeed::Pool => true,
            IncludeSeed::First => false,
        };
        let near = found.iter().filter(|near| near.distance2 <= self.limit2);
        pool.clear();
        pool.extend(joins.then_some(seed_point));
        pool.extend(near.map(|near| near.scan_point));
    }

    /// Draws the groups of a seed point, the first of which is at this place of the index table.
    fn draw(
        &self,
        place: usize,
        seed_point: u32,
        scratch: &mut Scratch,
        drawn: &mut Drawn,
    ) -> Result<()> {
        let (total, first) = (self.seeds.len(), self.numbers.at(place));
        let is_first = self.spec.include_seed == IncludeSeed::First;
        let count = self.plan.group_size - usize::from(is_first);
        if scratch.pool.len() < count {
            return Ok(());
        }
        let rounds = self.numbers.rounds(first, total);
        self.check_rounds(rounds.end, count, seed_point, scratch.pool.len())?;
        check_memory_of_sets(rounds.end, count)?;
        let mut stream = Stream::of_group(self.spec.seed, self.spec.epoch, (first % total) as u64);
        scratch.seen.clear();
        for round in 0..rounds.end {
            scratch.draw_distinct(&mut stream, count, rounds.end > 1);
            if rounds.contains(&round) {
                drawn.rows.push(place + (round - rounds.start) * total);
                drawn.members.extend(is_first.then_some(seed_point));
                drawn.members.extend(&scratch.shuffled[..count]);
            }
        }
        Ok(())
    }

    /// Checks that a pool has as many distinct groups as were asked for; `max_distance` may have left fewer.
    fn check_rounds(
        &self,
        rounds: usize,
        count: usize,
        seed_point: u32,
        pool: usize,
    ) -> Result<()> {
        let distinct = combinations(pool, count, u128::MAX);
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
    /// Shuffles the pool until its first `count` are a set that did not come before, if sets are to be
    /// `distinct`.
    ///
    /// The more of all sets have come before, the more often it draws in vain: all n sets of a pool take
    /// about n ln(n) draws. Which groups come, and in which order, depends on these draws, and is frozen.
    fn draw_distinct(&mut self, stream: &mut Stream, count: usize, distinct: bool) {
        loop {
            self.shuffled.clear();
            self.shuffled.extend(&self.pool);
            stream.draw(&mut self.shuffled, count);
            if !distinct || self.seen.insert(sorted(&self.shuffled[..count])) {
                return;
            }
        }
    }
}

/// Checks that the memory for the sets of one seed point can be had, where it has more than one group.
fn check_memory_of_sets(rounds: usize, count: usize) -> Result<()> {
    if rounds == 1 {
        return Ok(());
    }
    let bytes_per_set = size_of::<Vec<u32>>() + count * size_of::<u32>();
    let bytes = rounds as u128 * bytes_per_set as u128;
    memory::reserve::<u8>(bytes, SETS, Parameter::NGroups).map(drop)
}

/// Returns the members in the order of scan points, by which sets are compared.
fn sorted(members: &[u32]) -> Vec<u32> {
    let mut set = members.to_vec();
    set.sort_unstable();
    set
}
