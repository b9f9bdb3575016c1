//! The table `scans`: one row about the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::layout::{Role, Uses};
use super::{Scan, provenance};
use crate::array::{Column, RowSet};
use crate::error::{Notice, Result};
use crate::table::{MemoryTable, Table, TableInfo};

impl Scan {
    /// Creates the table `scans`: one row for this file.
    ///
    /// Columns: `scan_id` (0), `file`, `layout`, `measurement`, `unit`, `pixel_size_m`, `positions` (M),
    /// `height` and `width` of a pattern in pixels, `dtype` of the patterns, `zero_frequency` (`centre`,
    /// `corner` or `unclear`), `probe_modes`.
    ///
    /// # Errors
    /// If the probe or the pixel size cannot be read.
    pub fn scans(&self) -> Result<ScansTable> {
        let columns = self.header_columns()?;
        let provenance = provenance::of(self.sources(), "scans");
        let headers = MemoryTable::new(
            "scans",
            RecordBatch::try_from_iter_with_nullable(columns)?,
            provenance,
        );
        let mut fields = headers.schema().fields().to_vec();
        fields.insert(
            fields.len() - 1,
            Arc::new(Field::new("zero_frequency", DataType::Utf8, true)),
        );
        Ok(ScansTable {
            scan: self.clone(),
            headers,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Returns the columns that headers tell: name, values, whether they may be null.
    fn header_columns(&self) -> Result<Vec<(&'static str, ArrayRef, bool)>> {
        let layout = self.layout();
        let shape = self.diffraction().map_or(&[][..], Column::row_shape);
        let side = |axis: usize| shape.get(axis).map(|len| *len as i64);
        let dtype = self.diffraction().and_then(Column::info);
        let dtype = dtype.map(|info| info.dtype.descr.clone());
        // A notice says why the size is unknown.
        let pixel_size = match self.unreadable(Role::PixelSize) {
            Some(_) => self.layout_options().pixel_size_m,
            None => self.pixel_size_m()?,
        };
        let said = |value: &str| text(Some(value.to_string()));
        Ok(vec![
            ("scan_id", Arc::new(Int32Array::from(vec![0])), false),
            (
                "file",
                said(&self.npz().path().display().to_string()),
                false,
            ),
            ("layout", said(layout.name), false),
            ("measurement", said(self.measurement().word()), false),
            ("unit", said(self.unit().word()), false),
            (
                "pixel_size_m",
                Arc::new(Float64Array::from(vec![pixel_size])),
                true,
            ),
            (
                "positions",
                integer(Some(self.num_positions() as i64)),
                false,
            ),
            ("height", integer(side(0)), true),
            ("width", integer(side(1)), true),
            ("dtype", text(dtype), true),
            ("probe_modes", integer(self.probe_modes()?), true),
        ])
    }

    fn probe_modes(&self) -> Result<Option<i64>> {
        // A notice says why the number is unknown.
        if self.unreadable(Role::Probe).is_some() {
            return Ok(None);
        }
        Ok(self
            .member_column(Role::Probe)?
            .map(|modes| modes.num_rows() as i64))
    }
}

fn text(value: Option<String>) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn integer(value: Option<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

/// Returns where the zero frequency lies, from the mean of a few patterns: `centre`, `corner`, or `unclear`
/// if neither holds twice what the other does. The regions compared are the central quarter and, of the same
/// area, the four corners.
fn zero_frequency(patterns: &Column) -> Result<&'static str> {
    const PATTERNS: usize = 8;
    let [height, width] = patterns.row_shape() else {
        return Ok("unclear");
    };
    let step = (patterns.num_rows() / PATTERNS).max(1);
    let rows: Vec<usize> = (0..patterns.num_rows())
        .step_by(step)
        .take(PATTERNS)
        .collect();
    let (mut centre, mut corner) = (0.0, 0.0);
    for (at, value) in patterns
        .numbers(&RowSet::List(&rows))?
        .to_f64()
        .into_iter()
        .enumerate()
    {
        let (row, col) = (at / width % height, at % width);
        let inner = |at: usize, len: usize| at >= len / 4 && at < len - len / 4;
        match (inner(row, *height), inner(col, *width)) {
            (true, true) => centre += value.abs(),
            (false, false) => corner += value.abs(),
            _ => {}
        }
    }
    Ok(match () {
        () if centre > 2.0 * corner => "centre",
        () if corner > 2.0 * centre => "corner",
        () => "unclear",
    })
}

/// Holds the table `scans`: what headers tell, and `zero_frequency`, for which a few patterns are read.
#[derive(Debug)]
pub struct ScansTable {
    scan: Scan,
    headers: MemoryTable,
    schema: SchemaRef,
}

impl TableInfo for ScansTable {
    fn known_rows(&self) -> Option<usize> {
        Some(1)
    }

    fn notices(&self, columns: &[usize]) -> Vec<Notice> {
        let mut uses = Uses::default();
        for column in columns {
            match self.schema.field(*column).name().as_str() {
                "measurement" => uses.measurement = true,
                "positions" | "unit" => uses.add(Role::X),
                "pixel_size_m" => uses.add(Role::PixelSize),
                "height" | "width" | "dtype" | "zero_frequency" => uses.add(Role::Diffraction),
                "probe_modes" => uses.add(Role::Probe),
                _ => {}
            }
        }
        self.scan.notices_of(&uses)
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        self.headers.provenance()
    }
}

impl Table for ScansTable {
    fn name(&self) -> &str {
        "scans"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(1)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        if let Ok(index) = self
            .headers
            .schema()
            .index_of(self.schema.field(index).name())
        {
            return self.headers.column(index, rows);
        }
        let found = self.scan.diffraction().map(zero_frequency).transpose()?;
        Ok(Arc::new(StringArray::from_iter(rows.iter().map(|_| found))))
    }
}
