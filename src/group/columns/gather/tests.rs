//! Numbers at the borders of f32, by what NumPy computes in float64 and rounds to float32 at the end.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;

use crate::group::{GroupSpec, Groups, Measure, Norm, PatternOptions};
use crate::npz::write::NpzWriter;
use crate::npz::{NpzFile, OpenOptions};
use crate::scan::layout::{LayoutOptions, Measurement, PatternAxis};
use crate::scan::{BadPixels, BadValue, ScanOptions};
use crate::table::ReadOptions;
use crate::{Result, Scan};

/// The values of one pattern of 2 x 4 pixels, of four that are equal.
fn scan(descr: &str, values: [f64; 8], measurement: Measurement, bad: BadPixels) -> Scan {
    let data: Vec<u8> = (0..4)
        .flat_map(|_| values)
        .flat_map(|value| match descr {
            "<f4" => (value as f32).to_le_bytes().to_vec(),
            "<i4" => (value as i32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        })
        .collect();
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    writer
        .begin("diffraction", descr, &[4, 2, 4], data.len() as u64)
        .unwrap();
    writer.write_all(&data).unwrap();
    for name in ["xcoords", "ycoords"] {
        writer.begin(name, "<f8", &[4], 32).unwrap();
        (0..4).for_each(|i| writer.write_all(&f64::from(i * i).to_le_bytes()).unwrap());
    }
    let bytes = writer.finish().unwrap().into_inner();
    let npz = NpzFile::from_bytes("scan.npz", bytes.into(), &OpenOptions::default()).unwrap();
    let layout = LayoutOptions::default()
        .with_measurement(measurement)
        .with_pattern_axis(PatternAxis::First);
    let options = ScanOptions::default()
        .with_layout(layout)
        .with_bad_pixels(bad);
    Scan::try_new(Arc::new(npz), &options).unwrap()
}

/// The pixels of the first pattern of the first group in a column.
fn pixels(scan: &Scan, options: PatternOptions, column: &str) -> Result<Vec<f32>> {
    let spec = GroupSpec::default()
        .with_gridsize(1)
        .with_norm(Norm::Value(0.5));
    let groups = Groups::try_new_with(scan, spec, options)?;
    let read = ReadOptions::default().with_columns([column]);
    let batch = groups
        .read(&read)?
        .next()
        .unwrap()
        .map_err(crate::Error::from)?;
    let values = batch.column(0).as_fixed_size_list().value(0);
    Ok(values.as_primitive::<Float32Type>().values().to_vec())
}

fn measured(measure: Measure) -> PatternOptions {
    PatternOptions::default().with_measure(measure)
}

#[test]
fn what_f32_does_not_hold_is_computed_in_f64() {
    use Measurement::{Amplitude, Intensity};
    let none = BadPixels::default;
    let values = [1e60, 1e-60, 0.0, 2.0, 3.0, 1e40, 1e-40, 5.0];
    let counts = scan("<f8", values, Intensity, none());
    // np.sqrt(values).astype("f4"), but for the order in which 2, 3 and 5 are rounded.
    let roots = [
        1e30,
        1e-30,
        0.0,
        2f32.sqrt(),
        3f32.sqrt(),
        1e20,
        1e-20,
        5f32.sqrt(),
    ];
    assert_eq!(
        pixels(&counts, measured(Measure::Amplitude), "diffraction").unwrap(),
        roots
    );
    let halves = roots.map(|root| 0.5 * root);
    let normalized = pixels(&counts, PatternOptions::default(), "diffraction_normalized").unwrap();
    assert_eq!(normalized, halves);
    // Squares of amplitudes that are added up: (2, 2) pixels each.
    for (descr, large) in [("<f4", 1e30), ("<f8", 1e30)] {
        let amplitudes = scan(
            descr,
            [large, 0.0, 3.0, 0.0, 0.0, 0.0, 4.0, 0.0],
            Amplitude,
            none(),
        );
        let binned = pixels(
            &amplitudes,
            PatternOptions::default().with_bin(2),
            "diffraction",
        );
        assert_eq!(binned.unwrap(), [1e30, 5.0], "{descr}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_that_names_the_pixel() {
    use Measurement::{Amplitude, Intensity, Unknown};
    let told = |descr, values, measurement, options, column| {
        let scan = scan(descr, values, measurement, BadPixels::default());
        let error = pixels(&scan, options, column).unwrap_err();
        assert!(!error.is_usage());
        error.facts()
    };
    let at = |at: usize, value: f64| {
        let mut values = [1.0; 8];
        values[at] = value;
        values
    };
    let amplitude = measured(Measure::Amplitude);
    insta::assert_snapshot!(told("<i4", at(6, -1.0), Intensity, amplitude, "diffraction"), @"scan.npz: member `diffraction`: found -1 in scan point 0, pixel (1, 2), expected a count of 0 or more, of which a square root is to be taken");
    insta::assert_snapshot!(told("<f8", at(1, 1e60), Unknown, PatternOptions::default(), "diffraction"), @"scan.npz: member `diffraction`: found 1e60 in scan point 0, pixel (0, 1), expected a number that, once it is converted, fits Float32");
    insta::assert_snapshot!(told("<f4", at(3, f64::NAN), Amplitude, PatternOptions::default(), "diffraction_normalized"), @"scan.npz: member `diffraction`: found NaN in scan point 0, pixel (0, 3), expected a finite number to be converted");
    let bin = PatternOptions::default().with_bin(2);
    for (descr, values, measurement, options, column) in [
        (
            "<f4",
            at(0, 1e30),
            Amplitude,
            measured(Measure::Intensity),
            "diffraction",
        ),
        (
            "<f8",
            at(0, 1e30),
            Amplitude,
            measured(Measure::Intensity),
            "diffraction",
        ),
        ("<f4", at(7, -0.5), Intensity, amplitude, "diffraction"),
        ("<f8", at(7, -0.5), Intensity, amplitude, "diffraction"),
        (
            "<f4",
            at(7, -0.5),
            Intensity,
            PatternOptions::default(),
            "diffraction_normalized",
        ),
        ("<f4", at(7, f64::NAN), Intensity, bin, "diffraction"),
        ("<f4", at(7, f64::INFINITY), Amplitude, bin, "diffraction"),
        (
            "<f8",
            at(7, f64::NEG_INFINITY),
            Unknown,
            PatternOptions::default(),
            "diffraction_normalized",
        ),
    ] {
        told(descr, values, measurement, options, column);
    }
}

#[test]
fn what_is_not_converted_stays_and_is_noted() {
    let nan = f64::NAN;
    for descr in ["<f4", "<f8"] {
        let values = [1.0, nan, f64::INFINITY, 4.0, 5.0, 6.0, 7.0, -8.0];
        let scan = scan(descr, values, Measurement::Intensity, BadPixels::default());
        let groups = Groups::try_new(&scan, GroupSpec::default().with_gridsize(1)).unwrap();
        let read = ReadOptions::default().with_columns(["diffraction"]);
        groups
            .read(&read)
            .unwrap()
            .for_each(|batch| drop(batch.unwrap()));
        let notes: Vec<String> = groups.notes().iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("pixel [0, 1] of scan point"), "{notes:?}");
        let found = pixels(&scan, PatternOptions::default(), "diffraction").unwrap();
        assert_eq!(
            format!("{found:?}"),
            "[1.0, NaN, inf, 4.0, 5.0, 6.0, 7.0, -8.0]"
        );
    }
    let bad = BadPixels::default().with_values([BadValue::NotANumber, "-8".parse().unwrap()]);
    let scan = scan(
        "<f4",
        [4.0, nan, nan, 9.0, 0.0, 1.0, 1.0, -8.0],
        Measurement::Intensity,
        bad,
    );
    let roots = pixels(&scan, measured(Measure::Amplitude), "diffraction").unwrap();
    assert_eq!(roots, [2.0, 0.0, 0.0, 3.0, 0.0, 1.0, 1.0, 0.0]);
    let groups = Groups::try_new(&scan, GroupSpec::default()).unwrap();
    // np.sqrt(2 * 4 / 4 / 15)
    assert_eq!(
        groups.norm_factor().unwrap(),
        f64::from((2.0f64 / 15.0).sqrt() as f32)
    );
}

#[test]
fn the_factor_takes_no_pixel_that_is_none() {
    use Measurement::{Amplitude, Intensity};
    let factor = |values, measurement, options: PatternOptions| {
        let scan = scan("<f4", values, measurement, BadPixels::default());
        let groups = Groups::try_new_with(&scan, GroupSpec::default(), options).unwrap();
        groups.norm_factor()
    };
    let negative = [1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0];
    let error = factor(negative, Intensity, PatternOptions::default()).unwrap_err();
    insta::assert_snapshot!(error, @"scan.npz: member `diffraction`: found -1 in scan point 0, pixel (1, 1), expected a count of 0 or more in the normalisation factor; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME, mark the pixels as bad with BadPixels::values = -1, set LayoutOptions::measurement = amplitude or leave these scan points out with GroupSpec::among");
    // Of an amplitude, the square counts; a part without the pixel has a factor.
    assert_eq!(
        factor(negative, Amplitude, PatternOptions::default()).unwrap(),
        0.5
    );
    let part = PatternOptions::default()
        .with_crop([2, 1])
        .with_center([1, 3]);
    assert_eq!(factor(negative, Intensity, part).unwrap(), 0.5);
    let nan = [1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0];
    let error = factor(nan, Amplitude, PatternOptions::default()).unwrap_err();
    insta::assert_snapshot!(error.facts(), @"scan.npz: member `diffraction`: found NaN in scan point 0, pixel (0, 2), expected a finite number in the normalisation factor");
}

#[test]
fn a_factor_that_is_given_is_kept_and_is_one_in_f32() {
    let scan = scan(
        "<f4",
        [1.0; 8],
        Measurement::Intensity,
        BadPixels::default(),
    );
    let of = |value| {
        let spec = GroupSpec::default().with_norm(Norm::Value(value));
        Groups::try_new(&scan, spec)
    };
    let groups = of(0.1).unwrap();
    assert_eq!(groups.norm_factor().unwrap(), 0.1);
    let read = ReadOptions::default().with_columns(["norm_factor"]);
    let batch = groups.read(&read).unwrap().next().unwrap().unwrap();
    let column = batch
        .column(0)
        .as_primitive::<arrow::datatypes::Float64Type>();
    assert_eq!(column.value(0), 0.1);
    for value in [0.0, -1.0, 1e-50, 1e50, f64::NAN, f64::INFINITY] {
        assert!(of(value).unwrap_err().is_usage(), "{value}");
    }
    insta::assert_snapshot!(of(1e-50).unwrap_err(), @"norm = 1e-50: expected 1.401298464324817e-45 to 3.4028234663852886e38");
}
