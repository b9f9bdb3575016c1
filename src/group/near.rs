//! Builds the table `neighbors`: the nearest scan points of each scan point.

mod batch;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use super::Once;
use super::neighbors::{Neighbor, Neighbors, Reach, SharedEngine};
use super::plan::{Candidates, check_finite};
use crate::array::RowSet;
use crate::error::{Error, Notice, Parameter, Result};
use crate::scan::layout::{Role, Uses};
use crate::scan::{Positions, Scan, provenance};
use crate::table::{Table, TableInfo};
use batch::{Cache, Extents, Place};

/// The number of neighbours per scan point where neither a number nor a distance is given.
pub const DEFAULT_K: usize = 6;

/// Says which neighbours a [`NeighborsTable`] has.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NeighborsOptions {
    /// The largest number of neighbours per scan point, 1 or more. By default 6, or any number where `within` is given.
    pub k: Option<usize>,
    /// The largest distance of a neighbour, in the positions' unit, 0 or more; a neighbour at this very distance is one.
    /// By default any distance.
    pub within: Option<f64>,
    /// The scan whose points are the neighbours, with positions in the same unit. By default the scan itself, of which
    /// no scan point is its own neighbour.
    pub of: Option<Scan>,
    /// The scan points that have neighbours, and are such where `of` names no other scan: ascending and without
    /// repetition. The positions of others do not matter. By default all.
    pub among: Option<Vec<u32>>,
    /// The scan points of `of` that may be neighbours, ascending and without repetition. By default all.
    pub of_among: Option<Vec<u32>>,
}

impl NeighborsOptions {
    /// Sets the largest number of neighbours per scan point.
    pub fn with_k(mut self, k: impl Into<Option<usize>>) -> Self {
        self.k = k.into();
        self
    }

    /// Sets the largest distance of a neighbour, in the positions' unit.
    pub fn with_within(mut self, within: impl Into<Option<f64>>) -> Self {
        self.within = within.into();
        self
    }

    /// Sets the scan whose points are the neighbours.
    pub fn with_of(mut self, of: impl Into<Option<Scan>>) -> Self {
        self.of = of.into();
        self
    }

    /// Sets the scan points that have neighbours, and are such where no other scan is named.
    pub fn with_among(mut self, points: impl Into<Option<Vec<u32>>>) -> Self {
        self.among = points.into();
        self
    }

    /// Sets the scan points of the other scan that may be neighbours.
    pub fn with_of_among(mut self, points: impl Into<Option<Vec<u32>>>) -> Self {
        self.of_among = points.into();
        self
    }
}

/// Lists the nearest scan points of each scan point, one row per neighbour.
///
/// The columns are `scan_point` Int64, `rank` Int32 (from 1), `neighbor` Int64 (the neighbour's scan point) and
/// `distance` Float64 in the positions' unit. Scan points ascend, and so do ranks; equal distances are settled by scan
/// point.
///
/// Rows are worked out batch by batch: of n scan points, each batch searches those that it covers, in about
/// O(k log n) time for each, and holds 16 bytes per row. Beside that the table keeps a search structure of 30 to 60
/// bytes per scan point. Where a distance limits the neighbours, [`Table::num_rows`] counts them first, and the table
/// keeps 8 bytes per scan point more.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::AsArray;
/// use arrow::datatypes::Float64Type;
/// use ptychoarrow::group::{NeighborsOptions, NeighborsTable};
/// use ptychoarrow::table::TableReader;
/// use ptychoarrow::{ReadOptions, Scan, Table};
///
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// let options = NeighborsOptions::default().with_k(4).with_within(10.0); // pixels
/// let table = NeighborsTable::try_new(&scan, &options)?;
/// assert!(table.num_rows()? <= 4 * scan.num_positions());
/// for batch in TableReader::try_new(Arc::new(table), &ReadOptions::default())? {
///     let distances = batch?["distance"].as_primitive::<Float64Type>().clone();
///     assert!(distances.values().iter().all(|distance| *distance <= 10.0));
/// }
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug)]
pub struct NeighborsTable {
    scan: Scan,
    options: NeighborsOptions,
    /// The scan points that have neighbours.
    points: Candidates,
    /// The scan points that may be neighbours; those of another scan, if one is named.
    others: Candidates,
    /// Set once all their positions were seen to be finite.
    checked: Once<()>,
    /// The largest number of neighbours that a scan point can have.
    k: usize,
    /// The largest distance; infinite if there is no limit.
    within: f64,
    schema: SchemaRef,
    index: Once<Index>,
    /// The number of the first row of each scan point, and the number of rows; only where a distance limits them.
    starts: Once<Vec<usize>>,
    cache: Cache,
}

/// Holds what the neighbours are searched with.
#[derive(Debug)]
struct Index {
    /// The scan points that may be neighbours.
    others: Vec<u32>,
    engine: SharedEngine,
}

