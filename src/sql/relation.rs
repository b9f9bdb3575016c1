//! Plans table functions: `FROM groups('scan.npz', gridsize => 2, neighbors => 6)`, `FROM array('scan.npz', 'xcoords')`.
//!
//! DataFusion itself drops or refuses the names of named arguments; a [`RelationPlanner`] sees the call first. Values are
//! constants: any expression without columns, folded. A call is planned under the function's name, so that its columns
//! can be qualified with it.

mod call;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::sql::sqlparser::ast::{FunctionArg, ObjectName, TableAlias, TableFactor};

use super::groups::GroupQuery;
use super::recent::Recent;
use super::table::NpzTable;
use super::{NeighborsQuery, OtherScan, Relation, TableSource, open_relation, refuse};
use crate::error::Error;
use crate::group::{GroupSpec, Norm, PatternOptions};
use crate::npz::NpzFile;
use crate::scan::ScanOptions;
use call::Call;

/// Describes a table function.
pub struct Function {
    name: &'static str,
    /// The parameters that have a place, in their order.
    parameters: &'static [&'static str],
    /// The number of parameters, from the first on, that must be given.
    required: usize,
    /// Whether it opens a scan, and so takes the parameters of [`LAYOUT`] too.
    opens_scan: bool,
    relation: fn(&Call, &ScanOptions) -> Result<Relation>,
}

/// The parameters of `groups` and `group_members`: the file, and the fields of a spec.
const SPEC: &[&str] = &[
    "file",
    "gridsize",
    "neighbors",
    "n_groups",
    "seed",
    "epoch",
    "among",
    "seeds_from",
    "sampling",
    "include_seed",
    "max_distance",
    "group_oversampling",
    "semantics",
    "norm",
    "measure",
    "channels",
    "crop",
    "center",
    "bin",
];

/// The parameters of `neighbors`.
const NEIGHBORS: &[&str] = &["file", "k", "within", "of", "among"];

/// The parameters that say what a file does not; they are given by name, and come before the session's options.
const LAYOUT: &[&str] = &[
    "role",
    "measurement",
    "unit",
    "pixel_size",
    "pattern_axis",
    "position_order",
    "unpaired",
    "probe_axis",
    "patterns",
    "mask",
    "bad_values",
];

const fn of_scan(
    name: &'static str,
    parameters: &'static [&'static str],
    relation: fn(&Call, &ScanOptions) -> Result<Relation>,
) -> Function {
    Function {
        name,
        parameters,
        required: 1,
        opens_scan: true,
        relation,
    }
}

const FUNCTIONS: &[Function] = &[
    of_scan("scan", &["file"], |_, _| Ok(Relation::Scan)),
    of_scan("groups", SPEC, |call, _| Ok(Relation::Groups(query(call)?))),
    of_scan("group_members", SPEC, |call, _| {
        Ok(Relation::GroupMembers(query(call)?))
    }),
    of_scan("neighbors", NEIGHBORS, |call, options| {
        Ok(Relation::Neighbors(neighbors(call, options)?))
    }),
    of_scan("scans", &["file"], |_, _| Ok(Relation::Scans)),
    of_scan("probe", &["file"], |_, _| Ok(Relation::Probe)),
    of_scan("object", &["file"], |_, _| Ok(Relation::Object)),
    Function {
        name: "arrays",
        parameters: &["file"],
        required: 1,
        opens_scan: false,
        relation: |_, _| Ok(Relation::Arrays),
    },
    Function {
        name: "array",
        parameters: &["file", "name"],
        required: 2,
        opens_scan: false,
        relation: |call, _| Ok(Relation::Array(call.text("name")?.unwrap_or_default())),
    },
];

/// Returns the names of all parameters of all table functions; some come more than once.
#[cfg(test)]
pub fn all_parameters() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().flat_map(Function::all_parameters)
}

/// Plans calls of this crate's table functions, and leaves everything else to DataFusion.
#[derive(Debug, Default)]
pub struct TableFunctions {
    /// How files are opened.
    pub options: ScanOptions,
    /// The files that were opened last.
    pub recent: Arc<Recent>,
}

impl RelationPlanner for TableFunctions {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let Some((function, args, alias)) = call_of(&relation, context) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        refuse::check_table(&relation)?;
        let call = Call::bind(function, args, context)?;
        let table = function.open(&call, &self.options)?;
        self.recent.add(table.source().clone());
        let table = provider_as_source(Arc::new(table));
        let name = TableReference::bare(function.name);
        let plan = LogicalPlanBuilder::scan(name, table, None)?.build()?;
        let planned = PlannedRelation::new(plan, alias);
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

impl Function {
    /// Opens the table that a call asks for.
    fn open(&self, call: &Call, session: &ScanOptions) -> Result<NpzTable> {
        let path = PathBuf::from(call.text("file")?.unwrap_or_default());
        let options = match self.opens_scan {
            true => call.scan_options(session)?,
            false => session.clone(),
        };
        Ok(open_table(
            &path,
            (self.relation)(call, &options)?,
            &options,
        )?)
    }
}

/// Opens a table of a file for DataFusion by the name of its function, with texts as the values of its parameters.
///
/// # Errors
/// If there is no such table, or a value is not what its parameter takes; if the file cannot be opened.
pub fn open_named<'a>(
    function: &str,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
    options: &ScanOptions,
) -> Result<Option<NpzTable>> {
    let Some(function) = FUNCTIONS.iter().find(|known| known.name == function) else {
        return Ok(None);
    };
    let call = Call::of_texts(function, values)?;
    function.open(&call, options).map(Some)
}

