//! Groups compared with brute force and with themselves over threads and batches; specs that cannot be met
//! fail.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type};
use proptest::prelude::*;
use ptychoarrow::group::{
    Channels, GroupNote, IncludeSeed, Measure, Norm, PatternOptions, Sampling, Semantics,
};
use ptychoarrow::npz::NpzFile;
use ptychoarrow::scan::layout::{LayoutOptions, Measurement};
use ptychoarrow::scan::{Positions, ScanOptions};
use ptychoarrow::table::{Rows, TableInfo};
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan, Table};

use crate::support::{
    COUNTS, SIEMENS, check_table, collect, columns, f4, float64, folder, groups_of, int64, npy,
    npz, scan_of, success, text,
};

fn siemens(spec: GroupSpec) -> Groups {
    Groups::try_new(&Scan::open(SIEMENS).unwrap(), spec).unwrap()
}

fn spec(gridsize: usize, neighbors: usize) -> GroupSpec {
    GroupSpec::default()
        .with_gridsize(gridsize)
        .with_neighbors(neighbors)
}

/// Returns the pool by its definition: the first K candidates, without the seed point, ordered by (squared
/// distance, scan point).
fn naive_pool(positions: &Positions, candidates: &[u32], seed: u32, k: usize) -> Vec<u32> {
    let distance2 = |point: u32| {
        let ([ax, ay], [bx, by]) = (positions.at(seed as usize), positions.at(point as usize));
        (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    };
    let mut pool: Vec<u32> = candidates
        .iter()
        .copied()
        .filter(|point| *point != seed)
        .collect();
    pool.sort_by(|a, b| distance2(*a).total_cmp(&distance2(*b)).then(a.cmp(b)));
    pool.truncate(k);
    pool
}

/// Generates random, lattice, duplicate, collinear and identical positions, one far outlier, and 1 to 10
/// positions.
fn layouts() -> impl Strategy<Value = Vec<(f64, f64)>> {
    use proptest::collection::vec;
    let random = vec((-100.0..100.0, -100.0..100.0), 9..80);
    let few = vec((-1.0..1.0, -1.0..1.0), 1..=10);
    let lattice = vec((0..6i32, 0..6i32), 9..80).prop_map(|cells| {
        cells
            .into_iter()
            .map(|(i, j)| (f64::from(i) * 0.1, f64::from(j) * 0.1))
            .collect()
    });
    let line = vec(0..40i32, 9..60)
        .prop_map(|steps| steps.into_iter().map(|i| (f64::from(i), 3.0)).collect());
    let identical = (9..40usize).prop_map(|count| vec![(0.5, -2.0); count]);
    let outlier = vec((0.0..1.0, 0.0..1.0), 9..40).prop_map(|mut points: Vec<(f64, f64)>| {
        points.insert(4, (-1e9, 1e12));
        points
    });
    prop_oneof![random, few, lattice, line, identical, outlier]
}

properties! {
    #![proptest_config(ProptestConfig { cases: 128, max_global_rejects: 100_000, ..Default::default() })]

    #[test]
    fn groups_match_naive(pairs in layouts(), gridsize in 1..4usize, more in 0..4usize, seed in 0..1000u64) {
        // With 8 positions a file of 8 x 8 patterns leaves open which axis counts them.
        prop_assume!(pairs.len() != 8);
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (_folder, scan) = scan_of(&x, &y);
        let c = gridsize * gridsize;
        let among: Vec<u32> = (0..x.len() as u32).filter(|point| point % 7 != 2).collect();
        prop_assume!(among.len() > c);
        let spec = spec(gridsize, c + more).with_seed(seed).with_among(among.clone());
        let groups = Groups::try_new(&scan, spec).unwrap();
        let index = groups.index().unwrap();
        prop_assert_eq!(index.num_groups(), among.len());
        for (row, expected) in among.iter().enumerate() {
            prop_assert_eq!(index.seed_point(row), *expected, "seed points in scan order");
            let members = index.members(row);
            if c == 1 {
                prop_assert_eq!(members, &[*expected]);
                continue;
            }
            let pool = naive_pool(scan.positions().unwrap(), &among, *expected, c + more);
            let distinct: HashSet<&u32> = members.iter().collect();
            prop_assert_eq!(distinct.len(), c);
            prop_assert!(members.iter().all(|member| pool.contains(member)), "{:?} of {:?}", members, pool);
            if more == 0 {
                prop_assert_eq!(distinct, pool.iter().collect::<HashSet<_>>());
            }
        }
    }
}

#[test]
fn every_table_keeps_the_contract() {
    let groups = siemens(spec(2, 6).with_n_groups(60).with_seed(3));
    check_table(Arc::new(groups.clone()));
    check_table(Arc::new(groups.members()));
    let counts = Groups::try_new(&Scan::open(COUNTS).unwrap(), spec(3, 12).with_n_groups(20));
    check_table(Arc::new(counts.unwrap()));
}

/// Returns a number that changes with any value.
fn hash(batch: &RecordBatch) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for column in batch.columns() {
        let data = column.to_data();
        let values = data.child_data().first().unwrap_or(&data);
        values.buffers()[0].as_slice().hash(&mut hasher);
    }
    hasher.finish()
}

