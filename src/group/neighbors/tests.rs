use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Lists the nearest by definition.
fn naive(
    x: &[f64],
    y: &[f64],
    points: &[u32],
    at: [f64; 2],
    k: usize,
    except: Option<u32>,
) -> Vec<(f64, u32)> {
    let distance = |point: &u32| squared_distance(at, [x[*point as usize], y[*point as usize]]);
    let mut all: Vec<(f64, u32)> = points
        .iter()
        .map(|point| (distance(point), *point))
        .collect();
    all.retain(|(_, point)| Some(*point) != except);
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

/// Distance to the nearest other position, and the number of positions, by definition.
fn naive_places(x: &[f64], y: &[f64], points: &[u32], at: [f64; 2]) -> (Option<f64>, usize) {
    let mut places: Vec<[f64; 2]> = points
        .iter()
        .map(|p| [x[*p as usize] + 0.0, y[*p as usize] + 0.0])
        .collect();
    places.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    places.dedup();
    let others = places
        .iter()
        .filter(|place| **place != at)
        .map(|place| squared_distance(at, *place));
    (others.min_by(f64::total_cmp), places.len())
}

/// Every engine that takes the layout; the grid may refuse it.
fn engines<'a>(x: &'a [f64], y: &'a [f64], scan_points: &'a [u32]) -> Vec<Neighbors<'a>> {
    let of = |engine| Neighbors::with_engine(x, y, scan_points, SharedEngine(Arc::new(engine)));
    let mut engines = vec![
        Neighbors::on_tree(x, y, scan_points),
        Neighbors::new(x, y, scan_points),
    ];
    for (density, crowd) in [(2.5, usize::MAX), (1.0, usize::MAX), (30.0, usize::MAX)] {
        engines.extend(
            Grid::with_density(x, y, scan_points, density, crowd)
                .map(|grid| of(Engine::Grid(grid))),
        );
    }
    engines
}

fn assert_matches_naive(pairs: &[(f64, f64)], points: &[u32], k: usize) {
    assert_matches_naive_at(pairs, points, k, 1);
}

/// Compares what every engine finds around every `step`-th position, and around some that are no scan points.
fn assert_matches_naive_at(pairs: &[(f64, f64)], points: &[u32], k: usize, step: usize) {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let mut found = Vec::new();
    for neighbors in engines(&x, &y, points) {
        // Every scan point asks, also those that are no candidates.
        for point in (0..x.len() as u32).step_by(step) {
            let at = [x[point as usize], y[point as usize]];
            for except in [Some(point), None] {
                neighbors.nearest(at, k, except, &mut found);
                let found: Vec<(f64, u32)> =
                    found.iter().map(|n| (n.distance2, n.scan_point)).collect();
                assert_eq!(
                    found,
                    naive(&x, &y, points, at, k, except),
                    "{neighbors:?} of {point}"
                );
            }
            let places = naive_places(&x, &y, points, at);
            assert_eq!(
                (neighbors.nearest_elsewhere(at), neighbors.num_places()),
                places,
                "{neighbors:?} of {point}"
            );
        }
        for at in [
            [0.5, 0.25],
            [1e3, -5.0],
            [-1e12, 3.0],
            [2.0, 1e12],
            [1e17, 1e17],
            [1e154, 0.0],
            [-1e200, 1e160],
            [5e-324, 0.0],
        ] {
            neighbors.nearest(at, k, None, &mut found);
            let found: Vec<(f64, u32)> =
                found.iter().map(|n| (n.distance2, n.scan_point)).collect();
            assert_eq!(
                found,
                naive(&x, &y, points, at, k, None),
                "{neighbors:?} at {at:?}"
            );
        }
        let seeds: Vec<u32> = (0..x.len() as u32).collect();
        for seeds in [&seeds[..], points] {
            let mut order = neighbors.spatial_order(seeds);
            order.sort_unstable();
            assert!(
                order.iter().copied().eq(0..seeds.len() as u32),
                "{neighbors:?}"
            );
        }
    }
}

fn pairs_of(
    coordinate: impl Strategy<Value = f64> + Clone + 'static,
    most: usize,
) -> BoxedStrategy<Vec<(f64, f64)>> {
    vec((coordinate.clone(), coordinate), 1..most).boxed()
}

