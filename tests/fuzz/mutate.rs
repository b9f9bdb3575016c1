//! Mutations that leave more of an archive intact than flipped bytes do.

#[path = "lies.rs"]
mod lies;

use std::io::{Cursor, Read, Write};

use libfuzzer_sys::fuzzer_mutate;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Most bytes of a member that is packed again.
const MEMBER_BYTES: u64 = 1 << 16;

/// Mutates an archive of `size` bytes in place; returns its new size.
pub fn archive(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let choice = seed as usize / 4;
    match seed % 4 {
        0 => lie(&mut data[..size], choice).map_or_else(|| fuzzer_mutate(data, size, max_size), |()| size),
        1 | 2 => match rewrite(&data[..size], max_size, choice) {
            Some(bytes) => {
                data[..bytes.len()].copy_from_slice(&bytes);
                bytes.len()
            }
            None => fuzzer_mutate(data, size, max_size),
        },
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// Replaces one number of its records.
fn lie(bytes: &mut [u8], choice: usize) -> Option<()> {
    let fields = lies::fields(bytes);
    let field = fields.get(choice.checked_rem(fields.len())?)?;
    let lies = lies::lies(lies::get(bytes, field), bytes.len() as u64);
    lies::set(bytes, field, lies[choice / fields.len() % lies.len()]);
    Some(())
}

/// Mutates one member unpacked, and packs all of them again: sizes, offsets and CRCs are right. Nothing if it cannot be
/// read as an archive, or does not fit.
fn rewrite(bytes: &[u8], max_size: usize, choice: usize) -> Option<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let chosen = choice.checked_rem(archive.len())?;
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let member = archive.by_index(index).ok()?;
        let (name, method) = (member.name().ok()?.to_string(), member.compression());
        let mut unpacked = Vec::new();
        member.take(MEMBER_BYTES).read_to_end(&mut unpacked).ok()?;
        if index == chosen {
            mutate_member(&mut unpacked);
        }
        let method = if index == chosen && choice.is_multiple_of(7) { other(method) } else { method };
        writer.start_file(name, SimpleFileOptions::default().compression_method(method)).ok()?;
        writer.write_all(&unpacked).ok()?;
    }
    let bytes = writer.finish().ok()?.into_inner();
    (bytes.len() <= max_size).then_some(bytes)
}

fn other(method: CompressionMethod) -> CompressionMethod {
    if method == CompressionMethod::Stored { CompressionMethod::Deflated } else { CompressionMethod::Stored }
}

fn mutate_member(bytes: &mut Vec<u8>) {
    let size = bytes.len();
    bytes.resize(size + 64, 0);
    let len = bytes.len();
    let size = fuzzer_mutate(bytes, size, len);
    bytes.truncate(size);
}
