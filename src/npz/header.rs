//! The NPY header: element type, order, shape, and where the data begins. Pure functions of bytes.
//!
//! Format: magic `\x93NUMPY`, version (1, 2 or 3), length (u16 in version 1, u32 after it, little-endian), then a Python
//! dict literal. Source: `numpy/lib/_format_impl.py` and NEP 1.

use std::fmt;
use std::ops::Range;

/// What every NPY file begins with.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// What precedes the text of any header: magic, version and the longest length field.
pub const PREFIX_LEN: usize = 12;

/// Longest header text taken; NumPy itself refuses more than 10,000 characters unless told otherwise.
const MAX_TEXT: usize = 1 << 16;

/// NumPy's limit of axes.
const MAX_AXES: usize = 64;

/// Most values of a dtype that takes no bytes, such as `<U0`.
const MAX_EMPTY_TEXTS: usize = 1 << 20;

/// An element type that Arrow can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// One byte a value, 0 or 1.
    Bool,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// IEEE half.
    Float16,
    /// IEEE single.
    Float32,
    /// IEEE double.
    Float64,
    /// Two singles: real, imaginary.
    Complex64,
    /// Two doubles: real, imaginary.
    Complex128,
    /// So many bytes of text, filled up with NULs (`S`).
    Bytes(u32),
    /// So many characters of text, each as four bytes, filled up with NULs (`U`).
    Text(u32),
    /// Steps since 1970-01-01, 64 bits (`M8`); the smallest number is "not a time".
    DateTime(TimeStep),
    /// A number of steps, 64 bits (`m8`); the smallest number is "not a time".
    TimeDelta(TimeStep),
}

/// The step of a date or of a time difference: so many of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStep {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: TimeUnit,
}

/// NumPy's units of time, as far as Arrow has them.
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
    /// Bytes a value takes, a complex one as a whole.
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

    /// The type of the parts of a complex number; any other type itself.
    pub fn part(self) -> Self {
        match self {
            Self::Complex64 => Self::Float32,
            Self::Complex128 => Self::Float64,
            other => other,
        }
    }

    /// Bytes of the smallest part that has a byte order: a number, half of a complex one, a character.
    pub fn unit_bytes(self) -> usize {
        match self {
            Self::Bytes(_) => 1,
            Self::Text(_) => 4,
            other => other.part().num_bytes(),
        }
    }

    /// Whether a value is a pair of real and imaginary part.
    pub fn is_complex(self) -> bool {
        self.part() != self
    }

    /// Whether a value is a number, a truth value included: no text, no time.
    pub fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Bytes(_) | Self::Text(_) | Self::DateTime(_) | Self::TimeDelta(_)
        )
    }

    /// Whether a value is one real number, a truth value not included.
    pub fn is_real(self) -> bool {
        self.is_number() && !self.is_complex() && self != Self::Bool
    }

    /// Whether a value is a whole number.
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
    /// What stands in the brackets of a dtype such as `<M8[25s]`.
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

/// An element type as NumPy writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtype {
    /// NumPy's own text: `<f4`, `|b1`, `>u2`.
    pub descr: String,
    /// The type.
    pub scalar: Scalar,
    /// Whether the bytes of a value stand in the other order.
    pub big_endian: bool,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.descr)
    }
}

/// A parsed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Element type.
    pub dtype: Dtype,
    /// Whether the first axis varies fastest.
    pub fortran_order: bool,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Bytes before the data.
    pub data_offset: usize,
}

impl Header {
    /// Bytes of data the shape asks for.
    ///
    /// # Errors
    /// If that number is beyond what a machine can address.
    pub fn num_bytes(&self) -> Result<u64, String> {
        // Of a zero-length array too, as NumPy has it: its other axes must be those of an array that could be.
        let values = self
            .shape
            .iter()
            .filter(|len| **len != 0)
            .try_fold(1, |product: usize, len| product.checked_mul(*len));
        // Empty texts take no bytes: nothing but this limit stands behind the number that a header claims.
        if self.dtype.scalar.num_bytes() == 0
            && values.is_none_or(|values| values > MAX_EMPTY_TEXTS)
        {
            return Err(format!("a shape {:?} of texts without a byte", self.shape));
        }
        let bytes = values.and_then(|values| values.checked_mul(self.dtype.scalar.num_bytes()));
        let bytes = bytes.filter(|bytes| isize::try_from(*bytes).is_ok());
        let bytes = bytes.map(|bytes| if self.shape.contains(&0) { 0 } else { bytes });
        bytes
            .map(|bytes| bytes as u64)
            .ok_or_else(|| format!("a shape {:?} of more bytes than exist", self.shape))
    }
}

