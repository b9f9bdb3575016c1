//! From a spec to the index table: candidates, seed points, pools, members.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

use super::legacy;
use super::neighbors::{Neighbor, Neighbors, squared_distance};
use super::rng::Stream;
use super::spec::{GroupSpec, IncludeSeed, Sampling, Semantics};
use crate::error::{Error, Result};
use crate::scan::{Positions, Scan};

/// A gridsize beyond this is a slip of the pen: 64 x 64 patterns a group.
const MAX_GRIDSIZE: usize = 64;

/// A spec, checked, with its defaults filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// C.
    pub group_size: usize,
    /// K.
    pub neighbors: usize,
    /// Groups in all, before any is skipped.
    pub num_groups: usize,
    candidates: Candidates,
    seeds: Candidates,
}

/// Some of the scan points, ascending.
#[derive(Debug, Clone)]
enum Candidates {
    All(u32),
    Some(Vec<u32>),
}

/// The index table: which scan points form which group. All vectors are in group order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupIndex {
    pub(super) group_size: usize,
    num_skipped: usize,
    group_ids: GroupIds,
    seed_points: Vec<u32>,
    /// C a group.
    members: Vec<u32>,
}

/// Numbers of groups, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GroupIds {
    /// All from this one on.
    From(u64),
    /// These: some were skipped.
    List(Vec<u64>),
}

impl GroupIndex {
    /// Number of groups.
    pub fn num_groups(&self) -> usize {
        self.seed_points.len()
    }

    /// Groups left out because `max_distance` left too few candidates.
    pub fn num_skipped(&self) -> usize {
        self.num_skipped
    }

    /// The group's number, which its random stream goes by; rows are numbered without the skipped ones.
    pub fn group_id(&self, row: usize) -> u64 {
        match &self.group_ids {
            GroupIds::From(first) => first + row as u64,
            GroupIds::List(ids) => ids[row],
        }
    }

    /// The scan point whose neighbours form the group.
    pub fn seed_point(&self, row: usize) -> u32 {
        self.seed_points[row]
    }

    /// The C members, by slot.
    pub fn members(&self, row: usize) -> &[u32] {
        &self.members[row * self.group_size..(row + 1) * self.group_size]
    }

    /// An index of groups `first`, `first + 1`, ...
    pub(super) fn consecutive(group_size: usize, first: usize, seed_points: Vec<u32>, members: Vec<u32>) -> Self {
        Self { group_size, num_skipped: 0, group_ids: GroupIds::From(first as u64), seed_points, members }
    }

    /// Rows `range` alone.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let members = self.members[range.start * self.group_size..range.end * self.group_size].to_vec();
        Self::consecutive(self.group_size, range.start, self.seed_points[range].to_vec(), members)
    }

    /// Takes out the groups whose first member is [`SKIPPED`].
    fn without_skipped(mut self) -> Self {
        let size = self.group_size;
        let keeps = |row: &usize| self.members[row * size] != SKIPPED;
        let kept: Vec<usize> = (0..self.num_groups()).filter(keeps).collect();
        if kept.len() == self.num_groups() {
            return self;
        }
        self.num_skipped = self.num_groups() - kept.len();
        self.group_ids = GroupIds::List(kept.iter().map(|row| self.group_id(*row)).collect());
        self.members = kept.iter().flat_map(|row| self.members[row * size..(row + 1) * size].iter().copied()).collect();
        self.seed_points = kept.iter().map(|row| self.seed_points[*row]).collect();
        self
    }
}

/// Stands for the members of a group that cannot be drawn; no scan has so many points.
const SKIPPED: u32 = u32::MAX;

impl Candidates {
    fn try_new(scan: &Scan, parameter: &'static str, list: Option<&Vec<u32>>) -> Result<Self> {
        let total = scan.num_positions() as u32;
        let Some(list) = list else { return Ok(Self::All(total)) };
        let wrong = |found: String, expected: &str| Error::BadParameter {
            parameter,
            found,
            expected: expected.to_string(),
            hint: "scan points are rows of the file, counted from 0".to_string(),
        };
        if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(wrong(format!("{} before {}", pair[0], pair[1]), "an ascending list without repeats"));
        }
        match list.last() {
            Some(last) if *last >= total => {
                Err(wrong(last.to_string(), &format!("scan points below {total}, the number of positions")))
            }
            _ => Ok(Self::Some(list.clone())),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::All(total) => *total as usize,
            Self::Some(list) => list.len(),
        }
    }

    fn at(&self, index: usize) -> u32 {
        match self {
            Self::All(_) => index as u32,
            Self::Some(list) => list[index],
        }
    }

    fn to_vec(&self) -> Vec<u32> {
        match self {
            Self::All(total) => (0..*total).collect(),
            Self::Some(list) => list.clone(),
        }
    }

    /// A point that `other` lacks.
    fn missing_in(&self, other: &Self) -> Option<u32> {
        match (self, other) {
            (_, Self::All(_)) => None,
            (Self::All(total), Self::Some(list)) => (0..*total).find(|point| list.binary_search(point).is_err()),
            (Self::Some(mine), Self::Some(list)) => {
                mine.iter().find(|point| list.binary_search(point).is_err()).copied()
            }
        }
    }
}

