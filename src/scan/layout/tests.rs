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
    lines.push(format!(
        "{} in {}{raster}",
        layout.positions,
        layout.unit.word()
    ));
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
    insta::assert_snapshot!(suspicious_unit(Unit::Metres, (-2.3, 10.0), near).unwrap(), @"positions in metres that span 12.3 are unlikely; they may be micrometres or pixels; set LayoutOptions::unit = pixels or scale the positions");
    insta::assert_snapshot!(suspicious_unit(Unit::Metres, near, (5.0, 256.7)).unwrap(), @"positions in metres that span 251.7 are unlikely; they may be micrometres or pixels; set LayoutOptions::unit = pixels or scale the positions");
    insta::assert_snapshot!(suspicious_unit(Unit::Pixels, near, (0.0, 1.25e-5)).unwrap(), @"positions in pixels that span 1.25e-5 are unlikely; they may be metres; set LayoutOptions::unit = metres");
    insta::assert_snapshot!(suspicious_unit(Unit::Pixels, near, (0.0, 0.005)).unwrap(), @"positions in pixels that span 0.005 are unlikely; they may be metres; set LayoutOptions::unit = metres");
    for (unit, x, y) in [
        (Unit::Metres, near, near),
        (Unit::Metres, (0.0, 0.1), near),
        (Unit::Pixels, (0.0, 500.0), near),
        (Unit::Pixels, (7.0, 7.0), (3.0, 3.0)),
        (Unit::Steps, near, near),
        (Unit::Unknown, (0.0, 1e9), near),
        (Unit::Metres, (f64::NAN, f64::NAN), near),
        (
            Unit::Metres,
            (f64::INFINITY, -f64::INFINITY),
            (f64::INFINITY, -f64::INFINITY),
        ),
        (
            Unit::Pixels,
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
        unit: Some(Unit::Steps),
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
