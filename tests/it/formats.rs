//! Members by every method of compression that NumPy reads, and what is said of files and members that are none of
//! what is read, by each command that takes a file.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ptychoarrow::npz::{AccessMode, InflatesTo, Method, NpzFile, OpenOptions};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::{ReadOptions, Scan};

use crate::pack::Archive;
use crate::support::{collect, f8, failure, folder, npy, ptychoarrow, success, text};

/// A scan made by Python's `zipfile`: positions, and patterns of 6 x 4 x 4 u2 that count from 0 to 4, all by LZMA.
const LZMA: &str = "tests/fuzz/corpus/npz/zip_scan_lzma";

/// Members of a scan with 30 points and patterns of 8 x 8, the same in every call.
fn scan_members() -> Vec<(&'static str, Vec<u8>)> {
    let numbers = |scale: f64| {
        (0..30)
            .map(|i| f64::from(i * 37 % 30) * scale)
            .collect::<Vec<_>>()
    };
    let counts = (0..30 * 64u32).flat_map(|i| ((i * i / 7 % 90) as u16).to_le_bytes());
    let counts: Vec<u8> = counts.collect();
    vec![
        ("xcoords", npy("'<f8'", false, &[30], &f8(&numbers(1.0)))),
        ("ycoords", npy("'<f8'", false, &[30], &f8(&numbers(0.7)))),
        ("diff3d", npy("'<u2'", false, &[30, 8, 8], &counts)),
    ]
}

fn packed(method: u16) -> Vec<u8> {
    let mut archive = Archive::default();
    for (name, bytes) in scan_members() {
        archive.add(&format!("{name}.npy"), method, &bytes);
    }
    archive.finish()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    text(&path)
}

#[test]
fn members_of_every_method_are_the_same_from_a_map_by_position_and_in_scratch_files() {
    let folder = folder();
    let read = |path: &str, options: &ScanOptions| {
        let scan = Scan::open_with(path, options).unwrap();
        collect(scan.read(&ReadOptions::default()).unwrap())
    };
    let stored = write(folder.path(), "stored.npz", &packed(0));
    let expected = read(&stored, &ScanOptions::default());
    for (number, method) in [
        (8, Method::Deflated),
        (12, Method::Bzip2),
        (93, Method::Zstd),
    ] {
        let path = write(folder.path(), &format!("{method}.npz"), &packed(number));
        for access in [AccessMode::Map, AccessMode::Read] {
            for (memory, to) in [(1 << 30, InflatesTo::Memory), (100, InflatesTo::Scratch)] {
                let open = OpenOptions::default()
                    .with_access(access)
                    .with_inflate_memory(memory);
                let npz = NpzFile::open_with(&path, &open).unwrap();
                let info = npz.array_info("diff3d").unwrap();
                assert_eq!((info.method, info.byte_offset), (method, None));
                assert_eq!(npz.inflates_to("diff3d"), Some(to));
                let mut options = ScanOptions::default();
                options.open = open;
                let rows = read(&path, &options);
                assert_eq!(rows, expected, "{method} {access:?} {memory}");
            }
        }
    }
}

#[test]
fn members_by_lzma_are_read_as_python_wrote_them() {
    let npz = Arc::new(NpzFile::open(LZMA).unwrap());
    let patterns = npz.array("diff3d").unwrap();
    assert_eq!(
        (patterns.info.method, patterns.info.shape.as_slice()),
        (Method::Lzma, &[6, 4, 4][..])
    );
    let expected = (0..6 * 16u16).flat_map(|i| (i % 5).to_le_bytes());
    assert_eq!(
        patterns.data.in_memory().unwrap(),
        &expected.collect::<Vec<u8>>()
    );
}