/// Bytes from the begin of the member to its data, from its first [`PREFIX_LEN`] bytes.
///
/// # Errors
/// What was found instead of a header, in words.
pub fn header_len(prefix: &[u8]) -> Result<usize, String> {
    Ok(text_range(prefix)?.end)
}

/// Parses the header that `bytes` begins with.
///
/// # Errors
/// What was found instead of a plain array's header, in words.
pub fn parse(bytes: &[u8]) -> Result<Header, String> {
    let range = text_range(bytes)?;
    let data_offset = range.end;
    let text = bytes.get(range.clone());
    let text = text.ok_or_else(|| format!("an NPY header of {} bytes, cut short", range.len()))?;
    let fields = Literal::parse(text)?.into_dict()?;
    let field = |name: &str| {
        let found = fields
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value);
        found.ok_or_else(|| format!("an NPY header without `{name}`"))
    };
    Ok(Header {
        dtype: dtype(field("descr")?)?,
        fortran_order: field("fortran_order")?.as_bool()?,
        shape: field("shape")?.as_shape()?,
        data_offset,
    })
}

/// Where the header says that its text is.
///
/// # Errors
/// What was found instead of a header, in words.
fn text_range(bytes: &[u8]) -> Result<Range<usize>, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("bytes that are no NPY array (no \\x93NUMPY at the start)".to_string());
    }
    let cut = || "an NPY header cut short".to_string();
    let major = *bytes.get(6).ok_or_else(cut)?;
    let (offset, len) = match major {
        1 => (10, bytes.get(8..10).ok_or_else(cut)?),
        2 | 3 => (12, bytes.get(8..12).ok_or_else(cut)?),
        other => return Err(format!("NPY format version {other}, known are 1, 2 and 3")),
    };
    let len = len
        .iter()
        .rev()
        .fold(0, |len, byte| (len << 8) | usize::from(*byte));
    if len > MAX_TEXT {
        return Err(format!("an NPY header that claims {len} bytes"));
    }
    Ok(offset..offset + len)
}

fn dtype(descr: &Literal) -> Result<Dtype, String> {
    let Literal::Text(descr) = descr else {
        return Err("a structured dtype (several fields a value)".to_string());
    };
    let (order, rest) = match descr.as_bytes() {
        [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
        rest => (b'=', rest),
    };
    let kind = *rest.first().ok_or("an empty dtype")?;
    let scalar = if matches!(kind, b'M' | b'm') {
        time(rest)
    } else {
        plain(kind, &rest[1..])
    };
    let scalar = scalar.ok_or_else(|| unsupported(kind, descr))?;
    let big_endian = order == b'>' || (order == b'=' && cfg!(target_endian = "big"));
    Ok(Dtype {
        descr: descr.clone(),
        scalar,
        big_endian: big_endian && scalar.num_bytes() > 1,
    })
}

/// A type by its letter and the digits behind it; `?` alone is a truth value.
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

/// A type such as `M8[us]`. Time differences in months or years have no fixed length.
fn time(text: &[u8]) -> Option<Scalar> {
    let text = std::str::from_utf8(text).ok()?;
    let step = TimeStep::parse(text.get(1..)?.strip_prefix("8[")?.strip_suffix(']')?)?;
    match (text.as_bytes()[0], step.unit) {
        (b'M', _) => Some(Scalar::DateTime(step)),
        (_, TimeUnit::Year | TimeUnit::Month) => None,
        _ => Some(Scalar::TimeDelta(step)),
    }
}

fn unsupported(kind: u8, descr: &str) -> String {
    match kind {
        b'O' => "pickled Python objects (dtype object), which are never unpickled".to_string(),
        b'S' | b'a' | b'U' => format!("text of no known length (dtype {descr})"),
        b'V' => format!("raw bytes (dtype {descr})"),
        b'M' => format!("dates (dtype {descr}), whose unit Arrow does not have"),
        b'm' => format!("time differences (dtype {descr}), whose unit Arrow does not have"),
        b'f' | b'c' => {
            format!("extended-precision floats (dtype {descr}), which Arrow has no type for")
        }
        _ => format!("an unknown dtype {descr:?}"),
    }
}

/// The part of Python's literals that NPY headers are made of.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Bool(bool),
    Int(u64),
    Sequence(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

impl Literal {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let value = parser.value()?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.unexpected());
        }
        Ok(value)
    }

    fn into_dict(self) -> Result<Vec<(String, Self)>, String> {
        match self {
            Self::Dict(fields) => Ok(fields),
            _ => Err("an NPY header that is no dict".to_string()),
        }
    }

    fn as_bool(&self) -> Result<bool, String> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err("an NPY header whose `fortran_order` is neither True nor False".to_string()),
        }
    }

    fn as_shape(&self) -> Result<Vec<usize>, String> {
        let bad = || "an NPY header whose `shape` is no tuple of lengths".to_string();
        let Self::Sequence(items) = self else {
            return Err(bad());
        };
        if items.len() > MAX_AXES {
            return Err(format!(
                "an array of {} axes, NumPy allows {MAX_AXES}",
                items.len()
            ));
        }
        let length = |item: &Self| match item {
            Self::Int(value) => usize::try_from(*value).map_err(|_| bad()),
            _ => Err(bad()),
        };
        items.iter().map(length).collect()
    }
}

