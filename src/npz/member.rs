//! Describes the members of an archive and holds their data.

#[cfg(feature = "ndarray")]
use std::io::{Cursor, Read};
use std::ops::Range;

use bytes::Bytes;

use super::directory::DirectoryEntry;
use super::header::Header;
use super::source::FileSource;
use super::{Dtype, MemberProblem, Method};
use crate::error::Result;

/// Describes the array that a member holds, as the directory and the NPY header do; no data was read.
#[derive(Debug, Clone)]
pub struct ArrayInfo {
    /// The member's name without `.npy`, the key that NumPy shows.
    pub name: String,
    /// The element type, and how it is stored.
    pub dtype: Dtype,
    /// The lengths of the axes, in the order in which NumPy prints them; empty for a 0-d array.
    pub shape: Vec<usize>,
    /// Whether the first axis varies fastest (NumPy's `fortran_order`).
    pub fortran_order: bool,
    /// How the member is packed.
    pub method: Method,
    /// The number of bytes of NPY header before the data.
    pub header_bytes: u64,
    /// The byte of the file at which the array's data begins; only stored members have one.
    pub byte_offset: Option<u64>,
    /// The number of bytes of array data once unpacked.
    pub num_bytes: u64,
    /// The number of bytes the member takes in the file, NPY header included.
    pub packed_bytes: u64,
    /// The CRC-32 of the unpacked member, as the directory has it; a bare `.npy` has none.
    pub crc32: Option<u32>,
}

impl ArrayInfo {
    /// Describes the array of a member with this header.
    pub(super) fn new(entry: &DirectoryEntry, header: Header) -> Result<Self, MemberProblem> {
        let needed = header.num_bytes()?;
        let header_bytes = header.data_offset as u64;
        let available = entry.size.saturating_sub(header_bytes);
        if needed > available {
            return Err(MemberProblem::DataCutShort { needed, available });
        }
        let byte_offset = (entry.method == Method::Stored).then(|| entry.data.start + header_bytes);
        Ok(Self {
            name: entry.name.clone(),
            dtype: header.dtype,
            shape: header.shape,
            fortran_order: header.fortran_order,
            method: entry.method,
            header_bytes,
            byte_offset,
            num_bytes: needed,
            packed_bytes: entry.data.end - entry.data.start,
            crc32: entry.crc32,
        })
    }
}

/// Describes one member of an archive: its array, or why it is none.
#[derive(Debug, Clone)]
pub struct Member {
    /// The member's name without `.npy`.
    pub name: String,
    /// The number of bytes once unpacked, NPY header included.
    pub size: u64,
    /// The CRC-32 of the unpacked member, as the directory has it; a bare `.npy` has none.
    pub crc32: Option<u32>,
    /// The member's array, or the reason why there is none.
    pub array: Result<ArrayInfo, MemberProblem>,
}

/// Holds a member's description together with its data.
#[derive(Debug, Clone)]
pub struct NpzArray {
    /// The description.
    pub info: ArrayInfo,
    /// The data: exactly `info.num_bytes` bytes, in the member's own axis order and byte order.
    pub data: MemberData,
}

/// Holds the data of a member: bytes in memory (mapped or inflated), or a range of a file that is read by position.
#[derive(Debug, Clone)]
pub struct MemberData {
    location: DataLocation,
    /// The file and the byte of it at which the data begins, if it lies there as it is.
    stored: Option<(FileSource, u64)>,
}

#[derive(Debug, Clone)]
enum DataLocation {
    Memory(Bytes),
    File(FileSource, Range<u64>),
}

impl MemberData {
    /// Locates the data of a stored member in its file.
    pub(super) fn stored(source: &FileSource, range: Range<u64>) -> Self {
        let stored = Some((source.clone(), range.start));
        let location = match source.in_memory(range.clone()) {
            Some(bytes) => DataLocation::Memory(bytes),
            None => DataLocation::File(source.clone(), range),
        };
        Self { location, stored }
    }

    /// Holds the data of a member that was inflated.
    pub(super) fn inflated(bytes: Bytes) -> Self {
        Self {
            location: DataLocation::Memory(bytes),
            stored: None,
        }
    }

    /// Returns the bytes, if they are in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.location {
            DataLocation::Memory(bytes) => Some(bytes),
            DataLocation::File(..) => None,
        }
    }

    /// Tells the system that a range of the data will be needed soon. This is a hint, which costs little where the
    /// bytes are in memory.
    pub fn will_need(&self, bytes: Range<usize>) {
        if let Some((source, start)) = &self.stored {
            source.will_need(start + bytes.start as u64..start + bytes.end as u64);
        }
    }

    /// Creates a reader of the data from its begin to its end.
    #[cfg(feature = "ndarray")]
    pub(super) fn reader(&self) -> Box<dyn Read> {
        match &self.location {
            DataLocation::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            DataLocation::File(source, range) => Box::new(source.stream(range.clone())),
        }
    }

    /// Fills `into` with the bytes of the data from `offset` on.
    ///
    /// # Errors
    /// If the file was cut short, or cannot be read.
    ///
    /// # Panics
    /// If the data has no such bytes.
    pub fn read_into(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        match &self.location {
            DataLocation::Memory(bytes) => {
                into.copy_from_slice(&bytes[offset..offset + into.len()]);
                Ok(())
            }
            DataLocation::File(source, range) => {
                assert!(
                    (offset + into.len()) as u64 <= range.end - range.start,
                    "rows lie within the data"
                );
                source.read_into(range.start + offset as u64, into)
            }
        }
    }
}
