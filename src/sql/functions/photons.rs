//! Computes the counts of a pattern from amplitudes or intensities.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::reduce::Pixel;
use super::tensors::{expect_tensors, typed};
use super::{Arguments, Definition};
use crate::group;
use crate::scan::MEASUREMENT_KEY;
use crate::scan::layout::Measurement;

pub const PHOTONS: Definition = Definition {
    name: "photons",
    arguments: &[
        ("diffraction", "The patterns: a column of tensors"),
        (
            "measurement",
            "'amplitude' or 'intensity', where the column does not say which its numbers are",
        ),
    ],
    optional: 1,
    description: "Returns the counts of a pattern: the sum of intensities, or the sum of the squares of amplitudes. The \
                  column says which of them its numbers are; where it does not, the second argument does, or the \
                  argument measurement => of the table function. Of diffraction_normalized there are no counts: its \
                  numbers are amplitudes times norm_factor.",
    example: "SELECT scan_point, photons(diffraction, 'amplitude') AS counts FROM scan ORDER BY counts DESC LIMIT 3",
    returns,
    call,
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    expect_tensors(name, &fields[0])?;
    match fields.get(1) {
        Some(said) if !said.data_type().is_string() => {
            plan_err!(
                "{name}: expected 'amplitude' or 'intensity', found {}",
                said.data_type()
            )
        }
        None if is_normalized(&fields[0]) => plan_err!(
            "{name}: the numbers of `{}` are amplitudes times the factor in the column `norm_factor`, so the sum of \
             their squares is no number of counts; write photons(diffraction), or \
             pattern_energy({}) / (norm_factor * norm_factor)",
            fields[0].name(),
            fields[0].name()
        ),
        None if known(&fields[0]).is_none() => plan_err!(
            "{name}: the file does not say whether the numbers of `{}` are amplitudes or intensities; write \
             photons({}, 'amplitude'), or measurement => 'amplitude' where the table function is called",
            fields[0].name(),
            fields[0].name()
        ),
        _ => Ok(DataType::Float64),
    }
}

/// Returns whether a column holds normalised patterns, which the training takes as its input.
fn is_normalized(field: &FieldRef) -> bool {
    field
        .metadata()
        .get(group::KEY)
        .is_some_and(|key| key == group::NORMALIZED)
}

/// Returns what the numbers of a column are, if its metadata says so.
fn known(field: &FieldRef) -> Option<Measurement> {
    let word = field.metadata().get(MEASUREMENT_KEY)?;
    [Measurement::Amplitude, Measurement::Intensity]
        .into_iter()
        .find(|measurement| measurement.word() == word)
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let tensors = arguments.tensors(0)?;
    let said = arguments
        .arrays
        .get(1)
        .map(|said| cast(said, &DataType::Utf8))
        .transpose()?;
    let is_amplitude = |row: usize| match &said {
        Some(said) if said.is_null(row) => Ok(None),
        Some(said) => match said.as_string::<i32>().value(row) {
            "amplitude" => Ok(Some(true)),
            "intensity" => Ok(Some(false)),
            other => exec_err!("photons: expected 'amplitude' or 'intensity', found '{other}'"),
        },
        None => Ok(known(&arguments.fields[0]).map(|known| known == Measurement::Amplitude)),
    };
    let counts: Result<Result<Float64Array>> = typed!(tensors.values, values => {
        let of_row = |row| {
            let is_amplitude = is_amplitude(row)?;
            let row = tensors.row(row).map(|range| &values[range]);
            Ok(row.zip(is_amplitude).map(|(row, squares)| if squares { Pixel::energy(row) } else { Pixel::sum(row) }))
        };
        (0..arguments.rows).map(of_row).collect()
    });
    Ok(Arc::new(counts??))
}
