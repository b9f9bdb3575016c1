//! Changes how columns hold tensors on their way into a file: as tensors, as plain lists, or as bytes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeListArray, RecordBatch,
    RecordBatchOptions, make_array,
};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef, TimeUnit};

use super::{Format, Tensors};
use crate::array::{DTYPE_KEY, tensor};
use crate::error::{Error, OutputProblem, Result};
use crate::npz::Scalar;
use crate::table::is_wide;

/// The number by which NumPy stores "not a time".
const NAT: i64 = i64::MIN;

/// Changes batches of one schema to those of another, which holds the same values.
pub struct Conversion {
    schema: SchemaRef,
}

impl Conversion {
    /// Finds out what becomes of each column.
    ///
    /// # Errors
    /// If a tensor cannot be bytes and has to; if the format holds no tensors and was told how to.
    pub fn of(
        schema: &Schema,
        path: &Path,
        format: Format,
        tensors: Option<Tensors>,
    ) -> Result<Self> {
        check(path, format, tensors)?;
        let field = |field: &FieldRef| match tensors {
            // Arrow files have always held tensors, and so have those columns of Parquet files that a reader of Arrow's own
            // schema takes for tensors.
            None => Ok(FieldRef::clone(field)),
            Some(Tensors::Tensor) if format != Format::Parquet => Ok(FieldRef::clone(field)),
            Some(Tensors::Tensor) => Ok(with_nullable_items(field)),
            Some(Tensors::Lists) => Ok(with_shape(field, &plain(field))),
            Some(Tensors::Binary) => as_bytes(field).map_err(|problem| Error::BadOutput {
                path: path.to_path_buf(),
                problem,
            }),
        };
        let fields = schema
            .fields()
            .iter()
            .map(field)
            .collect::<Result<Vec<_>>>()?;
        let metadata = schema.metadata().clone();
        Ok(Self {
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
        })
    }

    /// Returns the schema of the changed batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Changes a batch.
    ///
    /// # Errors
    /// If a tensor that is to be bytes holds a null.
    pub fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns
            .map(|(column, field)| converted(column, field))
            .collect::<Result<_>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = SchemaRef::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }
}

/// Checks that a format can hold tensors in the way that was asked for.
///
/// # Errors
/// If the format holds none at all.
pub fn check(path: &Path, format: Format, tensors: Option<Tensors>) -> Result<()> {
    match format {
        Format::Csv | Format::Npz if tensors.is_some() => Err(Error::BadOutput {
            path: path.to_path_buf(),
            problem: OutputProblem::NoTensors,
        }),
        _ => Ok(()),
    }
}

/// Returns whether a column holds tensors: fixed-size lists that are called so, or that are as wide as patterns.
pub fn is_tensor(field: &Field) -> bool {
    let is_list = matches!(field.data_type(), DataType::FixedSizeList(..));
    is_list && (tensor::shape(field).is_some() || is_wide(field))
}

/// Returns the field of a tensor with items that may be null. None is: PyArrow takes a Parquet column for a tensor only
/// if its items are declared so.
fn with_nullable_items(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::FixedSizeList(item, len) if tensor::shape(field).is_some() => {
            let item = item.as_ref().clone().with_nullable(true);
            let list = DataType::FixedSizeList(Arc::new(item), *len);
            Arc::new(field.as_ref().clone().with_data_type(list))
        }
        _ => FieldRef::clone(field),
    }
}

/// Returns a field without any extension type, its children included.
fn plain(field: &Field) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.remove(tensor::NAME_KEY);
    metadata.remove(tensor::METADATA_KEY);
    let data_type = plain_type(field.data_type());
    field
        .clone()
        .with_data_type(data_type)
        .with_metadata(metadata)
}

fn plain_type(data_type: &DataType) -> DataType {
    use DataType as T;
    let of = |field: &FieldRef| Arc::new(plain(field));
    match data_type {
        T::List(item) => T::List(of(item)),
        T::LargeList(item) => T::LargeList(of(item)),
        T::ListView(item) => T::ListView(of(item)),
        T::LargeListView(item) => T::LargeListView(of(item)),
        T::FixedSizeList(item, len) => T::FixedSizeList(of(item), *len),
        T::Map(entries, sorted) => T::Map(of(entries), *sorted),
        T::Struct(fields) => T::Struct(fields.iter().map(of).collect()),
        T::Union(fields, mode) => T::Union(
            fields.iter().map(|(id, field)| (id, of(field))).collect(),
            *mode,
        ),
        T::Dictionary(keys, values) => T::Dictionary(keys.clone(), Box::new(plain_type(values))),
        T::RunEndEncoded(ends, values) => T::RunEndEncoded(FieldRef::clone(ends), of(values)),
        other => other.clone(),
    }
}

