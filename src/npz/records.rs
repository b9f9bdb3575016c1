//! Parses the records of a zip archive: the end record, the central directory, local headers. Pure functions of bytes.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (ZIP64), and what CPython's `zipfile` accepts, for NumPy reads
//! archives through it. Nothing is allocated that the bytes at hand do not hold.

mod fields;
mod name;

use std::ops::Range;

use super::MemberProblem;
use fields::Fields;

/// The length of the end record without its comment.
const END_LEN: usize = 22;
/// The length of the record that says where the ZIP64 end record is; it stands right before the end record.
const LOCATOR_LEN: usize = 20;
/// The number of bytes at the end of a file that are searched: the end record's comment has at most 65,535 bytes.
pub(super) const TAIL_LEN: usize = END_LEN + (1 << 16) + LOCATOR_LEN;
/// The length of the part of the ZIP64 end record that is read.
pub(super) const END64_LEN: usize = 56;
/// The length of a local header without name and extra field.
pub(super) const LOCAL_LEN: usize = 30;

/// Describes the directory as the end of the archive does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DirectoryEnd {
    /// The range of the file in which the directory lies.
    pub directory: Range<u64>,
    /// The number of members it has.
    pub count: u64,
    /// Whether `count` is exact, or only its lower 16 bits are known.
    pub count_is_exact: bool,
}

/// Holds what the end record says: all that is needed, or that a ZIP64 end record has to be read first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndRecord {
    /// The record says all that is needed.
    Complete(DirectoryEnd),
    /// The ZIP64 end record begins at this byte of the file; the directory ends before it.
    Zip64At(u64),
}

/// Finds the end record in `tail`, the last [`TAIL_LEN`] bytes of the file, which begin at `tail_start`.
///
/// # Errors
/// In words, if there is none, or if it points beyond the file.
pub(super) fn find_end(tail: &[u8], tail_start: u64) -> Result<EndRecord, String> {
    let no_end = || {
        let (last, len) = (tail.len(), tail_start + tail.len() as u64);
        match tail.iter().all(|byte| *byte == 0) {
            true => format!(
                "no zip directory at the end of its {len} bytes, the last {last} of which are zeros: it was not written to its end"
            ),
            false => format!("no zip directory at the end of its {len} bytes: it may be cut short"),
        }
    };
    let last = tail.len().checked_sub(END_LEN);
    let mut candidates = last.into_iter().flat_map(|last| (0..=last).rev());
    let at = candidates.find(|at| tail[*at..].starts_with(b"PK\x05\x06"));
    let at = at.ok_or_else(no_end)?;
    let end = tail_start + at as u64;
    // Readers of ZIP64 look for the locator first, whatever the 16- and 32-bit fields say.
    if let Some(offset) = at
        .checked_sub(LOCATOR_LEN)
        .and_then(|at| locator(&tail[at..]))
    {
        let last = (end - LOCATOR_LEN as u64).checked_sub(END64_LEN as u64);
        return match last {
            Some(last) if offset <= last => Ok(EndRecord::Zip64At(offset)),
            _ => Err(format!(
                "its ZIP64 end record is said to be at byte {offset}, behind the end"
            )),
        };
    }
    let (count, size, offset) = end_fields(&tail[at..]).ok_or_else(no_end)?;
    Ok(EndRecord::Complete(DirectoryEnd {
        directory: directory(u64::from(offset), u64::from(size), end)?,
        count: u64::from(count),
        count_is_exact: false,
    }))
}

/// Returns where the ZIP64 end record is, if the bytes begin with the record that says so.
fn locator(bytes: &[u8]) -> Option<u64> {
    let mut fields = Fields::new(bytes);
    fields.signature(b"PK\x06\x07")?;
    fields.skip(4)?; // the number of its disk
    fields.u64()
}

/// Returns the number of members, the size of the directory and its offset from an end record.
fn end_fields(bytes: &[u8]) -> Option<(u16, u32, u32)> {
    let mut fields = Fields::new(bytes);
    fields.skip(10)?; // the signature, the numbers of two disks, the members on this disk
    Some((fields.u16()?, fields.u32()?, fields.u32()?))
}

/// Parses the ZIP64 end record that was found at byte `at` of the file.
///
/// # Errors
/// In words, if there is none, or if it points beyond itself.
pub(super) fn parse_end64(bytes: &[u8], at: u64) -> Result<DirectoryEnd, String> {
    let (count, size, offset) = end64_fields(bytes)
        .ok_or_else(|| format!("no ZIP64 end record at byte {at}, where one is said to be"))?;
    Ok(DirectoryEnd {
        directory: directory(offset, size, at)?,
        count,
        count_is_exact: true,
    })
}