impl Plan {
    /// Checks everything that needs no position.
    ///
    /// # Errors
    /// If the spec cannot be met.
    pub fn try_new(scan: &Scan, spec: &GroupSpec) -> Result<Self> {
        if !(1..=MAX_GRIDSIZE).contains(&spec.gridsize) {
            let expected = format!("1 to {MAX_GRIDSIZE}");
            return Err(bad("gridsize", spec.gridsize, &expected, "a group has gridsize * gridsize patterns"));
        }
        if spec.semantics == Semantics::Ptychopinn {
            return legacy::plan(scan, spec);
        }
        let (group_size, neighbors) = (spec.group_size(), spec.pool_size());
        if neighbors < group_size && group_size > 1 {
            return Err(pool_too_small(neighbors, spec));
        }
        if spec.max_distance.is_some_and(|distance| distance.is_nan() || distance < 0.0) {
            let found = spec.max_distance.unwrap_or_default();
            return Err(bad("max_distance", found, "a distance of 0 or more", "it is in the unit of the positions"));
        }
        let candidates = Candidates::try_new(scan, "among", spec.among.as_ref())?;
        let seeds = match &spec.seeds_from {
            Some(list) => Candidates::try_new(scan, "seeds_from", Some(list))?,
            None => candidates.clone(),
        };
        if let Some(point) = seeds.missing_in(&candidates) {
            let hint = "widen `among`, or narrow `seeds_from`";
            return Err(bad("seeds_from", format!("scan point {point}"), "scan points of `among` only", hint));
        }
        if candidates.len() < group_size {
            return Err(too_few_points(scan, spec, candidates.len()));
        }
        let num_groups = spec.n_groups.unwrap_or(seeds.len());
        let plan = Self { group_size, neighbors, num_groups, candidates, seeds };
        plan.check_num_groups(spec)?;
        Ok(plan)
    }

    /// A plan over all scan points, whose numbers were checked elsewhere.
    pub(super) fn of_all(scan: &Scan, group_size: usize, neighbors: usize, num_groups: usize) -> Self {
        let all = Candidates::All(scan.num_positions() as u32);
        Self { group_size, neighbors, num_groups, candidates: all.clone(), seeds: all }
    }

    /// Whether there can be that many groups.
    fn check_num_groups(&self, spec: &GroupSpec) -> Result<()> {
        let (asked, seeds) = (self.num_groups, self.seeds.len());
        if asked <= seeds {
            return Ok(());
        }
        if self.group_size == 1 {
            let expected = format!("at most {seeds}, one group a seed point where C = 1");
            return Err(bad("n_groups", asked, &expected, "lower --n-groups or raise --gridsize"));
        }
        if !spec.group_oversampling {
            return Err(needs_oversampling(asked, seeds));
        }
        let pool = self.neighbors.min(self.candidates.len() - 1);
        let distinct = self.distinct_groups(spec, pool);
        let possible = distinct.saturating_mul(seeds as u128);
        if asked as u128 > possible {
            let expected = format!("at most {possible}: {seeds} seed points with {distinct} distinct groups each");
            return Err(bad("n_groups", asked, &expected, "lower --n-groups or raise --neighbors"));
        }
        Ok(())
    }

    /// Distinct groups of a seed point with `others` neighbours in its pool.
    fn distinct_groups(&self, spec: &GroupSpec, others: usize) -> u128 {
        match spec.include_seed {
            IncludeSeed::First => combinations(others, self.group_size - 1),
            IncludeSeed::Pool => combinations(others + 1, self.group_size),
            IncludeSeed::Never if self.candidates.len() == self.group_size => 1,
            IncludeSeed::Never => combinations(others, self.group_size),
        }
    }

    /// The whole index table.
    ///
    /// # Errors
    /// As [`super::Groups::index`].
    pub fn index(&self, scan: &Scan, spec: &GroupSpec) -> Result<GroupIndex> {
        self.index_of(scan, spec, 0..self.num_groups)
    }

