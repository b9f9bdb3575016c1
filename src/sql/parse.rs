//! Parses statements.

use datafusion::error::Result as DfResult;
use datafusion::sql::parser::{DFParserBuilder, Statement};

use super::refuse;

/// Parses the statements of a text, which semicolons separate.
///
/// # Errors
/// If one cannot be parsed.
pub fn statements(sql: &str) -> DfResult<Vec<Statement>> {
    let parsed = DFParserBuilder::new(sql).build()?.parse_statements();
    parsed.map(Into::into).map_err(|error| match error {
        error if error.to_string().contains("found: USING") => refuse::using_sample(sql, error),
        error => error,
    })
}
