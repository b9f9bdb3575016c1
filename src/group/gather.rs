//! Index table and scan make the columns of `groups`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use rayon::prelude::*;

use super::coords::{Coords, Source, centre, extend_coords, rounding, span};
use super::patterns::{Channels, Conversion, gather, takes_roots};
use super::plan::Plan;
use super::spec::Norm;
use super::sum::{power, sum};
use super::{Groups, patches};
use crate::array::{Column, RowSet, complex, tensor};
use crate::error::{Error, Result};
use crate::npz::Scalar;
use crate::scan::Scan;

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
    ObjectPatches,
}

impl GroupColumn {
    /// Whether it is known once the seed points are drawn.
    pub fn is_of_the_seed_point(self) -> bool {
        matches!(
            self,
            Self::GroupId | Self::SeedPoint | Self::SeedX | Self::SeedY
        )
    }

    /// Whether computing it takes a pass over all patterns.
    pub fn reads_every_pattern(self) -> bool {
        matches!(self, Self::NormFactor | Self::DiffractionNormalized)
    }
}

/// The columns that a scan's groups have.
pub fn columns(scan: &Scan, has_patches: bool) -> Vec<GroupColumn> {
    use GroupColumn as G;
    let coords = |source| {
        [Coords::Nn, Coords::Relative, Coords::Offsets].map(|what| G::Coords(what, source))
    };
    let mut columns = vec![
        G::GroupId,
        G::SeedPoint,
        G::SeedX,
        G::SeedY,
        G::CenterX,
        G::CenterY,
        G::Span,
        G::NnIndices,
    ];
    columns.extend(coords(Source::Corrected));
    if scan.has_starts() {
        columns.extend(coords(Source::Start));
    }
    if scan.diffraction().is_some() {
        columns.extend([G::Diffraction, G::NormFactor, G::DiffractionNormalized]);
    }
    columns.extend(has_patches.then_some(G::ObjectPatches));
    columns
}

/// Their schema.
pub fn schema(
    pattern: &[usize],
    plan: &Plan,
    columns: &[GroupColumn],
    channels: Channels,
) -> Schema {
    Schema::new(
        columns
            .iter()
            .map(|column| field(*column, plan.group_size, pattern, channels))
            .collect::<Vec<_>>(),
    )
}

fn field(column: GroupColumn, size: usize, pattern: &[usize], channels: Channels) -> FieldRef {
    let whole = |name| Field::new(name, DataType::Int64, false);
    let real = |name| Field::new(name, DataType::Float64, false);
    let patterns = match channels {
        Channels::First => [&[size], pattern].concat(),
        Channels::Last => [pattern, &[size]].concat(),
    };
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
            keyed(
                Field::new(
                    "nn_indices",
                    DataType::FixedSizeList(item, size as i32),
                    false,
                ),
                "nn_indices",
            )
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
        GroupColumn::Diffraction => keyed(
            tensor::field("diffraction", DataType::Float32, &patterns),
            "diffraction",
        ),
        GroupColumn::NormFactor => real("norm_factor"),
        GroupColumn::DiffractionNormalized => keyed(
            tensor::field("diffraction_normalized", DataType::Float32, &patterns),
            "X_full",
        ),
        GroupColumn::ObjectPatches => keyed(
            complex::field(
                "object_patches",
                DataType::Float32,
                &patterns,
                Scalar::Complex64,
            ),
            "Y",
        ),
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
    let positions = groups.scan().positions()?;
    if column.is_of_the_seed_point() && groups.is_one_a_seed_point() {
        let seeds = groups.seeds()?;
        let real = |values: &[f64]| {
            Float64Array::from_iter_values(rows.iter().map(|row| values[seeds[row] as usize]))
        };
        return Ok(match column {
            GroupColumn::SeedX => Arc::new(real(&positions.x)),
            GroupColumn::SeedY => Arc::new(real(&positions.y)),
            GroupColumn::SeedPoint => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| i64::from(seeds[row])),
            )),
            _ => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row as i64),
            )),
        });
    }
    let index = groups.index()?;
    let whole = |value: &dyn Fn(usize) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
    };
    let real = |value: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
    };
    let seed = |row: usize| index.seed_point(row) as usize;
    let precision = rounding(groups, Source::Corrected);
    Ok(match column {
        GroupColumn::GroupId => whole(&|row| index.group_id(row) as i64),
        GroupColumn::SeedPoint => whole(&|row| seed(row) as i64),
        GroupColumn::SeedX => real(&|row| positions.x[seed(row)]),
        GroupColumn::SeedY => real(&|row| positions.y[seed(row)]),
        GroupColumn::CenterX => real(&|row| centre(&positions.x, index.members(row), precision)),
        GroupColumn::CenterY => real(&|row| centre(&positions.y, index.members(row), precision)),
        GroupColumn::Span => real(&|row| span(positions, index.members(row))),
        GroupColumn::NnIndices => {
            let members = rows
                .iter()
                .flat_map(|row| index.members(row))
                .map(|point| point.cast_signed());
            list(
                groups,
                column,
                rows.len(),
                Arc::new(Int32Array::from_iter_values(members)),
            )?
        }
        GroupColumn::Coords(what, source) => {
            let positions = if source == Source::Start {
                groups.scan().start_positions()?
            } else {
                positions
            };
            let mut values = Vec::with_capacity(rows.len() * 2 * groups.group_size());
            let rounding = rounding(groups, source);
            rows.iter().for_each(|row| {
                extend_coords(&mut values, what, positions, index.members(row), rounding)
            });
            list(
                groups,
                column,
                rows.len(),
                Arc::new(Float64Array::from(values)),
            )?
        }
        GroupColumn::NormFactor => {
            let factor = f64::from(groups.norm_factor()?);
            real(&|_| factor)
        }
        GroupColumn::Diffraction => {
            let conversion = Conversion::of(groups.scan(), groups.patterns().measure)?;
            let patterns = gather(groups, rows, conversion)?;
            list(
                groups,
                column,
                rows.len(),
                Arc::new(Float32Array::new(patterns, None)),
            )?
        }
        GroupColumn::DiffractionNormalized => {
            let conversion = Conversion::normalized(groups, groups.norm_factor()?);
            let patterns = gather(groups, rows, conversion)?;
            list(
                groups,
                column,
                rows.len(),
                Arc::new(Float32Array::new(patterns, None)),
            )?
        }
        GroupColumn::ObjectPatches => {
            let values = patches::column(groups, rows)?;
            list(
                groups,
                column,
                rows.len(),
                Arc::new(Float32Array::from(values)),
            )?
        }
    })
}

