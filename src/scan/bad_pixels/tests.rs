//! Bad values of every type, by what NumPy's `a == value`, `a == np.iinfo(a.dtype).max` and `np.isnan(a)` find.

use std::io::{Cursor, Write};

use super::*;
use crate::npz::write::NpzWriter;
use crate::npz::{NpzFile, OpenOptions};
use crate::scan::ScanOptions;
use crate::scan::layout::{LayoutOptions, PatternAxis};
use crate::table::Table;

/// The bytes of values of a type, of which the first is a bad one.
fn bytes(descr: &str, values: &[f64]) -> Vec<u8> {
    let write = |value: &f64| -> Vec<u8> {
        match &descr[1..] {
            "u1" => vec![*value as u8],
            "i1" => vec![(*value as i8).cast_unsigned()],
            "u2" => (*value as u16).to_le_bytes().to_vec(),
            "i2" => (*value as i16).to_le_bytes().to_vec(),
            "u4" => (*value as u32).to_le_bytes().to_vec(),
            "i4" => (*value as i32).to_le_bytes().to_vec(),
            "u8" => (*value as u64).to_le_bytes().to_vec(),
            "i8" => (*value as i64).to_le_bytes().to_vec(),
            "f2" => f16::from_f64(*value).to_le_bytes().to_vec(),
            "f4" => (*value as f32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        }
    };
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    let written = values.iter().map(write);
    match descr.starts_with('>') {
        true => written.flat_map(reverse).collect(),
        false => written.flatten().collect(),
    }
}

/// A scan of two patterns of 2 x 3 pixels, and a mask of pixel (1, 2).
fn npz(descr: &str, values: &[f64]) -> Arc<NpzFile> {
    let data = bytes(descr, values);
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    writer
        .begin("diffraction", descr, &[2, 2, 3], data.len() as u64)
        .unwrap();
    writer.write_all(&data).unwrap();
    for name in ["xcoords", "ycoords"] {
        writer.begin(name, "<f8", &[2], 16).unwrap();
        writer.write_all(&[0; 16]).unwrap();
    }
    writer.begin("bad_pixels", "|b1", &[2, 3], 6).unwrap();
    writer.write_all(&[0, 0, 0, 0, 0, 1]).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    Arc::new(NpzFile::from_bytes("scan.npz", bytes.into(), &OpenOptions::default()).unwrap())
}

fn open(npz: &Arc<NpzFile>, bad: BadPixels) -> Result<crate::Scan> {
    let layout = LayoutOptions::default().with_pattern_axis(PatternAxis::First);
    let options = ScanOptions::default().with_layout(layout);
    crate::Scan::try_new(Arc::clone(npz), &options.with_bad_pixels(bad))
}

fn read(npz: &Arc<NpzFile>, bad: BadPixels) -> Vec<f64> {
    let scan = open(npz, bad).unwrap();
    let rows = RowSet::Range(0..2);
    // Backwards, as a list of rows, and as an array: always the same.
    let patterns = scan.diffraction().unwrap();
    let backwards = patterns.numbers(&RowSet::List(&[1, 0])).unwrap().to_f64();
    let values = patterns.numbers(&rows).unwrap().to_f64();
    assert_eq!(
        format!("{:?}", [&backwards[6..], &backwards[..6]].concat()),
        format!("{values:?}")
    );
    let column = scan.schema().index_of("diffraction").unwrap();
    let array = scan.column(column, &rows).unwrap();
    let list: &arrow::array::FixedSizeListArray = arrow::array::AsArray::as_fixed_size_list(&array);
    let cast = arrow::compute::cast(list.values(), &arrow::datatypes::DataType::Float64).unwrap();
    let cast: &arrow::array::Float64Array = arrow::array::AsArray::as_primitive(&cast);
    assert_eq!(
        format!("{:?}", cast.values().to_vec()),
        format!("{values:?}")
    );
    values
}

#[test]
fn bad_values_of_every_type_are_read_as_0() {
    let nan = f64::NAN;
    for (descr, bad, text) in [
        ("|u1", 255.0, "max"),
        ("|i1", -1.0, "-1"),
        ("<u2", 65535.0, "65535"),
        (">u2", 65535.0, "max"),
        ("<i2", -1.0, "-1"),
        ("<u4", 4_294_967_295.0, "4294967295"),
        (">u4", 4_294_967_295.0, "max"),
        ("<i4", -1.0, "-1"),
        (">i4", 2_147_483_647.0, "max"),
        ("<u8", 18_446_744_073_709_551_615.0, "18446744073709551615"),
        ("<i8", -1.0, "-1"),
        ("<f2", nan, "nan"),
        ("<f4", nan, "NaN"),
        (">f4", 4_294_967_295.0, "4294967295"),
        ("<f4", 0.1, "0.1"),
        ("<f8", -1.0, "-1.0"),
        (">f8", nan, "nan"),
        ("<f8", f64::INFINITY, "inf"),
        ("<f8", f64::NEG_INFINITY, "-inf"),
    ] {
        let npz = npz(
            descr,
            &[1.0, bad, 3.0, 4.0, 5.0, 6.0, bad, 8.0, 9.0, bad, 11.0, 12.0],
        );
        let values = BadPixels::default().with_values([text.parse().unwrap()]);
        let expected = [1.0, 0.0, 3.0, 4.0, 5.0, 6.0, 0.0, 8.0, 9.0, 0.0, 11.0, 12.0];
        assert_eq!(read(&npz, values.clone()), expected, "{descr} {text}");
        let mut both = expected;
        (both[5], both[11]) = (0.0, 0.0);
        assert_eq!(read(&npz, values.with_mask(true)), both, "{descr} {text}");
        let json = serde_json::to_string(&text.parse::<BadValue>().unwrap()).unwrap();
        let back: BadValue = serde_json::from_str(&json).unwrap();
        assert_eq!(back, text.parse().unwrap());
    }
}

#[test]
fn values_that_a_type_does_not_have_are_refused() {
    let told = |descr: &str, text: &str| {
        let npz = npz(descr, &[0.0; 12]);
        let bad = BadPixels::default().with_values([text.parse().unwrap()]);
        let error = open(&npz, bad).unwrap_err();
        assert!(error.is_usage());
        error.report()
    };
    insta::assert_snapshot!(told("<u4", "-1"), @"scan.npz: bad_values = -1: no value of `diffraction`, which is UInt32; expected a whole number from 0 to 4294967295, or max");
    insta::assert_snapshot!(told("<f4", "max"), @"scan.npz: bad_values = max: no value of `diffraction`, which is Float32; expected a finite number of that type, nan, inf or -inf");
    for (descr, text) in [
        ("<u2", "nan"),
        ("<u2", "65536"),
        ("<i2", "0.5"),
        ("<f4", "1e60"),
        ("<f2", "65536"),
    ] {
        told(descr, text);
    }
    for text in ["", "minus", "1,2", "--1"] {
        text.parse::<BadValue>().unwrap_err();
    }
}

#[test]
fn a_mask_that_is_not_applied_is_noted() {
    let npz = npz("<u2", &[0.0; 12]);
    let notes = |mask| {
        let scan = open(&npz, BadPixels::default().with_mask(mask)).unwrap();
        assert_eq!(scan.mask_member(), Some("bad_pixels"));
        let notes = scan.layout().notes.iter().map(ToString::to_string);
        notes
            .filter(|note| note.contains("applied"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        notes(false),
        [
            "the file has a mask of pixels, `bad_pixels`, which is not applied; set BadPixels::mask = true"
        ]
    );
    assert_eq!(notes(true), [""; 0]);
}
