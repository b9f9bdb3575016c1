//! Stored values as other types, a slice at a time, straight from the file's bytes: no alignment is needed and the
//! result is written once.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, FieldRef};
use half::f16;

use super::{Column, RowData, RowSet};
use crate::error::{Error, Result};
use crate::npz::Scalar;

/// A column as another type, whatever it is stored as: cast a few rows at a time, when they are read.
///
/// f4, f8 and i8 come straight from the file's bytes in one pass, whatever their order and alignment; other types by way of
/// Arrow's own cast of those rows. Floats are rounded to nearest; a fraction is cut off where i8 is asked for, and what does
/// not fit another integer type is an error.
///
/// ```
/// use std::sync::Arc;
/// use arrow::datatypes::DataType;
/// use ptychoarrow::array::{CastColumn, Column, RowSet, View};
/// use ptychoarrow::NpzFile;
/// let npz = Arc::new(NpzFile::open("tests/data/siemens_star_counts_deflated.npz")?);
/// let counts = Column::open(&npz, "diff3d", "diffraction", &View::along(0))?; // u2
/// let single = CastColumn::try_new(counts, &DataType::Float32)?;
/// assert_eq!(single.array(&RowSet::Range(7..9))?.len(), 2); // two patterns of f4
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CastColumn {
    column: Column,
    field: FieldRef,
}

impl CastColumn {
    /// The column with numbers of type `item`; a tensor keeps its shape.
    ///
    /// # Errors
    /// [`Error::BadMember`] if its values cannot be cast to that type.
    pub fn try_new(column: Column, item: &DataType) -> Result<Self> {
        let stored = item_type(column.field().data_type());
        if !can_cast_types(stored, item) {
            return Err(Error::BadMember {
                path: column.npz().path().to_path_buf(),
                member: column
                    .info()
                    .map_or_else(String::new, |info| info.name.clone()),
                found: format!("values of type {stored}"),
                expected: format!("values that can be cast to {item}"),
                remedies: Vec::new(),
            });
        }
        let field = column.field().as_ref().clone();
        let data_type = match field.data_type() {
            DataType::FixedSizeList(inner, len) => DataType::FixedSizeList(
                Arc::new(inner.as_ref().clone().with_data_type(item.clone())),
                *len,
            ),
            _ => item.clone(),
        };
        Ok(Self {
            column,
            field: Arc::new(field.with_data_type(data_type)),
        })
    }

    /// Name, type and tensor metadata.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// These rows, cast; as they are stored where that is the type asked for.
    ///
    /// # Errors
    /// As [`Column::array`]; [`Error::Arrow`] if a value does not fit the type.
    pub fn array(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        if self.field.data_type() == self.column.field().data_type() {
            return self.column.array(rows);
        }
        let item = item_type(self.field.data_type());
        let is_number = self.column.scalar().is_real() || self.column.scalar().is_complex();
        let values: ArrayRef = match item {
            DataType::Float32 if is_number => {
                let data = self.column.rows(rows)?;
                let mut values = Vec::new();
                (0..data.len()).for_each(|place| data.extend_f32(place, &mut values));
                Arc::new(Float32Array::from(values))
            }
            DataType::Float64 if is_number => {
                Arc::new(Float64Array::from(self.column.rows(rows)?.to_f64()))
            }
            DataType::Int64 if is_number => {
                Arc::new(Int64Array::from(self.column.rows(rows)?.to_i64()))
            }
            item => {
                let stored = self.column.array(rows)?;
                let values = stored
                    .as_fixed_size_list_opt()
                    .map_or(&stored, |list| list.values());
                cast_with_options(
                    values,
                    item,
                    &CastOptions {
                        safe: false,
                        ..Default::default()
                    },
                )?
            }
        };
        Ok(match self.field.data_type() {
            DataType::FixedSizeList(inner, len) => {
                let list = FixedSizeListArray::try_new_with_length(
                    Arc::clone(inner),
                    *len,
                    values,
                    None,
                    rows.len(),
                );
                Arc::new(list?)
            }
            _ => values,
        })
    }
}

/// The type of the numbers of a column or tensor.
fn item_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::FixedSizeList(item, _) => item.data_type(),
        other => other,
    }
}

