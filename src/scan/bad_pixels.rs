//! Which pixels of the patterns are bad: those that the file's mask names, and those that hold some values.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use half::f16;
use serde::{Deserialize, Serialize};

use super::layout::Role;
use crate::array::{Column, MarkedValue, Marks, RowSet};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::Scalar;

/// The metadata key of the [`BadPixels`] that are read as 0, as JSON; absent if there are none.
pub const BAD_PIXELS_KEY: &str = "ptychoarrow.bad_pixels";

/// Says which pixels of the patterns are bad. They are read as 0 by everything that reads patterns: the
/// column `diffraction` of `scan`, predicates over it, groups, the normalisation factor, and exports.
///
/// ```
/// use ptychoarrow::Scan;
/// use ptychoarrow::scan::{BadPixels, BadValue, ScanOptions};
///
/// // A detector that marks gaps between its modules by the largest value of the dtype.
/// let bad = BadPixels::default().with_values([BadValue::Max]);
/// let options = ScanOptions::default().with_bad_pixels(bad);
/// let scan = Scan::open_with("tests/data/siemens_star_counts_deflated.npz", &options)?;
/// assert_eq!(scan.bad_pixels().values, ["max".parse()?]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BadPixels {
    /// Whether the pixels that the file's mask names are bad. The mask has the shape (H, W) of a pattern as
    /// it is stored: in the role `bad_pixels` a number other than 0 marks a bad pixel, in the role
    /// `valid_pixels` a 0 does; of both, the first counts. Default: false.
    pub mask: bool,
    /// The values that mark a pixel as bad, pattern by pattern. Default: none.
    pub values: Vec<BadValue>,
}

impl BadPixels {
    /// Sets whether the pixels that the file's mask names are bad.
    pub fn with_mask(mut self, mask: bool) -> Self {
        self.mask = mask;
        self
    }

    /// Sets the values that mark a pixel as bad.
    pub fn with_values(mut self, values: impl IntoIterator<Item = BadValue>) -> Self {
        self.values = values.into_iter().collect();
        self
    }

    /// Returns whether no pixel can be bad.
    pub fn is_empty(&self) -> bool {
        !self.mask && self.values.is_empty()
    }

    /// Returns these as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Names a value that marks a pixel as bad.
///
/// As a text it is a number, `max`, `nan`, `inf` or `-inf`. A number is compared with what is stored in the
/// type of the patterns: for floats it is rounded to that type first. A value that the type does not have,
/// such as -1 among unsigned integers, is an error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum BadValue {
    /// A whole number.
    Whole(i128),
    /// A number with a fraction.
    Real(f64),
    /// The largest value of the type of the patterns, which is one of integers.
    Max,
    /// "Not a number", with any payload.
    NotANumber,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    NegativeInfinity,
}

impl FromStr for BadValue {
    type Err = NoBadValue;

    fn from_str(text: &str) -> Result<Self, NoBadValue> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        if let Ok(whole) = text.parse() {
            return Ok(Self::Whole(whole));
        }
        let no_value = || NoBadValue(text.to_string());
        Ok(Self::of(text.parse().map_err(|_| no_value())?))
    }
}

impl BadValue {
    /// Returns the value that is this number.
    pub fn of(number: f64) -> Self {
        /// Below this every whole f64 is an i128.
        const LIMIT: f64 = 1e38;
        match number {
            number if number.is_nan() => Self::NotANumber,
            f64::INFINITY => Self::Infinity,
            f64::NEG_INFINITY => Self::NegativeInfinity,
            number if number.fract() == 0.0 && number.abs() < LIMIT => Self::Whole(number as i128),
            number => Self::Real(number),
        }
    }

