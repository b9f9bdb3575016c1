//! One scan: positions, patterns, probe and object of an NPZ file, as tables.
//!
//! [`Scan`] finds out which member plays which role ([`layout`]) from names and shapes alone; data is read when a
//! column is. `scan` has one row a position; [`Scan::scans`], [`Scan::probe`], [`Scan::object`] and [`arrays`] are
//! the small tables beside it.

pub mod layout;
pub mod provenance;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::array::{Column, RowSet, View};
use crate::error::{Error, Result};
use crate::npz::{NpzFile, OpenOptions, Scalar};
use crate::table::{ReadOptions, Table, TableReader};
use layout::{Layout, LayoutOptions, Measurement, Role, Unit};
pub use tables::{array, arrays, shape_text};

/// The metadata key of a position column's unit.
pub const UNIT_KEY: &str = "ptychoarrow.unit";

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
    layout: Layout,
    options: LayoutOptions,
    measurement: Measurement,
    unit: Unit,
    num_positions: usize,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    corrected: [Column; 2],
    starts: Option<[Column; 2]>,
    diffraction: Option<Column>,
    positions: OnceLock<Positions>,
    start_positions: OnceLock<Positions>,
}

/// How a column of `scan` comes about.
#[derive(Debug, Clone)]
enum ScanColumn {
    /// 0, 1, 2, ...: the row number.
    RowNumber,
    /// A member as it is.
    Member(Column),
    /// A member cast to f8.
    Float(Column),
    /// A member cast to i8.
    Int(Column),
}

impl Scan {
    /// Opens a scan; reads the archive's directory and the members' headers only.
    ///
    /// # Errors
    /// If the file is no NPZ, if it has no positions, or if lengths and shapes of the roles do not fit each other.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &ScanOptions::default())
    }

    /// As [`Scan::open`], with options.
    ///
    /// # Errors
    /// As [`Scan::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &ScanOptions) -> Result<Self> {
        Self::try_new(Arc::new(NpzFile::open_with(path, &options.open)?), options)
    }

    /// A scan in an archive that is open already.
    ///
    /// # Errors
    /// As [`Scan::open`].
    pub fn try_new(npz: Arc<NpzFile>, options: &ScanOptions) -> Result<Self> {
        let options = &options.layout;
        let layout = Layout::detect(&npz, options)?;
        let x = layout.require(&npz, Role::X)?;
        let num_positions = num_positions(&npz, x)?;
        let per_position = |role, name| member_column(&npz, &layout, role, name, num_positions);
        let (x, y) = (per_position(Role::X, "x")?, per_position(Role::Y, "y")?);
        let starts = (per_position(Role::XStart, "x_start")?, per_position(Role::YStart, "y_start")?);
        let frame_index = per_position(Role::FrameIndex, "frame_index")?;
        let diffraction = diffraction(&npz, &layout, options, num_positions)?;
        let (Some(x), Some(y)) = (x, y) else { unreachable!("detection made sure of both") };
        let starts = match starts {
            (Some(x_start), Some(y_start)) => Some([x_start, y_start]),
            _ => None,
        };

        let unit = options.unit.unwrap_or_else(|| unit_of(&layout));
        let [x_start, y_start] = starts.clone().unwrap_or([x.clone().renamed("x_start"), y.clone().renamed("y_start")]);
        let corrected = [x.clone(), y.clone()];
        let mut columns = vec![ScanColumn::RowNumber];
        columns.extend([x, y, x_start, y_start].map(ScanColumn::Float));
        columns.push(frame_index.map_or(ScanColumn::RowNumber, ScanColumn::Int));
        columns.extend(other_members(&npz, &layout, num_positions)?.into_iter().map(ScanColumn::Member));
        columns.extend(diffraction.clone().map(ScanColumn::Member));
        let schema = Arc::new(Schema::new(fields(&columns, unit)));

        let integers = diffraction.as_ref().is_some_and(|column| column.scalar().is_integer());
        let by_dtype = if integers { Measurement::Intensity } else { Measurement::Unknown };
        let measurement = options.measurement.unwrap_or(by_dtype);
        let options = options.clone();
        let inner = Inner {
            npz,
            layout,
            options,
            measurement,
            unit,
            num_positions,
            schema,
            columns,
            corrected,
            starts,
            diffraction,
            positions: OnceLock::new(),
            start_positions: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
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
        self.inner.unit
    }

    /// Number of positions, M.
    pub fn num_positions(&self) -> usize {
        self.inner.num_positions
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
        self.inner.layout.require(&self.inner.npz, Role::Diffraction)?;
        self.diffraction().ok_or_else(|| unreachable!("a filled role has a column"))
    }

    /// Whether the file has start positions of its own.
    pub fn has_starts(&self) -> bool {
        self.inner.starts.is_some()
    }

    /// All positions as f8, read when first asked for.
    ///
    /// # Errors
    /// If a deflated member cannot be inflated.
    pub fn positions(&self) -> Result<&Positions> {
        self.read_positions(&self.inner.positions, &self.inner.corrected)
    }

    /// All nominal positions as f8; those of [`Scan::positions`] where the file has no others.
    ///
    /// # Errors
    /// If a deflated member cannot be inflated.
    pub fn start_positions(&self) -> Result<&Positions> {
        match &self.inner.starts {
            Some(starts) => self.read_positions(&self.inner.start_positions, starts),
            None => self.positions(),
        }
    }

    fn read_positions<'a>(&self, cell: &'a OnceLock<Positions>, [x, y]: &[Column; 2]) -> Result<&'a Positions> {
        if let Some(positions) = cell.get() {
            return Ok(positions);
        }
        let all = RowSet::Range(0..self.num_positions());
        let positions = Positions { x: x.rows(&all)?.to_f64(), y: y.rows(&all)?.to_f64() };
        Ok(cell.get_or_init(|| positions))
    }

    /// Whether positions (or, with `start`, nominal ones) are stored as f4: PtychoPINN then computes in f4 too.
    pub fn positions_are_single(&self, start: bool) -> bool {
        let stored = self.inner.starts.as_ref().filter(|_| start).unwrap_or(&self.inner.corrected);
        stored.iter().all(|column| column.scalar() == Scalar::Float32)
    }

    /// The member that fills a role: object patches as one row a scan point, any other as one row in all.
    ///
    /// # Errors
    /// If the member cannot be a column.
    pub fn member_column(&self, role: Role) -> Result<Option<Column>> {
        let Some(member) = self.inner.layout.member(role) else { return Ok(None) };
        let view = match role {
            Role::ObjectPatches => View::along(0),
            _ => View::whole(),
        };
        Column::open(&self.inner.npz, member, role.name(), &view).map(Some)
    }

    /// Reads the table `scan`: one row a position.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }
}

