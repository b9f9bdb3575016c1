//! Builds the columns of `groups` from the index table and the scan.

pub mod channels;
pub mod conversion;
pub mod coords;
pub mod fields;
pub mod gather;
pub mod mass;
pub mod norm;
pub mod object_patches;
pub mod pixels;
pub mod sum;
pub mod transform;

use std::sync::{Arc, OnceLock};

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
};
use arrow::datatypes::DataType;

use self::conversion::Conversion;
use self::coords::{Coords, Source, centre, extend_coords, rounding, span};
use self::fields::{GroupColumn, SeedColumn};
use self::gather::{Gather, NotFinite};
use self::object_patches::{Cutter, PatchSource};
use self::transform::Transform;
use super::index::GroupIndex;
use super::options::PatternOptions;
use super::spec::Semantics;
use crate::array::{Pool, RowSet};
use crate::error::{Parameter, Result};
use crate::memory;
use crate::scan::{Positions, Scan};

/// Builds a column that is known once the seed points are drawn, where each row is the group of one seed
/// point.
pub fn early(
    seeds: &[u32],
    positions: &Positions,
    column: SeedColumn,
    rows: &RowSet<'_>,
) -> ArrayRef {
    let (group_id, seed_point) = (|row| row as i64, |row: usize| seeds[row]);
    of_seed_point(column, positions, rows, group_id, seed_point)
}

/// Holds what the columns of formed groups are made from.
#[derive(Debug)]
pub struct Formed<'a> {
    /// The scan.
    pub scan: &'a Scan,
    /// The grouping rules.
    pub semantics: Semantics,
    /// Which scan points form which group.
    pub index: &'a GroupIndex,
    /// The number of members per group.
    pub group_size: usize,
    /// How patterns are returned.
    pub options: PatternOptions,
    /// What changes pixels and shapes.
    pub transform: &'a Transform,
    /// Where object patches come from.
    pub patches: Option<&'a PatchSource>,
    /// The buffers that are filled with patterns.
    pub pool: &'a Pool,
    /// The first pixel found that is not finite and was left as it is stored.
    pub not_finite: &'a OnceLock<NotFinite>,
}

impl Formed<'_> {
    /// Builds a column; `data_type` is that of its field, `norm_factor` computes the factor where it is needed.
    ///
    /// # Errors
    /// If what the column is made of cannot be read.
    pub fn column(
        &self,
        column: GroupColumn,
        data_type: &DataType,
        rows: &RowSet<'_>,
        norm_factor: impl FnOnce() -> Result<f64>,
    ) -> Result<ArrayRef> {
        let (index, positions) = (self.index, self.scan.positions()?);
        let precision = rounding(self.scan, self.semantics, Source::Corrected);
        let mean = |values: &[f64], row| centre(values, index.members(row), precision);
        let list = |values: ArrayRef| list(data_type, rows.len(), values);
        Ok(match column {
            GroupColumn::OfSeedPoint(column) => of_seed_point(
                column,
                positions,
                rows,
                |row| index.group_id(row) as i64,
                |row| index.seed_point(row),
            ),
            GroupColumn::CenterX => float64(rows, |row| mean(&positions.x, row)),
            GroupColumn::CenterY => float64(rows, |row| mean(&positions.y, row)),
            GroupColumn::Span => float64(rows, |row| span(positions, index.members(row))),
            GroupColumn::NnIndices => list(nn_indices(index, rows))?,
            GroupColumn::Coords(what, source) => list(self.coords(what, source, rows)?)?,
            GroupColumn::NormFactor => {
                let factor = norm_factor()?;
                float64(rows, |_| factor)
            }
            GroupColumn::Diffraction => {
                let conversion = Conversion::of(self.scan, self.options.measure)?;
                list(self.patterns(conversion, rows)?)?
            }
            GroupColumn::DiffractionNormalized => {
                let factor = norm_factor()?;
                let conversion = Conversion::normalized(self.scan, self.semantics, factor);
                list(self.patterns(conversion, rows)?)?
            }
            GroupColumn::ObjectPatches => list(self.object_patches(rows)?)?,
        })
    }

    fn coords(&self, what: Coords, source: Source, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let positions = match source {
            Source::Corrected => self.scan.positions()?,
            Source::Start => self.scan.start_positions()?,
        };
        let rounding = rounding(self.scan, self.semantics, source);
        let len = rows.len() as u128 * 2 * self.group_size as u128;
        let mut values = memory::reserve(len, "the coordinates of a batch", Parameter::BatchBytes)?;
        for members in rows.iter().map(|row| self.index.members(row)) {
            extend_coords(&mut values, what, positions, members, rounding);
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    fn patterns(&self, conversion: Conversion, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let gather = Gather {
            scan: self.scan,
            patterns: self.scan.require_diffraction()?,
            group_size: self.group_size,
            transform: self.transform,
            conversion,
            channels: self.options.channels,
            pool: self.pool,
        };
        let gathered = gather.groups_of(&self.index.members_of(rows))?;
        if let Some(found) = gathered.not_finite {
            self.not_finite.get_or_init(|| found);
        }
        Ok(Arc::new(Float32Array::new(gathered.values, None)))
    }

    fn object_patches(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let Some(source) = self.patches else {
            return Ok(Arc::new(Float32Array::from(Vec::<f32>::new())));
        };
        let cutter = Cutter {
            scan: self.scan,
            semantics: self.semantics,
            group_size: self.group_size,
            side: self.scan.require_diffraction()?.row_shape()[0],
            channels: self.options.channels,
        };
        if self.semantics.is_ptychopinn() {
            let groups = (0..self.index.num_groups()).map(|row| self.index.members(row));
            cutter.check_some(source, groups)?;
        }
        let values = cutter.patches(source, &self.index.members_of(rows))?;
        Ok(Arc::new(Float32Array::from(values)))
    }
}

fn of_seed_point(
    column: SeedColumn,
    positions: &Positions,
    rows: &RowSet<'_>,
    group_id: impl Fn(usize) -> i64,
    seed_point: impl Fn(usize) -> u32,
) -> ArrayRef {
    match column {
        SeedColumn::GroupId => int64(rows, group_id),
        SeedColumn::SeedPoint => int64(rows, |row| i64::from(seed_point(row))),
        SeedColumn::X => float64(rows, |row| positions.x[seed_point(row) as usize]),
        SeedColumn::Y => float64(rows, |row| positions.y[seed_point(row) as usize]),
    }
}

fn int64(rows: &RowSet<'_>, value: impl Fn(usize) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
}

fn float64(rows: &RowSet<'_>, value: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
}

fn nn_indices(index: &GroupIndex, rows: &RowSet<'_>) -> ArrayRef {
    let members = rows.iter().flat_map(|row| index.members(row));
    Arc::new(Int32Array::from_iter_values(
        members.map(|point| point.cast_signed()),
    ))
}

/// Wraps the values of a column in lists of fixed size, if its type is one.
fn list(data_type: &DataType, len: usize, values: ArrayRef) -> Result<ArrayRef> {
    let DataType::FixedSizeList(item, size) = data_type else {
        return Ok(values);
    };
    let item = Arc::clone(item);
    let list = FixedSizeListArray::try_new_with_length(item, *size, values, None, len)?;
    Ok(Arc::new(list))
}
