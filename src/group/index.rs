//! Holds which scan points form which group.

use std::ops::Range;

use crate::array::RowSet;
use crate::error::{Parameter, Result};
use crate::memory;

/// What the memory of index tables is for.
pub const INDEX: &str = "the index table of the groups";

/// Stands for the members of a group that cannot be drawn; no scan has this many points.
pub const SKIPPED: u32 = u32::MAX;

/// Holds the index table: the number, the seed point and the members of each group, one row per group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupIndex {
    group_size: usize,
    num_skipped: usize,
    group_ids: GroupIds,
    seed_points: Vec<u32>,
    /// The members, C per group.
    members: Vec<u32>,
}

/// Holds the numbers of groups, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GroupIds {
    /// Consecutive numbers from this one on.
    From(u64),
    /// A list, where some groups were skipped or left out.
    List(Vec<u64>),
}

impl GroupIndex {
    /// Returns the number of groups.
    pub fn num_groups(&self) -> usize {
        self.seed_points.len()
    }

    /// Returns the number of groups that were skipped, because `max_distance` left their seed point too few
    /// candidates.
    pub fn num_skipped(&self) -> usize {
        self.num_skipped
    }

    /// Returns the number of the group in a row: the g of the module's documentation, which skipped groups
    /// keep.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn group_id(&self, row: usize) -> u64 {
        match &self.group_ids {
            GroupIds::From(first) => first + row as u64,
            GroupIds::List(ids) => ids[row],
        }
    }

    /// Returns the seed point of the group in a row: the scan point whose neighbours form it.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn seed_point(&self, row: usize) -> u32 {
        self.seed_points[row]
    }

    /// Returns the C members of the group in a row, as scan points, in the order of their slots.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn members(&self, row: usize) -> &[u32] {
        &self.members[row * self.group_size..(row + 1) * self.group_size]
    }

    /// Returns the members of the groups in these rows, group after group.
    pub(super) fn members_of(&self, rows: &RowSet<'_>) -> Vec<usize> {
        rows.iter()
            .flat_map(|row| self.members(row))
            .map(|point| *point as usize)
            .collect()
    }

    /// Returns the members of all groups, C per group.
    pub(super) fn all_members(&self) -> &[u32] {
        &self.members
    }

    /// Creates an index of the groups `first`, `first + 1`, ...
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

    /// Creates an index of the groups with these numbers.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) if the memory for it cannot be had.
    pub(super) fn listed(
        group_size: usize,
        numbers: &[usize],
        seed_points: Vec<u32>,
        members: Vec<u32>,
    ) -> Result<Self> {
        let mut ids = memory::reserve(numbers.len() as u128, INDEX, Parameter::NGroups)?;
        ids.extend(numbers.iter().map(|number| *number as u64));
        Ok(Self {
            group_size,
            num_skipped: 0,
            group_ids: GroupIds::List(ids),
            seed_points,
            members,
        })
    }

    /// Returns an index of the rows `range` alone, of an index of consecutive groups from 0 on.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let members = range.start * self.group_size..range.end * self.group_size;
        Self::consecutive(
            self.group_size,
            range.start,
            self.seed_points[range].to_vec(),
            self.members[members].to_vec(),
        )
    }

    /// Takes out the groups whose first member is [`SKIPPED`].
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) if the memory for their numbers cannot be had.
    pub(super) fn without_skipped(mut self) -> Result<Self> {
        let (size, total) = (self.group_size, self.num_groups());
        let kept = (0..total)
            .filter(|row| self.members[row * size] != SKIPPED)
            .count();
        if kept == total {
            return Ok(self);
        }
        let mut ids = memory::reserve(kept as u128, INDEX, Parameter::NGroups)?;
        for row in 0..total {
            if self.members[row * size] != SKIPPED {
                let place = ids.len();
                ids.push(self.group_id(row));
                self.seed_points[place] = self.seed_points[row];
                self.members
                    .copy_within(row * size..(row + 1) * size, place * size);
            }
        }
        self.seed_points.truncate(kept);
        self.members.truncate(kept * size);
        self.num_skipped = total - kept;
        self.group_ids = GroupIds::List(ids);
        Ok(self)
    }
}
