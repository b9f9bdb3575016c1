//! What working out groups took, phase by phase.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A phase of working out groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Building the tree, or the grid, of positions.
    Tree,
    /// Drawing seed points, looking up their neighbours, drawing members.
    Sampling,
    /// The pass over patterns that the normalisation factor takes.
    Norm,
}

const ALL: [(Phase, &str); 3] = [(Phase::Tree, "tree"), (Phase::Sampling, "sampling"), (Phase::Norm, "norm")];

/// Time spent in each phase so far.
#[derive(Debug, Default)]
pub struct Phases {
    nanos: [AtomicU64; 3],
}

impl Phases {
    /// Runs something on account of a phase.
    pub fn time<T>(&self, phase: Phase, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = run();
        self.nanos[phase as usize].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    /// Phases by name, and how long each took.
    pub fn spent(&self) -> Vec<(&'static str, Duration)> {
        let spent = |phase: Phase| Duration::from_nanos(self.nanos[phase as usize].load(Ordering::Relaxed));
        ALL.iter().map(|(phase, name)| (*name, spent(*phase))).collect()
    }
}
