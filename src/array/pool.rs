//! Keeps buffers, and uses them again once nobody holds them.
//!
//! glibc gives large buffers back to the system as soon as they are free, and each new one is then faulted in
//! page by page: two columns of 4 MiB per batch came at 1.3 GB/s, from used buffers at 20 GB/s and more.

use std::sync::{Mutex, PoisonError};

use arrow::buffer::{Buffer, MutableBuffer};

use crate::error::{Parameter, Result};
use crate::memory;

/// Keeps the last few buffers that were handed out.
///
/// A buffer whose batch was dropped is filled again; one that is still held is left to its holders.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    handed_out: Mutex<Vec<Buffer>>,
}

/// The number of buffers kept: enough for two batches of two wide columns each.
const KEPT: usize = 4;

/// The sizes in bytes that are kept: smaller buffers need no pool, larger ones would hold too much memory.
const WORTH_KEEPING: std::ops::Range<usize> = 64 << 10..64 << 20;

impl Pool {
    /// Returns a buffer of `count` values of `size` bytes each, with any contents.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) if that much memory cannot be had.
    pub fn take(&self, count: usize, size: usize) -> Result<MutableBuffer> {
        let bytes = count as u128 * size as u128;
        let len = memory::check(bytes, "a batch of a column", Parameter::BatchBytes)?;
        let free = if WORTH_KEEPING.contains(&len) {
            let mut handed_out = self
                .handed_out
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // A buffer that is much too large is left: a small batch would hold it.
            let fits = |buffer: &Buffer| {
                buffer.strong_count() == 1 && (len..=2 * len).contains(&buffer.capacity())
            };
            handed_out
                .iter()
                .position(fits)
                .map(|at| handed_out.swap_remove(at))
        } else {
            None
        };
        Ok(match free.map(Buffer::into_mutable) {
            Some(Ok(mut buffer)) => {
                buffer.resize(len, 0);
                buffer
            }
            _ => MutableBuffer::from_len_zeroed(len),
        })
    }

    /// Turns a filled buffer into one that can be shared, and remembers it.
    pub fn hand_out(&self, buffer: MutableBuffer) -> Buffer {
        let buffer = Buffer::from(buffer);
        if WORTH_KEEPING.contains(&buffer.len()) {
            let mut handed_out = self
                .handed_out
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if handed_out.len() >= KEPT {
                // The oldest is forgotten; whoever still holds it keeps it.
                handed_out.remove(0);
            }
            handed_out.push(buffer.clone());
        }
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_only_when_nobody_holds_it() {
        let pool = Pool::default();
        let filled = |byte: u8| {
            let mut buffer = pool.take(1 << 18, 4).unwrap();
            buffer.as_slice_mut().fill(byte);
            pool.hand_out(buffer)
        };
        let (first, second) = (filled(1), filled(2));
        let address = first.as_ptr();
        assert_ne!(address, second.as_ptr());
        let held = second.slice(17);
        drop((first, second));
        let third = filled(3);
        assert_eq!(third.as_ptr(), address);
        // A slice holds its whole buffer.
        assert!(held.iter().all(|byte| *byte == 2));
        let many: Vec<Buffer> = (4..20).map(filled).collect();
        for (buffer, byte) in many.iter().zip(4..) {
            assert!(buffer.iter().all(|other| *other == byte));
        }
        drop(many);
        // A small one is not cut from a large one.
        for len in [100, 64 << 10, 256 << 10] {
            let small = pool.take(len, 1).unwrap();
            assert!(small.len() == len && small.capacity() < 1 << 20);
        }
        assert!(pool.take(usize::MAX, usize::MAX).is_err());
        assert!(pool.take(600 << 10, 1).unwrap().capacity() >= 1 << 20);
    }
}
