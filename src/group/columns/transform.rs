//! Changes patterns on their way from the file: bad pixels become 0, the middle is cut out, pixels are
//! binned.

use std::sync::Arc;

use super::conversion::unknown_measurement;
use crate::array::{Column, RowSet};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::group::options::PatternOptions;
use crate::scan::Scan;
use crate::scan::layout::{Measurement, Role};

/// Holds the part of [`PatternOptions`] that changes pixels and shapes, checked against a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transform {
    /// The row and the column at which the part that is cut out begins.
    start: [usize; 2],
    /// The height and the width of that part.
    size: [usize; 2],
    /// The width of a pattern in the file.
    stored_width: usize,
    /// The side of the squares of pixels that become one.
    bin: usize,
    /// Whether the numbers are amplitudes, of which the squares add up.
    adds_squares: bool,
    /// Whether each pixel of the detector is bad, if there is a mask.
    bad: Option<Arc<[bool]>>,
    /// The shape of a pattern as it is returned.
    shape: Vec<usize>,
    /// Whether anything is done at all.
    changes: bool,
}

impl Transform {
    /// Checks the options against the patterns. The mask is read, no pattern is.
    ///
    /// # Errors
    /// If the part is larger than the patterns, if it cannot be divided into squares, if the file has no
    /// mask, or if nothing tells what the numbers are where that decides how they add up.
    pub fn of(scan: &Scan, options: &PatternOptions) -> Result<Self> {
        let Some(patterns) = scan.diffraction() else {
            return Ok(Self::default());
        };
        let shape = patterns.row_shape().to_vec();
        if options.crop.is_none() && options.bin.is_none() && !options.mask {
            return Ok(Self {
                shape,
                ..Self::default()
            });
        }
        let [height, width] = shape[..] else {
            return Err(not_two_axes(scan, &shape));
        };
        let size = size_of_crop(options.crop, [height, width])?;
        let bin = options.bin.unwrap_or(1);
        if bin == 0 || size.iter().any(|len| len % bin != 0) {
            return Err(Error::NotDivisible { bin, shape: size });
        }
        if bin > 1 && scan.measurement() == Measurement::Unknown {
            return Err(unknown_measurement(scan, Parameter::Bin));
        }
        let bad = options.mask.then(|| bad_pixels(scan, [height, width]));
        Ok(Self {
            // Pixel N / 2, where a shifted Fourier transform has frequency zero, stays the middle.
            start: [height / 2 - size[0] / 2, width / 2 - size[1] / 2],
            size,
            stored_width: width,
            bin,
            adds_squares: scan.measurement() == Measurement::Amplitude,
            bad: bad.transpose()?,
            shape: size.map(|len| len / bin).to_vec(),
            changes: true,
        })
    }

    /// Returns the shape of a pattern as it is returned.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of pixels of a pattern as it is returned.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns whether anything is done at all.
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// Returns whether cropping or binning changes what a pixel is, so that object patches cannot be cut.
    pub fn resamples(&self) -> bool {
        self.changes && (self.bin > 1 || self.size[1] != self.stored_width || self.start != [0, 0])
    }

    /// Changes a stored pattern; `out` has as many numbers as the pattern that is returned.
    pub fn apply<T: Number>(&self, stored: &mut [T], out: &mut [T]) {
        if let Some(bad) = &self.bad {
            clear(stored, bad);
        }
        if self.bin == 1 {
            self.crop(stored, out);
        } else {
            self.add_up(stored, out);
        }
    }

    /// Copies the part that is cut out.
    fn crop<T: Number>(&self, stored: &[T], out: &mut [T]) {
        let rows = out.chunks_exact_mut(self.size[1].max(1));
        rows.enumerate()
            .for_each(|(row, out)| out.copy_from_slice(self.row(stored, row)));
    }

    /// Adds up the squares of pixels of the part that is cut out: row by row, each from left to right.
    fn add_up<T: Number>(&self, stored: &[T], out: &mut [T]) {
        out.fill(T::default());
        for (row, out) in out.chunks_exact_mut(self.shape[1].max(1)).enumerate() {
            for stored_row in row * self.bin..(row + 1) * self.bin {
                let values = self.row(stored, stored_row).chunks_exact(self.bin);
                if self.adds_squares {
                    add_each(out, values, |value| value * value);
                } else {
                    add_each(out, values, |value| value);
                }
            }
        }
        if self.adds_squares {
            out.iter_mut().for_each(|value| *value = value.root());
        }
    }

