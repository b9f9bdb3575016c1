//! Reads tables of files in DataFusion's plans: the one execution node.

mod metrics;
mod reader;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream, apply_expression_roots,
};

use super::TableSource;
use crate::error::Notice;
use crate::table::{Table, is_wide, row_bytes};
use reader::FilteredReader;

/// The number of bytes per partition. What is smaller stays in one partition: its rows come in order, and sharing them
/// out costs more than it brings.
const BYTES_PER_PARTITION: usize = 32 << 20;

/// Reads some columns and rows of a table of a file.
#[derive(Debug, Clone)]
pub struct NpzScanExec {
    source: TableSource,
    /// The table as it is open in this process; a plan that was sent to another process opens it from `source`.
    table: Arc<OnceLock<Arc<dyn Table>>>,
    /// The schema of the whole table.
    table_schema: SchemaRef,
    /// The number of rows to reckon with; the table itself tells whether it is certain.
    expected_rows: Option<usize>,
    projection: Vec<usize>,
    schema: SchemaRef,
    /// The expressions over the columns of `table_schema` that a row must pass, all of them.
    filters: Vec<Arc<dyn PhysicalExpr>>,
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NpzScanExec {
    /// Creates a node that reads these columns of the rows that pass all filters, at most `fetch` rows per partition.
    ///
    /// # Errors
    /// If the projection names a column that the table does not have.
    pub fn try_new(
        source: TableSource,
        table: Arc<dyn Table>,
        projection: Vec<usize>,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        fetch: Option<usize>,
        max_partitions: usize,
    ) -> Result<Self> {
        let table_schema = table.schema();
        let schema = Arc::new(table_schema.project(&projection)?);
        let expected_rows = table.expected_rows();
        let bytes = expected_rows
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
            expected_rows,
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

    /// Returns how the file's data reaches each projected column that is made of it.
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

    /// Returns what the user of the rows should know, as far as it is known by now.
    pub fn notices(&self) -> Vec<Notice> {
        let filtered = self.filters.iter().flat_map(collect_columns);
        let mut columns: Vec<usize> = filtered
            .map(|column| column.index())
            .chain(self.projection.iter().copied())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        self.table
            .get()
            .map_or_else(Vec::new, |table| table.notices(&columns))
    }

    fn num_partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }

    /// Returns whether a filter that stands above this node may be evaluated in it.
    fn accepts(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        let Some(table) = self.table.get() else {
            return false;
        };
        let narrow =
            |column: &Column| is_filterable(table.as_ref(), &self.table_schema, column.name());
        !is_volatile(filter) && collect_columns(filter).iter().all(narrow)
    }
}

/// Returns whether a column may be read for rows that a filter then drops: not if it is wide, or costs a pass over all
/// patterns.
pub fn is_filterable(table: &dyn Table, schema: &Schema, name: &str) -> bool {
    schema
        .index_of(name)
        .is_ok_and(|index| !is_wide(schema.field(index)) && !table.is_on_request(index))
}

/// Describes rows that come in ascending order of some columns, as far as these are projected.
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

/// Holds what EXPLAIN shows of a node.
struct Shown<'a> {
    table: &'a str,
    file: String,
    columns: String,
    spec: Option<String>,
    access: Vec<String>,
    filters: Vec<String>,
    fetch: Option<usize>,
}

impl NpzScanExec {
    fn shown(&self) -> Shown<'_> {
        let path = &self.source.path;
        let file = path.file_name().unwrap_or(path.as_os_str());
        let fields = self.schema.fields().iter();
        let columns: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        Shown {
            table: self.source.relation.name(),
            file: file.to_string_lossy().into_owned(),
            columns: columns.join(", "),
            spec: self.table.get().and_then(|table| table.spec_text()),
            access: self.access(),
            filters: self.filters.iter().map(ToString::to_string).collect(),
            fetch: self.fetch,
        }
    }
}

impl Shown<'_> {
    fn as_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table={}", self.table)?;
        writeln!(f, "file={}", self.file)?;
        writeln!(f, "columns={}", self.columns)?;
        if let Some(spec) = &self.spec {
            writeln!(f, "spec={spec}")?;
        }
        for access in &self.access {
            writeln!(f, "access={access}")?;
        }
        for filter in &self.filters {
            writeln!(f, "filter={filter}")?;
        }
        Ok(())
    }

    fn on_one_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NpzScanExec: table={}, file={}", self.table, self.file)?;
        write!(f, ", columns=[{}]", self.columns)?;
        if let Some(spec) = &self.spec {
            write!(f, ", spec=({spec})")?;
        }
        if !self.access.is_empty() {
            write!(f, ", access=[{}]", self.access.join(", "))?;
        }
        if !self.filters.is_empty() {
            write!(f, ", filters=[{}]", self.filters.join(" AND "))?;
        }
        if let Some(fetch) = self.fetch {
            write!(f, ", fetch={fetch}")?;
        }
        Ok(())
    }
}

impl DisplayAs for NpzScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => self.shown().as_lines(f),
            DisplayFormatType::Default | DisplayFormatType::Verbose => self.shown().on_one_line(f),
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
        // By now the data may have been read, and the number be certain.
        let table = self.table.get();
        let known = table.and_then(|table| table.known_rows());
        if let Some(rows) = known.or(self.expected_rows) {
            let partitions = args
                .partition()
                .map(|at| share(rows, at, self.num_partitions()).len());
            let rows = partitions
                .unwrap_or(rows)
                .min(self.fetch.unwrap_or(usize::MAX));
            let bytes = rows.saturating_mul(row_bytes(&self.schema));
            let is_certain = known.is_some() && self.filters.is_empty();
            statistics.num_rows = if is_certain {
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
        let (mut answers, mut taken) = (Vec::new(), Vec::new());
        for parent in result.parent_filters {
            if self.fetch.is_none() && self.accepts(&parent.filter) {
                answers.push(PushedDown::Yes);
                taken.push(reassign_expr_columns(parent.filter, &self.table_schema)?);
            } else {
                answers.push(PushedDown::No);
            }
        }
        let propagation = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if taken.is_empty() {
            return Ok(propagation);
        }
        let mut node = self.clone();
        node.filters.extend(taken);
        Ok(propagation.with_updated_node(Arc::new(node)))
    }
}

/// Returns the rows of one partition of several.
fn share(rows: usize, partition: usize, partitions: usize) -> Range<usize> {
    let bound = |at: usize| (rows as u128 * at as u128 / partitions as u128) as usize;
    bound(partition)..bound(partition + 1)
}
