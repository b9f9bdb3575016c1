//! `--profile`: where the time went, how fast bytes moved, what memory and page faults it took.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use bytesize::ByteSize;

use super::output::log;
use crate::table::{Table, row_bytes};

/// A phase: its name, seconds, and the bytes it moved.
#[derive(Debug, Clone)]
struct Phase {
    name: String,
    spent: Duration,
    bytes: u64,
}

static PHASES: Mutex<Vec<Phase>> = Mutex::new(Vec::new());

/// Adds to a phase.
pub fn add(name: &str, spent: Duration, bytes: u64) {
    let mut phases = PHASES.lock().unwrap_or_else(PoisonError::into_inner);
    match phases.iter_mut().find(|phase| phase.name == name) {
        Some(phase) => {
            phase.spent += spent;
            phase.bytes += bytes;
        }
        None => phases.push(Phase {
            name: name.to_string(),
            spent,
            bytes,
        }),
    }
}

/// Runs something on account of a phase.
pub fn phase<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    add(name, start.elapsed(), 0);
    result
}

/// What a table's own phases have taken.
pub fn add_phases_of(table: &dyn Table) {
    table
        .phases()
        .into_iter()
        .for_each(|(name, spent)| add(name, spent, 0));
}

/// The time a table takes for its batches, less that of its phases, is the gather's; what lies between the batches belongs
/// to whoever takes them, and is that of writing.
pub struct Profiled<'a, R> {
    reader: R,
    table: &'a dyn Table,
    handed_out: Option<(Instant, u64)>,
}

impl<'a, R> Profiled<'a, R> {
    pub fn new(reader: R, table: &'a dyn Table) -> Self {
        Self {
            reader,
            table,
            handed_out: None,
        }
    }

    fn phases(&self) -> Duration {
        self.table
            .phases()
            .into_iter()
            .map(|(_, spent)| spent)
            .sum()
    }
}

impl<R: RecordBatchReader> Iterator for Profiled<'_, R> {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((since, bytes)) = self.handed_out.take() {
            add("write", since.elapsed(), bytes);
        }
        let (start, before) = (Instant::now(), self.phases());
        let batch = self.reader.next();
        let spent = start
            .elapsed()
            .saturating_sub(self.phases().saturating_sub(before));
        if let Some(Ok(batch)) = &batch {
            let bytes = (batch.num_rows() * row_bytes(batch.schema_ref())) as u64;
            add("gather", spent, bytes);
            self.handed_out = Some((Instant::now(), bytes));
        }
        batch
    }
}

impl<R: RecordBatchReader> RecordBatchReader for Profiled<'_, R> {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}

/// Watches the process until it is asked for its report.
pub struct Watch {
    start: Instant,
    faults: [u64; 2],
    done: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    sampler: JoinHandle<()>,
}

impl Watch {
    pub fn start() -> Self {
        let (done, peak) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let sampler = {
            let (done, peak) = (Arc::clone(&done), Arc::clone(&peak));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    peak.fetch_max(private_bytes(), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            })
        };
        Self {
            start: Instant::now(),
            faults: page_faults(),
            done,
            peak,
            sampler,
        }
    }

    /// Prints the phases, the total, the most private memory and the page faults.
    pub fn report(self) {
        let total = self.start.elapsed();
        self.peak.fetch_max(private_bytes(), Ordering::Relaxed);
        self.done.store(true, Ordering::Relaxed);
        drop(self.sampler.join());
        let phases = std::mem::take(&mut *PHASES.lock().unwrap_or_else(PoisonError::into_inner));
        let known: Duration = phases.iter().map(|phase| phase.spent).sum();
        log(&format!(
            "{:<10} {:>10} {:>10} {:>12}",
            "phase", "seconds", "bytes", "bytes/s"
        ));
        let other = Phase {
            name: "other".to_string(),
            spent: total.saturating_sub(known),
            bytes: 0,
        };
        for Phase { name, spent, bytes } in phases.into_iter().chain([other]) {
            let seconds = spent.as_secs_f64();
            let (bytes, rate) = match bytes {
                0 => (String::new(), String::new()),
                bytes => (
                    ByteSize::b(bytes).to_string(),
                    ByteSize::b((bytes as f64 / seconds) as u64).to_string(),
                ),
            };
            log(&format!(
                "{name:<10} {seconds:>10.4} {bytes:>10} {rate:>12}"
            ));
        }
        let [minor, major] = page_faults();
        let (minor, major) = (
            minor.saturating_sub(self.faults[0]),
            major.saturating_sub(self.faults[1]),
        );
        let peak = ByteSize::b(self.peak.load(Ordering::Relaxed));
        log(&format!(
            "total {:.4} s, at most {peak} of private memory, {minor} page faults, {major} of them with a read",
            total.as_secs_f64()
        ));
    }
}

/// Private memory of this process, mapped files left out; 0 where the system does not tell.
fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Page faults so far, minor and major; 0 where the system does not tell.
fn page_faults() -> [u64; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold blanks: state is the first field, the faults the 8th and the 10th.
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
