//! Casts stored numbers to f32, f64 or i64, straight from the file's bytes.
//!
//! No alignment is needed, either byte order is read, and each result is written once. The type is looked at once per
//! column, so that the loop over a row's values is a plain one that vectorises.

use std::fmt::{self, Display};

use half::f16;

use super::{Column, RowData, RowSet};
use crate::error::{Error, Remedy, Result};
use crate::npz::Scalar;

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
/// assert_eq!(patterns.to_i64()?[..64 * 64].iter().sum::<i64>() as f32, pixels.iter().sum());
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug)]
pub struct Numbers<'a> {
    rows: RowData<'a>,
    casts: Casts,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(column: &'a Column, rows: &RowSet<'a>) -> Result<Self> {
        let casts = Casts::of(column.scalar(), column.is_big_endian())
            .ok_or_else(|| not_numbers(column))?;
        let rows = column.rows(rows)?;
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

    /// Writes the row at a place of the set to `out` in C order, rounding to nearest; as many values as both have.
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

    /// Appends the row at a place of the set to `out` in C order. 64-bit integers beyond 2^53 are rounded to nearest.
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

    /// Returns all rows, row after row, each in C order. 64-bit integers beyond 2^53 are rounded to nearest.
    pub fn to_f64(&self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.num_values());
        self.rows
            .for_each_run(|bytes| self.extend_f64_from(bytes, &mut out));
        out
    }

    /// Returns all rows, row after row, each in C order.
    ///
    /// # Errors
    /// [`Error::BadMember`] with the row and the value, if a value is no whole number from -2^63 to 2^63 - 1. Floats
    /// without a fraction are whole numbers; "not a number" and the infinities are none.
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
        let column = self.rows.column();
        self.len() * column.row_bytes() / column.scalar().unit_bytes()
    }

    /// Returns the error for the value at this place among all values of the set.
    fn not_whole(&self, at: usize, value: &str) -> Error {
        let column = self.rows.column();
        let place = at * self.len() / self.num_values().max(1);
        let row = column.member_row(self.rows.row_set().at(place));
        Error::BadMember {
            path: column.npz().path().to_path_buf(),
            member: column.member().to_string(),
            found: format!("{value} in row {row}"),
            expected: "whole numbers from -2^63 to 2^63 - 1".to_string(),
            remedies: vec![Remedy::CorrectFile, Remedy::UseAnotherMember],
        }
    }
}

fn not_numbers(column: &Column) -> Error {
    Error::BadMember {
        path: column.npz().path().to_path_buf(),
        member: column.member().to_string(),
        found: format!("values of type {}", column.scalar().arrow_type()),
        expected: "numbers".to_string(),
        remedies: vec![Remedy::UseAnotherMember],
    }
}

/// The casts from one stored type, chosen once per column. All read as many whole values as the bytes hold.
#[derive(Clone, Copy)]
struct Casts {
    fill_f32: fn(&[u8], &mut [f32]),
    extend_f32: fn(&[u8], &mut Vec<f32>),
    extend_f64: fn(&[u8], &mut Vec<f64>),
    /// Stops at the first value that is no i64 and returns it as text.
    extend_i64: fn(&[u8], &mut Vec<i64>) -> Option<String>,
}

impl fmt::Debug for Casts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Casts")
    }
}

impl Casts {
    /// Returns the casts from a type; `None` if it is a text or a time.
    fn of(scalar: Scalar, big_endian: bool) -> Option<Self> {
        Some(match scalar {
            Scalar::Bool => Self::from::<Truth>(big_endian),
            Scalar::Int8 => Self::from::<i8>(big_endian),
            Scalar::Int16 => Self::from::<i16>(big_endian),
            Scalar::Int32 => Self::from::<i32>(big_endian),
            Scalar::Int64 => Self::from::<i64>(big_endian),
            Scalar::UInt8 => Self::from::<u8>(big_endian),
            Scalar::UInt16 => Self::from::<u16>(big_endian),
            Scalar::UInt32 => Self::from::<u32>(big_endian),
            Scalar::UInt64 => Self::from::<u64>(big_endian),
            Scalar::Float16 => Self::from::<f16>(big_endian),
            Scalar::Float32 | Scalar::Complex64 => Self::from::<f32>(big_endian),
            Scalar::Float64 | Scalar::Complex128 => Self::from::<f64>(big_endian),
            Scalar::Bytes(_) | Scalar::Text(_) | Scalar::DateTime(_) | Scalar::TimeDelta(_) => {
                return None;
            }
        })
    }

