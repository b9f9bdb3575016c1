//! Which axis is which: lengths that settle it, options that do, and errors.

use super::*;

/// x and y, and patterns of this shape.
fn patterns(len: usize, shape: &[usize]) -> Vec<Member> {
    list([&coords(len), &[array("diffraction", "<f4", shape)]])
}

fn rows(members: &[Member], options: &LayoutOptions) -> Option<Vec<usize>> {
    Some(
        detect_with(members, options)
            .ok()?
            .get(Role::Diffraction)?
            .rows
            .clone(),
    )
}

#[test]
fn the_pattern_axis_is_as_long_as_the_positions() {
    let unsaid = LayoutOptions::default();
    let (first, last) = (axis(PatternAxis::First), axis(PatternAxis::Last));
    // Positions, shape, axes unsaid, said to be first, said to be last.
    type Case = (usize, &'static [usize], [Option<&'static [usize]>; 3]);
    let cases: &[Case] = &[
        (7, &[7, 8, 8], [Some(&[0]), Some(&[0]), None]),
        (7, &[8, 8, 7], [Some(&[2]), None, Some(&[2])]),
        (7, &[7, 8, 9], [Some(&[0]), Some(&[0]), None]),
        // Where the shape leaves it open, the layout counts along the first axis.
        (8, &[8, 8, 8], [Some(&[0]), Some(&[0]), Some(&[2])]),
        (8, &[8, 8, 7], [Some(&[0]), Some(&[0]), None]),
        (8, &[7, 8, 8], [None, None, Some(&[2])]),
        (8, &[8, 7, 8], [Some(&[0]), Some(&[0]), Some(&[2])]),
        (7, &[8, 7, 8], [None, None, None]),
        (6, &[7, 8, 8], [None, None, None]),
        (1, &[1, 8, 8], [Some(&[0]), Some(&[0]), None]),
        (1, &[1, 1, 8, 8], [Some(&[1]), Some(&[1]), None]),
        (7, &[1, 7, 8, 8], [Some(&[1]), Some(&[1]), None]),
        (7, &[1, 1, 8, 8, 7], [Some(&[4]), None, Some(&[4])]),
        (12, &[3, 4, 8, 8], [Some(&[0, 1]), Some(&[0, 1]), None]),
        (12, &[1, 3, 4, 8, 8], [Some(&[1, 2]), Some(&[1, 2]), None]),
        (12, &[8, 8, 3, 4], [None, None, Some(&[2, 3])]),
        (
            64,
            &[8, 8, 8, 8],
            [Some(&[0, 1]), Some(&[0, 1]), Some(&[2, 3])],
        ),
        (11, &[3, 4, 8, 8], [None, None, None]),
        (7, &[7, 8], [None, None, None]),
        (7, &[2, 7, 8, 8, 8], [None, None, None]),
    ];
    for (len, shape, expected) in cases {
        let members = patterns(*len, shape);
        for (options, expected) in [&unsaid, &first, &last].into_iter().zip(expected) {
            assert_eq!(
                rows(&members, options).as_deref(),
                *expected,
                "{len} positions, {shape:?}, {options:?}"
            );
        }
    }
}

#[test]
fn what_the_layout_settles_is_noted_unless_it_is_said() {
    let note = |members: &[Member], options: &LayoutOptions| {
        let notes = detect_with(members, options).unwrap().notes;
        let codes = notes.iter().map(Note::code);
        codes
            .filter(|code| *code == "pattern_axis_by_layout")
            .count()
    };
    let unsaid = LayoutOptions::default();
    for name in ["diffraction", "diff3d", "data"] {
        let cube = array(name, "<f4", &[64, 64, 64]);
        let members = match name {
            // tike's files have their patterns along the first axis, all of them.
            "data" => list([&[array("scan", "<f4", &[64, 2])], &[cube]]),
            _ => list([&coords(64), &[cube]]),
        };
        assert_eq!(rows(&members, &unsaid), Some(vec![0]), "{name}");
        assert_eq!(note(&members, &unsaid), 1, "{name}");
        assert_eq!(note(&members, &axis(PatternAxis::First)), 0, "{name}");
    }
    assert_eq!(note(&patterns(7, &[7, 8, 8]), &unsaid), 0);
}

