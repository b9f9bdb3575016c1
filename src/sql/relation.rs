//! Table functions: `FROM groups('scan.npz', gridsize => 2, neighbors => 6)`, `FROM array('scan.npz', 'xcoords')`.
//!
//! DataFusion itself drops or refuses the names of named arguments; a [`RelationPlanner`] sees the call first. Values are
//! constants: any expression without columns, folded. A call is planned under the function's name, so that its columns
//! can be qualified with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, FunctionArg, FunctionArgExpr, ObjectName, TableAlias,
    TableFactor,
};

use serde::de::DeserializeOwned;

use super::groups::GroupQuery;
use super::table::NpzTable;
use super::{Relation, Source, open_relation};
use crate::error::{Error, nearest_name};
use crate::group::{GroupSpec, Norm, PatternOptions};
use crate::npz::NpzFile;
use crate::scan::ScanOptions;

/// A table function: its name, its parameters in order, and how many of them, from the first on, it cannot do without.
struct Function {
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    relation: fn(&Call) -> Result<Relation>,
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
    "bin",
    "mask",
];

const fn of_file(name: &'static str, relation: fn(&Call) -> Result<Relation>) -> Function {
    Function {
        name,
        parameters: &["file"],
        required: 1,
        relation,
    }
}

const FUNCTIONS: &[Function] = &[
    of_file("scan", |_| Ok(Relation::Scan)),
    Function {
        name: "groups",
        parameters: SPEC,
        required: 1,
        relation: |call| Ok(Relation::Groups(call.groups()?)),
    },
    Function {
        name: "group_members",
        parameters: SPEC,
        required: 1,
        relation: |call| Ok(Relation::GroupMembers(call.groups()?)),
    },
    Function {
        name: "neighbors",
        parameters: &["file", "k"],
        required: 1,
        relation: |call| {
            Ok(Relation::Neighbors(
                call.whole("k")?.unwrap_or(super::NEIGHBORS),
            ))
        },
    },
    of_file("scans", |_| Ok(Relation::Scans)),
    of_file("probe", |_| Ok(Relation::Probe)),
    of_file("object", |_| Ok(Relation::Object)),
    of_file("arrays", |_| Ok(Relation::Arrays)),
    Function {
        name: "array",
        parameters: &["file", "name"],
        required: 2,
        relation: |call| Ok(Relation::Array(call.text("name")?.unwrap_or_default())),
    },
];

/// Plans calls of our table functions; everything else goes its way.
#[derive(Debug, Default)]
pub struct TableFunctions {
    /// How files are opened.
    pub options: ScanOptions,
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
        let call = Call::bind(function, args, context)?;
        let path = PathBuf::from(call.text("file")?.unwrap_or_default());
        let table = open_table(&path, (function.relation)(&call)?, &self.options)?;
        let name = TableReference::bare(function.name);
        let plan =
            LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

/// A table of a file, for DataFusion.
///
/// # Errors
/// If the file cannot be opened, or has no such table.
pub fn open_table(
    path: &Path,
    relation: Relation,
    options: &ScanOptions,
) -> Result<NpzTable, Error> {
    let npz = Arc::new(NpzFile::open_with(path, &options.open)?);
    let table = open_relation(&npz, options, &relation)?;
    let identity = npz.identity().clone();
    Ok(NpzTable::new(
        Source {
            path: path.to_path_buf(),
            identity,
            scan: options.clone(),
            relation,
        },
        table,
    ))
}

type Args = Vec<FunctionArg>;

/// The function that a relation calls, if it is one of ours.
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

/// A call with its values by parameter.
struct Call {
    function: &'static Function,
    values: Vec<(&'static str, ScalarValue)>,
}

impl Call {
    fn bind(
        function: &'static Function,
        args: Args,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Self> {
        let mut call = Self {
            function,
            values: Vec::new(),
        };
        let mut named = false;
        for (place, arg) in args.into_iter().enumerate() {
            let (parameter, value) = match arg {
                FunctionArg::Named { name, arg, .. } => {
                    named = true;
                    (
                        call.parameter(&context.normalize_ident(name))?,
                        expression(arg, function)?,
                    )
                }
                FunctionArg::ExprNamed { name, .. } => {
                    return plan_err!("{}: `{name}` is no parameter", function.name);
                }
                FunctionArg::Unnamed(arg) => {
                    let value = expression(arg, function)?;
                    call.refuse_equals(&value, context)?;
                    (call.positional(place, named)?, value)
                }
            };
            if call.values.iter().any(|(name, _)| *name == parameter) {
                return plan_err!("{}: parameter `{parameter}` is given twice", function.name);
            }
            call.values
                .push((parameter, constant(value, parameter, function, context)?));
        }
        match function.parameters[..function.required]
            .iter()
            .find(|name| call.get(name).is_none())
        {
            Some(missing) => plan_err!(
                "{}: parameter `{missing}` is missing; {}",
                function.name,
                function.usage()
            ),
            None => Ok(call),
        }
    }

    fn positional(&self, place: usize, named: bool) -> Result<&'static str> {
        let (function, usage) = (self.function.name, self.function.usage());
        if named {
            return plan_err!(
                "{function}: values without a name come before those with one; {usage}"
            );
        }
        match self.function.parameters.get(place) {
            Some(parameter) => Ok(parameter),
            None => plan_err!("{function}: too many values; {usage}"),
        }
    }