    /// Returns a row of the part that is cut out.
    fn row<'a, T>(&self, stored: &'a [T], row: usize) -> &'a [T] {
        let at = (self.start[0] + row) * self.stored_width + self.start[1];
        &stored[at..at + self.size[1]]
    }
}

/// Sets bad pixels to 0.
fn clear<T: Number>(pattern: &mut [T], bad: &[bool]) {
    pattern
        .iter_mut()
        .zip(bad)
        .filter(|(_, bad)| **bad)
        .for_each(|(value, _)| *value = T::default());
}

/// Adds to each sum the terms of its values, one after the other.
fn add_each<'a, T: Number + 'a>(
    sums: &mut [T],
    values: impl Iterator<Item = &'a [T]>,
    term: impl Fn(T) -> T,
) {
    for (sum, values) in sums.iter_mut().zip(values) {
        *sum = values.iter().fold(*sum, |sum, value| sum + term(*value));
    }
}

fn not_two_axes(scan: &Scan, shape: &[usize]) -> Error {
    let member = scan.member(Role::Diffraction).unwrap_or_default();
    let parameters = [Parameter::Crop, Parameter::Bin, Parameter::Mask];
    Error::BadMember {
        path: scan
            .diffraction()
            .map_or(scan.npz(), Column::npz)
            .path()
            .to_path_buf(),
        member: member.to_string(),
        found: format!("patterns of shape {shape:?}"),
        expected: "patterns with two axes".to_string(),
        remedies: parameters.map(Remedy::LeaveOut).to_vec(),
    }
}

/// Returns the height and the width of the part that is cut out.
fn size_of_crop(crop: Option<usize>, [height, width]: [usize; 2]) -> Result<[usize; 2]> {
    match crop {
        None => Ok([height, width]),
        Some(side) if side > 0 && side <= height && side <= width => Ok([side, side]),
        Some(side) => {
            let max = Some(height.min(width).into());
            Err(Error::out_of_range(Parameter::Crop, side, 1usize, max))
        }
    }
}

/// Reads the file's mask: true where a pixel is bad.
fn bad_pixels(scan: &Scan, shape: [usize; 2]) -> Result<Arc<[bool]>> {
    let (column, bad_is) = match (
        scan.member_column(Role::BadPixels)?,
        scan.member_column(Role::ValidPixels)?,
    ) {
        (Some(column), _) => (column, true),
        (None, Some(column)) => (column, false),
        (None, None) => {
            return Err(scan.missing(Role::BadPixels));
        }
    };
    if column.row_len() != shape[0] * shape[1] {
        return Err(misfit(&column, shape));
    }
    let values = column
        .numbers(&RowSet::Range(0..column.num_rows()))?
        .to_f64();
    Ok(values
        .into_iter()
        .take(column.row_len())
        .map(|value| (value != 0.0) == bad_is)
        .collect())
}

fn misfit(column: &Column, [height, width]: [usize; 2]) -> Error {
    Error::BadMember {
        path: column.npz().path().to_path_buf(),
        member: column
            .info()
            .map_or_else(String::new, |info| info.name.clone()),
        found: format!("a mask of {:?}", column.row_shape()),
        expected: format!("one of [{height}, {width}], the shape of the patterns"),
        remedies: vec![
            Remedy::NameMember {
                role: "bad_pixels",
                member: None,
            },
            Remedy::LeaveOut(Parameter::Mask),
        ],
    }
}

/// Names the types that patterns are computed in: f32 where they are returned, f64 where their power is added
/// up.
pub trait Number:
    Copy + Default + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self>
{
    /// Returns the square root.
    fn root(self) -> Self;
}

impl Number for f32 {
    fn root(self) -> Self {
        self.sqrt()
    }
}

impl Number for f64 {
    fn root(self) -> Self {
        self.sqrt()
    }
}

#[cfg(test)]
mod tests;
