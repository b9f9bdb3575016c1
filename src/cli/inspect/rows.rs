//! Shows the columns of Arrow and Parquet files, and where their rows came from.

use std::path::Path;

use arrow::datatypes::{DataType, Field};
use bytesize::ByteSize;
use serde_json::{Map, Value, json};

use crate::array::{DTYPE_KEY, tensor};
use crate::cli::input::shown;
use crate::cli::print::data_type_name;
use crate::error::{Error, Result};
use crate::export::{Description, describe};

/// Describes an Arrow or Parquet file; returns `None` for any other file, and for a missing one.
pub fn described(file: &Path) -> Result<Option<Description>> {
    match describe(file) {
        // Opening it as an NPZ file reports this better.
        Err(
            Error::Io {
                action: "open" | "read",
                ..
            }
            | Error::NoSuchFile { .. },
        ) => Ok(None),
        described => described,
    }
}

pub fn text(file: &Path, rows: &Description) -> String {
    let Description {
        format,
        bytes,
        schema,
        rows,
        batches,
        provenance,
    } = rows;
    let mut text = format!("{}: {}, {format}\n", shown(file), ByteSize::b(*bytes));
    text += &format!("{:<12} {rows}\n{:<12} {batches}\n", "rows", "batches");
    for (number, field) in schema.fields().iter().enumerate() {
        let label = if number == 0 { "columns" } else { "" };
        let nullable = if field.is_nullable() {
            ", nullable"
        } else {
            ""
        };
        text += &format!(
            "{label:<12} {} {}{nullable}\n",
            field.name(),
            type_text(field)
        );
    }
    if provenance.is_empty() {
        return text
            + &format!(
                "{:<12} none: the file was not written by this program",
                "provenance"
            );
    }
    let lines = provenance
        .iter()
        .map(|(key, value)| provenance_text(key, value));
    text + lines.collect::<Vec<_>>().join("\n").as_str()
}

fn type_text(field: &Field) -> String {
    let item = match field.data_type() {
        DataType::FixedSizeList(item, len) => {
            let shape = tensor::shape(field).unwrap_or_else(|| vec![*len as usize]);
            return format!("{} {shape:?}", data_type_name(item.data_type()));
        }
        other => other,
    };
    let said = |key| field.metadata().get(key);
    match (item, said(DTYPE_KEY), said(tensor::SHAPE_KEY)) {
        (DataType::FixedSizeBinary(_), Some(dtype), Some(shape)) => {
            format!(
                "{}, {dtype} {}",
                data_type_name(item),
                shape.replace(',', ", ")
            )
        }
        _ => data_type_name(item),
    }
}

/// Shows one key; each part of JSON gets a line of its own.
fn provenance_text(key: &str, value: &str) -> String {
    let label = key.strip_prefix("ptychoarrow.").unwrap_or(key);
    let parts = match serde_json::from_str(value) {
        Ok(Value::Object(fields)) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(part)
            .collect(),
        Ok(Value::Array(sources)) if sources.iter().all(Value::is_object) => {
            sources.iter().map(source_text).collect()
        }
        _ => vec![value.to_string()],
    };
    let line = |(number, part): (usize, String)| {
        format!("{:<12} {part}", if number == 0 { label } else { "" })
    };
    parts
        .into_iter()
        .enumerate()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Shows a field of a specification; of long lists, such as scan points, only the length.
fn part((name, value): (&String, &Value)) -> String {
    const SHOWN: usize = 8;
    match value {
        Value::Array(values) if values.len() > SHOWN => format!("{name} = {} values", values.len()),
        Value::String(text) => format!("{name} = {text}"),
        value => format!("{name} = {value}"),
    }
}

fn source_text(source: &Value) -> String {
    let members = source["crc32"].as_object().map_or(0, Map::len);
    let size = ByteSize::b(source["size"].as_u64().unwrap_or(0));
    format!(
        "{}, {size}, {members} members (their CRC-32s: --format json)",
        source["name"].as_str().unwrap_or("?")
    )
}

pub fn json(file: &Path, description: &Description) -> Value {
    let Description {
        format,
        bytes,
        schema,
        rows,
        batches,
        provenance,
    } = description;
    let column = |field: &Field| {
        let item = match field.data_type() {
            DataType::FixedSizeList(item, _) => item.data_type(),
            other => other,
        };
        let shape = match field.data_type() {
            DataType::FixedSizeList(_, len) => {
                Some(tensor::shape(field).unwrap_or_else(|| vec![*len as usize]))
            }
            _ => None,
        };
        json!({"name": field.name(), "type": data_type_name(item), "shape": shape, "nullable": field.is_nullable()})
    };
    let columns: Vec<Value> = schema.fields().iter().map(|field| column(field)).collect();
    let parsed = |value: &String| serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    let provenance: Map<String, Value> = provenance
        .iter()
        .map(|(key, value)| (key.clone(), parsed(value)))
        .collect();
    json!({
        "file": shown(file), "format": format, "size": bytes, "rows": rows, "batches": batches, "columns": columns,
        "provenance": provenance,
    })
}
