//! Reads NumPy's dates and time differences as Arrow's.
//!
//! Dates in seconds and finer units stay as they are stored, dates in minutes and hours become seconds, dates
//! in days and longer units `Date32`. Differences in units above the second become seconds. "Not a time"
//! becomes null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, Int64Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit as ArrowUnit};

use crate::npz::{Scalar, TimeStep, TimeUnit};

/// The number by which NumPy stores "not a time".
const NAT: i64 = i64::MIN;

/// Returns whether values are dates or time differences; then some may be null.
pub fn is_time(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::DateTime(_) | Scalar::TimeDelta(_))
}

/// Returns whether Arrow's values are the stored ones; true for any type that is no time.
pub fn is_as_stored(scalar: Scalar) -> bool {
    match scalar {
        Scalar::DateTime(step) => !is_date(step) && factor(step) == 1,
        Scalar::TimeDelta(step) => factor(step) == 1,
        _ => true,
    }
}

/// Returns the Arrow type of dates in this step.
pub fn date_type(step: TimeStep) -> DataType {
    if is_date(step) {
        DataType::Date32
    } else {
        DataType::Timestamp(unit(step), None)
    }
}

/// Returns the Arrow type of time differences in this step.
pub fn duration_type(step: TimeStep) -> DataType {
    DataType::Duration(unit(step))
}

fn is_date(step: TimeStep) -> bool {
    matches!(
        step.unit,
        TimeUnit::Year | TimeUnit::Month | TimeUnit::Week | TimeUnit::Day
    )
}

fn unit(step: TimeStep) -> ArrowUnit {
    match step.unit {
        TimeUnit::Millisecond => ArrowUnit::Millisecond,
        TimeUnit::Microsecond => ArrowUnit::Microsecond,
        TimeUnit::Nanosecond => ArrowUnit::Nanosecond,
        _ => ArrowUnit::Second,
    }
}

/// Returns the number of Arrow's units per step; for a date in months or years, the number of months.
fn factor(step: TimeStep) -> i64 {
    let units = match step.unit {
        TimeUnit::Year => 12,
        TimeUnit::Week => 7 * 86_400,
        TimeUnit::Day => 86_400,
        TimeUnit::Hour => 3_600,
        TimeUnit::Minute => 60,
        _ => 1,
    };
    i64::from(step.count) * units
}

/// Returns native 64-bit numbers as `len` dates or time differences.
///
/// # Errors
/// What was found, in words, if one is beyond the range of Arrow's type.
pub fn array(scalar: Scalar, buffer: Buffer, len: usize) -> Result<ArrayRef, String> {
    let stored = ScalarBuffer::<i64>::new(buffer, 0, len);
    let nulls = stored
        .contains(&NAT)
        .then(|| NullBuffer::new(BooleanBuffer::collect_bool(len, |i| stored[i] != NAT)));
    match scalar {
        Scalar::DateTime(step) if is_date(step) => {
            let days = stored.iter().map(|value| {
                if *value == NAT {
                    Ok(0)
                } else {
                    day(*value, step)
                }
            });
            Ok(Arc::new(Date32Array::new(
                days.collect::<Result<_, _>>()?,
                nulls,
            )))
        }
        Scalar::DateTime(step) => reinterpret(scaled(stored, step)?, nulls, &date_type(step)),
        Scalar::TimeDelta(step) => reinterpret(scaled(stored, step)?, nulls, &duration_type(step)),
        other => Err(format!("{other:?}, which is no time")),
    }
}

