//! Reads the rows of one partition that pass all filters: narrow columns first, then only the rows that are left.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result};

use super::super::filter::{Filter, as_row_set};
use super::metrics::Metrics;
use super::{NpzScanExec, share};
use crate::table::{BatchSource, DEFAULT_BATCH_BYTES, Table};

/// The number of rows whose narrow columns are looked at together.
const CANDIDATES: usize = 8192;

/// Reads the rows of a partition that pass all filters.
pub struct FilteredReader {
    source: BatchSource,
    filters: Vec<Filter>,
    /// The number of the partition and the number of partitions, until the first row is asked for.
    share: Option<(usize, usize)>,
    /// The rows that have not been looked at.
    candidates: Range<usize>,
    /// The rows that passed and are not read yet.
    passed: Vec<usize>,
    /// The number of rows that may still be returned.
    left: usize,
    metrics: Metrics,
}

impl FilteredReader {
    /// Creates a reader of one partition of a node, in batches of at most `batch_size` rows.
    ///
    /// # Errors
    /// If a filter names a column that the table does not have.
    pub fn try_new(
        exec: &NpzScanExec,
        table: Arc<dyn Table>,
        partition: usize,
        batch_size: usize,
    ) -> Result<Self> {
        let filter = |expr| Filter::try_new(expr, &exec.table_schema);
        let metrics = Metrics::new(&exec.metrics, table.as_ref(), partition);
        let (columns, rows) = (exec.projection.clone(), Some(batch_size));
        Ok(Self {
            source: BatchSource::try_new(table, columns, DEFAULT_BATCH_BYTES, rows)?,
            filters: exec.filters.iter().map(filter).collect::<Result<_>>()?,
            share: Some((partition, exec.num_partitions())),
            candidates: 0..0,
            passed: Vec::new(),
            left: exec.fetch.unwrap_or(usize::MAX),
            metrics,
        })
    }

    /// Finds out which rows there are. Filters that need only what is known beforehand (the seed points of groups) come
    /// first, and no row that they drop is worked out.
    fn begin(&mut self, (partition, partitions): (usize, usize)) -> Result<()> {
        let table = Arc::clone(self.source.table());
        let filters = std::mem::take(&mut self.filters).into_iter();
        let (early, late): (Vec<_>, Vec<_>) =
            filters.partition(|filter| filter.is_early(table.as_ref()));
        self.filters = late;
        self.candidates = share(table.num_rows()?, partition, partitions);
        if early.is_empty() {
            self.metrics.add_rows_formed(self.candidates.len());
            return Ok(());
        }
        let mut rows: Vec<usize> = self.candidates.clone().collect();
        for filter in &early {
            filter.retain(table.as_ref(), &mut rows)?;
        }
        match table.restricted(&rows)? {
            Some(restricted) => {
                self.candidates = 0..rows.len();
                self.source.set_table(restricted);
            }
            None => self.filters.extend(early),
        }
        self.metrics.add_rows_formed(self.candidates.len());
        Ok(())
    }

    /// Returns the rows of the next batch; none at the end.
    fn next_rows(&mut self) -> Result<Vec<usize>> {
        if let Some(share) = self.share.take() {
            self.begin(share)?;
        }
        loop {
            let wanted = self.source.batch_rows().min(self.left);
            while self.passed.len() < wanted && !self.candidates.is_empty() {
                self.look_at_candidates()?;
            }
            let count = self.passed.len().min(wanted);
            let mut rows: Vec<usize> = self.passed.drain(..count).collect();
            if rows.is_empty() {
                return Ok(rows);
            }
            // A join or a TopK above may have learnt more since.
            let dynamic = self.filters.iter().filter(|filter| filter.is_dynamic());
            self.retain(dynamic, &mut rows)?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    /// Filters the next candidates, and adds those that pass to `passed`.
    fn look_at_candidates(&mut self) -> Result<()> {
        let end = (self.candidates.start + CANDIDATES).min(self.candidates.end);
        let mut rows: Vec<usize> = (self.candidates.start..end).collect();
        self.candidates.start = end;
        self.retain(self.filters.iter(), &mut rows)?;
        self.passed.append(&mut rows);
        Ok(())
    }

    fn retain<'a>(
        &self,
        mut filters: impl Iterator<Item = &'a Filter>,
        rows: &mut Vec<usize>,
    ) -> Result<()> {
        filters.try_for_each(|filter| filter.retain(self.source.table().as_ref(), rows))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let rows = self.next_rows()?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.left -= rows.len();
        let known = self.passed.len().min(self.source.batch_rows());
        let (set, next) = (as_row_set(&rows), as_row_set(&self.passed[..known]));
        let batch = self
            .metrics
            .gathering(&mut self.source, &set, |source| source.read(&set, &next))?;
        Ok(Some(batch))
    }
}

impl Drop for FilteredReader {
    /// Reports the phases here, since a limit above may have had enough before the end.
    fn drop(&mut self) {
        self.metrics.report_phases(self.source.table().as_ref());
    }
}

impl Iterator for FilteredReader {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let timer = self.metrics.elapsed_compute().clone();
        let _timer = timer.timer();
        let item = self.next_batch().transpose();
        if !matches!(item, Some(Ok(_))) {
            // Nothing comes after the end, or after an error.
            self.share = None;
            self.candidates = 0..0;
            self.passed.clear();
            self.metrics.done();
        }
        item
    }
}
