//! Inflates compressed members, each once: into private memory up to a budget, past it into a scratch file that has no
//! name and so vanishes with the process, however that ends.
//!
//! A member is inflated outside every lock, so that a progress listener may use the same file. Another thread that asks
//! for it meanwhile waits until it is there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use std::thread::ThreadId;

use bytes::Bytes;

use super::directory::DirectoryEntry;
use super::source::{FileSource, map_scratch};
use super::unpack::{self, Unpacked};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Names where a compressed member is inflated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflatesTo {
    /// The member goes to private memory.
    Memory,
    /// The member goes to a scratch file without a name, in the temporary folder.
    Scratch,
}

/// Inflates the members of one file and keeps them.
#[derive(Debug)]
pub(super) struct Inflater {
    /// The number of bytes that all members in memory may take together.
    budget: u64,
    progress: Progress,
    /// The members inflated so far, by index in the directory.
    finished: Vec<OnceLock<Inflated>>,
    state: Mutex<State>,
    /// Is notified when a thread is done with a member, whether it could inflate it or not.
    ended: Condvar,
}

#[derive(Debug)]
struct Inflated {
    bytes: Bytes,
    to: InflatesTo,
}

#[derive(Debug, Default)]
struct State {
    /// The bytes of the budget that members take, those that are being inflated included.
    used: u64,
    /// The members that are being inflated, by index in the directory.
    running: HashMap<usize, Running>,
}

#[derive(Debug)]
struct Running {
    to: InflatesTo,
    thread: ThreadId,
}

/// Says what a thread that asks for a member has to do.
enum Turn<'a> {
    /// The member is there.
    Finished(Bytes),
    /// This thread inflates the member and keeps it.
    Inflate(Job<'a>),
    /// This thread is inflating the member already: a progress listener asks for it.
    Nested,
}

/// Stands for a member that this thread inflates. Dropping it ends that, and wakes those who wait.
struct Job<'a> {
    inflater: &'a Inflater,
    index: usize,
    size: u64,
    to: InflatesTo,
}

