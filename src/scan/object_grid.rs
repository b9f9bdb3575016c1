//! Where positions lie on the object: from stored numbers to pixels of the object.

use super::layout::{Note, Role, suspicious_unit};
use super::{Positions, Scan};
use crate::array::RowSet;
use crate::error::{Error, NoObjectPatches, Parameter, Remedy, Result};

/// Maps positions as they are stored to places on the object, in pixels: (0, 0) is the middle of its first pixel, x
/// counts columns and y counts rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ObjectGrid {
    /// Positions are this many pixels per stored unit.
    Pixels(f64),
    /// Positions are lengths.
    Lengths {
        /// The number of metres per stored unit.
        metres: f64,
        /// The width and the height of a pixel of the object, in metres.
        pixel: [f64; 2],
        /// Where in metres the middle of the object is, and the middle's x and y in pixels; without it position 0 is
        /// the first pixel.
        centre: Option<[[f64; 2]; 2]>,
    },
}

impl ObjectGrid {
    /// Returns where a position lies on the object, as `[x, y]` in pixels.
    ///
    /// In lengths, x is (x - centre) / (pixel width) + (number of columns) / 2, as ptychodus has it.
    pub fn place(&self, at: [f64; 2]) -> [f64; 2] {
        match self {
            // Products would turn -0 into 0 and nothing else, but need not be trusted to.
            Self::Pixels(1.0) => at,
            Self::Pixels(pixels) => at.map(|value| value * pixels),
            Self::Lengths {
                metres,
                pixel,
                centre,
            } => {
                let [centre, middle] = centre.unwrap_or_default();
                let place =
                    |axis: usize| (at[axis] * metres - centre[axis]) / pixel[axis] + middle[axis];
                [place(0), place(1)]
            }
        }
    }

    /// Returns whether the object's origin had to be assumed, because the file has no centre of it.
    pub fn is_origin_assumed(&self) -> bool {
        matches!(self, Self::Lengths { centre: None, .. })
    }
}

/// The part of a pixel by which a patch may reach beyond the object without a word: positions are rounded to f32.
const TOLERANCE: f64 = 1e-3;

/// Tells how much of a patch lies on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// The height and width of the object, in pixels.
    pub object: [usize; 2],
    /// The height and width of a patch, in pixels.
    pub patch: [usize; 2],
}

impl Coverage {
    /// Returns the number of pixels of the patch around `[x, y]` that lie between pixels of the object, so that no
    /// zero from outside is mixed in.
    pub fn pixels_on(&self, [x, y]: [f64; 2]) -> usize {
        let on = |place: f64, patch: usize, object: usize| {
            if !place.is_finite() {
                return 0;
            }
            let first = place - (patch / 2) as f64;
            let (start, end) = (-TOLERANCE - first, object as f64 - 1.0 + TOLERANCE - first);
            let count = end.floor().min(patch as f64 - 1.0) - start.ceil().max(0.0) + 1.0;
            // A count below 0 becomes 0.
            count as usize
        };
        on(y, self.patch[0], self.object[0]) * on(x, self.patch[1], self.object[1])
    }

    /// Returns the number of pixels of a patch.
    pub fn pixels(&self) -> usize {
        self.patch[0] * self.patch[1]
    }

    /// Returns whether most of the patch around `[x, y]` lies beside the object.
    pub fn is_off(&self, at: [f64; 2]) -> bool {
        2 * self.pixels_on(at) < self.pixels()
    }
}

impl Scan {
    /// Returns how positions become places on the object; reads the object's pixel size and centre if they are needed.
    ///
    /// # Errors
    /// [`Error::NoObjectPatches`] if unit and pixel size do not tell; if the members that hold them cannot be read, or
    /// hold no lengths.
    pub(crate) fn object_grid(&self) -> Result<ObjectGrid> {
        if let Some(reason) = self.without_object_grid() {
            return Err(self.no_object_patches(reason));
        }
        let unit = self.unit();
        let (Some(metres), Some(pixel)) = (unit.metres(), self.pixel_shape_m()?) else {
            return Ok(ObjectGrid::Pixels(unit.pixels().unwrap_or(1.0)));
        };
        for (size, role) in pixel.into_iter().zip([Role::PixelSize, Role::PixelHeight]) {
            if !(size.is_normal() && size > 0.0) {
                return Err(self.no_length(role, size, "a size of pixels above 0, in metres"));
            }
        }
        let centre = self.object_centre_m()?.zip(self.object_shape()?);
        Ok(ObjectGrid::Lengths {
            metres,
            pixel,
            centre: centre.map(|(centre, [rows, columns])| {
                [centre, [columns, rows].map(|len| len as f64 / 2.0)]
            }),
        })
    }

    /// Returns why positions have no places on the object, as far as headers tell.
    pub(crate) fn without_object_grid(&self) -> Option<NoObjectPatches> {
        let unit = self.unit();
        let has_size =
            self.layout_options().pixel_size_m.is_some() || self.member(Role::PixelSize).is_some();
        match (unit.pixels(), unit.metres()) {
            (Some(_), _) => None,
            (None, None) => Some(NoObjectPatches::UnitWithoutSize {
                unit: unit.to_string(),
            }),
            (None, Some(_)) => (!has_size).then(|| NoObjectPatches::NoPixelSize {
                unit: unit.to_string(),
            }),
        }
    }

    /// Creates the error that says why there are no object patches.
    pub(crate) fn no_object_patches(&self, reason: NoObjectPatches) -> Error {
        let path = self.npz().path().to_path_buf();
        Error::NoObjectPatches { path, reason }
    }

