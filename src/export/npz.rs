//! Writes NPZ files: each member from one reader, in one pass, at constant memory.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatchReader};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};

use super::target::Target;
use super::{ExportOptions, Format, Written, span, tensors};
use crate::array::{DTYPE_KEY, tensor};
use crate::error::{Error, Result};
use crate::npz::Scalar;
use crate::npz::write::NpzWriter;

/// Describes a member to be written: the only column of a reader.
pub struct NpzMember<'a> {
    /// The member's name, without `.npy`.
    pub name: String,
    /// The reader of the member's rows, one column wide.
    pub reader: Box<dyn RecordBatchReader + 'a>,
    /// The number of rows the reader has; `None` for a reader of a single row whose axis is left out of the shape.
    pub rows: Option<u64>,
    /// The type that values are cast to, if it is another than the column's.
    pub cast: Option<DataType>,
}

/// Writes members to an archive: in C order, data aligned to 64 bytes. Tensors keep their shape, complex numbers become
/// NumPy's. Returns `None` if the output exists and is to be left as it is.
///
/// # Errors
/// If a column does not hold plain numbers; if a reader has another number of rows than it was said to have; if the
/// output exists, cannot be written, or does not fit the disk. Nothing is left behind then.
pub fn write_npz(
    members: Vec<NpzMember<'_>>,
    path: &Path,
    options: &ExportOptions,
) -> Result<Option<Written>> {
    tensors::check(path, Format::Npz, options.tensors)?;
    let Some(mut target) = Target::create(options.place(path))? else {
        return Ok(None);
    };
    target.check_space(options.expected_bytes)?;
    let span = span(path).entered();
    let failed = |e| Error::io(path, "write", e);
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let rows = members
        .iter()
        .filter_map(|member| member.rows)
        .max()
        .unwrap_or(0);
    for member in members {
        write_member(&mut writer, member, path, options)?;
    }
    writer
        .finish()
        .and_then(|mut out| out.flush())
        .map_err(failed)?;
    let bytes = target.commit()?;
    span.record("bytes", bytes);
    Ok(Some(Written { rows, bytes }))
}

fn write_member<W: Write + std::io::Seek>(
    out: &mut NpzWriter<W>,
    member: NpzMember<'_>,
    path: &Path,
    options: &ExportOptions,
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
    let task = format!("{}: {}", path.display(), member.name);
    let total = member.rows.unwrap_or(1);
    let mut rows = 0;
    let mut reader = member.reader;
    while let Some(batch) = tracing::debug_span!("read").in_scope(|| reader.next()) {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        options.progress.rows(&task, rows, Some(total));
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

/// Describes a column as NumPy sees it.
struct Layout {
    descr: String,
    /// The shape of one row.
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
            Some(_) => {
                shape.pop();
                Scalar::of_arrow(&item)?.complex_of()?.descr()
            }
            None => Scalar::of_arrow(&item)?.descr(),
        };
        Some(Self {
            descr,
            shape,
            item,
            row_bytes,
        })
    }
}

/// Returns the values of a primitive array as they lie in memory.
fn bytes_of(values: &ArrayRef) -> arrow::buffer::Buffer {
    let data = values.to_data();
    let width = values.data_type().primitive_width().unwrap_or(1);
    data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width)
}
