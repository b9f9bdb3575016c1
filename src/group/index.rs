//! The index table: which scan points form which group.

use std::ops::Range;

/// The index table: which scan points form which group. All vectors are in group order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupIndex {
    group_size: usize,
    num_skipped: usize,
    group_ids: GroupIds,
    seed_points: Vec<u32>,
    /// C a group.
    members: Vec<u32>,
}

/// Numbers of groups, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GroupIds {
    /// All from this one on.
    From(u64),
    /// These: some were skipped.
    List(Vec<u64>),
}

impl GroupIndex {
    /// Number of groups.
    pub fn num_groups(&self) -> usize {
        self.seed_points.len()
    }

    /// Groups left out because `max_distance` left too few candidates.
    pub fn num_skipped(&self) -> usize {
        self.num_skipped
    }

    /// The group's number, which its random stream goes by; rows are numbered without the skipped ones.
    pub fn group_id(&self, row: usize) -> u64 {
        match &self.group_ids {
            GroupIds::From(first) => first + row as u64,
            GroupIds::List(ids) => ids[row],
        }
    }

    /// The scan point whose neighbours form the group.
    pub fn seed_point(&self, row: usize) -> u32 {
        self.seed_points[row]
    }

    /// The C members, by slot.
    pub fn members(&self, row: usize) -> &[u32] {
        &self.members[row * self.group_size..(row + 1) * self.group_size]
    }

    /// An index of groups `first`, `first + 1`, ...
    pub(super) fn consecutive(
        group_size: usize,
        first: usize,
        seed_points: Vec<u32>,
        members: Vec<u32>,
    ) -> Self {
        Self {
            group_size,
            num_skipped: 0,
            group_ids: GroupIds::From(first as u64),
            seed_points,
            members,
        }
    }

    /// An index of these groups.
    pub(super) fn listed(
        group_size: usize,
        numbers: &[usize],
        seed_points: Vec<u32>,
        members: Vec<u32>,
    ) -> Self {
        let group_ids = GroupIds::List(numbers.iter().map(|number| *number as u64).collect());
        Self {
            group_size,
            num_skipped: 0,
            group_ids,
            seed_points,
            members,
        }
    }

    /// Rows `range` alone.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let members =
            self.members[range.start * self.group_size..range.end * self.group_size].to_vec();
        Self::consecutive(
            self.group_size,
            range.start,
            self.seed_points[range].to_vec(),
            members,
        )
    }

    /// Takes out the groups whose first member is [`SKIPPED`].
    pub(super) fn without_skipped(mut self) -> Self {
        let size = self.group_size;
        let keeps = |row: &usize| self.members[row * size] != SKIPPED;
        let kept: Vec<usize> = (0..self.num_groups()).filter(keeps).collect();
        if kept.len() == self.num_groups() {
            return self;
        }
        self.num_skipped = self.num_groups() - kept.len();
        self.group_ids = GroupIds::List(kept.iter().map(|row| self.group_id(*row)).collect());
        self.members = kept
            .iter()
            .flat_map(|row| self.members[row * size..(row + 1) * size].iter().copied())
            .collect();
        self.seed_points = kept.iter().map(|row| self.seed_points[*row]).collect();
        self
    }
}

/// Stands for the members of a group that cannot be drawn; no scan has so many points.
pub const SKIPPED: u32 = u32::MAX;
