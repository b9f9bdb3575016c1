//! Archives of every plain dtype, in both byte orders and by both methods; files that are no archives, or
//! have wrong numbers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use ptychoarrow::array::{Access, Column, RowSet, View};
use ptychoarrow::npz::{InflatesTo, Method, NpzFile, OpenOptions};
use ptychoarrow::{Error, ReadOptions, Scan};
use zip::CompressionMethod;

use crate::private::private_peak;
use crate::sparse::sparse;
use crate::support::{COUNTS, SIEMENS, f8, folder, npy, npz, scan_file};

/// dtype, and the numbers 0, 1, -3 (or 253) and 100 as that dtype, little-endian.
fn dtypes() -> Vec<(&'static str, Vec<Vec<u8>>, DataType)> {
    macro_rules! bytes {
        ($type:ty) => {
            [0i64, 1, -3, 100]
                .iter()
                .map(|v| (*v as $type).to_le_bytes().to_vec())
                .collect()
        };
    }
    let half = |value: f32| half::f16::from_f32(value).to_le_bytes().to_vec();
    vec![
        (
            "b1",
            vec![vec![0], vec![1], vec![0], vec![1]],
            DataType::Boolean,
        ),
        ("i1", bytes!(i8), DataType::Int8),
        ("i2", bytes!(i16), DataType::Int16),
        ("i4", bytes!(i32), DataType::Int32),
        ("i8", bytes!(i64), DataType::Int64),
        ("u1", bytes!(u8), DataType::UInt8),
        ("u2", bytes!(u16), DataType::UInt16),
        ("u4", bytes!(u32), DataType::UInt32),
        ("u8", bytes!(u64), DataType::UInt64),
        (
            "f2",
            [0.0, 1.0, -3.0, 100.0].map(half).to_vec(),
            DataType::Float16,
        ),
        ("f4", bytes!(f32), DataType::Float32),
        ("f8", bytes!(f64), DataType::Float64),
    ]
}

fn column(npz: &Arc<NpzFile>, member: &str) -> Column {
    Column::open(npz, member, member, &View::along(0)).unwrap()
}

fn read(npz: &Arc<NpzFile>, member: &str) -> ArrayRef {
    let column = column(npz, member);
    column.array(&RowSet::Range(0..column.num_rows())).unwrap()
}

