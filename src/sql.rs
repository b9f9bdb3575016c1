//! DataFusion SQL over scans and groups.
//!
//! [`register`] puts the tables of a file into anyone's own `SessionContext`: `scan`, `groups`, `group_members`,
//! `neighbors`, `scans`, `probe`, `object`, `arrays`. [`query`] runs one statement with batches sized by bytes.

mod error;
pub mod exec;
mod external;
mod files;
pub mod functions;
mod groups;
mod neighbors;
mod predicate;
mod relation;
mod schema;
mod session;
pub mod table;
mod terms;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlanStatement};
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::DFParserBuilder;
pub use datafusion::sql::parser::Statement;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::npz::{Identity, NpzFile};
use crate::scan::{self, Scan, ScanOptions};
use crate::table::{DEFAULT_BATCH_BYTES, Table, row_bytes};

/// Which table of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// One row a position.
    Scan,
    /// One row a group.
    Groups(Arc<GroupQuery>),
    /// One row a member.
    GroupMembers(Arc<GroupQuery>),
    /// One row a neighbour, so many a scan point.
    Neighbors(NeighborsQuery),
    /// One row a file.
    Scans,
    /// One row a mode.
    Probe,
    /// One row a layer.
    Object,
    /// One row a member of the archive.
    Arrays,
    /// A member, one row along its first axis.
    Array(String),
}

impl Relation {
    /// The table's name in SQL.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Groups(_) => "groups",
            Self::GroupMembers(_) => "group_members",
            Self::Neighbors(_) => "neighbors",
            Self::Scans => "scans",
            Self::Probe => "probe",
            Self::Object => "object",
            Self::Arrays => "arrays",
            Self::Array(_) => "array",
        }
    }

    /// Returns every table of a file, with these groups and, in `neighbors`, six neighbours per scan point.
    pub fn all(groups: &GroupQuery) -> Vec<Self> {
        let query = Arc::new(groups.clone());
        let groups = [Self::Groups(Arc::clone(&query)), Self::GroupMembers(query)];
        let others = [
            Self::Neighbors(NeighborsQuery::default()),
            Self::Scans,
            Self::Probe,
            Self::Object,
            Self::Arrays,
        ];
        [Self::Scan]
            .into_iter()
            .chain(groups)
            .chain(others)
            .collect()
    }
}

/// A table of a file as plain data: what a plan holds, and what another process can open again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSource {
    /// The file.
    pub path: PathBuf,
    /// What the file was when it was planned with.
    pub identity: Identity,
    /// How to open it, and what it does not say about its layout.
    pub scan: ScanOptions,
    /// Which of its tables.
    pub relation: Relation,
}

impl TableSource {
    /// Opens the table, if the file is still what it was.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if it is not; whatever opening reports.
    pub fn open(&self) -> Result<Arc<dyn Table>> {
        let npz = Arc::new(NpzFile::open_with(&self.path, &self.scan.open)?);
        if *npz.identity() != self.identity {
            let what = "it is not the file that the query was planned with".to_string();
            return Err(Error::FileChanged {
                path: self.path.clone(),
                what,
            });
        }
        open_relation(&npz, &self.scan, &self.relation)
    }
}

fn open_relation(
    npz: &Arc<NpzFile>,
    options: &ScanOptions,
    relation: &Relation,
) -> Result<Arc<dyn Table>> {
    let scan = || Scan::try_new(Arc::clone(npz), options);
    Ok(match relation {
        Relation::Scan => Arc::new(scan()?),
        Relation::Groups(query) => query.table(&scan()?, false)?,
        Relation::GroupMembers(query) => query.table(&scan()?, true)?,
        Relation::Neighbors(query) => Arc::new(query.table(&scan()?, options)?),
        Relation::Scans => Arc::new(scan()?.scans()?),
        Relation::Probe => Arc::new(scan()?.probe()?),
        Relation::Object => Arc::new(scan()?.object()?),
        Relation::Arrays => Arc::new(scan::arrays(npz)?),
        Relation::Array(member) => Arc::new(scan::array(npz, member)?),
    })
}

