//! Gathering the patterns of groups: batch after batch, warm, against a copy of the map into one reused buffer.
//!
//! `cargo bench --no-default-features --bench gather [-- M|L]`: M is 10,304 patterns of 64 x 64, L 25,921 of 256 x 256.

mod support;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use arrow::array::Array;
use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
use support::synthetic::{Synthetic, write};
use support::{Outcome, compare, copy_all, job, median};

const RUNS: usize = 7;

/// Reads all groups, batch after batch; returns the bytes.
fn read(groups: &Groups, batch_bytes: usize, batch_rows: Option<usize>) -> Outcome<usize> {
    let mut bytes = 0;
    for batch in groups.read(
        &ReadOptions::default()
            .with_columns(["diffraction"])
            .with_batch_bytes(batch_bytes)
            .with_batch_rows(batch_rows),
    )? {
        let batch = batch?;
        bytes += batch.get_array_memory_size();
        black_box(batch);
    }
    Ok(bytes)
}

fn gather(size: &str, scan: Synthetic, n_groups: usize) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scan.npz");
    write(&path, scan)?;
    let opened = Scan::open(&path)?;
    let spec = GroupSpec::default()
        .with_gridsize(2)
        .with_neighbors(6)
        .with_n_groups(n_groups);
    let groups = Groups::try_new(&opened, spec)?;
    groups.index()?;
    let pixels = scan.side * scan.side;
    let out = n_groups * 4 * pixels * 4;
    let mut buffer = vec![0; 8 << 20];
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let rows64 = 64 * 4 * pixels * 4;
    let jobs = vec![
        job(
            "copy of the map in order, one reused 8 MiB buffer",
            scan.bytes(),
            || copy_all(&opened, &mut buffer),
        ),
        job("8 MiB batches", out, || {
            read(&groups, 8 << 20, None).map(drop)
        }),
        job("8 MiB batches, one thread", out, || {
            single
                .install(|| {
                    read(&groups, 8 << 20, None)
                        .map(|_| ())
                        .map_err(|e| e.to_string())
                })
                .map_err(Into::into)
        }),
        job("64 rows", out, || {
            read(&groups, rows64.min((32 << 20) - 1), Some(64)).map(drop)
        }),
    ];
    compare(
        &format!(
            "{size}: {} x {}x{} {}, {n_groups} groups",
            scan.patterns, scan.side, scan.side, scan.dtype
        ),
        RUNS,
        jobs,
    )?;
    Ok(())
}

/// Drops a file from the page cache, as far as the system does that.
fn forget(path: &Path) -> Outcome {
    let file = std::fs::File::open(path)?;
    file.sync_all()?;
    Ok(rustix::fs::fadvise(
        &file,
        0,
        None,
        rustix::fs::Advice::DontNeed,
    )?)
}

/// Groups that cover a scan that is in no cache, against a sequential read of the same file by `dd`.
fn cold() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scan.npz");
    let scan = Synthetic {
        patterns: 25_921,
        side: 256,
        dtype: "<u2",
    };
    write(&path, scan)?;
    let spec = GroupSpec::default().with_gridsize(2).with_neighbors(6);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..3 {
        forget(&path)?;
        let start = Instant::now();
        let input = format!("if={}", path.display());
        Command::new("dd")
            .args([&input, "of=/dev/null", "bs=8M", "status=none"])
            .status()?;
        times[0].push(start.elapsed().as_secs_f64());
        forget(&path)?;
        let start = Instant::now();
        read(
            &Groups::try_new(&Scan::open(&path)?, spec.clone())?,
            8 << 20,
            None,
        )?;
        times[1].push(start.elapsed().as_secs_f64());
        forget(&path)?;
        let start = Instant::now();
        for batch in
            Scan::open(&path)?.read(&ReadOptions::default().with_columns(["diffraction"]))?
        {
            let column = batch?.column(0).to_data();
            // One number of each page.
            let bytes = column.child_data()[0].buffers()[0].as_slice();
            black_box(
                bytes
                    .iter()
                    .step_by(4096)
                    .map(|byte| u64::from(*byte))
                    .sum::<u64>(),
            );
        }
        times[2].push(start.elapsed().as_secs_f64());
    }
    let [dd, groups, scan_read] = times.map(|mut times| median(&mut times));
    let rate = |time: f64| scan.bytes() as f64 / time / 1e9;
    println!("\ncold, L of u2 (3.4 GB), medians of 3: s, GB/s of the file, ratio to dd");
    for (name, time) in [
        ("dd, bs=8M", dd),
        ("groups of 4, every position a seed point", groups),
        ("scan", scan_read),
    ] {
        println!(
            "{name:<52} {time:>9.3} {:>8.2} {:>8.2}",
            rate(time),
            dd / time
        );
    }
    Ok(())
}

fn main() -> Outcome {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    if only.as_deref().is_none_or(|size| size == "M") {
        for dtype in ["<f4", "<u2", "<i4", "<f8", ">f4"] {
            gather(
                "M",
                Synthetic {
                    patterns: 10_304,
                    side: 64,
                    dtype,
                },
                10_304,
            )?;
        }
    }
    if only.as_deref().is_none_or(|size| size == "L") {
        cold()?;
        gather(
            "L",
            Synthetic {
                patterns: 25_921,
                side: 256,
                dtype: "<u2",
            },
            6_480,
        )?;
    }
    Ok(())
}
