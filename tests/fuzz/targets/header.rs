//! Bytes as an NPY header.
#![no_main]

#[path = "../body.rs"]
#[allow(dead_code)] // each target uses a part
mod body;
#[path = "../memory.rs"]
mod memory;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::parse_header(bytes));
