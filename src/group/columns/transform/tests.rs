//! Changed patterns beside the plain definition: for each pixel of what is handed out, the loop that its
//! words say.

use std::io::Write;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;

use super::*;
use crate::group::{Channels, GroupSpec, Groups, Measure};
use crate::npz::write::NpzWriter;
use crate::scan::BadPixels;
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
    mask: bool,
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
            bad_pixels: BadPixels::default().with_mask(mask),
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
    [amplitude, mask]: [bool; 2],
) -> Vec<f64> {
    let stored = |row: usize, col: usize| match mask && is_bad(row, col) {
        true => 0.0,
        false => pixel(pattern, row, col),
    };
    let crop = options.crop.unwrap_or([height, width].into());
    let (rows, cols) = (crop.height, crop.width);
    let [middle_row, middle_col] = match options.center {
        Some(Center::Pixel(pixel)) => pixel,
        _ => [height / 2, width / 2],
    };
    let (top, left) = (middle_row - rows / 2, middle_col - cols / 2);
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
            let amplitude = measurement == Some(Measurement::Amplitude);
            for (crop, center, bin, mask) in [
                (Some(8.into()), None, None, false),
                (Some(9.into()), None, Some(3), true),
                (Some(12.into()), None, Some(4), false),
                (None, None, None, true),
                (Some(1.into()), None, None, false),
                (Some(12.into()), None, Some(12), true),
                (Some([6, 9].into()), Some([3, 11].into()), Some(3), true),
                (Some([5, 4].into()), Some([9, 2].into()), None, false),
            ] {
                let scan = scan(folder.path(), shape, descr, measurement, mask);
                for (measure, channels) in [
                    (Measure::Stored, Channels::First),
                    (Measure::Amplitude, Channels::First),
                    (Measure::Intensity, Channels::Last),
                ] {
                    let options = PatternOptions {
                        measure,
                        channels,
                        crop,
                        center,
                        bin,
                    };
                    let spec = GroupSpec {
                        neighbors: Some(6),
                        seed: 5,
                        ..Default::default()
                    };
                    let groups = Groups::try_new_with(&scan, spec, options).unwrap();
                    compare(&groups, shape, &options, [amplitude, mask]);
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 3 * 4 * 8 * 3);
}

fn compare(groups: &Groups, shape: [usize; 2], options: &PatternOptions, kind: [bool; 2]) {
    let [amplitude, _] = kind;
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
        .map(|pattern| expected(pattern, shape, options, kind))
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
        let values = expected(pattern, shape, &plain, kind);
        values
            .iter()
            .map(|value| if amplitude { value * value } else { *value })
            .sum()
    };
    let mean = (0..PATTERNS).map(power).sum::<f64>() / PATTERNS as f64;
    let factor = (pixels as f64 / 4.0 / mean).sqrt();
    let found = groups.norm_factor().unwrap();
    assert!(
        (found - factor).abs() < 1e-6 * factor,
        "{options:?}: {found}, {factor}"
    );
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |measurement, options: PatternOptions| {
        let scan = scan(folder.path(), [12, 16], "<f4", measurement, false);
        Transform::of(&scan, &options).unwrap_err().report()
    };
    let crop = |crop: usize| PatternOptions::default().with_crop(crop);
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
    let masked = ScanOptions::default().with_bad_pixels(BadPixels::default().with_mask(true));
    assert!(
        Scan::open_with("tests/data/siemens_star.npz", &masked)
            .unwrap_err()
            .report()
            .contains("LayoutOptions::roles = bad_pixels=NAME")
    );
    let json = serde_json::to_string(&PatternOptions::default()).unwrap();
    assert_eq!(json, r#"{"measure":"stored","channels":"first"}"#);
}

#[test]
fn a_part_that_leaves_the_pattern_is_refused_with_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let scan = scan(folder.path(), [18, 16], "<u2", None, false);
    let of = |crop: [usize; 2], center: [usize; 2]| {
        let options = PatternOptions::default().with_crop(crop);
        Transform::of(&scan, &options.with_center(center))
    };
    for (crop, center) in [([16, 16], [8, 8]), ([16, 16], [10, 8]), ([1, 1], [17, 15])] {
        of(crop, center).unwrap();
    }
    for (crop, center) in [
        ([16, 16], [7, 8]),
        ([16, 16], [11, 8]),
        ([16, 16], [8, 9]),
        ([1, 1], [18, 0]),
        ([3, 3], [1, usize::MAX]),
    ] {
        of(crop, center).unwrap_err();
    }
    insta::assert_snapshot!(of([16, 16], [11, 8]).unwrap_err(), @"crop = 16 x 16 around pixel (11, 8) takes rows 3 to 18 and columns 0 to 15; expected rows 0 to 17 and columns 0 to 15; lower PatternOptions::crop or move PatternOptions::center");
    let alone = PatternOptions::default().with_center([8, 8]);
    insta::assert_snapshot!(Transform::of(&scan, &alone).unwrap_err(), @"center: found a value, expected none without crop; leave out PatternOptions::center");
}

#[test]
fn what_is_not_in_the_middle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let scan = scan(folder.path(), [18, 16], "<u2", None, false);
    let uneven = |crop: [usize; 2]| {
        let options = PatternOptions::default().with_crop(crop);
        let uneven = Transform::of(&scan, &options).unwrap().uneven();
        uneven.map(|uneven| (uneven.rows, uneven.columns))
    };
    assert_eq!(uneven([16, 16]), None);
    // 18 div 2 - 15 div 2 = 2, 16 div 2 - 15 div 2 = 1.
    assert_eq!(uneven([15, 15]), Some(([2, 16], [1, 15])));
    assert_eq!(uneven([18, 15]), Some(([0, 17], [1, 15])));
}

#[test]
fn options_are_plain_data_and_texts() {
    let options = PatternOptions::default()
        .with_crop([16, 18])
        .with_center([8, 9]);
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(
        json,
        r#"{"measure":"stored","channels":"first","crop":[16,18],"center":[8,9]}"#
    );
    assert_eq!(
        serde_json::from_str::<PatternOptions>(&json).unwrap(),
        options
    );
    let square = PatternOptions::default()
        .with_crop(8)
        .with_center(Center::Mass);
    let json = serde_json::to_string(&square).unwrap();
    assert!(json.ends_with(r#""crop":8,"center":"com"}"#), "{json}");
    assert_eq!(
        serde_json::from_str::<PatternOptions>(&json).unwrap(),
        square
    );
    assert_eq!("16x18".parse(), Ok(Crop::from([16, 18])));
    assert_eq!("130, 127".parse(), Ok(Center::Pixel([130, 127])));
    assert_eq!("com".parse(), Ok(Center::Mass));
    for text in ["", "16x", "-1", "1x2x3", "nan"] {
        text.parse::<Crop>().unwrap_err();
    }
    for text in ["", "8", "8,", "-1,3", "8,9,10", "centre"] {
        text.parse::<Center>().unwrap_err();
    }
}
