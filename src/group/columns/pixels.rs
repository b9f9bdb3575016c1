//! Tells of pixels whose values cannot be used as asked.

use crate::array::{Column, RowSet};
use crate::error::{Error, Parameter, PixelProblem, Remedy, Result};
use crate::scan::{BadValue, Scan};

/// Names a pixel of a stored pattern, and what is wrong with its value.
#[derive(Debug, Clone, Copy)]
pub struct BadPixel {
    /// The scan point of the pattern.
    pub scan_point: usize,
    /// The place of the pixel in the pattern, in C order.
    pub at: usize,
    /// Its value.
    pub value: f64,
    /// What is wrong.
    pub problem: PixelProblem,
}

impl BadPixel {
    /// Returns the error that tells of it, with the remedies that this scan has.
    pub fn error(self, scan: &Scan, patterns: &Column) -> Error {
        Error::BadPixel {
            path: patterns.npz().path().to_path_buf(),
            member: patterns.member().to_string(),
            scan_point: self.scan_point,
            pixel: index_of(self.at, patterns.row_shape()),
            value: self.value,
            problem: self.problem,
            remedies: self.remedies(scan),
        }
    }

    fn remedies(self, scan: &Scan) -> Vec<Remedy> {
        let mut remedies = vec![scan.mask_remedy(false)];
        // A number with a fraction is no mark.
        if !self.value.is_finite() || self.value.fract() == 0.0 {
            remedies.push(Remedy::MarkBadValue(BadValue::of(self.value).to_string()));
        }
        let is_negative = matches!(
            self.problem,
            PixelProblem::NegativeRoot | PixelProblem::NegativeInFactor
        );
        remedies.extend(is_negative.then_some(Remedy::Set(Parameter::Measurement, "amplitude")));
        remedies.push(Remedy::LeaveOutPoints);
        remedies
    }
}

/// Returns the index along each axis of the value at a place in C order.
pub fn index_of(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|len| {
            let place = rest % (*len).max(1);
            rest /= (*len).max(1);
            place
        })
        .collect();
    index.reverse();
    index
}

/// Reads a pattern as f64, bad pixels being 0.
///
/// # Errors
/// If it cannot be read.
pub fn pattern(patterns: &Column, scan_point: usize) -> Result<Vec<f64>> {
    Ok(patterns.numbers(&RowSet::List(&[scan_point]))?.to_f64())
}
