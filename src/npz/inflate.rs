//! Deflated members: inflated once, into private memory, under a budget. The CRC is verified on the way.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::directory::{Directory, Entry};
use super::header;
use crate::error::{Error, Result};

/// The members inflated so far.
#[derive(Debug)]
pub struct Inflated {
    budget: u64,
    used: u64,
    members: HashMap<usize, Bytes>,
}

impl Inflated {
    /// Nothing inflated yet; `budget` in bytes for all members together.
    pub fn new(budget: u64) -> Self {
        Self { budget, used: 0, members: HashMap::new() }
    }

    /// The whole unpacked member, NPY header included.
    ///
    /// # Errors
    /// If it does not fit what is left of the budget, or if it is damaged.
    pub fn get(&mut self, path: &Path, directory: &Directory, index: usize, entry: &Entry) -> Result<Bytes> {
        if let Some(bytes) = self.members.get(&index) {
            return Ok(bytes.clone());
        }
        let needed = self.used.saturating_add(entry.size);
        if needed > self.budget {
            let member = entry.name.clone();
            return Err(Error::InflateBudget { path: path.to_path_buf(), member, needed, budget: self.budget });
        }
        let bytes = inflate(directory, index, entry).map_err(|found| Error::BadMember {
            path: path.to_path_buf(),
            member: entry.name.clone(),
            found,
            expected: format!("a deflated member of {} bytes", entry.size),
            hint: "the file is damaged: copy or save it again".to_string(),
        })?;
        self.used = needed;
        self.members.insert(index, bytes.clone());
        Ok(bytes)
    }
}

/// Deflate packs at most 1032 bytes into one: a directory that claims more is lying, and gets no memory for it.
const MAX_RATIO: u64 = 1032;

fn inflate(directory: &Directory, index: usize, entry: &Entry) -> std::result::Result<Bytes, String> {
    let packed = entry.data.end - entry.data.start;
    if entry.size > packed.saturating_mul(MAX_RATIO) {
        return Err(format!("{packed} packed bytes that claim {} when inflated", entry.size));
    }
    let mut unpacked = Vec::new();
    unpacked.try_reserve_exact(entry.size as usize).map_err(|e| e.to_string())?;
    let mut archive = directory.archive.clone();
    let reader = archive.by_index(index).map_err(|e| e.to_string())?;
    // One byte more than promised, so that a longer stream shows.
    reader.take(entry.size + 1).read_to_end(&mut unpacked).map_err(|e| e.to_string())?;
    if unpacked.len() as u64 != entry.size {
        return Err(format!("{} bytes or more", unpacked.len()));
    }
    Ok(Bytes::from(unpacked))
}

/// The NPY header of a deflated member, and little more.
pub fn head(directory: &Directory, index: usize) -> std::result::Result<Vec<u8>, String> {
    let mut archive = directory.archive.clone();
    let mut reader = archive.by_index(index).map_err(|e| e.to_string())?;
    let mut head = Vec::new();
    read_up_to(&mut reader, header::PREFIX_LEN, &mut head)?;
    let len = header::header_len(&head)?;
    read_up_to(&mut reader, len.saturating_sub(head.len()), &mut head)?;
    Ok(head)
}

fn read_up_to(reader: &mut impl Read, len: usize, into: &mut Vec<u8>) -> std::result::Result<(), String> {
    reader.take(len as u64).read_to_end(into).map(drop).map_err(|e| e.to_string())
}