#[test]
fn the_rows_depend_on_the_spec_alone() {
    let all = |threads: usize, batch_bytes: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let groups = siemens(spec(2, 6).with_n_groups(200).with_seed(seed));
            let names: Vec<String> = groups
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect();
            collect(
                groups
                    .read(
                        &ReadOptions::default()
                            .with_columns(names)
                            .with_batch_bytes(batch_bytes),
                    )
                    .unwrap(),
            )
        })
    };
    let expected = hash(&all(1, 8 << 20, 42));
    for (threads, batch_bytes) in [(2, 8 << 20), (3, 1 << 10), (1, 1 << 10), (4, 100_000)] {
        assert_eq!(
            hash(&all(threads, batch_bytes, 42)),
            expected,
            "{threads} threads, {batch_bytes} bytes"
        );
    }
    assert_ne!(hash(&all(1, 8 << 20, 43)), expected);
}

#[test]
fn a_group_never_depends_on_how_many_others_are_computed() {
    let groups = siemens(spec(2, 8).with_seed(9));
    let whole = groups.index().unwrap();
    for range in [0..1, 100..140, 515..516] {
        let part = groups.index_of(range.clone()).unwrap();
        for (row, number) in range.enumerate() {
            assert_eq!(
                (part.group_id(row), part.members(row)),
                (whole.group_id(number), whole.members(number))
            );
        }
    }
}

#[test]
fn groups_are_frozen() {
    // Golden values: a new version of any dependency must not change anyone's groups.
    let groups = siemens(spec(2, 6).with_n_groups(4).with_seed(42));
    let batch = columns(Arc::new(groups), &["seed_point", "nn_indices"]);
    assert_eq!(int64(&batch, "seed_point"), [45, 51, 147, 179]);
    assert_eq!(
        groups_of(&batch),
        [
            [35, 76, 55, 38],
            [20, 42, 41, 73],
            [142, 137, 121, 116],
            [182, 148, 161, 192]
        ]
    );
}

