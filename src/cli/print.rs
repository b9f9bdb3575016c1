//! Prints rows as tables for people, with long values in short, and as JSON.

pub mod fit;

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, SchemaRef};
use arrow::util::pretty::pretty_format_batches;

use crate::array::tensor;
use crate::error::Result;
use crate::export::{Length, texts};
use fit::Column;

/// The length of the longest tensors that are shown whole.
const SHOWN_VALUES: i32 = 9;

/// Holds rows as text: a table, and what of it is not shown.
pub struct Shown {
    /// The table, on lines that fit the terminal.
    pub table: String,
    /// The number of columns that are left out.
    pub hidden_columns: usize,
}

/// Returns rows as a table of text that is no wider than the terminal. Where stdout is no terminal, it is as wide as its
/// cells.
///
/// # Errors
/// If a value cannot be shown.
pub fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Shown> {
    if is_plan(schema) {
        // Plans are made of lines, and are to be read whole.
        return Ok(Shown {
            table: pretty_format_batches(batches)?.to_string(),
            hidden_columns: 0,
        });
    }
    if is_help(schema) {
        return help(batches);
    }
    let column = |index: usize| -> Result<Column> {
        let field = schema.field(index);
        let mut cells = Vec::new();
        for batch in batches {
            let shown = cells_of(field, batch.column(index))?;
            cells.extend(shown.iter().map(|cell| fit::on_one_line(cell)));
        }
        Ok(Column {
            name: fit::on_one_line(field.name()),
            cells,
            can_be_cut: !is_single(field.data_type()),
        })
    };
    let columns = (0..schema.fields().len())
        .map(column)
        .collect::<Result<Vec<_>>>()?;
    let (table, hidden_columns) = fit::table(&columns, fit::width());
    Ok(Shown {
        table,
        hidden_columns,
    })
}

/// Returns whether rows are what EXPLAIN answers.
fn is_plan(schema: &SchemaRef) -> bool {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    names.eq(["plan_type", "plan"])
}

/// Returns whether rows are what the prompt answers to `.functions`.
fn is_help(schema: &SchemaRef) -> bool {
    let mut names = schema.fields().iter().map(|field| field.name().as_str());
    names.next() == Some("call") && names.any(|name| name == "description")
}

/// Lists functions: the call, and below it what is said of it, which no table has room for.
fn help(batches: &[RecordBatch]) -> Result<Shown> {
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter();
        let columns = columns
            .map(|column| texts(column, Length::Whole))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let mut texts = columns.iter().filter_map(|column| column[row].as_deref());
            lines.extend(texts.next().map(fit::on_one_line));
            lines.extend(texts.map(|text| format!("    {}", fit::on_one_line(text))));
        }
    }
    Ok(Shown {
        table: lines.join("\n"),
        hidden_columns: 0,
    })
}

/// Returns whether a type is that of numbers, truth values and times, which say something else when they are cut.
fn is_single(data_type: &DataType) -> bool {
    data_type.is_primitive() || *data_type == DataType::Boolean
}

/// Counts the rows that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// All rows but these are shown.
    Rows(usize),
    /// There are more than this number, which were not counted to their end.
    MoreThan(usize),
}

/// Returns a sentence about what is not shown; `None` if everything is. `all` says how to get the rest.
pub fn not_shown(rows: Hidden, columns: usize, all: &str) -> Option<String> {
    let rows = match rows {
        Hidden::Rows(0) => None,
        Hidden::Rows(count) => Some(counted(count, "row")),
        Hidden::MoreThan(count) => Some(format!("more than {}", counted(count, "row"))),
    };
    let columns = (columns > 0).then(|| counted(columns, "column"));
    let parts: Vec<String> = rows.into_iter().chain(columns).collect();
    (!parts.is_empty()).then(|| format!("… {} not shown; {all}", parts.join(" and ")))
}

/// Writes a number of things: `1 row`, `2 rows`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table)?;
        let all = "--format json has them all";
        not_shown(Hidden::Rows(0), self.hidden_columns, all)
            .map_or(Ok(()), |text| write!(f, "\n{text}"))
    }
}

/// Returns the cells of a column: a long tensor as type, shape and range, any other long value by its beginning.
fn cells_of(field: &Field, column: &ArrayRef) -> Result<Vec<String>> {
    let shape = tensor::shape(field).filter(|shape| shape.len() > 1);
    let long = column
        .as_fixed_size_list_opt()
        .filter(|list| list.value_length() > SHOWN_VALUES);
    if let (Some(shape), Some(list)) = (shape, long) {
        return (0..list.len())
            .map(|row| summary(list, row, &shape))
            .collect();
    }
    let texts = texts(column, Length::Short)?;
    Ok(texts.into_iter().map(Option::unwrap_or_default).collect())
}

/// Shows a tensor as type, shape and range; a null as nothing.
fn summary(list: &FixedSizeListArray, row: usize, shape: &[usize]) -> Result<String> {
    if list.is_null(row) {
        return Ok(String::new());
    }
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let text = format!(
        "{} {}",
        data_type_name(&list.value_type()),
        lengths.join(" x ")
    );
    Ok(match range(&list.value(row))? {
        Some((min, max)) => format!("{text}, {} to {}", number(min), number(max)),
        None => text,
    })
}

/// Returns the smallest and the largest number of an array of numbers.
fn range(values: &ArrayRef) -> Result<Option<(f64, f64)>> {
    if !values.data_type().is_numeric() {
        return Ok(None);
    }
    let values = cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    Ok(arrow::compute::min(values).zip(arrow::compute::max(values)))
}

/// Writes a number in few characters.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if value == value.trunc() && size < 1e7 => format!("{value}"),
        size if (1e-3..1e5).contains(&size) => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.3e}"),
    }
}

/// Returns the name of an Arrow type in lower case.
pub fn data_type_name(data_type: &DataType) -> String {
    data_type.to_string().to_lowercase()
}

/// Returns rows as a JSON array of objects.
///
/// # Errors
/// If a type cannot be written as JSON.
pub fn json(batches: &[RecordBatch]) -> Result<String> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}
