//! Prints the rows of a query.

use std::fmt;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;

use super::RowFormat;
use crate::cli::failure::Result;
use crate::cli::notices::Speaker;
use crate::cli::output;
use crate::cli::print::{Hidden, counted, json, not_shown, table};
use crate::export::{csv, refuse_wide};
use crate::sql::QueryReader;
use crate::table::row_bytes;

/// The number of rows that are shown in a table.
const SHOWN_ROWS: usize = 40;
/// The number of rows up to which those that are not shown are counted.
const COUNTED_ROWS: usize = 10_000;
/// The number of bytes of rows up to which they are counted: patterns are not read for their number alone.
const COUNTED_BYTES: usize = 64 << 20;

/// Counts the rows of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// This many.
    All(usize),
    /// More than this number, which were not counted to their end.
    MoreThan(usize),
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(rows) => f.write_str(&counted(*rows, "row")),
            Self::MoreThan(rows) => write!(f, "more than {}", counted(*rows, "row")),
        }
    }
}

/// Prints the rows of a query; of a statement without columns nothing is printed. Returns the number of rows.
///
/// What the user should know is said after the rows.
///
/// # Errors
/// If the query fails; if stdout cannot be written to; with `--strict` if there are warnings.
pub fn print(mut reader: QueryReader, format: RowFormat, speaker: &Speaker) -> Result<Rows> {
    let rows = print_rows(&mut reader, format)?;
    speaker.say(&reader.notices())?;
    Ok(rows)
}

fn print_rows(reader: &mut QueryReader, format: RowFormat) -> Result<Rows> {
    if reader.schema().fields().is_empty() {
        let rows: Result<usize> = reader.map(|batch| Ok(batch?.num_rows())).sum();
        return Ok(Rows::All(rows?));
    }
    match format {
        RowFormat::Table => print_table(reader),
        RowFormat::Csv => {
            refuse_wide(&reader.schema())?;
            let (mut header, mut rows) = (true, 0);
            let empty = RecordBatch::new_empty(reader.schema());
            for batch in std::iter::once(Ok(empty)).chain(reader) {
                let batch = batch?;
                rows += batch.num_rows();
                output::result_text(&csv(&batch, header)?)?;
                header = false;
            }
            Ok(Rows::All(rows))
        }
        RowFormat::Json => {
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
            output::result(&json(&batches)?)?;
            let rows = batches.iter().map(RecordBatch::num_rows).sum();
            Ok(Rows::All(rows))
        }
    }
}

/// Prints the first rows as a table, and counts the others.
fn print_table(reader: &mut QueryReader) -> Result<Rows> {
    let schema = reader.schema();
    let mut batches = vec![RecordBatch::new_empty(SchemaRef::clone(&schema))];
    let (mut shown, mut rows, mut bytes) = (0, 0, 0);
    let mut hidden = None;
    for batch in reader {
        let batch = batch?;
        rows += batch.num_rows();
        let taken = batch.num_rows().min(SHOWN_ROWS - shown);
        if taken > 0 {
            batches.push(batch.slice(0, taken));
            shown += taken;
        }
        bytes += batch.num_rows().saturating_mul(row_bytes(&schema));
        if rows > COUNTED_ROWS || (bytes > COUNTED_BYTES && rows > SHOWN_ROWS) {
            hidden = Some(Hidden::MoreThan(rows.min(COUNTED_ROWS) - shown - 1));
            break;
        }
    }
    let hidden = hidden.unwrap_or(Hidden::Rows(rows - shown));
    let table = table(&schema, &batches)?;
    output::result(&table.table)?;
    let all = "for all of them use --format csv, --format json or -o FILE";
    not_shown(hidden, table.hidden_columns, all).map_or(Ok(()), |text| output::result(&text))?;
    Ok(match hidden {
        Hidden::Rows(_) => Rows::All(rows),
        Hidden::MoreThan(more) => Rows::MoreThan(shown + more),
    })
}
