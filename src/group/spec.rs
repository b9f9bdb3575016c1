//! Says which groups are wanted: plain data that can be written down, compared, and sent to another machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Says which groups of a scan are wanted. How they follow from it is written in [`group`](super).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GroupSpec {
    /// The side of a group: a group has C = gridsize * gridsize members; 1 to 64. Default: 2.
    pub gridsize: usize,
    /// The number of nearest neighbours that form a pool, K; at least C, unless C = 1. Default: ceil(1.5 C),
    /// in PtychoPINN semantics 4.
    pub neighbors: Option<usize>,
    /// The number of groups. More than there may be seed points need
    /// [`group_oversampling`](Self::group_oversampling). Default: one per scan point that may be a seed
    /// point.
    pub n_groups: Option<usize>,
    /// The number that fixes all randomness; below 2^32 in PtychoPINN semantics. Default: 0.
    pub seed: u64,
    /// The number that redraws the members, but never the seed points. Default: 0.
    pub epoch: u64,
    /// The scan points that may be members, ascending and without repetition. Default: all.
    pub among: Option<Vec<u32>>,
    /// The scan points of `among` that may be seed points, ascending and without repetition. Default:
    /// `among`.
    pub seeds_from: Option<Vec<u32>>,
    /// How seed points are chosen where there are fewer groups than scan points that may be seed points.
    /// Default: at random.
    pub sampling: Sampling,
    /// Whether a seed point may be a member of its own group. Default: never.
    pub include_seed: IncludeSeed,
    /// The largest distance D from the seed point to a member, in stored units, itself included:
    /// scan points whose distance, the rounded root of d2 that the tables print, is larger than D leave the
    /// pool. Default: no limit.
    pub max_distance: Option<f64>,
    /// Whether there may be more groups than seed points. Default: false.
    pub group_oversampling: bool,
    /// Which program's grouping rules are followed. Default: native.
    pub semantics: Semantics,
    /// The patterns that the normalisation factor is computed over. Default: those of the scan, in PtychoPINN
    /// semantics those of the groups.
    pub norm: Option<Norm>,
}

impl GroupSpec {
    /// Sets the side of a group, g.
    pub fn with_gridsize(mut self, gridsize: usize) -> Self {
        self.gridsize = gridsize;
        self
    }

    /// Sets the number of nearest neighbours that form a pool, K.
    pub fn with_neighbors(mut self, neighbors: impl Into<Option<usize>>) -> Self {
        self.neighbors = neighbors.into();
        self
    }

    /// Sets the number of groups.
    pub fn with_n_groups(mut self, n_groups: impl Into<Option<usize>>) -> Self {
        self.n_groups = n_groups.into();
        self
    }

    /// Sets the number that fixes all randomness.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number that redraws the members.
    pub fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    /// Sets the scan points that may be members.
    pub fn with_among(mut self, among: impl Into<Option<Vec<u32>>>) -> Self {
        self.among = among.into();
        self
    }

    /// Sets the scan points that may be seed points.
    pub fn with_seeds_from(mut self, seeds_from: impl Into<Option<Vec<u32>>>) -> Self {
        self.seeds_from = seeds_from.into();
        self
    }

    /// Sets how seed points are chosen.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets whether a seed point may be a member of its own group.
    pub fn with_include_seed(mut self, include_seed: IncludeSeed) -> Self {
        self.include_seed = include_seed;
        self
    }

    /// Sets the largest distance from the seed point to a member, in the units that positions are stored in.
    pub fn with_max_distance(mut self, max_distance: impl Into<Option<f64>>) -> Self {
        self.max_distance = max_distance.into();
        self
    }

    /// Sets whether there may be more groups than seed points.
    pub fn with_group_oversampling(mut self, group_oversampling: bool) -> Self {
        self.group_oversampling = group_oversampling;
        self
    }

    /// Sets which program's grouping rules are followed.
    pub fn with_semantics(mut self, semantics: Semantics) -> Self {
        self.semantics = semantics;
        self
    }

    /// Sets the patterns that the normalisation factor is computed over.
    pub fn with_norm(mut self, norm: impl Into<Option<Norm>>) -> Self {
        self.norm = norm.into();
        self
    }
}