/// `count` points on a lattice of `columns`, as `numpy.linspace` places them.
fn lattice(columns: usize, count: usize, width: f64) -> Vec<(f64, f64)> {
    let along = |i: usize| -0.5 * width + i as f64 * (width / columns.max(2) as f64);
    (0..count)
        .map(|i| (along(i % columns), along(i / columns)))
        .collect()
}

fn spiral(count: usize) -> Vec<(f64, f64)> {
    let at = |i: usize| (0.1 * (i as f64).sqrt(), i as f64 * 2.399_963_229_728_653);
    (0..count)
        .map(at)
        .map(|(radius, angle)| (radius * angle.cos(), radius * angle.sin()))
        .collect()
}

/// Layouts on which searches go wrong.
fn layouts() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let on_line = |dx: f64, dy: f64| {
        vec(-50..50i32, 1..120)
            .prop_map(move |steps| {
                steps
                    .into_iter()
                    .map(|i| (2.0 + dx * f64::from(i), dy * f64::from(i) - 1.0))
                    .collect()
            })
            .boxed()
    };
    let whole = |range: std::ops::Range<i32>, unit: f64| {
        pairs_of(range.prop_map(move |i| f64::from(i) * unit), 150)
    };
    let places = (vec((-9.0..9.0, -9.0..9.0), 1..5), vec(0..5usize, 1..150)).prop_map(
        |(places, which): (Vec<(f64, f64)>, _)| {
            which
                .iter()
                .map(|i: &usize| places[i % places.len()])
                .collect()
        },
    );
    let outlier = pairs_of(0.0..1.0, 100).prop_map(|mut points| {
        points.insert(points.len() / 2, (1e12, -1e12));
        points
    });
    let clusters = vec((0..4i32, 0..3i32, -1.0..1.0, -1.0..1.0), 1..150).prop_map(|all| {
        all.iter()
            .map(|(i, j, x, y)| (f64::from(*i) * 1e9 + x, f64::from(*j) * 1e9 + y))
            .collect()
    });
    // More than half have the lowest coordinate: no median splits them evenly.
    let edge = vec(
        (prop_oneof![3 => Just(0.0), 2 => 1.0..2.0], 0.0..0.1),
        1..150,
    );
    let zeros = pairs_of(
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(-1.0)],
        60,
    );
    let mixed = pairs_of(
        prop_oneof![
            Just(0.0),
            -1e160..1e160,
            -1e154..1e154,
            -1.0..1.0,
            -1e-160..1e-160
        ],
        60,
    );
    prop_oneof![
        pairs_of(-1e3..1e3, 150),
        pairs_of(1e9..1e9 + 1e-5, 150),
        whole(0..12, 1.0),
        whole(0..12, 0.1),
        (1..20usize, 1..150usize, 0.1..9.0)
            .prop_map(|(columns, count, width)| lattice(columns, count, width)),
        places,
        (1..150usize).prop_map(|count| vec![(1.5, -0.0); count]),
        on_line(0.0, 1.0),
        on_line(0.3, 0.0),
        on_line(0.1, 0.1),
        on_line(1.0, 1e-9),
        outlier,
        clusters,
        (1..150usize).prop_map(spiral),
        pairs_of(-1e3..1e3, 10),
        zeros,
        edge,
        pairs_of(-1e150..1e150, 100),
        pairs_of(-1e155..1e155, 100),
        pairs_of(-1e308..1e308, 60),
        whole(0..9, 5e-324),
        whole(0..9, 1e-162),
        pairs_of(-1e-161..1e-161, 100),
        pairs_of(-1e-158..1e-158, 100),
        pairs_of(-1e-99..1e-99, 100),
        mixed,
    ]
}

