use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::npz::write::NpzWriter;
use crate::scan::ScanOptions;
use crate::scan::layout::Unit;
use crate::table::{ReadOptions, Rows, TableReader};

type Row = (i64, i32, i64, f64);

/// Writes a scan of these positions, without patterns.
fn write_scan(path: &Path, pairs: &[(f64, f64)]) -> Scan {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let mut out = NpzWriter::new(std::fs::File::create(path).unwrap());
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

/// Lists the rows by definition; `among` and `of_among` say which scan points of both count.
fn naive(
    from: &[(f64, f64)],
    of: Option<&[(f64, f64)]>,
    k: usize,
    within: Option<f64>,
    [among, of_among]: [Option<&[u32]>; 2],
) -> Vec<Row> {
    let is_in =
        |list: Option<&[u32]>, point: usize| list.is_none_or(|list| list.contains(&(point as u32)));
    let others = if of.is_some() { of_among } else { among };
    let mut rows = Vec::new();
    for (point, at) in from.iter().enumerate() {
        if !is_in(among, point) {
            continue;
        }
        let mut near: Vec<(f64, i64)> = of
            .unwrap_or(from)
            .iter()
            .enumerate()
            .filter(|(other, _)| of.is_some() || *other != point)
            .filter(|(other, _)| is_in(others, *other))
            .map(|(other, to)| {
                let (dx, dy) = (at.0 - to.0, at.1 - to.1);
                (dx * dx + dy * dy, other as i64)
            })
            .filter(|(distance2, _)| within.is_none_or(|within| distance2.sqrt() <= within))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let ranked = near.iter().take(k).zip(1..);
        rows.extend(
            ranked.map(|((distance2, other), rank)| (point as i64, rank, *other, distance2.sqrt())),
        );
    }
    rows
}

fn read(table: &Arc<NeighborsTable>, options: &ReadOptions) -> Vec<Row> {
    let reader = TableReader::try_new(Arc::clone(table) as Arc<dyn Table>, options).unwrap();
    let batches: Vec<_> = reader.map(std::result::Result::unwrap).collect();
    let all = concat_batches(&table.schema(), &batches).unwrap();
    let whole = |name: &str| all[name].as_primitive::<Int64Type>().values().to_vec();
    let ranks = all["rank"].as_primitive::<Int32Type>().values().to_vec();
    let distances = all["distance"]
        .as_primitive::<Float64Type>()
        .values()
        .to_vec();
    let rows = whole("scan_point")
        .into_iter()
        .zip(ranks)
        .zip(whole("neighbor"))
        .zip(distances);
    rows.map(|(((point, rank), neighbor), distance)| (point, rank, neighbor, distance))
        .collect()
}

/// Random positions, a lattice, many at one place, clusters.
fn layouts() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let whole = |sides: i32| {
        vec((0..sides, 0..sides), 1..70).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(x, y)| (f64::from(x), f64::from(y)))
                .collect::<Vec<_>>()
        })
    };
    prop_oneof![
        vec((-9.0..9.0, -9.0..9.0), 1..70),
        whole(12),
        whole(3),
        vec(
            (
                prop_oneof![4 => 0.0..1e-3, 1 => Just(8.0)],
                prop_oneof![4 => 0.0..1e-3, 1 => -9.0..9.0]
            ),
            1..70
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_match_naive(
        from in layouts(),
        of in proptest::option::of(layouts()),
        k in proptest::option::of(prop_oneof![1..9usize, 60..80usize]),
        within in proptest::option::of(prop_oneof![Just(0.0), Just(1.0), Just(2f64.sqrt()), 0.0..20.0, Just(1e300)]),
        batch_rows in 1..40usize,
        picks in vec(0.0..1.0, 0..50),
        thin in proptest::option::of((1..4u32, 0..3u32)),
    ) {
        let folder = tempfile::tempdir().unwrap();
        // Those that are left out may lie anywhere, or nowhere.
        let chosen = |points: &[(f64, f64)]| thin.map(|(step, rest)| -> Vec<u32> {
            (0..points.len() as u32).filter(|point| point % step == rest % step).collect()
        });
        let spoilt = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let chosen = chosen(points);
            let is_chosen = |point: usize| chosen.as_ref().is_none_or(|list| list.contains(&(point as u32)));
            let place = |(point, at): (usize, &(f64, f64))| if is_chosen(point) { *at } else { (f64::NAN, at.1) };
            points.iter().enumerate().map(place).collect()
        };
        let scan = write_scan(&folder.path().join("scan.npz"), &spoilt(&from));
        let other = of.as_ref().map(|of| write_scan(&folder.path().join("other.npz"), &spoilt(of)));
        let (among, of_among) = (chosen(&from), of.as_ref().and_then(|of| chosen(of)));
        let lists = [among.as_deref(), of_among.as_deref()];
        let options = NeighborsOptions::default().with_k(k).with_within(within).with_of(other)
            .with_among(among.clone()).with_of_among(of_among.clone());
        let table = Arc::new(NeighborsTable::try_new(&scan, &options).unwrap());
        let most = k.unwrap_or(if within.is_some() { usize::MAX } else { DEFAULT_K });
        let expected = naive(&from, of.as_deref(), most, within, lists);
        prop_assert_eq!(table.num_rows().unwrap(), expected.len());
        prop_assert_eq!(table.known_rows(), Some(expected.len()));
        let found = read(&table, &ReadOptions::default().with_batch_rows(batch_rows));
        prop_assert_eq!(&found, &expected);
        let picks: Vec<usize> = picks.iter().map(|pick| (pick * expected.len() as f64) as usize).collect();
        if !expected.is_empty() {
            let picked: Vec<Row> = picks.iter().map(|row| expected[*row]).collect();
            let options = ReadOptions::default().with_batch_rows(batch_rows).with_rows(picks);
            prop_assert_eq!(read(&table, &options), picked);
        }
    }
}

