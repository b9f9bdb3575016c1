//! The column `object_patches`: of each member, the object where the probe was.

use arrow::array::AsArray;
use arrow::datatypes::{Float32Type, Float64Type};

use super::patch::{Object, cut};
use super::patterns::{Channels, append, append_channels_last, members};
use super::spec::Semantics;
use super::{Groups, coords};
use crate::array::{Column, RowData, RowSet};
use crate::error::{Error, Result};
use crate::npz::Scalar;
use crate::scan::Scan;
use crate::scan::layout::{Role, Unit};

/// Where patches come from.
#[derive(Debug, Clone)]
pub enum PatchSource {
    /// Member `Y`: one a scan point.
    Member(Column),
    /// Cut from the object.
    Object(Column),
}

impl PatchSource {
    /// Where the patches of a scan come from, if it has any: a member with one a position first; else the object, if it
    /// is one layer and the positions are its pixels. In PtychoPINN semantics the object only.
    ///
    /// # Errors
    /// If those members cannot be columns.
    pub fn of(scan: &Scan, semantics: Semantics) -> Result<Option<Self>> {
        let Some([height, width]) = scan.diffraction().map(Column::row_shape) else {
            return Ok(None);
        };
        if height != width {
            return Ok(None);
        }
        let patches = scan
            .member_column(Role::ObjectPatches)?
            .filter(|_| semantics == Semantics::Native);
        if let Some(patches) = patches
            && patches.num_rows() == scan.num_positions()
            && patches.row_shape() == [*height, *width]
        {
            return Ok(Some(Self::Member(patches)));
        }
        let object = scan
            .member_column(Role::Object)?
            .filter(|_| scan.unit() == Unit::Pixels);
        Ok(object
            .filter(|object| object.num_rows() == 1 && object.row_shape().len() == 2)
            .map(Self::Object))
    }
}

/// The patches of these groups: [C, N, N, 2] or [N, N, C, 2] each, real and imaginary part last.
pub fn column(groups: &Groups, rows: &RowSet<'_>) -> Result<Vec<f32>> {
    let Some(source) = &groups.inner.patches else {
        return Ok(Vec::new());
    };
    let points = members(groups, rows)?;
    let patches = source.open(groups, &points)?;
    let side = groups.scan().require_diffraction()?.row_shape()[0];
    let patch_len = side * side * 2;
    let mut out = Vec::with_capacity(rows.len() * groups.group_size() * patch_len);
    let mut scratch = Vec::new();
    for (group, row) in rows.iter().enumerate() {
        scratch.clear();
        match &patches {
            Patches::Member(data) => append(data, group, groups.group_size(), &mut scratch),
            Patches::Object(object) => {
                let offsets = coords::patch_offsets(groups, row)?;
                scratch.resize(offsets.len() * patch_len, 0.0);
                let slots = scratch.chunks_exact_mut(patch_len.max(1));
                slots
                    .zip(offsets)
                    .for_each(|(patch, offset)| cut(object, offset, side, patch));
            }
        }
        match groups.patterns().channels {
            Channels::First => out.extend_from_slice(&scratch),
            Channels::Last => append_channels_last(&scratch, groups.group_size(), 2, &mut out),
        }
    }
    Ok(out)
}

/// A source at hand: made once a batch, shared by all its groups.
enum Patches<'a> {
    Member(RowData<'a>),
    Object(Object<'a>),
}

impl PatchSource {
    /// The data: a member's rows for these scan points, or the object's pixels; those are the map itself where it is aligned, else copied once.
    fn open<'a>(&'a self, groups: &'a Groups, points: &'a [usize]) -> Result<Patches<'a>> {
        let column = match self {
            Self::Member(column) => {
                return Ok(Patches::Member(column.rows(&RowSet::List(points))?));
            }
            Self::Object(column) => column,
        };
        let object = groups
            .inner
            .object
            .get_or_try_init(|| column.array(&RowSet::Range(0..1)))?;
        let (pixels, shape) = (object.as_fixed_size_list().values(), column.row_shape());
        let object = match column.scalar() {
            Scalar::Complex64 => Object::complex64(
                pixels.as_primitive::<Float32Type>().values(),
                shape[0],
                shape[1],
            ),
            _ => Object::complex128(
                pixels.as_primitive::<Float64Type>().values(),
                shape[0],
                shape[1],
            ),
        };
        object
            .map(Patches::Object)
            .map_err(|e| Error::external("cannot cut object patches", e))
    }
}