#[test]
fn columns_are_what_they_say() {
    let groups = siemens(spec(2, 6).with_n_groups(50).with_seed(1));
    let scan = groups.scan().clone();
    let positions = scan.positions().unwrap().clone();
    let table: Arc<dyn Table> = Arc::new(groups.clone());
    let batch = collect(groups.read(&ReadOptions::default()).unwrap());
    let members = columns(
        Arc::new(groups.members()),
        &[
            "group_id",
            "slot",
            "scan_point",
            "x",
            "dx",
            "dy",
            "seed_distance",
        ],
    );
    let tensor = |name: &str, row: usize| {
        batch[name]
            .as_fixed_size_list()
            .value(row)
            .as_primitive::<Float64Type>()
            .values()
            .to_vec()
    };
    let patterns = columns(Arc::new(scan), &["diffraction"]);
    let patterns = patterns["diffraction"].as_fixed_size_list();
    for (row, nn) in groups_of(&batch).iter().enumerate() {
        let x: Vec<f64> = nn
            .iter()
            .map(|point| positions.x[*point as usize])
            .collect();
        let y: Vec<f64> = nn
            .iter()
            .map(|point| positions.y[*point as usize])
            .collect();
        let centre = [x.iter().sum::<f64>() / 4.0, y.iter().sum::<f64>() / 4.0];
        assert_eq!(tensor("coords_nn", row), [x.clone(), y.clone()].concat());
        assert_eq!(tensor("coords_offsets", row), centre);
        let relative: Vec<f64> = x
            .iter()
            .map(|v| -(v - centre[0]))
            .chain(y.iter().map(|v| -(v - centre[1])))
            .collect();
        assert_eq!(tensor("coords_relative", row), relative);
        assert_eq!(
            [
                float64(&batch, "center_x")[row],
                float64(&batch, "center_y")[row]
            ],
            centre
        );
        let far = |a: usize, b: usize| (x[a] - x[b]).hypot(y[a] - y[b]);
        let span = (0..4)
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| far(a, b))
            .fold(0.0, f64::max);
        assert!((float64(&batch, "span")[row] - span).abs() < 1e-12);
        let gathered = batch["diffraction"].as_fixed_size_list().value(row);
        for (slot, point) in nn.iter().enumerate() {
            let pixels =
                &gathered.as_primitive::<Float32Type>().values()[slot * 4096..(slot + 1) * 4096];
            assert_eq!(
                pixels,
                patterns
                    .value(*point as usize)
                    .as_primitive::<Float32Type>()
                    .values()
                    .as_ref()
            );
            let member = 4 * row + slot;
            assert_eq!(int64(&members, "scan_point")[member], i64::from(*point));
            assert_eq!(int64(&members, "slot")[member], slot as i64);
            assert_eq!(float64(&members, "dx")[member], x[slot] - centre[0]);
            let seed = int64(&batch, "seed_point")[row] as usize;
            let distance = (x[slot] - positions.x[seed]).hypot(y[slot] - positions.y[seed]);
            assert!((float64(&members, "seed_distance")[member] - distance).abs() < 1e-12);
        }
    }
    assert_eq!(
        table
            .schema()
            .field_with_name("diffraction")
            .unwrap()
            .metadata()["ptychoarrow.key"],
        "diffraction"
    );
}

#[test]
fn normalisation_is_the_formula() {
    let amplitudes = Scan::open(SIEMENS).unwrap();
    let patterns = columns(Arc::new(amplitudes), &["diffraction"]);
    let pixels = patterns["diffraction"]
        .as_fixed_size_list()
        .values()
        .clone();
    let power: f64 = pixels
        .as_primitive::<Float32Type>()
        .values()
        .iter()
        .map(|a| f64::from(*a).powi(2))
        .sum();
    let expected = (32.0f64.powi(2) / (power / 516.0)).sqrt();

    let known = LayoutOptions::default().with_measurement(Measurement::Amplitude);
    let amplitudes = Scan::open_with(SIEMENS, &ScanOptions::default().with_layout(known)).unwrap();
    let small = spec(2, 6).with_n_groups(7);
    let groups = Groups::try_new(&amplitudes, small.clone()).unwrap();
    assert!((groups.norm_factor().unwrap() / expected - 1.0).abs() < 1e-6);
    assert!(groups.notes().is_empty());
    // The factor of the scan changes with neither sample nor epoch; that of the groups does.
    let other = spec(2, 6).with_n_groups(30).with_epoch(5);
    let other = Groups::try_new(&amplitudes, other).unwrap();
    assert_eq!(groups.norm_factor().unwrap(), other.norm_factor().unwrap());
    let of_groups = Groups::try_new(&amplitudes, small.clone().with_norm(Norm::Groups)).unwrap();
    assert_ne!(
        of_groups.norm_factor().unwrap(),
        groups.norm_factor().unwrap()
    );
    let given = Groups::try_new(&amplitudes, small.clone().with_norm(Norm::Value(0.5))).unwrap();
    assert_eq!(given.norm_factor().unwrap(), 0.5);

    // Intensities are rooted before they are normalised: the same scan, the same numbers.
    let counts = Groups::try_new(&Scan::open(COUNTS).unwrap(), small.clone()).unwrap();
    assert!((counts.norm_factor().unwrap() / expected - 1.0).abs() < 1e-6);
    let normalised = |groups: Groups| {
        let batch = columns(Arc::new(groups), &["diffraction_normalized"]);
        batch
            .column(0)
            .as_fixed_size_list()
            .values()
            .as_primitive::<Float32Type>()
            .values()
            .to_vec()
    };
    let (a, b) = (normalised(groups), normalised(counts));
    assert!(
        a.iter()
            .zip(&b)
            .all(|(a, b)| (a - b).abs() < 1e-5 * a.abs().max(1.0))
    );

    // Amplitudes that nobody vouched for come with a warning.
    let unknown = siemens(small);
    unknown.norm_factor().unwrap();
    assert_eq!(unknown.notes(), [GroupNote::UnknownMeasurement]);
}

