//! How much memory a piece of work asks for.
//!
//! The allocator counts the requests of the one thread that [`measure`] is called on, so that tests running beside it do
//! not matter. This is the only unsafe code of the tests: there is no other way to write an allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;

/// Beyond its limit a piece of work may take this much before the process is ended, lest the machine runs out of memory.
const GRACE: usize = 1 << 30;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

/// What the work at hand holds, in bytes; negative where it frees what others asked for.
#[derive(Clone, Copy)]
struct Count {
    held: isize,
    peak: isize,
    limit: isize,
    /// Where the limit was first exceeded.
    excess: Option<&'static str>,
}

thread_local! {
    // Constant and without a destructor: reaching it allocates nothing.
    static COUNT: Cell<Option<Count>> = const { Cell::new(None) };
}

/// Runs `work`, and returns the most bytes it held at once beside its result.
///
/// # Panics
/// If that is more than `limit`, at its end, naming the place where the limit was exceeded. A request far beyond the
/// limit ends the process instead, before any memory is given.
pub fn measure<T>(limit: usize, work: impl FnOnce() -> T) -> (T, usize) {
    COUNT.set(Some(Count {
        held: 0,
        peak: 0,
        limit: limit as isize,
        excess: None,
    }));
    let result = work();
    let count = COUNT.take().expect("nothing else sets it");
    if let Some(place) = count.excess {
        panic!(
            "{} bytes held at once, expected at most {limit}; first exceeded here:\n{place}",
            count.peak
        );
    }
    (result, count.peak as usize)
}

/// Notes that `asked` bytes are about to take the place of `freed`.
fn note(asked: usize, freed: usize) {
    let Some(mut count) = COUNT.get() else { return };
    // The report of a panic takes memory too, and holds the lock that taking down a place needs.
    if std::thread::panicking() {
        return;
    }
    COUNT.set(None);
    count.held = count
        .held
        .saturating_add_unsigned(asked)
        .saturating_sub_unsigned(freed);
    count.peak = count.peak.max(count.held);
    if count.held > count.limit && count.excess.is_none() {
        // Nothing is counted meanwhile.
        let place = Backtrace::force_capture().to_string();
        if count.held > count.limit.saturating_add_unsigned(GRACE) {
            eprintln!(
                "{asked} bytes asked for, {} held then, expected at most {}:\n{place}",
                count.held, count.limit
            );
            std::process::abort();
        }
        count.excess = Some(place.leak());
    }
    COUNT.set(Some(count));
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}
