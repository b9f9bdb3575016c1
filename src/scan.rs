//! One scan: positions, patterns, probe and object of an NPZ file, as tables.
//!
//! [`Scan`] finds out which member plays which role ([`layout`]) from names and shapes alone; data is read when a
//! column is. `scan` has one row a position; [`Scan::scans`], [`Scan::probe`], [`Scan::object`] and [`arrays`] are
//! the small tables beside it.

mod join;
pub mod layout;
pub mod provenance;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::array::{Access, Column, RowSet, View};
use crate::error::{Error, Remedy, Result};
use crate::npz::{ArrayInfo, NpzFile, OpenOptions, Scalar};
use crate::table::{ReadOptions, Table, TableInfo, TableReader, is_wide};
pub use layout::Note;
use layout::{Layout, LayoutOptions, Measurement, Role, Unit};
pub use tables::{array, arrays, shape_text};

/// The metadata key of a position column's unit.
pub const UNIT_KEY: &str = "ptychoarrow.unit";

/// The metadata key of what the numbers of a pattern column are, `amplitude` or `intensity`; not there if unknown.
pub const MEASUREMENT_KEY: &str = "ptychoarrow.measurement";

/// A pattern column's field that says what its numbers are.
pub(crate) fn measured(field: Field, measurement: Measurement) -> Field {
    if measurement == Measurement::Unknown {
        return field;
    }
    let mut metadata = field.metadata().clone();
    metadata.insert(MEASUREMENT_KEY.to_string(), measurement.word().to_string());
    field.with_metadata(metadata)
}

/// How to open a scan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanOptions {
    /// How to open the archive.
    pub open: OpenOptions,
    /// What the file does not say about its layout.
    pub layout: LayoutOptions,
    /// Another NPZ file with the patterns, joined on the frame index.
    pub patterns: Option<PathBuf>,
}

/// Positions in scan order; both coordinates in the scan's unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Positions {
    /// Along columns.
    pub x: Vec<f64>,
    /// Along rows.
    pub y: Vec<f64>,
}

impl Positions {
    /// How many.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Position of a scan point as (x, y).
    pub fn at(&self, scan_point: usize) -> [f64; 2] {
        [self.x[scan_point], self.y[scan_point]]
    }
}

/// An open scan; cheap to clone.
///
/// ```
/// use ptychoarrow::{ReadOptions, Scan, Table};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// assert_eq!(scan.num_positions(), 516);
/// let columns = Some(vec!["x".to_string(), "diffraction".to_string()]);
/// let batch = scan.read(&ReadOptions { columns, ..Default::default() })?.next().unwrap()?;
/// assert_eq!(batch.num_columns(), 2);
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scan {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    npz: Arc<NpzFile>,
    /// The file that the patterns are in, if it is another.
    patterns: Option<Arc<NpzFile>>,
    layout: Layout,
    options: LayoutOptions,
    measurement: Measurement,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    corrected: PositionSource,
    starts: Option<[Column; 2]>,
    diffraction: Option<Column>,
    positions: OnceLock<Positions>,
    start_positions: OnceLock<Positions>,
}

/// Where positions come from.
#[derive(Debug, Clone)]
enum PositionSource {
    /// Members, x and y.
    Members(Box<[Column; 2]>),
    /// The patterns' place in a raster with so many columns: x is the scan column, y the scan row.
    Raster(usize),
    /// The file has none.
    None,
}

/// How a column of `scan` comes about.
#[derive(Debug, Clone)]
enum ScanColumn {
    /// 0, 1, 2, ...: the row number.
    RowNumber,
    /// A member as it is.
    Member(Column),
    /// A member cast to f64.
    Float(Column),
    /// A member cast to i64.
    Int(Column),
    /// The scan row (`of` a raster: the row number divided by its columns) or the scan column (the rest), as i8 or f8.
    Raster {
        of: Direction,
        columns: usize,
        as_position: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Row,
    Column,
}

impl Direction {
    fn of(self, point: usize, columns: usize) -> usize {
        match self {
            Self::Row => point / columns.max(1),
            Self::Column => point % columns.max(1),
        }
    }
}

impl Scan {
    /// Opens a scan; reads the archive's directory and the members' headers only.
    ///
    /// # Errors
    /// If the file is no NPZ, if it has neither positions nor patterns, if lengths and shapes of the roles do not fit
    /// each other, or if it stays open which member or axis is which.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &ScanOptions::default())
    }

