//! A member as an Arrow column: rows along one axis or several, a tensor a row.
//!
//! A stored member whose data is aligned, little-endian and in C order becomes Arrow arrays over the map itself. Any
//! other is copied a batch at a time, never whole; [`Access`] says which, and why.

pub mod cast;
pub mod complex;
#[cfg(feature = "ndarray")]
mod ndarray;
mod pool;
mod rows;
pub mod tensor;
mod text;
mod time;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, FixedSizeListArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, ScalarBuffer};
use arrow::datatypes::{self as types, ArrowPrimitiveType, DataType, Field, FieldRef};
use bytes::Bytes;

#[cfg(feature = "ndarray")]
pub use self::ndarray::array_view;
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::{AccessMode, ArrayInfo, InflatesTo, MemberData, NpzFile, Scalar};
pub use cast::CastColumn;
pub use pool::Pool;
pub use rows::{RowData, RowSet};
pub use text::width as text_width;

/// How a member's data reaches an Arrow array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The array is a slice of the mapped file.
    Mapped,
    /// Each batch is copied out of the file.
    Copied {
        /// Why the map cannot serve as it is.
        reason: String,
    },
    /// The member was inflated, once; the array is a slice of that.
    Inflated {
        /// Whereto.
        to: InflatesTo,
    },
}

impl Access {
    /// `mapped`, `copied` or `inflated`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Copied { .. } => "copied",
            Self::Inflated { .. } => "inflated",
        }
    }

    /// Why it is not mapped; nothing if it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Mapped => None,
            Self::Copied { reason } => Some(reason),
            Self::Inflated {
                to: InflatesTo::Memory,
            } => Some("deflated; inflated once, to memory"),
            Self::Inflated {
                to: InflatesTo::Scratch,
            } => Some("deflated; inflated once, to a scratch file"),
        }
    }

    /// What would happen to a member of that description, were it stored and mapped.
    pub fn once_stored(info: &ArrayInfo) -> Self {
        copied(info, true).map_or(Self::Mapped, |reason| Self::Copied { reason })
    }

    /// What happens to a member of `npz` when it is read along its first axis, told from its header alone.
    pub fn of(npz: &NpzFile, info: &ArrayInfo) -> Self {
        let one_axis = info.shape.iter().filter(|len| **len != 1).count() <= 1;
        access(npz, info, one_axis || !info.fortran_order)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.word()),
            Some(reason) => write!(f, "{} ({reason})", self.word()),
        }
    }
}

fn access(npz: &NpzFile, info: &ArrayInfo, in_order: bool) -> Access {
    if let Some(to) = npz.inflates_to(&info.name) {
        return Access::Inflated { to };
    }
    let reason = match npz.access() {
        AccessMode::Read => Some("read by position".to_string()),
        AccessMode::Map => copied(info, in_order),
    };
    reason.map_or(Access::Mapped, |reason| Access::Copied { reason })
}

/// Why the map of a stored member cannot serve as it is.
fn copied(info: &ArrayInfo, in_order: bool) -> Option<String> {
    let scalar = info.dtype.scalar;
    let alignment = scalar.unit_bytes() as u64;
    let misaligned = info
        .byte_offset
        .filter(|offset| !offset.is_multiple_of(alignment));
    Some(match misaligned {
        _ if scalar == Scalar::Bool => "Arrow packs eight booleans into a byte".to_string(),
        _ if matches!(scalar, Scalar::Bytes(_) | Scalar::Text(_)) => {
            "Arrow's text has no fixed width".to_string()
        }
        _ if info.dtype.big_endian => "big-endian".to_string(),
        _ if !in_order => "not in C order".to_string(),
        Some(offset) => format!("misaligned: data at byte {offset}, no multiple of {alignment}"),
        _ if !time::is_as_stored(scalar) => "converted to a unit that Arrow has".to_string(),
        None => return None,
    })
}

/// The part of an array that is a column, and which of its axes count the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Axes that count the rows, slowest first; if there are none, the whole is one row.
    pub rows: Vec<usize>,
    /// Axes of which one index is taken: (axis, index). All others, in order, are the tensor of a row.
    pub fixed: Vec<(usize, usize)>,
}

