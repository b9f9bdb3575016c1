//! Unpacks members as streams that verify length and CRC-32.

use std::io::{self, BufReader, Cursor, Read};
use std::ops::Range;

use flate2::bufread::DeflateDecoder;

use super::directory::{DirectoryEntry, Method};
use super::source::FileSource;
use super::{MemberProblem, header};
use crate::error::{Error, Remedy};

/// Reads the bytes of a member, NPY header included, and unpacks them on the way. At its end, length and CRC-32 are
/// verified.
pub(super) struct Unpacked {
    packed: Packed,
    left: u64,
    size: u64,
    crc: crc32fast::Hasher,
    expected: Option<u32>,
}

enum Packed {
    Stored(Box<dyn Read + Send>),
    Deflated(Box<dyn Read + Send>),
}

impl Unpacked {
    /// Reads a member from its begin.
    pub fn new(source: &FileSource, entry: &DirectoryEntry) -> Self {
        let packed = reader(source, entry.data.clone());
        let packed = match entry.method {
            Method::Stored => Packed::Stored(packed),
            _ => {
                let buffered = BufReader::with_capacity(1 << 16, packed);
                Packed::Deflated(Box::new(DeflateDecoder::new(buffered)))
            }
        };
        Self {
            packed,
            left: entry.size,
            size: entry.size,
            crc: crc32fast::Hasher::new(),
            expected: entry.crc32,
        }
    }

    fn verify(&mut self) -> io::Result<()> {
        // One byte more than promised shows a longer stream.
        let longer = self.packed.read(&mut [0])? > 0;
        let crc = std::mem::take(&mut self.crc).finalize();
        let damaged = |text: String| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        match self.expected.take() {
            _ if longer => damaged(format!("more than the {} bytes it claims", self.size)),
            Some(expected) if expected != crc => damaged(format!("CRC-32 {crc:08x}")),
            _ => Ok(()),
        }
    }
}

fn reader(source: &FileSource, range: Range<u64>) -> Box<dyn Read + Send> {
    match source.in_memory(range.clone()) {
        Some(bytes) => Box::new(Cursor::new(bytes)),
        None => Box::new(source.stream(range)),
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(reader) => reader.read(into),
            Self::Deflated(reader) => reader.read(into).map_err(|error| match error.kind() {
                io::ErrorKind::Other => error,
                _ => {
                    let text = format!("bytes that do not inflate ({error})");
                    io::Error::new(io::ErrorKind::InvalidData, text)
                }
            }),
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if self.expected.is_some() {
                self.verify()?;
            }
            return Ok(0);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let len = left.min(into.len());
        let read = self.packed.read(&mut into[..len])?;
        if read == 0 && len > 0 {
            let text = format!("{} bytes only", self.size - self.left);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.crc.update(&into[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}

/// Reads the NPY header of a member, and nothing behind it.
///
/// # Errors
/// If there is none, or if its bytes cannot be read or inflated.
pub(super) fn header_bytes(
    source: &FileSource,
    entry: &DirectoryEntry,
) -> Result<Vec<u8>, MemberProblem> {
    let mut reader = Unpacked::new(source, entry);
    let mut bytes = Vec::new();
    read_up_to(&mut reader, header::PREFIX_LEN, &mut bytes)?;
    let len = header::header_len(&bytes)?;
    read_up_to(&mut reader, len.saturating_sub(bytes.len()), &mut bytes)?;
    Ok(bytes)
}

fn read_up_to(reader: &mut impl Read, len: usize, into: &mut Vec<u8>) -> Result<(), MemberProblem> {
    let read = reader.take(len as u64).read_to_end(into);
    read.map(drop).map_err(|error| MemberProblem::Unreadable {
        problem: error.to_string(),
    })
}

/// Converts an error of [`Unpacked`]: into this crate's own about the file, or what is wrong with the member.
pub(super) fn error_of(source: &FileSource, entry: &DirectoryEntry, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(other) => damaged(source, entry, other.to_string()),
    }
}

/// Creates the error about a member whose bytes are not those that were written.
pub(super) fn damaged(source: &FileSource, entry: &DirectoryEntry, found: String) -> Error {
    let crc = entry.crc32.unwrap_or(0);
    Error::BadMember {
        path: source.path().to_path_buf(),
        member: entry.name.clone(),
        found,
        expected: format!(
            "a {} member of {} bytes, CRC-32 {crc:08x}",
            entry.method, entry.size
        ),
        remedies: vec![Remedy::CopyAgain],
    }
}
