//! Says what was probably meant by a statement that cannot be planned: the same at every run.

use std::ops::ControlFlow;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Expr, Visit, Visitor};

use super::error::plain;
use super::tensors::{HINTS, instead_of};
use crate::error::{Error, nearest_name};
use crate::group;
use crate::scan::Scan;
use crate::table::{Table, TableInfo};

/// Tells what names there are.
pub struct Known<'a> {
    /// The session, which knows the functions.
    pub context: &'a SessionContext,
    /// Returns the scans whose members may have been meant.
    pub scans: &'a dyn Fn() -> Vec<Scan>,
    /// Returns the names of all tables.
    pub tables: &'a dyn Fn() -> Vec<String>,
}

/// Returns the error of a statement that cannot be planned, in words that say what was probably meant.
pub fn explained(
    known: &Known<'_>,
    statement: &Statement,
    error: DataFusionError,
) -> DataFusionError {
    let text = match error.find_root() {
        DataFusionError::SchemaError(found, _) => match found.as_ref() {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => {
                let scans = (known.scans)();
                if let Some(error) = absent(&scans, field, valid_fields) {
                    return error.into();
                }
                Some(no_column(&scans, field, valid_fields))
            }
            _ => None,
        },
        other => {
            let text = plain(other);
            no_function(known.context, statement, &text)
                .or_else(|| no_table(known, &text))
                .or_else(|| of_tensors(statement, &text))
        }
    };
    text.map_or(error, DataFusionError::Plan)
}

/// Returns why a table of a scan does not have one of the columns that scans, or groups, may have.
fn absent(scans: &[Scan], field: &Column, valid: &[Column]) -> Option<Error> {
    let has = |name: &str| valid.iter().any(|column| column.name() == name);
    if has("group_id") && has("nn_indices") {
        return scans
            .iter()
            .find_map(|scan| group::why_absent(scan, field.name()));
    }
    let is_of_scan = has("scan_point");
    let lacks = |scan: &&Scan| scan.schema().index_of(field.name()).is_err();
    let mut lacking = scans.iter().filter(|scan| is_of_scan && lacks(scan));
    lacking.find_map(|scan| scan.why_absent(field.name()))
}

/// Returns the text for a column that no table in the query has.
fn no_column(scans: &[Scan], field: &Column, valid: &[Column]) -> String {
    let name = field.name();
    let is_column = |name: &str| valid.iter().any(|column| column.name() == name);
    let mut made_of = scans
        .iter()
        .filter_map(|scan| scan.column_made_of(name, is_column));
    let near = made_of
        .next()
        .or_else(|| nearest_name(name, valid.iter().map(Column::name)));
    let near = near.and_then(|near| valid.iter().find(|column| column.name() == near));
    let hint = match (near, valid.is_empty()) {
        (Some(column), _) => format!("; did you mean `{}`? ", written(column, valid)),
        (None, true) => "; there is no table with columns in FROM".to_string(),
        (None, false) => match scans.iter().find_map(|scan| scan.table_of_member(name)) {
            Some(table) => format!("; that member of the file is read as the table `{table}`. "),
            None => ". ".to_string(),
        },
    };
    let columns: Vec<String> = valid.iter().map(|column| written(column, valid)).collect();
    let columns = match columns.is_empty() {
        true => String::new(),
        false => format!("The columns are {}", columns.join(", ")),
    };
    let case = match near.is_some_and(|column| written(column, valid).contains('"')) {
        true => "; a name with capitals, blanks or signs stands in double quotes",
        false => "",
    };
    format!("no column `{}`{hint}{columns}{case}", field.flat_name())
}

/// Returns a column's name as it has to be written: with its table where several have a column of that name, or where it
/// stands in quotes.
fn written(column: &Column, all: &[Column]) -> String {
    let same = all.iter().filter(|other| other.name() == column.name());
    let alone = Column::new_unqualified(column.name()).quoted_flat_name();
    match same.count() > 1 || alone.contains('"') {
        true => column.quoted_flat_name(),
        false => alone,
    }
}