fn end64_fields(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let mut fields = Fields::new(bytes);
    fields.signature(b"PK\x06\x06")?;
    fields.skip(28)?; // its size, two versions, the numbers of two disks, the members on this disk
    Some((fields.u64()?, fields.u64()?, fields.u64()?))
}

fn directory(offset: u64, size: u64, before: u64) -> Result<Range<u64>, String> {
    match offset.checked_add(size) {
        Some(end) if end <= before => Ok(offset..end),
        _ => Err(format!(
            "its directory is said to be {size} bytes at byte {offset}, beyond byte {before} where it ends"
        )),
    }
}

/// Describes a member as the central directory does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CentralRecord {
    /// The name as it stands there.
    pub raw_name: Vec<u8>,
    /// The name as text.
    pub name: String,
    /// The bit flags.
    pub flags: u16,
    /// The number of the compression method.
    pub method: u16,
    /// The CRC-32 of the unpacked bytes.
    pub crc32: u32,
    /// The number of bytes in the file.
    pub packed: u64,
    /// The number of bytes once unpacked.
    pub size: u64,
    /// The byte of the file at which the local header begins.
    pub offset: u64,
}

/// Parses all records of the directory that `bytes` are.
///
/// # Errors
/// In words, if a record is cut short or is none, or if there are more or fewer than `end` says.
pub(super) fn parse_directory(
    bytes: &[u8],
    end: &DirectoryEnd,
) -> Result<Vec<CentralRecord>, String> {
    let mut records = Vec::new();
    let mut fields = Fields::new(bytes);
    while !fields.is_empty() {
        let record = parse_central(&mut fields)
            .map_err(|problem| format!("member {} of its directory: {problem}", records.len()))?;
        records.push(record);
    }
    let found = records.len() as u64;
    let fits = if end.count_is_exact {
        found == end.count
    } else {
        found % (1 << 16) == end.count
    };
    if !fits {
        return Err(format!(
            "its directory has {found} members, its end record says {}",
            end.count
        ));
    }
    Ok(records)
}