#[test]
fn points_left_out_are_in_no_group() {
    let among: Vec<u32> = (0..516).filter(|point| point % 3 != 0).collect();
    let seeds: Vec<u32> = among.iter().copied().filter(|point| *point < 100).collect();
    let groups = siemens(spec(2, 6).with_among(among).with_seeds_from(seeds.clone()));
    let index = groups.index().unwrap();
    assert_eq!(index.num_groups(), seeds.len());
    for (row, seed) in seeds.iter().enumerate() {
        assert_eq!(index.seed_point(row), *seed);
        assert!(index.members(row).iter().all(|member| member % 3 != 0));
    }
}

#[test]
fn seed_points_are_sampled_or_the_first() {
    let sequential = siemens(
        spec(2, 6)
            .with_n_groups(5)
            .with_sampling(Sampling::Sequential),
    );
    let first: Vec<u32> = (0..5)
        .map(|row| sequential.index().unwrap().seed_point(row))
        .collect();
    assert_eq!(first, [0, 1, 2, 3, 4]);
    let seeds = |spec: GroupSpec| {
        let groups = siemens(spec);
        let index = groups.index().unwrap();
        (0..index.num_groups())
            .map(|row| index.seed_point(row))
            .collect::<Vec<_>>()
    };
    let random = seeds(spec(2, 6).with_n_groups(50).with_seed(4));
    assert!(random.is_sorted_by(|a, b| a < b) && random.len() == 50);
    assert_eq!(
        random,
        seeds(spec(2, 6).with_n_groups(50).with_seed(4).with_epoch(8)),
        "of any epoch"
    );
    assert_ne!(random, seeds(spec(2, 6).with_n_groups(50).with_seed(5)));
}

#[test]
fn a_seed_point_may_be_kept_out_let_in_or_put_first() {
    let own = |include_seed| {
        let groups = siemens(spec(2, 6).with_include_seed(include_seed));
        let index = groups.index().unwrap();
        let slots = (0..index.num_groups()).map(|row| {
            index
                .members(row)
                .iter()
                .position(|member| *member == index.seed_point(row))
        });
        slots.collect::<Vec<_>>()
    };
    assert!(own(IncludeSeed::Never).iter().all(Option::is_none));
    assert!(own(IncludeSeed::First).iter().all(|slot| *slot == Some(0)));
    // Four of seven: the seed point is in 4/7 of the groups, 295 of 516, standard deviation 11.
    let drawn = own(IncludeSeed::Pool).iter().flatten().count();
    assert!((240..350).contains(&drawn), "{drawn}");
}

