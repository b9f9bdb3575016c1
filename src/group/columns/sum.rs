//! Adds numbers in an order that no machine, thread or partition changes: NumPy's pairwise order.
//!
//! - Fewer than 8 numbers are added from left to right.
//! - 8 to 128 numbers are added in eight sums: sum j takes the numbers j, j + 8, j + 16, ... of the longest
//!   part whose length is a multiple of 8. The total is ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)), to
//!   which the numbers that are left are added one by one.
//! - More numbers are divided: the first `h = len div 2 - (len div 2) mod 8` are added by these rules, the
//!   others by these rules, and then both sums.
//!
//! Source: `pairwise_sum` in NumPy's `loops_utils.h.src`.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Names the type that results are rounded to at each step. Adding, subtracting or dividing two f32 numbers
/// in f64 and rounding the result to f32 gives what f32 arithmetic gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// The type is f32.
    Single,
    /// The type is f64.
    Double,
}

impl Rounding {
    /// Returns the nearest number of the type.
    #[inline]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::Single => f64::from(value as f32),
            Self::Double => value,
        }
    }
}

/// Returns the sum of `values`.
pub fn sum(values: &[f64]) -> f64 {
    sum_of(values, |value| value)
}

/// Returns the sum of the squares of `values`.
pub fn power(values: &[f64]) -> f64 {
    sum_of(values, |value| value * value)
}

/// Returns the mean of `values`, every step rounded.
pub fn mean(values: &[f64], rounding: Rounding) -> f64 {
    let total = match rounding {
        Rounding::Double => sum(values),
        Rounding::Single => f64::from(sum_of(values, |value| value as f32)),
    };
    rounding.round(total / values.len() as f64)
}

/// Returns the sum of the terms of `values`, in the type of the terms.
fn sum_of<T>(values: &[f64], term: impl Fn(f64) -> T + Copy) -> T
where
    T: Copy + Default + Add<Output = T> + AddAssign + Sum,
{
    match values.len() {
        0..8 => values.iter().map(|value| term(*value)).sum(),
        8..=128 => {
            let (blocks, rest) = values.as_chunks::<8>();
            let mut sums = [T::default(); 8];
            for block in blocks {
                sums.iter_mut()
                    .zip(block)
                    .for_each(|(sum, value)| *sum += term(*value));
            }
            let [a, b, c, d, e, f, g, h] = sums;
            let blocks = ((a + b) + (c + d)) + ((e + f) + (g + h));
            rest.iter().fold(blocks, |sum, value| sum + term(*value))
        }
        len => {
            let half = len / 2 - len / 2 % 8;
            sum_of(&values[..half], term) + sum_of(&values[half..], term)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_in_numpys_order() {
        // np.sum of these, bit for bit.
        let values: Vec<f64> = (0..1000).map(|i| 0.1 * f64::from(i)).collect();
        assert_eq!(sum(&values), 49950.0);
        assert_eq!(sum(&values[..9]), 3.6000000000000005);
        assert_eq!(sum(&values[..7]), 2.1);
        assert_eq!(power(&[3.0, 4.0]), 25.0);
        assert_eq!(sum(&[]), 0.0);
    }
}
