//! What the benchmarks share: interleaved runs, medians, ratios against a limit of the machine, memory.
#![allow(dead_code, unused_imports)] // no benchmark uses all of it

#[path = "../../tests/it/private.rs"]
mod private;
pub mod synthetic;

use std::hint::black_box;
use std::time::Instant;

pub use private::private_peak;

use ptychoarrow::Scan;
use ptychoarrow::array::RowSet;

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A piece of work to time.
pub struct Job<'a> {
    pub name: String,
    /// The bytes that a run produces.
    pub bytes: f64,
    pub run: Box<dyn FnMut() -> Outcome + 'a>,
}

pub fn job<'a>(
    name: impl Into<String>,
    bytes: usize,
    run: impl FnMut() -> Outcome + 'a,
) -> Job<'a> {
    Job {
        name: name.into(),
        bytes: bytes as f64,
        run: Box::new(run),
    }
}

/// Runs all jobs once for warmth, then in turn, so that what else the machine does hits all alike. Prints
/// medians; the first job is the limit that the others are measured against, byte for byte.
pub fn compare(title: &str, runs: usize, mut jobs: Vec<Job<'_>>) -> Outcome<Vec<f64>> {
    jobs.iter_mut().try_for_each(|job| (job.run)())?;
    let mut times = vec![Vec::new(); jobs.len()];
    for _ in 0..runs {
        for (job, times) in jobs.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (job.run)()?;
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    println!(
        "\n{title:<52} {:>9} {:>8} {:>8} {:>15}",
        "s", "GB/s", "ratio", "least to most"
    );
    let limit = jobs[0].bytes / medians[0];
    for ((job, time), times) in jobs.iter().zip(&medians).zip(&times) {
        let rate = job.bytes / time;
        let range = format!("{:.3} to {:.3}", times[0], times[times.len() - 1]);
        println!(
            "{:<52} {time:>9.4} {:>8.2} {:>8.2} {range:>15}",
            job.name,
            rate / 1e9,
            rate / limit
        );
    }
    Ok(medians)
}

/// Returns the median.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Copies every pattern, in order, into one buffer that is used again and again: what the machine's memory
/// can do.
pub fn copy_all(scan: &Scan, buffer: &mut [u8]) -> Outcome {
    let column = scan.require_diffraction()?;
    let data = column.rows(&RowSet::Range(0..column.num_rows()))?;
    let (len, mut at) = (column.row_bytes(), 0);
    for row in 0..column.num_rows() {
        if at + len > buffer.len() {
            at = 0;
        }
        buffer[at..at + len].copy_from_slice(data.row(row));
        at += len;
    }
    black_box(buffer);
    Ok(())
}
