//! Writes Parquet files, compressed with zstd; without dictionaries for lists and tensors, where they only cost time.

mod times;

use std::fs::File;
use std::sync::Arc;

use arrow::array::RecordBatchReader;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::Described;
use crate::error::{Error, Result};
use crate::table::row_bytes;

/// The bytes of rows that a row group holds.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// Writes all rows of a reader.
pub fn write<R: RecordBatchReader>(reader: &mut Described<'_, R>, file: &mut File) -> Result<()> {
    let failed = |e| Error::external("cannot write Parquet", e);
    let schema = Arc::new(times::in_milliseconds(reader.schema()));
    refuse_no_bytes(&schema)?;
    let properties = properties(&schema);
    let mut writer =
        ArrowWriter::try_new(file, SchemaRef::clone(&schema), Some(properties)).map_err(failed)?;
    while let Some(batch) = reader.next_batch()? {
        let batch = times::converted(batch, &schema)?;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map(drop).map_err(failed)
}

/// Checks that no column has values of 0 bytes, which Parquet has no type for.
///
/// # Errors
/// If one has.
fn refuse_no_bytes(schema: &Schema) -> Result<()> {
    let mut fields = schema.fields().iter();
    match fields.find(|field| *field.data_type() == DataType::FixedSizeBinary(0)) {
        None => Ok(()),
        Some(field) => Err(Error::UnsupportedColumn {
            column: field.name().clone(),
            data_type: "FixedSizeBinary(0)".to_string(),
            format: "a Parquet file",
            expected: "values of at least one byte",
        }),
    }
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
