//! How the cost of groups grows with the number of positions: a table as CSV on standard output, and the
//! exponent.
//!
//! `cargo bench --no-default-features --bench linear > linear.csv`. Every position is a seed point, K = 6, C = 4; the columns
//! that need no pattern are read, batch after batch, from a file of positions alone. Memory is the most
//! private memory above what there was before. The last lines, on standard error, are the exponents of time
//! and of memory from 100,000 positions on, by least squares over logarithms: 1 is linear.

mod support;

use std::hint::black_box;
use std::time::Instant;

use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
use support::synthetic::{Synthetic, write};
use support::{Outcome, median, private_peak};

fn groups_of(path: &std::path::Path) -> Outcome<usize> {
    let groups = Groups::try_new(&Scan::open(path)?, GroupSpec::default().with_neighbors(6))?;
    let columns = ["group_id", "nn_indices", "coords_nn", "span"];
    let mut rows = 0;
    for batch in groups.read(&ReadOptions::default().with_columns(columns))? {
        rows += black_box(batch?).num_rows();
    }
    Ok(rows)
}

/// The slope of a line through points, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let products: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    products
        / points
            .iter()
            .map(|point| (point.0 - x).powi(2))
            .sum::<f64>()
}

fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    println!("positions,seconds,ns_per_position,private_bytes,private_bytes_per_position");
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    for count in [
        1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000,
    ] {
        let path = folder.path().join("positions.npz");
        write(
            &path,
            Synthetic {
                patterns: count,
                side: 0,
                dtype: "<f4",
            },
        )?;
        let runs = if count < 1_000_000 { 7 } else { 3 };
        let (mut seconds, mut most) = (Vec::new(), 0);
        for _ in 0..runs {
            let start = Instant::now();
            let (rows, peak) = private_peak(|| groups_of(&path).map_err(|error| error.to_string()));
            assert_eq!(rows?, count);
            seconds.push(start.elapsed().as_secs_f64());
            most = most.max(peak);
        }
        let time = median(&mut seconds);
        let each = |total: f64| total / count as f64;
        println!(
            "{count},{time:.6},{:.1},{most},{:.1}",
            each(time) * 1e9,
            each(most as f64)
        );
        if count >= 100_000 {
            times.push(((count as f64).ln(), time.ln()));
            sizes.push(((count as f64).ln(), (most as f64).ln()));
        }
    }
    eprintln!(
        "exponent of time {:.3}, of memory {:.3}",
        slope(&times),
        slope(&sizes)
    );
    Ok(())
}
