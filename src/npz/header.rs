//! Parses the NPY header: element type, order, shape, and where the data begins. Pure functions of bytes.
//!
//! Format: the magic `\x93NUMPY`, a version (1, 2 or 3), a length (u16 in version 1, u32 after it, little-endian), then
//! a dict as Python writes it. Source: `numpy/lib/_format_impl.py` and NEP 1.

mod dtype;
mod literal;

use std::ops::Range;

use super::{HeaderFault, MemberProblem};
pub use dtype::{Dtype, Scalar, TimeStep, TimeUnit};
use literal::Literal;

/// The bytes that every NPY file begins with.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The number of bytes before the text of any header: magic, version and the longest length field.
pub const PREFIX_LEN: usize = 12;

/// The longest header text that is parsed; NumPy itself refuses more than 10,000 characters unless told otherwise.
const MAX_TEXT: usize = 1 << 16;

/// The number of bytes of which the length of a header that is written here is a multiple.
#[cfg(any(test, feature = "export", feature = "ndarray"))]
const ALIGNMENT: usize = 64;

/// NumPy's limit of axes.
const MAX_AXES: usize = 64;

/// The largest number of values of a dtype that takes no bytes, such as `<U0`.
const MAX_EMPTY_TEXTS: usize = 1 << 20;

/// Describes an array as its NPY header does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The element type.
    pub dtype: Dtype,
    /// Whether the first axis varies fastest.
    pub fortran_order: bool,
    /// The lengths of the axes, as NumPy prints them.
    pub shape: Vec<usize>,
    /// The number of bytes before the data.
    pub data_offset: usize,
}

impl Header {
    /// Returns the number of bytes of data that the shape asks for.
    ///
    /// # Errors
    /// If that number is beyond what a machine can address.
    pub fn num_bytes(&self) -> Result<u64, MemberProblem> {
        // Of a zero-length array too, as NumPy has it: its other axes must be those of an array that could be.
        let values = self
            .shape
            .iter()
            .filter(|len| **len != 0)
            .try_fold(1, |product: usize, len| product.checked_mul(*len));
        let shape = || self.shape.clone();
        // Empty texts take no bytes: nothing but this limit stands behind the number that a header claims.
        if self.dtype.scalar.num_bytes() == 0
            && values.is_none_or(|values| values > MAX_EMPTY_TEXTS)
        {
            return Err(MemberProblem::TooManyEmptyTexts { shape: shape() });
        }
        let bytes = values
            .and_then(|values| values.checked_mul(self.dtype.scalar.num_bytes()))
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| MemberProblem::ShapeTooLarge { shape: shape() })?;
        Ok(if self.shape.contains(&0) {
            0
        } else {
            bytes as u64
        })
    }
}

/// Returns the number of bytes from the begin of a member to its data, from its first 12 bytes.
///
/// # Errors
/// If those bytes do not begin an NPY file.
pub fn header_len(prefix: &[u8]) -> Result<usize, MemberProblem> {
    Ok(text_range(prefix)?.end)
}

/// Parses the header that `bytes` begins with.
///
/// # Errors
/// If `bytes` does not begin with the header of a plain array.
pub fn parse(bytes: &[u8]) -> Result<Header, MemberProblem> {
    let range = text_range(bytes)?;
    let data_offset = range.end;
    let text = bytes.get(range).ok_or(HeaderFault::CutShort)?;
    let entries = Literal::parse(text)?.into_dict()?;
    let entry = |key: &'static str| {
        let found = entries.iter().rev().find(|(name, _)| name == key);
        let value = found.map(|(_, value)| value);
        value.ok_or(HeaderFault::MissingKey { key })
    };
    Ok(Header {
        dtype: Dtype::of(entry("descr")?)?,
        fortran_order: entry("fortran_order")?.as_bool()?,
        shape: entry("shape")?.as_shape()?,
        data_offset,
    })
}