impl View {
    /// Everything, in one row.
    pub fn whole() -> Self {
        Self::default()
    }

    /// Everything, with rows along one axis.
    pub fn along(axis: usize) -> Self {
        Self {
            rows: vec![axis],
            fixed: Vec::new(),
        }
    }

    /// Rows along the first axis; an array without axes is one row.
    pub fn first_axis(info: &ArrayInfo) -> Self {
        if info.shape.is_empty() {
            Self::whole()
        } else {
            Self::along(0)
        }
    }
}

/// Rows so many bytes apart, or fewer, are read ahead in one go: less than that costs a disk nothing.
const GAP: usize = 64 << 10;

/// An axis: how many values, and how far from one to the next, counted in values.
type Axis = (usize, usize);

/// A member seen as rows. Cheap to clone; keeps the file open. Opening one reads the member's header only.
#[derive(Debug, Clone)]
pub struct Column {
    field: FieldRef,
    access: Access,
    npz: Arc<NpzFile>,
    member: String,
    scalar: Scalar,
    big_endian: bool,
    num_rows: usize,
    row_shape: Vec<usize>,
    /// Where the first row begins, in values.
    start: usize,
    /// Axes that count the rows, slowest first.
    row_axes: Vec<Axis>,
    /// The rows that are the column's, in their order; all if there are none.
    picked: Option<Arc<[usize]>>,
    /// Axes within a row; empty if a row's values lie together in order.
    scattered: Vec<Axis>,
    /// The member's data, once it was asked for.
    data: Arc<OnceLock<MemberData>>,
}

impl Column {
    /// Opens a part of a member as a column called `name`.
    ///
    /// # Errors
    /// If there is no such member, if it holds no plain array, if it has no such axes, or if a row has 2^31 or more
    /// values.
    pub fn open(npz: &Arc<NpzFile>, member: &str, name: &str, view: &View) -> Result<Self> {
        let info = npz.array_info(member)?;
        let wrong = |expected: &str| wrong_shape(npz, info, expected);
        let axes: Vec<Axis> = info.shape.iter().copied().zip(strides(info)).collect();
        let fixed = |axis: usize| {
            view.fixed
                .iter()
                .find(|(fixed, _)| *fixed == axis)
                .map(|(_, index)| *index)
        };
        let fits = |axis: &usize| *axis < axes.len();
        let in_bounds = view
            .fixed
            .iter()
            .all(|(axis, index)| fits(axis) && *index < axes[*axis].0);
        let mut named: Vec<usize> = view
            .rows
            .iter()
            .copied()
            .chain(view.fixed.iter().map(|(axis, _)| *axis))
            .collect();
        named.sort_unstable();
        let twice = named.windows(2).any(|pair| pair[0] == pair[1]);
        if !view.rows.iter().all(fits) || !in_bounds || twice {
            return Err(wrong("an array with one row a scan point"));
        }
        let start = view
            .fixed
            .iter()
            .map(|(axis, index)| axes[*axis].1.saturating_mul(*index))
            .sum();
        let mut row_axes: Vec<Axis> = view.rows.iter().map(|axis| axes[*axis]).collect();
        let within = |axis: &usize| !view.rows.contains(axis) && fixed(*axis).is_none();
        let inner: Vec<Axis> = (0..axes.len())
            .filter(within)
            .map(|axis| axes[axis])
            .collect();

        let scalar = info.dtype.scalar;
        let row_shape: Vec<usize> = inner.iter().map(|(len, _)| *len).collect();
        let parts = scalar.num_bytes().max(1) / scalar.unit_bytes();
        let width = row_shape
            .iter()
            .try_fold(parts.max(1), |product: usize, len| {
                product.checked_mul(*len)
            });
        let width = width
            .filter(|width| i32::try_from(*width).is_ok())
            .ok_or_else(|| wrong("fewer than 2^31 values a row"))?;
        let row_len = width / parts.max(1);
        let num_rows = row_axes
            .iter()
            .try_fold(1, |rows: usize, (len, _)| rows.checked_mul(*len));
        let num_rows = num_rows.ok_or_else(|| wrong("fewer than 2^64 rows"))?;
        if num_rows <= 1 {
            row_axes = vec![(num_rows, row_len)];
        }
        let row_axes = merged(&row_axes);
        let scattered = if is_contiguous(&inner) {
            Vec::new()
        } else {
            inner
        };
        let in_order =
            scattered.is_empty() && matches!(row_axes[..], [(_, stride)] if stride == row_len);
        Ok(Self {
            field: Arc::new(field(name, scalar, &row_shape)),
            access: access(npz, info, in_order),
            npz: Arc::clone(npz),
            member: member.to_string(),
            scalar,
            big_endian: info.dtype.big_endian,
            num_rows,
            row_shape,
            start,
            row_axes,
            picked: None,
            scattered,
            data: Arc::default(),
        })
    }