/// Returns the text for a function that there is not. DataFusion suggests the nearest of all, however far, and of several
/// as near another one at every run.
fn no_function(context: &SessionContext, statement: &Statement, text: &str) -> Option<String> {
    if !text.starts_with("Invalid function ") {
        return None;
    }
    let state = context.state();
    let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
    names.extend(state.aggregate_functions().keys().cloned());
    names.extend(state.window_functions().keys().cloned());
    names.extend(state.higher_order_functions().keys().cloned());
    let is_known = |name: &String| names.iter().any(|known| known == name);
    let unknown = calls(statement).into_iter().map(|(name, _)| name);
    let name = unknown.into_iter().find(|name| !is_known(name))?;
    let near = nearest_name(&name, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "SELECT DISTINCT routine_name FROM information_schema.routines lists all".to_string()
        }
    };
    Some(format!("no function `{name}`; {hint}"))
}

/// Returns the names of the functions that a statement calls, each with its arguments as text.
fn calls(statement: &Statement) -> Vec<(String, String)> {
    struct Calls(Vec<(String, String)>);
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr {
                let arguments = match &function.args {
                    ast::FunctionArguments::List(list) => {
                        let shown: Vec<String> =
                            list.args.iter().map(ToString::to_string).collect();
                        shown.join(", ")
                    }
                    _ => String::new(),
                };
                self.0
                    .push((function.name.to_string().to_lowercase(), arguments));
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Calls(Vec::new());
    match statement {
        Statement::Statement(statement) => drop(statement.visit(&mut found)),
        Statement::Explain(explain) => return calls(&explain.statement),
        _ => {}
    }
    found.0
}

/// Returns the text for a table that there is not.
fn no_table(known: &Known<'_>, text: &str) -> Option<String> {
    let name = text.strip_prefix("table '")?.strip_suffix("' not found")?;
    let catalogs = known.context.copied_config().options().catalog.clone();
    let in_catalog = name.strip_prefix(&format!("{}.", catalogs.default_catalog));
    let name = in_catalog.unwrap_or(name);
    let name = name
        .strip_prefix(&format!("{}.", catalogs.default_schema))
        .unwrap_or(name);
    let tables = (known.tables)();
    if let Some(hint) = file_hint(name, &tables) {
        return Some(format!("no table `{name}`; {hint}"));
    }
    let near = nearest_name(name, tables.iter().map(String::as_str));
    let near = near
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    // Those of the default schema suffice, where there are any.
    let has_own = tables.iter().any(|table| !table.contains('.'));
    let shown = tables
        .iter()
        .filter(|table| !has_own || !table.contains('.'));
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    let listed = match (shown.is_empty(), near.is_empty()) {
        (true, _) => "a table function such as scan('scan.npz') names a file".to_string(),
        (false, true) => format!("the tables are {}", shown.join(", ")),
        (false, false) => format!("The tables are {}", shown.join(", ")),
    };
    Some(format!("no table `{name}`; {near}{listed}"))
}

/// Returns what to write where the name of a file stands in the place of a table.
fn file_hint(name: &str, tables: &[String]) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    match ending.to_lowercase().as_str() {
        "npz" | "npy" => Some(format!("write FROM scan('{name}')")),
        "csv" | "arrow" | "arrows" | "parquet" | "feather" | "ipc" => {
            let stem = stem.rsplit('/').next().unwrap_or(stem);
            Some(match tables.iter().any(|table| table == stem) {
                true => format!("its table is called `{stem}`"),
                false => {
                    let format = match ending.to_lowercase().as_str() {
                        "csv" => "CSV",
                        "parquet" => "PARQUET",
                        _ => "ARROW",
                    };
                    format!(
                        "give the file a name first: CREATE EXTERNAL TABLE {stem} STORED AS {format} LOCATION '{name}'"
                    )
                }
            })
        }
        _ => None,
    }
}

/// Returns the text for a function of numbers that was called with tensors.
fn of_tensors(statement: &Statement, text: &str) -> Option<String> {
    let is_of_lists = text.contains("FixedSizeList(") && !text.starts_with("pattern_");
    let mut called = calls(statement).into_iter();
    let (name, arguments) = called.find(|(name, _)| text.contains(&format!("'{name}'")))?;
    is_of_lists.then(|| match instead_of(&name, &arguments) {
        Some(instead) => format!("{name} takes a number per row, found a tensor; {instead}"),
        None => format!("{name} takes a number per row, found a tensor; {HINTS}"),
    })
}
