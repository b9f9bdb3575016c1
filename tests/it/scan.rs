//! Scans: roles, columns, the tables beside `scan`.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Float32Type, Int32Type};
use ptychoarrow::scan::layout::{LayoutOptions, Measurement, PatternAxis, Role, Unit};
use ptychoarrow::scan::{ScanOptions, arrays};
use ptychoarrow::{ReadOptions, Scan, Table};
use zip::CompressionMethod;

use crate::support::{
    COUNTS, SIEMENS, check_table, collect, columns, f4, f8, float64, folder, int64, npy, npz,
    scan_of,
};

#[test]
fn every_table_keeps_the_contract() {
    for file in [SIEMENS, COUNTS] {
        let scan = Scan::open(file).unwrap();
        check_table(Arc::new(scan.clone()));
        check_table(Arc::new(scan.scans().unwrap()));
        check_table(Arc::new(scan.probe().unwrap()));
        check_table(Arc::new(arrays(scan.npz()).unwrap()));
    }
}

#[test]
fn columns_are_the_members() {
    let scan = Scan::open(SIEMENS).unwrap();
    let names: Vec<String> = scan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "scan_point",
            "x",
            "y",
            "x_start",
            "y_start",
            "frame_index",
            "diffraction"
        ]
    );
    let batch = columns(Arc::new(scan.clone()), &["scan_point", "x", "frame_index"]);
    assert_eq!(int64(&batch, "scan_point"), (0..516).collect::<Vec<i64>>());
    assert_eq!(float64(&batch, "x")[0], 36.65657043457031);
    assert_eq!(
        scan.schema().field(1).metadata()["ptychoarrow.unit"],
        "pixels"
    );
    assert_eq!(scan.positions().unwrap().x, float64(&batch, "x"));
}

#[test]
fn amplitudes_and_counts_are_the_same_scan() {
    let (amplitudes, counts) = (Scan::open(SIEMENS).unwrap(), Scan::open(COUNTS).unwrap());
    assert_eq!(
        (amplitudes.measurement(), counts.measurement()),
        (Measurement::Unknown, Measurement::Intensity)
    );
    let amplitude = columns(Arc::new(amplitudes), &["diffraction"]);
    let count = columns(Arc::new(counts), &["diffraction"]);
    let amplitude = amplitude["diffraction"]
        .as_fixed_size_list()
        .values()
        .clone();
    let count = count["diffraction"].as_fixed_size_list().values().clone();
    let amplitude = amplitude.as_primitive::<Float32Type>().values();
    let count = count
        .as_primitive::<arrow::datatypes::UInt16Type>()
        .values();
    assert_eq!(amplitude.len(), 516 * 64 * 64);
    assert!(
        amplitude
            .iter()
            .zip(count)
            .all(|(a, c)| (f64::from(*c).sqrt() as f32 - a).abs() < 1e-5)
    );
}

/// Writes a file with further members per position, an object, and a probe of two modes.
fn rich(path: &std::path::Path) {
    let patterns: Vec<f32> = (0..3 * 2 * 4).map(|v| v as f32).collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[3], &f8(&[1.0, 2.0, 3.0]))),
        ("ycoords", npy("'>f4'", false, &[3, 1], &[0u8; 12])),
        (
            "diffraction",
            npy("'<f4'", false, &[3, 2, 4], &f4(&patterns)),
        ),
        (
            "current",
            npy("'<f4'", false, &[3], &f4(&[0.5, 0.25, 0.125])),
        ),
        (
            "x",
            npy("'<i4'", false, &[3], &[7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0]),
        ),
        ("flag", npy("'|b1'", false, &[3], &[1, 0, 1])),
        ("probe", npy("'<c8'", false, &[2, 2, 4], &f4(&[0.5; 32]))),
        (
            "objectGuess",
            npy("'<c16'", false, &[3, 5], &f8(&[0.25; 30])),
        ),
        ("settings", npy("'<f8'", false, &[2], &f8(&[1.0, 2.0]))),
    ];
    npz(path, &members, CompressionMethod::Stored);
}

#[test]
fn other_members_with_one_value_per_position_are_columns() {
    let folder = folder();
    let path = folder.path().join("rich.npz");
    rich(&path);
    let scan = Scan::open(&path).unwrap();
    let names: Vec<String> = scan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    // objectGuess has three rows by accident: it is the object, not a column.
    let expected = "scan_point x y x_start y_start frame_index current member_x flag diffraction";
    assert_eq!(names.join(" "), expected);
    check_table(Arc::new(scan.clone()));
    check_table(Arc::new(scan.probe().unwrap()));
    check_table(Arc::new(scan.object().unwrap()));
    let batch = columns(
        Arc::new(scan.clone()),
        &["member_x", "frame_index", "x_start"],
    );
    assert_eq!(
        batch["member_x"].as_primitive::<Int32Type>().values(),
        &[7, 8, 9]
    );
    assert_eq!(
        int64(&batch, "frame_index"),
        [0, 1, 2],
        "by default the row number"
    );
    assert_eq!(
        float64(&batch, "x_start"),
        [1.0, 2.0, 3.0],
        "by default the position"
    );
    let probe = columns(Arc::new(scan.probe().unwrap()), &["mode", "power", "probe"]);
    assert_eq!(float64(&probe, "power"), [16.0 * 0.25, 16.0 * 0.25]);
    assert_eq!(probe.num_rows(), 2);
    let object = collect(
        ptychoarrow::table::TableReader::try_new(
            Arc::new(scan.object().unwrap()),
            &Default::default(),
        )
        .unwrap(),
    );
    assert_eq!(
        object.schema().field(1).metadata()["ARROW:extension:metadata"],
        r#"{"shape":[3,5,2]}"#
    );
    let scans = columns(
        Arc::new(scan.scans().unwrap()),
        &["height", "width", "probe_modes"],
    );
    assert_eq!(
        (int64(&scans, "height"), int64(&scans, "width")),
        (vec![2], vec![4])
    );
    assert_eq!(int64(&scans, "probe_modes"), [2]);
}

