//! Golden hashes: nobody's groups change with threads, batches, partitions, optimisation, or a new
//! dependency.

use arrow::array::{Array, RecordBatch};
use sha2::{Digest, Sha256};

use super::*;
use crate::error::Parameter;
use crate::{Error, ReadOptions, Scan, Table};

const SIEMENS: &str = "tests/data/siemens_star.npz";

/// First 16 hexadecimal digits of SHA-256 over the values of all columns, column after column.
fn hash(batches: &[RecordBatch]) -> String {
    let mut hasher = Sha256::new();
    for column in 0..batches[0].num_columns() {
        for batch in batches {
            let data = batch.column(column).to_data();
            let values = data.child_data().first().unwrap_or(&data);
            let width = values.data_type().primitive_width().unwrap();
            hasher.update(
                &values.buffers()[0].as_slice()[values.offset() * width..][..values.len() * width],
            );
        }
    }
    hasher.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read(groups: &Groups, batch_bytes: usize, partitions: usize) -> Vec<RecordBatch> {
    let columns = groups
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let options = ReadOptions {
        columns: Some(columns),
        batch_bytes,
        ..Default::default()
    };
    let rows = groups.num_rows().unwrap();
    let part = |at: usize| {
        let range = rows * at / partitions..rows * (at + 1) / partitions;
        let options = ReadOptions {
            rows: crate::table::Rows::Range(range),
            ..options.clone()
        };
        groups
            .read(&options)
            .unwrap()
            .map(std::result::Result::unwrap)
            .collect::<Vec<_>>()
    };
    (0..partitions).flat_map(part).collect()
}

fn spec() -> GroupSpec {
    GroupSpec {
        neighbors: Some(6),
        seed: 42,
        n_groups: Some(100),
        ..Default::default()
    }
}

/// Name, spec, hash.
fn goldens() -> Vec<(&'static str, GroupSpec, &'static str)> {
    vec![
        ("plain", spec(), "a49ab44cc5e52aef"),
        (
            "another seed",
            GroupSpec {
                seed: 1 << 40,
                ..spec()
            },
            "33d9295f2f5de9e2",
        ),
        (
            "another epoch",
            GroupSpec { epoch: 1, ..spec() },
            "a451ca1f73ceaf23",
        ),
        (
            "sequential",
            GroupSpec {
                sampling: Sampling::Sequential,
                ..spec()
            },
            "00ed089585dfcc66",
        ),
        (
            "groups of one",
            GroupSpec {
                gridsize: 1,
                ..spec()
            },
            "da255868cec828c6",
        ),
        (
            "groups of nine",
            GroupSpec {
                gridsize: 3,
                neighbors: Some(20),
                ..spec()
            },
            "3582dba8aa376aec",
        ),
        (
            "seed in the pool",
            GroupSpec {
                include_seed: IncludeSeed::Pool,
                ..spec()
            },
            "3741fdfafa2c59f6",
        ),
        (
            "seed first",
            GroupSpec {
                include_seed: IncludeSeed::First,
                ..spec()
            },
            "53820fe2ca663787",
        ),
        (
            "near ones only",
            GroupSpec {
                max_distance: Some(20.0),
                n_groups: None,
                ..spec()
            },
            "3e25f78d00adc816",
        ),
        (
            "oversampled",
            GroupSpec {
                group_oversampling: true,
                n_groups: Some(600),
                ..spec()
            },
            "ebcefb645cd8bcb2",
        ),
        (
            "among",
            GroupSpec {
                among: Some((0..516).step_by(3).collect()),
                norm: Some(Norm::Groups),
                ..spec()
            },
            "3be8235e17c120fc",
        ),
        (
            "ptychopinn",
            GroupSpec {
                semantics: Semantics::Ptychopinn,
                ..spec()
            },
            "7eff4ffd212eb33f",
        ),
    ]
}

#[test]
fn rows_are_frozen() {
    let scan = Scan::open(SIEMENS).unwrap();
    let found: Vec<(&str, String)> = goldens()
        .into_iter()
        .map(|(name, spec, _)| {
            (
                name,
                hash(&read(&Groups::try_new(&scan, spec).unwrap(), 8 << 20, 1)),
            )
        })
        .collect();
    let expected: Vec<(&str, String)> = goldens()
        .into_iter()
        .map(|(name, _, hash)| (name, hash.to_string()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn rows_do_not_depend_on_threads_batches_or_partitions() {
    for (name, spec, expected) in goldens() {
        for (threads, batch_bytes, partitions) in [
            (1, 1 << 10, 1),
            (2, 1 << 20, 3),
            (3, 99_999, 1),
            (4, 8 << 20, 7),
        ] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let found = pool.install(|| {
                let scan = Scan::open(SIEMENS).unwrap();
                hash(&read(
                    &Groups::try_new(&scan, spec.clone()).unwrap(),
                    batch_bytes,
                    partitions,
                ))
            });
            assert_eq!(
                found, expected,
                "{name}: {threads} threads, {batch_bytes} bytes, {partitions} partitions"
            );
        }
    }
}

#[test]
fn any_range_of_groups_is_that_part_of_all() {
    let scan = Scan::open(SIEMENS).unwrap();
    for (name, spec, _) in goldens() {
        let groups = Groups::try_new(&scan, spec).unwrap();
        let whole = groups.index().unwrap();
        let numbers: Vec<u64> = (0..whole.num_groups())
            .map(|row| whole.group_id(row))
            .collect();
        for range in [0..1, 30..77, 90..100] {
            let part = groups.index_of(range.clone()).unwrap();
            let rows = numbers
                .iter()
                .enumerate()
                .filter(|(_, number)| range.contains(&(**number as usize)));
            let expected: Vec<(u64, &[u32])> = rows
                .map(|(row, number)| (*number, whole.members(row)))
                .collect();
            let found: Vec<(u64, &[u32])> = (0..part.num_groups())
                .map(|row| (part.group_id(row), part.members(row)))
                .collect();
            assert_eq!(found, expected, "{name}, groups {range:?}");
        }
    }
}

#[test]
fn tasks_of_one_pool_may_all_ask_for_the_index() {
    use rayon::prelude::*;
    let scan = Scan::open(SIEMENS).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    for seed in 0..20 {
        let groups = Groups::try_new(
            &scan,
            GroupSpec {
                seed,
                n_groups: None,
                ..spec()
            },
        )
        .unwrap();
        let ask = |_: usize| {
            groups.index().unwrap().num_groups() + usize::from(groups.norm_factor().unwrap() > 1e9)
        };
        let counts: Vec<usize> = pool.install(|| (0..16).into_par_iter().map(ask).collect());
        assert_eq!(counts, [516; 16]);
    }
}

#[test]
fn an_index_that_memory_cannot_hold_is_an_error() {
    let scan = Scan::open(SIEMENS).unwrap();
    for (gridsize, n_groups, semantics) in [
        (2, 1_000_000_000_000, Semantics::Native),
        (8, usize::MAX, Semantics::Native),
        (8, u32::MAX as usize / 2, Semantics::Ptychopinn),
    ] {
        let spec = GroupSpec {
            gridsize,
            neighbors: Some(515),
            n_groups: Some(n_groups),
            group_oversampling: true,
            semantics,
            ..Default::default()
        };
        let groups = Groups::try_new(&scan, spec).unwrap();
        assert_eq!(groups.num_rows().unwrap(), n_groups);
        let members = n_groups.checked_mul(gridsize * gridsize);
        assert_eq!(groups.members().num_rows().ok(), members);
        let parameter = Parameter::NGroups;
        assert!(
            matches!(groups.index(), Err(Error::TooLarge { parameter: found, .. }) if found == parameter),
            "{gridsize}, {n_groups}"
        );
    }
}

/// Writes a scan of these positions, without patterns.
fn write_scan(path: &std::path::Path, pairs: &[(f64, f64)]) -> Scan {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let mut out = crate::npz::write::NpzWriter::new(std::fs::File::create(path).unwrap());
    for (name, values) in [("xcoords", x), ("ycoords", y)] {
        out.begin(name, "<f8", &[values.len()], values.len() as u64 * 8)
            .unwrap();
        for value in values {
            std::io::Write::write_all(&mut out, &value.to_le_bytes()).unwrap();
        }
    }
    out.finish().unwrap();
    Scan::open(path).unwrap()
}

#[test]
fn a_member_at_the_printed_distance_is_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let places = [(0.0, 0.0), (2.0, 3.0), (3.0, 2.0), (-2.0, 3.0), (3.0, -2.0)];
    let scan = write_scan(&folder.path().join("scan.npz"), &places);
    // The square of the printed root of 13 is less than 13.
    let printed = 3.605551275463989;
    assert_eq!(13f64.sqrt(), printed);
    assert!(printed * printed < 13.0);
    let groups = |max_distance: f64| {
        let spec = GroupSpec::default()
            .with_seeds_from(vec![0])
            .with_max_distance(max_distance);
        Groups::try_new(&scan, spec).unwrap().num_rows()
    };
    assert_eq!(groups(printed).unwrap(), 1);
    let none_is_left = groups(printed.next_down()).unwrap_err();
    assert!(matches!(
        none_is_left,
        Error::EveryGroupSkipped { groups: 1, .. }
    ));
}