impl NeighborsTable {
    /// Creates the table. Positions are read when rows are asked for.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `k` is 0, `within` is negative or not a number, or a list has a scan point that its scan
    /// has not; [`Error::NotAscending`] if a list does not ascend; [`Error::MissingRole`] if a scan has
    /// no positions; [`Error::UnitsDiffer`] if the positions of both scans are not in the same unit.
    pub fn try_new(scan: &Scan, options: &NeighborsOptions) -> Result<Self> {
        let within = options.within.unwrap_or(f64::INFINITY);
        if options.k == Some(0) {
            return Err(Error::out_of_range(Parameter::K, 0usize, 1usize, None));
        }
        if within.is_nan() || within < 0.0 {
            return Err(Error::out_of_range(Parameter::Within, within, 0.0, None));
        }
        scan.require_positions()?;
        let points = Candidates::try_new(scan, Parameter::Among, options.among.as_ref())?;
        let (others, most) = match &options.of {
            None => (points.clone(), points.len().saturating_sub(1)),
            Some(of) => {
                of.require_positions()?;
                check_units(scan, of)?;
                let others = Candidates::try_new(of, Parameter::Among, options.of_among.as_ref())?;
                let most = others.len();
                (others, most)
            }
        };
        let k = match (options.k, options.within) {
            (Some(k), _) => k,
            (None, Some(_)) => usize::MAX,
            (None, None) => DEFAULT_K,
        };
        Ok(Self {
            scan: scan.clone(),
            options: options.clone(),
            points,
            others,
            checked: Once::default(),
            k: k.min(most),
            within,
            schema: schema(),
            index: Once::default(),
            starts: Once::default(),
            cache: Cache::default(),
        })
    }

    /// Returns the scan whose points are the neighbours.
    fn of(&self) -> &Scan {
        self.options.of.as_ref().unwrap_or(&self.scan)
    }

    /// Returns the search structure over all points that may be neighbours, built when it is first needed.
    fn neighbors(&self) -> Result<Neighbors<'_>> {
        let of = self.of().positions()?;
        let index = self.index.get_or_try_init(|| {
            self.check_positions()?;
            let others = self.others.to_vec()?.into_owned();
            let engine = Neighbors::new(&of.x, &of.y, &others).engine();
            Ok(Index { others, engine })
        })?;
        Ok(Neighbors::with_engine(
            &of.x,
            &of.y,
            &index.others,
            index.engine.clone(),
        ))
    }

    /// Checks that no position keeps the neighbours from being found.
    fn check_positions(&self) -> Result<()> {
        let check = || {
            check_finite(&self.scan, self.points.iter())?;
            match &self.options.of {
                Some(of) => check_finite(of, self.others.iter()),
                None => Ok(()),
            }
        };
        self.checked.get_or_try_init(check).copied()
    }

    /// Returns the position of the scan point at a place of `points`.
    fn position(&self, positions: &Positions, slot: usize) -> [f64; 2] {
        positions.at(self.points.at(slot) as usize)
    }

    /// Returns the scan point that is no neighbour of this one: itself, unless neighbours are those of another scan.
    fn except(&self, point: u32) -> Option<u32> {
        self.options.of.is_none().then_some(point)
    }

    /// Returns which rows belong to which place of `points`; where a distance limits them, after counting all of them once.
    fn extents(&self) -> Result<Extents<'_>> {
        if self.within == f64::INFINITY {
            return Ok(Extents::Equal(self.k));
        }
        let starts = self.starts.get_or_try_init(|| self.count())?;
        Ok(Extents::Counted(starts))
    }

    /// Counts the neighbours of each scan point, and adds them up.
    fn count(&self) -> Result<Vec<usize>> {
        let (neighbors, positions) = (self.neighbors()?, self.scan.positions()?);
        let reach = Reach::new(self.k, self.within);
        let order =
            neighbors.spatial_order_of(self.points.len(), |slot| self.position(positions, slot));
        let parts = order.par_chunks(CHUNK).map(|part| {
            let mut out = Vec::new();
            let count = |slot: &u32| {
                let point = self.points.at(*slot as usize);
                let at = positions.at(point as usize);
                neighbors.count(at, reach, self.except(point), &mut out) as u32
            };
            part.iter().map(count).collect()
        });
        let parts: Vec<Vec<u32>> = parts.collect();
        let mut starts = vec![0; self.points.len() + 1];
        for (slot, count) in order.iter().zip(parts.iter().flatten()) {
            starts[*slot as usize + 1] = *count as usize;
        }
        let mut rows = 0usize;
        for start in &mut starts {
            rows = rows
                .checked_add(*start)
                .ok_or_else(|| too_many_rows(self.points.len(), self.k, Parameter::Within))?;
            *start = rows;
        }
        Ok(starts)
    }

    /// Builds the values of a column for these rows.
    fn values<T>(&self, rows: &RowSet<'_>, value: impl Fn(&Neighbor) -> T) -> Result<Vec<T>> {
        let places: Vec<Place> = self.extents()?.places(rows).collect();
        let (neighbors, positions) = (self.neighbors()?, self.scan.positions()?);
        let search = |slot: u32, depth: usize, out: &mut Vec<Neighbor>| {
            let reach = Reach::new(self.k.min(depth), self.within);
            let point = self.points.at(slot as usize);
            neighbors.search(positions.at(point as usize), reach, self.except(point), out);
        };
        let order = |slots: &[u32]| {
            let at = |slot: usize| self.position(positions, slots[slot] as usize);
            neighbors.spatial_order_of(slots.len(), at)
        };
        self.cache.values(&places, self.k, search, order, value)
    }
}

