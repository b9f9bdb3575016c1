//! The tables of an archive, whatever it holds: `arrays` and `array`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::provenance;
use crate::array::{Access, Column, RowSet, View};
use crate::error::Result;
use crate::npz::{ArrayInfo, Member, NpzFile};
use crate::table::{MemoryTable, Table, TableInfo};

/// Creates the table `arrays`: what an archive holds, one row per member, plain array or not.
///
/// Columns: `name`, `dtype` (as NumPy writes it: `<f4`), `shape` (as Python writes it), `method` (stored,
/// deflated, bzip2, lzma, zstd), `byte_offset` of the data in the file (null unless stored), `num_bytes` unpacked, `access`
/// (mapped, copied, inflated, refused), `reason` (why the access is not mapped).
pub fn arrays(npz: &Arc<NpzFile>) -> Result<MemoryTable> {
    let members = npz.members();
    let infos: Vec<Option<&ArrayInfo>> = members
        .iter()
        .map(|member| member.array.as_ref().ok())
        .collect();
    let of = |value: fn(&ArrayInfo) -> String| infos.iter().map(move |info| info.map(value));
    let number = |value: fn(&ArrayInfo) -> Option<u64>| -> ArrayRef {
        Arc::new(UInt64Array::from_iter(
            infos.iter().map(|info| info.and_then(value)),
        ))
    };
    let names = members.iter().map(|member| Some(member.name.clone()));
    let (access, reasons): (Vec<_>, Vec<_>) =
        members.iter().map(|member| access_of(npz, member)).unzip();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", text(names)),
        ("dtype", text(of(|info| info.dtype.descr.clone()))),
        ("shape", text(of(|info| shape_text(&info.shape)))),
        ("method", text(of(|info| info.method.to_string()))),
        ("byte_offset", number(|info| info.byte_offset)),
        ("num_bytes", number(|info| Some(info.num_bytes))),
        ("access", text(access.into_iter().map(Some))),
        ("reason", text(reasons.into_iter())),
    ];
    Ok(MemoryTable::new(
        "arrays",
        RecordBatch::try_from_iter(columns)?,
        provenance::of([npz], "arrays"),
    ))
}

/// Returns how a member is reached, and why it is not mapped.
fn access_of(npz: &NpzFile, member: &Member) -> (String, Option<String>) {
    match &member.array {
        Ok(info) => {
            let access = Access::of(npz, info);
            let reason = access.reason().map(|reason| reason.to_string());
            (access.word().to_string(), reason)
        }
        Err(problem) => ("refused".to_string(), Some(problem.to_string())),
    }
}

fn text(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// Creates the table `array`: a member with one row per index of its first axis; an array without axes is one
/// row.
///
/// Columns: `row` Int64, `value` of the member's own type: a number, a text, a time, or a tensor of the other
/// axes.
///
/// # Errors
/// If there is no such member, or if it is no plain array.
pub fn array(npz: &Arc<NpzFile>, member: &str) -> Result<ArrayTable> {
    let value = Column::open(
        npz,
        member,
        "value",
        &View::first_axis(npz.array_info(member)?),
    )?;
    let row = Arc::new(Field::new("row", DataType::Int64, false));
    let schema = Arc::new(Schema::new(vec![row, Arc::clone(value.field())]));
    Ok(ArrayTable {
        npz: Arc::clone(npz),
        value,
        schema,
    })
}

/// Holds a member as a table; see [`array`].
#[derive(Debug)]
pub struct ArrayTable {
    npz: Arc<NpzFile>,
    value: Column,
    schema: SchemaRef,
}

impl TableInfo for ArrayTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.value.num_rows())
    }

    fn ordering(&self) -> &[&str] {
        &["row"]
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of([&self.npz], self.name())
    }
}

impl Table for ArrayTable {
    fn name(&self) -> &str {
        "array"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.value.num_rows())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.npz.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        match index {
            0 => Ok(Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row as i64),
            ))),
            _ => self.value.array(rows),
        }
    }
}

/// Writes a shape as Python does: `(516, 64, 64)`, `(2,)`, `()`.
pub fn shape_text(shape: &[usize]) -> String {
    match shape {
        [len] => format!("({len},)"),
        shape => format!(
            "({})",
            shape
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}
