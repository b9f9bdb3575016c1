//! Turns a spec into a call of PtychoPINN's grouping, and its refusals into errors.

use std::ops::Range;

use super::call::{Call, Refusal};
use super::groups::table;
use crate::error::{Error, GroupLimit, Parameter, Remedy, Result};
use crate::group::index::{GroupIndex, INDEX};
use crate::group::plan::{
    Plan, check_gridsize, needs_oversampling, non_finite, pool_too_small, too_few_points,
};
use crate::group::spec::{GroupSpec, IncludeSeed, Sampling};
use crate::scan::Scan;
use crate::scan::layout::Role;

/// Checks a spec in PtychoPINN's order, as far as no position is needed. Where groups are not `needed`, there may be
/// fewer scan points than one of them has.
///
/// # Errors
/// If the spec cannot be met.
pub fn plan(scan: &Scan, spec: &GroupSpec, needed: bool) -> Result<Plan> {
    check_gridsize(spec)?;
    refuse_foreign_fields(spec)?;
    let (positions, size, neighbors) = (scan.num_positions(), spec.group_size(), spec.pool_size());
    let asked = spec.n_groups.unwrap_or(positions);
    call(scan, spec)?;
    if !needed && 0 < positions && positions < size {
        return Ok(Plan::of_all(scan, size, neighbors, 0));
    }
    let oversampled = asked > positions && size > 1;
    if oversampled && !spec.group_oversampling {
        return Err(needs_oversampling(asked, positions));
    }
    if oversampled && neighbors < size {
        return Err(pool_too_small(neighbors, spec));
    }
    if positions < size {
        return Err(too_few_points(scan, spec, positions));
    }
    if neighbors < size {
        return Err(pool_too_small(neighbors, spec));
    }
    let num_groups = if oversampled {
        asked
    } else {
        asked.min(positions)
    };
    Ok(Plan::of_all(scan, size, neighbors, num_groups))
}

/// Draws the groups and keeps `numbers` of them. All groups share one random stream, so all are drawn.
///
/// # Errors
/// If a position is not finite; if positions are too far apart; if the memory cannot be had.
pub fn index(scan: &Scan, spec: &GroupSpec, numbers: Range<usize>) -> Result<GroupIndex> {
    let positions = scan.positions()?;
    let drawn = table(&positions.x, &positions.y, &call(scan, spec)?);
    let drawn = drawn.map_err(|refusal| error(scan, spec, refusal))?;
    let all = GroupIndex::consecutive(drawn.group_size, 0, drawn.seed_points, drawn.members);
    Ok(if numbers == (0..all.num_groups()) {
        all
    } else {
        all.slice(numbers)
    })
}

/// Creates the call; PtychoPINN's seeds have 32 bits.
fn call(scan: &Scan, spec: &GroupSpec) -> Result<Call> {
    let seed = u32::try_from(spec.seed).map_err(|_| {
        let max = Some(u64::from(u32::MAX).into());
        Error::out_of_range(Parameter::Seed, spec.seed, 0u64, max)
    })?;
    Ok(Call {
        gridsize: spec.gridsize,
        neighbors: spec.pool_size(),
        n_groups: spec.n_groups.unwrap_or(scan.num_positions()),
        seed,
        sequential: spec.sampling == Sampling::Sequential,
        oversampling: spec.group_oversampling,
        pool_size: None,
    })
}

/// Refuses fields that PtychoPINN does not have.
fn refuse_foreign_fields(spec: &GroupSpec) -> Result<()> {
    let given = [
        (Parameter::Epoch, spec.epoch != 0),
        (Parameter::Among, spec.among.is_some()),
        (Parameter::SeedsFrom, spec.seeds_from.is_some()),
        (
            Parameter::IncludeSeed,
            spec.include_seed != IncludeSeed::Never,
        ),
        (Parameter::MaxDistance, spec.max_distance.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((parameter, _)) => Err(Error::NotInSemantics {
            parameter,
            semantics: "PtychoPINN",
        }),
    }
}

/// Creates the error for a refusal.
fn error(scan: &Scan, spec: &GroupSpec, refusal: Refusal) -> Error {
    match refusal {
        Refusal::LengthsDiffer { x, y } => Error::BadMember {
            path: scan.npz().path().to_path_buf(),
            member: scan
                .layout()
                .member(Role::Y)
                .unwrap_or_default()
                .to_string(),
            found: format!("{y} values"),
            expected: format!("{x} values, the number that x has"),
            remedies: vec![Remedy::CorrectFile],
        },
        Refusal::OversamplingNotEnabled {
            n_groups,
            positions,
        } => needs_oversampling(n_groups, positions),
        Refusal::PoolTooSmall { neighbors, .. } | Refusal::TooFewNeighbors { neighbors, .. } => {
            pool_too_small(neighbors, spec)
        }
        Refusal::TooFewPoints { positions, .. } => too_few_points(scan, spec, positions),
        Refusal::NonFinite { scan_point } => match scan.positions() {
            Ok(positions) => non_finite(scan, positions, scan_point),
            Err(error) => error,
        },
        Refusal::LoneNeighbor => Error::out_of_range(Parameter::Gridsize, 0usize, 1usize, None),
        Refusal::TooFarApart { seed_point } => Error::PositionsTooFarApart {
            path: scan.npz().path().to_path_buf(),
            scan_point: seed_point as usize,
        },
        Refusal::TooMany { count, limit } => Error::TooManyGroups {
            asked: count,
            possible: limit as u128,
            limit: GroupLimit::Rules,
        },
        Refusal::TooLarge { bytes } => Error::TooLarge {
            purpose: INDEX,
            bytes,
            parameter: Parameter::NGroups,
        },
    }
}
