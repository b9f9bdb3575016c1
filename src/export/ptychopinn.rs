//! Writes groups as the dictionary that PtychoPINN trains on: `diffraction`, `X_full`, `coords_*`, `nn_indices`, `Y` and
//! `objectGuess`, patterns as [N, N, C].

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};

use super::{ExportOptions, NpzMember, Written, write_npz};
use crate::array::{Column, View};
use crate::error::{Error, Result};
use crate::group::{Groups, Semantics};
use crate::scan::layout::Role;
use crate::table::{ColumnTable, ReadOptions, Table, TableReader};

/// The keys of the dictionary, each with the column that it is made of.
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

/// What a column must be; the same names as in [`KEYS`].
const EXPECTED: &str = "a column that PtychoPINN's dictionary has a key for (diffraction, diffraction_normalized, \
                        coords_offsets, coords_relative, coords_start_offsets, coords_start_relative, coords_nn, \
                        coords_start_nn, nn_indices or object_patches)";

/// Returns the columns of groups that the dictionary is made of, as far as the groups have them.
pub fn default_columns(schema: &Schema) -> Vec<String> {
    let present = KEYS
        .iter()
        .map(|(_, column)| *column)
        .filter(|column| schema.index_of(column).is_ok());
    present.map(str::to_string).collect()
}

/// Writes groups as PtychoPINN's dictionary, an NPZ file with one member per key, or those of its keys that the columns
/// asked for make. Returns `None` if the output exists and is to be left as it is.
///
/// `read` says which columns are read (by default [`default_columns`]) and how large the batches are; all groups are
/// written. The groups should be made with [`Channels::Last`](crate::group::Channels::Last), as PtychoPINN has patterns.
/// Where the scan has no start positions, the keys of start positions get the positions. With
/// [`Semantics::Ptychopinn`] the dtypes too are those of PtychoPINN's bridge (coordinates f64, the object complex64), with
/// [`Semantics::PtychopinnRaw`] those of its `RawData`, but for patterns, which are always f32.
///
/// # Errors
/// If a column has no key; if the output is a file that the groups are made of; and for the reasons that [`write_npz`] gives.
pub fn write_groups(
    groups: &Groups,
    read: &ReadOptions,
    path: &Path,
    options: &ExportOptions,
) -> Result<Option<Written>> {
    let schema = groups.schema();
    let columns = match &read.columns {
        Some(columns) => columns.clone(),
        None => default_columns(&schema),
    };
    let member = |key: &str, column: &str| member(groups, key, column, read);
    let mut members = Vec::new();
    for column in &columns {
        let key = KEYS.iter().find(|(_, known)| known == column);
        let (key, _) = key.ok_or_else(|| no_key(&schema, column))?;
        members.push(member(key, column)?);
    }
    // PtychoPINN takes the positions for start positions where a file has none.
    if !groups.scan().has_starts() {
        for (key, column) in KEYS
            .iter()
            .filter(|(key, _)| key.starts_with("coords_start"))
        {
            let corrected = column.replace("_start", "");
            if columns.contains(&corrected) {
                members.push(member(key, &corrected)?);
            }
        }
    }
    if columns.iter().any(|column| column == "object_patches") {
        members.extend(object(groups)?);
    }
    let mut options = options.clone();
    let sources = groups.scan().sources();
    options
        .sources
        .extend(sources.map(|npz| npz.path().to_path_buf()));
    write_npz(members, path, &options)
}

fn no_key(schema: &Schema, column: &str) -> Error {
    let data_type = schema.field_with_name(column).map_or_else(
        |_| "unknown".to_string(),
        |field| field.data_type().to_string(),
    );
    Error::UnsupportedColumn {
        column: column.to_string(),
        data_type,
        format: "an .npz file of groups",
        expected: EXPECTED,
    }
}

fn member<'a>(
    groups: &'a Groups,
    key: &str,
    column: &str,
    read: &ReadOptions,
) -> Result<NpzMember<'a>> {
    let reader = groups.read(&ReadOptions {
        columns: Some(vec![column.to_string()]),
        batch_bytes: read.batch_bytes,
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

/// Returns PtychoPINN's dtype for a key, where the column has another.
fn cast(groups: &Groups, key: &str) -> Option<DataType> {
    let semantics = groups.spec().semantics;
    if semantics == Semantics::Native {
        return None;
    }
    let oversampled = groups
        .num_rows()
        .is_ok_and(|rows| rows > groups.scan().num_positions());
    match key {
        "nn_indices" => (groups.group_size() == 1 || oversampled).then_some(DataType::Int64),
        // The bridge of PtychoPINN casts coordinates to f64 before anything else.
        key if key.starts_with("coords") && semantics == Semantics::PtychopinnRaw => groups
            .scan()
            .positions_are_single(key.starts_with("coords_start"))
            .then_some(DataType::Float32),
        _ => None,
    }
}

/// Returns the object as it is in the file, if there is one; as complex64 where PtychoPINN's bridge reads it.
fn object(groups: &Groups) -> Result<Option<NpzMember<'static>>> {
    let Some(source) = groups.scan().source(Role::Object) else {
        return Ok(None);
    };
    let member = &source.placed.member;
    let column = Column::open(source.npz, member, "objectGuess", &View::whole())?;
    let is_single = groups.spec().semantics == Semantics::Ptychopinn;
    let table = ColumnTable::new("object", column);
    let reader = TableReader::try_new(Arc::new(table), &ReadOptions::default())?;
    Ok(Some(NpzMember {
        name: "objectGuess".to_string(),
        reader: Box::new(reader),
        rows: None,
        cast: is_single.then_some(DataType::Float32),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_names_every_column() {
        for (_, column) in KEYS {
            assert!(EXPECTED.contains(column), "{column}");
        }
    }
}
