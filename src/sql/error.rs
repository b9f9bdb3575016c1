//! Carries this crate's errors through DataFusion, and puts DataFusion's own into plain words.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::SqlTerms;
use crate::error::Error;

/// Carries an error of this crate through DataFusion; its text is in the terms of SQL.
///
/// DataFusion may hand one error to several readers of a query, each behind a reference: the first of them takes it.
#[derive(Debug)]
pub struct SqlError {
    report: String,
    error: Mutex<Option<Error>>,
}

impl SqlError {
    /// Returns the error; `None` if it has been taken before.
    pub fn take(&self) -> Option<Error> {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take()
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl std::error::Error for SqlError {}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(SqlError {
            report: error.report_in(&SqlTerms),
            error: Mutex::new(Some(error)),
        }))
    }
}

/// Unwraps this crate's own error, if that is what DataFusion carries.
pub(super) fn ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    if let Some(ours) = taken(&error) {
        return Ok(ours);
    }
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

/// Takes this crate's own error out of DataFusion's, which may be shared.
fn taken(error: &DataFusionError) -> Option<Error> {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(carried) => carried.take(),
            None => taken(inner.downcast_ref::<DataFusionError>()?),
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<SqlError>() {
                Some(carried) => carried.take(),
                None => taken(inner.downcast_ref::<DataFusionError>()?),
            },
            _ => None,
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => taken(inner),
        DataFusionError::Shared(inner) => taken(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(taken),
        _ => None,
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

fn unwrap(error: Boxed) -> Result<Error, Boxed> {
    error.downcast::<Error>().map(|ours| *ours)
}

/// Returns what DataFusion reports on one line: without the kind of the error before it, without a dump of its own
/// structures, and without what is meant for its developers.
pub(super) fn plain(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            return plain(inner);
        }
        DataFusionError::Shared(inner) => return plain(inner),
        DataFusionError::Collection(errors) if !errors.is_empty() => return plain(&errors[0]),
        DataFusionError::SQL(error, _) => error.to_string(),
        DataFusionError::ArrowError(inner, _) => of_arrow(inner),
        DataFusionError::NotImplemented(text) => not_supported(text),
        DataFusionError::Internal(text) => format!("{CANNOT_ANSWER}{text}"),
        DataFusionError::Plan(text) if text.starts_with("DDL not supported") => {
            DEFINITIONS.to_string()
        }
        DataFusionError::Plan(text) if text.starts_with("DML not supported") => {
            format!("a statement that writes is not supported; {READ_ONLY}")
        }
        DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Configuration(_)
        | DataFusionError::External(_)
        | DataFusionError::Execution(_) => error.message().into_owned(),
        other => other.strip_backtrace(),
    };
    let text = [DataFusionError::BACK_TRACE_SEP, FOR_DEVELOPERS]
        .into_iter()
        .fold(text.as_str(), |text, end| {
            text.split(end).next().unwrap_or_default()
        });
    let lines: Vec<&str> = text
        .trim_start_matches(PARSER_PREFIX)
        .lines()
        .map(str::trim)
        .collect();
    let text = lines.join(" ");
    let text = without_dump(text.trim());
    match text.strip_suffix('.') {
        Some(sentence) if !sentence.ends_with('.') => sentence.to_string(),
        _ => text,
    }
}

/// What is said of statements that make or change anything but names of the session.
const DEFINITIONS: &str = "a statement that makes or changes tables is not supported; CREATE VIEW name AS SELECT ... and \
                           CREATE EXTERNAL TABLE name STORED AS NPZ LOCATION 'scan.npz' give names within the session";

/// What can be done where a statement would write.
pub(super) const READ_ONLY: &str =
    "files are only read here; select what you need, and write the rows to a file of their own";

/// The words before what DataFusion takes for its own fault.
pub(super) const CANNOT_ANSWER: &str = "the query engine cannot answer this: ";

/// The words that the parser puts before each of its errors.
const PARSER_PREFIX: &str = "sql parser error: ";

/// The words with which DataFusion asks for a report of what it takes for its own fault.
const FOR_DEVELOPERS: &str = "This issue was likely caused by a bug";

/// Returns the text of an error of Arrow's, without its kind.
fn of_arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::CsvError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text) => text.clone(),
        ArrowError::DivideByZero => "division by zero".to_string(),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => plain(inner),
            None => inner.to_string(),
        },
        other => other.to_string(),
    }
}

