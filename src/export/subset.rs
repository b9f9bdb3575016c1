//! Writes an archive with some of its scan points: members that count scan points are cut, all others are kept.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::align::Copy;
use super::target::Target;
use super::verify::{Expected, verify};
use super::{IfExists, span};
use crate::array::{Column, Marks, RowData, RowSet, View};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::write::NpzWriter;
use crate::npz::{ArrayInfo, Member, MemberProblem, NpzFile, header};
use crate::progress::Progress;

/// The member that says where a cleaned scan came from: a 0-d text that holds JSON.
pub const PROVENANCE_MEMBER: &str = "_ptychoarrow";

/// Holds the options of [`subset`]: which scan points are kept, and which members they are rows of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubsetOptions {
    /// What to do if the output exists. Default: an error.
    pub if_exists: IfExists,
    /// The scan points that are kept, in the order in which they are written.
    pub points: Vec<usize>,
    /// The members that have one row per scan point, each with the axis that counts them. All others are kept whole.
    pub axes: BTreeMap<String, usize>,
    /// The row of each scan point in members whose rows are not the scan points themselves.
    pub rows: BTreeMap<String, Arc<[usize]>>,
    /// The member whose bad values are written as 0, and which they are. Default: none.
    pub cleared: Option<(String, Arc<Marks>)>,
    /// A member that is added with the numbers of the scan points kept, for a file that does not number its frames.
    /// Default: none.
    pub numbers: Option<String>,
    /// Where the file comes from, as JSON, for [`PROVENANCE_MEMBER`].
    pub provenance: String,
    /// Receives the number of bytes written so far. Default: nobody listens.
    pub progress: Progress,
}

/// Describes an archive of some scan points that was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Subset {
    /// The number of scan points in the file.
    pub points: usize,
    /// The number of members in the file.
    pub members: usize,
    /// The size of the file in bytes; 0 for a pipe or a device.
    pub bytes: u64,
    /// The members that cannot be read as arrays and were copied whole, each with the reason.
    pub copied_unread: Vec<(String, String)>,
}

/// The bytes of rows that are read at once.
const BLOCK_BYTES: usize = 64 << 20;

/// Writes an archive with some of its scan points. Returns `None` if the output exists and is to be left as it is.
///
/// The dtype, the byte order and the axes of every member stay; data is aligned to 64 bytes. A member whose scan points
/// do not run along its slowest axis is written in Fortran order, so that a pattern is still contiguous. Memory does not
/// grow with the members. The same points of the same archive give the same bytes.
///
/// # Errors
/// If there are no points, or if one lies beyond a member; if a member is damaged (its CRC-32 is verified) or cannot be
/// unpacked; if the output exists, cannot be written, or does not fit the disk. Nothing is left behind then.
pub fn subset(npz: &Arc<NpzFile>, path: &Path, options: &SubsetOptions) -> Result<Option<Subset>> {
    if options.points.is_empty() {
        return Err(Error::NothingSelected {
            path: npz.path().to_path_buf(),
            parameter: Parameter::Among,
        });
    }
    let Some(mut target) = Target::rewriting(npz, path, options.if_exists)? else {
        return Ok(None);
    };
    let fates = npz.members().iter().map(|member| Fate::of(member, options));
    let fates: Vec<Fate<'_>> = fates.collect();
    let total = fates.iter().map(|fate| fate.bytes(options)).sum();
    target.check_space(Some(total))?;
    let span = span(path).entered();
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let task = path.display().to_string();
    let mut done = 0;
    let mut counted = |bytes: u64| {
        done += bytes;
        options.progress.bytes(&task, done, total);
    };
    let mut subset = Subset {
        points: options.points.len(),
        ..Subset::default()
    };
    for (member, fate) in npz.members().iter().zip(&fates) {
        let copy = Copy {
            npz,
            member,
            path,
            out: &mut writer,
            counted: &mut counted,
        };
        subset.members += usize::from(fate.carry_out(copy, options)?);
        if let Fate::CopyUnread { problem, .. } = fate {
            let unread = (member.name.clone(), problem.to_string());
            subset.copied_unread.push(unread);
        }
    }
    subset.members += added(&mut writer, options).map_err(|e| Error::io(path, "write", e))?;
    npz.check_unchanged()?;
    writer
        .finish()
        .and_then(|mut out| out.flush())
        .map_err(|e| Error::io(path, "write", e))?;
    options.progress.bytes(&task, total, total);
    if let Some(new) = target.to_verify() {
        verify(&new, path, expected(npz, options))?;
    }
    subset.bytes = target.commit()?;
    span.record("bytes", subset.bytes);
    Ok(Some(subset))
}

