//! How much private memory a process takes; for tests and benchmarks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Returns the bytes of private memory of this process, without mapped files; 0 where the system does not tell.
pub fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Returns the most private memory while something runs, above what there was before, sampled every two milliseconds and at
/// the end, when the result is still there.
pub fn private_peak<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let (done, peak) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let before = private_bytes();
    let sampler = {
        let (done, peak) = (Arc::clone(&done), Arc::clone(&peak));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(private_bytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let result = run();
    peak.fetch_max(private_bytes(), Ordering::Relaxed);
    done.store(true, Ordering::Relaxed);
    drop(sampler.join());
    (result, peak.load(Ordering::Relaxed).saturating_sub(before))
}