#[test]
fn without_positions_patterns_count_themselves() {
    let alone = |shape: &[usize], options: &LayoutOptions| {
        let layout = detect_with(&[array("patterns", "<f4", shape)], options).unwrap();
        (
            layout.positions,
            layout.get(Role::Diffraction).unwrap().rows.clone(),
            layout.raster,
            layout.unit,
        )
    };
    let unsaid = LayoutOptions::default();
    assert_eq!(
        alone(&[8, 8, 8], &unsaid),
        (8, vec![0], None, Unit::UNKNOWN)
    );
    assert_eq!(
        alone(&[8, 8, 9], &axis(PatternAxis::Last)),
        (9, vec![2], None, Unit::UNKNOWN)
    );
    assert_eq!(
        alone(&[3, 4, 8, 8], &unsaid),
        (12, vec![0, 1], Some([3, 4]), Unit::STEPS)
    );
    // An axis of length 1 in front is the only scan row, ...
    let line = (7, vec![0, 1], Some([1, 7]), Unit::STEPS);
    assert_eq!(alone(&[1, 7, 8, 8], &unsaid), line);
    assert_eq!(
        alone(&[1, 1, 7, 8, 8], &unsaid),
        (7, vec![1, 2], Some([1, 7]), Unit::STEPS)
    );
    assert_eq!(
        alone(&[7, 1, 8, 8], &unsaid),
        (7, vec![0, 1], Some([7, 1]), Unit::STEPS)
    );
    assert_eq!(
        alone(&[1, 1, 8, 8], &unsaid),
        (1, vec![0, 1], Some([1, 1]), Unit::STEPS)
    );
    assert_eq!(
        alone(&[1, 3, 4, 8, 8], &unsaid),
        (12, vec![1, 2], Some([3, 4]), Unit::STEPS)
    );
    // ... unless it is said that patterns are counted along the last axis.
    assert_eq!(
        alone(&[1, 8, 8, 7], &axis(PatternAxis::Last)),
        (7, vec![3], None, Unit::UNKNOWN)
    );
    assert_eq!(
        alone(&[8, 8, 1, 7], &axis(PatternAxis::Last)),
        (7, vec![2, 3], Some([1, 7]), Unit::STEPS)
    );
    // Two sides of equal length are those of a pattern.
    assert_eq!(
        alone(&[8, 8, 9], &unsaid),
        (9, vec![2], None, Unit::UNKNOWN)
    );
}

