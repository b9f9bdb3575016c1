//! Measures grouping by index alone, all positions as seed points, K = 6, C = 4; finding neighbours where positions are
//! too uneven for the grid; and cutting object patches.
//!
//! `cargo bench --no-default-features --bench group [-- FOLDER]` prints medians. With a folder, the positions are written
//! there for `benches/group.py`, which times SciPy's cKDTree and a NumPy bilinear read on the same data; run
//! both one after the other, and compare ratios.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use ptychoarrow::internals::Neighbors;
use ptychoarrow::internals::NpzWriter;
use ptychoarrow::internals::{Call, table};
use ptychoarrow::internals::{Object, cut, cut_portable};
use ptychoarrow::{GroupSpec, Groups, Scan};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Seconds: the median of `runs`.
fn median(runs: usize, mut run: impl FnMut() -> Outcome) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[runs / 2])
}

/// Numbers in 0..1 that look random and never change: Weyl's sequence, scrambled.
fn noise(count: usize, salt: u64) -> Vec<f64> {
    let mut state = salt;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| next()).collect()
}

/// Returns uniform random positions, about one per unit square, and a lattice of the same number.
fn layouts(count: usize) -> [(&'static str, Vec<f64>, Vec<f64>); 2] {
    let side = (count as f64).sqrt();
    let scaled = |salt| {
        noise(count, salt)
            .into_iter()
            .map(|value| value * side)
            .collect()
    };
    let row = side as usize;
    let lattice = |at: fn(usize, usize) -> usize| (0..count).map(|i| at(i, row) as f64).collect();
    [
        ("uniform", scaled(1), scaled(2)),
        (
            "lattice",
            lattice(|i, row| i % row),
            lattice(|i, row| i / row),
        ),
    ]
}

/// A scan of positions alone.
fn scan_of(path: &std::path::Path, x: &[f64], y: &[f64]) -> Outcome<Scan> {
    let mut out = NpzWriter::new(std::io::BufWriter::new(std::fs::File::create(path)?));
    for (name, values) in [("xcoords", x), ("ycoords", y)] {
        out.begin(name, "<f8", &[values.len()], values.len() as u64 * 8)?;
        for value in values {
            std::io::Write::write_all(&mut out, &value.to_le_bytes())?;
        }
    }
    out.finish()?;
    Ok(Scan::open(path)?)
}

fn groups_in(threads: usize, scan: &Scan) -> Outcome {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let spec = GroupSpec::default().with_gridsize(2).with_neighbors(6);
    let groups = Groups::try_new(scan, spec)?;
    pool.install(|| groups.index().map(|index| black_box(index.num_groups())))?;
    Ok(())
}

/// Returns layouts that crowd in few cells of a grid: a hundred tight clusters, one position far away, a hundred scan
/// points at each place.
fn uneven(count: usize) -> [(&'static str, Vec<f64>, Vec<f64>); 3] {
    let [(_, x, y), _] = layouts(count);
    let clusters = |salt: u64, centre: u64| {
        let centres = noise(100, centre);
        let offsets = noise(count, salt);
        (0..count)
            .map(|i| centres[i * 7919 % 100] * 1e4 + offsets[i])
            .collect()
    };
    let repeated = |values: &[f64]| (0..count).map(|i| values[i % (count / 100)]).collect();
    let far = |values: &[f64]| {
        let mut values = values.to_vec();
        values[count / 2] = 1e9;
        values
    };
    [
        ("clusters", clusters(3, 5), clusters(4, 6)),
        ("outlier", far(&x), far(&y)),
        ("repeated", repeated(&x), repeated(&y)),
    ]
}

/// Finds the 6 nearest of all scan points on one thread, in spatial order.
fn nearest(neighbors: &Neighbors<'_>, points: &[u32]) -> Outcome {
    let order = neighbors.spatial_order(points);
    neighbors.nearest_of_each(points, &order, 6, |_, found| {
        black_box(found.len());
    });
    Ok(())
}

/// Measures the tree behind neighbours, which is kiddo's: building and asking it.
fn searching(folder: &std::path::Path, keep: bool) -> Outcome {
    const COUNT: usize = 100_000;
    let points: Vec<u32> = (0..COUNT as u32).collect();
    for (layout, x, y) in uneven(COUNT).into_iter().chain(layouts(COUNT)) {
        if keep {
            scan_of(&folder.join(format!("{layout}_{COUNT}.npz")), &x, &y)?;
        }
        let neighbors = Neighbors::on_tree(&x, &y, &points);
        for (what, seconds) in [
            (
                "tree, build",
                median(5, || {
                    black_box(Neighbors::on_tree(&x, &y, &points));
                    Ok(())
                })?,
            ),
            (
                "tree, 1 thread",
                median(5, || nearest(&neighbors, &points))?,
            ),
        ] {
            let per_position = seconds * 1e9 / COUNT as f64;
            println!("{COUNT:>10} {layout:>8} {what:>22} {per_position:>16.0} {seconds:>9.3}");
        }
    }
    Ok(())
}

fn grouping(folder: &std::path::Path, keep: bool) -> Outcome {
    println!(
        "{:>10} {:>8} {:>22} {:>16} {:>9}",
        "positions", "layout", "what", "ns per position", "seconds"
    );
    for count in [10_000, 1_000_000, 10_000_000] {
        for (layout, x, y) in layouts(count) {
            let path = folder.join(format!("{layout}_{count}.npz"));
            let scan = scan_of(&path, &x, &y)?;
            scan.positions()?;
            let runs = if count > 1_000_000 { 1 } else { 5 };
            let print = |what: &str, seconds: f64| {
                println!(
                    "{count:>10} {layout:>8} {what:>22} {:>16.0} {seconds:>9.3}",
                    seconds * 1e9 / count as f64
                );
            };
            print("groups, 1 thread", median(runs, || groups_in(1, &scan))?);
            print("groups, 2 threads", median(runs, || groups_in(2, &scan))?);
            if count <= 1_000_000 {
                let call = Call {
                    gridsize: 2,
                    neighbors: 6,
                    n_groups: count,
                    ..Call::default()
                };
                let reference = || {
                    table(&x, &y, &call)
                        .map(drop)
                        .map_err(|refusal| format!("{refusal:?}").into())
                };
                print("ptychopinn, 1 thread", median(1, reference)?);
            }
            if !keep {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

fn patches() -> Outcome {
    const SIDE: usize = 2000;
    const CUTS: usize = 2000;
    let pixels: Vec<f32> = noise(2 * SIDE * SIDE, 3)
        .into_iter()
        .map(|value| value as f32)
        .collect();
    let object = Object::complex64(&pixels, SIDE, SIDE)?;
    println!("\n{:>10} {:>22} {:>16}", "patch", "what", "us a patch");
    for side in [64, 128] {
        let place = |salt| {
            noise(CUTS, salt)
                .into_iter()
                .map(|at| at * (SIDE - side) as f64)
                .collect::<Vec<_>>()
        };
        let (x, y) = (place(4), place(5));
        let mut patch = vec![0.0; side * side * 2];
        for (what, cut) in [
            ("cut", cut as fn(&Object<'_>, [f64; 2], usize, &mut [f32])),
            ("without FMA", cut_portable),
        ] {
            let seconds = median(5, || {
                x.iter()
                    .zip(&y)
                    .for_each(|(x, y)| cut(&object, [*x, *y], side, black_box(&mut patch)));
                Ok(())
            })?;
            println!(
                "{side:>4} x {side:<4} {what:>21} {:>16.2}",
                seconds * 1e6 / CUTS as f64
            );
        }
    }
    Ok(())
}

fn main() -> Outcome {
    let kept = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .map(PathBuf::from);
    let own = std::env::temp_dir().join(format!("ptychoarrow-bench-{}", std::process::id()));
    let folder = kept.clone().unwrap_or(own);
    std::fs::create_dir_all(&folder)?;
    grouping(&folder, kept.is_some())?;
    searching(&folder, kept.is_some())?;
    patches()?;
    if kept.is_none() {
        std::fs::remove_dir(&folder)?;
    }
    Ok(())
}
