//! Reads a file as bytes, by map or by position. The only unsafe code of the crate is here.
//!
//! Unix is what is tested; elsewhere nothing compiles this file regularly.

use std::fs::{File, FileType, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, FileKind, Result};

/// Names how a file's bytes are reached. What is read is the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum AccessMode {
    /// The file is mapped into memory, so that nothing is copied. The file must not change meanwhile: see
    /// [`NpzFile::open`](super::NpzFile::open).
    #[default]
    Map,
    /// The file is read by position: for network file systems and files still being written. A file that is cut short
    /// is an error.
    Read,
}

/// Identifies a file well enough to notice that it was replaced, cut short or written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number of bytes in the file.
    pub size: u64,
    /// The time of the last change of the data, in nanoseconds since 1970; 0 where the system has none.
    pub modified: i128,
    /// The file's number on its disk; 0 where the system has none.
    pub inode: u64,
}

/// Holds an open file, or bytes in place of one; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct FileSource {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    identity: Identity,
    backing: Backing,
}

/// Holds what the bytes come from.
#[derive(Debug)]
enum Backing {
    /// Bytes that were handed over; there is no file.
    Bytes(Bytes),
    /// A file and the map of it.
    Map(File, Bytes),
    /// A file that is read by position.
    File(File),
}

impl FileSource {
    /// Opens a regular file. No byte is read.
    ///
    /// # Errors
    /// If it does not exist, is no regular file, or cannot be mapped.
    pub fn open(path: &Path, mode: AccessMode) -> Result<Self> {
        // Looked at before it is opened: opening a pipe waits for somebody who writes into it.
        let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
        refuse_other_kinds(path, metadata.file_type())?;
        let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let metadata = file.metadata().map_err(|e| Error::io(path, "open", e))?;
        let identity = Identity::of(&metadata);
        let backing = match mode {
            AccessMode::Map if metadata.len() > 0 => {
                let bytes = map(&file).map_err(|e| Error::io(path, "map", e))?;
                Backing::Map(file, bytes)
            }
            _ => Backing::File(file),
        };
        Ok(Self::new(path, identity, backing))
    }

    /// Takes bytes in place of a file; `path` is their name in messages.
    pub fn from_bytes(path: &Path, bytes: Bytes) -> Self {
        let identity = Identity {
            size: bytes.len() as u64,
            modified: 0,
            inode: 0,
        };
        Self::new(path, identity, Backing::Bytes(bytes))
    }

    fn new(path: &Path, identity: Identity, backing: Backing) -> Self {
        let path = path.to_path_buf();
        Self {
            inner: Arc::new(Inner {
                path,
                identity,
                backing,
            }),
        }
    }

    /// Returns the path as given.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Returns the number of bytes the file had when it was opened.
    pub fn size(&self) -> u64 {
        self.inner.identity.size
    }

    /// Returns what the file was when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Returns all bytes, if they are in memory or mapped; `None` if the file is read by position.
    fn all(&self) -> Option<&Bytes> {
        match &self.inner.backing {
            Backing::Bytes(bytes) | Backing::Map(_, bytes) => Some(bytes),
            Backing::File(_) => None,
        }
    }

    /// Returns a range of the file, sharing the memory it lies in; `None` if the file is read by position.
    ///
    /// # Panics
    /// If the range is not within the file.
    pub fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        self.all()
            .map(|bytes| bytes.slice(range.start as usize..range.end as usize))
    }

    /// Borrows a range of the file; `None` if the file is read by position.
    ///
    /// # Panics
    /// If the range is not within the file.
    #[cfg(feature = "ndarray")]
    pub fn borrowed(&self, range: Range<u64>) -> Option<&[u8]> {
        self.all()
            .map(|bytes| &bytes[range.start as usize..range.end as usize])
    }

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if the file ends before, [`Error::Io`] if the system cannot read it.
    pub fn read_into(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let ends = |what: String| Error::FileChanged {
            path: self.path().to_path_buf(),
            what,
        };
        match &self.inner.backing {
            Backing::Bytes(bytes) | Backing::Map(_, bytes) => {
                let from = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..start.checked_add(into.len())?));
                let from = from.ok_or_else(|| ends(format!("it ends at byte {}", self.size())))?;
                into.copy_from_slice(from);
                Ok(())
            }
            Backing::File(file) => read_exact_at(file, into, offset).map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let end = offset + into.len() as u64;
                    ends(format!("it ends before byte {end}"))
                }
                _ => Error::io(self.path(), "read", e),
            }),
        }
    }

    /// Returns a range of the file: a slice of the map, or a copy that is read now.
    ///
    /// # Errors
    /// As [`FileSource::read_into`]; if the memory cannot be had.
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

    /// Tells the system that a range of the file will be needed soon, so that it reads ahead; does not wait for it. This
    /// is a hint: where there is no such call, nothing happens.
    pub fn will_need(&self, range: Range<u64>) {
        #[cfg(target_os = "linux")]
        if let Backing::Map(file, _) | Backing::File(file) = &self.inner.backing {
            let len = std::num::NonZeroU64::new(range.end - range.start);
            // Of the file, not of the map: both mean the same pages, and no address is needed.
            let _hint = rustix::fs::fadvise(file, range.start, len, rustix::fs::Advice::WillNeed);
        }
        #[cfg(not(target_os = "linux"))]
        drop(range);
    }

    /// Creates a reader of a range of the file.
    pub fn stream(&self, range: Range<u64>) -> FileStream {
        FileStream {
            source: self.clone(),
            range,
        }
    }

    /// Checks that the file is still what was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if it is not.
    pub fn check_unchanged(&self) -> Result<()> {
        let (Backing::Map(file, _) | Backing::File(file)) = &self.inner.backing else {
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

fn refuse_other_kinds(path: &Path, kind: FileType) -> Result<()> {
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => FileKind::Folder,
        _ => FileKind::Special,
    };
    Err(Error::NotAnArchive {
        path: path.to_path_buf(),
        found,
    })
}

/// Reads a range of a file from its begin to its end.
#[derive(Debug)]
pub(super) struct FileStream {
    source: FileSource,
    range: Range<u64>,
}

impl io::Read for FileStream {
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

/// Maps a scratch file. The caller must have created the file without a name, so that nobody else can change it.
///
/// # Errors
/// If the system cannot map it.
pub(super) fn map_scratch(file: &File) -> io::Result<Bytes> {
    map(file)
}

/// Maps a file that is not empty.
#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is read-only, and the `Bytes` that own it are the only way to its memory, so that it lives as long
    // as any slice of it. It is shared with the file, though: the language demands that nobody writes to the file
    // meanwhile, and no call can ensure that. For files of users this is their part of the contract, stated under "File
    // changes" at `NpzFile::open`, and `check_unchanged` looks before each batch; scratch files have no name.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let special = FileKind::Special;
        let paths = [
            (folder.path(), FileKind::Folder),
            (&pipe, special),
            (Path::new("/dev/null"), special),
        ];
        for (path, kind) in paths {
            for mode in [AccessMode::Map, AccessMode::Read] {
                let error = FileSource::open(path, mode).unwrap_err();
                let found = matches!(error, Error::NotAnArchive { found, .. } if found == kind);
                assert!(found, "{error}");
            }
        }
    }
}
