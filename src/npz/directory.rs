//! Finds out which byte range of the archive holds which member.
//!
//! Sizes come from the central directory, the begin of the data from the local header: NumPy writes a ZIP64 extra field
//! of 20 bytes into the local one only. The archive must begin at byte 0, as NumPy demands: looking for a prefix would
//! read the whole file whenever an offset lies. The directory is read by our own [`records`], for a library's reader
//! takes an untrusted file's word for how much memory to set aside, and keeps only one of two members of the same name.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use super::records::{self, CentralRecord, DirectoryEnd, EndRecord};
use super::source::FileSource;
use super::{MemberProblem, Method, format, header};
use crate::error::{Error, Level, Notice, Remedy, Result};

/// States a fact about an archive that does not keep it from being read. `Display` gives it as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveNote {
    /// Several members have the same name; the last one counts, as in NumPy.
    DuplicateName {
        /// The name, without `.npy`.
        name: String,
        /// The number of members of that name.
        times: usize,
    },
}

impl From<&ArchiveNote> for Notice {
    fn from(note: &ArchiveNote) -> Self {
        Self {
            level: Level::Warning,
            code: match note {
                ArchiveNote::DuplicateName { .. } => "duplicate_member",
            },
            facts: note.to_string(),
            remedies: vec![Remedy::SaveWithUniqueNames],
        }
    }
}

impl fmt::Display for ArchiveNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName { name, times } => write!(
                f,
                "{times} members are called `{name}`: the last one counts, as in NumPy"
            ),
        }
    }
}

/// Locates one member of the archive.
#[derive(Debug, Clone)]
pub(super) struct DirectoryEntry {
    /// NumPy's key for the member: its name without `.npy`.
    pub name: String,
    /// The member's name in the archive.
    pub file_name: String,
    /// How the member is packed.
    pub method: Method,
    /// The range of the file that holds the packed bytes; empty if there is a problem.
    pub data: Range<u64>,
    /// The number of bytes once unpacked.
    pub size: u64,
    /// The CRC-32 of the unpacked bytes; a bare `.npy` has none.
    pub crc32: Option<u32>,
    /// Why the member cannot be read, if it cannot.
    pub problem: Option<MemberProblem>,
}

/// Holds the directory of an archive.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    /// The members, in the order of the central directory; of several with the same name, the last.
    pub entries: Vec<DirectoryEntry>,
    /// What is odd about the archive.
    pub notes: Vec<ArchiveNote>,
}

/// The largest directory that is read. It has space for three million members; no archive of arrays has more.
const MAX_DIRECTORY: u64 = 256 << 20;

impl Directory {
    /// Reads the central directory and the local headers. A bare `.npy` file counts as an archive of one member, which
    /// is called as the file is.
    ///
    /// # Errors
    /// If the file is no archive, or if its directory does not fit it.
    pub fn read(source: &FileSource) -> Result<Self> {
        let start = source.read(0..source.size().min(format::START_LEN))?;
        if start.starts_with(header::MAGIC) {
            return Ok(Self {
                entries: vec![bare(source)],
                notes: Vec::new(),
            });
        }
        refuse_other_formats(source, &start)?;
        let (records, end) = central_records(source)?;
        let (records, notes) = last_of_each_name(records);
        let mut entries = Vec::with_capacity(records.len());
        for record in &records {
            entries.push(entry(source, record, end)?);
        }
        let starts: Vec<u64> = records.iter().map(|record| record.offset).collect();
        refuse_overlaps(&mut entries, &starts);
        name_as_numpy(&mut entries);
        Ok(Self { entries, notes })
    }
}

/// Describes the one member of a `.npy` file.
fn bare(source: &FileSource) -> DirectoryEntry {
    let stem = source.path().file_stem().unwrap_or_default();
    let name = stem.to_string_lossy().into_owned();
    DirectoryEntry {
        file_name: format!("{name}.npy"),
        name,
        method: Method::Stored,
        data: 0..source.size(),
        size: source.size(),
        crc32: None,
        problem: None,
    }
}

/// Reads the records of the central directory; returns with them where that begins in the file.
fn central_records(source: &FileSource) -> Result<(Vec<CentralRecord>, u64)> {
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
    Ok((records, end.directory.start))
}

fn find_end(source: &FileSource) -> Result<std::result::Result<DirectoryEnd, String>> {
    let tail_start = source.size().saturating_sub(records::TAIL_LEN as u64);
    let tail = source.read(tail_start..source.size())?;
    Ok(match records::find_end(&tail, tail_start) {
        Ok(EndRecord::Complete(end)) => Ok(end),
        Ok(EndRecord::Zip64At(at)) => {
            records::parse_end64(&source.read(at..at + records::END64_LEN as u64)?, at)
        }
        Err(problem) => Err(problem),
    })
}

