//! Tells what a file, or a member of an archive, is that is not what it should be.
//!
//! Little is read: the begin; where that tells nothing, places of a few bytes, or, of a file of zeros, samples. A file is
//! never unpacked but for the first bytes of a gzip stream.

mod pickle;
mod text;

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::header;
use super::source::FileSource;
use crate::error::{FileKind, Result};

/// The number of bytes at the begin of a file that are looked at.
pub(super) const START_LEN: u64 = 1 << 16;

/// The number of bytes at the begin of a member that are looked at.
pub(super) const MEMBER_START_LEN: usize = 1 << 10;

/// The number of bytes that are unpacked of a gzip stream: a tar archive has its mark in the first 512.
const INNER_LEN: u64 = 1 << 10;

/// The size up to which a file is read as a whole to tell that it is zeros.
const WHOLE_LEN: u64 = 4 << 20;

/// The places at which a larger file is looked at for anything but zeros, and the number of bytes at each.
const SAMPLES: u64 = 64;
const SAMPLE_LEN: u64 = 1 << 12;

/// The first bytes of formats that people pass by mistake.
const FORMATS: &[(&[u8], FileKind)] = &[
    (header::MAGIC, FileKind::Npy),
    (b"PK\x03\x04", FileKind::Zip),
    (b"PK\x05\x06", FileKind::Zip),
    (HDF5, FileKind::Hdf5),
    // An HDF5 file behind a text of 512 bytes.
    (b"MATLAB 7.3 MAT-file", FileKind::Mat73),
    (b"MATLAB 5.0 MAT-file", FileKind::Mat),
    (b"CDF\x01", FileKind::NetCdf),
    (b"CDF\x02", FileKind::NetCdf),
    (b"CDF\x05", FileKind::NetCdf),
    (b"ARROW1", FileKind::Arrow),
    (b"FEA1", FileKind::Arrow),
    // The begin of an Arrow IPC stream: the mark of a message.
    (b"\xff\xff\xff\xff", FileKind::Arrow),
    (b"PAR1", FileKind::Parquet),
    (b"BZh", FileKind::Bzip2),
    (b"\xfd7zXZ\0", FileKind::Xz),
    (b"LZIP", FileKind::Xz),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"\x04\x22\x4d\x18", FileKind::Lz4),
    (b"7z\xbc\xaf", FileKind::SevenZip),
    (b"Rar!\x1a\x07", FileKind::Rar),
    (b"II*\0", FileKind::Tiff),
    (b"MM\0*", FileKind::Tiff),
    (b"II+\0", FileKind::Tiff),
    (b"MM\0+", FileKind::Tiff),
    (b"\x89PNG", FileKind::Png),
    (b"\xff\xd8\xff", FileKind::Jpeg),
    (b"SIMPLE  =", FileKind::DetectorImage),
    (b"###CBF", FileKind::DetectorImage),
    (b"%PDF", FileKind::Pdf),
    (b"\0\x05\x16\x07", FileKind::AppleDouble),
];

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Tells what a file is that begins with `start`, its first [`START_LEN`] bytes.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn of_file(source: &FileSource, start: &[u8]) -> Result<FileKind> {
    let begins_with_zeros = !start.is_empty() && start.iter().all(|byte| *byte == 0);
    if begins_with_zeros && let Some(zeros) = zeros(source)? {
        return Ok(zeros);
    }
    match of_start(start, source.size()) {
        Some(kind) => Ok(kind),
        None if has_hdf5_behind_a_user_block(source)? => Ok(FileKind::Hdf5),
        None => Ok(FileKind::Unknown),
    }
}

/// Tells what `size` bytes are of which `start` are the first, if that can be told.
pub(super) fn of_start(start: &[u8], size: u64) -> Option<FileKind> {
    let known = FORMATS.iter().find(|(magic, _)| start.starts_with(magic));
    match known {
        _ if size == 0 => Some(FileKind::Empty),
        Some((_, kind)) => Some(*kind),
        None if start.starts_with(b"\x1f\x8b") => Some(inside_gzip(start)),
        None if is_mat(start) => Some(FileKind::Mat),
        None if is_tar(start) => Some(FileKind::Tar),
        None if pickle::is_pickle(start, size) => Some(FileKind::Pickle),
        None if size == start.len() as u64 && start.iter().all(|byte| *byte == 0) => {
            Some(FileKind::Zeros)
        }
        None => text::kind(start),
    }
}

/// Tells what a gzip stream is by the first bytes of what it holds.
fn inside_gzip(start: &[u8]) -> FileKind {
    let mut inner = Vec::new();
    // An error comes after the bytes that could be had.
    let _ = GzDecoder::new(start)
        .take(INNER_LEN)
        .read_to_end(&mut inner);
    match inner {
        inner if inner.starts_with(header::MAGIC) => FileKind::GzipNpy,
        inner if inner.starts_with(b"PK\x03\x04") => FileKind::GzipZip,
        inner if is_tar(&inner) => FileKind::GzipTar,
        _ => FileKind::Gzip,
    }
}

/// Returns whether a MATLAB 5 file begins here: behind a text of any content stand version and byte order.
fn is_mat(start: &[u8]) -> bool {
    let text = start.get(..116).unwrap_or_default();
    let is_text = |byte: &u8| (b' '..=b'~').contains(byte);
    let mark = start.get(124..128).unwrap_or_default();
    !text.is_empty() && text.iter().all(is_text) && matches!(mark, b"\0\x01IM" | b"\x01\0MI")
}

/// Returns whether a tar archive begins here: by its mark, or, in files older than that, by the sum of its first record.
fn is_tar(start: &[u8]) -> bool {
    let Some(record) = start.get(..512) else {
        return false;
    };
    if record[257..].starts_with(b"ustar") {
        return true;
    }
    let sum = |range: std::ops::Range<usize>| -> u32 {
        record[range].iter().map(|byte| u32::from(*byte)).sum()
    };
    // The sum is written in octal digits, and counts as spaces itself.
    let digits = record[148..156]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| char::from(*byte));
    let written = u32::from_str_radix(&digits.collect::<String>(), 8);
    record[0] != 0 && written == Ok(sum(0..148) + sum(156..512) + 8 * u32::from(b' '))
}

/// Returns whether an HDF5 file begins at 512 bytes or at a power of two beyond, behind a block of the user's.
fn has_hdf5_behind_a_user_block(source: &FileSource) -> Result<bool> {
    let mut at: u64 = 512;
    let mut mark = [0; HDF5.len()];
    while at.saturating_add(HDF5.len() as u64) <= source.size() {
        source.read_into(at, &mut mark)?;
        if mark == HDF5 {
            return Ok(true);
        }
        at = at.saturating_mul(2);
    }
    Ok(false)
}

/// Looks for anything but zeros: in all of a small file, in places of a large one.
fn zeros(source: &FileSource) -> Result<Option<FileKind>> {
    let size = source.size();
    let is_zero = |from: u64, len: u64| -> Result<bool> {
        let bytes = source.read(from..from.saturating_add(len).min(size))?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    };
    if size <= WHOLE_LEN {
        return Ok(is_zero(0, size)?.then_some(FileKind::Zeros));
    }
    let step = size / (SAMPLES + 1);
    for sample in 1..=SAMPLES {
        if !is_zero(sample * step, SAMPLE_LEN)? {
            return Ok(None);
        }
    }
    let has_zeros_at_its_end = is_zero(size - START_LEN, START_LEN)?;
    Ok(has_zeros_at_its_end.then_some(FileKind::ZerosInParts))
}

#[cfg(test)]
mod tests;
