//! Copies rows that memory does not hold in the order asked for: reads them by position, or gathers their
//! values.

use arrow::buffer::MutableBuffer;

use super::layout::Axis;
use super::row_set::RowSet;
use super::stored::Stored;
use crate::error::{Parameter, Result};
use crate::memory;
use crate::npz::MemberData;

/// What the memory is for, in messages.
const PURPOSE: &str = "a batch of a column";

/// Returns the number of bytes of a copy of these rows, if that much memory can be had.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) if it cannot.
pub(super) fn size(stored: &Stored, rows: &RowSet<'_>) -> Result<usize> {
    let bytes = rows.len() as u128 * stored.row_bytes() as u128;
    memory::check(bytes, PURPOSE, Parameter::BatchBytes)
}

fn zeroed(stored: &Stored, rows: &RowSet<'_>) -> Result<MutableBuffer> {
    let row_bytes = stored.row_bytes();
    memory::zeroed_buffer(rows.len(), row_bytes, PURPOSE, Parameter::BatchBytes)
}

/// Reads rows by position whose bytes lie together: in the order of the file, neighbours at once.
pub(super) fn read(stored: &Stored, rows: &RowSet<'_>, data: &MemberData) -> Result<MutableBuffer> {
    let (len, size) = (stored.row_bytes(), stored.scalar.num_bytes());
    let mut out = zeroed(stored, rows)?;
    if out.is_empty() {
        return Ok(out);
    }
    match rows {
        RowSet::Range(range) if stored.is_in_order() => {
            data.read_into(stored.row_start(range.start) * size, out.as_slice_mut())?;
        }
        RowSet::Range(range) => {
            for (row, out) in range.clone().zip(out.as_slice_mut().chunks_exact_mut(len)) {
                data.read_into(stored.row_start(row) * size, out)?;
            }
        }
        RowSet::List(list) => read_list(stored, list, data, out.as_slice_mut())?,
    }
    Ok(out)
}

/// Reads a list of rows in the order of the file; a row that occurs again is copied.
fn read_list(stored: &Stored, list: &[usize], data: &MemberData, out: &mut [u8]) -> Result<()> {
    let (len, size) = (stored.row_bytes(), stored.scalar.num_bytes());
    let mut order = memory::reserve(list.len() as u128, PURPOSE, Parameter::BatchBytes)?;
    order.extend(0..list.len());
    order.sort_unstable_by_key(|place| (list[*place], *place));
    let mut at = 0;
    while at < order.len() {
        let (place, row) = (order[at], list[order[at]]);
        if at > 0 && list[order[at - 1]] == row {
            let before = order[at - 1];
            out.copy_within(before * len..(before + 1) * len, place * len);
            at += 1;
            continue;
        }
        let follows = |next: &usize| {
            let steps = next - at;
            order[*next] == place + steps && list[order[*next]] == row + steps
        };
        let run = if stored.is_in_order() {
            1 + (at + 1..order.len()).take_while(follows).count()
        } else {
            1
        };
        data.read_into(
            stored.row_start(row) * size,
            &mut out[place * len..(place + run) * len],
        )?;
        at += run;
    }
    Ok(())
}

/// The number of positions within a row that are copied together: this many streams are read side by side.
const TILE: usize = 16;

/// Copies rows whose values lie apart in memory, a tile of positions at a time: along the file's fast axis
/// both reads and writes stay together.
pub(super) fn transposed(
    stored: &Stored,
    rows: &RowSet<'_>,
    bytes: &[u8],
) -> Result<MutableBuffer> {
    let mut out = zeroed(stored, rows)?;
    if out.is_empty() {
        return Ok(out);
    }
    let (starts, to) = (starts(stored, rows)?, out.as_slice_mut());
    match stored.scalar.num_bytes() {
        1 => transpose::<1>(stored, &starts, bytes, to),
        2 => transpose::<2>(stored, &starts, bytes, to),
        4 => transpose::<4>(stored, &starts, bytes, to),
        8 => transpose::<8>(stored, &starts, bytes, to),
        16 => transpose::<16>(stored, &starts, bytes, to),
        size => {
            let offsets = offsets(stored.scattered());
            let places = starts
                .iter()
                .flat_map(|start| offsets.clone().map(move |offset| start + offset));
            for (value, at) in to.chunks_exact_mut(size).zip(places) {
                value.copy_from_slice(&bytes[at * size..(at + 1) * size]);
            }
        }
    }
    Ok(out)
}

fn transpose<const SIZE: usize>(stored: &Stored, starts: &[usize], bytes: &[u8], out: &mut [u8]) {
    let (from, _) = bytes.as_chunks::<SIZE>();
    let (to, _) = out.as_chunks_mut::<SIZE>();
    let row_len = stored.row_len();
    let mut offsets = offsets(stored.scattered());
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

/// Returns the places of the first value of each row.
fn starts(stored: &Stored, rows: &RowSet<'_>) -> Result<Vec<usize>> {
    let mut starts = memory::reserve(rows.len() as u128, PURPOSE, Parameter::BatchBytes)?;
    starts.extend(rows.iter().map(|row| stored.row_start(row)));
    Ok(starts)
}

/// Returns the distances of a row's values from its first, in C order.
pub(super) fn offsets(axes: &[Axis]) -> impl Iterator<Item = usize> + Clone {
    let total: usize = axes.iter().map(|axis| axis.len).product();
    let axes = axes.to_vec();
    let mut index = vec![0; axes.len()];
    let mut at = 0;
    (0..total).map(move |_| {
        let this = at;
        for (index, axis) in index.iter_mut().zip(&axes).rev() {
            *index += 1;
            at += axis.stride;
            if *index < axis.len {
                break;
            }
            at -= *index * axis.stride;
            *index = 0;
        }
        this
    })
}

/// The largest span in bytes that is read whole to pick values out of it.
const SPAN: usize = 1 << 20;

/// Reads rows by position whose values lie apart: for each position within a row, the values of all rows.
pub(super) fn read_scattered(
    stored: &Stored,
    rows: &RowSet<'_>,
    data: &MemberData,
) -> Result<MutableBuffer> {
    let (len, size) = (stored.row_bytes(), stored.scalar.num_bytes());
    let mut out = zeroed(stored, rows)?;
    if out.is_empty() {
        return Ok(out);
    }
    let starts = starts(stored, rows)?;
    let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max()) else {
        return Ok(out);
    };
    let span = (last - first + 1) * size;
    let mut values = vec![0; if span <= SPAN { span } else { 0 }];
    for (position, offset) in offsets(stored.scattered()).enumerate() {
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
