//! Positions of scan points, and where in a file they come from.

use crate::array::{Column, RowSet};
use crate::error::Result;
use crate::npz::Scalar;

/// Holds positions in scan order, both coordinates in the scan's unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Positions {
    /// The coordinates along image columns, one per scan point.
    pub x: Vec<f64>,
    /// The coordinates along image rows, one per scan point.
    pub y: Vec<f64>,
}

impl Positions {
    /// Returns the number of positions.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Returns whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Returns the position of a scan point as `[x, y]`.
    ///
    /// # Panics
    /// If there is no such scan point.
    pub fn at(&self, scan_point: usize) -> [f64; 2] {
        [self.x[scan_point], self.y[scan_point]]
    }

    /// Returns whether both coordinates of a scan point are finite.
    ///
    /// # Panics
    /// If there is no such scan point.
    pub(crate) fn is_finite(&self, scan_point: usize) -> bool {
        self.at(scan_point).iter().all(|value| value.is_finite())
    }

    /// Returns the smallest and the largest finite coordinate of x and of y; (infinity, -infinity) where none is
    /// finite.
    pub(crate) fn extents(&self) -> [(f64, f64); 2] {
        [&self.x, &self.y].map(|values| {
            let finite = values.iter().copied().filter(|value| value.is_finite());
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| {
                (min.min(value), max.max(value))
            })
        })
    }

    /// Returns which of these scan points are at exactly the position of an earlier one of them, ascending; those whose
    /// position is not finite are left out.
    pub(crate) fn repeated(&self, points: impl Iterator<Item = usize>) -> Vec<usize> {
        // Adding 0 turns -0 into 0, which is the same place.
        let place = |point: usize| self.at(point).map(|value| (value + 0.0).to_bits());
        let mut places: Vec<([u64; 2], u32)> = points
            .filter(|point| self.is_finite(*point))
            .map(|point| (place(point), point as u32))
            .collect();
        places.sort_unstable();
        let again = places.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        let mut repeated: Vec<usize> = again.map(|pair| pair[1].1 as usize).collect();
        repeated.sort_unstable();
        repeated
    }

    /// Reads the positions of all scan points from the columns of x and y.
    pub(super) fn read([x, y]: &[Column; 2], points: usize) -> Result<Self> {
        let all = RowSet::Range(0..points);
        Ok(Self {
            x: x.numbers(&all)?.to_f64(),
            y: y.numbers(&all)?.to_f64(),
        })
    }

    /// Returns the positions of a raster with this many scan columns: x is the scan column, y the scan row.
    pub(super) fn of_raster(scan_columns: usize, points: usize) -> Self {
        let along = |axis: RasterAxis| {
            let place = |point| axis.place_of(point, scan_columns) as f64;
            (0..points).map(place).collect()
        };
        Self {
            x: along(RasterAxis::Columns),
            y: along(RasterAxis::Rows),
        }
    }
}

/// Names where positions come from.
#[derive(Debug, Clone)]
pub(super) enum PositionSource {
    /// The columns of members, x and y.
    Members(Box<[Column; 2]>),
    /// The places of the patterns in a raster with this many scan columns.
    Raster(usize),
    /// The file has no positions.
    None,
}

impl PositionSource {
    /// Returns where the positions of a scan come from: members if there are any, else the raster of its
    /// patterns, which has this many scan columns.
    pub fn of(members: Option<[Column; 2]>, scan_columns: Option<usize>) -> Self {
        match (members, scan_columns) {
            (Some(columns), _) => Self::Members(Box::new(columns)),
            (None, Some(scan_columns)) => Self::Raster(scan_columns),
            (None, None) => Self::None,
        }
    }

    /// Returns whether both coordinates are stored as f32.
    pub fn is_single(&self) -> bool {
        let Self::Members(columns) = self else {
            return false;
        };
        columns
            .iter()
            .all(|column| column.scalar() == Scalar::Float32)
    }
}

/// Names an axis of a raster of scan points, which are counted along the columns fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RasterAxis {
    /// The axis that counts scan rows.
    Rows,
    /// The axis that counts scan columns.
    Columns,
}

impl RasterAxis {
    /// Returns the place of a scan point along the axis, in a raster with this many scan columns.
    pub fn place_of(self, scan_point: usize, scan_columns: usize) -> usize {
        match self {
            Self::Rows => scan_point / scan_columns.max(1),
            Self::Columns => scan_point % scan_columns.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_lost_positions_are_those_of_a_naive_search() {
        let x = vec![1.0, 2.0, 1.0, f64::NAN, -0.0, 0.0, 2.0, 1.0, f64::INFINITY];
        let y = vec![1.0, 2.0, 1.0, 1.0, 5.0, 5.0, 3.0, 1.0, 0.0];
        let positions = Positions { x, y };
        let is_again = |point: &usize| {
            let mut earlier = 0..*point;
            earlier.any(|other| positions.at(other) == positions.at(*point))
        };
        let naive: Vec<usize> = (0..positions.len()).filter(is_again).collect();
        assert_eq!(naive, [2, 5, 7]);
        assert_eq!(positions.repeated(0..9), naive);
        assert_eq!(positions.repeated([2, 3, 7, 8].into_iter()), [7]);
        let lost: Vec<usize> = (0..9)
            .filter(|point| !positions.is_finite(*point))
            .collect();
        assert_eq!(lost, [3, 8]);
        assert_eq!(positions.extents(), [(0.0, 2.0), (0.0, 5.0)]);
        let none = Positions::default();
        assert_eq!(none.extents(), [(f64::INFINITY, f64::NEG_INFINITY); 2]);
        assert!(none.repeated(0..0).is_empty());
    }
}
