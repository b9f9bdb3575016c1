use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The definition.
fn naive(positions: &Positions, points: &[u32], at: [f64; 2], k: usize, except: Option<u32>) -> Vec<(f64, u32)> {
    let distance = |point: &u32| squared_distance(at, positions.at(*point as usize));
    let mut all: Vec<(f64, u32)> = points.iter().map(|point| (distance(point), *point)).collect();
    all.retain(|(_, point)| Some(*point) != except);
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

fn assert_matches_naive(pairs: &[(f64, f64)], k: usize) {
    let (x, y) = pairs.iter().copied().unzip();
    let positions = Positions { x, y };
    // Leave every seventh point out, so that scan points and rows of the tree differ.
    let points: Vec<u32> = (0..positions.len() as u32).filter(|point| point % 7 != 3).collect();
    let neighbors = Neighbors::try_new(&positions, &points).unwrap();
    let mut found = Vec::new();
    for point in &points {
        let at = positions.at(*point as usize);
        neighbors.nearest(at, k, Some(*point), &mut found);
        let found: Vec<(f64, u32)> = found.iter().map(|n| (n.distance2, n.scan_point)).collect();
        assert_eq!(found, naive(&positions, &points, at, k, Some(*point)), "of scan point {point}");
    }
}

/// Positions on which trees go wrong: lattices, duplicates, lines, one place, a far outlier.
fn layouts() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let anywhere = vec((-1e3..1e3, -1e3..1e3), 1..200);
    let lattice = vec((0..12i32, 0..12i32), 1..200)
        .prop_map(|cells| cells.into_iter().map(|(i, j)| (f64::from(i) * 0.1, f64::from(j) * 0.1)).collect());
    let line = vec(-50..50i32, 1..200).prop_map(|steps| steps.into_iter().map(|i| (2.0, f64::from(i))).collect());
    let one_place = (1..150usize).prop_map(|count| vec![(1.5, -0.0); count]);
    let outlier = vec((0.0..1.0, 0.0..1.0), 1..100).prop_map(|mut points: Vec<(f64, f64)>| {
        points.push((1e12, -1e12));
        points
    });
    prop_oneof![anywhere, lattice, line, one_place, outlier]
}

proptest! {
    #[test]
    fn nearest_matches_naive(pairs in layouts(), k in 1..20usize) {
        assert_matches_naive(&pairs, k);
    }
}

#[test]
fn nearest_matches_naive_on_a_full_lattice() {
    let lattice: Vec<(f64, f64)> = (0..900).map(|i| (f64::from(i % 30), f64::from(i / 30))).collect();
    for k in [1, 4, 6, 7, 8, 9, 24] {
        assert_matches_naive(&lattice, k);
    }
}

#[test]
fn both_zeros_are_one_place() {
    assert_matches_naive(&[(0.0, -0.0), (-0.0, 0.0), (1.0, 0.0), (-0.0, -0.0)], 2);
}

#[test]
fn spacing_counts_duplicates_once() {
    let positions = Positions { x: vec![0.0, 3.0, 3.0, 10.0], y: vec![0.0, 4.0, 4.0, 4.0] };
    let spacing = spacing(&positions).unwrap().unwrap();
    assert_eq!((spacing.min, spacing.median, spacing.max, spacing.duplicates), (5.0, 5.0, 7.0, 1));
}
