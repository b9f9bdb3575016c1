//! Describes columns of complex numbers.
//!
//! Arrow has no type for them: a trailing axis of length 2 holds (real, imaginary), bit for bit as NumPy's
//! `c8` and `c16` lie in memory, and the metadata key `ptychoarrow.dtype` names the NumPy type.

use arrow::datatypes::Field;

use super::dtype::DTYPE_KEY;
use super::tensor;
use crate::npz::Scalar;

/// Returns a tensor field of complex numbers; `shape` is that of one row without the trailing axis of length
/// 2.
///
/// # Panics
/// If a row has 2^31 or more values; columns check this when they are opened.
pub fn field(name: &str, scalar: Scalar, shape: &[usize]) -> Field {
    let shape: Vec<usize> = shape.iter().copied().chain([2]).collect();
    let field = tensor::field(name, scalar.arrow_type(), &shape);
    let mut metadata = field.metadata().clone();
    metadata.insert(DTYPE_KEY.to_string(), scalar.numpy_name());
    field.with_metadata(metadata)
}
