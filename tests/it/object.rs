//! Object patches: from positions in any unit, against a naive interpolation; and what is said where there are none.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use ptychoarrow::error::NoObjectPatches;
use ptychoarrow::group::GroupNote;
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::Role;
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan, Table};
use zip::CompressionMethod;

use crate::support::{
    collect, f4, f8, failure, failures, folder, groups_of, npy, npz, ptychoarrow, success, text,
};

/// The object's height and width, and the side of a patch.
const H: usize = 23;
const W: usize = 31;
const N: usize = 6;
/// The number of scan points.
const M: usize = 12;

type Members = Vec<(&'static str, Vec<u8>)>;

/// Positions in pixels whose patches lie on the object.
fn positions() -> [Vec<f64>; 2] {
    let x = (0..M).map(|point| 4.0 + (point * 7 % 23) as f64 + 0.25);
    let y = (0..M).map(|point| 3.5 + (point * 5 % 16) as f64 + 0.125);
    [x.collect(), y.collect()]
}

/// The object's pixel: real part and imaginary part.
fn pixel(row: usize, column: usize) -> [f64; 2] {
    [(100 * row + column + 1) as f64, (row * column) as f64 / 8.0]
}

fn object_values() -> Vec<f64> {
    (0..H * W).flat_map(|at| pixel(at / W, at % W)).collect()
}

fn single(values: &[f64]) -> Vec<u8> {
    f4(&values
        .iter()
        .map(|value| *value as f32)
        .collect::<Vec<f32>>())
}

fn patterns(shape: [usize; 2]) -> (&'static str, Vec<u8>) {
    let pixels = vec![1.0; M * shape[0] * shape[1]];
    let shape = [M, shape[0], shape[1]];
    ("diffraction", npy("'<f4'", false, &shape, &f4(&pixels)))
}

fn object() -> (&'static str, Vec<u8>) {
    let object = npy("'<c8'", false, &[H, W], &single(&object_values()));
    ("objectGuess", object)
}

fn vector(values: &[f64]) -> Vec<u8> {
    npy("'<f8'", false, &[values.len()], &f8(values))
}

fn number(value: f64) -> Vec<u8> {
    npy("'<f8'", false, &[], &f8(&[value]))
}

/// A scan with these positions under the names of pixels.
fn members([x, y]: [Vec<f64>; 2]) -> Members {
    let positions = [("xcoords", vector(&x)), ("ycoords", vector(&y))];
    positions
        .into_iter()
        .chain([patterns([N, N]), object()])
        .collect()
}

fn write(path: &Path, members: &[(&str, Vec<u8>)]) {
    npz(path, members, CompressionMethod::Stored);
}

/// Bilinear interpolation in f64; outside the object there is 0.
fn naive([x, y]: [f64; 2]) -> Vec<f64> {
    let at = |row: i64, column: i64, part: usize| match (
        usize::try_from(row),
        usize::try_from(column),
    ) {
        (Ok(row), Ok(column)) if row < H && column < W => pixel(row, column)[part],
        _ => 0.0,
    };
    let mut patch = Vec::new();
    for i in 0..N {
        for j in 0..N {
            let (row, column) = (y + i as f64 - (N / 2) as f64, x + j as f64 - (N / 2) as f64);
            let (r, c) = (row.floor(), column.floor());
            let (v, u) = (row - r, column - c);
            for part in 0..2 {
                let value = |dr: i64, dc: i64| at(r as i64 + dr, c as i64 + dc, part);
                patch.push(
                    (1.0 - v) * ((1.0 - u) * value(0, 0) + u * value(0, 1))
                        + v * ((1.0 - u) * value(1, 0) + u * value(1, 1)),
                );
            }
        }
    }
    patch
}

fn groups(scan: &Scan) -> ptychoarrow::Result<Groups> {
    Groups::try_new(scan, GroupSpec::default().with_neighbors(6))
}

/// Checks that the patches are those around these places, in pixels.
fn check(scan: &Scan, [x, y]: &[Vec<f64>; 2]) {
    let groups = groups(scan).unwrap();
    let options = ReadOptions::default().with_columns(["nn_indices", "object_patches"]);
    let batch = collect(groups.read(&options).unwrap());
    assert_eq!(batch.num_rows(), M);
    let patches = batch["object_patches"].as_fixed_size_list();
    for (row, members) in groups_of(&batch).iter().enumerate() {
        let found = patches.value(row);
        let found = found.as_primitive::<Float32Type>().values();
        let expected = members.iter().flat_map(|member| {
            let member = usize::try_from(*member).unwrap();
            naive([x[member], y[member]])
        });
        let expected: Vec<f64> = expected.collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error < 1e-2, "{found} {expected}");
        }
    }
}

