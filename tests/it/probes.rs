//! Probes whose modes run along any axes, against powers that NumPy computed.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Float32Type, Int64Type};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::ProbeAxis;
use ptychoarrow::{Error, Scan};
use zip::CompressionMethod;

use crate::support::{
    columns, f4, f8, failure, float64, folder, npy, npz, ptychoarrow, success, text,
};

/// The powers of the modes of [`value`] with one axis of three modes, as `(abs(p) ** 2).sum((1, 2))` of NumPy gives them.
const THREE: [f64; 3] = [176.0, 504.0, 1104.0];
/// The same of three by two modes.
const SIX: [f64; 6] = [176.0, 536.0, 1104.0, 1944.0, 3024.0, 4344.0];

/// The side of a pattern.
const N: usize = 4;

/// Names an axis of a probe.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Axis {
    /// Three modes.
    Three,
    /// Two modes.
    Two,
    Row,
    Column,
    One,
}

use Axis::{Column, One, Row, Three, Two};

impl Axis {
    fn len(self) -> usize {
        match self {
            Three => 3,
            Two => 2,
            Row | Column => N,
            One => 1,
        }
    }
}

/// The pixel of a probe at these places along its axes.
fn value(axes: &[Axis], at: &[usize]) -> [f32; 2] {
    let place = |axis: Axis| {
        let found = axes.iter().position(|other| *other == axis);
        found.map_or(0, |found| at[found])
    };
    let (c, k) = (place(Three), place(Two));
    let number = if axes.contains(&Two) {
        2 * c + k + 1
    } else {
        c + 1
    };
    [
        (number * (place(Row) + 1)) as f32,
        place(Column) as f32 - c as f32,
    ]
}

/// The NPY file of a probe with these axes.
fn probe(axes: &[Axis], fortran: bool) -> Vec<u8> {
    let shape: Vec<usize> = axes.iter().map(|axis| axis.len()).collect();
    let len: usize = shape.iter().product();
    let pixel = |mut place: usize| {
        let mut at = vec![0; shape.len()];
        let order: Vec<usize> = match fortran {
            true => (0..shape.len()).collect(),
            false => (0..shape.len()).rev().collect(),
        };
        for axis in order {
            at[axis] = place % shape[axis];
            place /= shape[axis];
        }
        value(axes, &at)
    };
    let values: Vec<f32> = (0..len).flat_map(pixel).collect();
    npy("'<c8'", fortran, &shape, &f4(&values))
}

fn members(probe: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    const M: usize = 7;
    let place: Vec<f64> = (0..M).map(|point| point as f64).collect();
    let pixels: Vec<f32> = (0..M * N * N).map(|pixel| (pixel % 5) as f32).collect();
    vec![
        ("xcoords", npy("'<f8'", false, &[M], &f8(&place))),
        ("ycoords", npy("'<f8'", false, &[M], &f8(&place))),
        ("diffraction", npy("'<f4'", false, &[M, N, N], &f4(&pixels))),
        ("probeGuess", probe),
    ]
}

fn scan(path: &Path, members: &[(&str, Vec<u8>)], options: &ScanOptions) -> Scan {
    npz(path, members, CompressionMethod::Stored);
    Scan::open_with(path, options).unwrap()
}

fn powers(scan: &Scan) -> Vec<f64> {
    float64(
        &columns(Arc::new(scan.probe().unwrap()), &["power"]),
        "power",
    )
}

