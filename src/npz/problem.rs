//! States as data why a member of an archive is no array that can be read.

use thiserror::Error;

use crate::error::{FileKind, Remedy};

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
    #[error("an encrypted member ({cipher}), which cannot be read without its password")]
    Encrypted {
        /// What it is encrypted by.
        cipher: &'static str,
    },
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
    /// The member is packed by a method that is not read.
    #[error("a member compressed by {name}, which is not read")]
    CompressionMethod {
        /// The number of the method in the zip specification.
        number: u16,
        /// Its name there.
        name: String,
    },
    /// The bytes before the data could not be read or inflated.
    #[error("{problem}")]
    Unreadable {
        /// What the system or the inflater reports.
        problem: String,
    },
    /// The member is no NPY file.
    #[error("{}", not_npy(*found))]
    NotNpy {
        /// What it is instead, if that can be told.
        found: Option<FileKind>,
    },
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

impl MemberProblem {
    /// Returns what helps, other than to use another member; any one of the remedies may do.
    pub fn remedies(&self) -> Vec<Remedy> {
        vec![match self {
            Self::OffsetOutsideFile { .. }
            | Self::LongerThanFile { .. }
            | Self::NoLocalHeader
            | Self::OtherLocalName
            | Self::Overlap { .. }
            | Self::StoredSizesDiffer { .. }
            | Self::Unreadable { .. }
            | Self::DamagedHeader(_)
            | Self::DataCutShort { .. } => Remedy::CopyAgain,
            Self::CompressionMethod { .. } => Remedy::SaveAs(
                "a stored or deflated member, as np.savez and np.savez_compressed do",
            ),
            Self::Encrypted { .. } => Remedy::SaveAs("a member without a password"),
            Self::StructuredDtype => Remedy::SaveAs("one member per field"),
            Self::UnsupportedDtype { descr, kind } => match kind {
                _ if is_small_float(*kind, descr) => {
                    Remedy::SaveAs("float32, as by array.astype(np.float32)")
                }
                'f' => Remedy::SaveAs("float64, as by array.astype(np.float64)"),
                'c' => Remedy::SaveAs("complex128, as by array.astype(np.complex128)"),
                _ => Remedy::SaveAsPlainArray,
            },
            _ => Remedy::SaveAsPlainArray,
        }]
    }
}

fn not_npy(found: Option<FileKind>) -> String {
    match found {
        None | Some(FileKind::Unknown) => {
            r"bytes that are no NPY array (no \x93NUMPY at the start)".to_string()
        }
        Some(kind) => format!("{}, no NPY array", kind.name()),
    }
}

/// Returns the number behind the letter of a dtype such as `|V2`.
fn digits(descr: &str) -> Option<u32> {
    descr
        .trim_start_matches(['<', '>', '|', '='])
        .get(1..)?
        .parse()
        .ok()
}

/// Returns the name of a type of ml_dtypes, if it is written as such.
fn ml_name(descr: &str) -> Option<&str> {
    const STARTS: &[&str] = &[
        "bfloat16", "float8", "float6", "float4", "int4", "uint4", "int2", "uint2",
    ];
    let name = descr.trim_start_matches(['<', '>', '|', '=']);
    STARTS
        .iter()
        .any(|start| name.starts_with(start))
        .then_some(name)
}

/// Returns whether the dtype is what NumPy stores a type of ml_dtypes as: bfloat16, float8 and the like.
fn is_small_float(kind: char, descr: &str) -> bool {
    let len = digits(descr);
    ml_name(descr).is_some()
        || kind == 'V' && matches!(len, Some(1 | 2))
        || kind == 'f' && len == Some(1)
}

fn unsupported(kind: char, descr: &str) -> String {
    if let Some(name) = ml_name(descr) {
        return format!("values of the type {name}, which NumPy itself does not have");
    }
    match kind {
        'S' | 'a' | 'U' => format!("text of no known length (dtype {descr})"),
        'V' => raw_bytes(descr),
        'M' => format!("dates (dtype {descr}), whose unit Arrow does not have"),
        'm' => format!("time differences (dtype {descr}), whose unit Arrow does not have"),
        'f' if digits(descr) == Some(1) => {
            format!(
                "8-bit floats (dtype {descr}), as NumPy stores float8_e5m2, which Arrow has no type for"
            )
        }
        'f' | 'c' if digits(descr).is_some_and(|len| len > 8) => {
            format!("extended-precision floats (dtype {descr}), which Arrow has no type for")
        }
        _ => format!("an unknown dtype {descr:?}"),
    }
}

fn raw_bytes(descr: &str) -> String {
    let Some(len) = digits(descr) else {
        return format!("raw bytes (dtype {descr})");
    };
    let (bytes, types) = match len {
        1 => ("1 byte".to_string(), ", as NumPy stores float8 and int4"),
        2 => ("2 bytes".to_string(), ", as NumPy stores bfloat16"),
        len => (format!("{len} bytes"), ""),
    };
    format!("raw bytes of {bytes} each (dtype {descr}){types}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(descr: &str) -> String {
        let kind = descr.trim_start_matches(['<', '>', '|']).chars().next();
        let problem = MemberProblem::UnsupportedDtype {
            descr: descr.to_string(),
            kind: kind.unwrap(),
        };
        let remedies: Vec<String> = problem
            .remedies()
            .iter()
            .map(|remedy| remedy.in_terms(&crate::error::RustTerms))
            .collect();
        format!("{problem}; {}", remedies.join(", "))
    }

    #[test]
    fn types_of_ml_dtypes_are_told_by_what_numpy_stores_them_as() {
        insta::assert_snapshot!(told("|V2"), @"raw bytes of 2 bytes each (dtype |V2), as NumPy stores bfloat16; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("<V2"), @"raw bytes of 2 bytes each (dtype <V2), as NumPy stores bfloat16; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("|V1"), @"raw bytes of 1 byte each (dtype |V1), as NumPy stores float8 and int4; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("<f1"), @"8-bit floats (dtype <f1), as NumPy stores float8_e5m2, which Arrow has no type for; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("bfloat16"), @"values of the type bfloat16, which NumPy itself does not have; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("float8_e4m3fn"), @"values of the type float8_e4m3fn, which NumPy itself does not have; save it again as float32, as by array.astype(np.float32)");
        insta::assert_snapshot!(told("|V12"), @"raw bytes of 12 bytes each (dtype |V12); save it again as a plain array of numbers, text or times");
        insta::assert_snapshot!(told("<f16"), @"extended-precision floats (dtype <f16), which Arrow has no type for; save it again as float64, as by array.astype(np.float64)");
        insta::assert_snapshot!(told("<c32"), @"extended-precision floats (dtype <c32), which Arrow has no type for; save it again as complex128, as by array.astype(np.complex128)");
    }

    #[test]
    fn methods_are_told_by_name() {
        let problem = MemberProblem::CompressionMethod {
            number: 9,
            name: "Deflate64".to_string(),
        };
        assert_eq!(
            problem.to_string(),
            "a member compressed by Deflate64, which is not read"
        );
    }
}