/// The words before an expression that the planner has no operator for: in queries, a subquery that depends on its
/// surroundings.
const NO_OPERATOR: &str = "Physical plan does not support logical expression";

/// Returns the text for what DataFusion does not do.
fn not_supported(text: &str) -> String {
    let says_so = ["support", "implemented"]
        .iter()
        .any(|word| text.contains(word));
    match text {
        text if text.starts_with(NO_OPERATOR) => of_subquery(text).to_string(),
        text if text.starts_with("MINUS") => "MINUS is not supported; write EXCEPT".to_string(),
        text if says_so => text.to_string(),
        text => format!("{text} is not supported"),
    }
}

/// Returns the text for a subquery that the planner has no operator for, by what DataFusion shows of it.
fn of_subquery(text: &str) -> &'static str {
    if text.contains("Exists") {
        "EXISTS (SELECT ...) among the columns is not supported; write it in WHERE, or SELECT count(*) > 0 FROM ..."
    } else if text.contains("InSubquery") {
        "IN (SELECT ...) among the columns is not supported; write it in WHERE, or LEFT JOIN the other table"
    } else {
        CORRELATED
    }
}

const CORRELATED: &str = "a subquery that names columns of the query around it is not supported here; join the tables \
                          instead: for the last row before each, SELECT s.scan_point, l.value FROM scan s LEFT JOIN log \
                          l ON l.time <= s.time QUALIFY row_number() OVER (PARTITION BY s.scan_point ORDER BY l.time \
                          DESC) = 1; for the values of a list, SELECT unnest(nn_indices) FROM groups";

/// Returns a text without a dump of the parser's structures: the name of the structure stands for it.
fn without_dump(text: &str) -> String {
    let is_dump = ["Ident {", "span: ", "quote_style: "]
        .iter()
        .any(|sign| text.contains(sign));
    if !is_dump {
        return text.to_string();
    }
    let head = text
        .split(['{', '(', '['])
        .next()
        .unwrap_or_default()
        .trim();
    let name = head.rsplit(' ').next().unwrap_or_default();
    format!(
        "the query has a part of the kind {}, which is not supported",
        in_capitals(name)
    )
}

/// Writes `MatchAgainst` as `MATCH AGAINST`.
fn in_capitals(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_uppercase());
    }
    words
}

/// Holds what DataFusion reports of a query that failed, in plain words.
#[derive(Debug)]
struct Reported {
    text: String,
    /// What DataFusion reports, for whoever looks at the error itself.
    #[allow(dead_code)]
    error: DataFusionError,
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Reported {}

/// Returns the error of a statement that cannot be parsed or planned.
pub(super) fn of_planning(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::BadQuery {
        problem: plain(&error),
    })
}

/// Returns the error of a statement that failed while it ran.
pub(super) fn of_execution(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| {
        let text = plain(&error);
        Error::external("the query failed", Reported { text, error })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn our_errors_are_found_behind_whatever_datafusion_puts_around_them() {
        let error = || {
            DataFusionError::from(Error::NoSuchFile {
                path: "a.npz".into(),
            })
        };
        let shared = Arc::new(error().context("a join"));
        let wrapped = [
            DataFusionError::Shared(Arc::clone(&shared)),
            DataFusionError::External(Box::new(error())),
            DataFusionError::Collection(vec![DataFusionError::Plan("other".to_string()), error()]),
            ArrowError::from_external_error(Box::new(error())).into(),
        ];
        for error in wrapped {
            let found = ours(error);
            assert!(matches!(found, Ok(Error::NoSuchFile { .. })), "{found:?}");
        }
        // The second reader of a shared error has its text.
        let again = of_execution(DataFusionError::Shared(shared));
        assert_eq!(
            again.report(),
            "the query failed: a.npz: no such file; check the path"
        );
    }

    #[test]
    fn what_is_meant_for_developers_is_left_out() {
        let internal = DataFusionError::Internal("no such signature.".to_string());
        let told = plain(&internal);
        assert_eq!(
            told,
            "the query engine cannot answer this: no such signature"
        );
        let dump =
            "Unsupported ast node in sqltorel: MatchAgainst { columns: [Ident { value: \"x\" }] }";
        let told = plain(&DataFusionError::NotImplemented(dump.to_string()));
        assert_eq!(
            told,
            "the query has a part of the kind MATCH AGAINST, which is not supported"
        );
        let told = plain(&DataFusionError::NotImplemented("TOP".to_string()));
        assert_eq!(told, "TOP is not supported");
    }
}
