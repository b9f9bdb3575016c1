//! Members as Arrow columns: slices of the map, copies, other orders, casts; in batches of 8 MiB against a copy of the map.
//!
//! `cargo bench --no-default-features --bench array`

mod support;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use ptychoarrow::array::{Column, RowSet, View};
use ptychoarrow::{NpzFile, Scan};
use support::synthetic::{Synthetic, write};
use support::{Outcome, compare, copy_all, job};

const BATCH_BYTES: usize = 8 << 20;

fn patterns(path: &Path) -> Outcome<Column> {
    let npz = Arc::new(NpzFile::open(path)?);
    Ok(Column::open(
        &npz,
        "diff3d",
        "diffraction",
        &View::along(0),
    )?)
}

/// All rows, batch after batch.
fn read(
    rows: usize,
    row_bytes: usize,
    batch: impl Fn(&RowSet<'_>) -> ptychoarrow::Result<usize>,
) -> Outcome {
    let step = BATCH_BYTES / row_bytes;
    for start in (0..rows).step_by(step) {
        black_box(batch(&RowSet::Range(start..(start + step).min(rows)))?);
    }
    Ok(())
}

fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    for dtype in ["<f4", "<u2", "<f8", ">f4"] {
        let scan = Synthetic {
            patterns: 10_304,
            side: 64,
            dtype,
        };
        let path = folder.path().join(format!("{}.npz", &dtype[1..]));
        write(&path, scan)?;
        let opened = Scan::open(&path)?;
        let column = patterns(&path)?;
        let mut buffer = vec![0; BATCH_BYTES];
        let (rows, row_bytes) = (column.num_rows(), column.row_bytes());
        let listed: Vec<usize> = (0..rows).map(|row| row / 2 * 2 + 1 - row % 2).collect();
        let stored = |set: &RowSet<'_>| column.array(set).map(|array| array.len());
        let single = |set: &RowSet<'_>| {
            let numbers = column.numbers(set)?;
            let mut values = Vec::new();
            (0..numbers.len()).for_each(|place| numbers.extend_f32(place, &mut values));
            Ok(values.len())
        };
        let double = |set: &RowSet<'_>| column.float64_array(set).map(|array| array.len());
        let jobs = vec![
            job(
                "copy of the map, one reused 8 MiB buffer",
                scan.bytes(),
                || copy_all(&opened, &mut buffer),
            ),
            job(
                format!("as stored, {}", column.access().word()),
                scan.bytes(),
                || read(rows, row_bytes, stored),
            ),
            job("as stored, rows in another order", scan.bytes(), || {
                read(rows, row_bytes, |set| {
                    stored(&RowSet::List(&listed[set.at(0)..set.at(0) + set.len()]))
                })
            }),
            job("cast to f32", rows * 64 * 64 * 4, || {
                read(rows, 64 * 64 * 4, single)
            }),
            job("cast to f64", rows * 64 * 64 * 8, || {
                read(rows, 64 * 64 * 8, double)
            }),
        ];
        compare(&format!("{dtype}, 10,304 x 64 x 64"), 7, jobs)?;
    }
    Ok(())
}