/// Says how to register a file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RegisterOptions {
    /// How to open it, and what it does not say about its layout.
    pub scan: ScanOptions,
    /// The groups of the tables `groups` and `group_members`.
    pub groups: GroupQuery,
}

impl RegisterOptions {
    /// Sets how to open the file.
    pub fn with_scan(mut self, scan: ScanOptions) -> Self {
        self.scan = scan;
        self
    }

    /// Sets the groups, by a [`GroupSpec`](crate::GroupSpec) or a [`GroupQuery`].
    pub fn with_groups(mut self, groups: impl Into<GroupQuery>) -> Self {
        self.groups = groups.into();
        self
    }
}

/// Registers all tables of a file in a schema of the session's default catalog: `scan`, `groups`, `group_members`,
/// `neighbors`, `scans`, `probe`, `object` and `arrays`.
///
/// The schema is made if it is not there; if it is, its own tables stay, and tables can be registered in it as before. In a
/// session with DataFusion's own options, names without a schema are looked for in the schema `public`. A table that the
/// file cannot serve is registered all the same, and says why when it is asked for.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use datafusion::prelude::{SessionConfig, SessionContext};
/// let config = SessionConfig::new().with_default_catalog_and_schema("lake", "scans");
/// let ctx = SessionContext::new_with_config(config);
/// let path = "tests/data/siemens_star.npz".as_ref();
/// ptychoarrow::sql::register(&ctx, "star", path, &Default::default())?;
/// let batches = ctx.sql("SELECT x, y FROM star.scan").await.unwrap().collect().await.unwrap();
/// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 516);
/// # Ok::<_, ptychoarrow::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// If the file is not an NPZ archive; if the session has no default catalog, or one that takes no schemas.
pub fn register(
    ctx: &SessionContext,
    schema: &str,
    path: &Path,
    options: &RegisterOptions,
) -> Result<()> {
    let npz = Arc::new(NpzFile::open_with(path, &options.scan.open)?);
    register_npz(ctx, schema, &npz, options)
}

/// Registers all tables of a file that is open, as [`register`] does. A file can be registered in several schemas; its
/// deflated members are inflated once all the same.
///
/// # Errors
/// If the session has no default catalog, or one that takes no schemas.
pub fn register_npz(
    ctx: &SessionContext,
    schema: &str,
    npz: &Arc<NpzFile>,
    options: &RegisterOptions,
) -> Result<()> {
    let failed = |e: DataFusionError| Error::external("cannot register tables", e);
    let name = ctx
        .copied_config()
        .options()
        .catalog
        .default_catalog
        .clone();
    let catalog = ctx.catalog(&name).ok_or_else(|| {
        let problem = format!("the session has no catalog `{name}`, which is its default");
        Error::external("cannot register tables", problem)
    })?;
    let tables = Arc::new(schema::LazySchema::new(catalog.schema(schema)));
    for relation in Relation::all(&options.groups) {
        let source = TableSource {
            path: npz.path().to_path_buf(),
            identity: npz.identity().clone(),
            scan: options.scan.clone(),
            relation,
        };
        tables.add(source, Arc::clone(npz));
    }
    catalog
        .register_schema(schema, tables)
        .map(drop)
        .map_err(failed)
}

pub use error::SqlError;
pub use files::{FileFormat, register_file};
pub use groups::GroupQuery;
pub use neighbors::{NeighborsQuery, OtherScan};
pub use predicate::scan_points;
pub use session::{QueryReader, Session};
pub use terms::SqlTerms;

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

/// A context for queries over scans: statistics and dynamic filters on, and all that [`register_all`] registers.
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
        // Every sort keeps so much aside for its merge; of a small limit, a small part.
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

/// The part of a memory limit that one sort reserves.
const RESERVED_PART: usize = 32;

