//! Bytes as an archive: all that can be read of it.
#![no_main]

#[path = "../body.rs"]
#[allow(dead_code)] // each target uses a part
mod body;
#[path = "../memory.rs"]
mod memory;
#[path = "../mutate.rs"]
mod mutate;

use std::path::PathBuf;
use std::sync::LazyLock;

use body::{Way, read_file};

static SCRATCH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("ptychoarrow-fuzz-{}.npz", std::process::id())));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (seen, _) = read_file(bytes, Way::Memory);
    // Reading by position costs a file each time: one in four will do.
    if bytes.len().is_multiple_of(4) && seen.members > 0 {
        assert_eq!(read_file(bytes, Way::File(&SCRATCH)).0, seen);
    }
});

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::archive(data, size, max_size, seed)
});
