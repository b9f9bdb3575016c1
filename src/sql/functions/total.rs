//! Measures the diameter of all modes of a probe together.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature, Volatility,
};

use super::diameter::{diameter, powers};
use super::probe::{check_fraction, returns, width};
use super::section;
use super::tensors::{Tensors, typed};

/// The function's name.
pub const NAME: &str = "total_probe_diameter";

/// The function's signature.
pub const SYNTAX: &str = "total_probe_diameter(probe, fraction)";

/// What the function returns.
pub const DESCRIPTION: &str = "Returns the diameter, in pixels, of the circle that holds a fraction of the power of all rows \
                           together: of the sum of |P|^2 over all modes of a probe, measured as probe_diameter measures \
                           one. An aggregate function: one number for the table, or for each group of GROUP BY.";

/// A query over the tables of a file that calls the function.
pub const EXAMPLE: &str =
    "SELECT round(total_probe_diameter(probe, 0.9), 2) AS diameter FROM probe";

/// Returns the function, ready to be registered in a session.
pub fn function() -> AggregateUDF {
    AggregateUDF::new_from_impl(TotalDiameter {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TotalDiameter {
    signature: Signature,
}

impl AggregateUDFImpl for TotalDiameter {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(NAME, returns(NAME, fields)?, true)))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME}: DISTINCT has no meaning here; leave it out");
        }
        Ok(Box::new(Total {
            width: args.expr_fields.first().map_or(1, |field| width(field)),
            powers: Vec::new(),
            fraction: None,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let powers = DataType::new_list(DataType::Float64, true);
        let fields = [
            ("powers", powers),
            ("width", DataType::UInt64),
            ("fraction", DataType::Float64),
        ];
        let field = |(name, data_type)| {
            Arc::new(Field::new(
                format_state_name(args.name, name),
                data_type,
                true,
            ))
        };
        Ok(fields.map(field).to_vec())
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(section(), DESCRIPTION, SYNTAX)
                .with_sql_example(EXAMPLE)
                .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Adds up the power of modes.
#[derive(Debug)]
struct Total {
    width: usize,
    /// The sum of |P|^2 of each pixel; empty as long as there was no mode.
    powers: Vec<f64>,
    fraction: Option<f64>,
}

impl Total {
    /// Adds the power of a mode.
    fn add(&mut self, powers: &[f64]) -> Result<()> {
        if self.powers.is_empty() {
            self.powers.resize(powers.len(), 0.0);
        }
        if self.powers.len() != powers.len() {
            let (first, other) = (self.powers.len(), powers.len());
            return exec_err!(
                "{NAME}: found modes of {first} and of {other} pixels, expected the same number"
            );
        }
        for (sum, power) in self.powers.iter_mut().zip(powers) {
            *sum += power;
        }
        Ok(())
    }

    fn set_fraction(&mut self, fraction: f64) -> Result<()> {
        let known = *self.fraction.get_or_insert(check_fraction(NAME, fraction)?);
        if known != fraction {
            // Partitions are merged in any order; the message is the same.
            let (less, more) = (known.min(fraction), known.max(fraction));
            return exec_err!(
                "{NAME}: found the fractions {less} and {more}, expected one for all rows"
            );
        }
        Ok(())
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let tensors = Tensors::of(NAME, &values[0])?;
        let fractions = cast(&values[1], &DataType::Float64)?;
        for (row, fraction) in fractions.as_primitive::<Float64Type>().iter().enumerate() {
            let (Some(range), Some(fraction)) = (tensors.row(row), fraction) else {
                continue;
            };
            self.set_fraction(fraction)?;
            let powers: Result<Vec<f64>> = typed!(tensors.values, values => powers(&values[range]));
            self.add(&powers?)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let found = self
            .fraction
            .and_then(|fraction| diameter(&self.powers, self.width, fraction));
        Ok(ScalarValue::Float64(found))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.powers.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let powers = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(
            self.powers.iter().copied().map(Some).collect::<Vec<_>>(),
        )]);
        Ok(vec![
            ScalarValue::List(Arc::new(powers)),
            ScalarValue::UInt64(Some(self.width as u64)),
            ScalarValue::Float64(self.fraction),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (powers, widths) = (
            states[0].as_list::<i32>(),
            states[1].as_primitive::<UInt64Type>(),
        );
        let fractions = states[2].as_primitive::<Float64Type>();
        for row in 0..powers.len() {
            // A part without a mode has no fraction either.
            if fractions.is_null(row) {
                continue;
            }
            self.width = widths.value(row) as usize;
            self.set_fraction(fractions.value(row))?;
            self.add(powers.value(row).as_primitive::<Float64Type>().values())?;
        }
        Ok(())
    }
}
