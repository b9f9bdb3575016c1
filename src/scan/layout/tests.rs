//! Detection over lists of members; no files.

mod axes;
mod layouts;
mod names;
mod random;

use super::*;
use crate::npz::{ArrayInfo, Dtype, MemberProblem, Method, Scalar};

/// A member of this dtype, as NumPy writes it, and shape.
fn array(name: &str, descr: &str, shape: &[usize]) -> Member {
    let scalar = match descr {
        "|b1" => Scalar::Bool,
        "<u2" => Scalar::UInt16,
        "<i4" => Scalar::Int32,
        "<i8" => Scalar::Int64,
        "<f4" => Scalar::Float32,
        "<f8" => Scalar::Float64,
        "<c8" => Scalar::Complex64,
        "<c16" => Scalar::Complex128,
        other => panic!("no such dtype in these tests: {other}"),
    };
    of_scalar(name, scalar, descr, shape)
}

fn of_scalar(name: &str, scalar: Scalar, descr: &str, shape: &[usize]) -> Member {
    let info = ArrayInfo {
        name: name.to_string(),
        dtype: Dtype {
            descr: descr.to_string(),
            scalar,
            big_endian: false,
        },
        shape: shape.to_vec(),
        fortran_order: false,
        method: Method::Stored,
        header_bytes: 128,
        byte_offset: Some(192),
        num_bytes: 0,
        packed_bytes: 0,
        crc32: None,
    };
    Member {
        name: name.to_string(),
        size: 0,
        crc32: None,
        array: Ok(info),
    }
}

/// A member that is no plain array.
fn pickled(name: &str) -> Member {
    Member {
        name: name.to_string(),
        size: 0,
        crc32: None,
        array: Err(MemberProblem::Unreadable {
            problem: "dtype object (pickled)".to_string(),
        }),
    }
}

/// `xcoords` and `ycoords` of this length.
fn coords(len: usize) -> [Member; 2] {
    [
        array("xcoords", "<f8", &[len]),
        array("ycoords", "<f8", &[len]),
    ]
}

fn list<const N: usize>(parts: [&[Member]; N]) -> Vec<Member> {
    parts.concat()
}

fn roles<const N: usize>(roles: [(Role, &str); N]) -> LayoutOptions {
    LayoutOptions {
        roles: roles.map(|(role, name)| (role, name.to_string())).to_vec(),
        ..Default::default()
    }
}

fn order(text: &str) -> LayoutOptions {
    LayoutOptions {
        position_order: Some(text.parse().unwrap()),
        ..Default::default()
    }
}

fn axis(axis: PatternAxis) -> LayoutOptions {
    LayoutOptions {
        pattern_axis: Some(axis),
        ..Default::default()
    }
}

fn detect_with(members: &[Member], options: &LayoutOptions) -> Result<Layout> {
    Layout::detect_in(Path::new("a.npz"), members, options)
}

fn detect(members: &[Member]) -> Layout {
    detect_with(members, &LayoutOptions::default()).unwrap()
}

/// The error of a file, with options.
fn problem_with(members: &[Member], options: &LayoutOptions) -> String {
    detect_with(members, options).unwrap_err().report()
}

fn problem(members: &[Member]) -> String {
    problem_with(members, &LayoutOptions::default())
}

/// All of a layout, for people.
fn show(layout: &Layout) -> String {
    let mut lines = vec![format!("{}: {}", layout.name, layout.reason)];
    lines.extend(
        layout
            .runner_up
            .iter()
            .map(|text| format!("runner-up {text}")),
    );
    lines.extend(layout.notes.iter().map(|text| format!("note: {text}")));
    let raster = layout
        .raster
        .map(|[rows, cols]| format!(", raster {rows} x {cols}"))
        .unwrap_or_default();
    lines.push(format!("{} in {}{raster}", layout.positions, layout.unit));
    lines.extend(layout.roles.iter().map(
        |(
            role,
            Placed {
                member,
                rows,
                fixed,
            },
        )| {
            let fixed = if fixed.is_empty() {
                String::new()
            } else {
                format!(", fixed {fixed:?}")
            };
            format!("{} = {member}, rows {rows:?}{fixed}", role.name())
        },
    ));
    lines.join("\n")
}

