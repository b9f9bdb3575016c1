//! Searches kiddo's k-d tree over the distinct positions, which is right for every layout, however uneven.

use std::num::NonZero;

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rayon::prelude::*;

use super::best::Sink;
use super::{Entry, squared_distance};

type Metric = SquaredEuclidean<f64>;

/// Holds the distinct positions in a k-d tree, and the scan points that are at each of them.
///
/// kiddo knows neither ties nor scan points, scans all points of one place for each query, and may bound a distance
/// with another rounding than that of [`squared_distance`]. So it is asked for places only, with a margin; what it
/// answers is measured again.
pub(super) struct Places {
    /// The places, numbered in the order of `starts`; without a tree, each query looks at all of them.
    tree: Option<ImmutableKdTree<f64, 2>>,
    /// The axis along which all places lie on a line. kiddo divides x and y in turn, which would leave half of the
    /// levels of its tree without effect there: the tree keeps the one coordinate twice.
    line: Option<usize>,
    /// Ordered along a Z-order curve: equal positions next to each other, the lowest scan point first.
    entries: Vec<Entry>,
    /// The index of the first entry of each place; one more than there are places.
    starts: Vec<u32>,
}

/// A bound on the error of kiddo's distances, as a part of themselves.
const MARGIN: f64 = 1e-12;

/// A bound on their error where squares are too small to be exact.
const UNDERFLOW: f64 = 1e-300;

impl Places {
    /// Builds the tree in O(n log n).
    pub(super) fn new(x: &[f64], y: &[f64], scan_points: &[u32]) -> Self {
        let at = |point: u32| [x[point as usize], y[point as usize]];
        let mut keys: Vec<(u128, u32)> = scan_points
            .par_iter()
            .map(|point| (z_order(at(*point)), *point))
            .collect();
        keys.par_sort_unstable();
        let entry = |(_, point): &(u128, u32)| Entry {
            at: at(*point),
            scan_point: *point,
        };
        let entries: Vec<Entry> = keys.iter().map(entry).collect();
        let is_first = |i: &usize| *i == 0 || keys[*i].0 != keys[*i - 1].0;
        let firsts: Vec<usize> = (0..keys.len()).filter(is_first).collect();
        drop(keys);
        let same = |axis: usize| {
            entries
                .iter()
                .all(|entry| entry.at[axis] == entries[0].at[axis])
        };
        let line = (0..2).find(|axis| same(1 - axis));
        let place = |first: &usize| on_line(line, entries[*first].at);
        let places: Vec<[f64; 2]> = firsts.iter().map(place).collect();
        let ends = std::iter::once(entries.len());
        Self {
            tree: ImmutableKdTree::new_from_slice(&places).ok(),
            line,
            starts: firsts
                .into_iter()
                .chain(ends)
                .map(|first| first as u32)
                .collect(),
            entries,
        }
    }

    /// Shows the sink every point within its bound that can be of use.
    pub(super) fn visit(&self, at: [f64; 2], sink: &mut impl Sink) {
        let num_places = self.starts.len() - 1;
        // A few more than enough: mostly these are the ones that tie, and no second query is needed.
        let enough = sink.enough();
        let wanted = enough.saturating_add(enough / 2 + 3).min(num_places);
        match (&self.tree, NonZero::new(wanted)) {
            (_, None) => {}
            (None, _) => (0..num_places).for_each(|place| self.offer(place, at, sink)),
            (Some(tree), _) if enough == usize::MAX => {
                self.visit_within(tree, at, sink.bound(), sink);
            }
            (Some(tree), Some(wanted)) => self.visit_nearest(tree, at, wanted, sink),
        }
    }

