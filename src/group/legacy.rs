//! PtychoPINN semantics: a spec becomes a call of [`reference`](super::reference), its refusals become our errors.

use std::ops::Range;

use super::index::GroupIndex;
use super::plan::{
    Plan, bad, check_gridsize, needs_oversampling, non_finite, pool_too_small, too_few_points,
};
use super::reference::{Call, Refusal, table};
use super::spec::{GroupSpec, IncludeSeed, Sampling};
use crate::error::{Error, Result};
use crate::scan::Scan;

/// Checks a spec, in the order of the reference, as far as no position is needed.
pub fn plan(scan: &Scan, spec: &GroupSpec) -> Result<Plan> {
    check_gridsize(spec)?;
    refuse_foreign_fields(spec)?;
    let (positions, size, neighbors) = (scan.num_positions(), spec.group_size(), spec.pool_size());
    let asked = spec.n_groups.unwrap_or(positions);
    call(scan, spec)?;
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

/// The index table, of which `numbers` are kept. The random stream is one for all groups, so all are drawn.
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

fn call(scan: &Scan, spec: &GroupSpec) -> Result<Call> {
    let seed = u32::try_from(spec.seed).map_err(|_| {
        let expected = "0 to 4294967295 (2^32 - 1) in PtychoPINN semantics";
        bad(
            "seed",
            spec.seed,
            expected,
            "choose a smaller seed, or native semantics",
        )
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

/// What PtychoPINN does not have.
fn refuse_foreign_fields(spec: &GroupSpec) -> Result<()> {
    let given = [
        ("epoch", spec.epoch != 0),
        ("among", spec.among.is_some()),
        ("seeds_from", spec.seeds_from.is_some()),
        ("include_seed", spec.include_seed != IncludeSeed::Never),
        ("max_distance", spec.max_distance.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((field, _)) => {
            let hint = "leave it out, or choose --semantics native";
            Err(bad(
                field,
                "a value",
                "none in PtychoPINN semantics, which has no such choice",
                hint,
            ))
        }
    }
}

fn error(scan: &Scan, spec: &GroupSpec, refusal: Refusal) -> Error {
    match refusal {
        Refusal::LengthsDiffer { x, y } => bad(
            "positions",
            format!("{x} x and {y} y"),
            "as many of both",
            "correct the file",
        ),
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
        Refusal::LoneNeighbor => bad(
            "gridsize",
            0,
            "at least 1",
            "a group has gridsize * gridsize patterns",
        ),
        Refusal::TooFarApart { seed_point } => {
            let found = format!("infinite squared distances around scan point {seed_point}");
            bad(
                "positions",
                found,
                "distances whose squares are finite",
                "scale the positions",
            )
        }
        Refusal::TooMany { count, limit } => bad(
            "n_groups",
            count,
            &format!("at most {limit}"),
            "draw fewer groups at a time",
        ),
    }
}