impl Table for Scan {
    fn name(&self) -> &str {
        "scan"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.inner.schema)
    }

    fn known_rows(&self) -> Option<usize> {
        Some(self.inner.num_positions)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.inner.num_positions)
    }

    fn ordering(&self) -> &[&str] {
        &["scan_point"]
    }

    fn check_unchanged(&self) -> Result<()> {
        self.inner.npz.check_unchanged()
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of(&self.inner.npz, self.name())
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(match &self.inner.columns[index] {
            ScanColumn::RowNumber => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row as i64))),
            ScanColumn::Member(column) => column.array(rows)?,
            ScanColumn::Float(column) if column.scalar() == Scalar::Float64 => column.array(rows)?,
            ScanColumn::Int(column) if column.scalar() == Scalar::Int64 => column.array(rows)?,
            ScanColumn::Float(column) => Arc::new(Float64Array::from(column.rows(rows)?.to_f64())),
            ScanColumn::Int(column) => Arc::new(Int64Array::from(column.rows(rows)?.to_i64())),
        })
    }
}

fn fields(columns: &[ScanColumn], unit: Unit) -> Vec<FieldRef> {
    let number = |name: &str| Arc::new(Field::new(name, DataType::Int64, false));
    let position = |name: &str| {
        let metadata = [(UNIT_KEY.to_string(), unit.word().to_string())].into();
        Arc::new(Field::new(name, DataType::Float64, false).with_metadata(metadata))
    };
    let field = |(index, column): (usize, &ScanColumn)| match column {
        ScanColumn::RowNumber if index == 0 => number("scan_point"),
        ScanColumn::RowNumber | ScanColumn::Int(_) => number("frame_index"),
        ScanColumn::Float(column) => position(column.field().name()),
        ScanColumn::Member(column) => Arc::clone(column.field()),
    };
    columns.iter().enumerate().map(field).collect()
}