    fn parameter(&self, name: &str) -> Result<&'static str> {
        let known = self
            .function
            .parameters
            .iter()
            .find(|known| **known == name);
        known.copied().ok_or_else(|| {
            let near = nearest_name(name, self.function.parameters.iter().copied());
            let near = near
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            let (function, usage) = (self.function.name, self.function.usage());
            DataFusionError::Plan(format!("{function}: no parameter `{name}`; {near}{usage}"))
        })
    }

    /// `k = 6` is a comparison; people mean `k => 6`.
    fn refuse_equals(&self, value: &SqlExpr, context: &dyn RelationPlannerContext) -> Result<()> {
        let SqlExpr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } = value
        else {
            return Ok(());
        };
        let SqlExpr::Identifier(name) = left.as_ref() else {
            return Ok(());
        };
        let name = context.normalize_ident(name.clone());
        plan_err!(
            "{}: write {name} => {right}, not {name} = {right}",
            self.function.name
        )
    }

    /// The value of a parameter; none if it is not given, or null.
    fn get(&self, parameter: &str) -> Option<&ScalarValue> {
        let value = self
            .values
            .iter()
            .find(|(name, _)| *name == parameter)
            .map(|(_, value)| value);
        value.filter(|value| !value.is_null())
    }

    /// A value as another type, if it is that without loss.
    fn cast(&self, parameter: &str, to: &DataType, expected: &str) -> Result<Option<ScalarValue>> {
        let Some(value) = self.get(parameter) else {
            return Ok(None);
        };
        let same_kind = match to {
            DataType::Utf8 => value.data_type().is_string(),
            DataType::Boolean => value.data_type() == DataType::Boolean,
            DataType::Float64 => value.data_type().is_numeric(),
            _ => value.data_type().is_integer(),
        };
        let cast = value
            .cast_to(to)
            .ok()
            .filter(|cast| same_kind && !cast.is_null());
        cast.map(Some).ok_or_else(|| {
            let found = format!("{parameter} => {value} ({})", value.data_type());
            DataFusionError::Plan(format!(
                "{}: {found}: expected {expected}",
                self.function.name
            ))
        })
    }

    fn text(&self, parameter: &str) -> Result<Option<String>> {
        match self.cast(parameter, &DataType::Utf8, "a text in single quotes")? {
            Some(ScalarValue::Utf8(text)) => Ok(text),
            _ => Ok(None),
        }
    }

    fn number(&self, parameter: &str) -> Result<Option<u64>> {
        match self.cast(parameter, &DataType::UInt64, "a whole number, 0 or more")? {
            Some(ScalarValue::UInt64(number)) => Ok(number),
            _ => Ok(None),
        }
    }

    fn whole(&self, parameter: &str) -> Result<Option<usize>> {
        Ok(self.number(parameter)?.map(|number| number as usize))
    }

    fn truth(&self, parameter: &str) -> Result<Option<bool>> {
        match self.cast(parameter, &DataType::Boolean, "true or false")? {
            Some(ScalarValue::Boolean(truth)) => Ok(truth),
            _ => Ok(None),
        }
    }

