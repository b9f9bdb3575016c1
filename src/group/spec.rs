//! Which groups: plain data that can be written down, compared, and sent to another machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which groups of a scan. The fields are those of the command line and of SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSpec {
    /// g: a group has C = g * g patterns. Default 2.
    pub gridsize: usize,
    /// K, the nearest neighbours that form a pool. Default ceil(1.5 C), in PtychoPINN semantics 4.
    pub neighbors: Option<usize>,
    /// Groups in all. Default one a seed point.
    pub n_groups: Option<usize>,
    /// Fixes all randomness. Default 0.
    pub seed: u64,
    /// Redraws the members, never the seed points. Default 0.
    pub epoch: u64,
    /// Scan points that may be members, ascending. Default all.
    pub among: Option<Vec<u32>>,
    /// Scan points of `among` that may be seed points, ascending. Default `among`.
    pub seeds_from: Option<Vec<u32>>,
    /// How seed points are chosen.
    pub sampling: Sampling,
    /// Whether a seed point may be a member of its own group.
    pub include_seed: IncludeSeed,
    /// Members farther from the seed point than this, in the positions' unit, leave the pool. Default none.
    pub max_distance: Option<f64>,
    /// Allows more groups than seed points.
    pub group_oversampling: bool,
    /// Whose groups.
    pub semantics: Semantics,
    /// What `norm_factor` is computed over. Default the scan, in PtychoPINN semantics the groups.
    pub norm: Option<Norm>,
}

impl GroupSpec {
    /// C: patterns a group.
    pub fn group_size(&self) -> usize {
        self.gridsize.saturating_mul(self.gridsize)
    }

    /// K, or its default: ceil(1.5 C), in PtychoPINN semantics 4.
    pub fn pool_size(&self) -> usize {
        let default = match self.semantics {
            Semantics::Native => self.group_size().saturating_mul(3).div_ceil(2),
            Semantics::Ptychopinn => 4,
        };
        self.neighbors.unwrap_or(default)
    }

    /// What the factor is computed over.
    pub fn norm(&self) -> Norm {
        let default = match self.semantics {
            Semantics::Native => Norm::Scan,
            Semantics::Ptychopinn => Norm::Groups,
        };
        self.norm.unwrap_or(default)
    }

    /// The spec as JSON, fields in the order of the definition.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What is not as by default, and gridsize and neighbors always: `gridsize=2, neighbors=6, seed=42`. Lists of scan points
/// are counted.
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

/// How seed points are chosen from `seeds_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// At random, without replacement, then sorted.
    #[default]
    Random,
    /// The first ones.
    Sequential,
}

/// Whether a seed point may be a member of its own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum IncludeSeed {
    /// No.
    #[default]
    Never,
    /// It is in the pool, and may be drawn.
    Pool,
    /// It is always the member in slot 0.
    First,
}

/// Whose groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Semantics {
    /// Ours: one answer for ties and duplicates, each group its own random stream.
    #[default]
    Native,
    /// Those of PtychoPINN, bit for bit.
    Ptychopinn,
}

/// What the normalisation factor is computed over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Every pattern of `among`, once: the factor does not change with epoch, shard or sample.
    Scan,
    /// The drawn groups, a pattern as often as it is a member.
    Groups,
    /// Given.
    Value(f64),
}
