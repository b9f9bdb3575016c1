//! Builds the columns of `groups` from the index table and the scan.

pub mod channels;
pub mod conversion;
pub mod coords;
pub mod fields;
pub mod gather;
pub mod norm;
pub mod object_patches;
pub mod sum;
pub mod transform;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
};
use arrow::datatypes::DataType;

use self::conversion::Conversion;
use self::coords::{Coords, Source, centre, extend_coords, rounding, span};
use self::fields::{GroupColumn, SeedColumn};
use self::gather::Gather;
use super::groups::Groups;
use super::index::GroupIndex;
use crate::array::RowSet;
use crate::error::{Parameter, Result};
use crate::memory;
use crate::scan::Positions;

/// Builds a column that is known once the seed points are drawn, where each row is the group of one seed point.
///
/// # Errors
/// If the positions cannot be read.
pub fn early(groups: &Groups, column: SeedColumn, rows: &RowSet<'_>) -> Result<ArrayRef> {
    let (seeds, positions) = (groups.seeds()?, groups.scan().positions()?);
    Ok(of_seed_point(
        column,
        positions,
        rows,
        |row| row as i64,
        |row| seeds[row],
    ))
}

/// Builds a column from the groups that were formed; `data_type` is that of its field.
///
/// # Errors
/// If the groups cannot be formed, or what they are made of cannot be read.
pub fn formed(
    groups: &Groups,
    column: GroupColumn,
    data_type: &DataType,
    rows: &RowSet<'_>,
) -> Result<ArrayRef> {
    let (index, scan) = (groups.index()?, groups.scan());
    let positions = scan.positions()?;
    let precision = rounding(scan, groups.spec().semantics, Source::Corrected);
    let list = |values: ArrayRef| list(data_type, rows.len(), values);
    Ok(match column {
        GroupColumn::OfSeedPoint(column) => of_seed_point(
            column,
            positions,
            rows,
            |row| index.group_id(row) as i64,
            |row| index.seed_point(row),
        ),
        GroupColumn::CenterX => float64(rows, |row| {
            centre(&positions.x, index.members(row), precision)
        }),
        GroupColumn::CenterY => float64(rows, |row| {
            centre(&positions.y, index.members(row), precision)
        }),
        GroupColumn::Span => float64(rows, |row| span(positions, index.members(row))),
        GroupColumn::NnIndices => list(nn_indices(index, rows))?,
        GroupColumn::Coords(what, source) => list(coords(groups, what, source, rows)?)?,
        GroupColumn::NormFactor => {
            let factor = f64::from(groups.norm_factor()?);
            float64(rows, |_| factor)
        }
        GroupColumn::Diffraction => {
            let conversion = Conversion::of(scan, groups.patterns().measure)?;
            list(patterns(groups, conversion, rows)?)?
        }
        GroupColumn::DiffractionNormalized => {
            let factor = groups.norm_factor()?;
            let conversion = Conversion::normalized(scan, groups.spec().semantics, factor);
            list(patterns(groups, conversion, rows)?)?
        }
        GroupColumn::ObjectPatches => list(object_patches(groups, rows)?)?,
    })
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

fn coords(groups: &Groups, what: Coords, source: Source, rows: &RowSet<'_>) -> Result<ArrayRef> {
    let (index, scan) = (groups.index()?, groups.scan());
    let positions = match source {
        Source::Corrected => scan.positions()?,
        Source::Start => scan.start_positions()?,
    };
    let rounding = rounding(scan, groups.spec().semantics, source);
    let len = rows.len() as u128 * 2 * groups.group_size() as u128;
    let mut values = memory::reserve(len, "the coordinates of a batch", Parameter::BatchBytes)?;
    for row in rows.iter() {
        extend_coords(&mut values, what, positions, index.members(row), rounding);
    }
    Ok(Arc::new(Float64Array::from(values)))
}

fn patterns(groups: &Groups, conversion: Conversion, rows: &RowSet<'_>) -> Result<ArrayRef> {
    let points = groups.members_of(rows)?;
    let gather = Gather {
        patterns: groups.scan().require_diffraction()?,
        group_size: groups.group_size(),
        transform: groups.transform(),
        conversion,
        channels: groups.patterns().channels,
        pool: groups.pool(),
    };
    let values = gather.groups_of(&points)?;
    Ok(Arc::new(Float32Array::new(values, None)))
}

fn object_patches(groups: &Groups, rows: &RowSet<'_>) -> Result<ArrayRef> {
    let values = match groups.patches() {
        Some(source) => object_patches::patches(groups, source, rows)?,
        None => Vec::new(),
    };
    Ok(Arc::new(Float32Array::from(values)))
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
