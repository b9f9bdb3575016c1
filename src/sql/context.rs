//! Creates sessions of DataFusion that know scans.

use std::sync::Arc;

use datafusion::execution::context::SessionContext;
use datafusion::execution::registry::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;

use super::{external, functions, recent, relation, tensors};
use crate::error::{Error, Result};
use crate::scan::ScanOptions;

/// Says how a session works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The number of threads, and of partitions; all cores by default.
    pub threads: Option<usize>,
    /// The number of bytes that sorts, joins and aggregates may hold together. What is more goes to temporary files, or is
    /// an error where an operator cannot do that. Mapped members and the batches on their way do not count. No limit by
    /// default.
    pub memory_limit: Option<u64>,
    /// How table functions open files, and what these do not say about their layout.
    pub scan: ScanOptions,
}

impl SessionOptions {
    /// Sets the number of threads; `None` for all cores.
    pub fn with_threads(mut self, threads: impl Into<Option<usize>>) -> Self {
        self.threads = threads.into();
        self
    }

    /// Sets the memory that sorts, joins and aggregates may hold together, in bytes; `None` for no limit.
    pub fn with_memory_limit(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.memory_limit = bytes.into();
        self
    }

    /// Sets how table functions open files.
    pub fn with_scan(mut self, scan: ScanOptions) -> Self {
        self.scan = scan;
        self
    }
}

/// Creates a context for queries over scans, with statistics and with all that [`register_all`] registers.
///
/// # Errors
/// If the planner of table functions cannot be registered.
pub fn context(options: &SessionOptions) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_collect_statistics(true);
    if let Some(threads) = options.threads {
        config = config.with_target_partitions(threads);
    }
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = options.memory_limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        runtime = runtime.with_memory_limit(limit, 1.0);
        // Every sort reserves this much for its merge; of a small limit, only a small part.
        let reserved = config
            .options()
            .execution
            .sort_spill_reservation_bytes
            .min(limit / RESERVED_PART);
        config = config.with_sort_spill_reservation_bytes(reserved);
    }
    let runtime = runtime
        .build_arc()
        .map_err(|e| Error::external("cannot start a SQL session", e))?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    register_all(&context, &options.scan)?;
    Ok(context)
}

/// The divisor of a memory limit that gives the part which one sort reserves.
const RESERVED_PART: usize = 32;

/// Adds this crate's functions to any DataFusion session.
///
/// These are the table functions `scan`, `groups`, `group_members`, `neighbors`, `scans`, `probe`, `object`, `arrays` and
/// `array`, the scalar functions, and the format of `CREATE EXTERNAL TABLE s STORED AS NPZ LOCATION 'scan.npz'`. Files
/// are opened as `options` say.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let ctx = datafusion::prelude::SessionContext::new();
/// ptychoarrow::sql::register_all(&ctx, &Default::default())?;
/// let sql = "SELECT nn_indices FROM groups('tests/data/siemens_star.npz', neighbors => 6, n_groups => 10)";
/// let rows: usize = ctx.sql(sql).await.unwrap().collect().await.unwrap().iter().map(|batch| batch.num_rows()).sum();
/// assert_eq!(rows, 10);
/// # Ok::<_, ptychoarrow::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// If the session takes no planner of relations.
pub fn register_all(context: &SessionContext, options: &ScanOptions) -> Result<()> {
    let recent = Arc::new(recent::Recent::default());
    let functions = relation::TableFunctions {
        options: options.clone(),
        recent: Arc::clone(&recent),
    };
    let registered = context.register_relation_planner(Arc::new(functions));
    registered.map_err(|e| Error::external("cannot register table functions", e))?;
    let state = context.state_ref();
    state.write().config_mut().set_extension(recent);
    let operators = state
        .write()
        .register_expr_planner(Arc::new(tensors::TensorOperators));
    operators.map_err(|e| Error::external("cannot register operators", e))?;
    functions::all()
        .into_iter()
        .for_each(|function| context.register_udf(function));
    functions::aggregates()
        .into_iter()
        .for_each(|function| context.register_udaf(function));
    let factory = Arc::new(external::NpzFactory {
        options: options.clone(),
    });
    context
        .state_ref()
        .write()
        .table_factories_mut()
        .insert(external::FORMAT.to_string(), factory);
    Ok(())
}