/// Adds the shape that a tensor had to the metadata of a field that no longer says it.
fn with_shape(tensor: &Field, field: &Field) -> FieldRef {
    let mut metadata = field.metadata().clone();
    if let Some(shape) = tensor::shape(tensor) {
        metadata.insert(tensor::SHAPE_KEY.to_string(), shape_text(&shape));
    }
    Arc::new(field.clone().with_metadata(metadata))
}

fn shape_text(shape: &[usize]) -> String {
    format!("{shape:?}").replace(' ', "")
}

/// Returns the field of a tensor's bytes; of any other column, its own.
fn as_bytes(field: &FieldRef) -> Result<FieldRef, OutputProblem> {
    let DataType::FixedSizeList(item, len) = field.data_type() else {
        return Ok(FieldRef::clone(field));
    };
    if !is_tensor(field) {
        return Ok(FieldRef::clone(field));
    }
    let refused = || OutputProblem::NotBytes {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
    };
    let (item_name, item_bytes) = numpy_type(item.data_type()).ok_or_else(refused)?;
    let width = len.checked_mul(item_bytes).ok_or_else(refused)?;
    let mut shape = tensor::shape(field).unwrap_or_else(|| vec![*len as usize]);
    let complex = field.metadata().get(DTYPE_KEY);
    if complex.is_some() {
        // Its last axis is that of the real and imaginary parts, which are one number in NumPy.
        shape.pop();
    }
    let dtype = complex.cloned().unwrap_or(item_name);
    let mut metadata: HashMap<_, _> = field.metadata().clone();
    metadata.remove(tensor::NAME_KEY);
    metadata.remove(tensor::METADATA_KEY);
    metadata.insert(DTYPE_KEY.to_string(), dtype);
    metadata.insert(tensor::SHAPE_KEY.to_string(), shape_text(&shape));
    let bytes = DataType::FixedSizeBinary(width);
    let field = Field::new(field.name(), bytes, field.is_nullable());
    Ok(Arc::new(field.with_metadata(metadata)))
}

/// Returns NumPy's name of the type that a column's items have as bytes, and the number of bytes of one.
fn numpy_type(item: &DataType) -> Option<(String, i32)> {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    Some(match item {
        DataType::Boolean => ("bool".to_string(), 1),
        DataType::Date32 => ("datetime64[D]".to_string(), 8),
        DataType::Timestamp(step, _) => (format!("datetime64[{}]", unit(step)), 8),
        DataType::Duration(step) => (format!("timedelta64[{}]", unit(step)), 8),
        other => {
            let scalar = Scalar::of_arrow(other)?;
            (scalar.numpy_name(), scalar.num_bytes() as i32)
        }
    })
}

/// Returns a column in the type of its field.
fn converted(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() {
        return Ok(ArrayRef::clone(column));
    }
    match (field.data_type(), column.as_fixed_size_list_opt()) {
        (DataType::FixedSizeBinary(width), Some(list)) => bytes(list, *width, field.name()),
        (data_type, _) => Ok(make_array(relabelled(column.to_data(), data_type)?)),
    }
}

/// Returns the rows of a list as bytes; numbers are not copied.
fn bytes(list: &FixedSizeListArray, width: i32, column: &str) -> Result<ArrayRef> {
    let (start, len) = (
        list.value_offset(0) as usize,
        list.len() * list.value_length() as usize,
    );
    let values = list.values().slice(start, len);
    let buffer = match values.data_type() {
        DataType::Boolean => {
            no_nulls(list, &values, column)?;
            values.as_boolean().values().iter().map(u8::from).collect()
        }
        DataType::Date32 | DataType::Timestamp(..) | DataType::Duration(_) => times(&values)?,
        _ => {
            no_nulls(list, &values, column)?;
            let data = values.to_data();
            let item = data.data_type().primitive_width().unwrap_or(1);
            data.buffers()[0].slice_with_length(data.offset() * item, len * item)
        }
    };
    let (nulls, rows) = (list.nulls().cloned(), list.len());
    Ok(Arc::new(match width {
        // Without bytes, their number does not tell the number of rows.
        0 => FixedSizeBinaryArray::try_new_with_len(width, buffer, nulls, rows)?,
        _ => FixedSizeBinaryArray::try_new(width, buffer, nulls)?,
    }))
}

/// Returns times as NumPy's numbers of 64 bits; a null is "not a time".
fn times(values: &ArrayRef) -> Result<Buffer> {
    let values = match values.data_type() {
        DataType::Date32 => cast(&cast(values, &DataType::Int32)?, &DataType::Int64)?,
        _ => cast(values, &DataType::Int64)?,
    };
    let values = values.as_primitive::<Int64Type>();
    Ok(values.iter().map(|value| value.unwrap_or(NAT)).collect())
}