/// Returns what the new archive must hold.
fn expected<'a>(
    npz: &'a NpzFile,
    options: &'a SubsetOptions,
) -> impl Iterator<Item = Expected> + 'a {
    let kept = npz
        .members()
        .iter()
        .filter(|member| member.name != PROVENANCE_MEMBER)
        .map(|member| {
            let mut expected = Expected::of(member);
            let axis = options.axes.get(&member.name);
            if let (Some(shape), Some(axis)) = (&mut expected.shape, axis) {
                shape[*axis] = options.points.len();
            }
            expected
        });
    let numbers = options.numbers.iter().map(|name| Expected {
        name: name.clone(),
        shape: Some(vec![options.points.len()]),
    });
    let provenance = Expected {
        name: PROVENANCE_MEMBER.to_string(),
        shape: Some(Vec::new()),
    };
    kept.chain(numbers).chain([provenance])
}

/// Says what becomes of a member.
enum Fate<'a> {
    /// The rows of the scan points that are kept are written.
    Cut { info: &'a ArrayInfo, axis: usize },
    /// The whole array is written.
    Keep(&'a ArrayInfo),
    /// The member's bytes are copied: it cannot be read as an array.
    CopyUnread {
        size: u64,
        problem: &'a MemberProblem,
    },
    /// The member is left out: the provenance of an earlier call, which the new provenance repeats.
    Drop,
}

impl<'a> Fate<'a> {
    fn of(member: &'a Member, options: &SubsetOptions) -> Self {
        match &member.array {
            _ if member.name == PROVENANCE_MEMBER => Self::Drop,
            Ok(info) => match options.axes.get(&member.name) {
                Some(axis) => Self::Cut { info, axis: *axis },
                None => Self::Keep(info),
            },
            Err(problem) => Self::CopyUnread {
                size: member.size,
                problem,
            },
        }
    }

    /// Returns the number of bytes of data that are written.
    fn bytes(&self, options: &SubsetOptions) -> u64 {
        match self {
            Self::Cut { info, axis } => {
                let len = info.shape.get(*axis).copied().unwrap_or(1).max(1);
                let kept = u128::from(info.num_bytes) * options.points.len() as u128 / len as u128;
                u64::try_from(kept).unwrap_or(u64::MAX)
            }
            Self::Keep(info) => info.num_bytes,
            Self::CopyUnread { size, .. } => *size,
            Self::Drop => 0,
        }
    }

    /// Writes the member as its fate says; returns whether it is in the new archive.
    fn carry_out<W: Write + std::io::Seek>(
        &self,
        mut copy: Copy<'_, W>,
        options: &SubsetOptions,
    ) -> Result<bool> {
        match self {
            Self::Cut { info, axis } => Cut {
                npz: copy.npz,
                path: copy.path,
                info,
                axis: *axis,
                points: &options.points,
                rows: options.rows.get(&info.name).map(AsRef::as_ref),
                cleared: options
                    .cleared
                    .as_ref()
                    .filter(|(member, _)| *member == info.name)
                    .map(|(_, marks)| marks),
            }
            .write(&mut copy)?,
            Self::Keep(info) => copy.array(info, false)?,
            Self::CopyUnread { .. } => copy.other()?,
            Self::Drop => return Ok(false),
        }
        Ok(true)
    }
}

/// Writes the numbers of the scan points and the provenance; returns the number of these members.
fn added<W: Write + std::io::Seek>(
    out: &mut NpzWriter<W>,
    options: &SubsetOptions,
) -> std::io::Result<usize> {
    if let Some(name) = &options.numbers {
        out.begin(
            name,
            "<i8",
            &[options.points.len()],
            options.points.len() as u64 * 8,
        )?;
        options
            .points
            .iter()
            .try_for_each(|point| out.write_all(&(*point as i64).to_le_bytes()))?;
    }
    let text: Vec<u8> = options
        .provenance
        .chars()
        .flat_map(|letter| u32::from(letter).to_le_bytes())
        .collect();
    out.begin(
        PROVENANCE_MEMBER,
        &format!("<U{}", text.len() / 4),
        &[],
        text.len() as u64,
    )?;
    out.write_all(&text)?;
    Ok(1 + usize::from(options.numbers.is_some()))
}

/// Writes some rows of a member that has one row per scan point.
struct Cut<'a> {
    npz: &'a Arc<NpzFile>,
    path: &'a Path,
    info: &'a ArrayInfo,
    axis: usize,
    points: &'a [usize],
    /// The row of each scan point, if it is another one.
    rows: Option<&'a [usize]>,
    /// The values that are written as 0.
    cleared: Option<&'a Arc<Marks>>,
}