#[test]
fn members_too_far_away_leave_the_pool() {
    let max = 20.0;
    let groups = siemens(spec(2, 6).with_max_distance(max));
    assert_eq!(groups.known_rows(), None);
    let index = groups.index().unwrap();
    assert!(index.num_skipped() > 0 && index.num_groups() > 0);
    assert_eq!(index.num_groups() + index.num_skipped(), 516);
    let skipped = GroupNote::Skipped {
        groups: index.num_skipped(),
        asked: 516,
    };
    assert_eq!(groups.notes(), [skipped]);
    let batch = columns(Arc::new(groups.members()), &["group_id", "seed_distance"]);
    assert!(
        float64(&batch, "seed_distance")
            .iter()
            .all(|distance| *distance <= max)
    );
    // The groups that are left keep their numbers, and their members where the whole pool is near.
    let unlimited = siemens(spec(2, 6));
    let row = (0..index.num_groups())
        .find(|row| index.group_id(*row) != *row as u64)
        .unwrap();
    assert_eq!(
        index.seed_point(row),
        unlimited
            .index()
            .unwrap()
            .seed_point(index.group_id(row) as usize)
    );
    check_table(Arc::new(groups));
}

#[test]
fn group_oversampling_draws_distinct_groups_of_each_seed_point() {
    let all = spec(2, 6)
        .with_n_groups(516 * 15)
        .with_group_oversampling(true);
    let groups = siemens(all.clone());
    let index = groups.index().unwrap();
    let once = siemens(spec(2, 6));
    let mut sets: HashSet<(u32, Vec<u32>)> = HashSet::new();
    for row in 0..index.num_groups() {
        assert_eq!(index.seed_point(row) as usize, row % 516);
        let mut members = index.members(row).to_vec();
        members.sort_unstable();
        assert!(
            sets.insert((index.seed_point(row), members)),
            "group {row} came before"
        );
    }
    // 15 = 6 choose 4: every possible group; and the first of each seed point is the one without oversampling.
    assert_eq!(sets.len(), 516 * 15);
    assert!((0..516).all(|row| index.members(row) == once.index().unwrap().members(row)));
    let part = groups.index_of(5000..5010).unwrap();
    assert!((0..10).all(|row| part.members(row) == index.members(5000 + row)));
    let scan = Scan::open(SIEMENS).unwrap();
    let error = Groups::try_new(&scan, all.with_n_groups(516 * 15 + 1)).unwrap_err();
    assert!(error.to_string().contains("7740"), "{error}");
}

