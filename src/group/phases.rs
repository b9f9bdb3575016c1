//! Measures how long forming groups takes, phase by phase.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Names a phase of forming groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The tree, or the grid, of positions is built.
    Tree,
    /// Seed points are drawn, their neighbours looked up, their members drawn.
    Sampling,
    /// The patterns are read for the normalisation factor.
    Norm,
}

const ALL: [(Phase, &str); 3] = [
    (Phase::Tree, "tree"),
    (Phase::Sampling, "sampling"),
    (Phase::Norm, "norm"),
];

/// Holds the time spent in each phase so far.
#[derive(Debug, Default)]
pub struct Phases {
    nanos: [AtomicU64; 3],
}

impl Phases {
    /// Runs something and adds the time it takes to a phase.
    pub fn time<T>(&self, phase: Phase, run: impl FnOnce() -> T) -> T {
        let name = ALL[phase as usize].1;
        let _span = tracing::debug_span!("phase", name).entered();
        let start = Instant::now();
        let result = run();
        self.nanos[phase as usize].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    /// Returns the phases by name, and how long each took.
    pub fn spent(&self) -> Vec<(&'static str, Duration)> {
        let spent =
            |phase: Phase| Duration::from_nanos(self.nanos[phase as usize].load(Ordering::Relaxed));
        ALL.iter()
            .map(|(phase, name)| (*name, spent(*phase)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use crate::{GroupSpec, Groups, ReadOptions, Scan};

    /// Collects the spans that are opened, with their fields.
    struct Spans(Arc<Mutex<Vec<String>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0 += &format!(" {field}={value:?}");
        }
    }

    impl Subscriber for Spans {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("ptychoarrow")
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut text = Text(span.metadata().name().to_string());
            span.record(&mut text);
            let mut spans = self.0.lock().unwrap();
            spans.push(text.0);
            Id::from_u64(spans.len() as u64)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn spans_tell_what_a_read_does() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Spans(Arc::clone(&seen)), || {
            let scan = Scan::open("tests/data/siemens_star.npz").unwrap();
            let spec = GroupSpec {
                n_groups: Some(20),
                ..Default::default()
            };
            let columns = Some(vec!["diffraction_normalized".to_string()]);
            let read = ReadOptions {
                columns,
                batch_rows: Some(12),
                ..Default::default()
            };
            assert_eq!(
                Groups::try_new(&scan, spec)
                    .unwrap()
                    .read(&read)
                    .unwrap()
                    .count(),
                2
            );
        });
        let spans = seen.lock().unwrap().join("\n");
        for span in [
            "open file=",
            "scan file=",
            "phase name=\"tree\"",
            "phase name=\"sampling\"",
            "phase name=\"norm\"",
        ] {
            assert!(spans.contains(span), "{span}: {spans}");
        }
        assert!(
            spans.contains("batch table=\"groups\" rows=12") && spans.contains("gather groups=8"),
            "{spans}"
        );
    }
}
