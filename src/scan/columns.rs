//! The columns of the table `scan`, and how each of them comes about.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, NullArray};
use arrow::datatypes::{DataType, Field, FieldRef};

use super::files::{File, Files};
use super::join::{Pairing, Rows};
use super::layout::{Measurement, Note, Role, Unit};
use super::positions::{PositionSource, RasterAxis};
use crate::array::{Column, RowSet, View};
use crate::error::{Error, Result};
use crate::npz::{ArrayInfo, Scalar};
use crate::table::unreadable;

/// The metadata key of a position column's unit.
pub const UNIT_KEY: &str = "ptychoarrow.unit";

/// The metadata key that says what the numbers of a pattern column are, `amplitude` or `intensity`; absent if
/// unknown.
pub const MEASUREMENT_KEY: &str = "ptychoarrow.measurement";

/// The names of the columns that a scan may have; a member of such a name becomes a column of another name.
pub const RESERVED: [&str; 10] = [
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

/// Returns the field of a pattern column with metadata that says what its numbers are.
pub(crate) fn measured(field: Field, measurement: Measurement) -> Field {
    if measurement == Measurement::Unknown {
        return field;
    }
    let mut metadata = field.metadata().clone();
    metadata.insert(MEASUREMENT_KEY.to_string(), measurement.word().to_string());
    field.with_metadata(metadata)
}

/// Says how a column of `scan` comes about.
#[derive(Debug, Clone)]
pub(super) enum ScanColumn {
    /// The column is the row number: 0, 1, 2, ...
    RowNumber,
    /// The column is a member as it is stored.
    Member(Column),
    /// The column is a member cast to Float64.
    Float(Column),
    /// The column is a member cast to Int64.
    Int(Column),
    /// The column would be a member that cannot be read.
    Unreadable(Role),
    /// The column is the place in a raster, as Int64 or, for a position, as Float64.
    Raster {
        /// The axis of the raster.
        axis: RasterAxis,
        /// The number of scan columns of the raster.
        scan_columns: usize,
        /// The place of the pattern of each scan point among those of the raster.
        rows: Rows,
        /// Whether the values are positions.
        as_position: bool,
    },
}

impl ScanColumn {
    /// Returns the column of a member that this column reads, if it reads one.
    pub fn source(&self) -> Option<&Column> {
        match self {
            Self::Member(column) | Self::Float(column) | Self::Int(column) => Some(column),
            Self::RowNumber | Self::Unreadable(_) | Self::Raster { .. } => None,
        }
    }

    /// Returns whether values are handed out as they are stored, without a cast.
    pub fn is_as_stored(&self) -> bool {
        match self {
            Self::Member(_) => true,
            Self::Float(column) => column.scalar() == Scalar::Float64,
            Self::Int(column) => column.scalar() == Scalar::Int64,
            Self::RowNumber | Self::Unreadable(_) | Self::Raster { .. } => false,
        }
    }

    /// Reads the values of these rows.
    ///
    /// # Errors
    /// If the member cannot be read, or if a value does not fit the column's type.
    pub fn array(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(match self {
            Self::Member(column) => column.array(rows)?,
            Self::Float(column) => Arc::new(column.float64_array(rows)?),
            Self::Int(column) => Arc::new(column.int64_array(rows)?),
            Self::RowNumber => integers(rows.iter()),
            // The scan tells the reason before it asks for the values.
            Self::Unreadable(_) => Arc::new(NullArray::new(rows.len())),
            Self::Raster {
                axis,
                scan_columns,
                rows: patterns,
                as_position,
            } => {
                let place = |row: usize| axis.place_of(patterns.at(row), *scan_columns);
                let places = rows.iter().map(place);
                match as_position {
                    true => floats(places),
                    false => integers(places),
                }
            }
        })
    }
}

fn integers(values: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(
        values.map(|value| value as i64),
    ))
}

fn floats(values: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(
        values.map(|value| value as f64),
    ))
}

