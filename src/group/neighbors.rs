//! The k nearest neighbours of a scan point, with one answer for every tie.
//!
//! The answer is defined by brute force: order all points by (squared distance, scan point) and take the first k. The
//! squared distance is `dx * dx + dy * dy` in f64, each operation rounded once.
//!
//! Two engines find it: a grid of equal cells where the points fill the plane evenly, which is what scans do, and a
//! k-d tree where they do not (clusters, outliers, lines, many points at one place). They look at different points in
//! different order but keep what the definition keeps, so which of them works shows in the time alone.

mod best;
mod grid;
mod tree;

use rayon::prelude::*;

use crate::scan::Positions;
use best::{Best, Elsewhere};
use grid::Grid;
use tree::Tree;

/// A neighbour: squared distance, scan point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Squared distance, in the square of the positions' unit.
    pub distance2: f64,
    /// Its scan point.
    pub scan_point: u32,
}

impl Neighbor {
    /// Whether this one comes before the other: nearer, or as near and lower.
    fn is_before(&self, other: &Self) -> bool {
        (self.distance2 < other.distance2)
            | ((self.distance2 == other.distance2) & (self.scan_point < other.scan_point))
    }
}

/// A scan point where the engines keep it, beside its neighbours.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: [f64; 2],
    scan_point: u32,
}

/// A search structure over some scan points.
///
/// It borrows the positions and the list, and keeps a sorted copy: 26 to 32 bytes a point.
pub struct Neighbors<'a> {
    x: &'a [f64],
    y: &'a [f64],
    scan_points: &'a [u32],
    engine: Engine,
}

enum Engine {
    Grid(Grid),
    Tree(Tree),
}

impl<'a> Neighbors<'a> {
    /// Builds the structure over these scan points, ascending indices into `x` and `y`, whose positions are finite.
    ///
    /// # Panics
    /// If a scan point is no index into `x` and `y`.
    pub fn new(x: &'a [f64], y: &'a [f64], scan_points: &'a [u32]) -> Self {
        let engine = match Grid::try_new(x, y, scan_points) {
            Some(grid) => Engine::Grid(grid),
            None => Engine::Tree(Tree::new(x, y, scan_points)),
        };
        Self {
            x,
            y,
            scan_points,
            engine,
        }
    }

    /// The same on the tree, whatever the layout: for tests and benchmarks.
    #[doc(hidden)]
    pub fn on_tree(x: &'a [f64], y: &'a [f64], scan_points: &'a [u32]) -> Self {
        Self {
            x,
            y,
            scan_points,
            engine: Engine::Tree(Tree::new(x, y, scan_points)),
        }
    }

    /// The `k` nearest scan points to `at` but for `except`, ordered by (squared distance, scan point); fewer if there
    /// are fewer. Replaces the contents of `out`, and allocates only where `out` has to grow. `at` is finite.
    pub fn nearest(&self, at: [f64; 2], k: usize, except: Option<u32>, out: &mut Vec<Neighbor>) {
        let k = k.min(self.scan_points.len());
        if k == 0 {
            return out.clear();
        }
        match &self.engine {
            Engine::Grid(grid) => grid.nearest(at, k, except, out),
            Engine::Tree(tree) => {
                out.clear();
                let mut best = Best::new(k, except, out);
                tree.visit(at, &mut best);
                best.finish();
            }
        }
        if out.len() < k {
            self.append_infinitely_far(at, k, except, out);
        }
    }

    /// Where squares overflow, distances tie at infinity and the lowest scan points win. The engines find what is at a
    /// finite distance; that was fewer than `k`, so the walk passes over fewer than `k` points.
    fn append_infinitely_far(
        &self,
        at: [f64; 2],
        k: usize,
        except: Option<u32>,
        out: &mut Vec<Neighbor>,
    ) {
        let left_out = except.is_some_and(|point| self.scan_points.binary_search(&point).is_ok());
        if out.len() + usize::from(left_out) == self.scan_points.len() {
            return;
        }
        let missing = k - out.len();
        let others = self
            .scan_points
            .iter()
            .copied()
            .filter(|point| Some(*point) != except);
        let neighbors = others.map(|point| Neighbor {
            distance2: squared_distance(at, self.position(point)),
            scan_point: point,
        });
        out.extend(
            neighbors
                .filter(|neighbor| neighbor.distance2 == f64::INFINITY)
                .take(missing),
        );
    }

    /// Shows `each` the index of a seed and its `k` nearest but for itself, for these indices into `seeds`, in this
    /// order: a part of [`Neighbors::spatial_order`]. What [`Neighbors::nearest`] answers; but positions, which are far
    /// apart in memory, are read many at a time, which is faster than one between two searches.
    pub fn nearest_of_each(
        &self,
        seeds: &[u32],
        order: &[u32],
        k: usize,
        mut each: impl FnMut(usize, &[Neighbor]),
    ) {
        let mut out = Vec::new();
        let mut ahead = [[0.0; 2]; AHEAD];
        for order in order.chunks(AHEAD) {
            for (at, seed) in ahead.iter_mut().zip(order) {
                *at = self.position(seeds[*seed as usize]);
            }
            for (at, seed) in ahead.iter().zip(order) {
                self.nearest(*at, k, Some(seeds[*seed as usize]), &mut out);
                each(*seed as usize, &out);
            }
        }
    }

