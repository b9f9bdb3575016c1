//! The records of a zip archive, as pure functions of bytes: the end record, the central directory, local headers.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (ZIP64), and what CPython's `zipfile` accepts, for NumPy reads
//! archives through it. Nothing is allocated that the bytes at hand do not hold.

use std::ops::Range;

/// Length of the end record without its comment.
pub const END_LEN: usize = 22;
/// Length of the record that says where the ZIP64 end record is; it stands right before the end record.
const LOCATOR_LEN: usize = 20;
/// How many of the last bytes of a file are searched: the end record's comment has at most 65,535 bytes.
pub const TAIL_LEN: usize = END_LEN + (1 << 16) + LOCATOR_LEN;
/// Length of the ZIP64 end record, as far as it is read.
pub const END64_LEN: usize = 56;
/// Length of a directory record without name, extra field and comment.
const CENTRAL_LEN: usize = 46;
/// Length of a local header without name and extra field.
pub const LOCAL_LEN: usize = 30;

/// What the end of an archive tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Where the directory lies in the file.
    pub directory: Range<u64>,
    /// Members it has.
    pub count: u64,
    /// Whether `count` is exact, or only its lower 16 bits are known.
    pub count_is_exact: bool,
}

/// The end record, or that a ZIP64 one has to be read first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// All that is needed.
    End(End),
    /// The ZIP64 end record is at this place in the file; the directory ends before it.
    End64At(u64),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// Finds the end record in `tail`, the last [`TAIL_LEN`] bytes of the file, which begin at `tail_start`.
///
/// # Errors
/// In words, if there is none, or if it points beyond the file.
pub fn find_end(tail: &[u8], tail_start: u64) -> Result<Found, String> {
    let last = tail.len().checked_sub(END_LEN);
    let candidates = last.into_iter().flat_map(|last| (0..=last).rev());
    let at = candidates
        .into_iter()
        .find(|at| tail[*at..].starts_with(b"PK\x05\x06"));
    let no_end = || {
        format!(
            "no zip directory at the end of its {} bytes",
            tail_start + tail.len() as u64
        )
    };
    let at = at.ok_or_else(no_end)?;
    let end = tail_start + at as u64;
    // Readers of ZIP64 look for the locator first, whatever the 16- and 32-bit fields say.
    let locator = at
        .checked_sub(LOCATOR_LEN)
        .map(|at| &tail[at..])
        .filter(|bytes| bytes.starts_with(b"PK\x06\x07"));
    if let Some(offset) = locator.and_then(|locator| u64_at(locator, 8)) {
        let room = (end - LOCATOR_LEN as u64).checked_sub(END64_LEN as u64);
        return match room {
            Some(last) if offset <= last => Ok(Found::End64At(offset)),
            _ => Err(format!(
                "its ZIP64 end record is said to be at byte {offset}, behind the end"
            )),
        };
    }
    let record = &tail[at..];
    let fields = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
    let (Some(count), Some(size), Some(offset)) = fields else {
        return Err(no_end());
    };
    let directory = directory(u64::from(offset), u64::from(size), end)?;
    Ok(Found::End(End {
        directory,
        count: u64::from(count),
        count_is_exact: false,
    }))
}

/// The ZIP64 end record that `bytes` are, found at `at` in the file.
///
/// # Errors
/// In words, if it is none, or if it points beyond itself.
pub fn parse_end64(bytes: &[u8], at: u64) -> Result<End, String> {
    let fields = (u64_at(bytes, 32), u64_at(bytes, 40), u64_at(bytes, 48));
    let (true, (Some(count), Some(size), Some(offset))) =
        (bytes.starts_with(b"PK\x06\x06"), fields)
    else {
        return Err(format!(
            "no ZIP64 end record at byte {at}, where one is said to be"
        ));
    };
    Ok(End {
        directory: directory(offset, size, at)?,
        count,
        count_is_exact: true,
    })
}

fn directory(offset: u64, size: u64, before: u64) -> Result<Range<u64>, String> {
    match offset.checked_add(size) {
        Some(end) if end <= before => Ok(offset..end),
        _ => Err(format!(
            "its directory is said to be {size} bytes at byte {offset}, beyond byte {before} where it ends"
        )),
    }
}

/// A member as the directory describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Central {
    /// Its name as it stands there.
    pub raw_name: Vec<u8>,
    /// Its name as text.
    pub name: String,
    /// Bit flags.
    pub flags: u16,
    /// Number of the compression method.
    pub method: u16,
    /// CRC-32 of the unpacked bytes.
    pub crc32: u32,
    /// Bytes in the file.
    pub packed: u64,
    /// Bytes once unpacked.
    pub size: u64,
    /// Where its local header is.
    pub offset: u64,
}

