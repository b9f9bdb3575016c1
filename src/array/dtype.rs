//! Holds the one table of element types: what NumPy and Arrow call each of them.
//!
//! Parsing a NumPy `descr` is the business of [`npz::header`](crate::npz::header); everything else that a
//! front end or a writer wants to know of a type is here.

use arrow::datatypes::DataType;

use super::time;
use crate::npz::{Scalar, TimeStep, TimeUnit};

/// The metadata key of a column's NumPy type, where the Arrow type alone does not tell it: complex numbers
/// (`complex64`), text (`U12`), and tensors that are written as bytes.
pub const DTYPE_KEY: &str = "ptychoarrow.dtype";

/// The numbers that have one name in NumPy and one type in Arrow: type, NumPy name, little-endian `descr`,
/// Arrow type.
static NUMBERS: [(Scalar, &str, &str, DataType); 12] = [
    (Scalar::Bool, "bool", "|b1", DataType::Boolean),
    (Scalar::Int8, "int8", "|i1", DataType::Int8),
    (Scalar::Int16, "int16", "<i2", DataType::Int16),
    (Scalar::Int32, "int32", "<i4", DataType::Int32),
    (Scalar::Int64, "int64", "<i8", DataType::Int64),
    (Scalar::UInt8, "uint8", "|u1", DataType::UInt8),
    (Scalar::UInt16, "uint16", "<u2", DataType::UInt16),
    (Scalar::UInt32, "uint32", "<u4", DataType::UInt32),
    (Scalar::UInt64, "uint64", "<u8", DataType::UInt64),
    (Scalar::Float16, "float16", "<f2", DataType::Float16),
    (Scalar::Float32, "float32", "<f4", DataType::Float32),
    (Scalar::Float64, "float64", "<f8", DataType::Float64),
];

impl Scalar {
    /// Returns the Arrow type of one value; of a complex value, the type of each of its two parts.
    ///
    /// ```
    /// use arrow::datatypes::DataType;
    /// use ptychoarrow::npz::Scalar;
    /// assert_eq!(Scalar::Complex64.arrow_type(), DataType::Float32);
    /// ```
    pub fn arrow_type(self) -> DataType {
        match self {
            Self::Bytes(_) | Self::Text(_) => DataType::Utf8,
            Self::DateTime(step) => time::date_type(step),
            Self::TimeDelta(step) => time::duration_type(step),
            number => number.named().map_or(DataType::Null, |row| row.3.clone()),
        }
    }

    /// Returns the name of the type in NumPy, such as `uint16`, `complex64`, `S3`, `U12` or
    /// `datetime64[25s]`.
    pub fn numpy_name(self) -> String {
        match self {
            Self::Complex64 => "complex64".to_string(),
            Self::Complex128 => "complex128".to_string(),
            Self::Bytes(len) => format!("S{len}"),
            Self::Text(len) => format!("U{len}"),
            Self::DateTime(step) => format!("datetime64[{}]", step_name(step)),
            Self::TimeDelta(step) => format!("timedelta64[{}]", step_name(step)),
            number => number.named().map_or("", |row| row.1).to_string(),
        }
    }

    /// Returns the little-endian `descr` of the type in an NPY header, such as `<u2`, `<c8`, `|S3` or
    /// `<M8[25s]`.
    pub fn descr(self) -> String {
        match self {
            Self::Complex64 => "<c8".to_string(),
            Self::Complex128 => "<c16".to_string(),
            Self::Bytes(len) => format!("|S{len}"),
            Self::Text(len) => format!("<U{len}"),
            Self::DateTime(step) => format!("<M8[{}]", step_name(step)),
            Self::TimeDelta(step) => format!("<m8[{}]", step_name(step)),
            number => number.named().map_or("", |row| row.2).to_string(),
        }
    }

    /// Returns the type whose values an Arrow array of this type holds as NumPy does, bit for bit: integers
    /// and floats, but no truth values, which Arrow packs.
    pub fn of_arrow(data_type: &DataType) -> Option<Self> {
        let mut numbers = NUMBERS.iter().filter(|row| row.0 != Self::Bool);
        numbers.find(|row| row.3 == *data_type).map(|row| row.0)
    }

    /// Returns the type of the complex numbers whose parts are of this type.
    pub fn complex_of(self) -> Option<Self> {
        match self {
            Self::Float32 => Some(Self::Complex64),
            Self::Float64 => Some(Self::Complex128),
            _ => None,
        }
    }

    /// Returns the row of the table for the type, or for the parts of a complex number.
    fn named(self) -> Option<&'static (Self, &'static str, &'static str, DataType)> {
        NUMBERS.iter().find(|row| row.0 == self.part())
    }
}

/// Returns what stands in the brackets of a NumPy time type: `25s`, or `s` for a single second.
fn step_name(step: TimeStep) -> String {
    let unit = match step.unit {
        TimeUnit::Year => "Y",
        TimeUnit::Month => "M",
        TimeUnit::Week => "W",
        TimeUnit::Day => "D",
        TimeUnit::Hour => "h",
        TimeUnit::Minute => "m",
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match step.count {
        1 => unit.to_string(),
        count => format!("{count}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npz::header::{format, parse};

    fn all() -> Vec<Scalar> {
        use TimeUnit::*;
        let units = [
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
        ];
        let steps = units.map(|unit| TimeStep { count: 25, unit });
        let lone = TimeStep {
            count: 1,
            unit: Second,
        };
        NUMBERS
            .iter()
            .map(|row| row.0)
            .chain([Scalar::Complex64, Scalar::Complex128])
            .chain([Scalar::Bytes(3), Scalar::Text(12), Scalar::DateTime(lone)])
            .chain(steps.map(Scalar::DateTime))
            .chain(steps[2..].iter().copied().map(Scalar::TimeDelta))
            .collect()
    }

    #[test]
    fn what_is_written_of_a_type_is_parsed_as_that_type() {
        for scalar in all() {
            let parsed = parse(&format(&scalar.descr(), &[3], false)).unwrap();
            assert_eq!(parsed.dtype.scalar, scalar);
            assert!(!parsed.dtype.big_endian, "{scalar:?}");
        }
    }

    #[test]
    fn arrow_types_and_ours_belong_together() {
        for scalar in all().into_iter().filter(|scalar| scalar.is_real()) {
            let arrow = scalar.arrow_type();
            assert_eq!(Scalar::of_arrow(&arrow), Some(scalar));
            assert_eq!(arrow.primitive_width(), Some(scalar.num_bytes()));
        }
        for scalar in all() {
            assert_ne!(scalar.arrow_type(), DataType::Null, "{scalar:?}");
            assert!(!scalar.numpy_name().is_empty());
        }
        assert_eq!(Scalar::of_arrow(&DataType::Boolean), None);
        assert_eq!(Scalar::of_arrow(&DataType::Utf8), None);
        let complex = [Scalar::Complex64, Scalar::Complex128];
        assert_eq!(
            complex.map(|scalar| scalar.part().complex_of()),
            complex.map(Some)
        );
        assert_eq!(Scalar::Int8.complex_of(), None);
    }
}
