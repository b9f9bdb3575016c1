//! NPZ archives: NumPy's zip of `.npy` members, opened by their directory only.
//!
//! [`NpzFile::open`] maps the file and reads the zip directory; [`NpzFile::arrays`] describes each member from its
//! NPY header; [`NpzFile::array`] hands out a member's data: a slice of the map for a stored member (nothing is read
//! until it is touched), an inflated copy for a deflated one (made once, kept while the file is open). A bare `.npy`
//! file is an archive of one member, called as the file is.
//!
//! The file must not change while it is open: a map of a file that was cut short ends the process (SIGBUS), which no
//! library can catch. [`NpzFile::check_unchanged`] finds out before the next batch is read; with
//! [`AccessMode::Read`] a file that is cut short is an error.

pub mod directory;
pub mod header;
mod inflate;
pub mod records;
pub mod source;
#[cfg(any(test, feature = "export"))]
pub mod write;

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Remedy, Result, nearest_name};
pub use directory::Method;
use directory::{Directory, Entry};
use header::Header;
pub use header::{Dtype, Scalar, TimeStep, TimeUnit};
pub use inflate::{InflatesTo, free_bytes};
use source::Source;
pub use source::{AccessMode, Identity};

/// How to open an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenOptions {
    /// How the file's bytes are reached. Default: mapped.
    pub access: AccessMode,
    /// Bytes of private memory that inflated members may take, all together; further ones go to a scratch file in the
    /// temporary folder. Default 1 GiB.
    pub inflate_memory: u64,
    /// Is told how far the inflation of a member is. Default: nobody.
    #[serde(skip)]
    pub progress: Progress,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            access: AccessMode::Map,
            inflate_memory: 1 << 30,
            progress: Progress::default(),
        }
    }
}

/// Listens to how far a member is: its name, bytes done, bytes in all.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

type Listener = dyn Fn(&str, u64, u64) + Send + Sync;

impl Progress {
    /// Calls `listener` again and again, on the thread that does the work.
    pub fn new(listener: impl Fn(&str, u64, u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells the listener, if there is one.
    pub fn report(&self, member: &str, done: u64, total: u64) {
        if let Some(listener) = &self.0 {
            listener(member, done, total);
        }
    }
}

/// Who listens is no part of what is read.
impl PartialEq for Progress {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(a listener)"
        } else {
            "Progress(nobody)"
        })
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
    /// CRC-32 of the unpacked member, as the directory has it; a bare `.npy` has none.
    pub crc32: Option<u32>,
}

/// One member of the archive: its array, or why it cannot be one.
#[derive(Debug, Clone)]
pub struct Member {
    /// The member's name without `.npy`.
    pub name: String,
    /// Bytes once unpacked, NPY header included.
    pub size: u64,
    /// CRC-32 of the unpacked member, as the directory has it; a bare `.npy` has none.
    pub crc32: Option<u32>,
    /// Its array, or the reason why there is none.
    pub array: std::result::Result<ArrayInfo, String>,
}

/// A member's array data.
#[derive(Debug, Clone)]
pub struct NpzArray {
    /// What it is.
    pub info: ArrayInfo,
    /// Exactly `info.num_bytes` bytes, in the member's own order and byte order.
    pub data: Data,
}

/// Bytes in memory (mapped or inflated), or a range of a file that is read by position.
#[derive(Debug, Clone)]
pub struct Data {
    place: Place,
    /// Where it begins in which file, if it lies there as it is.
    stored: Option<(Source, u64)>,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    File(Source, Range<u64>),
}

impl Data {
    /// The bytes, if they are in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.place {
            Place::Memory(bytes) => Some(bytes),
            Place::File(..) => None,
        }
    }

    /// Tells the system that these bytes will be needed soon. A hint, which costs little where they are in memory.
    pub fn will_need(&self, bytes: Range<usize>) {
        if let Some((source, start)) = &self.stored {
            source.will_need(start + bytes.start as u64..start + bytes.end as u64);
        }
    }

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    /// If the file was cut short, or cannot be read.
    ///
    /// # Panics
    /// If the data has no such bytes.
    pub fn read_into(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        match &self.place {
            Place::Memory(bytes) => {
                into.copy_from_slice(&bytes[offset..offset + into.len()]);
                Ok(())
            }
            Place::File(source, range) => {
                assert!(
                    (offset + into.len()) as u64 <= range.end - range.start,
                    "rows lie within the data"
                );
                source.read_into(range.start + offset as u64, into)
            }
        }
    }
}

