//! Every layout that programs write, with and without its optional members.

use super::*;

fn ptychopinn(patterns: &str) -> Vec<Member> {
    let starts = [
        array("xcoords_start", "<f8", &[516]),
        array("ycoords_start", "<f8", &[516]),
    ];
    let rest = [
        array(patterns, "<f4", &[516, 64, 64]),
        array("probeGuess", "<c8", &[64, 64]),
        array("objectGuess", "<c16", &[230, 231]),
        array("scan_index", "<i8", &[516]),
    ];
    list([&coords(516), &starts, &rest])
}

#[test]
fn ptychopinn_raw() {
    insta::assert_snapshot!(show(&detect(&ptychopinn("diff3d"))), @r"
    PtychoPINN raw: positions in `xcoords` and `ycoords`, patterns in `diff3d`, beside `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `scan_index`
    runner-up PtychoPINN prepared: `xcoords`, `ycoords`, `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `scan_index` are there, but no `diffraction`
    516 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    x_start = xcoords_start, rows [0]
    y_start = ycoords_start, rows [0]
    diffraction = diff3d, rows [0]
    probe = probeGuess, rows []
    object = objectGuess, rows []
    frame_index = scan_index, rows [0]
    ");
    let least = list([&coords(7), &[array("diff3d", "<u2", &[7, 8, 9])]]);
    insta::assert_snapshot!(show(&detect(&least)), @r"
    PtychoPINN raw: positions in `xcoords` and `ycoords`, patterns in `diff3d`
    runner-up PtychoPINN prepared: `xcoords`, `ycoords` are there, but no `diffraction`
    7 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = diff3d, rows [0]
    ");
}

#[test]
fn ptychopinn_prepared() {
    let marks = [
        array("Y", "<c8", &[516, 64, 64]),
        array("_shuffle_applied", "|b1", &[1]),
        array("_shuffle_seed", "<i8", &[1]),
        pickled("_metadata"),
    ];
    insta::assert_snapshot!(show(&detect(&list([&ptychopinn("diffraction"), &marks]))), @r"
    PtychoPINN prepared: positions in `xcoords` and `ycoords`, patterns in `diffraction`, beside `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `Y`, `scan_index`, `_shuffle_applied`, `_shuffle_seed`, `_metadata`
    runner-up PtychoPINN raw: `xcoords`, `ycoords`, `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `Y`, `scan_index` are there, but no `diff3d`
    516 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    x_start = xcoords_start, rows [0]
    y_start = ycoords_start, rows [0]
    diffraction = diffraction, rows [0]
    probe = probeGuess, rows []
    object = objectGuess, rows []
    object_patches = Y, rows [0]
    frame_index = scan_index, rows [0]
    ");
    let least = list([&coords(7), &[array("diffraction", "<f8", &[7, 8, 8])]]);
    insta::assert_snapshot!(show(&detect(&least)), @r"
    PtychoPINN prepared: positions in `xcoords` and `ycoords`, patterns in `diffraction`
    runner-up PtychoPINN raw: `xcoords`, `ycoords` are there, but no `diff3d`
    7 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = diffraction, rows [0]
    ");
}

#[test]
fn prepared_patterns_come_before_raw_ones() {
    let both = list([
        &ptychopinn("diffraction"),
        &[array("diff3d", "<f4", &[516, 64, 64])],
    ]);
    let layout = detect(&both);
    assert_eq!(
        (layout.name, layout.member(Role::Diffraction)),
        ("PtychoPINN prepared", Some("diffraction"))
    );
    insta::assert_snapshot!(
        layout.runner_up.unwrap(),
        @"PtychoPINN raw: `xcoords`, `ycoords`, `diff3d`, `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `scan_index` are there too"
    );
    insta::assert_snapshot!(
        layout.notes.iter().map(Note::to_string).collect::<Vec<_>>().join("\n"),
        @"`diff3d` looks like patterns too; name the member with LayoutOptions::roles = diffraction=diff3d"
    );
    let layout = detect_with(&both, &roles([(Role::Diffraction, "diff3d")])).unwrap();
    assert_eq!(
        (layout.name, layout.member(Role::Diffraction)),
        ("PtychoPINN raw", Some("diff3d"))
    );
}

#[test]
fn legacy() {
    let slac = list([
        &coords(1087),
        &[array("diffraction", "<f8", &[64, 64, 1087])],
    ]);
    insta::assert_snapshot!(show(&detect(&slac)), @r"
    legacy (pattern axis last): positions in `xcoords` and `ycoords`, patterns in `diffraction`
    runner-up PtychoPINN raw: `xcoords`, `ycoords` are there, but no `diff3d`
    1087 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = diffraction, rows [2]
    ");
    let square = list([&coords(64), &[array("diff3d", "<f8", &[64, 64, 64])]]);
    let layout = detect_with(&square, &axis(PatternAxis::Last)).unwrap();
    assert_eq!(
        (layout.name, &layout.get(Role::Diffraction).unwrap().rows),
        ("legacy (pattern axis last)", &vec![2])
    );
}

#[test]
fn ptychopinn_grouped_is_no_scan() {
    let grouped = [
        array("diffraction", "<f4", &[100, 64, 64, 4]),
        array("X_full", "<f4", &[100, 64, 64, 4]),
        array("coords_offsets", "<f8", &[100, 1, 2, 1]),
        array("coords_relative", "<f8", &[100, 1, 2, 4]),
        array("coords_nn", "<f8", &[100, 1, 2, 4]),
        array("nn_indices", "<i4", &[100, 4]),
        array("Y", "<c8", &[100, 64, 64, 4]),
    ];
    insta::assert_snapshot!(
        problem(&grouped),
        @"a.npz: member `nn_indices`: found the groups of a PtychoPINN grouped file, expected a scan: positions, and a pattern for each; read its members as arrays with scan::array = NAME"
    );
    assert_eq!(problem(&list([&coords(100), &grouped])), problem(&grouped));
    let least = [grouped[1].clone(), grouped[3].clone(), grouped[5].clone()];
    assert_eq!(problem(&least), problem(&grouped));
    // Positions named by options are positions.
    let named = list([
        &grouped,
        &[array("a", "<f8", &[100]), array("b", "<f8", &[100])],
    ]);
    let frames = LayoutOptions {
        pattern_axis: None,
        ..roles([(Role::X, "a"), (Role::Y, "b"), (Role::Diffraction, "f")])
    };
    let named = list([&named, &[array("f", "<f4", &[100, 64, 64])]]);
    assert_eq!(
        detect_with(&named, &frames).unwrap().name,
        "named by options"
    );
}

#[test]
fn ptychodus_product() {
    let positions = [
        array("probe_position_x_m", "<f8", &[963]),
        array("probe_position_y_m", "<f8", &[963]),
    ];
    let rest = [
        pickled("name"),
        pickled("comments"),
        array("detector_object_distance_m", "<f8", &[]),
        array("probe_energy_eV", "<f8", &[]),
        array("probe_position_indexes", "<i8", &[963]),
        array("probe", "<c16", &[1, 5, 128, 128]),
        array("probe_pixel_width_m", "<f8", &[]),
        array("object", "<c8", &[2, 500, 510]),
        array("object_pixel_width_m", "<f8", &[]),
        array("costs", "<f8", &[30]),
    ];
    insta::assert_snapshot!(show(&detect(&list([&positions, &rest]))), @r"
    ptychodus product: positions in `probe_position_x_m` and `probe_position_y_m`, no patterns, beside `probe_position_indexes`, `probe`, `object`, `object_pixel_width_m`, `name`, `comments`, `detector_object_distance_m`, `probe_energy_eV`, `probe_pixel_width_m`, `costs`
    963 in metres
    x = probe_position_x_m, rows [0]
    y = probe_position_y_m, rows [0]
    probe = probe, rows [1], fixed [(0, 0)]
    object = object, rows [0]
    frame_index = probe_position_indexes, rows [0]
    pixel_size = object_pixel_width_m, rows []
    ");
    insta::assert_snapshot!(show(&detect(&positions)), @r"
    ptychodus product: positions in `probe_position_x_m` and `probe_position_y_m`, no patterns
    963 in metres
    x = probe_position_x_m, rows [0]
    y = probe_position_y_m, rows [0]
    ");
    // Patterns that someone put beside it.
    let merged = list([
        &positions,
        &rest,
        &[array("patterns", "<u2", &[963, 128, 128])],
    ]);
    let layout = detect(&merged);
    assert_eq!(
        (layout.name, layout.member(Role::Diffraction)),
        ("ptychodus product", Some("patterns"))
    );
    insta::assert_snapshot!(layout.notes.iter().map(Note::to_string).collect::<Vec<_>>().join("\n"), @"`patterns` is taken for diffraction by its name alone; name the member with LayoutOptions::roles = diffraction=patterns");
}

#[test]
fn ptychodus_product_of_version_1_7() {
    let members = [
        array("probe_position_x_m", "<f8", &[963]),
        array("probe_position_y_m", "<f8", &[963]),
        array("probe_position_indexes", "<i8", &[963]),
        array("probe_photon_counts", "<f8", &[963]),
        array("photon_energy_eV", "<f8", &[]),
        array("mass_attenuation_m2_per_kg", "<f8", &[]),
        array("focus_object_distance_m", "<f8", &[]),
        array("tilt_angle_deg", "<f8", &[]),
        array("far_field", "|b1", &[]),
        array("probe", "<c16", &[1, 5, 128, 128]),
    ];
    insta::assert_snapshot!(show(&detect(&members)), @r"
    ptychodus product: positions in `probe_position_x_m` and `probe_position_y_m`, no patterns, beside `probe_position_indexes`, `probe`, `probe_photon_counts`, `photon_energy_eV`, `mass_attenuation_m2_per_kg`, `focus_object_distance_m`, `tilt_angle_deg`, `far_field`
    963 in metres
    x = probe_position_x_m, rows [0]
    y = probe_position_y_m, rows [0]
    probe = probe, rows [1], fixed [(0, 0)]
    frame_index = probe_position_indexes, rows [0]
    ");
}

#[test]
fn ptychodus_export_for_ptychopinn() {
    let export = |dtype: &str| {
        list([
            &coords(516),
            &[
                array("diff3d", dtype, &[516, 64, 64]),
                array("probeGuess", "<c16", &[3, 64, 64]),
                array("bad_pixels", "|b1", &[64, 64]),
            ],
        ])
    };
    insta::assert_snapshot!(show(&detect(&export("<f4"))), @r"
    ptychodus export for PtychoPINN: positions in `xcoords` and `ycoords`, patterns in `diff3d`, beside `bad_pixels`, `probeGuess`
    runner-up PtychoPINN raw: `xcoords`, `ycoords`, `diff3d`, `probeGuess`, `bad_pixels` are there too
    note: ptychodus has replaced the bad pixels in `diff3d`; `bad_pixels` says which they are
    note: `diff3d` holds counts of the detector where ptychodus writes this layout, not amplitudes; set LayoutOptions::measurement = intensity or set LayoutOptions::measurement = amplitude
    note: `bad_pixels`: true means a bad pixel
    516 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = diff3d, rows [0]
    probe = probeGuess, rows [0]
    bad_pixels = bad_pixels, rows []
    ");
    let codes = |layout: Layout| layout.notes.iter().map(Note::code).collect::<Vec<_>>();
    let quiet = ["remark", "mask_polarity"];
    assert_eq!(codes(detect(&export("<u2"))), quiet);
    let said = LayoutOptions {
        measurement: Some(Measurement::Intensity),
        ..Default::default()
    };
    assert_eq!(codes(detect_with(&export("<f4"), &said).unwrap()), quiet);
    // Prepared patterns come first, as without a mask.
    let prepared = list([
        &export("<f4"),
        &[array("diffraction", "<f4", &[516, 64, 64])],
    ]);
    assert_eq!(detect(&prepared).name, "PtychoPINN prepared");
}

#[test]
fn positions_and_patterns_of_one_file_may_be_numbered_apart() {
    let indices = |points: usize, frames: usize| {
        [
            array("probe_position_x_m", "<f8", &[points]),
            array("probe_position_y_m", "<f8", &[points]),
            array("probe_position_indexes", "<i8", &[points]),
            array("patterns", "<u2", &[frames, 8, 8]),
            array("indexes", "<i8", &[frames]),
        ]
    };
    for (points, frames) in [(9, 9), (9, 7), (7, 9)] {
        let layout = detect(&indices(points, frames));
        assert_eq!(layout.member(Role::FrameIndex), Some("indexes"));
        assert_eq!(
            layout.member(Role::PositionIndex),
            Some("probe_position_indexes")
        );
        assert_eq!(layout.positions, points);
    }
    // By their lengths alone.
    let by_length = |numbers: usize, others: usize| {
        list([
            &coords(9),
            &[
                array("diffraction", "<u2", &[7, 8, 8]),
                array("scan_index", "<i8", &[numbers]),
                array("indexes", "<i8", &[others]),
            ],
        ])
    };
    let layout = detect(&by_length(9, 7));
    assert_eq!(layout.member(Role::PositionIndex), Some("scan_index"));
    let layout = detect(&by_length(7, 9));
    assert_eq!(layout.member(Role::PositionIndex), Some("indexes"));
    assert!(problem(&by_length(7, 7)).contains("unpaired"));
}

#[test]
fn ptychodus_patterns() {
    let least = [
        array("indexes", "<i8", &[963]),
        array("patterns", "<u2", &[963, 128, 120]),
    ];
    insta::assert_snapshot!(show(&detect(&least)), @r"
    ptychodus patterns: no positions, patterns in `patterns`, beside `indexes`
    963 in unknown
    diffraction = patterns, rows [0]
    frame_index = indexes, rows [0]
    ");
    let more = [
        array("bad_pixels", "|b1", &[128, 120]),
        array("allow_pickle", "|b1", &[]),
    ];
    insta::assert_snapshot!(show(&detect(&list([&least, &more]))), @"
    ptychodus patterns: no positions, patterns in `patterns`, beside `indexes`, `bad_pixels`, `allow_pickle`
    note: `bad_pixels`: true means a bad pixel
    963 in unknown
    diffraction = patterns, rows [0]
    frame_index = indexes, rows [0]
    bad_pixels = bad_pixels, rows []
    ");
}

#[test]
fn ptychonn() {
    let least = [
        array("reciprocal", "<i4", &[900, 64, 64]),
        array("position", "<f8", &[900, 2]),
    ];
    insta::assert_snapshot!(show(&detect(&least)), @r"
    PtychoNN: positions in `position` (x in column 1, y in column 0), patterns in `reciprocal`
    900 in metres
    x = position, rows [0], fixed [(1, 1)]
    y = position, rows [0], fixed [(1, 0)]
    diffraction = reciprocal, rows [0]
    ");
    let more = [
        array("pixelsize", "<f8", &[]),
        array("real", "<c8", &[900, 32, 32]),
    ];
    insta::assert_snapshot!(show(&detect(&list([&least, &more]))), @r"
    PtychoNN: positions in `position` (x in column 1, y in column 0), patterns in `reciprocal`, beside `pixelsize`, `real`
    900 in metres
    x = position, rows [0], fixed [(1, 1)]
    y = position, rows [0], fixed [(1, 0)]
    diffraction = reciprocal, rows [0]
    object_patches = real, rows [0]
    pixel_size = pixelsize, rows []
    ");
}

#[test]
fn ptychonn_2020() {
    insta::assert_snapshot!(show(&detect(&[array("arr_0", "<u2", &[161, 160, 64, 64])])), @r"
    PtychoNN 2020: no positions: scan row and scan column of the raster stand for them, patterns in `arr_0`, a raster of 161 x 160
    25760 in steps, raster 161 x 160
    diffraction = arr_0, rows [0, 1]
    ");
    // With positions it is no such file, but the patterns are a raster all the same.
    let with = list([&coords(12), &[array("arr_0", "<u2", &[3, 4, 64, 64])]]);
    insta::assert_snapshot!(show(&detect(&with)), @r"
    by synonyms: positions in `xcoords` and `ycoords`, patterns in `arr_0`, a raster of 3 x 4, by their names alone
    runner-up PtychoPINN prepared: `xcoords`, `ycoords` are there, but no `diffraction`
    12 in pixels, raster 3 x 4
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    diffraction = arr_0, rows [0, 1]
    ");
}

#[test]
fn tike() {
    let least = [
        array("data", "<f4", &[1, 516, 64, 64]),
        array("scan", "<f4", &[1, 516, 2]),
    ];
    let probe = [array("probe", "<c8", &[1, 1, 1, 7, 64, 64])];
    insta::assert_snapshot!(show(&detect(&list([&least, &probe]))), @r"
    tike: positions in `scan` (x in column 1, y in column 0), patterns in `data`, beside `probe`
    note: tike keeps the zero frequency at the corners of a pattern, and the origin of its positions is arbitrary
    516 in pixels
    x = scan, rows [1], fixed [(0, 0), (2, 1)]
    y = scan, rows [1], fixed [(0, 0), (2, 0)]
    diffraction = data, rows [1], fixed [(0, 0)]
    probe = probe, rows [3], fixed [(0, 0), (1, 0), (2, 0)]
    ");
    let plain = [
        array("data", "<u2", &[516, 64, 64]),
        array("scan", "<f4", &[516, 2]),
    ];
    insta::assert_snapshot!(show(&detect(&plain)), @r"
    tike: positions in `scan` (x in column 1, y in column 0), patterns in `data`
    note: tike keeps the zero frequency at the corners of a pattern, and the origin of its positions is arbitrary
    516 in pixels
    x = scan, rows [0], fixed [(1, 1)]
    y = scan, rows [0], fixed [(1, 0)]
    diffraction = data, rows [0]
    ");
}

#[test]
fn scan_path() {
    let path = [array("x", "<f8", &[5]), array("y", "<f8", &[5])];
    insta::assert_snapshot!(show(&detect(&path)), @r"
    scan path: positions in `x` and `y`, no patterns
    5 in steps
    x = x, rows [0]
    y = y, rows [0]
    ");
    insta::assert_snapshot!(show(&detect(&coords(5))), @r"
    scan path: positions in `xcoords` and `ycoords`, no patterns
    runner-up PtychoPINN prepared: `xcoords`, `ycoords` are there, but no `diffraction`
    5 in pixels
    x = xcoords, rows [0]
    y = ycoords, rows [0]
    ");
    // With patterns the steps are anybody's guess.
    let patterns = [array("dp", "<f8", &[5, 8, 8])];
    insta::assert_snapshot!(show(&detect(&list([&path, &patterns]))), @r"
    by synonyms: positions in `x` and `y`, patterns in `dp`, by their names alone
    runner-up scan path: `x`, `y` are there, but so are patterns
    5 in unknown
    x = x, rows [0]
    y = y, rows [0]
    diffraction = dp, rows [0]
    ");
}

#[test]
fn the_runner_up_is_told() {
    let runner_up = |more: &[Member]| {
        detect(&list([&ptychopinn("diff3d"), more]))
            .runner_up
            .unwrap()
    };
    insta::assert_snapshot!(
        runner_up(&[]),
        @"PtychoPINN prepared: `xcoords`, `ycoords`, `xcoords_start`, `ycoords_start`, `probeGuess`, `objectGuess`, `scan_index` are there, but no `diffraction`"
    );
    let path = [array("x", "<f8", &[516]), array("y", "<f8", &[516])];
    let tike = |scan: &[usize]| {
        let rest = [
            array("probe", "<c8", &[64, 64]),
            array("data", "<f4", &[516, 64, 64]),
        ];
        list([&rest, &[array("scan", "<f8", scan)]])
    };
    insta::assert_snapshot!(
        detect(&list([&path, &tike(&[516, 2])])).runner_up.unwrap(),
        @"scan path: `x`, `y` are there, but so are patterns"
    );
    insta::assert_snapshot!(
        detect(&list([&path, &tike(&[516])])).runner_up.unwrap(),
        @"tike: `data`, `probe` are there, but `scan` is not (M, 2), (2, M) or (M, 3): x and y of each scan point"
    );
    let product = [
        array("probe_position_x_m", "<f8", &[516]),
        array("probe_position_y_m", "<f8", &[516]),
    ];
    let layout = detect(&list([&tike(&[516, 2]), &product]));
    assert_eq!(
        (layout.name, layout.member(Role::Diffraction)),
        ("ptychodus product", Some("data"))
    );
    insta::assert_snapshot!(layout.runner_up.unwrap(), @"tike: `scan`, `data`, `probe` are there too");
}
