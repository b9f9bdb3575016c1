//! Computes one number per pattern: sums, extremes, counts.
//!
//! Sums of floats and of squares are computed in f64, sums of integers in integers. All use several independent
//! accumulators, so that the loops vectorise for every stored type.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveArray};
use arrow::datatypes::{DataType, FieldRef, Int64Type, UInt64Type};
use datafusion::error::Result;
use half::f16;

use super::level::Level;
use super::tensors::{expect_number, expect_tensors, typed};
use super::{Arguments, Definition};

const PATTERNS: (&str, &str) = ("diffraction", "The patterns: a column of tensors");

fn real_of_patterns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    expect_tensors(name, &fields[0])?;
    Ok(DataType::Float64)
}

fn count_of_patterns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    expect_tensors(name, &fields[0])?;
    fields[1..]
        .iter()
        .try_for_each(|field| expect_number(name, field))?;
    Ok(DataType::Int64)
}

const fn reduction(
    name: &'static str,
    description: &'static str,
    example: &'static str,
    call: fn(&Arguments) -> Result<ArrayRef>,
) -> Definition {
    Definition {
        name,
        arguments: &[PATTERNS],
        optional: 0,
        description,
        example,
        returns: real_of_patterns,
        call,
    }
}

macro_rules! each {
    ($arguments:ident, $row:ident => $value:expr) => {{
        let tensors = $arguments.tensors(0)?;
        let reduced: Result<Float64Array> = typed!(tensors.values, values => {
            let of_row = |row| tensors.row(row).and_then(|range| { let $row = &values[range]; $value });
            (0..$arguments.rows).map(of_row).collect()
        });
        Ok(Arc::new(reduced?))
    }};
}

/// Creates a function that returns one of a pattern's numbers. Float64 holds all of them but integers of 64 bits.
const fn extreme(
    name: &'static str,
    description: &'static str,
    example: &'static str,
    call: fn(&Arguments) -> Result<ArrayRef>,
) -> Definition {
    let mut definition = reduction(name, description, example, call);
    definition.returns = |name, fields| match expect_tensors(name, &fields[0])? {
        exact @ (DataType::Int64 | DataType::UInt64) => Ok(exact.clone()),
        _ => Ok(DataType::Float64),
    };
    definition
}

/// Returns the smallest or the largest number of each pattern.
fn extremes(arguments: &Arguments, which: Ordering) -> Result<ArrayRef> {
    let tensors = arguments.tensors(0)?;
    macro_rules! whole {
        ($type:ty) => {{
            let values = tensors.values.as_primitive::<$type>().values();
            let of_row = |row| {
                let values = values[tensors.row(row)?].iter().copied();
                values.reduce(|best, value| {
                    if value.cmp(&best) == which {
                        value
                    } else {
                        best
                    }
                })
            };
            let found = (0..arguments.rows).map(of_row);
            Ok(Arc::new(found.collect::<PrimitiveArray<$type>>()) as ArrayRef)
        }};
    }
    match (tensors.values.data_type(), which) {
        (DataType::Int64, _) => whole!(Int64Type),
        (DataType::UInt64, _) => whole!(UInt64Type),
        (_, Ordering::Less) => {
            each!(arguments, row => Pixel::extreme(row, |value, least| value < least))
        }
        _ => each!(arguments, row => Pixel::extreme(row, |value, most| value > most)),
    }
}

pub const SUM: Definition = reduction(
    "pattern_sum",
    "Returns the sum of a pattern's numbers as Float64.",
    "SELECT scan_point, pattern_sum(diffraction) AS total FROM scan ORDER BY total DESC LIMIT 3",
    |arguments| each!(arguments, row => Some(Pixel::sum(row))),
);

pub const MIN: Definition = extreme(
    "pattern_min",
    "Returns the smallest number of a pattern; NaN if the pattern holds a NaN. Of integers of 64 bits it is of their own \
     type, else Float64.",
    "SELECT min(pattern_min(diffraction)) AS smallest FROM scan",
    |arguments| extremes(arguments, Ordering::Less),
);

pub const MAX: Definition = extreme(
    "pattern_max",
    "Returns the largest number of a pattern; NaN if the pattern holds a NaN. Of integers of 64 bits it is of their own \
     type, else Float64.",
    "SELECT scan_point, pattern_max(diffraction) AS peak FROM scan ORDER BY peak DESC LIMIT 3",
    |arguments| extremes(arguments, Ordering::Greater),
);

