//! Positions and patterns that do not pair: joined on frame numbers where both sides have them, else paired by
//! order; what has no partner is an error, or left out if that is asked for.
//!
//! In every file here pixel [0, 0] of a pattern, and x of a position, are its frame number.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use ptychoarrow::group::{PatternOptions, Semantics};
use ptychoarrow::scan::layout::{LayoutOptions, Role, Unit, Unpaired};
use ptychoarrow::scan::{BadPixels, Note, ScanOptions};
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan, Table};
use zip::CompressionMethod;

use crate::support::{
    check_table, collect, columns, f4, f8, failures, float64, folder, groups_of, int64, npy, npz,
    success, text,
};

/// The side of a pattern.
const SIDE: usize = 3;

type Member<'a> = (&'a str, Vec<u8>);

fn write(path: &Path, members: &[Member]) {
    npz(path, members, CompressionMethod::Stored);
}

fn vector(values: impl IntoIterator<Item = f64>) -> Vec<u8> {
    let values: Vec<f64> = values.into_iter().collect();
    npy("'<f8'", false, &[values.len()], &f8(&values))
}

fn whole(values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("'<i8'", false, &[values.len()], &bytes)
}

fn count(len: usize) -> impl Iterator<Item = f64> {
    (0..len).map(|value| value as f64)
}

/// Returns patterns of floating point with these numbers in their first pixels.
fn frames(numbers: impl IntoIterator<Item = f64>, shape: &[usize]) -> Vec<u8> {
    let pixels = SIDE * SIDE;
    let frame =
        |number: f64| (0..pixels).map(move |pixel| if pixel == 0 { number as f32 } else { 1.0 });
    let values: Vec<f32> = numbers.into_iter().flat_map(frame).collect();
    let shape: Vec<usize> = shape.iter().copied().chain([SIDE, SIDE]).collect();
    npy("'<f4'", false, &shape, &f4(&values))
}

fn dropping() -> ScanOptions {
    ScanOptions::default().with_layout(LayoutOptions::default().with_unpaired(Unpaired::Drop))
}

fn first_pixels(batch: &RecordBatch) -> Vec<f64> {
    let list = batch["diffraction"].as_fixed_size_list();
    let values = list.values().as_primitive::<Float32Type>();
    let len = list.value_length() as usize;
    (0..list.len())
        .map(|row| f64::from(values.value(row * len)))
        .collect()
}

fn facts(scan: &Scan) -> Vec<String> {
    let notes = scan.notes();
    let pairing = |note: &&Note| matches!(note.code(), "unpaired" | "paired_by_order");
    notes.iter().filter(pairing).map(Note::facts).collect()
}

#[test]
fn by_order_the_shorter_side_counts() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    // Lengths of x, y, start positions and patterns.
    for [x, y, start, patterns] in [
        [10, 10, 10, 13],
        [10, 10, 10, 7],
        [8, 9, 10, 11],
        [9, 8, 9, 9],
        [10, 10, 7, 10],
        [10, 10, 12, 10],
    ] {
        write(
            &path,
            &[
                ("xcoords", vector(count(x))),
                ("ycoords", vector(count(y))),
                ("xcoords_start", vector(count(start))),
                ("ycoords_start", vector(count(start))),
                ("diffraction", frames(count(patterns), &[patterns])),
                ("per_position", vector(count(x))),
                ("per_pattern", vector(count(patterns))),
                ("wavelength", vector([1.5])),
            ],
        );
        let refused = Scan::open(&path).unwrap_err();
        assert!(matches!(refused, Error::BadMember { .. }), "{refused}");
        assert!(!refused.is_usage());
        let told = refused.to_string();
        assert!(told.contains("LayoutOptions::unpaired = drop"), "{told}");

        let scan = Scan::open_with(&path, &dropping()).unwrap();
        let points = x.min(y).min(start).min(patterns);
        assert_eq!(scan.num_positions(), points);
        check_table(Arc::new(scan.clone()));
        let columns = columns(
            Arc::new(scan.clone()),
            &[
                "scan_point",
                "x",
                "y",
                "x_start",
                "frame_index",
                "per_position",
                "per_pattern",
                "diffraction",
            ],
        );
        let expected: Vec<f64> = count(points).collect();
        for name in ["x", "y", "x_start", "per_position", "per_pattern"] {
            assert_eq!(float64(&columns, name), expected, "{name}");
        }
        assert_eq!(first_pixels(&columns), expected);
        // Patterns are reached as without the option.
        let info = scan.diffraction().unwrap().info().unwrap();
        let access = ptychoarrow::array::Access::of(scan.npz(), info);
        assert_eq!(scan.diffraction().unwrap().access(), &access);
        let told = facts(&scan).join("\n");
        for (member, len) in [
            ("xcoords", x),
            ("ycoords", y),
            ("xcoords_start", start),
            ("diffraction", patterns),
        ] {
            let said = format!("the last {} of {len} rows of `{member}`", len - points);
            assert_eq!(told.contains(&said), len > points, "{told}");
        }
    }
}