/// Appends `bytes`, values of type `$scalar`, to `$out` as `$to`.
macro_rules! extend {
    ($out:expr, $bytes:expr, $scalar:expr, $big_endian:expr, $to:ty) => {
        match ($scalar, $big_endian) {
            (Scalar::Bool, _) => $out.extend($bytes.iter().map(|b| <$to>::from(u8::from(*b != 0)))),
            (Scalar::Int8, _) => $out.extend($bytes.iter().map(|b| b.cast_signed() as $to)),
            (Scalar::UInt8, _) => $out.extend($bytes.iter().map(|b| <$to>::from(*b))),
            (Scalar::Int16, false) => extend!(@ $out, $bytes, i16, 2, from_le_bytes, $to),
            (Scalar::Int16, true) => extend!(@ $out, $bytes, i16, 2, from_be_bytes, $to),
            (Scalar::UInt16, false) => extend!(@ $out, $bytes, u16, 2, from_le_bytes, $to),
            (Scalar::UInt16, true) => extend!(@ $out, $bytes, u16, 2, from_be_bytes, $to),
            (Scalar::Int32, false) => extend!(@ $out, $bytes, i32, 4, from_le_bytes, $to),
            (Scalar::Int32, true) => extend!(@ $out, $bytes, i32, 4, from_be_bytes, $to),
            (Scalar::UInt32, false) => extend!(@ $out, $bytes, u32, 4, from_le_bytes, $to),
            (Scalar::UInt32, true) => extend!(@ $out, $bytes, u32, 4, from_be_bytes, $to),
            (Scalar::Int64, false) => extend!(@ $out, $bytes, i64, 8, from_le_bytes, $to),
            (Scalar::Int64, true) => extend!(@ $out, $bytes, i64, 8, from_be_bytes, $to),
            (Scalar::UInt64, false) => extend!(@ $out, $bytes, u64, 8, from_le_bytes, $to),
            (Scalar::UInt64, true) => extend!(@ $out, $bytes, u64, 8, from_be_bytes, $to),
            (Scalar::Float16, false) => {
                $out.extend($bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f64() as $to))
            }
            (Scalar::Float16, true) => {
                $out.extend($bytes.as_chunks::<2>().0.iter().map(|b| f16::from_be_bytes(*b).to_f64() as $to))
            }
            (Scalar::Float32 | Scalar::Complex64, false) => extend!(@ $out, $bytes, f32, 4, from_le_bytes, $to),
            (Scalar::Float32 | Scalar::Complex64, true) => extend!(@ $out, $bytes, f32, 4, from_be_bytes, $to),
            (Scalar::Float64 | Scalar::Complex128, false) => extend!(@ $out, $bytes, f64, 8, from_le_bytes, $to),
            (Scalar::Float64 | Scalar::Complex128, true) => extend!(@ $out, $bytes, f64, 8, from_be_bytes, $to),
            (Scalar::Bytes(_) | Scalar::Text(_) | Scalar::DateTime(_) | Scalar::TimeDelta(_), _) => {
                unreachable!("only members of numbers are cast")
            }
        }
    };
    (@ $out:expr, $bytes:expr, $from:ty, $size:literal, $read:ident, $to:ty) => {
        $out.extend($bytes.as_chunks::<$size>().0.iter().map(|bytes| <$from>::$read(*bytes) as $to))
    };
}

/// Writes `bytes`, values of type `$scalar`, to `$out` as f4, as many as both have.
macro_rules! fill {
    ($out:expr, $bytes:expr, $type:ty, $size:literal, $big_endian:expr) => {{
        let values = $bytes.as_chunks::<$size>().0;
        if $big_endian {
            $out.iter_mut()
                .zip(values)
                .for_each(|(out, bytes)| *out = <$type>::from_be_bytes(*bytes) as f32);
        } else {
            $out.iter_mut()
                .zip(values)
                .for_each(|(out, bytes)| *out = <$type>::from_le_bytes(*bytes) as f32);
        }
    }};
}

