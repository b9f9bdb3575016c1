//! Rows as they lie in the file: borrowed from memory, or read and put together.

use std::ops::Range;

use arrow::buffer::{Buffer, MutableBuffer};

use super::Column;
use crate::error::Result;
use crate::npz::{MemberData, Scalar};

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

    /// The row at a place of the set.
    ///
    /// # Panics
    /// If the set is shorter.
    pub fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place],
        }
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

/// Rows at hand: reading them cannot fail. Values are in the file's byte order, a row's in C order.
#[derive(Debug)]
pub struct RowData<'a> {
    column: &'a Column,
    rows: RowSet<'a>,
    bytes: Bytes<'a>,
}

#[derive(Debug)]
enum Bytes<'a> {
    /// The member's data; rows are where they are.
    InPlace(&'a [u8]),
    /// The rows, one after the other.
    Packed(MutableBuffer),
}

impl<'a> RowData<'a> {
    pub(super) fn of(column: &'a Column, rows: RowSet<'a>) -> Result<Self> {
        assert!(
            rows.iter().all(|row| row < column.num_rows),
            "rows lie within the column"
        );
        let data = column.data()?;
        let bytes = match data.in_memory() {
            Some(bytes) if column.scattered.is_empty() => Bytes::InPlace(bytes),
            Some(bytes) => Bytes::Packed(transposed(column, &rows, bytes)),
            None if column.scattered.is_empty() => Bytes::Packed(read_rows(column, &rows, data)?),
            None => Bytes::Packed(read_scattered(column, &rows, data)?),
        };
        Ok(Self {
            column,
            rows,
            bytes,
        })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column's element type in the file.
    pub fn scalar(&self) -> Scalar {
        self.column.scalar
    }

    /// Whether the bytes of a value stand in the other order.
    pub fn is_big_endian(&self) -> bool {
        self.column.big_endian
    }

    /// Bytes of the row at a place of the set, not of the column.
    ///
    /// # Panics
    /// If the set is shorter.
    pub fn row(&self, place: usize) -> &[u8] {
        let len = self.column.row_bytes();
        match &self.bytes {
            Bytes::InPlace(bytes) => {
                let start =
                    self.column.row_start(self.rows.at(place)) * self.column.scalar.num_bytes();
                &bytes[start..start + len]
            }
            Bytes::Packed(bytes) => &bytes[place * len..(place + 1) * len],
        }
    }

    /// All rows, one after the other, in the file's byte order.
    pub fn for_each_row(&self, mut visit: impl FnMut(&[u8])) {
        match &self.bytes {
            Bytes::Packed(bytes) => visit(bytes),
            Bytes::InPlace(_) => (0..self.len()).for_each(|place| visit(self.row(place))),
        }
    }

    /// All rows, one after the other, in this machine's byte order.
    pub(super) fn into_native(self) -> Buffer {
        let scalar = self.column.scalar;
        let mut out = match self.bytes {
            Bytes::Packed(bytes) => bytes,
            Bytes::InPlace(_) => {
                let mut out = MutableBuffer::with_capacity(self.len() * self.column.row_bytes());
                (0..self.len()).for_each(|place| out.extend_from_slice(self.row(place)));
                out
            }
        };
        if self.column.big_endian {
            match scalar.unit_bytes() {
                2 => swap::<2>(out.as_slice_mut()),
                4 => swap::<4>(out.as_slice_mut()),
                8 => swap::<8>(out.as_slice_mut()),
                unit => out
                    .as_slice_mut()
                    .chunks_exact_mut(unit)
                    .for_each(<[u8]>::reverse),
            }
        }
        out.into()
    }
}

/// The bytes of each value in the other order; a size known beforehand vectorises.
fn swap<const SIZE: usize>(bytes: &mut [u8]) {
    bytes
        .as_chunks_mut::<SIZE>()
        .0
        .iter_mut()
        .for_each(|value| value.reverse());
}

/// Rows whose bytes lie together, read by position: in the order of the file, neighbours at once.
fn read_rows(column: &Column, rows: &RowSet<'_>, data: &MemberData) -> Result<MutableBuffer> {
    let (len, size) = (column.row_bytes(), column.scalar.num_bytes());
    let mut out = MutableBuffer::from_len_zeroed(rows.len() * len);
    if len == 0 {
        return Ok(out);
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    if matches!(rows, RowSet::List(_)) {
        order.sort_unstable_by_key(|place| (rows.at(*place), *place));
    }
    let mut at = 0;
    while at < order.len() {
        let (place, row) = (order[at], rows.at(order[at]));
        if at > 0 && rows.at(order[at - 1]) == row {
            out.as_slice_mut()
                .copy_within(order[at - 1] * len..(order[at - 1] + 1) * len, place * len);
            at += 1;
            continue;
        }
        let follows = |next: &usize| {
            let steps = next - at;
            order[*next] == place + steps && rows.at(order[*next]) == row + steps
        };
        let run = if column.is_in_order() {
            1 + (at + 1..order.len()).take_while(follows).count()
        } else {
            1
        };
        data.read_into(
            column.row_start(row) * size,
            &mut out.as_slice_mut()[place * len..(place + run) * len],
        )?;
        at += run;
    }
    Ok(out)
}

/// Positions within a row that are copied together: so many streams are read side by side.
const TILE: usize = 16;

/// Rows whose values lie apart in memory, a tile of positions at a time: along the file's fast axis both reads and writes
/// stay together.
fn transposed(column: &Column, rows: &RowSet<'_>, bytes: &[u8]) -> MutableBuffer {
    let mut out = MutableBuffer::from_len_zeroed(rows.len() * column.row_bytes());
    if out.is_empty() {
        return out;
    }
    match column.scalar.num_bytes() {
        1 => transpose::<1>(column, rows, bytes, out.as_slice_mut()),
        2 => transpose::<2>(column, rows, bytes, out.as_slice_mut()),
        4 => transpose::<4>(column, rows, bytes, out.as_slice_mut()),
        8 => transpose::<8>(column, rows, bytes, out.as_slice_mut()),
        16 => transpose::<16>(column, rows, bytes, out.as_slice_mut()),
        0 => {}
        size => {
            let starts: Vec<usize> = rows.iter().map(|row| column.row_start(row)).collect();
            let offsets = offsets(&column.scattered);
            let targets = starts
                .iter()
                .flat_map(|start| offsets.clone().map(move |offset| start + offset));
            for (value, at) in out.as_slice_mut().chunks_exact_mut(size).zip(targets) {
                value.copy_from_slice(&bytes[at * size..(at + 1) * size]);
            }
        }
    }
    out
}

fn transpose<const SIZE: usize>(column: &Column, rows: &RowSet<'_>, bytes: &[u8], out: &mut [u8]) {
    let (from, _) = bytes.as_chunks::<SIZE>();
    let (to, _) = out.as_chunks_mut::<SIZE>();
    let row_len = column.row_len();
    let starts: Vec<usize> = rows.iter().map(|row| column.row_start(row)).collect();
    let mut offsets = offsets(&column.scattered);
    let mut tile = Vec::with_capacity(TILE);
    let mut position = 0;
    while position < row_len {
        tile.clear();
        tile.extend(offsets.by_ref().take(TILE));
        for (start, row) in starts.iter().zip(to.chunks_exact_mut(row_len)) {
            for (value, offset) in row[position..].iter_mut().zip(&tile) {
                *value = from[start + offset];
            }
        }
        position += tile.len();
    }
}

/// The offsets of a row's values, in C order.
fn offsets(axes: &[(usize, usize)]) -> impl Iterator<Item = usize> + Clone {
    let total: usize = axes.iter().map(|(len, _)| *len).product();
    let axes = axes.to_vec();
    let mut index = vec![0; axes.len()];
    let mut at = 0;
    (0..total).map(move |_| {
        let this = at;
        for (index, (len, stride)) in index.iter_mut().zip(&axes).rev() {
            *index += 1;
            at += stride;
            if *index < *len {
                break;
            }
            at -= *index * stride;
            *index = 0;
        }
        this
    })
}

/// Values this far apart, or closer, are read with what lies between them.
const SPAN: usize = 1 << 20;

/// Rows whose values lie apart, read by position: for each position within a row the values of all rows.
fn read_scattered(column: &Column, rows: &RowSet<'_>, data: &MemberData) -> Result<MutableBuffer> {
    let (len, size) = (column.row_bytes(), column.scalar.num_bytes());
    let mut out = MutableBuffer::from_len_zeroed(rows.len() * len);
    let starts: Vec<usize> = rows.iter().map(|row| column.row_start(row)).collect();
    let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max()) else {
        return Ok(out);
    };
    let span = (last - first + 1) * size;
    let mut values = vec![0; if span <= SPAN { span } else { 0 }];
    for (position, offset) in offsets(&column.scattered).enumerate() {
        if !values.is_empty() {
            data.read_into((first + offset) * size, &mut values)?;
        }
        for (place, start) in starts.iter().enumerate() {
            let target = place * len + position * size;
            let value = &mut out.as_slice_mut()[target..target + size];
            match values.get((start - first) * size..(start - first + 1) * size) {
                Some(read) => value.copy_from_slice(read),
                None => data.read_into((start + offset) * size, value)?,
            }
        }
    }
    Ok(out)
}