    /// As [`Scan::open`], with options.
    ///
    /// # Errors
    /// As [`Scan::open`]; with [`ScanOptions::patterns`] also if a position has no pattern in that file.
    pub fn open_with(path: impl AsRef<Path>, options: &ScanOptions) -> Result<Self> {
        Self::try_new(Arc::new(NpzFile::open_with(path, &options.open)?), options)
    }

    /// A scan in an archive that is open already.
    ///
    /// # Errors
    /// As [`Scan::open_with`].
    pub fn try_new(npz: Arc<NpzFile>, options: &ScanOptions) -> Result<Self> {
        let _span = tracing::debug_span!("scan", file = %npz.path().display()).entered();
        let layout = Layout::detect(&npz, &options.layout)?;
        let column = |role, name| column(&npz, &layout, role, name);
        let pair = |x: Option<Column>, y: Option<Column>| x.zip(y).map(|(x, y)| [x, y]);
        let corrected = pair(column(Role::X, "x")?, column(Role::Y, "y")?);
        let starts = pair(
            column(Role::XStart, "x_start")?,
            column(Role::YStart, "y_start")?,
        );
        let frame_index = column(Role::FrameIndex, "frame_index")?;
        let mut diffraction = column(Role::Diffraction, "diffraction")?;
        let mut patterns = None;
        if let Some(path) = &options.patterns {
            let joined = join::patterns(&npz, &layout, frame_index.as_ref(), path, options)?;
            diffraction = Some(joined.column);
            patterns = Some(joined.npz);
        }
        let corrected = match (corrected, layout.raster) {
            (Some(corrected), _) => PositionSource::Members(Box::new(corrected)),
            (None, Some([_, columns])) => PositionSource::Raster(columns),
            (None, None) => PositionSource::None,
        };

        let mut columns = Columns::default();
        columns.add(number("scan_point"), ScanColumn::RowNumber);
        columns.add_positions(&corrected, ["x", "y"], layout.unit);
        match &starts {
            Some([x, y]) => {
                let starts = PositionSource::Members(Box::new([x.clone(), y.clone()]));
                columns.add_positions(&starts, ["x_start", "y_start"], layout.unit);
            }
            None => columns.add_positions(&corrected, ["x_start", "y_start"], layout.unit),
        }
        columns.add(
            number("frame_index"),
            frame_index.map_or(ScanColumn::RowNumber, ScanColumn::Int),
        );
        if let Some([_, scan_columns]) = layout.raster {
            for (name, of) in [
                ("scan_row", Direction::Row),
                ("scan_column", Direction::Column),
            ] {
                columns.add(
                    number(name),
                    ScanColumn::Raster {
                        of,
                        columns: scan_columns,
                        as_position: false,
                    },
                );
            }
        }
        for member in other_members(&npz, &layout)? {
            columns.add(Arc::clone(member.field()), ScanColumn::Member(member));
        }
        let integers = diffraction
            .as_ref()
            .is_some_and(|column| column.scalar().is_integer());
        let by_dtype = if integers {
            Measurement::Intensity
        } else {
            Measurement::Unknown
        };
        let measurement = options.layout.measurement.unwrap_or(by_dtype);
        if let Some(patterns) = &diffraction {
            let field = measured(patterns.field().as_ref().clone(), measurement);
            columns.add(Arc::new(field), ScanColumn::Member(patterns.clone()));
        }
        let Columns { fields, columns } = columns;

        let inner = Inner {
            npz,
            patterns,
            layout,
            options: options.layout.clone(),
            measurement,
            schema: Arc::new(Schema::new(fields)),
            columns,
            corrected,
            starts,
            diffraction,
            positions: OnceLock::new(),
            start_positions: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The archive.
    pub fn npz(&self) -> &Arc<NpzFile> {
        &self.inner.npz
    }

    /// Which member plays which role, and why.
    pub fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// The options its layout was settled with.
    pub fn layout_options(&self) -> &LayoutOptions {
        &self.inner.options
    }

    /// What the detector's numbers are.
    pub fn measurement(&self) -> Measurement {
        self.inner.measurement
    }

    /// The unit of positions.
    pub fn unit(&self) -> Unit {
        self.inner.layout.unit
    }

    /// Metres a pixel of the object, if the file or the options say so.
    ///
    /// # Errors
    /// If the member that says so cannot be read.
    pub fn pixel_size_m(&self) -> Result<Option<f64>> {
        match (
            self.inner.options.pixel_size_m,
            self.member_column(Role::PixelSize)?,
        ) {
            (Some(said), _) => Ok(Some(said)),
            (None, Some(column)) => {
                let values = column.numbers(&RowSet::Range(0..1))?.to_f64();
                Ok(values.first().copied())
            }
            (None, None) => Ok(None),
        }
    }

    /// The files it is read from: the archive, and the one of its patterns if that is another.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<NpzFile>> {
        std::iter::once(&self.inner.npz).chain(&self.inner.patterns)
    }

    /// Number of positions, M; of patterns, if there are no positions.
    pub fn num_positions(&self) -> usize {
        self.inner.layout.positions
    }

    /// Whether it has positions, its own or those of a raster.
    pub fn has_positions(&self) -> bool {
        !matches!(self.inner.corrected, PositionSource::None)
    }

    /// Checks that the scan has positions, without reading any.
    ///
    /// # Errors
    /// [`Error::MissingRole`] if it has none.
    pub(crate) fn require_positions(&self) -> Result<()> {
        match self.has_positions() {
            true => Ok(()),
            false => Err(self.inner.layout.missing(&self.inner.npz, Role::X)),
        }
    }

    /// The patterns as a column, one a row; `None` for a scan without.
    pub fn diffraction(&self) -> Option<&Column> {
        self.inner.diffraction.as_ref()
    }

    /// The patterns as a column.
    ///
    /// # Errors
    /// [`Error::MissingRole`] for a scan without.
    pub fn require_diffraction(&self) -> Result<&Column> {
        match self.diffraction() {
            Some(column) => Ok(column),
            None => Err(self
                .inner
                .layout
                .missing(&self.inner.npz, Role::Diffraction)),
        }
    }

    /// Whether the file has start positions of its own.
    pub fn has_starts(&self) -> bool {
        self.inner.starts.is_some()
    }

    /// All positions as f8, read when first asked for.
    ///
    /// # Errors
    /// [`Error::MissingRole`] for a scan without; if they cannot be read.
    pub fn positions(&self) -> Result<&Positions> {
        match &self.inner.corrected {
            PositionSource::Members(columns) => self.read_positions(&self.inner.positions, columns),
            PositionSource::Raster(columns) => Ok(self.inner.positions.get_or_init(|| {
                let of = |of: Direction| {
                    (0..self.num_positions())
                        .map(|point| of.of(point, *columns) as f64)
                        .collect()
                };
                Positions {
                    x: of(Direction::Column),
                    y: of(Direction::Row),
                }
            })),
            PositionSource::None => Err(self.inner.layout.missing(&self.inner.npz, Role::X)),
        }
    }

    /// All nominal positions as f8; those of [`Scan::positions`] where the file has no others.
    ///
    /// # Errors
    /// As [`Scan::positions`].
    pub fn start_positions(&self) -> Result<&Positions> {
        match &self.inner.starts {
            Some(starts) => self.read_positions(&self.inner.start_positions, starts),
            None => self.positions(),
        }
    }

    fn read_positions<'a>(
        &self,
        cell: &'a OnceLock<Positions>,
        [x, y]: &[Column; 2],
    ) -> Result<&'a Positions> {
        if let Some(positions) = cell.get() {
            return Ok(positions);
        }
        let all = RowSet::Range(0..self.num_positions());
        let positions = Positions {
            x: x.numbers(&all)?.to_f64(),
            y: y.numbers(&all)?.to_f64(),
        };
        Ok(cell.get_or_init(|| positions))
    }

    /// Whether positions (or, with `start`, nominal ones) are stored as f4: PtychoPINN then computes in f4 too.
    pub fn positions_are_single(&self, start: bool) -> bool {
        let corrected = match &self.inner.corrected {
            PositionSource::Members(columns) => Some(columns.as_ref()),
            _ => None,
        };
        let stored = self.inner.starts.as_ref().filter(|_| start).or(corrected);
        stored.is_some_and(|columns| {
            columns
                .iter()
                .all(|column| column.scalar() == Scalar::Float32)
        })
    }

    /// Members of the archive that have one row a scan point, and the axis that counts them.
    ///
    /// # Errors
    /// [`Error::BadMember`] if scan points run along two axes, as those of a raster do: of such a
    /// member no list of scan points can be cut.
    pub fn scan_point_axes(&self) -> Result<BTreeMap<String, usize>> {
        let Inner { npz, layout, .. } = self.inner.as_ref();
        let mut axes = BTreeMap::new();
        for (role, placed) in layout
            .roles
            .iter()
            .filter(|(role, _)| role.is_of_scan_points())
        {
            let shape = npz.info(&placed.member).map_or(&[][..], |info| &info.shape);
            let several: Vec<usize> = placed
                .rows
                .iter()
                .copied()
                .filter(|axis| shape.get(*axis) != Some(&1))
                .collect();
            match (&several[..], placed.rows.first()) {
                ([axis], _) | ([], Some(axis)) => axes.insert(placed.member.clone(), *axis),
                _ => {
                    return Err(Error::BadMember {
                        path: npz.path().to_path_buf(),
                        member: placed.member.clone(),
                        found: format!(
                            "a {} whose scan points run along {} axes",
                            role.name(),
                            several.len()
                        ),
                        expected: "one axis of scan points".to_string(),
                        remedies: vec![Remedy::WriteFormat(&[".arrow", ".parquet"])],
                    });
                }
            };
        }
        axes.extend(unplaced(npz, layout).map(|info| (info.name.clone(), 0)));
        Ok(axes)
    }

    /// The member that fills a role, with the rows that the layout gives it: object patches one a scan point, the probe
    /// one a mode, the object one a layer.
    ///
    /// # Errors
    /// If the member cannot be a column.
    pub fn member_column(&self, role: Role) -> Result<Option<Column>> {
        column(&self.inner.npz, &self.inner.layout, role, role.name())
    }

    /// Reads the table `scan`: one row a position.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }
}

