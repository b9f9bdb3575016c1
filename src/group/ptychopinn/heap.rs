//! Keeps the binary heap of the tree's queries, whose treatment of equal keys decides the order of equal
//! distances.

/// Holds an array heap with the smallest key at the root.
///
/// A new entry rises only while its key is strictly smaller than its parent's; on the way down the right
/// child is taken only if its key is strictly smaller than the left one's. The standard library's heap
/// promises neither.
#[derive(Debug, Clone)]
pub(super) struct Heap<T> {
    entries: Vec<(f64, T)>,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<T: Copy> Heap<T> {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the smallest key.
    pub(super) fn first_key(&self) -> Option<f64> {
        self.entries.first().map(|entry| entry.0)
    }

    pub(super) fn push(&mut self, key: f64, value: T) {
        let entries = &mut self.entries;
        let mut child = entries.len();
        entries.push((key, value));
        while child > 0 {
            let parent = (child - 1) / 2;
            if entries[child].0 < entries[parent].0 {
                entries.swap(child, parent);
                child = parent;
            } else {
                break;
            }
        }
    }

    /// Removes the root: the last entry takes its place and sinks.
    pub(super) fn pop(&mut self) -> Option<(f64, T)> {
        let last = self.entries.len().checked_sub(1)?;
        self.entries.swap(0, last);
        let root = self.entries.pop();
        let entries = &mut self.entries[..];
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            let sinks = |child: usize| child < last && entries[parent].0 > entries[child].0;
            if !(sinks(left) || sinks(right)) {
                return root;
            }
            let child = if right < last && entries[left].0 > entries[right].0 {
                right
            } else {
                left
            };
            entries.swap(parent, child);
            parent = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(keys: &[f64]) -> Vec<(f64, usize)> {
        let mut heap = Heap::default();
        for (value, &key) in keys.iter().enumerate() {
            heap.push(key, value);
        }
        std::iter::from_fn(|| heap.pop()).collect()
    }

    #[test]
    fn keys_come_out_in_order() {
        let keys = [5.0, 1.0, 4.0, 2.0, 3.0, 0.0];
        assert_eq!(
            drained(&keys)
                .iter()
                .map(|entry| entry.0)
                .collect::<Vec<_>>(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
    }

    #[test]
    fn equal_keys_come_out_last_in_second() {
        // The last entry takes the root's place and has no reason to sink.
        assert_eq!(
            drained(&[0.0; 5])
                .iter()
                .map(|entry| entry.1)
                .collect::<Vec<_>>(),
            [0, 4, 3, 2, 1]
        );
    }
}