properties! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nearest_matches_naive(pairs in layouts(), k in prop_oneof![1..20usize, 60..90usize], drop in 2..9u32) {
        // Leave some out, so that scan points and entries differ.
        let points: Vec<u32> = (0..pairs.len() as u32).filter(|point| point % drop != 1).collect();
        assert_matches_naive(&pairs, &points, k);
    }

    #[test]
    fn search_matches_naive(
        pairs in layouts(),
        k in prop_oneof![1..9usize, 60..90usize, Just(usize::MAX)],
        of in 0.0..1.0,
        scale in prop_oneof![2 => Just(1.0), 1 => 0.0..2.0, 1 => Just(f64::INFINITY)],
    ) {
        let points: Vec<u32> = (0..pairs.len() as u32).collect();
        assert_search_matches_naive(&pairs, &points, k, (pairs.len() as f64 * of) as usize, scale);
    }

    #[test]
    fn the_largest_square_is_the_last_within(root in prop_oneof![0.0..1e9, 0.0..1e-150, 1e150..1e300, Just(0.0), Just(f64::MAX)]) {
        let square = largest_square(root);
        prop_assert!(square.sqrt() <= root && (square == f64::MAX || square.next_up().sqrt() > root), "{} of {}", square, root);
    }

    #[test]
    fn nearest_matches_naive_where_seeds_are_apart(pairs in layouts(), k in 1..9usize, cut in 0.0..1.0) {
        let mut x: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
        x.sort_by(f64::total_cmp);
        let cut = x[((x.len() - 1) as f64 * cut) as usize];
        let points: Vec<u32> = (0..pairs.len() as u32).filter(|point| pairs[*point as usize].0 <= cut).collect();
        assert_matches_naive(&pairs, &points, k);
    }
}

#[test]
fn nearest_matches_naive_on_full_lattices() {
    for width in [30.0, 1.0, 3.3e-6] {
        let pairs = lattice(30, 900, width);
        let points: Vec<u32> = (0..900).collect();
        for k in [1, 4, 6, 7, 8, 9, 24, 100, 899, 900, 2000] {
            assert_matches_naive_at(&pairs, &points, k, 7);
        }
    }
}

#[test]
fn no_points_have_no_neighbors() {
    assert_matches_naive(&[(0.0, 0.0), (1.0, 1.0)], &[], 3);
    assert_matches_naive(&[], &[], 3);
    assert_matches_naive(&[(0.0, 0.0), (1.0, 1.0)], &[1], 0);
}

#[test]
fn layouts_choose_their_engine() {
    let chosen = |pairs: &[(f64, f64)]| {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let points: Vec<u32> = (0..x.len() as u32).collect();
        matches!(*Neighbors::new(&x, &y, &points).engine, Engine::Grid(_))
    };
    let mut even = lattice(100, 10_000, 1.0);
    assert!(chosen(&even) && chosen(&spiral(10_000)));
    even.push((1e12, 0.0));
    assert!(!chosen(&even) && !chosen(&vec![(1.0, 1.0); 100]));
}

/// Compares what is within the distance between two points, scaled.
fn assert_search_matches_naive(
    pairs: &[(f64, f64)],
    points: &[u32],
    k: usize,
    to: usize,
    scale: f64,
) {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let distance = squared_distance([x[0], y[0]], [x[to], y[to]]).sqrt() * scale;
    let distance = if distance.is_nan() { 0.0 } else { distance };
    let mut found = Vec::new();
    for neighbors in engines(&x, &y, points) {
        for point in (0..x.len() as u32).step_by(3) {
            let at = [x[point as usize], y[point as usize]];
            for except in [Some(point), None] {
                let mut expected = naive(&x, &y, points, at, usize::MAX, except);
                expected.retain(|(distance2, _)| distance2.sqrt() <= distance);
                expected.truncate(k);
                let reach = Reach::new(k, distance);
                let count = neighbors.count(at, reach, except, &mut found);
                assert_eq!(count, expected.len(), "{neighbors:?} of {point}");
                neighbors.search(at, reach, except, &mut found);
                let found: Vec<(f64, u32)> =
                    found.iter().map(|n| (n.distance2, n.scan_point)).collect();
                assert_eq!(found, expected, "{neighbors:?} of {point}");
            }
        }
    }
}

/// Returns numbers from 0 to 1 that look random and are the same each time.
fn noise(count: usize, salt: u64) -> Vec<f64> {
    let mut state = salt;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 11
    };
    (0..count)
        .map(|_| next() as f64 / (1u64 << 53) as f64)
        .collect()
}

