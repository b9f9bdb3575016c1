//! From a file to batches of grouped patterns, in ten lines: `cargo run --no-default-features --example groups`

use arrow::array::AsArray;
use ptychoarrow::{GroupSpec, Groups, ReadOptions, Result, Scan};

fn main() -> Result<()> {
    let scan = Scan::open("tests/data/siemens_star.npz")?;
    let spec = GroupSpec::default()
        .with_gridsize(2)
        .with_neighbors(6)
        .with_n_groups(500)
        .with_seed(42);
    let groups = Groups::try_new(&scan, spec)?;
    for batch in groups.read(&ReadOptions::default())? {
        let batch = batch?;
        let patterns = batch["diffraction"].as_fixed_size_list(); // one row a group: f4 [4, 64, 64]
        println!(
            "{} groups of {} numbers",
            batch.num_rows(),
            patterns.value_length()
        );
    }
    Ok(())
}