    /// The squared distance from `at` to the nearest position that is not `at`; `None` if there is none. Infinite where
    /// the square overflows. Of many points at one place, ask for one: see [`Neighbors::places`].
    pub fn nearest_elsewhere(&self, at: [f64; 2]) -> Option<f64> {
        let mut elsewhere = Elsewhere::new(at);
        match &self.engine {
            Engine::Grid(grid) => grid.visit(at, &mut elsewhere),
            Engine::Tree(tree) => tree.visit(at, &mut elsewhere),
        }
        let is_elsewhere = |point: &u32| self.position(*point) != at;
        let infinitely_far = || {
            self.scan_points
                .iter()
                .find(|point| is_elsewhere(point))
                .map(|_| f64::INFINITY)
        };
        elsewhere.distance2().or_else(infinitely_far)
    }

    /// The order in which to ask about these scan points: indices into `seeds` such that neighbours follow each other,
    /// which keeps what one query touched in the cache for the next. Answers do not depend on it.
    pub fn spatial_order(&self, seeds: &[u32]) -> Vec<u32> {
        if self.scan_points.len() == self.x.len() && seeds == self.scan_points {
            // Every scan point is its own index.
            return self
                .entries()
                .iter()
                .map(|entry| entry.scan_point)
                .collect();
        }
        let first = |seed: &u32| match &self.engine {
            Engine::Grid(grid) => grid.first_near(self.position(*seed)),
            Engine::Tree(tree) => tree.first_near(self.position(*seed)),
        };
        let firsts: Vec<u32> = seeds.par_iter().map(first).collect();
        let mut order = vec![0; seeds.len()];
        let mut starts = starts_of(&firsts, self.scan_points.len() + 1);
        for (slot, first) in firsts.iter().enumerate().rev() {
            starts[*first as usize] -= 1;
            order[starts[*first as usize] as usize] = slot as u32;
        }
        order
    }

    /// The distinct positions, neighbours near each other.
    pub fn places(&self) -> impl Iterator<Item = [f64; 2]> {
        let buckets: Box<dyn Iterator<Item = &[Entry]>> = match &self.engine {
            Engine::Grid(grid) => Box::new(grid.buckets()),
            Engine::Tree(tree) => Box::new(tree.buckets()),
        };
        // Equal positions share a bucket, and a bucket holds few others.
        buckets.flat_map(|bucket| {
            let is_first = |i: &usize| bucket[..*i].iter().all(|entry| entry.at != bucket[*i].at);
            (0..bucket.len()).filter(is_first).map(|i| bucket[i].at)
        })
    }

    /// Number of distinct positions.
    pub fn num_places(&self) -> usize {
        self.places().count()
    }

    fn entries(&self) -> &[Entry] {
        match &self.engine {
            Engine::Grid(grid) => grid.entries(),
            Engine::Tree(tree) => tree.entries(),
        }
    }

    fn position(&self, point: u32) -> [f64; 2] {
        [self.x[point as usize], self.y[point as usize]]
    }
}

impl std::fmt::Debug for Neighbors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = match &self.engine {
            Engine::Grid(_) => "grid",
            Engine::Tree(_) => "tree",
        };
        f.debug_struct("Neighbors")
            .field("points", &self.scan_points.len())
            .field("engine", &engine)
            .finish()
    }
}

/// Positions read at a time.
const AHEAD: usize = 64;

/// Squared distance in f64, two products and a sum, each rounded.
#[inline]
pub fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
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
/// Positions that are not finite are left out.
pub fn spacing(positions: &Positions) -> Option<Spacing> {
    let finite = |point: &u32| {
        positions
            .at(*point as usize)
            .iter()
            .all(|value| value.is_finite())
    };
    let points: Vec<u32> = (0..positions.len() as u32).filter(finite).collect();
    let neighbors = Neighbors::new(&positions.x, &positions.y, &points);
    let mut steps: Vec<f64> = neighbors
        .places()
        .filter_map(|place| neighbors.nearest_elsewhere(place))
        .map(f64::sqrt)
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.first().zip(steps.last()).map(|(min, max)| Spacing {
        min: *min,
        median: (steps[(steps.len() - 1) / 2] + steps[steps.len() / 2]) / 2.0,
        max: *max,
        duplicates: points.len() - steps.len(),
    })
}

/// How many keys are at or below each number below `count`, and their total at the end. Counting down from there while
/// placing elements from the last to the first makes each number the start of its elements, in their old order.
fn starts_of(keys: &[u32], count: usize) -> Vec<u32> {
    let mut starts = vec![0u32; count + 1];
    for key in keys {
        starts[*key as usize] += 1;
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}

#[cfg(test)]
mod tests;
