//! SQL over a scan of 3.4 GB (25,921 patterns of 256 x 256 u2): what a range query reads, and how fast functions over
//! patterns are beside a copy of the same bytes, NumPy, and DuckDB over Parquet.
//!
//! `cargo bench --bench sql [-- PYTHON]` prints medians of interleaved runs. With a Python that has NumPy and DuckDB,
//! benches/sql.py runs on the same file in the same run. `--profile dev` with
//! CARGO_PROFILE_DEV_OPT_LEVEL=3 spares building DataFusion once more.

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use arrow::util::pretty::pretty_format_batches;
use ptychoarrow::Scan;
use ptychoarrow::array::RowSet;
use ptychoarrow::internals::NpzWriter;
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::sql::{RegisterOptions, Session};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const PATTERNS: usize = 25_921;
const SIDE: usize = 256;
const PATTERN_BYTES: usize = SIDE * SIDE * 2;
const RUNS: usize = 5;

/// A raster of positions, and patterns of few counts that differ from one to the next.
fn write_scan(path: &Path) -> Outcome {
    let mut out = NpzWriter::new(BufWriter::with_capacity(
        1 << 20,
        std::fs::File::create(path)?,
    ));
    let columns = 161;
    for (name, axis) in [("xcoords", 0), ("ycoords", 1)] {
        out.begin(name, "<f8", &[PATTERNS], PATTERNS as u64 * 8)?;
        for point in 0..PATTERNS {
            let at = if axis == 0 {
                point % columns
            } else {
                point / columns
            };
            out.write_all(&(at as f64 * 5.0).to_le_bytes())?;
        }
    }
    out.begin(
        "diff3d",
        "<u2",
        &[PATTERNS, SIDE, SIDE],
        (PATTERNS * PATTERN_BYTES) as u64,
    )?;
    let mut state = 1u64;
    let mut block = vec![0u8; PATTERN_BYTES];
    for _ in 0..PATTERNS {
        for pixel in block.as_chunks_mut::<2>().0 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *pixel = u16::to_le_bytes((state >> 56) as u16 & (state >> 48) as u16);
        }
        out.write_all(&block)?;
    }
    Ok(out.finish()?.flush()?)
}

/// Copies every pattern into one buffer of a batch's size.
fn copy(scan: &Scan, buffer: &mut [u8]) -> Outcome {
    let data = scan
        .require_diffraction()?
        .rows(&RowSet::Range(0..PATTERNS))?;
    let places = buffer.len() / PATTERN_BYTES;
    for row in 0..PATTERNS {
        let start = row % places * PATTERN_BYTES;
        buffer[start..start + PATTERN_BYTES].copy_from_slice(data.row(row));
        black_box(&buffer);
    }
    Ok(())
}

/// The first value of a query's answer.
fn number(session: &Session, sql: &str) -> Outcome<f64> {
    let batch = session.query(sql)?.next().ok_or("no rows")??;
    Ok(batch.column(0).as_primitive::<Float64Type>().value(0))
}

fn seconds(run: impl FnOnce() -> Outcome) -> Outcome<f64> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn session(path: &Path, threads: usize) -> Outcome<Session> {
    let session = Session::try_new(Some(threads), &ScanOptions::default())?;
    session.register("public", path, &RegisterOptions::default())?;
    Ok(session)
}

fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scan.npz");
    write_scan(&path)?;
    let scan = Scan::open(&path)?;
    let total = (PATTERNS * PATTERN_BYTES) as f64;
    let mut buffer = vec![0; 8 << 20];
    copy(&scan, &mut buffer)?;

    let all = std::thread::available_parallelism()?.get();
    let (one, many) = (session(&path, 1)?, session(&path, all)?);
    let range = "SELECT diffraction FROM scan WHERE scan_point BETWEEN 12000 AND 12099";
    let read = seconds(|| Ok(one.query(range)?.try_for_each(|batch| batch.map(drop))?))?;
    let plan = one
        .query(&format!("EXPLAIN ANALYZE {range}"))?
        .collect::<Result<Vec<_>, _>>()?;
    let plan = pretty_format_batches(&plan)?.to_string();
    let metric = |name: &str| {
        plan.split(name)
            .nth(1)
            .and_then(|rest| rest.split([',', ']']).next())
            .map(str::to_string)
    };
    let of = |name| metric(name).unwrap_or_default();
    println!(
        "100 of {PATTERNS} patterns by scan_point: {:.1} ms",
        read * 1e3
    );
    println!(
        "  bytes gathered {}, mapped {}, copied {}",
        of("bytes_gathered="),
        of("bytes_mapped="),
        of("bytes_copied=")
    );

    println!(
        "\n{:<36} {:>8} {:>8} {:>16}",
        "over all 3.4 GB", "s", "GB/s", "of a copy's rate"
    );
    let queries = [
        "pattern_sum",
        "pattern_max",
        "pattern_std",
        "pattern_energy",
    ];
    let mut times = vec![Vec::new(); 1 + 2 * queries.len()];
    for _ in 0..RUNS {
        times[0].push(seconds(|| copy(&scan, &mut buffer))?);
        for (at, name) in queries.iter().enumerate() {
            let sql = format!("SELECT sum({name}(diffraction)) FROM scan");
            times[1 + 2 * at].push(seconds(|| {
                number(&one, &sql).map(|sum| _ = black_box(sum))
            })?);
            times[2 + 2 * at].push(seconds(|| {
                number(&many, &sql).map(|sum| _ = black_box(sum))
            })?);
        }
    }
    let copied = median(&mut times[0]);
    let line = |what: &str, time: f64| {
        println!(
            "{what:<36} {time:>8.3} {:>8.2} {:>16.2}",
            total / time / 1e9,
            copied / time
        );
    };
    line("copy into one buffer, one thread", copied);
    for (at, name) in queries.iter().enumerate() {
        line(
            &format!("{name}, one thread"),
            median(&mut times[1 + 2 * at]),
        );
        line(
            &format!("{name}, {all} threads"),
            median(&mut times[2 + 2 * at]),
        );
    }
    if let Some(python) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) {
        let parquet = folder.path().join("scan.parquet");
        let reader = many.query("SELECT diffraction FROM scan")?;
        ptychoarrow::export::write(reader, &parquet, &Default::default())?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/sql.py");
        let sum = number(&one, "SELECT sum(pattern_sum(diffraction)) FROM scan")?;
        Command::new(python)
            .arg(script)
            .args([&path, &parquet])
            .arg(sum.to_string())
            .status()?;
    }
    Ok(())
}
