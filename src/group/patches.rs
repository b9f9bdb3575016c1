//! The column `object_patches`: of each member, the object where the probe was.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type};

use super::patch::{Object, cut};
use super::patterns::{Channels, append_channels_last};
use super::spec::Semantics;
use super::{Groups, coords};
use crate::array::{Column, RowSet};
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
    /// Where the patches of a scan come from, if it has any: member `Y` first, in PtychoPINN semantics the object only.
    ///
    /// # Errors
    /// If the member has not one patch a position, of the patterns' shape.
    pub fn of(scan: &Scan, semantics: Semantics) -> Result<Option<Self>> {
        let Some([height, width]) = scan.diffraction().map(Column::row_shape) else { return Ok(None) };
        if height != width {
            return Ok(None);
        }
        if semantics == Semantics::Native
            && let Some(patches) = scan.member_column(Role::ObjectPatches)?
        {
            check(scan, Role::ObjectPatches, &patches, |column| {
                column.num_rows() == scan.num_positions() && column.row_shape() == [*height, *width]
            })?;
            return Ok(Some(Self::Member(patches)));
        }
        let Some(object) = scan.member_column(Role::Object)? else { return Ok(None) };
        check(scan, Role::Object, &object, |column| column.row_shape().len() == 2)?;
        Ok(Some(Self::Object(object)))
    }
}

fn check(scan: &Scan, role: Role, column: &Column, fits: impl Fn(&Column) -> bool) -> Result<()> {
    if column.scalar().is_complex() && fits(column) {
        return Ok(());
    }
    let expected = match role {
        Role::Object => "one complex object (H, W)",
        _ => "complex patches (M, N, N), one a position, of the shape of the patterns",
    };
    Err(Error::BadMember {
        path: scan.npz().path().to_path_buf(),
        member: scan.layout().require(scan.npz(), role)?.to_string(),
        found: format!("{:?} of shape {:?} a row, {} rows", column.scalar(), column.row_shape(), column.num_rows()),
        expected: expected.to_string(),
        hint: "name another member with --role".to_string(),
    })
}

/// The patches of these groups: [C, N, N, 2] or [N, N, C, 2] each, real and imaginary part last.
pub fn column(groups: &Groups, rows: &RowSet<'_>) -> Result<Vec<f32>> {
    let Some(source) = &groups.inner.patches else { return Ok(Vec::new()) };
    let side = groups.scan().require_diffraction()?.row_shape()[0];
    let patch_len = side * side * 2;
    let mut out = Vec::with_capacity(rows.len() * groups.group_size() * patch_len);
    let mut scratch = Vec::new();
    let mut patch = vec![0.0; patch_len];
    let cutter = match source {
        PatchSource::Object(object) => Some(Cutter::new(groups, object)?),
        PatchSource::Member(_) => None,
    };
    for row in rows.iter() {
        scratch.clear();
        match (source, &cutter) {
            (PatchSource::Member(member), _) => {
                let data = member.data()?;
                let members = groups.index()?.members(row);
                members.iter().for_each(|point| data.extend_row_f32(*point as usize, &mut scratch));
            }
            (PatchSource::Object(_), Some(cutter)) => {
                for offset in coords::patch_offsets(groups, row)? {
                    cutter.cut(offset, side, &mut patch)?;
                    scratch.extend_from_slice(&patch);
                }
            }
            (PatchSource::Object(_), None) => unreachable!("made above"),
        }
        match groups.patterns().channels {
            Channels::First => out.extend_from_slice(&scratch),
            Channels::Last => append_channels_last(&scratch, groups.group_size(), 2, &mut out),
        }
    }
    Ok(out)
}

/// The object's pixels at hand: the map itself where it is aligned, else copied once.
struct Cutter {
    pixels: ArrayRef,
    shape: [usize; 2],
    scalar: Scalar,
}

impl Cutter {
    fn new(groups: &Groups, object: &Column) -> Result<Self> {
        let pixels = groups.inner.object.get_or_try_init(|| {
            if groups.scan().unit() != Unit::Pixels {
                return Err(Error::BadParameter {
                    parameter: "columns",
                    found: "object_patches of positions in metres".to_string(),
                    expected: "positions in pixels of the object".to_string(),
                    hint: "leave the column out, or convert the positions".to_string(),
                });
            }
            object.array(&RowSet::Range(0..1))
        })?;
        let shape = [object.row_shape()[0], object.row_shape()[1]];
        Ok(Self { pixels: pixels.as_fixed_size_list().values().clone(), shape, scalar: object.scalar() })
    }

    fn cut(&self, offset: [f64; 2], side: usize, patch: &mut [f32]) -> Result<()> {
        let [height, width] = self.shape;
        let failed = |e| Error::external("cannot cut object patches", e);
        let object = match self.scalar {
            Scalar::Complex64 => Object::complex64(self.pixels.as_primitive::<Float32Type>().values(), height, width),
            _ => Object::complex128(self.pixels.as_primitive::<Float64Type>().values(), height, width),
        };
        cut(&object.map_err(failed)?, offset, side, patch);
        debug_assert!(!self.pixels.is_empty() || patch.iter().all(|value| *value == 0.0));
        Ok(())
    }
}