/// Checks that no tensor holds a null. Where the whole tensor is one, it does not matter what its items are.
fn no_nulls(list: &FixedSizeListArray, values: &ArrayRef, column: &str) -> Result<()> {
    let len = list.value_length() as usize;
    let holds_null = |row: usize| values.slice(row * len, len).null_count() > 0;
    match values.null_count() > 0
        && (0..list.len()).any(|row| list.is_valid(row) && holds_null(row))
    {
        false => Ok(()),
        true => Err(Error::UnsupportedColumn {
            column: column.to_string(),
            data_type: format!("{} with nulls", values.data_type()),
            format: "a tensor that is written as bytes",
            expected: "numbers without nulls",
        }),
    }
}

/// Returns the same values under a type that differs in names, metadata and nullability alone.
fn relabelled(data: ArrayData, data_type: &DataType) -> Result<ArrayData> {
    use DataType as T;
    if data.data_type() == data_type {
        return Ok(data);
    }
    let types: Vec<&DataType> = match data_type {
        T::List(item)
        | T::LargeList(item)
        | T::ListView(item)
        | T::LargeListView(item)
        | T::FixedSizeList(item, _)
        | T::Map(item, _) => vec![item.data_type()],
        T::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        T::Union(fields, _) => fields.iter().map(|(_, field)| field.data_type()).collect(),
        T::Dictionary(_, values) => vec![values.as_ref()],
        T::RunEndEncoded(ends, values) => vec![ends.data_type(), values.data_type()],
        _ => Vec::new(),
    };
    let children = data.child_data().iter().cloned().zip(types);
    let children = children
        .map(|(child, data_type)| relabelled(child, data_type))
        .collect::<Result<_>>()?;
    let builder = data.into_builder().data_type(data_type.clone());
    Ok(builder.child_data(children).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Float32Array, ListArray, StringArray, StructArray, TimestampSecondArray,
        UInt16Array,
    };
    use arrow::buffer::OffsetBuffer;

    const PATH: &str = "out.arrow";

    fn convert(
        fields: Vec<Field>,
        columns: Vec<ArrayRef>,
        format: Format,
        tensors: Tensors,
    ) -> Result<RecordBatch> {
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Conversion::of(&schema, Path::new(PATH), format, Some(tensors))?.apply(&batch)
    }

    /// Returns two rows of these values as a column of tensors.
    fn tensors(name: &str, values: ArrayRef, shape: &[usize]) -> (Field, ArrayRef) {
        let nullable = values.null_count() > 0;
        let item = Field::new("item", values.data_type().clone(), nullable);
        let field = tensor::field_of(name, item, shape);
        let DataType::FixedSizeList(item, len) = field.data_type() else {
            panic!("{field}");
        };
        let list = FixedSizeListArray::new(Arc::clone(item), *len, values, None);
        (field, Arc::new(list))
    }

    fn rows(batch: &RecordBatch) -> Vec<&[u8]> {
        batch
            .column(0)
            .as_fixed_size_binary()
            .iter()
            .flatten()
            .collect()
    }

    /// Small ones too: four bytes per row.
    #[test]
    fn every_tensor_becomes_bytes_that_numpy_reads() {
        let numbers: ArrayRef = Arc::new(UInt16Array::from(vec![1, 2, 258, 4]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, false, true]));
        let seconds = vec![Some(1), None, Some(-1), Some(0)];
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(seconds));
        let time = |value: i64| value.to_le_bytes();
        let cases: [(ArrayRef, &str, [Vec<u8>; 2]); 3] = [
            (numbers, "uint16", [vec![1, 0, 2, 0], vec![2, 1, 4, 0]]),
            (flags, "bool", [vec![1, 0], vec![0, 1]]),
            (
                times,
                "datetime64[s]",
                [[time(1), time(NAT)].concat(), [time(-1), time(0)].concat()],
            ),
        ];
        for (values, dtype, expected) in cases {
            let (field, column) = tensors("t", values, &[2, 1]);
            for format in [Format::ArrowFile, Format::Parquet] {
                let (field, column) = (field.clone(), Arc::clone(&column));
                let made = convert(vec![field], vec![column], format, Tensors::Binary).unwrap();
                assert_eq!(rows(&made), expected);
                let field = made.schema_ref().field(0).clone();
                let expected = HashMap::from([
                    (DTYPE_KEY.to_string(), dtype.to_string()),
                    (tensor::SHAPE_KEY.to_string(), "[2,1]".to_string()),
                ]);
                assert_eq!(field.metadata(), &expected);
            }
        }
    }

    /// The shape is that of NumPy's complex numbers, without the axis of their parts.
    #[test]
    fn complex_tensors_are_bytes_of_complex_numbers() {
        let field = crate::array::complex::field("t", Scalar::Complex64, &[1, 2]);
        let values: ArrayRef = Arc::new(Float32Array::from(vec![1.0, -2.0, 0.5, 4.0]));
        let (_, column) = tensors("t", values, &[1, 2, 2]);
        let format = Format::ArrowStream;
        let made = convert(vec![field], vec![column], format, Tensors::Binary).unwrap();
        let numbers = [1.0f32, -2.0, 0.5, 4.0].map(f32::to_le_bytes).concat();
        assert_eq!(rows(&made), [numbers]);
        let metadata = made.schema_ref().field(0).metadata().clone();
        assert_eq!(metadata[DTYPE_KEY], "complex64");
        assert_eq!(metadata[tensor::SHAPE_KEY], "[1,2]");
    }

    #[test]
    fn a_slice_keeps_its_own_rows() {
        let (field, column) = tensors("t", Arc::new(UInt16Array::from(vec![1, 2, 3])), &[1]);
        let columns = vec![column.slice(1, 2)];
        let made = convert(vec![field], columns, Format::ArrowFile, Tensors::Binary).unwrap();
        assert_eq!(rows(&made), [[2, 0], [3, 0]]);
    }

    /// As the answer to an outer join has it.
    #[test]
    fn a_row_without_a_tensor_is_a_row_without_bytes() {
        let values: ArrayRef = Arc::new(UInt16Array::from(vec![Some(7), None]));
        let (field, column) = tensors("t", values, &[1]);
        let (item, len, values, _) = column.as_fixed_size_list().clone().into_parts();
        let nulls = Some(vec![true, false].into());
        let column: ArrayRef = Arc::new(FixedSizeListArray::new(item, len, values, nulls));
        let (fields, format) = (vec![field.with_nullable(true)], Format::Parquet);
        let made = convert(fields, vec![column], format, Tensors::Binary).unwrap();
        assert_eq!(rows(&made), [[7, 0]]);
        assert_eq!(made.column(0).null_count(), 1);
    }

    #[test]
    fn what_cannot_be_bytes_is_named() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let nulls: ArrayRef = Arc::new(UInt16Array::from(vec![Some(1), None]));
        for values in [text, nulls] {
            let (field, column) = tensors("strange", values, &[1]);
            let (fields, columns) = (vec![field], vec![column]);
            let error = convert(fields, columns, Format::Parquet, Tensors::Binary).unwrap_err();
            assert!(
                error.is_usage() && error.to_string().contains("`strange`"),
                "{error}"
            );
        }
    }

    /// Extension types hide in the children of lists and structs as well.
    #[test]
    fn lists_carry_no_extension_type_anywhere() {
        let (field, column) = tensors("t", Arc::new(UInt16Array::from(vec![1, 2])), &[1]);
        let inner = Arc::new(field.clone());
        let fields = vec![Arc::clone(&inner)].into();
        let strukt = StructArray::new(fields, vec![Arc::clone(&column)], None);
        let item = Arc::new(Field::new("item", strukt.data_type().clone(), false));
        let offsets = OffsetBuffer::from_lengths([0, 2]);
        let nested = ListArray::new(item, offsets, Arc::new(strukt), None);
        let nested_field = Field::new("nested", nested.data_type().clone(), false);
        let (fields, columns) = (
            vec![field, nested_field],
            vec![Arc::clone(&column), Arc::new(nested) as ArrayRef],
        );
        for format in [Format::ArrowFile, Format::Parquet] {
            let (fields, columns) = (fields.clone(), columns.clone());
            let made = convert(fields, columns, format, Tensors::Lists).unwrap();
            let schema = format!("{:?}", made.schema());
            assert!(!schema.contains("extension"), "{schema}");
            // The shape is still known to us.
            assert_eq!(tensor::shape(made.schema_ref().field(0)), Some(vec![1]));
            let values = made.column(0).as_fixed_size_list().values();
            assert_eq!(values.as_ref(), &UInt16Array::from(vec![1, 2]));
            let list = made.column(1).as_list::<i32>();
            assert_eq!((list.len(), list.value_length(1)), (2, 2));
        }
    }

    #[test]
    fn tensors_in_parquet_have_items_that_may_be_null_and_are_not() {
        let (field, column) = tensors("t", Arc::new(UInt16Array::from(vec![1, 2])), &[1]);
        let (fields, columns) = (vec![field.clone()], vec![column]);
        let made = convert(fields, columns, Format::Parquet, Tensors::Tensor).unwrap();
        let DataType::FixedSizeList(item, 1) = made.schema_ref().field(0).data_type().clone()
        else {
            panic!("{:?}", made.schema());
        };
        assert!(item.is_nullable());
        assert_eq!(made.schema_ref().field(0).metadata(), field.metadata());
        assert_eq!(made.column(0).as_fixed_size_list().values().null_count(), 0);
    }
}
