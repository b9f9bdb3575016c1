//! Keeps what a search is after of the points it sees.

use super::{Entry, Neighbor};

/// Takes the points an engine finds, in any order.
pub(super) trait Sink {
    /// Returns the squared distance beyond which points are of no use. It never rises, and is never infinite.
    fn bound(&self) -> f64;

    /// Considers a point.
    fn offer(&mut self, entry: &Entry, distance2: f64);

    /// Returns whether the point may be kept at all, however far.
    fn wants(&self, entry: &Entry) -> bool;

    /// Returns the number of wanted points that makes every farther one useless; `usize::MAX` where the bound alone
    /// decides.
    fn enough(&self) -> usize;

    /// Returns the number of points of one place that can be of use, those with the lowest scan points.
    fn of_one_place(&self) -> usize;
}

/// Keeps the k nearest within a finite distance, by (squared distance, scan point).
pub(super) struct Best<'a> {
    k: usize,
    enough: usize,
    except: u64,
    bound: f64,
    out: &'a mut Vec<Neighbor>,
}

/// The largest number that is kept sorted as they come; more are piled up, and the pile is halved when it is full.
pub(super) const MAX_SORTED: usize = 64;

/// The largest number that is sorted by rank.
const MAX_RANKED: usize = 32;

impl<'a> Best<'a> {
    /// Replaces the contents of `out` by the `k` nearest, at least 1, of the points that `visit` shows, up to this
    /// squared distance.
    pub(super) fn find(
        k: usize,
        limit2: f64,
        except: Option<u32>,
        out: &'a mut Vec<Neighbor>,
        visit: impl FnOnce(&mut Self),
    ) {
        out.clear();
        let mut best = Self {
            k,
            enough: if limit2 < f64::MAX { usize::MAX } else { k },
            except: key_of(except),
            bound: limit2.min(f64::MAX),
            out,
        };
        visit(&mut best);
        if best.k > MAX_SORTED {
            keep_nearest(best.out, best.k);
        }
    }

    fn insert(&mut self, neighbor: Neighbor) {
        if self.out.len() == self.k {
            if self
                .out
                .last()
                .is_some_and(|last| !neighbor.is_before(last))
            {
                return;
            }
            self.out.pop();
        }
        self.out.push(neighbor);
        sink_last(self.out);
        if self.out.len() == self.k {
            self.bound = self.out[self.k - 1].distance2;
        }
    }

    fn pile(&mut self, neighbor: Neighbor) {
        self.out.push(neighbor);
        if self.out.len() >= 2 * self.k {
            self.out.select_nth_unstable_by(self.k - 1, compare);
            self.out.truncate(self.k);
            self.bound = self.out[self.k - 1].distance2;
        }
    }
}

impl Sink for Best<'_> {
    #[inline]
    fn bound(&self) -> f64 {
        self.bound
    }

    #[inline]
    fn offer(&mut self, entry: &Entry, distance2: f64) {
        if distance2 > self.bound || !self.wants(entry) {
            return;
        }
        let neighbor = Neighbor {
            distance2,
            scan_point: entry.scan_point,
        };
        if self.k <= MAX_SORTED {
            self.insert(neighbor)
        } else {
            self.pile(neighbor)
        }
    }

    #[inline]
    fn wants(&self, entry: &Entry) -> bool {
        u64::from(entry.scan_point) != self.except
    }

    fn enough(&self) -> usize {
        self.enough
    }

    fn of_one_place(&self) -> usize {
        self.k.saturating_add(1)
    }
}

/// Counts the points within a finite distance.
pub(super) struct Count {
    except: u64,
    bound: f64,
    found: usize,
}

impl Count {
    pub(super) fn new(limit2: f64, except: Option<u32>) -> Self {
        Self {
            except: key_of(except),
            bound: limit2.min(f64::MAX),
            found: 0,
        }
    }

    pub(super) fn found(&self) -> usize {
        self.found
    }
}

impl Sink for Count {
    fn bound(&self) -> f64 {
        self.bound
    }

