//! The tables `probe` and `object`: one complex field per row.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::layout::{Role, Uses};
use super::{Scan, provenance};
use crate::array::{Column, RowSet};
use crate::error::{Notice, Result};
use crate::table::{Table, TableInfo};

impl Scan {
    /// Creates the table `probe`: one row per mode.
    ///
    /// Columns: `mode` Int32, `power` Float64 (the sum of |P|^2 over the mode), `probe` as a tensor [N, N, 2]
    /// (real, imaginary) in the precision of the file.
    ///
    /// # Errors
    /// [`Error::MissingRole`](crate::Error::MissingRole) if the file has no probe, or one that is not complex (N, N), (N, N, 1) or (..., N, N).
    pub fn probe(&self) -> Result<LayerTable> {
        LayerTable::try_new(self, Role::Probe, "probe", "mode")
    }

    /// Creates the table `object`: one row per layer.
    ///
    /// Columns: `layer` Int32, `object` as a tensor [rows, columns, 2] (real, imaginary) in the precision of
    /// the file.
    ///
    /// # Errors
    /// [`Error::MissingRole`](crate::Error::MissingRole) if the file has no object, or one that is not complex (..., rows, columns).
    pub fn object(&self) -> Result<LayerTable> {
        LayerTable::try_new(self, Role::Object, "object", "layer")
    }
}

/// Holds the table `probe` or `object`: one complex field per row.
#[derive(Debug)]
pub struct LayerTable {
    scan: Scan,
    role: Role,
    name: &'static str,
    layers: Column,
    schema: SchemaRef,
}

impl LayerTable {
    fn try_new(scan: &Scan, role: Role, name: &'static str, number: &str) -> Result<Self> {
        let layers = scan
            .member_column(role)?
            .ok_or_else(|| scan.missing(role))?
            .renamed(name);
        let mut fields = vec![Arc::new(Field::new(number, DataType::Int32, false))];
        if role == Role::Probe {
            fields.push(Arc::new(Field::new("power", DataType::Float64, false)));
        }
        fields.push(Arc::clone(layers.field()));
        Ok(Self {
            scan: scan.clone(),
            role,
            name,
            layers,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Returns the sum of the squares of real and imaginary parts of one row, in f64.
    fn power(&self, row: usize) -> Result<f64> {
        let values = self.layers.numbers(&RowSet::Range(row..row + 1))?.to_f64();
        Ok(values.iter().map(|value| value * value).sum())
    }
}

impl TableInfo for LayerTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.layers.num_rows())
    }

    fn notices(&self, _columns: &[usize]) -> Vec<Notice> {
        self.scan.notices_of(&Uses::of_roles(&[self.role]))
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of([self.layers.npz()], self.name)
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
