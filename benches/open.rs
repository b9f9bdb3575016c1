//! Opening a scan and reading ten patterns: from 1 MB to 1 TB, sparse. `cargo bench --no-default-features --bench open`

#[allow(dead_code, clippy::unwrap_used)]
#[path = "../tests/it/sparse.rs"]
mod sparse;

use std::time::{Duration, Instant};

use ptychoarrow::table::Rows;
use ptychoarrow::{ReadOptions, Scan};

const RUNS: usize = 21;
const PATTERN_BYTES: u64 = 256 * 256 * 4;

/// Median of several runs, after one that does not count.
fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// Private memory of this process, mapped files left out; 0 where the system does not tell.
fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("ptychoarrow-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("{:>8} {:>14} {:>20} {:>16}", "size", "open + schema", "and ten patterns", "private memory");
    for (label, bytes) in [("1 MB", 1e6), ("1 GB", 1e9), ("100 GB", 1e11), ("1 TB", 1e12)] {
        let path = folder.join("scan.npz");
        let patterns = (bytes as u64).div_ceil(PATTERN_BYTES).max(10);
        sparse::sparse(&path, patterns);
        let open = median(|| {
            std::hint::black_box(Scan::open(&path).map(|scan| scan.num_positions()).unwrap_or(0));
        });
        let before = private_bytes();
        let mut grown = 0;
        let read = median(|| {
            let mut ten = || -> ptychoarrow::Result<usize> {
                let columns = Some(vec!["diffraction".to_string()]);
                let rows = Rows::Range(patterns as usize - 10..patterns as usize);
                let reader = Scan::open(&path)?.read(&ReadOptions { columns, rows, ..Default::default() })?;
                let batches: Vec<_> = reader.collect::<Result<_, _>>()?;
                grown = grown.max(private_bytes().saturating_sub(before));
                Ok(batches.iter().map(|batch| batch.num_rows()).sum())
            };
            assert_eq!(ten().unwrap_or(0), 10);
        });
        println!("{label:>8} {open:>14.1?} {read:>20.1?} {:>13.2} MB", grown as f64 / 1e6);
        std::fs::remove_file(&path)?;
    }
    std::fs::remove_dir(&folder)?;
    Ok(())
}
