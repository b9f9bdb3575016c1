//! Shows, for `--profile`, where the time went, how many bytes moved, and what memory and page faults it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytesize::ByteSize;

use super::output::log;
use super::spans::{Phase, Spans};

/// Watches the process until it is asked for its report.
pub struct Watch {
    start: Instant,
    faults: [u64; 2],
    spans: Arc<Spans>,
    sampler: Sampler,
}

impl Watch {
    /// Begins to watch: from here on the spans of this crate are added up.
    pub fn start() -> Self {
        let spans = Arc::new(Spans::default());
        // There is no other subscriber in this process; if there were, it would be the one that is told.
        drop(tracing::subscriber::set_global_default(Arc::clone(&spans)));
        Self {
            start: Instant::now(),
            faults: page_faults(),
            spans,
            sampler: Sampler::start(),
        }
    }

    /// Prints the phases, the total, the most private memory and the page faults.
    pub fn report(self) {
        let total = self.start.elapsed();
        let peak = ByteSize::b(self.sampler.stop());
        let mut phases = self.spans.phases();
        let known: Duration = phases.iter().map(|phase| phase.spent).sum();
        phases.push(Phase {
            name: "other".to_string(),
            spent: total.saturating_sub(known),
            bytes: 0,
        });
        log(&format!(
            "{:<10} {:>10} {:>10} {:>12}",
            "phase", "seconds", "bytes", "bytes/s"
        ));
        phases.iter().for_each(|phase| log(&line(phase)));
        let [minor, major] = page_faults();
        let (minor, major) = (
            minor.saturating_sub(self.faults[0]),
            major.saturating_sub(self.faults[1]),
        );
        log(&format!(
            "total {:.4} s, at most {peak} of private memory, {minor} page faults, {major} of them with a read",
            total.as_secs_f64()
        ));
    }
}

fn line(phase: &Phase) -> String {
    let seconds = phase.spent.as_secs_f64();
    let (bytes, rate) = match phase.bytes {
        0 => (String::new(), String::new()),
        bytes => (
            ByteSize::b(bytes).to_string(),
            ByteSize::b((bytes as f64 / seconds) as u64).to_string(),
        ),
    };
    let name = &phase.name;
    format!("{name:<10} {seconds:>10.4} {bytes:>10} {rate:>12}")
}

/// Looks at the private memory of this process every two milliseconds.
struct Sampler {
    done: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Sampler {
    fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let peak = Arc::new(AtomicU64::new(0));
        let (is_done, highest) = (Arc::clone(&done), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                highest.fetch_max(private_bytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { done, peak, thread }
    }

    /// Returns the most bytes seen.
    fn stop(self) -> u64 {
        self.peak.fetch_max(private_bytes(), Ordering::Relaxed);
        self.done.store(true, Ordering::Relaxed);
        drop(self.thread.join());
        self.peak.load(Ordering::Relaxed)
    }
}

/// Returns the bytes of private memory, mapped files left out; 0 where the system does not tell.
fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Returns the page faults so far, minor and major; 0 where the system does not tell.
fn page_faults() -> [u64; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The process's name may hold blanks. After it, the state is the first field, the faults are the 8th and the 10th.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let field = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse().ok())
            .unwrap_or(0)
    };
    [field(7), field(9)]
}