pub const MEAN: Definition = reduction(
    "pattern_mean",
    "Returns the mean of a pattern's numbers as Float64.",
    "SELECT avg(pattern_mean(diffraction)) AS mean FROM scan",
    |arguments| each!(arguments, row => (!row.is_empty()).then(|| mean(row))),
);

pub const STD: Definition = reduction(
    "pattern_std",
    "Returns the standard deviation of a pattern's numbers, with the divisor n as in NumPy's std.",
    "SELECT scan_point, pattern_std(diffraction) AS deviation FROM scan ORDER BY deviation LIMIT 3",
    |arguments| each!(arguments, row => (!row.is_empty()).then(|| deviation(row))),
);

pub const ENERGY: Definition = reduction(
    "pattern_energy",
    "Returns the sum of the squares of a pattern's numbers; for amplitudes, that is the number of counts.",
    "SELECT scan_point / 64 AS part, avg(pattern_energy(diffraction)) AS energy FROM scan GROUP BY part ORDER BY part",
    |arguments| each!(arguments, row => Some(Pixel::energy(row))),
);

pub const SATURATED: Definition = Definition {
    name: "pattern_saturated",
    arguments: &[
        PATTERNS,
        (
            "level",
            "The number that the detector reads at its limit, as the file stores it",
        ),
    ],
    optional: 0,
    description: "Returns the number of a pattern's pixels that are at a level or above it. Integers are compared as \
                  integers, however large they are.",
    example: "SELECT count(*) AS frames FROM scan WHERE pattern_saturated(diffraction, 1000) > 0",
    returns: count_of_patterns,
    call: |arguments| {
        let levels = arguments.levels(1)?;
        let tensors = arguments.tensors(0)?;
        let counts: Result<Int64Array> = typed!(tensors.values, values => {
            let of_row = |(row, level): (usize, &Option<Level>)| {
                let (range, level) = tensors.row(row).zip(*level)?;
                Some(Pixel::count_from(&values[range], level))
            };
            levels.iter().enumerate().map(of_row).collect()
        });
        Ok(Arc::new(counts?))
    },
};

pub const NOT_FINITE: Definition = Definition {
    name: "pattern_not_finite",
    arguments: &[PATTERNS],
    optional: 0,
    description: "Returns the number of a pattern's pixels that are NaN or infinite.",
    example: "SELECT count(*) AS frames FROM scan WHERE pattern_not_finite(diffraction) > 0",
    returns: count_of_patterns,
    call: |arguments| {
        let tensors = arguments.tensors(0)?;
        let counts: Result<Int64Array> = typed!(tensors.values, values => {
            let of_row = |row| tensors.row(row).map(|range| count(&values[range], |value| !value.to_f64().is_finite()));
            (0..arguments.rows).map(of_row).collect()
        });
        Ok(Arc::new(counts?))
    },
};

/// Computes with numbers of one stored type.
pub trait Pixel: Copy + PartialOrd {
    /// Converts to f64; 64-bit integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;
    /// Returns the sum of some values.
    fn sum(values: &[Self]) -> f64;
    /// Returns the sum of the squares of some values.
    fn energy(values: &[Self]) -> f64;
    /// Returns the number of values that are at a level or above it, compared without rounding.
    fn count_from(values: &[Self], level: Level) -> i64;

    /// Returns whether the value is NaN.
    #[inline]
    fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// Returns the value that comes before all others; NaN if one is NaN.
    #[inline]
    fn extreme(values: &[Self], before: impl Fn(Self, Self) -> bool + Copy) -> Option<f64> {
        let first = *values.first()?;
        let keep = |best: Self, value: Self| {
            if before(value, best) | value.is_nan() {
                value
            } else {
                best
            }
        };
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut lanes = [first; LANES];
        for block in blocks {
            lanes
                .iter_mut()
                .zip(block)
                .for_each(|(lane, value)| *lane = keep(*lane, *value));
        }
        Some(
            lanes
                .iter()
                .chain(rest)
                .fold(first, |best, value| keep(best, *value))
                .to_f64(),
        )
    }
}

const LANES: usize = 16;

/// Returns the sum of a term of each value, in f64.
#[inline]
pub fn sum_of<T: Copy>(values: &[T], term: impl Fn(T) -> f64) -> f64 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        lanes
            .iter_mut()
            .zip(block)
            .for_each(|(lane, value)| *lane += term(*value));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| term(*value)).sum::<f64>()
}

pub fn mean<T: Pixel>(values: &[T]) -> f64 {
    T::sum(values) / values.len() as f64
}