    /// These groups alone.
    ///
    /// # Errors
    /// As [`super::Groups::index_of`].
    pub fn index_of(&self, scan: &Scan, spec: &GroupSpec, numbers: Range<usize>) -> Result<GroupIndex> {
        if numbers.end > self.num_groups {
            let expected = format!("groups below {}", self.num_groups);
            return Err(bad("groups", format!("{numbers:?}"), &expected, "groups count from 0"));
        }
        if spec.semantics == Semantics::Ptychopinn {
            return legacy::index(scan, spec, numbers);
        }
        let positions = scan.positions()?;
        let candidates = self.candidates.to_vec();
        check_finite(scan, positions, &candidates)?;
        let seeds = self.seed_points(spec);
        if self.group_size == 1 {
            return Ok(self.single_members(&seeds, numbers));
        }
        let neighbors = Neighbors::new(&positions.x, &positions.y, &candidates);
        Draw { plan: self, spec, neighbors, seeds: &seeds, numbers }.index()
    }

    /// Scan points that may be members, ascending.
    pub fn candidates(&self) -> Vec<u32> {
        self.candidates.to_vec()
    }

    /// The seed points, ascending.
    fn seed_points(&self, spec: &GroupSpec) -> Vec<u32> {
        let (total, wanted) = (self.seeds.len(), self.num_groups.min(self.seeds.len()));
        match spec.sampling {
            _ if wanted == total => self.seeds.to_vec(),
            Sampling::Sequential => (0..wanted).map(|index| self.seeds.at(index)).collect(),
            Sampling::Random => {
                let sample = Stream::of_seed_points(spec.seed).sample(total as u32, wanted as u32);
                sample.into_iter().map(|index| self.seeds.at(index as usize)).collect()
            }
        }
    }

