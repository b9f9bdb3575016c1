//! NPZ archives: NumPy's zip of `.npy` members, opened by their directory only.
//!
//! [`NpzFile::open`] maps the file and reads the zip directory; [`NpzFile::arrays`] describes each member from its
//! NPY header; [`NpzFile::array`] hands out a member's bytes: a slice of the map for a stored member (nothing is read
//! until it is touched), an inflated copy for a deflated one (made once, kept while the file is open).
//!
//! The file must not change while it is open: a map of a file that was cut short ends the process (SIGBUS), which no
//! library can catch. [`NpzFile::check_unchanged`] finds out before the next batch is read.

pub mod directory;
pub mod header;
mod inflate;
pub mod source;
pub mod write;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use bytes::Bytes;

use crate::error::{Error, Result, nearest_name};
pub use directory::Method;
use directory::{Directory, Entry};
use header::Header;
pub use header::{Dtype, Scalar};
pub use source::Identity;
use source::Source;

/// How to open an archive.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Bytes of private memory that inflated members may take, all together. Default 1 GiB.
    pub inflate_memory: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { inflate_memory: 1 << 30 }
    }
}

/// What one member holds, from the directory and its NPY header; no data was read.
#[derive(Debug, Clone)]
pub struct ArrayInfo {
    /// The member's name without `.npy`, the key NumPy shows.
    pub name: String,
    /// Element type, and how it is stored.
    pub dtype: Dtype,
    /// Lengths of the axes, slowest first as NumPy prints them; empty for a 0-d array.
    pub shape: Vec<usize>,
    /// Whether the first axis varies fastest (NumPy's `fortran_order`).
    pub fortran_order: bool,
    /// How the member is packed.
    pub method: Method,
    /// Bytes of NPY header before the data.
    pub header_bytes: u64,
    /// Where the array's data begins in the file; only a stored member has such a place.
    pub byte_offset: Option<u64>,
    /// Bytes of array data once unpacked.
    pub num_bytes: u64,
    /// Bytes the member takes in the file, NPY header included.
    pub packed_bytes: u64,
    /// CRC-32 of the unpacked member, as the directory has it.
    pub crc32: u32,
}

/// One member of the archive: its array, or why it cannot be one.
#[derive(Debug, Clone)]
pub struct Member {
    /// The member's name without `.npy`.
    pub name: String,
    /// CRC-32 of the unpacked member, as the directory has it.
    pub crc32: u32,
    /// Its array, or the reason why there is none.
    pub array: std::result::Result<ArrayInfo, String>,
}

/// A member's array data.
#[derive(Debug, Clone)]
pub struct NpzArray {
    /// What it is.
    pub info: ArrayInfo,
    /// Exactly `info.num_bytes` bytes, in the member's own order and byte order.
    pub bytes: Bytes,
}

/// An open archive.
#[derive(Debug)]
pub struct NpzFile {
    source: Source,
    directory: Directory,
    /// Headers, parsed when first asked for.
    members: OnceLock<Vec<Member>>,
    /// Inflated members by index in the directory.
    inflated: Mutex<inflate::Inflated>,
}

impl NpzFile {
    /// Opens by the directory only; nothing else is read.
    ///
    /// # Errors
    /// If there is no such file, if it cannot be mapped, or if it is no zip archive that begins at byte 0.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// As [`NpzFile::open`], with options.
    ///
    /// # Errors
    /// As [`NpzFile::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let source = Source::open(path.as_ref())?;
        let directory = Directory::read(source.path(), source.bytes())?;
        let inflated = Mutex::new(inflate::Inflated::new(options.inflate_memory));
        Ok(Self { source, directory, members: OnceLock::new(), inflated })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Size, time and inode when it was opened.
    pub fn identity(&self) -> &Identity {
        self.source.identity()
    }

    /// Whether the file is still the one that was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if its size or time of change differs.
    pub fn check_unchanged(&self) -> Result<()> {
        self.source.check_unchanged()
    }

