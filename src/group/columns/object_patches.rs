//! Builds the column `object_patches`: for each member, the part of the object that the probe illuminated.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::channels::move_last;
use super::coords::{self, Source};
use crate::array::{Column, Numbers, RowSet};
use crate::error::{Error, NoObjectPatches, Parameter, Result};
use crate::group::once::Once;
use crate::group::options::Channels;
use crate::group::patch::{Object, cut};
use crate::group::spec::Semantics;
use crate::memory;
use crate::npz::Scalar;
use crate::scan::layout::Role;
use crate::scan::{Coverage, ObjectGrid, Scan};

/// Says where patches come from.
#[derive(Debug, Clone)]
pub enum PatchSource {
    /// The member `Y`, which holds one patch per scan point.
    Member(Column),
    /// The object, from which they are cut.
    Object {
        /// The member that holds it.
        column: Column,
        /// Its numbers, real and imaginary parts in turn, read when they are first needed.
        pixels: Arc<Once<ArrayRef>>,
        /// Whether they are cast to f32 before anything else, as the bridge of PtychoPINN does.
        is_single: bool,
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

/// Names why there are no patches.
#[derive(Debug, Clone)]
pub enum NoPatches {
    /// No member fills this role.
    Missing(Role),
    /// Nothing is missing.
    Reason(NoObjectPatches),
}

impl NoPatches {
    /// Returns the error of whoever asks for patches.
    pub fn error(&self, scan: &Scan) -> Error {
        match self {
            Self::Missing(role) => scan.missing(*role),
            Self::Reason(reason) => scan.no_object_patches(reason.clone()),
        }
    }
}

impl PatchSource {
    /// Returns where the patches of a scan come from: the member `Y` with one patch of the patterns' shape per
    /// position; else the object, if it has one layer and positions have places on it. PtychoPINN always cuts
    /// from the object. Patterns must be square.
    ///
    /// # Errors
    /// If the members cannot be columns. If there are no patches, the value says why.
    pub fn of(scan: &Scan, semantics: Semantics) -> Result<Result<Self, NoPatches>> {
        let Some([height, width]) = scan.diffraction().map(Column::row_shape) else {
            return Ok(Err(NoPatches::Missing(Role::Diffraction)));
        };
        if unreadable_object(scan, semantics).is_some() {
            return Ok(Err(NoPatches::Missing(Role::Object)));
        }
        let none = |reason| Ok(Err(NoPatches::Reason(reason)));
        let fits = |patches: &Column| {
            let is_square = height == width && patches.row_shape() == [*height, *width];
            is_square && patches.num_rows() == scan.num_positions()
        };
        let member = scan
            .member_column(Role::ObjectPatches)?
            .filter(|patches| semantics == Semantics::Native && fits(patches));
        if let Some(patches) = member {
            return Ok(Ok(Self::Member(patches)));
        }
        let Some(column) = scan.member_column(Role::Object)? else {
            return Ok(Err(NoPatches::Missing(Role::Object)));
        };
        if height != width {
            let shape = [*height, *width];
            return none(NoObjectPatches::NotSquare { shape });
        }
        if column.num_rows() != 1 || column.row_shape().len() != 2 {
            return none(NoObjectPatches::SeveralLayers {
                member: column.member().to_string(),
                layers: column.num_rows(),
            });
        }
        if let Some(reason) = scan.without_object_grid() {
            return none(reason);
        }
        Ok(Ok(Self::Object {
            is_single: semantics == Semantics::Ptychopinn,
            column,
            pixels: Arc::default(),
        }))
    }

    /// Returns the patches of these scan points, or the object; the object's pixels are those of the map
    /// where it is aligned, else they are copied once.
    fn open<'a>(&'a self, scan: &Scan, points: &'a [usize]) -> Result<Patches<'a>> {
        let (column, pixels) = match self {
            Self::Member(column) => {
                let data = column.numbers(&RowSet::List(points))?;
                return Ok(Patches::Member { column, data });
            }
            Self::Object {
                column,
                pixels,
                is_single,
            } => {
                let numbers = || numbers_of_object(column, *is_single);
                (column, pixels.get_or_try_init(numbers)?)
            }
        };
        let grid = scan.object_grid()?;
        let (height, width) = (column.row_shape()[0], column.row_shape()[1]);
        let object = match pixels.as_primitive_opt::<Float32Type>() {
            Some(pixels) => Object::complex64(pixels.values(), height, width),
            None => {
                let pixels = pixels.as_primitive::<Float64Type>().values();
                Object::complex128(pixels, height, width)
            }
        };
        let object = object.map_err(|e| Error::external("cannot cut object patches", e))?;
        Ok(Patches::Object {
            column,
            object,
            grid,
        })
    }

    /// Returns the height and width of the object that patches are cut from; `None` for the member `Y`.
    pub fn object_shape(&self) -> Option<[usize; 2]> {
        match self {
            Self::Member(_) => None,
            Self::Object { column, .. } => column.row_shape().try_into().ok(),
        }
    }

    /// Returns whether an object was read, and so patches cut.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Object { pixels, .. } if pixels.get().is_some())
    }
}

/// Holds a source that is ready to be read: made once per batch, shared by all its groups.
enum Patches<'a> {
    /// One patch per scan point.
    Member {
        column: &'a Column,
        data: Numbers<'a>,
    },
    /// The object that patches are cut from.
    Object {
        column: &'a Column,
        object: Object<'a>,
        grid: ObjectGrid,
    },
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
    /// In native semantics [`Error::PatchOffObject`] if most of a patch lies beside the object; [`Error::BeyondFloat32`] if f32 cannot hold a
    /// value; if the patches, the object or the positions cannot be read; if the memory cannot be had.
    pub fn patches(&self, source: &PatchSource, points: &[usize]) -> Result<Vec<f32>> {
        let patches = source.open(self.scan, points)?;
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
            Patches::Member { column, data } => images.zip(slots).try_for_each(|(out, place)| {
                data.fill_f32(place, out);
                self.check_member(column, points[place], out)
            }),
            Patches::Object {
                column,
                object,
                grid,
            } => {
                let members = &points[slots];
                let places = self.centres(members)?.into_iter().map(|at| grid.place(at));
                let coverage = self.coverage(object.shape().into());
                let cuts = images.zip(members.iter().zip(places));
                cuts.into_iter().try_for_each(|(out, (point, at))| {
                    if self.semantics == Semantics::Native && coverage.is_off(at) {
                        return Err(self.off_object(coverage, *point, at));
                    }
                    cut(object, at, self.side, out);
                    self.check_object(column, object, at, out)
                })
            }
        }
    }

    fn coverage(&self, object: [usize; 2]) -> Coverage {
        let patch = [self.side; 2];
        Coverage { object, patch }
    }

    /// Checks that some patch of these groups touches the object. By the rules of PtychoPINN a patch may lie beside
    /// it, but if all do, the positions are no places on it.
    ///
    /// # Errors
    /// [`Error::PatchOffObject`] if there is none; if the positions or the object's grid cannot be read.
    pub fn check_some<'a>(
        &self,
        source: &PatchSource,
        groups: impl Iterator<Item = &'a [u32]>,
    ) -> Result<()> {
        let Some(object) = source.object_shape() else {
            return Ok(());
        };
        let (coverage, grid) = (self.coverage(object), self.scan.object_grid()?);
        let mut first = None;
        for members in groups {
            for (point, at) in members.iter().zip(self.centres_of(members)?) {
                let at = grid.place(at);
                if coverage.pixels_on(at) > 0 {
                    return Ok(());
                }
                first.get_or_insert((*point as usize, at));
            }
        }
        match first {
            None => Ok(()),
            Some((point, at)) => Err(self.off_object(coverage, point, at)),
        }
    }

    fn off_object(&self, coverage: Coverage, scan_point: usize, at: [f64; 2]) -> Error {
        Error::PatchOffObject {
            path: self.scan.npz().path().to_path_buf(),
            scan_point,
            at,
            object: coverage.object,
            pixels_on: coverage.pixels_on(at),
            pixels: coverage.pixels(),
        }
    }

    /// Checks that no value of a stored patch became infinite on the way to f32.
    fn check_member(&self, column: &Column, scan_point: usize, out: &[f32]) -> Result<()> {
        if column.scalar() == Scalar::Complex64 || out.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        let stored = column.numbers(&RowSet::Range(scan_point..scan_point + 1))?;
        match first_beyond(&stored.to_f64()) {
            None => Ok(()),
            Some((pixel, value)) => Err(Error::BeyondFloat32 {
                path: column.npz().path().to_path_buf(),
                member: column.member().to_string(),
                index: vec![pixel / self.side, pixel % self.side],
                row: Some(scan_point),
                value,
            }),
        }
    }

    /// Checks that no pixel of the object became infinite on the way to f32.
    fn check_object(
        &self,
        column: &Column,
        object: &Object<'_>,
        at: [f64; 2],
        out: &[f32],
    ) -> Result<()> {
        let Some(pixels) = object
            .double()
            .filter(|_| out.iter().any(|value| !value.is_finite()))
        else {
            return Ok(());
        };
        let (height, width) = object.shape();
        // The pixels that a patch is made of, those next to it included.
        let rows = |centre: f64, len: usize| {
            let first = (centre - (self.side / 2) as f64 - 1.0).max(0.0) as usize;
            first.min(len)..(first + self.side + 3).min(len)
        };
        for row in rows(at[1], height) {
            let columns = rows(at[0], width);
            let part = &pixels[2 * (row * width + columns.start)..2 * (row * width + columns.end)];
            if let Some((pixel, value)) = first_beyond(part) {
                return Err(Error::BeyondFloat32 {
                    path: column.npz().path().to_path_buf(),
                    member: column.member().to_string(),
                    index: vec![row, columns.start + pixel],
                    row: None,
                    value,
                });
            }
        }
        Ok(())
    }

    /// Returns how many of the patches of these groups lie in part beside an object of this height and width, and the
    /// scan point of the first of them.
    ///
    /// # Errors
    /// If the positions cannot be read.
    pub fn partly_off<'a>(
        &self,
        object: [usize; 2],
        grid: &ObjectGrid,
        groups: impl Iterator<Item = &'a [u32]>,
    ) -> Result<Option<(usize, u32)>> {
        let coverage = self.coverage(object);
        let mut found = None;
        for members in groups {
            for (point, at) in members.iter().zip(self.centres_of(members)?) {
                if coverage.pixels_on(grid.place(at)) < coverage.pixels() {
                    found.get_or_insert((0, *point)).0 += 1;
                }
            }
        }
        Ok(found)
    }

    /// Returns (x, y) at which the patches of a group are cut, as positions are stored.
    fn centres(&self, members: &[usize]) -> Result<Vec<[f64; 2]>> {
        let members: Vec<u32> = members.iter().map(|member| *member as u32).collect();
        self.centres_of(&members)
    }

    fn centres_of(&self, members: &[u32]) -> Result<Vec<[f64; 2]>> {
        let rounding = coords::rounding(self.scan, self.semantics, Source::Corrected);
        let positions = self.scan.positions()?;
        Ok(coords::patch_centres(
            positions,
            members,
            self.semantics,
            rounding,
        ))
    }
}

