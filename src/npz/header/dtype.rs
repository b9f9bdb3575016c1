//! Parses NumPy's texts for element types.

use std::fmt;

use super::MemberProblem;
use super::literal::Literal;
use crate::npz::HeaderFault;

/// Names an element type that Arrow can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A truth value in one byte, 0 or 1.
    Bool,
    /// A signed integer of 8 bits.
    Int8,
    /// A signed integer of 16 bits.
    Int16,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 8 bits.
    UInt8,
    /// An unsigned integer of 16 bits.
    UInt16,
    /// An unsigned integer of 32 bits.
    UInt32,
    /// An unsigned integer of 64 bits.
    UInt64,
    /// An IEEE float of half precision.
    Float16,
    /// An IEEE float of single precision.
    Float32,
    /// An IEEE float of double precision.
    Float64,
    /// A pair of single floats: real part, imaginary part.
    Complex64,
    /// A pair of double floats: real part, imaginary part.
    Complex128,
    /// Text of this many bytes, padded with NULs (NumPy's `S`).
    Bytes(u32),
    /// Text of this many characters of four bytes each, padded with NULs (NumPy's `U`).
    Text(u32),
    /// The number of steps since 1970-01-01, in 64 bits (NumPy's `M8`); the smallest number is "not a time".
    DateTime(TimeStep),
    /// A number of steps, in 64 bits (NumPy's `m8`); the smallest number is "not a time".
    TimeDelta(TimeStep),
}

/// Describes the step of a date or of a time difference, such as 25 microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStep {
    /// The number of units per step.
    pub count: u32,
    /// The unit.
    pub unit: TimeUnit,
}

/// Names a unit of time of NumPy's that Arrow has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TimeUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Scalar {
    /// Returns the number of bytes per value; a complex value counts as a whole.
    pub fn num_bytes(self) -> usize {
        match self {
            Self::Bytes(len) => len as usize,
            Self::Text(len) => len as usize * 4,
            Self::DateTime(_) | Self::TimeDelta(_) => 8,
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 | Self::Float16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// Returns the type of the two parts of a complex number; any other type itself.
    pub fn part(self) -> Self {
        match self {
            Self::Complex64 => Self::Float32,
            Self::Complex128 => Self::Float64,
            other => other,
        }
    }

    /// Returns the number of bytes of the smallest part that has a byte order: a number, half of a complex one, a
    /// character.
    pub fn unit_bytes(self) -> usize {
        match self {
            Self::Bytes(_) => 1,
            Self::Text(_) => 4,
            other => other.part().num_bytes(),
        }
    }

    /// Returns whether a value is a pair of real and imaginary part.
    pub fn is_complex(self) -> bool {
        self.part() != self
    }

    /// Returns whether a value is a number or a truth value: neither text nor time.
    pub fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Bytes(_) | Self::Text(_) | Self::DateTime(_) | Self::TimeDelta(_)
        )
    }

    /// Returns whether a value is one real number; a truth value is none.
    pub fn is_real(self) -> bool {
        self.is_number() && !self.is_complex() && self != Self::Bool
    }

    /// Returns whether a value is an integer.
    pub fn is_integer(self) -> bool {
        use Scalar::*;
        matches!(
            self,
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
        )
    }

    fn parse(kind: u8, size: usize) -> Option<Self> {
        Some(match (kind, size) {
            (b'b', 1) | (b'?', 0 | 1) => Self::Bool,
            (b'i', 1) => Self::Int8,
            (b'i', 2) => Self::Int16,
            (b'i', 4) => Self::Int32,
            (b'i', 8) => Self::Int64,
            (b'u', 1) => Self::UInt8,
            (b'u', 2) => Self::UInt16,
            (b'u', 4) => Self::UInt32,
            (b'u', 8) => Self::UInt64,
            (b'f', 2) => Self::Float16,
            (b'f', 4) => Self::Float32,
            (b'f', 8) => Self::Float64,
            (b'c', 8) => Self::Complex64,
            (b'c', 16) => Self::Complex128,
            (b'S' | b'a', size) => Self::Bytes(u32::try_from(size).ok()?),
            (b'U', size) => Self::Text(
                u32::try_from(size)
                    .ok()
                    .filter(|len| len.checked_mul(4).is_some())?,
            ),
            _ => return None,
        })
    }
}