/// Returns where the header says that its text is.
fn text_range(bytes: &[u8]) -> Result<Range<usize>, MemberProblem> {
    if !bytes.starts_with(MAGIC) {
        return Err(MemberProblem::NotNpy { found: None });
    }
    let field = |range: Range<usize>| bytes.get(range).ok_or(HeaderFault::CutShort);
    let (offset, len) = match field(6..7)?[0] {
        1 => (10, field(8..10)?),
        2 | 3 => (12, field(8..12)?),
        major => return Err(MemberProblem::FormatVersion { major }),
    };
    let len = len
        .iter()
        .rev()
        .fold(0, |len, byte| (len << 8) | usize::from(*byte));
    if len > MAX_TEXT {
        return Err(HeaderFault::TooLong { bytes: len }.into());
    }
    Ok(offset..offset + len)
}

/// Writes an NPY header whose length is a multiple of 64, so that the data behind it is aligned as the header is.
#[cfg(any(test, feature = "export", feature = "ndarray"))]
pub fn format(descr: &str, shape: &[usize], fortran_order: bool) -> Vec<u8> {
    let shape = match shape {
        [len] => format!("({len},)"),
        shape => format!(
            "({})",
            shape
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let order = if fortran_order { "True" } else { "False" };
    let dict = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    const PREFIX: usize = 10;
    let len = (PREFIX + dict.len() + 1).next_multiple_of(ALIGNMENT) - PREFIX;
    let mut bytes = [MAGIC, &[1, 0]].concat();
    // NumPy has at most 64 axes: far below the 65,535 bytes that version 1 can say.
    bytes.extend((len as u16).to_le_bytes());
    bytes.extend(dict.bytes());
    bytes.resize(PREFIX + len - 1, b' ');
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member as NumPy would write it, with that dict.
    fn npy(version: u8, dict: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((dict.len() as u16).to_le_bytes()),
            _ => bytes.extend((dict.len() as u32).to_le_bytes()),
        }
        bytes.extend(dict.bytes());
        bytes
    }

    fn dict(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}          \n")
    }

    #[test]
    fn reads_every_version() {
        for version in 1..=3 {
            let bytes = npy(version, &dict("'<f4'", "False", "(516, 64, 64)"));
            let header = parse(&bytes).unwrap();
            assert_eq!(header.dtype.scalar, Scalar::Float32);
            assert_eq!(header.shape, [516, 64, 64]);
            assert_eq!(header.data_offset, bytes.len());
            assert_eq!(header.num_bytes(), Ok(516 * 64 * 64 * 4));
            assert_eq!(header_len(&bytes[..PREFIX_LEN]), Ok(bytes.len()));
        }
    }

    #[test]
    fn reads_shapes_of_python_2_and_of_no_axis() {
        assert_eq!(
            parse(&npy(1, &dict("'<i8'", "False", "(2L,)")))
                .unwrap()
                .shape,
            [2]
        );
        let scalar = parse(&npy(1, &dict("'|b1'", "True", "()"))).unwrap();
        assert_eq!(
            (scalar.shape.len(), scalar.num_bytes(), scalar.fortran_order),
            (0, Ok(1), true)
        );
    }

    #[test]
    fn reads_byte_order() {
        assert!(
            parse(&npy(1, &dict("'>u2'", "False", "(3,)")))
                .unwrap()
                .dtype
                .big_endian
        );
        assert!(
            !parse(&npy(1, &dict("'>u1'", "False", "(3,)")))
                .unwrap()
                .dtype
                .big_endian
        );
        assert!(
            !parse(&npy(1, &dict("'<c16'", "False", "(3,)")))
                .unwrap()
                .dtype
                .big_endian
        );
    }

    #[test]
    fn reads_text_and_times() {
        let scalar = |descr: &str| {
            parse(&npy(1, &dict(descr, "False", "(3,)")))
                .unwrap()
                .dtype
                .scalar
        };
        assert_eq!(scalar("'|S75'"), Scalar::Bytes(75));
        assert_eq!(
            (scalar("'>U5'"), scalar("'>U5'").num_bytes()),
            (Scalar::Text(5), 20)
        );
        assert_eq!(
            scalar("'<M8[25us]'"),
            Scalar::DateTime(TimeStep {
                count: 25,
                unit: TimeUnit::Microsecond
            })
        );
        assert_eq!(
            scalar("'<m8[D]'"),
            Scalar::TimeDelta(TimeStep {
                count: 1,
                unit: TimeUnit::Day
            })
        );
        let none = parse(&npy(1, &dict("'<U0'", "False", "(4611686018427387904,)"))).unwrap();
        assert!(none.num_bytes().is_err());
    }

    #[test]
    fn reads_types_by_their_names_too() {
        let dtype = |descr: &str| parse(&npy(1, &dict(descr, "False", "(3,)"))).unwrap().dtype;
        assert_eq!(dtype("'float32'"), dtype("'<f4'"));
        assert_eq!(dtype("'uint8'"), dtype("'|u1'"));
        assert_eq!(dtype("'bool'"), dtype("'|b1'"));
        assert_eq!(dtype("'complex128'").descr, "<c16");
    }

    #[test]
    fn names_what_it_does_not_read() {
        let problem = |descr: &str| parse(&npy(1, &dict(descr, "False", "(3,)"))).unwrap_err();
        insta::assert_snapshot!(problem("'|O'"), @"pickled Python objects (dtype object), which are never unpickled");
        insta::assert_snapshot!(problem("'<f16'"), @"extended-precision floats (dtype <f16), which Arrow has no type for");
        insta::assert_snapshot!(problem("[('a', '<f4'), ('b', '<i4', (2,))]"), @"a structured dtype (several fields per value)");
        insta::assert_snapshot!(problem("'|V3'"), @"raw bytes of 3 bytes each (dtype |V3)");
        insta::assert_snapshot!(problem("'<M8'"), @"dates (dtype <M8), whose unit Arrow does not have");
        insta::assert_snapshot!(problem("'<m8[Y]'"), @"time differences (dtype <m8[Y]), whose unit Arrow does not have");
        insta::assert_snapshot!(problem("'<U4294967295'"), @"text of no known length (dtype <U4294967295)");
        insta::assert_snapshot!(problem("'<x3'"), @r#"an unknown dtype "<x3""#);
        insta::assert_snapshot!(problem("'é'"), @r#"an unknown dtype "é""#);
    }

    #[test]
    fn refuses_what_is_no_header() {
        let huge = dict("'<f8'", "False", "(4294967296, 4294967296, 8)");
        let header = parse(&npy(1, &huge)).unwrap();
        assert!(header.num_bytes().is_err());
        for bytes in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00\xff",
            b"\x93NUMPY\x09\x00\x10\x00",
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn headers_are_numpys_own() {
        let parsed = parse(&format("<f4", &[3, 2], false)).unwrap();
        assert_eq!(
            (
                parsed.shape,
                parsed.data_offset,
                parsed.dtype.descr.as_str()
            ),
            (vec![3, 2], 128, "<f4")
        );
        assert_eq!(
            parse(&format("<i8", &[], false)).unwrap().shape,
            [0usize; 0]
        );
        assert_eq!(parse(&format("<i8", &[7], false)).unwrap().shape, [7]);
        assert!(parse(&format("<i8", &[2, 7], true)).unwrap().fortran_order);
    }

    properties! {
        // An interpreter that looks for undefined behaviour is a thousand times slower.
        #![proptest_config(proptest::test_runner::Config::with_cases(if cfg!(miri) { 8 } else { 1024 }))]
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
            let _ = Literal::parse(&bytes);
            let _ = parse(&npy(1, &String::from_utf8_lossy(&bytes)));
        }
    }
}
