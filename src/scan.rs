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
//! | `scan_point` | Int64 | the row number of this table, 0 to M - 1 |
//! | `x`, `y` | Float64 | the position along image columns and image rows, in the scan's unit; of a raster without positions the scan column and the scan row |
//! | `x_start`, `y_start` | Float64 | the nominal position; `x`, `y` where the file has none |
//! | `frame_index` | Int64 | the detector's own frame number; `scan_point` where the file has none |
//! | `scan_row`, `scan_column` | Int64 | the place in the raster, where the patterns are one |
//! | other members | as stored | every other member whose first axis has length M; one that has the name of a column above gets `member_` in front, and one that cannot be a column is left out: [`Layout::notes`] has a note of either |
//! | `diffraction` | tensor \[H, W\] | the pattern, in the type of the file |
//!
//! # Scan points
//!
//! A scan point is a row of this table, a position with its pattern. Positions and patterns may be in two files
//! ([`ScanOptions::patterns`]), and not all of them need have a partner ([`LayoutOptions::unpaired`]). Where both
//! sides carry frame numbers, they are joined on them, in the order of the positions; else they pair by order.
//! `scan_point`, and so `nn_indices` and all lists of scan points, count the rows of the joined table. Paired by
//! order, these are rows of the file too; joined, `frame_index` tells which frame a row is.

mod arrays;
mod bad_pixels;
mod columns;
mod files;
mod join;
mod layers;
pub mod layout;
mod member_names;
mod notices;
mod object_grid;
mod options;
mod positions;
pub mod provenance;
mod scans;
#[cfg(test)]
mod tests;
mod zero_frequency;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};

