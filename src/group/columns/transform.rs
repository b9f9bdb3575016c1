//! Changes patterns on their way from the file: a part is cut out, pixels are binned.

use super::conversion::unknown_measurement;
use crate::array::Column;
use crate::error::{Error, Parameter, Remedy, Result};
use crate::group::options::{Center, Crop, PatternOptions};
use crate::scan::Scan;
use crate::scan::layout::{Measurement, Role};

/// Holds the part of [`PatternOptions`] that changes pixels and shapes, checked against a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transform {
    /// The row and the column at which the part that is cut out begins.
    start: [usize; 2],
    /// The height and the width of that part.
    size: [usize; 2],
    /// The height and the width of a pattern in the file.
    stored: [usize; 2],
    /// The side of the squares of pixels that become one.
    bin: usize,
    /// Whether the numbers are amplitudes, of which the squares add up.
    adds_squares: bool,
    /// The shape of a pattern as it is returned.
    shape: Vec<usize>,
    /// Whether anything is done at all.
    changes: bool,
    /// Whether the part is cut out around a pixel that is still to be found.
    awaits_center: bool,
    /// Whether the part is cut out around the middle, which may not leave as much on both sides.
    is_middle: bool,
}

/// Says which pixels a part takes that has not as many on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uneven {
    /// The first and the last row.
    pub rows: [usize; 2],
    /// The first and the last column.
    pub columns: [usize; 2],
    /// The height and the width of a pattern in the file.
    pub of: [usize; 2],
}

impl Transform {
    /// Checks the options against the patterns. No pattern is read.
    ///
    /// # Errors
    /// If the part does not lie within the patterns, if it cannot be divided into squares, or if nothing tells
    /// what the numbers are where that decides how they add up.
    pub fn of(scan: &Scan, options: &PatternOptions) -> Result<Self> {
        if options.center.is_some() && options.crop.is_none() {
            return Err(Error::WithoutEffect {
                parameter: Parameter::Center,
                needs: Parameter::Crop,
            });
        }
        let Some(patterns) = scan.diffraction() else {
            return Ok(Self::default());
        };
        let shape = patterns.row_shape().to_vec();
        if options.crop.is_none() && options.bin.is_none() {
            return Ok(Self {
                shape,
                bin: 1,
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
        let transform = Self {
            start: [0, 0],
            size,
            stored: [height, width],
            bin,
            adds_squares: bin > 1 && scan.measurement() == Measurement::Amplitude,
            shape: size.map(|len| len / bin).to_vec(),
            changes: true,
            awaits_center: options.center == Some(Center::Mass),
            is_middle: options.center.is_none(),
        };
        match options.center {
            Some(Center::Mass) => Ok(transform),
            Some(Center::Pixel(pixel)) => transform.around(pixel),
            // Pixel N / 2, where a shifted Fourier transform has frequency zero, stays the middle.
            None => transform.around([height / 2, width / 2]),
        }
    }

    /// Returns the same with the part cut out around this pixel.
    ///
    /// # Errors
    /// [`Error::CropOutside`] if the part then does not lie within the patterns.
    pub fn around(mut self, center: [usize; 2]) -> Result<Self> {
        for axis in 0..2 {
            let before = self.size[axis] / 2;
            let fits = center[axis] >= before
                && center[axis] < self.stored[axis]
                && center[axis] - before <= self.stored[axis] - self.size[axis];
            if !fits {
                return Err(Error::CropOutside {
                    crop: self.size,
                    center,
                    shape: self.stored,
                });
            }
            self.start[axis] = center[axis] - before;
        }
        self.awaits_center = false;
        Ok(self)
    }

    /// Returns whether the part is cut out around a pixel that is still to be found.
    pub fn awaits_center(&self) -> bool {
        self.awaits_center
    }

    /// Returns which pixels are taken, if they are the middle and leave one more on one side.
    pub fn uneven(&self) -> Option<Uneven> {
        let is_uneven = |axis: usize| (self.stored[axis] - self.size[axis]) % 2 == 1;
        let taken = |axis: usize| [self.start[axis], self.start[axis] + self.size[axis] - 1];
        let any = self.changes && self.is_middle && (is_uneven(0) || is_uneven(1));
        any.then(|| Uneven {
            rows: taken(0),
            columns: taken(1),
            of: self.stored,
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

    /// Returns whether pixels are added up, squared or not.
    pub fn bins(&self) -> bool {
        self.bin > 1
    }

    /// Returns whether cropping or binning changes what a pixel is, so that object patches cannot be cut.
    pub fn resamples(&self) -> bool {
        self.changes && (self.bin > 1 || self.size != self.stored)
    }

    /// Changes a stored pattern; `out` has as many numbers as the pattern that is returned.
    pub fn apply<T: Number>(&self, stored: &[T], out: &mut [T]) {
        if self.bin == 1 {
            self.crop(stored, out);
        } else {
            self.add_up(stored, out);
        }
    }

    /// Iterates over the numbers of a stored pattern that are used, in runs.
    pub fn used<'a, T>(&'a self, stored: &'a [T]) -> impl Iterator<Item = &'a [T]> {
        let whole = (!self.changes).then_some(stored);
        let rows = if self.changes { self.size[0] } else { 0 };
        whole
            .into_iter()
            .chain((0..rows).map(|row| self.row(stored, row)))
    }

    /// Returns the places in a stored pattern of the pixels that make the pixel at this place of the pattern
    /// that is returned.
    pub fn sources(&self, at: usize) -> Vec<usize> {
        if !self.changes {
            return vec![at];
        }
        let width = self.shape[1].max(1);
        let (row, column) = (at / width * self.bin, at % width * self.bin);
        let rows = self.start[0] + row..self.start[0] + row + self.bin;
        let first = self.start[1] + column;
        rows.flat_map(|row| (first..first + self.bin).map(move |column| (row, column)))
            .map(|(row, column)| row * self.stored[1] + column)
            .collect()
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
        let at = (self.start[0] + row) * self.stored[1] + self.start[1];
        &stored[at..at + self.size[1]]
    }
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
    let parameters = [Parameter::Crop, Parameter::Bin];
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
fn size_of_crop(crop: Option<Crop>, [height, width]: [usize; 2]) -> Result<[usize; 2]> {
    let Some(Crop {
        height: rows,
        width: columns,
    }) = crop
    else {
        return Ok([height, width]);
    };
    let limits = match rows == columns {
        true => [height.min(width); 2],
        false => [height, width],
    };
    for (side, limit) in [rows, columns].into_iter().zip(limits) {
        if side == 0 || side > limit {
            let max = Some(limit.into());
            return Err(Error::out_of_range(Parameter::Crop, side, 1usize, max));
        }
    }
    Ok([rows, columns])
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
