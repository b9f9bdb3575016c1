//! Finds seed points and their neighbours, for both branches.

use super::call::Refusal;
use super::stream::Stream;
use super::tree::{KdTree, Scratch};
use crate::error::{Error, Parameter};
use crate::group::index::INDEX;
use crate::memory;

/// Returns the seed points: the first `count`, or a choice. If all are wanted, they come in order and without
/// a draw.
pub(super) fn seed_points(
    positions: usize,
    count: usize,
    sequential: bool,
    stream: &mut Stream,
) -> Vec<u32> {
    // Both fit u32: the scan points were counted.
    if sequential || count == positions {
        return (0..count as u32).collect();
    }
    stream.choice(positions as u32, count, false)
}

/// Refuses a count that does not fit.
pub(super) fn check_count(count: usize, limit: usize) -> Result<(), Refusal> {
    if count > limit {
        Err(Refusal::TooMany { count, limit })
    } else {
        Ok(())
    }
}

/// Reserves memory whose size the number of groups decides.
pub(super) fn reserve<T>(len: usize) -> Result<Vec<T>, Refusal> {
    let too_large = |error| match error {
        Error::TooLarge { bytes, .. } => Refusal::TooLarge { bytes },
        _ => Refusal::TooLarge { bytes: u128::MAX },
    };
    memory::reserve(len as u128, INDEX, Parameter::NGroups).map_err(too_large)
}

/// Looks up the nearest points of one scan point after another.
pub(super) struct Neighborhood {
    points: Vec<[f64; 2]>,
    tree: KdTree,
    /// The number of points looked up at a time: the neighbours wanted and the scan point itself, if there
    /// are as many.
    pub(super) k: usize,
    scratch: Scratch,
    found: Vec<u32>,
}

impl Neighborhood {
    /// Builds the tree.
    pub(super) fn try_new(x: &[f64], y: &[f64], neighbors: usize) -> Result<Self, Refusal> {
        let points: Vec<[f64; 2]> = x.iter().zip(y).map(|(&x, &y)| [x, y]).collect();
        if let Some(scan_point) = points
            .iter()
            .position(|[x, y]| !(x.is_finite() && y.is_finite()))
        {
            return Err(Refusal::NonFinite { scan_point });
        }
        let k = neighbors.saturating_add(1).min(points.len());
        let tree = KdTree::new(&points);
        Ok(Self {
            points,
            tree,
            k,
            scratch: Scratch::default(),
            found: Vec::with_capacity(k),
        })
    }

    /// Returns the `k` nearest points, usually `scan_point` first. A point that is not found is given as the
    /// number of points, as in cKDTree.
    pub(super) fn of(&mut self, scan_point: u32) -> &mut [u32] {
        self.tree.query(
            self.points[scan_point as usize],
            self.k,
            &mut self.scratch,
            &mut self.found,
        );
        self.found.resize(self.k, self.points.len() as u32);
        &mut self.found
    }
}