/// Reads the numbers of the object, real and imaginary parts in turn; as f32 if `is_single`.
///
/// # Errors
/// If they cannot be read; [`Error::BeyondFloat32`] for the first pixel that f32 then cannot hold.
fn numbers_of_object(column: &Column, is_single: bool) -> Result<ArrayRef> {
    let row = column.array(&RowSet::Range(0..1))?;
    let numbers = Arc::clone(row.as_fixed_size_list().values());
    let Some(double) = numbers
        .as_primitive_opt::<Float64Type>()
        .filter(|_| is_single)
    else {
        return Ok(numbers);
    };
    if let Some((pixel, value)) = first_beyond(double.values()) {
        let width = column.row_shape()[1];
        return Err(Error::BeyondFloat32 {
            path: column.npz().path().to_path_buf(),
            member: column.member().to_string(),
            index: vec![pixel / width, pixel % width],
            row: None,
            value,
        });
    }
    Ok(cast(&numbers, &DataType::Float32)?)
}

/// Returns the first of complex pixels with a finite part that f32 cannot hold: its place and that part.
fn first_beyond(values: &[f64]) -> Option<(usize, f64)> {
    let is_beyond = |value: &f64| value.is_finite() && (*value as f32).is_infinite();
    let at = values.iter().position(is_beyond)?;
    Some((at / 2, values[at]))
}
