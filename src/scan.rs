//! A scan as tables: positions, patterns, probe and object of an NPZ file.
//!
//! [`Scan`] finds out which member plays which role ([`layout`]) from names and shapes alone; a member's data
//! is read when a column of it is. The table `scan` has one row per position; [`Scan::scans`],
//! [`Scan::probe`], [`Scan::object`] and [`arrays`] are the small tables beside it.
//!
//! # Columns of `scan`
//!
//! | column | type | what it holds |
//! |---|---|---|
//! | `scan_point` | Int64 | the row number, 0 to M - 1 |
//! | `x`, `y` | Float64 | the position along image columns and image rows, in the scan's unit; of a raster without positions the scan column and the scan row |
//! | `x_start`, `y_start` | Float64 | the nominal position; `x`, `y` where the file has none |
//! | `frame_index` | Int64 | the detector's own frame number; `scan_point` where the file has none |
//! | `scan_row`, `scan_column` | Int64 | the place in the raster, where the patterns are one |
//! | other members | as stored | every other member whose first axis has length M; one that has the name of a column above gets `member_` in front, and one that cannot be a column is left out: [`Layout::notes`] has a note of either |
//! | `diffraction` | tensor \[H, W\] | the pattern, in the type of the file |

mod arrays;
mod columns;
mod join;
mod layers;
pub mod layout;
mod notices;
mod options;
mod positions;
pub mod provenance;
mod role_column;
mod scans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};

use crate::array::{Access, Column, RowSet};
use crate::error::{Error, Notice, Remedy, Result};
use crate::npz::NpzFile;
use crate::table::{ReadOptions, Table, TableInfo, TableReader, is_wide};
pub use arrays::{array, arrays, shape_text};
pub(crate) use columns::measured;
use columns::{Columns, Parts, ScanColumn};
pub use columns::{MEASUREMENT_KEY, UNIT_KEY};
pub use layout::Note;
use layout::{Layout, LayoutOptions, Measurement, Placed, Role, Unit};
pub use options::ScanOptions;
use positions::PositionSource;
pub use positions::Positions;
use role_column::role_column;

