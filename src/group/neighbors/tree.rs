//! A k-d tree with buckets: right for every layout, however uneven.

use super::best::Sink;
use super::{Entry, squared_distance};

/// Points in order of the leaves they are in.
pub(super) struct Tree {
    /// Root first; the left child of a node follows it.
    nodes: Vec<Node>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// Coordinates along `axis` are at most `value` to the left and at least `value` to the right, `skip` nodes on.
    Split { value: f64, skip: u32, axis: u8 },
    /// At most [`MAX_LEAF`] entries, or any number at one place, lowest scan point first.
    Leaf { start: u32, end: u32 },
}

/// Entries of a leaf, unless they are at one place.
const MAX_LEAF: usize = 8;

/// From here on the halves are built at the same time.
const MIN_PARALLEL: usize = 1 << 15;

impl Tree {
    pub(super) fn new(x: &[f64], y: &[f64], scan_points: &[u32]) -> Self {
        let entry = |point: &u32| Entry {
            at: [x[*point as usize], y[*point as usize]],
            scan_point: *point,
        };
        let mut entries: Vec<Entry> = scan_points.iter().map(entry).collect();
        let nodes = build(&mut entries, 0);
        Self { nodes, entries }
    }

    /// Shows the sink every point within its bound.
    pub(super) fn visit(&self, at: [f64; 2], sink: &mut impl Sink) {
        self.visit_node(0, at, [0.0; 2], sink);
    }

    /// `offset` is how far `at` is from the node's half planes. The bound on the distances in a node is computed as
    /// they are, so it can only be rounded to a number not above them: each operation is monotonic.
    fn visit_node(&self, node: usize, at: [f64; 2], mut offset: [f64; 2], sink: &mut impl Sink) {
        match self.nodes[node] {
            Node::Leaf { start, end } => self.visit_leaf(start as usize..end as usize, at, sink),
            Node::Split { value, skip, axis } => {
                let axis = usize::from(axis & 1);
                let beyond = at[axis] - value;
                let (left, right) = (node + 1, node + skip as usize);
                let (near, far) = if beyond < 0.0 {
                    (left, right)
                } else {
                    (right, left)
                };
                self.visit_node(near, at, offset, sink);
                offset[axis] = beyond;
                if offset[0] * offset[0] + offset[1] * offset[1] <= sink.bound() {
                    self.visit_node(far, at, offset, sink);
                }
            }
        }
    }

    fn visit_leaf(&self, range: std::ops::Range<usize>, at: [f64; 2], sink: &mut impl Sink) {
        let mut leaf = &self.entries[range];
        if leaf.len() > MAX_LEAF {
            leaf = &leaf[..leaf.len().min(sink.of_one_place())];
        }
        for entry in leaf {
            sink.offer(entry, squared_distance(at, entry.at));
        }
    }

    /// Index of the first entry of the leaf where `at` belongs.
    pub(super) fn first_near(&self, at: [f64; 2]) -> u32 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                Node::Leaf { start, .. } => return start,
                Node::Split { value, axis, .. } if at[usize::from(axis & 1)] < value => node += 1,
                Node::Split { skip, .. } => node += skip as usize,
            }
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The leaves in order; equal positions are in one.
    pub(super) fn buckets(&self) -> impl Iterator<Item = &[Entry]> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Leaf { start, end } => Some(&self.entries[*start as usize..*end as usize]),
            Node::Split { .. } => None,
        })
    }
}

/// Nodes over these entries, the first of which is number `start`.
fn build(entries: &mut [Entry], start: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    if entries.len() < MIN_PARALLEL {
        append(entries, start, &mut nodes);
    } else if let Some(Split {
        axis,
        value,
        middle,
    }) = split(entries)
    {
        let (left, right) = entries.split_at_mut(middle);
        let (left, right) = rayon::join(|| build(left, start), || build(right, start + middle));
        nodes.reserve_exact(1 + left.len() + right.len());
        nodes.push(Node::Split {
            value,
            skip: left.len() as u32 + 1,
            axis: axis as u8,
        });
        nodes.extend(left);
        nodes.extend(right);
    } else {
        append_leaf(entries, start, &mut nodes);
    }
    nodes
}

fn append(entries: &mut [Entry], start: usize, nodes: &mut Vec<Node>) {
    let parts = if entries.len() > MAX_LEAF {
        split(entries)
    } else {
        None
    };
    let Some(Split {
        axis,
        value,
        middle,
    }) = parts
    else {
        return append_leaf(entries, start, nodes);
    };
    let node = nodes.len();
    let (left, right) = entries.split_at_mut(middle);
    nodes.push(Node::Split {
        value,
        skip: 0,
        axis: axis as u8,
    });
    append(left, start, nodes);
    nodes[node] = Node::Split {
        value,
        skip: (nodes.len() - node) as u32,
        axis: axis as u8,
    };
    append(right, start + middle, nodes);
}

fn append_leaf(entries: &mut [Entry], start: usize, nodes: &mut Vec<Node>) {
    entries.sort_unstable_by_key(|entry| entry.scan_point);
    nodes.push(Node::Leaf {
        start: start as u32,
        end: (start + entries.len()) as u32,
    });
}

/// Where to split: before the middle, coordinates along the axis are less than the value; from there on, at least that.
struct Split {
    axis: usize,
    value: f64,
    middle: usize,
}

/// Splits along the longer side, near the median but never between equal coordinates, so that equal positions stay
/// together. `None` if all positions are equal.
fn split(entries: &mut [Entry]) -> Option<Split> {
    let axis = longer_side(entries)?;
    let half = entries.len() / 2;
    entries.select_nth_unstable_by(half, |a, b| a.at[axis].total_cmp(&b.at[axis]));
    let value = entries[half].at[axis];
    let below = partition(&mut entries[..half], |entry| entry.at[axis] < value);
    if below > 0 {
        return Some(Split {
            axis,
            value,
            middle: below,
        });
    }
    // Nothing is less: the median is the lowest, and something is more.
    let middle = half + partition(&mut entries[half..], |entry| entry.at[axis] == value);
    let value = entries[middle..]
        .iter()
        .map(|entry| entry.at[axis])
        .fold(f64::INFINITY, f64::min);
    Some(Split {
        axis,
        value,
        middle,
    })
}

/// The axis along which the positions lie farther apart; `None` if they are equal.
fn longer_side(entries: &[Entry]) -> Option<usize> {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for entry in entries {
        for axis in 0..2 {
            low[axis] = low[axis].min(entry.at[axis]);
            high[axis] = high[axis].max(entry.at[axis]);
        }
    }
    let length = [high[0] - low[0], high[1] - low[1]];
    let axis = usize::from(length[1] > length[0]);
    (length[axis] > 0.0).then_some(axis)
}

/// Moves the entries that fit to the front; how many there are.
fn partition(entries: &mut [Entry], fits: impl Fn(&Entry) -> bool) -> usize {
    let mut count = 0;
    for i in 0..entries.len() {
        if fits(&entries[i]) {
            entries.swap(count, i);
            count += 1;
        }
    }
    count
}
