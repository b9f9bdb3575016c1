//! Counts what one partition of a scan reads, for EXPLAIN ANALYZE.

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, RecordOutput, Time,
};

use crate::array::RowSet;
use crate::table::{BatchSource, Table, value_bytes};

/// Holds the counters of one partition.
pub struct Metrics {
    baseline: BaselineMetrics,
    /// The number of bytes of all rows that were read.
    bytes_gathered: Count,
    /// The part of these bytes that was returned as slices of the map.
    bytes_mapped: Count,
    /// The part of these bytes that was copied, cast or inflated.
    bytes_copied: Count,
    /// The number of rows that were worked out: of groups, those whose neighbours were looked for.
    rows_formed: Count,
    /// The time of reading batches, without the table's own phases.
    time_gather: Time,
    /// The time that each of the table's phases had taken before, with the time it took for this query.
    phases: Vec<(Duration, Time)>,
}

impl Metrics {
    /// Creates the counters of a partition.
    pub fn new(set: &ExecutionPlanMetricsSet, table: &dyn Table, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(set).counter(name, partition);
        let time = |name: String| MetricBuilder::new(set).subset_time(name, partition);
        // Partitions wait for each other's phases: one of them tells how long they took.
        let phases = match partition {
            0 => table.phases(),
            _ => Vec::new(),
        };
        let phases = phases.into_iter();
        Self {
            baseline: BaselineMetrics::new(set, partition),
            bytes_gathered: counter("bytes_gathered"),
            bytes_mapped: counter("bytes_mapped"),
            bytes_copied: counter("bytes_copied"),
            rows_formed: counter("rows_formed"),
            time_gather: time("time_gather".to_string()),
            phases: phases
                .map(|(name, before)| (before, time(format!("time_{name}"))))
                .collect(),
        }
    }

    /// Returns the time that the partition has spent computing.
    pub fn elapsed_compute(&self) -> &Time {
        self.baseline.elapsed_compute()
    }

    /// Adds rows that are worked out.
    pub fn add_rows_formed(&self, rows: usize) {
        self.rows_formed.add(rows);
    }

    /// Runs `read`, which reads these rows of the source, and counts its time and bytes.
    ///
    /// # Errors
    /// As `read`.
    pub fn gathering<E>(
        &self,
        source: &mut BatchSource,
        rows: &RowSet<'_>,
        read: impl FnOnce(&mut BatchSource) -> Result<RecordBatch, E>,
    ) -> Result<RecordBatch, E> {
        let (start, before) = (Instant::now(), total_of_phases(source.table().as_ref()));
        let batch = read(source)?;
        let in_phases = total_of_phases(source.table().as_ref()).saturating_sub(before);
        self.time_gather
            .add_duration(start.elapsed().saturating_sub(in_phases));
        self.count_bytes(source, rows);
        Ok(batch.record_output(&self.baseline))
    }

    fn count_bytes(&self, source: &BatchSource, rows: &RowSet<'_>) {
        for (index, field) in source.columns().iter().zip(source.schema().fields()) {
            let bytes = rows.len().saturating_mul(value_bytes(field));
            self.bytes_gathered.add(bytes);
            let is_slice = source.table().is_slice(*index, rows);
            let counter = match is_slice {
                true => &self.bytes_mapped,
                false => &self.bytes_copied,
            };
            counter.add(bytes);
        }
    }

    /// Records that no batch follows.
    pub fn done(&self) {
        self.baseline.done();
    }

    /// Adds the time that the table's phases have taken since the counters were created; only the first call adds any.
    pub fn report_phases(&mut self, table: &dyn Table) {
        for ((before, time), (_, spent)) in self.phases.drain(..).zip(table.phases()) {
            time.add_duration(spent.saturating_sub(before));
        }
    }
}

fn total_of_phases(table: &dyn Table) -> Duration {
    table.phases().into_iter().map(|(_, spent)| spent).sum()
}
