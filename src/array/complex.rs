//! Complex numbers. Arrow has no type for them: a trailing axis of 2 holds (real, imaginary), bit for bit as NumPy's
//! `c8` and `c16` lie in memory, and our own metadata key names the NumPy type.

use arrow::datatypes::{DataType, Field};

use super::tensor;
use crate::npz::Scalar;

/// The metadata key of the NumPy type of a complex column.
pub const DTYPE_KEY: &str = "ptychoarrow.dtype";

/// A tensor column of complex numbers; `shape` without the trailing axis of 2.
pub fn field(name: &str, part: DataType, shape: &[usize], scalar: Scalar) -> Field {
    let shape: Vec<usize> = shape.iter().copied().chain([2]).collect();
    let field = tensor::field(name, part, &shape);
    let dtype = if scalar == Scalar::Complex128 {
        "complex128"
    } else {
        "complex64"
    };
    let mut metadata = field.metadata().clone();
    metadata.insert(DTYPE_KEY.to_string(), dtype.to_string());
    field.with_metadata(metadata)
}
