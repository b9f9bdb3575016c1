//! Searches neighbours in the k-d tree of `scipy.spatial.cKDTree`, in two dimensions and with its default
//! options.
//!
//! Which of several equally distant points is a neighbour, and in which order equal ones come, follows from
//! three things kept here exactly: the order of points in the leaves (see `select`), the order in which
//! leaves are visited, and the heap that holds the best so far (see `heap`). The rules are stated beside each
//! step.

use super::heap::Heap;
use super::select::{Entry, nth_element, partition};

/// The largest number of points of a leaf.
const LEAF: usize = 16;

/// The largest number of points of a tree. Each node divides its points in two, so there are at most twice as
/// many nodes.
pub(super) const MOST_POINTS: usize = u32::MAX as usize / 2;

/// Describes a node of the tree; points and nodes are addressed by `u32`.
#[derive(Debug, Clone, Copy)]
enum Node {
    /// The points are `entries[start..end]`.
    Leaf { start: u32, end: u32 },
    /// The points with `at[axis] < split` are under `less`, the others under `greater`.
    Inner {
        axis: u32,
        split: f64,
        less: u32,
        greater: u32,
    },
}

/// Describes a subtree that is still to be searched.
#[derive(Debug, Clone, Copy)]
struct Visit {
    node: u32,
    /// The squared distance to the subtree along each axis; they sum to `Scratch::pending`'s key.
    side: [f64; 2],
}

/// Holds the buffers of a query; with one per thread, no query allocates once they have grown.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// The subtrees by their least squared distance.
    pending: Heap<Visit>,
    /// The best points by their **negated** squared distance: the root is a farthest one.
    best: Heap<u32>,
}

/// Holds a balanced k-d tree over finite points.
#[derive(Debug, Clone)]
pub struct KdTree {
    entries: Vec<Entry>,
    nodes: Vec<Node>,
    low: [f64; 2],
    high: [f64; 2],
}

impl KdTree {
    /// Builds the tree: leaves of up to 16 points, cut at the median of the wider axis.
    ///
    /// # Panics
    ///
    /// If there are more than 2<sup>31</sup> - 1 points, or one is not finite: cKDTree refuses it too.
    pub fn new(points: &[[f64; 2]]) -> Self {
        assert!(
            points.len() <= MOST_POINTS,
            "points and nodes are counted in u32"
        );
        assert!(
            points.iter().flatten().all(|value| value.is_finite()),
            "the points of a k-d tree are finite"
        );
        let mut entries: Vec<Entry> = points
            .iter()
            .zip(0..)
            .map(|(&at, index)| Entry { at, index })
            .collect();
        let (low, high) = if entries.is_empty() {
            ([0.0; 2], [0.0; 2])
        } else {
            bounds(&entries)
        };
        let mut nodes = Vec::with_capacity(2 * entries.len().div_ceil(LEAF / 2));
        grow(&mut entries, 0, &mut nodes);
        Self {
            entries,
            nodes,
            low,
            high,
        }
    }

    /// Writes to `out` the `k` nearest points of `at`, nearest first, in the order `cKDTree.query(at, k)`
    /// gives them.
    ///
    /// Squared distances are `dx * dx + dy * dy` in double precision, each step rounded. A point as far as
    /// the k-th held is not taken. Fewer than `k` come out if there are fewer points, or none nearer than
    /// infinity.
    pub fn query(&self, at: [f64; 2], k: usize, scratch: &mut Scratch, out: &mut Vec<u32>) {
        out.clear();
        if k == 0 {
            return;
        }
        let Scratch { pending, best } = scratch;
        pending.clear();
        best.clear();
        let mut bound = f64::INFINITY;
        let (mut distance, mut visit) = self.root(at);
        loop {
            match self.nodes[visit.node as usize] {
                Node::Leaf { start, end } => {
                    bound = self.scan(start as usize..end as usize, at, k, best, bound);
                    let Some(next) = pending.pop() else { break };
                    (distance, visit) = next;
                }
                // The nearest subtree left is too far. A leaf would have been scanned all the same.
                Node::Inner { .. } if distance > bound => break,
                Node::Inner {
                    axis,
                    split,
                    less,
                    greater,
                } => {
                    let (near, far) =
                        children(distance, visit, at, (axis as usize, split, less, greater));
                    if far.0 <= bound {
                        pending.push(far.0, far.1);
                    }
                    (distance, visit) = near;
                }
            }
        }
        drain(best, out);
    }

    /// Returns the whole tree as seen from `at`, with its squared distance: 0 inside the bounding box.
    fn root(&self, at: [f64; 2]) -> (f64, Visit) {
        let side = [0, 1].map(|axis| {
            let outside = f64::max(0.0, at[axis] - self.high[axis]).max(self.low[axis] - at[axis]);
            outside * outside
        });
        (side[0] + side[1], Visit { node: 0, side })
    }