    fn from<N: Number>(big_endian: bool) -> Self {
        if big_endian {
            Self::in_order::<N, true>()
        } else {
            Self::in_order::<N, false>()
        }
    }

    fn in_order<N: Number, const BIG_ENDIAN: bool>() -> Self {
        Self {
            fill_f32: |bytes, out| {
                out.iter_mut()
                    .zip(N::values::<BIG_ENDIAN>(bytes))
                    .for_each(|(out, value)| *out = value.to_f32());
            },
            extend_f32: |bytes, out| out.extend(N::values::<BIG_ENDIAN>(bytes).map(N::to_f32)),
            extend_f64: |bytes, out| out.extend(N::values::<BIG_ENDIAN>(bytes).map(N::to_f64)),
            extend_i64: |bytes, out| {
                for value in N::values::<BIG_ENDIAN>(bytes) {
                    match value.to_i64() {
                        Some(value) => out.push(value),
                        None => return Some(value.to_string()),
                    }
                }
                None
            },
        }
    }
}

/// A type of stored numbers.
trait Number: Copy + Display {
    /// Reads values one after the other.
    fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self>;
    /// Rounds to nearest.
    fn to_f32(self) -> f32;
    /// Rounds to nearest.
    fn to_f64(self) -> f64;
    /// Returns `None` where the value would have to change.
    fn to_i64(self) -> Option<i64>;
}

macro_rules! numbers {
    ($($type:ty, $to_f32:expr, $to_f64:expr, $to_i64:expr;)*) => {$(
        impl Number for $type {
            fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self> {
                bytes.as_chunks::<{ size_of::<$type>() }>().0.iter().map(|bytes| {
                    if BIG_ENDIAN { <$type>::from_be_bytes(*bytes) } else { <$type>::from_le_bytes(*bytes) }
                })
            }

            fn to_f32(self) -> f32 {
                $to_f32(self)
            }

            fn to_f64(self) -> f64 {
                $to_f64(self)
            }

            fn to_i64(self) -> Option<i64> {
                $to_i64(self)
            }
        }
    )*};
}

numbers! {
    i8, f32::from, f64::from, |value| Some(i64::from(value));
    i16, f32::from, f64::from, |value| Some(i64::from(value));
    i32, |value| value as f32, f64::from, |value| Some(i64::from(value));
    i64, |value| value as f32, |value| value as f64, Some;
    u8, f32::from, f64::from, |value| Some(i64::from(value));
    u16, f32::from, f64::from, |value| Some(i64::from(value));
    u32, |value| value as f32, f64::from, |value| Some(i64::from(value));
    u64, |value| value as f32, |value| value as f64, |value| i64::try_from(value).ok();
    f16, f16::to_f32, f16::to_f64, |value| whole(f16::to_f64(value));
    f32, |value| value, f64::from, |value| whole(f64::from(value));
    f64, |value| value as f32, |value| value, whole;
}

