//! Holds rows as they lie in the file: borrowed from memory, or read and put together.

use std::ops::Range;

use arrow::buffer::{Buffer, MutableBuffer};

use super::{Column, copy};
use crate::error::Result;
use crate::npz::Scalar;

/// Selects rows to read: a range, or any rows in any order.
#[derive(Debug, Clone)]
pub enum RowSet<'a> {
    /// The rows of a range.
    Range(Range<usize>),
    /// These rows, in this order; a row may occur more than once.
    List(&'a [usize]),
}

impl RowSet<'_> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the row at a place of the set.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place],
        }
    }

    /// Returns the rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let (range, list) = match self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::List(list) => (0..0, *list),
        };
        range.chain(list.iter().copied())
    }

    /// Returns whether all rows lie below `num_rows`.
    fn lie_within(&self, num_rows: usize) -> bool {
        match self {
            Self::Range(range) => range.is_empty() || range.end <= num_rows,
            Self::List(list) => list.iter().all(|row| *row < num_rows),
        }
    }
}

/// Holds rows as they lie in the file: values are in the file's byte order, each row in C order.
#[derive(Debug)]
pub struct RowData<'a> {
    column: &'a Column,
    rows: RowSet<'a>,
    held: Held<'a>,
}

/// Says where the bytes of the rows are.
#[derive(Debug)]
enum Held<'a> {
    /// In the data of the whole member, each row at its place.
    InPlace(&'a [u8]),
    /// In a copy of the rows alone, one after the other.
    Packed(MutableBuffer),
}

impl<'a> RowData<'a> {
    pub(super) fn of(column: &'a Column, rows: RowSet<'a>) -> Result<Self> {
        assert!(
            rows.lie_within(column.num_rows()),
            "rows lie within the column"
        );
        let data = column.data()?;
        let is_scattered = !column.scattered().is_empty();
        let held = match data.in_memory() {
            Some(bytes) if !is_scattered => Held::InPlace(bytes),
            Some(bytes) => Held::Packed(copy::transposed(column, &rows, bytes)?),
            None if !is_scattered => Held::Packed(copy::read(column, &rows, data)?),
            None => Held::Packed(copy::read_scattered(column, &rows, data)?),
        };
        Ok(Self { column, rows, held })
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the element type in the file.
    pub fn scalar(&self) -> Scalar {
        self.column.scalar()
    }

    /// Returns whether values are big-endian.
    pub fn is_big_endian(&self) -> bool {
        self.column.is_big_endian()
    }

    pub(super) fn column(&self) -> &'a Column {
        self.column
    }

    pub(super) fn row_set(&self) -> &RowSet<'a> {
        &self.rows
    }

    /// Returns the bytes of the row at a place of the set.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn row(&self, place: usize) -> &[u8] {
        let len = self.column.row_bytes();
        match &self.held {
            Held::InPlace(bytes) => {
                let start = self.column.row_start(self.rows.at(place)) * self.scalar().num_bytes();
                &bytes[start..start + len]
            }
            Held::Packed(bytes) => &bytes[place * len..(place + 1) * len],
        }
    }

    /// Visits the bytes of all rows in the order of the set, as many rows at a time as lie together.
    pub fn for_each_run(&self, mut visit: impl FnMut(&[u8])) {
        match (&self.held, &self.rows) {
            (Held::Packed(bytes), _) => visit(bytes),
            (Held::InPlace(bytes), RowSet::Range(range))
                if self.column.is_in_order() && !range.is_empty() =>
            {
                let start = self.column.row_start(range.start) * self.scalar().num_bytes();
                visit(&bytes[start..start + range.len() * self.column.row_bytes()]);
            }
            (Held::InPlace(_), _) => (0..self.len()).for_each(|place| visit(self.row(place))),
        }
    }

    /// Returns all rows, one after the other, in this machine's byte order.
    pub(super) fn into_native(self) -> Result<Buffer> {
        let mut out = match self.held {
            Held::Packed(bytes) => bytes,
            Held::InPlace(_) => {
                let bytes = copy::size(self.column, &self.rows)?;
                let mut out = MutableBuffer::with_capacity(bytes);
                self.for_each_run(|bytes| out.extend_from_slice(bytes));
                out
            }
        };
        if self.column.is_big_endian() {
            swap_bytes(out.as_slice_mut(), self.column.scalar().unit_bytes());
        }
        Ok(out.into())
    }
}

/// Reverses the bytes of each value of `unit` bytes.
fn swap_bytes(bytes: &mut [u8], unit: usize) {
    match unit {
        2 => swap::<2>(bytes),
        4 => swap::<4>(bytes),
        8 => swap::<8>(bytes),
        unit => bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse),
    }
}

/// Reverses the bytes of each value; a size known at compile time vectorises.
fn swap<const SIZE: usize>(bytes: &mut [u8]) {
    bytes
        .as_chunks_mut::<SIZE>()
        .0
        .iter_mut()
        .for_each(|value| value.reverse());
}
