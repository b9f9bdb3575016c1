//! Changed patterns beside the plain definition: for each pixel of what is handed out, the loop that its
//! words say.

use std::io::Write;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;

use super::*;
use crate::group::{Channels, GroupSpec, Groups, Measure};
use crate::npz::write::NpzWriter;
use crate::scan::ScanOptions;
use crate::scan::layout::LayoutOptions;
use crate::table::ReadOptions;

const PATTERNS: usize = 9;

/// Small whole numbers, no two pixels alike.
fn pixel(pattern: usize, row: usize, col: usize) -> f64 {
    ((pattern * 31 + row * 7 + col * 3) % 50 + 1) as f64
}

fn is_bad(row: usize, col: usize) -> bool {
    (row * 5 + col).is_multiple_of(11)
}

fn bytes_of(descr: &str, value: f64) -> Vec<u8> {
    match descr {
        "<u2" => (value as u16).to_le_bytes().to_vec(),
        ">f4" => (value as f32).to_be_bytes().to_vec(),
        "<f8" => value.to_le_bytes().to_vec(),
        _ => (value as f32).to_le_bytes().to_vec(),
    }
}

fn scan(
    folder: &Path,
    [height, width]: [usize; 2],
    descr: &str,
    measurement: Option<Measurement>,
) -> Scan {
    let path = folder.join("scan.npz");
    let mut out = NpzWriter::new(std::fs::File::create(&path).unwrap());
    for name in ["xcoords", "ycoords"] {
        out.begin(name, "<f8", &[PATTERNS], PATTERNS as u64 * 8)
            .unwrap();
        (0..PATTERNS).for_each(|i| out.write_all(&((i * i) as f64).to_le_bytes()).unwrap());
    }
    let item = bytes_of(descr, 0.0).len();
    out.begin(
        "diff3d",
        descr,
        &[PATTERNS, height, width],
        (PATTERNS * height * width * item) as u64,
    )
    .unwrap();
    for (pattern, row, col) in each(PATTERNS, height, width) {
        out.write_all(&bytes_of(descr, pixel(pattern, row, col)))
            .unwrap();
    }
    out.begin(
        "bad_pixels",
        "|b1",
        &[height, width],
        (height * width) as u64,
    )
    .unwrap();
    for (_, row, col) in each(1, height, width) {
        out.write_all(&[u8::from(is_bad(row, col))]).unwrap();
    }
    out.finish().unwrap();
    let layout = LayoutOptions {
        measurement,
        roles: vec![(Role::BadPixels, "bad_pixels".to_string())],
        ..Default::default()
    };
    Scan::open_with(
        &path,
        &ScanOptions {
            layout,
            ..Default::default()
        },
    )
    .unwrap()
}

fn each(
    patterns: usize,
    height: usize,
    width: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..patterns).flat_map(move |p| {
        (0..height).flat_map(move |row| (0..width).map(move |col| (p, row, col)))
    })
}

/// A pattern by the definition, in f8.
fn expected(
    pattern: usize,
    [height, width]: [usize; 2],
    options: &PatternOptions,
    amplitude: bool,
) -> Vec<f64> {
    let stored = |row: usize, col: usize| match options.mask && is_bad(row, col) {
        true => 0.0,
        false => pixel(pattern, row, col),
    };
    let (rows, cols) = (
        options.crop.unwrap_or(height),
        options.crop.unwrap_or(width),
    );
    let (top, left) = (height / 2 - rows / 2, width / 2 - cols / 2);
    let bin = options.bin.unwrap_or(1);
    let block = |row: usize, col: usize| {
        let values =
            each(1, bin, bin).map(|(_, i, j)| stored(top + row * bin + i, left + col * bin + j));
        let sum = if amplitude {
            values.map(|v| v * v).sum::<f64>().sqrt()
        } else {
            values.sum::<f64>()
        };
        match options.measure {
            Measure::Amplitude if !amplitude => sum.sqrt(),
            Measure::Intensity if amplitude => sum * sum,
            _ => sum,
        }
    };
    each(1, rows / bin, cols / bin)
        .map(|(_, row, col)| block(row, col))
        .collect()
}

