//! Measures the diameter of each mode of a probe.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::diameter::{diameter, powers};
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
    description: "Returns the diameter, in pixels, of the circle about the centre of mass of |P|^2 that holds a \
                  fraction of the sum of |P|^2, with the power between the centres of pixels interpolated. Of a \
                  Gaussian it is right to 3 % from a standard deviation of one pixel on. Null for a probe without \
                  power. Of all modes together: total_probe_diameter.",
    example: "SELECT mode, round(probe_diameter(probe, 0.9), 2) AS diameter FROM probe",
    returns,
    call,
};

/// Checks that the arguments are complex images and a number, and returns the type of the diameter.
///
/// # Errors
/// If they are not.
pub fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
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

/// Returns the number of pixels in a row of the images of a column.
pub fn width(field: &Field) -> usize {
    tensor::shape(field)
        .and_then(|shape| shape.get(1).copied())
        .unwrap_or(1)
}

/// Checks that a fraction of the power is above 0 and at most 1.
///
/// # Errors
/// If it is not.
pub fn check_fraction(name: &str, fraction: f64) -> Result<f64> {
    match fraction > 0.0 && fraction <= 1.0 {
        true => Ok(fraction),
        false => {
            exec_err!("{name}: expected a fraction above 0 and at most 1, found {fraction}")
        }
    }
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let width = width(&arguments.fields[0]);
    let tensors = arguments.tensors(0)?;
    let fractions = arguments.numbers(1)?;
    let diameters: Result<Result<Float64Array>> = typed!(tensors.values, values => {
        let of_row = |(row, fraction): (usize, Option<f64>)| {
            let fraction = fraction.map(|fraction| check_fraction(arguments.name, fraction)).transpose()?;
            Ok(fraction.zip(tensors.row(row)).and_then(|(fraction, range)| {
                diameter(&powers(&values[range]), width, fraction)
            }))
        };
        fractions.iter().enumerate().map(of_row).collect()
    });
    Ok(Arc::new(diameters??))
}
