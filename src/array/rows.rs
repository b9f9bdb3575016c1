//! Holds rows as they lie in the file: borrowed from memory, or read and put together.

use arrow::buffer::{Buffer, MutableBuffer};

use rayon::prelude::*;

use super::copy;
use super::marks::Marks;
use super::row_set::RowSet;
use super::stored::Stored;
use crate::error::Result;
use crate::npz::Scalar;

/// Holds rows as they lie in the file, with values in the file's byte order and each row in C order.
#[derive(Debug)]
pub struct RowData<'a> {
    stored: &'a Stored,
    rows: RowSet<'a>,
    held: Held<'a>,
}

/// The bytes that one thread looks at for bad values at a time.
const CLEARED_BYTES: usize = 256 << 10;

/// Says where the bytes of the rows are.
#[derive(Debug)]
enum Held<'a> {
    /// The rows are in the data of the whole member, each at its place.
    InPlace(&'a [u8]),
    /// The rows are in a copy that holds them alone, one after the other.
    Packed(MutableBuffer),
}

impl<'a> RowData<'a> {
    pub(super) fn of(stored: &'a Stored, rows: RowSet<'a>) -> Result<Self> {
        assert!(
            rows.lie_within(stored.num_rows()),
            "rows lie within the column"
        );
        let data = stored.data()?;
        let is_scattered = !stored.scattered().is_empty();
        let held = match data.in_memory() {
            Some(bytes) if !is_scattered => Held::InPlace(bytes),
            Some(bytes) => Held::Packed(copy::transposed(stored, &rows, bytes)?),
            None if !is_scattered => Held::Packed(copy::read(stored, &rows, data)?),
            None => Held::Packed(copy::read_scattered(stored, &rows, data)?),
        };
        let mut data = Self { stored, rows, held };
        if let Some(marks) = &stored.marks {
            data.held = Held::Packed(data.cleared(marks)?);
        }
        Ok(data)
    }

    /// Returns a copy of the rows in which bad values are 0.
    fn cleared(&self, marks: &Marks) -> Result<MutableBuffer> {
        let mut out = MutableBuffer::with_capacity(copy::size(self.stored, &self.rows)?);
        self.for_each_run(|bytes| out.extend_from_slice(bytes));
        let len = self.stored.row_bytes();
        if len > 0 {
            let rows = out.as_slice_mut().par_chunks_mut(len);
            rows.with_min_len((CLEARED_BYTES / len).max(1))
                .for_each(|row| marks.clear(row));
        }
        Ok(out)
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
        self.stored.scalar
    }

    /// Returns whether values are big-endian.
    pub fn is_big_endian(&self) -> bool {
        self.stored.big_endian
    }

    pub(super) fn stored(&self) -> &'a Stored {
        self.stored
    }

    pub(super) fn row_set(&self) -> &RowSet<'a> {
        &self.rows
    }

    /// Returns the bytes of the row at a place of the set.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn row(&self, place: usize) -> &[u8] {
        let len = self.stored.row_bytes();
        match &self.held {
            Held::InPlace(bytes) => {
                let start = self.stored.row_start(self.rows.at(place)) * self.scalar().num_bytes();
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
                if self.stored.is_in_order() && !range.is_empty() =>
            {
                let start = self.stored.row_start(range.start) * self.scalar().num_bytes();
                visit(&bytes[start..start + range.len() * self.stored.row_bytes()]);
            }
            (Held::InPlace(_), _) => (0..self.len()).for_each(|place| visit(self.row(place))),
        }
    }

    /// Returns all rows, one after the other, in this machine's byte order.
    pub(super) fn into_native(self) -> Result<Buffer> {
        let mut out = match self.held {
            Held::Packed(bytes) => bytes,
            Held::InPlace(_) => {
                let bytes = copy::size(self.stored, &self.rows)?;
                let mut out = MutableBuffer::with_capacity(bytes);
                self.for_each_run(|bytes| out.extend_from_slice(bytes));
                out
            }
        };
        if self.stored.big_endian {
            swap_bytes(out.as_slice_mut(), self.stored.scalar.unit_bytes());
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