#[test]
fn positions_in_any_unit_give_the_patches_of_pixels() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let places = positions();
    write(&path, &members(places.clone()));
    check(&Scan::open(&path).unwrap(), &places);
    let pixel_size = 2e-8;
    for (unit, stored_per_pixel) in [
        ("metres", pixel_size),
        ("mm", pixel_size * 1e3),
        ("um", pixel_size * 1e6),
        ("nm", pixel_size * 1e9),
        ("0.25 micrometres", pixel_size * 1e6 / 0.25),
        ("2 px", 0.5),
    ] {
        let scaled = |values: &Vec<f64>| {
            values
                .iter()
                .map(|value| value * stored_per_pixel)
                .collect()
        };
        write(&path, &members([scaled(&places[0]), scaled(&places[1])]));
        let mut options = ScanOptions::default();
        options.layout = options
            .layout
            .with_unit(Some(unit.parse().unwrap()))
            .with_pixel_size(pixel_size);
        let scan = Scan::open_with(&path, &options).unwrap();
        check(&scan, &places);
        assert_eq!(scan.notes(), [], "{unit}");
        // Without a centre in the file, position 0 is the first pixel, which is said.
        let groups = groups(&scan).unwrap();
        collect(
            groups
                .read(&ReadOptions::default().with_columns(["object_patches"]))
                .unwrap(),
        );
        let assumed = [GroupNote::AssumedOrigin];
        assert_eq!(
            groups.notes(),
            &assumed[usize::from(unit == "2 px")..],
            "{unit}"
        );
    }
}

#[test]
fn products_have_pixels_of_two_sides_and_a_centre() {
    let folder = folder();
    let path = folder.path().join("product.npz");
    let [x, y] = positions();
    let (width, height, centre) = (2e-8, 3e-8, [5e-6, -7e-6]);
    let metres = |values: &[f64], size: f64, centre: f64, len: usize| -> Vec<f64> {
        let middle = len as f64 / 2.0;
        values
            .iter()
            .map(|value| centre + (value - middle) * size)
            .collect()
    };
    let object = object().1;
    let all: Members = vec![
        (
            "probe_position_x_m",
            vector(&metres(&x, width, centre[0], W)),
        ),
        (
            "probe_position_y_m",
            vector(&metres(&y, height, centre[1], H)),
        ),
        ("diffraction", patterns([N, N]).1),
        ("object", object),
        ("object_pixel_width_m", number(width)),
        ("object_pixel_height_m", number(height)),
        ("object_center_x_m", number(centre[0])),
        ("object_center_y_m", number(centre[1])),
    ];
    write(&path, &all);
    let scan = Scan::open(&path).unwrap();
    assert_eq!(scan.layout().name, "ptychodus product");
    check(&scan, &[x.clone(), y.clone()]);
    assert!(groups(&scan).unwrap().notes().is_empty());
    // Without a height of its own, a pixel is square.
    let square: Members = all
        .iter()
        .filter(|(name, _)| *name != "object_pixel_height_m")
        .map(|(name, bytes)| match *name {
            "probe_position_y_m" => (*name, vector(&metres(&y, width, centre[1], H))),
            _ => (*name, bytes.clone()),
        })
        .collect();
    write(&path, &square);
    check(&Scan::open(&path).unwrap(), &[x, y]);
    // A size that is none is an error of who needs it.
    for (member, value) in [
        ("object_pixel_width_m", 0.0),
        ("object_pixel_height_m", f64::NAN),
        ("object_center_x_m", f64::INFINITY),
    ] {
        let wrong: Members = all
            .iter()
            .map(|(name, bytes)| match *name == member {
                true => (*name, number(value)),
                false => (*name, bytes.clone()),
            })
            .collect();
        write(&path, &wrong);
        let groups = groups(&Scan::open(&path).unwrap()).unwrap();
        let read = |column: &str| {
            let mut reader = groups.read(&ReadOptions::default().with_columns([column]))?;
            reader.next().unwrap().map_err(Error::from)
        };
        let error = read("object_patches").unwrap_err();
        assert!(
            error.to_string().contains(&format!("`{member}`")),
            "{error}"
        );
        read("nn_indices").unwrap();
    }
}