#[test]
fn modes_are_told_apart_by_the_patterns_whichever_axes_count_them() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let orders: &[(&[Axis], &[f64])] = &[
        (&[Row, Column], &THREE[..1]),
        (&[Row, Column, One], &THREE[..1]),
        (&[One, Row, Column], &THREE[..1]),
        (&[One, One, Row, Column, One, One], &THREE[..1]),
        (&[Three, Row, Column], &THREE),
        (&[Row, Column, Three], &THREE),
        (&[One, Row, Column, Three], &THREE),
        (&[Row, Column, One, Three], &THREE),
        (&[Row, Column, Three, One], &THREE),
        (&[One, One, One, Three, Row, Column], &THREE),
        (&[Three, One, Row, Column], &THREE),
        (&[Three, Two, Row, Column], &SIX),
        (&[Row, Column, Three, Two], &SIX),
        (&[One, Three, Two, Row, Column], &SIX),
    ];
    for (axes, expected) in orders {
        for fortran in [false, true] {
            let members = members(probe(axes, fortran));
            let scan = scan(&path, &members, &ScanOptions::default());
            assert_eq!(powers(&scan), *expected, "{axes:?}, {fortran}");
            let scans = columns(Arc::new(scan.scans().unwrap()), &["probe_modes"]);
            assert_eq!(
                scans["probe_modes"].as_primitive::<Int64Type>().value(0) as usize,
                expected.len()
            );
            assert!(scan.notes().is_empty(), "{axes:?}: {:?}", scan.notes());
            // The first mode pixel by pixel.
            let modes = columns(Arc::new(scan.probe().unwrap()), &["probe"]);
            let first = modes["probe"].as_fixed_size_list().value(0);
            let first = first.as_primitive::<Float32Type>().values();
            let naive: Vec<f32> = (0..N * N)
                .flat_map(|pixel| value(&[Row, Column], &[pixel / N, pixel % N]))
                .collect();
            assert_eq!(&first[..], naive, "{axes:?}, {fortran}");
        }
    }
}

#[test]
fn diameters_and_overlaps_do_not_depend_on_the_order_of_axes() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let query = "SELECT mode, power, probe_diameter(probe, 0.5) AS d,
                        area_overlap(1.0, probe_diameter(probe, 0.5)) AS overlap FROM probe ORDER BY mode";
    let mut answers = Vec::new();
    for axes in [[Three, Row, Column], [Row, Column, Three]] {
        for fortran in [false, true] {
            npz(
                &path,
                &members(probe(&axes, fortran)),
                CompressionMethod::Deflated,
            );
            answers.push(success(&[
                "sql",
                &text(&path),
                "-c",
                query,
                "--format",
                "json",
            ]));
        }
    }
    assert!(answers[0].contains("overlap"), "{}", answers[0]);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:#?}"
    );
}

