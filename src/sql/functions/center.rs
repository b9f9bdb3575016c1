//! Computes the centre of mass of a pattern.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use super::reduce::{Pixel, sum_of};
use super::tensors::{image, typed};
use super::{Arguments, Definition};

pub const CENTER_OF_MASS: Definition = Definition {
    name: "center_of_mass",
    arguments: &[(
        "diffraction",
        "The patterns: a column of tensors with two axes",
    )],
    optional: 0,
    description: "Returns the mean row and column of a pattern's pixels, weighted by the numbers as they are stored, as \
                  a struct of row and col. Both count from 0 at the centre of the first pixel. Null where the sum of \
                  the numbers is 0.",
    example: "SELECT avg(center_of_mass(diffraction)['row']) AS row, avg(center_of_mass(diffraction)['col']) AS col \
              FROM scan",
    returns: |name, fields| {
        image(name, &fields[0])?;
        Ok(DataType::Struct(parts()))
    },
    call,
};

fn parts() -> Fields {
    let part = |name| Field::new(name, DataType::Float64, true);
    Fields::from(vec![part("row"), part("col")])
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let [_, width] = arguments.image(0)?;
    let tensors = arguments.tensors(0)?;
    let centers: Result<Vec<Option<[f64; 2]>>> = typed!(tensors.values, values => {
        let of_row = |row| tensors.row(row).and_then(|range| center(&values[range], width));
        (0..arguments.rows).map(of_row).collect()
    });
    let centers = centers?;
    let part = |part: usize| -> ArrayRef {
        Arc::new(
            centers
                .iter()
                .map(|center| center.map(|center| center[part]))
                .collect::<Float64Array>(),
        )
    };
    let nulls = NullBuffer::from_iter(centers.iter().map(Option::is_some));
    Ok(Arc::new(StructArray::try_new(
        parts(),
        vec![part(0), part(1)],
        Some(nulls),
    )?))
}

/// Returns the row and column of the centre; `None` if the sum is 0.
fn center<T: Pixel>(values: &[T], width: usize) -> Option<[f64; 2]> {
    let (mut total, mut row_moment) = (0.0, 0.0);
    let mut columns = vec![0.0; width];
    for (row, line) in values.chunks_exact(width.max(1)).enumerate() {
        let sum = T::sum(line);
        total += sum;
        row_moment += row as f64 * sum;
        columns
            .iter_mut()
            .zip(line)
            .for_each(|(column, value)| *column += value.to_f64());
    }
    let places: Vec<(f64, f64)> = columns
        .into_iter()
        .enumerate()
        .map(|(at, sum)| (at as f64, sum))
        .collect();
    let column_moment = sum_of(&places, |(at, sum)| at * sum);
    (total != 0.0).then(|| [row_moment / total, column_moment / total])
}
