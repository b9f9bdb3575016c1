//! A member as an Arrow column: rows along one axis, a tensor a row.
//!
//! A stored member whose data is aligned, little-endian and in C order becomes Arrow arrays over the map itself. Any
//! other is copied a batch at a time, never whole; [`Access`] says which, and why.

pub mod cast;
pub mod complex;
pub mod tensor;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, FixedSizeListArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, ScalarBuffer};
use arrow::datatypes::{self as types, ArrowPrimitiveType, DataType, Field, FieldRef};
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::npz::{ArrayInfo, Method, NpzFile, Scalar};

/// How a member's data reaches an Arrow array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The array is a slice of the mapped file.
    Mapped,
    /// Each batch is copied out of the map.
    Copied {
        /// Why the map cannot serve as it is.
        reason: String,
    },
    /// The member was inflated, once; the array is a slice of that.
    Inflated,
}

impl Access {
    /// `mapped`, `copied` or `inflated`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Copied { .. } => "copied",
            Self::Inflated => "inflated",
        }
    }

    /// Why it is not mapped; nothing if it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Mapped => None,
            Self::Copied { reason } => Some(reason),
            Self::Inflated => Some("deflated; inflated once, to memory"),
        }
    }

    /// What happens to the member when it is read along its first axis, told from its header alone.
    pub fn of(info: &ArrayInfo) -> Self {
        let one_axis = info.shape.iter().filter(|len| **len != 1).count() <= 1;
        access(info, one_axis || !info.fortran_order)
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

fn access(info: &ArrayInfo, in_order: bool) -> Access {
    let alignment = info.dtype.scalar.part().num_bytes() as u64;
    let misaligned = info.byte_offset.filter(|offset| !offset.is_multiple_of(alignment));
    let reason = match misaligned {
        _ if info.method != Method::Stored => return Access::Inflated,
        _ if info.dtype.scalar == Scalar::Bool => "Arrow packs eight booleans into a byte".to_string(),
        _ if info.dtype.big_endian => "big-endian".to_string(),
        _ if !in_order => "not in C order".to_string(),
        Some(offset) => format!("misaligned: data at byte {offset}, no multiple of {alignment}"),
        None => return Access::Mapped,
    };
    Access::Copied { reason }
}

/// Which axis of an array its rows run along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowAxis {
    /// Along this axis; the others, in order, are the tensor of a row.
    Along(usize),
    /// The whole array is one row.
    Whole,
}

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
    /// Values from one row to the next.
    row_stride: usize,
    /// Length and stride, in values, of each axis within a row; empty if a row's values lie together in order.
    scattered: Vec<(usize, usize)>,
    /// The member's data, once it was asked for.
    bytes: Arc<OnceLock<Bytes>>,
}

impl Column {
    /// Opens a member as a column called `name`. Axes of length 1 within a row are dropped if `squeeze` is set.
    ///
    /// # Errors
    /// If there is no such member, if it holds no plain array, if it has no such axis, or if a row has 2^31 or more
    /// values.
    pub fn open(npz: &Arc<NpzFile>, member: &str, name: &str, rows: RowAxis, squeeze: bool) -> Result<Self> {
        let info = npz.array_info(member)?;
        let wrong = |expected: &str| wrong_shape(npz, info, expected);
        let mut axes: Vec<(usize, usize)> = info.shape.iter().copied().zip(strides(info)).collect();
        let (num_rows, row_stride) = match rows {
            RowAxis::Whole => (1, 0),
            RowAxis::Along(axis) if axis < axes.len() => axes.remove(axis),
            RowAxis::Along(_) => return Err(wrong("an array with one row a scan point")),
        };
        axes.retain(|(len, _)| !squeeze || *len != 1);
        let row_shape: Vec<usize> = axes.iter().map(|(len, _)| *len).collect();
        let scalar = info.dtype.scalar;
        let parts = scalar.num_bytes() / scalar.part().num_bytes();
        let width = row_shape.iter().try_fold(parts, |product: usize, len| product.checked_mul(*len));
        let width = width.filter(|width| i32::try_from(*width).is_ok());
        let width = width.ok_or_else(|| wrong("fewer than 2^31 values a row"))? / parts;
        let scattered = if is_contiguous(&axes) { Vec::new() } else { axes };
        let row_stride = if num_rows <= 1 { width } else { row_stride };
        Ok(Self {
            field: Arc::new(field(name, scalar, &row_shape)),
            access: access(info, scattered.is_empty() && row_stride == width),
            npz: Arc::clone(npz),
            member: member.to_string(),
            scalar,
            big_endian: info.dtype.big_endian,
            num_rows,
            row_shape,
            row_stride,
            scattered,
            bytes: Arc::default(),
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

    /// The same column under another name.
    pub fn renamed(mut self, name: &str) -> Self {
        self.field = Arc::new(self.field.as_ref().clone().with_name(name));
        self
    }

    /// These rows as an array: a slice of the map where that is possible, a copy elsewhere.
    ///
    /// # Errors
    /// As [`Column::data`].
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn array(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(self.data()?.array(rows))
    }

    /// The data itself: a stored member's part of the map, or a deflated one inflated, if that was not done before.
    ///
    /// # Errors
    /// If a deflated member is damaged, or does not fit the memory set aside for it.
    pub fn data(&self) -> Result<ColumnData<'_>> {
        if self.bytes.get().is_none() {
            let array = self.npz.array(&self.member)?;
            self.bytes.get_or_init(|| array.bytes);
        }
        let bytes = self.bytes.get().map(Bytes::as_ref).unwrap_or_default();
        Ok(ColumnData { column: self, bytes })
    }
}

/// A column whose data is at hand: its methods cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct ColumnData<'a> {
    column: &'a Column,
    bytes: &'a [u8],
}

impl<'a> ColumnData<'a> {
    fn array(&self, rows: &RowSet<'_>) -> ArrayRef {
        let column = self.column;
        let row_bytes = column.row_len() * column.scalar.num_bytes();
        let buffer = match (rows, column.bytes.get()) {
            (RowSet::Range(range), Some(bytes)) if self.is_sliceable() => {
                slice(bytes, range.start * row_bytes..range.end * row_bytes)
            }
            _ => self.copy_rows(rows, row_bytes),
        };
        let parts = column.scalar.num_bytes() / column.scalar.part().num_bytes();
        let values = values(column.scalar.part(), buffer, rows.len() * column.row_len() * parts);
        match column.field.data_type() {
            DataType::FixedSizeList(item, size) => {
                let list = FixedSizeListArray::try_new_with_length(Arc::clone(item), *size, values, None, rows.len());
                Arc::new(list.expect("the values fill the rows: their number is rows * width"))
            }
            _ => values,
        }
    }

