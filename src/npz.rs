//! Opens NPZ archives, NumPy's zip files of `.npy` members, by their directory only.
//!
//! [`NpzFile::open`] maps the file and reads the zip directory; [`NpzFile::arrays`] describes each member from its NPY
//! header; [`NpzFile::array`] returns a member's data: a slice of the map for a stored member (nothing is read until it
//! is touched), an inflated copy for a compressed one (made once, kept while the file is open). Members may be compressed
//! by Deflate, as `np.savez_compressed` does, by bzip2, LZMA or Zstandard, as `np.load` reads them. A bare `.npy` file counts
//! as an archive of one member, which is called as the file is.
//!
//! The file must not change while it is open: see [`NpzFile::open`].

mod codec;
mod directory;
mod format;
pub(crate) mod header;
mod inflate;
mod member;
mod method;
mod options;
#[cfg(test)]
pub(crate) mod pack;
mod problem;
mod records;
mod source;
pub(crate) mod unpack;
#[cfg(feature = "ndarray")]
mod view;
#[cfg(any(test, feature = "export"))]
pub(crate) mod write;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;

use crate::error::{Error, Remedy, Result, nearest_name};
pub use directory::ArchiveNote;
use directory::{Directory, DirectoryEntry};
use header::Header;
pub use header::{Dtype, Scalar, TimeStep, TimeUnit};
use inflate::Inflater;
pub use inflate::InflatesTo;
#[cfg(feature = "export")]
pub(crate) use inflate::free_bytes;
pub use member::{ArrayInfo, Member, MemberData, NpzArray};
pub use method::Method;
pub use options::OpenOptions;
pub use problem::{HeaderFault, MemberProblem};
use source::FileSource;
pub use source::{AccessMode, Identity};

/// Reads an open archive.
#[derive(Debug)]
pub struct NpzFile {
    source: FileSource,
    directory: Directory,
    /// The index of each member in the directory, by name.
    indices: HashMap<String, usize>,
    /// The members' descriptions, from headers that are parsed when first asked for.
    members: OnceLock<Vec<Member>>,
    inflater: Inflater,
}