/// Holds an open scan; it is cheap to clone.
///
/// ```
/// use ptychoarrow::{ReadOptions, Scan, Table};
/// let scan = Scan::open("tests/data/siemens_star.npz")?;
/// assert_eq!(scan.num_positions(), 516);
/// let options = ReadOptions::default().with_columns(["x", "diffraction"]);
/// let batch = scan.read(&options)?.next().unwrap()?;
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
    /// The file that the patterns are in, if it is another one.
    patterns: Option<Arc<NpzFile>>,
    layout: Layout,
    options: LayoutOptions,
    measurement: Measurement,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    position_source: PositionSource,
    start_source: Option<PositionSource>,
    diffraction: Option<Column>,
    /// The positions, once they were read.
    positions: OnceLock<Positions>,
    /// The nominal positions, once they were read.
    start_positions: OnceLock<Positions>,
    /// What the positions tell, once they were looked at.
    position_notes: OnceLock<Vec<Note>>,
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

    /// Opens a scan with options, such as the members that fill roles where their names are not the usual
    /// ones.
    ///
    /// ```
    /// use ptychoarrow::Scan;
    /// use ptychoarrow::scan::ScanOptions;
    /// use ptychoarrow::scan::layout::{Measurement, Role};
    ///
    /// let mut options = ScanOptions::default();
    /// // The nominal positions instead of the corrected ones.
    /// options.layout.roles = vec![
    ///     (Role::X, "xcoords_start".to_string()),
    ///     (Role::Y, "ycoords_start".to_string()),
    /// ];
    /// options.layout.measurement = Some(Measurement::Amplitude);
    /// let scan = Scan::open_with("tests/data/siemens_star.npz", &options)?;
    /// assert_eq!(scan.layout().member(Role::X), Some("xcoords_start"));
    /// assert_eq!(scan.measurement(), Measurement::Amplitude);
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scan::open`]; with [`ScanOptions::patterns`] also if a position has no pattern in that file.
    pub fn open_with(path: impl AsRef<Path>, options: &ScanOptions) -> Result<Self> {
        Self::try_new(Arc::new(NpzFile::open_with(path, &options.open)?), options)
    }

    /// Creates the scan of an archive that is open already.
    ///
    /// # Errors
    /// As [`Scan::open_with`].
    pub fn try_new(npz: Arc<NpzFile>, options: &ScanOptions) -> Result<Self> {
        let _span = tracing::debug_span!("scan", file = %npz.path().display()).entered();
        let mut layout = Layout::detect(&npz, &options.layout)?;
        let position_source = PositionSource::of(&npz, &layout)?;
        let start_source = PositionSource::of_starts(&npz, &layout)?;
        let frame_index = role_column(&npz, &layout, Role::FrameIndex)?;
        let (patterns, diffraction) = patterns_of(&npz, &layout, frame_index.as_ref(), options)?;
        let measurement = measurement_of(diffraction.as_ref(), &options.layout);
        let (others, notes) = columns::other_members(&npz, &layout);
        layout.notes.extend(notes);
        let Columns { fields, columns } = Columns::build(Parts {
            layout: &layout,
            positions: &position_source,
            starts: start_source.as_ref(),
            frame_index,
            others,
            diffraction: diffraction.as_ref(),
            measurement,
        });
        let inner = Inner {
            npz,
            patterns,
            layout,
            options: options.layout.clone(),
            measurement,
            schema: Arc::new(Schema::new(fields)),
            columns,
            position_source,
            start_source,
            diffraction,
            positions: OnceLock::new(),
            start_positions: OnceLock::new(),
            position_notes: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns the archive.
    pub fn npz(&self) -> &Arc<NpzFile> {
        &self.inner.npz
    }

    /// Returns which member plays which role, and why.
    pub fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// Returns the options that the layout was found with.
    pub fn layout_options(&self) -> &LayoutOptions {
        &self.inner.options
    }

    /// Returns what the numbers of the patterns are: what the options say, else intensities for integers.
    pub fn measurement(&self) -> Measurement {
        self.inner.measurement
    }

    /// Returns the unit of the positions.
    pub fn unit(&self) -> Unit {
        self.inner.layout.unit
    }

    /// Returns the size of a pixel of the object in metres, if the options or the file say so.
    ///
    /// # Errors
    /// If the member that says so cannot be read.
    pub fn pixel_size_m(&self) -> Result<Option<f64>> {
        if let Some(size) = self.inner.options.pixel_size_m {
            return Ok(Some(size));
        }
        let Some(column) = self.member_column(Role::PixelSize)? else {
            return Ok(None);
        };
        Ok(column
            .numbers(&RowSet::Range(0..1))?
            .to_f64()
            .first()
            .copied())
    }

    /// Iterates over the files that the scan is read from: the archive, and that of its patterns if it is
    /// another one.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<NpzFile>> {
        std::iter::once(&self.inner.npz).chain(&self.inner.patterns)
    }

    /// Returns the number of positions, M; without positions the number of patterns.
    pub fn num_positions(&self) -> usize {
        self.inner.layout.positions
    }

    /// Returns whether the scan has positions, its own or those of a raster.
    pub fn has_positions(&self) -> bool {
        !matches!(self.inner.position_source, PositionSource::None)
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

    /// Returns the patterns as a column with one row per scan point; `None` for a scan without patterns.
    pub fn diffraction(&self) -> Option<&Column> {
        self.inner.diffraction.as_ref()
    }

    /// Returns the patterns as a column with one row per scan point.
    ///
    /// # Errors
    /// [`Error::MissingRole`] for a scan without patterns.
    pub fn require_diffraction(&self) -> Result<&Column> {
        let missing = || {
            self.inner
                .layout
                .missing(&self.inner.npz, Role::Diffraction)
        };
        self.diffraction().ok_or_else(missing)
    }

    /// Returns whether the file has nominal positions of its own.
    pub fn has_starts(&self) -> bool {
        self.inner.start_source.is_some()
    }

    /// Returns all positions as f64; they are read at the first call.
    ///
    /// # Errors
    /// [`Error::MissingRole`] for a scan without positions; if they cannot be read.
    pub fn positions(&self) -> Result<&Positions> {
        self.read_positions(&self.inner.positions, &self.inner.position_source)
    }

    /// Returns all nominal positions as f64; those of [`Scan::positions`] where the file has no others.
    ///
    /// # Errors
    /// As [`Scan::positions`].
    pub fn start_positions(&self) -> Result<&Positions> {
        match &self.inner.start_source {
            Some(source) => self.read_positions(&self.inner.start_positions, source),
            None => self.positions(),
        }
    }

    fn read_positions<'a>(
        &self,
        cell: &'a OnceLock<Positions>,
        source: &PositionSource,
    ) -> Result<&'a Positions> {
        if let Some(positions) = cell.get() {
            return Ok(positions);
        }
        let points = self.num_positions();
        let positions = match source {
            PositionSource::Members(columns) => Positions::read(columns, points)?,
            PositionSource::Raster(scan_columns) => Positions::of_raster(*scan_columns, points),
            PositionSource::None => {
                return Err(self.inner.layout.missing(&self.inner.npz, Role::X));
            }
        };
        Ok(cell.get_or_init(|| positions))
    }

    /// Returns whether positions (with `start`, the nominal ones) are stored as f32: PtychoPINN then computes
    /// in f32 too.
    pub fn positions_are_single(&self, start: bool) -> bool {
        let starts = self.inner.start_source.as_ref().filter(|_| start);
        starts.unwrap_or(&self.inner.position_source).is_single()
    }

    /// Returns the members of the archive that have one row per scan point, each with the axis that counts
    /// them.
    ///
    /// # Errors
    /// [`Error::BadMember`] if scan points run along two axes, as those of a raster do: from such a member no list of
    /// scan points can be cut.
    pub fn scan_point_axes(&self) -> Result<BTreeMap<String, usize>> {
        let Inner { npz, layout, .. } = self.inner.as_ref();
        let roles = layout.roles.iter();
        let mut axes: BTreeMap<String, usize> = roles
            .filter(|(role, _)| role.is_of_scan_points())
            .map(|(role, placed)| Ok((placed.member.clone(), self.scan_point_axis(*role, placed)?)))
            .collect::<Result<_>>()?;
        axes.extend(columns::without_role(npz, layout).map(|info| (info.name.clone(), 0)));
        Ok(axes)
    }

    fn scan_point_axis(&self, role: Role, placed: &Placed) -> Result<usize> {
        let npz = &self.inner.npz;
        let shape = npz.info(&placed.member).map_or(&[][..], |info| &info.shape);
        let is_long = |axis: &usize| shape.get(*axis) != Some(&1);
        let long: Vec<usize> = placed.rows.iter().copied().filter(is_long).collect();
        match (&long[..], placed.rows.first()) {
            ([axis], _) | ([], Some(axis)) => Ok(*axis),
            _ => Err(Error::BadMember {
                path: npz.path().to_path_buf(),
                member: placed.member.clone(),
                found: format!(
                    "a {} whose scan points run along {} axes",
                    role.name(),
                    long.len()
                ),
                expected: "one axis of scan points".to_string(),
                remedies: vec![Remedy::WriteFormat(&[".arrow", ".parquet"])],
            }),
        }
    }

    /// Opens the member that fills a role, with the rows that the layout gives it: object patches have one
    /// row per scan point, the probe one per mode, the object one per layer.
    ///
    /// # Errors
    /// If the member cannot be a column.
    pub fn member_column(&self, role: Role) -> Result<Option<Column>> {
        role_column(&self.inner.npz, &self.inner.layout, role)
    }

    /// Reads the table `scan`: one row per position.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }
}

/// Returns the patterns, with the file they are in if it is another one.
fn patterns_of(
    npz: &Arc<NpzFile>,
    layout: &Layout,
    frame_index: Option<&Column>,
    options: &ScanOptions,
) -> Result<(Option<Arc<NpzFile>>, Option<Column>)> {
    let Some(path) = &options.patterns else {
        return Ok((None, role_column(npz, layout, Role::Diffraction)?));
    };
    let joined = join::patterns(npz, layout, frame_index, path, options)?;
    Ok((Some(joined.npz), Some(joined.column)))
}

/// Returns what the numbers of the patterns are: what the options say, else intensities for integers.
fn measurement_of(patterns: Option<&Column>, options: &LayoutOptions) -> Measurement {
    let is_counted = patterns.is_some_and(|column| column.scalar().is_integer());
    let by_dtype = if is_counted {
        Measurement::Intensity
    } else {
        Measurement::Unknown
    };
    options.measurement.unwrap_or(by_dtype)
}

impl TableInfo for Scan {
    fn known_rows(&self) -> Option<usize> {
        Some(self.num_positions())
    }

    fn ordering(&self) -> &[&str] {
        &["scan_point"]
    }

    fn access(&self, column: usize) -> Option<&Access> {
        self.inner.columns[column].source().map(Column::access)
    }

    fn is_slice(&self, column: usize, rows: &RowSet<'_>) -> bool {
        self.inner.columns[column].is_as_stored()
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

    fn notices(&self, columns: &[usize]) -> Vec<Notice> {
        self.notices_of(&self.uses_of_columns(columns))
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
        self.inner.columns[index].array(rows)
    }
}
