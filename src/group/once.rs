//! Keeps a value that is computed when it is first asked for.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::Result;

/// Holds a value that is computed once; if that fails, the next call tries again.
/// (`OnceLock::get_or_try_init` is not stable yet.)
///
/// Threads outside rayon wait for each other, so none of them repeats the work. Tasks of a rayon pool never
/// wait, because every kind of waiting can deadlock there: the value may itself be computed in parallel on
/// the same pool, and a worker that waits for its parts may take up another task, which then asks for the
/// value that the same worker is computing further down its stack. Such tasks each compute the value for
/// themselves and the first result is kept. This crate therefore asks for its values before it hands work to
/// a pool; whoever reads groups in rayon tasks of their own does the same by calling
/// [`Groups::index`](super::Groups::index) first.
#[derive(Debug)]
pub struct Once<T> {
    value: OnceLock<T>,
    turn: Mutex<()>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            value: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }
}

impl<T> From<T> for Once<T> {
    fn from(value: T) -> Self {
        Self {
            value: OnceLock::from(value),
            turn: Mutex::new(()),
        }
    }
}

impl<T> Once<T> {
    /// Returns the value, if it has been computed.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value, and computes it first if need be.
    ///
    /// # Errors
    /// As `compute`.
    pub fn get_or_try_init(&self, compute: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let is_in_pool = rayon::current_thread_index().is_some();
        let _turn = (!is_in_pool).then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = compute()?;
        Ok(self.value.get_or_init(|| value))
    }
}
