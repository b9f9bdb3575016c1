//! Writes single values as text on one line: whole for CSV, and in short for people.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;

/// Says how much of a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All of it.
    Whole,
    /// Of long lists and bytes only the beginning, and the number of what is left out.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))] // files hold whole values
    Short,
}

/// The length of the longest lists that are shown whole.
const WHOLE_LIST: usize = 9;
/// The number of values that are shown of a longer list.
const SHOWN_VALUES: usize = 3;
/// The number of bytes that are shown of longer ones.
const SHOWN_BYTES: usize = 8;

/// Returns every value of a column as text; `None` for a null.
///
/// A list is written as `[1, 2, 3]`, a struct as `{row: 1, col: 2}`; text within them is in quotation marks.
///
/// # Errors
/// If a value has no text.
pub fn texts(column: &ArrayRef, length: Length) -> Result<Vec<Option<String>>> {
    let options = FormatOptions::default();
    let rows = 0..column.len();
    if is_written_by_arrow(column.data_type(), length) {
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        let text = |row: usize| match column.is_valid(row) {
            true => Ok(Some(formatter.value(row).try_to_string()?)),
            false => Ok(None),
        };
        return rows.map(text).collect();
    }
    let text = |row: usize| match column.is_valid(row) {
        true => value(column, row, length, false).map(Some),
        false => Ok(None),
    };
    rows.map(text).collect()
}

/// Returns whether Arrow's own text is the right one: of single values, and of lists of numbers that are written whole.
fn is_written_by_arrow(data_type: &DataType, length: Length) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            length == Length::Whole && item.data_type().is_primitive()
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => length == Length::Whole,
        other => !other.is_nested(),
    }
}

/// Writes one value, which is valid; `quoted` puts text in quotation marks.
fn value(column: &ArrayRef, row: usize, length: Length, quoted: bool) -> Result<String> {
    Ok(match column.data_type() {
        DataType::List(_) => list(&column.as_list::<i32>().value(row), length)?,
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(row), length)?,
        DataType::ListView(_) => list(&column.as_list_view::<i32>().value(row), length)?,
        DataType::LargeListView(_) => list(&column.as_list_view::<i64>().value(row), length)?,
        DataType::FixedSizeList(..) => list(&column.as_fixed_size_list().value(row), length)?,
        DataType::Struct(fields) => {
            let values = fields.iter().zip(column.as_struct().columns());
            let values = values.map(|(field, values)| named(field, values, row, length));
            format!("{{{}}}", values.collect::<Result<Vec<_>>>()?.join(", "))
        }
        DataType::Map(..) => {
            let entries: ArrayRef = std::sync::Arc::new(column.as_map().value(row));
            list(&entries, length)?
        }
        DataType::Binary => bytes(column.as_binary::<i32>().value(row), length),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(row), length),
        DataType::BinaryView => bytes(column.as_binary_view().value(row), length),
        DataType::FixedSizeBinary(_) => bytes(column.as_fixed_size_binary().value(row), length),
        data_type => {
            let options = FormatOptions::default();
            let one = column.slice(row, 1);
            let text = ArrayFormatter::try_new(one.as_ref(), &options)?;
            let text = text.value(0).try_to_string()?;
            match quoted && is_text(data_type) {
                true => serde_json::Value::String(text).to_string(),
                false => text,
            }
        }
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => matches!(
            other,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        ),
    }
}

fn named(field: &Field, values: &ArrayRef, row: usize, length: Length) -> Result<String> {
    Ok(format!("{}: {}", field.name(), item(values, row, length)?))
}

/// Writes one value within a list or a struct.
fn item(values: &ArrayRef, row: usize, length: Length) -> Result<String> {
    match values.is_valid(row) {
        true => value(values, row, length, true),
        false => Ok("null".to_string()),
    }
}

fn list(values: &ArrayRef, length: Length) -> Result<String> {
    let shown = match length {
        Length::Short if values.len() > WHOLE_LIST => SHOWN_VALUES,
        _ => values.len(),
    };
    let mut items = (0..shown)
        .map(|row| item(values, row, length))
        .collect::<Result<Vec<_>>>()?;
    if shown < values.len() {
        items.push(format!("… {} more", values.len() - shown));
    }
    Ok(format!("[{}]", items.join(", ")))
}

/// Writes bytes in hexadecimal, as Arrow does.
fn bytes(bytes: &[u8], length: Length) -> String {
    let shown = match length {
        Length::Short if bytes.len() > 2 * SHOWN_BYTES => SHOWN_BYTES,
        _ => bytes.len(),
    };
    let text: String = bytes[..shown]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match bytes.len() - shown {
        0 => text,
        more => format!("{text}… {more} more bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, FixedSizeBinaryArray, Float32Array, ListArray, StringArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;

    fn lists(values: ArrayRef, lengths: &[usize]) -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(item, offsets, values, None))
    }

    fn first(column: &ArrayRef, length: Length) -> String {
        texts(column, length).unwrap()[0].clone().unwrap()
    }

    #[test]
    fn long_values_are_written_in_short_and_what_is_left_out_is_counted() {
        let numbers: ArrayRef =
            Arc::new(Float32Array::from_iter_values((0..266).map(|i| i as f32)));
        let list = lists(Arc::clone(&numbers), &[257, 9]);
        assert_eq!(first(&list, Length::Short), "[0.0, 1.0, 2.0, … 254 more]");
        let nine = texts(&list, Length::Short).unwrap()[1].clone().unwrap();
        assert_eq!(
            nine,
            "[257.0, 258.0, 259.0, 260.0, 261.0, 262.0, 263.0, 264.0, 265.0]"
        );
        assert!(first(&list, Length::Whole).ends_with("255.0, 256.0]"));
        let nested = lists(list, &[2]);
        assert!(first(&nested, Length::Short).starts_with("[[0.0, 1.0, 2.0, … 254 more], [257.0"));
        let bytes: Vec<u8> = (0..100).collect();
        for column in [
            Arc::new(BinaryArray::from_vec(vec![&bytes])) as ArrayRef,
            Arc::new(FixedSizeBinaryArray::try_from_iter([&bytes].into_iter()).unwrap()),
        ] {
            assert_eq!(
                first(&column, Length::Short),
                "0001020304050607… 92 more bytes"
            );
            assert_eq!(first(&column, Length::Whole).len(), 200);
        }
    }

    #[test]
    fn text_within_lists_and_structs_is_in_quotation_marks() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a, b"), None, Some("\"c\"")]));
        let list = lists(Arc::clone(&text), &[3]);
        for length in [Length::Short, Length::Whole] {
            assert_eq!(first(&list, length), r#"["a, b", null, "\"c\""]"#);
        }
        let field = Arc::new(Field::new("t", DataType::Utf8, true));
        let strukt: ArrayRef = Arc::new(StructArray::new(vec![field].into(), vec![text], None));
        assert_eq!(first(&strukt, Length::Whole), r#"{t: "a, b"}"#);
    }
}
