//! Tells from a schema how many bytes its rows take.

use arrow::datatypes::{DataType, Field, Schema};

use crate::array::text_width;

/// The width in bytes above which a column is wide: the coordinates of a group of 100 members are still
/// narrow, the smallest patterns in use (32 x 32) are not.
pub const WIDE_BYTES: usize = 2048;

/// Returns the number of rows that fit a batch of this many bytes, at least one.
pub fn batch_rows(schema: &Schema, batch_bytes: usize) -> usize {
    (batch_bytes / row_bytes(schema).max(1)).max(1)
}

/// Returns the bytes that one row takes.
pub fn row_bytes(schema: &Schema) -> usize {
    schema.fields().iter().fold(0, |sum: usize, field| {
        sum.saturating_add(value_bytes(field))
    })
}

/// Returns the bytes that one value of a column takes; text counts as 32 where its field does not tell its
/// width.
pub fn value_bytes(field: &Field) -> usize {
    match field.data_type() {
        DataType::Boolean => 1,
        DataType::FixedSizeBinary(width) => *width as usize,
        DataType::FixedSizeList(item, size) => (*size as usize).saturating_mul(value_bytes(item)),
        DataType::Utf8 => text_width(field).map_or(32, |width| width.saturating_add(4)),
        other => other.primitive_width().unwrap_or(32),
    }
}

/// Returns whether a column is wide, such as patterns: more than [`WIDE_BYTES`] per row, or nobody knows.
pub fn is_wide(field: &Field) -> bool {
    value_bytes(field) > WIDE_BYTES || field.metadata().contains_key(UNREADABLE_KEY)
}

/// The metadata key of a column that cannot be read; its value says why.
pub const UNREADABLE_KEY: &str = "ptychoarrow.unreadable";

/// Creates the field of a column that cannot be read, of an unknown type, with the reason.
pub fn unreadable(name: &str, reason: String) -> Field {
    let metadata = [(UNREADABLE_KEY.to_string(), reason)].into();
    Field::new(name, DataType::Null, true).with_metadata(metadata)
}
