//! Writes CSV files of narrow columns; a list becomes text such as `[1, 2, 3]`.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, RecordBatch, RecordBatchOptions, RecordBatchReader,
    StringArray,
};
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Described, buffered};
use crate::error::{Error, Result};
use crate::table::is_wide;

/// Writes all rows of a reader.
pub fn write<R: RecordBatchReader>(reader: &mut Described<'_, R>, file: &mut File) -> Result<()> {
    if let Some(field) = reader.schema().fields().iter().find(|field| is_wide(field)) {
        return Err(Error::UnsupportedColumn {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            format: "a CSV file",
            expected: "a few values per row",
        });
    }
    let mut writer = WriterBuilder::new().with_header(true).build(buffered(file));
    let empty = RecordBatch::new_empty(Arc::clone(reader.schema()));
    writer.write(&text_columns(&empty)?)?;
    while let Some(batch) = reader.next_batch()? {
        writer.write(&text_columns(&batch)?)?;
    }
    Ok(())
}

/// Returns the batch with its list columns as text such as `[1, 2, 3]`.
///
/// # Errors
/// If a value cannot be shown.
pub fn text_columns(batch: &RecordBatch) -> Result<RecordBatch> {
    lists_as_text(batch, |_, list| list_text(list))
}

/// Returns the batch with its list columns as the text that `text` makes of them.
///
/// # Errors
/// Whatever `text` reports.
pub fn lists_as_text(
    batch: &RecordBatch,
    text: impl Fn(&Field, &FixedSizeListArray) -> Result<StringArray>,
) -> Result<RecordBatch> {
    let column = |(field, array): (&Arc<Field>, &ArrayRef)| -> Result<(Arc<Field>, ArrayRef)> {
        match array.as_any().downcast_ref::<FixedSizeListArray>() {
            None => Ok((Arc::clone(field), Arc::clone(array))),
            Some(list) => {
                let text = text(field, list)?;
                Ok((
                    Arc::new(Field::new(field.name(), DataType::Utf8, true)),
                    Arc::new(text),
                ))
            }
        }
    };
    let schema = batch.schema();
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(column)
        .collect::<Result<_>>()?;
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        arrays,
        &options,
    )?)
}

/// Returns lists as text such as `[1, 2, 3]`.
///
/// # Errors
/// If a value cannot be shown.
pub fn list_text(list: &FixedSizeListArray) -> Result<StringArray> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(list, &options)?;
    let text =
        (0..list.len()).map(|row| list.is_valid(row).then(|| formatter.value(row).to_string()));
    Ok(text.collect())
}