    /// Offers the points of a leaf in leaf order; returns the new bound, the k-th best squared distance once
    /// k are held.
    fn scan(
        &self,
        leaf: std::ops::Range<usize>,
        at: [f64; 2],
        k: usize,
        best: &mut Heap<u32>,
        mut bound: f64,
    ) -> f64 {
        let mut points = &self.entries[leaf];
        if points.len() > LEAF {
            // A leaf this large holds one position many times over: after k of them no further one is
            // strictly nearer.
            points = &points[..k.min(points.len())];
        }
        for point in points {
            let (dx, dy) = (point.at[0] - at[0], point.at[1] - at[1]);
            let squared = dx * dx + dy * dy;
            if squared < bound {
                if best.len() == k {
                    best.pop();
                }
                best.push(-squared, point.index);
                if best.len() == k {
                    bound = best.first_key().map_or(bound, |key| -key);
                }
            }
        }
        bound
    }
}

/// Empties the heap of the best into the empty `out`, from the last place to the first: equal distances come
/// in heap order.
fn drain(best: &mut Heap<u32>, out: &mut Vec<u32>) {
    while let Some((_, index)) = best.pop() {
        out.push(index);
    }
    out.reverse();
}

/// Returns the near and the far child of an inner node as seen from `at`, each with its squared distance.
///
/// The near child is on the query's side of the split (`at < split` is the lesser side) and as far as its
/// parent; the far child's distance replaces the parent's share along the axis by the squared distance to the
/// split.
fn children(
    distance: f64,
    visit: Visit,
    at: [f64; 2],
    (axis, split, less, greater): (usize, f64, u32, u32),
) -> ((f64, Visit), (f64, Visit)) {
    let (near, far, gap) = if at[axis] < split {
        (less, greater, split - at[axis])
    } else {
        (greater, less, at[axis] - split)
    };
    let squared = gap * gap;
    let far_distance = distance + (squared - visit.side[axis]);
    let mut far_side = visit.side;
    far_side[axis] = squared;
    let near = (
        distance,
        Visit {
            node: near,
            side: visit.side,
        },
    );
    let far = (
        far_distance,
        Visit {
            node: far,
            side: far_side,
        },
    );
    // Rounding can turn the two round; the nearer one is always searched first.
    if distance > far_distance {
        (far, near)
    } else {
        (near, far)
    }
}

/// Appends the subtree over `entries`, which start at `offset` among all, and returns its place; lesser child
/// first.
///
/// The recursion is shallow: a lopsided cut leaves a minimum shared by many points, which the next cut along
/// that axis separates from the rest, so a few levels always halve the larger part.
fn grow(entries: &mut [Entry], offset: u32, nodes: &mut Vec<Node>) -> u32 {
    // Points and nodes fit u32: see `MOST_POINTS`.
    let place = nodes.len() as u32;
    nodes.push(Node::Leaf {
        start: offset,
        end: offset + entries.len() as u32,
    });
    if entries.len() <= LEAF {
        return place;
    }
    let (axis, (split, cut)) = match wider_axis(entries) {
        None => return place,
        Some(0) => (0, divide::<0>(entries)),
        Some(_) => (1, divide::<1>(entries)),
    };
    let (front, back) = entries.split_at_mut(cut);
    let less = grow(front, offset, nodes);
    let greater = grow(back, offset + cut as u32, nodes);
    nodes[place as usize] = Node::Inner {
        axis,
        split,
        less,
        greater,
    };
    place
}

/// Returns the axis along which the entries' own bounding box is wider, x if equal; `None` if all positions
/// are the same.
fn wider_axis(entries: &[Entry]) -> Option<usize> {
    let (low, high) = bounds(entries);
    let spread = [high[0] - low[0], high[1] - low[1]];
    match usize::from(spread[1] > spread[0]) {
        axis if spread[axis] > 0.0 => Some(axis),
        _ => None,
    }
}

/// Orders the entries for a cut and returns the split value and the number of entries below it.
///
/// The split is the median, the entry of rank `len / 2`; what is strictly below goes to the front. If nothing
/// is below, the median is the minimum: the split moves up to the next double and separates all copies of the
/// minimum from the rest.
fn divide<const AXIS: usize>(entries: &mut [Entry]) -> (f64, usize) {
    let middle = entries.len() / 2;
    nth_element::<AXIS>(entries, middle);
    let median = entries[middle].at[AXIS];
    match partition::<AXIS>(&mut entries[..middle], median) {
        0 => {
            let split = median.next_up();
            (split, partition::<AXIS>(entries, split))
        }
        cut => (median, cut),
    }
}

