//! From a spec to the index table: candidates, seed points, pools, members.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupIndex {
    group_size: usize,
    num_skipped: usize,
    group_ids: Vec<u64>,
    seed_points: Vec<u32>,
    /// C a group.
    members: Vec<u32>,
}

impl GroupIndex {
    /// Number of groups.
    pub fn num_groups(&self) -> usize {
        self.group_ids.len()
    }

    /// Groups left out because `max_distance` left too few candidates.
    pub fn num_skipped(&self) -> usize {
        self.num_skipped
    }

    /// The group's number, which its random stream goes by; rows are numbered without the skipped ones.
    pub fn group_id(&self, row: usize) -> u64 {
        self.group_ids[row]
    }

    /// The scan point whose neighbours form the group.
    pub fn seed_point(&self, row: usize) -> u32 {
        self.seed_points[row]
    }

    /// The C members, by slot.
    pub fn members(&self, row: usize) -> &[u32] {
        &self.members[row * self.group_size..(row + 1) * self.group_size]
    }

    fn new(group_size: usize) -> Self {
        Self { group_size, ..Self::default() }
    }

    fn append(mut self, other: Self) -> Self {
        self.num_skipped += other.num_skipped;
        self.group_ids.extend(other.group_ids);
        self.seed_points.extend(other.seed_points);
        self.members.extend(other.members);
        self
    }
}

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
        if spec.semantics == Semantics::Ptychopinn {
            return Err(bad("semantics", "ptychopinn", "native", "PtychoPINN's own groups are not available yet"));
        }
        if !(1..=MAX_GRIDSIZE).contains(&spec.gridsize) {
            let expected = format!("1 to {MAX_GRIDSIZE}");
            return Err(bad("gridsize", spec.gridsize, &expected, "a group has gridsize * gridsize patterns"));
        }
        let group_size = spec.gridsize * spec.gridsize;
        let neighbors = spec.neighbors.unwrap_or((3 * group_size).div_ceil(2));
        if neighbors < group_size && group_size > 1 {
            let expected = format!("K of at least C = {group_size} (gridsize {})", spec.gridsize);
            return Err(bad("neighbors", neighbors, &expected, "raise --neighbors or lower --gridsize"));
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
            return Err(Error::TooFewPoints {
                path: scan.npz().path().to_path_buf(),
                points: candidates.len(),
                group_size,
                gridsize: spec.gridsize,
                restricted: spec.among.is_some(),
            });
        }
        let num_groups = spec.n_groups.unwrap_or(seeds.len());
        let plan = Self { group_size, neighbors, num_groups, candidates, seeds };
        plan.check_num_groups(spec)?;
        Ok(plan)
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
            let expected = format!("at most {seeds}, one group a seed point");
            let hint = "lower --n-groups, or allow several groups a seed point with --group-oversampling";
            return Err(bad("n_groups", asked, &expected, hint));
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
        let positions = scan.positions()?;
        let candidates = self.candidates.to_vec();
        check_finite(scan, positions, &candidates)?;
        let seeds = self.seed_points(spec);
        if self.group_size == 1 {
            return Ok(self.single_members(&seeds, numbers));
        }
        let neighbors = Neighbors::try_new(positions, &candidates)?;
        let draw = Draw { plan: self, spec, positions, neighbors, seeds };
        // Chunks small enough to share out, large enough not to matter.
        const CHUNK: usize = 4096;
        let starts: Vec<usize> = numbers.clone().step_by(CHUNK).collect();
        let chunk = |start: &usize| draw.groups(*start..(start + CHUNK).min(numbers.end));
        let chunks: Vec<GroupIndex> = starts.par_iter().map(chunk).collect::<Result<_>>()?;
        Ok(chunks.into_iter().fold(GroupIndex::new(self.group_size), GroupIndex::append))
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
        GroupIndex {
            group_size: 1,
            num_skipped: 0,
            group_ids: numbers.clone().map(|number| number as u64).collect(),
            seed_points: seeds[numbers.clone()].to_vec(),
            members: seeds[numbers].to_vec(),
        }
    }
}

