//! Which byte range of the archive holds which member.
//!
//! Sizes come from the central directory, the begin of the data from the local header: NumPy writes a ZIP64 extra
//! field of 20 bytes into the local one only. The archive must begin at byte 0, as NumPy demands: looking for a
//! prefix would read the whole file whenever an offset lies. The directory is read by our own [`records`], for a
//! library's reader takes an untrusted file's word for how much memory to set aside, and keeps only one of two members
//! of the same name.

use std::collections::HashMap;
use std::ops::Range;

use super::header;
use super::records::{self, Central, End, Found};
use super::source::Source;
use crate::error::{Error, FileKind, Result};

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
    /// NumPy's key for it: its name without `.npy`.
    pub name: String,
    /// Its name in the archive.
    pub file_name: String,
    /// How it is packed.
    pub method: Method,
    /// Its packed bytes, within the file.
    pub data: Range<u64>,
    /// Bytes once unpacked.
    pub size: u64,
    /// CRC-32 of the unpacked bytes; a bare `.npy` has none.
    pub crc32: Option<u32>,
    /// Why it cannot be read, if so; then `data` is empty.
    pub problem: Option<String>,
}

/// The directory of an archive.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The members, in the order of the central directory; of several with the same name, the last.
    pub entries: Vec<Entry>,
    /// What else a careful reader would want to know.
    pub notes: Vec<String>,
}

/// A directory larger than this is no archive's of arrays: it has room for three million members.
const MAX_DIRECTORY: u64 = 256 << 20;

impl Directory {
    /// Reads the central directory and the local headers. A bare `.npy` file is an archive of one member, called as
    /// the file is.
    ///
    /// # Errors
    /// If it is no archive, or if its directory does not fit the file.
    pub fn read(source: &Source) -> Result<Self> {
        let start = source.read(0..source.size().min(32))?;
        if start.starts_with(header::MAGIC) {
            return Ok(Self {
                entries: vec![bare(source)],
                notes: Vec::new(),
            });
        }
        refuse_other_formats(source, &start)?;
        let damaged = |problem: String| Error::DamagedArchive {
            path: source.path().to_path_buf(),
            problem,
        };
        let end = find_end(source)?.map_err(damaged)?;
        let size = end.directory.end - end.directory.start;
        if size > MAX_DIRECTORY {
            return Err(damaged(format!(
                "a directory of {size} bytes, expected at most {MAX_DIRECTORY}"
            )));
        }
        let bytes = source.read(end.directory.clone())?;
        let records = records::parse_directory(&bytes, &end).map_err(damaged)?;
        let (records, notes) = last_of_each_name(records);
        let mut entries = Vec::with_capacity(records.len());
        let mut starts = Vec::with_capacity(records.len());
        for record in &records {
            entries.push(entry(source, record, end.directory.start)?);
            starts.push(record.offset);
        }
        refuse_overlaps(&mut entries, &starts);
        name_as_numpy(&mut entries);
        Ok(Self { entries, notes })
    }
}

/// The one member of a `.npy` file.
fn bare(source: &Source) -> Entry {
    let name = source
        .path()
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (data, size) = (0..source.size(), source.size());
    Entry {
        file_name: format!("{name}.npy"),
        name,
        method: Method::Stored,
        data,
        size,
        crc32: None,
        problem: None,
    }
}

fn find_end(source: &Source) -> Result<std::result::Result<End, String>> {
    let tail_start = source.size().saturating_sub(records::TAIL_LEN as u64);
    let tail = source.read(tail_start..source.size())?;
    Ok(match records::find_end(&tail, tail_start) {
        Ok(Found::End(end)) => Ok(end),
        Ok(Found::End64At(at)) => {
            records::parse_end64(&source.read(at..at + records::END64_LEN as u64)?, at)
        }
        Err(problem) => Err(problem),
    })
}

/// Of members with the same name the last one counts, as in NumPy.
fn last_of_each_name(records: Vec<Central>) -> (Vec<Central>, Vec<String>) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for record in &records {
        *times.entry(&record.name).or_default() += 1;
    }
    let mut several: Vec<(String, usize)> = times
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(name, times)| (name.to_string(), *times))
        .collect();
    several.sort();
    if several.is_empty() {
        return (records, Vec::new());
    }
    let mut seen = std::collections::HashSet::new();
    let mut last: Vec<Central> = records
        .into_iter()
        .rev()
        .filter(|record| seen.insert(record.name.clone()))
        .collect();
    last.reverse();
    let note = |(name, times): &(String, usize)| {
        format!(
            "{times} members are called `{}`: the last one counts, as in NumPy",
            numpy_key(name)
        )
    };
    (last, several.iter().map(note).collect())
}

