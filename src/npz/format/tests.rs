use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn told(bytes: &[u8]) -> FileKind {
    let source = FileSource::from_bytes(Path::new("a.npz"), Bytes::copy_from_slice(bytes));
    let start = &bytes[..bytes.len().min(START_LEN as usize)];
    of_file(&source, start).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of one file, with the mark of POSIX or without.
fn tar(mark: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 512];
    record[..8].copy_from_slice(b"scan.npz");
    record[100..107].copy_from_slice(b"0000644");
    record[124..135].copy_from_slice(b"00000000005");
    record[156] = b'0';
    record[257..257 + mark.len()].copy_from_slice(mark);
    record[148..156].fill(b' ');
    let sum: u32 = record.iter().map(|byte| u32::from(*byte)).sum();
    record[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    record.extend(b"hello");
    record.resize(2048, 0);
    record
}

#[test]
fn formats_are_told_by_their_first_bytes() {
    for (magic, kind) in FORMATS {
        assert_eq!(told(&[magic, &b" and more\0"[..]].concat()), *kind);
    }
    assert_eq!(told(b""), FileKind::Empty);
    assert_eq!(told(b"\x01\x02\x03\x00\xfe\xed"), FileKind::Unknown);
}

#[test]
fn a_tar_archive_is_told_with_and_without_its_mark() {
    for mark in [&b"ustar\x0000"[..], b"ustar  \0", b""] {
        assert_eq!(told(&tar(mark)), FileKind::Tar, "{mark:?}");
        assert_eq!(told(&gzip(&tar(mark))), FileKind::GzipTar, "{mark:?}");
    }
    let mut other = tar(b"");
    other[20] ^= 1;
    assert_eq!(told(&other), FileKind::Unknown);
}

#[test]
fn gzip_is_told_by_what_it_holds() {
    assert_eq!(told(&gzip(b"\x93NUMPY\x01\0")), FileKind::GzipNpy);
    assert_eq!(told(&gzip(b"PK\x03\x04....")), FileKind::GzipZip);
    assert_eq!(told(&gzip(b"text")), FileKind::Gzip);
    assert_eq!(told(b"\x1f\x8b\x08"), FileKind::Gzip);
    let cut = gzip(&[b"\x93NUMPY\x01\0", &[7; 5000][..]].concat());
    assert_eq!(told(&cut[..cut.len() / 2]), FileKind::GzipNpy);
}

#[test]
fn hdf5_is_told_behind_a_block_of_the_users() {
    for at in [512, 1024, 1 << 17] {
        let mut bytes = vec![1; at];
        bytes.extend(HDF5);
        bytes.extend([0; 100]);
        assert_eq!(told(&bytes), FileKind::Hdf5, "{at}");
    }
    let mut bytes = vec![1; 700];
    bytes.extend(HDF5);
    assert_eq!(told(&bytes), FileKind::Unknown);
}

#[test]
fn matlab_5_is_told_whatever_its_text() {
    for mark in [b"\0\x01IM", b"\x01\0MI"] {
        let mut bytes = b"Written by somebody else's program".to_vec();
        bytes.resize(124, b' ');
        bytes.extend(mark);
        bytes.extend([0; 100]);
        assert_eq!(told(&bytes), FileKind::Mat);
    }
}

#[test]
fn texts_are_told_apart() {
    let kinds: &[(&str, FileKind)] = &[
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 33952592\n",
            FileKind::LfsPointer,
        ),
        (
            "/annex/objects/SHA256E-s11--00.npz\n",
            FileKind::AnnexPointer,
        ),
        (
            "<!DOCTYPE html>\n<html><title>Sign in</title></html>",
            FileKind::Html,
        ),
        ("\n\n  <!doctype HTML>", FileKind::Html),
        ("<!-- a comment -->\n<HTML lang=en>", FileKind::Html),
        (
            "<?xml version=\"1.0\"?><html xmlns=\"...\">",
            FileKind::Html,
        ),
        (
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            FileKind::Xml,
        ),
        ("<Error><Code>NoSuchKey</Code></Error>", FileKind::Xml),
        ("{\"message\": \"404: Not Found\"}", FileKind::Json),
        ("  [ 1, 2 ]", FileKind::Json),
        ("{}", FileKind::Json),
        ("x,y\n1.0,2.0\n", FileKind::Text),
        ("Not Found", FileKind::Text),
        ("# θ in °\n1 2 3\n", FileKind::Text),
        (
            "{\nHeaderID = EH:000001:000000:000000 ;\nByteOrder = LowByteFirst ;\n",
            FileKind::DetectorImage,
        ),
    ];
    for (text, kind) in kinds {
        assert_eq!(told(text.as_bytes()), *kind, "{text}");
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(told(&marked), *kind, "{text}");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(told(&[b"\xff\xfe", &wide[..]].concat()), *kind, "{text}");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(told(&[b"\xfe\xff", &wide[..]].concat()), *kind, "{text}");
    }
    // A few characters of an older encoding.
    assert_eq!(
        told(b"theta in \xb0, one column per detector\n"),
        FileKind::Text
    );
    // A character that is cut in two at the end of what is looked at.
    let long = [vec![b'a'; 4095], "é".as_bytes().to_vec(), vec![b'b'; 100]].concat();
    assert_eq!(told(&long), FileKind::Text);
}

