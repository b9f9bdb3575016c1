//! Writes CSV files of narrow columns; a list becomes text such as `[1, 2, 3]`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::Schema;

use super::text::{Length, texts};
use super::{Described, buffered};
use crate::error::{Error, Result};
use crate::table::is_wide;

/// Writes all rows of a reader.
pub fn write<R: RecordBatchReader>(
    reader: &mut Described<'_, R>,
    file: &mut File,
    path: &Path,
) -> Result<()> {
    refuse_wide(reader.schema())?;
    let mut out = buffered(file);
    let mut put = |text: String| {
        out.write_all(text.as_bytes())
            .map_err(|e| Error::io(path, "write", e))
    };
    put(csv(
        &RecordBatch::new_empty(Arc::clone(reader.schema())),
        true,
    )?)?;
    while let Some(batch) = reader.next_batch()? {
        put(csv(&batch, false)?)?;
    }
    out.flush().map_err(|e| Error::io(path, "write", e))
}

/// Checks that every column has a few values per row.
///
/// # Errors
/// If one is as wide as patterns.
pub(crate) fn refuse_wide(schema: &Schema) -> Result<()> {
    match schema.fields().iter().find(|field| is_wide(field)) {
        None => Ok(()),
        Some(field) => Err(Error::UnsupportedColumn {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            format: "a CSV file",
            expected: "a few values per row",
        }),
    }
}

/// Returns rows as CSV: lists and structs as text, a null as an empty field, and empty text in quotation marks, so that
/// the two differ.
///
/// # Errors
/// If a value has no text.
pub(crate) fn csv(batch: &RecordBatch, header: bool) -> Result<String> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| texts(column, Length::Whole))
        .collect::<Result<Vec<_>>>()?;
    let mut out = String::new();
    if header {
        let names = batch.schema_ref().fields().iter();
        line(&mut out, names.map(|field| Some(field.name().as_str())));
    }
    for row in 0..batch.num_rows() {
        line(
            &mut out,
            columns.iter().map(|column| column[row].as_deref()),
        );
    }
    Ok(out)
}

/// Adds a line. Where a null is the only field, it is put in quotation marks: an empty line is no row for many readers.
fn line<'a>(out: &mut String, fields: impl ExactSizeIterator<Item = Option<&'a str>>) {
    let only = fields.len() == 1;
    for (place, field) in fields.enumerate() {
        if place > 0 {
            out.push(',');
        }
        match field {
            None if only => out.push_str("\"\""),
            None => {}
            Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                out.push('"');
                out.push_str(&text.replace('"', "\"\""));
                out.push('"');
            }
            Some(text) => out.push_str(text),
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, StringArray};

    /// What needs no quotation marks has none; the rest is as RFC 4180 has it.
    #[test]
    fn fields_are_quoted_where_they_must_be_and_nulls_differ_from_empty_text() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some("plain"),
            None,
            Some(""),
            Some("a,\"b\"\nc"),
        ]));
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(0.5),
            None,
            Some(f64::NAN),
            Some(1e300),
        ]));
        let batch =
            RecordBatch::try_from_iter_with_nullable([("a,b", texts, true), ("n", numbers, true)])
                .unwrap();
        let expected = "\"a,b\",n\nplain,0.5\n,\n\"\",NaN\n\"a,\"\"b\"\"\nc\",1e300\n";
        assert_eq!(csv(&batch, true).unwrap(), expected);
        assert_eq!(
            csv(&batch.slice(1, 1).project(&[1]).unwrap(), false).unwrap(),
            "\"\"\n"
        );
    }
}
