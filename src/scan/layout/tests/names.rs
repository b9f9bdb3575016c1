//! Roles filled by names alone, and by options.

use super::*;

const PATTERNS: [&str; 12] = [
    "diff3d",
    "diffraction",
    "patterns",
    "data",
    "reciprocal",
    "dp",
    "diffamp",
    "det_data",
    "ptychogram",
    "images",
    "diffraction_patterns",
    "arr_0",
];

#[test]
fn every_name_fills_its_role() {
    for name in PATTERNS {
        let layout = detect(&list([&coords(7), &[array(name, "<f4", &[7, 8, 8])]]));
        assert_eq!(layout.member(Role::Diffraction), Some(name));
    }
    let one = |role: Role, descr: &str, shape: &[usize], names: &[&str]| {
        for name in names {
            let patterns = array("diff3d", "<f4", &[7, 8, 9]);
            let layout = detect(&list([&coords(7), &[patterns, array(name, descr, shape)]]));
            assert_eq!(layout.member(role), Some(*name), "{}", show(&layout));
        }
    };
    let probes = [
        "probeGuess",
        "probe",
        "initial_probe",
        "illumination",
        "reconstructed_probe",
    ];
    one(Role::Probe, "<c8", &[8, 8], &probes);
    one(
        Role::Object,
        "<c16",
        &[30, 40],
        &[
            "objectGuess",
            "object",
            "obj",
            "psi",
            "reconstructed_object",
        ],
    );
    one(Role::ObjectPatches, "<c8", &[7, 8, 9], &["Y", "real"]);
    one(
        Role::FrameIndex,
        "<i4",
        &[7],
        &["indexes", "probe_position_indexes", "scan_index"],
    );
    one(Role::BadPixels, "|b1", &[8, 9], &["bad_pixels"]);
    one(Role::ValidPixels, "|b1", &[8, 9], &["valid_pixel_mask"]);
    one(
        Role::PixelSize,
        "<f8",
        &[],
        &["object_pixel_width_m", "pixelsize"],
    );
}

#[test]
fn every_pair_of_positions_is_found() {
    let pairs = [
        ("xcoords", "ycoords", Unit::PIXELS),
        ("probe_position_x_m", "probe_position_y_m", Unit::METRES),
        ("ppX", "ppY", Unit::UNKNOWN),
        ("x", "y", Unit::UNKNOWN),
        ("posx", "posy", Unit::UNKNOWN),
        ("PosX", "POSY", Unit::UNKNOWN),
        ("XCoords", "YCoords", Unit::PIXELS),
    ];
    for (x, y, unit) in pairs {
        let members = [
            array(x, "<f8", &[7]),
            array(y, "<f8", &[7]),
            array("dp", "<f4", &[7, 8, 8]),
        ];
        let layout = detect(&members);
        assert_eq!(
            (layout.member(Role::X), layout.member(Role::Y), layout.unit),
            (Some(x), Some(y), unit)
        );
        assert_eq!(layout.positions, 7);
    }
}