impl TableInfo for Scan {
    fn known_rows(&self) -> Option<usize> {
        Some(self.num_positions())
    }

    fn ordering(&self) -> &[&str] {
        &["scan_point"]
    }

    fn access(&self, column: usize) -> Option<&Access> {
        match &self.inner.columns[column] {
            ScanColumn::Member(column) | ScanColumn::Float(column) | ScanColumn::Int(column) => {
                Some(column.access())
            }
            ScanColumn::RowNumber | ScanColumn::Raster { .. } => None,
        }
    }

    fn is_slice(&self, column: usize, rows: &RowSet<'_>) -> bool {
        let as_stored = match &self.inner.columns[column] {
            ScanColumn::Member(_) => true,
            ScanColumn::Float(column) => column.scalar() == Scalar::Float64,
            ScanColumn::Int(column) => column.scalar() == Scalar::Int64,
            ScanColumn::RowNumber | ScanColumn::Raster { .. } => false,
        };
        as_stored
            && matches!(rows, RowSet::Range(_))
            && self.access(column) == Some(&Access::Mapped)
    }

    fn will_need(&self, column: usize, rows: &RowSet<'_>) {
        if let ScanColumn::Member(column) = &self.inner.columns[column]
            && is_wide(column.field())
        {
            column.will_need(rows);
        }
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of(self.sources(), self.name())
    }
}