/// What drawing members takes.
struct Draw<'a> {
    plan: &'a Plan,
    spec: &'a GroupSpec,
    positions: &'a Positions,
    neighbors: Neighbors,
    seeds: Vec<u32>,
}

/// Buffers reused from group to group.
#[derive(Default)]
struct Scratch {
    found: Vec<Neighbor>,
    pool: Vec<u32>,
    drawn: Vec<u32>,
}

impl Draw<'_> {
    fn groups(&self, numbers: Range<usize>) -> Result<GroupIndex> {
        let mut index = GroupIndex::new(self.plan.group_size);
        let mut scratch = Scratch::default();
        for number in numbers {
            let seed_point = self.seeds[number % self.seeds.len()];
            self.fill_pool(seed_point, &mut scratch);
            if !self.draw_members(number, seed_point, &mut scratch)? {
                index.num_skipped += 1;
                continue;
            }
            index.group_ids.push(number as u64);
            index.seed_points.push(seed_point);
            index.members.extend(&scratch.drawn[..self.plan.group_size]);
        }
        Ok(index)
    }

    /// The pool of a seed point, in its original order.
    fn fill_pool(&self, seed_point: u32, scratch: &mut Scratch) {
        let at = self.positions.at(seed_point as usize);
        self.neighbors.nearest(at, self.plan.neighbors, Some(seed_point), &mut scratch.found);
        if let Some(max) = self.spec.max_distance {
            scratch.found.retain(|neighbor| neighbor.distance2 <= max * max);
        }
        scratch.pool.clear();
        let joins = match self.spec.include_seed {
            IncludeSeed::Never => self.plan.candidates.len() == self.plan.group_size,
            IncludeSeed::Pool => true,
            IncludeSeed::First => false,
        };
        scratch.pool.extend(joins.then_some(seed_point));
        scratch.pool.extend(scratch.found.iter().map(|neighbor| neighbor.scan_point));
    }

    /// Draws the members of a group into `scratch.drawn`; false if the pool is too small.
    fn draw_members(&self, number: usize, seed_point: u32, scratch: &mut Scratch) -> Result<bool> {
        let fixed = usize::from(self.spec.include_seed == IncludeSeed::First);
        let count = self.plan.group_size - fixed;
        if scratch.pool.len() < count {
            return Ok(false);
        }
        let round = number / self.seeds.len();
        let mut stream = Stream::of_group(self.spec.seed, self.spec.epoch, (number % self.seeds.len()) as u64);
        self.check_rounds(round, count, seed_point, scratch.pool.len())?;
        let mut seen: HashSet<Vec<u32>> = HashSet::new();
        loop {
            scratch.drawn.clear();
            scratch.drawn.extend((fixed == 1).then_some(seed_point));
            scratch.drawn.extend(&scratch.pool);
            stream.draw(&mut scratch.drawn[fixed..], count);
            if round == 0 {
                return Ok(true);
            }
            let mut set = scratch.drawn[fixed..fixed + count].to_vec();
            set.sort_unstable();
            seen.insert(set);
            if seen.len() > round {
                return Ok(true);
            }
        }
    }

    /// Whether a pool has as many distinct groups as rounds were asked for; `max_distance` may have left fewer.
    fn check_rounds(&self, round: usize, count: usize, seed_point: u32, pool: usize) -> Result<()> {
        let distinct = combinations(pool, count);
        if (round as u128) < distinct {
            return Ok(());
        }
        let rounds = self.plan.num_groups.div_ceil(self.seeds.len());
        let found = format!("{} ({rounds} a seed point)", self.plan.num_groups);
        let expected = format!("at most {distinct} a seed point: scan point {seed_point} has {pool} candidates left");
        Err(bad("n_groups", found, &expected, "lower --n-groups, raise --neighbors or --max-distance"))
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
        Some(point) => {
            let [x, y] = positions.at(*point as usize);
            let path = scan.npz().path().to_path_buf();
            Err(Error::NonFinitePosition { path, scan_point: *point as usize, x, y })
        }
    }
}

fn bad(parameter: &'static str, found: impl ToString, expected: &str, hint: &str) -> Error {
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
