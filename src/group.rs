//! Groups of neighbouring scan positions.
//!
//! [`GroupSpec`] says which groups; [`Groups`] finds them in a scan and hands them out as the tables `groups` (one row a
//! group) and `group_members` (one row a member).
//!
//! # The native algorithm
//!
//! Frozen: the same spec, seed and positions give the same groups on every machine and in every version.
//!
//! 1. *Candidates.* `among` (all scan points by default) may be members; `seeds_from` (`among` by default) may be seed
//!    points.
//! 2. *Seed points.* All S of `seeds_from`; or `n_groups` of them, drawn from stream 0 of [`rng`] without replacement
//!    and sorted, or with [`Sampling::Sequential`] the first. With group oversampling all S are seed points, and group
//!    `g` belongs to the (g mod S)-th.
//! 3. *Pool* of a seed point: its K nearest neighbours among the candidates, itself left out by index, ordered by
//!    (squared distance, scan point); fewer where there are fewer, or where `max_distance` (inclusive) removes some. If
//!    there are exactly C candidates, or with [`IncludeSeed::Pool`], the seed point joins at the front.
//! 4. *Members* of group `g`: the first C of the pool after the first C steps of a Fisher-Yates shuffle with stream
//!    `1 + g`, in that order. With [`IncludeSeed::First`] slot 0 is the seed point and C - 1 are drawn. With C = 1 the
//!    group is its seed point.
//! 5. *Group oversampling.* Round r = g div S of a seed point: draws go on in stream `1 + (g mod S)`, each from the pool
//!    in its original order, and a draw whose set of members came before is dropped; the group is the draw that is
//!    left in place r. Round 0 is thus the group without oversampling.
//! 6. A seed point with fewer than C candidates left by `max_distance` has no group: it is skipped and counted, and its
//!    `group_id` stays unused, so that the others keep theirs.

mod coords;
mod gather;
mod index;
mod legacy;
mod members;
mod near;
pub mod neighbors;
pub mod patch;
mod patches;
mod patterns;
mod phases;
mod plan;
pub mod reference;
pub mod rng;
mod sample;
mod spec;
mod sum;
mod transform;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};

use crate::array::{Access, Column, Pool, RowSet};
use crate::error::{Error, Parameter, Result};
use crate::scan::layout::Measurement;
use crate::scan::{Scan, measured, provenance};
use crate::table::{ReadOptions, Table, TableInfo, TableReader};
pub use index::GroupIndex;
pub use members::GroupMembers;
pub use near::NearestTable;
use patches::PatchSource;
use patterns::Conversion;
pub use patterns::{Channels, Measure, PatternOptions};
use phases::{Phase, Phases};
use plan::Plan;
use sample::Numbers;
pub use spec::{GroupSpec, IncludeSeed, Norm, Sampling, Semantics};
use transform::Transform;

/// The metadata key of the spec, as JSON.
pub const SPEC_KEY: &str = "ptychoarrow.spec";

/// The metadata key of the [`PatternOptions`], as JSON.
pub const PATTERNS_KEY: &str = "ptychoarrow.patterns";

/// The groups of a scan; cheap to clone. The index table is computed when it is first needed.
///
/// ```
/// use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let spec = GroupSpec { gridsize: 2, neighbors: Some(6), n_groups: Some(100), seed: 42, ..Default::default() };
/// let groups = Groups::try_new(&scan, spec)?;
/// let mut rows = 0;
/// for batch in groups.read(&ReadOptions::default())? {
///     rows += batch?.num_rows(); // column `diffraction`: tensors f4 [4, 64, 64]
/// }
/// assert_eq!(rows, 100);
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Groups {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scan: Scan,
    spec: GroupSpec,
    plan: Plan,
    patterns: PatternOptions,
    transform: Transform,
    patches: Option<PatchSource>,
    /// The object's pixels, one row.
    object: Once<ArrayRef>,
    schema: SchemaRef,
    columns: Vec<gather::GroupColumn>,
    /// All seed points of the spec, drawn before any neighbour is looked for.
    seeds: Once<Vec<u32>>,
    index: Once<GroupIndex>,
    norm_factor: Once<f32>,
    /// The groups that these are some of.
    whole: Option<Groups>,
    phases: Phases,
    pool: Pool,
}

