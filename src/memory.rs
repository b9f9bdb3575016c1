//! Allocates memory whose size a parameter decides: an error, never an abort, where it cannot be had.

use arrow::buffer::MutableBuffer;

use crate::error::{Error, Parameter, Result};

/// Requests below this size are left to the allocator; looking up the free memory would cost more than they
/// do.
const WORTH_A_LOOK: u128 = 256 << 20;

/// Buffers below this size are left to the allocator: trying them first would cost more than it tells.
const WORTH_A_TRY: u128 = 32 << 20;

/// Checks that a buffer of this many bytes can be had, and returns its size.
///
/// # Errors
/// [`Error::TooLarge`] if the system does not have that much memory, or does not grant it.
pub(crate) fn check(bytes: u128, purpose: &'static str, parameter: Parameter) -> Result<usize> {
    if bytes < WORTH_A_TRY {
        return Ok(bytes as usize);
    }
    let probe: Vec<u8> = reserve(bytes, purpose, parameter)?;
    // The reservation is kept from being optimised away.
    std::hint::black_box(probe.as_ptr());
    Ok(bytes as usize)
}

/// Creates a buffer of `count` values of `size` zeros each.
///
/// # Errors
/// As [`check`].
pub(crate) fn zeroed_buffer(
    count: usize,
    size: usize,
    purpose: &'static str,
    parameter: Parameter,
) -> Result<MutableBuffer> {
    let bytes = check(count as u128 * size as u128, purpose, parameter)?;
    Ok(MutableBuffer::from_len_zeroed(bytes))
}

/// Reserves memory for `len` values.
///
/// # Errors
/// [`Error::TooLarge`] if the system does not have that much memory, or does not grant it.
pub(crate) fn reserve<T>(len: u128, purpose: &'static str, parameter: Parameter) -> Result<Vec<T>> {
    let bytes = len.saturating_mul(size_of::<T>() as u128);
    let too_large = || Error::TooLarge {
        purpose,
        bytes,
        parameter,
    };
    // Linux grants more memory than it has, and ends the process once the memory is touched.
    if bytes >= WORTH_A_LOOK && available().is_some_and(|available| bytes > u128::from(available)) {
        return Err(too_large());
    }
    let mut values = Vec::new();
    let len = usize::try_from(len).map_err(|_| too_large())?;
    values.try_reserve_exact(len).map_err(|_| too_large())?;
    Ok(values)
}

/// Creates `len` copies of `value`.
///
/// # Errors
/// As [`reserve`].
pub(crate) fn filled<T: Clone>(
    value: T,
    len: u128,
    purpose: &'static str,
    parameter: Parameter,
) -> Result<Vec<T>> {
    let mut values = reserve(len, purpose, parameter)?;
    values.resize(len as usize, value);
    Ok(values)
}

/// Returns the bytes of memory that can still be had without swapping, if the system tells.
fn available() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    let free = kib.saturating_mul(1024);
    Some(free.min(left_in_cgroup().unwrap_or(u64::MAX)))
}

/// Returns the bytes that the control group of a container leaves, if there is one with a limit.
fn left_in_cgroup() -> Option<u64> {
    let read = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}"))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    Some(read("memory.max")?.saturating_sub(read("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error_with_its_size() {
        for len in [u128::MAX, 1 << 60, 1 << 44] {
            match reserve::<u64>(len, "a table", Parameter::NGroups) {
                Err(Error::TooLarge {
                    bytes, parameter, ..
                }) => {
                    assert_eq!(
                        (bytes, parameter),
                        (len.saturating_mul(8), Parameter::NGroups)
                    );
                }
                other => panic!("{len}: {other:?}"),
            }
        }
        for bytes in [u128::MAX, 1 << 60, 1 << 44] {
            let error = check(bytes, "a batch", Parameter::BatchBytes).unwrap_err();
            assert!(matches!(error, Error::TooLarge { bytes: found, .. } if found == bytes));
        }
        let error = zeroed_buffer(usize::MAX, usize::MAX, "a batch", Parameter::BatchBytes);
        assert!(matches!(error, Err(Error::TooLarge { .. })));
        let buffer = zeroed_buffer(3, 5, "a batch", Parameter::BatchBytes).unwrap();
        assert_eq!(buffer.as_slice(), [0; 15]);
        assert_eq!(
            check(64 << 20, "a batch", Parameter::BatchBytes).unwrap(),
            64 << 20
        );
        assert_eq!(
            filled(7u8, 3, "a table", Parameter::NGroups).unwrap(),
            [7, 7, 7]
        );
    }
}
