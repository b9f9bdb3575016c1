//! How far a long task is: one convention for inflating, checking and writing.

use std::fmt;
use std::sync::Arc;

type Listener = dyn Fn(&Step<'_>) + Send + Sync;

/// Receives the progress of long tasks. The default listens to nothing.
///
/// The listener is called on the thread that does the work, never while a lock of this crate is held: it may use
/// the same file.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

/// Describes how far one task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step<'a> {
    /// The task: the name of the member that is inflated, or of the file that is checked or written.
    pub task: &'a str,
    /// What is counted.
    pub unit: Unit,
    /// The amount that is done.
    pub done: u64,
    /// The amount in all, if it is known.
    pub total: Option<u64>,
}

/// Names what the numbers of a [`Step`] count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Rows of a table.
    Rows,
}

impl Progress {
    /// Creates a progress that calls `listener` again and again.
    pub fn new(listener: impl Fn(&Step<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Reports bytes done of a task.
    pub(crate) fn bytes(&self, task: &str, done: u64, total: u64) {
        self.report(&Step {
            task,
            unit: Unit::Bytes,
            done,
            total: Some(total),
        });
    }

    /// Reports rows done of a task.
    #[cfg_attr(not(feature = "export"), allow(dead_code))]
    pub(crate) fn rows(&self, task: &str, done: u64, total: Option<u64>) {
        self.report(&Step {
            task,
            unit: Unit::Rows,
            done,
            total,
        });
    }

    fn report(&self, step: &Step<'_>) {
        if let Some(listener) = &self.0 {
            listener(step);
        }
    }
}

/// Two options are equal whatever their listeners: what is read does not depend on them.
impl PartialEq for Progress {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(a listener)"
        } else {
            "Progress(no listener)"
        })
    }
}
