//! The small tables beside `scan`: `scans`, `probe`, `object`, `arrays`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::Scan;
use super::layout::Role;
use super::provenance;
use crate::array::{Access, Column, RowSet, View};
use crate::error::Result;
use crate::npz::NpzFile;
use crate::table::{MemoryTable, Table, TableInfo};

/// The table `arrays`: what an archive holds, one row a member, plain array or not.
///
/// Columns: `name`, `dtype` (NumPy's text), `shape`, `method` (stored, deflated), `byte_offset` of the data in the
/// file (null unless stored), `num_bytes` unpacked, `access` (mapped, copied, inflated, refused), `reason`.
pub fn arrays(npz: &Arc<NpzFile>) -> Result<MemoryTable> {
    let members = npz.members();
    let infos = || members.iter().map(|member| member.array.as_ref().ok());
    let access: Vec<Option<Access>> = infos()
        .map(|info| info.map(|info| Access::of(npz, info)))
        .collect();
    let words = access
        .iter()
        .map(|access| access.as_ref().map_or("refused", Access::word));
    let reasons = access
        .iter()
        .zip(members)
        .map(|(access, member)| match access {
            Some(access) => access.reason().map(ToString::to_string),
            None => member.array.as_ref().err().map(ToString::to_string),
        });
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                members.iter().map(|member| &member.name),
            )),
        ),
        (
            "dtype",
            Arc::new(StringArray::from_iter(
                infos().map(|info| info.map(|info| &info.dtype.descr)),
            )),
        ),
        (
            "shape",
            Arc::new(StringArray::from_iter(
                infos().map(|info| info.map(|info| shape_text(&info.shape))),
            )),
        ),
        (
            "method",
            Arc::new(StringArray::from_iter(
                infos().map(|info| info.map(|info| info.method.to_string())),
            )),
        ),
        (
            "byte_offset",
            Arc::new(UInt64Array::from_iter(
                infos().map(|info| info.and_then(|info| info.byte_offset)),
            )),
        ),
        (
            "num_bytes",
            Arc::new(UInt64Array::from_iter(
                infos().map(|info| info.map(|info| info.num_bytes)),
            )),
        ),
        ("access", Arc::new(StringArray::from_iter_values(words))),
        ("reason", Arc::new(StringArray::from_iter(reasons))),
    ];
    Ok(MemoryTable::new(
        "arrays",
        RecordBatch::try_from_iter(columns)?,
        provenance::of([npz], "arrays"),
    ))
}

/// The table `array`: a member, a row along its first axis; an array without axes is one row.
///
/// Columns: `row` Int64, `value` of the member's own type: a number, a text, a time, or a tensor of the other axes.
///
/// # Errors
/// If there is no such member, or if it is no plain array.
pub fn array(npz: &Arc<NpzFile>, member: &str) -> Result<ArrayTable> {
    let value = Column::open(
        npz,
        member,
        "value",
        &View::first_axis(npz.array_info(member)?),
    )?;
    let row = Arc::new(Field::new("row", DataType::Int64, false));
    let schema = Arc::new(Schema::new(vec![row, Arc::clone(value.field())]));
    Ok(ArrayTable {
        npz: Arc::clone(npz),
        value,
        schema,
    })
}

/// A member as rows; see [`array`].
#[derive(Debug)]
pub struct ArrayTable {
    npz: Arc<NpzFile>,
    value: Column,
    schema: SchemaRef,
}

impl TableInfo for ArrayTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.value.num_rows())
    }

    fn ordering(&self) -> &[&str] {
        &["row"]
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of([&self.npz], self.name())
    }
}

impl Table for ArrayTable {
    fn name(&self) -> &str {
        "array"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.value.num_rows())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.npz.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        match index {
            0 => Ok(Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row as i64),
            ))),
            _ => self.value.array(rows),
        }
    }
}