#[test]
fn unlikely_units_are_suspicious() {
    let near = (0.0, 1e-6);
    let note = |unit: &str, x| suspicious_unit(unit.parse().unwrap(), x, near).unwrap();
    insta::assert_snapshot!(note("metres", (-2.3, 10.0)), @"positions in metres that span 12.3 are unlikely; they may be micrometres or pixels; set LayoutOptions::unit = micrometres or set LayoutOptions::unit = pixels");
    insta::assert_snapshot!(suspicious_unit(Unit::METRES, near, (5.0, 256.7)).unwrap(), @"positions in metres that span 251.7 are unlikely; they may be micrometres or pixels; set LayoutOptions::unit = micrometres or set LayoutOptions::unit = pixels");
    insta::assert_snapshot!(note("0.25 micrometres", (0.0, 1e6)), @"positions in micrometres that span 250000 are unlikely; they may be nanometres or pixels; set LayoutOptions::unit = nanometres or set LayoutOptions::unit = pixels");
    insta::assert_snapshot!(note("nm", (0.0, 1e9)), @"positions in nanometres that span 1.00e9 are unlikely; they may be pixels; set LayoutOptions::unit = pixels");
    insta::assert_snapshot!(note("nm", (0.0, 1e-5)), @"positions in nanometres that span 1.00e-5 are unlikely; they may be metres; set LayoutOptions::unit = metres");
    insta::assert_snapshot!(note("pixels", (0.0, 1.25e-5)), @"positions in pixels that span 1.25e-5 are unlikely; they may be metres; set LayoutOptions::unit = metres");
    insta::assert_snapshot!(note("pixels", (0.0, 0.005)), @"positions in pixels that span 0.005 are unlikely; they may be metres; set LayoutOptions::unit = metres");
    insta::assert_snapshot!(note("pixels", (0.0, 2.5e7)), @"positions in pixels that span 25000000 are unlikely; they may be nanometres; set LayoutOptions::unit = nanometres");
    for (unit, x, y) in [
        (Unit::METRES, near, near),
        (Unit::METRES, (0.0, 0.1), near),
        (Unit::METRES, (0.0, 1e-12), (1.0, 1.0)),
        (Unit::MILLIMETRES, (0.0, 99.0), near),
        (Unit::MICROMETRES, (-8.0, 8.0), near),
        (Unit::NANOMETRES, (0.0, 1e7), near),
        (Unit::PIXELS, (0.0, 1e7), near),
        (Unit::PIXELS, (0.0, 500.0), near),
        (Unit::PIXELS, (7.0, 7.0), (3.0, 3.0)),
        (Unit::STEPS, near, near),
        (Unit::UNKNOWN, (0.0, 1e9), near),
        (Unit::METRES, (f64::NAN, f64::NAN), near),
        (
            Unit::METRES,
            (f64::INFINITY, -f64::INFINITY),
            (f64::INFINITY, -f64::INFINITY),
        ),
        (
            Unit::PIXELS,
            (f64::INFINITY, -f64::INFINITY),
            (f64::INFINITY, -f64::INFINITY),
        ),
    ] {
        assert_eq!(suspicious_unit(unit, x, y), None, "{unit:?} {x:?} {y:?}");
    }
}

#[test]
fn options_are_plain_data() {
    let options = LayoutOptions {
        unit: Some(Unit::STEPS),
        pattern_axis: Some(PatternAxis::Last),
        position_order: Some(PositionOrder::YX),
        ..roles([(Role::BadPixels, "mask")])
    };
    let json = serde_json::to_string(&options).unwrap();
    insta::assert_snapshot!(
        json,
        @r#"{"roles":[["bad_pixels","mask"]],"measurement":null,"unit":"steps","pixel_size_m":null,"pattern_axis":"last","position_order":"yx","unpaired":"error"}"#
    );
    assert_eq!(
        serde_json::from_str::<LayoutOptions>(&json).unwrap(),
        options
    );
}
