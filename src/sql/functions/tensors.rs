//! Reads the arguments of functions: one tensor per row, or one number per row.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::Arguments;
use super::level::Level;
use crate::array::tensor;

/// Holds a column with one tensor per row: a list of any kind.
pub struct Tensors<'a> {
    list: &'a ArrayRef,
    /// The numbers of all rows, one row after the other.
    pub values: &'a ArrayRef,
}

impl<'a> Tensors<'a> {
    /// Takes an array of lists as tensors; `name` is the function that reads them.
    ///
    /// # Errors
    /// If it holds no lists.
    pub fn of(name: &str, list: &'a ArrayRef) -> Result<Self> {
        let values = match list.data_type() {
            DataType::FixedSizeList(..) => list.as_fixed_size_list().values(),
            DataType::List(_) => list.as_list::<i32>().values(),
            DataType::LargeList(_) => list.as_list::<i64>().values(),
            other => return exec_err!("{name}: expected tensors, found {other}"),
        };
        Ok(Self { list, values })
    }

    /// Returns the range of a row's numbers in [`Tensors::values`]; `None` for a null, or a tensor that holds one.
    pub fn row(&self, row: usize) -> Option<Range<usize>> {
        if self.list.is_null(row) {
            return None;
        }
        let range = match self.list.data_type() {
            DataType::FixedSizeList(..) => {
                let list = self.list.as_fixed_size_list();
                let start = list.value_offset(row) as usize;
                start..start + list.value_length() as usize
            }
            DataType::LargeList(_) => {
                let offsets = self.list.as_list::<i64>().value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }
            _ => {
                let offsets = self.list.as_list::<i32>().value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }
        };
        let holds_null = self
            .values
            .nulls()
            .is_some_and(|nulls| range.clone().any(|at| nulls.is_null(at)));
        (!holds_null).then_some(range)
    }
}

impl Arguments {
    /// Returns an argument that has one tensor per row.
    pub fn tensors(&self, place: usize) -> Result<Tensors<'_>> {
        Tensors::of(self.name, &self.arrays[place])
    }

    /// Returns an argument that has one number per row.
    pub fn numbers(&self, place: usize) -> Result<Float64Array> {
        Ok(cast(&self.arrays[place], &DataType::Float64)?
            .as_primitive::<Float64Type>()
            .clone())
    }

    /// Returns an argument that has one level per row; integers stay integers.
    pub fn levels(&self, place: usize) -> Result<Vec<Option<Level>>> {
        let array = &self.arrays[place];
        let whole = |value: Option<i128>| value.map(Level::Whole);
        Ok(match array.data_type() {
            DataType::UInt64 => {
                let levels = array.as_primitive::<UInt64Type>();
                levels
                    .iter()
                    .map(|value| whole(value.map(i128::from)))
                    .collect()
            }
            found if found.is_integer() => {
                let levels = self.whole(place)?;
                levels
                    .iter()
                    .map(|value| whole(value.map(i128::from)))
                    .collect()
            }
            _ => self
                .numbers(place)?
                .iter()
                .map(|value| value.map(Level::Real))
                .collect(),
        })
    }

    /// Returns an argument that has one whole number per row.
    ///
    /// # Errors
    /// If one does not fit into an Int64.
    pub fn whole(&self, place: usize) -> Result<Int64Array> {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        Ok(
            cast_with_options(&self.arrays[place], &DataType::Int64, &options)?
                .as_primitive::<Int64Type>()
                .clone(),
        )
    }

    /// Returns the height and width of the tensors of an argument.
    pub fn image(&self, place: usize) -> Result<[usize; 2]> {
        image(self.name, &self.fields[place])
    }
}

/// Returns the type of the numbers in a column of tensors.
pub fn expect_tensors<'a>(name: &str, field: &'a Field) -> Result<&'a DataType> {
    let item = match field.data_type() {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type()
        }
        other => {
            return plan_err!(
                "{name}: expected a column of patterns, such as diffraction; found {other}"
            );
        }
    };
    if !item.is_integer() && !item.is_floating() {
        return plan_err!(
            "{name}: expected a column of numbers, such as diffraction; found {item}"
        );
    }
    Ok(item)
}

/// Returns the height and width of the images in a column.
pub fn image(name: &str, field: &Field) -> Result<[usize; 2]> {
    expect_tensors(name, field)?;
    match tensor::shape(field).as_deref() {
        Some([height, width]) => Ok([*height, *width]),
        Some(other) => plan_err!(
            "{name}: expected tensors with two axes, such as diffraction of `scan`; those of `{}` have the shape \
             {other:?}",
            field.name()
        ),
        None => plan_err!(
            "{name}: the shape of `{}` is unknown, since its type does not say it (Parquet, CASE and coalesce drop it); \
             read the column from the NPZ file or an Arrow file",
            field.name()
        ),
    }
}

/// Checks that an argument is a number.
pub fn expect_number(name: &str, field: &Field) -> Result<()> {
    match field.data_type() {
        found if found.is_numeric() || found.is_null() => Ok(()),
        found => plan_err!("{name}: expected a number, found {found}"),
    }
}

/// Checks that an argument is a whole number.
pub fn expect_whole(name: &str, field: &Field) -> Result<()> {
    match field.data_type() {
        found if found.is_integer() || found.is_null() => Ok(()),
        found => plan_err!("{name}: expected a whole number, found {found}"),
    }
}

/// Runs an expression with the values of a numeric array as a slice of their own type.
macro_rules! typed {
    ($array:expr, $values:ident => $body:expr) => {{
        use arrow::datatypes as types;
        let array: &arrow::array::ArrayRef = $array;
        macro_rules! run {
            ($type:ty) => {{
                let $values: &[_] = arrow::array::AsArray::as_primitive::<$type>(array).values();
                Ok($body)
            }};
        }
        match arrow::array::Array::data_type(array) {
            arrow::datatypes::DataType::Float32 => run!(types::Float32Type),
            arrow::datatypes::DataType::Float64 => run!(types::Float64Type),
            arrow::datatypes::DataType::Float16 => run!(types::Float16Type),
            arrow::datatypes::DataType::UInt8 => run!(types::UInt8Type),
            arrow::datatypes::DataType::UInt16 => run!(types::UInt16Type),
            arrow::datatypes::DataType::UInt32 => run!(types::UInt32Type),
            arrow::datatypes::DataType::UInt64 => run!(types::UInt64Type),
            arrow::datatypes::DataType::Int8 => run!(types::Int8Type),
            arrow::datatypes::DataType::Int16 => run!(types::Int16Type),
            arrow::datatypes::DataType::Int32 => run!(types::Int32Type),
            arrow::datatypes::DataType::Int64 => run!(types::Int64Type),
            other => datafusion::common::exec_err!("expected numbers, found {other}"),
        }
    }};
}
pub(super) use typed;