#[test]
fn options_say_what_the_file_does_not() {
    let folder = folder();
    let path = folder.path().join("foreign.npz");
    let cube: Vec<f32> = (0..27).map(|v| v as f32).collect();
    let members = [
        (
            "pos_x_m",
            npy("'<f8'", false, &[3], &f8(&[1e-6, 2e-6, 3e-6])),
        ),
        ("pos_y_m", npy("'<f8'", false, &[3], &f8(&[0.0, 0.0, 1e-6]))),
        ("frames", npy("'<f4'", false, &[3, 3, 3], &f4(&cube))),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    assert!(
        Scan::open(&path)
            .unwrap_err()
            .to_string()
            .contains("x=NAME")
    );
    let roles = [
        (Role::X, "pos_x_m"),
        (Role::Y, "pos_y_m"),
        (Role::Diffraction, "frames"),
    ];
    let mut layout = LayoutOptions::default()
        .with_roles(
            roles
                .map(|(role, member)| (role, member.to_string()))
                .to_vec(),
        )
        .with_measurement(Measurement::Amplitude);
    let open = |layout: &LayoutOptions| {
        Scan::open_with(&path, &ScanOptions::default().with_layout(layout.clone()))
    };
    // M = N: the file leaves open which axis counts the patterns.
    assert!(
        open(&layout)
            .unwrap_err()
            .to_string()
            .contains("LayoutOptions::pattern_axis")
    );
    layout.pattern_axis = Some(PatternAxis::Last);
    let scan = open(&layout).unwrap();
    assert_eq!(
        (scan.unit(), scan.measurement()),
        (Unit::METRES, Measurement::Amplitude)
    );
    check_table(Arc::new(scan.clone()));
    let batch = columns(Arc::new(scan), &["diffraction"]);
    let second = batch["diffraction"].as_fixed_size_list().value(1);
    let expected: Vec<f32> = (0..9).map(|pixel| (3 * pixel + 1) as f32).collect();
    assert_eq!(second.as_primitive::<Float32Type>().values(), &expected[..]);
}

#[test]
fn a_scan_without_patterns_is_a_scan() {
    let folder = folder();
    let path = folder.path().join("path.npz");
    let coordinates = || npy("'<f8'", false, &[4], &f8(&[1.0, 2.0, 3.0, 4.0]));
    npz(
        &path,
        &[("xcoords", coordinates()), ("ycoords", coordinates())],
        CompressionMethod::Stored,
    );
    let scan = Scan::open(&path).unwrap();
    assert!(scan.diffraction().is_none());
    check_table(Arc::new(scan.clone()));
    check_table(Arc::new(scan.scans().unwrap()));
    assert!(
        scan.require_diffraction()
            .unwrap_err()
            .to_string()
            .contains("no member for diffraction")
    );
}

#[test]
fn zero_frequency_is_reported() {
    let zero_frequency = |scan: &Scan| {
        let batch = columns(Arc::new(scan.scans().unwrap()), &["zero_frequency"]);
        batch["zero_frequency"]
            .as_string::<i32>()
            .value(0)
            .to_string()
    };
    assert_eq!(zero_frequency(&Scan::open(SIEMENS).unwrap()), "centre");
    let (_folder, even) = scan_of(&[0.0, 1.0], &[0.0, 1.0]);
    assert_eq!(zero_frequency(&even), "unknown");
}

#[test]
fn frame_numbers_beyond_64_bits_with_a_sign_are_errors() {
    let folder = folder();
    let path = folder.path().join("a.npz");
    let values: Vec<f64> = (0..6).map(f64::from).collect();
    let frames: Vec<u8> = [0u64, 1, 2, 1 << 63, 4, u64::MAX]
        .iter()
        .flat_map(|frame| frame.to_le_bytes())
        .collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[6], &f8(&values))),
        ("ycoords", npy("'<f8'", false, &[6], &f8(&values))),
        ("scan_index", npy("'<u8'", false, &[6], &frames)),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let scan = Scan::open(&path).unwrap();
    let read = |columns: &[&str], rows| {
        let options = ReadOptions::default().with_columns(columns.iter().copied());
        let batch = scan.read(&options.with_rows(rows)).unwrap().next().unwrap();
        batch.map_err(|error| ptychoarrow::Error::from(error).to_string())
    };
    let told = read(&["frame_index"], 2..5).unwrap_err();
    assert!(
        told.contains("member `scan_index`: found 9223372036854775808 in row 3"),
        "{told}"
    );
    assert_eq!(
        int64(&read(&["frame_index"], 0..3).unwrap(), "frame_index"),
        [0, 1, 2]
    );
    assert_eq!(read(&["x"], 0..6).unwrap().num_rows(), 6);
}
