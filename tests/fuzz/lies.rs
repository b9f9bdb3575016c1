//! The numbers that an archive is read by, found by the signatures of its records, and what they may be replaced by.
//! Shared by the fuzzer's mutator and by the replay in `tests/it/fuzz.rs`.

use std::ops::Range;

/// Signature of a record; place and width in bytes of each number in it; where its variable part begins, and the places
/// of the lengths of name and extra field, if it has them.
type Record = (
    &'static [u8],
    &'static [(usize, usize)],
    Option<(usize, usize, usize)>,
);

const RECORDS: &[Record] = &[
    // Local header: flags, method, CRC, packed, size, lengths of name and extra field.
    (
        b"PK\x03\x04",
        &[(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
        Some((30, 26, 28)),
    ),
    // Directory record: the same, length of the comment, disk, offset.
    (
        b"PK\x01\x02",
        &[
            (8, 2),
            (10, 2),
            (16, 4),
            (20, 4),
            (24, 4),
            (28, 2),
            (30, 2),
            (32, 2),
            (34, 2),
            (42, 4),
        ],
        Some((46, 28, 30)),
    ),
    // End record: disks, counts, size and offset of the directory, length of the comment.
    (
        b"PK\x05\x06",
        &[(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
        None,
    ),
    // ZIP64 end record: its size, disks, counts, size and offset of the directory.
    (
        b"PK\x06\x06",
        &[(4, 8), (16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8)],
        None,
    ),
    // Its locator: disk, offset, disks.
    (b"PK\x06\x07", &[(4, 4), (8, 8), (16, 4)], None),
    // Data descriptor: CRC, packed, size.
    (b"PK\x07\x08", &[(4, 4), (8, 4), (12, 4)], None),
    // NPY header: version, length in version 1, in the others.
    (b"\x93NUMPY", &[(6, 1), (8, 2), (8, 4)], None),
];

/// Where the numbers are, each at most 8 bytes wide.
pub fn fields(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for at in 0..bytes.len() {
        let Some((_, numbers, tail)) = RECORDS
            .iter()
            .find(|(signature, ..)| bytes[at..].starts_with(signature))
        else {
            continue;
        };
        found.extend(
            numbers
                .iter()
                .map(|(offset, width)| at + offset..at + offset + width),
        );
        if let Some((len, name, extra)) = tail {
            let length = |offset: &usize| get(bytes, &(at + offset..at + offset + 2)) as usize;
            extra_fields(bytes, at + len + length(name), length(extra), &mut found);
        }
    }
    found.retain(|field| field.end <= bytes.len());
    found
}

/// The numbers of an extra field: identifier, length, and the ZIP64 sizes and offset.
fn extra_fields(bytes: &[u8], start: usize, len: usize, found: &mut Vec<Range<usize>>) {
    let (mut at, end) = (start, start + len);
    while at + 4 <= end && end <= bytes.len() {
        let content = get(bytes, &(at + 2..at + 4)) as usize;
        found.extend([at..at + 2, at + 2..at + 4]);
        found.extend(
            (0..content / 8)
                .take(3)
                .map(|index| at + 4 + 8 * index..at + 12 + 8 * index),
        );
        at += 4 + content;
    }
}

/// The number there; 0 beyond the end.
pub fn get(bytes: &[u8], field: &Range<usize>) -> u64 {
    let bytes = bytes.get(field.clone()).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// Writes a number there, cut to its width.
pub fn set(bytes: &mut [u8], field: &Range<usize>, value: u64) {
    let width = field.len();
    bytes[field.clone()].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// Numbers that a parser may trip over, in the place of `honest` in a file of `len` bytes.
pub fn lies(honest: u64, len: u64) -> [u64; 16] {
    [
        0,
        1,
        8,
        honest.wrapping_sub(1),
        honest.wrapping_add(1),
        honest.wrapping_mul(2),
        honest ^ 0x8000,
        len,
        len.wrapping_sub(22),
        1 << 16,
        (1 << 31) - 1,
        (1 << 32) - 1,
        1 << 32,
        1 << 40,
        i64::MAX as u64,
        u64::MAX,
    ]
}
