//! What is done to a pattern on its way from the file: bad pixels to zero, the middle cut out, pixels put together.

use std::sync::Arc;

use super::patterns::PatternOptions;
use super::patterns::unknown_measurement;
use crate::array::{Column, RowSet};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::scan::Scan;
use crate::scan::layout::{Measurement, Role};

/// The part of [`PatternOptions`] that changes pixels and shapes, checked against a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transform {
    /// Row and column of the part that is cut out, and its height and width.
    start: [usize; 2],
    size: [usize; 2],
    /// Width of a pattern in the file.
    width: usize,
    bin: usize,
    /// Whether the numbers are amplitudes: of pixels put together, the squares add up.
    adds_squares: bool,
    /// Pixels of the detector that are not to be used.
    bad: Option<Arc<[bool]>>,
    shape: Vec<usize>,
    changes: bool,
}

impl Transform {
    /// Checks the options against the patterns. The mask is read, no pattern is.
    ///
    /// # Errors
    /// If the part is larger than the patterns, if it cannot be parted into blocks, if the file has no mask, or does not
    /// say what its numbers are where that decides how they add up.
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
            return Err(Error::BadMember {
                path: scan.npz().path().to_path_buf(),
                member: scan
                    .layout()
                    .member(Role::Diffraction)
                    .unwrap_or_default()
                    .to_string(),
                found: format!("patterns of shape {shape:?}"),
                expected: "patterns with two axes".to_string(),
                remedies: [Parameter::Crop, Parameter::Bin, Parameter::Mask]
                    .map(Remedy::LeaveOut)
                    .to_vec(),
            });
        };
        let size = crop(options.crop, [height, width])?;
        let bin = options.bin.unwrap_or(1);
        if bin == 0 || size.iter().any(|len| len % bin != 0) {
            return Err(Error::NotDivisible { bin, shape: size });
        }
        if bin > 1 && scan.measurement() == Measurement::Unknown {
            return Err(unknown_measurement(scan, Parameter::Bin));
        }
        Ok(Self {
            // The middle of N pixels is pixel N/2, where a shifted Fourier transform has zero frequency: it stays the middle.
            start: [height / 2 - size[0] / 2, width / 2 - size[1] / 2],
            size,
            width,
            bin,
            adds_squares: scan.measurement() == Measurement::Amplitude,
            bad: if options.mask {
                Some(mask(scan, [height, width])?)
            } else {
                None
            },
            shape: size.map(|len| len / bin).to_vec(),
            changes: true,
        })
    }

    /// Lengths of the axes of a pattern as it is handed out.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Pixels of a pattern as it is handed out.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether anything is done at all.
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// Whether patterns have other pixels than the file's, so that the object's no longer fit them.
    pub fn resamples(&self) -> bool {
        self.changes && (self.bin > 1 || self.size[1] != self.width || self.start != [0, 0])
    }

    /// A stored pattern, changed; `out` has room for the pattern as it is handed out.
    pub fn apply<T: Number>(&self, stored: &mut [T], out: &mut [T]) {
        if let Some(bad) = &self.bad {
            stored
                .iter_mut()
                .zip(bad.iter())
                .filter(|(_, bad)| **bad)
                .for_each(|(value, _)| *value = T::default());
        }
        let width = self.shape[1];
        for (row, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
            let line = |line: usize| {
                let at = (self.start[0] + row * self.bin + line) * self.width + self.start[1];
                &stored[at..at + self.size[1]]
            };
            if self.bin == 1 {
                out.copy_from_slice(line(0));
                continue;
            }
            out.fill(T::default());
            for block_line in 0..self.bin {
                for (out, block) in out.iter_mut().zip(line(block_line).chunks_exact(self.bin)) {
                    for value in block {
                        *out = *out
                            + if self.adds_squares {
                                *value * *value
                            } else {
                                *value
                            };
                    }
                }
            }
            if self.adds_squares {
                out.iter_mut().for_each(|value| *value = value.root());
            }
        }
    }
}

/// Height and width of what is cut out.
fn crop(crop: Option<usize>, [height, width]: [usize; 2]) -> Result<[usize; 2]> {
    match crop {
        None => Ok([height, width]),
        Some(side) if side > 0 && side <= height && side <= width => Ok([side, side]),
        Some(side) => {
            let max = Some(height.min(width).into());
            Err(Error::out_of_range(Parameter::Crop, side, 1usize, max))
        }
    }
}

/// The file's mask: true where a pixel is not to be used.
fn mask(scan: &Scan, shape: [usize; 2]) -> Result<Arc<[bool]>> {
    let (column, bad_is) = match (
        scan.member_column(Role::BadPixels)?,
        scan.member_column(Role::ValidPixels)?,
    ) {
        (Some(column), _) => (column, true),
        (None, Some(column)) => (column, false),
        (None, None) => {
            return Err(scan.layout().missing(scan.npz(), Role::BadPixels));
        }
    };
    if column.row_len() != shape[0] * shape[1] {
        return Err(misfit(scan, &column, shape));
    }
    let values = column.rows(&RowSet::Range(0..column.num_rows()))?.to_f64();
    Ok(values
        .into_iter()
        .take(column.row_len())
        .map(|value| (value != 0.0) == bad_is)
        .collect())
}

fn misfit(scan: &Scan, column: &Column, [height, width]: [usize; 2]) -> Error {
    Error::BadMember {
        path: scan.npz().path().to_path_buf(),
        member: column
            .info()
            .map_or_else(String::new, |info| info.name.clone()),
        found: format!("a mask of {:?}", column.row_shape()),
        expected: format!("one of [{height}, {width}], as the patterns are"),
        remedies: vec![
            Remedy::NameMember {
                role: "bad_pixels",
                member: None,
            },
            Remedy::LeaveOut(Parameter::Mask),
        ],
    }
}

/// f4 or f8.
pub trait Number:
    Copy + Default + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self>
{
    /// The square root.
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
