//! Members unpacked: a stream that verifies length and CRC, and deflated members inflated once, into private memory up
//! to a budget, past it into a scratch file that has no name and so vanishes with the process, however that ends.

use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::ops::Range;

use bytes::Bytes;
use flate2::bufread::DeflateDecoder;

use super::directory::{Entry, Method};
use super::source::{Source, map_scratch};
use super::{Progress, header};
use crate::error::{Error, Remedy, Result};

/// Where a deflated member is inflated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflatesTo {
    /// Private memory.
    Memory,
    /// A scratch file without a name, in the temporary folder.
    Scratch,
}

/// The members inflated so far.
#[derive(Debug)]
pub struct Inflated {
    budget: u64,
    used: u64,
    progress: Progress,
    members: HashMap<usize, (Bytes, InflatesTo)>,
}

impl Inflated {
    /// Nothing inflated yet; `budget` in bytes for all members in memory together.
    pub fn new(budget: u64, progress: Progress) -> Self {
        Self {
            budget,
            used: 0,
            progress,
            members: HashMap::new(),
        }
    }

    /// Where a member is, or would be if it were inflated next.
    pub fn place(&self, index: usize, entry: &Entry) -> InflatesTo {
        match self.members.get(&index) {
            Some((_, place)) => *place,
            None if self.used.saturating_add(entry.size) <= self.budget => InflatesTo::Memory,
            None => InflatesTo::Scratch,
        }
    }

    /// The whole unpacked member, NPY header included.
    ///
    /// # Errors
    /// If it is damaged; if the temporary folder cannot hold it.
    pub fn get(&mut self, source: &Source, index: usize, entry: &Entry) -> Result<Bytes> {
        if let Some((bytes, _)) = self.members.get(&index) {
            return Ok(bytes.clone());
        }
        let place = self.place(index, entry);
        check_ratio(entry).map_err(|found| damaged(source, entry, found))?;
        let bytes = match place {
            InflatesTo::Memory => self.to_memory(source, entry)?,
            InflatesTo::Scratch => self.to_scratch(source, entry)?,
        };
        if place == InflatesTo::Memory {
            self.used += entry.size;
        }
        self.members.insert(index, (bytes.clone(), place));
        Ok(bytes)
    }

    fn to_memory(&self, source: &Source, entry: &Entry) -> Result<Bytes> {
        let mut unpacked = Vec::new();
        let room = unpacked.try_reserve_exact(entry.size as usize);
        room.map_err(|e| {
            Error::io(
                source.path(),
                "hold a deflated member in memory",
                io::Error::other(e),
            )
        })?;
        self.copy(source, entry, &mut unpacked)
            .map_err(|e| unpacking(source, entry, e))?;
        Ok(Bytes::from(unpacked))
    }

    fn to_scratch(&self, source: &Source, entry: &Entry) -> Result<Bytes> {
        let folder = std::env::temp_dir();
        let failed = |e| {
            Error::io(
                &folder,
                "write a scratch file for a deflated member into",
                e,
            )
        };
        if let Some(available) = free_bytes(&folder).filter(|available| *available < entry.size) {
            return Err(Error::ScratchFull {
                path: source.path().to_path_buf(),
                member: entry.name.clone(),
                needed: entry.size,
                folder,
                available,
            });
        }
        let mut file = tempfile::tempfile_in(&folder).map_err(failed)?;
        let mut out = Scratch {
            file: &mut file,
            error: None,
        };
        let copied = self.copy(source, entry, &mut out);
        match (out.error.take(), copied) {
            (Some(error), _) => return Err(failed(error)),
            (None, copied) => copied.map_err(|e| unpacking(source, entry, e))?,
        }
        if entry.size == 0 {
            return Ok(Bytes::new());
        }
        map_scratch(&file).map_err(failed)
    }

    fn copy(&self, source: &Source, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        let mut reader = Unpacked::new(source, entry);
        let mut buffer = vec![0; 1 << 18];
        let mut done = 0;
        loop {
            let read = reader.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..read])?;
            done += read as u64;
            self.progress.report(&entry.name, done, entry.size);
        }
    }
}

