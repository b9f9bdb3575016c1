//! Tells finite numbers from others; `isnan` is one of DataFusion's own functions.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;

use super::tensors::expect_number;
use super::{Arguments, Definition};

const ARGUMENTS: &[(&str, &str)] = &[("x", "The number")];

pub const IS_FINITE: Definition = Definition {
    name: "isfinite",
    arguments: ARGUMENTS,
    optional: 0,
    description: "Returns whether a number is neither NaN nor infinite; null for null.",
    example: "SELECT count(*) AS placed FROM scan WHERE isfinite(x) AND isfinite(y)",
    returns,
    call: |arguments| call(arguments, f64::is_finite),
};

pub const IS_INF: Definition = Definition {
    name: "isinf",
    arguments: ARGUMENTS,
    optional: 0,
    description: "Returns whether a number is infinite, positive or negative; null for null.",
    example: "SELECT count(*) AS lost FROM scan WHERE isinf(x) OR isinf(y)",
    returns,
    call: |arguments| call(arguments, f64::is_infinite),
};

fn returns(name: &'static str, fields: &[FieldRef]) -> Result<DataType> {
    expect_number(name, &fields[0])?;
    Ok(DataType::Boolean)
}

fn call(arguments: &Arguments, holds: fn(f64) -> bool) -> Result<ArrayRef> {
    let numbers = arguments.numbers(0)?;
    let told = numbers.iter().map(|number| number.map(holds));
    Ok(Arc::new(told.collect::<BooleanArray>()))
}
