//! Refuses tables in FROM that the planner would take for others, or cannot plan.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, TableFactor, Visit, Visitor};

use super::{LEFT_OUT, Refusal, first};

/// Refuses samples of tables.
pub const SAMPLE: Refusal = (
    "TABLESAMPLE",
    "write WHERE random() < 0.1 for about a tenth of the rows, WHERE scan_point % 10 = 0 for the same rows at every run, \
     or ORDER BY random() LIMIT 10 for ten rows",
);

/// Refuses unnest of a column where a table stands.
pub const UNNEST: Refusal = (
    "unnest of another table's column in FROM",
    "write unnest among the columns: SELECT group_id, unnest(nn_indices) AS scan_point FROM groups; or read the table \
     `group_members`, which has one row per member",
);

const ORDINALITY: Refusal = (
    "WITH ORDINALITY or WITH OFFSET",
    "number the rows with row_number() OVER (...); the members of groups are numbered by the column `slot` of \
     `group_members`",
);

/// Returns the refusal of a table in FROM, without what is nested in it.
pub fn of_table(table: &TableFactor) -> Option<Refusal> {
    match table {
        TableFactor::Table {
            sample,
            version,
            with_hints,
            partitions,
            index_hints,
            json_path,
            with_ordinality,
            args,
            ..
        } => first(&[
            (sample.is_some(), SAMPLE),
            (
                version.is_some(),
                (
                    "AS OF behind a table",
                    "a file has one version: name the file",
                ),
            ),
            (
                !with_hints.is_empty(),
                ("WITH (...) behind a table", LEFT_OUT),
            ),
            (
                !partitions.is_empty(),
                ("PARTITION (...) behind a table", "choose rows with WHERE"),
            ),
            (!index_hints.is_empty(), ("an index hint", LEFT_OUT)),
            (
                json_path.is_some(),
                (
                    "a path behind a table",
                    "take parts of a column: column['name']",
                ),
            ),
            (*with_ordinality, ORDINALITY),
            (
                args.as_ref().is_some_and(|args| args.settings.is_some()),
                ("SETTINGS", LEFT_OUT),
            ),
        ]),
        TableFactor::Derived {
            sample: Some(_), ..
        } => Some(SAMPLE),
        TableFactor::UNNEST {
            array_exprs,
            with_offset,
            with_ordinality,
            ..
        } => first(&[
            (*with_offset || *with_ordinality, ORDINALITY),
            (array_exprs.iter().any(names_a_column), UNNEST),
        ]),
        TableFactor::Function {
            name,
            with_ordinality,
            ..
        } => first(&[
            (*with_ordinality, ORDINALITY),
            (name.to_string().eq_ignore_ascii_case("unnest"), UNNEST),
        ]),
        TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => None,
        other => Some(of_other_table(other)),
    }
}

fn of_other_table(table: &TableFactor) -> Refusal {
    const READ_ELSEWHERE: &str =
        "write the data as CSV, Arrow or Parquet, which are read as tables";
    match table {
        TableFactor::TableFunction { .. } => ("TABLE(...)", "write FROM f(...)"),
        TableFactor::Pivot { .. } => (
            "PIVOT",
            "write one aggregate per column: sum(x) FILTER (WHERE slot = 0) AS a, sum(x) FILTER (WHERE slot = 1) AS b",
        ),
        TableFactor::Unpivot { .. } => (
            "UNPIVOT",
            "write one SELECT per column, joined by UNION ALL: SELECT 'x' AS name, x AS value FROM scan UNION ALL ...",
        ),
        TableFactor::MatchRecognize { .. } => (
            "MATCH_RECOGNIZE",
            "compare rows with lag(x) OVER (ORDER BY ...) and lead(x) OVER (ORDER BY ...)",
        ),
        TableFactor::JsonTable { .. } => ("JSON_TABLE", READ_ELSEWHERE),
        TableFactor::OpenJsonTable { .. } => ("OPENJSON", READ_ELSEWHERE),
        TableFactor::XmlTable { .. } => ("XMLTABLE", READ_ELSEWHERE),
        TableFactor::SemanticView { .. } => ("SEMANTIC_VIEW", "name a table"),
        _ => (
            "a table of this kind",
            "name a table, or write a query in parentheses",
        ),
    }
}

/// Returns whether an expression names a column anywhere.
fn names_a_column(expr: &Expr) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Names).is_break()
}