/// Returns the least and the greatest coordinate along each axis.
fn bounds(entries: &[Entry]) -> ([f64; 2], [f64; 2]) {
    let start = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    entries.iter().fold(start, |(low, high), entry| {
        let [x, y] = entry.at;
        (
            [low[0].min(x), low[1].min(y)],
            [high[0].max(x), high[1].max(y)],
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(side: u32) -> Vec<[f64; 2]> {
        (0..side * side)
            .map(|i| [f64::from(i % side), f64::from(i / side)])
            .collect()
    }

    /// Points without ties, the same on every machine.
    fn scattered(n: u32) -> Vec<[f64; 2]> {
        (0..n)
            .map(|i| {
                [
                    f64::from(i.wrapping_mul(2_654_435_761)),
                    f64::from(i.wrapping_mul(2_246_822_519)),
                ]
            })
            .collect()
    }

    fn nearest(tree: &KdTree, at: [f64; 2], k: usize) -> Vec<u32> {
        let mut out = Vec::new();
        tree.query(at, k, &mut Scratch::default(), &mut out);
        out
    }

    fn squared(a: [f64; 2], b: [f64; 2]) -> f64 {
        (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
    }

    #[test]
    fn ties_come_in_scipys_order() {
        // cKDTree of np.meshgrid(arange(6), arange(6)), query(points[[0, 7, 14, 35]], k=7)
        let points = lattice(6);
        let tree = KdTree::new(&points);
        assert_eq!(nearest(&tree, points[0], 7), [0, 6, 1, 7, 12, 2, 8]);
        assert_eq!(nearest(&tree, points[7], 7), [7, 13, 1, 6, 8, 12, 14]);
        assert_eq!(nearest(&tree, points[14], 7), [14, 20, 13, 15, 8, 9, 19]);
        assert_eq!(nearest(&tree, points[35], 7), [35, 29, 34, 28, 33, 23, 27]);
    }

    #[test]
    fn equal_points_leave_out_the_one_asked_for() {
        // cKDTree of 40 equal points: the first of the one big leaf are taken, in heap order.
        let tree = KdTree::new(&[[3.25, -1.0]; 40]);
        assert_eq!(nearest(&tree, [3.25, -1.0], 5), [1, 2, 3, 4, 0]);
    }

    #[test]
    fn distances_match_naive() {
        for points in [scattered(500), lattice(23)] {
            let tree = KdTree::new(&points);
            for &at in points.iter().chain(&[[-3.5, 7.25], [1e10, 2e9]]) {
                let mut naive: Vec<f64> = points.iter().map(|&point| squared(point, at)).collect();
                naive.sort_by(f64::total_cmp);
                let got: Vec<f64> = nearest(&tree, at, 9)
                    .iter()
                    .map(|&i| squared(points[i as usize], at))
                    .collect();
                assert_eq!(got, naive[..9]);
            }
        }
    }

    #[test]
    fn fewer_points_than_asked_for_all_come() {
        assert!(nearest(&KdTree::new(&[]), [0.0, 0.0], 3).is_empty());
        assert_eq!(
            nearest(&KdTree::new(&[[1.0, 1.0], [0.0, 0.0]]), [0.0, 0.0], 3),
            [1, 0]
        );
        assert!(nearest(&KdTree::new(&lattice(5)), [0.0, 0.0], 0).is_empty());
    }

    #[test]
    fn leaves_hold_scipys_order_where_selection_ends_in_a_heap() {
        // Musser's sequence against medians of three; `cKDTree(...).indices`.
        let values = (1..=22)
            .map(|i| if i % 2 == 1 { i } else { 21 + i })
            .chain((1..=22).map(|i| 2 * i));
        let tree = KdTree::new(
            &values
                .map(|value| [f64::from(value), 0.0])
                .collect::<Vec<_>>(),
        );
        let order: Vec<u32> = tree.entries.iter().map(|entry| entry.index).collect();
        let scipys = [
            23, 0, 22, 2, 24, 4, 25, 6, 26, 8, 10, 27, 28, 12, 14, 29, 16, 30, 18, 31, 20, 32, 3,
            1, 33, 36, 35, 34, 5, 7, 11, 9, 37, 38, 13, 39, 15, 19, 21, 17, 40, 41, 42, 43,
        ];
        assert_eq!(order, scipys);
    }

    fn depth(tree: &KdTree, node: u32) -> usize {
        match tree.nodes[node as usize] {
            Node::Leaf { .. } => 1,
            Node::Inner { less, greater, .. } => 1 + depth(tree, less).max(depth(tree, greater)),
        }
    }

    #[test]
    fn hostile_point_sets_keep_the_tree_shallow() {
        let column: Vec<[f64; 2]> = (0..50_000).map(|i| [1.0, f64::from(i / 100)]).collect();
        let growing: Vec<[f64; 2]> = (0..1000).map(|i| [2f64.powi(i), 0.0]).collect();
        // A cross: nearly every median is a minimum shared by half of the points.
        let cross: Vec<[f64; 2]> = (0..50_000)
            .map(|i| f64::from(i / 2))
            .zip([true, false].into_iter().cycle())
            .map(|(along, flat)| if flat { [along, 0.0] } else { [0.0, along] })
            .collect();
        for points in [column, growing, cross, vec![[0.0, 0.0]; 50_000]] {
            let tree = KdTree::new(&points);
            assert!(
                depth(&tree, 0) <= 3 * points.len().ilog2() as usize,
                "{}",
                depth(&tree, 0)
            );
            assert_eq!(nearest(&tree, points[0], 4).len(), 4);
        }
    }
}