/// Parses the record that comes next.
fn parse_central(fields: &mut Fields<'_>) -> Result<CentralRecord, &'static str> {
    if fields.signature(b"PK\x01\x02").is_none() {
        return Err("no directory record where one should be");
    }
    central_fields(fields).ok_or("cut short")
}

/// Reads the fields behind the signature, in the order of APPNOTE 4.3.12.
fn central_fields(fields: &mut Fields<'_>) -> Option<CentralRecord> {
    fields.skip(4)?; // the versions that made it and that it needs
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.skip(4)?; // time and date
    let crc32 = fields.u32()?;
    let packed = fields.u32()?;
    let size = fields.u32()?;
    let name_len = fields.u16()?.into();
    let extra_len = fields.u16()?.into();
    let comment_len = fields.u16()?.into();
    fields.skip(8)?; // the number of its disk, internal and external attributes
    let offset = fields.u32()?;
    let raw_name = fields.bytes(name_len)?;
    let extra = fields.bytes(extra_len)?;
    fields.skip(comment_len)?;
    // ZIP64: a field of all ones stands in the extra field instead, in this order.
    let mut wide = Fields::new(extra_field(extra, 0x0001).unwrap_or_default());
    let mut widen = |narrow: u32| match narrow {
        u32::MAX => wide.u64().unwrap_or(u64::from(narrow)),
        narrow => u64::from(narrow),
    };
    let (size, packed, offset) = (widen(size), widen(packed), widen(offset));
    Some(CentralRecord {
        raw_name: raw_name.to_vec(),
        name: name::decode(raw_name, flags, extra),
        flags,
        method,
        crc32,
        packed,
        size,
        offset,
    })
}

/// Returns the contents of the first extra field with this number.
fn extra_field(extra: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut fields = Fields::new(extra);
    loop {
        let (number, len) = (fields.u16()?, fields.u16()?);
        let contents = fields.bytes(len.into())?;
        if number == wanted {
            return Some(contents);
        }
    }
}

/// Returns the number of bytes from the begin of a local header to the member's data; `bytes` hold the header and its
/// name.
///
/// # Errors
/// If there is no local header, or if it is another member's.
pub(super) fn local_len(bytes: &[u8], raw_name: &[u8]) -> Result<u64, MemberProblem> {
    let (name_len, extra_len) = local_lens(bytes).ok_or(MemberProblem::NoLocalHeader)?;
    if bytes.get(LOCAL_LEN..LOCAL_LEN + name_len) != Some(raw_name) {
        return Err(MemberProblem::OtherLocalName);
    }
    Ok((LOCAL_LEN + name_len + extra_len) as u64)
}

/// Returns the lengths of the name and of the extra field of a local header.
fn local_lens(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut fields = Fields::new(bytes);
    fields.signature(b"PK\x03\x04")?;
    fields.skip(22)?; // what the central directory says too
    Some((fields.u16()?.into(), fields.u16()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory record; `zip64` writes all three numbers into the extra field.
    fn central(name: &[u8], flags: u16, numbers: [u64; 3], zip64: bool, extra: &[u8]) -> Vec<u8> {
        let mut field = Vec::new();
        if zip64 {
            field.extend([1, 0, 24, 0]);
            numbers
                .iter()
                .for_each(|number| field.extend(number.to_le_bytes()));
        }
        field.extend(extra);
        let narrow = |number: u64| if zip64 { u32::MAX } else { number as u32 };
        let mut bytes = b"PK\x01\x02".to_vec();
        bytes.extend([45, 0, 45, 0]);
        bytes.extend(flags.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(7u32.to_le_bytes());
        bytes.extend(narrow(numbers[1]).to_le_bytes());
        bytes.extend(narrow(numbers[0]).to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend((field.len() as u16).to_le_bytes());
        bytes.extend([0; 10]);
        bytes.extend(narrow(numbers[2]).to_le_bytes());
        bytes.extend(name);
        bytes.extend(field);
        bytes
    }

    fn exact(count: u64) -> DirectoryEnd {
        DirectoryEnd {
            directory: 0..0,
            count,
            count_is_exact: true,
        }
    }

    #[test]
    fn reads_records_with_and_without_zip64() {
        let numbers = [5_000_000_000, 4_999_999_999, 1 << 40];
        let bytes = [
            central(b"a.npy", 0, [10, 9, 8], false, &[]),
            central(b"b.npy", 0, numbers, true, &[]),
        ]
        .concat();
        let records = parse_directory(&bytes, &exact(2)).unwrap();
        assert_eq!(
            (records[0].size, records[0].packed, records[0].offset),
            (10, 9, 8)
        );
        assert_eq!(
            [records[1].size, records[1].packed, records[1].offset],
            numbers
        );
        assert!(
            parse_directory(&bytes, &exact(3))
                .unwrap_err()
                .contains("has 2 members")
        );
        for cut in 1..bytes.len() {
            assert!(parse_directory(&bytes[..cut], &exact(2)).is_err(), "{cut}");
        }
    }

    #[test]
    fn names_are_utf8_or_code_page_437() {
        let name = |raw: &[u8], flags, extra: &[u8]| {
            parse_central(&mut Fields::new(&central(raw, flags, [0; 3], false, extra)))
                .unwrap()
                .name
        };
        assert_eq!(name("größe".as_bytes(), 1 << 11, &[]), "größe");
        assert_eq!(name(b"gr\x94\xe1e", 0, &[]), "größe");
        assert_eq!(name(b"a\0b", 0, &[]), "a");
        let mut unicode = vec![0x75, 0x70, 12, 0, 1];
        unicode.extend(crc32fast::hash(b"gr__e").to_le_bytes());
        unicode.extend("größe".as_bytes());
        assert_eq!(name(b"gr__e", 0, &unicode), "größe");
    }

    #[test]
    fn an_end_record_that_points_nowhere_is_an_error() {
        let end = |size: u32, offset: u32| {
            let mut bytes = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
            bytes.extend(size.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            bytes.extend([0, 0]);
            bytes
        };
        assert!(
            matches!(find_end(&end(50, 50), 100), Ok(EndRecord::Complete(DirectoryEnd { directory, .. })) if directory == (50..100))
        );
        for (size, offset) in [(51, 50), (u32::MAX, 1), (1, u32::MAX)] {
            assert!(
                find_end(&end(size, offset), 100).is_err(),
                "{size} {offset}"
            );
        }
        assert!(find_end(b"PK\x05\x06", 0).is_err());
        assert!(
            find_end(&[0; 90], 10)
                .unwrap_err()
                .contains("the last 90 of which are zeros")
        );
        assert!(find_end(&[1; 90], 10).unwrap_err().contains("cut short"));
        assert!(parse_end64(&[0; 56], 0).is_err());
    }

    properties! {
        // An interpreter that looks for undefined behaviour is a thousand times slower.
        #![proptest_config(proptest::test_runner::Config::with_cases(if cfg!(miri) { 8 } else { 1024 }))]
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = find_end(&bytes, 7);
            let _ = find_end(&[&bytes, b"PK\x06\x07\0\0\0\0\x09\0\0\0\0\0\0\0\x01\0\0\0PK\x05\x06".as_slice(), &bytes].concat(), 7);
            let _ = parse_end64(&[b"PK\x06\x06", &bytes[..]].concat(), 9);
            let _ = parse_directory(&[b"PK\x01\x02", &bytes[..]].concat(), &exact(1));
            let _ = local_len(&[b"PK\x03\x04", &bytes[..]].concat(), b"a");
        }
    }
}
