//! The k nearest neighbours of a scan point, with one answer for every tie.
//!
//! The answer is defined by brute force: order all points by (squared distance, scan point) and take the first k. The
//! squared distance is `dx * dx + dy * dy` in f8, each operation rounded once. A k-d tree alone does not give that: it
//! orders by distance only, and which of several equally distant points it keeps depends on its leaves. So each query
//! asks twice, for the distance of the k-th, then for everything within it. Equal positions stand in the tree once, with
//! the list of their scan points, so that duplicates cost nothing.

use std::num::NonZero;

use kiddo::{ImmutableKdTree, SquaredEuclidean};

use crate::error::{Error, Result};
use crate::scan::Positions;

/// A neighbour: squared distance, scan point. Orders as neighbours do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Squared distance, in the square of the positions' unit.
    pub distance2: f64,
    /// Its scan point.
    pub scan_point: u32,
}

/// A search structure over some scan points.
pub struct Neighbors {
    /// Over distinct positions.
    tree: ImmutableKdTree<f64, 2>,
    places: Vec<[f64; 2]>,
    /// Where the scan points of each place begin in `scan_points`; one more than there are places.
    starts: Vec<u32>,
    /// By place, ascending within each.
    scan_points: Vec<u32>,
}

/// Takes a shade more than the distance of the k-th, in case the tree rounds differently on its way down.
const SLACK: f64 = 1.0 + 1e-12;

impl Neighbors {
    /// Builds the structure over these scan points, whose positions are finite.
    ///
    /// # Errors
    /// If the tree cannot hold them.
    pub fn try_new(positions: &Positions, scan_points: &[u32]) -> Result<Self> {
        // Adding 0.0 turns -0.0 into 0.0, so that equal positions have equal bits.
        let place = |point: u32| positions.at(point as usize).map(|value| value + 0.0);
        let mut order: Vec<u32> = scan_points.to_vec();
        let key = |point: &u32| place(*point).map(sortable);
        order.sort_unstable_by_key(|point| (key(point), *point));
        let mut places: Vec<[f64; 2]> = Vec::with_capacity(order.len());
        let mut starts = Vec::with_capacity(order.len() + 1);
        for (at, point) in order.iter().enumerate() {
            if places.last() != Some(&place(*point)) {
                places.push(place(*point));
                starts.push(at as u32);
            }
        }
        starts.push(order.len() as u32);
        let tree = ImmutableKdTree::new_from_slice(&places)
            .map_err(|e| Error::external("cannot build the neighbour tree", format!("{e:?}")))?;
        Ok(Self { tree, places, starts, scan_points: order })
    }

    /// The `k` nearest scan points to `at` but for `except`, ordered by (squared distance, scan point); fewer if there
    /// are fewer. Replaces the contents of `out`.
    pub fn nearest(&self, at: [f64; 2], k: usize, except: Option<u32>, out: &mut Vec<Neighbor>) {
        out.clear();
        // One more, for the one left out.
        let wanted = k + usize::from(except.is_some());
        let Some(count) = NonZero::new(wanted.min(self.places.len())) else { return };
        let nearest = self.tree.query(&at).nearest_n::<SquaredEuclidean<f64>>(count).execute();
        let Some(farthest) = nearest.last().map(|found| found.distance) else { return };
        let within = self.tree.query(&at).within::<SquaredEuclidean<f64>>(farthest * SLACK).unsorted().execute();
        for found in within {
            let place = found.item as usize;
            let distance2 = squared_distance(at, self.places[place]);
            let points = &self.scan_points[self.starts[place] as usize..self.starts[place + 1] as usize];
            // Of one place no more than `wanted` can be among the nearest, and the lowest scan points come first.
            let points = points.iter().take(wanted);
            out.extend(points.map(|point| Neighbor { distance2, scan_point: *point }));
        }
        out.retain(|neighbor| Some(neighbor.scan_point) != except);
        out.sort_unstable_by(|a, b| a.distance2.total_cmp(&b.distance2).then_with(|| a.scan_point.cmp(&b.scan_point)));
        out.truncate(k);
    }

    /// Number of distinct positions.
    pub fn num_places(&self) -> usize {
        self.places.len()
    }
}

impl std::fmt::Debug for Neighbors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbors").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

/// Squared distance in f8, two products and a sum, each rounded.
pub fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
}

/// An integer that sorts as the number does.
fn sortable(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed()
}

/// How far apart positions lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// Smallest distance to the nearest neighbour at another position.
    pub min: f64,
    /// Median of those distances.
    pub median: f64,
    /// Largest of those distances.
    pub max: f64,
    /// Scan points whose position an earlier one has already.
    pub duplicates: usize,
}

/// The step of a scan: the distance from each distinct position to the nearest other. `None` for fewer than two.
///
/// # Errors
/// If the tree cannot be built.
pub fn spacing(positions: &Positions) -> Result<Option<Spacing>> {
    let finite = |point: &u32| positions.at(*point as usize).iter().all(|value| value.is_finite());
    let points: Vec<u32> = (0..positions.len() as u32).filter(finite).collect();
    let neighbors = Neighbors::try_new(positions, &points)?;
    let duplicates = points.len() - neighbors.num_places();
    let two = NonZero::<usize>::MIN.saturating_add(1);
    let step = |place: &[f64; 2]| {
        let nearest = neighbors.tree.query(place).nearest_n::<SquaredEuclidean<f64>>(two).execute();
        nearest.get(1).map(|found| found.distance.sqrt())
    };
    let mut steps: Vec<f64> = neighbors.places.iter().filter_map(step).collect();
    steps.sort_unstable_by(f64::total_cmp);
    Ok(steps.first().zip(steps.last()).map(|(min, max)| Spacing {
        min: *min,
        median: (steps[(steps.len() - 1) / 2] + steps[steps.len() / 2]) / 2.0,
        max: *max,
        duplicates,
    }))
}

#[cfg(test)]
mod tests;
