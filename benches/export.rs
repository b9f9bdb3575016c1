//! Writing groups: Arrow IPC against a copy of the same bytes into a file in memory, Parquet with tensors as lists and as
//! bytes, written and read.
//!
//! `cargo bench --no-default-features --features export --bench export [-- FOLDER]`: files go to FOLDER, /dev/shm by default.

mod support;

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ptychoarrow::export::{ExportOptions, IfExists, Tensors, write};
use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
use support::synthetic::{self, Synthetic};
use support::{Outcome, compare, job};

fn main() -> Outcome {
    let folder = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with("--"))
        .unwrap_or("/dev/shm".to_string());
    let folder = tempfile::tempdir_in(PathBuf::from(folder))?;
    let path = folder.path().join("scan.npz");
    synthetic::write(
        &path,
        Synthetic {
            patterns: 10_000,
            side: 64,
            dtype: "<f4",
        },
    )?;
    let scan = Scan::open(&path)?;
    let groups = |n_groups: usize| {
        let spec = GroupSpec::default()
            .with_neighbors(6)
            .with_n_groups(n_groups);
        Groups::try_new(&scan, spec).and_then(|groups| groups.index().map(|_| groups.clone()))
    };
    let columns = ["group_id", "nn_indices", "diffraction"];
    let export = |groups: &Groups, name: &str, tensors: Tensors| -> Outcome {
        let reader = groups.read(&ReadOptions::default().with_columns(columns))?;
        let options = ExportOptions::default()
            .with_if_exists(IfExists::Replace)
            .with_tensors(tensors);
        write(reader, &folder.path().join(name), &options)?;
        Ok(())
    };
    let (many, few) = (groups(10_000)?, groups(1_000)?);
    let bytes = |groups: usize| groups * 4 * 64 * 64 * 4;
    let buffer = vec![7u8; 8 << 20];
    let copied = |name: &str, total: usize| -> Outcome {
        let mut file = File::create(folder.path().join(name))?;
        (0..total / buffer.len()).try_for_each(|_| file.write_all(&buffer))?;
        Ok(())
    };
    let jobs = vec![
        job(
            "copy of one 8 MiB buffer into a file",
            bytes(10_000),
            || copied("copy", bytes(10_000)),
        ),
        job("Arrow IPC file", bytes(10_000), || {
            export(&many, "groups.arrow", Tensors::Lists)
        }),
        job("Arrow IPC stream", bytes(10_000), || {
            export(&many, "groups.arrows", Tensors::Lists)
        }),
    ];
    compare("10,000 groups of 4 x 64 x 64 f4, 655 MB", 5, jobs)?;

    export(&few, "lists.parquet", Tensors::Lists)?;
    export(&few, "binary.parquet", Tensors::Binary)?;
    let read = |name: &str| -> Outcome {
        let file = File::open(folder.path().join(name))?;
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            black_box(batch?);
        }
        Ok(())
    };
    let jobs = vec![
        job("copy of one 8 MiB buffer into a file", bytes(1_000), || {
            copied("copy", bytes(1_000))
        }),
        job("Parquet written, lists", bytes(1_000), || {
            export(&few, "lists.parquet", Tensors::Lists)
        }),
        job("Parquet written, binary", bytes(1_000), || {
            export(&few, "binary.parquet", Tensors::Binary)
        }),
        job("Parquet read, lists", bytes(1_000), || {
            read("lists.parquet")
        }),
        job("Parquet read, binary", bytes(1_000), || {
            read("binary.parquet")
        }),
    ];
    compare("1,000 groups, 66 MB, zstd", 5, jobs)?;
    for name in ["lists.parquet", "binary.parquet"] {
        println!(
            "{name}: {:.1} MB",
            std::fs::metadata(folder.path().join(name))?.len() as f64 / 1e6
        );
    }
    Ok(())
}
