//! Registers all tables of a file in a session.

use std::path::Path;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;

use super::{GroupQuery, Relation, TableSource, schema};
use crate::error::{Error, Result};
use crate::npz::NpzFile;
use crate::scan::ScanOptions;

/// Says how to register a file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RegisterOptions {
    /// How to open the file, and what it does not say about its layout.
    pub scan: ScanOptions,
    /// The groups of the tables `groups` and `group_members`; the table `neighbors` has the scan points that their
    /// predicate `among` leaves.
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
/// compressed members are inflated once all the same.
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
