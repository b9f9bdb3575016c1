//! An archive rewritten so that it maps: members stored, data at multiples of 64 bytes, C order.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::IfExists;
use super::target::Target;
use crate::array::{Access, Column, RowSet, View};
use crate::error::{Error, Result};
use crate::npz::write::{self, NpzWriter};
use crate::npz::{ArrayInfo, Member, NpzFile};

/// How to align.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlignOptions {
    /// What to do if the output is there.
    pub if_exists: IfExists,
    /// Whether big-endian members become little-endian, so that they map too: the values stay, the dtype changes.
    pub to_little_endian: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Aligned {
    /// Members in the file.
    pub members: usize,
    /// Its size in bytes; 0 for a device.
    pub bytes: u64,
    /// Members that do not map, each with the reason.
    pub not_mapped: Vec<(String, String)>,
}

/// Rewrites all members of an archive in their order. NumPy reads the same keys, dtypes, shapes and values; members that
/// are no arrays, or that we do not read, keep their bytes. Memory does not grow with the members; the same archive gives
/// the same bytes. `progress` is called with the bytes done and in all. Returns `None` if the output was there and is to
/// be left.
///
/// # Errors
/// If a member is damaged (its CRC-32 is verified) or cannot be unpacked; as [`super::write()`]. Nothing is left behind
/// then.
pub fn align(
    npz: &Arc<NpzFile>,
    path: &Path,
    options: &AlignOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Aligned>> {
    let Some(mut target) = Target::create(path, options.if_exists)? else {
        return Ok(None);
    };
    let total = npz.members().iter().map(|member| member.size).sum();
    target.check_space(Some(total))?;
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let mut done = 0;
    let mut aligned = Aligned {
        members: npz.members().len(),
        ..Aligned::default()
    };
    for member in npz.members() {
        let mut counted = |bytes: u64| {
            done += bytes;
            progress(done, total);
        };
        let mut copy = Copy {
            npz,
            member,
            path,
            out: &mut writer,
            counted: &mut counted,
        };
        match &member.array {
            Ok(info) => copy.array(info, options.to_little_endian)?,
            Err(_) => copy.other()?,
        }
        let reason = match &member.array {
            Ok(info) => stays_copied(info, options.to_little_endian),
            Err(reason) => Some(reason.clone()),
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
    aligned.bytes = target.commit()?;
    Ok(Some(aligned))
}

/// Why a member will be copied even when it is aligned.
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

/// One member on its way.
pub struct Copy<'a, W: Write + io::Seek> {
    pub npz: &'a Arc<NpzFile>,
    pub member: &'a Member,
    pub path: &'a Path,
    pub out: &'a mut NpzWriter<W>,
    pub counted: &'a mut dyn FnMut(u64),
}

/// Rows that are put into C order at once: the more, the fewer passes over the member.
const BLOCK_BYTES: usize = 64 << 20;

impl<W: Write + io::Seek> Copy<'_, W> {
    pub fn array(&mut self, info: &ArrayInfo, to_little_endian: bool) -> Result<()> {
        let swap = info.dtype.big_endian && to_little_endian;
        let descr = if swap {
            info.dtype.descr.replace('>', "<")
        } else {
            info.dtype.descr.clone()
        };
        let start = write::header(&descr, &info.shape, false);
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
            rows.for_each_row(|bytes| {
                if written.is_ok() {
                    written = self.write(bytes, unit);
                }
            });
            written?;
        }
        Ok(())
    }

    /// A member that is no array, or none that we read: the same bytes.
    pub fn other(&mut self) -> Result<()> {
        let mut member = self.npz.raw(&self.member.name)?;
        self.begin(&[], self.member.size)?;
        self.copy(&mut member, self.member.size, 1)?;
        self.read_to_end(&mut member)
    }

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

    /// Only at its end does a member show that it is whole.
    fn read_to_end(&mut self, member: &mut impl Read) -> Result<()> {
        io::copy(member, &mut io::sink())
            .map(drop)
            .map_err(|e| self.damaged(e))
    }

    fn damaged(&self, error: io::Error) -> Error {
        self.npz.unpacking(&self.member.name, error)
    }
}
