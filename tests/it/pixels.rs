//! Pixels that are no counts, and parts of the detector: the same numbers by every command, in SQL and in files.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Float32Type, Float64Type};
use ptychoarrow::group::PatternOptions;
use ptychoarrow::scan::{BadPixels, BadValue, ScanOptions};
use ptychoarrow::{GroupSpec, Groups, Scan};
use zip::CompressionMethod;

use crate::support::{columns, f8, failure, folder, npy, npz, ptychoarrow, success, text};

/// The side of the raster, and the height and the width of a pattern.
const SIDE: usize = 5;
const SHAPE: [usize; 2] = [10, 8];

/// Counts of a peak at pixel (6, 3), and larger ones at every other scan point.
fn count(point: usize, row: usize, col: usize) -> i32 {
    let (dy, dx) = (row as f64 - 6.0, col as f64 - 3.0);
    let peak = (90 + point % 7) as f64 * (-(dy * dy + dx * dx) / 6.0).exp();
    peak.round() as i32
}

/// The gap between two modules: row 2, and the pixel (9, 7).
fn is_gap(row: usize, col: usize) -> bool {
    row == 2 || [row, col] == [9, 7]
}

/// Writes a scan in which gaps hold `-1`, with the file's own mask or without it.
fn write(path: &Path, dtype: &str, with_mask: bool) {
    let [height, width] = SHAPE;
    let points = SIDE * SIDE;
    let mut pixels = Vec::new();
    for at in 0..points * height * width {
        let (point, row, col) = (at / height / width, at / width % height, at % width);
        let value = match is_gap(row, col) {
            true => -1,
            false => count(point, row, col),
        };
        match dtype {
            "'<i4'" => pixels.extend(value.to_le_bytes()),
            "'<u4'" => pixels.extend(value.cast_unsigned().to_le_bytes()),
            _ => {
                let value = if value < 0 { f32::NAN } else { value as f32 };
                pixels.extend(value.to_le_bytes());
            }
        }
    }
    let mask: Vec<u8> = (0..height * width)
        .map(|at| u8::from(is_gap(at / width, at % width)))
        .collect();
    let at = |step: f64| move |i: usize| i as f64 * step;
    let x: Vec<f64> = (0..points).map(|i| at(3.0)(i % SIDE)).collect();
    let y: Vec<f64> = (0..points).map(|i| at(4.0)(i / SIDE)).collect();
    let mut members = vec![
        ("xcoords", npy("'<f8'", false, &[points], &f8(&x))),
        ("ycoords", npy("'<f8'", false, &[points], &f8(&y))),
        (
            "diffraction",
            npy(dtype, false, &[points, height, width], &pixels),
        ),
    ];
    if with_mask {
        members.push(("bad_pixels", npy("'|b1'", false, &SHAPE, &mask)));
    }
    npz(path, &members, CompressionMethod::Stored);
}

/// The factor of the good counts within these rows and columns, by its definition.
fn factor(rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) -> f64 {
    let points = SIDE * SIDE;
    let mut sum = 0.0;
    for point in 0..points {
        for row in rows.clone() {
            for col in cols.clone().filter(|col| !is_gap(row, *col)) {
                sum += f64::from(count(point, row, col));
            }
        }
    }
    let pixels = (rows.len() * cols.len()) as f64;
    (pixels / 4.0 / (sum / points as f64)).sqrt()
}

fn norm(args: &[&str]) -> f64 {
    let said = success(&[&["norm"], args].concat());
    said.trim().parse().unwrap()
}

fn assert_close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-6, "{found}, {expected}");
}

#[test]
fn masked_and_marked_pixels_are_0_wherever_patterns_are_read() {
    let folder = folder();
    let path = |name: &str| text(folder.path().join(name));
    let expected = factor(0..10, 0..8);
    for (dtype, mark) in [("'<i4'", "-1"), ("'<u4'", "max"), ("'<f4'", "nan")] {
        let (own, bare) = (path("own.npz"), path("bare.npz"));
        write(own.as_ref(), dtype, true);
        write(bare.as_ref(), dtype, false);
        for (file, how) in [(&own, vec!["--mask"]), (&bare, vec!["--bad-value", mark])] {
            let how = &[&how[..], &["--measurement", "intensity"]].concat();
            assert_close(norm(&[&[file.as_str()], &how[..]].concat()), expected);
            // No pixel is below 0 or not a number in what is written.
            let arrow = path("scan.arrow");
            success(&[&["export", file, "-o", &arrow, "--force"], &how[..]].concat());
            let sum = "SELECT sum(pattern_sum(diffraction)) AS s, min(pattern_max(diffraction)) AS m FROM ";
            let sums = success(&[
                "sql",
                &arrow,
                "--format",
                "csv",
                "-c",
                &format!("{sum} scan"),
            ]);
            let marks = match how[0] {
                "--mask" => "mask => true".to_string(),
                _ => format!("bad_values => '{mark}'"),
            };
            let call = format!("{sum} scan('{file}', {marks}, measurement => 'intensity')");
            assert_eq!(success(&["sql", "--format", "csv", "-c", &call]), sums);
            let call = format!(
                "SELECT norm_factor FROM groups('{file}', {marks}, measurement => 'intensity') LIMIT 1"
            );
            let found = success(&["sql", "--format", "csv", "-c", &call]);
            assert_close(found.lines().nth(1).unwrap().parse().unwrap(), expected);
            // A cleaned scan needs no mask any more.
            let clean = path("clean.npz");
            success(&[&["export", file, "-o", &clean, "--force"], &how[..]].concat());
            assert_close(norm(&[&clean, "--measurement", "intensity"]), expected);
        }
    }
    write(path("i4.npz").as_ref(), "'<i4'", false);
    for values in ["-1", "'-1'", "'-1, 7000'", "[-1, 7000]"] {
        let call = format!(
            "SELECT min(norm_factor) FROM groups('{}', bad_values => {values})",
            path("i4.npz")
        );
        let found = success(&["sql", "--format", "csv", "-c", &call]);
        assert_close(found.lines().nth(1).unwrap().parse().unwrap(), expected);
    }
}

