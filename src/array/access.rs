//! Tells how the data of a member reaches an Arrow array, and why it takes a copy.

use std::fmt;

use super::time;
use crate::npz::{AccessMode, ArrayInfo, InflatesTo, Method, NpzFile, Scalar};

/// Tells how the data of a member reaches an Arrow array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The array is a slice of the mapped file.
    Mapped,
    /// Each batch is copied out of the file.
    Copied {
        /// Why the map cannot serve as it is.
        reason: String,
    },
    /// The member was inflated, once; the array is a slice or a copy of the inflated data.
    Inflated {
        /// What the member is compressed by.
        method: Method,
        /// Where the inflated bytes are kept.
        to: InflatesTo,
    },
}

impl Access {
    /// Returns `mapped`, `copied` or `inflated`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Copied { .. } => "copied",
            Self::Inflated { .. } => "inflated",
        }
    }

    /// Returns why the array is no slice of the mapped file; `None` if it is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Mapped => None,
            Self::Copied { reason } => Some(reason),
            Self::Inflated { method, to } => Some(inflated(*method, *to)),
        }
    }

    /// Returns how a member would be read along its first axis, were it stored and the file mapped.
    pub fn once_stored(info: &ArrayInfo) -> Self {
        copied(info, true).map_or(Self::Mapped, |reason| Self::Copied { reason })
    }

    /// Returns how a member of `npz` is read along its first axis, told from its header alone.
    pub fn of(npz: &NpzFile, info: &ArrayInfo) -> Self {
        let one_axis = info.shape.iter().filter(|len| **len != 1).count() <= 1;
        Self::of_rows(npz, info, one_axis || !info.fortran_order)
    }

    /// Returns how a member is read whose rows follow each other in C order, or do not.
    pub(super) fn of_rows(npz: &NpzFile, info: &ArrayInfo, in_order: bool) -> Self {
        if let Some(to) = npz.inflates_to(&info.name) {
            return Self::Inflated {
                method: info.method,
                to,
            };
        }
        let reason = match npz.access() {
            AccessMode::Read => Some("read by position".to_string()),
            AccessMode::Map => copied(info, in_order),
        };
        reason.map_or(Self::Mapped, |reason| Self::Copied { reason })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.word()),
            Some(reason) => write!(f, "{} ({reason})", self.word()),
        }
    }
}

fn inflated(method: Method, to: InflatesTo) -> &'static str {
    match (method, to) {
        (Method::Bzip2, InflatesTo::Memory) => "compressed by bzip2; unpacked once, to memory",
        (Method::Bzip2, _) => "compressed by bzip2; unpacked once, to a scratch file",
        (Method::Lzma, InflatesTo::Memory) => "compressed by LZMA; unpacked once, to memory",
        (Method::Lzma, _) => "compressed by LZMA; unpacked once, to a scratch file",
        (Method::Zstd, InflatesTo::Memory) => "compressed by Zstandard; unpacked once, to memory",
        (Method::Zstd, _) => "compressed by Zstandard; unpacked once, to a scratch file",
        (_, InflatesTo::Memory) => "deflated; inflated once, to memory",
        (_, InflatesTo::Scratch) => "deflated; inflated once, to a scratch file",
    }
}

/// Returns why the map of a stored member cannot serve as it is; `None` if it can.
fn copied(info: &ArrayInfo, in_order: bool) -> Option<String> {
    let scalar = info.dtype.scalar;
    let alignment = scalar.unit_bytes() as u64;
    let misaligned = info
        .byte_offset
        .filter(|offset| !offset.is_multiple_of(alignment));
    Some(match misaligned {
        _ if scalar == Scalar::Bool => "Arrow packs eight booleans into a byte".to_string(),
        _ if matches!(scalar, Scalar::Bytes(_) | Scalar::Text(_)) => {
            "Arrow's text has no fixed width".to_string()
        }
        _ if info.dtype.big_endian => "big-endian".to_string(),
        _ if !in_order => "not in C order".to_string(),
        Some(offset) => format!("misaligned: data at byte {offset}, no multiple of {alignment}"),
        _ if !time::is_as_stored(scalar) => "converted to a unit that Arrow has".to_string(),
        None => return None,
    })
}