#[test]
fn every_command_reads_members_of_every_method() {
    let folder = folder();
    let output = |name: &str| text(folder.path().join(name));
    let stored = write(folder.path(), "stored.npz", &packed(0));
    let groups = |path: &str| {
        let output = output("groups.arrow");
        let asked = [
            "group",
            path,
            "--gridsize",
            "1",
            "--columns",
            "nn_indices,diffraction",
        ];
        success(&[&asked[..], &["-o", &output, "--force"]].concat());
        let file = std::fs::File::open(&output).unwrap();
        // The metadata names the file.
        let rows = collect(arrow::ipc::reader::FileReader::try_new(file, None).unwrap());
        rows.columns().to_vec()
    };
    let sql = "SELECT sum(pattern_sum(diffraction)) AS total FROM scan";
    let summed = |path: &str| success(&["sql", path, "-c", sql, "--format", "csv"]);
    for (number, word) in [(12, "bzip2"), (93, "zstd")] {
        let path = write(folder.path(), &format!("{word}.npz"), &packed(number));
        assert!(success(&["inspect", &path]).contains(word));
        success(&["check", &path]);
        assert_eq!(groups(&path), groups(&stored));
        assert_eq!(summed(&path), summed(&stored));
        assert_eq!(success(&["norm", &path]), success(&["norm", &stored]));
        let aligned = output(&format!("aligned_{word}.npz"));
        success(&["align", &path, "-o", &aligned]);
        let (before, after) = (
            NpzFile::open(&stored).unwrap(),
            NpzFile::open(&aligned).unwrap(),
        );
        for (name, _) in scan_members() {
            let (before, after) = (before.array(name).unwrap(), after.array(name).unwrap());
            assert_eq!(after.info.method, Method::Stored);
            assert_eq!(before.data.in_memory(), after.data.in_memory(), "{name}");
        }
    }
}

#[test]
fn damaged_members_of_every_method_are_errors_that_name_them() {
    let folder = folder();
    for number in [12, 93] {
        let good = packed(number);
        let data = good.windows(10).position(|at| at == b"diff3d.npy").unwrap() + 10;
        for at in [data, data + 1, data + 40, data + 200] {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            let path = write(folder.path(), "damaged.npz", &bytes);
            let array = NpzFile::open(&path).unwrap().array("diff3d");
            let said = array.unwrap_err().to_string();
            assert!(
                said.contains("member `diff3d`") && said.contains("damaged.npz"),
                "{said}"
            );
            let (code, _) = failure(&["norm", &path]);
            assert_eq!(code, 1);
        }
    }
    // A directory that claims more than there is; what it claims is not set aside.
    let claimed = (
        &npy("'|u1'", false, &[2_000_000_000], &[7; 100])[..],
        2_000_000_128u64,
    );
    for method in [8, 12, 93] {
        let mut archive = Archive::default();
        archive.add("a.npy", method, claimed.0);
        let mut bytes = archive.finish();
        let record = bytes.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
        bytes[record + 24..record + 28].copy_from_slice(&(claimed.1 as u32).to_le_bytes());
        let path = write(folder.path(), "claims.npz", &bytes);
        let said = NpzFile::open(&path)
            .unwrap()
            .array("a")
            .unwrap_err()
            .to_string();
        assert!(said.contains("member `a`"), "{said}");
    }
}

