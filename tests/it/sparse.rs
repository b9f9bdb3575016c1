//! Writes scans of any size that take no space on the disk; for tests and benchmarks.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Returns an NPY file: a header as NumPy writes it, padded to 64 bytes, and the data.
pub fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|len| format!("{len}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let mut dict = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': ({shape}), }}");
    while !(10 + dict.len() + 1).is_multiple_of(64) {
        dict.push(' ');
    }
    dict.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dict.len() as u16).to_le_bytes());
    bytes.extend(dict.bytes());
    bytes.extend(data);
    bytes
}

/// Returns the little-endian bytes of f64 values.
pub fn f8(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Returns the CRC-32 of bytes followed by a number of zeros, in time that grows with the logarithm of that
/// number.
fn crc_with_zeros(bytes: &[u8], zeros: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(bytes);
    let mut power = crc32fast::Hasher::new();
    power.update(&[0]);
    let mut left = zeros;
    while left > 0 {
        if left & 1 == 1 {
            crc.combine(&power);
        }
        let twice = power.clone();
        power.combine(&twice);
        left >>= 1;
    }
    crc.finalize()
}

/// Writes a stored NPZ whose `diff3d` is `patterns` x 256 x 256 f4 zeros that take no space on the disk.
pub fn sparse(path: &Path, patterns: u64) {
    let len = patterns as usize;
    let positions: Vec<f64> = (0..len).map(|i| i as f64).collect();
    let mut file = std::fs::File::create(path).unwrap();
    let mut directory = Vec::new();
    let members = [
        (
            "xcoords.npy",
            npy("'<f8'", false, &[len], &f8(&positions)),
            0,
        ),
        (
            "ycoords.npy",
            npy("'<f8'", false, &[len], &f8(&positions)),
            0,
        ),
        (
            "diff3d.npy",
            npy("'<f4'", false, &[len, 256, 256], &[]),
            patterns * 256 * 256 * 4,
        ),
    ];
    for (name, bytes, hole) in &members {
        let offset = file.stream_position().unwrap();
        let size = bytes.len() as u64 + hole;
        let crc = crc_with_zeros(bytes, *hole);
        // Sizes and offset in ZIP64 extra fields.
        let entry = |signature: &[u8], central: bool| {
            let mut out = signature.to_vec();
            if central {
                out.extend([45, 0]);
            }
            out.extend([45, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
            out.extend(crc.to_le_bytes());
            out.extend([0xff; 8]);
            out.extend((name.len() as u16).to_le_bytes());
            out.extend((if central { 28u16 } else { 20 }).to_le_bytes());
            if central {
                out.extend([0; 10]);
                out.extend([0xff; 4]);
            }
            out.extend(name.bytes());
            out.extend([1, 0, if central { 24 } else { 16 }, 0]);
            out.extend(size.to_le_bytes());
            out.extend(size.to_le_bytes());
            if central {
                out.extend(offset.to_le_bytes());
            }
            out
        };
        file.write_all(&entry(b"PK\x03\x04", false)).unwrap();
        directory.extend(entry(b"PK\x01\x02", true));
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Current(*hole as i64)).unwrap();
    }
    let start = file.stream_position().unwrap();
    file.write_all(&directory).unwrap();
    let end = file.stream_position().unwrap();
    let count = members.len() as u64;
    let mut tail = b"PK\x06\x06".to_vec();
    tail.extend(44u64.to_le_bytes());
    tail.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, end - start, start] {
        tail.extend(value.to_le_bytes());
    }
    tail.extend(b"PK\x06\x07\0\0\0\0");
    tail.extend(end.to_le_bytes());
    tail.extend([1, 0, 0, 0]);
    tail.extend(b"PK\x05\x06\0\0\0\0");
    tail.extend([0xff; 12]);
    tail.extend([0, 0]);
    file.write_all(&tail).unwrap();
}