/// A shape as Python writes it: `(516, 64, 64)`, `(2,)`, `()`.
pub fn shape_text(shape: &[usize]) -> String {
    match shape {
        [len] => format!("({len},)"),
        shape => format!(
            "({})",
            shape
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

impl Scan {
    /// The table `scans`: one row for this file.
    ///
    /// # Errors
    /// [`Error::BadMember`](crate::Error::BadMember) if the probe is none by its shape.
    pub fn scans(&self) -> Result<ScansTable> {
        let patterns = self.diffraction();
        let axis = |index: usize| {
            patterns
                .and_then(|column| column.row_shape().get(index))
                .map(|len| *len as i64)
        };
        let dtype = patterns.and_then(Column::info);
        let file = self.npz().path().display().to_string();
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("scan_id", Arc::new(Int32Array::from(vec![0])), false),
            ("file", Arc::new(StringArray::from(vec![file])), false),
            (
                "layout",
                Arc::new(StringArray::from(vec![self.layout().name])),
                false,
            ),
            (
                "measurement",
                Arc::new(StringArray::from(vec![self.measurement().word()])),
                false,
            ),
            (
                "unit",
                Arc::new(StringArray::from(vec![self.unit().word()])),
                false,
            ),
            (
                "pixel_size_m",
                Arc::new(Float64Array::from(vec![self.pixel_size_m()?])),
                true,
            ),
            (
                "positions",
                Arc::new(Int64Array::from(vec![self.num_positions() as i64])),
                false,
            ),
            ("height", Arc::new(Int64Array::from(vec![axis(0)])), true),
            ("width", Arc::new(Int64Array::from(vec![axis(1)])), true),
            (
                "dtype",
                Arc::new(StringArray::from(vec![
                    dtype.map(|info| info.dtype.descr.as_str()),
                ])),
                true,
            ),
            (
                "probe_modes",
                Arc::new(Int64Array::from(vec![self.probe_modes()?])),
                true,
            ),
        ];
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

    fn probe_modes(&self) -> Result<Option<i64>> {
        Ok(self
            .member_column(Role::Probe)?
            .map(|modes| modes.num_rows() as i64))
    }

    /// The table `probe`: `mode`, `power` (sum of |P|^2), `probe` [N, N, 2] (real, imaginary); one row a mode.
    ///
    /// # Errors
    /// [`Error::MissingRole`](crate::Error::MissingRole) if the file has no probe, or none by its shape.
    pub fn probe(&self) -> Result<LayerTable> {
        LayerTable::try_new(self, Role::Probe, "probe", "mode")
    }

    /// The table `object`: `layer`, `object` [H, W, 2] (real, imaginary); one row a layer.
    ///
    /// # Errors
    /// [`Error::MissingRole`](crate::Error::MissingRole) if the file has no object, or none by its shape.
    pub fn object(&self) -> Result<LayerTable> {
        LayerTable::try_new(self, Role::Object, "object", "layer")
    }
}

/// Where the zero frequency lies, from the mean of a few patterns: `centre`, `corner`, or `unclear` if neither holds
/// twice what the other does. The regions compared are the central quarter and, of the same area, the four corners.
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

/// The table `scans`: what the headers tell, and `zero_frequency`, for which a few patterns are read.
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

/// `probe` or `object`: a complex field a row.
#[derive(Debug)]
pub struct LayerTable {
    scan: Scan,
    name: &'static str,
    layers: Column,
    schema: SchemaRef,
}

impl LayerTable {
    fn try_new(scan: &Scan, role: Role, name: &'static str, number: &str) -> Result<Self> {
        let layers = scan
            .member_column(role)?
            .ok_or_else(|| scan.layout().missing(scan.npz(), role))?
            .renamed(name);
        let mut fields = vec![Arc::new(Field::new(number, DataType::Int32, false))];
        if role == Role::Probe {
            fields.push(Arc::new(Field::new("power", DataType::Float64, false)));
        }
        fields.push(Arc::clone(layers.field()));
        Ok(Self {
            scan: scan.clone(),
            name,
            layers,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Sum of the squares of real and imaginary parts, in f8.
    fn power(&self, row: usize) -> Result<f64> {
        let values = self.layers.numbers(&RowSet::Range(row..row + 1))?.to_f64();
        Ok(values.iter().map(|value| value * value).sum())
    }
}

impl TableInfo for LayerTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.layers.num_rows())
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of([self.scan.npz()], self.name)
    }
}

impl Table for LayerTable {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.layers.num_rows())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        Ok(match self.schema.field(index).name().as_str() {
            "mode" | "layer" => Arc::new(Int32Array::from_iter_values(
                rows.iter().map(|row| row as i32),
            )),
            "power" => {
                let powers: Vec<f64> = rows
                    .iter()
                    .map(|row| self.power(row))
                    .collect::<Result<_>>()?;
                Arc::new(Float64Array::from(powers))
            }
            _ => self.layers.array(rows)?,
        })
    }
}
