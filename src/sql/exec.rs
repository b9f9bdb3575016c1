//! The one execution node: filters on narrow columns first, then only the rows that are left.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{
    DynamicFilterTracking, EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput, Time,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream, apply_expression_roots,
};

use super::Source;
use crate::array::RowSet;
use crate::table::{
    BatchSource, DEFAULT_BATCH_BYTES, Table, is_wide, read_batch, row_bytes, value_bytes,
};

/// Rows whose narrow columns are looked at in one go.
const CANDIDATES: usize = 8192;

/// Below this many bytes, one partition: rows come in order, and sharing them out costs more than it brings.
const BYTES_PER_PARTITION: usize = 32 << 20;

/// Reads a table of a file.
#[derive(Debug, Clone)]
pub struct NpzScanExec {
    source: Source,
    /// The table, open in this process; a plan that was sent elsewhere opens it from `source`.
    table: Arc<OnceLock<Arc<dyn Table>>>,
    /// Of the whole table.
    table_schema: SchemaRef,
    known_rows: Option<usize>,
    projection: Vec<usize>,
    schema: SchemaRef,
    /// Over the columns of `table_schema`; a row must pass all of them.
    filters: Vec<Arc<dyn PhysicalExpr>>,
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NpzScanExec {
    /// Reads these columns of the rows that pass all filters, at most `fetch` of them a partition.
    ///
    /// # Errors
    /// If the projection is not of the table.
    pub fn try_new(
        source: Source,
        table: Arc<dyn Table>,
        projection: Vec<usize>,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        fetch: Option<usize>,
        max_partitions: usize,
    ) -> Result<Self> {
        let table_schema = table.schema();
        let schema = Arc::new(table_schema.project(&projection)?);
        let known_rows = table.known_rows();
        let bytes = known_rows
            .unwrap_or(0)
            .saturating_mul(row_bytes(&schema).max(1));
        let partitions = if fetch.is_some() {
            1
        } else {
            (bytes / BYTES_PER_PARTITION).clamp(1, max_partitions.max(1))
        };
        let properties = PlanProperties::new(
            ordered(&schema, table.ordering())?,
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            source,
            table: Arc::new(OnceLock::from(table)),
            table_schema,
            known_rows,
            projection,
            schema,
            filters,
            fetch,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    fn open(&self) -> Result<Arc<dyn Table>> {
        if let Some(table) = self.table.get() {
            return Ok(Arc::clone(table));
        }
        let table = self.source.open()?;
        Ok(Arc::clone(self.table.get_or_init(|| table)))
    }

    /// How the file's data reaches each projected column that is made of it.
    fn access(&self) -> Vec<String> {
        let Some(table) = self.table.get() else {
            return Vec::new();
        };
        let of_column = |(index, field): (&usize, &FieldRef)| {
            table
                .access(*index)
                .map(|access| format!("{}: {}", field.name(), access.word()))
        };
        self.projection
            .iter()
            .zip(self.schema.fields())
            .filter_map(of_column)
            .collect()
    }

    fn num_partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }

    /// Whether a filter that stands above this node may be evaluated in it.
    fn accepts(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        let Some(table) = self.table.get() else {
            return false;
        };
        let narrow =
            |column: &Column| is_filterable(table.as_ref(), &self.table_schema, column.name());
        !is_volatile(filter) && collect_columns(filter).iter().all(narrow)
    }
}

/// Whether a column may be read for rows that a filter then drops: not if it is wide, or costs a pass over all patterns.
pub fn is_filterable(table: &dyn Table, schema: &Schema, name: &str) -> bool {
    schema
        .index_of(name)
        .is_ok_and(|index| !is_wide(schema.field(index)) && !table.is_on_request(index))
}

/// A schema whose rows come in ascending order of some columns, as far as they are projected.
fn ordered(schema: &SchemaRef, ordering: &[&str]) -> Result<EquivalenceProperties> {
    let column = |name: &&str| {
        let index = schema.index_of(name).ok()?;
        Some(PhysicalSortExpr::new_default(Arc::new(Column::new(
            name, index,
        ))))
    };
    let mut properties = EquivalenceProperties::new(Arc::clone(schema));
    if let Some(ordering) = LexOrdering::new(ordering.iter().map_while(column)) {
        properties.add_orderings([ordering]);
    }
    Ok(properties)
}

impl DisplayAs for NpzScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self
            .source
            .path
            .file_name()
            .unwrap_or(self.source.path.as_os_str())
            .to_string_lossy();
        let columns: Vec<&str> = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let (table, columns) = (self.source.relation.name(), columns.join(", "));
        let (spec, access) = (
            self.table.get().and_then(|table| table.spec_text()),
            self.access(),
        );
        let filters: Vec<String> = self.filters.iter().map(ToString::to_string).collect();
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={table}")?;
                writeln!(f, "file={file}")?;
                writeln!(f, "columns={columns}")?;
                spec.iter()
                    .try_for_each(|spec| writeln!(f, "spec={spec}"))?;
                access
                    .iter()
                    .try_for_each(|access| writeln!(f, "access={access}"))?;
                filters
                    .iter()
                    .try_for_each(|filter| writeln!(f, "filter={filter}"))
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(
                    f,
                    "NpzScanExec: table={table}, file={file}, columns=[{columns}]"
                )?;
                spec.iter()
                    .try_for_each(|spec| write!(f, ", spec=({spec})"))?;
                if !access.is_empty() {
                    write!(f, ", access=[{}]", access.join(", "))?;
                }
                if !filters.is_empty() {
                    write!(f, ", filters=[{}]", filters.join(" AND "))?;
                }
                self.fetch
                    .map_or(Ok(()), |fetch| write!(f, ", fetch={fetch}"))
            }
        }
    }
}

