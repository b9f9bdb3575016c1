//! Draws more groups than there are scan points, from a pool of combinations of neighbours.
//!
//! PtychoPINN walks some seed points, appends every combination of `C` of each one's neighbours to a list
//! until it has twice as many as groups are wanted, and draws from that list. Every seed point offers equally
//! many, so the combination at a place of that list is computed from the place, and the list itself is never
//! made.

use super::call::{Call, Refusal, Table};
use super::neighborhood::{Neighborhood, check_count, reserve, seed_points};
use super::stream::Stream;
use crate::group::combinations::combinations;

/// The largest number of combinations that PtychoPINN gathers per group wanted.
const COMBINATIONS_PER_GROUP: usize = 2;

/// Draws the groups; `call` wants more of them than there are scan points.
pub(super) fn oversampled(
    x: &[f64],
    y: &[f64],
    call: &Call,
    stream: &mut Stream,
) -> Result<Table, Refusal> {
    check(x.len(), call)?;
    let (group_size, n_groups) = (call.group_size(), call.n_groups);
    let walked = seed_points(
        x.len(),
        seed_points_walked(x.len(), call),
        call.sequential,
        stream,
    );
    let mut around = Neighborhood::try_new(x, y, neighbors(call))?;
    let pool = Pool::try_new(&walked, group_size, n_groups, &mut around)?;
    let mut table = Table {
        group_size,
        seed_points: reserve(n_groups)?,
        members: reserve(n_groups.saturating_mul(group_size))?,
        wide: true,
    };
    // A choice holds all that it is made from.
    reserve::<u32>(pool.len.max(n_groups))?;
    let chosen = stream.choice(pool.len as u32, n_groups, n_groups > pool.len);
    for place in chosen {
        table.seed_points.push(walked[place as usize / pool.each]);
        pool.combination(place as usize, &mut table.members);
    }
    Ok(table)
}

/// Checks the call, in PtychoPINN's order; the last check is our own.
fn check(positions: usize, call: &Call) -> Result<(), Refusal> {
    let (n_groups, neighbors, group_size) = (call.n_groups, neighbors(call), call.group_size());
    if !call.oversampling {
        return Err(Refusal::OversamplingNotEnabled {
            n_groups,
            positions,
        });
    }
    if neighbors < group_size {
        return Err(Refusal::PoolTooSmall {
            neighbors,
            group_size,
        });
    }
    if positions < group_size {
        return Err(Refusal::TooFewPoints {
            positions,
            group_size,
        });
    }
    check_count(n_groups, u32::MAX as usize / COMBINATIONS_PER_GROUP)
}

fn neighbors(call: &Call) -> usize {
    call.pool_size.unwrap_or(call.neighbors)
}

/// Returns twice the number of seed points needed for one combination per group, if each offered
/// `K choose C`; at most all there are.
fn seed_points_walked(positions: usize, call: &Call) -> usize {
    let each = choices(neighbors(call), call.group_size(), call.n_groups);
    let needed = call.n_groups.div_ceil(each);
    (2 * needed).min(positions)
}

/// Holds the neighbours of the seed points walked; place `p` of PtychoPINN's list is combination `p % each`
/// of those of seed point `p / each`, in lexicographic order of their places (`itertools.combinations`).
struct Pool {
    /// The neighbours of one seed point after another, `reach` each.
    candidates: Vec<u32>,
    reach: usize,
    group_size: usize,
    /// The number of combinations that a seed point offers, or `COMBINATIONS_PER_GROUP * n_groups` if that is
    /// less.
    each: usize,
    /// The number of combinations in all.
    len: usize,
}

impl Pool {
    /// Looks up the neighbours of as many of `walked` as PtychoPINN gets to.
    ///
    /// The first found is dropped, as in a group without oversampling; only if too few are left then, which
    /// takes a scan of exactly `group_size` points, the seed point stands in its place.
    fn try_new(
        walked: &[u32],
        group_size: usize,
        n_groups: usize,
        around: &mut Neighborhood,
    ) -> Result<Self, Refusal> {
        let most = COMBINATIONS_PER_GROUP * n_groups;
        let scarce = around.k - 1 < group_size;
        let reach = if scarce { around.k } else { around.k - 1 };
        let each = choices(reach, group_size, most);
        let len = most.min(walked.len().saturating_mul(each));
        let mut candidates = reserve(len.div_ceil(each).saturating_mul(reach))?;
        for &seed_point in &walked[..len.div_ceil(each)] {
            let found = around.of(seed_point);
            found[0] = seed_point;
            candidates.extend_from_slice(&found[found.len() - reach..]);
        }
        Ok(Self {
            candidates,
            reach,
            group_size,
            each,
            len,
        })
    }

    /// Appends the members of the combination at `place`.
    fn combination(&self, place: usize, members: &mut Vec<u32>) {
        let candidates = &self.candidates[place / self.each * self.reach..][..self.reach];
        let mut rank = place % self.each;
        let mut next = 0;
        for still_to_choose in (0..self.group_size).rev() {
            // Skip the combinations that have an earlier candidate here.
            loop {
                let here = choices(self.reach - next - 1, still_to_choose, rank + 1);
                if rank < here {
                    break;
                }
                rank -= here;
                next += 1;
            }
            members.push(candidates[next]);
            next += 1;
        }
    }
}

/// Returns `n` choose `k`, or `most` if that is less.
fn choices(n: usize, k: usize, most: usize) -> usize {
    combinations(n, k, most as u128) as usize
}

#[cfg(test)]
mod tests {
    use super::super::groups::table;
    use super::*;

    #[test]
    fn places_name_combinations_in_lexicographic_order() {
        let pool = Pool {
            candidates: (0..10).collect(),
            reach: 5,
            group_size: 3,
            each: 10,
            len: 20,
        };
        let mut listed = Vec::new();
        (0..20).for_each(|place| pool.combination(place, &mut listed));
        let mut naive = Vec::new();
        for base in [0, 5] {
            for (a, b, c) in (0..5)
                .flat_map(|a| (a + 1..5).flat_map(move |b| (b + 1..5).map(move |c| (a, b, c))))
            {
                naive.extend([base + a, base + b, base + c]);
            }
        }
        assert_eq!(listed, naive);
    }

    #[test]
    fn a_scan_of_one_group_repeats_it() {
        let call = Call {
            gridsize: 2,
            n_groups: 6,
            oversampling: true,
            ..Call::default()
        };
        let groups =
            table(&[0.0, 1.0, 2.0, 3.0], &[0.0; 4], &call).expect("four positions make a group");
        assert_eq!(groups.seed_points.len(), 6);
        assert!(
            groups.wide
                && groups
                    .members
                    .chunks(4)
                    .zip(&groups.seed_points)
                    .all(|(m, &seed)| m[0] == seed)
        );
    }

    #[test]
    fn more_groups_than_can_be_counted_are_refused() {
        let call = Call {
            gridsize: 2,
            n_groups: usize::MAX,
            oversampling: true,
            ..Call::default()
        };
        let limit = u32::MAX as usize / 2;
        assert_eq!(
            table(&[0.0; 5], &[0.0; 5], &call),
            Err(Refusal::TooMany {
                count: usize::MAX,
                limit
            })
        );
    }
}
