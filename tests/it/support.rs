//! Functions that the tests share: NPZ files made to order, the command, a conformance check of tables.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

pub use crate::sparse::{f8, npy};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use ptychoarrow::array::RowSet;
use ptychoarrow::table::{Rows, TableReader, read_batch, row_bytes};
use ptychoarrow::{ReadOptions, Scan, Table};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The measured scan, amplitudes as f4, stored.
pub const SIEMENS: &str = "tests/data/siemens_star.npz";
/// The same with counts as u2, deflated.
pub const COUNTS: &str = "tests/data/siemens_star_counts_deflated.npz";

/// Creates a temporary folder that is removed with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes an NPZ from NPY files.
pub fn npz(path: &Path, members: &[(&str, Vec<u8>)], method: CompressionMethod) {
    let mut writer = ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .large_file(true);
    for (name, bytes) in members {
        writer.start_file(format!("{name}.npy"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// Returns the little-endian bytes of f32 values.
pub fn f4(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Writes a PtychoPINN file with these positions; pattern `i` holds `1000 i + pixel`, N = 8.
pub fn scan_file(path: &Path, x: &[f64], y: &[f64]) {
    let len = x.len();
    let pixels: Vec<f32> = (0..len)
        .flat_map(|i| (0..64).map(move |p| (1000 * i + p) as f32))
        .collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[len], &f8(x))),
        ("ycoords", npy("'<f8'", false, &[len], &f8(y))),
        ("diff3d", npy("'<f4'", false, &[len, 8, 8], &f4(&pixels))),
    ];
    npz(path, &members, CompressionMethod::Stored);
}

/// Opens a scan with these positions, in a temporary folder.
pub fn scan_of(x: &[f64], y: &[f64]) -> (tempfile::TempDir, Scan) {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    scan_file(&path, x, y);
    let scan = Scan::open(&path).unwrap();
    (folder, scan)
}

/// Runs the command with these arguments.
pub fn ptychoarrow(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ptychoarrow"))
        .args(args)
        .output()
        .unwrap()
}

/// Returns the exit code of a failing call and its standard error.
pub fn failure(args: &[&str]) -> (i32, String) {
    let output = ptychoarrow(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.stdout.is_empty(),
        "a failure prints no result: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    (output.status.code().unwrap(), text)
}

/// Returns the exit code and the message of each of these calls, without the path of their folder.
pub fn failures(calls: &[&[&str]], folder: &Path) -> String {
    let told = |call: &&[&str]| {
        let (code, said) = failure(call);
        format!("{code} {}", said.replace(&text(folder), ""))
    };
    calls.iter().map(told).collect()
}

/// Returns what a successful call prints.
pub fn success(args: &[&str]) -> String {
    let output = ptychoarrow(args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Returns a path as text.
pub fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_string()
}

/// Returns every row of a reader in one batch.
pub fn collect(reader: impl RecordBatchReader) -> RecordBatch {
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Returns these columns of a table, all rows.
pub fn columns(table: Arc<dyn Table>, names: &[&str]) -> RecordBatch {
    collect(
        TableReader::try_new(
            table,
            &ReadOptions::default().with_columns(names.iter().copied()),
        )
        .unwrap(),
    )
}

/// Returns the values of an Int64 column.
pub fn int64(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch[name].as_primitive::<Int64Type>().values().to_vec()
}

/// Returns the values of a Float64 column.
pub fn float64(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch[name].as_primitive::<Float64Type>().values().to_vec()
}

/// Returns the rows of `nn_indices`.
pub fn groups_of(batch: &RecordBatch) -> Vec<Vec<i32>> {
    let list = batch["nn_indices"].as_fixed_size_list();
    (0..list.len())
        .map(|row| {
            list.value(row)
                .as_primitive::<Int32Type>()
                .values()
                .to_vec()
        })
        .collect()
}

/// Checks what every table must do: schema, rows, bound in bytes, projection, empty projection, ranges and
/// lists of rows.
pub fn check_table(table: Arc<dyn Table>) {
    let name = table.name().to_string();
    let schema = table.schema();
    let total = table.num_rows().unwrap();
    assert!(
        table.known_rows().is_none_or(|rows| rows == total),
        "{name}"
    );
    let all: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let read = |columns: Option<Vec<String>>, rows: Rows, batch_bytes: usize| {
        let options = ReadOptions::default()
            .with_rows(rows)
            .with_batch_bytes(batch_bytes);
        let options = match columns {
            Some(columns) => options.with_columns(columns),
            None => options,
        };
        TableReader::try_new(Arc::clone(&table), &options).unwrap()
    };
    let whole = collect(read(Some(all.clone()), Rows::All, 8 << 20));
    assert_eq!(
        (whole.num_rows(), whole.schema()),
        (total, Arc::clone(&schema)),
        "{name}"
    );

    // Batches bounded by bytes, of at least one row, make the same rows.
    let bytes = row_bytes(&schema);
    for bound in [1, bytes * 3 + 1] {
        let batches: Vec<RecordBatch> = read(Some(all.clone()), Rows::All, bound)
            .map(Result::unwrap)
            .collect();
        assert!(
            batches
                .iter()
                .all(|batch| batch.num_rows() == 1 || batch.num_rows() * bytes <= bound),
            "{name}"
        );
        assert_eq!(concat_batches(&schema, &batches).unwrap(), whole, "{name}");
    }
    // Any column alone, in any order, and none at all.
    for (index, column) in all.iter().enumerate() {
        let one = collect(read(Some(vec![column.clone()]), Rows::All, 8 << 20));
        assert_eq!(one.column(0), whole.column(index), "{name}.{column}");
    }
    let reversed: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(
        collect(read(Some(reversed), Rows::All, 8 << 20)).column(0),
        whole.columns().last().unwrap()
    );
    assert_eq!(
        read(Some(vec![]), Rows::All, 8 << 20)
            .map(|batch| batch.unwrap().num_rows())
            .sum::<usize>(),
        total
    );
    // Ranges and lists of rows.
    let (from, to) = (total / 3, (total / 3 + 5).min(total));
    assert_eq!(
        collect(read(Some(all.clone()), Rows::Range(from..to), 8 << 20)),
        whole.slice(from, to - from)
    );
    assert_eq!(
        read(Some(all.clone()), Rows::Range(total..total + 9), 1).count(),
        0
    );
    let list: Vec<usize> = (0..total).rev().step_by(2).collect();
    let listed = collect(read(
        Some(all.clone()),
        Rows::List(list.clone().into()),
        8 << 20,
    ));
    let expected: Vec<ArrayRef> = whole
        .columns()
        .iter()
        .map(|column| pick(column, &list))
        .collect();
    assert_eq!(listed.columns(), expected, "{name}");
    // What is declared of the order holds.
    for column in table.ordering().iter().take(1) {
        assert!(int64(&whole, column).is_sorted(), "{name}.{column}");
    }
    let indices: Vec<usize> = (0..all.len()).collect();
    let empty = read_batch(table.as_ref(), &schema, &indices, &RowSet::Range(0..0)).unwrap();
    assert_eq!(empty.num_rows(), 0, "{name}");
}

fn pick(column: &ArrayRef, rows: &[usize]) -> ArrayRef {
    let picks: Vec<(usize, usize)> = rows.iter().map(|row| (0, *row)).collect();
    arrow::compute::interleave(&[column.as_ref()], &picks).unwrap()
}

/// Returns the folder of the crate.
pub fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
