//! Adds up the time spent in the library's `tracing` spans, by phase.
//!
//! This is a subscriber of its own: a sum per name needs neither the registry of `tracing-subscriber` nor its crates.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Holds the sums of one phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The phase's name.
    pub name: String,
    /// The time spent in it, by all threads together, without the time spent in phases within it.
    pub spent: Duration,
    /// The bytes it moved.
    pub bytes: u64,
}

/// Adds up the spans of this crate.
///
/// A span's id is the number of its phase plus 1: two spans of one phase need not be told apart.
#[derive(Debug, Default)]
pub struct Spans {
    phases: Mutex<Vec<Phase>>,
}

/// A span that a thread is in.
struct Entered {
    begun: Instant,
    /// The time spent in spans within this one.
    within: Duration,
}

thread_local! {
    /// The spans that this thread is in, outermost first.
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// The span that waits for the rows a writer writes: its time belongs to whoever makes the rows.
const WAITING: &str = "read";

impl Spans {
    /// Returns the sums so far, in the order in which the phases began.
    pub fn phases(&self) -> Vec<Phase> {
        let phases = self.lock().clone();
        phases
            .into_iter()
            .filter(|phase| phase.name != WAITING)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Phase>> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, span: &Id, update: impl FnOnce(&mut Phase)) {
        let index = span.into_u64() as usize - 1;
        if let Some(phase) = self.lock().get_mut(index) {
            update(phase);
        }
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("ptychoarrow")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let name = match span.metadata().name() {
            "phase" => fields.name.as_deref().unwrap_or("phase"),
            "open" | "scan" => "open",
            "batch" | "gather" => "gather",
            name => name,
        };
        let mut phases = self.lock();
        let known = phases.iter().position(|phase| phase.name == name);
        let index = known.unwrap_or_else(|| {
            phases.push(Phase {
                name: name.to_string(),
                spent: Duration::ZERO,
                bytes: 0,
            });
            phases.len() - 1
        });
        phases[index].bytes += fields.bytes;
        Id::from_u64(index as u64 + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.update(span, |phase| phase.bytes += fields.bytes);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            entered.push(Entered {
                begun: Instant::now(),
                within: Duration::ZERO,
            });
        });
    }

    fn exit(&self, span: &Id) {
        let spent = ENTERED.with_borrow_mut(|entered| {
            let Entered { begun, within } = entered.pop()?;
            let elapsed = begun.elapsed();
            if let Some(outer) = entered.last_mut() {
                outer.within += elapsed;
            }
            Some(elapsed.saturating_sub(within))
        });
        self.update(span, |phase| phase.spent += spent.unwrap_or_default());
    }
}

/// The fields of a span that matter here.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    bytes: u64,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "bytes" {
            self.bytes = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "name" {
            self.name = Some(value.to_string());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_phase_is_charged_for_its_own_time_and_bytes() {
        let spans = Arc::new(Spans::default());
        let nap = || std::thread::sleep(Duration::from_millis(20));
        tracing::subscriber::with_default(Arc::clone(&spans), || {
            let write = tracing::debug_span!("write", bytes = tracing::field::Empty).entered();
            {
                let _waiting = tracing::debug_span!("read").entered();
                for _ in 0..2 {
                    let _batch = tracing::debug_span!("batch", bytes = 7u64).entered();
                    let _phase = tracing::debug_span!("phase", name = "tree").entered();
                    nap();
                }
            }
            write.record("bytes", 5u64);
        });
        let phases = spans.phases();
        let names: Vec<_> = phases
            .iter()
            .map(|phase| (phase.name.as_str(), phase.bytes))
            .collect();
        assert_eq!(names, [("write", 5), ("gather", 14), ("tree", 0)]);
        assert!(phases[2].spent >= Duration::from_millis(40), "{phases:?}");
        let others = phases[0].spent + phases[1].spent;
        assert!(others < phases[2].spent, "{phases:?}");
    }
}
