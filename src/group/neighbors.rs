//! Finds the nearest neighbours of positions, with one answer for every tie.
//!
//! The answer is defined by brute force: order all points by (squared distance, scan point) and take the first k, or
//! those within a distance. The squared distance is `dx * dx + dy * dy` in f64, each operation rounded once.
//!
//! Two engines find it: a grid of equal cells where the points fill the plane evenly, which is what scans do, and
//! kiddo's k-d tree where they do not (clusters, outliers, many points at one place). They look at different points in
//! different order but keep what the definition keeps, so which of them works shows in the time alone.

mod best;
mod grid;
mod places;

use std::sync::Arc;

use rayon::prelude::*;

use crate::scan::Positions;
use best::{Best, Count, Elsewhere, MAX_SORTED, Sink};
use grid::Grid;
use places::Places;

/// Describes a neighbour of a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// The squared distance, in the square of the positions' unit.
    pub distance2: f64,
    /// The neighbour's scan point.
    pub scan_point: u32,
}

impl Neighbor {
    /// Returns whether this one comes before the other: nearer, or as near with a lower scan point.
    fn is_before(&self, other: &Self) -> bool {
        (self.distance2 < other.distance2)
            | ((self.distance2 == other.distance2) & (self.scan_point < other.scan_point))
    }
}

/// Says which neighbours of a position are kept: the nearest `k`, no farther than a distance.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    k: usize,
    /// The largest squared distance whose root is within the distance.
    limit2: f64,
}

impl Reach {
    /// Keeps at most `k` neighbours, those at distances up to `distance`, both ends included. What is compared is the
    /// distance as the tables print it, the rounded root of the squared distance. `distance` is not NaN.
    pub fn new(k: usize, distance: f64) -> Self {
        let limit2 = largest_square(distance);
        Self { k, limit2 }
    }

    /// Returns whether no distance is too large.
    fn is_endless(&self) -> bool {
        self.limit2 == f64::INFINITY
    }
}

/// Returns the largest number whose square root, rounded, is at most `root`; negative if there is none. `root` is not NaN.
pub fn largest_square(root: f64) -> f64 {
    let mut square = (root * root).min(if root.is_finite() {
        f64::MAX
    } else {
        f64::INFINITY
    });
    if root < 0.0 {
        return -1.0;
    }
    while square.sqrt() > root {
        square = square.next_down();
    }
    while square < f64::MAX && square.next_up().sqrt() <= root {
        square = square.next_up();
    }
    square
}

/// Holds a scan point where the engines keep it, beside its neighbours.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: [f64; 2],
    scan_point: u32,
}

/// Searches the neighbours of positions among some scan points.
///
/// It borrows the positions and the list, and keeps a sorted copy: 26 to 56 bytes per point.
pub struct Neighbors<'a> {
    x: &'a [f64],
    y: &'a [f64],
    scan_points: &'a [u32],
    engine: Arc<Engine>,
}

/// Keeps a search structure while what it was built from is not borrowed.
#[derive(Debug, Clone)]
pub(super) struct SharedEngine(Arc<Engine>);

/// Holds a search structure.
enum Engine {
    Grid(Grid),
    Places(Places),
}

impl Engine {
    fn visit(&self, at: [f64; 2], sink: &mut impl Sink) {
        match self {
            Self::Grid(grid) => grid.visit(at, sink),
            Self::Places(places) => places.visit(at, sink),
        }
    }

    fn entries(&self) -> &[Entry] {
        match self {
            Self::Grid(grid) => grid.entries(),
            Self::Places(places) => places.entries(),
        }
    }

    /// Returns a place among the entries where those near `at` are.
    fn first_near(&self, at: [f64; 2]) -> u32 {
        match self {
            Self::Grid(grid) => grid.first_near(at),
            Self::Places(places) => places.first_near(at),
        }
    }
}

impl<'a> Neighbors<'a> {
    /// Builds the structure over these scan points, ascending indices into `x` and `y`, whose positions are finite.
    /// That takes O(n) time where the points fill the plane evenly, O(n log n) elsewhere.
    ///
    /// # Panics
    /// If a scan point is no index into `x` and `y`.
    pub fn new(x: &'a [f64], y: &'a [f64], scan_points: &'a [u32]) -> Self {
        let engine = match Grid::try_new(x, y, scan_points) {
            Some(grid) => Engine::Grid(grid),
            None => Engine::Places(Places::new(x, y, scan_points)),
        };
        Self::with_engine(x, y, scan_points, SharedEngine(Arc::new(engine)))
    }