/// An open archive.
#[derive(Debug)]
pub struct NpzFile {
    source: Source,
    directory: Directory,
    /// Members by name.
    index: HashMap<String, usize>,
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
        let _span = tracing::debug_span!("open", file = %path.as_ref().display()).entered();
        Self::try_new(Source::open(path.as_ref(), options.access)?, options)
    }

    /// An archive in memory, such as one that came over a network; `name` stands for its path in messages.
    ///
    /// # Errors
    /// As [`NpzFile::open`].
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Bytes, options: &OpenOptions) -> Result<Self> {
        Self::try_new(Source::from_bytes(name.as_ref(), bytes), options)
    }

    fn try_new(source: Source, options: &OpenOptions) -> Result<Self> {
        let directory = Directory::read(&source)?;
        let inflated = Mutex::new(inflate::Inflated::new(
            options.inflate_memory,
            options.progress.clone(),
        ));
        let names = directory.entries.iter().map(|entry| entry.name.clone());
        let index = names
            .enumerate()
            .map(|(index, name)| (name, index))
            .collect();
        Ok(Self {
            source,
            directory,
            index,
            members: OnceLock::new(),
            inflated,
        })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Size, time and inode when it was opened.
    pub fn identity(&self) -> &Identity {
        self.source.identity()
    }

    /// What else a careful reader would want to know of the archive, such as several members with the same name.
    pub fn notes(&self) -> &[String] {
        &self.directory.notes
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
            self.directory
                .entries
                .iter()
                .map(|entry| self.describe(entry))
                .collect()
        })
    }

    /// The members that are arrays, in the order of the directory.
    pub fn arrays(&self) -> impl Iterator<Item = &ArrayInfo> {
        self.members()
            .iter()
            .filter_map(|member| member.array.as_ref().ok())
    }

    /// The names of all members.
    pub fn names(&self) -> Vec<String> {
        self.directory
            .entries
            .iter()
            .map(|entry| entry.name.clone())
            .collect()
    }

    /// What the member holds, if there is one of that name and it is an array.
    pub fn info(&self, name: &str) -> Option<&ArrayInfo> {
        self.members()
            .get(*self.index.get(name)?)?
            .array
            .as_ref()
            .ok()
    }

    /// What the member holds.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn array_info(&self, name: &str) -> Result<&ArrayInfo> {
        let member = &self.members()[self.index(name)?];
        member
            .array
            .as_ref()
            .map_err(|problem| self.bad_member(name, problem.clone()))
    }

    /// The data of a member: a range of the file if it is stored, inflated if it is deflated.
    ///
    /// # Errors
    /// If there is no such member, if it is no plain array, if it is damaged, or if the temporary folder cannot hold it
    /// once inflated.
    pub fn array(&self, name: &str) -> Result<NpzArray> {
        let index = self.index(name)?;
        let info = self.array_info(name)?.clone();
        let entry = &self.directory.entries[index];
        let (start, end) = (info.header_bytes, info.header_bytes + info.num_bytes);
        let data = match entry.method {
            Method::Stored => {
                let range = entry.data.start + start..entry.data.start + end;
                let stored = Some((self.source.clone(), range.start));
                let place = match self.source.in_memory(range.clone()) {
                    Some(bytes) => Place::Memory(bytes),
                    None => Place::File(self.source.clone(), range),
                };
                Data { place, stored }
            }
            _ => {
                let member = self.inflated().get(&self.source, index, entry)?;
                let place = Place::Memory(member.slice(start as usize..end as usize));
                Data {
                    place,
                    stored: None,
                }
            }
        };
        Ok(NpzArray { info, data })
    }

    /// How the bytes of stored members are reached.
    pub fn access(&self) -> AccessMode {
        match self.source.in_memory(0..0) {
            Some(_) => AccessMode::Map,
            None => AccessMode::Read,
        }
    }

    /// Where a deflated member is, or would be if it were inflated next; nothing for another.
    pub fn inflates_to(&self, name: &str) -> Option<InflatesTo> {
        let index = self.index(name).ok()?;
        let entry = &self.directory.entries[index];
        (entry.method == Method::Deflated).then(|| self.inflated().place(index, entry))
    }

    /// The bytes of any member as the archive has them, NPY header included, unpacked on the way. Where it ends, its
    /// length and CRC-32 are verified: an error of kind `InvalidData` tells what is wrong.
    ///
    /// # Errors
    /// If there is no such member, or if the archive cannot say where it is.
    pub fn raw(&self, name: &str) -> Result<impl Read + Send + use<>> {
        let entry = &self.directory.entries[self.index(name)?];
        match &entry.problem {
            Some(problem) => Err(self.bad_member(name, problem.clone())),
            None => Ok(inflate::Unpacked::new(&self.source, entry)),
        }
    }

    /// An error of [`NpzFile::raw`]'s reader as ours: which member of which file is damaged, or what the system said.
    pub fn unpacking(&self, name: &str, error: std::io::Error) -> Error {
        match self.index(name) {
            Ok(index) => inflate::unpacking(&self.source, &self.directory.entries[index], error),
            Err(unknown) => unknown,
        }
    }

    /// The name a member has in the archive, with `.npy`.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn file_name(&self, name: &str) -> Result<&str> {
        Ok(&self.directory.entries[self.index(name)?].file_name)
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.index.get(name).copied().ok_or_else(|| {
            let available = self.names();
            let suggestion = nearest_name(name, available.iter().map(String::as_str));
            Error::NoSuchMember {
                path: self.owned_path(),
                member: name.to_string(),
                available,
                suggestion,
            }
        })
    }

    fn inflated(&self) -> MutexGuard<'_, inflate::Inflated> {
        self.inflated
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn describe(&self, entry: &Entry) -> Member {
        let array = self
            .read_header(entry)
            .and_then(|header| array_info(entry, header));
        Member {
            name: entry.name.clone(),
            size: entry.size,
            crc32: entry.crc32,
            array,
        }
    }

    fn read_header(&self, entry: &Entry) -> std::result::Result<Header, String> {
        match &entry.problem {
            Some(problem) => Err(problem.clone()),
            None => header::parse(&inflate::head(&self.source, entry)?),
        }
    }

    fn bad_member(&self, name: &str, found: String) -> Error {
        Error::BadMember {
            path: self.owned_path(),
            member: name.to_string(),
            found,
            expected: "a plain NumPy array (numbers, text or times)".to_string(),
            remedies: vec![Remedy::UseAnotherMember, Remedy::SaveAsPlainArray],
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
        return Err(format!(
            "an array of {num_bytes} bytes in a member with {available} bytes of data"
        ));
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
