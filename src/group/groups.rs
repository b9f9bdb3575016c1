//! Offers the groups of a scan as a table, computed when they are first asked for.

mod table;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;

use super::columns::Formed;
use super::columns::conversion::{Conversion, measurement_for_norm, takes_roots};
use super::columns::fields::{GroupColumn, Shapes, columns};
use super::columns::gather::NotFinite;
use super::columns::mass::center_of_mass;
use super::columns::norm::{MeanPower, Power};
use super::columns::object_patches::{Cutter, NoPatches, PatchSource, unreadable_object};
use super::columns::pixels;
use super::columns::transform::Transform;
use super::index::GroupIndex;
use super::note::GroupNote;
use super::once::Once;
use super::options::{Center, PatternOptions};
use super::phases::{Phase, Phases};
use super::plan::{Plan, check_finite, squares_are_finite};
use super::ptychopinn::rules;
use super::sampling::{self, Numbers};
use super::spec::{GroupSpec, Norm, Semantics};
use crate::array::{Column, Pool};
use crate::error::{Error, NoObjectPatches, Parameter, Remedy, Result};
use crate::scan::Scan;
use crate::scan::layout::{Measurement, Role};
use crate::table::{ReadOptions, TableReader};

/// Forms the groups of a scan and offers them as the table `groups`; cheap to clone. The index table is
/// computed when it is first needed.
///
/// ```
/// use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let spec = GroupSpec::default().with_neighbors(6).with_n_groups(100).with_seed(42);
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
    shared: Arc<Shared>,
    /// Some of the groups; `None` where these are all.
    part: Option<Arc<State>>,
}

/// Holds what all parts of the groups have in common.
#[derive(Debug)]
struct Shared {
    scan: Scan,
    spec: GroupSpec,
    plan: Plan,
    patterns: PatternOptions,
    /// What changes pixels and shapes, but for a centre that is still to be found.
    transform: Transform,
    /// The same around the centre of mass, once that is found.
    centered: Once<(Transform, [usize; 2])>,
    patches: std::result::Result<PatchSource, NoPatches>,
    schema: SchemaRef,
    columns: Vec<GroupColumn>,
    /// All seed points of the spec, drawn before any neighbour is looked for.
    seeds: Once<Vec<u32>>,
    norm_factor: Once<(f64, MeanPower)>,
    /// The first pixel found that is not finite and was left as it is stored.
    not_finite: OnceLock<NotFinite>,
    /// Set once no position was found to keep the groups from being formed.
    positions_checked: Once<()>,
    whole: State,
}

/// Holds what all groups, or some of them, have of their own.
#[derive(Debug, Default)]
struct State {
    index: Once<GroupIndex>,
    phases: Phases,
    pool: Pool,
}

impl Groups {
    /// Checks a spec against a scan. Neither positions nor patterns are read.
    ///
    /// # Errors
    /// If the spec cannot be met; the error tells the numbers, and what would do.
    pub fn try_new(scan: &Scan, spec: GroupSpec) -> Result<Self> {
        Self::try_new_with(scan, spec, PatternOptions::default())
    }

    /// Checks a spec and options for the patterns against a scan. Neither positions nor patterns are read.
    ///
    /// # Errors
    /// As [`Groups::try_new`]; if patterns are to be converted or binned and nothing tells what their numbers
    /// are; if they cannot be cropped or binned as asked; if a group has 2^30 pixels or more.
    pub fn try_new_with(scan: &Scan, spec: GroupSpec, patterns: PatternOptions) -> Result<Self> {
        Self::try_new_for(scan, spec, patterns, true)
    }

    /// Checks a spec and options for the patterns of a scan of which the factor alone is asked for, not the groups:
    /// unless it is computed over them, one scan point is enough.
    ///
    /// # Errors
    /// As [`Groups::try_new_with`].
    #[cfg(feature = "cli")]
    pub(crate) fn of_factor(
        scan: &Scan,
        spec: GroupSpec,
        patterns: PatternOptions,
    ) -> Result<Self> {
        let needed = spec.norm() == Norm::Groups;
        Self::try_new_for(scan, spec, patterns, needed)
    }