/// Holds what the columns of a scan are made of.
pub(super) struct Parts<'a> {
    /// The unit of the positions.
    pub unit: Unit,
    /// The number of scan columns, where the patterns are a raster.
    pub scan_columns: Option<usize>,
    /// The place of each pattern in the raster.
    pub patterns: &'a Rows,
    /// The source of the positions.
    pub positions: &'a PositionSource,
    /// The source of the nominal positions, if the file has its own.
    pub starts: Option<&'a PositionSource>,
    /// The detector's frame numbers, if the file has them.
    pub frame_index: Option<Column>,
    /// The members without a role that have one row per scan point.
    pub others: Vec<Column>,
    /// The patterns.
    pub diffraction: Option<&'a Column>,
    /// What the numbers of the patterns are.
    pub measurement: Measurement,
    /// Says why the member of a role cannot be read, if it cannot.
    pub unreadable: &'a dyn Fn(Role) -> Option<String>,
}

/// Collects the columns of a scan with their fields.
#[derive(Default)]
pub(super) struct Columns {
    /// The fields of the schema.
    pub fields: Vec<FieldRef>,
    /// The columns, one per field.
    pub columns: Vec<ScanColumn>,
}

impl Columns {
    /// Builds the columns in the order of the table `scan`: numbers and positions, other members, patterns.
    pub fn build(parts: Parts) -> Self {
        let mut columns = Self::default();
        columns.add(number("scan_point"), ScanColumn::RowNumber);
        let add_unreadable = |columns: &mut Self, names: &[&str], role: Role| {
            let Some(reason) = (parts.unreadable)(role) else {
                return false;
            };
            for name in names {
                let field = unreadable(name, reason.clone());
                columns.add(Arc::new(field), ScanColumn::Unreadable(role));
            }
            true
        };
        if !add_unreadable(&mut columns, &["x", "y"], Role::X) {
            columns.add_positions(&parts, parts.positions, ["x", "y"]);
        }
        let names = ["x_start", "y_start"];
        match parts.starts {
            Some(starts) => columns.add_positions(&parts, starts, names),
            // Without start positions of their own, scans have those that were measured.
            None => {
                let is_unreadable = add_unreadable(&mut columns, &names, Role::XStart)
                    || add_unreadable(&mut columns, &names, Role::X);
                if !is_unreadable {
                    columns.add_positions(&parts, parts.positions, names);
                }
            }
        }
        if !add_unreadable(&mut columns, &["frame_index"], Role::FrameIndex) {
            let frame_index = parts
                .frame_index
                .clone()
                .map_or(ScanColumn::RowNumber, ScanColumn::Int);
            columns.add(number("frame_index"), frame_index);
        }
        if let Some(scan_columns) = parts.scan_columns {
            columns.add_raster(scan_columns, parts.patterns);
        }
        for member in &parts.others {
            columns.add(
                Arc::clone(member.field()),
                ScanColumn::Member(member.clone()),
            );
        }
        if let Some(patterns) = parts.diffraction {
            let field = measured(patterns.field().as_ref().clone(), parts.measurement);
            columns.add(Arc::new(field), ScanColumn::Member(patterns.clone()));
        } else {
            add_unreadable(&mut columns, &["diffraction"], Role::Diffraction);
        }
        columns
    }

    fn add(&mut self, field: FieldRef, column: ScanColumn) {
        self.fields.push(field);
        self.columns.push(column);
    }

    fn add_raster(&mut self, scan_columns: usize, rows: &Rows) {
        for (name, axis) in [
            ("scan_row", RasterAxis::Rows),
            ("scan_column", RasterAxis::Columns),
        ] {
            let column = ScanColumn::Raster {
                axis,
                scan_columns,
                rows: rows.clone(),
                as_position: false,
            };
            self.add(number(name), column);
        }
    }

