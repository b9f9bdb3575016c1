//! Index table and scan make the columns of `groups`.
//!
//! Patterns are copied straight from the file's bytes into the batch's own buffer, cast to f4 on the way, once.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use rayon::prelude::*;

use super::Groups;
use super::sample::Plan;
use super::spec::{GroupSpec, Norm};
use super::sum::{power, sum};
use crate::array::{Column, RowSet, tensor};
use crate::error::{Error, Result};
use crate::scan::layout::Measurement;
use crate::scan::{Positions, Scan};

/// The metadata key under which a column keeps the name its contents have in PtychoPINN.
pub const KEY: &str = "ptychoarrow.key";

/// A column of `groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupColumn {
    GroupId,
    SeedPoint,
    SeedX,
    SeedY,
    CenterX,
    CenterY,
    Span,
    NnIndices,
    Coords(Coords, Source),
    Diffraction,
    NormFactor,
    DiffractionNormalized,
}

/// What of the members' positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coords {
    /// The positions themselves.
    Nn,
    /// -(r - centre).
    Relative,
    /// The centre.
    Offsets,
}

/// Which positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Corrected,
    Start,
}

impl GroupColumn {
    /// Whether computing it takes a pass over all patterns.
    pub fn reads_every_pattern(self) -> bool {
        matches!(self, Self::NormFactor | Self::DiffractionNormalized)
    }
}

/// The columns that a scan's groups have.
pub fn columns(scan: &Scan, _spec: &GroupSpec) -> Vec<GroupColumn> {
    use GroupColumn as G;
    let coords = |source| [Coords::Nn, Coords::Relative, Coords::Offsets].map(|what| G::Coords(what, source));
    let mut columns = vec![G::GroupId, G::SeedPoint, G::SeedX, G::SeedY, G::CenterX, G::CenterY, G::Span, G::NnIndices];
    columns.extend(coords(Source::Corrected));
    if scan.has_starts() {
        columns.extend(coords(Source::Start));
    }
    if scan.diffraction().is_some() {
        columns.extend([G::Diffraction, G::NormFactor, G::DiffractionNormalized]);
    }
    columns
}

/// Their schema.
pub fn schema(scan: &Scan, plan: &Plan, columns: &[GroupColumn]) -> Schema {
    let pattern = scan.diffraction().map_or(&[][..], Column::row_shape);
    Schema::new(columns.iter().map(|column| field(*column, plan.group_size, pattern)).collect::<Vec<_>>())
}

fn field(column: GroupColumn, size: usize, pattern: &[usize]) -> FieldRef {
    let whole = |name| Field::new(name, DataType::Int64, false);
    let real = |name| Field::new(name, DataType::Float64, false);
    let patterns: Vec<usize> = [size].into_iter().chain(pattern.iter().copied()).collect();
    let field = match column {
        GroupColumn::GroupId => whole("group_id"),
        GroupColumn::SeedPoint => whole("seed_point"),
        GroupColumn::SeedX => real("seed_x"),
        GroupColumn::SeedY => real("seed_y"),
        GroupColumn::CenterX => real("center_x"),
        GroupColumn::CenterY => real("center_y"),
        GroupColumn::Span => real("span"),
        GroupColumn::NnIndices => {
            let item = Arc::new(Field::new("item", DataType::Int32, false));
            keyed(Field::new("nn_indices", DataType::FixedSizeList(item, size as i32), false), "nn_indices")
        }
        GroupColumn::Coords(what, source) => {
            let (name, last) = match (what, source) {
                (Coords::Nn, Source::Corrected) => ("coords_nn", size),
                (Coords::Relative, Source::Corrected) => ("coords_relative", size),
                (Coords::Offsets, Source::Corrected) => ("coords_offsets", 1),
                (Coords::Nn, Source::Start) => ("coords_start_nn", size),
                (Coords::Relative, Source::Start) => ("coords_start_relative", size),
                (Coords::Offsets, Source::Start) => ("coords_start_offsets", 1),
            };
            keyed(tensor::field(name, DataType::Float64, &[1, 2, last]), name)
        }
        GroupColumn::Diffraction => keyed(tensor::field("diffraction", DataType::Float32, &patterns), "diffraction"),
        GroupColumn::NormFactor => real("norm_factor"),
        GroupColumn::DiffractionNormalized => {
            keyed(tensor::field("diffraction_normalized", DataType::Float32, &patterns), "X_full")
        }
    };
    Arc::new(field)
}