/// Keeps the last of several members with the same name, as NumPy does.
fn last_of_each_name(records: Vec<CentralRecord>) -> (Vec<CentralRecord>, Vec<ArchiveNote>) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for record in &records {
        *times.entry(&record.name).or_default() += 1;
    }
    let mut several: Vec<(&str, usize)> = times.into_iter().filter(|(_, n)| *n > 1).collect();
    several.sort_unstable();
    let note = |(name, times): (&str, usize)| ArchiveNote::DuplicateName {
        name: numpy_key(name).to_string(),
        times,
    };
    let notes: Vec<ArchiveNote> = several.into_iter().map(note).collect();
    if notes.is_empty() {
        return (records, notes);
    }
    let mut seen = HashSet::new();
    let mut last: Vec<CentralRecord> = records
        .into_iter()
        .rev()
        .filter(|record| seen.insert(record.name.clone()))
        .collect();
    last.reverse();
    (last, notes)
}

/// Describes one member; what is wrong with it is kept with it, so that the others can still be read.
fn entry(source: &FileSource, record: &CentralRecord, directory: u64) -> Result<DirectoryEntry> {
    let method = Method::of_number(record.method);
    let located = locate(source, record, directory)?;
    let located = located.and_then(|data| problem(record, method).map_or(Ok(data), Err));
    let (data, problem) = match located {
        Ok(data) => (data, None),
        Err(problem) => (0..0, Some(problem)),
    };
    Ok(DirectoryEntry {
        name: record.name.clone(),
        file_name: record.name.clone(),
        method,
        data,
        size: record.size,
        crc32: Some(record.crc32),
        problem,
    })
}

/// Finds a member's packed bytes by its local header.
fn locate(
    source: &FileSource,
    record: &CentralRecord,
    directory: u64,
) -> Result<std::result::Result<Range<u64>, MemberProblem>> {
    let offset = record.offset;
    let header_len = (records::LOCAL_LEN + record.raw_name.len()) as u64;
    let before_directory = |end: &u64| *end <= directory;
    let header_end = offset.checked_add(header_len).filter(before_directory);
    let Some(header_end) = header_end else {
        return Ok(Err(MemberProblem::OffsetOutsideFile { offset }));
    };
    let header = source.read(offset..header_end)?;
    Ok(
        records::local_len(&header, &record.raw_name).and_then(|len| {
            let (start, packed) = (offset + len, record.packed);
            let end = start.checked_add(packed).filter(before_directory);
            end.map(|end| start..end)
                .ok_or(MemberProblem::LongerThanFile { packed })
        }),
    )
}

fn problem(record: &CentralRecord, method: Method) -> Option<MemberProblem> {
    const ENCRYPTED: u16 = 1;
    const PATCH: u16 = 1 << 5;
    const STRONG: u16 = 1 << 6;
    match method {
        // The method AES stands in place of the one that the decrypted bytes are packed by.
        Method::Other(99) => Some(MemberProblem::Encrypted { cipher: "AES" }),
        _ if record.flags & ENCRYPTED != 0 => Some(MemberProblem::Encrypted {
            cipher: match record.flags & STRONG {
                0 => "the traditional encryption of zip",
                _ => "PKWARE's strong encryption",
            },
        }),
        _ if record.flags & PATCH != 0 => Some(MemberProblem::PatchData),
        Method::Stored if record.packed != record.size => Some(MemberProblem::StoredSizesDiffer {
            packed: record.packed,
            unpacked: record.size,
        }),
        Method::Other(number) => Some(MemberProblem::CompressionMethod {
            number,
            name: method.name(),
        }),
        _ => None,
    }
}

/// Gives no byte to two members: where two claim it, the archive unpacks to far more than it holds, or is damaged.
fn refuse_overlaps(entries: &mut [DirectoryEntry], starts: &[u64]) {
    let mut order: Vec<usize> = (0..entries.len())
        .filter(|index| entries[*index].problem.is_none())
        .collect();
    order.sort_by_key(|index| starts[*index]);
    let mut last: Option<(u64, usize)> = None;
    for index in order {
        match last {
            Some((end, other)) if starts[index] < end => {
                let other = numpy_key(&entries[other].file_name).to_string();
                entries[index].problem = Some(MemberProblem::Overlap { other });
                entries[index].data = 0..0;
            }
            _ => last = Some((entries[index].data.end, index)),
        }
    }
}

/// Returns NumPy's key for a member.
fn numpy_key(file_name: &str) -> &str {
    file_name.strip_suffix(".npy").unwrap_or(file_name)
}

/// Names members by NumPy's keys. Beside a member `a`, the member `a.npy` keeps its whole name: NumPy's key `a` means
/// the first then.
fn name_as_numpy(entries: &mut [DirectoryEntry]) {
    let whole: HashSet<String> = entries
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

fn refuse_other_formats(source: &FileSource, start: &[u8]) -> Result<()> {
    // An archive begins with a member, or, if it has none, with its end record.
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(());
    }
    Err(Error::NotAnArchive {
        path: source.path().to_path_buf(),
        found: format::of_file(source, start)?,
    })
}