impl ExecutionPlan for NpzScanExec {
    fn name(&self) -> &str {
        "NpzScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("NpzScanExec has no children")
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("NpzScanExec has no children")
        }
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(&self.filters, f)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let table = self.open()?;
        table.check_unchanged()?;
        let reader = FilteredReader::try_new(
            self,
            table,
            partition,
            context.session_config().batch_size(),
        )?;
        let stream = futures::stream::iter(reader);
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(
            schema, stream,
        ))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.known_rows {
            let partitions = args
                .partition()
                .map(|at| share(rows, at, self.num_partitions()).len());
            let rows = partitions
                .unwrap_or(rows)
                .min(self.fetch.unwrap_or(usize::MAX));
            let bytes = rows.saturating_mul(row_bytes(&self.schema));
            let unfiltered = self.filters.is_empty();
            statistics.num_rows = if unfiltered {
                Precision::Exact(rows)
            } else {
                Precision::Inexact(rows)
            };
            statistics.total_byte_size = Precision::Inexact(bytes);
        }
        Ok(Arc::new(statistics))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self {
            fetch,
            ..self.clone()
        }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        // A filter above a limit must not slip below it.
        let accepted = |filter| self.fetch.is_none() && self.accepts(filter);
        let parents: Vec<_> = result
            .parent_filters
            .into_iter()
            .map(|parent| parent.filter)
            .collect();
        let answers: Vec<bool> = parents.iter().map(accepted).collect();
        let taken = parents
            .into_iter()
            .zip(&answers)
            .filter(|(_, taken)| **taken)
            .map(|(filter, _)| filter);
        let taken: Vec<_> = taken
            .map(|filter| reassign_expr_columns(filter, &self.table_schema))
            .collect::<Result<_>>()?;
        let answer = |taken: &bool| {
            if *taken {
                PushedDown::Yes
            } else {
                PushedDown::No
            }
        };
        let propagation = FilterPushdownPropagation::with_parent_pushdown_result(
            answers.iter().map(answer).collect(),
        );
        if taken.is_empty() {
            return Ok(propagation);
        }
        let mut node = self.clone();
        node.filters.extend(taken);
        Ok(propagation.with_updated_node(Arc::new(node)))
    }
}

/// The rows of one partition of several.
fn share(rows: usize, partition: usize, partitions: usize) -> Range<usize> {
    let bound = |at: usize| (rows as u128 * at as u128 / partitions as u128) as usize;
    bound(partition)..bound(partition + 1)
}

/// A filter, over the columns it needs and no other.
struct Filter {
    expr: Arc<dyn PhysicalExpr>,
    columns: Vec<usize>,
    schema: SchemaRef,
    is_dynamic: bool,
}

