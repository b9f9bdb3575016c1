//! Casts rows of stored numbers to f32, f64 or i64, straight from the file's bytes.
//!
//! No alignment is needed, both byte orders are read, and each result is written once. The type is looked at
//! once per set of rows, so that the loop over the values is a plain one that vectorises.

mod casts;

use super::row_set::RowSet;
use super::rows::RowData;
use super::stored::Stored;
use crate::error::{Error, Remedy, Result};
use casts::Casts;

/// Holds rows of a column of numbers, and casts them.
///
/// A truth value counts as 0 or 1, a complex value as two numbers: real, imaginary.
///
/// ```
/// use std::sync::Arc;
/// use ptychoarrow::NpzFile;
/// use ptychoarrow::array::{Column, RowSet, View};
///
/// let npz = Arc::new(NpzFile::open("tests/data/siemens_star_counts_deflated.npz")?);
/// let counts = Column::open(&npz, "diff3d", "diffraction", &View::along(0))?; // UInt16, 64 x 64 pixels
/// let patterns = counts.numbers(&RowSet::Range(7..9))?;
/// let mut pixels = vec![0.0f32; 64 * 64];
/// patterns.fill_f32(0, &mut pixels); // the pattern of scan point 7, in C order
/// assert_eq!(patterns.to_i64()?[..64 * 64].iter().sum::<i64>() as f32, pixels.iter().sum::<f32>());
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug)]
pub struct Numbers<'a> {
    rows: RowData<'a>,
    casts: Casts,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(stored: &'a Stored, rows: &RowSet<'a>) -> Result<Self> {
        let casts =
            Casts::of(stored.scalar, stored.big_endian).ok_or_else(|| not_numbers(stored))?;
        let rows = RowData::of(stored, rows.clone())?;
        Ok(Self { rows, casts })
    }

    /// Returns the rows as they lie in the file.
    pub fn rows(&self) -> &RowData<'a> {
        &self.rows
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the row at a place of the set to `out` in C order, rounding to nearest.
    ///
    /// As many values are written as both the row and `out` have.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn fill_f32(&self, place: usize, out: &mut [f32]) {
        (self.casts.fill_f32)(self.rows.row(place), out);
    }

    /// Appends the row at a place of the set to `out` in C order, rounding to nearest.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn extend_f32(&self, place: usize, out: &mut Vec<f32>) {
        (self.casts.extend_f32)(self.rows.row(place), out);
    }

    /// Appends the row at a place of the set to `out` in C order.
    ///
    /// 64-bit integers beyond 2^53 are rounded to nearest.
    ///
    /// # Panics
    /// If the set has no such place.
    pub fn extend_f64(&self, place: usize, out: &mut Vec<f64>) {
        self.extend_f64_from(self.rows.row(place), out);
    }

    /// Appends the values of some bytes of a row to `out`.
    pub(crate) fn extend_f64_from(&self, bytes: &[u8], out: &mut Vec<f64>) {
        (self.casts.extend_f64)(bytes, out);
    }

    /// Returns all rows as f64, row after row, each in C order.
    ///
    /// 64-bit integers beyond 2^53 are rounded to nearest.
    pub fn to_f64(&self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.num_values());
        self.rows
            .for_each_run(|bytes| self.extend_f64_from(bytes, &mut out));
        out
    }

    /// Returns all rows as i64, row after row, each in C order.
    ///
    /// # Errors
    /// [`Error::BadMember`] with the row and the value, if a value is no whole number from -2^63 to 2^63 - 1.
    /// Floats without a fraction are whole numbers; "not a number" and the infinities are none.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        let mut out = Vec::with_capacity(self.num_values());
        let mut refused = None;
        self.rows.for_each_run(|bytes| {
            if refused.is_none() {
                refused = (self.casts.extend_i64)(bytes, &mut out);
            }
        });
        match refused {
            None => Ok(out),
            Some(value) => Err(self.not_whole(out.len(), &value)),
        }
    }

    fn num_values(&self) -> usize {
        let stored = self.rows.stored();
        self.len() * stored.row_bytes() / stored.scalar.unit_bytes()
    }

    /// Returns the error for the value at this place among all values of the set.
    fn not_whole(&self, at: usize, value: &str) -> Error {
        let stored = self.rows.stored();
        let place = at * self.len() / self.num_values().max(1);
        let row = stored.member_row(self.rows.row_set().at(place));
        Error::BadMember {
            path: stored.npz.path().to_path_buf(),
            member: stored.member.clone(),
            found: format!("{value} in row {row}"),
            expected: "whole numbers from -2^63 to 2^63 - 1".to_string(),
            remedies: vec![Remedy::CorrectFile, Remedy::UseAnotherMember],
        }
    }
}