#[test]
fn members_that_are_not_read_are_told_by_name() {
    let folder = folder();
    let mut archive = Archive::default();
    let bytes = npy("'<f8'", false, &[2], &f8(&[1.0, 2.0]));
    for method in [1, 6, 9, 20, 95, 98, 99, 77] {
        archive.add_packed(&format!("m{method}.npy"), method, &bytes, &[7; 50]);
    }
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let others: [(&str, &[u8]); 9] = [
        ("bfloat16.npy", &npy("'<V2'", false, &[3], &[0; 6])),
        ("float8.npy", &npy("'<f1'", false, &[3], &[0; 3])),
        ("e4m3.npy", &npy("'|V1'", false, &[3], &[0; 3])),
        (
            "pickle.npy",
            b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94\x8c\x01x\x94K\x02s.",
        ),
        ("text.npy", b"hello"),
        ("gzip.npy", gzip),
        ("inner.npz", &packed(0)),
        ("folder/", b""),
        ("nothing.npy", b""),
    ];
    for (name, bytes) in others {
        archive.add(name, 0, bytes);
    }
    let mut bytes = archive.finish();
    let path = write(folder.path(), "odd.npz", &bytes);
    let told = |path: &str| {
        let npz = NpzFile::open(path).unwrap();
        let told: Vec<String> = npz
            .names()
            .iter()
            .map(|name| {
                npz.array(name)
                    .unwrap_err()
                    .to_string()
                    .replace(path, "FILE")
            })
            .collect();
        told.join("\n")
    };
    insta::assert_snapshot!(told(&path));
    let shown = ptychoarrow(&["inspect", &path]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for word in [
        "Deflate64",
        "PPMd",
        "bfloat16",
        "8-bit floats",
        "a zip archive",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let json = success(&["inspect", &path, "--format", "json"]);
    assert!(json.contains("Implode") && json.contains("XZ"), "{json}");
    let sql = "SELECT reason FROM arrays WHERE name = 'm9'";
    let rows = success(&["sql", &path, "-c", sql, "--format", "csv"]);
    assert!(rows.contains("Deflate64"), "{rows}");
    // The first bit of the flags, in the last record of that name: the directory's.
    let name = bytes.windows(6).rposition(|at| at == b"m1.npy").unwrap();
    let record = name - 46;
    bytes[record + 8] |= 1;
    let path = write(folder.path(), "encrypted.npz", &bytes);
    let first = told(&path).lines().next().unwrap().to_string();
    insta::assert_snapshot!(first, @"FILE: member `m1`: found an encrypted member (the traditional encryption of zip), which cannot be read without its password, expected a plain NumPy array (numbers, text or times); use another member or save it again as a member without a password");
}

/// Every kind of file that is none, with words of its name and of what helps.
fn kinds() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let zip = packed(0);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let npy = npy("'<f8'", false, &[2], &f8(&[1.0, 2.0]));
    let behind = |len: usize, magic: &[u8]| [&vec![b' '; len][..], magic, &[0; 64]].concat();
    vec![
        ("empty", Vec::new(), "an empty file", "write the file first"),
        (
            "pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec(),
            "Git LFS pointer",
            "git lfs pull",
        ),
        (
            "page",
            b"\xef\xbb\xbf\n<!doctype html><p>Sign in".to_vec(),
            "a web page",
            "download",
        ),
        (
            "xml",
            b"<?xml version='1.0'?><Error/>".to_vec(),
            "an XML document",
            "download",
        ),
        (
            "json",
            b"{\"message\": \"Not Found\"}".to_vec(),
            "a JSON document",
            "download",
        ),
        ("text", b"x y\n1 2\n".to_vec(), "plain text", "np.loadtxt"),
        ("zeros", vec![0; 5000], "nothing but zeros", "again"),
        ("gzip", gzip(b"text"), "a gzip file", "gunzip"),
        ("npy.gz", gzip(&npy), "holds a NumPy array", "gunzip"),
        ("npz.gz", gzip(&zip), "holds a zip archive", "gunzip"),
        ("bzip2", b"BZh91AY&SY".to_vec(), "a bzip2 file", "bunzip2"),
        ("xz", b"\xfd7zXZ\0\0".to_vec(), "an xz file", "unxz"),
        (
            "zstd",
            b"\x28\xb5\x2f\xfd\0".to_vec(),
            "a Zstandard file",
            "unzstd",
        ),
        (
            "7z",
            b"7z\xbc\xaf\x27\x1c".to_vec(),
            "a 7-Zip archive",
            "unpack",
        ),
        (
            "rar",
            b"Rar!\x1a\x07\x01\0".to_vec(),
            "a RAR archive",
            "unpack",
        ),
        ("tiff", b"MM\0*\0\0\0\x08".to_vec(), "a TIFF image", "stack"),
        (
            "bigtiff",
            b"II+\0\x08\0\0\0".to_vec(),
            "a TIFF image",
            "stack",
        ),
        ("png", b"\x89PNG\r\n\x1a\n".to_vec(), "a PNG image", "stack"),
        (
            "mat",
            b"MATLAB 5.0 MAT-file, Platform: GLNXA64".to_vec(),
            "a MATLAB file",
            "scipy.io.loadmat",
        ),
        (
            "mat73",
            b"MATLAB 7.3 MAT-file, Platform: GLNXA64".to_vec(),
            "MATLAB 7.3",
            "h5py",
        ),
        (
            "hdf5",
            b"\x89HDF\r\n\x1a\n".to_vec(),
            "an HDF5 file",
            "h5py",
        ),
        (
            "hdf5_behind",
            behind(2048, b"\x89HDF\r\n\x1a\n"),
            "an HDF5 file",
            "h5py",
        ),
        ("parquet", b"PAR1....".to_vec(), "a Parquet file", "pyarrow"),
        (
            "arrow",
            b"ARROW1\0\0".to_vec(),
            "an Arrow IPC file",
            "pyarrow",
        ),
        (
            "pickle0",
            b"(dp0\nVx\np1\nI2\ns.".to_vec(),
            "a Python pickle",
            "np.savez",
        ),
        (
            "pickle5",
            b"\x80\x05N.".to_vec(),
            "a Python pickle",
            "np.savez",
        ),
        (
            "cut",
            zip[..zip.len() / 2].to_vec(),
            "no zip directory",
            "copy the file",
        ),
    ]
}

#[test]
fn every_command_tells_what_a_file_is_that_is_no_archive() {
    let folder = folder();
    let output = |name: &str| text(folder.path().join(name));
    let (arrow, aligned) = (output("out.arrow"), output("out.npz"));
    std::fs::create_dir(folder.path().join("folder.npz")).unwrap();
    let mut files: Vec<(String, &str, &str)> =
        vec![(output("folder.npz"), "a folder", "name a file in it")];
    for (name, bytes, kind, remedy) in kinds() {
        files.push((
            write(folder.path(), &format!("{name}.npz"), &bytes),
            kind,
            remedy,
        ));
    }
    for (path, kind, remedy) in &files {
        let calls: [&[&str]; 7] = [
            &["inspect", path],
            &["check", path],
            &["group", path, "-o", &arrow],
            &["norm", path],
            &["export", path, "-o", &arrow],
            &["sql", path, "-c", "SELECT 1"],
            &["align", path, "-o", &aligned],
        ];
        for call in calls {
            // Tables of Arrow and Parquet are shown.
            let is_shown =
                call[0] == "inspect" && (kind.contains("Arrow") || kind.contains("Parquet"));
            if is_shown {
                continue;
            }
            let (code, said) = failure(call);
            let holds =
                said.contains(kind) && said.contains(remedy) && said.contains(path.as_str());
            assert!(code == 1 && holds, "{call:?}: {code} {said}");
        }
    }
    for path in [arrow, aligned] {
        assert!(!Path::new(&path).exists());
    }
}

#[test]
fn a_table_of_rows_without_values_ends() {
    let folder = folder();
    let mut archive = Archive::default();
    let endless = [1usize << 60, 0];
    archive.add("endless.npy", 0, &npy("'<f4'", false, &endless, &[]));
    archive.add("large.npy", 0, &npy("'<f4'", false, &[1 << 40, 0], &[]));
    archive.add("few.npy", 0, &npy("'<f4'", false, &[5, 0], &[]));
    archive.add("none.npy", 0, &npy("'<f4'", false, &[0, 4096, 4096], &[]));
    let path = write(folder.path(), "empty.npz", &archive.finish());
    let output = text(folder.path().join("out.arrow"));
    for member in ["endless", "large"] {
        let array = format!("--array={member}");
        let count = format!("SELECT count(*) FROM array('{path}', '{member}')");
        let first = format!("SELECT * FROM array('{path}', '{member}') LIMIT 3");
        let calls: [&[&str]; 3] = [
            &["export", &path, &array, "-o", &output],
            &["sql", &path, "-c", &count],
            &["sql", &path, "-c", &first],
        ];
        for call in calls {
            let (code, said) = failure(call);
            assert!(
                code == 1 && said.contains(member) && said.contains("rows without a value"),
                "{said}"
            );
        }
    }
    for (member, rows) in [("few", 5), ("none", 0)] {
        let sql = format!("SELECT count(*) AS n FROM array('{path}', '{member}')");
        let shown = success(&["sql", &path, "-c", &sql, "--format", "csv"]);
        assert_eq!(shown, format!("n\n{rows}\n"));
    }
    success(&["inspect", &path, "--stats"]);
    success(&["align", &path, "-o", &text(folder.path().join("out.npz"))]);
}
