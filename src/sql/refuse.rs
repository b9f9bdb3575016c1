//! Refuses what the parser accepts and the planner would pass over, or refuse in words for its own developers: each in
//! plain words that name a way round.

mod tables;

use std::ops::ControlFlow;

use datafusion::common::{plan_datafusion_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, GroupByWithModifier, Join, JoinOperator, LimitClause, OrderByKind,
    PipeOperator, Query, Select, SelectFlavor, SelectItem, Statement as SqlStatement, TableFactor,
    Visit, Visitor, WildcardAdditionalOptions,
};

use super::error::READ_ONLY;
use tables::{SAMPLE, UNNEST, of_table};

/// Names what is not supported, and what to write instead.
type Refusal = (&'static str, &'static str);

/// Checks a statement that has been parsed.
///
/// # Errors
/// If a part of it would be passed over.
pub fn check(statement: &Statement) -> Result<()> {
    let found = match statement {
        Statement::Statement(statement) => statement.visit(&mut Refuse),
        Statement::Explain(explain) => return check(&explain.statement),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut Refuse),
            CopyToSource::Relation(_) => return Ok(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => return Ok(()),
    };
    match found {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((what, instead)) => plan_err!("{what} is not supported; {instead}"),
    }
}

/// Returns the refusal of USING SAMPLE, if that is what could not be parsed.
pub fn using_sample(sql: &str, error: DataFusionError) -> DataFusionError {
    let words: Vec<String> = sql.split_whitespace().map(str::to_uppercase).collect();
    match words
        .windows(2)
        .any(|pair| pair[0] == "USING" && pair[1].starts_with("SAMPLE"))
    {
        true => plan_datafusion_err!("USING SAMPLE is not supported; {}", SAMPLE.1),
        false => error,
    }
}

/// Checks a table in FROM, without what is nested in it.
///
/// # Errors
/// If a part of it would be passed over.
pub fn check_table(table: &TableFactor) -> Result<()> {
    match of_table(table) {
        None => Ok(()),
        Some((what, instead)) => plan_err!("{what} is not supported; {instead}"),
    }
}

/// Stops at the first part of a statement that is to be refused.
struct Refuse;

impl Visitor for Refuse {
    type Break = Refusal;