/// Where distances differ, kiddo alone is an independent answer at sizes where brute force takes too long.
#[test]
fn the_grid_matches_kiddo_on_many_points() {
    let (x, y) = (noise(100_000, 1), noise(100_000, 2));
    let points: Vec<u32> = (0..100_000).collect();
    let neighbors = Neighbors::new(&x, &y, &points);
    assert!(matches!(*neighbors.engine, Engine::Grid(_)));
    let pairs: Vec<[f64; 2]> = x.iter().zip(&y).map(|(x, y)| [*x, *y]).collect();
    let tree: kiddo::ImmutableKdTree<f64, 2> =
        kiddo::ImmutableKdTree::new_from_slice(&pairs).unwrap();
    let count = std::num::NonZero::new(9).unwrap();
    let mut found = Vec::new();
    for point in (0..100_000u32).step_by(7) {
        let at = pairs[point as usize];
        neighbors.nearest(at, 9, None, &mut found);
        let nearest = tree
            .query(&at)
            .nearest_n::<kiddo::SquaredEuclidean<f64>>(count)
            .execute();
        let found: Vec<u32> = found.iter().map(|near| near.scan_point).collect();
        let nearest: Vec<u32> = nearest.iter().map(|near| near.item).collect();
        assert_eq!(found, nearest, "of {point}");
    }
}

/// Clusters with duplicates and a far outlier, which the tree searches; some of the answers by brute force.
#[test]
fn the_tree_matches_naive_on_many_points() {
    let (a, b) = (noise(100_000, 3), noise(100_000, 4));
    let mut x: Vec<f64> = (0..100_000)
        .map(|i| (i % 97) as f64 * 1e4 + (a[i] * 50.0).round() * 0.1)
        .collect();
    let y: Vec<f64> = (0..100_000)
        .map(|i| (i % 89) as f64 * 1e4 + (b[i] * 50.0).round() * 0.1)
        .collect();
    x[500] = 1e12;
    let points: Vec<u32> = (0..100_000).collect();
    let neighbors = Neighbors::new(&x, &y, &points);
    assert!(matches!(*neighbors.engine, Engine::Places(_)));
    let mut found = Vec::new();
    for point in (0..100_000u32).step_by(4_999) {
        let at = [x[point as usize], y[point as usize]];
        neighbors.nearest(at, 12, Some(point), &mut found);
        let found: Vec<(f64, u32)> = found.iter().map(|n| (n.distance2, n.scan_point)).collect();
        assert_eq!(
            found,
            naive(&x, &y, &points, at, 12, Some(point)),
            "of {point}"
        );
    }
}

/// Enough points to sort and search on several threads; ties on a lattice, some of it twice.
#[test]
fn engines_agree_on_many_points() {
    let mut pairs = lattice(300, 90_000, 7.0);
    pairs.extend_from_within(1000..9000);
    pairs.extend(spiral(10_000));
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let points: Vec<u32> = (0..x.len() as u32).collect();
    let mut answers: Vec<Vec<Vec<(f64, u32)>>> = Vec::new();
    for neighbors in engines(&x, &y, &points) {
        let mut answer = vec![Vec::new(); points.len()];
        neighbors.nearest_of_each(
            &points,
            &neighbors.spatial_order(&points),
            6,
            |seed, found| {
                answer[seed] = found.iter().map(|n| (n.distance2, n.scan_point)).collect();
            },
        );
        assert_eq!(
            neighbors.num_places(),
            naive_places(&x, &y, &points, [0.0; 2]).1,
            "{neighbors:?}"
        );
        answers.push(answer);
    }
    assert!(answers.len() > 2 && answers.windows(2).all(|pair| pair[0] == pair[1]));
    for point in points.iter().step_by(5_003) {
        let at = [x[*point as usize], y[*point as usize]];
        assert_eq!(
            answers[0][*point as usize],
            naive(&x, &y, &points, at, 6, Some(*point)),
            "of {point}"
        );
    }
}

#[test]
fn spacing_counts_duplicates_once() {
    let positions = Positions {
        x: vec![0.0, 3.0, 3.0, 10.0, f64::NAN],
        y: vec![0.0, 4.0, 4.0, 4.0, 0.0],
    };
    let spacing = spacing(&positions).unwrap();
    assert_eq!(
        (spacing.min, spacing.median, spacing.max, spacing.duplicates),
        (5.0, 5.0, 7.0, 1)
    );
    assert_eq!(
        super::spacing(&Positions {
            x: vec![1.0; 3],
            y: vec![2.0; 3]
        }),
        None
    );
}
