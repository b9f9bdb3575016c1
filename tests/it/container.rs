//! Archives as other programs write them, and the ways to reach their bytes.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use ptychoarrow::array::{Access, Column, RowSet, View};
use ptychoarrow::npz::{AccessMode, InflatesTo, Method, NpzFile, OpenOptions};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::{Error, ReadOptions, Scan};
use zip::CompressionMethod;

use crate::sparse::sparse;
use crate::support::{COUNTS, SIEMENS, collect, f8, folder, npy, npz, scan_file};

/// The parts of a member, written by hand: no library writes two members of the same name.
struct Raw<'a> {
    name: &'a str,
    data: Vec<u8>,
    /// Whether sizes and CRC follow the data, as streaming writers place them.
    descriptor: bool,
    /// The offset that the directory states; by default the true one.
    offset: Option<u32>,
}

fn raw(name: &str, data: Vec<u8>) -> Raw<'_> {
    Raw {
        name,
        data,
        descriptor: false,
        offset: None,
    }
}

fn archive(members: &[Raw<'_>], comment: &[u8], behind: &[u8]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = member.offset.unwrap_or(out.len() as u32);
        let (size, crc) = (
            (member.data.len() as u32).to_le_bytes(),
            crc32fast::hash(&member.data).to_le_bytes(),
        );
        let flags = if member.descriptor { 8 } else { 0 };
        let header = |known: bool| {
            let zeros = [0; 4];
            let [crc, packed, unpacked] = if known { [crc, size, size] } else { [zeros; 3] };
            let name_len = (member.name.len() as u16).to_le_bytes();
            [
                &[20, 0, flags, 0, 0, 0, 0, 0, 0x21, 0][..],
                &crc,
                &packed,
                &unpacked,
                &name_len,
                &[0, 0],
            ]
            .concat()
        };
        out.extend(
            [
                b"PK\x03\x04",
                &header(!member.descriptor)[..],
                member.name.as_bytes(),
                &member.data,
            ]
            .concat(),
        );
        if member.descriptor {
            out.extend([&b"PK\x07\x08"[..], &crc, &size, &size].concat());
        }
        let rest = [&[0; 10][..], &offset.to_le_bytes(), member.name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0", &header(true)[..], &rest].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, start) = (
        (directory.len() as u32).to_le_bytes(),
        (out.len() as u32).to_le_bytes(),
    );
    let comment_len = (comment.len() as u16).to_le_bytes();
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count[..],
        &count,
        &size,
        &start,
        &comment_len,
        comment,
        behind,
    ]
    .concat();
    [out, directory, end].concat()
}

fn one(value: f64) -> Vec<u8> {
    npy("'<f8'", false, &[1], &f8(&[value]))
}

fn open(bytes: Vec<u8>) -> Result<Arc<NpzFile>, Error> {
    NpzFile::from_bytes("memory.npz", bytes.into(), &OpenOptions::default()).map(Arc::new)
}

fn column(npz: &Arc<NpzFile>, name: &str) -> Column {
    Column::open(npz, name, name, &View::first_axis(npz.info(name).unwrap())).unwrap()
}

fn values(npz: &Arc<NpzFile>, name: &str) -> ArrayRef {
    let column = column(npz, name);
    column.array(&RowSet::Range(0..column.num_rows())).unwrap()
}

fn number(npz: &Arc<NpzFile>, name: &str) -> f64 {
    values(npz, name)
        .as_primitive::<arrow::datatypes::Float64Type>()
        .value(0)
}

#[test]
fn of_members_with_one_name_the_last_counts() {
    let members = [
        raw("a.npy", one(1.0)),
        raw("b.npy", one(2.0)),
        raw("a.npy", one(3.0)),
    ];
    let npz = open(archive(&members, b"", b"")).unwrap();
    assert_eq!(npz.names(), ["b", "a"]);
    assert_eq!((number(&npz, "a"), number(&npz, "b")), (3.0, 2.0));
    insta::assert_snapshot!(npz.notes()[0].to_string(), @"2 members are called `a`: the last one counts, as in NumPy");
}

#[test]
fn beside_a_member_its_namesake_with_an_ending_keeps_it() {
    let npz = open(archive(
        &[
            raw("a.npy", one(1.0)),
            raw("a", one(2.0)),
            raw("b/c d.npy", one(3.0)),
        ],
        b"",
        b"",
    ))
    .unwrap();
    assert_eq!(npz.names(), ["a.npy", "a", "b/c d"]);
    assert_eq!(
        (
            number(&npz, "a.npy"),
            number(&npz, "a"),
            number(&npz, "b/c d")
        ),
        (1.0, 2.0, 3.0)
    );
}

