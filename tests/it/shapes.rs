//! Every shape of query with pushdown and without, and logic tests in the format of SQLite's.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::sql::{RegisterOptions, Session};
use ptychoarrow::{Error, GroupSpec};

use crate::support::{SIEMENS, collect, crate_folder};

const TABLES: [&str; 4] = ["scan", "groups", "group_members", "neighbors"];

/// Returns a session with the tables of the measured scan, which take filters, limits and projections.
fn with_pushdown() -> Session {
    let spec = GroupSpec::default().with_neighbors(6).with_seed(42);
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    session
        .register(
            "public",
            SIEMENS.as_ref(),
            &RegisterOptions::default().with_groups(spec),
        )
        .unwrap();
    session
}

/// Returns a session with the same rows in memory, where DataFusion does all the work.
fn without_pushdown(with: &Session) -> Session {
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    for table in TABLES {
        let reader = with.query(&format!("SELECT * FROM {table}")).unwrap();
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let memory = MemTable::try_new(schema, vec![batches]).unwrap();
        session
            .context()
            .register_table(table, Arc::new(memory))
            .unwrap();
    }
    session
}

/// Returns the name and the query of each shape.
fn shapes() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(crate_folder().join("tests/sql/shapes.sql")).unwrap();
    let (_, shapes) = text.split_once("\n\n").unwrap();
    let shapes = shapes.split(";\n").filter(|shape| !shape.trim().is_empty());
    let parted = shapes.map(|shape| {
        shape
            .trim()
            .strip_prefix("-- ")
            .unwrap()
            .split_once('\n')
            .unwrap()
    });
    parted
        .map(|(name, sql)| (name.to_string(), sql.to_string()))
        .collect()
}

/// Returns the rows, sorted where the query gives no order.
fn answer(session: &Session, sql: &str) -> RecordBatch {
    let batch = collect(
        session
            .query(sql)
            .unwrap_or_else(|e| panic!("{sql}: {}", e.report())),
    );
    let schema = batch.schema();
    let batch = concat_batches(&schema, [&batch]).unwrap();
    if sql.contains("ORDER BY") || batch.num_rows() < 2 {
        return batch;
    }
    let sort = |column: &ArrayRef| SortColumn {
        values: Arc::clone(column),
        options: None,
    };
    let order =
        lexsort_to_indices(&batch.columns().iter().map(sort).collect::<Vec<_>>(), None).unwrap();
    let columns = batch
        .columns()
        .iter()
        .map(|column| take(column, &order, None).unwrap())
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

#[test]
fn every_shape_of_query_answers_the_same_with_pushdown_and_without() {
    let with = with_pushdown();
    let without = without_pushdown(&with);
    let shapes = shapes();
    assert!(shapes.len() > 50, "{}", shapes.len());
    let mut rows = 0;
    for (name, sql) in &shapes {
        let (pushed, plain) = (answer(&with, sql), answer(&without, sql));
        assert_eq!(pushed.num_rows(), plain.num_rows(), "{name}");
        assert_eq!(pushed.columns(), plain.columns(), "{name}");
        rows += pushed.num_rows();
    }
    assert!(rows > 2500, "{rows}");
}

#[test]
fn no_shape_filters_above_a_table_what_the_table_can_filter() {
    let with = with_pushdown();
    for (name, sql) in shapes() {
        let patterns = sql.contains("> 20") || sql.contains("> 19") || sql.contains("NOT IN");
        let above = sql.contains("HAVING") || sql.contains("LIMIT 50)") || sql.contains("EXCEPT");
        if patterns || above {
            continue;
        }
        let plan = answer(&with, &format!("EXPLAIN {sql}"));
        let plan = format!(
            "{}",
            arrow::util::pretty::pretty_format_batches(&[plan]).unwrap()
        );
        assert!(!plan.contains("FilterExec"), "{name}: {plan}");
    }
}

/// A session for `sqllogictest`.
struct Database(Session);

impl sqllogictest::DB for Database {
    type Error = Error;
    type ColumnType = sqllogictest::DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<sqllogictest::DBOutput<Self::ColumnType>, Error> {
        let reader = self.0.query(sql)?;
        let columns = reader.schema().fields().len();
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch?;
            let options = FormatOptions::default().with_null("NULL");
            let format = |column: &ArrayRef| {
                ArrayFormatter::try_new(column.as_ref(), &options)
                    .unwrap()
                    .value(0)
                    .to_string()
            };
            for row in 0..batch.num_rows() {
                rows.push(
                    batch
                        .columns()
                        .iter()
                        .map(|column| format(&column.slice(row, 1)))
                        .collect(),
                );
            }
        }
        match columns {
            0 => Ok(sqllogictest::DBOutput::StatementComplete(0)),
            _ => Ok(sqllogictest::DBOutput::Rows {
                types: vec![sqllogictest::DefaultColumnType::Any; columns],
                rows,
            }),
        }
    }
}

#[test]
fn logic_tests_in_the_format_of_sqlite_pass() {
    let folder = crate_folder().join("tests/sql");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "slt"));
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    let mut failed = Vec::new();
    for file in files {
        let mut runner = sqllogictest::Runner::new(|| async { Ok(Database(with_pushdown())) });
        failed.extend(runner.run_file(&file).err().map(|error| error.to_string()));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
