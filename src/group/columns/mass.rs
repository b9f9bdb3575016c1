//! Finds the centre of mass of the mean pattern.

use rayon::prelude::*;

use super::pixels::BadPixel;
use crate::array::{Column, RowSet};
use crate::error::{Error, PixelProblem, Result};
use crate::scan::Scan;

/// The bytes of patterns, as f64, that are looked at together.
const BATCH_BYTES: usize = 8 << 20;

/// The pixels that one thread adds up.
const PIXELS: usize = 4096;

/// Returns the pixel, row and column, nearest to the centre of mass of the mean of these patterns: of the
/// numbers as they are stored, bad pixels being 0. Halves are rounded upwards.
///
/// # Errors
/// If the patterns cannot be read; [`Error::BadPixel`] if a number is not finite or negative;
/// [`Error::NoMass`] if all are 0.
pub fn center_of_mass(scan: &Scan, points: &[u32]) -> Result<[usize; 2]> {
    let patterns = scan.require_diffraction()?;
    let width = patterns.row_shape().last().copied().unwrap_or(1).max(1);
    let (mut mass, mut moments) = (0.0, [0.0; 2]);
    for (at, sum) in sums(scan, patterns, points)?.into_iter().enumerate() {
        mass += sum;
        moments[0] += sum * (at / width) as f64;
        moments[1] += sum * (at % width) as f64;
    }
    let center = moments.map(|moment| (moment / mass + 0.5).floor());
    if mass == 0.0 || center.iter().any(|place| !place.is_finite()) {
        return Err(Error::NoMass {
            path: patterns.npz().path().to_path_buf(),
            member: patterns.member().to_string(),
        });
    }
    Ok(center.map(|place| place as usize))
}

/// Returns the sum of these patterns, pixel by pixel, added in their order.
fn sums(scan: &Scan, patterns: &Column, points: &[u32]) -> Result<Vec<f64>> {
    let len = patterns.row_len();
    let mut sums = vec![0.0; len];
    let step = (BATCH_BYTES / (len * size_of::<f64>()).max(1)).max(1);
    for batch in points.chunks(step) {
        let rows: Vec<usize> = batch.iter().map(|point| *point as usize).collect();
        let values = patterns.numbers(&RowSet::List(&rows))?.to_f64();
        let is_bad = |value: &f64| !(*value >= 0.0 && *value <= f64::MAX);
        if let Some(found) = values.iter().position(is_bad) {
            let pixel = BadPixel {
                scan_point: rows[found / len],
                at: found % len,
                value: values[found],
                problem: PixelProblem::NoMass,
            };
            return Err(pixel.error(scan, patterns));
        }
        let add = |(piece, sums): (usize, &mut [f64])| {
            for pattern in values.chunks_exact(len) {
                let pattern = &pattern[piece * PIXELS..piece * PIXELS + sums.len()];
                sums.iter_mut()
                    .zip(pattern)
                    .for_each(|(sum, value)| *sum += value);
            }
        };
        sums.par_chunks_mut(PIXELS).enumerate().for_each(add);
    }
    Ok(sums)
}
