//! The terms of SQL: how errors and their remedies are worded for people who write queries.

use std::fmt;

use datafusion::error::DataFusionError;

use crate::error::{Error, Parameter, Task, Terms};

/// Spells parameters as named arguments of table functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqlTerms;

impl Terms for SqlTerms {
    fn parameter(&self, parameter: Parameter) -> String {
        format!("{parameter} =>")
    }

    fn set(&self, parameter: Parameter, value: &str) -> String {
        match value {
            "true" => format!("{parameter} => true"),
            value if value.parse::<f64>().is_ok() => format!("{parameter} => {value}"),
            value => format!("{parameter} => '{value}'"),
        }
    }

    fn task(&self, task: Task) -> &'static str {
        match task {
            Task::Align => "`ptychoarrow align`",
            Task::Check => "`ptychoarrow check`",
            Task::CountPoints => "SELECT count(*) FROM scan WHERE ...",
        }
    }
}

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