#[test]
fn every_combined_name_is_found_once_its_order_is_said() {
    for name in [
        "position",
        "positions",
        "scan",
        "points",
        "encoder",
        "translation",
        "coords",
    ] {
        let members = [array(name, "<f8", &[7, 2]), array("dp", "<f4", &[7, 8, 8])];
        assert!(
            problem(&members).contains("LayoutOptions::position_order"),
            "{name}"
        );
        let layout = detect_with(&members, &order("xy")).unwrap();
        assert_eq!(
            (layout.name, layout.unit, layout.positions),
            ("by synonyms", Unit::UNKNOWN, 7)
        );
        assert_eq!(layout.get(Role::Y).unwrap().fixed, [(1, 1)]);
    }
    let members = [
        array("positions", "<f8", &[7, 2]),
        array("dp", "<f4", &[7, 8, 8]),
    ];
    insta::assert_snapshot!(show(&detect_with(&members, &order("xy")).unwrap()), @r"
    by synonyms: positions in `positions` (x in column 0, y in column 1), patterns in `dp`, by their names alone
    7 in unknown
    x = positions, rows [0], fixed [(1, 0)]
    y = positions, rows [0], fixed [(1, 1)]
    diffraction = dp, rows [0]
    ");
}

#[test]
fn exact_spelling_comes_first_then_any_case() {
    let layout = detect(&list([
        &[array("XCOORDS", "<f8", &[7]), array("YCoords", "<f8", &[7])],
        &[
            array("Diff3D", "<f4", &[7, 8, 8]),
            array("PROBEGUESS", "<c8", &[8, 8]),
        ],
    ]));
    insta::assert_snapshot!(show(&layout), @r"
    PtychoPINN raw: positions in `XCOORDS` and `YCoords`, patterns in `Diff3D`, beside `PROBEGUESS`
    runner-up PtychoPINN prepared: `XCOORDS`, `YCoords`, `PROBEGUESS` are there, but no `diffraction`
    note: `XCOORDS` is taken for x by its name in another case
    note: `YCoords` is taken for y by its name in another case
    note: `Diff3D` is taken for diffraction by its name in another case
    note: `PROBEGUESS` is taken for probe by its name in another case
    7 in pixels
    x = XCOORDS, rows [0]
    y = YCoords, rows [0]
    diffraction = Diff3D, rows [0]
    probe = PROBEGUESS, rows []
    ");
    let both = list([
        &coords(7),
        &[
            array("DIFF3D", "<f4", &[7, 8, 8]),
            array("diff3d", "<f4", &[7, 8, 8]),
        ],
    ]);
    assert_eq!(detect(&both).member(Role::Diffraction), Some("diff3d"));
    // Of two names of a role the exact one counts, though the other comes first.
    let two = list([
        &coords(7),
        &[
            array("Patterns", "<f4", &[7, 8, 8]),
            array("images", "<f4", &[7, 8, 8]),
        ],
    ]);
    assert_eq!(detect(&two).member(Role::Diffraction), Some("images"));
}

#[test]
fn a_letter_in_another_case_is_another_name() {
    let members = list([
        &coords(7),
        &[
            array("diff3d", "<f4", &[7, 8, 8]),
            array("y", "<c8", &[7, 8, 8]),
        ],
    ]);
    assert_eq!(detect(&members).member(Role::ObjectPatches), None);
    let members = [
        array("X", "<f8", &[7]),
        array("Y", "<f8", &[7]),
        array("dp", "<f4", &[7, 8, 8]),
    ];
    let layout = detect(&members);
    assert_eq!(
        (layout.member(Role::X), layout.member(Role::Y)),
        (None, None)
    );
    let members = [
        array("x", "<f8", &[7]),
        array("y", "<f8", &[7]),
        array("Y", "<c8", &[7, 8, 8]),
    ];
    let layout = detect(&members);
    assert_eq!(
        (layout.member(Role::Y), layout.member(Role::ObjectPatches)),
        (Some("y"), Some("Y"))
    );
}

#[test]
fn patterns_may_stand_alone() {
    insta::assert_snapshot!(show(&detect(&[array("dp", "<f4", &[7, 8, 8])])), @r"
    by synonyms: no positions, patterns in `dp`, by their names alone
    7 in unknown
    diffraction = dp, rows [0]
    ");
    let half = [
        array("dp", "<f4", &[7, 8, 8]),
        array("y", "<f8", &[8]),
        array("scan", "<i8", &[]),
    ];
    insta::assert_snapshot!(show(&detect(&half)), @"
    by synonyms: no positions, patterns in `dp`, by their names alone
    runner-up scan path: `y` is there, but no `x`
    note: `scan` does not serve as x and y: found shape [], expected (M, 2), (2, M) or (M, 3): x and y of each scan point; correct the file or name the member with LayoutOptions::roles = x=NAME
    note: `y` alone is no position: x and y come in pairs; name the member with LayoutOptions::roles = x=NAME or name the member with LayoutOptions::roles = y=NAME
    7 in unknown
    diffraction = dp, rows [0]
    ");
}

#[test]
fn options_name_single_roles_in_any_layout() {
    let tike = [
        array("data", "<f4", &[1, 516, 64, 64]),
        array("scan", "<f4", &[1, 516, 2]),
        array("probe", "<c8", &[64, 64]),
        array("better", "<c8", &[3, 64, 64]),
        array("u", "<f8", &[516]),
        array("v_m", "<f8", &[516]),
        array("u_m", "<f8", &[516]),
    ];
    insta::assert_snapshot!(show(&detect_with(&tike, &roles([(Role::Probe, "better")])).unwrap()), @"
    tike: positions in `scan` (x in column 1, y in column 0), patterns in `data`; by option probe is `better`
    note: tike keeps the zero frequency at the corners of a pattern, and the origin of its positions is arbitrary
    note: `probe` is complex and has no role; name the member with LayoutOptions::roles = probe=probe or name the member with LayoutOptions::roles = object=probe
    516 in pixels
    x = scan, rows [1], fixed [(0, 0), (2, 1)]
    y = scan, rows [1], fixed [(0, 0), (2, 0)]
    diffraction = data, rows [1], fixed [(0, 0)]
    probe = better, rows [0]
    ");
    // Other positions have another unit.
    let layout = detect_with(&tike, &roles([(Role::X, "u"), (Role::Y, "v_m")])).unwrap();
    assert_eq!((layout.name, layout.unit), ("tike", Unit::UNKNOWN));
    let layout = detect_with(&tike, &roles([(Role::X, "u_m"), (Role::Y, "v_m")])).unwrap();
    assert_eq!((layout.name, layout.unit), ("tike", Unit::METRES));
    // The last word counts, and one that says what the layout says changes nothing.
    let layout = detect_with(&tike, &roles([(Role::X, "u"), (Role::X, "scan")])).unwrap();
    assert_eq!(
        layout,
        detect_with(&tike, &roles([(Role::X, "scan"), (Role::Y, "scan")])).unwrap()
    );
    assert_eq!(layout.get(Role::Y), detect(&tike).get(Role::Y));
    // A member in one role is in no other.
    let layout = detect_with(&tike, &roles([(Role::Object, "probe")])).unwrap();
    assert_eq!(
        (layout.member(Role::Object), layout.member(Role::Probe)),
        (Some("probe"), None)
    );
}

#[test]
fn options_name_all_roles() {
    let members = [
        array("pos_x_m", "<f8", &[3]),
        array("pos_y_m", "<f8", &[3]),
        array("frames", "<f4", &[3, 8, 8]),
        array("both", "<f8", &[3, 2]),
        array("good", "|b1", &[8, 8]),
    ];
    let positions = [
        (Role::X, "pos_x_m"),
        (Role::Y, "pos_y_m"),
        (Role::Diffraction, "frames"),
    ];
    insta::assert_snapshot!(show(&detect_with(&members, &roles(positions)).unwrap()), @"
    named by options: positions in `pos_x_m` and `pos_y_m`, patterns in `frames`; by option x is `pos_x_m`, y is `pos_y_m`, diffraction is `frames`
    3 in metres
    x = pos_x_m, rows [0]
    y = pos_y_m, rows [0]
    diffraction = frames, rows [0]
    ");
    // A combined array is named for x alone, or for both.
    let one = [
        (Role::X, "both"),
        (Role::Diffraction, "frames"),
        (Role::ValidPixels, "good"),
    ];
    let one = LayoutOptions {
        position_order: "yx".parse().ok(),
        ..roles(one)
    };
    let layout = detect_with(&members, &one).unwrap();
    insta::assert_snapshot!(show(&layout), @"
    named by options: positions in `both` (x in column 1, y in column 0), patterns in `frames`; by option x is `both`, diffraction is `frames`, valid_pixels is `good`
    note: `good`: true means a good pixel
    3 in unknown
    x = both, rows [0], fixed [(1, 1)]
    y = both, rows [0], fixed [(1, 0)]
    diffraction = frames, rows [0]
    valid_pixels = good, rows []
    ");
    let mut two = one.clone();
    two.roles.push((Role::Y, "both".to_string()));
    assert_eq!(detect_with(&members, &two).unwrap().roles, layout.roles);
    // So it is in a file with other positions.
    let mixed = list([&coords(3), &members]);
    assert_eq!(
        detect_with(&mixed, &one).unwrap().get(Role::Y),
        layout.get(Role::Y)
    );
}

#[test]
fn half_of_the_positions_by_option() {
    let members = list([
        &coords(3),
        &[array("x2", "<f8", &[3]), array("diff3d", "<f4", &[3, 8, 8])],
    ]);
    let layout = detect_with(&members, &roles([(Role::X, "x2")])).unwrap();
    assert_eq!(
        (layout.member(Role::X), layout.member(Role::Y)),
        (Some("x2"), Some("ycoords"))
    );
    assert_eq!(layout.unit, Unit::UNKNOWN);
}

#[test]
fn positions_and_patterns_may_have_another_role_too() {
    let members = [
        array("posx", "<f8", &[3]),
        array("posy", "<f8", &[3]),
        array("dp", "<f4", &[3, 8, 8]),
    ];
    let layout = detect_with(
        &members,
        &roles([(Role::XStart, "posx"), (Role::YStart, "posy")]),
    )
    .unwrap();
    assert_eq!(
        (layout.member(Role::X), layout.member(Role::XStart)),
        (Some("posx"), Some("posx"))
    );
}

#[test]
fn the_unit_that_is_said_counts() {
    let metres = LayoutOptions {
        unit: Some(Unit::METRES),
        ..Default::default()
    };
    assert_eq!(detect_with(&coords(3), &metres).unwrap().unit, Unit::METRES);
    let raster = [array("arr_0", "<u2", &[3, 4, 8, 8])];
    assert_eq!(detect_with(&raster, &metres).unwrap().unit, Unit::METRES);
}

#[test]
fn other_candidates_are_noted() {
    let members = [
        array("diff3d", "<f4", &[7, 8, 8]),
        array("dp", "<f4", &[9, 8, 8]),
        array("raw_frames", "<u2", &[7, 32, 32]),
        array("volume", "<f4", &[3, 4, 5]),
        array("psi0", "<c8", &[40, 40]),
        array("probe_real", "<f4", &[8, 8]),
        array("probe", "<f4", &[8, 8]),
        pickled("objectGuess"),
        array("Y", "<c8", &[6, 8, 8]),
        array("indexes", "<i8", &[9]),
        array("bad_pixels", "|b1", &[8, 9]),
        array("valid_pixel_mask", "|b1", &[8, 8]),
        array("xcoords_start", "<f8", &[7]),
    ];
    insta::assert_snapshot!(show(&detect(&list([&coords(7), &members]))), @"
    ptychodus export for PtychoPINN: positions in `xcoords` and `ycoords`, patterns in `diff3d`, beside `bad_pixels`, `xcoords_start`, `objectGuess`, `Y`
    runner-up PtychoPINN raw: `xcoords`, `ycoords`, `diff3d`, `xcoords_start`, `objectGuess`, `Y`, `bad_pixels` are there too
    note: `Y` does not serve as object_patches: found shape [6, 8, 8], expected (7, N, N): one patch for each of the 7 positions in `xcoords`; correct the file or name the member with LayoutOptions::roles = object_patches=NAME
    note: `indexes` does not serve as frame_index: found shape [9], expected (7,), one value for each of the 7 positions in `xcoords`; correct the file or name the member with LayoutOptions::roles = frame_index=NAME
    note: `bad_pixels` does not serve as bad_pixels: found shape [8, 9], expected shape [8, 8], that of a pattern in `diff3d`; correct the file or name the member with LayoutOptions::roles = bad_pixels=NAME
    note: `xcoords_start` alone is no position: x_start and y_start come in pairs; name the member with LayoutOptions::roles = x_start=NAME or name the member with LayoutOptions::roles = y_start=NAME
    note: `valid_pixel_mask` is taken for valid_pixels by its name alone; name the member with LayoutOptions::roles = valid_pixels=valid_pixel_mask
    note: `objectGuess` would be object and cannot be read: dtype object (pickled); copy the file or save it again or name the member with LayoutOptions::roles = object=NAME
    note: `valid_pixel_mask`: true means a good pixel
    note: `probe` does not serve as probe: found dtype <f4, expected complex numbers; correct the file or name the member with LayoutOptions::roles = probe=NAME
    note: `dp`, `raw_frames` look like patterns too; name the member with LayoutOptions::roles = diffraction=NAME
    note: `psi0`, `Y` are complex and have no role; name the member with LayoutOptions::roles = probe=NAME or name the member with LayoutOptions::roles = object=NAME
    7 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = diff3d, rows [0]
    valid_pixels = valid_pixel_mask, rows []
    ");
    let masks = [
        array("bad_pixels", "|b1", &[8, 8]),
        array("valid_pixel_mask", "<i4", &[1, 8, 8]),
    ];
    insta::assert_snapshot!(detect(&list([&coords(7), &members[..1], &masks])).notes.iter().map(Note::to_string).collect::<Vec<_>>().join("\n"), @"
    ptychodus has replaced the bad pixels in `diff3d`; `bad_pixels` says which they are
    `diff3d` holds counts of the detector where ptychodus writes this layout, not amplitudes; set LayoutOptions::measurement = intensity or set LayoutOptions::measurement = amplitude
    `valid_pixel_mask` is taken for valid_pixels by its name alone; name the member with LayoutOptions::roles = valid_pixels=valid_pixel_mask
    masks of opposite polarity: true means a bad pixel in `bad_pixels`, a good one in `valid_pixel_mask`
    ");
    let many: Vec<Member> = (0..20)
        .map(|number| array(&format!("step{number}"), "<c8", &[8, 8]))
        .collect();
    insta::assert_snapshot!(
        detect(&list([&coords(7), &many])).notes.iter().map(Note::to_string).collect::<Vec<_>>().join("\n"),
        @"`step0`, `step1`, `step2`, `step3`, `step4`, `step5`, `step6`, `step7`, `step8`, `step9`, `step10`, `step11` and 8 more are complex and have no role; name the member with LayoutOptions::roles = probe=NAME or name the member with LayoutOptions::roles = object=NAME"
    );
}

#[test]
fn wrong_names_are_errors() {
    let members = list([
        &coords(3),
        &[array("diff3d", "<f4", &[3, 8, 8]), pickled("probes")],
    ]);
    let named = |role: Role, name: &str| problem_with(&members, &roles([(role, name)]));
    insta::assert_snapshot!(
        named(Role::Diffraction, "dif3d"),
        @"a.npz: no member `dif3d`; the file has `xcoords`, `ycoords`, `diff3d`, `probes`; did you mean `diff3d`?"
    );
    insta::assert_snapshot!(
        named(Role::Probe, "probes"),
        @"a.npz: member `probes`: found dtype object (pickled), expected a plain NumPy array (numbers, text or times); use another member or copy the file or save it again"
    );
    insta::assert_snapshot!(
        named(Role::Probe, "diff3d"),
        @"a.npz: member `diff3d`: found dtype <f4, expected complex numbers; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        named(Role::FrameIndex, "diff3d"),
        @"a.npz: member `diff3d`: found shape [3, 8, 8], expected (3,), one value for each of the 3 positions in `xcoords`; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        named(Role::FrameIndex, "xcoords"),
        @"a.npz: member `xcoords`: found dtype <f8, expected integers; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        named(Role::PixelSize, "xcoords"),
        @"a.npz: member `xcoords`: found shape [3], expected a single number; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        named(Role::BadPixels, "diff3d"),
        @"a.npz: member `diff3d`: found shape [3, 8, 8], expected (H, W), one value per pixel of the detector; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
    insta::assert_snapshot!(
        named(Role::Diffraction, "xcoords"),
        @"a.npz: member `xcoords`: found shape [3], expected (3, N, N): one pattern for each of the 3 positions; name the member with LayoutOptions::roles = diffraction=NAME"
    );
    insta::assert_snapshot!(
        named(Role::X, "diff3d"),
        @"a.npz: member `diff3d`: found shape [3, 8, 8], expected (M,), one value per scan point, fewer than 2^31 of them; correct the file or name the member with LayoutOptions::roles = ROLE=NAME"
    );
}

#[test]
fn missing_roles_are_errors() {
    insta::assert_snapshot!(
        problem(&[]),
        @"a.npz: no member for x: found nothing, expected `xcoords`, `probe_position_x_m`, `ppX`, `x` or `posx`, or both in one: `position`, `positions`, `scan`, `points`, `encoder`, `translation`, `coords`; name the member with LayoutOptions::roles = x=NAME"
    );
    insta::assert_snapshot!(
        problem(&[array("probe", "<c8", &[8, 8])]),
        @"a.npz: no member for x: found `probe`, expected `xcoords`, `probe_position_x_m`, `ppX`, `x` or `posx`, or both in one: `position`, `positions`, `scan`, `points`, `encoder`, `translation`, `coords`; name the member with LayoutOptions::roles = x=NAME"
    );
    let patterns = array("dp", "<f4", &[7, 8, 8]);
    let xcoords = array("xcoords", "<f8", &[7]);
    insta::assert_snapshot!(
        problem(&[patterns.clone(), xcoords.clone()]),
        @"a.npz: no member for y: found `dp`, `xcoords`, expected `ycoords`, `probe_position_y_m`, `ppY`, `y` or `posy`, or both in one: `position`, `positions`, `scan`, `points`, `encoder`, `translation`, `coords`; name the member with LayoutOptions::roles = y=NAME"
    );
    assert!(
        problem(&[patterns.clone(), array("ycoords", "<f8", &[7])]).contains("no member for x:")
    );
    // What can be read of the scan can be used.
    let y_pickled = [patterns.clone(), xcoords.clone(), pickled("ycoords")];
    let x_pickled = [
        patterns.clone(),
        pickled("xcoords"),
        array("ycoords", "<f8", &[7]),
    ];
    for (members, pickled) in [(y_pickled, "ycoords"), (x_pickled, "xcoords")] {
        let layout = detect(&members);
        let both = [Role::X, Role::Y].map(|role| (role, pickled.to_string()));
        assert_eq!(layout.unreadable, both);
        assert_eq!((layout.positions, layout.member(Role::X)), (7, None));
        assert_eq!(layout.member(Role::Diffraction), Some("dp"));
    }
    insta::assert_snapshot!(
        problem(&[xcoords.clone(), pickled("ycoords")]),
        @"a.npz: member `ycoords`: found dtype object (pickled), expected a plain NumPy array (numbers, text or times); copy the file or save it again, name the member with LayoutOptions::roles = x=NAME or ask for columns that do not need it"
    );
    insta::assert_snapshot!(
        problem(&[patterns, xcoords, array("posy", "<f8", &[7])]),
        @"a.npz: no member for y: found `dp`, `xcoords`, `posy`, expected `ycoords`, `probe_position_y_m`, `ppY`, `y` or `posy`, or both in one: `position`, `positions`, `scan`, `points`, `encoder`, `translation`, `coords`; name the member with LayoutOptions::roles = y=NAME"
    );
}