#[test]
fn pixels_that_are_no_counts_are_told_by_every_command() {
    let folder = folder();
    let path = |name: &str| text(folder.path().join(name));
    let (own, signed) = (path("own.npz"), path("signed.npz"));
    write(own.as_ref(), "'<i4'", true);
    write(signed.as_ref(), "'<i4'", false);
    let out = path("out.arrow");
    let npz = path("out.npz");
    let query = format!("SELECT diffraction_normalized FROM groups('{signed}', norm => 0.1)");
    for call in [
        &["norm", &signed][..],
        &["group", &signed, "--columns", "norm_factor", "-o", &out],
        &["group", &signed, "--as", "amplitude", "-o", &out],
        &["group", &signed, "--as", "amplitude", "-o", &npz],
        &[
            "group",
            &signed,
            "--norm",
            "1",
            "--columns",
            "diffraction_normalized",
            "-o",
            &out,
        ],
        &["sql", "-o", &out, "-c", &query],
    ] {
        let (code, said) = failure(call);
        assert_eq!(code, 1, "{call:?} {said}");
        assert!(
            said.contains("`diffraction`: found -1 in scan point "),
            "{call:?} {said}"
        );
        assert!(
            said.contains(", pixel (2, 0), expected a count of 0 or more"),
            "{call:?} {said}"
        );
        assert!(!Path::new(&out).exists() && !Path::new(&npz).exists());
    }
    let (_, said) = failure(&["norm", &own]);
    assert!(said.contains("set --mask,"), "{said}");
    // Who does not convert is told of the mask all the same.
    let said = ptychoarrow(&["group", &own, "-o", &out]);
    assert!(said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(
        said.contains(
            "the file has a mask of pixels, `bad_pixels`, which is not applied; set --mask"
        ),
        "{said}"
    );
    // Of what is masked there is nothing to say; 9 of 80 pixels are.
    let checked = success(&["check", &own]);
    assert!(checked.contains("9 pixels masked"), "{checked}");
    assert!(!checked.contains("negative"), "{checked}");
    let checked = success(&["check", &signed]);
    assert!(checked.contains("225 values below 0"), "{checked}");
    let checked = success(&["check", &signed, "--bad-value=-1"]);
    assert!(checked.contains("225 values marked as bad"), "{checked}");
    assert!(!checked.contains("negative"), "{checked}");
}

#[test]
fn any_part_of_the_patterns_can_be_had_with_its_factor() {
    let folder = folder();
    let path = |name: &str| text(folder.path().join(name));
    let own = path("own.npz");
    write(own.as_ref(), "'<i4'", true);
    for (part, rows, cols) in [
        (&["--crop", "8"][..], 1..9, 0..8),
        (&["--crop", "8", "--center", "4,4"], 0..8, 0..8),
        (&["--crop", "8", "--center", "6,4"], 2..10, 0..8),
        (&["--crop", "3x5", "--center", "6,3"], 5..8, 1..6),
        (&["--crop", "10x7"], 0..10, 1..8),
        // The centre of mass of the good counts is (6, 3): 4 rows and columns around it.
        (&["--crop", "4", "--center", "com"], 4..8, 1..5),
        (
            &["--crop", "4", "--center", "com", "--bin", "2"],
            4..8,
            1..5,
        ),
    ] {
        let pixels = if part.contains(&"--bin") { 2.0 } else { 1.0 };
        let expected = factor(rows, cols) / pixels;
        let args = [&[own.as_str(), "--mask"], part].concat();
        assert_close(norm(&args), expected);
        let out = path("groups.arrow");
        let columns = ["--columns", "norm_factor", "-o", &out, "--force"];
        success(&[&["group"], &args[..], &columns].concat());
        let query = "SELECT DISTINCT norm_factor FROM groups";
        let found = success(&["sql", &out, "--format", "csv", "-c", query]);
        assert_close(found.lines().nth(1).unwrap().parse().unwrap(), expected);
        let mut call = format!("mask => true, crop => '{}'", part[1]);
        if let Some(at) = part.iter().position(|word| *word == "--center") {
            call += &format!(", center => '{}'", part[at + 1]);
        }
        if pixels > 1.0 {
            call += ", bin => 2";
        }
        let call = format!("SELECT DISTINCT norm_factor FROM groups('{own}', {call})");
        assert_eq!(success(&["sql", "--format", "csv", "-c", &call]), found);
    }
    let said = success(&[
        "group",
        &own,
        "--mask",
        "--crop",
        "4",
        "--center",
        "com",
        "-o",
        &path("c.arrow"),
    ]);
    assert!(
        said.contains("4 x 4 pixels around pixel (6, 3), the centre of mass"),
        "{said}"
    );
    let written = success(&["inspect", &path("c.arrow"), "--format", "json"]);
    assert!(written.contains("center_pixel"), "{written}");
    for (part, why) in [
        (
            "--crop 8 --center 3,4",
            "takes rows -1 to 6 and columns 0 to 7; expected rows 0 to 9",
        ),
        ("--crop 9 --center com", "crop = 9: expected 1 to 8"),
        (
            "--crop 8 --center com",
            "around pixel (6, 3) takes rows 2 to 9 and columns -1 to 6",
        ),
        ("--center 3,4", "leave out --center"),
        ("--crop 4 --center 3", "ROW,COL"),
    ] {
        let part: Vec<&str> = part.split(' ').collect();
        for command in ["norm", "group"] {
            let columns: &[&str] = match command {
                "group" => &["--columns", "norm_factor"],
                _ => &[],
            };
            let call = [&[command, &own, "--mask"], columns, &part].concat();
            let (code, said) = failure(&call);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains(why), "{said}");
        }
    }
    // Housekeeping rows, which are no pixels, do not matter where they are not taken.
    let options = PatternOptions::default()
        .with_crop([2, 8])
        .with_center([1, 4]);
    let scan = Scan::open(&own).unwrap();
    let groups =
        Groups::try_new_with(&scan, GroupSpec::default().with_n_groups(3), options).unwrap();
    let batch = columns(
        std::sync::Arc::new(groups),
        &["nn_indices", "diffraction_normalized"],
    );
    let members = batch.column(0).as_fixed_size_list().values().clone();
    let members = members.as_primitive::<arrow::datatypes::Int32Type>();
    let values = batch.column(1).as_fixed_size_list().values().clone();
    let f = factor(0..2, 0..8) as f32;
    for (at, value) in values
        .as_primitive::<Float32Type>()
        .values()
        .iter()
        .enumerate()
    {
        let (slot, row, col) = (at / 16, at / 8 % 2, at % 8);
        let count = count(members.value(slot) as usize, row, col) as f32;
        assert!(
            (value - f * count.sqrt()).abs() < 1e-5,
            "{slot} {row} {col}"
        );
    }
}