    #[inline]
    fn offer(&mut self, entry: &Entry, distance2: f64) {
        self.found += usize::from((distance2 <= self.bound) & self.wants(entry));
    }

    fn wants(&self, entry: &Entry) -> bool {
        u64::from(entry.scan_point) != self.except
    }

    fn enough(&self) -> usize {
        usize::MAX
    }

    fn of_one_place(&self) -> usize {
        usize::MAX
    }
}

/// Keeps the nearest at another position.
pub(super) struct Elsewhere {
    at: [f64; 2],
    bound: f64,
    found: bool,
}

impl Elsewhere {
    pub(super) fn new(at: [f64; 2]) -> Self {
        Self {
            at,
            bound: f64::MAX,
            found: false,
        }
    }

    pub(super) fn distance2(&self) -> Option<f64> {
        self.found.then_some(self.bound)
    }
}

impl Sink for Elsewhere {
    fn bound(&self) -> f64 {
        self.bound
    }

    fn offer(&mut self, entry: &Entry, distance2: f64) {
        if distance2 <= self.bound && self.wants(entry) {
            (self.bound, self.found) = (distance2, true);
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.at != self.at
    }

    fn enough(&self) -> usize {
        1
    }

    fn of_one_place(&self) -> usize {
        1
    }
}

/// Returns a number that no other scan point has, for comparing without a branch.
pub(super) fn key_of(except: Option<u32>) -> u64 {
    except.map_or(u64::MAX, u64::from)
}

/// Leaves the first `k`, in order.
pub(super) fn keep_nearest(out: &mut Vec<Neighbor>, k: usize) {
    if out.len() <= MAX_RANKED {
        if !sort_by_rank(out) {
            keep_sorting(out, k);
        }
    } else {
        if out.len() > k {
            out.select_nth_unstable_by(k, compare);
            out.truncate(k);
        }
        out.sort_unstable_by(compare);
    }
    out.truncate(k);
}

/// Sorts the first `k` of all to the front.
fn keep_sorting(out: &mut [Neighbor], k: usize) {
    for next in 1..out.len() {
        if next < k {
            sink_last(&mut out[..=next]);
        } else if out[next].is_before(&out[k - 1]) {
            out[k - 1] = out[next];
            sink_last(&mut out[..k]);
        }
    }
}

/// Moves the last to its place among the others, which are sorted.
fn sink_last(sorted: &mut [Neighbor]) {
    let Some(mut at) = sorted.len().checked_sub(1) else {
        return;
    };
    let last = sorted[at];
    while at > 0 && last.is_before(&sorted[at - 1]) {
        sorted[at] = sorted[at - 1];
        at -= 1;
    }
    sorted[at] = last;
}

/// Sorts by counting, for each element, how many are nearer: more comparisons than sorting takes, but no branch to
/// mispredict. Returns false, with nothing changed, if distances tie. Takes at most [`MAX_RANKED`] elements.
fn sort_by_rank(out: &mut [Neighbor]) -> bool {
    let mut distances = [f64::INFINITY; MAX_RANKED];
    for (distance, neighbor) in distances.iter_mut().zip(&*out) {
        *distance = neighbor.distance2;
    }
    let padded = &distances[..out.len().next_multiple_of(4)];
    let mut sorted = [Neighbor {
        distance2: 0.0,
        scan_point: 0,
    }; MAX_RANKED];
    let mut ranks = 0;
    for neighbor in &*out {
        let nearer = |distance: &f64| u64::from(*distance < neighbor.distance2);
        let rank = padded.iter().map(nearer).sum::<u64>() as usize;
        sorted[rank % MAX_RANKED] = *neighbor;
        ranks += rank;
    }
    // Elements that tie have the lowest of their ranks.
    let untied = ranks == out.len() * out.len().saturating_sub(1) / 2;
    if untied {
        out.copy_from_slice(&sorted[..out.len()]);
    }
    untied
}

fn compare(a: &Neighbor, b: &Neighbor) -> std::cmp::Ordering {
    a.distance2
        .total_cmp(&b.distance2)
        .then(a.scan_point.cmp(&b.scan_point))
}