impl Filter {
    fn try_new(expr: &Arc<dyn PhysicalExpr>, table_schema: &Schema) -> Result<Self> {
        let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let schema = Arc::new(table_schema.project(&columns)?);
        let is_dynamic = DynamicFilterTracking::classify(expr).contains_dynamic_filter();
        Ok(Self {
            expr: reassign_expr_columns(Arc::clone(expr), &schema)?,
            columns,
            schema,
            is_dynamic,
        })
    }

    /// Keeps the rows that pass.
    fn retain(&self, table: &dyn Table, rows: &mut Vec<usize>) -> Result<()> {
        let set = as_row_set(rows);
        let batch = read_batch(table, &self.schema, &self.columns, &set)?;
        let mask = self.expr.evaluate(&batch)?.into_array(batch.num_rows())?;
        let Some(mask) = mask.as_any().downcast_ref::<BooleanArray>() else {
            return internal_err!("the filter {} is no boolean", self.expr);
        };
        // A null is no pass.
        let mask = if arrow::array::Array::null_count(mask) > 0 {
            prep_null_mask_filter(mask)
        } else {
            mask.clone()
        };
        let mut passes = mask.values().iter();
        rows.retain(|_| passes.next().unwrap_or(false));
        Ok(())
    }
}

/// Neighbouring rows as a range, which can be sliced out of a map.
fn as_row_set(rows: &[usize]) -> RowSet<'_> {
    match rows {
        [first, .., last] if last - first + 1 == rows.len() && rows.is_sorted() => {
            RowSet::Range(*first..last + 1)
        }
        rows => RowSet::List(rows),
    }
}

/// Reads the rows of a partition that pass all filters.
struct FilteredReader {
    source: BatchSource,
    filters: Vec<Filter>,
    /// The partition that is to be read, and of how many; until the first row is asked for.
    share: Option<(usize, usize)>,
    /// Rows not yet looked at.
    candidates: Range<usize>,
    /// Rows that passed and are not yet read, from `next_passed` on.
    passed: Vec<usize>,
    left: usize,
    baseline: BaselineMetrics,
    /// Bytes of all rows that were read.
    bytes_gathered: Count,
    /// Of these, what was handed out as slices of the map, and what was copied, cast or inflated.
    bytes_mapped: Count,
    bytes_copied: Count,
    /// Rows that were worked out: of groups, those whose neighbours were looked for.
    rows_formed: Count,
    /// Putting together rows that are worked out.
    time_gather: Time,
    /// What the table's phases had taken before, each with what it took for this query.
    phases: Vec<(Duration, Time)>,
}

impl FilteredReader {
    fn try_new(
        exec: &NpzScanExec,
        table: Arc<dyn Table>,
        partition: usize,
        batch_size: usize,
    ) -> Result<Self> {
        let filter = |expr| Filter::try_new(expr, &exec.table_schema);
        let counter = |name| MetricBuilder::new(&exec.metrics).counter(name, partition);
        let time = |name: String| MetricBuilder::new(&exec.metrics).subset_time(name, partition);
        // Partitions wait for each other's phases: one of them tells how long they took.
        let phases = if partition == 0 {
            table.phases()
        } else {
            Vec::new()
        };
        let phases = phases
            .into_iter()
            .map(|(name, before)| (before, time(format!("time_{name}"))))
            .collect();
        Ok(Self {
            share: Some((partition, exec.num_partitions())),
            candidates: 0..0,
            source: BatchSource::try_new(
                table,
                exec.projection.clone(),
                DEFAULT_BATCH_BYTES,
                Some(batch_size),
            )?,
            filters: exec.filters.iter().map(filter).collect::<Result<_>>()?,
            passed: Vec::new(),
            left: exec.fetch.unwrap_or(usize::MAX),
            baseline: BaselineMetrics::new(&exec.metrics, partition),
            bytes_gathered: counter("bytes_gathered"),
            bytes_mapped: counter("bytes_mapped"),
            bytes_copied: counter("bytes_copied"),
            rows_formed: counter("rows_formed"),
            time_gather: time("time_gather".to_string()),
            phases,
        })
    }