    /// The bytes of one row in the file's byte order, if they lie together.
    pub(crate) fn row_bytes(&self, row: usize) -> Option<&'a [u8]> {
        let size = self.column.scalar.num_bytes();
        let start = row * self.column.row_stride * size;
        self.column.scattered.is_empty().then(|| &self.bytes[start..start + self.column.row_len() * size])
    }

    /// The bytes of one row in the file's byte order, copied together if they lie apart.
    pub(crate) fn gathered_row<'s>(&'s self, row: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        if let Some(bytes) = self.row_bytes(row) {
            return bytes;
        }
        scratch.clear();
        self.for_each_value(row, |value| scratch.extend_from_slice(value));
        scratch
    }

    fn is_sliceable(&self) -> bool {
        let column = self.column;
        let aligned = (self.bytes.as_ptr() as usize).is_multiple_of(column.scalar.part().num_bytes());
        let together = column.scattered.is_empty() && column.row_stride == column.row_len();
        aligned && together && !column.big_endian && column.scalar != Scalar::Bool
    }

    fn copy_rows(&self, rows: &RowSet<'_>, row_bytes: usize) -> Buffer {
        let mut out = MutableBuffer::with_capacity(rows.len() * row_bytes);
        for row in rows.iter() {
            match self.row_bytes(row) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => self.for_each_value(row, |value| out.extend_from_slice(value)),
            }
        }
        if self.column.big_endian {
            let part = self.column.scalar.part().num_bytes();
            out.as_slice_mut().chunks_exact_mut(part).for_each(<[u8]>::reverse);
        }
        out.into()
    }

    /// Visits the values of a row whose axes are scattered, in C order.
    fn for_each_value(&self, row: usize, mut visit: impl FnMut(&[u8])) {
        let size = self.column.scalar.num_bytes();
        let mut index = vec![0; self.column.scattered.len()];
        let mut at = row * self.column.row_stride;
        for _ in 0..self.column.row_len() {
            visit(&self.bytes[at * size..(at + 1) * size]);
            for (index, (len, stride)) in index.iter_mut().zip(&self.column.scattered).rev() {
                *index += 1;
                at += stride;
                if *index < *len {
                    break;
                }
                at -= *index * stride;
                *index = 0;
            }
        }
    }
}

/// Rows to read: a range, or any rows in any order.
#[derive(Debug, Clone)]
pub enum RowSet<'a> {
    /// Neighbouring rows.
    Range(Range<usize>),
    /// Rows in this order.
    List(&'a [usize]),
}

impl RowSet<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let (range, list) = match self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::List(list) => (0..0, *list),
        };
        range.chain(list.iter().copied())
    }
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
fn is_contiguous(axes: &[(usize, usize)]) -> bool {
    let mut expected = 1;
    axes.iter().rev().filter(|(len, _)| *len != 1).all(|(len, stride)| {
        let fits = *stride == expected;
        expected *= len;
        fits
    })
}

fn wrong_shape(npz: &NpzFile, info: &ArrayInfo, expected: &str) -> Error {
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: info.name.clone(),
        found: format!("shape {:?}", info.shape),
        expected: expected.to_string(),
        hint: "name the right member with --role".to_string(),
    }
}

/// The field of a column whose rows have this type and shape.
pub fn field(name: &str, scalar: Scalar, row_shape: &[usize]) -> Field {
    let item = data_type(scalar.part());
    match (row_shape, scalar.is_complex()) {
        ([], false) => Field::new(name, item, false),
        (shape, false) => tensor::field(name, item, shape),
        (shape, true) => complex::field(name, item, shape, scalar),
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
    }
}

/// A slice of the map as an Arrow buffer of exactly that size, so that memory accounting sees the slice, not the file.
fn slice(bytes: &Bytes, range: Range<usize>) -> Buffer {
    // An empty slice may have an address no typed buffer accepts.
    if range.is_empty() { MutableBuffer::new(0).into() } else { Buffer::from(bytes.slice(range)) }
}

fn values(scalar: Scalar, buffer: Buffer, len: usize) -> ArrayRef {
    match scalar {
        Scalar::Bool => Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(len, |i| buffer[i] != 0), None)),
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
    }
}

fn primitive<T: ArrowPrimitiveType>(buffer: Buffer, len: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(buffer, 0, len), None))
}
