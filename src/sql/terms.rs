//! Words errors and their remedies for people who write queries.

use crate::error::{Parameter, Task, Terms};

/// Spells parameters as named arguments of table functions: `neighbors =>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqlTerms;

impl SqlTerms {
    /// Returns the argument of a table function that is this parameter; `None` if no table function takes it.
    pub fn argument(parameter: Parameter) -> Option<&'static str> {
        use Parameter as P;
        match parameter {
            P::Gridsize
            | P::Neighbors
            | P::NGroups
            | P::Seed
            | P::Epoch
            | P::Among
            | P::SeedsFrom
            | P::Sampling
            | P::IncludeSeed
            | P::MaxDistance
            | P::GroupOversampling
            | P::Semantics
            | P::Norm
            | P::Measure
            | P::Channels
            | P::Crop
            | P::Center
            | P::Bin
            | P::Mask
            | P::BadValues
            | P::K
            | P::Within
            | P::Of
            | P::Role
            | P::Measurement
            | P::Unit
            | P::PixelSize
            | P::PatternAxis
            | P::PositionOrder
            | P::Unpaired
            | P::ProbeAxis
            | P::Patterns => Some(parameter.name()),
            // The table function `array` calls the member its name.
            P::Array => Some("name"),
            _ => None,
        }
    }

    /// Returns what the parameter is called where no table function takes it.
    fn phrase(parameter: Parameter) -> String {
        use Parameter as P;
        match parameter {
            P::Columns => "the columns that are selected".to_string(),
            P::Groups | P::Rows => "the rows that are selected".to_string(),
            P::Table => "the option `table` of CREATE EXTERNAL TABLE".to_string(),
            P::Output | P::IfExists | P::Tensors | P::BatchBytes => {
                format!("the export's option `{parameter}`")
            }
            _ => format!("the session's option `{parameter}`"),
        }
    }
}

impl Terms for SqlTerms {
    fn parameter(&self, parameter: Parameter) -> String {
        match Self::argument(parameter) {
            Some(argument) => format!("{argument} =>"),
            None => Self::phrase(parameter),
        }
    }

    fn set(&self, parameter: Parameter, value: &str) -> String {
        let Some(argument) = Self::argument(parameter) else {
            return format!("{} to {value}", Self::phrase(parameter));
        };
        match value {
            "true" | "false" => format!("{argument} => {value}"),
            value if value.parse::<f64>().is_ok() => format!("{argument} => {value}"),
            value => format!("{argument} => '{}'", value.replace('\'', "''")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::relation::all_parameters;

    #[test]
    fn every_parameter_is_an_argument_of_a_table_function_or_does_not_look_like_one() {
        for parameter in Parameter::ALL {
            let (spelled, set) = (
                SqlTerms.parameter(*parameter),
                SqlTerms.set(*parameter, "1"),
            );
            match SqlTerms::argument(*parameter) {
                Some(argument) => {
                    assert!(
                        all_parameters().any(|known| known == argument),
                        "{argument}"
                    );
                    assert_eq!(spelled, format!("{argument} =>"));
                }
                None => assert!(!format!("{spelled}{set}").contains("=>"), "{spelled}"),
            }
        }
        let named = |known: &str| {
            let argument = |parameter: &Parameter| SqlTerms::argument(*parameter);
            Parameter::ALL
                .iter()
                .filter_map(argument)
                .any(|name| name == known)
        };
        let unnamed: Vec<_> = all_parameters()
            .filter(|known| *known != "file" && !named(known))
            .collect();
        assert!(unnamed.is_empty(), "no error can name {unnamed:?}");
    }
}