/// A structured dtype nests a list in a list of tuples; nothing honest goes deeper than this.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Literal, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("an NPY header nested too deeply".to_string());
        }
        self.skip_space();
        let value = match self.peek() {
            Some(b'{') => self.dict(),
            Some(b'(') => self.sequence(b')'),
            Some(b'[') => self.sequence(b']'),
            Some(quote @ (b'\'' | b'"')) => self.string(quote).map(Literal::Text),
            Some(b'0'..=b'9') => self.int(),
            _ if self.take(b"True") => Ok(Literal::Bool(true)),
            _ if self.take(b"False") => Ok(Literal::Bool(false)),
            _ => Err(self.unexpected()),
        };
        self.depth -= 1;
        value
    }

    fn dict(&mut self) -> Result<Literal, String> {
        self.at += 1;
        let mut fields = Vec::new();
        while !self.closes(b'}') {
            let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
            let key = self.string(quote.ok_or_else(|| self.unexpected())?)?;
            self.expect(b':')?;
            fields.push((key, self.value()?));
            self.separator(b'}')?;
        }
        Ok(Literal::Dict(fields))
    }

    fn sequence(&mut self, close: u8) -> Result<Literal, String> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.closes(close) {
            items.push(self.value()?);
            self.separator(close)?;
        }
        Ok(Literal::Sequence(items))
    }

    fn string(&mut self, quote: u8) -> Result<String, String> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let len = rest
            .iter()
            .position(|byte| *byte == quote)
            .ok_or_else(|| self.unexpected())?;
        self.at += len + 1;
        Ok(String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    /// A length; Python 2 wrote some as `2L`.
    fn int(&mut self) -> Result<Literal, String> {
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value = next.ok_or("an NPY header with a length beyond 64 bits")?;
            self.at += 1;
        }
        self.take(b"L");
        Ok(Literal::Int(value))
    }

    fn closes(&mut self, close: u8) -> bool {
        self.skip_space();
        self.take(&[close])
    }

    /// A comma, unless the bracket closes.
    fn separator(&mut self, close: u8) -> Result<(), String> {
        self.skip_space();
        if self.peek() == Some(close) {
            Ok(())
        } else {
            self.expect(b',')
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        self.skip_space();
        if self.take(&[byte]) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Some(byte) => format!(
                "an NPY header with an unexpected {:?} at byte {}",
                char::from(byte),
                self.at
            ),
            None => "an NPY header that ends too early".to_string(),
        }
    }
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
    fn names_what_it_does_not_read() {
        let problem = |descr: &str| parse(&npy(1, &dict(descr, "False", "(3,)"))).unwrap_err();
        insta::assert_snapshot!(problem("'|O'"), @"pickled Python objects (dtype object), which are never unpickled");
        insta::assert_snapshot!(problem("'<f16'"), @"extended-precision floats (dtype <f16), which Arrow has no type for");
        insta::assert_snapshot!(problem("[('a', '<f4'), ('b', '<i4', (2,))]"), @"a structured dtype (several fields a value)");
        insta::assert_snapshot!(problem("'|V3'"), @"raw bytes (dtype |V3)");
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
        for text in [
            "",
            "{",
            "[[[[[[[[[[[[[[[[[[[[",
            "{'descr'",
            "(18446744073709551616,)",
            "{'a': -1}",
        ] {
            assert!(Literal::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest::proptest! {
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