impl Cut<'_> {
    fn write<W: Write + std::io::Seek>(&self, copy: &mut Copy<'_, W>) -> Result<()> {
        let row = |point: &usize| match self.rows {
            Some(rows) => rows.get(*point).copied().unwrap_or(usize::MAX),
            None => *point,
        };
        let points: Vec<usize> = self.points.iter().map(row).collect();
        let column = Column::open(
            self.npz,
            &self.info.name,
            &self.info.name,
            &View::along(self.axis),
        )?;
        let column = match self.cleared {
            Some(marks) => column.with_marks(Arc::clone(marks)),
            None => column,
        };
        if let Some(point) = points.iter().find(|point| **point >= column.num_rows()) {
            return Err(Error::BadMember {
                path: self.path.to_path_buf(),
                member: self.info.name.clone(),
                found: format!("{} rows", column.num_rows()),
                expected: format!("one for scan point {point}"),
                remedies: vec![Remedy::Check],
            });
        }
        let mut shape = self.info.shape.clone();
        shape[self.axis] = points.len();
        let is_first = self.info.shape[..self.axis].iter().all(|len| *len == 1);
        let start = header::format(&self.info.dtype.descr, &shape, !is_first);
        copy.begin(&start, (points.len() * column.row_bytes()) as u64)?;
        let step = (BLOCK_BYTES / column.row_bytes().max(1)).max(1);
        let mut reversed = Vec::new();
        for block in points.chunks(step) {
            let rows = column.rows(&RowSet::List(block))?;
            for place in 0..rows.len() {
                let bytes = if is_first {
                    rows.row(place)
                } else {
                    self.reversed(&rows, place, &column, &mut reversed)
                };
                copy.write(bytes, 1)?;
            }
        }
        Ok(())
    }

    /// Copies a row into `out` in Fortran order. Its axes are those of the member without the one of scan points, which
    /// is the slowest and so the last.
    fn reversed<'r>(
        &self,
        rows: &RowData<'_>,
        place: usize,
        column: &Column,
        out: &'r mut Vec<u8>,
    ) -> &'r [u8] {
        let size = self.info.dtype.scalar.num_bytes();
        let shape = column.row_shape();
        out.clear();
        // The index of each value, counted up in Fortran order.
        let mut index = vec![0; shape.len()];
        for _ in 0..column.row_len() {
            let at = index
                .iter()
                .zip(shape)
                .fold(0, |at, (index, len)| at * len + index);
            out.extend_from_slice(&rows.row(place)[at * size..(at + 1) * size]);
            for (index, len) in index.iter_mut().zip(shape) {
                *index += 1;
                if *index < *len {
                    break;
                }
                *index = 0;
            }
        }
        out
    }
}