#[test]
fn a_raster_and_its_positions_pair_by_order_too() {
    let folder = folder();
    let path = folder.path().join("raster.npz");
    write(
        &path,
        &[
            ("x", vector(count(10))),
            ("y", vector(count(10))),
            ("data", frames(count(12), &[3, 4])),
        ],
    );
    let told = Scan::open(&path).unwrap_err().to_string();
    assert!(told.contains("LayoutOptions::unpaired = drop"), "{told}");
    let scan = Scan::open_with(&path, &dropping()).unwrap();
    let columns = columns(Arc::new(scan), &["scan_row", "scan_column", "diffraction"]);
    assert_eq!(int64(&columns, "scan_row"), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
    assert_eq!(
        int64(&columns, "scan_column"),
        [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    );
    assert_eq!(first_pixels(&columns), count(10).collect::<Vec<_>>());
}

/// Says which files hold the positions and the patterns.
#[derive(Debug, Clone, Copy)]
enum Files {
    /// One file holds both.
    One,
    /// The file of the positions comes first.
    PositionsFirst,
    /// The file of the patterns comes first.
    PatternsFirst,
}

/// Writes positions and patterns with these frame numbers, as ptychodus does; returns path and options.
fn numbered(
    folder: &Path,
    files: Files,
    positions: &[i64],
    patterns: &[i64],
) -> (PathBuf, ScanOptions) {
    let real = |numbers: &[i64]| {
        numbers
            .iter()
            .map(|number| *number as f64)
            .collect::<Vec<f64>>()
    };
    let of_positions = [
        ("probe_position_x_m", vector(real(positions))),
        (
            "probe_position_y_m",
            vector(positions.iter().map(|number| (*number * 7 % 11) as f64)),
        ),
        ("probe_position_indexes", whole(positions)),
        ("probe_photon_counts", vector(real(positions))),
    ];
    let of_patterns = [
        ("patterns", frames(real(patterns), &[patterns.len()])),
        ("indexes", whole(patterns)),
        ("exposure", vector(real(patterns))),
    ];
    let options = ScanOptions::default();
    let (product, frames) = (folder.join("product.npz"), folder.join("patterns.npz"));
    match files {
        Files::One => {
            write(&product, &[&of_positions[..], &of_patterns[..]].concat());
            (product, options)
        }
        Files::PositionsFirst => {
            write(&product, &of_positions);
            write(&frames, &of_patterns);
            (product, options.with_patterns(frames))
        }
        Files::PatternsFirst => {
            write(&product, &of_positions);
            write(&frames, &of_patterns);
            (frames, options.with_patterns(product))
        }
    }
}

fn joined(options: &ScanOptions) -> ScanOptions {
    let layout = LayoutOptions::default().with_unpaired(Unpaired::Drop);
    options.clone().with_layout(layout)
}

properties! {
    #![proptest_config(Config { cases: 96, ..Config::default() })]

    #[test]
    fn a_join_on_frame_numbers_matches_a_hash_map(
        positions in vec(0i64..24, 1..20),
        patterns in vec(0i64..24, 1..20),
        files in prop_oneof![Just(Files::One), Just(Files::PositionsFirst), Just(Files::PatternsFirst)],
    ) {
        let distinct = |numbers: Vec<i64>| {
            let mut seen = HashSet::new();
            numbers.into_iter().filter(|number| seen.insert(*number)).collect::<Vec<i64>>()
        };
        let (positions, patterns) = (distinct(positions), distinct(patterns));
        let folder = folder();
        let (path, options) = numbered(folder.path(), files, &positions, &patterns);
        let row_of: HashMap<i64, usize> =
            patterns.iter().enumerate().map(|(row, number)| (*number, row)).collect();
        let expected: Vec<i64> =
            positions.iter().copied().filter(|number| row_of.contains_key(number)).collect();
        let is_paired = expected.len() == positions.len() && expected.len() == patterns.len();
        let strict = Scan::open_with(&path, &options);
        assert_eq!(strict.is_ok(), is_paired);
        if let Err(error) = strict {
            assert!(matches!(error, Error::Unpaired { .. }), "{error}");
            assert!(error.to_string().contains("LayoutOptions::unpaired = drop"), "{error}");
        }
        let scan = Scan::open_with(&path, &joined(&options)).unwrap();
        let batch = columns(
            Arc::new(scan.clone()),
            &["scan_point", "x", "y", "frame_index", "diffraction"],
        );
        let real: Vec<f64> = expected.iter().map(|number| *number as f64).collect();
        assert_eq!(int64(&batch, "frame_index"), expected);
        assert_eq!(float64(&batch, "x"), real);
        assert_eq!(first_pixels(&batch), real);
        let rows: Vec<i64> = (0..expected.len() as i64).collect();
        assert_eq!(int64(&batch, "scan_point"), rows);
        // Members without a role go with their own side, unless both sides are equally long.
        let schema = scan.schema();
        for name in ["probe_photon_counts", "exposure"] {
            match schema.index_of(name) {
                Ok(_) => assert_eq!(float64(&columns(Arc::new(scan.clone()), &[name]), name), real),
                Err(_) => assert!(matches!(files, Files::One) && positions.len() == patterns.len()),
            }
        }
        let lost = positions.len() + patterns.len() - 2 * expected.len();
        assert_eq!(facts(&scan).len(), usize::from(lost > 0));
    }
}

#[test]
fn a_frame_number_that_occurs_twice_is_no_key() {
    for files in [Files::One, Files::PositionsFirst, Files::PatternsFirst] {
        for (positions, patterns, member) in [
            (&[1, 2, 2][..], &[1, 2, 3][..], "probe_position_indexes"),
            (&[1, 2, 3], &[3, 1, 3], "indexes"),
        ] {
            let folder = folder();
            let (path, options) = numbered(folder.path(), files, positions, patterns);
            for options in [joined(&options), options] {
                let told = Scan::open_with(&path, &options).unwrap_err().to_string();
                assert!(
                    told.contains(&format!("member `{member}`: found frame")),
                    "{told}"
                );
                assert!(told.contains("twice, in rows"), "{told}");
            }
        }
    }
}

/// Two frames were missed, and the positions are out of order.
fn lossy(files: Files) -> (tempfile::TempDir, Scan) {
    let folder = folder();
    let positions = [9, 4, 0, 7, 2, 1, 8, 3, 5, 6];
    let patterns = [0, 1, 2, 4, 5, 6, 8, 9, 40];
    let (path, options) = numbered(folder.path(), files, &positions, &patterns);
    let scan = Scan::open_with(path, &joined(&options)).unwrap();
    (folder, scan)
}

#[test]
fn groups_hold_the_patterns_of_their_members() {
    for files in [Files::One, Files::PositionsFirst, Files::PatternsFirst] {
        let (_folder, scan) = lossy(files);
        assert_eq!(scan.num_positions(), 8);
        assert_eq!(scan.unit(), Unit::METRES);
        let table = columns(Arc::new(scan.clone()), &["frame_index", "x"]);
        let frames = int64(&table, "frame_index");
        assert_eq!(frames, [9, 4, 0, 2, 1, 8, 5, 6]);
        for semantics in [Semantics::Native, Semantics::Ptychopinn] {
            let spec = GroupSpec::default()
                .with_neighbors(5)
                .with_semantics(semantics);
            let groups = Groups::try_new_with(&scan, spec, PatternOptions::default()).unwrap();
            let batch = columns(
                Arc::new(groups),
                &["nn_indices", "coords_nn", "diffraction"],
            );
            let members = groups_of(&batch);
            assert_eq!(members.len(), 8);
            let expected: Vec<f64> = members
                .iter()
                .flatten()
                .map(|point| frames[*point as usize] as f64)
                .collect();
            let pixels = batch["diffraction"].as_fixed_size_list().values();
            let pixels = pixels.as_primitive::<Float32Type>().values();
            let first = pixels
                .chunks_exact(SIDE * SIDE)
                .map(|frame| f64::from(frame[0]));
            assert_eq!(first.collect::<Vec<_>>(), expected);
            // [1, 2, C] per group: x of its members, then y.
            let coords = batch["coords_nn"].as_fixed_size_list().values();
            let coords = coords
                .as_primitive::<arrow::datatypes::Float64Type>()
                .values();
            let x = coords.chunks_exact(8).flat_map(|group| group[..4].to_vec());
            assert_eq!(x.collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn a_joined_scan_is_cleaned_and_opens_again() {
    let (folder, scan) = lossy(Files::One);
    let out = text(folder.path().join("clean.npz"));
    let said = success(&[
        "export",
        &text(folder.path().join("product.npz")),
        "--unpaired",
        "drop",
        "--among",
        "frame_index <> 4",
        "-o",
        &out,
    ]);
    assert!(said.starts_with("7 of 8 scan points"), "{said}");
    let names = ["x", "y", "frame_index", "diffraction"];
    let before = columns(Arc::new(scan), &names);
    let kept: Vec<i64> = int64(&before, "frame_index")
        .into_iter()
        .filter(|frame| *frame != 4)
        .collect();
    // Nothing is left without a partner.
    let cleaned = Scan::open(&out).unwrap();
    let after = columns(Arc::new(cleaned), &names);
    assert_eq!(int64(&after, "frame_index"), kept);
    let real: Vec<f64> = kept.iter().map(|frame| *frame as f64).collect();
    assert_eq!(
        (float64(&after, "x"), first_pixels(&after)),
        (real.clone(), real)
    );
}

#[test]
fn two_files_without_numbers_pair_by_order_with_a_note() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let positions = [("x", vector(count(9))), ("y", vector(count(9)))];
    write(&at("positions.npz"), &positions);
    write(&at("same.npz"), &[("data", frames(count(9), &[1, 9]))]);
    write(
        &at("fewer.npz"),
        &[
            ("data", frames(count(7), &[7])),
            ("indexes", whole(&[0, 1, 2, 3, 4, 5, 6])),
        ],
    );
    let open = |first: &str, second: &str, options: ScanOptions| {
        Scan::open_with(at(first), &options.with_patterns(at(second)))
    };
    for (first, second) in [("positions.npz", "same.npz"), ("same.npz", "positions.npz")] {
        let scan = open(first, second, ScanOptions::default()).unwrap();
        // The axis in front is no scan row, since there are positions.
        assert_eq!(scan.raster(), None);
        let batch = columns(Arc::new(scan.clone()), &["x", "diffraction"]);
        assert_eq!(first_pixels(&batch), float64(&batch, "x"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(facts(&scan).join("\n"), @"the positions in `x` and the patterns in `data` of another file are paired by order");
        }
    }
    for (first, second) in [
        ("positions.npz", "fewer.npz"),
        ("fewer.npz", "positions.npz"),
    ] {
        let refused = open(first, second, ScanOptions::default()).unwrap_err();
        assert!(matches!(
            refused,
            Error::Unpaired {
                positions: 9,
                patterns: 7,
                joined: None,
                ..
            }
        ));
        let scan = open(first, second, dropping()).unwrap();
        assert_eq!(scan.num_positions(), 7);
        insta::allow_duplicates! {
            insta::assert_snapshot!(facts(&scan).join("\n"), @"7 scan points, paired by order: only one side has frame numbers, in `indexes`; left out without a partner: the last 2 of 9 rows of `x`, the last 2 of 9 rows of `y`");
        }
    }
}

#[test]
fn what_the_first_file_lacks_is_found_in_the_second() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let complex = |shape: &[usize]| {
        let len: usize = shape.iter().product();
        let values: Vec<f32> = (0..len).flat_map(|i| [i as f32, 0.0]).collect();
        npy("'<c8'", false, shape, &f4(&values))
    };
    let bad: Vec<u8> = (0..SIDE * SIDE).map(|pixel| u8::from(pixel == 0)).collect();
    let mask = || npy("'|b1'", false, &[SIDE, SIDE], &bad);
    write(
        &at("positions.npz"),
        &[
            ("xcoords", vector(count(6))),
            ("ycoords", vector(count(6))),
            ("scan_index", whole(&[5, 4, 3, 2, 1, 0])),
            // A mask of another detector: that beside the patterns counts.
            ("bad_pixels", npy("'|b1'", false, &[2, 2], &[1, 1, 1, 1])),
        ],
    );
    write(
        &at("patterns.npz"),
        &[
            ("diff3d", frames(count(6), &[6])),
            ("indexes", whole(&[0, 1, 2, 3, 4, 5])),
            ("valid_pixel_mask", npy("'|b1'", false, &[SIDE, SIDE], &bad)),
            ("probeGuess", complex(&[SIDE, SIDE])),
            ("objectGuess", complex(&[12, 12])),
            ("Y", complex(&[6, SIDE, SIDE])),
            ("xcoords_start", vector(count(6))),
            ("ycoords_start", vector(count(6))),
            ("scan_index", vector(count(6))),
        ],
    );
    let options = ScanOptions::default().with_patterns(at("patterns.npz"));
    let scan = Scan::open_with(at("positions.npz"), &options).unwrap();
    let member = |role: Role| scan.member(role);
    assert_eq!(member(Role::BadPixels), None);
    assert_eq!(member(Role::ValidPixels), Some("valid_pixel_mask"));
    assert_eq!(
        (member(Role::Probe), member(Role::Object)),
        (Some("probeGuess"), Some("objectGuess"))
    );
    assert_eq!(scan.probe().unwrap().num_rows().unwrap(), 1);
    // Rows of the other file are those of its patterns, here in the opposite order.
    let batch = columns(Arc::new(scan.clone()), &["x", "frame_index", "diffraction"]);
    assert_eq!(float64(&batch, "x"), count(6).collect::<Vec<_>>());
    assert_eq!(first_pixels(&batch), [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    let patches = scan.member_column(Role::ObjectPatches).unwrap().unwrap();
    let read = patches
        .numbers(&ptychoarrow::array::RowSet::Range(0..6))
        .unwrap()
        .to_f64();
    let first: Vec<f64> = read
        .chunks_exact(2 * SIDE * SIDE)
        .map(|patch| patch[0])
        .collect();
    assert_eq!(first, [45.0, 36.0, 27.0, 18.0, 9.0, 0.0]);
    let masked = options.with_bad_pixels(BadPixels::default().with_mask(true));
    let masked = Scan::open_with(at("positions.npz"), &masked).unwrap();
    let groups = Groups::try_new(&masked, GroupSpec::default()).unwrap();
    let batch = columns(Arc::new(groups), &["diffraction"]);
    let pixels = batch["diffraction"].as_fixed_size_list().values();
    let pixels = pixels.as_primitive::<Float32Type>().values();
    // Only the first pixel is valid.
    assert!(
        pixels
            .chunks_exact(SIDE * SIDE)
            .all(|frame| frame[1..].iter().all(|value| *value == 0.0))
    );
    // The mask beside the positions is used where the patterns have none.
    write(
        &at("bare.npz"),
        &[
            ("diff3d", frames(count(6), &[6])),
            ("indexes", whole(&[0, 1, 2, 3, 4, 5])),
        ],
    );
    write(
        &at("masked.npz"),
        &[
            ("xcoords", vector(count(6))),
            ("ycoords", vector(count(6))),
            ("bad_pixels", mask()),
        ],
    );
    let options = ScanOptions::default().with_patterns(at("bare.npz"));
    let scan = Scan::open_with(at("masked.npz"), &options).unwrap();
    assert_eq!(scan.member(Role::BadPixels), Some("bad_pixels"));
}

#[test]
fn a_role_is_named_in_whichever_file_has_the_member() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    write(
        &at("a.npz"),
        &[
            ("px", vector(count(4))),
            ("py", vector(count(4))),
            ("number", whole(&[3, 2, 1, 0])),
        ],
    );
    write(
        &at("b.npz"),
        &[
            ("images", frames(count(4), &[4])),
            ("trigger", whole(&[0, 1, 2, 3])),
        ],
    );
    let role = |role: Role, name: &str| (role, name.to_string());
    let roles = vec![
        role(Role::X, "px"),
        role(Role::Y, "py"),
        role(Role::PositionIndex, "number"),
        role(Role::FrameIndex, "trigger"),
    ];
    for (first, second) in [("a.npz", "b.npz"), ("b.npz", "a.npz")] {
        let layout = LayoutOptions::default().with_roles(roles.clone());
        let options = ScanOptions::default()
            .with_layout(layout)
            .with_patterns(at(second));
        let scan = Scan::open_with(at(first), &options).unwrap();
        let batch = columns(Arc::new(scan), &["x", "frame_index", "diffraction"]);
        assert_eq!(int64(&batch, "frame_index"), [3, 2, 1, 0]);
        assert_eq!(first_pixels(&batch), [3.0, 2.0, 1.0, 0.0]);
    }
}

#[test]
fn commands_and_queries_name_the_option_that_they_take() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    write(
        at("more.npz").as_ref(),
        &[
            ("xcoords", vector(count(8))),
            ("ycoords", vector(count(8))),
            ("diffraction", frames(count(11), &[11])),
        ],
    );
    write(
        at("apart.npz").as_ref(),
        &[("x", vector(count(5))), ("y", vector(count(6)))],
    );
    numbered(
        folder.path(),
        Files::PositionsFirst,
        &[0, 1, 2, 3, 4],
        &[0, 2, 3, 4],
    );
    let (more, apart, product, patterns) = (
        at("more.npz"),
        at("apart.npz"),
        at("product.npz"),
        at("patterns.npz"),
    );
    let query = format!("SELECT count(*) FROM scan('{more}')");
    let told = failures(
        &[
            &["group", &more, "--among", "scan_point < 5"],
            &["norm", &more],
            &["export", &more, "-o", &at("out.arrow")],
            &["group", &apart],
            &[
                "sql",
                &product,
                "--patterns",
                &patterns,
                "-c",
                "SELECT * FROM scan",
            ],
            &["sql", "-c", &query],
        ],
        folder.path(),
    );
    insta::assert_snapshot!(told);
    let drop = |args: &[&str]| success(&[args, &["--unpaired", "drop"]].concat());
    drop(&["group", &more, "--among", "scan_point < 5"]);
    drop(&["norm", &more, "--measurement", "amplitude"]);
    drop(&["export", &more, "-o", &at("out.arrow")]);
    drop(&["group", &apart]);
    let shown = drop(&["inspect", &product, "--patterns", &patterns]);
    assert!(shown.contains("left out without a partner: 1 of 5 rows of `probe_position_indexes` (the first is frame 1)"), "{shown}");
    let query = format!(
        "SELECT scan_point, frame_index, pixel(diffraction, 0, 0) AS pixel FROM scan('{product}', patterns => '{patterns}', unpaired => 'drop')"
    );
    insta::assert_snapshot!(success(&["sql", "-c", &query, "--format", "csv"]), @r"
    scan_point,frame_index,pixel
    0,0,0.0
    1,2,2.0
    2,3,3.0
    3,4,4.0
    ");
}

#[test]
fn the_factor_needs_one_pattern_and_groups_say_what_is_too_few() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let scan = |name: &str, len: usize| {
        let y = vector((0..len).map(|i| (i * i % 7) as f64));
        let members = [
            ("xcoords", vector(count(len))),
            ("ycoords", y),
            ("diffraction", frames(vec![1.0; len], &[len])),
        ];
        write(at(name).as_ref(), &members);
        at(name)
    };
    let (one, four, none, many) = (
        scan("one.npz", 1),
        scan("four.npz", 4),
        scan("none.npz", 0),
        scan("many.npz", 30),
    );
    // Nine ones: the factor is sqrt((3 / 2)^2 / 9).
    for extra in [&[][..], &["--norm", "scan", "--semantics", "ptychopinn"]] {
        let call = [&["norm", &one, "--measurement", "amplitude"], extra].concat();
        assert_eq!(success(&call).trim(), "0.5");
    }
    let among = [
        "norm",
        &many,
        "--measurement",
        "amplitude",
        "--among",
        "scan_point = 3",
    ];
    assert_eq!(success(&among).trim(), "0.5");
    let out = at("out.arrow");
    let query =
        format!("SELECT count(*) FROM groups('{many}', among => 'x < 9', seeds_from => 'x > 20')");
    let told = failures(
        &[
            &["norm", &one, "--norm", "groups"],
            &["group", &none],
            &["norm", &none],
            &["group", &many, "--among", "x > 100", "-o", &out],
            &[
                "group",
                &many,
                "--among",
                "x < 9",
                "--seeds-from",
                "x > 20",
                "-o",
                &out,
            ],
            &["group", &many, "--max-distance", "0.001", "-o", &out],
            &["sql", "-c", &query],
        ],
        folder.path(),
    );
    insta::assert_snapshot!(told);
    assert!(!Path::new(&out).exists());
    let said = success(&["group", &four, "-o", &out]);
    assert!(
        said.contains("each from the 3 nearest neighbours of its seed point and itself"),
        "{said}"
    );
    let no_seeds = GroupSpec::default().with_seeds_from(Vec::new());
    let refused = Groups::try_new(&Scan::open(&many).unwrap(), no_seeds).unwrap_err();
    assert!(
        matches!(refused, Error::NothingSelected { .. }),
        "{refused}"
    );
    let smaller = |len: usize, neighbors: Option<usize>| {
        let scan = Scan::open(if len == 4 { &four } else { &many }).unwrap();
        let spec = GroupSpec::default().with_neighbors(neighbors);
        let groups = Groups::try_new(&scan, spec).unwrap();
        groups
            .notes()
            .iter()
            .map(|note| note.code())
            .collect::<Vec<_>>()
    };
    assert_eq!(smaller(4, None), ["pool_smaller"]);
    assert_eq!(smaller(4, Some(4)), [""; 0]);
    assert_eq!(smaller(30, Some(29)), [""; 0]);
    assert_eq!(smaller(30, Some(30)), ["pool_smaller"]);
    let batch = collect(
        Groups::try_new(&Scan::open(&four).unwrap(), GroupSpec::default())
            .unwrap()
            .read(&ReadOptions::default().with_columns(["nn_indices"]))
            .unwrap(),
    );
    assert_eq!(batch.num_rows(), 4);
}
