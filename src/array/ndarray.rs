//! Shows columns of record batches as arrays of the `ndarray` crate (feature `ndarray`).

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, RecordBatch};
use arrow::datatypes::Field;
use ndarray::ArrayViewD;

use super::tensor;
use crate::error::{Error, Result, nearest_name};

/// Returns a column of a batch as an array of `ndarray`, without a copy.
///
/// The first axis counts the rows; the others are those of the column's tensor, slowest first, or the one
/// axis of a fixed-size list without tensor metadata. `T` is the Arrow type of the values. A complex column
/// has a last axis of 2: real and imaginary part.
///
/// ```
/// use arrow::datatypes::Float32Type;
/// use ptychoarrow::array::array_view;
/// use ptychoarrow::{ReadOptions, Scan, Table};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let options = ReadOptions::default().with_columns(["diffraction"]);
/// let batch = scan.read(&options)?.next().unwrap()?;
/// let patterns = array_view::<Float32Type>(&batch, "diffraction")?;
/// assert_eq!(patterns.shape(), [batch.num_rows(), 64, 64]);
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchColumn`] if there is no such column; [`Error::UnsupportedColumn`] if its values are of
/// another type, nested in another way, or partly null.
pub fn array_view<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    column: &str,
) -> Result<ArrayViewD<'a, T::Native>> {
    let schema = batch.schema_ref();
    let (index, field) = schema
        .column_with_name(column)
        .ok_or_else(|| no_such_column(batch, column))?;
    let array = batch.column(index);
    let (row_shape, values) = rows_of(field, array);
    let shape: Vec<usize> = [batch.num_rows()].into_iter().chain(row_shape).collect();
    let is_complete = array.null_count() == 0 && values.null_count() == 0;
    values
        .as_primitive_opt::<T>()
        .filter(|_| is_complete)
        .and_then(|values| ArrayViewD::from_shape(shape, values.values()).ok())
        .ok_or_else(|| Error::UnsupportedColumn {
            column: column.to_string(),
            data_type: array.data_type().to_string(),
            format: "a view",
            expected: "the type asked for, by itself or in fixed-size lists, without nulls",
        })
}

/// Returns the shape of a row and the values of all rows.
fn rows_of<'a>(field: &Field, array: &'a ArrayRef) -> (Vec<usize>, &'a ArrayRef) {
    match array.as_fixed_size_list_opt() {
        None => (Vec::new(), array),
        Some(list) => {
            let shape = tensor::shape(field).unwrap_or_else(|| vec![list.value_length() as usize]);
            (shape, list.values())
        }
    }
}

fn no_such_column(batch: &RecordBatch, column: &str) -> Error {
    let fields = batch.schema_ref().fields();
    let available: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    Error::NoSuchColumn {
        table: "batch".to_string(),
        column: column.to_string(),
        suggestion: nearest_name(column, available.iter().map(String::as_str)),
        available,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Float32Array, Float64Array};
    use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};

    use super::*;

    /// Creates a batch of five rows: a tensor of 2 x 3, a plain list of 2, numbers, and numbers with a null.
    fn batch() -> RecordBatch {
        let tensor = tensor::field("tensor", DataType::Float32, &[2, 3]);
        let item = Arc::new(Field::new("item", DataType::Float64, false));
        let pair = Field::new("pair", DataType::FixedSizeList(Arc::clone(&item), 2), false);
        let numbers = |n: usize| Float64Array::from_iter_values((0..n).map(|i| i as f64));
        let tensors = Float32Array::from_iter_values((0..30).map(|i| i as f32));
        let DataType::FixedSizeList(tensor_item, _) = tensor.data_type() else {
            unreachable!("a tensor is a fixed-size list")
        };
        let tensors = FixedSizeListArray::new(Arc::clone(tensor_item), 6, Arc::new(tensors), None);
        let pairs = FixedSizeListArray::new(item, 2, Arc::new(numbers(10)), None);
        let holes = Float64Array::from(vec![Some(1.0), None, Some(1.0), None, None]);
        let schema = Schema::new(vec![
            tensor,
            pair,
            Field::new("number", DataType::Float64, false),
            Field::new("holes", DataType::Float64, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(tensors),
            Arc::new(pairs),
            Arc::new(numbers(5)),
            Arc::new(holes),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn columns_are_arrays_with_rows_first() {
        let whole = batch();
        for (batch, first) in [(whole.clone(), 0), (whole.slice(2, 3), 2)] {
            let tensor = array_view::<Float32Type>(&batch, "tensor").unwrap();
            assert_eq!(tensor.shape(), [batch.num_rows(), 2, 3]);
            assert_eq!(tensor[[1, 1, 2]], (6 * (first + 1) + 5) as f32);
            let pair = array_view::<Float64Type>(&batch, "pair").unwrap();
            assert_eq!(pair.shape(), [batch.num_rows(), 2]);
            assert_eq!(pair[[0, 1]], (2 * first + 1) as f64);
            let number = array_view::<Float64Type>(&batch, "number").unwrap();
            assert_eq!(
                (number.shape(), number[[0]]),
                (&[batch.num_rows()][..], first as f64)
            );
        }
        let empty = whole.slice(0, 0);
        let tensor = array_view::<Float32Type>(&empty, "tensor").unwrap();
        assert_eq!(tensor.shape(), [0, 2, 3]);
    }

    #[test]
    fn other_types_and_nulls_are_errors() {
        let batch = batch();
        let told = |column| array_view::<Float64Type>(&batch, column).unwrap_err();
        for column in ["tensor", "holes"] {
            assert!(
                matches!(told(column), Error::UnsupportedColumn { .. }),
                "{column}"
            );
        }
        assert!(
            matches!(told("numbr"), Error::NoSuchColumn { suggestion: Some(name), .. } if name == "number")
        );
    }
}