use crate::array::{Access, Column, Marks, RowSet};
use crate::error::{Error, Notice, Parameter, Remedy, Result};
use crate::npz::{ArrayInfo, NpzFile};
use crate::table::{ReadOptions, Table, TableInfo, TableReader, is_wide};
pub use arrays::{array, arrays, shape_text};
use bad_pixels::Mask;
pub use bad_pixels::{BAD_PIXELS_KEY, BadPixels, BadValue, NoBadValue};
pub(crate) use columns::measured;
use columns::{Columns, Parts, ScanColumn};
pub use columns::{MEASUREMENT_KEY, UNIT_KEY};
use files::Files;
pub(crate) use files::RoleSource;
use join::{Pairing, Rows};
pub use layout::Note;
use layout::{Layout, LayoutOptions, Measurement, Placed, Role, Unit};
pub(crate) use object_grid::{Coverage, ObjectGrid};
pub use options::ScanOptions;
use positions::PositionSource;
pub use positions::Positions;

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
    files: Files,
    pairing: Pairing,
    options: LayoutOptions,
    measurement: Measurement,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    position_source: PositionSource,
    start_source: Option<PositionSource>,
    /// The patterns, with bad pixels as 0.
    diffraction: Option<Column>,
    bad_pixels: BadPixels,
    /// The file's mask of pixels.
    mask: Option<Mask>,
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
    /// As [`Scan::open`]; with [`ScanOptions::patterns`] also if one file lacks nothing that the other has. Where
    /// positions and patterns both have frame numbers, these are read: it is an error if one occurs twice.
    /// Without [`LayoutOptions::unpaired`], it is an error if a position has no pattern, or a pattern no position.
    pub fn open_with(path: impl AsRef<Path>, options: &ScanOptions) -> Result<Self> {
        Self::try_new(Arc::new(NpzFile::open_with(path, &options.open)?), options)
    }

    /// Creates the scan of an archive that is open already.
    ///
    /// # Errors
    /// As [`Scan::open_with`].
    pub fn try_new(npz: Arc<NpzFile>, options: &ScanOptions) -> Result<Self> {
        let _span = tracing::debug_span!("scan", file = %npz.path().display()).entered();
        let mut files = Files::open(npz, options)?;
        let (pairing, mut notes) = Pairing::of(&files, options.layout.unpaired)?;
        let parts = Opened {
            files: &files,
            pairing: &pairing,
        };
        let raster = files.of_patterns().and_then(|file| file.layout.raster);
        let scan_columns = raster.map(|[_, scan_columns]| scan_columns);
        let position_source = PositionSource::of(parts.pair([Role::X, Role::Y])?, scan_columns);
        let start_source = parts.pair([Role::XStart, Role::YStart])?;
        let start_source = start_source.map(|columns| PositionSource::Members(Box::new(columns)));
        let frame_index = parts.column(Role::FrameIndex)?;
        let diffraction = parts.column(Role::Diffraction)?;
        let mask = Mask::find(|role| parts.column(role))?;
        let diffraction = match diffraction {
            Some(patterns) => Some(without_bad(patterns, mask.as_ref(), &files, options)?),
            None => None,
        };
        let unapplied = mask.as_ref().filter(|_| !options.bad_pixels.mask);
        notes.extend(unapplied.and_then(|mask| {
            let fits = mask.fits(diffraction.as_ref()?);
            fits.then(|| Note::MaskNotApplied {
                member: mask.member().to_string(),
            })
        }));
        let measurement = measurement_of(diffraction.as_ref(), &options.layout);
        let (others, of_others) = columns::other_members(&files, &pairing);
        let unreadable = |role| Some(files.unreadable(role)?.facts());
        let Columns { fields, columns } = Columns::build(Parts {
            unit: files.unit(),
            scan_columns,
            patterns: &pairing.patterns,
            unreadable: &unreadable,
            positions: &position_source,
            starts: start_source.as_ref(),
            frame_index,
            others,
            diffraction: diffraction.as_ref(),
            measurement,
        });
        if diffraction.is_none() && files.unreadable(Role::Diffraction).is_none() {
            notes.push(Note::NoPatterns);
        }
        notes.extend(files.notes_of_second());
        notes.extend(of_others);
        files.first.layout.notes.extend(notes);
        let inner = Inner {
            files,
            pairing,
            options: options.layout.clone(),
            measurement,
            schema: Arc::new(Schema::new(fields)),
            columns,
            position_source,
            start_source,
            diffraction,
            bad_pixels: options.bad_pixels.clone(),
            mask,
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
        &self.inner.files.first.npz
    }

    /// Returns which member of the archive plays which role, and why. Where the scan is read from two files, some
    /// roles may be filled by the other one: see [`Scan::member`].
    pub fn layout(&self) -> &Layout {
        &self.inner.files.first.layout
    }

    /// Returns which member of the other file plays which role, if the scan is read from two.
    pub fn other_layout(&self) -> Option<&Layout> {
        self.inner.files.second.as_ref().map(|file| &file.layout)
    }

    /// Returns the numbers of scan rows and scan columns, R and S, if the patterns are a raster.
    pub fn raster(&self) -> Option<[usize; 2]> {
        self.inner.files.of_patterns()?.layout.raster
    }

    /// Returns the name of the member that fills a role, in whichever file it is.
    pub fn member(&self, role: Role) -> Option<&str> {
        self.source(role)
            .map(|source| source.placed.member.as_str())
    }

    /// Returns the member that fills a role, and the file it is in.
    pub(crate) fn source(&self, role: Role) -> Option<RoleSource<'_>> {
        self.inner.files.source(role)
    }

    /// Returns the error about the member that would fill a role and cannot be read, unless another one fills it.
    pub(crate) fn unreadable(&self, role: Role) -> Option<Error> {
        self.inner.files.unreadable(role)
    }

    /// Creates the error that says why no member fills a role.
    pub(crate) fn missing(&self, role: Role) -> Error {
        if let Some(error) = self.unreadable(role) {
            return error;
        }
        let files = &self.inner.files;
        let file = match role {
            Role::Diffraction | Role::BadPixels | Role::ValidPixels => files.of_patterns(),
            _ => None,
        };
        let file = file.unwrap_or(&files.first);
        file.layout.missing(&file.npz, role)
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
        self.inner.files.unit()
    }

    /// Returns the size of a pixel of the object in metres, if the options or the file say so.
    ///
    /// # Errors
    /// If the member that says so cannot be read.
    pub fn pixel_size_m(&self) -> Result<Option<f64>> {
        if let Some(size) = self.inner.options.pixel_size_m {
            return Ok(Some(size));
        }
        self.number(Role::PixelSize)
    }

    /// Iterates over the files that the scan is read from: the archive, and that of its patterns if it is
    /// another one.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<NpzFile>> {
        self.inner.files.iter().map(|file| &file.npz)
    }

    /// Returns the number of scan points, M: that of the positions, or of the patterns where there are no
    /// positions; with [`LayoutOptions::unpaired`], that of the pairs of both.
    pub fn num_positions(&self) -> usize {
        self.inner.pairing.points
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
            false => Err(self.missing(Role::X)),
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
        self.diffraction()
            .ok_or_else(|| self.missing(Role::Diffraction))
    }

    /// Returns which pixels of the patterns are read as 0.
    pub fn bad_pixels(&self) -> &BadPixels {
        &self.inner.bad_pixels
    }

    /// Returns the member that is the file's mask of pixels, if it has one that fits the patterns.
    pub fn mask_member(&self) -> Option<&str> {
        let mask = self.inner.mask.as_ref()?;
        mask.fits(self.diffraction()?).then(|| mask.member())
    }

    /// Returns how a pixel is masked in this scan; `is_applied` says whether the file's mask is known to be
    /// applied.
    pub(crate) fn mask_remedy(&self, is_applied: bool) -> Remedy {
        match self.mask_member() {
            Some(_) if !is_applied && !self.bad_pixels().mask => Remedy::Enable(Parameter::Mask),
            Some(member) => Remedy::ExtendMask(member.to_string()),
            None => Remedy::MaskPixels,
        }
    }

    /// Returns which pixels are bad by the file's mask, applied or not, and by the values that mark them.
    ///
    /// # Errors
    /// If the mask cannot be read.
    pub(crate) fn all_marks(&self) -> Result<Option<Arc<Marks>>> {
        let Inner {
            diffraction,
            mask,
            bad_pixels: bad,
            ..
        } = self.inner.as_ref();
        let Some(patterns) = diffraction else {
            return Ok(None);
        };
        let mask = mask.as_ref().filter(|mask| mask.fits(patterns));
        bad_pixels::marks(patterns, mask, &bad.values)
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
            None if self.unreadable(Role::XStart).is_some() => Err(self.missing(Role::XStart)),
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
                return Err(self.missing(Role::X));
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
        let of_scan_points = Role::all().filter(|role| role.is_of_scan_points());
        if let Some(error) = of_scan_points
            .filter_map(|role| self.unreadable(role))
            .next()
        {
            return Err(error);
        }
        let roles = self.layout().roles.iter();
        let mut axes: BTreeMap<String, usize> = roles
            .filter(|(role, _)| role.is_of_scan_points())
            .map(|(role, placed)| Ok((placed.member.clone(), self.scan_point_axis(*role, placed)?)))
            .collect::<Result<_>>()?;
        axes.extend(self.others().map(|(info, _)| (info.name.clone(), 0)));
        Ok(axes)
    }

    /// Returns the row of each scan point in those members of the archive whose rows are not the scan points
    /// themselves, since positions and patterns were joined on frame numbers.
    #[cfg(feature = "export")]
    pub(crate) fn picked_rows(&self) -> BTreeMap<String, Arc<[usize]>> {
        let Inner { files, pairing, .. } = self.inner.as_ref();
        let of_role = |(role, placed): &'_ (Role, Placed)| {
            let rows = pairing.rows(files, *role)?;
            Some((placed.member.clone(), rows.clone()))
        };
        let of_roles = self.layout().roles.iter().filter_map(of_role);
        let others = self.others();
        let others = others.filter_map(|(info, rows)| Some((info.name.clone(), rows?.clone())));
        let picked = of_roles
            .chain(others)
            .filter_map(|(member, rows)| match rows {
                Rows::Picked(rows) => Some((member, rows)),
                Rows::First(_) => None,
            });
        picked.collect()
    }

    /// Iterates over the members of the archive without a role that have one row per scan point.
    fn others(&self) -> impl Iterator<Item = (&ArrayInfo, Option<&Rows>)> {
        let Inner { files, pairing, .. } = self.inner.as_ref();
        columns::without_role(files, pairing, &files.first).filter(|(_, rows)| rows.is_some())
    }

    fn scan_point_axis(&self, role: Role, placed: &Placed) -> Result<usize> {
        let npz = self.npz();
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
    /// If the member cannot be read, or cannot be a column.
    pub fn member_column(&self, role: Role) -> Result<Option<Column>> {
        if let Some(error) = self.unreadable(role) {
            return Err(error);
        }
        let Inner { files, pairing, .. } = self.inner.as_ref();
        Opened { files, pairing }.column(role)
    }

    /// Reads the table `scan`: one row per position.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn read(&self, options: &ReadOptions) -> Result<TableReader> {
        TableReader::try_new(Arc::new(self.clone()), options)
    }
}