fn keyed(field: Field, key: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(KEY.to_string(), key.to_string());
    field.with_metadata(metadata)
}

/// One column for these groups.
pub fn column(groups: &Groups, column: GroupColumn, rows: &RowSet<'_>) -> Result<ArrayRef> {
    let index = groups.index()?;
    let positions = groups.scan().positions()?;
    let whole =
        |value: &dyn Fn(usize) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(value))) };
    let real =
        |value: &dyn Fn(usize) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(value))) };
    let seed = |row: usize| index.seed_point(row) as usize;
    Ok(match column {
        GroupColumn::GroupId => whole(&|row| index.group_id(row) as i64),
        GroupColumn::SeedPoint => whole(&|row| seed(row) as i64),
        GroupColumn::SeedX => real(&|row| positions.x[seed(row)]),
        GroupColumn::SeedY => real(&|row| positions.y[seed(row)]),
        GroupColumn::CenterX => real(&|row| centre(&positions.x, index.members(row))),
        GroupColumn::CenterY => real(&|row| centre(&positions.y, index.members(row))),
        GroupColumn::Span => real(&|row| span(positions, index.members(row))),
        GroupColumn::NnIndices => {
            let members = rows.iter().flat_map(|row| index.members(row)).map(|point| point.cast_signed());
            list(groups, column, rows.len(), Arc::new(Int32Array::from_iter_values(members)))?
        }
        GroupColumn::Coords(what, source) => {
            let positions = if source == Source::Start { groups.scan().start_positions()? } else { positions };
            let mut values = Vec::with_capacity(rows.len() * 2 * groups.group_size());
            rows.iter().for_each(|row| extend_coords(&mut values, what, positions, index.members(row)));
            list(groups, column, rows.len(), Arc::new(Float64Array::from(values)))?
        }
        GroupColumn::NormFactor => {
            let factor = f64::from(groups.norm_factor()?);
            real(&|_| factor)
        }
        GroupColumn::Diffraction => {
            let patterns = gather(groups, rows)?;
            list(groups, column, rows.len(), Arc::new(Float32Array::from(patterns)))?
        }
        GroupColumn::DiffractionNormalized => {
            let factor = groups.norm_factor()?;
            let mut patterns = gather(groups, rows)?;
            match groups.scan().measurement() {
                Measurement::Intensity => patterns.iter_mut().for_each(|value| *value = factor * value.sqrt()),
                _ => patterns.iter_mut().for_each(|value| *value *= factor),
            }
            list(groups, column, rows.len(), Arc::new(Float32Array::from(patterns)))?
        }
    })
}

/// Wraps the values of a fixed-size list column.
fn list(groups: &Groups, column: GroupColumn, len: usize, values: ArrayRef) -> Result<ArrayRef> {
    let pattern = groups.scan().diffraction().map_or(&[][..], Column::row_shape);
    match field(column, groups.group_size(), pattern).data_type() {
        DataType::FixedSizeList(item, size) => {
            let list = FixedSizeListArray::try_new_with_length(Arc::clone(item), *size, values, None, len)?;
            Ok(Arc::new(list))
        }
        _ => Ok(values),
    }
}

/// The members' patterns, group after group, slot after slot, as f4.
fn gather(groups: &Groups, rows: &RowSet<'_>) -> Result<Vec<f32>> {
    let patterns = groups.scan().require_diffraction()?;
    let data = patterns.data()?;
    let index = groups.index()?;
    let mut out = Vec::with_capacity(rows.len() * groups.group_size() * patterns.row_len());
    for row in rows.iter() {
        for member in index.members(row) {
            data.extend_row_f32(*member as usize, &mut out);
        }
    }
    Ok(out)
}