/// Writes values to `out` as f4, rounding to nearest; complex ones as pairs. `out` has room for just as many.
///
/// # Panics
/// If the values are no numbers.
pub fn fill_f32(out: &mut [f32], bytes: &[u8], scalar: Scalar, big_endian: bool) {
    match scalar {
        Scalar::Bool => out
            .iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = f32::from(u8::from(*byte != 0))),
        Scalar::Int8 => out
            .iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = f32::from(byte.cast_signed())),
        Scalar::UInt8 => out
            .iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = f32::from(*byte)),
        Scalar::Int16 => fill!(out, bytes, i16, 2, big_endian),
        Scalar::UInt16 => fill!(out, bytes, u16, 2, big_endian),
        Scalar::Int32 => fill!(out, bytes, i32, 4, big_endian),
        Scalar::UInt32 => fill!(out, bytes, u32, 4, big_endian),
        Scalar::Int64 => fill!(out, bytes, i64, 8, big_endian),
        Scalar::UInt64 => fill!(out, bytes, u64, 8, big_endian),
        Scalar::Float32 | Scalar::Complex64 => fill!(out, bytes, f32, 4, big_endian),
        Scalar::Float64 | Scalar::Complex128 => fill!(out, bytes, f64, 8, big_endian),
        Scalar::Float16 => {
            let of = |bytes: &[u8; 2]| {
                if big_endian {
                    f16::from_be_bytes(*bytes)
                } else {
                    f16::from_le_bytes(*bytes)
                }
            };
            out.iter_mut()
                .zip(bytes.as_chunks::<2>().0)
                .for_each(|(out, bytes)| *out = of(bytes).to_f32());
        }
        Scalar::Bytes(_) | Scalar::Text(_) | Scalar::DateTime(_) | Scalar::TimeDelta(_) => {
            unreachable!("only members of numbers are cast")
        }
    }
}

/// Appends values to `out` as f4, rounding to nearest; complex ones as pairs.
pub fn extend_f32(out: &mut Vec<f32>, bytes: &[u8], scalar: Scalar, big_endian: bool) {
    extend!(out, bytes, scalar, big_endian, f32);
}

/// Appends values to `out` as f8; 64-bit integers beyond 2^53 are rounded.
pub fn extend_f64(out: &mut Vec<f64>, bytes: &[u8], scalar: Scalar, big_endian: bool) {
    extend!(out, bytes, scalar, big_endian, f64);
}

/// Appends values to `out` as i8; fractions are cut off.
pub fn extend_i64(out: &mut Vec<i64>, bytes: &[u8], scalar: Scalar, big_endian: bool) {
    extend!(out, bytes, scalar, big_endian, i64);
}