    /// Returns the bits of the value in a type; `None` if the type does not have it.
    fn bits(self, scalar: Scalar) -> Option<MarkedValue> {
        match scalar {
            Scalar::Int8 => self.whole::<i8>(|value| u64::from(value.cast_unsigned())),
            Scalar::Int16 => self.whole::<i16>(|value| u64::from(value.cast_unsigned())),
            Scalar::Int32 => self.whole::<i32>(|value| u64::from(value.cast_unsigned())),
            Scalar::Int64 => self.whole::<i64>(i64::cast_unsigned),
            Scalar::UInt8 => self.whole::<u8>(u64::from),
            Scalar::UInt16 => self.whole::<u16>(u64::from),
            Scalar::UInt32 => self.whole::<u32>(u64::from),
            Scalar::UInt64 => self.whole::<u64>(|value| value),
            Scalar::Float16 => self.float(
                |value| f16::from_f64(value).to_bits().into(),
                f16::INFINITY.to_bits().into(),
            ),
            Scalar::Float32 => self.float(
                |value| (value as f32).to_bits().into(),
                f32::INFINITY.to_bits().into(),
            ),
            Scalar::Float64 => self.float(f64::to_bits, f64::INFINITY.to_bits()),
            _ => None,
        }
    }

    fn whole<T: Limits>(self, bits: impl Fn(T) -> u64) -> Option<MarkedValue> {
        let value = match self {
            Self::Whole(value) => T::try_from(value).ok()?,
            Self::Max => T::MAX,
            _ => return None,
        };
        Some(MarkedValue::Bits(bits(value)))
    }

    /// Returns the bits of the value in a type of floats, of which `infinity` are the bits of infinity.
    fn float(self, bits: impl Fn(f64) -> u64, infinity: u64) -> Option<MarkedValue> {
        let finite = |value: f64| {
            let rounded = bits(value);
            // Without the sign, infinity and what is not a number are the largest numbers.
            let size = bits(value.abs());
            (size < infinity).then_some(MarkedValue::Bits(rounded))
        };
        match self {
            Self::Whole(value) => finite(value as f64),
            Self::Real(value) => finite(value),
            Self::Infinity => Some(MarkedValue::Bits(infinity)),
            Self::NegativeInfinity => Some(MarkedValue::Bits(bits(f64::NEG_INFINITY))),
            Self::NotANumber => Some(MarkedValue::Above {
                // All bits but the sign, which infinity lets one tell from the exponent.
                mask: (bits(f64::NEG_INFINITY) ^ infinity) - 1,
                limit: infinity,
            }),
            Self::Max => None,
        }
    }
}

/// Gives the largest value of a type of integers.
trait Limits: TryFrom<i128> {
    const MAX: Self;
}

macro_rules! limits {
    ($($type:ty)*) => {$(
        impl Limits for $type {
            const MAX: Self = <$type>::MAX;
        }
    )*};
}

limits! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => value.fmt(f),
            Self::Real(value) => write!(f, "{value:?}"),
            Self::Max => f.write_str("max"),
            Self::NotANumber => f.write_str("nan"),
            Self::Infinity => f.write_str("inf"),
            Self::NegativeInfinity => f.write_str("-inf"),
        }
    }
}

impl From<BadValue> for String {
    fn from(value: BadValue) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for BadValue {
    type Error = NoBadValue;

    fn try_from(text: String) -> Result<Self, NoBadValue> {
        text.parse()
    }
}

/// Reports that a text names no [`BadValue`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoBadValue(String);

impl fmt::Display for NoBadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found `{}`, expected a number, max, nan, inf or -inf",
            self.0
        )
    }
}

impl std::error::Error for NoBadValue {}

/// Holds the file's mask of pixels.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    column: Column,
    /// Whether a number other than 0 marks a bad pixel; else a 0 does.
    bad_is: bool,
}

