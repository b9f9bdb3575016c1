//! Writes Parquet files, compressed with zstd; without dictionaries for lists and tensors, where they only cost time.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions,
    RecordBatchReader,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::{Described, Tensors};
use crate::array::{DTYPE_KEY, tensor};
use crate::error::{Error, Result};
use crate::npz::Scalar;
use crate::table::{is_wide, row_bytes};

/// The bytes of rows that a row group holds.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// Writes all rows of a reader.
pub fn write<R: RecordBatchReader>(
    reader: &mut Described<'_, R>,
    file: &mut File,
    tensors: Tensors,
) -> Result<()> {
    let failed = |e| Error::external("cannot write Parquet", e);
    let schema = match tensors {
        Tensors::Lists => SchemaRef::clone(reader.schema()),
        Tensors::Binary => Arc::new(as_binary(reader.schema())),
    };
    let properties = properties(&schema);
    let mut writer =
        ArrowWriter::try_new(file, SchemaRef::clone(&schema), Some(properties)).map_err(failed)?;
    while let Some(batch) = reader.next_batch()? {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns
            .map(|(column, field)| to_binary(column, field))
            .collect::<Result<_>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(SchemaRef::clone(&schema), columns, &rows)?;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map(drop).map_err(failed)
}

/// The metadata key of the shape of a tensor that is kept as bytes. Arrow's own keys do not fit the type.
const SHAPE_KEY: &str = "ptychoarrow.shape";

/// Returns the schema with wide tensors as bytes.
fn as_binary(schema: &Schema) -> Schema {
    let field = |field: &FieldRef| match field.data_type() {
        DataType::FixedSizeList(item, len) if is_wide(field) && !item.is_nullable() => {
            let Some(scalar) = Scalar::of_arrow(item.data_type()) else {
                return FieldRef::clone(field);
            };
            let mut metadata = field.metadata().clone();
            let shape = tensor::shape(field).unwrap_or_else(|| vec![*len as usize]);
            metadata.remove(tensor::NAME_KEY);
            metadata.remove(tensor::METADATA_KEY);
            metadata
                .entry(DTYPE_KEY.to_string())
                .or_insert_with(|| scalar.numpy_name());
            metadata.insert(SHAPE_KEY.to_string(), format!("{shape:?}").replace(' ', ""));
            let bytes = DataType::FixedSizeBinary(*len * scalar.num_bytes() as i32);
            Arc::new(Field::new(field.name(), bytes, field.is_nullable()).with_metadata(metadata))
        }
        _ => FieldRef::clone(field),
    };
    Schema::new_with_metadata(
        schema.fields().iter().map(field).collect::<Vec<_>>(),
        schema.metadata().clone(),
    )
}

/// Returns a column in the type of its field: the numbers of a list become bytes without a copy.
fn to_binary(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let (DataType::FixedSizeBinary(width), Some(list)) =
        (field.data_type(), column.as_fixed_size_list_opt())
    else {
        return Ok(ArrayRef::clone(column));
    };
    let data = list.values().to_data();
    let (start, len) = (list.value_offset(0) as usize, list.len() * *width as usize);
    let item = *width as usize / (list.value_length() as usize).max(1);
    let bytes = data.buffers()[0].slice_with_length((data.offset() + start) * item, len);
    Ok(Arc::new(FixedSizeBinaryArray::try_new(
        *width,
        bytes,
        list.nulls().cloned(),
    )?))
}

fn properties(schema: &Schema) -> WriterProperties {
    let rows = (ROW_GROUP_BYTES / row_bytes(schema).max(1)).clamp(1, 1 << 20);
    let lists = schema
        .fields()
        .iter()
        .filter(|field| matches!(field.data_type(), DataType::FixedSizeList(..)));
    let builder = WriterProperties::builder()
        // The default would name the version of the Parquet library; the version of this crate is in the provenance.
        .set_created_by("ptychoarrow".to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(rows));
    let plain = |builder: parquet::file::properties::WriterPropertiesBuilder, name: &String| {
        let path = ColumnPath::from(vec![
            name.clone(),
            "list".to_string(),
            "element".to_string(),
        ]);
        builder.set_column_dictionary_enabled(path, false)
    };
    let builder = lists.map(|field| field.name()).fold(builder, plain);
    let binary = schema
        .fields()
        .iter()
        .filter(|field| matches!(field.data_type(), DataType::FixedSizeBinary(_)));
    let plain = |builder: parquet::file::properties::WriterPropertiesBuilder, name: &String| {
        builder.set_column_dictionary_enabled(ColumnPath::from(vec![name.clone()]), false)
    };
    binary
        .map(|field| field.name())
        .fold(builder, plain)
        .build()
}
