//! The table `neighbors`: the k nearest scan points of each scan point.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use super::Once;
use super::neighbors::Neighbors;
use super::plan::non_finite;
use crate::array::RowSet;
use crate::error::{Error, Parameter, Result};
use crate::scan::{Scan, provenance};
use crate::table::{Table, TableInfo};

/// One row a neighbour: `scan_point` Int64, `rank` Int32 (from 1), `neighbor` Int64 (its scan point), `distance` Float64
/// in the positions' unit. Scan points ascend, ranks too; equal distances are settled by scan point. A scan of M positions
/// has at most M - 1 neighbours a point.
#[derive(Debug)]
pub struct NearestTable {
    scan: Scan,
    k: usize,
    schema: SchemaRef,
    /// `k` a scan point: squared distance, scan point.
    found: Once<Vec<(f64, u32)>>,
}

impl NearestTable {
    /// The `k` nearest of each scan point; fewer where there are not so many.
    ///
    /// # Errors
    /// If `k` is 0; if the scan has no positions.
    pub fn try_new(scan: &Scan, k: usize) -> Result<Self> {
        if k == 0 {
            return Err(Error::out_of_range(Parameter::K, k, 1usize, None));
        }
        scan.positions()?;
        let number = |name: &str, data_type| Field::new(name, data_type, false);
        let schema = Arc::new(Schema::new(vec![
            number("scan_point", DataType::Int64),
            number("rank", DataType::Int32),
            number("neighbor", DataType::Int64),
            number("distance", DataType::Float64),
        ]));
        let k = k.min(scan.num_positions().saturating_sub(1));
        Ok(Self {
            scan: scan.clone(),
            k,
            schema,
            found: Once::default(),
        })
    }

    fn found(&self) -> Result<&Vec<(f64, u32)>> {
        self.found.get_or_try_init(|| {
            let positions = self.scan.positions()?;
            let points: Vec<u32> = (0..positions.len() as u32).collect();
            let is_bad =
                |point: &usize| !positions.at(*point).iter().all(|value| value.is_finite());
            if let Some(point) = (0..positions.len()).find(is_bad) {
                return Err(non_finite(&self.scan, positions, point));
            }
            let neighbors = Neighbors::new(&positions.x, &positions.y, &points);
            let order = neighbors.spatial_order(&points);
            let parts = order.par_chunks(CHUNK).map(|part| {
                let mut found = Vec::with_capacity(part.len() * self.k);
                neighbors.nearest_of_each(&points, part, self.k, |point, near| {
                    found.extend(
                        near.iter()
                            .map(|near| (point, near.distance2, near.scan_point)),
                    );
                });
                found
            });
            let parts: Vec<_> = parts.collect();
            let mut all = vec![(0.0, 0); points.len() * self.k];
            for part in parts {
                for (place, (point, distance2, neighbor)) in part.into_iter().enumerate() {
                    all[point * self.k + place % self.k] = (distance2, neighbor);
                }
            }
            Ok(all)
        })
    }
}

/// Scan points that one task looks at.
const CHUNK: usize = 4096;

impl TableInfo for NearestTable {
    fn known_rows(&self) -> Option<usize> {
        Some(self.scan.num_positions() * self.k)
    }

    fn ordering(&self) -> &[&str] {
        &["scan_point", "rank"]
    }

    fn spec_text(&self) -> Option<String> {
        Some(format!("k={}", self.k))
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        provenance::of(self.scan.sources(), self.name())
    }
}

impl Table for NearestTable {
    fn name(&self) -> &str {
        "neighbors"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.scan.num_positions() * self.k)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan.check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let k = self.k.max(1);
        Ok(match index {
            0 => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| (row / k) as i64),
            )),
            1 => Arc::new(Int32Array::from_iter_values(
                rows.iter().map(|row| (row % k) as i32 + 1),
            )),
            2 => {
                let found = self.found()?;
                Arc::new(Int64Array::from_iter_values(
                    rows.iter().map(|row| i64::from(found[row].1)),
                ))
            }
            _ => {
                let found = self.found()?;
                Arc::new(Float64Array::from_iter_values(
                    rows.iter().map(|row| found[row].0.sqrt()),
                ))
            }
        })
    }
}
