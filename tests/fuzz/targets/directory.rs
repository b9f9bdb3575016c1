//! Bytes as an archive: its directory, and the headers of its members.
#![no_main]

#[path = "../body.rs"]
#[allow(dead_code)] // each target uses a part
mod body;
#[path = "../memory.rs"]
mod memory;
#[path = "../mutate.rs"]
mod mutate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    body::open_directory(bytes, body::Way::Memory);
});

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::archive(data, size, max_size, seed)
});