#[test]
fn frames_without_counts_in_the_factor_are_noted() {
    let folder = folder();
    let path = folder.path().join("dead.npz");
    let pixels: Vec<f32> = (0..9 * 16)
        .map(|at| if at / 16 % 4 == 1 { 0.0 } else { 2.0 })
        .collect();
    let places: Vec<f64> = (0..9).map(f64::from).collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[9], &f8(&places))),
        ("ycoords", npy("'<f8'", false, &[9], &f8(&places))),
        (
            "diffraction",
            npy("'<f4'", false, &[9, 4, 4], &crate::support::f4(&pixels)),
        ),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let said = ptychoarrow(&["norm", &text(&path), "--measurement", "intensity"]);
    let warned = String::from_utf8(said.stderr).unwrap();
    assert!(
        warned.contains("2 of the 9 patterns that the normalisation factor was computed over hold no counts, the first is that of scan point 1"),
        "{warned}"
    );
}

#[test]
fn given_factors_are_what_they_are() {
    let folder = folder();
    let path = text(folder.path().join("scan.npz"));
    write(path.as_ref(), "'<i4'", true);
    assert_eq!(success(&["norm", &path, "--norm", "0.1"]), "0.1\n");
    let query = format!("SELECT DISTINCT norm_factor FROM groups('{path}', norm => 0.1)");
    let found = success(&["sql", "--format", "csv", "-c", &query]);
    assert_eq!(found, "norm_factor\n0.1\n");
    for value in ["1e-50", "1e39"] {
        let (code, said) = failure(&["norm", &path, "--norm", value]);
        assert_eq!(code, 2, "{said}");
    }
    let bad = BadPixels::default()
        .with_mask(true)
        .with_values([BadValue::Max]);
    let scan = Scan::open_with(&path, &ScanOptions::default().with_bad_pixels(bad)).unwrap();
    let groups = Groups::try_new(&scan, GroupSpec::default()).unwrap();
    let table: std::sync::Arc<dyn ptychoarrow::Table> = std::sync::Arc::new(groups.clone());
    let json = &ptychoarrow::table::TableInfo::provenance(&groups)["ptychoarrow.bad_pixels"];
    assert_eq!(json, r#"{"mask":true,"values":["max"]}"#);
    let batch = columns(table, &["norm_factor"]);
    let column = batch.column(0).as_primitive::<Float64Type>();
    assert_eq!(column.value(0), groups.norm_factor().unwrap());
}