    fn pre_visit_statement(&mut self, statement: &SqlStatement) -> ControlFlow<Refusal> {
        stop_at(of_statement(statement))
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refusal> {
        stop_at(of_query(query))
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Refusal> {
        let joins = || select.from.iter().flat_map(|from| &from.joins);
        let options = || select.projection.iter().filter_map(wildcard);
        stop_at(
            of_select(select)
                .or_else(|| joins().find_map(of_join))
                .or_else(|| options().find_map(of_wildcard)),
        )
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Refusal> {
        let nested = match table {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => table_with_joins.joins.iter().find_map(of_join),
            _ => None,
        };
        stop_at(of_table(table).or(nested))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Refusal> {
        stop_at(of_expr(expr))
    }
}

fn stop_at(refusal: Option<Refusal>) -> ControlFlow<Refusal> {
    match refusal {
        None => ControlFlow::Continue(()),
        Some(refusal) => ControlFlow::Break(refusal),
    }
}

/// Returns the first refusal whose condition holds.
fn first(refusals: &[(bool, Refusal)]) -> Option<Refusal> {
    let held = refusals.iter().find(|(holds, _)| *holds);
    held.map(|(_, refusal)| *refusal)
}

const FILL: Refusal = (
    "WITH FILL",
    "join with generate_series(first, last) to have a row for each number",
);

const LEFT_OUT: &str = "leave it out";

fn of_statement(statement: &SqlStatement) -> Option<Refusal> {
    match statement {
        SqlStatement::Insert(_) => Some(("INSERT", READ_ONLY)),
        SqlStatement::Update(_) => Some(("UPDATE", READ_ONLY)),
        SqlStatement::Delete(_) => Some(("DELETE", READ_ONLY)),
        SqlStatement::Merge(_) => Some(("MERGE", READ_ONLY)),
        SqlStatement::Truncate(_) => Some(("TRUNCATE", READ_ONLY)),
        SqlStatement::Pragma { .. } => {
            Some(("PRAGMA", "write SET name = value, or DESCRIBE table"))
        }
        _ => None,
    }
}

fn of_query(query: &Query) -> Option<Refusal> {
    let is_filled = query.order_by.as_ref().is_some_and(|order| {
        let exprs = match &order.kind {
            OrderByKind::Expressions(exprs) => &exprs[..],
            OrderByKind::All(_) => &[],
        };
        order.interpolate.is_some() || exprs.iter().any(|expr| expr.with_fill.is_some())
    });
    let is_by = matches!(&query.limit_clause,
        Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty());
    let is_sampled = |operator: &PipeOperator| matches!(operator, PipeOperator::TableSample { .. });
    first(&[
        (
            query.fetch.is_some(),
            ("FETCH", "write LIMIT 3 for the first three rows"),
        ),
        (
            !query.locks.is_empty(),
            (
                "FOR UPDATE or FOR SHARE",
                "files are only read; leave it out",
            ),
        ),
        (
            query.for_clause.is_some(),
            (
                "FOR XML or FOR JSON",
                "leave it out; the format is chosen where the rows are written",
            ),
        ),
        (
            query.settings.is_some(),
            (
                "SETTINGS",
                "write SET name = value as a statement of its own before the query",
            ),
        ),
        (
            query.format_clause.is_some(),
            (
                "FORMAT",
                "leave it out; the format is chosen where the rows are written",
            ),
        ),
        (is_filled, FILL),
        (
            is_by,
            (
                "LIMIT ... BY",
                "write QUALIFY row_number() OVER (PARTITION BY ... ORDER BY ...) <= 3 for the first three rows of each",
            ),
        ),
        (query.pipe_operators.iter().any(is_sampled), SAMPLE),
    ])
}

fn of_select(select: &Select) -> Option<Refusal> {
    first(&[
        (
            select.top.is_some(),
            ("TOP", "write LIMIT 3 at the end of the query"),
        ),
        (
            select.into.is_some(),
            (
                "SELECT INTO",
                "write CREATE VIEW name AS SELECT ..., which gives the rows a name",
            ),
        ),
        (!select.lateral_views.is_empty(), ("LATERAL VIEW", UNNEST.1)),
        (
            select.prewhere.is_some(),
            (
                "PREWHERE",
                "write WHERE; columns that a filter needs are read first anyway",
            ),
        ),
        (
            !select.connect_by.is_empty(),
            ("CONNECT BY", "write WITH RECURSIVE"),
        ),
        (
            !select.cluster_by.is_empty(),
            ("CLUSTER BY", "write ORDER BY"),
        ),
        (
            !select.distribute_by.is_empty(),
            (
                "DISTRIBUTE BY",
                "leave it out; rows are shared out among threads anyway",
            ),
        ),
        (!select.sort_by.is_empty(), ("SORT BY", "write ORDER BY")),
        (
            select.exclude.is_some(),
            (
                "EXCLUDE behind columns",
                "name the columns, or write SELECT * EXCLUDE (...)",
            ),
        ),
        (
            select.value_table_mode.is_some(),
            (
                "SELECT AS STRUCT or AS VALUE",
                "write named_struct('x', x, 'y', y)",
            ),
        ),
        (
            select.select_modifiers.is_some(),
            ("a word between SELECT and the columns", LEFT_OUT),
        ),
        (
            select.flavor == SelectFlavor::FromFirstNoSelect,
            ("FROM without SELECT", "write SELECT * FROM ..."),
        ),
    ])
    .or_else(|| of_grouping(&select.group_by))
}

fn of_grouping(group_by: &GroupByExpr) -> Option<Refusal> {
    let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = group_by;
    modifiers.first().map(|modifier| match modifier {
        GroupByWithModifier::Rollup => ("GROUP BY ... WITH ROLLUP", "write GROUP BY ROLLUP (...)"),
        GroupByWithModifier::Cube => ("GROUP BY ... WITH CUBE", "write GROUP BY CUBE (...)"),
        GroupByWithModifier::Totals => (
            "GROUP BY ... WITH TOTALS",
            "write GROUP BY GROUPING SETS ((...), ())",
        ),
        GroupByWithModifier::GroupingSets(_) => (
            "GROUPING SETS behind GROUP BY's columns",
            "write GROUP BY GROUPING SETS (...) alone",
        ),
    })
}

fn wildcard(item: &SelectItem) -> Option<&WildcardAdditionalOptions> {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => Some(options),
        _ => None,
    }
}

fn of_wildcard(options: &WildcardAdditionalOptions) -> Option<Refusal> {
    first(&[
        (
            options.opt_ilike.is_some(),
            ("SELECT * ILIKE", "name the columns"),
        ),
        (
            options.opt_rename.is_some(),
            ("SELECT * RENAME", "write SELECT * EXCLUDE (x), x AS name"),
        ),
        (
            options.opt_alias.is_some(),
            ("SELECT * AS name", "name the columns"),
        ),
    ])
}

fn of_join(join: &Join) -> Option<Refusal> {
    if join.global {
        return Some(("GLOBAL JOIN", "write JOIN"));
    }
    match &join.join_operator {
        JoinOperator::AsOf { .. } => Some((
            "ASOF JOIN",
            "join all earlier rows and keep the last of them: SELECT s.scan_point, l.value FROM scan s LEFT JOIN log l ON \
             l.time <= s.time QUALIFY row_number() OVER (PARTITION BY s.scan_point ORDER BY l.time DESC) = 1",
        )),
        JoinOperator::CrossApply | JoinOperator::OuterApply => Some((
            "APPLY",
            "write JOIN ... ON with a condition, or unnest(column) among the columns",
        )),
        JoinOperator::Semi(_) => Some(("SEMI JOIN without a side", "write LEFT SEMI JOIN")),
        JoinOperator::Anti(_) => Some(("ANTI JOIN without a side", "write LEFT ANTI JOIN")),
        JoinOperator::StraightJoin(_) => Some(("STRAIGHT_JOIN", "write JOIN")),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            Some(("ARRAY JOIN", UNNEST.1))
        }
        _ => None,
    }
}

fn of_expr(expr: &Expr) -> Option<Refusal> {
    match expr {
        Expr::Collate { .. } => Some((
            "COLLATE",
            "texts are compared by their characters' codes; compare lower(name) where case does not matter",
        )),
        Expr::Convert { .. } => Some(("CONVERT", "write CAST(x AS DOUBLE)")),
        Expr::IsNormalized { .. } => Some(("IS NORMALIZED", LEFT_OUT)),
        Expr::InUnnest { .. } => Some(("IN UNNEST", "write array_has(list, x)")),
        Expr::MemberOf(_) => Some(("MEMBER OF", "write array_has(list, x)")),
        Expr::RLike { .. } => Some((
            "RLIKE",
            "write regexp_like(text, pattern) or text ~ pattern",
        )),
        Expr::MatchAgainst { .. } => Some(("MATCH ... AGAINST", "write text LIKE '%word%'")),
        Expr::OuterJoin(_) => Some(("(+)", "write LEFT JOIN ... ON")),
        Expr::Prior(_) => Some(("PRIOR", "write WITH RECURSIVE")),
        Expr::Prefixed { .. } => Some((
            "a text with a prefix",
            "write it in single quotes without the prefix",
        )),
        Expr::JsonAccess { .. } => {
            Some(("a path into JSON", "take parts of a struct: column['name']"))
        }
        _ => None,
    }
}