impl NpzFile {
    /// Opens an archive by its directory only; nothing else is read.
    ///
    /// ```
    /// use ptychoarrow::NpzFile;
    /// let npz = NpzFile::open("tests/data/siemens_star.npz")?;
    /// let patterns = npz.array_info("diff3d")?;
    /// assert_eq!(patterns.shape, [516, 64, 64]);
    /// assert_eq!(patterns.dtype.descr, "<f4");
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
    ///
    /// # File changes
    /// The file must not change while it is open. By default it is mapped, and the map shows what other programs write
    /// into the file: a program that modifies it in place makes bytes change behind references to them, which is
    /// undefined behaviour in Rust; one that cuts it short ends this process by SIGBUS at the next access, which no
    /// library can turn into an error. Replacing the file under its name (write another one, then rename it) is safe.
    ///
    /// [`NpzFile::check_unchanged`] is called before each batch of rows is read and finds most changes before they do
    /// harm, but it cannot exclude one that happens right after. [`AccessMode::Read`] is without this risk: the file is
    /// read by position, values may then be old or new, and a file that was cut short is an error.
    ///
    /// # Errors
    /// If there is no such file, if it is no regular file or cannot be mapped, or if it is no zip archive that begins
    /// at byte 0.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// Opens an archive as [`NpzFile::open`] does, with options.
    ///
    /// # Errors
    /// As [`NpzFile::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let _span = tracing::debug_span!("open", file = %path.as_ref().display()).entered();
        Self::try_new(FileSource::open(path.as_ref(), options.access)?, options)
    }

    /// Opens an archive in memory, such as one that came over a network; `name` stands for its path in messages.
    ///
    /// # Errors
    /// As [`NpzFile::open`].
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Bytes, options: &OpenOptions) -> Result<Self> {
        Self::try_new(FileSource::from_bytes(name.as_ref(), bytes), options)
    }

    fn try_new(source: FileSource, options: &OpenOptions) -> Result<Self> {
        let directory = Directory::read(&source)?;
        let names = directory.entries.iter().map(|entry| entry.name.clone());
        let indices = names
            .enumerate()
            .map(|(index, name)| (name, index))
            .collect();
        let inflater = Inflater::new(
            directory.entries.len(),
            options.inflate_memory,
            options.progress.clone(),
        );
        Ok(Self {
            source,
            directory,
            indices,
            members: OnceLock::new(),
            inflater,
        })
    }

    /// Returns the path the archive was opened by.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Returns the size, time and inode of the file when it was opened.
    pub fn identity(&self) -> &Identity {
        self.source.identity()
    }

    /// Returns what is odd about the archive without keeping it from being read, such as members of the same name.
    pub fn notes(&self) -> &[ArchiveNote] {
        &self.directory.notes
    }

    /// Checks that the file is still the one that was opened.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if its size or time of change differs.
    pub fn check_unchanged(&self) -> Result<()> {
        self.source.check_unchanged()
    }

    /// Describes every member, in the order of the directory. Reads the NPY headers, once.
    pub fn members(&self) -> &[Member] {
        self.members.get_or_init(|| {
            let entries = self.directory.entries.iter();
            entries.map(|entry| self.describe(entry)).collect()
        })
    }

    /// Describes the members that are arrays, in the order of the directory.
    pub fn arrays(&self) -> impl Iterator<Item = &ArrayInfo> {
        self.members()
            .iter()
            .filter_map(|member| member.array.as_ref().ok())
    }

    /// Returns the names of all members, in the order of the directory.
    pub fn names(&self) -> Vec<String> {
        let entries = self.directory.entries.iter();
        entries.map(|entry| entry.name.clone()).collect()
    }

    /// Describes the array of a member; `None` if there is no such member or if it is no plain array.
    pub fn info(&self, name: &str) -> Option<&ArrayInfo> {
        let index = *self.indices.get(name)?;
        self.members().get(index)?.array.as_ref().ok()
    }

    /// Describes the array of a member.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn array_info(&self, name: &str) -> Result<&ArrayInfo> {
        let member = &self.members()[self.index(name)?];
        let array = member.array.as_ref();
        array.map_err(|problem| self.not_an_array(name, problem))
    }

    /// Returns the data of a member: a range of the file if it is stored, inflated if it is compressed.
    ///
    /// A member is inflated once and then kept. If a progress listener asks for the very member whose progress it is
    /// told, it gets a copy of its own, in a scratch file.
    ///
    /// ```
    /// use ptychoarrow::NpzFile;
    /// let npz = NpzFile::open("tests/data/siemens_star.npz")?;
    /// let x = npz.array("xcoords")?;
    /// assert_eq!((x.info.dtype.descr.as_str(), x.info.num_bytes), ("<f8", 516 * 8));
    /// let mut first = [0; 8];
    /// x.data.read_into(0, &mut first)?;
    /// assert!(f64::from_le_bytes(first).is_finite());
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
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
                MemberData::stored(&self.source, range)
            }
            _ => {
                let member = self.inflater.get(&self.source, index, entry)?;
                MemberData::inflated(member.slice(start as usize..end as usize))
            }
        };
        Ok(NpzArray { info, data })
    }

    /// Returns how the bytes of stored members are reached.
    pub fn access(&self) -> AccessMode {
        match self.source.in_memory(0..0) {
            Some(_) => AccessMode::Map,
            None => AccessMode::Read,
        }
    }

    /// Returns where a compressed member is, or would be if it were inflated next; `None` for a stored one.
    pub fn inflates_to(&self, name: &str) -> Option<InflatesTo> {
        let index = self.index(name).ok()?;
        let entry = &self.directory.entries[index];
        (entry.method != Method::Stored).then(|| self.inflater.destination(index, entry))
    }

    /// Returns whether a compressed member was inflated already, and so verified.
    pub(crate) fn is_inflated(&self, name: &str) -> bool {
        self.index(name)
            .is_ok_and(|index| self.inflater.finished(index).is_some())
    }

    /// Creates a reader of any member's bytes as they were packed, NPY header included. At their end, length and CRC-32
    /// are verified: an error of kind `InvalidData` tells what is wrong.
    ///
    /// # Errors
    /// If there is no such member, or if the archive cannot say where it is.
    pub fn raw(&self, name: &str) -> Result<impl Read + Send + use<>> {
        let entry = &self.directory.entries[self.index(name)?];
        match &entry.problem {
            Some(problem) => Err(self.not_an_array(name, problem)),
            None => Ok(unpack::Unpacked::new(&self.source, entry)),
        }
    }

    /// Converts an error of [`NpzFile::raw`]'s reader: it names the member and the file, and what is damaged or what the
    /// system reports.
    pub fn unpacking(&self, name: &str, error: std::io::Error) -> Error {
        match self.index(name) {
            Ok(index) => unpack::error_of(&self.source, &self.directory.entries[index], error),
            Err(unknown) => unknown,
        }
    }

    /// Returns the name a member has in the archive, with `.npy`.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn file_name(&self, name: &str) -> Result<&str> {
        Ok(&self.directory.entries[self.index(name)?].file_name)
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.indices.get(name).copied().ok_or_else(|| {
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

    fn describe(&self, entry: &DirectoryEntry) -> Member {
        let header = self.read_header(entry);
        Member {
            name: entry.name.clone(),
            size: entry.size,
            crc32: entry.crc32,
            array: header.and_then(|header| ArrayInfo::new(entry, header)),
        }
    }

    fn read_header(&self, entry: &DirectoryEntry) -> Result<Header, MemberProblem> {
        match &entry.problem {
            Some(problem) => Err(problem.clone()),
            None => header::parse(&unpack::header_bytes(&self.source, entry)?),
        }
    }

    fn not_an_array(&self, name: &str, problem: &MemberProblem) -> Error {
        Error::BadMember {
            path: self.owned_path(),
            member: name.to_string(),
            found: problem.to_string(),
            expected: "a plain NumPy array (numbers, text or times)".to_string(),
            remedies: [vec![Remedy::UseAnotherMember], problem.remedies()].concat(),
        }
    }

    fn owned_path(&self) -> PathBuf {
        self.source.path().to_path_buf()
    }
}
