//! Selects and partitions in the exact order of swaps of the GNU C++ library, with which SciPy's wheels for
//! Linux are built.
//!
//! The C++ standard leaves the order of equal keys open; the leaves of the tree depend on it, so what that
//! library does is followed swap by swap. Keys are compared alone: there is no tie-break by index.

/// Describes a scan point on its way to its leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The position, (x, y).
    pub(super) at: [f64; 2],
    /// The scan point.
    pub(super) index: u32,
}

/// The largest number of entries that are sorted outright.
const SORTED_OUTRIGHT: usize = 3;

/// Brings the entry of rank `nth` (by `at[AXIS]`) to place `nth`, nothing greater before it, nothing smaller
/// after it.
///
/// Introselect: cut at a median of three and go on in the part that holds `nth`, until three entries are
/// left. After `2 * floor(log2(len))` cuts a heap finishes the work, which bounds the time on hostile input.
pub(super) fn nth_element<const AXIS: usize>(entries: &mut [Entry], nth: usize) {
    if nth >= entries.len() {
        return;
    }
    let mut cuts_left = 2 * entries.len().ilog2();
    let (mut low, mut high) = (0, entries.len());
    while high - low > SORTED_OUTRIGHT {
        if cuts_left == 0 {
            heap_select::<AXIS>(&mut entries[low..high], nth - low + 1);
            entries.swap(low, nth);
            return;
        }
        cuts_left -= 1;
        let cut = low + cut_at_median_of_three::<AXIS>(&mut entries[low..high]);
        if cut <= nth {
            low = cut;
        } else {
            high = cut;
        }
    }
    insertion_sort::<AXIS>(&mut entries[low..high]);
}

/// Swaps the median of the second, middle and last entry to the front and partitions the rest around it
/// (Hoare's way, equal keys stop both ends). Returns where the second part begins.
fn cut_at_median_of_three<const AXIS: usize>(entries: &mut [Entry]) -> usize {
    let median = median_of_three::<AXIS>(entries, 1, entries.len() / 2, entries.len() - 1);
    entries.swap(0, median);
    let pivot = entries[0].at[AXIS];
    let (mut up, mut down) = (1, entries.len());
    // Neither end leaves the slice: the other two of the three are not smaller and not greater than the
    // pivot.
    loop {
        while entries[up].at[AXIS] < pivot {
            up += 1;
        }
        down -= 1;
        while pivot < entries[down].at[AXIS] {
            down -= 1;
        }
        if up >= down {
            return up;
        }
        entries.swap(up, down);
        up += 1;
    }
}

/// Returns the place of the median of three; of equal keys, that which the library returns.
fn median_of_three<const AXIS: usize>(entries: &[Entry], a: usize, b: usize, c: usize) -> usize {
    let less = |i: usize, j: usize| entries[i].at[AXIS] < entries[j].at[AXIS];
    match (less(a, b), less(b, c), less(a, c)) {
        (true, true, _) => b,
        (true, false, true) => c,
        (true, false, false) => a,
        (false, _, true) => a,
        (false, true, false) => c,
        (false, false, false) => b,
    }
}

