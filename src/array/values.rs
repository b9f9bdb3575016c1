//! Turns bytes in this machine's order into Arrow arrays, row by row without structure.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, ScalarBuffer};
use arrow::datatypes::{self as types, ArrowPrimitiveType};
use bytes::Bytes;

use super::{text, time};
use crate::npz::Scalar;

/// Returns a slice of the map as an Arrow buffer of exactly that size, so that memory accounting sees the
/// slice, not the file.
pub(super) fn slice(bytes: &Bytes, range: Range<usize>) -> Buffer {
    // An empty slice may have an address no typed buffer accepts.
    if range.is_empty() {
        MutableBuffer::new(0).into()
    } else {
        Buffer::from(bytes.slice(range))
    }
}

/// Returns native bytes as an array of `len` values; each part of a complex number is a value.
///
/// # Errors
/// What was found, in words, if a text or a time has no counterpart in Arrow.
pub(super) fn array(scalar: Scalar, buffer: Buffer, len: usize) -> Result<ArrayRef, String> {
    Ok(match scalar {
        Scalar::Bool => Arc::new(BooleanArray::new(
            BooleanBuffer::collect_bool(len, |i| buffer[i] != 0),
            None,
        )),
        Scalar::Int8 => primitive::<types::Int8Type>(buffer, len),
        Scalar::Int16 => primitive::<types::Int16Type>(buffer, len),
        Scalar::Int32 => primitive::<types::Int32Type>(buffer, len),
        Scalar::Int64 => primitive::<types::Int64Type>(buffer, len),
        Scalar::UInt8 => primitive::<types::UInt8Type>(buffer, len),
        Scalar::UInt16 => primitive::<types::UInt16Type>(buffer, len),
        Scalar::UInt32 => primitive::<types::UInt32Type>(buffer, len),
        Scalar::UInt64 => primitive::<types::UInt64Type>(buffer, len),
        Scalar::Float16 => primitive::<types::Float16Type>(buffer, len),
        Scalar::Float32 | Scalar::Complex64 => primitive::<types::Float32Type>(buffer, len),
        Scalar::Float64 | Scalar::Complex128 => primitive::<types::Float64Type>(buffer, len),
        Scalar::Bytes(_) | Scalar::Text(_) => text::array(scalar, &buffer, len)?,
        Scalar::DateTime(_) | Scalar::TimeDelta(_) => time::array(scalar, buffer, len)?,
    })
}

fn primitive<T: ArrowPrimitiveType>(buffer: Buffer, len: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(
        ScalarBuffer::new(buffer, 0, len),
        None,
    ))
}