/// Opens the columns of the files of a scan, with the rows of its scan points.
struct Opened<'a> {
    files: &'a Files,
    pairing: &'a Pairing,
}

impl Opened<'_> {
    /// Opens the part of a member that fills a role as a column called after the role; `None` if no member fills
    /// it.
    fn column(&self, role: Role) -> Result<Option<Column>> {
        let Some(source) = self.files.source(role) else {
            return Ok(None);
        };
        let column = source.column(role)?;
        Ok(Some(match self.pairing.rows(self.files, role) {
            Some(rows) => rows.of_column(column),
            None => column,
        }))
    }

    /// Opens the columns of two roles that belong together.
    fn pair(&self, [x, y]: [Role; 2]) -> Result<Option<[Column; 2]>> {
        Ok(self.column(x)?.zip(self.column(y)?).map(|(x, y)| [x, y]))
    }
}

/// Returns the patterns with bad pixels as 0.
fn without_bad(
    patterns: Column,
    mask: Option<&Mask>,
    files: &Files,
    options: &ScanOptions,
) -> Result<Column> {
    let bad = &options.bad_pixels;
    if bad.mask && mask.is_none() {
        let roles = [Role::BadPixels, Role::ValidPixels];
        if let Some(error) = roles.iter().find_map(|role| files.unreadable(*role)) {
            return Err(error);
        }
        let file = files.of_patterns().unwrap_or(&files.first);
        return Err(file.layout.missing(&file.npz, Role::BadPixels));
    }
    let mask = mask.filter(|_| bad.mask);
    Ok(match bad_pixels::marks(&patterns, mask, &bad.values)? {
        Some(marks) => patterns.with_marks(marks),
        None => patterns,
    })
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

    fn column_of_member(&self, member: &str) -> Option<String> {
        self.column_made_of(member, |name| self.inner.schema.index_of(name).is_ok())
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

    fn check_column(&self, column: usize) -> Result<()> {
        let ScanColumn::Unreadable(role) = self.inner.columns[column] else {
            return Ok(());
        };
        self.unreadable(role).map_or(Ok(()), Err)
    }

    fn why_absent(&self, column: &str) -> Option<Error> {
        let role = match column {
            "x" | "y" | "x_start" | "y_start" => Role::X,
            "diffraction" => Role::Diffraction,
            _ => return None,
        };
        Some(self.missing(role))
    }

    fn notices(&self, columns: &[usize]) -> Vec<Notice> {
        self.notices_of(&self.uses_of_columns(columns))
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        let mut provenance = provenance::of(self.sources(), self.name());
        if !self.bad_pixels().is_empty() {
            let bad_pixels = self.bad_pixels().to_json();
            provenance.insert(BAD_PIXELS_KEY.to_string(), bad_pixels);
        }
        provenance
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
        self.check_column(index)?;
        self.inner.columns[index].array(rows)
    }
}
