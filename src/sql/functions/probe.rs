//! Measures the diameter of a probe.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::reduce::Pixel;
use super::tensors::{expect_number, expect_tensors, typed};
use super::{Arguments, Definition};
use crate::array::tensor;

pub const PROBE_DIAMETER: Definition = Definition {
    name: "probe_diameter",
    arguments: &[
        (
            "probe",
            "The probe: a column of complex tensors [N, N, 2], one mode per row",
        ),
        (
            "fraction",
            "The part of the power inside the circle, above 0 and at most 1",
        ),
    ],
    optional: 0,
    description: "Returns the diameter, in pixels, of the smallest circle about the centre of mass of |P|^2 that holds a \
                  fraction of the sum of |P|^2: twice the distance to the centre of the farthest pixel inside. Null \
                  for a probe without power.",
    example: "SELECT mode, round(probe_diameter(probe, 0.9), 2) AS diameter FROM probe",
    returns,
    call,
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    expect_tensors(name, &fields[0])?;
    expect_number(name, &fields[1])?;
    match tensor::shape(&fields[0]).as_deref() {
        Some([_, _, 2]) => Ok(DataType::Float64),
        shape => plan_err!(
            "{name}: expected complex tensors [N, N, 2], as probe has them in `probe`; those of `{}` have the \
             shape {:?}",
            fields[0].name(),
            shape.unwrap_or_default()
        ),
    }
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let width = tensor::shape(&arguments.fields[0])
        .and_then(|shape| shape.get(1).copied())
        .unwrap_or(1);
    let tensors = arguments.tensors(0)?;
    let fractions = arguments.numbers(1)?;
    let diameters: Result<Result<Float64Array>> = typed!(tensors.values, values => {
        let of_row = |(row, fraction): (usize, Option<f64>)| match fraction {
            Some(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                exec_err!("{}: expected a fraction above 0 and at most 1, found {fraction}", arguments.name)
            }
            fraction => Ok(fraction.zip(tensors.row(row)).and_then(|(fraction, range)| {
                diameter(&values[range], width, fraction)
            })),
        };
        fractions.iter().enumerate().map(of_row).collect()
    });
    Ok(Arc::new(diameters??))
}

fn diameter<T: Pixel>(probe: &[T], width: usize, fraction: f64) -> Option<f64> {
    let (parts, _) = probe.as_chunks::<2>();
    let power = |[re, im]: &[T; 2]| re.to_f64() * re.to_f64() + im.to_f64() * im.to_f64();
    let place = |at: usize| [(at / width) as f64, (at % width) as f64];
    let pixels: Vec<([f64; 2], f64)> = parts
        .iter()
        .enumerate()
        .map(|(at, parts)| (place(at), power(parts)))
        .collect();
    let total: f64 = pixels.iter().map(|(_, power)| power).sum();
    if !total.is_finite() || total <= 0.0 {
        return None;
    }
    let moment = |axis: usize| {
        pixels
            .iter()
            .map(|(place, power)| place[axis] * power)
            .sum::<f64>()
            / total
    };
    let center = [moment(0), moment(1)];
    let square = |[row, col]: [f64; 2]| (row - center[0]).powi(2) + (col - center[1]).powi(2);
    let mut by_distance: Vec<(f64, f64)> = pixels
        .iter()
        .map(|(place, power)| (square(*place), *power))
        .collect();
    by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut held = 0.0;
    // A sum in another order may miss the total by a rounding error.
    let wanted = fraction * total * (1.0 - 1e-12);
    let edge = by_distance.iter().find(|(_, power)| {
        held += power;
        held >= wanted
    });
    edge.or(by_distance.last())
        .map(|(square, _)| 2.0 * square.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diameter_of_a_disc_and_of_a_gaussian() {
        let n = 101;
        let image = |value: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let at = |i: usize| i as f64 - 50.0;
            let pixels = (0..n * n).map(|i| (at(i / n), at(i % n)));
            pixels
                .flat_map(|(y, x)| [value((x * x + y * y).sqrt()), 0.0])
                .collect()
        };
        let disc = image(&|r| f64::from(u8::from(r <= 20.0)));
        assert_eq!(diameter(&disc, n, 1.0), Some(40.0));
        // Half the area has 1/sqrt(2) of the diameter.
        assert!((diameter(&disc, n, 0.5).unwrap() - 40.0 / 2f64.sqrt()).abs() < 0.5);
        // |P|^2 = exp(-2 r^2 / w^2) holds 1 - exp(-2 r^2 / w^2) within r.
        let w: f64 = 15.0;
        let gaussian = image(&|r| (-(r / w).powi(2)).exp());
        let r = w * (-(1.0 - 0.9_f64).ln() / 2.0).sqrt();
        assert!((diameter(&gaussian, n, 0.9).unwrap() - 2.0 * r).abs() < 0.5);
        assert_eq!(diameter(&[0.0, 0.0], 1, 0.9), None);
    }
}
