//! Which byte range of the archive holds which member.
//!
//! Sizes come from the central directory, the begin of the data from the local header: NumPy writes a ZIP64 extra
//! field of 20 bytes into the local one only. The archive must begin at byte 0, as NumPy demands: looking for a
//! prefix would read the whole file whenever an offset lies.

use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};

/// How a member is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is: it can be mapped.
    Stored,
    /// Deflated, as `np.savez_compressed` does.
    Deflated,
    /// Another method, by its number in the zip specification.
    Other(u16),
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stored => f.write_str("stored"),
            Self::Deflated => f.write_str("deflated"),
            Self::Other(number) => write!(f, "zip method {number}"),
        }
    }
}

/// One member of the archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name without `.npy`.
    pub name: String,
    /// How it is packed.
    pub method: Method,
    /// Its packed bytes, within the file.
    pub data: Range<u64>,
    /// Bytes once unpacked.
    pub size: u64,
    /// CRC-32 of the unpacked bytes.
    pub crc32: u32,
    /// Why it cannot be read, if so; then `data` is empty.
    pub problem: Option<String>,
}

/// The zip type that reads members; cheap to clone.
pub type Archive = ZipArchive<Cursor<Bytes>>;

/// The directory of an archive.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The members, in the order of the central directory.
    pub entries: Vec<Entry>,
    /// Reads deflated members.
    pub archive: Archive,
}

impl Directory {
    /// Reads the central directory and the local headers; `bytes` is the whole file.
    ///
    /// # Errors
    /// If it is no archive, or if its directory does not fit the file.
    pub fn read(path: &Path, bytes: &Bytes) -> Result<Self> {
        refuse_other_formats(path, bytes)?;
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let archive = ZipArchive::with_config(config, Cursor::new(bytes.clone()));
        let mut archive = archive.map_err(|e| damaged(path, bytes, &e))?;
        let entries = (0..archive.len()).map(|index| entry(&mut archive, index, bytes.len() as u64)).collect();
        Ok(Self { entries, archive })
    }
}

/// Describes one member; what is wrong with it is kept with it, so that the others can still be read.
fn entry(archive: &mut Archive, index: usize, file_len: u64) -> Entry {
    let name = archive.name_for_index(index).and_then(|name| Some(name.ok()?.into_owned()));
    match archive.by_index_raw(index) {
        Ok(member) => {
            let start = member.data_start().unwrap_or(file_len);
            let name = member_name(&name.unwrap_or_else(|| format!("#{index}")));
            let (packed, size) = (member.compressed_size(), member.size());
            let method = method(member.compression());
            let end = start.checked_add(packed).filter(|end| *end <= file_len);
            let problem = problem(method, packed, size, end.is_none(), member.encrypted());
            let data = if problem.is_some() { 0..0 } else { start..end.unwrap_or(start) };
            Entry { name, method, data, size, crc32: member.crc32(), problem }
        }
        Err(error) => unreadable(name, index, &error),
    }
}

fn problem(method: Method, packed: u64, size: u64, beyond: bool, encrypted: bool) -> Option<String> {
    if beyond {
        return Some(format!("a directory that claims {packed} bytes, more than the file has from there on"));
    }
    if encrypted {
        return Some("an encrypted member".to_string());
    }
    match method {
        Method::Stored if packed != size => {
            Some(format!("a stored member of {packed} bytes that claims {size} when unpacked"))
        }
        Method::Other(number) => Some(format!("zip compression method {number}")),
        _ => None,
    }
}

fn unreadable(name: Option<String>, index: usize, error: &ZipError) -> Entry {
    Entry {
        name: member_name(&name.unwrap_or_else(|| format!("#{index}"))),
        method: Method::Stored,
        data: 0..0,
        size: 0,
        crc32: 0,
        problem: Some(format!("a directory that points to no member ({error})")),
    }
}

fn method(method: CompressionMethod) -> Method {
    match method {
        CompressionMethod::Stored => Method::Stored,
        CompressionMethod::Deflated => Method::Deflated,
        #[allow(deprecated)]
        CompressionMethod::Unsupported(number) => Method::Other(number),
        _ => Method::Other(u16::MAX),
    }
}

/// NumPy's key for a member: its name without `.npy`.
fn member_name(name: &str) -> String {
    name.strip_suffix(".npy").unwrap_or(name).to_string()
}

fn damaged(path: &Path, bytes: &Bytes, error: &ZipError) -> Error {
    let problem = match error {
        _ if !bytes.starts_with(b"PK") => return not_an_archive(path, "a file of unknown format", "check the path"),
        ZipError::Io(inner) if inner.kind() == std::io::ErrorKind::UnexpectedEof => {
            "its directory points beyond the end of the file".to_string()
        }
        ZipError::InvalidArchive(text) if text.contains("EOCD") => {
            format!("no zip directory at the end of its {} bytes", bytes.len())
        }
        ZipError::InvalidArchive(text) => format!("{text} in {} bytes", bytes.len()),
        other => other.to_string(),
    };
    let hint = "it may be cut short: copy or save it again (an archive must begin at byte 0)";
    Error::DamagedArchive { path: path.to_path_buf(), problem, hint }
}

fn not_an_archive(path: &Path, found: &'static str, hint: &'static str) -> Error {
    Error::NotAnArchive { path: path.to_path_buf(), found, hint }
}

/// Formats that people pass by mistake: first bytes, name, what to do.
const FORMATS: &[(&[u8], &str, &str)] = &[
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file",
        "open it with h5py and write its arrays with np.savez(path, xcoords=..., diff3d=...)",
    ),
    (b"MATLAB 5.0 MAT-file", "a MAT file", "load it with scipy.io.loadmat and write its arrays with np.savez"),
    (b"\x93NUMPY", "a bare .npy array", "put it into an archive with np.savez(path, diff3d=np.load(...), ...)"),
    (b"ARROW1", "an Arrow IPC file", "give it to pyarrow.ipc.open_file or polars.read_ipc"),
    (b"PAR1", "a Parquet file", "give it to polars.read_parquet or pyarrow.parquet"),
    (b"\x1f\x8b", "a gzip file", "unpack it with gunzip first"),
    (b"BZh", "a bzip2 file", "unpack it with bunzip2 first"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
    (b"II*\0", "a TIFF image", "stack the images and write them with np.savez"),
    (b"MM\0*", "a TIFF image", "stack the images and write them with np.savez"),
];

fn refuse_other_formats(path: &Path, bytes: &Bytes) -> Result<()> {
    if bytes.is_empty() {
        return Err(not_an_archive(path, "an empty file", "it may not have been written yet"));
    }
    let known = FORMATS.iter().find(|(magic, ..)| bytes.starts_with(magic));
    match known {
        Some((_, found, hint)) => Err(not_an_archive(path, found, hint)),
        None => Ok(()),
    }
}
