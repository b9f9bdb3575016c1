//! Rewrites an archive so that it can be mapped: members stored, data at multiples of 64 bytes, in C order.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::target::Target;
use super::verify::{Expected, verify};
use super::{IfExists, span};
use crate::array::{Access, Column, RowSet, View};
use crate::error::{Error, Result};
use crate::npz::write::NpzWriter;
use crate::npz::{ArrayInfo, Member, NpzFile, header};
use crate::progress::Progress;

/// Holds the options of [`align`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct AlignOptions {
    /// What to do if the output exists. Default: an error.
    pub if_exists: IfExists,
    /// The byte order in which numbers are written. Default: that of the archive.
    pub byte_order: ByteOrder,
    /// Receives the number of bytes written so far. Default: nobody listens.
    pub progress: Progress,
}

impl AlignOptions {
    /// Sets what to do if the output exists.
    pub fn with_if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// Sets the byte order in which numbers are written.
    pub fn with_byte_order(mut self, byte_order: ByteOrder) -> Self {
        self.byte_order = byte_order;
        self
    }

    /// Sets what receives the progress.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// Names the byte order in which [`align`] writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ByteOrder {
    /// The byte order of the archive; dtypes stay as they are.
    #[default]
    Keep,
    /// Little-endian, so that all numbers can be mapped; the dtypes of big-endian members change, their values do not.
    Little,
}

/// Describes an aligned archive that was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Aligned {
    /// The number of members in the file.
    pub members: usize,
    /// The size of the file in bytes; 0 for a pipe or a device.
    pub bytes: u64,
    /// The members that still cannot be mapped, each with the reason.
    pub not_mapped: Vec<(String, String)>,
}

/// Rewrites all members of an archive in their order. Returns `None` if the output exists and is to be left as it is.
///
/// NumPy reads the same keys, dtypes, shapes and values from the new archive. Members that are not arrays, or that this
/// crate does not read, keep their bytes. Memory does not grow with the members. The same archive gives the same bytes.
/// The output may be the archive itself ([`IfExists::Replace`]): it is replaced once the new file has been read back.
///
/// # Errors
/// If a member is damaged (its CRC-32 is verified) or cannot be unpacked; if the output exists, cannot be written, or
/// does not fit the disk. Nothing is left behind then.
pub fn align(npz: &Arc<NpzFile>, path: &Path, options: &AlignOptions) -> Result<Option<Aligned>> {
    let Some(mut target) = Target::rewriting(npz, path, options.if_exists)? else {
        return Ok(None);
    };
    let total = npz.members().iter().map(|member| member.size).sum();
    target.check_space(Some(total))?;
    let span = span(path).entered();
    let task = path.display().to_string();
    let to_little_endian = options.byte_order == ByteOrder::Little;
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let mut done = 0;
    let mut aligned = Aligned {
        members: npz.members().len(),
        ..Aligned::default()
    };
    for member in npz.members() {
        let mut counted = |bytes: u64| {
            done += bytes;
            options.progress.bytes(&task, done, total);
        };
        let mut copy = Copy {
            npz,
            member,
            path,
            out: &mut writer,
            counted: &mut counted,
        };
        match &member.array {
            Ok(info) => copy.array(info, to_little_endian)?,
            Err(_) => copy.other()?,
        }
        let reason = match &member.array {
            Ok(info) => stays_copied(info, to_little_endian),
            Err(problem) => Some(problem.to_string()),
        };
        aligned
            .not_mapped
            .extend(reason.map(|reason| (member.name.clone(), reason)));
    }
    npz.check_unchanged()?;
    writer
        .finish()
        .and_then(|mut out| out.flush())
        .map_err(|e| Error::io(path, "write", e))?;
    options.progress.bytes(&task, total, total);
    if let Some(new) = target.to_verify() {
        let expected = npz.members().iter().map(Expected::of);
        verify(&new, path, expected)?;
    }
    aligned.bytes = target.commit()?;
    span.record("bytes", aligned.bytes);
    Ok(Some(aligned))
}

/// Returns why a member will be copied even when it is aligned; `None` if it can be mapped.
fn stays_copied(info: &ArrayInfo, to_little_endian: bool) -> Option<String> {
    let mut info = info.clone();
    info.byte_offset = Some(0);
    info.fortran_order = false;
    info.dtype.big_endian &= !to_little_endian;
    match Access::once_stored(&info) {
        Access::Copied { reason } => Some(reason),
        _ => None,
    }
}