fn deviation<T: Pixel>(values: &[T]) -> f64 {
    let mean = mean(values);
    let squares = sum_of(values, |value| {
        (value.to_f64() - mean) * (value.to_f64() - mean)
    });
    (squares / values.len() as f64).sqrt()
}

fn count<T: Copy>(values: &[T], counts: impl Fn(T) -> bool) -> i64 {
    // A block is short enough for a 32-bit counter, which vectorises better.
    let of_block = |block: &[T]| {
        block
            .iter()
            .map(|value| u32::from(counts(*value)))
            .sum::<u32>()
    };
    values
        .chunks(1 << 16)
        .map(|block| i64::from(of_block(block)))
        .sum()
}

macro_rules! float {
    ($type:ty) => {
        impl Pixel for $type {
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn sum(values: &[Self]) -> f64 {
                sum_of(values, f64::from)
            }
            fn energy(values: &[Self]) -> f64 {
                sum_of(values, |value| f64::from(value) * f64::from(value))
            }
            fn count_from(values: &[Self], level: Level) -> i64 {
                let level = level.as_real();
                count(values, |value| value.to_f64() >= level)
            }
        }
    };
}

/// Returns how many integers are at or above a level, which need not be one that their type has.
fn count_whole_from<T: Pixel + PartialOrd + TryFrom<i128>>(values: &[T], level: Level) -> i64 {
    let Some(level) = level.as_whole() else {
        return 0;
    };
    match T::try_from(level) {
        Ok(level) => count(values, |value| value >= level),
        Err(_) if level < 0 => values.len() as i64,
        Err(_) => 0,
    }
}

/// Implements [`Pixel`] for integers that are summed in `$sum`, and their squares in `$square`, over blocks so short that
/// neither can overflow.
macro_rules! integer {
    ($type:ty, $sum:ty, $square:ty, $block:expr) => {
        impl Pixel for $type {
            #[inline]
            #[allow(clippy::cast_lossless)] // not for every type of the macro
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[allow(clippy::cast_lossless)]
            fn sum(values: &[Self]) -> f64 {
                let of_block =
                    |block: &[Self]| block.iter().map(|value| *value as $sum).sum::<$sum>() as f64;
                values.chunks($block).map(of_block).sum()
            }
            #[allow(clippy::cast_lossless)]
            fn energy(values: &[Self]) -> f64 {
                let square = |value: &Self| {
                    let value = value.unsigned_abs_() as $square;
                    u64::from(value * value)
                };
                values
                    .chunks($block)
                    .map(|block| block.iter().map(square).sum::<u64>() as f64)
                    .sum()
            }
            fn count_from(values: &[Self], level: Level) -> i64 {
                count_whole_from(values, level)
            }
        }
    };
}

/// Implements [`Pixel`] for wide integers, which are summed in f64, since no integer holds their sums.
macro_rules! wide {
    ($type:ty) => {
        impl Pixel for $type {
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn sum(values: &[Self]) -> f64 {
                sum_of(values, |value| value as f64)
            }
            fn energy(values: &[Self]) -> f64 {
                sum_of(values, |value| value as f64 * value as f64)
            }
            fn count_from(values: &[Self], level: Level) -> i64 {
                count_whole_from(values, level)
            }
        }
    };
}

/// Returns the absolute value of an integer, signed or not.
trait Size {
    type Unsigned;
    fn unsigned_abs_(self) -> Self::Unsigned;
}

macro_rules! size {
    ($($signed:ty, $unsigned:ty);*) => {
        $(
            impl Size for $signed {
                type Unsigned = $unsigned;
                #[inline]
                fn unsigned_abs_(self) -> $unsigned {
                    self.unsigned_abs()
                }
            }
            impl Size for $unsigned {
                type Unsigned = $unsigned;
                #[inline]
                fn unsigned_abs_(self) -> $unsigned {
                    self
                }
            }
        )*
    };
}

