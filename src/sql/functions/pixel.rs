//! Returns one pixel of a pattern.

use arrow::array::ArrayRef;
use arrow::array::UInt64Array;
use arrow::compute::take;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::tensors::{expect_tensors, expect_whole, image};
use super::{Arguments, Definition};

pub const PIXEL: Definition = Definition {
    name: "pixel",
    arguments: &[
        (
            "diffraction",
            "The patterns: a column of tensors with two axes",
        ),
        ("row", "The row, counted from 0 at the top"),
        ("col", "The column, counted from 0 at the left"),
    ],
    optional: 0,
    description: "Returns one pixel of a pattern, in its own type, without copying the column as diffraction[i] does.",
    example: "SELECT scan_point, pixel(diffraction, 32, 32) AS middle FROM scan ORDER BY scan_point LIMIT 3",
    returns,
    call,
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    image(name, &fields[0])?;
    fields[1..]
        .iter()
        .try_for_each(|field| expect_whole(name, field))?;
    expect_tensors(name, &fields[0]).cloned()
}

fn call(arguments: &Arguments) -> Result<ArrayRef> {
    let [height, width] = arguments.image(0)?;
    let tensors = arguments.tensors(0)?;
    let (rows, cols) = (arguments.whole(1)?, arguments.whole(2)?);
    let inside = |at: i64, len: usize| usize::try_from(at).ok().filter(|at| *at < len);
    let place = |(at, (row, col)): (usize, (Option<i64>, Option<i64>))| {
        let (Some(range), Some(row), Some(col)) = (tensors.row(at), row, col) else {
            return Ok(None);
        };
        match inside(row, height).zip(inside(col, width)) {
            Some((row, col)) => Ok(Some((range.start + row * width + col) as u64)),
            None => exec_err!(
                "pixel: found row {row} and column {col}, expected less than {height} and {width}; both count from 0"
            ),
        }
    };
    let places = rows
        .iter()
        .zip(cols.iter())
        .enumerate()
        .map(place)
        .collect::<Result<UInt64Array>>()?;
    Ok(take(tensors.values, &places, None)?)
}
