//! Prints rows as tables for people, with a tensor as one short text, and as JSON.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::util::pretty::pretty_format_batches;

use crate::array::tensor;
use crate::error::Result;
use crate::export::{list_text, lists_as_text};

/// The length of the longest lists that are shown whole.
const SHOWN_VALUES: i32 = 9;

/// Returns rows as a table of text.
///
/// # Errors
/// If a value cannot be shown.
pub fn table(batches: &[RecordBatch]) -> Result<String> {
    let batches = batches
        .iter()
        .map(|batch| lists_as_text(batch, summary))
        .collect::<Result<Vec<_>>>()?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// Shows a list as text, and a long one as type, shape and range.
fn summary(field: &Field, list: &FixedSizeListArray) -> Result<StringArray> {
    if list.value_length() <= SHOWN_VALUES {
        return list_text(list);
    }
    let shape = tensor::shape(field).unwrap_or_else(|| vec![list.value_length() as usize]);
    let lengths = shape
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" x ");
    let dtype = data_type_name(&list.value_type());
    let text = |row: usize| match list
        .is_valid(row)
        .then(|| range(&list.value(row)))
        .transpose()?
    {
        Some(Some((min, max))) => Ok(Some(format!(
            "{dtype} {lengths}, {} to {}",
            number(min),
            number(max)
        ))),
        Some(None) => Ok(Some(format!("{dtype} {lengths}"))),
        None => Ok(None),
    };
    (0..list.len()).map(text).collect()
}

/// Returns the smallest and the largest number of an array of numbers.
fn range(values: &ArrayRef) -> Result<Option<(f64, f64)>> {
    if !values.data_type().is_numeric() {
        return Ok(None);
    }
    let values = cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    Ok(arrow::compute::min(values).zip(arrow::compute::max(values)))
}

/// Writes a number in few characters.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if value == value.trunc() && size < 1e7 => format!("{value}"),
        size if (1e-3..1e5).contains(&size) => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.3e}"),
    }
}

/// Returns the name of an Arrow type in lower case.
pub fn data_type_name(data_type: &DataType) -> String {
    data_type.to_string().to_lowercase()
}

/// Returns rows as a JSON array of objects.
///
/// # Errors
/// If a type cannot be written as JSON.
pub fn json(batches: &[RecordBatch]) -> Result<String> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}
