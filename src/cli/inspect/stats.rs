//! Computes the smallest, the largest and the mean number of arrays.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::array::{Column, RowSet, View};
use crate::error::Result;
use crate::npz::{NpzFile, Scalar};

/// Holds the statistics of the finite numbers of an array.
pub struct Stats {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub not_finite: u64,
}

impl Stats {
    pub fn json(&self) -> Value {
        json!({"min": self.min, "max": self.max, "mean": self.mean, "not_finite": self.not_finite})
    }
}

/// Reads every array of real numbers, a few rows at a time.
pub fn of_arrays(npz: &Arc<NpzFile>) -> Result<Vec<(String, Stats)>> {
    const VALUES: usize = 1 << 20;
    let mut all = Vec::new();
    for info in npz.arrays().filter(|info| {
        (info.dtype.scalar.is_real() || info.dtype.scalar == Scalar::Bool) && info.num_bytes > 0
    }) {
        let column = Column::open(npz, &info.name, &info.name, &View::first_axis(info))?;
        let step = (VALUES / column.row_len().max(1)).max(1);
        let mut stats = Stats {
            min: f64::INFINITY,
            max: -f64::INFINITY,
            mean: 0.0,
            not_finite: 0,
        };
        let mut count = 0u64;
        for start in (0..column.num_rows()).step_by(step) {
            let rows = RowSet::Range(start..(start + step).min(column.num_rows()));
            for value in column.numbers(&rows)?.to_f64() {
                if value.is_finite() {
                    stats.min = stats.min.min(value);
                    stats.max = stats.max.max(value);
                    stats.mean += value;
                    count += 1;
                } else {
                    stats.not_finite += 1;
                }
            }
        }
        stats.mean /= count as f64;
        all.push((info.name.clone(), stats));
    }
    Ok(all)
}
