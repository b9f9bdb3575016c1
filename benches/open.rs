//! Opening a scan and reading ten patterns: from 1 MB to 1 TB, sparse. `cargo bench --no-default-features --bench open`

#[allow(dead_code, clippy::unwrap_used)]
#[path = "../tests/it/sparse.rs"]
mod sparse;

#[allow(dead_code)]
#[path = "../tests/it/private.rs"]
mod private;

use std::io::{Read, Seek, SeekFrom, Write};
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

/// How long it takes to refuse a file whose directory lies: in the size, the place, the number of members.
fn lying(path: &std::path::Path) -> std::io::Result<()> {
    let good = std::fs::metadata(path)?.len();
    // The ZIP64 end record, 98 bytes before the end, has count, size and offset from byte 32 on; the locator, 42 bytes
    // before the end, has the record's place from byte 8 on.
    let lies = [
        ("the directory's offset", 98 - 48, vec![50_000_000_000]),
        ("its size", 98 - 40, vec![90_000_000_000]),
        ("its members", 98 - 24, vec![1 << 31, 1 << 31]),
        ("the end record's offset", 42 - 8, vec![50_000_000_000]),
    ];
    for (what, from_end, values) in lies {
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)?;
        let at = SeekFrom::Start(good - from_end);
        let mut before = vec![0; values.len() * 8];
        file.seek(at)?;
        file.read_exact(&mut before)?;
        file.seek(at)?;
        file.write_all(
            &values
                .iter()
                .flat_map(|value: &u64| value.to_le_bytes())
                .collect::<Vec<_>>(),
        )?;
        let time = median(|| assert!(Scan::open(path).is_err()));
        println!("  100 GB that lies about {what}: refused in {time:.1?} (limit 10 ms)");
        file.seek(at)?;
        file.write_all(&before)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("ptychoarrow-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!(
        "{:>8} {:>14} {:>20} {:>16}",
        "size", "open + schema", "and ten patterns", "private memory"
    );
    for (label, bytes) in [
        ("1 MB", 1e6),
        ("1 GB", 1e9),
        ("100 GB", 1e11),
        ("1 TB", 1e12),
    ] {
        let path = folder.join("scan.npz");
        let patterns = (bytes as u64).div_ceil(PATTERN_BYTES).max(10);
        sparse::sparse(&path, patterns);
        let open = median(|| {
            std::hint::black_box(
                Scan::open(&path)
                    .map(|scan| scan.num_positions())
                    .unwrap_or(0),
            );
        });
        let before = private::private_bytes();
        let mut grown = 0;
        let read = median(|| {
            let mut ten = || -> ptychoarrow::Result<usize> {
                let rows = Rows::Range(patterns as usize - 10..patterns as usize);
                let reader = Scan::open(&path)?.read(
                    &ReadOptions::default()
                        .with_columns(["diffraction"])
                        .with_rows(rows),
                )?;
                let batches: Vec<_> = reader.collect::<Result<_, _>>()?;
                grown = grown.max(private::private_bytes().saturating_sub(before));
                Ok(batches.iter().map(|batch| batch.num_rows()).sum())
            };
            assert_eq!(ten().unwrap_or(0), 10);
        });
        println!(
            "{label:>8} {open:>14.1?} {read:>20.1?} {:>13.2} MB",
            grown as f64 / 1e6
        );
        if label == "100 GB" {
            lying(&path)?;
        }
        std::fs::remove_file(&path)?;
    }
    std::fs::remove_dir(&folder)?;
    Ok(())
}
