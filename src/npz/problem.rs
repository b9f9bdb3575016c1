//! States as data why a member of an archive is no array that can be read.

use thiserror::Error;

/// Names why a member of an archive is no array that can be read. `Display` states the fact as a noun phrase.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MemberProblem {
    /// The directory points to a byte of the file at which no member can begin.
    #[error("a directory that points to byte {offset}, where no member can be")]
    OffsetOutsideFile {
        /// The byte it points to.
        offset: u64,
    },
    /// The directory claims more bytes than the file has behind the member's local header.
    #[error("a directory that claims {packed} bytes, more than the file has from there on")]
    LongerThanFile {
        /// The number of packed bytes it claims.
        packed: u64,
    },
    /// The directory points to bytes that are no local header.
    #[error("a directory that points to no member")]
    NoLocalHeader,
    /// The directory points to the local header of a member of another name.
    #[error("a directory that points to a member of another name")]
    OtherLocalName,
    /// The member's bytes belong to another member too.
    #[error("bytes that member `{other}` claims too: a damaged directory, or a zip bomb")]
    Overlap {
        /// The name of the other member, without `.npy`.
        other: String,
    },
    /// The member is encrypted.
    #[error("an encrypted member")]
    Encrypted,
    /// The member is a patch of another file (bit 5 of the zip flags).
    #[error("compressed patch data")]
    PatchData,
    /// The member is stored, yet has one size packed and another unpacked.
    #[error("a stored member of {packed} bytes that claims {unpacked} when unpacked")]
    StoredSizesDiffer {
        /// The number of bytes in the file.
        packed: u64,
        /// The number of bytes it claims to have once unpacked.
        unpacked: u64,
    },
    /// The member is packed by a method other than deflate.
    #[error("zip compression method {number}{}", method_name(*number))]
    CompressionMethod {
        /// The number of the method in the zip specification.
        number: u16,
    },
    /// The bytes before the data could not be read or inflated.
    #[error("{problem}")]
    Unreadable {
        /// What the system or the inflater reports.
        problem: String,
    },
    /// The member is no NPY file.
    #[error("bytes that are no NPY array (no \\x93NUMPY at the start)")]
    NotNpy,
    /// The NPY header is of a version that does not exist yet.
    #[error("NPY format version {major}, known are 1, 2 and 3")]
    FormatVersion {
        /// The major version.
        major: u8,
    },
    /// The NPY header is damaged.
    #[error("{0}")]
    DamagedHeader(#[from] HeaderFault),
    /// The dtype has several fields per value.
    #[error("a structured dtype (several fields per value)")]
    StructuredDtype,
    /// The values are pickled Python objects.
    #[error("pickled Python objects (dtype object), which are never unpickled")]
    PickledObjects,
    /// The dtype has no counterpart in Arrow.
    #[error("{}", unsupported(*kind, descr))]
    UnsupportedDtype {
        /// NumPy's text for the dtype.
        descr: String,
        /// The letter of the dtype's kind: `V` for raw bytes, `M` for dates, `f` for floats, and so on.
        kind: char,
    },
    /// The array has more axes than NumPy allows.
    #[error("an array of {axes} axes, NumPy allows {max}")]
    TooManyAxes {
        /// The number of axes.
        axes: usize,
        /// The largest number that NumPy allows.
        max: usize,
    },
    /// The shape asks for more bytes than a machine can address.
    #[error("a shape {shape:?} of more bytes than exist")]
    ShapeTooLarge {
        /// The lengths of the axes.
        shape: Vec<usize>,
    },
    /// The shape asks for a large number of texts of no length, which no byte of the file stands for.
    #[error("a shape {shape:?} of texts without a byte")]
    TooManyEmptyTexts {
        /// The lengths of the axes.
        shape: Vec<usize>,
    },
    /// The shape asks for more data than the member has.
    #[error("an array of {needed} bytes in a member with {available} bytes of data")]
    DataCutShort {
        /// The number of bytes the shape asks for.
        needed: u64,
        /// The number of bytes there are.
        available: u64,
    },
}

/// Names what is wrong with the text of an NPY header, a literal of Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The member ends before its header does.
    #[error("an NPY header cut short")]
    CutShort,
    /// The header claims a length beyond all reason.
    #[error("an NPY header that claims {bytes} bytes")]
    TooLong {
        /// The number of bytes it claims.
        bytes: usize,
    },
    /// The text has a character where it cannot be.
    #[error("an NPY header with an unexpected {character:?} at byte {byte}")]
    UnexpectedCharacter {
        /// The character.
        character: char,
        /// Its place in the text.
        byte: usize,
    },
    /// The text ends where something must follow.
    #[error("an NPY header that ends too early")]
    EndsEarly,
    /// The text nests brackets too deeply.
    #[error("an NPY header nested too deeply")]
    NestedTooDeeply,
    /// A length takes more than 64 bits.
    #[error("an NPY header with a length beyond 64 bits")]
    LengthBeyond64Bits,
    /// The text is no dict.
    #[error("an NPY header that is no dict")]
    NoDict,
    /// The dict lacks an entry.
    #[error("an NPY header without `{key}`")]
    MissingKey {
        /// The key of the entry.
        key: &'static str,
    },
    /// The entry `descr` is an empty text.
    #[error("an empty dtype")]
    EmptyDtype,
    /// The entry `fortran_order` is neither `True` nor `False`.
    #[error("an NPY header whose `fortran_order` is neither True nor False")]
    BadOrder,
    /// The entry `shape` is no tuple of lengths.
    #[error("an NPY header whose `shape` is no tuple of lengths")]
    BadShape,
}

/// Returns the name of a compression method in brackets, if it is a common one.
fn method_name(number: u16) -> &'static str {
    match number {
        9 => " (Deflate64)",
        12 => " (bzip2)",
        14 => " (LZMA)",
        93 => " (Zstandard)",
        95 => " (xz)",
        98 => " (PPMd)",
        _ => "",
    }
}

fn unsupported(kind: char, descr: &str) -> String {
    match kind {
        'S' | 'a' | 'U' => format!("text of no known length (dtype {descr})"),
        'V' => format!("raw bytes (dtype {descr})"),
        'M' => format!("dates (dtype {descr}), whose unit Arrow does not have"),
        'm' => format!("time differences (dtype {descr}), whose unit Arrow does not have"),
        'f' | 'c' => {
            format!("extended-precision floats (dtype {descr}), which Arrow has no type for")
        }
        _ => format!("an unknown dtype {descr:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_compression_methods_have_a_name() {
        let told = |number| MemberProblem::CompressionMethod { number }.to_string();
        assert_eq!(told(93), "zip compression method 93 (Zstandard)");
        assert_eq!(told(7), "zip compression method 7");
    }
}
