//! Parquet: zstd, dictionaries off for lists and tensors, where they only cost.

use std::fs::File;

use arrow::array::RecordBatchReader;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::Described;
use crate::error::{Error, Result};
use crate::table::row_bytes;

/// Bytes of rows that a row group holds.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// Writes all rows.
pub fn write<R: RecordBatchReader>(reader: &mut Described<'_, R>, file: &mut File) -> Result<()> {
    let failed = |e| Error::external("cannot write Parquet", e);
    let properties = properties(reader.schema());
    let mut writer = ArrowWriter::try_new(file, reader.schema().clone(), Some(properties)).map_err(failed)?;
    while let Some(batch) = reader.next_batch()? {
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map(drop).map_err(failed)
}

fn properties(schema: &Schema) -> WriterProperties {
    let rows = (ROW_GROUP_BYTES / row_bytes(schema).max(1)).clamp(1, 1 << 20);
    let lists = schema.fields().iter().filter(|field| matches!(field.data_type(), DataType::FixedSizeList(..)));
    let builder = WriterProperties::builder()
        // The default names the library's version twice over; ours is in the provenance.
        .set_created_by("ptychoarrow".to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(rows));
    let plain = |builder: parquet::file::properties::WriterPropertiesBuilder, name: &String| {
        let path = ColumnPath::from(vec![name.clone(), "list".to_string(), "element".to_string()]);
        builder.set_column_dictionary_enabled(path, false)
    };
    lists.map(|field| field.name()).fold(builder, plain).build()
}