impl TimeStep {
    /// Parses what stands in the brackets of a dtype such as `<M8[25s]`.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count = if digits == 0 {
            1
        } else {
            text[..digits].parse().ok().filter(|count| *count > 0)?
        };
        let unit = match &text[digits..] {
            "Y" => TimeUnit::Year,
            "M" => TimeUnit::Month,
            "W" => TimeUnit::Week,
            "D" => TimeUnit::Day,
            "h" => TimeUnit::Hour,
            "m" => TimeUnit::Minute,
            "s" => TimeUnit::Second,
            "ms" => TimeUnit::Millisecond,
            "us" => TimeUnit::Microsecond,
            "ns" => TimeUnit::Nanosecond,
            _ => return None,
        };
        Some(Self { count, unit })
    }
}

/// Describes an element type as NumPy writes it. `Display` gives NumPy's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtype {
    /// NumPy's text for the type: `<f4`, `|b1`, `>u2`.
    pub descr: String,
    /// The type.
    pub scalar: Scalar,
    /// Whether the bytes of a value stand in the order opposite to that of the machines this crate runs on.
    pub big_endian: bool,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.descr)
    }
}

impl Dtype {
    /// Parses the value of `descr`.
    pub(super) fn of(descr: &Literal) -> Result<Self, MemberProblem> {
        match descr {
            Literal::Text(descr) => Self::parse(descr),
            _ => Err(MemberProblem::StructuredDtype),
        }
    }

    /// Parses NumPy's text for a type of plain values.
    pub(crate) fn parse(descr: &str) -> Result<Self, MemberProblem> {
        let descr = NAMES
            .iter()
            .find(|(name, _)| *name == descr)
            .map_or(descr, |(_, code)| code);
        let (order, rest) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'=', rest),
        };
        let kind = *rest.first().ok_or(HeaderFault::EmptyDtype)?;
        let scalar = if matches!(kind, b'M' | b'm') {
            time(rest)
        } else {
            plain(kind, &rest[1..])
        };
        let scalar = scalar.ok_or_else(|| match kind {
            b'O' => MemberProblem::PickledObjects,
            kind => MemberProblem::UnsupportedDtype {
                descr: descr.to_string(),
                kind: char::from(kind),
            },
        })?;
        // `=` means the byte order of the machine, and this crate runs on little-endian ones only.
        let big_endian = order == b'>' && scalar.num_bytes() > 1;
        Ok(Self {
            descr: descr.to_string(),
            scalar,
            big_endian,
        })
    }
}

/// NumPy's names for types of plain values, which `np.load` takes in place of its codes, with these.
const NAMES: &[(&str, &str)] = &[
    ("bool", "|b1"),
    ("int8", "|i1"),
    ("int16", "<i2"),
    ("int32", "<i4"),
    ("int64", "<i8"),
    ("uint8", "|u1"),
    ("uint16", "<u2"),
    ("uint32", "<u4"),
    ("uint64", "<u8"),
    ("float16", "<f2"),
    ("float32", "<f4"),
    ("float64", "<f8"),
    ("complex64", "<c8"),
    ("complex128", "<c16"),
];

/// Parses a type by its letter and the digits behind it; `?` alone is a truth value.
fn plain(kind: u8, digits: &[u8]) -> Option<Scalar> {
    let size = match digits {
        [] if kind == b'?' => 1,
        digits if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok()?.parse().ok()?
        }
        _ => return None,
    };
    Scalar::parse(kind, size)
}

/// Parses a type such as `M8[us]`. Time differences in months or years have no fixed length.
fn time(text: &[u8]) -> Option<Scalar> {
    let text = std::str::from_utf8(text).ok()?;
    let step = TimeStep::parse(text.get(1..)?.strip_prefix("8[")?.strip_suffix(']')?)?;
    match (text.as_bytes()[0], step.unit) {
        (b'M', _) => Some(Scalar::DateTime(step)),
        (_, TimeUnit::Year | TimeUnit::Month) => None,
        _ => Some(Scalar::TimeDelta(step)),
    }
}
