//! Describes tensor columns: `FixedSizeList` with the metadata of Arrow's canonical extension
//! `arrow.fixed_shape_tensor`.
//!
//! The metadata is written by hand: arrow-rs writes nulls for absent parts, for which PyArrow refuses the
//! whole file. No `permutation` is ever written: PyArrow computes wrong strides for some.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

/// The metadata key of an extension type's name.
pub const NAME_KEY: &str = "ARROW:extension:name";
/// The metadata key of an extension type's parameters.
pub const METADATA_KEY: &str = "ARROW:extension:metadata";
/// The metadata key of the shape of a tensor that is kept as a plain list or as bytes: a JSON list. Arrow's own keys
/// would make it an extension type again.
pub const SHAPE_KEY: &str = "ptychoarrow.shape";
/// The canonical extension's name.
pub const NAME: &str = "arrow.fixed_shape_tensor";

/// Returns the field of a tensor column; `shape` is that of one row, slowest axis first.
///
/// ```
/// use arrow::datatypes::DataType;
/// let field = ptychoarrow::array::tensor::field("diffraction", DataType::Float32, &[64, 64]);
/// assert_eq!(field.metadata()["ARROW:extension:metadata"], r#"{"shape":[64,64]}"#);
/// assert_eq!(ptychoarrow::array::tensor::shape(&field), Some(vec![64, 64]));
/// ```
///
/// # Panics
/// If a row has 2^31 or more values; columns check this when they are opened.
pub fn field(name: &str, item: DataType, shape: &[usize]) -> Field {
    field_of(name, Field::new("item", item, false), shape)
}

/// Returns the field of a tensor column whose values are described by `item`; see [`field`].
///
/// # Panics
/// As [`field`].
pub fn field_of(name: &str, item: Field, shape: &[usize]) -> Field {
    let size =
        i32::try_from(shape.iter().product::<usize>()).expect("a row has fewer than 2^31 values");
    let item = Arc::new(item);
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let metadata = format!("{{\"shape\":[{}]}}", lengths.join(","));
    let metadata = HashMap::from([
        (NAME_KEY.to_string(), NAME.to_string()),
        (METADATA_KEY.to_string(), metadata),
    ]);
    Field::new(name, DataType::FixedSizeList(item, size), false).with_metadata(metadata)
}

/// Returns the shape of one row of a tensor column, slowest axis first; `None` if the column is no tensor. A tensor that
/// was written as a plain list says its shape under [`SHAPE_KEY`].
pub fn shape(field: &Field) -> Option<Vec<usize>> {
    let metadata = field.metadata();
    if metadata.get(NAME_KEY).map(String::as_str) != Some(NAME) {
        let is_list = matches!(field.data_type(), DataType::FixedSizeList(..));
        let shape = metadata.get(SHAPE_KEY).filter(|_| is_list)?;
        return lengths(&serde_json::from_str(shape).ok()?);
    }
    let parameters: serde_json::Value = serde_json::from_str(metadata.get(METADATA_KEY)?).ok()?;
    lengths(parameters.get("shape")?)
}

fn lengths(shape: &serde_json::Value) -> Option<Vec<usize>> {
    let length = |len: &serde_json::Value| len.as_u64().map(|len| len as usize);
    shape.as_array()?.iter().map(length).collect()
}
