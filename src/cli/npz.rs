//! Groups as PtychoPINN's own dict: `diffraction`, `X_full`, `coords_*`, `nn_indices`, `Y`, `objectGuess`, patterns
//! channels-last.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};

use super::RunArgs;
use super::failure::{Failure, Result};
use super::output::announce;
use crate::array::{Column, View};
use crate::export::{ExportOptions, NpzMember, Written, write_npz};
use crate::group::{Groups, Semantics};
use crate::scan::layout::Role;
use crate::table::{ColumnTable, ReadOptions, Table, TableReader};

/// Key of the dict, the column it is made of.
const KEYS: &[(&str, &str)] = &[
    ("diffraction", "diffraction"),
    ("X_full", "diffraction_normalized"),
    ("coords_offsets", "coords_offsets"),
    ("coords_relative", "coords_relative"),
    ("coords_start_offsets", "coords_start_offsets"),
    ("coords_start_relative", "coords_start_relative"),
    ("coords_nn", "coords_nn"),
    ("coords_start_nn", "coords_start_nn"),
    ("nn_indices", "nn_indices"),
    ("Y", "object_patches"),
];

/// The columns that the dict is made of, as far as the groups have them.
pub fn columns(schema: &Schema) -> Vec<String> {
    let present = KEYS
        .iter()
        .map(|(_, column)| *column)
        .filter(|column| schema.index_of(column).is_ok());
    present.map(str::to_string).collect()
}

/// Writes the dict, or those of its keys whose columns were asked for.
pub fn write(
    groups: &Groups,
    columns: &[String],
    output: &Path,
    options: &ExportOptions,
    run: &RunArgs,
) -> Result<Option<Written>> {
    let mut members = Vec::new();
    for column in columns {
        let Some((key, _)) = KEYS.iter().find(|(_, known)| known == column) else {
            let known: Vec<&str> = KEYS.iter().map(|(_, column)| *column).collect();
            return Err(Failure::usage(format!(
                "column `{column}` has no key in PtychoPINN's dict: expected one of {} in an .npz file; leave it out, \
                 or write .arrow or .parquet",
                known.join(", ")
            )));
        };
        members.push(member(groups, key, column, run)?);
    }
    // PtychoPINN takes positions for start positions where a file has none.
    for (key, column) in KEYS
        .iter()
        .filter(|(key, _)| key.starts_with("coords_start"))
    {
        let corrected = column.replace("_start", "");
        if !groups.scan().has_starts() && columns.contains(&corrected) {
            members.push(member(groups, key, &corrected, run)?);
        }
    }
    if columns.iter().any(|column| column == "object_patches") {
        members.extend(object(groups)?);
    }
    announce(output, options);
    Ok(write_npz(
        members,
        output,
        options.if_exists,
        options.expected_bytes,
    )?)
}

fn member<'a>(groups: &'a Groups, key: &str, column: &str, run: &RunArgs) -> Result<NpzMember<'a>> {
    let columns = Some(vec![column.to_string()]);
    let batch_bytes = run.batch_bytes as usize;
    let reader = groups.read(&ReadOptions {
        columns,
        batch_bytes,
        ..Default::default()
    })?;
    let rows = Some(reader.rows_left() as u64);
    Ok(NpzMember {
        name: key.to_string(),
        reader: Box::new(reader),
        rows,
        cast: cast(groups, key),
    })
}

/// PtychoPINN's dtype, where it is not ours.
fn cast(groups: &Groups, key: &str) -> Option<DataType> {
    if groups.spec().semantics == Semantics::Native {
        return None;
    }
    let oversampled = groups
        .num_rows()
        .is_ok_and(|rows| rows > groups.scan().num_positions());
    match key {
        "nn_indices" => (groups.group_size() == 1 || oversampled).then_some(DataType::Int64),
        key if key.starts_with("coords") => groups
            .scan()
            .positions_are_single(key.starts_with("coords_start"))
            .then_some(DataType::Float32),
        _ => None,
    }
}

/// The object as it is in the file.
fn object(groups: &Groups) -> Result<Option<NpzMember<'static>>> {
    let scan = groups.scan();
    let Some(member) = scan.layout().member(Role::Object) else {
        return Ok(None);
    };
    let column = Column::open(scan.npz(), member, "objectGuess", &View::whole())?;
    let table = ColumnTable::new("object", column);
    let reader = TableReader::try_new(Arc::new(table), &ReadOptions::default())?;
    Ok(Some(NpzMember {
        name: "objectGuess".to_string(),
        reader: Box::new(reader),
        rows: None,
        cast: None,
    }))
}