    /// Name, Arrow type, and tensor metadata.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// How its data reaches an array.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Its element type in the file.
    pub fn scalar(&self) -> Scalar {
        self.scalar
    }

    /// The member it is made of.
    pub fn info(&self) -> Option<&ArrayInfo> {
        self.npz.info(&self.member)
    }

    /// The file it is in.
    pub fn npz(&self) -> &Arc<NpzFile> {
        &self.npz
    }

    /// Rows it has.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Lengths of the axes of one row; a complex value counts as one.
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// Values in one row; a complex value counts as one.
    pub fn row_len(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// Bytes that one row takes in the file.
    pub fn row_bytes(&self) -> usize {
        self.row_len() * self.scalar.num_bytes()
    }

    /// These rows of the column, in this order, as a column.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn reordered(mut self, rows: Arc<[usize]>) -> Self {
        assert!(
            rows.iter().all(|row| *row < self.num_rows),
            "rows lie within the column"
        );
        self.num_rows = rows.len();
        if !matches!(self.access, Access::Inflated { .. }) {
            self.access = Access::Copied {
                reason: "in the order of another file's frames".to_string(),
            };
        }
        self.picked = Some(rows);
        self
    }

    /// The same column under another name.
    pub fn renamed(mut self, name: &str) -> Self {
        self.field = Arc::new(self.field.as_ref().clone().with_name(name));
        self
    }