impl Groups {
    /// Checks a spec against a scan. Neither positions nor patterns are read.
    ///
    /// # Errors
    /// If the spec cannot be met, naming the numbers and what would do.
    pub fn try_new(scan: &Scan, spec: GroupSpec) -> Result<Self> {
        Self::try_new_with(scan, spec, PatternOptions::default())
    }

    /// As [`Groups::try_new`], with options for the patterns.
    ///
    /// # Errors
    /// As [`Groups::try_new`]; if patterns are to be converted and the file does not say what they are.
    pub fn try_new_with(scan: &Scan, spec: GroupSpec, patterns: PatternOptions) -> Result<Self> {
        let plan = match spec.semantics {
            Semantics::Native => Plan::try_new(scan, &spec)?,
            Semantics::Ptychopinn => legacy::plan(scan, &spec)?,
        };
        Conversion::of(scan, patterns.measure)?;
        // Of a complex patch, the widest column: real and imaginary part.
        let transform = Transform::of(scan, &patterns)?;
        let pixels = transform.len();
        let width = plan
            .group_size
            .checked_mul(pixels)
            .and_then(|pixels| pixels.checked_mul(2));
        if width.is_none_or(|width| i32::try_from(width).is_err()) {
            return Err(Error::GroupTooWide {
                group_size: plan.group_size,
                pixels,
            });
        }
        let patches = PatchSource::of(scan, spec.semantics)?.filter(|_| !transform.resamples());
        let columns = gather::columns(scan, patches.is_some());
        let schema = gather::schema(transform.shape(), &plan, &columns, patterns.channels);
        let schema = Arc::new(with_measurement(
            &schema,
            patterns.measure.of(scan.measurement()),
        ));
        let inner = Inner {
            scan: scan.clone(),
            spec,
            plan,
            patterns,
            transform,
            patches,
            schema,
            columns,
            object: Once::default(),
            seeds: Once::default(),
            index: Once::default(),
            norm_factor: Once::default(),
            whole: None,
            phases: Phases::default(),
            pool: Pool::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The scan.
    pub fn scan(&self) -> &Scan {
        &self.inner.scan
    }

    /// The spec as given.
    pub fn spec(&self) -> &GroupSpec {
        &self.inner.spec
    }

    /// How patterns are handed out.
    pub fn patterns(&self) -> PatternOptions {
        self.inner.patterns
    }

    /// Members a group, C.
    pub fn group_size(&self) -> usize {
        self.inner.plan.group_size
    }

    /// Neighbours in a pool, K.
    pub fn pool_size(&self) -> usize {
        self.inner.plan.neighbors
    }

    /// Which scan points form which group; computed once, on the threads of the current rayon pool.
    ///
    /// # Errors
    /// If a position among the candidates is not finite, or if `max_distance` leaves a seed point too few distinct
    /// groups.
    pub fn index(&self) -> Result<&GroupIndex> {
        self.inner
            .index
            .get_or_try_init(|| self.index_of(0..self.inner.plan.num_groups))
    }

    /// Groups `numbers` alone, without computing the members of any other (in PtychoPINN semantics, whose random stream
    /// is one for all groups, they are all drawn).
    ///
    /// # Errors
    /// As [`Groups::index`]; if a number is beyond the spec's groups.
    pub fn index_of(&self, numbers: std::ops::Range<usize>) -> Result<GroupIndex> {
        let Inner {
            scan,
            spec,
            plan,
            phases,
            ..
        } = self.inner.as_ref();
        if numbers.end > plan.num_groups || numbers.start > numbers.end {
            let max = Some(plan.num_groups.into());
            return Err(Error::out_of_range(
                Parameter::Groups,
                numbers.end.max(numbers.start),
                0usize,
                max,
            ));
        }
        match spec.semantics {
            Semantics::Native => sample::index(plan, scan, spec, Numbers::Range(numbers), phases),
            Semantics::Ptychopinn => {
                phases.time(Phase::Sampling, || legacy::index(scan, spec, numbers))
            }
        }
    }

    /// Whether each row is the group of one seed point, known once the seed points are drawn: not with group
    /// oversampling, not where `max_distance` may skip some, not in PtychoPINN semantics.
    fn is_one_a_seed_point(&self) -> bool {
        let Inner { spec, plan, .. } = self.inner.as_ref();
        let native = spec.semantics == Semantics::Native && spec.max_distance.is_none();
        native && plan.num_groups <= plan.seeds.len() && self.inner.whole.is_none()
    }

    /// The seed point of each row.
    fn seeds(&self) -> Result<&Vec<u32>> {
        self.inner
            .seeds
            .get_or_try_init(|| Ok(sample::seed_points(&self.inner.plan, &self.inner.spec)))
    }

    /// These groups alone, ascending; of no other are neighbours looked for. The factor stays that of all of them.
    fn some(&self, numbers: &[usize]) -> Result<Self> {
        let Inner {
            scan,
            spec,
            plan,
            patterns,
            transform,
            patches,
            schema,
            columns,
            ..
        } = self.inner.as_ref();
        let index = Once::default();
        let phases = Phases::default();
        let some = sample::index(plan, scan, spec, Numbers::List(numbers), &phases)?;
        index.get_or_try_init(|| Ok(some))?;
        let inner = Inner {
            scan: scan.clone(),
            spec: spec.clone(),
            plan: plan.clone(),
            patterns: *patterns,
            transform: transform.clone(),
            patches: patches.clone(),
            object: Once::default(),
            schema: Arc::clone(schema),
            columns: columns.clone(),
            seeds: Once::default(),
            index,
            norm_factor: Once::default(),
            whole: Some(self.clone()),
            phases,
            pool: Pool::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The factor that `diffraction_normalized` is multiplied by.
    ///
    /// f = sqrt((N/2)^2 / mean over patterns of sum |amplitude|^2), over the patterns that [`GroupSpec::norm`] names; sums
    /// in f8, f rounded to f4 once. N^2 is the number of pixels of a pattern.
    ///
    /// # Errors
    /// If the scan has no patterns.
    pub fn norm_factor(&self) -> Result<f32> {
        match &self.inner.whole {
            Some(whole) => whole.norm_factor(),
            None => {
                let compute = || {
                    self.inner
                        .phases
                        .time(Phase::Norm, || gather::norm_factor(self))
                };
                self.inner.norm_factor.get_or_try_init(compute).copied()
            }
        }
    }

    /// What the user should know about these groups, as sentences.
    pub fn warnings(&self) -> Vec<String> {
        let skipped = self.inner.index.get().map_or(0, GroupIndex::num_skipped);
        let skipped = (skipped > 0).then(|| {
            format!("{skipped} groups were skipped: fewer than C candidates within max_distance of their seed point")
        });
        let said = self.scan().layout_options().measurement.is_some();
        let unknown = match self.spec().semantics {
            Semantics::Native => self.scan().measurement() == Measurement::Unknown,
            Semantics::Ptychopinn => !said,
        };
        let unknown = unknown && self.inner.norm_factor.get().is_some();
        let unknown = unknown.then(|| {
            "normalised as amplitudes: the file does not say what its numbers are; settle it with --measurement"
                .to_string()
        });
        skipped.into_iter().chain(unknown).collect()
    }

    /// The table `group_members`: one row a member.
    pub fn members(&self) -> GroupMembers {
        GroupMembers::new(self.clone())
    }

    /// Reads the table `groups`.
    ///
    /// # Errors
    /// If there is no such column, or as [`Groups::index`].
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }
}

/// The schema, in which `diffraction` says what its numbers are.
fn with_measurement(schema: &Schema, measurement: Measurement) -> Schema {
    let said = |field: &FieldRef| match field.name().as_str() {
        "diffraction" => Arc::new(measured(field.as_ref().clone(), measurement)),
        _ => Arc::clone(field),
    };
    Schema::new(schema.fields().iter().map(said).collect::<Vec<_>>())
}

/// A value computed once, or not at all if that fails; `OnceLock::get_or_try_init` is not stable yet.
#[derive(Debug)]
struct Once<T> {
    cell: OnceLock<T>,
    /// Held while the value is computed, so that no work is done twice. A rayon worker never waits for it: the value may
    /// be computed by the very pool whose workers would all be waiting, or by the worker itself, further down its stack.
    filling: Mutex<()>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            cell: OnceLock::new(),
            filling: Mutex::new(()),
        }
    }
}

impl<T> Once<T> {
    fn get(&self) -> Option<&T> {
        self.cell.get()
    }

