//! Makes the Arrow field of a column from its element type and the shape of a row.

use arrow::datatypes::Field;

use super::{complex, tensor, text, time};
use crate::npz::Scalar;

/// Returns the field of a column whose rows have this type and shape.
pub(super) fn of_rows(name: &str, scalar: Scalar, row_shape: &[usize]) -> Field {
    let item = scalar.arrow_type();
    match (row_shape, scalar) {
        ([], Scalar::Bytes(_) | Scalar::Text(_)) => text::field(name, scalar),
        ([], scalar) if !scalar.is_complex() => Field::new(name, item, time::is_time(scalar)),
        (shape, Scalar::Bytes(_) | Scalar::Text(_)) => text::list_field(name, scalar, shape),
        (shape, scalar) if scalar.is_complex() => complex::field(name, scalar, shape),
        (shape, scalar) => {
            tensor::field_of(name, Field::new("item", item, time::is_time(scalar)), shape)
        }
    }
}
