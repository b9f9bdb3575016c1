//! Odd members next to a good scan.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::sync::Arc;

use bytes::Bytes;

use super::columns::RESERVED;
use super::*;
use crate::npz::OpenOptions;
use crate::npz::write::NpzWriter;

const POINTS: usize = 6;

/// A scan of six points, and members beside it: name, dtype as NumPy writes it, shape, bytes per value.
fn scan_with(others: &[(&str, &str, &[usize], usize)]) -> Result<Scan> {
    scan_of(POINTS, others)
}

fn scan_of(points: usize, others: &[(&str, &str, &[usize], usize)]) -> Result<Scan> {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    let own: [(&str, &str, &[usize], usize); 3] = [
        ("xcoords", "<f8", &[points], 8),
        ("ycoords", "<f8", &[points], 8),
        ("diff3d", "<f4", &[points, 4, 4], 4),
    ];
    for (name, descr, shape, size) in own.iter().chain(others) {
        let data = vec![0; shape.iter().product::<usize>() * size];
        writer.begin(name, descr, shape, data.len() as u64).unwrap();
        writer.write_all(&data).unwrap();
    }
    let bytes = Bytes::from(writer.finish().unwrap().into_inner());
    let npz = NpzFile::from_bytes("scan.npz", bytes, &OpenOptions::default())?;
    Scan::try_new(Arc::new(npz), &ScanOptions::default())
}

fn names(scan: &Scan) -> Vec<String> {
    let schema = scan.schema();
    schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

fn notes(scan: &Scan) -> Vec<String> {
    scan.layout().notes.iter().map(Note::facts).collect()
}

#[test]
fn a_member_with_too_long_rows_is_left_out_with_a_note() {
    // Without scan points a member takes no bytes, however long its rows are.
    let scan = scan_of(0, &[("movie", "<f4", &[0, 1 << 31], 4)]).unwrap();
    assert!(!names(&scan).contains(&"movie".to_string()));
    insta::assert_snapshot!(notes(&scan).join("\n"), @"`movie` is no column of `scan`: found shape [0, 2147483648], expected fewer than 2^31 values per row");
    assert_eq!(scan.num_positions(), 0);
}

#[test]
fn members_of_odd_types_do_not_break_a_scan() {
    for (descr, size) in [
        ("|S0", 0),
        ("<U0", 0),
        ("<U3", 12),
        ("|V8", 8),
        ("|O", 8),
        (">c16", 16),
        ("<f2", 2),
        ("<M8[as]", 8),
        ("<m8[Y]", 8),
        ("|b1", 1),
    ] {
        for shape in [&[POINTS][..], &[POINTS, 0], &[POINTS, 2, 3]] {
            let scan = scan_with(&[("odd", descr, shape, size)])
                .unwrap_or_else(|error| panic!("{descr} {shape:?}: {}", error.report()));
            assert_eq!(scan.num_positions(), POINTS);
            let columns = Some(vec!["x".to_string(), "diffraction".to_string()]);
            let options = ReadOptions {
                columns,
                ..Default::default()
            };
            let rows = scan
                .read(&options)
                .unwrap()
                .map(|batch| batch.unwrap().num_rows());
            assert_eq!(rows.sum::<usize>(), POINTS, "{descr} {shape:?}");
        }
    }
}

#[test]
fn no_two_columns_have_one_name() {
    let clashing: Vec<String> = RESERVED
        .iter()
        .flat_map(|name| [(*name).to_string(), format!("member_{name}")])
        .collect();
    let members: Vec<(&str, &str, &[usize], usize)> = clashing
        .iter()
        // A member called `diffraction` would be the patterns.
        .filter(|name| *name != "diffraction")
        .map(|name| (name.as_str(), "<i4", &[POINTS][..], 4))
        .collect();
    let scan = scan_with(&members).unwrap();
    let names = names(&scan);
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    assert!(
        names.contains(&"member_x".to_string()) && names.contains(&"member_member_x".to_string())
    );
    let note = "`x` is the column `member_member_x`: its own name is taken".to_string();
    assert!(notes(&scan).contains(&note), "{:?}", notes(&scan));
    assert_eq!(scan.read(&ReadOptions::default()).unwrap().count(), 1);
}
