//! Reads NumPy's text of fixed width (`S`, `U`) as Arrow's `Utf8`. As in NumPy, NULs at the end are padding.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field};

use super::dtype::DTYPE_KEY;
use crate::npz::Scalar;

/// Returns the field of a text column; its metadata keeps the width.
pub fn field(name: &str, scalar: Scalar) -> Field {
    let dtype = HashMap::from([(DTYPE_KEY.to_string(), scalar.numpy_name())]);
    Field::new(name, DataType::Utf8, false).with_metadata(dtype)
}

/// Returns the field of a column with texts of this shape per row, in C order. It is no tensor: that
/// extension type is for values of fixed width.
pub fn list_field(name: &str, scalar: Scalar, shape: &[usize]) -> Field {
    let size = shape.iter().product::<usize>() as i32;
    Field::new(
        name,
        DataType::FixedSizeList(Arc::new(field("item", scalar)), size),
        false,
    )
}

/// Returns the largest number of bytes of a text of this field; `None` if the field does not say.
pub fn width(field: &Field) -> Option<usize> {
    let dtype = field.metadata().get(DTYPE_KEY)?;
    match dtype.split_at_checked(1)? {
        ("S", len) => len.parse().ok(),
        ("U", len) => len.parse::<usize>().ok()?.checked_mul(4),
        _ => None,
    }
}

/// Returns native bytes as `len` texts.
///
/// # Errors
/// What was found, in words, if a text is no Unicode, or if the texts are more than one array holds.
pub fn array(scalar: Scalar, bytes: &[u8], len: usize) -> Result<ArrayRef, String> {
    // The offsets of an array have 32 bits. No text takes more bytes in UTF-8 than it does here.
    if i32::try_from(bytes.len()).is_err() {
        return Err(format!("{} bytes of text at once", bytes.len()));
    }
    let width = scalar.num_bytes();
    let mut out = StringBuilder::with_capacity(len, bytes.len().min(1 << 20));
    for place in 0..len {
        let stored = &bytes[place * width..(place + 1) * width];
        match scalar {
            Scalar::Bytes(_) => out.append_value(utf8(stored)?),
            _ => out.append_value(utf32(stored)?),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn utf8(stored: &[u8]) -> Result<&str, String> {
    let end = stored
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    std::str::from_utf8(&stored[..end])
        .map_err(|_| format!("bytes that are no UTF-8: {}", stored[..end].escape_ascii()))
}

fn utf32(stored: &[u8]) -> Result<String, String> {
    let codes = stored
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| u32::from_ne_bytes(*bytes));
    let end = codes
        .clone()
        .rposition(|code| code != 0)
        .map_or(0, |last| last + 1);
    let character = |code: u32| {
        char::from_u32(code).ok_or_else(|| format!("U+{code:04X}, which is no character"))
    };
    codes.take(end).map(character).collect()
}