impl Table for Scan {
    fn name(&self) -> &str {
        "scan"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.inner.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.num_positions())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.sources().try_for_each(|npz| npz.check_unchanged())
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(match &self.inner.columns[index] {
            ScanColumn::RowNumber => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row as i64),
            )),
            ScanColumn::Member(column) => column.array(rows)?,
            ScanColumn::Float(column) => Arc::new(column.float64_array(rows)?),
            ScanColumn::Int(column) => Arc::new(column.int64_array(rows)?),
            ScanColumn::Raster {
                of,
                columns,
                as_position,
            } => {
                let values = rows.iter().map(|row| of.of(row, *columns));
                match as_position {
                    true => Arc::new(Float64Array::from_iter_values(
                        values.map(|value| value as f64),
                    )),
                    false => Arc::new(Int64Array::from_iter_values(
                        values.map(|value| value as i64),
                    )),
                }
            }
        })
    }
}

/// Columns on their way to a schema.
#[derive(Default)]
struct Columns {
    fields: Vec<FieldRef>,
    columns: Vec<ScanColumn>,
}

impl Columns {
    fn add(&mut self, field: FieldRef, column: ScanColumn) {
        self.fields.push(field);
        self.columns.push(column);
    }

    fn add_positions(&mut self, source: &PositionSource, names: [&str; 2], unit: Unit) {
        let columns = match source {
            PositionSource::Members(columns) => (**columns).clone().map(ScanColumn::Float),
            PositionSource::Raster(columns) => {
                [Direction::Column, Direction::Row].map(|of| ScanColumn::Raster {
                    of,
                    columns: *columns,
                    as_position: true,
                })
            }
            PositionSource::None => return,
        };
        for (name, column) in names.into_iter().zip(columns) {
            let metadata = [(UNIT_KEY.to_string(), unit.word().to_string())].into();
            self.add(
                Arc::new(Field::new(name, DataType::Float64, false).with_metadata(metadata)),
                column,
            );
        }
    }
}