    fn real(&self, parameter: &str) -> Result<Option<f64>> {
        match self.cast(parameter, &DataType::Float64, "a number")? {
            Some(ScalarValue::Float64(real)) => Ok(real),
            _ => Ok(None),
        }
    }

    /// One of the words that a type goes by in JSON.
    fn word<T: Default + DeserializeOwned>(&self, parameter: &str, words: &str) -> Result<T> {
        let Some(word) = self.text(parameter)? else {
            return Ok(T::default());
        };
        serde_json::from_value(serde_json::Value::String(word.clone())).map_err(|_| {
            DataFusionError::Plan(format!(
                "{}: {parameter} => '{word}': expected {words}",
                self.function.name
            ))
        })
    }

    fn groups(&self) -> Result<Arc<GroupQuery>> {
        let defaults = GroupSpec::default();
        let spec = GroupSpec {
            gridsize: self.whole("gridsize")?.unwrap_or(defaults.gridsize),
            neighbors: self.whole("neighbors")?,
            n_groups: self.whole("n_groups")?,
            seed: self.number("seed")?.unwrap_or(defaults.seed),
            epoch: self.number("epoch")?.unwrap_or(defaults.epoch),
            sampling: self.word("sampling", "'random' or 'sequential'")?,
            include_seed: self.word("include_seed", "'never', 'pool' or 'first'")?,
            max_distance: self.real("max_distance")?,
            group_oversampling: self.truth("group_oversampling")?.unwrap_or_default(),
            semantics: self.word("semantics", "'native' or 'ptychopinn'")?,
            norm: self.norm()?,
            ..defaults
        };
        let patterns = PatternOptions {
            measure: self.word("measure", "'stored', 'amplitude' or 'intensity'")?,
            channels: self.word("channels", "'first' or 'last'")?,
            crop: self.whole("crop")?,
            bin: self.whole("bin")?,
            mask: self.truth("mask")?.unwrap_or_default(),
        };
        let (among, seeds_from) = (self.text("among")?, self.text("seeds_from")?);
        Ok(Arc::new(GroupQuery {
            spec,
            among,
            seeds_from,
            patterns,
        }))
    }

    fn norm(&self) -> Result<Option<Norm>> {
        if self
            .get("norm")
            .is_some_and(|value| value.data_type().is_numeric())
        {
            return Ok(self.real("norm")?.map(Norm::Value));
        }
        match self.text("norm")?.as_deref() {
            None => Ok(None),
            Some("scan") => Ok(Some(Norm::Scan)),
            Some("groups") => Ok(Some(Norm::Groups)),
            Some(other) => {
                plan_err!(
                    "{}: norm => '{other}': expected 'scan', 'groups' or a number",
                    self.function.name
                )
            }
        }
    }
}

impl Function {
    fn usage(&self) -> String {
        let shown = |(place, name): (usize, &&str)| match place < self.required {
            true => format!("{name} => ..."),
            false => format!("[{name} => ...]"),
        };
        let parameters: Vec<String> = self.parameters.iter().enumerate().map(shown).collect();
        format!("it is called as {}({})", self.name, parameters.join(", "))
    }
}

fn expression(arg: FunctionArgExpr, function: &Function) -> Result<SqlExpr> {
    match arg {
        FunctionArgExpr::Expr(expr) => Ok(expr),
        other => plan_err!("{}: expected a value, found {other}", function.name),
    }
}

/// An expression without columns as its value.
fn constant(
    expr: SqlExpr,
    parameter: &str,
    function: &Function,
    context: &mut dyn RelationPlannerContext,
) -> Result<ScalarValue> {
    let text = expr.to_string();
    let bad = |problem: String| {
        DataFusionError::Plan(format!(
            "{}: {parameter} => {text}: {problem}",
            function.name
        ))
    };
    // "column" in double quotes is what people write who mean 'text'.
    let expr = context.sql_to_expr(expr, &DFSchema::empty());
    let expr =
        expr.map_err(|_| bad("expected a constant; texts stand in single quotes".to_string()))?;
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_current_time().build());
    match simplifier
        .simplify(expr)
        .map_err(|e| bad(e.strip_backtrace()))?
    {
        Expr::Literal(value, _) => Ok(value),
        _ => Err(bad("expected a constant".to_string())),
    }
}