    /// Visits the nearest places until there is enough for the sink, and then whatever may tie with the last of them.
    fn visit_nearest(
        &self,
        tree: &ImmutableKdTree<f64, 2>,
        at: [f64; 2],
        wanted: NonZero<usize>,
        sink: &mut impl Sink,
    ) {
        let nearest = tree
            .query(&on_line(self.line, at))
            .nearest_n::<Metric>(wanted)
            .execute();
        let (mut found, mut limit) = (0, 0.0f64);
        for place in &nearest {
            if found >= sink.enough() {
                break;
            }
            let entries = self.place(place.item as usize);
            limit = limit.max(squared_distance(at, entries[0].at));
            found += self.useful(entries, sink).count();
        }
        let limit = match found >= sink.enough() {
            true => limit.min(sink.bound()),
            false => sink.bound(),
        };
        let is_complete = nearest.len() == self.starts.len() - 1
            || nearest
                .last()
                .is_some_and(|last| last.distance > self.with_margin(limit));
        if !is_complete {
            return self.visit_within(tree, at, limit, sink);
        }
        for place in &nearest {
            if place.distance > self.with_margin(limit) {
                break;
            }
            self.offer(place.item as usize, at, sink);
        }
    }

    fn visit_within(
        &self,
        tree: &ImmutableKdTree<f64, 2>,
        at: [f64; 2],
        limit: f64,
        sink: &mut impl Sink,
    ) {
        tree.query(&on_line(self.line, at))
            .within::<Metric>(self.with_margin(limit))
            .unsorted()
            .visit(|place| self.offer(place.item as usize, at, sink));
    }

    /// Returns a squared distance of the tree within which it leaves out nothing that is within `limit`.
    fn with_margin(&self, limit: f64) -> f64 {
        let limit = limit * (1.0 + MARGIN) + UNDERFLOW;
        if self.line.is_some() {
            2.0 * limit
        } else {
            limit
        }
    }

    fn offer(&self, place: usize, at: [f64; 2], sink: &mut impl Sink) {
        let entries = self.place(place);
        let distance2 = squared_distance(at, entries[0].at);
        let useful = entries.len().min(sink.of_one_place());
        for entry in &entries[..useful] {
            sink.offer(entry, distance2);
        }
    }

    /// Returns the points of a place that the sink may keep.
    fn useful<'a>(
        &self,
        entries: &'a [Entry],
        sink: &impl Sink,
    ) -> impl Iterator<Item = &'a Entry> {
        let useful = entries.len().min(sink.of_one_place());
        entries[..useful].iter().filter(|entry| sink.wants(entry))
    }

    /// Returns the entries of a place; at least one.
    fn place(&self, place: usize) -> &[Entry] {
        &self.entries[self.starts[place] as usize..self.starts[place + 1] as usize]
    }

    /// Returns the number of entries before `at` on the curve.
    pub(super) fn first_near(&self, at: [f64; 2]) -> u32 {
        let key = z_order(at);
        self.entries
            .partition_point(|entry| z_order(entry.at) < key) as u32
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the first entry of each place, as a slice.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &[Entry]> {
        (0..self.starts.len() - 1).map(|place| &self.place(place)[..1])
    }
}

/// Returns where the tree keeps a position.
fn on_line(line: Option<usize>, at: [f64; 2]) -> [f64; 2] {
    line.map_or(at, |axis| [at[axis]; 2])
}

/// Returns the place of a position on a Z-order curve over all finite numbers; equal positions have the same.
fn z_order(at: [f64; 2]) -> u128 {
    let [x, y] = at.map(|value| {
        // Negative zero becomes zero.
        let bits = (value + 0.0).to_bits();
        let ordered = match value < 0.0 {
            true => !bits,
            false => bits | 1 << 63,
        };
        spread(ordered)
    });
    x | y << 1
}

/// Puts a zero between each two bits.
fn spread(bits: u64) -> u128 {
    const MASKS: [u128; 6] = [
        0x0000_0000_ffff_ffff_0000_0000_ffff_ffff,
        0x0000_ffff_0000_ffff_0000_ffff_0000_ffff,
        0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff,
        0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f,
        0x3333_3333_3333_3333_3333_3333_3333_3333,
        0x5555_5555_5555_5555_5555_5555_5555_5555,
    ];
    let widen = |bits: u128, (step, mask): (usize, &u128)| (bits | bits << (32 >> step)) & mask;
    MASKS.iter().enumerate().fold(u128::from(bits), widen)
}