    /// These rows as an array: a slice of the map where that is possible, a copy elsewhere.
    ///
    /// # Errors
    /// If a deflated member is damaged or cannot be inflated, if the file cannot be read, or if a text or a time has no
    /// counterpart in Arrow.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn array(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let data = self.data()?;
        let row_bytes = self.row_bytes();
        let buffer = match (rows, data.in_memory()) {
            (RowSet::Range(range), Some(bytes)) if self.is_sliceable(bytes) => {
                let start = self.start * self.scalar.num_bytes();
                slice(
                    bytes,
                    start + range.start * row_bytes..start + range.end * row_bytes,
                )
            }
            _ => self.rows(rows)?.into_native(),
        };
        let parts = if self.scalar.is_complex() { 2 } else { 1 };
        let values = values(self.scalar, buffer, rows.len() * self.row_len() * parts);
        let values = values.map_err(|found| self.bad_values(found))?;
        Ok(match self.field.data_type() {
            DataType::FixedSizeList(item, size) => {
                let list = FixedSizeListArray::try_new_with_length(
                    Arc::clone(item),
                    *size,
                    values,
                    None,
                    rows.len(),
                );
                Arc::new(list?)
            }
            _ => values,
        })
    }

    /// These rows as they lie in the file: borrowed where a row's bytes lie together in memory, else read or copied
    /// together now. Ask for no more rows than memory may hold.
    ///
    /// # Errors
    /// If a deflated member is damaged or cannot be inflated, or if the file cannot be read.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn rows<'a>(&'a self, rows: &RowSet<'a>) -> Result<RowData<'a>> {
        RowData::of(self, rows.clone())
    }

    /// Tells the system that these rows will be needed soon, so that it reads ahead in the order of the file. Does nothing
    /// for a member that has to be inflated, or whose rows lie scattered.
    pub fn will_need(&self, rows: &RowSet<'_>) {
        if !self.scattered.is_empty()
            || self.npz.inflates_to(&self.member).is_some()
            || self.row_len() == 0
        {
            return;
        }
        let Ok(data) = self.data() else { return };
        let start = |row: usize| self.row_start(row) * self.scalar.num_bytes();
        let mut starts: Vec<usize> = match rows {
            RowSet::Range(range) if self.is_in_order() && !range.is_empty() => {
                data.will_need(start(range.start)..start(range.end - 1) + self.row_bytes());
                return;
            }
            rows => rows.iter().map(start).collect(),
        };
        starts.sort_unstable();
        let mut run: Option<Range<usize>> = None;
        for start in starts {
            let end = start + self.row_bytes();
            match &mut run {
                Some(run) if start <= run.end + GAP => run.end = run.end.max(end),
                run => run
                    .replace(start..end)
                    .into_iter()
                    .for_each(|run| data.will_need(run)),
            }
        }
        run.into_iter().for_each(|run| data.will_need(run));
    }

    fn data(&self) -> Result<&MemberData> {
        if let Some(data) = self.data.get() {
            return Ok(data);
        }
        let array = self.npz.array(&self.member)?;
        Ok(self.data.get_or_init(|| array.data))
    }

    /// Where a row begins, in values.
    fn row_start(&self, mut row: usize) -> usize {
        let mut at = self.start;
        row = self.picked.as_ref().map_or(row, |picked| picked[row]);
        for (len, stride) in self.row_axes.iter().rev() {
            at += row % len * stride;
            row /= len;
        }
        at
    }

    /// Whether rows follow each other without a gap, each in C order.
    fn is_in_order(&self) -> bool {
        let follow = matches!(self.row_axes[..], [(_, stride)] if stride == self.row_len());
        follow && self.scattered.is_empty() && self.picked.is_none()
    }

    fn is_sliceable(&self, bytes: &Bytes) -> bool {
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(self.scalar.unit_bytes());
        aligned && self.is_in_order() && !self.big_endian && self.scalar != Scalar::Bool
    }

    fn bad_values(&self, found: String) -> Error {
        Error::BadMember {
            path: self.npz.path().to_path_buf(),
            member: self.member.clone(),
            found,
            expected: format!("values that Arrow's {} can hold", self.field.data_type()),
            remedies: vec![Remedy::SaveAsPlainArray, Remedy::Narrow(Parameter::Columns)],
        }
    }
}

/// Row axes that follow each other without a gap as one.
fn merged(axes: &[Axis]) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for (len, stride) in axes
        .iter()
        .copied()
        .filter(|(len, _)| axes.len() == 1 || *len != 1)
    {
        match merged.last_mut() {
            Some(last) if last.1 == stride.saturating_mul(len) => *last = (last.0 * len, stride),
            _ => merged.push((len, stride)),
        }
    }
    merged
}

/// Strides of an array in values.
fn strides(info: &ArrayInfo) -> Vec<usize> {
    let running = |stride: &mut usize, len: &usize| {
        let this = *stride;
        *stride = this.saturating_mul(*len);
        Some(this)
    };
    if info.fortran_order {
        return info.shape.iter().scan(1, running).collect();
    }
    let mut strides: Vec<usize> = info.shape.iter().rev().scan(1, running).collect();
    strides.reverse();
    strides
}

/// Whether axes of these lengths and strides are one run in C order.
fn is_contiguous(axes: &[Axis]) -> bool {
    let mut expected: usize = 1;
    axes.iter()
        .rev()
        .filter(|(len, _)| *len != 1)
        .all(|(len, stride)| {
            let fits = *stride == expected;
            expected = expected.saturating_mul(*len);
            fits
        })
}

fn wrong_shape(npz: &NpzFile, info: &ArrayInfo, expected: &str) -> Error {
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: info.name.clone(),
        found: format!("shape {:?}", info.shape),
        expected: expected.to_string(),
        remedies: vec![Remedy::UseAnotherMember],
    }
}