#[test]
fn patterns_of_another_scan_are_refused() {
    insta::assert_snapshot!(
        problem(&patterns(6, &[7, 8, 8])),
        @"a.npz: member `diffraction`: found shape [7, 8, 8], expected (6, N, N): one pattern for each of the 6 positions; leave out what has no partner with LayoutOptions::unpaired = drop or correct the file"
    );
    // No layout says anything about `dp`.
    insta::assert_snapshot!(
        problem(&list([&coords(8), &[array("dp", "<f4", &[8, 8, 8])]])),
        @"a.npz: member `dp`: found shape [8, 8, 8], expected one axis of length 8, the number of positions; set LayoutOptions::pattern_axis = first or set LayoutOptions::pattern_axis = last"
    );
    insta::assert_snapshot!(
        problem_with(&patterns(7, &[7, 8, 8]), &axis(PatternAxis::Last)),
        @"a.npz: member `diffraction`: found shape [7, 8, 8], expected (7, N, N): one pattern for each of the 7 positions; leave out LayoutOptions::pattern_axis"
    );
    insta::assert_snapshot!(
        problem(&patterns(11, &[3, 4, 8, 8])),
        @"a.npz: member `diffraction`: found shape [3, 4, 8, 8], expected (11, N, N): one pattern for each of the 11 positions; leave out what has no partner with LayoutOptions::unpaired = drop or correct the file"
    );
    insta::assert_snapshot!(
        problem(&patterns(7, &[7])),
        @"a.npz: member `diffraction`: found shape [7], expected (7, N, N): one pattern for each of the 7 positions; name the member with LayoutOptions::roles = diffraction=NAME"
    );
    let complex = list([&coords(7), &[array("diff3d", "<c8", &[7, 8, 8])]]);
    insta::assert_snapshot!(
        problem(&complex),
        @"a.npz: member `diff3d`: found dtype <c8, expected real numbers: amplitudes or counts; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    let many = [array("dp", "<f4", &[1 << 31, 8, 8])];
    insta::assert_snapshot!(
        problem(&many),
        @"a.npz: member `dp`: found shape [2147483648, 8, 8], expected fewer than 2^31 patterns; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    let overflow = [array("arr_0", "<f4", &[usize::MAX, usize::MAX, 8, 8])];
    assert!(problem(&overflow).contains("fewer than 2^31 patterns"));
}

#[test]
fn a_value_a_position() {
    let start = |start: Member| {
        list([
            &patterns(7, &[7, 8, 8]),
            &[start, array("ycoords_start", "<f8", &[7])],
        ])
    };
    insta::assert_snapshot!(
        problem(&start(array("xcoords_start", "<f8", &[6]))),
        @"a.npz: member `xcoords_start`: found shape [6], expected (7,), one value for each of the 7 positions in `xcoords`; leave out what has no partner with LayoutOptions::unpaired = drop, correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        problem(&start(array("xcoords_start", "<c8", &[7]))),
        @"a.npz: member `xcoords_start`: found dtype <c8, expected real numbers; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    let index =
        |descr: &str, shape: &[usize]| list([&coords(7), &[array("scan_index", descr, shape)]]);
    insta::assert_snapshot!(
        problem(&index("<i8", &[7, 2])),
        @"a.npz: member `scan_index`: found shape [7, 2], expected (7,), one value for each of the 7 positions in `xcoords`; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        problem(&index("<f8", &[7])),
        @"a.npz: member `scan_index`: found dtype <f8, expected integers; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    let y = |shape: &[usize]| {
        [
            array("xcoords", "<f8", &[7]),
            array("ycoords", "<f8", shape),
        ]
    };
    insta::assert_snapshot!(
        problem(&y(&[6])),
        @"a.npz: member `ycoords`: found shape [6], expected (7,), one value for each of the 7 positions in `xcoords`; leave out what has no partner with LayoutOptions::unpaired = drop, correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        problem(&[array("xcoords", "<f8", &[3, 4]), array("ycoords", "<f8", &[3])]),
        @"a.npz: member `xcoords`: found shape [3, 4], expected (M,), one value per scan point, fewer than 2^31 of them; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        problem(&[array("xcoords", "<c8", &[3]), array("ycoords", "<f8", &[3])]),
        @"a.npz: member `xcoords`: found dtype <c8, expected real numbers; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    assert_eq!(detect(&y(&[7, 1])).get(Role::Y).unwrap().fixed, [(1, 0)]);
    assert_eq!(detect(&y(&[1, 7])).get(Role::Y).unwrap().fixed, [(0, 0)]);
    let frames = [
        array("patterns", "<u2", &[7, 8, 8]),
        array("indexes", "<i8", &[9]),
    ];
    insta::assert_snapshot!(
        problem(&frames),
        @"a.npz: member `indexes`: found shape [9], expected (7,), one value for each of the 7 patterns in `patterns`; leave out what has no partner with LayoutOptions::unpaired = drop, correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
}

/// Axis and index of x and y, axis of positions.
fn columns(shape: &[usize], options: &LayoutOptions) -> Option<[usize; 4]> {
    let layout = detect_with(&[array("positions", "<f8", shape)], options).ok()?;
    let (x, y) = (layout.get(Role::X)?, layout.get(Role::Y)?);
    let (x_at, y_at) = (*x.fixed.last()?, *y.fixed.last()?);
    assert_eq!(
        (&x.rows, x_at.0, layout.positions),
        (&y.rows, y_at.0, shape[x.rows[0]])
    );
    Some([x_at.0, x_at.1, y_at.1, x.rows[0]])
}

#[test]
fn combined_positions_have_their_columns_said() {
    for shape in [&[7, 2][..], &[2, 7], &[7, 3], &[1, 7, 2], &[2, 2]] {
        assert_eq!(columns(shape, &LayoutOptions::default()), None, "{shape:?}");
    }
    assert_eq!(columns(&[7, 2], &order("yx")), Some([1, 1, 0, 0]));
    assert_eq!(columns(&[2, 7], &order("yx")), Some([0, 1, 0, 1]));
    assert_eq!(columns(&[1, 7, 2], &order("xy")), Some([2, 0, 1, 1]));
    assert_eq!(columns(&[7, 3], &order("zyx")), Some([1, 2, 1, 0]));
    assert_eq!(columns(&[3, 7], &order("xy_")), Some([0, 0, 1, 1]));
    assert_eq!(columns(&[3, 2], &order("zyx")), Some([0, 2, 1, 1]));
    assert_eq!(columns(&[3, 2], &order("yx")), Some([1, 1, 0, 0]));
    assert_eq!(columns(&[1, 2], &order("yx")), Some([1, 1, 0, 0]));
    assert_eq!(columns(&[7, 3], &order("yx")), None);
    assert_eq!(columns(&[2, 2], &order("yx")), None);
    assert_eq!(columns(&[7, 9], &order("yx")), None);
}

#[test]
fn combined_positions_that_stay_open_are_errors() {
    let combined = |shape: &[usize]| [array("positions", "<f8", shape)];
    insta::assert_snapshot!(
        problem(&combined(&[7, 2])),
        @"a.npz: member `positions`: found shape [7, 2], expected an array whose columns are known to be x and y; set LayoutOptions::position_order = yx, set LayoutOptions::position_order = xy or name every column with LayoutOptions::position_order = _yx, where _ is neither x nor y"
    );
    insta::assert_snapshot!(
        problem(&combined(&[2, 2])),
        @"a.npz: member `positions`: found shape [2, 2], expected more, or fewer, scan points than columns, so that the axes can be told apart; save it again as two members, one for x and one for y"
    );
    insta::assert_snapshot!(
        problem_with(&combined(&[7, 3]), &order("yx")),
        @"a.npz: member `positions`: found shape [7, 3], expected one axis of length 2, the columns of order `yx`; name every column with LayoutOptions::position_order = _yx, where _ is neither x nor y"
    );
    insta::assert_snapshot!(
        problem_with(&combined(&[2, 2]), &order("yx")),
        @"a.npz: member `positions`: found shape [2, 2], expected more, or fewer, scan points than columns, so that the axes can be told apart; save it again as two members, one for x and one for y"
    );
    // The layout knows two columns, not three.
    let tike = [
        array("data", "<f4", &[7, 8, 8]),
        array("scan", "<f4", &[7, 3]),
    ];
    insta::assert_snapshot!(
        problem(&tike),
        @"a.npz: member `scan`: found shape [7, 3], expected an array whose columns are known to be x and y; set LayoutOptions::position_order = yx, set LayoutOptions::position_order = xy or name every column with LayoutOptions::position_order = _yx, where _ is neither x nor y"
    );
    let layout = detect_with(&tike, &order("_xy")).unwrap();
    assert_eq!(
        (layout.name, layout.get(Role::X).unwrap().fixed[0]),
        ("tike", (1, 1))
    );
    // What is said counts more than what the layout knows.
    let tike = [
        array("data", "<f4", &[7, 8, 8]),
        array("scan", "<f4", &[7, 2]),
    ];
    assert_eq!(
        detect_with(&tike, &order("xy"))
            .unwrap()
            .get(Role::X)
            .unwrap()
            .fixed,
        [(1, 0)]
    );
    // One scan point.
    let single = [
        array("data", "<f4", &[1, 8, 8]),
        array("scan", "<f4", &[1, 1, 2]),
    ];
    assert_eq!(
        detect(&single).get(Role::X).unwrap().fixed,
        [(0, 0), (2, 1)]
    );
    insta::assert_snapshot!(
        problem_with(&combined(&[1 << 31, 2]), &order("yx")),
        @"a.npz: member `positions`: found shape [2147483648, 2], expected fewer than 2^31 scan points; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
}

#[test]
fn layers_of_probe_and_object() {
    // Shape, axes that count layers, axes at one index.
    type Case = (
        &'static [usize],
        &'static [usize],
        &'static [(usize, usize)],
    );
    let cases: &[Case] = &[
        (&[8, 8], &[], &[]),
        (&[8, 8, 1], &[], &[(2, 0)]),
        (&[3, 8, 8], &[0], &[]),
        (&[1, 8, 8], &[], &[(0, 0)]),
        (&[1, 5, 8, 8], &[1], &[(0, 0)]),
        (&[2, 5, 8, 8], &[0, 1], &[]),
        (&[1, 1, 1, 5, 8, 8], &[3], &[(0, 0), (1, 0), (2, 0)]),
        (&[1, 1], &[], &[]),
    ];
    for (shape, rows, fixed) in cases {
        for (role, name) in [(Role::Probe, "probeGuess"), (Role::Object, "objectGuess")] {
            let layout = detect(&list([&coords(7), &[array(name, "<c8", shape)]]));
            let placed = layout.get(role).unwrap();
            assert_eq!(
                (&placed.rows[..], &placed.fixed[..]),
                (*rows, *fixed),
                "{name} {shape:?}"
            );
            let modes: usize = rows.iter().map(|axis| shape[*axis]).product();
            assert_eq!(
                (placed.num_rows(shape), placed.row_shape(shape).len()),
                (modes, 2)
            );
        }
    }
}
