//! Sums in an order that no machine, thread or partition changes: NumPy's pairwise order.
//!
//! Up to 8 numbers are added left to right. Up to 128 run in eight sums side by side, which are added as
//! ((0+1)+(2+3))+((4+5)+(6+7)), the rest one by one. More are halved at a multiple of 8. Source: `pairwise_sum` in
//! NumPy's `loops_utils.h.src`.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// The type that sums are rounded to at each step. Adding, subtracting and dividing two f4 numbers in f8 and rounding
/// the result to f4 gives what f4 arithmetic gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// f4.
    Single,
    /// f8.
    Double,
}

impl Rounding {
    /// The nearest number of the type.
    #[inline]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::Single => f64::from(value as f32),
            Self::Double => value,
        }
    }
}

/// The sum of `values`.
pub fn sum(values: &[f64]) -> f64 {
    sum_of(values, |value| value)
}

/// The sum of the squares of `values`.
pub fn power(values: &[f64]) -> f64 {
    sum_of(values, |value| value * value)
}

/// The mean of `values`, every step rounded.
pub fn mean(values: &[f64], rounding: Rounding) -> f64 {
    let total = match rounding {
        Rounding::Double => sum(values),
        Rounding::Single => f64::from(sum_of(values, |value| value as f32)),
    };
    rounding.round(total / values.len() as f64)
}

/// The sum of the terms of `values`, in the type of the terms.
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
