//! The table `scans`: one row about the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::layout::{Role, Uses};
use super::zero_frequency::zero_frequency;
use super::{Scan, provenance};
use crate::array::{Column, RowSet};
use crate::error::{Notice, Result};
use crate::table::{MemoryTable, Table, TableInfo};

impl Scan {
    /// Creates the table `scans`: one row for this file.
    ///
    /// Columns: `scan_id` (0), `file`, `layout`, `measurement`, `unit`, `pixel_size_m`, `positions` (M),
    /// `height` and `width` of a pattern in pixels, `dtype` of the patterns, `zero_frequency` (`centre`,
    /// `corner` or `unknown`: see below), `probe_modes`.
    ///
    /// `zero_frequency` compares the mean pixel of the central quarter of a pattern with that of its four corners, of up to
    /// 8 patterns. It is `unknown` unless one is more than twice the other, and the difference is more than 5 times its
    /// standard error from pixel to pixel, or of 5 patterns or more 10 times that from pattern to pattern: flat noise is
    /// `unknown`.
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
            ("unit", said(&self.unit().to_string()), false),
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
