//! Selects rows of a column or table.

use std::ops::Range;

/// Selects rows to read: a range, or any rows in any order.
#[derive(Debug, Clone)]
pub enum RowSet<'a> {
    /// The rows of a range.
    Range(Range<usize>),
    /// These rows, in this order; a row may occur more than once.
    List(&'a [usize]),
}

impl RowSet<'_> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the row at a place of the set.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place],
        }
    }

    /// Returns the rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let (range, list) = match self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::List(list) => (0..0, *list),
        };
        range.chain(list.iter().copied())
    }

    /// Returns whether all rows lie below `num_rows`.
    pub(super) fn lie_within(&self, num_rows: usize) -> bool {
        match self {
            Self::Range(range) => range.is_empty() || range.end <= num_rows,
            Self::List(list) => list.iter().all(|row| *row < num_rows),
        }
    }
}
