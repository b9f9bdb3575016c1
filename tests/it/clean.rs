//! `export --among ... -o clean.npz`: members with an axis of scan points are cut, all others stay; wrong
//! calls fail.

use std::sync::Arc;

use ptychoarrow::npz::NpzFile;
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::{LayoutOptions, PatternAxis};
use ptychoarrow::{ReadOptions, Scan};
use zip::CompressionMethod;

use crate::support::{SIEMENS, collect, f8, failures, folder, npy, npz, scan_file, success, text};

/// The scan has as many scan points as a pattern has rows, so only roles tell which axis is which.
#[test]
fn members_are_cut_where_they_count_scan_points_and_only_there() {
    let folder = folder();
    let (path, out) = (
        text(folder.path().join("scan.npz")),
        text(folder.path().join("clean.npz")),
    );
    let len = 6;
    let numbers: Vec<f64> = (0..len * len * len).map(|i| i as f64).collect();
    let big_endian: Vec<u8> = (0..len as u16)
        .flat_map(|i| (i * 300).to_be_bytes())
        .collect();
    let label = |i: usize| ['é', 'b', char::from(b'0' + i as u8)];
    let labels: Vec<u8> = (0..len)
        .flat_map(label)
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let days: Vec<u8> = (0..len as i64)
        .flat_map(|i| (i * 86_400).to_le_bytes())
        .collect();
    let positions: Vec<f64> = (0..len).map(|i| (i * i) as f64).collect();
    let probe: Vec<u8> = numbers[..len * len]
        .iter()
        .flat_map(|v| [*v as f32, 1.0])
        .flat_map(f32::to_le_bytes)
        .collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[len], &f8(&positions))),
        ("ycoords", npy("'<f8'", false, &[len], &f8(&positions))),
        (
            "diff3d",
            npy("'<f8'", false, &[len, len, len], &f8(&numbers)),
        ),
        ("probeGuess", npy("'<c8'", false, &[len, len], &probe)),
        ("current", npy("'>u2'", false, &[len], &big_endian)),
        ("label", npy("'<U3'", false, &[len], &labels)),
        ("when", npy("'<M8[s]'", false, &[len], &days)),
        ("good", npy("'|b1'", false, &[len], &[1, 0, 1, 1, 0, 1])),
        ("half", npy("'<f2'", true, &[len, 2], &[7; 24])),
        ("wavelength", npy("'<f8'", false, &[], &f8(&[1.5]))),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        npz(path.as_ref(), &members, method);
        let said = success(&[
            "export",
            &path,
            "--among",
            "good AND scan_point > 0",
            "-o",
            &out,
            "--force",
            "--pattern-axis",
            "first",
        ]);
        assert!(said.starts_with("3 of 6 scan points to "), "{said}");
        // The points 2, 3 and 5, read as tables.
        let rows = |path: &str, points: &[usize]| {
            let rows = ptychoarrow::table::Rows::List(Arc::from(points));
            let layout = LayoutOptions::default().with_pattern_axis(PatternAxis::First);
            let scan = Scan::open_with(path, &ScanOptions::default().with_layout(layout)).unwrap();
            collect(scan.read(&ReadOptions::default().with_rows(rows)).unwrap())
        };
        let (before, after) = (rows(&path, &[2, 3, 5]), rows(&out, &[0, 1, 2]));
        let mut compared = 0;
        for (field, column) in before.schema().fields().iter().zip(before.columns()) {
            match field.name().as_str() {
                // Frame numbers, which the file did not have, are the scan points that were kept.
                "scan_point" => assert_eq!(&after["frame_index"], column),
                "frame_index" => {}
                name => {
                    assert_eq!(&after[name], column, "{name}");
                    assert_eq!(
                        after.schema().field_with_name(name).unwrap(),
                        field.as_ref()
                    );
                }
            }
            compared += 1;
        }
        assert_eq!((compared, after.num_columns()), (12, 12));
        let (old, new) = (NpzFile::open(&path).unwrap(), NpzFile::open(&out).unwrap());
        for info in old.arrays() {
            let kept = new.array_info(&info.name).unwrap();
            assert_eq!(
                (&kept.dtype, kept.shape.len()),
                (&info.dtype, info.shape.len()),
                "{}",
                info.name
            );
            assert!(
                kept.byte_offset.unwrap().is_multiple_of(64),
                "{}",
                info.name
            );
        }
        assert_eq!(new.array_info("probeGuess").unwrap().shape, [6, 6]);
        assert_eq!(new.array_info("wavelength").unwrap().shape, [0; 0]);
        assert_eq!(success(&["check", &out, "--strict"]).lines().count(), 1);
    }
}

#[test]
fn all_points_are_kept_where_nothing_is_said() {
    let folder = folder();
    let out = text(folder.path().join("all.npz"));
    success(&["export", SIEMENS, "-o", &out]);
    let read = |path: &str| {
        collect(
            Scan::open(path)
                .unwrap()
                .read(&ReadOptions::default())
                .unwrap(),
        )
    };
    assert_eq!(read(&out), read(SIEMENS));
}

#[test]
fn what_cannot_be_cleaned_is_told_and_nothing_is_written() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let out = at("clean.npz");
    scan_file(at("scan.npz").as_ref(), &[0.0, 1.0, 2.0], &[0.0, 1.0, 0.0]);
    let calls: [&[&str]; 6] = [
        &["export", SIEMENS, "--among", "x > 1e9", "-o", &out],
        &["export", SIEMENS, "--among", "nope > 1", "-o", &out],
        &["export", SIEMENS, "--table", "probe", "-o", &out],
        &["export", SIEMENS, "--columns", "x", "-o", &out],
        &["export", SIEMENS, "--patterns", &at("scan.npz"), "-o", &out],
        &[
            "export",
            &at("scan.npz"),
            "--among",
            "x < 2",
            "-o",
            &at("scan.npz"),
        ],
    ];
    insta::assert_snapshot!("clean_errors", failures(&calls, folder.path()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // Into its own place, if that is what is asked: what is read was opened before.
    success(&[
        "export",
        &at("scan.npz"),
        "--among",
        "x < 2",
        "-o",
        &at("scan.npz"),
        "--force",
    ]);
    assert_eq!(Scan::open(at("scan.npz")).unwrap().num_positions(), 2);
}