impl Inflater {
    /// Creates an inflater for a directory of so many members; `budget` is in bytes.
    pub fn new(members: usize, budget: u64, progress: Progress) -> Self {
        Self {
            budget,
            progress,
            finished: std::iter::repeat_with(OnceLock::new)
                .take(members)
                .collect(),
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Returns where a member is, or would be if it were inflated next.
    pub fn destination(&self, index: usize, entry: &DirectoryEntry) -> InflatesTo {
        if let Some(inflated) = self.finished[index].get() {
            return inflated.to;
        }
        let state = self.state();
        match state.running.get(&index) {
            Some(running) => running.to,
            None => state.next_destination(entry.size, self.budget),
        }
    }

    /// Borrows the whole unpacked member if it is inflated already.
    pub fn finished(&self, index: usize) -> Option<&[u8]> {
        self.finished[index].get().map(|inflated| &*inflated.bytes)
    }

    /// Returns the whole unpacked member, NPY header included.
    ///
    /// # Errors
    /// If the member is damaged; if the temporary folder cannot hold it.
    pub fn get(&self, source: &FileSource, index: usize, entry: &DirectoryEntry) -> Result<Bytes> {
        let inflate = |to, progress: &Progress| {
            check_ratio(entry).map_err(|found| unpack::damaged(source, entry, found))?;
            match to {
                InflatesTo::Memory => to_memory(source, entry, progress),
                InflatesTo::Scratch => to_scratch(source, entry, progress),
            }
        };
        match self.turn(index, entry) {
            Turn::Finished(bytes) => Ok(bytes),
            Turn::Inflate(job) => Ok(job.finish(inflate(job.to, &self.progress)?)),
            // To a scratch file, for the budget is given out; and without a word, or the listener would not end.
            Turn::Nested => inflate(InflatesTo::Scratch, &Progress::default()),
        }
    }

    /// Waits while another thread inflates the member; begins to inflate it if it is not there then.
    fn turn(&self, index: usize, entry: &DirectoryEntry) -> Turn<'_> {
        let thread = std::thread::current().id();
        let mut state = self.state();
        loop {
            if let Some(inflated) = self.finished[index].get() {
                return Turn::Finished(inflated.bytes.clone());
            }
            match state.running.get(&index) {
                None => break,
                Some(running) if running.thread == thread => return Turn::Nested,
                Some(_) => {
                    state = self.ended.wait(state).unwrap_or_else(|e| e.into_inner());
                }
            }
        }
        let (size, to) = (entry.size, state.next_destination(entry.size, self.budget));
        if to == InflatesTo::Memory {
            state.used += size;
        }
        state.running.insert(index, Running { to, thread });
        Turn::Inflate(Job {
            inflater: self,
            index,
            size,
            to,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl State {
    fn next_destination(&self, size: u64, budget: u64) -> InflatesTo {
        if self.used.saturating_add(size) <= budget {
            InflatesTo::Memory
        } else {
            InflatesTo::Scratch
        }
    }
}

impl Job<'_> {
    /// Keeps the inflated member.
    fn finish(&self, bytes: Bytes) -> Bytes {
        let to = self.to;
        let inflated = || Inflated { bytes, to };
        let kept = self.inflater.finished[self.index].get_or_init(inflated);
        kept.bytes.clone()
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        let mut state = self.inflater.state();
        state.running.remove(&self.index);
        let failed = self.inflater.finished[self.index].get().is_none();
        if failed && self.to == InflatesTo::Memory {
            state.used -= self.size;
        }
        drop(state);
        self.inflater.ended.notify_all();
    }
}

fn to_memory(source: &FileSource, entry: &DirectoryEntry, progress: &Progress) -> Result<Bytes> {
    let mut unpacked = Memory {
        bytes: Vec::new(),
        size: usize::try_from(entry.size).unwrap_or(usize::MAX),
        full: false,
    };
    let packed = entry.data.end - entry.data.start;
    // What few packed bytes claim to become is set aside only as it comes.
    let likely = unpacked.size as u64;
    let likely = likely.min(packed.saturating_mul(LIKELY_RATIO)) as usize;
    let copied = match unpacked.reserve(likely) {
        Ok(()) => copy(source, entry, &mut unpacked, progress),
        Err(error) => Err(error),
    };
    match copied {
        Ok(()) => Ok(Bytes::from(unpacked.bytes)),
        Err(error) if unpacked.full => {
            let action = "hold a compressed member in memory";
            Err(Error::io(source.path(), action, error))
        }
        Err(error) => Err(unpack::error_of(source, entry, error)),
    }
}

/// The number of bytes for which memory is set aside at once, per packed byte: more than Deflate can make of it.
const LIKELY_RATIO: u64 = 1 << 11;

/// Writes to memory that grows with what is written, up to a size that is known.
struct Memory {
    bytes: Vec<u8>,
    size: usize,
    /// Whether no more memory could be had.
    full: bool,
}

impl Memory {
    fn reserve(&mut self, more: usize) -> io::Result<()> {
        self.bytes.try_reserve_exact(more).map_err(|error| {
            self.full = true;
            io::Error::other(error)
        })
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            let doubled = self.bytes.len().saturating_mul(2).min(self.size);
            let needed = doubled.saturating_sub(self.bytes.len());
            self.reserve(needed.max(bytes.len()))?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn to_scratch(source: &FileSource, entry: &DirectoryEntry, progress: &Progress) -> Result<Bytes> {
    let folder = std::env::temp_dir();
    let action = "write a scratch file for a compressed member into";
    let failed = |e| Error::io(&folder, action, e);
    if let Some(available) = free_bytes(&folder).filter(|available| *available < entry.size) {
        return Err(Error::ScratchFull {
            path: source.path().to_path_buf(),
            member: entry.name.clone(),
            needed: entry.size,
            folder,
            available,
        });
    }
    let mut file = tempfile::tempfile_in(&folder).map_err(failed)?;
    let mut out = Scratch {
        file: &mut file,
        error: None,
    };
    let copied = copy(source, entry, &mut out, progress);
    match (out.error.take(), copied) {
        (Some(error), _) => return Err(failed(error)),
        (None, copied) => copied.map_err(|e| unpack::error_of(source, entry, e))?,
    }
    if entry.size == 0 {
        return Ok(Bytes::new());
    }
    map_scratch(&file).map_err(failed)
}

fn copy(
    source: &FileSource,
    entry: &DirectoryEntry,
    out: &mut impl Write,
    progress: &Progress,
) -> io::Result<()> {
    let mut reader = Unpacked::new(source, entry);
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..read])?;
        done += read as u64;
        progress.bytes(&entry.name, done, entry.size);
    }
}

/// Writes a scratch file; keeps its own errors apart from those of the archive.
struct Scratch<'a> {
    file: &'a mut File,
    error: Option<io::Error>,
}

impl Write for Scratch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the number of bytes free to this user in a folder; `None` where the system does not tell.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(folder).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Refuses a directory that claims more than the packed bytes can become: it gets no memory.
fn check_ratio(entry: &DirectoryEntry) -> std::result::Result<(), String> {
    let packed = entry.data.end - entry.data.start;
    match entry.size > packed.saturating_mul(entry.method.max_ratio()) {
        true => Err(format!(
            "{packed} packed bytes that claim {} when inflated",
            entry.size
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