/// The field of a column whose rows have this type and shape.
pub fn field(name: &str, scalar: Scalar, row_shape: &[usize]) -> Field {
    let item = data_type(scalar.part());
    match (row_shape, scalar) {
        ([], Scalar::Bytes(_) | Scalar::Text(_)) => text::field(name, scalar),
        ([], scalar) if !scalar.is_complex() => Field::new(name, item, time::is_time(scalar)),
        (shape, Scalar::Bytes(_) | Scalar::Text(_)) => text::list_field(name, scalar, shape),
        (shape, scalar) if scalar.is_complex() => complex::field(name, item, shape, scalar),
        (shape, scalar) => {
            tensor::field_of(name, Field::new("item", item, time::is_time(scalar)), shape)
        }
    }
}

/// The Arrow type of a value that is not complex.
pub fn data_type(scalar: Scalar) -> DataType {
    match scalar {
        Scalar::Bool => DataType::Boolean,
        Scalar::Int8 => DataType::Int8,
        Scalar::Int16 => DataType::Int16,
        Scalar::Int32 => DataType::Int32,
        Scalar::Int64 => DataType::Int64,
        Scalar::UInt8 => DataType::UInt8,
        Scalar::UInt16 => DataType::UInt16,
        Scalar::UInt32 => DataType::UInt32,
        Scalar::UInt64 => DataType::UInt64,
        Scalar::Float16 => DataType::Float16,
        Scalar::Float32 | Scalar::Complex64 => DataType::Float32,
        Scalar::Float64 | Scalar::Complex128 => DataType::Float64,
        Scalar::Bytes(_) | Scalar::Text(_) => DataType::Utf8,
        Scalar::DateTime(step) => time::date_type(step),
        Scalar::TimeDelta(step) => time::duration_type(step),
    }
}

/// A slice of the map as an Arrow buffer of exactly that size, so that memory accounting sees the slice, not the file.
fn slice(bytes: &Bytes, range: Range<usize>) -> Buffer {
    // An empty slice may have an address no typed buffer accepts.
    if range.is_empty() {
        MutableBuffer::new(0).into()
    } else {
        Buffer::from(bytes.slice(range))
    }
}

/// Native bytes as an array of `len` values; the parts of a complex number count.
fn values(scalar: Scalar, buffer: Buffer, len: usize) -> std::result::Result<ArrayRef, String> {
    Ok(match scalar {
        Scalar::Bool => Arc::new(BooleanArray::new(
            BooleanBuffer::collect_bool(len, |i| buffer[i] != 0),
            None,
        )),
        Scalar::Int8 => primitive::<types::Int8Type>(buffer, len),
        Scalar::Int16 => primitive::<types::Int16Type>(buffer, len),
        Scalar::Int32 => primitive::<types::Int32Type>(buffer, len),
        Scalar::Int64 => primitive::<types::Int64Type>(buffer, len),
        Scalar::UInt8 => primitive::<types::UInt8Type>(buffer, len),
        Scalar::UInt16 => primitive::<types::UInt16Type>(buffer, len),
        Scalar::UInt32 => primitive::<types::UInt32Type>(buffer, len),
        Scalar::UInt64 => primitive::<types::UInt64Type>(buffer, len),
        Scalar::Float16 => primitive::<types::Float16Type>(buffer, len),
        Scalar::Float32 | Scalar::Complex64 => primitive::<types::Float32Type>(buffer, len),
        Scalar::Float64 | Scalar::Complex128 => primitive::<types::Float64Type>(buffer, len),
        Scalar::Bytes(_) | Scalar::Text(_) => text::array(scalar, &buffer, len)?,
        Scalar::DateTime(_) | Scalar::TimeDelta(_) => time::array(scalar, buffer, len)?,
    })
}

fn primitive<T: ArrowPrimitiveType>(buffer: Buffer, len: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(
        ScalarBuffer::new(buffer, 0, len),
        None,
    ))
}