    /// Every member, in the order of the directory: what array it holds, or why it holds none. Reads the NPY headers,
    /// once.
    pub fn members(&self) -> &[Member] {
        self.members.get_or_init(|| {
            let describe = |(index, entry): (usize, &Entry)| self.describe(index, entry);
            self.directory.entries.iter().enumerate().map(describe).collect()
        })
    }

    /// The members that are arrays, in the order of the directory.
    pub fn arrays(&self) -> impl Iterator<Item = &ArrayInfo> {
        self.members().iter().filter_map(|member| member.array.as_ref().ok())
    }

    /// The names of all members.
    pub fn names(&self) -> Vec<String> {
        self.directory.entries.iter().map(|entry| entry.name.clone()).collect()
    }

    /// What the member holds, if there is one of that name and it is an array.
    pub fn info(&self, name: &str) -> Option<&ArrayInfo> {
        self.arrays().find(|info| info.name == name)
    }

    /// What the member holds.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn array_info(&self, name: &str) -> Result<&ArrayInfo> {
        let member = &self.members()[self.index(name)?];
        member.array.as_ref().map_err(|problem| self.bad_member(name, problem.clone()))
    }

    /// The data of a member: a slice of the map if it is stored, inflated if it is deflated.
    ///
    /// # Errors
    /// If there is no such member, if it is no plain array, if it is damaged, or if it does not fit the memory for
    /// inflated members.
    pub fn array(&self, name: &str) -> Result<NpzArray> {
        let index = self.index(name)?;
        let info = self.array_info(name)?.clone();
        let entry = &self.directory.entries[index];
        let member = match entry.method {
            Method::Stored => self.source.slice(entry.data.clone()),
            _ => self.inflate(index, entry)?,
        };
        let start = info.header_bytes as usize;
        let end = start + info.num_bytes as usize;
        Ok(NpzArray { bytes: member.slice(start..end), info })
    }

    fn index(&self, name: &str) -> Result<usize> {
        let found = self.directory.entries.iter().position(|entry| entry.name == name);
        found.ok_or_else(|| {
            let available = self.names();
            let suggestion = nearest_name(name, available.iter().map(String::as_str));
            Error::NoSuchMember { path: self.owned_path(), member: name.to_string(), available, suggestion }
        })
    }

    fn inflate(&self, index: usize, entry: &Entry) -> Result<Bytes> {
        let mut inflated = self.inflated.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        inflated.get(self.source.path(), &self.directory, index, entry)
    }

    fn describe(&self, index: usize, entry: &Entry) -> Member {
        let array = self.read_header(index, entry).and_then(|header| array_info(entry, header));
        Member { name: entry.name.clone(), crc32: entry.crc32, array }
    }

    fn read_header(&self, index: usize, entry: &Entry) -> std::result::Result<Header, String> {
        if let Some(problem) = &entry.problem {
            return Err(problem.clone());
        }
        match entry.method {
            Method::Stored => header::parse(&self.source.slice(entry.data.clone())),
            _ => header::parse(&inflate::head(&self.directory, index)?),
        }
    }

    fn bad_member(&self, name: &str, found: String) -> Error {
        Error::BadMember {
            path: self.owned_path(),
            member: name.to_string(),
            found,
            expected: "a plain NumPy array (bool, integer, float or complex)".to_string(),
            hint: "use another member, or save this one again as such an array".to_string(),
        }
    }

    fn owned_path(&self) -> PathBuf {
        self.source.path().to_path_buf()
    }
}

fn array_info(entry: &Entry, header: Header) -> std::result::Result<ArrayInfo, String> {
    let num_bytes = header.num_bytes()?;
    let header_bytes = header.data_offset as u64;
    let available = entry.size.saturating_sub(header_bytes);
    if num_bytes > available {
        return Err(format!("an array of {num_bytes} bytes in a member with {available} bytes of data"));
    }
    let byte_offset = (entry.method == Method::Stored).then(|| entry.data.start + header_bytes);
    Ok(ArrayInfo {
        name: entry.name.clone(),
        dtype: header.dtype,
        shape: header.shape,
        fortran_order: header.fortran_order,
        method: entry.method,
        header_bytes,
        byte_offset,
        num_bytes,
        packed_bytes: entry.data.end - entry.data.start,
        crc32: entry.crc32,
    })
}