#[test]
fn the_smallest_scans_have_groups_or_a_reason() {
    // M = C: the seed point joins its pool, and every group is the whole scan.
    let (_folder, scan) = scan_of(&[0.0, 1.0, 0.0, 1.0], &[0.0, 0.0, 1.0, 1.0]);
    let groups = Groups::try_new(&scan, spec(2, 4)).unwrap();
    let index = groups.index().unwrap();
    for row in 0..4 {
        let mut members = index.members(row).to_vec();
        members.sort_unstable();
        assert_eq!(members, [0, 1, 2, 3]);
    }
    // M <= K: the pool is the others.
    let (_folder, scan) = scan_of(&[0.0, 1.0, 0.0, 1.0, 2.0], &[0.0, 0.0, 1.0, 1.0, 2.0]);
    let groups = Groups::try_new(&scan, spec(2, 9)).unwrap();
    let index = groups.index().unwrap();
    assert!((0..5).all(|row| !index.members(row).contains(&index.seed_point(row))));
    // One position, groups of one.
    let (_folder, one) = scan_of(&[3.0], &[4.0]);
    let groups = Groups::try_new(&one, spec(1, 1)).unwrap();
    assert_eq!(groups.index().unwrap().members(0), [0]);
    check_table(Arc::new(groups));
    assert!(matches!(
        Groups::try_new(&one, spec(2, 4)).unwrap_err(),
        Error::TooFewPoints { .. }
    ));
    // None at all.
    let (_folder, none) = scan_of(&[], &[]);
    assert!(matches!(
        Groups::try_new(&none, spec(1, 1)).unwrap_err(),
        Error::TooFewPoints { .. }
    ));
    // No groups of many positions.
    let groups = siemens(spec(2, 6).with_n_groups(0));
    assert_eq!(groups.read(&ReadOptions::default()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_met_is_said_with_numbers_and_remedy() {
    let scan = Scan::open(SIEMENS).unwrap();
    let report = |spec: GroupSpec| Groups::try_new(&scan, spec).unwrap_err().report();
    let few = Some((0..3).collect());
    let reports = [
        report(spec(0, 6)),
        report(spec(65, 5000)),
        report(spec(2, 3)),
        report(spec(2, 6).with_among(few)),
        report(spec(2, 6).with_n_groups(517)),
        report(spec(1, 1).with_n_groups(517).with_group_oversampling(true)),
        report(spec(2, 6).with_n_groups(9999).with_group_oversampling(true)),
        report(spec(2, 6).with_among(vec![5, 4])),
        report(spec(2, 6).with_among(vec![1, 2, 3, 516])),
        report(
            spec(2, 6)
                .with_among(Some((0..9).collect()))
                .with_seeds_from(vec![9]),
        ),
        report(spec(2, 6).with_max_distance(f64::NAN)),
        report(
            spec(2, 6)
                .with_semantics(Semantics::Ptychopinn)
                .with_epoch(1),
        ),
        report(
            spec(2, 6)
                .with_semantics(Semantics::Ptychopinn)
                .with_seed(1 << 32),
        ),
        report(spec(2, 3).with_semantics(Semantics::Ptychopinn)),
        report(
            spec(2, 6)
                .with_semantics(Semantics::Ptychopinn)
                .with_n_groups(517),
        ),
    ];
    insta::assert_snapshot!(reports.join("\n"));
}

#[test]
fn positions_that_are_no_numbers_are_refused_by_name() {
    let (_folder, scan) = scan_of(
        &[0.0, 1.0, f64::NAN, 3.0, 4.0, 5.0],
        &[0.0, 0.0, 1.0, f64::INFINITY, 1.0, 2.0],
    );
    let all = Groups::try_new(&scan, spec(2, 4)).unwrap();
    // Whatever is read of them, the count of rows included.
    let ids = ReadOptions::default().with_columns(["group_id"]);
    let errors = [
        all.read(&ReadOptions::default()).unwrap_err(),
        all.read(&ids).unwrap_err(),
        all.num_rows().unwrap_err(),
        all.members().num_rows().unwrap_err(),
    ];
    for error in errors {
        let is_told = matches!(error, Error::NonFinitePosition { scan_point: 2, .. });
        assert!(is_told, "{error}");
    }
    assert_eq!((all.known_rows(), all.expected_rows()), (None, Some(6)));
    // Left out, they do no harm.
    let without = spec(2, 4).with_among(vec![0, 1, 4, 5]);
    assert_eq!(
        Groups::try_new(&scan, without)
            .unwrap()
            .index()
            .unwrap()
            .num_groups(),
        4
    );
}

#[test]
fn a_spec_survives_json() {
    let spec = spec(3, 11)
        .with_among(vec![1, 2, 3])
        .with_max_distance(1.5)
        .with_norm(Norm::Value(0.25))
        .with_include_seed(IncludeSeed::First);
    assert_eq!(
        serde_json::from_str::<GroupSpec>(&spec.to_json()).unwrap(),
        spec
    );
    assert!(
        serde_json::from_str::<GroupSpec>(r#"{"gridsze": 2}"#).is_err(),
        "a misspelt field is no default"
    );
    assert_eq!(
        serde_json::from_str::<GroupSpec>("{}").unwrap(),
        GroupSpec::default()
    );
}

#[test]
fn rows_beyond_the_table_are_left_out_or_refused() {
    let groups = siemens(spec(2, 6).with_n_groups(10));
    let read = |rows| groups.read(&ReadOptions::default().with_rows(rows));
    assert_eq!(read(Rows::Range(8..100)).unwrap().rows_left(), 2);
    assert!(read(Rows::List(Arc::new([3, 10]))).is_err());
    assert!(
        groups
            .read(&ReadOptions::default().with_batch_bytes(1 << 31))
            .is_err()
    );
}

/// Returns the values of one row of a Float32 tensor column.
fn tensor_f32(batch: &RecordBatch, name: &str, row: usize) -> Vec<f32> {
    batch[name]
        .as_fixed_size_list()
        .value(row)
        .as_primitive::<Float32Type>()
        .values()
        .to_vec()
}

#[test]
fn channels_last_is_the_same_pixels_in_another_order() {
    let scan = Scan::open(SIEMENS).unwrap();
    let spec = spec(2, 6).with_n_groups(5);
    let last = PatternOptions::default().with_channels(Channels::Last);
    let first = Groups::try_new(&scan, spec.clone()).unwrap();
    let last = Groups::try_new_with(&scan, spec, last).unwrap();
    check_table(Arc::new(last.clone()));
    let names = ["diffraction", "diffraction_normalized"];
    let (first, last) = (
        columns(Arc::new(first), &names),
        columns(Arc::new(last), &names),
    );
    assert_eq!(
        last.schema().field(0).metadata()["ARROW:extension:metadata"],
        r#"{"shape":[64,64,4]}"#
    );
    for name in names {
        let (first, last) = (tensor_f32(&first, name, 3), tensor_f32(&last, name, 3));
        for (pixel, channels) in last.chunks_exact(4).enumerate() {
            assert!((0..4).all(|channel| channels[channel] == first[channel * 4096 + pixel]));
        }
    }
}

#[test]
fn patterns_are_handed_out_as_amplitudes_or_intensities() {
    let small = spec(2, 6).with_n_groups(3);
    let with = |scan: &Scan, measure| {
        Groups::try_new_with(
            scan,
            small.clone(),
            PatternOptions::default().with_measure(measure),
        )
    };
    let values = |groups: Groups| {
        tensor_f32(
            &columns(Arc::new(groups), &["diffraction"]),
            "diffraction",
            0,
        )
    };
    let counts = Scan::open(COUNTS).unwrap();
    let stored = values(with(&counts, Measure::Stored).unwrap());
    assert_eq!(values(with(&counts, Measure::Intensity).unwrap()), stored);
    let roots: Vec<f32> = stored.iter().map(|count| count.sqrt()).collect();
    assert_eq!(values(with(&counts, Measure::Amplitude).unwrap()), roots);
    let unknown = Scan::open(SIEMENS).unwrap();
    let error = with(&unknown, Measure::Intensity).unwrap_err();
    assert!(matches!(error, Error::UnknownMeasurement { .. }), "{error}");
    let layout = LayoutOptions::default().with_measurement(Measurement::Amplitude);
    let known = Scan::open_with(SIEMENS, &ScanOptions::default().with_layout(layout)).unwrap();
    let squares = values(with(&known, Measure::Intensity).unwrap());
    assert!(
        squares
            .iter()
            .zip(&stored)
            .all(|(square, count)| (square - count).abs() <= 1e-3 * count.max(1.0))
    );
}

#[test]
fn object_patches_are_cut_at_the_true_positions() {
    use crate::support::{f4, f8, folder, npy, npz};
    let folder = folder();
    let path = folder.path().join("object.npz");
    // An object whose value is its place, and positions between its pixels: bilinear interpolation is exact.
    let (height, width, side) = (20, 30, 8);
    let object: Vec<f64> = (0..height * width)
        .flat_map(|i| [(i % width) as f64, (i / width) as f64])
        .collect();
    let (x, y) = ([8.25, 12.5, 9.0, 20.75, 15.0], [6.5, 7.0, 11.25, 9.0, 12.0]);
    let members = [
        ("xcoords", npy("'<f8'", false, &[5], &f8(&x))),
        ("ycoords", npy("'<f8'", false, &[5], &f8(&y))),
        (
            "diff3d",
            npy(
                "'<f4'",
                false,
                &[5, side, side],
                &f4(&vec![1.0; 5 * side * side]),
            ),
        ),
        (
            "objectGuess",
            npy("'<c16'", false, &[height, width], &f8(&object)),
        ),
    ];
    npz(&path, &members, zip::CompressionMethod::Stored);
    let groups = Groups::try_new(&Scan::open(&path).unwrap(), spec(2, 4)).unwrap();
    check_table(Arc::new(groups.clone()));
    let batch = columns(Arc::new(groups), &["nn_indices", "object_patches"]);
    assert_eq!(batch.schema().field(1).metadata()["ptychoarrow.key"], "Y");
    for (row, members) in groups_of(&batch).iter().enumerate() {
        let patches = tensor_f32(&batch, "object_patches", row);
        for (slot, member) in members.iter().enumerate() {
            for (pixel, value) in patches[slot * side * side * 2..]
                .chunks_exact(2)
                .take(side * side)
                .enumerate()
            {
                let column = x[*member as usize] + (pixel % side) as f64 - 4.0;
                let line = y[*member as usize] + (pixel / side) as f64 - 4.0;
                assert_eq!(
                    [f64::from(value[0]), f64::from(value[1])],
                    [column, line],
                    "{member} {pixel}"
                );
            }
        }
    }
}

/// Writes a scan of 25 points with coordinates of one type and an object of one type.
fn scan_of_types(path: &Path, coordinates: &str, object: &str) {
    let points = 25;
    let vector = |of: fn(usize) -> f64| {
        // What f32 cannot hold is not there in either file.
        let values = (0..points).map(|i| f64::from(of(i) as f32));
        let bytes: Vec<u8> = match coordinates {
            "'<f4'" => values.flat_map(|v| (v as f32).to_le_bytes()).collect(),
            _ => values.flat_map(f64::to_le_bytes).collect(),
        };
        npy(coordinates, false, &[points], &bytes)
    };
    let part = |i: usize| (i as f64 * 0.37).sin() * 3.1;
    let pixels: Vec<u8> = match object {
        "'<c8'" => (0..80 * 80 * 2)
            .flat_map(|i| (part(i) as f32).to_le_bytes())
            .collect(),
        _ => (0..80 * 80 * 2)
            .flat_map(|i| part(i).to_le_bytes())
            .collect(),
    };
    let frames: Vec<f32> = (0..points * 36).map(|i| (i % 7) as f32 + 0.5).collect();
    let members = [
        (
            "xcoords",
            vector(|i| 10.3 + 12.7 * (i % 5) as f64 + 0.11 * i as f64),
        ),
        (
            "ycoords",
            vector(|i| 9.1 + 11.9 * (i / 5) as f64 - 0.07 * i as f64),
        ),
        ("diff3d", npy("'<f4'", false, &[points, 6, 6], &f4(&frames))),
        ("objectGuess", npy(object, false, &[80, 80], &pixels)),
    ];
    npz(path, &members, zip::CompressionMethod::Stored);
}

#[test]
fn the_bridge_of_ptychopinn_is_its_raw_data_after_the_casts() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    scan_of_types(&path("own.npz"), "'<f4'", "'<c16'");
    scan_of_types(&path("cast.npz"), "'<f8'", "'<c8'");
    let written = |file: &str, semantics: &str, output: &str| {
        let (file, output) = (text(path(file)), path(output));
        let spec = [
            "--semantics",
            semantics,
            "--n-groups",
            "40",
            "--gridsize",
            "2",
        ];
        let more = ["--group-oversampling", "--norm", "0.5", "-K", "6", "-o"];
        success(&[&["group", &file], &spec[..], &more, &[&text(&output)]].concat());
        std::fs::read(output).unwrap()
    };
    let bridge = written("own.npz", "ptychopinn", "bridge.npz");
    let cast = written("cast.npz", "ptychopinn_raw", "cast_raw.npz");
    assert!(bridge == cast, "the bridge, and what is cast beforehand");
    let raw = written("own.npz", "ptychopinn_raw", "raw.npz");
    assert!(raw != bridge, "the types of the file make a difference");
    // Their dtypes are those that PtychoPINN has.
    let dtypes = |file: &str| {
        let npz = NpzFile::open(path(file)).unwrap();
        [
            "coords_offsets",
            "coords_nn",
            "objectGuess",
            "diffraction",
            "Y",
        ]
        .map(|name| npz.info(name).unwrap().dtype.descr.clone())
    };
    assert_eq!(dtypes("bridge.npz"), ["<f8", "<f8", "<c8", "<f4", "<c8"]);
    assert_eq!(dtypes("raw.npz"), ["<f4", "<f4", "<c16", "<f4", "<c8"]);
}