/// The number of scan points that one task counts the neighbours of.
const CHUNK: usize = 4096;

fn schema() -> SchemaRef {
    let number = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        number("scan_point", DataType::Int64),
        number("rank", DataType::Int32),
        number("neighbor", DataType::Int64),
        number("distance", DataType::Float64),
    ]))
}

fn check_units(scan: &Scan, of: &Scan) -> Result<()> {
    if scan.unit().is_as_long_as(of.unit()) {
        return Ok(());
    }
    Err(Error::UnitsDiffer {
        path: scan.npz().path().to_path_buf(),
        unit: scan.unit().to_string(),
        other: of.npz().path().to_path_buf(),
        other_unit: of.unit().to_string(),
    })
}

fn too_many_rows(points: usize, k: usize, parameter: Parameter) -> Error {
    Error::TooLarge {
        purpose: "the table of neighbours",
        bytes: (points as u128 * k as u128).saturating_mul(size_of::<Neighbor>() as u128),
        parameter,
    }
}

impl TableInfo for NeighborsTable {
    fn known_rows(&self) -> Option<usize> {
        match self.within == f64::INFINITY {
            true => self.checked.get().and_then(|()| self.expected_rows()),
            false => self.starts.get().and_then(|starts| starts.last().copied()),
        }
    }

    fn expected_rows(&self) -> Option<usize> {
        match self.within == f64::INFINITY {
            true => self.points.len().checked_mul(self.k),
            false => self.known_rows(),
        }
    }

    fn ordering(&self) -> &[&str] {
        &["scan_point", "rank"]
    }

    fn spec_text(&self) -> Option<String> {
        let NeighborsOptions {
            k,
            within,
            of,
            among,
            ..
        } = &self.options;
        let file = |of: &Scan| {
            let path = of.npz().path();
            let name = path.file_name().unwrap_or(path.as_os_str());
            format!("of={}", name.to_string_lossy())
        };
        let k = (k.is_some() || within.is_none()).then(|| format!("k={}", self.k));
        let within = within.map(|within| format!("within={within}"));
        let among = among.as_ref();
        let among = among.map(|points| format!("among={} scan points", points.len()));
        let parts = [k, within, of.as_ref().map(file), among];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }

    fn notices(&self, _columns: &[usize]) -> Vec<Notice> {
        let NeighborsOptions {
            of,
            among,
            of_among,
            ..
        } = &self.options;
        let read = std::iter::once((&self.scan, among)).chain(of.iter().map(|of| (of, of_among)));
        let notices = read.flat_map(|(scan, among)| {
            let mut uses = Uses::of_roles(&[Role::X, Role::Y]);
            uses.among.clone_from(among);
            scan.notices_of(&uses)
        });
        notices.collect()
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        let others = self.options.of.iter().flat_map(Scan::sources);
        provenance::of(self.scan.sources().chain(others), self.name())
    }
}

impl Table for NeighborsTable {
    fn name(&self) -> &str {
        "neighbors"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        let points = self.points.len();
        match self.extents()? {
            Extents::Equal(k) => {
                self.check_positions()?;
                points
                    .checked_mul(k)
                    .ok_or_else(|| too_many_rows(points, k, Parameter::K))
            }
            Extents::Counted(starts) => Ok(starts.last().copied().unwrap_or(0)),
        }
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan.check_unchanged()?;
        self.options
            .of
            .as_ref()
            .map_or(Ok(()), Table::check_unchanged)
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(match index {
            0 => {
                let points = self
                    .extents()?
                    .places(rows)
                    .map(|place| i64::from(self.points.at(place.slot as usize)));
                Arc::new(Int64Array::from_iter_values(points))
            }
            1 => {
                let ranks = self
                    .extents()?
                    .places(rows)
                    .map(|place| place.rank as i32 + 1);
                Arc::new(Int32Array::from_iter_values(ranks))
            }
            2 => {
                let neighbor = |near: &Neighbor| i64::from(near.scan_point);
                Arc::new(Int64Array::from(self.values(rows, neighbor)?))
            }
            _ => {
                let distance = |near: &Neighbor| near.distance2.sqrt();
                Arc::new(Float64Array::from(self.values(rows, distance)?))
            }
        })
    }
}

#[cfg(test)]
mod tests;
