//! A file as bytes, by map. The only unsafe code of the crate is here.

use std::fs::{File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

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

/// An open, mapped file.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    bytes: Bytes,
    identity: Identity,
}

impl Source {
    /// Opens and maps a file. No byte is read.
    ///
    /// # Errors
    /// If it does not exist, is a directory, or cannot be mapped.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let metadata = file.metadata().map_err(|e| Error::io(path, "open", e))?;
        if metadata.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::io(path, "open", source));
        }
        let bytes = if metadata.len() == 0 { Bytes::new() } else { map(path, &file)? };
        let identity = Identity::of(&metadata);
        Ok(Self { path: path.to_path_buf(), file, bytes, identity })
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A range of the file, which the caller knows to lie within it.
    ///
    /// # Panics
    /// If the range ends beyond the file.
    pub fn slice(&self, range: Range<u64>) -> Bytes {
        self.bytes.slice(range.start as usize..range.end as usize)
    }

    /// What it was when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it is still what was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if not.
    pub fn check_unchanged(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|e| Error::io(&self.path, "inspect", e))?;
        let now = Identity::of(&metadata);
        if now == self.identity {
            return Ok(());
        }
        let what = if now.size == self.identity.size {
            "it was written to".to_string()
        } else {
            format!("its size was {} bytes, is {}", self.identity.size, now.size)
        };
        Err(Error::FileChanged { path: self.path.clone(), what })
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        let modified = metadata.modified().ok().and_then(since).map_or(0, |age| age.as_nanos() as i128);
        Self { size: metadata.len(), modified, inode: inode(metadata) }
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

/// Maps a file that is not empty.
#[allow(unsafe_code)]
fn map(path: &Path, file: &File) -> Result<Bytes> {
    // SAFETY: the map is private and read-only, and lives as long as the `Bytes` that own it. What the language cannot
    // promise is that no other process changes the file meanwhile: this is stated in the README and in the command's
    // help as the user's part, and `check_unchanged` looks before each batch.
    let map = unsafe { Mmap::map(file) }.map_err(|e| Error::io(path, "map", e))?;
    Ok(Bytes::from_owner(map))
}