/// Returns a float that is a whole number of 64 bits.
fn whole(value: f64) -> Option<i64> {
    // 2^63 itself is the first that does not fit; the fraction of an infinity is not a number.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

/// A truth value: any byte but 0 is true.
#[derive(Clone, Copy)]
struct Truth(bool);

impl Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Number for Truth {
    fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.iter().map(|byte| Self(*byte != 0))
    }

    fn to_f32(self) -> f32 {
        f32::from(u8::from(self.0))
    }

    fn to_f64(self) -> f64 {
        f64::from(u8::from(self.0))
    }

    fn to_i64(self) -> Option<i64> {
        Some(i64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::sync::Arc;

    use super::*;
    use crate::array::View;
    use crate::npz::write::NpzWriter;
    use crate::npz::{NpzFile, OpenOptions};

    /// The same number in every type, little-endian and big-endian.
    fn cases() -> Vec<(Scalar, f64, Vec<u8>, Vec<u8>)> {
        macro_rules! case {
            ($scalar:ident, $value:expr, $as_f64:expr) => {
                (
                    Scalar::$scalar,
                    $as_f64,
                    $value.to_le_bytes().to_vec(),
                    $value.to_be_bytes().to_vec(),
                )
            };
        }
        vec![
            case!(Int8, -3i8, -3.0),
            case!(UInt8, 253u8, 253.0),
            case!(Int16, -3i16, -3.0),
            case!(UInt16, 65533u16, 65533.0),
            case!(Int32, -3i32, -3.0),
            case!(UInt32, 4_294_967_293u32, 4_294_967_293.0),
            case!(Int64, -3i64, -3.0),
            case!(UInt64, 3u64, 3.0),
            case!(Float16, f16::from_f32(-3.0), -3.0),
            case!(Float32, -3f32, -3.0),
            case!(Float64, -3f64, -3.0),
            case!(Complex64, -3f32, -3.0),
            case!(Complex128, -3f64, -3.0),
            (Scalar::Bool, 1.0, vec![7], vec![7]),
        ]
    }

    #[test]
    fn casts_every_type_in_both_byte_orders() {
        for (scalar, expected, little, big) in cases() {
            for (bytes, big_endian) in [(little, false), (big, true)] {
                let casts = Casts::of(scalar, big_endian).unwrap();
                let twice = bytes.repeat(2);
                let (mut single, mut double, mut whole) = (Vec::new(), Vec::new(), Vec::new());
                (casts.extend_f32)(&twice, &mut single);
                (casts.extend_f64)(&twice, &mut double);
                assert_eq!((casts.extend_i64)(&twice, &mut whole), None);
                assert_eq!(single, [expected as f32; 2], "{scalar:?}");
                assert_eq!(double, [expected; 2], "{scalar:?}");
                assert_eq!(whole, [expected as i64; 2], "{scalar:?}");
                // A shorter slice is filled, a longer one is left as it was behind the values.
                let mut filled = [9.0; 3];
                (casts.fill_f32)(&twice, &mut filled);
                assert_eq!(filled, [single[0], single[1], 9.0], "{scalar:?}");
                (casts.fill_f32)(&twice, &mut filled[2..]);
                assert_eq!(filled, [single[0]; 3], "{scalar:?}");
            }
        }
        let step = crate::npz::TimeStep {
            count: 1,
            unit: crate::npz::TimeUnit::Second,
        };
        for scalar in [Scalar::Bytes(3), Scalar::Text(3), Scalar::DateTime(step)] {
            assert!(Casts::of(scalar, false).is_none());
        }
    }

    #[test]
    fn what_is_no_whole_number_of_64_bits_is_refused_not_changed() {
        fn first<N: Number>(
            values: &[N],
            bytes: impl Fn(&N) -> Vec<u8>,
        ) -> (Vec<i64>, Option<String>) {
            let bytes: Vec<u8> = values.iter().flat_map(bytes).collect();
            let mut out = Vec::new();
            let refused = (Casts::from::<N>(false).extend_i64)(&bytes, &mut out);
            (out, refused)
        }
        let unsigned = |values: &[u64]| first(values, |value| value.to_le_bytes().to_vec());
        let floats = |values: &[f64]| first(values, |value| value.to_le_bytes().to_vec());
        assert_eq!(unsigned(&[0, i64::MAX as u64]), (vec![0, i64::MAX], None));
        assert_eq!(
            unsigned(&[5, 1 << 63]),
            (vec![5], Some("9223372036854775808".to_string()))
        );
        let smallest = -9_223_372_036_854_775_808.0;
        assert_eq!(floats(&[-0.0, 7.0, smallest]), (vec![0, 7, i64::MIN], None));
        for bad in [
            0.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -smallest,
            1e300,
            -1e300,
        ] {
            assert_eq!(
                floats(&[7.0, bad]),
                (vec![7], Some(bad.to_string())),
                "{bad}"
            );
        }
        let halves = [f16::from_f32(2.0), f16::NAN];
        let found = first(&halves, |value| value.to_le_bytes().to_vec());
        assert_eq!(found, (vec![2], Some("NaN".to_string())));
    }

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