fn not_numbers(stored: &Stored) -> Error {
    Error::BadMember {
        path: stored.npz.path().to_path_buf(),
        member: stored.member.clone(),
        found: format!("values of type {}", stored.scalar.arrow_type()),
        expected: "numbers".to_string(),
        remedies: vec![Remedy::UseAnotherMember],
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::sync::Arc;

    use super::*;
    use crate::array::{Column, View};
    use crate::npz::write::NpzWriter;
    use crate::npz::{NpzFile, OpenOptions};

    /// Opens a member of three rows of two values each.
    fn column(descr: &str, data: &[u8]) -> Column {
        let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
        let len = data.len() as u64;
        writer.begin("frames", descr, &[3, 2], len).unwrap();
        writer.write_all(data).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let options = OpenOptions::default();
        let npz = NpzFile::from_bytes("a.npz", bytes.into(), &options).unwrap();
        Column::open(&Arc::new(npz), "frames", "frames", &View::along(0)).unwrap()
    }

    #[test]
    fn errors_name_the_member_its_row_and_the_value() {
        let values = [1u64, 2, 3, 1 << 63, 5, 6];
        let data: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let column = column("<u8", &data);
        let told = |column: &Column, rows: &RowSet<'_>| {
            let error = column.numbers(rows).unwrap().to_i64().unwrap_err();
            assert!(column.int64_array(rows).is_err());
            error.facts()
        };
        let expected = "a.npz: member `frames`: found 9223372036854775808 in row 1, expected whole \
                        numbers from -2^63 to 2^63 - 1";
        assert_eq!(told(&column, &RowSet::Range(0..3)), expected);
        assert_eq!(told(&column, &RowSet::List(&[2, 1])), expected);
        let good = column.int64_array(&RowSet::List(&[2, 0])).unwrap();
        assert_eq!(good.values(), &[5, 6, 1, 2]);
        // The row is that of the member, whatever the order of the column's.
        let reordered = column.reordered(Arc::new([2, 0, 1]));
        assert_eq!(told(&reordered, &RowSet::Range(0..3)), expected);
    }

    #[test]
    fn texts_and_times_are_no_numbers() {
        for (descr, bytes) in [("|S4", 4), ("<M8[s]", 8)] {
            let column = column(descr, &vec![b'7'; 6 * bytes]);
            let error = column.numbers(&RowSet::Range(0..3)).unwrap_err();
            assert!(matches!(error, Error::BadMember { .. }), "{error}");
            assert!(column.float64_array(&RowSet::Range(0..3)).is_err());
            assert!(column.int64_array(&RowSet::Range(0..3)).is_err());
        }
    }

    #[test]
    fn what_is_stored_as_asked_for_is_not_copied() {
        let data: Vec<u8> = (1..7)
            .flat_map(|value| f64::from(value).to_le_bytes())
            .collect();
        let column = column("<f8", &data);
        let rows = RowSet::Range(1..3);
        let (first, again) = (
            column.float64_array(&rows).unwrap(),
            column.float64_array(&rows).unwrap(),
        );
        assert_eq!(first.values(), &[3.0, 4.0, 5.0, 6.0]);
        assert_eq!(first.values().as_ptr(), again.values().as_ptr());
        assert_eq!(column.int64_array(&rows).unwrap().values(), &[3, 4, 5, 6]);
    }
}