/// Length of a member of positions.
fn num_positions(npz: &NpzFile, member: &str) -> Result<usize> {
    let shape = &npz.array_info(member)?.shape;
    match shape[..] {
        [len] | [len, 1] if i32::try_from(len).is_ok() => Ok(len),
        _ => Err(bad_shape(npz, member, shape, "(M,), one value a scan point, fewer than 2^31 of them")),
    }
}

/// A member with one number a position, if the role is filled.
fn member_column(npz: &Arc<NpzFile>, layout: &Layout, role: Role, name: &str, len: usize) -> Result<Option<Column>> {
    let Some(member) = layout.member(role) else { return Ok(None) };
    let info = npz.array_info(member)?;
    if !matches!(info.shape[..], [n] | [n, 1] if n == len) {
        let expected = format!("({len},), one value for each of the {len} positions in `{}`", layout.roles[0].1);
        return Err(bad_shape(npz, member, &info.shape, &expected));
    }
    let fixed = (1..info.shape.len()).map(|axis| (axis, 0)).collect();
    let column = Column::open(npz, member, name, &View { rows: vec![0], fixed })?;
    let fits = match role {
        Role::FrameIndex => column.scalar().is_integer(),
        _ => column.scalar().is_real(),
    };
    if !fits {
        let expected = if role == Role::FrameIndex { "whole numbers" } else { "real numbers" };
        return Err(bad_dtype(npz, member, &info.dtype.descr, expected));
    }
    Ok(Some(column))
}

fn diffraction(npz: &Arc<NpzFile>, layout: &Layout, options: &LayoutOptions, len: usize) -> Result<Option<Column>> {
    let Some(member) = layout.member(Role::Diffraction) else { return Ok(None) };
    let info = npz.array_info(member)?;
    let axis = layout::pattern_axis(npz, info, len, options.pattern_axis)?;
    if !info.dtype.scalar.is_real() && info.dtype.scalar != Scalar::Bool {
        return Err(bad_dtype(npz, member, &info.dtype.descr, "real numbers: amplitudes or counts"));
    }
    Column::open(npz, member, "diffraction", &View::along(axis)).map(Some)
}

/// Columns of `scan` that every scan has; a member of such a name gets `member_` before it.
const RESERVED: [&str; 7] = ["scan_id", "scan_point", "x", "y", "x_start", "y_start", "frame_index"];

/// Members without a role whose first axis counts positions.
fn other_members(npz: &Arc<NpzFile>, layout: &Layout, len: usize) -> Result<Vec<Column>> {
    let fills_role = |name: &str| layout.roles.iter().any(|(_, member)| member == name);
    let others = npz.arrays().filter(|info| info.shape.first() == Some(&len) && !fills_role(&info.name));
    let open = |name: &str| {
        let taken = RESERVED.contains(&name) || name == "diffraction";
        let column = if taken { format!("member_{name}") } else { name.to_string() };
        Column::open(npz, name, &column, &View::along(0))
    };
    others.map(|info| open(&info.name)).collect()
}

fn unit_of(layout: &Layout) -> Unit {
    match layout.member(Role::X) {
        Some(member) if member.ends_with("_m") => Unit::Metres,
        _ => Unit::Pixels,
    }
}

fn bad_shape(npz: &NpzFile, member: &str, shape: &[usize], expected: &str) -> Error {
    bad_member(npz, member, format!("shape {shape:?}"), expected)
}

fn bad_dtype(npz: &NpzFile, member: &str, descr: &str, expected: &str) -> Error {
    bad_member(npz, member, format!("dtype {descr}"), expected)
}

fn bad_member(npz: &NpzFile, member: &str, found: String, expected: &str) -> Error {
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: member.to_string(),
        found,
        expected: expected.to_string(),
        hint: "correct the file, or name another member with --role".to_string(),
    }
}
