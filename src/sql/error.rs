//! Carries this crate's errors through DataFusion, and puts DataFusion's own into plain words.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::SqlTerms;
use crate::error::Error;

/// Carries an error of this crate through DataFusion; its text is in the terms of SQL.
#[derive(Debug)]
pub struct SqlError(pub Error);

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.in_terms(&SqlTerms))
    }
}

impl std::error::Error for SqlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(SqlError(error)))
    }
}

/// Unwraps this crate's own error, if that is what DataFusion carries.
pub(super) fn ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => unwrap(inner).map_err(DataFusionError::External),
        DataFusionError::ArrowError(inner, backtrace) => match *inner {
            ArrowError::ExternalError(external) => unwrap(external).map_err(|other| {
                DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(other)), backtrace)
            }),
            other => Err(DataFusionError::ArrowError(Box::new(other), backtrace)),
        },
        DataFusionError::Context(context, inner) => {
            ours(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            ours(*inner).map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner)))
        }
        other => Err(other),
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

fn unwrap(error: Boxed) -> Result<Error, Boxed> {
    let error = match error.downcast::<SqlError>() {
        Ok(carried) => return Ok(carried.0),
        Err(other) => other,
    };
    error.downcast::<Error>().map(|ours| *ours)
}

/// Returns what DataFusion reports on one line, without the kind of the error before it.
pub(super) fn plain(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            return plain(inner);
        }
        DataFusionError::SQL(error, _) => error.to_string(),
        DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Execution(_) => error.message().into_owned(),
        other => other.strip_backtrace(),
    };
    let text = text.split(DataFusionError::BACK_TRACE_SEP).next();
    let text = text.unwrap_or_default().trim_start_matches(PARSER_PREFIX);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ").trim_end_matches('.').to_string()
}

/// The words that the parser puts before each of its errors.
const PARSER_PREFIX: &str = "sql parser error: ";

/// Returns the error of a statement that cannot be parsed or planned.
pub(super) fn of_planning(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::BadQuery {
        problem: plain(&error),
    })
}

/// Returns the error of a statement that failed while it ran.
pub(super) fn of_execution(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::external("the query failed", error))
}