/// Teaches any DataFusion session what this crate knows of SQL: the table functions `scan`, `groups`, `group_members`,
/// `neighbors`, `scans`, `probe`, `object`, `arrays` and `array`, the scalar [`functions`], and the format of `CREATE EXTERNAL TABLE s STORED AS NPZ
/// LOCATION 'scan.npz'`. Files are opened as `options` say.
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
    let functions = relation::TableFunctions {
        options: options.clone(),
    };
    let registered = context.register_relation_planner(Arc::new(functions));
    registered.map_err(|e| Error::external("cannot register table functions", e))?;
    functions::all()
        .into_iter()
        .for_each(|function| context.register_udf(function));
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

/// Plans and starts one statement. Operators collect rows into batches by number; so that batches of patterns stay near
/// 8 MiB too, that number is chosen from the widest row the statement reads.
///
/// # Errors
/// If the statement cannot be parsed, planned or started, or if it would write anything: queries are run, and names can be
/// given and taken (`CREATE EXTERNAL TABLE`, `CREATE VIEW`, `DROP`).
pub async fn query(ctx: &SessionContext, sql: &str) -> DfResult<SendableRecordBatchStream> {
    let mut statements = statements(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => run(ctx, statement).await,
        (None, _) => plan_err!("expected a statement, found none"),
        (Some(_), false) => plan_err!("expected one statement, found {}", statements.len() + 1),
    }
}

/// The statements of a text, which semicolons part.
///
/// # Errors
/// If one cannot be parsed.
pub fn statements(sql: &str) -> DfResult<Vec<Statement>> {
    Ok(DFParserBuilder::new(sql)
        .build()?
        .parse_statements()?
        .into())
}

/// As [`query`], of a statement that is parsed.
///
/// # Errors
/// As [`query`].
pub async fn run(
    ctx: &SessionContext,
    statement: Statement,
) -> DfResult<SendableRecordBatchStream> {
    let state = ctx.state();
    let plan = state.statement_to_plan(statement).await?;
    if changes_the_session_only(&plan) {
        if let LogicalPlan::Ddl(DdlStatement::DropTable(drop)) = &plan
            && schema::is_of_a_file(ctx, &drop.name)
        {
            return plan_err!(
                "`{}` is a table of a file, and stays; only names given in this session can be dropped",
                drop.name
            );
        }
        return ctx.execute_logical_plan(plan).await?.execute_stream().await;
    }
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .verify_plan(&plan)?;
    let plan = state.optimize(&plan)?;
    let rows =
        (DEFAULT_BATCH_BYTES / widest_row(&plan)?.max(1)).clamp(1, state.config().batch_size());
    // Or the builder would put an empty catalog in the place of ours.
    let config = state
        .config()
        .clone()
        .with_batch_size(rows)
        .with_create_default_catalog_and_schema(false);
    let state = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .build();
    let physical = state
        .query_planner()
        .create_physical_plan(&plan, &state)
        .await?;
    execute_stream(physical, state.task_ctx())
}

/// Whether a statement changes nothing but what names stand for in this session, or its settings.
fn changes_the_session_only(plan: &LogicalPlan) -> bool {
    use DdlStatement::{CreateExternalTable, CreateView, DropTable, DropView};
    match plan {
        LogicalPlan::Ddl(ddl) => matches!(
            ddl,
            CreateExternalTable(_) | CreateView(_) | DropTable(_) | DropView(_)
        ),
        LogicalPlan::Statement(statement) => {
            matches!(
                statement,
                PlanStatement::SetVariable(_) | PlanStatement::ResetVariable(_)
            )
        }
        _ => false,
    }
}

/// Bytes of the widest row that any node of a plan yields.
fn widest_row(plan: &LogicalPlan) -> DfResult<usize> {
    let mut widest = 0;
    plan.apply_with_subqueries(|node| {
        let schema: &Schema = node.schema().as_arrow();
        widest = widest.max(row_bytes(schema));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(widest)
}