    /// Builds the structure on the tree, whatever the layout: for tests and benchmarks.
    #[doc(hidden)]
    pub fn on_tree(x: &'a [f64], y: &'a [f64], scan_points: &'a [u32]) -> Self {
        let engine = Engine::Places(Places::new(x, y, scan_points));
        Self::with_engine(x, y, scan_points, SharedEngine(Arc::new(engine)))
    }

    /// Takes up an engine that was built from the same.
    pub(super) fn with_engine(
        x: &'a [f64],
        y: &'a [f64],
        scan_points: &'a [u32],
        engine: SharedEngine,
    ) -> Self {
        Self {
            x,
            y,
            scan_points,
            engine: engine.0,
        }
    }

    /// Returns the engine.
    pub(super) fn engine(&self) -> SharedEngine {
        SharedEngine(Arc::clone(&self.engine))
    }

    /// Finds the `k` nearest scan points to `at` except one, ordered by (squared distance, scan point); fewer if there
    /// are fewer. Replaces the contents of `out`, and allocates only where `out` has to grow. `at` is finite.
    pub fn nearest(&self, at: [f64; 2], k: usize, except: Option<u32>, out: &mut Vec<Neighbor>) {
        let k = k.min(self.scan_points.len());
        if k == 0 {
            return out.clear();
        }
        match &*self.engine {
            Engine::Grid(grid) => grid.nearest(at, k, except, out),
            Engine::Places(places) => Best::find(k, f64::MAX, except, out, |best| {
                places.visit(at, best);
            }),
        }
        if out.len() < k {
            self.append_infinitely_far(at, k, except, out);
        }
    }

    /// Finds the scan points within a reach of `at`, as [`Neighbors::nearest`] does.
    pub fn search(&self, at: [f64; 2], reach: Reach, except: Option<u32>, out: &mut Vec<Neighbor>) {
        let k = reach.k.min(self.scan_points.len());
        if k == 0 || reach.limit2 < 0.0 {
            out.clear();
        } else if k <= MAX_SORTED || reach.is_endless() {
            // Few are found faster than they are kept apart from the others within the distance.
            self.nearest(at, k, except, out);
            out.truncate(out.partition_point(|near| near.distance2 <= reach.limit2));
        } else {
            Best::find(k, reach.limit2, except, out, |best| {
                self.engine.visit(at, best);
            });
        }
    }

    /// Counts what [`Neighbors::search`] finds; `out` is for its use.
    pub fn count(
        &self,
        at: [f64; 2],
        reach: Reach,
        except: Option<u32>,
        out: &mut Vec<Neighbor>,
    ) -> usize {
        let k = reach.k.min(self.scan_points.len());
        if k <= MAX_SORTED || reach.is_endless() || reach.limit2 < 0.0 {
            self.search(at, reach, except, out);
            return out.len();
        }
        let mut count = Count::new(reach.limit2, except);
        self.engine.visit(at, &mut count);
        count.found().min(k)
    }

    /// Appends the lowest scan points at an infinite distance, which is where distances tie once squares overflow. The
    /// engines find what is at a finite distance; that was fewer than `k`, so the walk passes over fewer than `k` points.
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

    /// Shows `each` the index of a seed point and its `k` nearest except itself, for these indices into `seeds`, in this
    /// order: a part of [`Neighbors::spatial_order`]. It shows what [`Neighbors::nearest`] finds; but positions, which
    /// are far apart in memory, are read many at a time, which is faster than one between two searches.
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

    /// Returns the squared distance from `at` to the nearest position that is not `at`; `None` if there is none. It is
    /// infinite where the square overflows. Of many points at one place, ask for one: see [`Neighbors::places`].
    pub fn nearest_elsewhere(&self, at: [f64; 2]) -> Option<f64> {
        let mut elsewhere = Elsewhere::new(at);
        self.engine.visit(at, &mut elsewhere);
        let is_elsewhere = |point: &u32| self.position(*point) != at;
        let infinitely_far = || {
            self.scan_points
                .iter()
                .find(|point| is_elsewhere(point))
                .map(|_| f64::INFINITY)
        };
        elsewhere.distance2().or_else(infinitely_far)
    }