#[test]
fn what_the_shape_leaves_open_is_asked_for() {
    let folder = folder();
    let path = folder.path().join("cube.npz");
    // Four modes of 4 x 4 pixels.
    let values: Vec<f32> = (0..2 * N * N * N).map(|value| value as f32).collect();
    let cube = npy("'<c8'", false, &[N, N, N], &f4(&values));
    npz(&path, &members(cube), CompressionMethod::Stored);
    let file = text(&path);
    let query = "SELECT power FROM probe ORDER BY mode";
    let (code, said) = failure(&["sql", &file, "-c", query]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(said.replace(&text(folder.path()), ""), @"error: /cube.npz: member `probeGuess`: found shape [4, 4, 4], expected a shape that tells which axes count the modes of the probe; set --probe-axis first (in a call `probe_axis => 'first'`) or set --probe-axis last (in a call `probe_axis => 'last'`)");
    // Everything that does not need the probe goes on.
    success(&["group", &file, "--columns", "nn_indices"]);
    let output = ptychoarrow(&["check", &file]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("probe-modes"));
    let power = |axis: ProbeAxis| {
        let mut options = ScanOptions::default();
        options.layout.probe_axis = Some(axis);
        powers(&Scan::open_with(&path, &options).unwrap())
    };
    let square = |value: usize| (value * value) as f64;
    let naive = |of_mode: fn(usize) -> usize| {
        let mut powers = vec![0.0; N];
        for pixel in 0..N * N * N {
            powers[of_mode(pixel)] += square(2 * pixel) + square(2 * pixel + 1);
        }
        powers
    };
    let first = naive(|pixel| pixel / (N * N));
    let last = naive(|pixel| pixel % N);
    assert_eq!(
        (power(ProbeAxis::First), power(ProbeAxis::Last)),
        (first.clone(), last.clone())
    );
    let said = success(&[
        "sql",
        &file,
        "--probe-axis",
        "last",
        "-c",
        query,
        "--format",
        "json",
    ]);
    assert!(said.contains(&format!("{:?}", last[0])), "{said}");
    let call = format!("SELECT power FROM probe('{file}', probe_axis => 'first') ORDER BY mode");
    let said = success(&["sql", "-c", &call, "--format", "json"]);
    assert!(said.contains(&format!("{:?}", first[0])), "{said}");
}

#[test]
fn a_probe_beside_the_patterns_in_another_file_is_told_apart_by_them() {
    let folder = folder();
    let (product, patterns) = (folder.path().join("p.npz"), folder.path().join("d.npz"));
    // Three modes of 4 x 5 pixels, last: without patterns, (4, 5, 3) would be four modes of 5 x 3.
    const M: usize = 6;
    let value = |mode: usize, row: usize, column: usize| (100 * mode + 10 * row + column) as f32;
    let mut values = Vec::new();
    for row in 0..4 {
        for column in 0..5 {
            values.extend((0..3).flat_map(|mode| [value(mode, row, column), 1.0]));
        }
    }
    let place: Vec<f64> = (0..M).map(|point| 1e-6 * point as f64).collect();
    let of_product = [
        ("probe_position_x_m", npy("'<f8'", false, &[M], &f8(&place))),
        ("probe_position_y_m", npy("'<f8'", false, &[M], &f8(&place))),
        ("probe", npy("'<c8'", false, &[4, 5, 3], &f4(&values))),
    ];
    npz(&product, &of_product, CompressionMethod::Stored);
    let pixels = vec![1.0; M * 20];
    let of_patterns = [("patterns", npy("'<f4'", false, &[M, 4, 5], &f4(&pixels)))];
    npz(&patterns, &of_patterns, CompressionMethod::Stored);
    let options = ScanOptions::default().with_patterns(patterns.clone());
    let pair = Scan::open_with(&product, &options).unwrap();
    let naive: Vec<f64> = (0..3)
        .map(|mode| {
            let pixels = (0..20).map(|pixel| f64::from(value(mode, pixel / 5, pixel % 5)));
            pixels.map(|value| value * value + 1.0).sum()
        })
        .collect();
    assert_eq!(powers(&pair), naive);
    assert_eq!(powers(&Scan::open(&product).unwrap()).len(), 4);
}

#[test]
fn odd_shapes_are_said_wherever_the_probe_is_used() {
    let folder = folder();
    let path = folder.path().join("odd.npz");
    let values = vec![1.0; 2 * 3 * 6 * 6];
    npz(
        &path,
        &members(npy("'<c8'", false, &[3, 6, 6], &f4(&values))),
        CompressionMethod::Stored,
    );
    let file = text(&path);
    let output = ptychoarrow(&["sql", &file, "-c", "SELECT mode, power FROM probe"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(said, @"warning: `probeGuess` has shape [3, 6, 6], and its modes, taken as [6, 6], do not have the shape [4, 4] of a pattern; crop or pad it to the shape of a pattern or name the member with --role probe=NAME (in a call `role => 'probe=NAME'`)");
    let options = ScanOptions::default();
    let scan = Scan::open_with(&path, &options).unwrap();
    let codes: Vec<&str> = scan.notes().iter().map(|note| note.code()).collect();
    assert_eq!(codes, ["probe_shape"]);
    // One mode per scan point is no set of modes.
    let values = vec![1.0; 2 * 7 * N * N];
    let per_point = npy("'<c8'", false, &[7, 1, N, N], &f4(&values));
    npz(&path, &members(per_point), CompressionMethod::Stored);
    let scan = Scan::open(&path).unwrap();
    let codes: Vec<&str> = scan.notes().iter().map(|note| note.code()).collect();
    assert_eq!(codes, ["probe_per_point"]);
    // Real and imaginary parts along an axis are no complex numbers.
    let parts = npy(
        "'<f4'",
        false,
        &[3, N, N, 2],
        &f4(&vec![1.0; 3 * N * N * 2]),
    );
    npz(&path, &members(parts), CompressionMethod::Stored);
    let error = Scan::open(&path).unwrap().probe().unwrap_err();
    assert!(matches!(error, Error::BadMember { .. }), "{error}");
}
