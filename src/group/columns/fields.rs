//! Lists the columns of `groups` and describes them as Arrow fields.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};

use super::coords::{Coords, Source};
use crate::array::{complex, tensor};
use crate::group::options::Channels;
use crate::npz::Scalar;
use crate::scan::layout::{Measurement, Role};
use crate::scan::{Scan, measured};
use crate::table::unreadable;

/// The metadata key under which a column keeps the name that its contents have in PtychoPINN.
pub const KEY: &str = "ptychoarrow.key";

/// The key of the normalised patterns.
pub const NORMALIZED: &str = "X_full";

/// Names a column of `groups` that the seed point alone decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedColumn {
    GroupId,
    SeedPoint,
    X,
    Y,
}

/// Names a column of `groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupColumn {
    OfSeedPoint(SeedColumn),
    CenterX,
    CenterY,
    Span,
    NnIndices,
    Coords(Coords, Source),
    Diffraction,
    NormFactor,
    DiffractionNormalized,
    ObjectPatches,
}

impl GroupColumn {
    /// Returns whether computing the column takes a pass over all patterns.
    pub fn reads_every_pattern(self) -> bool {
        matches!(self, Self::NormFactor | Self::DiffractionNormalized)
    }

    /// Returns whether the column is made of the members' patterns.
    pub fn is_of_patterns(self) -> bool {
        matches!(self, Self::Diffraction | Self::DiffractionNormalized)
    }
}

/// Returns the columns that the groups of a scan have.
pub fn columns(scan: &Scan, has_patches: bool) -> Vec<GroupColumn> {
    use GroupColumn as G;
    let seed = [
        SeedColumn::GroupId,
        SeedColumn::SeedPoint,
        SeedColumn::X,
        SeedColumn::Y,
    ];
    let coords = |source| {
        [Coords::Absolute, Coords::Relative, Coords::Centre].map(|what| G::Coords(what, source))
    };
    let mut columns = seed.map(G::OfSeedPoint).to_vec();
    columns.extend([G::CenterX, G::CenterY, G::Span, G::NnIndices]);
    columns.extend(coords(Source::Corrected));
    let is_unreadable = |role| scan.unreadable(role).is_some();
    if scan.has_starts() || is_unreadable(Role::XStart) {
        columns.extend(coords(Source::Start));
    }
    if scan.diffraction().is_some() || is_unreadable(Role::Diffraction) {
        columns.extend([G::Diffraction, G::NormFactor, G::DiffractionNormalized]);
    }
    columns.extend(has_patches.then_some(G::ObjectPatches));
    columns
}

/// Describes what decides the shapes of columns.
#[derive(Debug)]
pub struct Shapes<'a> {
    /// The number of members per group, C.
    pub group_size: usize,
    /// The shape of a pattern as it is returned, (H, W).
    pub pattern: &'a [usize],
    /// The place of the axis of members.
    pub channels: Channels,
    /// What the numbers of `diffraction` are.
    pub measurement: Measurement,
    /// Why the patterns cannot be read, if they cannot.
    pub patterns_unreadable: Option<String>,
    /// Why the object, or its patches, cannot be read, if they cannot.
    pub object_unreadable: Option<String>,
}

impl Shapes<'_> {
    /// Returns the schema of these columns.
    pub fn schema(&self, columns: &[GroupColumn]) -> Schema {
        let fields: Vec<FieldRef> = columns
            .iter()
            .map(|column| Arc::new(self.field(*column)))
            .collect();
        Schema::new(fields)
    }

    fn field(&self, column: GroupColumn) -> Field {
        let int64 = |name| Field::new(name, DataType::Int64, false);
        let float64 = |name| Field::new(name, DataType::Float64, false);
        match column {
            GroupColumn::OfSeedPoint(SeedColumn::GroupId) => int64("group_id"),
            GroupColumn::OfSeedPoint(SeedColumn::SeedPoint) => int64("seed_point"),
            GroupColumn::OfSeedPoint(SeedColumn::X) => float64("seed_x"),
            GroupColumn::OfSeedPoint(SeedColumn::Y) => float64("seed_y"),
            GroupColumn::CenterX => float64("center_x"),
            GroupColumn::CenterY => float64("center_y"),
            GroupColumn::Span => float64("span"),
            GroupColumn::NnIndices => keyed(self.nn_indices(), "nn_indices"),
            GroupColumn::Coords(what, source) => self.coords(what, source),
            GroupColumn::Diffraction => measured(
                keyed(self.patterns("diffraction"), "diffraction"),
                self.measurement,
            ),
            GroupColumn::NormFactor => float64("norm_factor"),
            GroupColumn::DiffractionNormalized => {
                keyed(self.patterns("diffraction_normalized"), NORMALIZED)
            }
            GroupColumn::ObjectPatches => keyed(self.object_patches(), "Y"),
        }
    }

    fn nn_indices(&self) -> Field {
        let item = Arc::new(Field::new("item", DataType::Int32, false));
        let list = DataType::FixedSizeList(item, self.group_size as i32);
        Field::new("nn_indices", list, false)
    }

    fn coords(&self, what: Coords, source: Source) -> Field {
        let name = match (what, source) {
            (Coords::Absolute, Source::Corrected) => "coords_nn",
            (Coords::Relative, Source::Corrected) => "coords_relative",
            (Coords::Centre, Source::Corrected) => "coords_offsets",
            (Coords::Absolute, Source::Start) => "coords_start_nn",
            (Coords::Relative, Source::Start) => "coords_start_relative",
            (Coords::Centre, Source::Start) => "coords_start_offsets",
        };
        let last = match what {
            Coords::Centre => 1,
            Coords::Absolute | Coords::Relative => self.group_size,
        };
        keyed(tensor::field(name, DataType::Float64, &[1, 2, last]), name)
    }

    fn patterns(&self, name: &str) -> Field {
        if let Some(reason) = &self.patterns_unreadable {
            return unreadable(name, reason.clone());
        }
        tensor::field(name, DataType::Float32, &self.images())
    }

    fn object_patches(&self) -> Field {
        if let Some(reason) = &self.object_unreadable {
            return unreadable("object_patches", reason.clone());
        }
        let images = self.images();
        complex::field("object_patches", Scalar::Complex64, &images)
    }

    /// Returns the shape of a group's images.
    fn images(&self) -> Vec<usize> {
        match self.channels {
            Channels::First => [&[self.group_size], self.pattern].concat(),
            Channels::Last => [self.pattern, &[self.group_size]].concat(),
        }
    }
}

fn keyed(field: Field, key: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(KEY.to_string(), key.to_string());
    field.with_metadata(metadata)
}