    /// Returns the order in which to ask about these scan points: indices into `seeds` such that neighbours follow each
    /// other, which keeps what one query touched in the cache for the next. Answers do not depend on it.
    pub fn spatial_order(&self, seeds: &[u32]) -> Vec<u32> {
        if self.scan_points.len() == self.x.len() && seeds == self.scan_points {
            // Every scan point is its own index.
            return self
                .engine
                .entries()
                .iter()
                .map(|entry| entry.scan_point)
                .collect();
        }
        self.spatial_order_of(seeds.len(), |slot| self.position(seeds[slot]))
    }

    /// Returns the order in which to ask about these positions, as [`Neighbors::spatial_order`] does for scan points.
    pub fn spatial_order_of(
        &self,
        count: usize,
        at: impl Fn(usize) -> [f64; 2] + Sync,
    ) -> Vec<u32> {
        let first = |slot: usize| self.engine.first_near(at(slot));
        if count < self.scan_points.len() / FEW {
            let mut order: Vec<(u32, u32)> =
                (0..count).map(|slot| (first(slot), slot as u32)).collect();
            order.sort_unstable();
            return order.into_iter().map(|(_, slot)| slot).collect();
        }
        let firsts: Vec<u32> = (0..count).into_par_iter().map(first).collect();
        let mut order = vec![0; count];
        let mut starts = starts_of(&firsts, self.scan_points.len() + 1);
        for (slot, first) in firsts.iter().enumerate().rev() {
            starts[*first as usize] -= 1;
            order[starts[*first as usize] as usize] = slot as u32;
        }
        order
    }

    /// Returns the distinct positions, neighbours near each other.
    pub fn places(&self) -> impl Iterator<Item = [f64; 2]> {
        let buckets: Box<dyn Iterator<Item = &[Entry]>> = match &*self.engine {
            Engine::Grid(grid) => Box::new(grid.buckets()),
            Engine::Places(places) => Box::new(places.firsts()),
        };
        // Equal positions share a bucket, and a bucket holds few others.
        buckets.flat_map(|bucket| {
            let is_first = |i: &usize| bucket[..*i].iter().all(|entry| entry.at != bucket[*i].at);
            (0..bucket.len()).filter(is_first).map(|i| bucket[i].at)
        })
    }

    /// Returns the number of distinct positions.
    pub fn num_places(&self) -> usize {
        self.places().count()
    }

    fn position(&self, point: u32) -> [f64; 2] {
        [self.x[point as usize], self.y[point as usize]]
    }
}

impl std::fmt::Debug for Neighbors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbors")
            .field("points", &self.scan_points.len())
            .field("engine", &self.engine)
            .finish()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Grid(_) => "grid",
            Self::Places(_) => "tree",
        })
    }
}

/// The number of positions that are read at a time.
const AHEAD: usize = 64;

/// Below this part of the scan points, positions are sorted by comparing rather than by counting.
const FEW: usize = 16;

/// Computes the squared distance in f64: two products and a sum, each rounded.
#[inline]
pub fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
}

/// Describes how far apart positions lie, in their unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// The smallest distance to the nearest neighbour at another position.
    pub min: f64,
    /// The median of those distances.
    pub median: f64,
    /// The largest of those distances.
    pub max: f64,
    /// The number of scan points whose position is that of an earlier one.
    pub duplicates: usize,
}

/// Measures the step of a scan: the distance from each distinct position to the nearest other. Returns `None` for fewer
/// than two. Positions that are not finite are left out.
pub fn spacing(positions: &Positions) -> Option<Spacing> {
    let points: Vec<u32> = (0..positions.len() as u32)
        .filter(|point| positions.is_finite(*point as usize))
        .collect();
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

/// Returns how many keys are at or below each number below `count`, and their total at the end. Counting down from
/// there while placing elements from the last to the first makes each number the start of its elements, in their old
/// order.
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
