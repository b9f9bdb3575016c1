//! A spec, checked: candidates, numbers, and what cannot be met.

use super::spec::{GroupSpec, IncludeSeed};
use crate::error::{Error, GroupLimit, Parameter, Result};
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
    /// Which scan points may be members.
    pub candidates: Candidates,
    /// Which of them may be seed points.
    pub seeds: Candidates,
}

/// Some of the scan points, ascending.
#[derive(Debug, Clone)]
pub enum Candidates {
    /// The first so many: all there are.
    All(u32),
    /// These.
    Some(Vec<u32>),
}

impl Candidates {
    fn try_new(scan: &Scan, parameter: Parameter, list: Option<&Vec<u32>>) -> Result<Self> {
        let total = scan.num_positions() as u32;
        let Some(list) = list else {
            return Ok(Self::All(total));
        };
        if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::NotAscending {
                parameter,
                first: pair[0],
                second: pair[1],
            });
        }
        match list.last() {
            Some(last) if *last >= total => {
                let max = u64::from(total.saturating_sub(1));
                Err(Error::out_of_range(
                    parameter,
                    u64::from(*last),
                    0u64,
                    Some(max.into()),
                ))
            }
            _ => Ok(Self::Some(list.clone())),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::All(total) => *total as usize,
            Self::Some(list) => list.len(),
        }
    }

    /// The one in that place.
    pub fn at(&self, index: usize) -> u32 {
        match self {
            Self::All(_) => index as u32,
            Self::Some(list) => list[index],
        }
    }

    /// All of them.
    pub fn to_vec(&self) -> Vec<u32> {
        match self {
            Self::All(total) => (0..*total).collect(),
            Self::Some(list) => list.clone(),
        }
    }

    /// A point that `other` lacks.
    fn missing_in(&self, other: &Self) -> Option<u32> {
        match (self, other) {
            (_, Self::All(_)) => None,
            (Self::All(total), Self::Some(list)) => {
                (0..*total).find(|point| list.binary_search(point).is_err())
            }
            (Self::Some(mine), Self::Some(list)) => mine
                .iter()
                .find(|point| list.binary_search(point).is_err())
                .copied(),
        }
    }
}

impl Plan {
    /// Checks a native spec, as far as no position is needed.
    ///
    /// # Errors
    /// If the spec cannot be met.
    pub fn try_new(scan: &Scan, spec: &GroupSpec) -> Result<Self> {
        check_gridsize(spec)?;
        let (group_size, neighbors) = (spec.group_size(), spec.pool_size());
        if neighbors < group_size && group_size > 1 {
            return Err(pool_too_small(neighbors, spec));
        }
        if spec
            .max_distance
            .is_some_and(|distance| distance.is_nan() || distance < 0.0)
        {
            let found = spec.max_distance.unwrap_or_default();
            return Err(Error::out_of_range(
                Parameter::MaxDistance,
                found,
                0.0,
                None,
            ));
        }
        let candidates = Candidates::try_new(scan, Parameter::Among, spec.among.as_ref())?;
        let seeds = match &spec.seeds_from {
            Some(list) => Candidates::try_new(scan, Parameter::SeedsFrom, Some(list))?,
            None => candidates.clone(),
        };
        if let Some(point) = seeds.missing_in(&candidates) {
            return Err(Error::SeedPointNotAmong { scan_point: point });
        }
        if candidates.len() < group_size {
            return Err(too_few_points(scan, spec, candidates.len()));
        }
        let num_groups = spec.n_groups.unwrap_or(seeds.len());
        let plan = Self {
            group_size,
            neighbors,
            num_groups,
            candidates,
            seeds,
        };
        plan.check_num_groups(spec)?;
        Ok(plan)
    }

    /// A plan over all scan points, whose numbers were checked elsewhere.
    pub(super) fn of_all(
        scan: &Scan,
        group_size: usize,
        neighbors: usize,
        num_groups: usize,
    ) -> Self {
        let all = Candidates::All(scan.num_positions() as u32);
        Self {
            group_size,
            neighbors,
            num_groups,
            candidates: all.clone(),
            seeds: all,
        }
    }

    /// Whether there can be that many groups.
    fn check_num_groups(&self, spec: &GroupSpec) -> Result<()> {
        let (asked, seeds) = (self.num_groups, self.seeds.len());
        if asked <= seeds {
            return Ok(());
        }
        if self.group_size == 1 {
            return Err(Error::TooManyGroups {
                asked,
                possible: seeds as u128,
                limit: GroupLimit::GroupOfOne,
            });
        }
        if !spec.group_oversampling {
            return Err(needs_oversampling(asked, seeds));
        }
        let pool = self.neighbors.min(self.candidates.len() - 1);
        let distinct = self.distinct_groups(spec, pool);
        let possible = distinct.saturating_mul(seeds as u128);
        if asked as u128 > possible {
            let limit = GroupLimit::DistinctGroups {
                seed_points: seeds,
                each: distinct,
            };
            return Err(Error::TooManyGroups {
                asked,
                possible,
                limit,
            });
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
}

/// Number of ways to choose `k` of `n`, or `u128::MAX` if beyond it.
pub fn combinations(n: usize, k: usize) -> u128 {
    if k > n {
        return 0;
    }
    let k = k.min(n - k);
    let step =
        |product: u128, i: usize| Some(product.checked_mul((n - i) as u128)? / (i as u128 + 1));
    (0..k).try_fold(1, step).unwrap_or(u128::MAX)
}

/// Whether a group has a size that makes sense.
pub fn check_gridsize(spec: &GroupSpec) -> Result<()> {
    if (1..=MAX_GRIDSIZE).contains(&spec.gridsize) {
        return Ok(());
    }
    Err(Error::out_of_range(
        Parameter::Gridsize,
        spec.gridsize,
        1usize,
        Some(MAX_GRIDSIZE.into()),
    ))
}

/// K < C.
pub fn pool_too_small(neighbors: usize, spec: &GroupSpec) -> Error {
    Error::PoolTooSmall {
        neighbors,
        group_size: spec.group_size(),
        gridsize: spec.gridsize,
    }
}

/// M < C.
pub fn too_few_points(scan: &Scan, spec: &GroupSpec, points: usize) -> Error {
    Error::TooFewPoints {
        path: scan.npz().path().to_path_buf(),
        points,
        group_size: spec.group_size(),
        gridsize: spec.gridsize,
        restricted: spec.among.is_some(),
    }
}

/// More groups than seed points, without group oversampling.
pub fn needs_oversampling(asked: usize, seeds: usize) -> Error {
    Error::TooManyGroups {
        asked,
        possible: seeds as u128,
        limit: GroupLimit::OneGroupPerSeedPoint,
    }
}

/// The position that is not finite.
pub fn non_finite(scan: &Scan, positions: &Positions, scan_point: usize) -> Error {
    let [x, y] = positions.at(scan_point);
    Error::NonFinitePosition {
        path: scan.npz().path().to_path_buf(),
        scan_point,
        x,
        y,
    }
}

#[cfg(test)]
mod tests {
    use super::combinations;

    #[test]
    fn combinations_are_binomial() {
        assert_eq!(
            [
                combinations(6, 4),
                combinations(3, 4),
                combinations(4, 4),
                combinations(5, 0)
            ],
            [15, 0, 1, 1]
        );
        assert_eq!(combinations(60, 30), 118_264_581_564_861_424);
        assert_eq!(combinations(4000, 2000), u128::MAX);
    }
}
