//! Decides which scan points make a group: PtychoPINN's `RawData.generate_grouped_data`, its checks in their
//! order.
//!
//! A group is `C = gridsize * gridsize` scan points found around a **seed point**. Three branches:
//!
//! * more groups wanted than there are scan points, and `C > 1`: **oversampling**, see the `pool` module;
//! * `sequential`: the first scan points are the seed points, and the stream starts at 0 whatever seed the
//!   caller gives;
//! * otherwise: a choice of scan points; if as many groups as scan points are wanted, all of them in order,
//!   without a draw.
//!
//! Around a seed point the `K + 1` nearest points are looked up. If more than `K` came, the **first** is
//! dropped, which is the seed point itself only where no other point shares its position; the members are
//! then a choice of `C` of the rest, made with the same stream, group after group.

use super::call::{Call, Refusal, Table};
use super::neighborhood::{Neighborhood, check_count, reserve, seed_points};
use super::pool;
use super::stream::Stream;
use super::tree::MOST_POINTS;

/// Draws the groups of `call` among the scan points at (`x`, `y`), index for index as PtychoPINN does.
///
/// Coordinates of other types are converted to `f64` first, as cKDTree does. The time is that of one tree
/// over all points and one query per seed point; `gridsize` 1 needs no tree.
///
/// # Errors
///
/// A [`Refusal`] under PtychoPINN's conditions, checked in its order. As there, non-finite coordinates are
/// allowed for `gridsize` 1, and so are no groups at all and `gridsize` 0 (groups without members).
pub fn table(x: &[f64], y: &[f64], call: &Call) -> Result<Table, Refusal> {
    table_and_next(x, y, call).map(|(table, _)| table)
}

/// Draws as [`table`] does, and returns the next word of the random stream too, which tells how much was
/// consumed.
#[doc(hidden)]
pub fn table_and_next(x: &[f64], y: &[f64], call: &Call) -> Result<(Table, u32), Refusal> {
    if x.len() != y.len() {
        return Err(Refusal::LengthsDiffer {
            x: x.len(),
            y: y.len(),
        });
    }
    check_count(x.len(), MOST_POINTS)?;
    let oversampled = call.n_groups > x.len() && call.group_size() > 1;
    let seed = if call.sequential && !oversampled {
        0
    } else {
        call.seed
    };
    let mut stream = Stream::new(seed);
    let table = if oversampled {
        pool::oversampled(x, y, call, &mut stream)
    } else {
        standard(x, y, call, &mut stream)
    }?;
    check_members(&table, x.len())?;
    Ok((table, stream.next_u32()))
}

/// Draws at most one group per seed point.
fn standard(x: &[f64], y: &[f64], call: &Call, stream: &mut Stream) -> Result<Table, Refusal> {
    let (positions, neighbors, group_size) = (x.len(), call.neighbors, call.group_size());
    if positions < group_size {
        return Err(Refusal::TooFewPoints {
            positions,
            group_size,
        });
    }
    if neighbors < group_size {
        return Err(Refusal::TooFewNeighbors {
            neighbors,
            group_size,
        });
    }
    let seed_points = seed_points(
        positions,
        call.n_groups.min(positions),
        call.sequential,
        stream,
    );
    if group_size == 1 {
        return Ok(Table {
            group_size,
            members: seed_points.clone(),
            seed_points,
            wide: true,
        });
    }
    let mut around = Neighborhood::try_new(x, y, neighbors)?;
    if around.k == 1 && !seed_points.is_empty() {
        return Err(Refusal::LoneNeighbor);
    }
    let mut members = reserve(seed_points.len().saturating_mul(group_size))?;
    for &seed_point in &seed_points {
        let found = around.of(seed_point);
        let first = usize::from(found.len() > neighbors);
        stream.shuffle(&mut found[first..]);
        members.extend_from_slice(&found[first..][..group_size]);
    }
    Ok(Table {
        group_size,
        seed_points,
        members,
        wide: false,
    })
}

