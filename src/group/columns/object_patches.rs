//! Builds the column `object_patches`: for each member, the part of the object that the probe illuminated.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type};

use super::channels::move_last;
use super::coords::{self, Source};
use crate::array::{Column, RowData, RowSet};
use crate::error::{Error, Parameter, Result};
use crate::group::groups::Groups;
use crate::group::once::Once;
use crate::group::options::Channels;
use crate::group::patch::{Object, cut};
use crate::group::spec::Semantics;
use crate::memory;
use crate::npz::Scalar;
use crate::scan::Scan;
use crate::scan::layout::{Role, Unit};

/// Says where patches come from.
#[derive(Debug, Clone)]
pub enum PatchSource {
    /// The member `Y`, which holds one patch per scan point.
    Member(Column),
    /// The object, from which they are cut.
    Object {
        /// The member that holds it.
        column: Column,
        /// Its pixels as one row, read when they are first needed.
        pixels: Arc<Once<ArrayRef>>,
    },
}

impl PatchSource {
    /// Returns where the patches of a scan come from, if it has any: the member `Y` with one patch of the patterns'
    /// shape per position; else the object, if it has one layer and the positions are in its pixels. PtychoPINN
    /// always cuts from the object. Patterns must be square.
    ///
    /// # Errors
    /// If the members cannot be columns.
    pub fn of(scan: &Scan, semantics: Semantics) -> Result<Option<Self>> {
        let Some([height, width]) = scan.diffraction().map(Column::row_shape) else {
            return Ok(None);
        };
        if height != width {
            return Ok(None);
        }
        let fits = |patches: &Column| {
            patches.num_rows() == scan.num_positions() && patches.row_shape() == [*height, *width]
        };
        let member = scan
            .member_column(Role::ObjectPatches)?
            .filter(|patches| semantics == Semantics::Native && fits(patches));
        if let Some(patches) = member {
            return Ok(Some(Self::Member(patches)));
        }
        let is_one_layer =
            |object: &Column| object.num_rows() == 1 && object.row_shape().len() == 2;
        let object = scan
            .member_column(Role::Object)?
            .filter(|object| scan.unit() == Unit::Pixels && is_one_layer(object));
        Ok(object.map(|column| Self::Object {
            column,
            pixels: Arc::default(),
        }))
    }

    /// Returns the patches of these scan points, or the object; the object's pixels are those of the map where it is
    /// aligned, else they are copied once.
    fn open<'a>(&'a self, points: &'a [usize]) -> Result<Patches<'a>> {
        let (column, pixels) = match self {
            Self::Member(column) => {
                return Ok(Patches::Member(column.rows(&RowSet::List(points))?));
            }
            Self::Object { column, pixels } => (column, pixels),
        };
        let array = pixels.get_or_try_init(|| column.array(&RowSet::Range(0..1)))?;
        let pixels = array.as_fixed_size_list().values();
        let (height, width) = (column.row_shape()[0], column.row_shape()[1]);
        let object = match column.scalar() {
            Scalar::Complex64 => {
                let pixels = pixels.as_primitive::<Float32Type>().values();
                Object::complex64(pixels, height, width)
            }
            _ => {
                let pixels = pixels.as_primitive::<Float64Type>().values();
                Object::complex128(pixels, height, width)
            }
        };
        object
            .map(Patches::Object)
            .map_err(|e| Error::external("cannot cut object patches", e))
    }
}

/// Holds a source that is ready to be read: made once per batch, shared by all its groups.
enum Patches<'a> {
    Member(RowData<'a>),
    Object(Object<'a>),
}

/// Returns the patches of these groups: (C, N, N, 2) or (N, N, C, 2) each, real and imaginary part last.
pub fn patches(groups: &Groups, source: &PatchSource, rows: &RowSet<'_>) -> Result<Vec<f32>> {
    let points = groups.members_of(rows)?;
    let patches = source.open(&points)?;
    let (size, side) = (groups.group_size(), patch_side(groups)?);
    let group_len = size * side * side * 2;
    let len = rows.len() as u128 * group_len as u128;
    let mut out = memory::filled(
        0.0,
        len,
        "the object patches of a batch",
        Parameter::BatchBytes,
    )?;
    let mut scratch = vec![0.0; group_len];
    for (group, out) in out.chunks_exact_mut(group_len.max(1)).enumerate() {
        let members = &points[group * size..(group + 1) * size];
        match groups.patterns().channels {
            Channels::First => fill_group(groups, &patches, group, members, out)?,
            Channels::Last => {
                fill_group(groups, &patches, group, members, &mut scratch)?;
                move_last::<2>(&scratch, size, out);
            }
        }
    }
    Ok(out)
}

/// Returns N, the side of a patch: that of a pattern.
fn patch_side(groups: &Groups) -> Result<usize> {
    Ok(groups.scan().require_diffraction()?.row_shape()[0])
}

/// Fills a group's patches, slot after slot.
fn fill_group(
    groups: &Groups,
    patches: &Patches<'_>,
    group: usize,
    members: &[usize],
    out: &mut [f32],
) -> Result<()> {
    let patch_len = (out.len() / members.len().max(1)).max(1);
    let slots = out.chunks_exact_mut(patch_len).enumerate();
    match patches {
        Patches::Member(data) => {
            slots.for_each(|(slot, out)| data.fill_f32(group * members.len() + slot, out));
        }
        Patches::Object(object) => {
            let (scan, semantics) = (groups.scan(), groups.spec().semantics);
            let rounding = coords::rounding(scan, semantics, Source::Corrected);
            let members: Vec<u32> = members.iter().map(|member| *member as u32).collect();
            let centres = coords::patch_centres(scan.positions()?, &members, semantics, rounding);
            let side = patch_side(groups)?;
            slots.for_each(|(slot, out)| cut(object, centres[slot], side, out));
        }
    }
    Ok(())
}
