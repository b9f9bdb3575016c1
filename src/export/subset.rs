//! An archive with some of its scan points: what counts scan points is cut, all else is copied.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::IfExists;
use super::align::Copy;
use super::target::Target;
use crate::array::{Column, RowData, RowSet, View};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::write::{self, NpzWriter};
use crate::npz::{ArrayInfo, NpzFile};

/// The member that says where a cleaned scan came from: a 0-d text, JSON.
pub const PROVENANCE_MEMBER: &str = "_ptychoarrow";

/// Which scan points to keep, and which members they are rows of.
#[derive(Debug, Clone, Default)]
pub struct SubsetOptions {
    /// What to do if the output is there.
    pub if_exists: IfExists,
    /// Scan points to keep, in the order in which they are written.
    pub points: Vec<usize>,
    /// Members that have one row a scan point, and the axis that counts them. All others are copied.
    pub axes: BTreeMap<String, usize>,
    /// A member to be added with the numbers of the points that were kept, for a file that numbers its frames nowhere.
    pub numbers: Option<String>,
    /// Where the file comes from, as JSON, for [`PROVENANCE_MEMBER`].
    pub provenance: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Subset {
    /// Scan points in the file.
    pub points: usize,
    /// Members in the file.
    pub members: usize,
    /// Its size in bytes; 0 for a device.
    pub bytes: u64,
    /// Members that could not be looked into and were copied whole, each with the reason.
    pub copied_unread: Vec<(String, String)>,
}

/// Rows that are read at once.
const BLOCK_BYTES: usize = 64 << 20;

/// Writes an archive with some of its scan points. dtype, byte order and axes of every member stay, data is aligned to 64
/// bytes; a member whose scan points do not run along its slowest axis is written in Fortran order, so that a pattern
/// is still one piece. Memory does not grow with the members; the same points of the same archive give the same bytes.
/// `progress` is called with the bytes done and in all. Returns `None` if the output was there and is to be left.
///
/// # Errors
/// If there are no points, or one lies beyond a member; as [`align`](super::align()).
pub fn subset(
    npz: &Arc<NpzFile>,
    path: &Path,
    options: &SubsetOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Subset>> {
    if options.points.is_empty() {
        return Err(Error::NothingSelected {
            path: npz.path().to_path_buf(),
            parameter: Parameter::Among,
        });
    }
    let Some(mut target) = Target::create(path, options.if_exists)? else {
        return Ok(None);
    };
    let total = npz
        .members()
        .iter()
        .map(|member| kept_bytes(member.size, &member.array, options))
        .sum();
    target.check_space(Some(total))?;
    let mut writer = NpzWriter::new(BufWriter::with_capacity(1 << 20, target.file()));
    let mut done = 0;
    let mut counted = |bytes: u64| {
        done += bytes;
        progress(done, total);
    };
    let mut subset = Subset {
        points: options.points.len(),
        ..Subset::default()
    };
    // One of an earlier cleaning is told in the new one.
    for member in npz
        .members()
        .iter()
        .filter(|member| member.name != PROVENANCE_MEMBER)
    {
        let mut copy = Copy {
            npz,
            member,
            path,
            out: &mut writer,
            counted: &mut counted,
        };
        match (&member.array, options.axes.get(&member.name)) {
            (Ok(info), Some(axis)) => Cut {
                npz,
                path,
                info,
                axis: *axis,
                options,
            }
            .write(&mut copy)?,
            (Ok(info), None) => copy.array(info, false)?,
            (Err(reason), _) => {
                copy.other()?;
                subset
                    .copied_unread
                    .push((member.name.clone(), reason.clone()));
            }
        }
        subset.members += 1;
    }
    subset.members += added(&mut writer, options).map_err(|e| Error::io(path, "write", e))?;
    npz.check_unchanged()?;
    writer
        .finish()
        .and_then(|mut out| out.flush())
        .map_err(|e| Error::io(path, "write", e))?;
    subset.bytes = target.commit()?;
    Ok(Some(subset))
}

/// Bytes of a member that are written.
fn kept_bytes(
    size: u64,
    array: &std::result::Result<ArrayInfo, String>,
    options: &SubsetOptions,
) -> u64 {
    match array {
        Ok(info) => match options
            .axes
            .get(&info.name)
            .and_then(|axis| info.shape.get(*axis))
        {
            Some(len) => {
                (u128::from(info.num_bytes) * options.points.len() as u128 / (*len).max(1) as u128)
                    as u64
            }
            None => size,
        },
        Err(_) => size,
    }
}

/// Numbers of the points, and provenance; how many members they are.
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

/// A member that has one row a scan point.
struct Cut<'a> {
    npz: &'a Arc<NpzFile>,
    path: &'a Path,
    info: &'a ArrayInfo,
    axis: usize,
    options: &'a SubsetOptions,
}

impl Cut<'_> {
    fn write<W: Write + std::io::Seek>(&self, copy: &mut Copy<'_, W>) -> Result<()> {
        let points = &self.options.points;
        let column = Column::open(
            self.npz,
            &self.info.name,
            &self.info.name,
            &View::along(self.axis),
        )?;
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
        let start = write::header(&self.info.dtype.descr, &shape, !is_first);
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

    /// A row in Fortran order. Its axes are those of the member but for the one of scan points, which, as the slowest, has
    /// to come last.
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
        // The place of each value in C order, counted up in Fortran order.
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