fn reinterpret(
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef, String> {
    let data = Int64Array::new(values, nulls)
        .into_data()
        .into_builder()
        .data_type(data_type.clone())
        .build();
    data.map(arrow::array::make_array)
        .map_err(|e| e.to_string())
}

fn scaled(stored: ScalarBuffer<i64>, step: TimeStep) -> Result<ScalarBuffer<i64>, String> {
    match factor(step) {
        1 => Ok(stored),
        factor => {
            let scale = |value: &i64| match *value {
                NAT => Ok(0),
                value => value
                    .checked_mul(factor)
                    .ok_or_else(|| format!("{value} times {factor} {:?}s", unit(step))),
            };
            stored.iter().map(scale).collect()
        }
    }
}

/// Returns the number of days from 1970-01-01 to the begin of a step.
fn day(value: i64, step: TimeStep) -> Result<i32, String> {
    let steps = value.checked_mul(factor(step));
    let days = match step.unit {
        TimeUnit::Year | TimeUnit::Month => steps.and_then(first_of_month),
        _ => steps.map(|seconds| seconds / 86_400),
    };
    let days = days.and_then(|days| i32::try_from(days).ok());
    days.ok_or_else(|| {
        format!(
            "a date {value} steps of {} {:?} from 1970",
            step.count, step.unit
        )
    })
}

/// Returns the number of days from 1970-01-01 to the first of a month in the proleptic Gregorian calendar;
/// months count from January 1970. After H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`.
fn first_of_month(months: i64) -> Option<i64> {
    // Years begin in March, so that the leap day is the last.
    let since_march = months.checked_add(1970 * 12 - 2)?;
    let (year, month) = (since_march.div_euclid(12), since_march.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.checked_mul(146_097)?.checked_add(day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[i64]) -> Buffer {
        Buffer::from_vec(values.to_vec())
    }

    fn days(values: &[i64], count: u32, unit: TimeUnit) -> Vec<Option<i32>> {
        let scalar = Scalar::DateTime(TimeStep { count, unit });
        let array = array(scalar, bytes(values), values.len()).unwrap();
        arrow::array::AsArray::as_primitive::<arrow::datatypes::Date32Type>(&array)
            .iter()
            .collect()
    }

    #[test]
    fn dates_are_numpys() {
        // numpy: np.array(['1970-01', '2000-03', '1969-12', '1600-01'], 'M8[M]').astype('M8[D]').astype(int)
        let months = [0, 362, -1, -4440, NAT];
        assert_eq!(
            days(&months, 1, TimeUnit::Month),
            [Some(0), Some(11017), Some(-31), Some(-135140), None]
        );
        // numpy: np.array(['1970', '2001', '1900'], 'M8[Y]').astype('M8[D]').astype(int)
        assert_eq!(
            days(&[0, 31, -70], 1, TimeUnit::Year),
            [Some(0), Some(11323), Some(-25567)]
        );
        assert_eq!(days(&[3], 2, TimeUnit::Week), [Some(42)]);
        let far = array(
            Scalar::DateTime(TimeStep {
                count: 1,
                unit: TimeUnit::Year,
            }),
            bytes(&[i64::MAX]),
            1,
        );
        assert!(far.unwrap_err().contains("from 1970"));
    }

    #[test]
    fn times_keep_their_unit_or_become_seconds() {
        let step = |unit| TimeStep { count: 1, unit };
        let array = |scalar, values: &[i64]| array(scalar, bytes(values), values.len()).unwrap();
        let nanos = array(Scalar::DateTime(step(TimeUnit::Nanosecond)), &[5, NAT]);
        assert_eq!(
            nanos.data_type(),
            &DataType::Timestamp(ArrowUnit::Nanosecond, None)
        );
        assert_eq!((nanos.null_count(), nanos.is_null(1)), (1, true));
        let hours = array(Scalar::TimeDelta(step(TimeUnit::Hour)), &[2]);
        assert_eq!(hours.data_type(), &DataType::Duration(ArrowUnit::Second));
        assert_eq!(hours.to_data().buffers()[0].typed_data::<i64>(), [7200]);
        let beyond = super::array(
            Scalar::TimeDelta(step(TimeUnit::Hour)),
            bytes(&[i64::MAX]),
            1,
        );
        assert!(beyond.is_err());
    }
}
