//! Which scan points make a group: PtychoPINN's `RawData.generate_grouped_data`, its checks in their order.
//!
//! A group is `C = gridsize * gridsize` scan points found around a **seed point**. Three branches:
//!
//! * more groups wanted than there are scan points, and `C > 1`: **oversampling**, see the `pool` module;
//! * `sequential`: the first scan points are the seed points, and the stream starts at 0 whatever the caller's seed;
//! * otherwise: a choice of scan points, or all in order without a draw if as many groups are wanted.
//!
//! Around a seed point the `K + 1` nearest points are looked up. If more than `K` came, the **first** is dropped,
//! which is the seed point itself only where no other point shares its position; the members are then a choice of `C`
//! of the rest, made with the same stream, group after group.

use super::pool;
use super::stream::Stream;
use super::tree::{KdTree, MOST_POINTS, Scratch};

/// The arguments of `generate_grouped_data`, under our names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Patterns along one side of a group: a group has `gridsize * gridsize` members. Default 1.
    pub gridsize: usize,
    /// `K`: neighbours from which members are drawn. Default 4.
    pub neighbors: usize,
    /// `nsamples`: groups wanted. Capped by the number of scan points unless groups are oversampled. Default 1.
    pub n_groups: usize,
    /// Start of the random stream. Not used by `sequential`, unless groups are oversampled. Default 0.
    pub seed: u32,
    /// `sequential_sampling`: the first scan points are the seed points. Default false.
    pub sequential: bool,
    /// `enable_oversampling`: whether there may be more groups than scan points. Default false.
    pub oversampling: bool,
    /// `neighbor_pool_size`: stands for `neighbors` when groups are oversampled. Default none.
    pub pool_size: Option<usize>,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            gridsize: 1,
            neighbors: 4,
            n_groups: 1,
            seed: 0,
            sequential: false,
            oversampling: false,
            pool_size: None,
        }
    }
}

impl Call {
    /// Members of a group; a product that does not fit is larger than any scan.
    pub(super) fn group_size(&self) -> usize {
        self.gridsize.saturating_mul(self.gridsize)
    }
}

/// The groups drawn (`nn_indices`), in the order they were drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Members of one group; 0 for `gridsize` 0.
    pub group_size: usize,
    /// The seed point each group came from; as many as there are groups.
    pub seed_points: Vec<u32>,
    /// Scan points, group after group, `group_size` each.
    pub members: Vec<u32>,
    /// Whether PtychoPINN's table is int64 (one member a group, or oversampled) and not int32.
    pub wide: bool,
}

/// Why there are no groups. Every variant but [`TooMany`](Self::TooMany) is an error of the reference as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are not as many y as x coordinates.
    LengthsDiffer {
        /// Number of x coordinates.
        x: usize,
        /// Number of y coordinates.
        y: usize,
    },
    /// More groups than scan points need oversampling, which the call does not allow.
    OversamplingNotEnabled {
        /// Groups wanted.
        n_groups: usize,
        /// Scan points there are.
        positions: usize,
    },
    /// Fewer neighbours to combine than a group has members (oversampling).
    PoolTooSmall {
        /// The pool size, or else the number of neighbours.
        neighbors: usize,
        /// Members of a group.
        group_size: usize,
    },
    /// Fewer scan points than a group has members.
    TooFewPoints {
        /// Scan points there are.
        positions: usize,
        /// Members of a group.
        group_size: usize,
    },
    /// Fewer neighbours than a group has members; also where a group is one scan point and none would be looked up.
    TooFewNeighbors {
        /// Neighbours asked for.
        neighbors: usize,
        /// Members of a group.
        group_size: usize,
    },
    /// A coordinate is NaN or infinite, and neighbours are to be looked up.
    NonFinite {
        /// The first scan point with such a coordinate.
        scan_point: usize,
    },
    /// `gridsize` 0 with a single neighbour to look up: the reference gets a number where it expects a list.
    LoneNeighbor,
    /// A member was drawn that does not exist: squared distances around the seed point overflow to infinity.
    TooFarApart {
        /// The seed point of the group.
        seed_point: u32,
    },
    /// More scan points, or oversampled groups, than this implementation counts.
    TooMany {
        /// What there are, or are wanted.
        count: usize,
        /// What can be counted.
        limit: usize,
    },
}

/// Draws the groups of `call` among the scan points at (`x`, `y`), bit for bit as PtychoPINN does.
///
/// Coordinates of other types are converted to `f64` first, as cKDTree does. Time is that of one tree over all points
/// and one query a seed point; `gridsize` 1 needs no tree.
///
/// # Errors
///
/// A [`Refusal`] under the reference's conditions, checked in its order. Not refused, as there: non-finite coordinates
/// for `gridsize` 1, no groups at all, `gridsize` 0 (groups without members).
pub fn table(x: &[f64], y: &[f64], call: &Call) -> Result<Table, Refusal> {
    table_and_next(x, y, call).map(|(table, _)| table)
}

/// [`table`], and the next word of the random stream: how much randomness was consumed.
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

/// At most one group a seed point.
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
    let mut members = Vec::with_capacity(seed_points.len() * group_size);
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

/// The seed points: the first `count`, or a choice. All of them come in order and without a draw.
pub(super) fn seed_points(
    positions: usize,
    count: usize,
    sequential: bool,
    stream: &mut Stream,
) -> Vec<u32> {
    // Both fit u32: the scan points were counted.
    if sequential || count == positions {
        return (0..count as u32).collect();
    }
    stream.choice(positions as u32, count, false)
}

/// Refuses a count that does not fit.
pub(super) fn check_count(count: usize, limit: usize) -> Result<(), Refusal> {
    if count > limit {
        Err(Refusal::TooMany { count, limit })
    } else {
        Ok(())
    }
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

/// Looks up the nearest points of one scan point after another.
pub(super) struct Neighborhood {
    points: Vec<[f64; 2]>,
    tree: KdTree,
    /// Points looked up at a time: the neighbours wanted and the scan point itself, if there are as many.
    pub(super) k: usize,
    scratch: Scratch,
    found: Vec<u32>,
}

impl Neighborhood {
    /// Builds the tree.
    pub(super) fn try_new(x: &[f64], y: &[f64], neighbors: usize) -> Result<Self, Refusal> {
        let points: Vec<[f64; 2]> = x.iter().zip(y).map(|(&x, &y)| [x, y]).collect();
        if let Some(scan_point) = points
            .iter()
            .position(|[x, y]| !(x.is_finite() && y.is_finite()))
        {
            return Err(Refusal::NonFinite { scan_point });
        }
        let k = neighbors.saturating_add(1).min(points.len());
        let tree = KdTree::new(&points);
        Ok(Self {
            points,
            tree,
            k,
            scratch: Scratch::default(),
            found: Vec::with_capacity(k),
        })
    }

    /// The `k` nearest points, usually `scan_point` first. What is not found is the number of points, as in cKDTree.
    pub(super) fn of(&mut self, scan_point: u32) -> &mut [u32] {
        self.tree.query(
            self.points[scan_point as usize],
            self.k,
            &mut self.scratch,
            &mut self.found,
        );
        self.found.resize(self.k, self.points.len() as u32);
        &mut self.found
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
