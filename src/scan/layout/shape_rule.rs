//! States what an array must look like to fill a role: its shape, then its type. Pure functions of a header.

use super::order::MAX_COLUMNS;
use crate::npz::{ArrayInfo, Scalar};

/// Names a rule about an array's shape and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeRule {
    /// Any array passes: the name says enough, and what does not fit is an error later.
    Any,
    /// One real number per scan point: (M,), (M, 1), (1, M).
    Vector,
    /// One integer per scan point: (M,), (M, 1), (1, M).
    Indices,
    /// Several real numbers per scan point: (M, 2), (2, M), (M, 3), (1, M, 2).
    Columns,
    /// Real numbers along 3 axes, or along 4 for the patterns of a raster.
    Patterns,
    /// Real numbers along 4 axes: the patterns of a raster.
    Raster,
    /// Complex numbers along 3 axes: one field per scan point.
    Stack,
    /// Complex numbers along at least 2 axes: one field, or several.
    Field,
    /// One boolean or integer per pixel: (H, W).
    Mask,
    /// One real number.
    Number,
}

impl ShapeRule {
    /// Returns whether the array passes.
    pub fn fits(self, info: &ArrayInfo) -> bool {
        self.complaint(info).is_none()
    }

    /// Returns what was found and what was expected, if the array does not pass.
    pub fn complaint(self, info: &ArrayInfo) -> Option<(String, &'static str)> {
        if !self.shape_fits(&info.shape) {
            return Some((shape_found(info), self.expected()));
        }
        (!self.scalar_fits(info.dtype.scalar))
            .then(|| (format!("dtype {}", info.dtype), self.values()))
    }

    fn shape_fits(self, shape: &[usize]) -> bool {
        match self {
            Self::Any => true,
            Self::Vector | Self::Indices => vector_axis(shape).is_some(),
            Self::Columns => {
                let axes = squeezed(shape, 2);
                axes.len() == 2 && axes.iter().any(|len| (2..=MAX_COLUMNS).contains(len))
            }
            Self::Patterns => matches!(squeezed(shape, 3).len(), 3 | 4),
            Self::Raster => squeezed(shape, 4).len() == 4,
            Self::Stack => squeezed(shape, 3).len() == 3,
            Self::Field => shape.len() >= 2,
            Self::Mask => squeezed(shape, 2).len() == 2,
            Self::Number => shape.iter().all(|len| *len == 1),
        }
    }

    fn scalar_fits(self, scalar: Scalar) -> bool {
        match self {
            Self::Any => true,
            Self::Indices => scalar.is_integer(),
            Self::Mask => scalar.is_integer() || scalar == Scalar::Bool,
            Self::Stack | Self::Field => scalar.is_complex(),
            _ => scalar.is_real(),
        }
    }

    /// Returns the expected shape in words.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Any => "any array",
            Self::Vector | Self::Indices => {
                "(M,), one value per scan point, fewer than 2^31 of them"
            }
            Self::Columns => "(M, 2), (2, M) or (M, 3): x and y of each scan point",
            Self::Patterns => "(M, N, N) patterns, or (R, S, H, W) of a raster",
            Self::Raster => "(R, S, H, W) patterns of a raster",
            Self::Stack => "(M, N, N), one patch per scan point",
            Self::Field => "(H, W), (H, W, 1) or (..., H, W)",
            Self::Mask => "(H, W), one value per pixel of the detector",
            Self::Number => "a single number",
        }
    }

    /// Returns the expected values in words.
    fn values(self) -> &'static str {
        match self {
            Self::Any => "any values",
            Self::Indices => "integers",
            Self::Patterns | Self::Raster => "real numbers: amplitudes or counts",
            Self::Stack | Self::Field => "complex numbers",
            Self::Mask => "booleans or integers",
            Self::Vector | Self::Columns | Self::Number => "real numbers",
        }
    }
}

/// Writes the shape as messages show it.
pub fn shape_found(info: &ArrayInfo) -> String {
    format!("shape {:?}", info.shape)
}

/// Returns the number of axes of length 1 in front that may go such that `keep` axes are left at least.
pub fn leading_ones(shape: &[usize], keep: usize) -> usize {
    let ones = shape.iter().take_while(|len| **len == 1).count();
    ones.min(shape.len().saturating_sub(keep))
}

/// Returns the shape without axes of length 1 in front; `keep` axes are left at least.
pub fn squeezed(shape: &[usize], keep: usize) -> &[usize] {
    &shape[leading_ones(shape, keep)..]
}

/// Returns the axis along which a vector runs: the only one whose length is not 1, the first if all are.
pub fn vector_axis(shape: &[usize]) -> Option<usize> {
    let mut long = shape.iter().enumerate().filter(|(_, len)| **len != 1);
    let axis = match (long.next(), long.next()) {
        (None, _) => 0,
        (Some((axis, _)), None) => axis,
        (Some(_), Some(_)) => return None,
    };
    shape.get(axis).filter(|len| is_count(**len)).map(|_| axis)
}

/// Returns whether there may be this many scan points.
pub fn is_count(len: usize) -> bool {
    i32::try_from(len).is_ok()
}