/// Copies one member of an archive into another.
pub struct Copy<'a, W: Write + io::Seek> {
    pub npz: &'a Arc<NpzFile>,
    pub member: &'a Member,
    pub path: &'a Path,
    pub out: &'a mut NpzWriter<W>,
    pub counted: &'a mut dyn FnMut(u64),
}

/// The bytes of rows that are put into C order at once: the more, the fewer passes over the member.
const BLOCK_BYTES: usize = 64 << 20;

impl<W: Write + io::Seek> Copy<'_, W> {
    /// Copies an array: in C order, with its numbers in the byte order asked for.
    pub fn array(&mut self, info: &ArrayInfo, to_little_endian: bool) -> Result<()> {
        let swap = info.dtype.big_endian && to_little_endian;
        let descr = if swap {
            info.dtype.descr.replace('>', "<")
        } else {
            info.dtype.descr.clone()
        };
        let start = header::format(&descr, &info.shape, false);
        self.begin(&start, info.num_bytes)?;
        let unit = if swap {
            info.dtype.scalar.unit_bytes()
        } else {
            1
        };
        let several_axes = info.shape.iter().filter(|len| **len != 1).count() > 1;
        if info.fortran_order && several_axes && info.num_bytes > 0 {
            // The rows are taken from all over the member: see first that it is whole.
            self.read_to_end(&mut self.npz.raw(&info.name)?)?;
            self.transposed(info, unit)
        } else {
            let mut member = self.npz.raw(&info.name)?;
            self.skip(&mut member, info.header_bytes)?;
            self.copy(&mut member, info.num_bytes, unit)?;
            self.read_to_end(&mut member)
        }
    }

    fn transposed(&mut self, info: &ArrayInfo, unit: usize) -> Result<()> {
        let column = Column::open(self.npz, &info.name, &info.name, &View::along(0))?;
        let step = (BLOCK_BYTES / column.row_bytes().max(1)).max(1);
        for start in (0..column.num_rows()).step_by(step) {
            let rows = column.rows(&RowSet::Range(start..(start + step).min(column.num_rows())))?;
            let mut written = Ok(());
            rows.for_each_run(|bytes| {
                if written.is_ok() {
                    written = self.write(bytes, unit);
                }
            });
            written?;
        }
        Ok(())
    }

    /// Copies the bytes of a member that is not an array, or not one that this crate reads.
    pub fn other(&mut self) -> Result<()> {
        let mut member = self.npz.raw(&self.member.name)?;
        self.begin(&[], self.member.size)?;
        self.copy(&mut member, self.member.size, 1)?;
        self.read_to_end(&mut member)
    }

    /// Begins the member, with the bytes that come before its data.
    pub fn begin(&mut self, start: &[u8], num_bytes: u64) -> Result<()> {
        let file_name = self.npz.file_name(&self.member.name)?;
        self.out
            .begin_file(file_name, start, num_bytes)
            .map_err(|e| Error::io(self.path, "write", e))
    }

    fn copy(&mut self, member: &mut impl Read, num_bytes: u64, unit: usize) -> Result<()> {
        // A multiple of every unit, so that no number is cut.
        let mut buffer = vec![0; 1 << 20];
        let mut left = num_bytes;
        while left > 0 {
            let len = left.min(buffer.len() as u64) as usize;
            member
                .read_exact(&mut buffer[..len])
                .map_err(|e| self.damaged(e))?;
            self.write(&buffer[..len], unit)?;
            left -= len as u64;
        }
        Ok(())
    }

    /// Writes data; the bytes of each unit are reversed, if there are several.
    pub fn write(&mut self, bytes: &[u8], unit: usize) -> Result<()> {
        let written = if unit == 1 {
            self.out.write_all(bytes)
        } else {
            let mut swapped = bytes.to_vec();
            swapped.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
            self.out.write_all(&swapped)
        };
        (self.counted)(bytes.len() as u64);
        written.map_err(|e| Error::io(self.path, "write", e))
    }

    fn skip(&mut self, member: &mut impl Read, num_bytes: u64) -> Result<()> {
        io::copy(&mut member.take(num_bytes), &mut io::sink())
            .map(drop)
            .map_err(|e| self.damaged(e))
    }

    /// Reads the rest of a member: only at its end does a member show that it is complete.
    fn read_to_end(&mut self, member: &mut impl Read) -> Result<()> {
        io::copy(member, &mut io::sink())
            .map(drop)
            .map_err(|e| self.damaged(e))
    }

    fn damaged(&self, error: io::Error) -> Error {
        self.npz.unpacking(&self.member.name, error)
    }
}