/// Describes one member; what is wrong with it is kept with it, so that the others can still be read.
fn entry(source: &Source, record: &Central, directory: u64) -> Result<Entry> {
    let method = match record.method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => Method::Other(other),
    };
    let located = locate(source, record, directory)?;
    let located = located.and_then(|data| problem(record, method).map_or(Ok(data), Err));
    let (data, problem) = match located {
        Ok(data) => (data, None),
        Err(problem) => (0..0, Some(problem)),
    };
    let (name, file_name) = (record.name.clone(), record.name.clone());
    Ok(Entry {
        name,
        file_name,
        method,
        data,
        size: record.size,
        crc32: Some(record.crc32),
        problem,
    })
}

/// Where a member's packed bytes are, by its local header.
fn locate(
    source: &Source,
    record: &Central,
    directory: u64,
) -> Result<std::result::Result<Range<u64>, String>> {
    let header_len = (records::LOCAL_LEN + record.raw_name.len()) as u64;
    let header_end = record
        .offset
        .checked_add(header_len)
        .filter(|end| *end <= directory);
    let Some(header_end) = header_end else {
        return Ok(Err(format!(
            "a directory that points to byte {}, where no member can be",
            record.offset
        )));
    };
    let header = source.read(record.offset..header_end)?;
    Ok(
        records::local_len(&header, &record.raw_name).and_then(|len| {
            let start = record.offset + len;
            let end = start
                .checked_add(record.packed)
                .filter(|end| *end <= directory);
            end.map(|end| start..end).ok_or_else(|| {
                format!(
                    "a directory that claims {} bytes, more than the file has from there on",
                    record.packed
                )
            })
        }),
    )
}

fn problem(record: &Central, method: Method) -> Option<String> {
    const ENCRYPTED: u16 = 1;
    const PATCH: u16 = 1 << 5;
    match method {
        _ if record.flags & ENCRYPTED != 0 => Some("an encrypted member".to_string()),
        _ if record.flags & PATCH != 0 => Some("compressed patch data".to_string()),
        Method::Stored if record.packed != record.size => Some(format!(
            "a stored member of {} bytes that claims {} when unpacked",
            record.packed, record.size
        )),
        Method::Other(number) => Some(format!("zip compression method {number}")),
        _ => None,
    }
}

/// No byte belongs to two members: where it does, the archive unpacks to far more than it holds, or is damaged.
fn refuse_overlaps(entries: &mut [Entry], starts: &[u64]) {
    let mut order: Vec<usize> = (0..entries.len())
        .filter(|index| entries[*index].problem.is_none())
        .collect();
    order.sort_by_key(|index| starts[*index]);
    let mut last: Option<(u64, usize)> = None;
    for index in order {
        match last {
            Some((end, other)) if starts[index] < end => {
                let other = numpy_key(&entries[other].file_name).to_string();
                let entry = &mut entries[index];
                entry.problem = Some(format!(
                    "bytes that member `{other}` claims too: a damaged directory, or a zip bomb"
                ));
                entry.data = 0..0;
            }
            _ => last = Some((entries[index].data.end, index)),
        }
    }
}

/// NumPy's key for a member.
fn numpy_key(file_name: &str) -> &str {
    file_name.strip_suffix(".npy").unwrap_or(file_name)
}

/// Names members by NumPy's keys. Beside a member `a`, the member `a.npy` keeps its whole name: NumPy's key `a` means
/// the first then.
fn name_as_numpy(entries: &mut [Entry]) {
    let whole: std::collections::HashSet<String> = entries
        .iter()
        .map(|entry| entry.file_name.clone())
        .collect();
    for entry in entries {
        let key = numpy_key(&entry.file_name);
        if !whole.contains(key) {
            entry.name = key.to_string();
        }
    }
}

/// The first bytes of formats that people pass by mistake.
const FORMATS: &[(&[u8], FileKind)] = &[
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    // A MATLAB 7.3 file is an HDF5 file behind a text of 512 bytes.
    (b"MATLAB 7.3 MAT-file", FileKind::Hdf5),
    (b"MATLAB 5.0 MAT-file", FileKind::Mat),
    (b"ARROW1", FileKind::Arrow),
    (b"PAR1", FileKind::Parquet),
    (b"\x1f\x8b", FileKind::Gzip),
    (b"BZh", FileKind::Bzip2),
    (b"\xfd7zXZ\0", FileKind::Xz),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"7z\xbc\xaf", FileKind::SevenZip),
    (b"II*\0", FileKind::Tiff),
    (b"MM\0*", FileKind::Tiff),
    (b"\x80\x02", FileKind::Pickle),
    (b"\x80\x03", FileKind::Pickle),
    (b"\x80\x04", FileKind::Pickle),
    (b"\x80\x05", FileKind::Pickle),
];

fn refuse_other_formats(source: &Source, start: &[u8]) -> Result<()> {
    let known = FORMATS.iter().find(|(magic, _)| start.starts_with(magic));
    let found = match known {
        _ if start.is_empty() => FileKind::Empty,
        Some((_, found)) => *found,
        // An archive begins with a member, or, if it has none, with its end record.
        None if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") => {
            return Ok(());
        }
        None => FileKind::Unknown,
    };
    Err(Error::NotAnArchive {
        path: source.path().to_path_buf(),
        found,
    })
}