    fn single_members(&self, seeds: &[u32], numbers: Range<usize>) -> GroupIndex {
        let (first, seeds) = (numbers.start, seeds[numbers].to_vec());
        GroupIndex::consecutive(1, first, seeds.clone(), seeds)
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
    numbers: Range<usize>,
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

/// Seed points drawn for by one task: few enough to share out, enough not to matter.
const CHUNK: usize = 4096;

impl Draw<'_> {
    /// Draws for the seed points in spatial order, which is faster, and puts each group in its place.
    fn index(&self) -> Result<GroupIndex> {
        let (size, count) = (self.plan.group_size, self.numbers.len());
        let active: Vec<u32> = self.places().map(|place| self.seeds[place]).collect();
        let order = self.neighbors.spatial_order(&active);
        let drawn: Vec<Drawn> = order.par_chunks(CHUNK).map(|part| self.of(&active, part)).collect::<Result<_>>()?;
        let mut members = vec![SKIPPED; count * size];
        for part in drawn {
            for (row, group) in part.rows.iter().zip(part.members.chunks_exact(size)) {
                members[row * size..(row + 1) * size].copy_from_slice(group);
            }
        }
        let seed_points = self.numbers.clone().map(|number| self.seeds[number % self.seeds.len()]).collect();
        Ok(GroupIndex::consecutive(size, self.numbers.start, seed_points, members).without_skipped())
    }

    /// Places in `seeds` of the seed points whose groups are to be drawn, each once.
    fn places(&self) -> impl Iterator<Item = usize> {
        let total = self.seeds.len();
        self.numbers.clone().take(total).map(move |number| number % total)
    }

    /// The groups of these of the active seed points.
    fn of(&self, active: &[u32], order: &[u32]) -> Result<Drawn> {
        let mut drawn = Drawn::default();
        let mut scratch = Scratch::default();
        let mut failed = None;
        self.neighbors.nearest_of_each(active, order, self.plan.neighbors, |at, found| {
            self.fill_pool(active[at], found, &mut scratch.pool);
            // The first of the seed point's groups that is asked for.
            let first = self.numbers.start + at;
            if let Err(error) = self.draw(first, active[at], &mut scratch, &mut drawn) {
                failed.get_or_insert(error);
            }
        });
        failed.map_or(Ok(drawn), Err)
    }

    /// The pool of a seed point, in its original order.
    fn fill_pool(&self, seed_point: u32, found: &[Neighbor], pool: &mut Vec<u32>) {
        let max2 = self.spec.max_distance.map_or(f64::INFINITY, |max| max * max);
        let joins = match self.spec.include_seed {
            IncludeSeed::Never => self.plan.candidates.len() == self.plan.group_size,
            IncludeSeed::Pool => true,
            IncludeSeed::First => false,
        };
        pool.clear();
        pool.extend(joins.then_some(seed_point));
        pool.extend(found.iter().filter(|near| near.distance2 <= max2).map(|near| near.scan_point));
    }

    /// Draws the groups of a seed point, from number `first` on.
    fn draw(&self, first: usize, seed_point: u32, scratch: &mut Scratch, drawn: &mut Drawn) -> Result<()> {
        let total = self.seeds.len();
        let fixed = usize::from(self.spec.include_seed == IncludeSeed::First);
        let count = self.plan.group_size - fixed;
        if scratch.pool.len() < count {
            return Ok(());
        }
        let rounds = first / total..(self.numbers.end - 1 - first) / total + first / total + 1;
        self.check_rounds(rounds.end, count, seed_point, scratch.pool.len())?;
        let mut stream = Stream::of_group(self.spec.seed, self.spec.epoch, (first % total) as u64);
        scratch.seen.clear();
        for round in 0..rounds.end {
            scratch.draw_distinct(&mut stream, count, rounds.end > 1);
            if rounds.contains(&round) {
                drawn.rows.push(first + (round - rounds.start) * total - self.numbers.start);
                drawn.members.extend((fixed == 1).then_some(seed_point));
                drawn.members.extend(&scratch.shuffled[..count]);
            }
        }
        Ok(())
    }

    /// Whether a pool has as many distinct groups as were asked for; `max_distance` may have left fewer.
    fn check_rounds(&self, rounds: usize, count: usize, seed_point: u32, pool: usize) -> Result<()> {
        let distinct = combinations(pool, count);
        if rounds as u128 <= distinct {
            return Ok(());
        }
        let found = format!("{} ({rounds} a seed point)", self.plan.num_groups);
        let expected = format!("at most {distinct} a seed point: scan point {seed_point} has {pool} candidates left");
        Err(bad("n_groups", found, &expected, "lower --n-groups, raise --neighbors or --max-distance"))
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

/// Number of ways to choose `k` of `n`, or `u128::MAX` if beyond it.
fn combinations(n: usize, k: usize) -> u128 {
    if k > n {
        return 0;
    }
    let k = k.min(n - k);
    let step = |product: u128, i: usize| Some(product.checked_mul((n - i) as u128)? / (i as u128 + 1));
    (0..k).try_fold(1, step).unwrap_or(u128::MAX)
}

fn check_finite(scan: &Scan, positions: &Positions, candidates: &[u32]) -> Result<()> {
    let is_bad = |point: &&u32| !positions.at(**point as usize).iter().all(|value| value.is_finite());
    match candidates.iter().find(is_bad) {
        None => Ok(()),
        Some(point) => Err(non_finite(scan, positions, *point as usize)),
    }
}

/// K < C.
pub(super) fn pool_too_small(neighbors: usize, spec: &GroupSpec) -> Error {
    let expected = format!("K of at least C = {} (gridsize {})", spec.group_size(), spec.gridsize);
    bad("neighbors", neighbors, &expected, "raise --neighbors or lower --gridsize")
}

/// M < C.
pub(super) fn too_few_points(scan: &Scan, spec: &GroupSpec, points: usize) -> Error {
    Error::TooFewPoints {
        path: scan.npz().path().to_path_buf(),
        points,
        group_size: spec.group_size(),
        gridsize: spec.gridsize,
        restricted: spec.among.is_some(),
    }
}

/// More groups than seed points, without group oversampling.
pub(super) fn needs_oversampling(asked: usize, seeds: usize) -> Error {
    let expected = format!("at most {seeds}, one group a seed point");
    let hint = "lower --n-groups, or allow several groups a seed point with --group-oversampling";
    bad("n_groups", asked, &expected, hint)
}

/// The position that is not finite.
pub(super) fn non_finite(scan: &Scan, positions: &Positions, scan_point: usize) -> Error {
    let [x, y] = positions.at(scan_point);
    Error::NonFinitePosition { path: scan.npz().path().to_path_buf(), scan_point, x, y }
}

pub(super) fn bad(parameter: &'static str, found: impl ToString, expected: &str, hint: &str) -> Error {
    Error::BadParameter { parameter, found: found.to_string(), expected: expected.to_string(), hint: hint.to_string() }
}

/// Distance between two scan points.
pub fn distance(positions: &Positions, a: u32, b: u32) -> f64 {
    squared_distance(positions.at(a as usize), positions.at(b as usize)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::combinations;

    #[test]
    fn combinations_are_binomial() {
        assert_eq!([combinations(6, 4), combinations(3, 4), combinations(4, 4), combinations(5, 0)], [15, 0, 1, 1]);
        assert_eq!(combinations(60, 30), 118_264_581_564_861_424);
        assert_eq!(combinations(4000, 2000), u128::MAX);
    }
}
