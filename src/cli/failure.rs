//! Describes why a command failed: an error of the library, worded in the options of the command, or options that do
//! not make a call.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::Cli;
use crate::error::{Error, Parameter, Task, Terms};
use crate::sql::SqlTerms;

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
    /// There were this many warnings, which the user wants treated as errors.
    Warnings(usize),
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
            Self::Warnings(_) => 1,
            Self::Library(_) | Self::Usage { .. } => 2,
        }
    }

    /// Returns the message on one line, in the options of a command.
    pub fn report(&self, terms: CommandTerms) -> String {
        match self {
            Self::Library(error) => error.report_in(&terms),
            Self::Usage {
                path: Some(path),
                text,
            } => format!("{}: {text}", path.display()),
            Self::Usage { path: None, text } => text.clone(),
            Self::Warnings(1) => "1 warning, which --strict makes an error".to_string(),
            Self::Warnings(count) => format!("{count} warnings, which --strict makes errors"),
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

/// Spells parameters as options of one command.
///
/// A parameter that the command has no option for is named as what it is in a query, where the command takes one, or
/// as an option of the command that has it.
#[derive(Debug, Clone, Copy)]
pub struct CommandTerms {
    /// The name of the command, such as `group`.
    pub command: &'static str,
}

/// Where a parameter is given.
enum Place {
    /// In an option of the command itself.
    Here(String),
    /// In a query.
    Query,
    /// In an option of another command.
    Command(String, String),
    /// In none of them; the text says what the parameter is.
    Nowhere(&'static str),
}

impl CommandTerms {
    fn place(self, parameter: Parameter) -> Place {
        let Some(option) = option(parameter) else {
            return match parameter {
                Parameter::K | Parameter::Within | Parameter::Of => Place::Query,
                Parameter::Groups => Place::Nowhere("the range of groups"),
                _ => Place::Nowhere("the range of rows"),
            };
        };
        let mut cli = Cli::command();
        // Copies the options of every command, such as --threads, to each command.
        cli.build();
        let has = |command: &&clap::Command| {
            command
                .get_arguments()
                .any(|argument| is_spelled(argument, &option))
        };
        let commands: Vec<&clap::Command> = cli.get_subcommands().filter(has).collect();
        if commands
            .iter()
            .any(|command| command.get_name() == self.command)
        {
            return Place::Here(option);
        }
        match (self.command, parameter) {
            ("sql", Parameter::Columns) => Place::Nowhere("the columns of the query"),
            ("sql", Parameter::Table | Parameter::Array) => {
                Place::Nowhere("the table of the query")
            }
            ("sql", _) => Place::Query,
            _ => match commands.first() {
                Some(command) => Place::Command(option, command.get_name().to_string()),
                None => Place::Nowhere(parameter.name()),
            },
        }
    }
}

/// Returns the option that gives a parameter, if any command has one.
fn option(parameter: Parameter) -> Option<String> {
    Some(match parameter {
        Parameter::Measure => "--as".to_string(),
        Parameter::Sampling => "--sequential".to_string(),
        Parameter::Channels => "--layout".to_string(),
        Parameter::BadValues => "--bad-value".to_string(),
        Parameter::Output => "-o".to_string(),
        Parameter::Rows | Parameter::Groups | Parameter::K | Parameter::Within | Parameter::Of => {
            return None;
        }
        _ => format!("--{}", parameter.name().replace('_', "-")),
    })
}

fn is_spelled(argument: &clap::Arg, option: &str) -> bool {
    match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short() == option.strip_prefix('-').and_then(|o| o.chars().next()),
    }
}

impl CommandTerms {
    /// Returns how the parameter is given in a query of this command; `None` if it cannot be.
    fn in_query(self, parameter: Parameter, spelled: String) -> Option<String> {
        let is_argument = SqlTerms::argument(parameter).is_some();
        (self.command == "sql" && is_argument).then_some(spelled)
    }
}

impl Terms for CommandTerms {
    fn parameter(&self, parameter: Parameter) -> String {
        let in_sql = SqlTerms.parameter(parameter);
        match self.place(parameter) {
            Place::Here(option) => match self.in_query(parameter, in_sql) {
                Some(argument) => format!("{option} (in a call `{argument}`)"),
                None => option,
            },
            Place::Query => format!("`{in_sql}` in the query"),
            Place::Command(option, command) => format!("{option} of `ptychoarrow {command}`"),
            Place::Nowhere(text) => text.to_string(),
        }
    }

    fn set(&self, parameter: Parameter, value: &str) -> String {
        let given = |option: String| match value {
            // An option without a value.
            "true" | "sequential" => option,
            value => format!("{option} {value}"),
        };
        let in_sql = SqlTerms.set(parameter, value);
        match self.place(parameter) {
            Place::Here(option) => match self.in_query(parameter, in_sql) {
                Some(argument) => format!("{} (in a call `{argument}`)", given(option)),
                None => given(option),
            },
            Place::Query => format!("`{in_sql}` in the query"),
            Place::Command(option, command) => {
                format!("{} of `ptychoarrow {command}`", given(option))
            }
            Place::Nowhere(text) => format!("{text} to {value}"),
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The commands, as clap knows them.
    fn commands() -> Vec<String> {
        let cli = Cli::command();
        cli.get_subcommands()
            .map(|command| command.get_name().to_string())
            .collect()
    }

    #[test]
    fn every_parameter_is_an_option_or_a_phrase() {
        let mut spelled = String::new();
        for parameter in Parameter::ALL {
            let _ = write!(spelled, "{parameter}:");
            let mut known: Vec<String> = Vec::new();
            for command in commands() {
                let terms = CommandTerms {
                    command: String::leak(command.clone()),
                };
                let text = terms.parameter(*parameter);
                // An option is one that clap accepts: the word after it is not looked at.
                if let Place::Here(option) = terms.place(*parameter) {
                    let mut cli = Cli::command();
                    cli.build();
                    let found = cli
                        .find_subcommand(&command)
                        .unwrap()
                        .get_arguments()
                        .any(|argument| is_spelled(argument, &option));
                    assert!(found, "{command}: {option}");
                }
                if !known.contains(&text) {
                    let _ = write!(spelled, " {command}: {text};");
                    known.push(text);
                }
            }
            spelled.push('\n');
        }
        insta::assert_snapshot!(spelled);
    }
}