#[test]
fn pickles_of_every_protocol_are_told() {
    // Made by Python: pickle.dumps(value, protocol) of {"x": [1.5, 2, None]}, of 300, and of an array of NumPy's.
    let dict: [&[u8]; 6] = [
        b"(dp0\nVx\np1\n(lp2\nF1.5\naI2\naNas.",
        b"}q\0X\x01\0\0\0xq\x01]q\x02(G?\xf8\0\0\0\0\0\0K\x02Nes.",
        b"\x80\x02}q\0X\x01\0\0\0xq\x01]q\x02(G?\xf8\0\0\0\0\0\0K\x02Nes.",
        b"\x80\x03}q\0X\x01\0\0\0xq\x01]q\x02(G?\xf8\0\0\0\0\0\0K\x02Nes.",
        b"\x80\x04\x95\x1b\0\0\0\0\0\0\0}\x94\x8c\x01x\x94]\x94(G?\xf8\0\0\0\0\0\0K\x02Nes.",
        b"\x80\x05\x95\x1b\0\0\0\0\0\0\0}\x94\x8c\x01x\x94]\x94(G?\xf8\0\0\0\0\0\0K\x02Nes.",
    ];
    for bytes in dict {
        assert_eq!(told(bytes), FileKind::Pickle);
    }
    for bytes in [
        &b"I300\n."[..],
        b"M,\x01.",
        b"S'text'\np0\n.",
        b"cnumpy\ndtype\np0\n(S'f4'\np1\nI0\nI1\ntp2\nRp3\n.",
    ] {
        assert_eq!(told(bytes), FileKind::Pickle);
    }
    // A pickle that is longer than what is looked at.
    let large = [b"}q\0X\x01\0\0\0xU\xff", &vec![b'a'; 1 << 17][..]].concat();
    assert_ne!(told(&large), FileKind::Text);
    for text in [
        "No such file.",
        "I am no pickle.",
        "Vertical,1\n0.5,2\n.",
        "(see below).",
        ".",
    ] {
        assert_eq!(told(text.as_bytes()), FileKind::Text, "{text}");
    }
}

#[test]
fn zeros_are_told_as_far_as_they_were_looked_at() {
    assert_eq!(told(&[0]), FileKind::Zeros);
    assert_eq!(told(&vec![0; WHOLE_LEN as usize]), FileKind::Zeros);
    let mut large = vec![0; 3 * WHOLE_LEN as usize];
    assert_eq!(told(&large), FileKind::ZerosInParts);
    *large.last_mut().unwrap() = 1;
    assert_eq!(told(&large), FileKind::Unknown);
    let mut small = vec![0; WHOLE_LEN as usize];
    small[1 << 20] = 1;
    assert_eq!(told(&small), FileKind::Unknown);
}

properties! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..700), magic in 0..FORMATS.len()) {
        let _ = told(&bytes);
        let _ = of_start(&bytes, u64::MAX);
        let _ = told(&[FORMATS[magic].0, &bytes].concat());
        let _ = told(&[b"\x1f\x8b\x08", &bytes[..]].concat());
        let _ = told(&[b"(dp0\n", &bytes[..]].concat());
    }
}
