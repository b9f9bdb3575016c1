//! Checks a spec against a scan, as far as no position is needed, and fills in its defaults.

mod candidates;

pub use candidates::Candidates;

use super::combinations::combinations;
use super::spec::{GroupSpec, IncludeSeed, Semantics};
use crate::error::{Error, GroupLimit, Parameter, Result};
use crate::scan::{Positions, Scan};

/// The largest gridsize: 64 x 64 patterns per group, more than anybody trains on.
const MAX_GRIDSIZE: usize = 64;

/// Holds a spec that was checked, with its defaults filled in.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The number of members per group, C.
    pub group_size: usize,
    /// The number of neighbours in a pool, K.
    pub neighbors: usize,
    /// The number of groups, before any is skipped.
    pub num_groups: usize,
    /// The scan points that may be members.
    pub candidates: Candidates,
    /// The scan points that may be seed points.
    pub seeds: Candidates,
}

impl Plan {
    /// Checks a spec of native semantics. Where groups are not `needed`, there may be fewer scan points than one of
    /// them has.
    ///
    /// # Errors
    /// If the spec cannot be met.
    pub fn try_new(scan: &Scan, spec: &GroupSpec, needed: bool) -> Result<Self> {
        check_gridsize(spec)?;
        let (group_size, neighbors) = (spec.group_size(), spec.pool_size());
        if neighbors < group_size && group_size > 1 {
            return Err(pool_too_small(neighbors, spec));
        }
        check_max_distance(spec)?;
        let candidates = Candidates::try_new(scan, Parameter::Among, spec.among.as_ref())?;
        let seeds = match &spec.seeds_from {
            Some(list) => Candidates::try_new(scan, Parameter::SeedsFrom, Some(list))?,
            None => candidates.clone(),
        };
        if let Some(point) = seeds.missing_in(&candidates) {
            return Err(Error::SeedPointNotAmong { scan_point: point });
        }
        if scan.num_positions() == 0 || needed && candidates.len() < group_size {
            return Err(too_few_points(scan, spec, candidates.len()));
        }
        let num_groups = match candidates.len() < group_size {
            true => 0,
            false => spec.n_groups.unwrap_or(seeds.len()),
        };
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

    /// Creates a plan over all scan points, whose numbers were checked elsewhere.
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

    /// Returns how many nearest neighbours a pool has, where `max_distance` leaves it all: K, or fewer if there are
    /// not as many other scan points; and whether the seed point joins them because there are not.
    pub fn pool(&self, spec: &GroupSpec) -> (usize, bool) {
        let (points, asked) = (self.candidates.len(), self.neighbors);
        let others = points.saturating_sub(1);
        let joins = match spec.semantics {
            Semantics::Native => {
                spec.include_seed == IncludeSeed::Never && points == self.group_size
            }
            Semantics::Ptychopinn | Semantics::PtychopinnRaw => points <= asked,
        };
        (others.min(asked), joins && self.group_size > 1)
    }

    /// Checks that there can be as many groups as are asked for.
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

    /// Returns the number of distinct groups of a seed point with `others` neighbours in its pool.
    fn distinct_groups(&self, spec: &GroupSpec, others: usize) -> u128 {
        let distinct = |pool, count| combinations(pool, count, u128::MAX);
        match spec.include_seed {
            IncludeSeed::First => distinct(others, self.group_size - 1),
            IncludeSeed::Pool => distinct(others + 1, self.group_size),
            IncludeSeed::Never if self.candidates.len() == self.group_size => 1,
            IncludeSeed::Never => distinct(others, self.group_size),
        }
    }
}

/// Checks the gridsize.
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

fn check_max_distance(spec: &GroupSpec) -> Result<()> {
    match spec.max_distance {
        Some(distance) if distance.is_nan() || distance < 0.0 => Err(Error::out_of_range(
            Parameter::MaxDistance,
            distance,
            0.0,
            None,
        )),
        _ => Ok(()),
    }
}

/// Creates the error for K < C.
pub fn pool_too_small(neighbors: usize, spec: &GroupSpec) -> Error {
    Error::PoolTooSmall {
        neighbors,
        group_size: spec.group_size(),
        gridsize: spec.gridsize,
    }
}

/// Creates the error for fewer scan points than a group has members.
pub fn too_few_points(scan: &Scan, spec: &GroupSpec, points: usize) -> Error {
    Error::TooFewPoints {
        path: scan.npz().path().to_path_buf(),
        points,
        group_size: spec.group_size(),
        gridsize: spec.gridsize,
        restricted: spec.among.is_some(),
    }
}

/// Creates the error for more groups than seed points without group oversampling.
pub fn needs_oversampling(asked: usize, seeds: usize) -> Error {
    Error::TooManyGroups {
        asked,
        possible: seeds as u128,
        limit: GroupLimit::OneGroupPerSeedPoint,
    }
}

/// Checks that none of these scan points lies at an infinite position or at none.
///
/// # Errors
/// [`Error::NonFinitePosition`] for the first one that does.
pub fn check_finite(scan: &Scan, points: impl IntoIterator<Item = u32>) -> Result<()> {
    let positions = scan.positions()?;
    let is_bad = |point: &u32| !positions.is_finite(*point as usize);
    match points.into_iter().find(is_bad) {
        None => Ok(()),
        Some(point) => Err(non_finite(scan, positions, point as usize)),
    }
}

/// Returns whether the square of every distance between finite positions is finite.
pub fn squares_are_finite(positions: &Positions) -> bool {
    let extent = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least
    };
    let (dx, dy) = (extent(&positions.x), extent(&positions.y));
    (dx * dx + dy * dy).is_finite()
}

/// Creates the error for a position that is not finite.
pub fn non_finite(scan: &Scan, positions: &Positions, scan_point: usize) -> Error {
    let [x, y] = positions.at(scan_point);
    Error::NonFinitePosition {
        path: scan.npz().path().to_path_buf(),
        scan_point,
        x,
        y,
    }
}