/// Mean of the members' coordinates.
pub fn centre(values: &[f64], members: &[u32]) -> f64 {
    // Groups of up to 5 x 5 need no allocation.
    let mut small = [0.0; 25];
    let value = |member: &u32| values[*member as usize];
    match small.get_mut(..members.len()) {
        Some(coordinates) => {
            coordinates.iter_mut().zip(members).for_each(|(slot, member)| *slot = value(member));
            sum(coordinates) / members.len() as f64
        }
        None => sum(&members.iter().map(value).collect::<Vec<_>>()) / members.len() as f64,
    }
}

/// The largest distance between two members.
fn span(positions: &Positions, members: &[u32]) -> f64 {
    let place = |member: &u32| positions.at(*member as usize);
    let pairs = members.iter().enumerate().flat_map(|(at, a)| members[..at].iter().map(move |b| (a, b)));
    let farthest = pairs.map(|(a, b)| super::neighbors::squared_distance(place(a), place(b))).fold(0.0, f64::max);
    farthest.sqrt()
}

/// Appends x of all members, then y of all members.
fn extend_coords(out: &mut Vec<f64>, what: Coords, positions: &Positions, members: &[u32]) {
    for values in [&positions.x, &positions.y] {
        let mean = centre(values, members);
        let coordinates = members.iter().map(|member| values[*member as usize]);
        match what {
            Coords::Nn => out.extend(coordinates),
            Coords::Relative => out.extend(coordinates.map(|value| -(value - mean))),
            Coords::Offsets => out.push(mean),
        }
    }
}

/// See [`Groups::norm_factor`].
pub fn norm_factor(groups: &Groups) -> Result<f32> {
    let patterns = groups.scan().require_diffraction()?;
    let mean = match groups.spec().norm {
        Norm::Value(factor) => return Ok(factor as f32),
        Norm::Scan => {
            let points = groups.inner.plan.candidates();
            let powers = powers(groups.scan(), patterns, &points)?;
            sum(&powers) / points.len() as f64
        }
        Norm::Groups => mean_of_groups(groups, patterns)?,
    };
    let quarter = patterns.row_len() as f64 / 4.0;
    let factor = (quarter / mean).sqrt();
    if !factor.is_finite() {
        return Err(Error::BadParameter {
            parameter: "norm",
            found: format!("a mean power of {mean} a pattern"),
            expected: "patterns with a finite power above 0".to_string(),
            hint: "leave out dead frames with `among`, or give the factor itself".to_string(),
        });
    }
    Ok(factor as f32)
}

/// Each pattern's power is computed once, however many groups it is in.
fn mean_of_groups(groups: &Groups, patterns: &Column) -> Result<f64> {
    let index = groups.index()?;
    let members = || (0..index.num_groups()).flat_map(|row| index.members(row));
    let mut points: Vec<u32> = members().copied().collect();
    points.sort_unstable();
    points.dedup();
    let known = powers(groups.scan(), patterns, &points)?;
    let of_member = |member: &u32| points.binary_search(member).map_or(0.0, |at| known[at]);
    let all: Vec<f64> = members().map(of_member).collect();
    Ok(sum(&all) / all.len() as f64)
}

/// Sum of |amplitude|^2 of each of these patterns.
fn powers(scan: &Scan, patterns: &Column, points: &[u32]) -> Result<Vec<f64>> {
    let data = patterns.data()?;
    let of_point = |point: &u32| {
        let values = data.rows_f64(&RowSet::Range(*point as usize..*point as usize + 1));
        match scan.measurement() {
            Measurement::Intensity => sum(&values),
            _ => power(&values),
        }
    };
    Ok(points.par_iter().map(of_point).collect())
}