    /// Returns the height and width of the object in pixels, if there is one.
    pub(crate) fn object_shape(&self) -> Result<Option<[usize; 2]>> {
        let object = self.member_column(Role::Object)?;
        Ok(object.and_then(|object| object.row_shape().try_into().ok()))
    }

    /// Returns the width and height of a pixel of the object in metres, if the options or the file say so; without a
    /// height of its own a pixel is square.
    fn pixel_shape_m(&self) -> Result<Option<[f64; 2]>> {
        if let Some(size) = self.layout_options().pixel_size_m {
            return Ok(Some([size; 2]));
        }
        let Some(width) = self.pixel_size_m()? else {
            return Ok(None);
        };
        let height = self.number(Role::PixelHeight)?;
        Ok(Some([width, height.unwrap_or(width)]))
    }

    /// Returns the x and y of the object's middle in metres, if the file says so.
    fn object_centre_m(&self) -> Result<Option<[f64; 2]>> {
        let (x, y) = (
            self.number(Role::ObjectCenterX)?,
            self.number(Role::ObjectCenterY)?,
        );
        for (value, role) in [(x, Role::ObjectCenterX), (y, Role::ObjectCenterY)] {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return Err(self.no_length(role, value, "a finite number of metres"));
            }
        }
        Ok(x.zip(y).map(|(x, y)| [x, y]))
    }

    /// Reads the member of a role that is a single number.
    pub(super) fn number(&self, role: Role) -> Result<Option<f64>> {
        let Some(column) = self.member_column(role)? else {
            return Ok(None);
        };
        let numbers = column.numbers(&RowSet::Range(0..1))?.to_f64();
        Ok(numbers.first().copied())
    }

    fn no_length(&self, role: Role, found: f64, expected: &str) -> Error {
        let member = self.member(role);
        let member = member.or(self.member(Role::PixelSize));
        let member = member.unwrap_or(role.name()).to_string();
        let name = Remedy::NameMember {
            role: role.name(),
            member: None,
        };
        let remedies = match role {
            Role::PixelSize | Role::PixelHeight => {
                vec![Remedy::Give(Parameter::PixelSize), Remedy::CorrectFile]
            }
            _ => vec![Remedy::CorrectFile, name],
        };
        Error::BadMember {
            path: self.npz().path().to_path_buf(),
            member,
            found: found.to_string(),
            expected: expected.to_string(),
            remedies,
        }
    }

    /// Returns what the numbers of these positions, which are those of the scan, tell about their unit and the object.
    pub(crate) fn notes_of_positions(&self, positions: &Positions) -> Vec<Note> {
        let [x, y] = positions.extents();
        let unit = suspicious_unit(self.unit(), x, y);
        unit.into_iter().chain(self.off_object(positions)).collect()
    }

    /// Returns a note if the patches of some positions lie for the most part beside the object.
    fn off_object(&self, positions: &Positions) -> Option<Note> {
        let member = self.member(Role::Object)?;
        // What cannot be read is an error of those who need it.
        let (grid, shape) = (self.object_grid().ok()?, self.object_shape().ok()??);
        let coverage = Coverage {
            object: shape,
            patch: self.patch_shape(),
        };
        let is_off = |point: &usize| {
            positions.is_finite(*point) && coverage.is_off(grid.place(positions.at(*point)))
        };
        let mut off = (0..positions.len()).filter(is_off);
        let first = off.next()?;
        Some(Note::OffObject {
            member: member.to_string(),
            shape,
            points: 1 + off.count(),
            of: positions.len(),
            first,
        })
    }

    /// Returns the height and width of an object patch: those of a pattern, else of the probe, else of a pixel.
    fn patch_shape(&self) -> [usize; 2] {
        let pattern = self.diffraction().map(|patterns| patterns.row_shape());
        let pattern = pattern.and_then(|shape| shape.try_into().ok());
        pattern.unwrap_or_else(|| {
            let probe = self.member_column(Role::Probe).ok().flatten();
            let probe = probe.and_then(|probe| probe.row_shape().try_into().ok());
            probe.unwrap_or([1, 1])
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pixels_on_the_object_match_naive(
            (x, y) in ((-300..300i32).prop_map(|v| f64::from(v) / 10.0), (-300..300i32).prop_map(|v| f64::from(v) / 10.0)),
            object in [1usize..20, 1usize..20],
            patch in [1usize..12, 1usize..12],
        ) {
            let coverage = Coverage { object, patch };
            let on = |place: f64, len: usize| place >= -1e-3 && place <= len as f64 - 1.0 + 1e-3;
            let mut naive = 0;
            for i in 0..patch[0] {
                for j in 0..patch[1] {
                    let row = y + i as f64 - (patch[0] / 2) as f64;
                    let column = x + j as f64 - (patch[1] / 2) as f64;
                    naive += usize::from(on(row, object[0]) && on(column, object[1]));
                }
            }
            prop_assert_eq!(coverage.pixels_on([x, y]), naive);
            prop_assert_eq!(coverage.is_off([x, y]), 2 * naive < patch[0] * patch[1]);
        }
    }

    #[test]
    fn positions_that_are_nowhere_are_off_the_object() {
        let coverage = Coverage {
            object: [9, 9],
            patch: [3, 3],
        };
        for at in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300, -1e300] {
            assert_eq!(coverage.pixels_on([at, 4.0]), 0, "{at}");
            assert!(coverage.is_off([4.0, at]), "{at}");
        }
        assert_eq!(coverage.pixels_on([4.0, 4.0]), 9);
        // The first pixel itself: only the patch's lower right 2 x 2 pixels are on the object.
        assert_eq!(coverage.pixels_on([0.0, 0.0]), 4);
    }
}