    /// Finds out which rows there are. Filters that need nothing but what is known beforehand (the seed points of
    /// groups) come first, and no row that they drop is worked out.
    fn begin(&mut self, (partition, partitions): (usize, usize)) -> Result<()> {
        let is_early = |filter: &Filter| {
            !filter.columns.is_empty()
                && filter
                    .columns
                    .iter()
                    .all(|column| self.source.table().is_early(*column))
        };
        let (early, late): (Vec<Filter>, Vec<Filter>) = std::mem::take(&mut self.filters)
            .into_iter()
            .partition(is_early);
        self.filters = late;
        self.candidates = share(self.source.table().num_rows()?, partition, partitions);
        if early.is_empty() {
            self.rows_formed.add(self.candidates.len());
            return Ok(());
        }
        let mut rows: Vec<usize> = self.candidates.clone().collect();
        early
            .iter()
            .try_for_each(|filter| filter.retain(self.source.table().as_ref(), &mut rows))?;
        match self.source.table().restricted(&rows)? {
            Some(table) => {
                self.rows_formed.add(rows.len());
                self.candidates = 0..rows.len();
                self.source.set_table(table);
            }
            None => {
                self.rows_formed.add(self.candidates.len());
                self.filters.extend(early);
            }
        }
        Ok(())
    }

    /// The rows of the next batch; empty at the end.
    fn next_rows(&mut self) -> Result<Vec<usize>> {
        if let Some(share) = self.share.take() {
            self.begin(share)?;
        }
        loop {
            while self.passed.len() < self.source.batch_rows().min(self.left)
                && !self.candidates.is_empty()
            {
                let end = (self.candidates.start + CANDIDATES).min(self.candidates.end);
                let mut rows: Vec<usize> = (self.candidates.start..end).collect();
                self.candidates.start = end;
                self.filters.iter().try_for_each(|filter| {
                    filter.retain(self.source.table().as_ref(), &mut rows)
                })?;
                self.passed.append(&mut rows);
            }
            let count = self
                .passed
                .len()
                .min(self.source.batch_rows())
                .min(self.left);
            let mut rows: Vec<usize> = self.passed.drain(..count).collect();
            if rows.is_empty() {
                return Ok(rows);
            }
            // A join or a TopK above may have learnt more since.
            let mut dynamic = self.filters.iter().filter(|filter| filter.is_dynamic);
            dynamic
                .try_for_each(|filter| filter.retain(self.source.table().as_ref(), &mut rows))?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let rows = self.next_rows()?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.left -= rows.len();
        let (start, before) = (Instant::now(), self.total_of_phases());
        let known = self.passed.len().min(self.source.batch_rows());
        let (set, next) = (as_row_set(&rows), as_row_set(&self.passed[..known]));
        let batch = self.source.read(&set, &next)?;
        self.time_gather.add_duration(
            start
                .elapsed()
                .saturating_sub(self.total_of_phases().saturating_sub(before)),
        );
        self.count_bytes(&set);
        Ok(Some(batch.record_output(&self.baseline)))
    }

    fn count_bytes(&self, rows: &RowSet<'_>) {
        for (index, field) in self
            .source
            .columns()
            .iter()
            .zip(self.source.schema().fields())
        {
            let bytes = rows.len() * value_bytes(field);
            self.bytes_gathered.add(bytes);
            let counter = if self.source.table().is_slice(*index, rows) {
                &self.bytes_mapped
            } else {
                &self.bytes_copied
            };
            counter.add(bytes);
        }
    }

    fn total_of_phases(&self) -> Duration {
        self.source
            .table()
            .phases()
            .into_iter()
            .map(|(_, spent)| spent)
            .sum()
    }

    /// Tells how long the phases took since this began.
    fn report_phases(&mut self) {
        for ((before, time), (_, spent)) in self.phases.drain(..).zip(self.source.table().phases())
        {
            time.add_duration(spent.saturating_sub(before));
        }
    }
}

impl Drop for FilteredReader {
    /// A limit above may have had enough before the end.
    fn drop(&mut self) {
        self.report_phases();
    }
}

impl Iterator for FilteredReader {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let timer = self.baseline.elapsed_compute().clone();
        let _timer = timer.timer();
        let item = self.next_batch().transpose();
        if !matches!(item, Some(Ok(_))) {
            // The end, or an error: nothing comes after it.
            self.share = None;
            self.candidates = 0..0;
            self.passed.clear();
            self.baseline.done();
        }
        item
    }
}
