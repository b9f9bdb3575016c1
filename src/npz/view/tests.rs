use std::io::Write;
use std::path::Path;

use ndarray::{Ix0, Ix1, Ix2, Ix3};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::npz::{AccessMode, OpenOptions};

/// Describes how a member is written.
struct Npy<'a> {
    dict: &'a str,
    data: Vec<u8>,
    method: CompressionMethod,
    /// The remainder modulo 64 of the byte at which the data begins.
    misalignment: usize,
}

impl Npy<'_> {
    /// Writes a file with this member, called `a`.
    fn write(&self, path: &Path) {
        let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
        let options = SimpleFileOptions::default().compression_method(self.method);
        zip.start_file("a.npy", options.with_alignment(64)).unwrap();
        let mut dict = self.dict.as_bytes().to_vec();
        let len = (10 + dict.len()).next_multiple_of(64) + self.misalignment;
        dict.resize(len - 10, b' ');
        let start = [b"\x93NUMPY\x01\x00", &(dict.len() as u16).to_le_bytes()[..]].concat();
        zip.write_all(&[start, dict, self.data.clone()].concat())
            .unwrap();
        zip.finish().unwrap();
    }

    fn open(&self, access: AccessMode) -> (tempfile::TempDir, NpzFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        self.write(&path);
        let options = OpenOptions {
            access,
            ..Default::default()
        };
        let npz = NpzFile::open_with(&path, &options).unwrap();
        (folder, npz)
    }
}

fn npy<'a>(dict: &'a str, data: &[u8]) -> Npy<'a> {
    Npy {
        dict,
        data: data.to_vec(),
        method: CompressionMethod::Stored,
        misalignment: 0,
    }
}

fn f4(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

const SIX: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
const C_ORDER: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}";

#[test]
fn a_stored_aligned_member_is_viewed_in_either_order() {
    let fortran = C_ORDER.replace("False", "True");
    for (dict, second) in [(C_ORDER, 1.0), (&fortran, 2.0)] {
        let (_folder, npz) = npy(dict, &f4(&SIX)).open(AccessMode::Map);
        let view = npz.view::<f32, Ix2>("a").unwrap();
        assert!(view.is_view());
        assert_eq!((view.shape(), view[[0, 1]]), (&[2, 3][..], second));
        let mapped = npz.array("a").unwrap();
        assert_eq!(
            view.as_ptr().cast::<u8>(),
            mapped.data.in_memory().unwrap().as_ptr()
        );
        assert_eq!(
            view,
            npz.view::<f32, IxDyn>("a")
                .unwrap()
                .into_dimensionality()
                .unwrap()
        );
    }
}

#[test]
fn other_members_are_copied_or_inflated() {
    let big: Vec<u8> = SIX.iter().flat_map(|v| v.to_be_bytes()).collect();
    let big_endian = C_ORDER.replace('<', ">");
    let mut misaligned = npy(C_ORDER, &f4(&SIX));
    misaligned.misalignment = 2;
    let mut deflated = npy(C_ORDER, &f4(&SIX));
    deflated.method = CompressionMethod::Deflated;
    let python_2 = C_ORDER.replace("(2, 3)", "(2L, 3L)");
    let cases = [
        (npy(C_ORDER, &f4(&SIX)), AccessMode::Read, false),
        (npy(&big_endian, &big), AccessMode::Map, false),
        (npy(&big_endian, &big), AccessMode::Read, false),
        (misaligned, AccessMode::Map, false),
        (npy(&python_2, &f4(&SIX)), AccessMode::Map, true),
        (deflated, AccessMode::Map, true),
        // What lies behind the data is nobody's.
        (
            npy(C_ORDER, &[f4(&SIX), vec![9; 3]].concat()),
            AccessMode::Map,
            true,
        ),
    ];
    for (case, access, is_view) in cases {
        let (_folder, npz) = case.open(access);
        let array = npz.view::<f32, Ix2>("a").unwrap();
        assert_eq!(array.is_view(), is_view, "{}", case.dict);
        assert_eq!(array.iter().copied().collect::<Vec<_>>(), SIX);
    }
}

#[test]
fn arrays_without_axes_or_without_values_are_arrays() {
    let (_folder, npz) = npy(
        "{'descr': '<i8', 'fortran_order': False, 'shape': ()}",
        &[7, 0, 0, 0, 0, 0, 0, 0],
    )
    .open(AccessMode::Map);
    assert_eq!(npz.view::<i64, Ix0>("a").unwrap()[()], 7);
    let (_folder, npz) = npy(
        "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 4)}",
        &[],
    )
    .open(AccessMode::Map);
    assert_eq!(npz.view::<i64, Ix2>("a").unwrap().shape(), [0, 4]);
}

#[test]
fn another_type_or_number_of_axes_is_an_error() {
    let (_folder, npz) = npy(C_ORDER, &f4(&SIX)).open(AccessMode::Map);
    let name = npz.path().display().to_string();
    let told = |error: Error| error.report().replace(&name, "FILE");
    let dtype = npz.view::<f64, Ix2>("a").unwrap_err();
    assert!(matches!(&dtype, Error::OtherDtype { expected, .. } if expected == "<f8"));
    insta::assert_snapshot!(told(dtype), @"FILE: member `a` has the dtype <f4, expected <f8");
    let axes = npz.view::<f32, Ix3>("a").unwrap_err();
    assert!(matches!(axes, Error::OtherAxes { expected: 3, .. }));
    insta::assert_snapshot!(told(axes), @"FILE: member `a` has the shape [2, 3], expected 3 axes");
    assert!(matches!(
        npz.view::<f32, Ix1>("b"),
        Err(Error::NoSuchMember { .. })
    ));
}

#[test]
fn a_truth_value_is_0_or_1() {
    let dict = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}";
    let (_folder, npz) = npy(dict, &[0, 1, 1]).open(AccessMode::Map);
    let array = npz.view::<bool, Ix1>("a").unwrap();
    assert!(array.is_view());
    assert_eq!(array.to_vec(), [false, true, true]);
    let (_folder, npz) = npy(dict, &[0, 1, 2]).open(AccessMode::Map);
    let error = npz.view::<bool, Ix1>("a").unwrap_err();
    assert!(matches!(error, Error::BadMember { .. }), "{error}");
}