fn lattice(side: usize) -> Vec<(f64, f64)> {
    (0..side * side)
        .map(|point| ((point % side) as f64, (point / side) as f64))
        .collect()
}

#[test]
fn a_neighbor_at_the_printed_distance_is_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let scan = write_scan(&folder.path().join("scan.npz"), &lattice(9));
    let of = |within: f64| {
        let options = NeighborsOptions::default().with_within(within);
        let table = NeighborsTable::try_new(&scan, &options).unwrap();
        assert_eq!(
            table.known_rows(),
            None,
            "not known before they are counted"
        );
        table.num_rows().unwrap()
    };
    // The root of 13, which is 3 steps along one side and 2 along the other, is rounded down.
    let distance = 3.605551275463989;
    assert_eq!(distance, 13f64.sqrt());
    assert!(distance * distance < 13.0);
    assert!(of(distance) > of(distance.next_down()));
}

/// A whole table of these would take 160 GB.
#[test]
fn a_batch_of_a_huge_table_is_worked_out_alone() {
    const SIDE: usize = 316;
    let (points, k) = (SIDE * SIDE, 99_000);
    let folder = tempfile::tempdir().unwrap();
    let scan = write_scan(&folder.path().join("scan.npz"), &lattice(SIDE));
    let options = NeighborsOptions::default().with_k(k);
    let table = Arc::new(NeighborsTable::try_new(&scan, &options).unwrap());
    assert_eq!(table.num_rows().unwrap(), points * k);
    let last = points * k - 20_000;
    for rows in [0..20_000, k - 10_000..k + 10_000, last..points * k] {
        let options = ReadOptions::default().with_rows(Rows::Range(rows.clone()));
        let found = read(&table, &options);
        assert_eq!(found.len(), 20_000);
        for (row, (point, rank, _, _)) in rows.zip(found) {
            assert_eq!((point, rank), ((row / k) as i64, (row % k) as i32 + 1));
        }
    }
}

#[test]
fn units_have_to_be_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let scan = write_scan(&folder.path().join("a.npz"), &lattice(3));
    let path = folder.path().join("b.npz");
    write_scan(&path, &lattice(3));
    let mut options = ScanOptions::default();
    options.layout.unit = Some(Unit::METRES);
    let other = Scan::open_with(&path, &options).unwrap();
    let error = NeighborsTable::try_new(&scan, &NeighborsOptions::default().with_of(other));
    assert!(matches!(error.unwrap_err(), Error::UnitsDiffer { .. }));
}

#[test]
fn parameters_have_their_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let scan = write_scan(&folder.path().join("scan.npz"), &lattice(3));
    for options in [
        NeighborsOptions::default().with_k(0),
        NeighborsOptions::default().with_within(-1.0),
        NeighborsOptions::default().with_within(f64::NAN),
    ] {
        let error = NeighborsTable::try_new(&scan, &options).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    }
}

/// The columns of a batch, and the batches that share a scan point, search once.
#[test]
fn what_was_found_is_not_searched_again() {
    let searches = AtomicUsize::new(0);
    let search = |point: u32, depth: usize, out: &mut Vec<Neighbor>| {
        searches.fetch_add(1, Ordering::Relaxed);
        out.clear();
        out.extend((0..depth as u32).map(|rank| Neighbor {
            distance2: f64::from(rank),
            scan_point: point + rank,
        }));
    };
    let order = |points: &[u32]| (0..points.len() as u32).rev().collect();
    let cache = Cache::default();
    let read = |k: usize, rows: Range<usize>| {
        searches.store(0, Ordering::Relaxed);
        let places: Vec<Place> = Extents::Equal(k)
            .places(&RowSet::Range(rows.clone()))
            .collect();
        let point_of = |near: &Neighbor| near.scan_point as usize;
        for _ in 0..2 {
            let values = cache.values(&places, k, search, order, point_of).unwrap();
            assert!(
                values
                    .into_iter()
                    .eq(rows.clone().map(|row| row / k + row % k))
            );
        }
        searches.load(Ordering::Relaxed)
    };
    assert_eq!(read(3, 0..3000), 1000);
    assert_eq!(read(3, 10..11), 1, "one row");
    let k = 100_000;
    assert_eq!(read(k, 0..70_000), 1);
    assert_eq!(read(k, 70_000..140_000), 1, "the first point is known");
    assert_eq!(read(k, 140_000..150_000), 0, "all of it is known");
    assert_eq!(read(k, 150_000..450_000), 3);
}
