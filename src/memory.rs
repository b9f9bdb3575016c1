//! Memory whose size a parameter decides: had, or refused with an error, but never an abort.

use crate::error::{Error, Parameter, Result};

/// Requests below this size are left to the allocator; looking up the free memory would cost more than they do.
const WORTH_A_LOOK: u128 = 256 << 20;

/// Reserves room for `len` values.
///
/// # Errors
/// [`Error::TooLarge`] if there is not so much memory.
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
        assert_eq!(
            filled(7u8, 3, "a table", Parameter::NGroups).unwrap(),
            [7, 7, 7]
        );
    }
}
