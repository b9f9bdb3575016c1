//! Holds the arguments, the result and the errors of one call.

/// Holds the arguments of `RawData.generate_grouped_data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The number of patterns along one side of a group: a group has `gridsize * gridsize` members. Default
    /// 1.
    pub gridsize: usize,
    /// `K`: the number of neighbours from which members are drawn. Default 4.
    pub neighbors: usize,
    /// `nsamples`: the number of groups wanted. Capped by the number of scan points unless groups are
    /// oversampled. Default 1.
    pub n_groups: usize,
    /// The start of the random stream. Not used by `sequential`, unless groups are oversampled. Default 0.
    pub seed: u32,
    /// `sequential_sampling`: whether the first scan points are the seed points. Default false.
    pub sequential: bool,
    /// `enable_oversampling`: whether there may be more groups than scan points. Default false.
    pub oversampling: bool,
    /// `neighbor_pool_size`: replaces `neighbors` where groups are oversampled. Default none.
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
    /// Returns the number of members per group; a product that does not fit is larger than any scan.
    pub(super) fn group_size(&self) -> usize {
        self.gridsize.saturating_mul(self.gridsize)
    }
}

/// Holds the groups drawn (`nn_indices`), in the order they were drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The number of members per group; 0 for `gridsize` 0.
    pub group_size: usize,
    /// The seed point of each group, one per group.
    pub seed_points: Vec<u32>,
    /// The members, as scan points: `group_size` per group, group after group.
    pub members: Vec<u32>,
    /// Whether PtychoPINN's table is int64 (one member a group, or oversampled) and not int32.
    pub wide: bool,
}

/// Says why there are no groups. All variants but [`TooMany`](Self::TooMany) and [`TooLarge`](Self::TooLarge)
/// are errors of PtychoPINN as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The numbers of x and y coordinates differ.
    LengthsDiffer {
        /// The number of x coordinates.
        x: usize,
        /// The number of y coordinates.
        y: usize,
    },
    /// There are to be more groups than scan points, which takes oversampling, and the call does not allow
    /// it.
    OversamplingNotEnabled {
        /// The number of groups wanted.
        n_groups: usize,
        /// The number of scan points.
        positions: usize,
    },
    /// There are fewer neighbours to combine than a group has members (oversampling).
    PoolTooSmall {
        /// The pool size, or else the number of neighbours.
        neighbors: usize,
        /// The number of members per group.
        group_size: usize,
    },
    /// There are fewer scan points than a group has members.
    TooFewPoints {
        /// The number of scan points.
        positions: usize,
        /// The number of members per group.
        group_size: usize,
    },
    /// There are fewer neighbours than a group has members; also where a group is one scan point, for which
    /// none is looked up.
    TooFewNeighbors {
        /// The number of neighbours asked for.
        neighbors: usize,
        /// The number of members per group.
        group_size: usize,
    },
    /// A coordinate is NaN or infinite, and neighbours are to be looked up.
    NonFinite {
        /// The first scan point with such a coordinate.
        scan_point: usize,
    },
    /// `gridsize` is 0 and a single neighbour is looked up: PtychoPINN gets a number where it expects a list.
    LoneNeighbor,
    /// A member was drawn that does not exist: squared distances around the seed point overflow to infinity.
    TooFarApart {
        /// The seed point of the group.
        seed_point: u32,
    },
    /// There are more scan points, or more oversampled groups, than this implementation counts.
    TooMany {
        /// The number there are, or are wanted.
        count: usize,
        /// The largest number that can be counted.
        limit: usize,
    },
    /// The memory for the groups cannot be had.
    TooLarge {
        /// The number of bytes.
        bytes: u128,
    },
}