#[test]
fn the_object_has_one_layer_along_any_axis_and_any_order() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let places = positions();
    let shapes: [&[usize]; 5] = [
        &[H, W],
        &[1, H, W],
        &[H, W, 1],
        &[1, 1, H, W],
        &[H, W, 1, 1],
    ];
    for shape in shapes {
        let mut members = members(places.clone());
        members[3].1 = npy("'<c8'", false, shape, &single(&object_values()));
        write(&path, &members);
        check(&Scan::open(&path).unwrap(), &places);
    }
    // In Fortran order, and as complex128.
    let values: Vec<f64> = (0..H * W).flat_map(|at| pixel(at % H, at / H)).collect();
    let mut members = members(places.clone());
    members[3].1 = npy("'<c16'", true, &[H, W], &f8(&values));
    write(&path, &members);
    check(&Scan::open(&path).unwrap(), &places);
    // Two layers, first or last, are no one object.
    for shape in [&[2, H, W], &[H, W, 2]] {
        members[3].1 = npy("'<c8'", false, shape, &single(&vec![1.0; 4 * H * W]));
        write(&path, &members);
        let scan = Scan::open(&path).unwrap();
        assert_eq!(scan.object().unwrap().num_rows().unwrap(), 2, "{shape:?}");
        let error = reason(&scan);
        assert!(
            matches!(error, NoObjectPatches::SeveralLayers { layers: 2, .. }),
            "{error:?}"
        );
    }
}

fn reason(scan: &Scan) -> NoObjectPatches {
    let options = ReadOptions::default().with_columns(["object_patches"]);
    match groups(scan).unwrap().read(&options).unwrap_err() {
        Error::NoObjectPatches { reason, .. } => reason,
        error => panic!("{error}"),
    }
}

#[test]
fn patches_beside_the_object_are_errors_and_patches_at_its_border_are_counted() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let mut places = positions();
    // Two pixels too far to the right: of the patch of scan point 5, four columns of six are left.
    places[0][5] = (W - 1) as f64;
    write(&path, &members(places.clone()));
    let scan = Scan::open(&path).unwrap();
    check(&scan, &places);
    let groups_at_border = groups(&scan).unwrap();
    let options = ReadOptions::default().with_columns(["nn_indices", "object_patches"]);
    let batch = collect(groups_at_border.read(&options).unwrap());
    let drawn = groups_of(&batch)
        .iter()
        .flatten()
        .filter(|member| **member == 5)
        .count();
    let note = GroupNote::PatchesOffObject {
        patches: drawn,
        of: 4 * M,
        scan_point: 5,
        object: [H, W],
    };
    assert_eq!(groups_at_border.notes(), [note]);
    assert_eq!(scan.notes(), []);
    // Two pixels more, and two columns are.
    places[0][5] += 2.0;
    write(&path, &members(places.clone()));
    let scan = Scan::open(&path).unwrap();
    let read = groups(&scan)
        .unwrap()
        .read(&options)
        .unwrap()
        .next()
        .unwrap();
    let error = Error::from(read.unwrap_err());
    assert!(
        matches!(
            error,
            Error::PatchOffObject {
                scan_point: 5,
                pixels_on: 12,
                pixels: 36,
                ..
            }
        ),
        "{error}"
    );
    let codes: Vec<&str> = scan.notes().iter().map(|note| note.code()).collect();
    assert_eq!(codes, ["off_object"]);
    let file = text(&path);
    let output = text(folder.path().join("out.arrow"));
    let calls: [&[&str]; 3] = [
        &[
            "group",
            &file,
            "-K",
            "6",
            "--columns",
            "object_patches",
            "-o",
            &output,
        ],
        &["sql", &file, "-c", "SELECT object_patches FROM groups"],
        &["group", &file, "-o", &output.replace("arrow", "npz")],
    ];
    for call in calls {
        let (code, said) = failure(call);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("of scan point 5 lies beside the object"),
            "{said}"
        );
    }
    assert!(!Path::new(&output).exists());
    // What needs no patches goes on, and check says it.
    success(&["group", &file, "--columns", "nn_indices", "-o", &output]);
    assert!(success(&["check", &file]).contains("off-object"));
}

