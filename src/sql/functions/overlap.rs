//! Computes how far the probes at two positions overlap.

use std::f64::consts::PI;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;

use super::tensors::expect_number;
use super::{Arguments, Definition};

const ARGUMENTS: &[(&str, &str)] = &[
    ("d", "The distance between two positions"),
    ("diameter", "The diameter of the probe, D, in the same unit"),
];

pub const LINEAR_OVERLAP: Definition = Definition {
    name: "linear_overlap",
    arguments: ARGUMENTS,
    optional: 0,
    description: "Returns 1 - d/D: 1 for one place, 0 where two discs touch, and less than 0 where there is a gap between \
                  them. NaN where a number is NaN, null where D is not above 0.",
    example: "SELECT linear_overlap(5, 20) AS overlap",
    returns,
    call: |arguments| call(arguments, linear),
};

pub const AREA_OVERLAP: Definition = Definition {
    name: "area_overlap",
    arguments: ARGUMENTS,
    optional: 0,
    description: "Returns the common area of two discs of diameter D at the distance d, divided by the area of one disc: \
                  [2R^2 acos(d/2R) - (d/2) sqrt(4R^2 - d^2)] / (pi R^2) with D = 2R; 0 from d = D on. NaN where \
                  a number is NaN, null where D is not above 0.",
    example: "SELECT rank, round(avg(area_overlap(distance, 20)), 3) AS overlap FROM neighbors GROUP BY rank ORDER BY \
              rank",
    returns,
    call: |arguments| call(arguments, area),
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    fields
        .iter()
        .try_for_each(|field| expect_number(name, field))?;
    Ok(DataType::Float64)
}

fn call(arguments: &Arguments, overlap: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (distances, diameters) = (arguments.numbers(0)?, arguments.numbers(1)?);
    let pairs = distances.iter().zip(diameters.iter());
    // Without a positive diameter the overlap is not defined. NaN is no diameter either, but it shows.
    let overlap = |(d, diameter): (Option<f64>, Option<f64>)| {
        let (d, diameter) = d.zip(diameter)?;
        match d.is_nan() || diameter.is_nan() {
            true => Some(f64::NAN),
            false => (diameter > 0.0).then(|| overlap(d.abs(), diameter)),
        }
    };
    Ok(Arc::new(pairs.map(overlap).collect::<Float64Array>()))
}

fn linear(d: f64, diameter: f64) -> f64 {
    1.0 - d / diameter
}

fn area(d: f64, diameter: f64) -> f64 {
    let (r, d) = (diameter / 2.0, d.min(diameter));
    let lens = 2.0 * r * r * (d / diameter).acos()
        - d / 2.0 * (diameter * diameter - d * d).max(0.0).sqrt();
    lens / (PI * r * r)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the number of points of a fine grid that lie in both discs.
    #[test]
    fn areas_are_those_of_counted_points() {
        const SIDE: i32 = 800;
        for d in [0.0, 0.25, 0.7, 1.0, 1.5, 1.99, 2.0, 3.0] {
            let (mut both, mut one) = (0, 0);
            for (i, j) in (-SIDE..=SIDE).flat_map(|i| (-SIDE..=SIDE).map(move |j| (i, j))) {
                let (x, y) = (
                    f64::from(i) / f64::from(SIDE),
                    f64::from(j) / f64::from(SIDE),
                );
                if x * x + y * y <= 1.0 {
                    one += 1;
                    both += i32::from((x - d) * (x - d) + y * y <= 1.0);
                }
            }
            let counted = f64::from(both) / f64::from(one);
            assert!(
                (area(d, 2.0) - counted).abs() < 2e-3,
                "{d}: {} and {counted}",
                area(d, 2.0)
            );
        }
        assert_eq!(
            (area(0.0, 7.0), area(7.0, 7.0), area(8.0, 7.0)),
            (1.0, 0.0, 0.0)
        );
        assert_eq!(
            (linear(0.0, 7.0), linear(7.0, 7.0), linear(14.0, 7.0)),
            (1.0, 0.0, -1.0)
        );
    }
}