impl GroupSpec {
    /// Returns the number of members per group, C.
    pub fn group_size(&self) -> usize {
        self.gridsize.saturating_mul(self.gridsize)
    }

    /// Returns the number of neighbours in a pool, K, or its default: ceil(1.5 C), in PtychoPINN semantics 4.
    pub fn pool_size(&self) -> usize {
        let default = match self.semantics {
            Semantics::Native => self.group_size().saturating_mul(3).div_ceil(2),
            Semantics::Ptychopinn | Semantics::PtychopinnRaw => 4,
        };
        self.neighbors.unwrap_or(default)
    }

    /// Returns the patterns that the normalisation factor is computed over, or the default.
    pub fn norm(&self) -> Norm {
        let default = match self.semantics {
            Semantics::Native => Norm::Scan,
            Semantics::Ptychopinn | Semantics::PtychopinnRaw => Norm::Groups,
        };
        self.norm.unwrap_or(default)
    }

    /// Returns the spec as JSON, with the fields in the order of the definition.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Writes gridsize and neighbors, and the settings that differ from the defaults:
/// `gridsize=2, neighbors=6, seed=42`. Of lists of scan points it writes the length.
impl fmt::Display for GroupSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gridsize={}, neighbors={}",
            self.gridsize,
            self.pool_size()
        )?;
        let (Ok(Value::Object(given)), Ok(Value::Object(defaults))) = (
            serde_json::to_value(self),
            serde_json::to_value(Self::default()),
        ) else {
            return Ok(());
        };
        let shown = |(name, value): &(String, Value)| {
            !matches!(name.as_str(), "gridsize" | "neighbors") && defaults.get(name) != Some(value)
        };
        given
            .into_iter()
            .filter(shown)
            .try_for_each(|(name, value)| match value {
                Value::Array(points) => write!(f, ", {name}={} scan points", points.len()),
                Value::String(word) => write!(f, ", {name}={word}"),
                value => write!(f, ", {name}={value}"),
            })
    }
}

impl Default for GroupSpec {
    fn default() -> Self {
        Self {
            gridsize: 2,
            neighbors: None,
            n_groups: None,
            seed: 0,
            epoch: 0,
            among: None,
            seeds_from: None,
            sampling: Sampling::default(),
            include_seed: IncludeSeed::default(),
            max_distance: None,
            group_oversampling: false,
            semantics: Semantics::default(),
            norm: None,
        }
    }
}

/// Says how seed points are chosen from `seeds_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Seed points are drawn at random, without replacement, and sorted.
    #[default]
    Random,
    /// The first scan points of `seeds_from` are the seed points.
    Sequential,
}

/// Says whether a seed point may be a member of its own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum IncludeSeed {
    /// The seed point is no member, unless there are only C candidates and it must be one.
    #[default]
    Never,
    /// The seed point is in the pool and may be drawn.
    Pool,
    /// The seed point is always the member in slot 0.
    First,
}

/// Says which program's grouping rules are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Semantics {
    /// The rules of this crate: one answer for ties and duplicates, and a random stream for each group.
    #[default]
    Native,
    /// The rules of PtychoPINN, bit for bit, on what its bridge makes of a file: coordinates are cast to f64 before
    /// anything else, patterns to f32, the object to complex64. Start positions are those of the file, which the
    /// bridge does not read.
    Ptychopinn,
    /// The rules of PtychoPINN, bit for bit, as its `RawData` computes on the file's own types: means and differences
    /// of f32 coordinates in f32, patches of a complex128 object in f64.
    #[cfg_attr(
        feature = "cli",
        value(name = "ptychopinn_raw", alias = "ptychopinn-raw")
    )]
    PtychopinnRaw,
}

impl Semantics {
    /// Returns whether the rules are those of PtychoPINN, on whichever types.
    pub(crate) fn is_ptychopinn(self) -> bool {
        match self {
            Self::Native => false,
            Self::Ptychopinn | Self::PtychopinnRaw => true,
        }
    }
}

/// Says which patterns the normalisation factor is computed over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Each pattern of `among` counts once, so that the factor does not change with epoch, shard or sample.
    Scan,
    /// Each pattern counts as often as it is a member of a group.
    Groups,
    /// The factor is this number, which f32 can hold; no pattern is read.
    Value(f64),
}