#[test]
fn numbers_that_f32_cannot_hold_are_named() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let mut members = members(positions());
    let mut values = object_values();
    // Row 9, column 12, imaginary part.
    values[2 * (9 * W + 12) + 1] = -1e60;
    members[3].1 = npy("'<c16'", false, &[H, W], &f8(&values));
    write(&path, &members);
    let options = ReadOptions::default().with_columns(["object_patches"]);
    let error = || {
        let groups = groups(&Scan::open(&path).unwrap()).unwrap();
        let mut batches = groups.read(&options).unwrap();
        Error::from(batches.next().unwrap().unwrap_err())
    };
    insta::assert_snapshot!(error().to_string().replace(&text(&path), "scan.npz"), @"scan.npz: `objectGuess`: found -1e60 at [9, 12], expected numbers that f32 can hold, up to 3.4e38; correct the file or narrow ReadOptions::columns");
    let mut values = vec![0.0; 2 * M * N * N];
    // The patch of scan point 4, pixel (2, 3).
    values[2 * (4 * N * N + 2 * N + 3)] = 1e300;
    members.push(("Y", npy("'<c16'", false, &[M, N, N], &f8(&values))));
    write(&path, &members);
    insta::assert_snapshot!(error().to_string().replace(&text(&path), "scan.npz"), @"scan.npz: `Y`: found 1e300 at [2, 3] of row 4, expected numbers that f32 can hold, up to 3.4e38; correct the file or narrow ReadOptions::columns");
}

#[test]
fn why_there_are_no_patches_is_said() {
    let folder = folder();
    let path = |name: &str| text(folder.path().join(name));
    let file = path("scan.npz");
    write(Path::new(&file), &members(positions()));
    let mut oblong = members(positions());
    oblong[2] = patterns([N, N + 2]);
    write(Path::new(&path("oblong.npz")), &oblong);
    let mut bare = members(positions());
    bare.truncate(3);
    write(Path::new(&path("bare.npz")), &bare);
    let mut stack = members(positions());
    stack[3].1 = npy("'<c8'", false, &[2, H, W], &single(&vec![1.0; 4 * H * W]));
    write(Path::new(&path("stack.npz")), &stack);
    let output = path("out.arrow");
    let (oblong, bare, stack) = (path("oblong.npz"), path("bare.npz"), path("stack.npz"));
    let call = |rest: &[&'static str], file: &str| -> Vec<String> {
        let columns = ["--columns", "nn_indices,object_patches", "-o", &output];
        let words = ["group", file]
            .into_iter()
            .chain(columns)
            .chain(rest.iter().copied());
        words.map(str::to_string).collect()
    };
    let calls = [
        call(&["--unit", "metres"], &file),
        call(&["--unit", "0.25 um"], &file),
        call(&["--unit", "steps"], &file),
        call(&["--crop", "4"], &file),
        call(&["--crop", "4", "--bin", "2"], &file),
        call(&[], &oblong),
        call(&[], &bare),
        call(&[], &stack),
        call(&["--unit", "0 um"], &file),
        call(&["--unit", "3 parsecs"], &file),
        call(&["--pixel-size", "0"], &file),
        call(&["--pixel-size", "nan"], &file),
    ];
    let calls: Vec<Vec<&str>> = calls
        .iter()
        .map(|call| call.iter().map(String::as_str).collect())
        .collect();
    let calls: Vec<&[&str]> = calls.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(failures(&calls, folder.path()));
    // A query is told the same, of a file that is named first and of one that is not.
    let sql = |options: &[&str], from: &str| {
        let query = format!("SELECT object_patches FROM {from}");
        failure(&[&["sql"], options, &["-c", &query]].concat())
    };
    for (code, said) in [
        sql(&[&file, "--unit", "metres"], "groups"),
        sql(&[], &format!("groups('{file}', unit => 'metres')")),
    ] {
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains("no object patches: positions are in metres"),
            "{said}"
        );
    }
    let (code, said) = sql(&[], &format!("groups('{file}', crop => 4)"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("patterns are changed by crop"), "{said}");
    let (code, said) = sql(&[&bare], "groups");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no member for object"), "{said}");
    // The dictionary of PtychoPINN lacks a key then, which is said.
    let output = ptychoarrow(&["group", &file, "--unit", "metres", "-o", &path("out.npz")]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("warning: no object patches: positions are in metres"),
        "{said}"
    );
    // In the library a size that is none is refused too.
    for size in [0.0, -1e-8, f64::NAN, f64::INFINITY] {
        let mut options = ScanOptions::default();
        options.layout = options.layout.with_pixel_size(size);
        let error = Scan::open_with(&file, &options).unwrap_err();
        assert!(matches!(error, Error::NotAboveZero { .. }), "{error}");
    }
}