size!(i8, u8; i16, u16);
float!(f32);
float!(f64);
float!(f16);
integer!(u8, u32, u32, 1 << 16);
integer!(i8, i32, u32, 1 << 16);
integer!(u16, u32, u32, 1 << 16);
integer!(i16, i32, u32, 1 << 15);
wide!(u32);
wide!(i32);
wide!(u64);
wide!(i64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with plain loops, at lengths around those of lanes and blocks.
    #[test]
    fn sums_are_those_of_plain_loops() {
        for len in [0, 1, 15, 16, 17, 4096, (1 << 16) + 3] {
            let counts: Vec<u16> = (0..len).map(|i: u64| (i * 40503 % 65536) as u16).collect();
            let exact: u64 = counts.iter().map(|value| u64::from(*value)).sum();
            let squares: u64 = counts
                .iter()
                .map(|value| u64::from(*value) * u64::from(*value))
                .sum();
            assert_eq!(
                (Pixel::sum(&counts), Pixel::energy(&counts)),
                (exact as f64, squares as f64),
                "{len}"
            );
            let signed: Vec<i16> = counts.iter().map(|value| value.cast_signed()).collect();
            let exact: i64 = signed.iter().map(|value| i64::from(*value)).sum();
            assert_eq!(Pixel::sum(&signed), exact as f64);
            let real: Vec<f32> = counts.iter().map(|value| f32::from(*value)).collect();
            assert_eq!(
                (Pixel::sum(&real), Pixel::energy(&real)),
                (Pixel::sum(&counts), Pixel::energy(&counts))
            );
            let most = counts.iter().max().map(|value| f64::from(*value));
            assert_eq!(Pixel::extreme(&counts, |a, b| a > b), most);
            assert_eq!(Pixel::extreme(&real, |a, b| a > b), most);
            assert_eq!(
                Pixel::count_from(&counts, Level::Real(59999.5)),
                counts.iter().filter(|v| **v >= 60000).count() as i64
            );
        }
        assert_eq!(
            Pixel::sum(&[u16::MAX; 1 << 17]),
            65535.0 * f64::from(1 << 17)
        );
        assert_eq!(Pixel::energy(&[i16::MIN; 1 << 17]), (1u64 << 47) as f64);
        assert_eq!(Pixel::sum(&[i8::MIN; 1 << 17]), -f64::from(1 << 24));
        assert_eq!(
            Pixel::energy(&[u32::MAX, 0]),
            f64::from(u32::MAX) * f64::from(u32::MAX)
        );
    }

    #[test]
    fn what_is_no_number_shows() {
        for place in [0, 3, 16, 39] {
            let mut values = vec![1.0_f32; 40];
            values[place] = f32::NAN;
            assert!(
                Pixel::extreme(&values, |a, b| a > b).is_some_and(f64::is_nan),
                "{place}"
            );
            assert!(
                Pixel::extreme(&values, |a, b| a < b).is_some_and(f64::is_nan),
                "{place}"
            );
            assert_eq!(count(&values, |value: f32| !value.is_finite()), 1);
        }
    }

    /// Compares integers and levels around 2^53, where f64 has only every second integer.
    #[test]
    fn levels_are_compared_without_rounding() {
        let edge = 1u64 << 53;
        let values: Vec<u64> = vec![edge, edge + 1, edge + 2, u64::MAX];
        let signed: Vec<i64> = vec![i64::MIN, -1, edge as i64, edge as i64 + 1];
        for (level, above) in [
            (edge, 4),
            (edge + 1, 3),
            (edge + 2, 2),
            (edge + 3, 1),
            (u64::MAX, 1),
        ] {
            let level = Level::Whole(i128::from(level));
            assert_eq!(Pixel::count_from(&values, level), above, "{level:?}");
        }
        assert_eq!(Pixel::count_from(&signed, Level::Whole(1 << 53)), 2);
        assert_eq!(Pixel::count_from(&signed, Level::Whole((1 << 53) + 1)), 1);
        assert_eq!(Pixel::count_from(&signed, Level::Real(-1.5)), 3);
        assert_eq!(Pixel::count_from(&values, Level::Real(-1e300)), 4);
        assert_eq!(Pixel::count_from(&values, Level::Real(1e300)), 0);
        assert_eq!(Pixel::count_from(&values, Level::Real(f64::NAN)), 0);
        // 2^53 + 1 lies between two numbers of f64: the upper one is at that level, the lower one is not.
        let real: Vec<f64> = vec![edge as f64, (edge + 2) as f64, f64::NAN];
        assert_eq!(Pixel::count_from(&real, Level::Whole((1 << 53) + 1)), 1);
        assert_eq!(Pixel::count_from(&real, Level::Whole(1 << 53)), 2);
        assert_eq!(Pixel::count_from(&[7u8, 8, 255], Level::Real(7.5)), 2);
        assert_eq!(Pixel::count_from(&[7u8, 8, 255], Level::Whole(256)), 0);
    }

    #[test]
    fn deviations_are_numpys() {
        // np.std([1, 2, 3, 4]), and of numbers far from zero.
        assert_eq!(deviation(&[1.0_f32, 2.0, 3.0, 4.0]), 1.118033988749895);
        assert_eq!(
            deviation(&[1e9, 1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]),
            1.118033988749895
        );
    }
}