/// Returns the names of all table functions.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

/// Opens a table of a file for DataFusion.
///
/// # Errors
/// If the file cannot be opened, or has no such table.
fn open_table(path: &Path, relation: Relation, options: &ScanOptions) -> Result<NpzTable, Error> {
    let npz = Arc::new(NpzFile::open_with(path, &options.open)?);
    let table = open_relation(&npz, options, &relation)?;
    let source = TableSource {
        path: path.to_path_buf(),
        identity: npz.identity().clone(),
        scan: options.clone(),
        relation,
    };
    Ok(NpzTable::new(source, table))
}

type Args = Vec<FunctionArg>;

/// Returns the function that a relation calls, if it is one of this crate's.
fn call_of(
    relation: &TableFactor,
    context: &dyn RelationPlannerContext,
) -> Option<(&'static Function, Args, Option<TableAlias>)> {
    let (name, args, alias) = match relation {
        TableFactor::Table {
            name,
            args: Some(args),
            alias,
            ..
        } => (name, args.args.clone(), alias.clone()),
        TableFactor::Function {
            name, args, alias, ..
        } => (name, args.clone(), alias.clone()),
        _ => return None,
    };
    let name = single_ident(name, context)?;
    let function = FUNCTIONS.iter().find(|function| function.name == name)?;
    Some((function, args, alias))
}

fn single_ident(name: &ObjectName, context: &dyn RelationPlannerContext) -> Option<String> {
    match &name.0[..] {
        [part] => part
            .as_ident()
            .map(|ident| context.normalize_ident(ident.clone())),
        _ => None,
    }
}

/// Returns the neighbours that a call asks for; another file is opened with the same options.
fn neighbors(call: &Call, options: &ScanOptions) -> Result<NeighborsQuery> {
    let of = call.text("of")?;
    Ok(NeighborsQuery {
        k: call.whole("k")?,
        within: call.real("within")?,
        of: of.map(|path| OtherScan::of(path, options)).transpose()?,
        among: call.text("among")?,
    })
}

/// Returns the groups that a call asks for.
fn query(call: &Call) -> Result<Arc<GroupQuery>> {
    let defaults = GroupSpec::default();
    let spec = GroupSpec {
        gridsize: call.whole("gridsize")?.unwrap_or(defaults.gridsize),
        neighbors: call.whole("neighbors")?,
        n_groups: call.whole("n_groups")?,
        seed: call.number("seed")?.unwrap_or(defaults.seed),
        epoch: call.number("epoch")?.unwrap_or(defaults.epoch),
        sampling: word(call, "sampling", &["random", "sequential"])?,
        include_seed: word(call, "include_seed", &["never", "pool", "first"])?,
        max_distance: call.real("max_distance")?,
        group_oversampling: call.truth("group_oversampling")?.unwrap_or_default(),
        semantics: word(
            call,
            "semantics",
            &["native", "ptychopinn", "ptychopinn_raw"],
        )?,
        norm: norm(call)?,
        ..defaults
    };
    let patterns = PatternOptions {
        measure: word(call, "measure", &["stored", "amplitude", "intensity"])?,
        channels: word(call, "channels", &["first", "last"])?,
        crop: call.parsed("crop")?,
        center: call.parsed("center")?,
        bin: call.whole("bin")?,
    };
    let mut query = GroupQuery::from(spec).with_patterns(patterns);
    query.among = call.text("among")?;
    query.seeds_from = call.text("seeds_from")?;
    Ok(Arc::new(query))
}

fn word<T>(call: &Call, parameter: &str, words: &[&str]) -> Result<T>
where
    T: Default + serde::de::DeserializeOwned,
{
    Ok(call.word(parameter, words)?.unwrap_or_default())
}

fn norm(call: &Call) -> Result<Option<Norm>> {
    let Some(value) = call.get("norm") else {
        return Ok(None);
    };
    let text = value.try_as_str().flatten();
    match text {
        Some("scan") => Ok(Some(Norm::Scan)),
        Some("groups") => Ok(Some(Norm::Groups)),
        _ => match call.real("norm") {
            Ok(value) => Ok(value.map(Norm::Value)),
            Err(_) => Err(call.bad("norm", "'scan', 'groups' or a number")),
        },
    }
}
