//! Table functions: `FROM arrays('scan.npz')`, `FROM array('scan.npz', name => 'xcoords')`.
//!
//! DataFusion itself drops or refuses the names of named arguments; a [`RelationPlanner`] sees the call first. Values are
//! constants: any expression without columns, folded. A call is planned under the function's name, so that its columns
//! can be qualified with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::{DFSchema, ScalarValue, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, FunctionArg, FunctionArgExpr, ObjectName, TableAlias, TableFactor,
};

use super::table::NpzTable;
use super::{Relation, Source, open_relation};
use crate::error::{Error, nearest_name};
use crate::npz::NpzFile;
use crate::scan::ScanOptions;

/// A table function: its name, and its parameters in order, all of them required.
struct Function {
    name: &'static str,
    parameters: &'static [&'static str],
    relation: fn(&Call) -> Result<Relation>,
}

const FUNCTIONS: &[Function] = &[
    Function { name: "arrays", parameters: &["file"], relation: |_| Ok(Relation::Arrays) },
    Function { name: "array", parameters: &["file", "name"], relation: |call| Ok(Relation::Array(call.text("name")?)) },
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
        let path = PathBuf::from(call.text("file")?);
        let table = self.table(&path, (function.relation)(&call)?)?;
        let name = TableReference::bare(function.name);
        let plan = LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

impl TableFunctions {
    fn table(&self, path: &Path, relation: Relation) -> Result<NpzTable, Error> {
        let npz = Arc::new(NpzFile::open_with(path, &self.options.open)?);
        let table = open_relation(&npz, &self.options, &relation)?;
        let identity = npz.identity().clone();
        Ok(NpzTable::new(Source { path: path.to_path_buf(), identity, scan: self.options.clone(), relation }, table))
    }
}

type Args = Vec<FunctionArg>;

/// The function that a relation calls, if it is one of ours.
fn call_of(
    relation: &TableFactor,
    context: &dyn RelationPlannerContext,
) -> Option<(&'static Function, Args, Option<TableAlias>)> {
    let (name, args, alias) = match relation {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, args.args.clone(), alias.clone()),
        TableFactor::Function { name, args, alias, .. } => (name, args.clone(), alias.clone()),
        _ => return None,
    };
    let name = single_ident(name, context)?;
    let function = FUNCTIONS.iter().find(|function| function.name == name)?;
    Some((function, args, alias))
}

fn single_ident(name: &ObjectName, context: &dyn RelationPlannerContext) -> Option<String> {
    match &name.0[..] {
        [part] => part.as_ident().map(|ident| context.normalize_ident(ident.clone())),
        _ => None,
    }
}

/// A call with its values by parameter.
struct Call {
    function: &'static Function,
    values: Vec<(&'static str, ScalarValue)>,
}

impl Call {
    fn bind(function: &'static Function, args: Args, context: &mut dyn RelationPlannerContext) -> Result<Self> {
        let mut call = Self { function, values: Vec::new() };
        for (place, arg) in args.into_iter().enumerate() {
            let (parameter, value) = match arg {
                FunctionArg::Named { name, arg, .. } => {
                    (call.parameter(&context.normalize_ident(name))?, expression(arg, function)?)
                }
                FunctionArg::ExprNamed { name, .. } => return plan_err!("{}: `{name}` is no parameter", function.name),
                FunctionArg::Unnamed(arg) => {
                    let value = expression(arg, function)?;
                    call.refuse_equals(&value, context)?;
                    (call.positional(place)?, value)
                }
            };
            if call.values.iter().any(|(name, _)| *name == parameter) {
                return plan_err!("{}: parameter `{parameter}` is given twice", function.name);
            }
            call.values.push((parameter, constant(value, parameter, function, context)?));
        }
        match function.parameters.iter().find(|name| call.get(name).is_none()) {
            Some(missing) => plan_err!("{}: parameter `{missing}` is missing; {}", function.name, function.usage()),
            None => Ok(call),
        }
    }

    fn positional(&self, place: usize) -> Result<&'static str> {
        if self.values.len() < place
            || self.values.iter().any(|(name, _)| self.function.parameters.get(place) == Some(name))
        {
            return plan_err!("{}: values without a name come first; {}", self.function.name, self.function.usage());
        }
        let parameter = self.function.parameters.get(place).copied();
        parameter.ok_or_else(|| {
            DataFusionError::Plan(format!("{}: too many values; {}", self.function.name, self.function.usage()))
        })
    }

    fn parameter(&self, name: &str) -> Result<&'static str> {
        let known = self.function.parameters.iter().find(|known| **known == name);
        known.copied().ok_or_else(|| {
            let near = nearest_name(name, self.function.parameters.iter().copied());
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let (function, usage) = (self.function.name, self.function.usage());
            DataFusionError::Plan(format!("{function}: no parameter `{name}`; {near}{usage}"))
        })
    }

    /// `k = 6` is a comparison; people mean `k => 6`.
    fn refuse_equals(&self, value: &SqlExpr, context: &dyn RelationPlannerContext) -> Result<()> {
        let SqlExpr::BinaryOp { left, op: BinaryOperator::Eq, right } = value else { return Ok(()) };
        let SqlExpr::Identifier(name) = left.as_ref() else { return Ok(()) };
        let name = context.normalize_ident(name.clone());
        plan_err!("{}: write {name} => {right}, not {name} = {right}", self.function.name)
    }

    fn get(&self, parameter: &str) -> Option<&ScalarValue> {
        self.values.iter().find(|(name, _)| *name == parameter).map(|(_, value)| value)
    }

    fn text(&self, parameter: &str) -> Result<String> {
        match self.get(parameter) {
            Some(
                ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            ) => Ok(text.clone()),
            other => {
                let found = other.map_or("nothing".to_string(), |value| format!("{value} ({})", value.data_type()));
                plan_err!("{}: {parameter} => {found}: expected a text in single quotes", self.function.name)
            }
        }
    }
}

impl Function {
    fn usage(&self) -> String {
        let parameters: Vec<String> = self.parameters.iter().map(|name| format!("{name} => ...")).collect();
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
    let bad = |problem: String| DataFusionError::Plan(format!("{}: {parameter} => {text}: {problem}", function.name));
    // "column" in double quotes is what people write who mean 'text'.
    let expr = context.sql_to_expr(expr, &DFSchema::empty());
    let expr = expr.map_err(|_| bad("expected a constant; texts stand in single quotes".to_string()))?;
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_current_time().build());
    match simplifier.simplify(expr).map_err(|e| bad(e.strip_backtrace()))? {
        Expr::Literal(value, _) => Ok(value),
        _ => Err(bad("expected a constant".to_string())),
    }
}
