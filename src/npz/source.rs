//! A file as bytes, by map or by positioned reads. The only unsafe code of the crate is here.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a file's bytes are reached. What is read is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum AccessMode {
    /// Mapped into memory: nothing is copied. A file that is cut short meanwhile ends the process.
    #[default]
    Map,
    /// Positioned reads: for network file systems and files still being written. A file that is cut short is an error.
    Read,
}

/// Which file this is: enough to notice that it was replaced, cut or written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Bytes in the file.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change of its data; 0 where the system has none.
    pub modified: i128,
    /// The file's number on its disk; 0 where the system has none.
    pub inode: u64,
}

/// An open file; cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    identity: Identity,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Bytes),
    Mapped(File, Bytes),
    File(File),
}

impl Source {
    /// Opens a file. No byte is read.
    ///
    /// # Errors
    /// If it does not exist, is a directory, or cannot be mapped.
    pub fn open(path: &Path, mode: AccessMode) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let metadata = file.metadata().map_err(|e| Error::io(path, "open", e))?;
        if metadata.is_dir() {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(Error::io(path, "open", source));
        }
        let identity = Identity::of(&metadata);
        let place = match mode {
            AccessMode::Map if metadata.len() > 0 => {
                let bytes = map(&file).map_err(|e| Error::io(path, "map", e))?;
                Place::Mapped(file, bytes)
            }
            _ => Place::File(file),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_path_buf(),
                identity,
                place,
            }),
        })
    }

    /// Bytes in memory in place of a file; `path` is their name in messages.
    pub fn from_bytes(path: &Path, bytes: Bytes) -> Self {
        let identity = Identity {
            size: bytes.len() as u64,
            modified: 0,
            inode: 0,
        };
        Self {
            inner: Arc::new(Inner {
                path: path.to_path_buf(),
                identity,
                place: Place::Memory(bytes),
            }),
        }
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Bytes it had when it was opened.
    pub fn size(&self) -> u64 {
        self.inner.identity.size
    }

    /// What it was when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// A range of the file as it lies in memory; nothing if it is read by position.
    ///
    /// # Panics
    /// If the range is not within the file.
    pub fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        match &self.inner.place {
            Place::Memory(bytes) | Place::Mapped(_, bytes) => {
                Some(bytes.slice(range.start as usize..range.end as usize))
            }
            Place::File(_) => None,
        }
    }

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if the file ends before, [`Error::Io`] if the system cannot read it.
    pub fn read_into(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let path = self.path();
        let ends = |what: String| Error::FileChanged {
            path: path.to_path_buf(),
            what,
        };
        match &self.inner.place {
            Place::Memory(bytes) | Place::Mapped(_, bytes) => {
                let from = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..start.checked_add(into.len())?));
                let from = from.ok_or_else(|| ends(format!("it ends at byte {}", self.size())))?;
                into.copy_from_slice(from);
                Ok(())
            }
            Place::File(file) => read_exact_at(file, into, offset).map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => ends(format!(
                    "it ends before byte {}",
                    offset + into.len() as u64
                )),
                _ => Error::io(path, "read", e),
            }),
        }
    }

    /// A range of the file: a slice of the map, or read now.
    ///
    /// # Errors
    /// As [`Source::read_into`]; if there is not so much memory.
    ///
    /// # Panics
    /// If the range is not within the file.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if let Some(bytes) = self.in_memory(range.clone()) {
            return Ok(bytes);
        }
        let mut into = Vec::new();
        let len = (range.end - range.start) as usize;
        into.try_reserve_exact(len)
            .map_err(|e| Error::io(self.path(), "hold in memory", io::Error::other(e)))?;
        into.resize(len, 0);
        self.read_into(range.start, &mut into)?;
        Ok(Bytes::from(into))
    }

    /// Tells the system that a range of the file will be needed soon, so that it reads ahead; does not wait for it. A hint:
    /// where there is no such call, nothing happens.
    pub fn will_need(&self, range: Range<u64>) {
        #[cfg(target_os = "linux")]
        if let Place::Mapped(file, _) | Place::File(file) = &self.inner.place {
            let len = std::num::NonZeroU64::new(range.end - range.start);
            // Of the file, not of the map: both mean the same pages, and no address is needed.
            let _hint = rustix::fs::fadvise(file, range.start, len, rustix::fs::Advice::WillNeed);
        }
        #[cfg(not(target_os = "linux"))]
        drop(range);
    }

    /// Reads a range of the file from its begin to its end.
    pub fn stream(&self, range: Range<u64>) -> Stream {
        Stream {
            source: self.clone(),
            range,
        }
    }

    /// Whether it is still what was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if not.
    pub fn check_unchanged(&self) -> Result<()> {
        let (Place::Mapped(file, _) | Place::File(file)) = &self.inner.place else {
            return Ok(());
        };
        let metadata = file
            .metadata()
            .map_err(|e| Error::io(self.path(), "inspect", e))?;
        let (was, now) = (self.identity(), Identity::of(&metadata));
        if now == *was {
            return Ok(());
        }
        let what = if now.size == was.size {
            "it was written to".to_string()
        } else {
            format!("its size was {} bytes, is {}", was.size, now.size)
        };
        Err(Error::FileChanged {
            path: self.path().to_path_buf(),
            what,
        })
    }
}

/// A range of a file as a reader.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    range: Range<u64>,
}

impl io::Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.range.end - self.range.start;
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        self.source
            .read_into(self.range.start, &mut into[..len])
            .map_err(io::Error::other)?;
        self.range.start += len as u64;
        Ok(len)
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        let modified = metadata
            .modified()
            .ok()
            .and_then(since)
            .map_or(0, |age| age.as_nanos() as i128);
        Self {
            size: metadata.len(),
            modified,
            inode: inode(metadata),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into = &mut into[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

/// Maps a scratch file of our own, which has no name and which nobody else can change.
///
/// # Errors
/// If the system cannot map it.
pub fn map_scratch(file: &File) -> io::Result<Bytes> {
    map(file)
}

/// Maps a file that is not empty.
#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is private and read-only, and lives as long as the `Bytes` that own it. What the language cannot
    // promise is that no other process changes the file meanwhile: this is stated in the README and in the command's
    // help as the user's part, and `check_unchanged` looks before each batch.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}