    fn get_or_try_init(&self, compute: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let _guard = match rayon::current_thread_index() {
            Some(_) => self.filling.try_lock().ok(),
            None => Some(self.filling.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = compute()?;
        Ok(self.cell.get_or_init(|| value))
    }
}

impl TableInfo for Groups {
    fn known_rows(&self) -> Option<usize> {
        match self.inner.index.get() {
            Some(index) => Some(index.num_groups()),
            None => self
                .inner
                .spec
                .max_distance
                .is_none()
                .then_some(self.inner.plan.num_groups),
        }
    }

    fn is_on_request(&self, column: usize) -> bool {
        self.inner.columns[column].reads_every_pattern()
    }

    fn ordering(&self) -> &[&str] {
        &["group_id"]
    }

    fn is_early(&self, column: usize) -> bool {
        self.is_one_a_seed_point() && self.inner.columns[column].is_of_the_seed_point()
    }

    fn restricted(&self, rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        // What is worked out already need not be worked out again.
        if !self.is_one_a_seed_point() || self.inner.index.get().is_some() {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.some(rows)?)))
    }

    fn spec_text(&self) -> Option<String> {
        Some(self.inner.spec.to_string())
    }

    fn access(&self, column: usize) -> Option<&Access> {
        let reads_patterns = matches!(
            self.schema().field(column).name().as_str(),
            "diffraction" | "diffraction_normalized"
        );
        self.scan()
            .diffraction()
            .filter(|_| reads_patterns)
            .map(Column::access)
    }

    fn will_need(&self, column: usize, rows: &RowSet<'_>) {
        if let (Some(_), Ok(points)) = (self.access(column), patterns::members(self, rows))
            && let Some(patterns) = self.scan().diffraction()
        {
            patterns.will_need(&RowSet::List(&points));
        }
    }

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        let mut spent = self.inner.phases.spent();
        for (own, whole) in spent
            .iter_mut()
            .zip(self.inner.whole.iter().flat_map(|whole| whole.phases()))
        {
            own.1 += whole.1;
        }
        spent
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        let mut provenance = provenance::of(self.scan().sources(), self.name());
        provenance.insert(SPEC_KEY.to_string(), self.inner.spec.to_json());
        provenance.insert(
            PATTERNS_KEY.to_string(),
            serde_json::json!(self.inner.patterns).to_string(),
        );
        provenance
    }
}

impl Table for Groups {
    fn name(&self) -> &str {
        "groups"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.inner.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        self.known_rows()
            .map_or_else(|| self.index().map(GroupIndex::num_groups), Ok)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan().check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        gather::column(self, self.inner.columns[index], rows)
    }
}

#[cfg(test)]
mod tests;
