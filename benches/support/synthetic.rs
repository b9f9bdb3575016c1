//! Makes up scans of any size, for benchmarks and for trials.

use std::io::{BufWriter, Write};
use std::path::Path;

use ptychoarrow::internals::NpzWriter;

/// Describes the scan to make.
#[derive(Debug, Clone, Copy)]
pub struct Synthetic {
    pub patterns: usize,
    /// N: a pattern has N x N pixels; 0 for positions alone.
    pub side: usize,
    /// `<f4`, `<f8`, `<u2`, `<i4` or `>f4`.
    pub dtype: &'static str,
}

impl Synthetic {
    pub fn bytes(&self) -> usize {
        self.patterns * self.side * self.side * self.item()
    }

    fn item(&self) -> usize {
        self.dtype[2..].parse().unwrap_or(4)
    }
}

/// A raster 5 pixels wide, each position off by up to 2, and patterns of small whole numbers, no two the
/// same; the same file every time. A probe of N x N, too.
pub fn write(path: &Path, scan: Synthetic) -> std::io::Result<()> {
    let mut out = NpzWriter::new(BufWriter::with_capacity(
        1 << 20,
        std::fs::File::create(path)?,
    ));
    let columns = (scan.patterns as f64).sqrt().ceil().max(1.0) as usize;
    for (name, axis) in [("xcoords", 0), ("ycoords", 1)] {
        out.begin(name, "<f8", &[scan.patterns], scan.patterns as u64 * 8)?;
        for point in 0..scan.patterns {
            let at = if axis == 0 {
                point % columns
            } else {
                point / columns
            };
            let jitter = unit(2 * point as u64 + axis) * 4.0 - 2.0;
            out.write_all(&(at as f64 * 5.0 + jitter + 32.0).to_le_bytes())?;
        }
    }
    if scan.side > 0 {
        let side = scan.side;
        out.begin(
            "diff3d",
            scan.dtype,
            &[scan.patterns, side, side],
            scan.bytes() as u64,
        )?;
        // Patterns are cut from a bank of numbers, each from its own place.
        let pixels = side * side;
        let bank: Vec<u8> = (0..4 * pixels as u64)
            .flat_map(|at| value(scan.dtype, (unit(at) * 200.0) as u8))
            .collect();
        let item = scan.item();
        for point in 0..scan.patterns {
            let start = point * 7919 % (3 * pixels) * item;
            out.write_all(&bank[start..start + pixels * item])?;
        }
        out.begin("probeGuess", "<c8", &[side, side], pixels as u64 * 8)?;
        for pixel in 0..pixels {
            let from_middle = |at: usize| at as f32 - side as f32 / 2.0;
            let (row, column) = (from_middle(pixel / side), from_middle(pixel % side));
            let size = (-(row * row + column * column) / (side * side) as f32 * 16.0).exp();
            out.write_all(&[size.to_le_bytes(), 0f32.to_le_bytes()].concat())?;
        }
    }
    out.finish()?.flush()
}

/// A number in 0..1 that looks random: SplitMix64.
fn unit(at: u64) -> f64 {
    let z = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn value(dtype: &str, value: u8) -> Vec<u8> {
    match dtype {
        "<u2" => u16::from(value).to_le_bytes().to_vec(),
        "<i4" => i32::from(value).to_le_bytes().to_vec(),
        "<f8" => f64::from(value).to_le_bytes().to_vec(),
        ">f4" => f32::from(value).to_be_bytes().to_vec(),
        _ => f32::from(value).to_le_bytes().to_vec(),
    }
}