impl Mask {
    /// Finds the mask among the columns that `open` opens; its values are not read.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn find(open: impl Fn(Role) -> Result<Option<Column>>) -> Result<Option<Self>> {
        let of = |role, bad_is| -> Result<Option<Self>> {
            Ok(open(role)?.map(|column| Self { column, bad_is }))
        };
        match of(Role::BadPixels, true)? {
            Some(mask) => Ok(Some(mask)),
            None => of(Role::ValidPixels, false),
        }
    }

    /// Returns the name of the member.
    pub fn member(&self) -> &str {
        self.column.member()
    }

    /// Returns whether the mask has the shape of these patterns, but for further axes of length 1.
    pub fn fits(&self, patterns: &Column) -> bool {
        let shape = self.column.row_shape();
        let of_pattern = patterns.row_shape();
        of_pattern.len() == 2
            && self.column.row_len() == patterns.row_len()
            && shape.ends_with(of_pattern)
    }

    /// Reads the mask: true where a pixel is bad.
    ///
    /// # Errors
    /// If it does not have the shape of the patterns, or cannot be read.
    pub fn read(&self, patterns: &Column) -> Result<Arc<[bool]>> {
        if !self.fits(patterns) {
            return Err(self.misfit(patterns));
        }
        let rows = RowSet::Range(0..self.column.num_rows());
        let values = self.column.numbers(&rows)?.to_f64();
        Ok(values
            .into_iter()
            .take(patterns.row_len())
            .map(|value| (value != 0.0) == self.bad_is)
            .collect())
    }

    fn misfit(&self, patterns: &Column) -> Error {
        let (column, shape) = match patterns.row_shape() {
            shape @ [_, _] => (&self.column, shape),
            shape => {
                return Error::BadMember {
                    path: patterns.npz().path().to_path_buf(),
                    member: patterns.member().to_string(),
                    found: format!("patterns of shape {shape:?}"),
                    expected: "patterns with two axes, as a mask has".to_string(),
                    remedies: vec![Remedy::LeaveOut(Parameter::Mask)],
                };
            }
        };
        Error::BadMember {
            path: column.npz().path().to_path_buf(),
            member: column.member().to_string(),
            found: format!("a mask of {:?}", column.row_shape()),
            expected: format!("one of {shape:?}, the shape of the patterns"),
            remedies: vec![
                Remedy::NameMember {
                    role: "bad_pixels",
                    member: None,
                },
                Remedy::LeaveOut(Parameter::Mask),
            ],
        }
    }
}

/// Returns which values of the patterns are bad by a mask and by what they are; `None` if none can be.
///
/// # Errors
/// If the mask does not fit the patterns; if their type does not have one of the values.
pub(super) fn marks(
    patterns: &Column,
    mask: Option<&Mask>,
    values: &[BadValue],
) -> Result<Option<Arc<Marks>>> {
    if mask.is_none() && values.is_empty() {
        return Ok(None);
    }
    let scalar = patterns.scalar();
    let in_type = |value: &BadValue| {
        value
            .bits(scalar)
            .ok_or_else(|| not_in_type(patterns, *value))
    };
    let marks = Marks {
        places: mask.map(|mask| mask.read(patterns)).transpose()?,
        values: values.iter().map(in_type).collect::<Result<_>>()?,
        size: scalar.num_bytes(),
        big_endian: patterns.is_big_endian(),
    };
    Ok(Some(Arc::new(marks)))
}

fn not_in_type(patterns: &Column, value: BadValue) -> Error {
    let scalar = patterns.scalar();
    let expected = match range(scalar) {
        Some((min, max)) => format!("a whole number from {min} to {max}, or max"),
        None if BadValue::NotANumber.bits(scalar).is_some() => {
            "a finite number of that type, nan, inf or -inf".to_string()
        }
        None => "patterns of integers or floats".to_string(),
    };
    Error::NotInType {
        path: patterns.npz().path().to_path_buf(),
        member: patterns.member().to_string(),
        parameter: Parameter::BadValues,
        value: value.to_string(),
        data_type: scalar.arrow_type().to_string(),
        expected,
    }
}

/// Returns the smallest and the largest value of a type of integers.
fn range(scalar: Scalar) -> Option<(i128, i128)> {
    macro_rules! of {
        ($type:ty) => {
            Some((i128::from(<$type>::MIN), i128::from(<$type>::MAX)))
        };
    }
    match scalar {
        Scalar::Int8 => of!(i8),
        Scalar::Int16 => of!(i16),
        Scalar::Int32 => of!(i32),
        Scalar::Int64 => of!(i64),
        Scalar::UInt8 => of!(u8),
        Scalar::UInt16 => of!(u16),
        Scalar::UInt32 => of!(u32),
        Scalar::UInt64 => of!(u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