/// Refuses members that stand for a neighbour not found; only a group that drew one is lost.
fn check_members(table: &Table, positions: usize) -> Result<(), Refusal> {
    match table
        .members
        .iter()
        .position(|&member| member as usize >= positions)
    {
        Some(place) => Err(Refusal::TooFarApart {
            seed_point: table.seed_points[place / table.group_size],
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(side: u32) -> (Vec<f64>, Vec<f64>) {
        (0..side * side)
            .map(|i| (f64::from(i % side), f64::from(i / side)))
            .unzip()
    }

    fn drawn(positions: &(Vec<f64>, Vec<f64>), call: Call) -> Result<Table, Refusal> {
        table(&positions.0, &positions.1, &call)
    }

    #[test]
    fn sequential_sampling_ignores_the_seed() {
        let positions = lattice(5);
        let call = |seed| Call {
            gridsize: 2,
            n_groups: 9,
            seed,
            sequential: true,
            ..Call::default()
        };
        let groups = drawn(&positions, call(1)).expect("25 positions are enough");
        assert_eq!(groups.seed_points, (0..9).collect::<Vec<_>>());
        assert_eq!(drawn(&positions, call(2)), Ok(groups));
    }

    #[test]
    fn as_many_groups_as_points_need_no_choice_of_seed_points() {
        let groups = drawn(
            &lattice(4),
            Call {
                n_groups: 99,
                ..Call::default()
            },
        )
        .expect("one member a group");
        assert_eq!((groups.members, groups.wide), ((0..16).collect(), true));
    }

    #[test]
    fn one_member_a_group_passes_nan_but_demands_a_neighbor() {
        let positions = (vec![f64::NAN; 3], vec![0.0; 3]);
        assert_eq!(
            drawn(
                &positions,
                Call {
                    n_groups: 3,
                    ..Call::default()
                }
            )
            .map(|t| t.members),
            Ok(vec![0, 1, 2])
        );
        let refused = Refusal::TooFewNeighbors {
            neighbors: 0,
            group_size: 1,
        };
        assert_eq!(
            drawn(
                &positions,
                Call {
                    neighbors: 0,
                    ..Call::default()
                }
            ),
            Err(refused)
        );
    }

    #[test]
    fn checks_come_in_the_references_order() {
        let positions = (vec![f64::NAN; 3], vec![0.0; 3]);
        let call = Call {
            gridsize: 2,
            neighbors: 3,
            n_groups: 4,
            ..Call::default()
        };
        let refused = |call| drawn(&positions, call).expect_err("never enough");
        assert_eq!(
            refused(call.clone()),
            Refusal::OversamplingNotEnabled {
                n_groups: 4,
                positions: 3
            }
        );
        let call = Call {
            oversampling: true,
            ..call
        };
        assert_eq!(
            refused(call.clone()),
            Refusal::PoolTooSmall {
                neighbors: 3,
                group_size: 4
            }
        );
        let call = Call {
            pool_size: Some(5),
            ..call
        };
        assert_eq!(
            refused(call.clone()),
            Refusal::TooFewPoints {
                positions: 3,
                group_size: 4
            }
        );
        assert_eq!(
            refused(Call {
                n_groups: 3,
                ..call
            }),
            Refusal::TooFewPoints {
                positions: 3,
                group_size: 4
            }
        );
        let five = (vec![0.0, 1.0, f64::INFINITY, 2.0, 3.0], vec![0.0; 5]);
        let call = Call {
            gridsize: 2,
            n_groups: 0,
            ..Call::default()
        };
        assert_eq!(
            drawn(&five, call),
            Err(Refusal::NonFinite { scan_point: 2 })
        );
        assert_eq!(
            table(&[0.0], &[], &Call::default()),
            Err(Refusal::LengthsDiffer { x: 1, y: 0 })
        );
    }

    #[test]
    fn groups_of_no_members_are_groups() {
        let groups = drawn(
            &lattice(3),
            Call {
                gridsize: 0,
                n_groups: 4,
                ..Call::default()
            },
        )
        .expect("as the reference");
        assert_eq!((groups.seed_points.len(), groups.members.len()), (4, 0));
        let lone = drawn(
            &lattice(1),
            Call {
                gridsize: 0,
                ..Call::default()
            },
        );
        assert_eq!(lone, Err(Refusal::LoneNeighbor));
    }

    #[test]
    fn points_too_far_apart_to_measure_are_not_drawn() {
        let far = ((0..4).map(|i| f64::from(i) * 1e300).collect(), vec![0.0; 4]);
        let refused = drawn(
            &far,
            Call {
                gridsize: 2,
                ..Call::default()
            },
        );
        assert!(
            matches!(refused, Err(Refusal::TooFarApart { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn sizes_beyond_counting_are_refused_not_wrapped() {
        let huge = Call {
            gridsize: usize::MAX,
            neighbors: usize::MAX,
            n_groups: 1,
            ..Call::default()
        };
        let group_size = usize::MAX;
        assert_eq!(
            drawn(&lattice(3), huge),
            Err(Refusal::TooFewPoints {
                positions: 9,
                group_size
            })
        );
        let all = Call {
            gridsize: 2,
            neighbors: usize::MAX,
            n_groups: 9,
            ..Call::default()
        };
        assert_eq!(
            drawn(&lattice(3), all).map(|groups| groups.members.len()),
            Ok(36)
        );
    }
}