#[test]
fn descriptors_comments_and_trailing_bytes_do_no_harm() {
    let mut member = raw("a.npy", one(4.0));
    member.descriptor = true;
    let members = [member, raw("b.npy", one(5.0))];
    for (comment, behind) in [
        (&b""[..], &b""[..]),
        (b"a comment", b""),
        (b"", b"\0\0 garbage"),
        (&[b'x'; 65_535], b""),
    ] {
        let npz = open(archive(&members, comment, behind)).unwrap();
        assert_eq!((number(&npz, "a"), number(&npz, "b")), (4.0, 5.0));
    }
    assert_eq!(open(archive(&[], b"", b"")).unwrap().members().len(), 0);
}

#[test]
fn bytes_that_two_members_claim_are_given_to_one() {
    let mut second = raw("b.npy", one(2.0));
    second.offset = Some(0);
    let npz = open(archive(
        &[raw("b.npy", one(1.0)), raw("c.npy", one(3.0)), second],
        b"",
        b"",
    ))
    .unwrap();
    assert_eq!(npz.names(), ["c", "b"]);
    assert_eq!(
        number(&npz, "b"),
        1.0,
        "the directory decides, whatever lies behind"
    );
    let mut inside = raw("a.npy", one(2.0));
    inside.data = [vec![0; 40], archive(&[raw("x.npy", one(9.0))], b"", b"")].concat();
    let at = (30 + "a.npy".len() + 40) as u32;
    let mut nested = raw("x.npy", one(9.0));
    nested.offset = Some(at);
    let npz = open(archive(&[inside, nested], b"", b"")).unwrap();
    let problems: Vec<String> = npz
        .members()
        .iter()
        .map(|member| format!("{}: {}", member.name, member.array.as_ref().unwrap_err()))
        .collect();
    insta::assert_snapshot!(problems.join("\n"), @r"
    a: bytes that are no NPY array (no \x93NUMPY at the start)
    x: bytes that member `a` claims too: a damaged directory, or a zip bomb
    ");
}

#[test]
fn a_bare_npy_is_an_archive_of_one() {
    let folder = folder();
    let path = folder.path().join("diffraction.npy");
    std::fs::write(
        &path,
        npy("'<f4'", false, &[2, 1], &[0, 0, 128, 63, 0, 0, 0, 64]),
    )
    .unwrap();
    let npz = Arc::new(NpzFile::open(&path).unwrap());
    assert_eq!(npz.names(), ["diffraction"]);
    let array = values(&npz, "diffraction");
    assert_eq!(
        array
            .as_fixed_size_list()
            .values()
            .as_primitive::<Float32Type>()
            .values(),
        &[1.0, 2.0]
    );
    assert_eq!(npz.members()[0].crc32, None);
}

#[test]
fn text_and_times_have_arrows_types() {
    let folder = folder();
    let path = folder.path().join("text.npz");
    let utf32 = |text: &str, width: usize| {
        let mut codes: Vec<u32> = text.chars().map(u32::from).collect();
        codes.resize(width, 0);
        codes
    };
    let words = [utf32("größe", 6), utf32("", 6), utf32("𝄞 x", 6)].concat();
    let little: Vec<u8> = words.iter().flat_map(|code| code.to_le_bytes()).collect();
    let big: Vec<u8> = words.iter().flat_map(|code| code.to_be_bytes()).collect();
    let times: Vec<u8> = [0i64, i64::MIN, 1_700_000_000]
        .iter()
        .flat_map(|time| time.to_le_bytes())
        .collect();
    let members = [
        ("little", npy("'<U6'", false, &[3], &little)),
        ("big", npy("'>U6'", false, &[3], &big)),
        (
            "bytes",
            npy("'|S3'", false, &[2, 2], b"a\0\0abc\0\0\0\xc3\xa4\0"),
        ),
        ("seconds", npy("'<M8[s]'", false, &[3], &times)),
        ("days", npy("'<M8[D]'", false, &[2], &times[..16])),
        (
            "minutes",
            npy(
                "'<m8[5m]'",
                false,
                &[3],
                &[&times[..16], &7i64.to_le_bytes()].concat(),
            ),
        ),
        ("broken", npy("'|S2'", false, &[1], b"\xff\xfe")),
        (
            "surrogate",
            npy("'<U1'", false, &[1], &0xd800u32.to_le_bytes()),
        ),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let npz = Arc::new(NpzFile::open(&path).unwrap());
    let texts = |array: &dyn Array| {
        cast(array, &DataType::Utf8)
            .unwrap()
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(str::to_string))
            .collect::<Vec<_>>()
    };
    let expected = ["größe", "", "𝄞 x"].map(|text| Some(text.to_string()));
    assert_eq!(texts(&values(&npz, "little")), expected);
    assert_eq!(texts(&values(&npz, "big")), expected);
    let bytes = values(&npz, "bytes");
    assert_eq!(
        texts(bytes.as_fixed_size_list().values()),
        ["a", "abc", "", "ä"].map(|text| Some(text.to_string()))
    );
    let shown = |name: &str| {
        format!(
            "{}: {:?}",
            values(&npz, name).data_type(),
            texts(&values(&npz, name))
        )
    };
    insta::assert_snapshot!(shown("seconds"), @r#"Timestamp(s): [Some("1970-01-01T00:00:00"), None, Some("2023-11-14T22:13:20")]"#);
    insta::assert_snapshot!(shown("days"), @r#"Date32: [Some("1970-01-01"), None]"#);
    let minutes = cast(&values(&npz, "minutes"), &DataType::Int64).unwrap();
    assert_eq!(
        texts(&minutes),
        [Some("0".to_string()), None, Some("2100".to_string())]
    );
    let problem = |name: &str| {
        column(&npz, name)
            .array(&RowSet::Range(0..1))
            .unwrap_err()
            .report()
            .replace(&path.display().to_string(), "FILE")
    };
    insta::assert_snapshot!(problem("broken"), @r"FILE: member `broken`: found bytes that are no UTF-8: \xff\xfe, expected values that Arrow's Utf8 can hold; save it again as a plain array of numbers, text or times or narrow ReadOptions::columns");
    insta::assert_snapshot!(problem("surrogate"), @"FILE: member `surrogate`: found U+D800, which is no character, expected values that Arrow's Utf8 can hold; save it again as a plain array of numbers, text or times or narrow ReadOptions::columns");
}

/// Returns every array of a file that is opened with these options.
fn everything(path: &Path, options: &OpenOptions) -> Vec<(String, ArrayRef)> {
    let npz = Arc::new(NpzFile::open_with(path, options).unwrap());
    let rows = |name: &str| {
        let column = column(&npz, name);
        let last = column.num_rows();
        // Rows one after the other, and rows here and there, some twice.
        let picked: Vec<usize> = (0..last)
            .rev()
            .step_by(3)
            .chain([0, 0])
            .filter(|row| *row < last)
            .collect();
        [
            column.array(&RowSet::Range(0..last)).unwrap(),
            column.array(&RowSet::List(&picked)).unwrap(),
        ]
    };
    npz.arrays()
        .flat_map(|info| rows(&info.name).map(|array| (info.name.clone(), array)))
        .collect()
}

#[test]
fn mapped_read_by_position_and_from_a_scratch_file_are_the_same() {
    let folder = folder();
    let fortran = folder.path().join("fortran.npz");
    let cube: Vec<f64> = (0..4 * 5 * 6).map(f64::from).collect();
    let members = [
        ("cube", npy("'<f8'", true, &[4, 5, 6], &f8(&cube))),
        ("complex", npy("'>c16'", true, &[3, 4, 5], &f8(&cube))),
        (
            "flags",
            npy(
                "'|b1'",
                true,
                &[5, 3],
                &[1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1],
            ),
        ),
        ("words", npy("'|S5'", true, &[2, 2], b"alphabeta gammdelta")),
    ];
    npz(&fortran, &members, CompressionMethod::Stored);
    for path in [Path::new(SIEMENS), Path::new(COUNTS), &fortran] {
        let mapped = everything(path, &OpenOptions::default());
        let read = OpenOptions::default().with_access(AccessMode::Read);
        assert_eq!(mapped, everything(path, &read), "{}", path.display());
        let scratch = OpenOptions::default().with_inflate_memory(0);
        assert_eq!(mapped, everything(path, &scratch), "{}", path.display());
    }
    let read = OpenOptions::default().with_access(AccessMode::Read);
    let npz = NpzFile::open_with(SIEMENS, &read).unwrap();
    assert_eq!(
        Access::of(&npz, npz.info("diff3d").unwrap()).to_string(),
        "copied (read by position)"
    );
    let scratch = OpenOptions::default().with_inflate_memory(0);
    let npz = NpzFile::open_with(COUNTS, &scratch).unwrap();
    let to = InflatesTo::Scratch;
    assert_eq!(
        Access::of(&npz, npz.info("diff3d").unwrap()),
        Access::Inflated {
            method: Method::Deflated,
            to,
        }
    );
}

#[test]
fn read_by_position_a_file_that_is_cut_short_is_an_error() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    scan_file(&path, &[0.0, 1.0, 2.0, 3.0], &[0.0, 0.0, 1.0, 1.0]);
    let open = OpenOptions::default().with_access(AccessMode::Read);
    let scan = Scan::open_with(&path, &ScanOptions::default().with_open(open.clone())).unwrap();
    let npz = Arc::new(NpzFile::open_with(&path, &open).unwrap());
    let patterns = column(&npz, "diff3d");
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600)
        .unwrap();
    // Between two looks at the file, and at the next look.
    let error = patterns.array(&RowSet::Range(0..4)).unwrap_err();
    assert!(
        matches!(&error, Error::FileChanged { what, .. } if what.contains("ends before byte")),
        "{error}"
    );
    let error = Error::from(
        scan.read(&ReadOptions::default())
            .unwrap()
            .next()
            .unwrap()
            .unwrap_err(),
    );
    assert!(matches!(error, Error::FileChanged { .. }), "{error}");
}

#[test]
fn a_damaged_deflated_member_is_found_out() {
    let folder = folder();
    let path = folder.path().join("damaged.npz");
    npz(
        &path,
        &[("a", npy("'<f8'", false, &[64], &f8(&[1.5; 64])))],
        CompressionMethod::Deflated,
    );
    let good = std::fs::read(&path).unwrap();
    let central = good
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    let mut wrong_crc = good.clone();
    wrong_crc[central + 16] ^= 1;
    let open = |bytes: &[u8]| open(bytes.to_vec()).unwrap();
    for memory in [1 << 30, 0] {
        let options = OpenOptions::default().with_inflate_memory(memory);
        let npz = NpzFile::from_bytes("memory.npz", wrong_crc.clone().into(), &options).unwrap();
        let error = npz.array("a").unwrap_err().report();
        assert!(
            error.contains("found CRC-32") && error.contains("a deflated member of 640 bytes"),
            "{error}"
        );
    }
    let data = good
        .windows(5)
        .position(|window| window == b"a.npy")
        .unwrap()
        + 40;
    let mut garbled = good.clone();
    garbled[data..data + 20].fill(0xff);
    let npz = open(&garbled);
    assert!(npz.array("a").is_err());
}

#[test]
fn a_member_beyond_4_gib_is_read_through_zip64() {
    let folder = folder();
    let path = folder.path().join("big.npz");
    let patterns = 20_000;
    sparse(&path, patterns);
    // A pattern that begins behind the first 4 GiB, and the last one.
    let npz = NpzFile::open(&path).unwrap();
    let start = npz.info("diff3d").unwrap().byte_offset.unwrap();
    let pattern_bytes = 256 * 256 * 4;
    let rows = [0, 17_000, patterns - 1];
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for row in rows {
        std::io::Seek::seek(
            &mut file,
            std::io::SeekFrom::Start(start + row * pattern_bytes),
        )
        .unwrap();
        file.write_all(&(row as f32 + 0.5).to_le_bytes()).unwrap();
    }
    drop(file);
    assert!(std::fs::metadata(&path).unwrap().len() > 5_000_000_000);
    for access in [AccessMode::Map, AccessMode::Read] {
        let options = ScanOptions::default().with_open(OpenOptions::default().with_access(access));
        let scan = Scan::open_with(&path, &options).unwrap();
        let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        let read = ReadOptions::default()
            .with_columns(["scan_point", "diffraction"])
            .with_rows(rows.clone());
        let batch = collect(scan.read(&read).unwrap());
        let pixels = batch
            .column(1)
            .as_fixed_size_list()
            .values()
            .as_primitive::<Float32Type>();
        for (place, row) in rows.iter().enumerate() {
            assert_eq!(pixels.value(place * 256 * 256), *row as f32 + 0.5);
            assert_eq!(pixels.value(place * 256 * 256 + 1), 0.0);
        }
    }
}

#[test]
fn a_sparse_file_of_100_gb_that_lies_is_an_error_at_once() {
    let folder = folder();
    let path = folder.path().join("lies.npz");
    sparse(&path, 100_000_000_000 / (256 * 256 * 4) + 1);
    let len = std::fs::metadata(&path).unwrap().len();
    let lie = |from_end: u64, bytes: &[u8]| {
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(len - from_end)).unwrap();
        file.write_all(bytes).unwrap();
        let error = NpzFile::open(&path).unwrap_err().report();
        error
            .replace(&path.display().to_string(), "FILE")
            .replace(&len.to_string(), "SIZE")
    };
    // The ZIP64 end record stands 98 bytes before the end: count, count, size, offset at 24 to 55.
    let told = [
        lie(98 - 48, &50_000_000_000u64.to_le_bytes()),
        lie(98 - 40, &90_000_000_000u64.to_le_bytes()),
        lie(
            98 - 24,
            &[&(1u64 << 31).to_le_bytes()[..], &(1u64 << 31).to_le_bytes()].concat(),
        ),
        lie(42 - 8, &50_000_000_000u64.to_le_bytes()),
        lie(42 - 8, &u64::MAX.to_le_bytes()),
    ];
    insta::assert_snapshot!(told.join("\n"));
}