#[test]
fn patterns_are_changed_as_the_words_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for shape in [[16, 16], [15, 17], [12, 20]] {
        for (descr, measurement) in [
            ("<u2", None),
            ("<f4", Some(Measurement::Amplitude)),
            (">f4", Some(Measurement::Intensity)),
            ("<f8", Some(Measurement::Amplitude)),
        ] {
            let scan = scan(folder.path(), shape, descr, measurement);
            let amplitude = measurement == Some(Measurement::Amplitude);
            for (crop, bin, mask) in [
                (Some(8), None, false),
                (Some(9), Some(3), true),
                (Some(12), Some(4), false),
                (None, None, true),
                (Some(1), None, false),
                (Some(12), Some(12), true),
            ] {
                for (measure, channels) in [
                    (Measure::Stored, Channels::First),
                    (Measure::Amplitude, Channels::First),
                    (Measure::Intensity, Channels::Last),
                ] {
                    let options = PatternOptions {
                        measure,
                        channels,
                        crop,
                        bin,
                        mask,
                    };
                    let spec = GroupSpec {
                        neighbors: Some(6),
                        seed: 5,
                        ..Default::default()
                    };
                    let groups = Groups::try_new_with(&scan, spec, options).unwrap();
                    compare(&groups, shape, &options, amplitude);
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 3 * 4 * 6 * 3);
}

fn compare(groups: &Groups, shape: [usize; 2], options: &PatternOptions, amplitude: bool) {
    let columns = ["diffraction", "diffraction_normalized", "norm_factor"]
        .map(str::to_string)
        .to_vec();
    let read = ReadOptions {
        columns: Some(columns),
        ..Default::default()
    };
    let batch = groups.read(&read).unwrap().next().unwrap().unwrap();
    let found = batch.column(0).as_fixed_size_list();
    let values = found.values().as_primitive::<Float32Type>().values();
    let patterns: Vec<Vec<f64>> = (0..PATTERNS)
        .map(|pattern| expected(pattern, shape, options, amplitude))
        .collect();
    let pixels = patterns[0].len();
    let index = groups.index().unwrap();
    assert_eq!(found.value_length() as usize, 4 * pixels);
    for group in 0..index.num_groups() {
        for (slot, member) in index.members(group).iter().enumerate() {
            for (at, expected) in patterns[*member as usize].iter().enumerate() {
                let place = match options.channels {
                    Channels::First => slot * pixels + at,
                    Channels::Last => at * 4 + slot,
                };
                let found = f64::from(values[group * 4 * pixels + place]);
                assert!(
                    (found - expected).abs() <= 1e-5 * expected.abs(),
                    "{options:?}: {found}, {expected}"
                );
            }
        }
    }
    // The factor is that of the patterns as they are handed out, taken for amplitudes or rooted.
    let plain = PatternOptions {
        measure: Measure::Stored,
        ..*options
    };
    let power = |pattern: usize| -> f64 {
        let values = expected(pattern, shape, &plain, amplitude);
        values
            .iter()
            .map(|value| if amplitude { value * value } else { *value })
            .sum()
    };
    let mean = (0..PATTERNS).map(power).sum::<f64>() / PATTERNS as f64;
    let factor = (pixels as f64 / 4.0 / mean).sqrt();
    let found = f64::from(groups.norm_factor().unwrap());
    assert!(
        (found - factor).abs() < 1e-6 * factor,
        "{options:?}: {found}, {factor}"
    );
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |measurement, options: PatternOptions| {
        let scan = scan(folder.path(), [12, 16], "<f4", measurement);
        Transform::of(&scan, &options).unwrap_err().report()
    };
    let crop = |crop| PatternOptions {
        crop: Some(crop),
        ..Default::default()
    };
    let bin = |bin| PatternOptions {
        bin: Some(bin),
        ..Default::default()
    };
    assert_eq!(told(None, crop(13)), "crop = 13: expected 1 to 12");
    assert!(told(None, crop(0)).starts_with("crop = 0: "));
    assert_eq!(
        told(Some(Measurement::Intensity), bin(8)),
        "bin = 8: expected a divisor of both sides of the patterns, 12 x 16 pixels; lower PatternOptions::crop"
    );
    assert!(told(Some(Measurement::Intensity), bin(0)).starts_with("bin = 0: "));
    assert!(
        told(None, bin(2))
            .contains("bin needs to know whether patterns are amplitudes or intensities")
    );
}

#[test]
fn the_file_changes_nothing_where_nothing_is_asked() {
    let scan = Scan::open("tests/data/siemens_star.npz").unwrap();
    let transform = Transform::of(&scan, &PatternOptions::default()).unwrap();
    assert!(!transform.changes() && transform.shape() == [64, 64]);
    let masked = PatternOptions {
        mask: true,
        ..Default::default()
    };
    assert!(
        Transform::of(&scan, &masked)
            .unwrap_err()
            .report()
            .contains("LayoutOptions::roles = bad_pixels=NAME")
    );
    let json = serde_json::to_string(&PatternOptions::default()).unwrap();
    assert_eq!(json, r#"{"measure":"stored","channels":"first"}"#);
}
