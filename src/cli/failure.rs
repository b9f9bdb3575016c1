//! What ends a command: an error of the library in the command line's words, or a call that makes no sense.

use std::path::{Path, PathBuf};

use crate::error::{Error, Parameter, Task, Terms};

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Describes why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The library reports an error.
    Library(Error),
    /// The options given do not make a call.
    Usage {
        /// The file concerned, if there is one.
        path: Option<PathBuf>,
        /// What is wrong, and what would be right.
        text: String,
    },
}

impl Failure {
    /// Creates a failure of the call itself.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage {
            path: None,
            text: text.into(),
        }
    }

    /// Creates a failure of the call that concerns a file.
    pub fn usage_of(path: &Path, text: impl Into<String>) -> Self {
        Self::Usage {
            path: Some(path.to_path_buf()),
            text: text.into(),
        }
    }

    /// Returns the exit code: 2 if the call is at fault, 1 if the data or the system is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Library(error) if !error.is_usage() => 1,
            Self::Library(_) | Self::Usage { .. } => 2,
        }
    }

    /// Returns the message on one line.
    pub fn report(&self) -> String {
        match self {
            Self::Library(error) => error.report_in(&CommandTerms),
            Self::Usage {
                path: Some(path),
                text,
            } => format!("{}: {text}", path.display()),
            Self::Usage { path: None, text } => text.clone(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<arrow::error::ArrowError> for Failure {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Library(error.into())
    }
}

/// Spells parameters as options of the command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommandTerms;

impl Terms for CommandTerms {
    fn parameter(&self, parameter: Parameter) -> String {
        match parameter {
            Parameter::Measure => "--as".to_string(),
            Parameter::Sampling => "--sequential".to_string(),
            Parameter::Channels => "--layout".to_string(),
            Parameter::Output => "-o".to_string(),
            Parameter::Rows | Parameter::Groups => "the rows asked for".to_string(),
            Parameter::K | Parameter::Within | Parameter::Of => {
                format!("`{parameter} =>` of neighbors(...)")
            }
            _ => format!("--{}", parameter.name().replace('_', "-")),
        }
    }

    fn set(&self, parameter: Parameter, value: &str) -> String {
        match value {
            "true" => self.parameter(parameter),
            value => format!("{} {value}", self.parameter(parameter)),
        }
    }

    fn task(&self, task: Task) -> &'static str {
        match task {
            Task::Align => "`ptychoarrow align`",
            Task::Check => "`ptychoarrow check`",
            Task::CountPoints => {
                "`ptychoarrow sql FILE -c \"SELECT count(*) FROM scan WHERE ...\"`"
            }
        }
    }
}
