//! Makes a scan up, of any size, in constant memory: for benchmarks and for trying things out.
//!
//! `cargo run --release --no-default-features --example make_scan -- M scan.npz [--dtype u2] [--sparse]`
//!
//! Sizes: S is 516 patterns of 64 x 64, M 10,304 of 64 x 64, L 25,921 of 256 x 256, XL 40,401 and XXL 131,072
//! of 256 x 256; or PATTERNSxN, such as 60000x64; x0 for positions alone. f4 unless a dtype is given: u2, i4,
//! f8. A sparse scan takes no space on the disk: its patterns, 256 x 256 f4, are zeros.

#![allow(clippy::unwrap_used)] // of tests/it/sparse.rs, which has no caller to tell

#[path = "../tests/it/sparse.rs"]
#[allow(dead_code)]
mod sparse;
#[path = "../benches/support/synthetic.rs"]
#[allow(dead_code)]
mod synthetic;

use std::path::Path;

use synthetic::{Synthetic, write};

const USAGE: &str =
    "usage: make_scan S|M|L|XL|XXL|PATTERNSxN OUT.npz [--dtype f4|u2|i4|f8] [--sparse]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (mut names, mut dtype, mut is_sparse) = (Vec::new(), "<f4", false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--sparse" => is_sparse = true,
            "--dtype" => dtype = dtype_of(rest.next().ok_or(USAGE)?)?,
            name => names.push(name),
        }
    }
    let [size, out] = names[..] else {
        return Err(USAGE.into());
    };
    let (patterns, side) = size_of(size)?;
    match is_sparse {
        true => sparse::sparse(Path::new(out), patterns as u64),
        false => write(
            Path::new(out),
            Synthetic {
                patterns,
                side,
                dtype,
            },
        )?,
    }
    println!(
        "{out}: {patterns} positions, {:.1} GB",
        std::fs::metadata(out)?.len() as f64 / 1e9
    );
    Ok(())
}

fn size_of(size: &str) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    Ok(match size {
        "S" => (516, 64),
        "M" => (10_304, 64),
        "L" => (25_921, 256),
        "XL" => (40_401, 256),
        "XXL" => (131_072, 256),
        other => {
            let (patterns, side) = other.split_once('x').ok_or(USAGE)?;
            (patterns.parse()?, side.parse()?)
        }
    })
}

fn dtype_of(name: &str) -> Result<&'static str, Box<dyn std::error::Error>> {
    ["<f4", "<u2", "<i4", "<f8"]
        .into_iter()
        .find(|dtype| dtype[1..] == *name)
        .ok_or_else(|| USAGE.into())
}