    fn try_new_for(
        scan: &Scan,
        spec: GroupSpec,
        patterns: PatternOptions,
        needed: bool,
    ) -> Result<Self> {
        let plan = match spec.semantics {
            Semantics::Native => Plan::try_new(scan, &spec, needed)?,
            Semantics::Ptychopinn | Semantics::PtychopinnRaw => rules::plan(scan, &spec, needed)?,
        };
        check_norm(spec.norm)?;
        Conversion::of(scan, patterns.measure)?;
        let transform = Transform::of(scan, &patterns)?;
        check_width(plan.group_size, transform.len())?;
        let patches = PatchSource::of(scan, spec.semantics)?;
        let patches = patches.and_then(|source| match transform.resamples() {
            true => Err(NoPatches::Reason(resampled(&patterns))),
            false => Ok(source),
        });
        let has_patches = patches.is_ok() || unreadable_object(scan, spec.semantics).is_some();
        let columns = columns(scan, has_patches);
        let shapes = Shapes {
            group_size: plan.group_size,
            pattern: transform.shape(),
            channels: patterns.channels,
            measurement: patterns.measure.of(scan.measurement()),
            patterns_unreadable: scan.unreadable(Role::Diffraction).map(|e| e.facts()),
            object_unreadable: unreadable_object(scan, spec.semantics).map(|e| e.facts()),
        };
        let schema = Arc::new(shapes.schema(&columns));
        let shared = Shared {
            scan: scan.clone(),
            spec,
            plan,
            patterns,
            transform,
            centered: Once::default(),
            patches,
            schema,
            columns,
            seeds: Once::default(),
            norm_factor: Once::default(),
            not_finite: OnceLock::new(),
            positions_checked: Once::default(),
            whole: State::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            part: None,
        })
    }

    /// Returns the scan.
    pub fn scan(&self) -> &Scan {
        &self.shared.scan
    }

    /// Returns the spec as it was given.
    pub fn spec(&self) -> &GroupSpec {
        &self.shared.spec
    }

    /// Returns the options for how patterns are returned.
    pub fn patterns(&self) -> PatternOptions {
        self.shared.patterns
    }

    /// Returns the number of members per group, C.
    pub fn group_size(&self) -> usize {
        self.shared.plan.group_size
    }

    /// Returns the number of neighbours in a pool, K.
    pub fn pool_size(&self) -> usize {
        self.shared.plan.neighbors
    }

    /// Returns which scan points form which group; computed once, on the threads of the current rayon pool.
    ///
    /// Call it before the groups are read in the tasks of a rayon pool: a task does not wait for another one,
    /// but computes the index itself.
    ///
    /// # Errors
    /// If a position among the candidates is not finite; if `max_distance` leaves a seed point too few
    /// distinct groups; [`Error::EveryGroupSkipped`] if it leaves none enough candidates for one; [`Error::TooLarge`] if the memory for the index cannot be had.
    pub fn index(&self) -> Result<&GroupIndex> {
        let all = 0..self.shared.plan.num_groups;
        self.state().index.get_or_try_init(|| {
            let index = self.index_of(all)?;
            match index.num_groups() == 0 && index.num_skipped() > 0 {
                true => Err(Error::EveryGroupSkipped {
                    path: self.scan().npz().path().to_path_buf(),
                    groups: index.num_skipped(),
                }),
                false => Ok(index),
            }
        })
    }

    /// Returns the index of the groups `numbers` alone, without computing the members of any other.
    ///
    /// Two cases take more: later rounds of group oversampling repeat the draws of those before, and in
    /// PtychoPINN semantics, where all groups share one random stream, all are drawn.
    ///
    /// # Errors
    /// As [`Groups::index`]; if a number is not below that of the spec's groups.
    pub fn index_of(&self, numbers: Range<usize>) -> Result<GroupIndex> {
        let Shared {
            scan, spec, plan, ..
        } = self.shared.as_ref();
        if numbers.end > plan.num_groups || numbers.start > numbers.end {
            let found = numbers.end.max(numbers.start);
            let max = Some(plan.num_groups.into());
            return Err(Error::out_of_range(Parameter::Groups, found, 0usize, max));
        }
        let phases = &self.state().phases;
        match spec.semantics {
            Semantics::Native => sampling::index(plan, scan, spec, Numbers::Range(numbers), phases),
            Semantics::Ptychopinn | Semantics::PtychopinnRaw => {
                phases.time(Phase::Sampling, || rules::index(scan, spec, numbers))
            }
        }
    }

    /// Returns the factor f by which `diffraction_normalized` is multiplied: see [`group`](super). A factor that
    /// is given is returned as it is; any other is an f32.
    ///
    /// # Errors
    /// If the scan has no patterns, or they cannot be read; [`Error::BadPixel`] if a pixel is not finite, or a
    /// negative count; [`Error::NoNormFactor`] if there is no such factor, because the mean power is 0 or not
    /// finite, or because f32 cannot hold it.
    pub fn norm_factor(&self) -> Result<f64> {
        let Shared {
            norm_factor, whole, ..
        } = self.shared.as_ref();
        let computed = norm_factor.get_or_try_init(|| {
            whole
                .phases
                .time(Phase::Norm, || self.whole().compute_norm_factor())
        })?;
        Ok(computed.0)
    }

    /// Returns the pixel, row and column, of the file's patterns around which a part is cut out of each;
    /// `None` if nothing is cut out. To find a centre of mass, all patterns of `among` are read.
    ///
    /// # Errors
    /// If the patterns cannot be read, or have no centre of mass; [`Error::CropOutside`] if the part around it
    /// does not lie within them.
    pub fn center(&self) -> Result<Option<[usize; 2]>> {
        let (Some(patterns), Some(_)) = (self.scan().diffraction(), self.patterns().crop) else {
            return Ok(None);
        };
        Ok(match (self.patterns().center, patterns.row_shape()) {
            (Some(Center::Pixel(pixel)), _) => Some(pixel),
            (Some(Center::Mass), _) => Some(self.centered()?.1),
            (None, [height, width]) => Some([height / 2, width / 2]),
            (None, _) => None,
        })
    }

    /// Returns what changes pixels and shapes.
    fn transform(&self) -> Result<&Transform> {
        match self.shared.transform.awaits_center() {
            true => Ok(&self.centered()?.0),
            false => Ok(&self.shared.transform),
        }
    }

    fn centered(&self) -> Result<&(Transform, [usize; 2])> {
        self.shared.centered.get_or_try_init(|| {
            let points = self.shared.plan.candidates.to_vec()?;
            let center = center_of_mass(self.scan(), &points)?;
            Ok((self.shared.transform.clone().around(center)?, center))
        })
    }

    /// Returns what the user should know about these groups. What is not computed yet gives no note.
    pub fn notes(&self) -> Vec<GroupNote> {
        self.notes_with(false)
    }

    /// Returns the notes; with `asks_for_patches` also those of object patches that are not cut yet.
    fn notes_with(&self, asks_for_patches: bool) -> Vec<GroupNote> {
        let skipped = self.state().index.get().map_or(0, GroupIndex::num_skipped);
        let skipped = (skipped > 0).then_some(GroupNote::Skipped {
            groups: skipped,
            asked: self.shared.plan.num_groups,
        });
        let is_unknown = measurement_for_norm(self.scan(), self.spec().semantics)
            == Measurement::Unknown
            && self.shared.norm_factor.get().is_some();
        let unknown = is_unknown.then_some(GroupNote::UnknownMeasurement);
        let smaller = self.pool_smaller();
        let notes = [smaller, skipped, unknown];
        let is_cut = self.shared.patches.as_ref().is_ok_and(PatchSource::is_read);
        let of_patches = (is_cut || asks_for_patches).then(|| self.notes_of_patches());
        let notes = notes.into_iter().flatten().chain(self.notes_of_patterns());
        notes.chain(of_patches.into_iter().flatten()).collect()
    }

    /// Notes that there are too few scan points for pools of K neighbours.
    fn pool_smaller(&self) -> Option<GroupNote> {
        let Shared { plan, spec, .. } = self.shared.as_ref();
        let (neighbors, joins) = plan.pool(spec);
        let is_smaller = neighbors + usize::from(joins) < plan.neighbors;
        let forms_groups = plan.group_size > 1 && plan.num_groups > 0;
        (is_smaller && forms_groups).then_some(GroupNote::PoolSmaller {
            neighbors,
            asked: plan.neighbors,
        })
    }

    /// Returns how many neighbours a pool has, and whether the seed point joins them because there are not enough.
    #[cfg(feature = "cli")]
    pub(crate) fn pool(&self) -> (usize, bool) {
        match self.group_size() {
            1 => (self.pool_size(), false),
            _ => self.shared.plan.pool(self.spec()),
        }
    }

    /// Returns what the user should know about the patterns of these groups.
    fn notes_of_patterns(&self) -> impl Iterator<Item = GroupNote> {
        let Shared {
            scan,
            transform,
            centered,
            norm_factor,
            not_finite,
            ..
        } = self.shared.as_ref();
        let uneven = transform.uneven().map(|uneven| GroupNote::UnevenCrop {
            rows: uneven.rows,
            columns: uneven.columns,
            shape: uneven.of,
        });
        let center = centered
            .get()
            .map(|(_, pixel)| GroupNote::CenterOfMass { pixel: *pixel });
        let dead = norm_factor.get().and_then(|(_, mean)| {
            Some(GroupNote::DeadFrames {
                frames: mean.dead,
                of: mean.patterns,
                first: mean.first_dead?,
            })
        });
        let shape = scan.diffraction().map_or(&[][..], Column::row_shape);
        let not_finite = not_finite.get().map(|found| GroupNote::NotFinite {
            scan_point: found.scan_point,
            pixel: pixels::index_of(found.at, shape),
            remedies: vec![
                scan.mask_remedy(false),
                Remedy::MarkBadValue("nan".to_string()),
            ],
        });
        uneven
            .into_iter()
            .chain(center)
            .chain(dead)
            .chain(not_finite)
    }

    /// Returns what the user of the column `object_patches` should know, once the groups are formed.
    fn notes_of_patches(&self) -> Vec<GroupNote> {
        let (Ok(source), Some(index)) = (&self.shared.patches, self.state().index.get()) else {
            return Vec::new();
        };
        // What cannot be read is an error of the column itself.
        let (Some(object), Ok(grid)) = (source.object_shape(), self.scan().object_grid()) else {
            return Vec::new();
        };
        let groups = (0..index.num_groups()).map(|row| index.members(row));
        let off = self
            .cutter()
            .and_then(|cutter| cutter.partly_off(object, &grid, groups).ok()?);
        let off = off.map(|(patches, scan_point)| GroupNote::PatchesOffObject {
            patches,
            of: index.num_groups() * self.group_size(),
            scan_point,
            object,
        });
        let assumed = grid.is_origin_assumed().then_some(GroupNote::AssumedOrigin);
        assumed.into_iter().chain(off).collect()
    }

    /// Returns why there are no object patches although the scan has an object: what the dictionary of PtychoPINN lacks.
    #[cfg(feature = "cli")]
    pub(crate) fn note_of_no_patches(&self) -> Option<GroupNote> {
        match &self.shared.patches {
            Err(NoPatches::Reason(reason)) => Some(GroupNote::NoObjectPatches(reason.clone())),
            _ => None,
        }
    }

    /// Returns what cuts object patches; `None` without patterns, whose size patches have.
    fn cutter(&self) -> Option<Cutter<'_>> {
        let side = self
            .scan()
            .diffraction()
            .map(|patterns| patterns.row_shape()[0]);
        side.map(|side| Cutter {
            scan: self.scan(),
            semantics: self.spec().semantics,
            group_size: self.group_size(),
            side,
            channels: self.patterns().channels,
        })
    }

    /// Reads the table `groups`.
    ///
    /// # Errors
    /// If there is no such column, or as [`Groups::index`].
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }

    /// Returns the seed point of each group, where each row is the group of one seed point.
    fn seeds(&self) -> Result<&Vec<u32>> {
        let Shared {
            seeds, plan, spec, ..
        } = self.shared.as_ref();
        seeds.get_or_try_init(|| sampling::seed_points(plan, spec))
    }

    /// Returns whether a position may yet keep the groups from being formed.
    fn may_be_refused(&self) -> bool {
        // PtychoPINN looks at no position where a group is a single scan point.
        let is_blind = self.spec().semantics.is_ptychopinn() && self.group_size() == 1;
        !is_blind && self.shared.positions_checked.get().is_none()
    }

    /// Checks that no position keeps the groups from being formed.
    fn check_positions(&self) -> Result<()> {
        let Shared {
            scan, spec, plan, ..
        } = self.shared.as_ref();
        let check = || {
            check_finite(scan, plan.candidates.iter())?;
            // Where squares of distances overflow, only drawing tells whether a group comes out.
            let ptychopinn = spec.semantics.is_ptychopinn();
            match ptychopinn && !squares_are_finite(scan.positions()?) {
                true => self.index().map(drop),
                false => Ok(()),
            }
        };
        let checked = &self.shared.positions_checked;
        checked.get_or_try_init(check).copied()
    }

    /// Returns what the columns of the groups are made from; forms the groups, if need be.
    fn formed(&self) -> Result<Formed<'_>> {
        Ok(Formed {
            scan: self.scan(),
            semantics: self.spec().semantics,
            index: self.index()?,
            group_size: self.group_size(),
            options: self.patterns(),
            transform: self.transform()?,
            not_finite: &self.shared.not_finite,
            patches: self.shared.patches.as_ref().ok(),
            pool: &self.state().pool,
        })
    }

    fn state(&self) -> &State {
        self.part.as_deref().unwrap_or(&self.shared.whole)
    }

    /// Returns all groups.
    fn whole(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            part: None,
        }
    }

    /// Returns the groups with these numbers, ascending; for no other are neighbours looked for. The factor
    /// stays that of all groups.
    fn some(&self, numbers: &[usize]) -> Result<Self> {
        let Shared {
            scan, spec, plan, ..
        } = self.shared.as_ref();
        let phases = Phases::default();
        let index = sampling::index(plan, scan, spec, Numbers::List(numbers), &phases)?;
        let part = State {
            index: index.into(),
            phases,
            pool: Pool::default(),
        };
        Ok(Self {
            shared: Arc::clone(&self.shared),
            part: Some(Arc::new(part)),
        })
    }

    /// Returns whether each row is the group of one seed point, so that it is known once the seed points are
    /// drawn: not with group oversampling, not where `max_distance` may skip some, not in PtychoPINN
    /// semantics.
    fn is_one_per_seed_point(&self) -> bool {
        let Shared { spec, plan, .. } = self.shared.as_ref();
        let native = spec.semantics == Semantics::Native && spec.max_distance.is_none();
        native && plan.num_groups <= plan.seeds.len() && self.part.is_none()
    }

    fn compute_norm_factor(&self) -> Result<(f64, MeanPower)> {
        let power = Power {
            scan: self.scan(),
            patterns: self.scan().require_diffraction()?,
            transform: self.transform()?,
            is_intensity: takes_roots(self.scan(), self.spec().semantics),
        };
        let mean = match self.spec().norm() {
            Norm::Value(factor) => return Ok((factor, MeanPower::default())),
            Norm::Scan => power.mean_of_points(&self.shared.plan.candidates.to_vec()?)?,
            Norm::Groups => power.mean_of_groups(self.index()?)?,
        };
        let factor = (self.shared.transform.len() as f64 / 4.0 / mean.power).sqrt() as f32;
        if !factor.is_finite() || factor == 0.0 {
            return Err(Error::NoNormFactor {
                path: self.scan().npz().path().to_path_buf(),
                mean_power: mean.power,
            });
        }
        Ok((f64::from(factor), mean))
    }
}

/// Checks that a factor that is given is one in f32 too, in which patterns are multiplied.
fn check_norm(norm: Option<Norm>) -> Result<()> {
    match norm {
        Some(Norm::Value(factor)) if !((factor as f32) > 0.0 && (factor as f32).is_finite()) => {
            let (min, max) = (f64::from(f32::from_bits(1)), f64::from(f32::MAX));
            Err(Error::out_of_range(
                Parameter::Norm,
                factor,
                min,
                Some(max.into()),
            ))
        }
        _ => Ok(()),
    }
}

/// Returns why changed patterns have no object patches.
fn resampled(patterns: &PatternOptions) -> NoObjectPatches {
    let crop = patterns.crop.map(|_| Parameter::Crop);
    let bin = patterns.bin.map(|_| Parameter::Bin);
    NoObjectPatches::Resampled {
        by: crop.into_iter().chain(bin).collect(),
    }
}

/// Checks that the widest column of a group, that of complex patches, fits one row of an Arrow array.
fn check_width(group_size: usize, pixels: usize) -> Result<()> {
    let width = group_size
        .checked_mul(pixels)
        .and_then(|pixels| pixels.checked_mul(2));
    match width.map(i32::try_from) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Error::GroupTooWide { group_size, pixels }),
    }
}
