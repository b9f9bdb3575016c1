//! Defines the scalar functions over patterns, probes and distances.
//!
//! All of them read values as they are stored, without a converted copy, and return null for a null pattern or one that has
//! a null pixel. A tensor with more than two axes, such as the patterns of a group, counts as a whole.

mod center;
mod compare;
mod diameter;
mod finite;
mod level;
mod overlap;
mod photons;
mod pixel;
mod probe;
mod reduce;
mod tensors;
mod total;

use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::Error;
use crate::table::UNREADABLE_KEY;

/// Defines a scalar function; there is one constant per function.
struct Definition {
    name: &'static str,
    /// The names of the arguments, each with a description.
    arguments: &'static [(&'static str, &'static str)],
    /// The number of arguments, from the last on, that can be left out.
    optional: usize,
    description: &'static str,
    /// A query over the tables of a file that calls the function.
    example: &'static str,
    returns: fn(&'static str, &[FieldRef]) -> Result<DataType>,
    call: fn(&Arguments) -> Result<ArrayRef>,
}

static DEFINITIONS: &[&Definition] = &[
    &reduce::SUM,
    &reduce::MIN,
    &reduce::MAX,
    &reduce::MEAN,
    &reduce::STD,
    &reduce::ENERGY,
    &reduce::SATURATED,
    &reduce::NOT_FINITE,
    &photons::PHOTONS,
    &center::CENTER_OF_MASS,
    &pixel::PIXEL,
    &compare::CORRELATION,
    &probe::PROBE_DIAMETER,
    &overlap::LINEAR_OVERLAP,
    &overlap::AREA_OVERLAP,
    &finite::IS_FINITE,
    &finite::IS_INF,
];

/// Returns every aggregate function, ready to be registered in a session.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![total::function()]
}

/// Returns every scalar function, ready to be registered in a session.
pub fn all() -> Vec<ScalarUDF> {
    static DOCUMENTED: LazyLock<Vec<Documentation>> = LazyLock::new(|| {
        DEFINITIONS
            .iter()
            .map(|definition| definition.documentation())
            .collect()
    });
    let function = |(definition, documentation): (&&'static Definition, &'static Documentation)| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::new_from_impl(Function {
            name: definition.name,
            signature,
            definition: Of(definition),
            documentation,
        })
    };
    DEFINITIONS
        .iter()
        .zip(DOCUMENTED.iter())
        .map(function)
        .collect()
}

/// Returns the names of all functions, each with an example query.
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    DEFINITIONS
        .iter()
        .map(|definition| (definition.name, definition.example))
        .chain([(total::NAME, total::EXAMPLE)])
}

/// Returns the signature, the description and an example query of each function.
#[cfg(feature = "cli")]
pub fn described() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let scalar = |definition: &&Definition| {
        (
            definition.syntax(),
            definition.description,
            definition.example,
        )
    };
    let total = (
        total::SYNTAX.to_string(),
        total::DESCRIPTION,
        total::EXAMPLE,
    );
    DEFINITIONS.iter().map(scalar).chain([total])
}

/// Returns the section of the documentation that the functions belong to.
fn section() -> DocSection {
    DocSection {
        include: true,
        label: SECTION,
        description: None,
    }
}

/// The label of the section of the documentation that the functions belong to.
const SECTION: &str = "Ptychography";

impl Definition {
    fn syntax(&self) -> String {
        let required = self.arguments.len() - self.optional;
        let shown = |(place, (name, _)): (usize, &(&str, &str))| match place < required {
            true => (*name).to_string(),
            false => format!("[{name}]"),
        };
        let arguments: Vec<String> = self.arguments.iter().enumerate().map(shown).collect();
        format!("{}({})", self.name, arguments.join(", "))
    }

    fn documentation(&self) -> Documentation {
        let builder = Documentation::builder(section(), self.description, self.syntax())
            .with_sql_example(self.example);
        let arguments = self.arguments.iter();
        arguments
            .fold(builder, |builder, (name, what)| {
                builder.with_argument(*name, *what)
            })
            .build()
    }
}

/// Refers to a definition; two are equal if their names are.
#[derive(Clone, Copy)]
struct Of(&'static Definition);

impl std::fmt::Debug for Of {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.syntax())
    }
}

impl PartialEq for Of {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Of {}

impl std::hash::Hash for Of {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    name: &'static str,
    signature: Signature,
    definition: Of,
    documentation: &'static Documentation,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        datafusion::common::internal_err!(
            "the type of {} depends on its arguments' fields",
            self.name
        )
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Of(definition) = self.definition;
        let (found, all) = (args.arg_fields.len(), definition.arguments.len());
        if found > all || found < all - definition.optional {
            return plan_err!(
                "{}: found {found} arguments; it is called as {}",
                self.name,
                definition.syntax()
            );
        }
        for field in args.arg_fields {
            if let Some(reason) = field.metadata().get(UNREADABLE_KEY) {
                return Err(DataFusionError::from(Error::UnreadableColumn {
                    column: field.name().clone(),
                    reason: reason.clone(),
                }));
            }
        }
        Ok(Arc::new(Field::new(
            self.name,
            (definition.returns)(self.name, args.arg_fields)?,
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args
            .args
            .iter()
            .map(|value| value.to_array(args.number_rows))
            .collect::<Result<_>>()?;
        let arguments = Arguments {
            name: self.name,
            arrays,
            fields: args.arg_fields,
            rows: args.number_rows,
        };
        (self.definition.0.call)(&arguments).map(ColumnarValue::Array)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation)
    }
}

/// Holds the values of a call, all of the same length.
struct Arguments {
    name: &'static str,
    arrays: Vec<ArrayRef>,
    fields: Vec<FieldRef>,
    rows: usize,
}
