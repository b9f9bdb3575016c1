//! Unpacks members as streams that verify length and CRC-32.

#[cfg(test)]
pub(crate) mod ends;

use std::io::{self, Cursor, Read};
use std::ops::Range;

use super::codec::Decoder;
use super::directory::DirectoryEntry;
use super::source::FileSource;
use super::{MemberProblem, Method, format, header};
use crate::error::{Error, FileKind, Remedy};

/// Reads the bytes of a member, NPY header included, and unpacks them on the way. At its end, length and CRC-32 are
/// verified.
pub(super) struct Unpacked {
    packed: Decoder,
    left: u64,
    size: u64,
    crc: crc32fast::Hasher,
    expected: Option<u32>,
    #[cfg(test)]
    ends: ends::Ends,
}

impl Unpacked {
    /// Reads a member from its begin.
    pub fn new(source: &FileSource, entry: &DirectoryEntry) -> Self {
        let packed = reader(source, entry.data.clone());
        Self {
            packed: Decoder::new(entry.method, packed, entry.size),
            left: entry.size,
            size: entry.size,
            crc: crc32fast::Hasher::new(),
            expected: entry.crc32,
            #[cfg(test)]
            ends: ends::Ends::of(source, entry),
        }
    }

    fn verify(&mut self) -> io::Result<()> {
        #[cfg(test)]
        self.ends.count();
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
    let len = match header::header_len(&bytes) {
        Err(MemberProblem::NotNpy { .. }) => return Err(not_npy(entry, &mut reader, bytes)),
        len => len?,
    };
    read_up_to(&mut reader, len.saturating_sub(bytes.len()), &mut bytes)?;
    Ok(bytes)
}

/// Tells what a member is that begins with `bytes` and is no NPY file, if that can be told.
fn not_npy(entry: &DirectoryEntry, reader: &mut Unpacked, mut bytes: Vec<u8>) -> MemberProblem {
    let more = format::MEMBER_START_LEN - bytes.len();
    // What cannot be read tells nothing.
    let _ = read_up_to(reader, more, &mut bytes);
    let found = match entry.size {
        0 if entry.file_name.ends_with('/') => Some(FileKind::Folder),
        size => format::of_start(&bytes, size),
    };
    MemberProblem::NotNpy { found }
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
    let (method, size) = (entry.method, entry.size);
    let expected = match method {
        Method::Stored | Method::Deflated => format!("a {method} member of {size} bytes"),
        method => format!("a member of {size} bytes compressed by {}", method.name()),
    };
    Error::BadMember {
        path: source.path().to_path_buf(),
        member: entry.name.clone(),
        found,
        expected: format!("{expected}, CRC-32 {crc:08x}"),
        remedies: vec![Remedy::CopyAgain],
    }
}