/// Sorts by swaps of neighbours, which is stable; meant for a handful of entries.
fn insertion_sort<const AXIS: usize>(entries: &mut [Entry]) {
    for end in 1..entries.len() {
        let mut place = end;
        while place > 0 && entries[place].at[AXIS] < entries[place - 1].at[AXIS] {
            entries.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// Leaves the `kept` smallest entries in front as a heap, the greatest of them first.
fn heap_select<const AXIS: usize>(entries: &mut [Entry], kept: usize) {
    let (heap, rest) = entries.split_at_mut(kept);
    for hole in (0..kept / 2).rev() {
        let entry = heap[hole];
        sink::<AXIS>(heap, hole, entry);
    }
    for entry in rest {
        if entry.at[AXIS] < heap[0].at[AXIS] {
            let smaller = std::mem::replace(entry, heap[0]);
            sink::<AXIS>(heap, 0, smaller);
        }
    }
}

/// Fills the hole at `top` with `entry`: the hole first sinks to the bottom along the greater children, then
/// `entry` rises from there. The detour is the library's, and it shows among equal keys.
fn sink<const AXIS: usize>(heap: &mut [Entry], top: usize, entry: Entry) {
    let mut hole = top;
    while 2 * hole + 2 < heap.len() {
        let (left, right) = (2 * hole + 1, 2 * hole + 2);
        let child = if heap[right].at[AXIS] < heap[left].at[AXIS] {
            left
        } else {
            right
        };
        heap[hole] = heap[child];
        hole = child;
    }
    if 2 * hole + 2 == heap.len() {
        heap[hole] = heap[2 * hole + 1];
        hole = 2 * hole + 1;
    }
    while hole > top && heap[(hole - 1) / 2].at[AXIS] < entry.at[AXIS] {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = entry;
}

/// Moves the entries with `at[AXIS] < split` to the front and returns their number: from both ends, swapping
/// the first that does not belong in front with the last that does.
pub(super) fn partition<const AXIS: usize>(entries: &mut [Entry], split: f64) -> usize {
    let (mut low, mut high) = (0, entries.len());
    loop {
        while low < high && entries[low].at[AXIS] < split {
            low += 1;
        }
        while low < high && entries[high - 1].at[AXIS] >= split {
            high -= 1;
        }
        if low == high {
            return low;
        }
        entries.swap(low, high - 1);
        low += 1;
        high -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(keys: &[f64]) -> Vec<Entry> {
        keys.iter()
            .zip(0..)
            .map(|(&key, index)| Entry {
                at: [key, 0.0],
                index,
            })
            .collect()
    }

    fn keys(entries: &[Entry]) -> Vec<f64> {
        entries.iter().map(|entry| entry.at[0]).collect()
    }

    /// A sequence that makes the median of the second, middle and last entry a bad one every time (Musser's).
    fn hostile(n: usize) -> Vec<f64> {
        let half = n / 2;
        let front = (1..=half).map(|i| if i % 2 == 1 { i } else { half + i - 1 } as f64);
        front.chain((1..=half).map(|i| (2 * i) as f64)).collect()
    }

    fn check_selects(values: &[f64], nth: usize) {
        let mut parted = entries(values);
        nth_element::<0>(&mut parted, nth);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let got = keys(&parted);
        assert_eq!(got[nth], sorted[nth]);
        assert!(
            got[..nth].iter().all(|&key| key <= got[nth])
                && got[nth..].iter().all(|&key| key >= got[nth])
        );
        let mut seen: Vec<u32> = parted.iter().map(|entry| entry.index).collect();
        seen.sort_unstable();
        assert!(
            seen.iter().copied().eq(0..values.len() as u32),
            "every entry is still there once"
        );
    }

    #[test]
    fn selection_finds_every_rank() {
        let scattered: Vec<f64> = (0..97).map(|i| f64::from(i * 37 % 23)).collect();
        for nth in 0..97 {
            check_selects(&scattered, nth);
            check_selects(&hostile(97)[..96], nth.min(95));
            check_selects(&[1.5; 97], nth);
        }
    }

    #[test]
    fn the_heap_leaves_the_smallest_in_front() {
        for kept in 1..40 {
            let mut parted = entries(&hostile(40));
            heap_select::<0>(&mut parted, kept);
            let front = keys(&parted[..kept]);
            assert!(front.iter().all(|&key| key <= front[0]));
            assert!(parted[kept..].iter().all(|entry| entry.at[0] >= front[0]));
        }
    }

    #[test]
    fn partition_swaps_from_both_ends() {
        let mut parted = entries(&[3.0, 1.0, 4.0, 1.0, 5.0, 0.0]);
        assert_eq!(partition::<0>(&mut parted, 3.0), 3);
        assert_eq!(
            parted.iter().map(|entry| entry.index).collect::<Vec<_>>(),
            [5, 1, 3, 2, 4, 0]
        );
        assert_eq!(partition::<0>(&mut parted, -1.0), 0);
        assert_eq!(partition::<0>(&mut parted, 9.0), 6);
    }
}
