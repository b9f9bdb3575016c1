//! Prints the rows of a query.

use arrow::array::{RecordBatch, RecordBatchReader};

use super::RowFormat;
use crate::cli::failure::Result;
use crate::cli::notices::Speaker;
use crate::cli::output::{self, log};
use crate::cli::print::{json, table};
use crate::export::text_columns;
use crate::sql::QueryReader;

/// The number of rows that are shown in a table.
const SHOWN_ROWS: usize = 40;

/// Prints the rows of a query; of a statement without columns nothing is printed. Returns the number of rows, or, for a
/// table, the number of rows that are shown.
///
/// What the user should know is said after the rows.
///
/// # Errors
/// If the query fails; if stdout cannot be written to; with `--strict` if there are warnings.
pub fn print(mut reader: QueryReader, format: RowFormat, speaker: &Speaker) -> Result<usize> {
    let rows = print_rows(&mut reader, format)?;
    speaker.say(&reader.notices())?;
    Ok(rows)
}

fn print_rows(reader: &mut QueryReader, format: RowFormat) -> Result<usize> {
    if reader.schema().fields().is_empty() {
        return reader.map(|batch| Ok(batch?.num_rows())).sum();
    }
    match format {
        RowFormat::Table => print_table(reader),
        RowFormat::Csv => {
            let (mut header, mut rows) = (true, 0);
            let empty = RecordBatch::new_empty(reader.schema());
            for batch in std::iter::once(Ok(empty)).chain(reader) {
                let batch = batch?;
                rows += batch.num_rows();
                output::result_text(&csv(&batch, header)?)?;
                header = false;
            }
            Ok(rows)
        }
        RowFormat::Json => {
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
            output::result(&json(&batches)?)?;
            Ok(batches.iter().map(RecordBatch::num_rows).sum())
        }
    }
}

fn print_table(reader: &mut QueryReader) -> Result<usize> {
    let schema = reader.schema();
    let mut batches = vec![RecordBatch::new_empty(schema)];
    let mut rows = 0;
    let mut more = false;
    for batch in reader {
        let batch = batch?;
        let shown = batch.num_rows().min(SHOWN_ROWS - rows);
        more = shown < batch.num_rows();
        rows += shown;
        batches.push(batch.slice(0, shown));
        if more {
            break;
        }
    }
    output::result(&table(&batches)?)?;
    if more {
        log(&format!(
            "these are the first {rows} rows; for all of them, use --format csv, --format json or -o FILE"
        ));
    }
    Ok(rows)
}

fn csv(batch: &RecordBatch, header: bool) -> Result<String> {
    let mut bytes = Vec::new();
    let batch = text_columns(batch)?;
    arrow::csv::WriterBuilder::new()
        .with_header(header)
        .build(&mut bytes)
        .write(&batch)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
