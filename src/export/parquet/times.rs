//! Turns times in seconds into milliseconds: Parquet has no such unit, and readers see plain integers otherwise.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// Returns the schema with times in milliseconds where they are in seconds, within lists and structs too.
pub fn in_milliseconds(schema: &Schema) -> Schema {
    let fields: Vec<FieldRef> = schema.fields().iter().map(field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn field(field: &FieldRef) -> FieldRef {
    let data_type = data_type(field.data_type());
    if data_type == *field.data_type() {
        return FieldRef::clone(field);
    }
    Arc::new(Field::clone(field).with_data_type(data_type))
}

fn data_type(data_type: &DataType) -> DataType {
    use DataType as T;
    match data_type {
        T::Timestamp(TimeUnit::Second, zone) => T::Timestamp(TimeUnit::Millisecond, zone.clone()),
        T::Duration(TimeUnit::Second) => T::Duration(TimeUnit::Millisecond),
        T::Time32(TimeUnit::Second) => T::Time32(TimeUnit::Millisecond),
        T::List(item) => T::List(field(item)),
        T::LargeList(item) => T::LargeList(field(item)),
        T::FixedSizeList(item, len) => T::FixedSizeList(field(item), *len),
        T::Struct(fields) => T::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// Returns the batch in the types of a schema of [`in_milliseconds`].
///
/// # Errors
/// If a time is too far from 1970 for milliseconds.
pub fn converted(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| milliseconds(column, field))
        .collect::<Result<_>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = SchemaRef::clone(schema);
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}

fn milliseconds(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() {
        return Ok(ArrayRef::clone(column));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, field.data_type(), &options).map_err(|error| {
        Error::UnsupportedColumn {
            column: field.name().clone(),
            data_type: format!("{} ({error})", column.data_type()),
            format: "a Parquet file",
            expected: "times less than 292 million years from 1970, which milliseconds can hold,",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array, AsArray, DurationSecondArray, FixedSizeListArray, TimestampSecondArray,
    };
    use arrow::datatypes::{DurationMillisecondType, TimestampMillisecondType};

    fn batch(field: Field, column: ArrayRef) -> RecordBatch {
        RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
    }

    #[test]
    fn seconds_become_milliseconds_and_other_units_stay() {
        let seconds = DataType::Timestamp(TimeUnit::Second, None);
        let times = TimestampSecondArray::from(vec![Some(-3), None, Some(1_700_000_000)]);
        let item = Arc::new(Field::new("item", seconds.clone(), true));
        let lists = FixedSizeListArray::new(Arc::clone(&item), 1, Arc::new(times.clone()), None);
        let schema = |data_type: DataType| Schema::new(vec![Field::new("t", data_type, true)]);
        for column in [Arc::new(times) as ArrayRef, Arc::new(lists)] {
            let schema = Arc::new(in_milliseconds(&schema(column.data_type().clone())));
            let field = Field::new("t", column.data_type().clone(), true);
            let made = converted(batch(field, column), &schema).unwrap();
            let made = made.column(0);
            let made = made
                .as_fixed_size_list_opt()
                .map_or(made, |list| list.values());
            let made = made.as_primitive::<TimestampMillisecondType>();
            let expected = [Some(-3_000), None, Some(1_700_000_000_000)];
            assert_eq!(made.iter().collect::<Vec<_>>(), expected);
        }
        let durations: ArrayRef = Arc::new(DurationSecondArray::from(vec![-2, 60]));
        let milliseconds = Arc::new(in_milliseconds(&schema(durations.data_type().clone())));
        let field = Field::new("t", durations.data_type().clone(), true);
        let made = converted(batch(field, durations), &milliseconds).unwrap();
        let made = made.column(0).as_primitive::<DurationMillisecondType>();
        assert_eq!(made.values(), &[-2_000, 60_000]);
        let day = schema(DataType::Date32);
        assert_eq!(in_milliseconds(&day), day);
    }

    #[test]
    fn a_time_beyond_milliseconds_is_an_error_that_names_the_column() {
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(i64::MAX / 1000 + 1)]));
        let field = Field::new("when", far.data_type().clone(), true);
        let batch = batch(field, far);
        let schema = Arc::new(in_milliseconds(batch.schema_ref()));
        let error = converted(batch, &schema).unwrap_err();
        assert!(error.is_usage());
        assert!(error.report().starts_with("column `when`"), "{error}");
    }
}
