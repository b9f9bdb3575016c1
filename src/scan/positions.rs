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