#[test]
fn the_unit_is_said_in_every_place() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let [x, y] = positions();
    let all: Members = vec![("x", vector(&x)), ("y", vector(&y)), patterns([N, N])];
    write(&path, &all);
    let file = text(&path);
    let mut options = ScanOptions::default();
    options.layout = options.layout.with_unit(Some("0.25 um".parse().unwrap()));
    let scan = Scan::open_with(&path, &options).unwrap();
    let field = scan.schema().field_with_name("x").unwrap().clone();
    assert_eq!(field.metadata()["ptychoarrow.unit"], "0.25 micrometres");
    assert_eq!(
        scan.positions().unwrap().x,
        x,
        "positions stay as they are stored"
    );
    let call = format!("SELECT unit FROM scans('{file}', unit => '.25 um')");
    assert!(success(&["sql", "-c", &call]).contains("| 0.25 micrometres |"));
    let call = format!("SELECT unit FROM scans('{file}', unit => 'ells')");
    let (code, said) = failure(&["sql", "-c", &call]);
    assert_eq!(code, 2);
    assert!(said.contains("expected pixels, metres"), "{said}");
    let inspect =
        |format: &str| success(&["inspect", &file, "--unit", "0.25 um", "--format", format]);
    let said = inspect("table");
    assert!(said.contains("12 in 0.25 micrometres"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&inspect("json")).unwrap();
    let scan = &json["scan"];
    let (min, max) = (
        x.iter().copied().fold(f64::MAX, f64::min),
        x.iter().copied().fold(0.0, f64::max),
    );
    assert_eq!(
        scan["extent"]["x"],
        serde_json::json!([0.25 * min, 0.25 * max])
    );
    assert_eq!(scan["extent_unit"], "micrometres");
    assert_eq!(scan["unit"], "0.25 micrometres");
    // A unit that cannot be right is a warning of every command that uses distances.
    for command in ["group", "inspect", "check"] {
        let output = ptychoarrow(&[command, &file, "--unit", "metres"]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains("positions in metres that span"),
            "{command}: {said}"
        );
    }
    let query = "SELECT max(distance) FROM neighbors";
    let output = ptychoarrow(&["sql", &file, "--unit", "metres", "-c", query]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("positions in metres that span"), "{said}");
}

#[test]
fn roles_of_the_object_can_be_named() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let places = positions();
    let centre = |values: &[f64], len: usize, size: f64| {
        let middle = len as f64 / 2.0;
        values
            .iter()
            .map(|value| (value - middle) * size)
            .collect::<Vec<f64>>()
    };
    let mut members = members([centre(&places[0], W, 1e-8), centre(&places[1], H, 4e-8)]);
    members.push(("dx", number(1e-8)));
    members.push(("dy", number(4e-8)));
    members.push(("cx", number(0.0)));
    members.push(("cy", number(0.0)));
    write(&path, &members);
    let mut options = ScanOptions::default();
    let roles = [
        (Role::PixelSize, "dx"),
        (Role::PixelHeight, "dy"),
        (Role::ObjectCenterX, "cx"),
        (Role::ObjectCenterY, "cy"),
    ];
    options.layout.roles = roles.map(|(role, name)| (role, name.to_string())).to_vec();
    options.layout.unit = Some(ptychoarrow::scan::layout::Unit::METRES);
    check(&Scan::open_with(&path, &options).unwrap(), &places);
}
