//! NPZ: one reader a member, one pass each, at constant memory.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatchReader};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};

use super::target::Target;
use super::{IfExists, Written};
use crate::array::complex::DTYPE_KEY;
use crate::array::tensor;
use crate::error::{Error, Result};
use crate::npz::write::NpzWriter;

/// A member: the only column of a reader.
pub struct NpzMember<'a> {
    /// Its name, without `.npy`.
    pub name: String,
    /// Its rows.
    pub reader: Box<dyn RecordBatchReader + 'a>,
    /// How many rows the reader has; `None` for one that has a single row, whose axis is left out of the shape.
    pub rows: Option<u64>,
    /// Another type for its values.
    pub cast: Option<DataType>,
}

/// Writes members to an archive in C order, data aligned to 64 bytes; tensors keep their shape, complex numbers are
/// NumPy's. `expected_bytes`, if known, is refused at once if the disk has fewer. Returns `None` if the output was there
/// and is to be left.
///
/// # Errors
/// As [`super::write`]; if a column is no plain numbers; if a reader has other rows than it was said to have.
pub fn write_npz(
    members: Vec<NpzMember<'_>>,
    path: &Path,
    if_exists: IfExists,
    expected_bytes: Option<u64>,
) -> Result<Option<Written>> {
    let Some(mut target) = Target::create(path, if_exists)? else {
        return Ok(None);
    };
    target.check_space(expected_bytes)?;
    let failed = |e| Error::io(path, "write", e);
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let rows = members
        .iter()
        .filter_map(|member| member.rows)
        .max()
        .unwrap_or(0);
    for member in members {
        write_member(&mut writer, member, path)?;
    }
    writer
        .finish()
        .and_then(|mut out| out.flush())
        .map_err(failed)?;
    Ok(Some(Written {
        rows,
        bytes: target.commit()?,
    }))
}

fn write_member<W: Write + std::io::Seek>(
    out: &mut NpzWriter<W>,
    member: NpzMember<'_>,
    path: &Path,
) -> Result<()> {
    let failed = |e| Error::io(path, "write", e);
    let schema = member.reader.schema();
    let field = schema.field(0);
    let layout =
        Layout::of(field, member.cast.as_ref()).ok_or_else(|| Error::UnsupportedColumn {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            format: "an .npz file",
            expected: "numbers",
        })?;
    let shape: Vec<usize> = member
        .rows
        .map(|rows| rows as usize)
        .into_iter()
        .chain(layout.shape.clone())
        .collect();
    let num_bytes = layout.row_bytes as u64 * member.rows.unwrap_or(1);
    out.begin(&member.name, &layout.descr, &shape, num_bytes)
        .map_err(failed)?;
    for batch in member.reader {
        let batch = batch?;
        let values = match batch.column(0).as_fixed_size_list_opt() {
            Some(list) => Arc::clone(list.values()),
            None => Arc::clone(batch.column(0)),
        };
        let values = if *values.data_type() == layout.item {
            values
        } else {
            cast(&values, &layout.item)?
        };
        out.write_all(bytes_of(&values).as_slice())
            .map_err(failed)?;
    }
    Ok(())
}

/// NumPy's view of a column.
struct Layout {
    descr: String,
    /// Of one row.
    shape: Vec<usize>,
    item: DataType,
    row_bytes: usize,
}

impl Layout {
    fn of(field: &Field, cast: Option<&DataType>) -> Option<Self> {
        let (item, mut shape) = match field.data_type() {
            DataType::FixedSizeList(item, size) => (
                item.data_type().clone(),
                tensor::shape(field).unwrap_or_else(|| vec![*size as usize]),
            ),
            item => (item.clone(), Vec::new()),
        };
        let item = cast.cloned().unwrap_or(item);
        let row_bytes = shape.iter().product::<usize>() * item.primitive_width()?;
        let descr = match field.metadata().get(DTYPE_KEY).map(String::as_str) {
            Some(complex) => {
                shape.pop();
                if complex == "complex128" {
                    "<c16".to_string()
                } else {
                    "<c8".to_string()
                }
            }
            None => descr(&item)?.to_string(),
        };
        Some(Self {
            descr,
            shape,
            item,
            row_bytes,
        })
    }
}

fn descr(item: &DataType) -> Option<&'static str> {
    Some(match item {
        DataType::Int8 => "|i1",
        DataType::Int16 => "<i2",
        DataType::Int32 => "<i4",
        DataType::Int64 => "<i8",
        DataType::UInt8 => "|u1",
        DataType::UInt16 => "<u2",
        DataType::UInt32 => "<u4",
        DataType::UInt64 => "<u8",
        DataType::Float16 => "<f2",
        DataType::Float32 => "<f4",
        DataType::Float64 => "<f8",
        _ => return None,
    })
}

/// The values of a primitive array, as they lie in memory.
fn bytes_of(values: &ArrayRef) -> arrow::buffer::Buffer {
    let data = values.to_data();
    let width = values.data_type().primitive_width().unwrap_or(1);
    data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width)
}