/// A scratch file on its way; keeps its own errors apart from those of the archive.
struct Scratch<'a> {
    file: &'a mut std::fs::File,
    error: Option<io::Error>,
}

impl Write for Scratch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes free to this user in a folder; `None` where the system does not tell.
pub fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(folder).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Deflate packs at most 1032 bytes into one: a directory that claims more is lying, and gets no memory for it.
const MAX_RATIO: u64 = 1032;

fn check_ratio(entry: &Entry) -> std::result::Result<(), String> {
    let packed = entry.data.end - entry.data.start;
    match entry.size > packed.saturating_mul(MAX_RATIO) {
        true => Err(format!(
            "{packed} packed bytes that claim {} when inflated",
            entry.size
        )),
        false => Ok(()),
    }
}

/// An error on the way out of the archive: our own about the file, or what is wrong with the member.
pub fn unpacking(source: &Source, entry: &Entry, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(other) => damaged(source, entry, other.to_string()),
    }
}

fn damaged(source: &Source, entry: &Entry, found: String) -> Error {
    Error::BadMember {
        path: source.path().to_path_buf(),
        member: entry.name.clone(),
        found,
        expected: format!(
            "a {} member of {} bytes, CRC-32 {:08x}",
            entry.method,
            entry.size,
            entry.crc32.unwrap_or(0)
        ),
        remedies: vec![Remedy::CopyAgain],
    }
}

/// The bytes of a member, NPY header included, unpacked on the way. At its end, length and CRC-32 are verified.
pub struct Unpacked {
    inner: Packed,
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
    pub fn new(source: &Source, entry: &Entry) -> Self {
        let inner = match entry.method {
            Method::Stored => Packed::Stored(reader(source, entry.data.clone())),
            _ => {
                let reader = BufReader::with_capacity(1 << 16, reader(source, entry.data.clone()));
                Packed::Deflated(Box::new(DeflateDecoder::new(reader)))
            }
        };
        let crc = crc32fast::Hasher::new();
        Self {
            inner,
            left: entry.size,
            size: entry.size,
            crc,
            expected: entry.crc32,
        }
    }

    fn verify(&mut self) -> io::Result<()> {
        // One byte more than promised shows a longer stream.
        let longer = self.inner.read(&mut [0])? > 0;
        let crc = std::mem::take(&mut self.crc).finalize();
        let damaged = |text: String| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        match self.expected.take() {
            _ if longer => damaged(format!("more than the {} bytes it claims", self.size)),
            Some(expected) if expected != crc => damaged(format!("CRC-32 {crc:08x}")),
            _ => Ok(()),
        }
    }
}

fn reader(source: &Source, range: Range<u64>) -> Box<dyn Read + Send> {
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
                _ => io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("bytes that do not inflate ({error})"),
                ),
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
        let len = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(into.len());
        let read = self.inner.read(&mut into[..len])?;
        if read == 0 && len > 0 {
            let found = self.size - self.left;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{found} bytes only"),
            ));
        }
        self.crc.update(&into[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}

/// The NPY header of a member, and nothing behind it.
///
/// # Errors
/// In words, if there is none.
pub fn head(source: &Source, entry: &Entry) -> std::result::Result<Vec<u8>, String> {
    let mut reader = Unpacked::new(source, entry);
    let mut head = Vec::new();
    read_up_to(&mut reader, header::PREFIX_LEN, &mut head)?;
    let len = header::header_len(&head)?;
    read_up_to(&mut reader, len.saturating_sub(head.len()), &mut head)?;
    Ok(head)
}

fn read_up_to(
    reader: &mut impl Read,
    len: usize,
    into: &mut Vec<u8>,
) -> std::result::Result<(), String> {
    reader
        .take(len as u64)
        .read_to_end(into)
        .map(drop)
        .map_err(|e| e.to_string())
}