/// All records of the directory that `bytes` are.
///
/// # Errors
/// In words, if a record is cut short or is none, or if there are more or fewer than `end` says.
pub fn parse_directory(bytes: &[u8], end: &End) -> Result<Vec<Central>, String> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (record, len) = parse_central(rest)
            .map_err(|problem| format!("member {} of its directory: {problem}", records.len()))?;
        records.push(record);
        rest = rest.get(len..).unwrap_or_default();
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

/// The record that `bytes` begin with, and its length.
fn parse_central(bytes: &[u8]) -> Result<(Central, usize), String> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return Err("no directory record where one should be".to_string());
    }
    let cut = || "cut short".to_string();
    let short = |at| u16_at(bytes, at).ok_or_else(cut);
    let long = |at| u32_at(bytes, at).ok_or_else(cut);
    let lens = [short(28)?, short(30)?, short(32)?].map(usize::from);
    let name_end = CENTRAL_LEN + lens[0];
    let extra_end = name_end + lens[1];
    let raw_name = bytes.get(CENTRAL_LEN..name_end).ok_or_else(cut)?;
    let extra = bytes.get(name_end..extra_end).ok_or_else(cut)?;
    bytes.get(..extra_end + lens[2]).ok_or_else(cut)?;
    let flags = short(8)?;
    // ZIP64: a field of all ones stands in the extra field instead, in this order.
    let mut wide = extra_field(extra, 0x0001).unwrap_or_default();
    let mut widen = |narrow: u32| match narrow {
        u32::MAX if wide.len() >= 8 => {
            let value = u64_at(wide, 0).unwrap_or_default();
            wide = &wide[8..];
            value
        }
        narrow => u64::from(narrow),
    };
    let (size, packed, offset) = (widen(long(24)?), widen(long(20)?), widen(long(42)?));
    let record = Central {
        raw_name: raw_name.to_vec(),
        name: text(raw_name, flags, extra),
        flags,
        method: short(10)?,
        crc32: long(16)?,
        packed,
        size,
        offset,
    };
    Ok((record, extra_end + lens[2]))
}

/// The contents of the first extra field with this number.
fn extra_field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    while let (Some(id), Some(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(len);
        let contents = extra.get(4..end)?;
        if id == wanted {
            return Some(contents);
        }
        extra = &extra[end..];
    }
    None
}

/// A name as text: UTF-8 if its flag says so or an Info-ZIP Unicode field has it, else code page 437, as `zipfile` does.
/// A name ends at its first NUL.
fn text(raw: &[u8], flags: u16, extra: &[u8]) -> String {
    const UTF8: u16 = 1 << 11;
    let unicode =
        extra_field(extra, 0x7075).filter(|field| u32_at(field, 1) == Some(crc32fast::hash(raw)));
    let name = match unicode.and_then(|field| std::str::from_utf8(field.get(5..)?).ok()) {
        Some(name) if !name.is_empty() => name.to_string(),
        _ if flags & UTF8 != 0 => String::from_utf8_lossy(raw).into_owned(),
        _ => raw.iter().map(|byte| code_page_437(*byte)).collect(),
    };
    name.split('\0').next().unwrap_or_default().to_string()
}

fn code_page_437(byte: u8) -> char {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                         └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(upper) => UPPER.chars().nth(usize::from(upper)).unwrap_or('?'),
    }
}

/// How far behind the begin of a local header the data begins; `bytes` hold the header and its name.
///
/// # Errors
/// In words, if there is no local header, or if it is another member's.
pub fn local_len(bytes: &[u8], raw_name: &[u8]) -> Result<u64, String> {
    let lens = (u16_at(bytes, 26), u16_at(bytes, 28));
    let (true, (Some(name_len), Some(extra_len))) = (bytes.starts_with(b"PK\x03\x04"), lens) else {
        return Err("a directory that points to no member".to_string());
    };
    if bytes.get(LOCAL_LEN..LOCAL_LEN + usize::from(name_len)) != Some(raw_name) {
        return Err("a directory that points to a member of another name".to_string());
    }
    Ok((LOCAL_LEN + usize::from(name_len) + usize::from(extra_len)) as u64)
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

    fn exact(count: u64) -> End {
        End {
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
            parse_central(&central(raw, flags, [0; 3], false, extra))
                .unwrap()
                .0
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
    fn code_page_437_has_256_characters() {
        let all: std::collections::BTreeSet<char> = (0..=255).map(code_page_437).collect();
        assert_eq!(all.len(), 256);
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
            matches!(find_end(&end(50, 50), 100), Ok(Found::End(End { directory, .. })) if directory == (50..100))
        );
        for (size, offset) in [(51, 50), (u32::MAX, 1), (1, u32::MAX)] {
            assert!(
                find_end(&end(size, offset), 100).is_err(),
                "{size} {offset}"
            );
        }
        assert!(find_end(b"PK\x05\x06", 0).is_err());
        assert!(parse_end64(&[0; 56], 0).is_err());
    }

    proptest::proptest! {
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