/// Wraps the values of a fixed-size list column.
fn list(groups: &Groups, column: GroupColumn, len: usize, values: ArrayRef) -> Result<ArrayRef> {
    match field(
        column,
        groups.group_size(),
        groups.inner.transform.shape(),
        groups.patterns().channels,
    )
    .data_type()
    {
        DataType::FixedSizeList(item, size) => {
            let list = FixedSizeListArray::try_new_with_length(
                Arc::clone(item),
                *size,
                values,
                None,
                len,
            )?;
            Ok(Arc::new(list))
        }
        _ => Ok(values),
    }
}

/// See [`Groups::norm_factor`].
pub fn norm_factor(groups: &Groups) -> Result<f32> {
    let patterns = groups.scan().require_diffraction()?;
    let mean = match groups.spec().norm() {
        Norm::Value(factor) => return Ok(factor as f32),
        Norm::Scan => {
            let points = groups.inner.plan.candidates.to_vec();
            let powers = powers(groups, patterns, &points)?;
            sum(&powers) / points.len() as f64
        }
        Norm::Groups => mean_of_groups(groups, patterns)?,
    };
    let quarter = groups.inner.transform.len() as f64 / 4.0;
    let factor = (quarter / mean).sqrt();
    if !factor.is_finite() {
        return Err(Error::NoNormFactor {
            path: groups.scan().npz().path().to_path_buf(),
            mean_power: mean,
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
    let known = powers(groups, patterns, &points)?;
    let of_member = |member: &u32| points.binary_search(member).map_or(0.0, |at| known[at]);
    let all: Vec<f64> = members().map(of_member).collect();
    Ok(sum(&all) / all.len() as f64)
}

/// Patterns that one thread looks at before the next ones.
const CHUNK_BYTES: usize = 1 << 20;

/// Sum of |amplitude|^2 of each of these patterns.
fn powers(groups: &Groups, patterns: &Column, points: &[u32]) -> Result<Vec<f64>> {
    let roots = takes_roots(groups);
    let of_chunk = |points: &[u32]| -> Result<Vec<f64>> {
        let points: Vec<usize> = points.iter().map(|point| *point as usize).collect();
        let data = patterns.rows(&RowSet::List(&points))?;
        let transform = &groups.inner.transform;
        let (mut stored, mut changed) = (
            Vec::with_capacity(patterns.row_len()),
            vec![0.0; transform.len()],
        );
        let of_place = |place: usize| {
            stored.clear();
            data.extend_f64(place, &mut stored);
            let values = if transform.changes() {
                transform.apply(&mut stored, &mut changed);
                &changed
            } else {
                &stored
            };
            if roots { sum(values) } else { power(values) }
        };
        Ok((0..points.len()).map(of_place).collect())
    };
    // Few enough to be held, should they have to be read; the powers never depend on it.
    let chunk = (CHUNK_BYTES / patterns.row_bytes().max(1)).max(1);
    let powers: Vec<Vec<f64>> = points
        .par_chunks(chunk)
        .map(of_chunk)
        .collect::<Result<_>>()?;
    Ok(powers.concat())
}
