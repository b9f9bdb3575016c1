//! Builds the column `object_patches`: for each member, the part of the object that the probe illuminated.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type};

use super::channels::move_last;
use super::coords::{self, Source};
use crate::array::{Column, Numbers, RowSet};
use crate::error::{Error, Parameter, Result};
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

/// Returns why patches cannot be read, where they would be the member `Y` or come from the object.
pub fn unreadable_object(scan: &Scan, semantics: Semantics) -> Option<Error> {
    let patches = match semantics {
        Semantics::Native => scan.unreadable(Role::ObjectPatches),
        _ => None,
    };
    let has_patches = semantics == Semantics::Native && scan.member(Role::ObjectPatches).is_some();
    patches.or_else(|| scan.unreadable(Role::Object).filter(|_| !has_patches))
}

impl PatchSource {
    /// Returns where the patches of a scan come from, if it has any: the member `Y` with one patch of the
    /// patterns' shape per position; else the object, if it has one layer and the positions are in its
    /// pixels. PtychoPINN always cuts from the object. Patterns must be square.
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
        if unreadable_object(scan, semantics).is_some() {
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

    /// Returns the patches of these scan points, or the object; the object's pixels are those of the map
    /// where it is aligned, else they are copied once.
    fn open<'a>(&'a self, points: &'a [usize]) -> Result<Patches<'a>> {
        let (column, pixels) = match self {
            Self::Member(column) => {
                return Ok(Patches::Member(column.numbers(&RowSet::List(points))?));
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
    Member(Numbers<'a>),
    Object(Object<'a>),
}

/// Says how the patches of groups are put together.
#[derive(Debug)]
pub struct Cutter<'a> {
    /// The scan.
    pub scan: &'a Scan,
    /// The grouping rules.
    pub semantics: Semantics,
    /// The number of members per group, C.
    pub group_size: usize,
    /// The side of a patch in pixels, N.
    pub side: usize,
    /// The place of the axis of members.
    pub channels: Channels,
}

impl Cutter<'_> {
    /// Returns the patches of groups with these members: (C, N, N, 2) or (N, N, C, 2) per group, real and imaginary
    /// part last.
    ///
    /// # Errors
    /// If the patches, the object or the positions cannot be read; if the memory cannot be had.
    pub fn patches(&self, source: &PatchSource, points: &[usize]) -> Result<Vec<f32>> {
        let patches = source.open(points)?;
        let group_len = self.group_size * self.side * self.side * 2;
        let len = (points.len() / self.group_size.max(1)) as u128 * group_len as u128;
        let purpose = "the object patches of a batch";
        let mut out = memory::filled(0.0, len, purpose, Parameter::BatchBytes)?;
        let mut scratch = vec![0.0; group_len];
        for (group, out) in out.chunks_exact_mut(group_len.max(1)).enumerate() {
            let slots = group * self.group_size..(group + 1) * self.group_size;
            match self.channels {
                Channels::First => self.fill(&patches, slots, points, out)?,
                Channels::Last => {
                    self.fill(&patches, slots, points, &mut scratch)?;
                    move_last::<2>(&scratch, self.group_size, out);
                }
            }
        }
        Ok(out)
    }

    /// Fills a group's patches, slot after slot; `slots` are the places of its members among all.
    fn fill(
        &self,
        patches: &Patches<'_>,
        slots: Range<usize>,
        points: &[usize],
        out: &mut [f32],
    ) -> Result<()> {
        let patch_len = (self.side * self.side * 2).max(1);
        let images = out.chunks_exact_mut(patch_len);
        match patches {
            Patches::Member(data) => {
                images
                    .zip(slots)
                    .for_each(|(out, place)| data.fill_f32(place, out));
            }
            Patches::Object(object) => {
                let centres = self.centres(&points[slots])?;
                images
                    .zip(centres)
                    .for_each(|(out, centre)| cut(object, centre, self.side, out));
            }
        }
        Ok(())
    }

    /// Returns (x, y) at which the patches of a group are cut.
    fn centres(&self, members: &[usize]) -> Result<Vec<[f64; 2]>> {
        let members: Vec<u32> = members.iter().map(|member| *member as u32).collect();
        let rounding = coords::rounding(self.scan, self.semantics, Source::Corrected);
        let positions = self.scan.positions()?;
        Ok(coords::patch_centres(
            positions,
            &members,
            self.semantics,
            rounding,
        ))
    }
}