impl RowData<'_> {
    /// Appends the row at a place of the set to `out` as f4, in C order.
    ///
    /// # Panics
    /// If the column holds no numbers; if the set is shorter.
    pub fn extend_f32(&self, place: usize, out: &mut Vec<f32>) {
        extend_f32(out, self.row(place), self.scalar(), self.is_big_endian());
    }

    /// Writes the row at a place of the set to `out` as f4, in C order.
    ///
    /// # Panics
    /// If the column holds no numbers; if the set is shorter.
    pub fn fill_f32(&self, place: usize, out: &mut [f32]) {
        fill_f32(out, self.row(place), self.scalar(), self.is_big_endian());
    }

    /// Appends the row at a place of the set to `out` as f8, in C order.
    ///
    /// # Panics
    /// As [`RowData::extend_f32`].
    pub fn extend_f64(&self, place: usize, out: &mut Vec<f64>) {
        extend_f64(out, self.row(place), self.scalar(), self.is_big_endian());
    }

    /// All rows as f8, row after row; complex values as pairs.
    ///
    /// # Panics
    /// If the column holds no numbers.
    pub fn to_f64(&self) -> Vec<f64> {
        self.cast(extend_f64)
    }

    /// All rows as i8, row after row.
    ///
    /// # Panics
    /// If the column holds no numbers.
    pub fn to_i64(&self) -> Vec<i64> {
        self.cast(extend_i64)
    }

    fn cast<T>(&self, extend: impl Fn(&mut Vec<T>, &[u8], Scalar, bool)) -> Vec<T> {
        let parts = (0..self.len()).map(|place| self.row(place));
        let mut out = Vec::with_capacity(
            parts
                .clone()
                .map(|row| row.len() / self.scalar().unit_bytes())
                .sum(),
        );
        parts.for_each(|row| extend(&mut out, row, self.scalar(), self.is_big_endian()));
        out
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    #[test]
    fn columns_are_cast_a_slice_at_a_time_to_what_the_caller_wants() {
        use crate::array::View;
        use crate::npz::NpzFile;
        let npz = Arc::new(NpzFile::open("tests/data/siemens_star_counts_deflated.npz").unwrap());
        let column = |member: &str| Column::open(&npz, member, "it", &View::along(0)).unwrap();
        let stored = column("diff3d").array(&RowSet::Range(3..6)).unwrap();
        for item in [
            DataType::Float32,
            DataType::Float64,
            DataType::Int64,
            DataType::Int32,
            DataType::UInt16,
        ] {
            let cast = CastColumn::try_new(column("diff3d"), &item).unwrap();
            let found = cast.array(&RowSet::List(&[3, 4, 5])).unwrap();
            assert_eq!(found.data_type(), cast.field().data_type());
            assert_eq!(
                crate::array::tensor::shape(cast.field()),
                Some(vec![64, 64])
            );
            let back = arrow::compute::cast(found.as_fixed_size_list().values(), &DataType::UInt16)
                .unwrap();
            assert_eq!(&back, stored.as_fixed_size_list().values(), "{item}");
        }
        let x = CastColumn::try_new(column("xcoords"), &DataType::Float32).unwrap();
        assert_eq!(x.array(&RowSet::Range(0..516)).unwrap().len(), 516);
        // What does not fit is an error, not another number.
        let small = CastColumn::try_new(column("xcoords"), &DataType::Int8).unwrap();
        assert!(small.array(&RowSet::Range(0..516)).is_err());
        let times = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
        assert!(
            CastColumn::try_new(column("xcoords"), &times)
                .unwrap_err()
                .report()
                .contains("can be cast")
        );
    }

    #[test]
    fn casts_every_type_in_both_byte_orders() {
        let cases: [(Scalar, Vec<u8>, Vec<u8>); 11] = [
            (
                Scalar::Int16,
                (-3i16).to_le_bytes().into(),
                (-3i16).to_be_bytes().into(),
            ),
            (
                Scalar::UInt16,
                65533u16.to_le_bytes().into(),
                65533u16.to_be_bytes().into(),
            ),
            (
                Scalar::Int32,
                (-3i32).to_le_bytes().into(),
                (-3i32).to_be_bytes().into(),
            ),
            (
                Scalar::UInt32,
                3u32.to_le_bytes().into(),
                3u32.to_be_bytes().into(),
            ),
            (
                Scalar::Int64,
                (-3i64).to_le_bytes().into(),
                (-3i64).to_be_bytes().into(),
            ),
            (
                Scalar::UInt64,
                3u64.to_le_bytes().into(),
                3u64.to_be_bytes().into(),
            ),
            (
                Scalar::Float16,
                f16::from_f32(-3.0).to_le_bytes().into(),
                f16::from_f32(-3.0).to_be_bytes().into(),
            ),
            (
                Scalar::Float32,
                (-3f32).to_le_bytes().into(),
                (-3f32).to_be_bytes().into(),
            ),
            (
                Scalar::Float64,
                (-3f64).to_le_bytes().into(),
                (-3f64).to_be_bytes().into(),
            ),
            (Scalar::Int8, vec![0xfd], vec![0xfd]),
            (Scalar::UInt8, vec![3], vec![3]),
        ];
        for (scalar, little, big) in cases {
            let mut out = Vec::new();
            extend_f64(&mut out, &little, scalar, false);
            extend_f64(&mut out, &big, scalar, true);
            let expected = match scalar {
                Scalar::UInt16 => 65533.0,
                Scalar::UInt32 | Scalar::UInt64 | Scalar::UInt8 => 3.0,
                _ => -3.0,
            };
            assert_eq!(out, [expected, expected], "{scalar:?}");
            let mut whole = Vec::new();
            extend_i64(&mut whole, &big, scalar, true);
            assert_eq!(whole, [expected as i64], "{scalar:?}");
            let (mut single, mut both) = ([0.0; 2], Vec::new());
            fill_f32(&mut single[..1], &little, scalar, false);
            fill_f32(&mut single[1..], &big, scalar, true);
            extend_f32(&mut both, &[little, big].concat()[..0], scalar, false);
            assert_eq!(
                (single, both.len()),
                ([expected as f32; 2], 0),
                "{scalar:?}"
            );
        }
        let mut out = Vec::new();
        extend_f32(&mut out, &[0, 1, 7], Scalar::Bool, false);
        assert_eq!(out, [0.0, 1.0, 1.0]);
    }
}
