//! Sums up the values of a row, so that they need not be kept.

use rayon::prelude::*;

use crate::array::{Column, Numbers, RowSet};
use crate::error::Result;
use crate::table::DEFAULT_BATCH_BYTES;

/// The number of values that are cast and looked at together: they stay in the cache, however large a row is.
const PIECE: usize = 1 << 14;

/// Describes a row of numbers in 64 bytes; the parts of a complex number count as two values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The sum of the finite values.
    pub sum: f64,
    /// The smallest finite value; infinity if there is none.
    pub min: f64,
    /// The largest finite value; negative infinity if there is none.
    pub max: f64,
    /// The next lower finite value; negative infinity if there is none.
    pub next: f64,
    /// The number of values equal to `max`.
    pub at_max: u64,
    /// The number of values equal to `next`.
    pub at_next: u64,
    /// The number of finite values below 0.
    pub negative: u64,
    /// The number of values that are infinite or NaN.
    pub not_finite: u64,
}

impl Default for Summary {
    fn default() -> Self {
        let none = f64::NEG_INFINITY;
        Self {
            sum: 0.0,
            min: f64::INFINITY,
            max: none,
            next: none,
            at_max: 0,
            at_next: 0,
            negative: 0,
            not_finite: 0,
        }
    }
}

impl Summary {
    /// Sums up these values.
    pub fn of(values: &[f64]) -> Self {
        let mut summary = Self::default();
        for value in values {
            if !value.is_finite() {
                summary.not_finite += 1;
                continue;
            }
            summary.sum += value;
            summary.min = summary.min.min(*value);
            summary.negative += u64::from(*value < 0.0);
            if *value >= summary.next {
                summary.rank(*value, 1);
            }
        }
        summary
    }

    /// Sums up these values in pieces of one size, as rows are that are read.
    pub fn in_pieces(values: &[f64]) -> Self {
        let pieces = values.chunks(PIECE).map(Self::of);
        pieces.fold(Self::default(), |sum, piece| sum.with(&piece))
    }

    /// Sums up the values of both.
    pub fn with(mut self, other: &Self) -> Self {
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.negative += other.negative;
        self.not_finite += other.not_finite;
        self.rank(other.max, other.at_max);
        self.rank(other.next, other.at_next);
        self
    }

    /// Returns whether any value is finite.
    pub fn has_values(&self) -> bool {
        self.at_max > 0
    }

    /// Returns whether all values are finite and equal.
    pub fn is_constant(&self) -> bool {
        self.has_values() && self.at_next == 0 && self.not_finite == 0
    }

    /// Counts a value that occurs `times` times among the largest or the next lower ones, if it is one.
    fn rank(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        if value > self.max {
            (self.next, self.at_next) = (self.max, self.at_max);
            (self.max, self.at_max) = (value, times);
        } else if value == self.max {
            self.at_max += times;
        } else if value > self.next {
            (self.next, self.at_next) = (value, times);
        } else if value == self.next {
            self.at_next += times;
        }
    }
}

/// Sums up every row of a column of numbers, one batch at a time, on all cores.
///
/// The result does not depend on the number of cores. It is empty for rows without values. `progress` is told
/// the bytes of each batch after it was read, and may end the pass.
///
/// # Errors
/// If the column cannot be read, or those of `progress`.
pub fn summaries(
    column: &Column,
    mut progress: impl FnMut(u64) -> Result<()>,
) -> Result<Vec<Summary>> {
    // Grows with what was read: a header may claim any number of rows.
    let mut summaries = Vec::new();
    if column.row_bytes() == 0 {
        return Ok(summaries);
    }
    let step = (DEFAULT_BATCH_BYTES / column.row_bytes()).max(1);
    for start in (0..column.num_rows()).step_by(step) {
        let rows = start..(start + step).min(column.num_rows());
        let data = column.numbers(&RowSet::Range(rows))?;
        let of_batch: Vec<Summary> = (0..data.len())
            .into_par_iter()
            .map(|place| pieces(&data, place))
            .collect();
        summaries.extend(of_batch);
        progress((data.len() * column.row_bytes()) as u64)?;
    }
    Ok(summaries)
}

/// Sums up one row, in pieces of one size that are added in order, so that the sum does not depend on the
/// threads.
pub fn pieces(data: &Numbers<'_>, place: usize) -> Summary {
    let bytes = PIECE * data.rows().scalar().num_bytes();
    let of_piece = |values: &mut Vec<f64>, piece: &[u8]| {
        values.clear();
        data.extend_f64_from(piece, values);
        Summary::of(values)
    };
    let pieces: Vec<Summary> = data
        .rows()
        .row(place)
        .par_chunks(bytes)
        .map_init(Vec::new, of_piece)
        .collect();
    pieces.iter().fold(Summary::default(), Summary::with)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn naive(values: &[f64]) -> Summary {
        let finite: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .collect();
        let largest = |of: &[f64]| of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let count = |of: f64| finite.iter().filter(|value| **value == of).count() as u64;
        let max = largest(&finite);
        let lower: Vec<f64> = finite
            .iter()
            .copied()
            .filter(|value| *value < max)
            .collect();
        let next = largest(&lower);
        Summary {
            sum: finite.iter().sum::<f64>() + 0.0,
            min: finite.iter().copied().fold(f64::INFINITY, f64::min),
            max,
            next,
            at_max: count(max),
            at_next: count(next),
            negative: finite.iter().filter(|value| **value < 0.0).count() as u64,
            not_finite: (values.len() - finite.len()) as u64,
        }
    }

    properties! {
        #[test]
        fn summaries_match_naive(values in vec(prop::sample::select(vec![
            -2.0, -1.0, -0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 4.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY,
        ]), 0..40), cut in 0usize..40) {
            // Whole numbers: their sum is exact, whatever the order.
            prop_assert_eq!(Summary::of(&values), naive(&values));
            let (first, second) = values.split_at(cut.min(values.len()));
            prop_assert_eq!(Summary::of(first).with(&Summary::of(second)), naive(&values));
        }
    }
}