#[test]
fn reads_every_plain_dtype_in_both_byte_orders_and_methods() {
    let folder = folder();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let path = folder.path().join(format!("{method}.npz"));
        let mut members = Vec::new();
        let names: Vec<_> = dtypes()
            .iter()
            .map(|(name, ..)| (format!("le_{name}"), format!("be_{name}")))
            .collect();
        for ((le, be), (name, values, _)) in names.iter().zip(dtypes()) {
            let little: Vec<u8> = values.concat();
            let big: Vec<u8> = values
                .iter()
                .flat_map(|value| value.iter().rev().copied())
                .collect();
            members.push((
                le.as_str(),
                npy(&format!("'<{name}'"), false, &[4], &little),
            ));
            members.push((be.as_str(), npy(&format!("'>{name}'"), false, &[4], &big)));
        }
        npz(&path, &members, method);
        let file = Arc::new(NpzFile::open(&path).unwrap());
        for ((le, be), (name, values, data_type)) in names.iter().zip(dtypes()) {
            let (little, big) = (read(&file, le), read(&file, be));
            assert_eq!(little.data_type(), &data_type, "{name}");
            assert_eq!(&little, &big, "{name}");
            if name == "b1" {
                let bits: Vec<bool> = little.as_boolean().values().iter().collect();
                assert_eq!(bits, [false, true, false, true]);
            } else {
                assert_eq!(
                    little.to_data().buffers()[0].as_slice(),
                    values.concat(),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn complex_numbers_are_a_trailing_axis_of_two() {
    let folder = folder();
    let path = folder.path().join("complex.npz");
    let values = f8(&[1.0, -2.0, 3.0, 4.5, 0.0, 1.0]);
    npz(
        &path,
        &[("z", npy("'<c16'", false, &[3], &values))],
        CompressionMethod::Stored,
    );
    let column = column(&Arc::new(NpzFile::open(&path).unwrap()), "z");
    assert_eq!(
        column.field().metadata()["ARROW:extension:metadata"],
        r#"{"shape":[2]}"#
    );
    assert_eq!(column.field().metadata()["ptychoarrow.dtype"], "complex128");
    let array = column.array(&RowSet::List(&[2, 0])).unwrap();
    assert_eq!(
        array.as_fixed_size_list().values().to_data().buffers()[0].as_slice(),
        f8(&[0.0, 1.0, 1.0, -2.0])
    );
}

#[test]
fn fortran_order_is_read_in_any_rank_and_mapped_along_one_axis() {
    let folder = folder();
    let path = folder.path().join("fortran.npz");
    // numpy: np.asfortranarray(np.arange(24.).reshape(2, 3, 4))
    let c_order: Vec<f64> = (0..24).map(f64::from).collect();
    let mut f_order = Vec::new();
    for k in 0..4 {
        for j in 0..3 {
            for i in 0..2 {
                f_order.push(c_order[12 * i + 4 * j + k]);
            }
        }
    }
    let members = [
        ("cube", npy("'<f8'", true, &[2, 3, 4], &f8(&f_order))),
        ("line", npy("'<f8'", true, &[24], &f8(&c_order))),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let file = Arc::new(NpzFile::open(&path).unwrap());
    let cube = read(&file, "cube");
    assert_eq!(
        cube.as_fixed_size_list().values().to_data().buffers()[0].as_slice(),
        f8(&c_order)
    );
    assert!(
        column(&file, "cube")
            .access()
            .reason()
            .unwrap()
            .contains("not in C order")
    );
    assert_eq!(
        read(&file, "line").to_data().buffers()[0].as_slice(),
        f8(&c_order)
    );
}

#[test]
fn a_mapped_array_is_the_file_itself_and_a_misaligned_one_is_copied_with_the_reason() {
    let file = Arc::new(NpzFile::open(SIEMENS).unwrap());
    assert_eq!(
        Access::of(&file, file.info("diff3d").unwrap()),
        Access::Mapped
    );
    let misaligned = Access::of(&file, file.info("xcoords").unwrap());
    assert_eq!(
        misaligned.to_string(),
        "copied (misaligned: data at byte 189, no multiple of 8)"
    );
    let array = column(&file, "diff3d").array(&RowSet::Range(5..7)).unwrap();
    let values = array.as_fixed_size_list().values().to_data();
    let array = file.array("diff3d").unwrap();
    let mapped = array.data.in_memory().unwrap();
    assert_eq!(
        values.buffers()[0].as_ptr(),
        mapped[5 * 64 * 64 * 4..].as_ptr(),
        "no copy was made"
    );
    assert_eq!(
        values.buffers()[0].len(),
        2 * 64 * 64 * 4,
        "the buffer is the slice, not the file"
    );
}

#[test]
fn a_deflated_member_is_inflated_once_within_its_budget() {
    let file = NpzFile::open(COUNTS).unwrap();
    let info = file.info("diff3d").unwrap();
    assert_eq!((info.method, info.byte_offset), (Method::Deflated, None));
    let first = file.array("diff3d").unwrap();
    let start = |array: &ptychoarrow::npz::NpzArray| array.data.in_memory().unwrap().as_ptr();
    assert_eq!(start(&first), start(&file.array("diff3d").unwrap()));
    let tight =
        NpzFile::open_with(COUNTS, &OpenOptions::default().with_inflate_memory(1 << 20)).unwrap();
    assert_eq!(tight.inflates_to("diff3d"), Some(InflatesTo::Scratch));
    assert_eq!(
        tight.array("diff3d").unwrap().data.in_memory(),
        first.data.in_memory()
    );
    assert_eq!(tight.inflates_to("xcoords"), Some(InflatesTo::Memory));
    assert_eq!(
        tight.array("xcoords").unwrap().data.in_memory(),
        file.array("xcoords").unwrap().data.in_memory()
    );
}

#[test]
fn empty_arrays_have_no_rows() {
    let folder = folder();
    let path = folder.path().join("empty.npz");
    let members = [
        ("a", npy("'<f8'", false, &[0], &[])),
        ("b", npy("'<c8'", false, &[0, 7], &[])),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let file = Arc::new(NpzFile::open(&path).unwrap());
    assert_eq!((read(&file, "a").len(), read(&file, "b").len()), (0, 0));
    assert_eq!(column(&file, "b").row_shape(), [7]);
}

#[test]
fn what_is_no_plain_array_is_named_and_the_rest_is_read() {
    let folder = folder();
    let path = folder.path().join("odd.npz");
    let members = [
        (
            "_metadata",
            npy("'|O'", false, &[], b"\x80\x04cposix\nsystem\n"),
        ),
        ("long double", npy("'<f16'", false, &[2], &[0; 32])),
        (
            "table",
            npy("[('a', '<f4'), ('b', '<i2')]", false, &[1], &[0; 6]),
        ),
        ("cut", npy("'<f8'", false, &[1000], &[0; 80])),
        ("huge", npy("'<f8'", false, &[usize::MAX / 2, 3], &[0; 80])),
        ("text", b"hello".to_vec()),
        ("good", npy("'<f8'", false, &[2], &f8(&[1.0, 2.0]))),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let file = Arc::new(NpzFile::open(&path).unwrap());
    assert_eq!(file.arrays().count(), 1);
    assert_eq!(read(&file, "good").len(), 2);
    let problems: Vec<String> = file
        .members()
        .iter()
        .filter_map(|member| Some(format!("{}: {}", member.name, member.array.as_ref().err()?)))
        .collect();
    insta::assert_snapshot!(problems.join("\n"));
}

/// Replaces every `from` by `to`.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

fn open_error(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).unwrap();
    // What can be read of a file opens; the positions are what the lies are about.
    let read = Scan::open(path).and_then(|scan| scan.positions().map(drop));
    read.unwrap_err()
        .report()
        .replace(&path.display().to_string(), "FILE")
}

#[test]
fn files_that_are_no_archives_or_lie_are_refused() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    scan_file(&path, &[0.0, 1.0, 2.0, 3.0], &[0.0, 0.0, 1.0, 1.0]);
    let good = std::fs::read(&path).unwrap();
    let central = good
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    let mut reports = Vec::new();
    let mut report = |what: &str, bytes: &[u8]| {
        reports.push(format!("{what}\n    {}", open_error(&path, bytes)))
    };
    report("empty", b"");
    report("HDF5", b"\x89HDF\r\n\x1a\n and more");
    report("bare npy", &npy("'<f8'", false, &[1], &f8(&[1.0])));
    report("text", b"these are not the bytes you are looking for");
    report("cut in the middle", &good[..good.len() / 2]);
    report("cut in the directory", &good[..central + 10]);
    report("junk before", &[b"junk".as_slice(), &good].concat());
    let mut lying = good.clone();
    // The sizes of the first member, in the ZIP64 field behind its name: 1 GiB more than there is.
    let name_len =
        u16::from_le_bytes(lying[central + 28..central + 30].try_into().unwrap()) as usize;
    let sizes = central + 46 + name_len + 4;
    for at in [sizes, sizes + 8] {
        let size = u64::from_le_bytes(lying[at..at + 8].try_into().unwrap());
        lying[at..at + 8].copy_from_slice(&(size + (1 << 30)).to_le_bytes());
    }
    report("sizes beyond the end", &lying);
    let mut lying = good.clone();
    lying[central + 42..central + 46].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    report("an offset beyond the end", &lying);
    let mut lying = good.clone();
    let end = lying.len() - 6;
    lying[end..end + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    report("a directory beyond the end", &lying);
    let mut damaged = good.clone();
    replace(&mut damaged, b"'descr': '<f8'", b"'descr': '<?8'");
    report("a damaged header", &damaged);
    insta::assert_snapshot!(reports.join("\n"));
}

#[test]
fn opens_a_sparse_file_of_100_gb_and_reads_ten_patterns_in_little_memory() {
    let folder = folder();
    let path = folder.path().join("sparse.npz");
    let patterns = 100_000_000_000 / (256 * 256 * 4) + 1;
    sparse(&path, patterns);
    assert!(std::fs::metadata(&path).unwrap().len() > 100_000_000_000);
    let ten_patterns = || {
        let rows = patterns as usize - 10..patterns as usize;
        let options = ReadOptions::default()
            .with_columns(["x", "diffraction"])
            .with_rows(rows);
        let (batches, grown) = private_peak(|| {
            let reader = Scan::open(&path).unwrap().read(&options).unwrap();
            reader.map(Result::unwrap).collect::<Vec<_>>()
        });
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(rows, 10);
        grown
    };
    // Other tests share the process: the least of several tries is what this one takes.
    let grown = (0..5).map(|_| ten_patterns()).min().unwrap();
    assert!(grown < 100 << 20, "{grown} bytes of private memory");
}

#[test]
fn a_file_that_changes_is_noticed_before_the_next_batch() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    scan_file(&path, &[0.0, 1.0, 2.0, 3.0], &[0.0, 0.0, 1.0, 1.0]);
    let scan = Scan::open(&path).unwrap();
    let mut reader = scan
        .read(&ReadOptions::default().with_batch_bytes(1))
        .unwrap();
    reader.next().unwrap().unwrap();
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    (&file).write_all(b"more").unwrap();
    let error = Error::from(reader.next().unwrap().unwrap_err());
    assert!(matches!(error, Error::FileChanged { .. }), "{error}");
    assert!(reader.next().is_none(), "an error ends the reader");
}
