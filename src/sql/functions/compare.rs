//! Compares two patterns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;

use super::reduce::{Pixel, mean, sum_of};
use super::tensors::{expect_tensors, typed};
use super::{Arguments, Definition};

pub const CORRELATION: Definition = Definition {
    name: "correlation",
    arguments: &[
        ("a", "The patterns: a column of tensors"),
        ("b", "Other patterns of the same type and shape"),
    ],
    optional: 0,
    description: "Returns Pearson's correlation of two patterns, from -1 to 1. It is 1 for patterns that differ only by \
                  a positive factor and an offset, and null where a pattern is constant, or holds a pixel that is NaN \
                  or infinite.",
    example: "SELECT a.scan_point, round(correlation(a.diffraction, b.diffraction), 6) AS r FROM scan AS a JOIN scan \
              AS b ON b.scan_point = a.scan_point + 1 WHERE a.scan_point < 3 ORDER BY a.scan_point",
    returns,
    call,
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    let (a, b) = (
        expect_tensors(name, &fields[0])?,
        expect_tensors(name, &fields[1])?,
    );
    let len = |field: &FieldRef| match field.data_type() {
        DataType::FixedSizeList(_, len) => Some(*len),
        _ => None,
    };
    match (len(&fields[0]), len(&fields[1])) {
        _ if a != b => {
            plan_err!("{name}: found patterns of {a} and of {b}, expected the same type")
        }
        (Some(a), Some(b)) if a != b => {
            plan_err!("{name}: found patterns of {a} and of {b} pixels, expected the same number")
        }
        _ => Ok(DataType::Float64),
    }
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let (a, b) = (arguments.tensors(0)?, arguments.tensors(1)?);
    let correlations: Result<Result<Float64Array>> = typed!(a.values, left => {
        // Both are of the same type.
        typed!(b.values, right => {
            let of_row = |row| {
                let (left, right) = (&left[a.row(row)?], &right[b.row(row)?]);
                if left.len() == right.len() { correlation(left, right) } else { None }
            };
            (0..arguments.rows).map(of_row).collect()
        })
    });
    Ok(Arc::new(correlations??))
}

fn correlation<A: Pixel, B: Pixel>(a: &[A], b: &[B]) -> Option<f64> {
    // The rounded mean of equal numbers may be another number, from which all of them deviate alike.
    if is_constant(a) || is_constant(b) {
        return None;
    }
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut products, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        let pairs: Vec<(f64, f64)> = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a.to_f64() - mean_a, b.to_f64() - mean_b))
            .collect();
        products += sum_of(&pairs, |(a, b)| a * b);
        squares_a += sum_of(&pairs, |(a, _)| a * a);
        squares_b += sum_of(&pairs, |(_, b)| b * b);
    }
    let scale = (squares_a * squares_b).sqrt();
    let correlation = (products / scale).clamp(-1.0, 1.0);
    (scale > 0.0 && !correlation.is_nan()).then_some(correlation)
}

fn is_constant<T: Pixel>(values: &[T]) -> bool {
    values.iter().all(|value| *value == values[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_no_correlation_however_their_means_are_rounded() {
        for len in [1, 3, 10, 64 * 64, 100 * 100] {
            let of = |value: f64| vec![value; len];
            assert_eq!(correlation(&of(0.1), &of(0.1)), None, "{len}");
            assert_eq!(correlation(&of(0.1), &of(0.3)), None, "{len}");
            let ramp: Vec<f64> = (0..len).map(|i| i as f64).collect();
            assert_eq!(correlation(&ramp, &of(0.1)), None, "{len}");
        }
        assert_eq!(correlation::<f64, f64>(&[], &[]), None);
    }

    #[test]
    fn what_is_no_number_has_no_correlation_and_none_is_beyond_one() {
        let ramp: Vec<f64> = (0..99).map(|i| f64::from(i) / 7.0).collect();
        for bad in [f64::NAN, f64::INFINITY] {
            let mut spoilt = ramp.clone();
            spoilt[50] = bad;
            assert_eq!(correlation(&ramp, &spoilt), None);
        }
        let scaled: Vec<f64> = ramp.iter().map(|value| 1.0 - 3.0 * value).collect();
        assert_eq!(correlation(&ramp, &ramp), Some(1.0));
        assert!((correlation(&ramp, &scaled).unwrap() + 1.0).abs() < 1e-14);
    }
}