fn number(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Int64, false))
}

/// The part of a member that fills a role.
fn column(npz: &Arc<NpzFile>, layout: &Layout, role: Role, name: &str) -> Result<Option<Column>> {
    let Some(placed) = layout.get(role) else {
        return Ok(None);
    };
    Column::open(npz, &placed.member, name, &placed.view()).map(Some)
}

/// Columns that a scan may have; a member of such a name gets `member_` before it.
const RESERVED: [&str; 10] = [
    "scan_id",
    "scan_point",
    "x",
    "y",
    "x_start",
    "y_start",
    "frame_index",
    "scan_row",
    "scan_column",
    "diffraction",
];

/// Members without a role whose first axis counts positions.
fn other_members(npz: &Arc<NpzFile>, layout: &Layout) -> Result<Vec<Column>> {
    let open = |name: &str| {
        let column = if RESERVED.contains(&name) {
            format!("member_{name}")
        } else {
            name.to_string()
        };
        Column::open(npz, name, &column, &View::along(0))
    };
    unplaced(npz, layout).map(|info| open(&info.name)).collect()
}

/// Arrays without a role that have a row a scan point.
fn unplaced<'a>(npz: &'a NpzFile, layout: &'a Layout) -> impl Iterator<Item = &'a ArrayInfo> {
    let fills_role = |name: &str| layout.roles.iter().any(|(_, placed)| placed.member == name);
    npz.arrays().filter(move |info| {
        info.shape.first() == Some(&layout.positions) && !fills_role(&info.name)
    })
}