    fn add_positions(&mut self, parts: &Parts, source: &PositionSource, names: [&str; 2]) {
        let columns = match source {
            PositionSource::Members(columns) => (**columns).clone().map(ScanColumn::Float),
            PositionSource::Raster(scan_columns) => {
                [RasterAxis::Columns, RasterAxis::Rows].map(|axis| ScanColumn::Raster {
                    axis,
                    scan_columns: *scan_columns,
                    rows: parts.patterns.clone(),
                    as_position: true,
                })
            }
            PositionSource::None => return,
        };
        for (name, column) in names.into_iter().zip(columns) {
            let metadata = [(UNIT_KEY.to_string(), parts.unit.to_string())].into();
            let field = Field::new(name, DataType::Float64, false).with_metadata(metadata);
            self.add(Arc::new(field), column);
        }
    }
}

fn number(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Int64, false))
}

/// Opens the members without a role that have one row per scan point, and notes those that cannot be a column
/// and those that become a column of another name.
pub(super) fn other_members(files: &Files, pairing: &Pairing) -> (Vec<Column>, Vec<Note>) {
    let (mut columns, mut notes) = (Vec::<Column>::new(), Vec::new());
    for file in files.iter() {
        let members: Vec<(&ArrayInfo, Option<&Rows>)> =
            without_role(files, pairing, file).collect();
        let names = members.iter().map(|(info, _)| info.name.clone());
        let taken = columns.iter().map(|column| column.field().name().clone());
        let names: Vec<String> = names.chain(taken).collect();
        for (info, rows) in members {
            let member = &info.name;
            let Some(rows) = rows else {
                notes.push(of_which_side(info));
                continue;
            };
            let is_taken = |name: &str| columns.iter().any(|other| other.field().name() == name);
            let column = free_name(member, &names, is_taken);
            match Column::open(&file.npz, member, &column, &View::along(0)) {
                Ok(opened) => {
                    columns.push(rows.of_column(opened));
                    let member = member.clone();
                    notes.extend(
                        (member != column).then_some(Note::RenamedColumn { member, column }),
                    );
                }
                Err(error) => notes.push(no_column(member, &error)),
            }
        }
    }
    (columns, notes)
}

/// Notes a member of which it stays open whether it has one row per position or one per pattern.
fn of_which_side(info: &ArrayInfo) -> Note {
    Note::NoColumn {
        member: info.name.clone(),
        found: format!(
            "shape {:?}, as many rows as positions and as patterns",
            info.shape
        ),
        expected: "rows of one of them, since not every one has a partner".to_string(),
    }
}

/// Returns a member's own name, or one with `member_` in front, as often as it takes for a name that no
/// column has.
fn free_name(member: &str, members: &[String], is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = member.to_string();
    let is_other = |name: &str| name != member && members.iter().any(|other| other == name);
    while RESERVED.contains(&name.as_str()) || is_other(&name) || is_taken(&name) {
        name.insert_str(0, "member_");
    }
    name
}

fn no_column(member: &str, error: &Error) -> Note {
    let (found, expected) = match error {
        Error::BadMember {
            found, expected, ..
        } => (found.clone(), expected.clone()),
        error => (
            error.facts_with_sources(),
            "one row per scan point".to_string(),
        ),
    };
    Note::NoColumn {
        member: member.to_string(),
        found,
        expected,
    }
}

/// Iterates over the arrays of a file without a role whose first axis is as long as there are positions, or
/// patterns, each with the rows of the scan points; without them if it stays open which of the two it is.
pub(super) fn without_role<'a>(
    files: &'a Files,
    pairing: &'a Pairing,
    file: &'a File,
) -> impl Iterator<Item = (&'a ArrayInfo, Option<&'a Rows>)> {
    let roles = &file.layout.roles;
    let fills_role = |name: &str| roles.iter().any(|(_, placed)| placed.member == name);
    let arrays = file
        .npz
        .arrays()
        .filter(move |info| !fills_role(&info.name));
    arrays.filter_map(
        |info| match pairing.rows_of_other(files, file, *info.shape.first()?) {
            Ok(rows) => rows.map(|rows| (info, Some(rows))),
            Err(()) => Some((info, None)),
        },
    )
}
