//! Replays the fuzzer's own code (`tests/fuzz`) over its corpus and over archives whose numbers are wrong.
//!
//! Each file is read in every way there is. The outcome is a result or an error, never a panic; memory stays
//! within bounds that the bytes justify (see `body.rs`). The cases are the same in every run unless a seed is
//! given (see `properties.rs`).

#[path = "../fuzz/body.rs"]
mod body;
#[path = "../fuzz/lies.rs"]
mod lies;
#[path = "../fuzz/memory.rs"]
mod memory;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::pack::Archive;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use self::body::{Seen, Way, open_directory, parse_header, read_file};

/// Seeds and inputs that once broke something, by name.
type Corpus = BTreeMap<String, Vec<u8>>;

static ARCHIVES: LazyLock<Corpus> = LazyLock::new(|| corpus("npz"));
static HEADERS: LazyLock<Corpus> = LazyLock::new(|| corpus("npy"));

fn corpus(kind: &str) -> Corpus {
    let folder = format!("{}/tests/fuzz/corpus/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let named = |path: std::path::PathBuf| {
        (
            path.file_name().unwrap().to_string_lossy().into_owned(),
            path,
        )
    };
    files
        .map(named)
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

fn read(bytes: &[u8]) -> Seen {
    read_file(bytes, Way::Memory).0
}

#[test]
fn the_corpus_is_read_alike_from_memory_and_by_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("untrusted.npz");
    let mut seen = BTreeMap::new();
    for (name, bytes) in ARCHIVES.iter() {
        let (here, _) = read_file(bytes, Way::Memory);
        // A bare array is called as its file is: here the names are the same.
        assert_eq!(read_file(bytes, Way::File(&path)).0, here, "{name}");
        seen.insert(name.as_str(), here);
    }
    // What is valid is not refused, or all of this would test little.
    for name in [
        "layout_raw",
        "layout_prepared_deflated",
        "zip_zip64_all",
        "zip_zip64_end",
        "zip_streamed_deflated",
        "zip_scan_bzip2",
        "zip_scan_bzip2_streamed",
        "zip_scan_lzma",
        "zip_scan_lzma_streamed",
        "zip_scan_zstd",
        "zip_lzma_dictionary",
    ] {
        assert!(
            seen[name].scan_rows > 0 && seen[name].group_rows > 0,
            "{name}: {:?}",
            seen[name]
        );
    }
    for name in [
        "array_be",
        "array_le_deflated",
        "array_shapes",
        "array_text",
        "array_times",
        "bare",
        "zip_bomb_bzip2",
        "zip_bomb_lzma",
        "zip_bomb_zstd",
        "zip_duplicates",
    ] {
        assert!(
            seen[name].arrays > 0 && seen[name].rows > 0,
            "{name}: {:?}",
            seen[name]
        );
    }
    for name in ["zip_prefix", "zip_count"] {
        assert_eq!(seen[name].members, 0, "{name}");
    }
    assert_eq!(seen["zip_zstd_endless"].rows, 0);
    for name in ["zip_overlap", "zip_quoted"] {
        assert!(
            seen[name].arrays <= 1,
            "no byte belongs to two members: {name}: {:?}",
            seen[name]
        );
    }
}

#[test]
fn headers_of_the_corpus_are_parsed() {
    HEADERS.values().for_each(|bytes| parse_header(bytes));
    ARCHIVES.values().for_each(|bytes| parse_header(bytes));
}

/// An NPY file: its header may claim any length (`claimed`, if not its own) and any shape.
fn npy(
    version: u8,
    descr: &str,
    fortran: bool,
    shape: &[u64],
    claimed: Option<u32>,
    data: &[u8],
) -> Vec<u8> {
    let shape: String = shape.iter().map(|len| format!("{len}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    let len = claimed.unwrap_or(text.len() as u32);
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((len as u16).to_le_bytes()),
        _ => bytes.extend(len.to_le_bytes()),
    }
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

fn archive(members: &[(&str, Vec<u8>)], method: u16) -> Vec<u8> {
    let mut archive = Archive::default();
    for (name, bytes) in members {
        archive.add(&format!("{name}.npy"), method, bytes);
    }
    archive.finish()
}

/// Stored, deflated, bzip2, Zstandard. LZMA is in the corpus.
fn any_method() -> impl Strategy<Value = u16> {
    select(vec![0, 8, 12, 93])
}

/// Places of a record's signature.
fn places(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(signature))
        .collect()
}

/// Any archive of the corpus.
fn any_archive() -> impl Strategy<Value = Vec<u8>> {
    select(ARCHIVES.values().cloned().collect::<Vec<_>>())
}

/// Lengths of axes whose products overflow, and honest ones.
fn any_len() -> impl Strategy<Value = u64> {
    let powers = select(vec![31u32, 32, 33, 40, 61, 62, 63]).prop_map(|bits| 1 << bits);
    prop_oneof![4 => 0..5u64, 2 => powers, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn any_descr() -> impl Strategy<Value = &'static str> {
    select(vec![
        "|b1",
        "|u1",
        "<i2",
        ">u2",
        "<f4",
        ">f8",
        "<c8",
        "<c16",
        "<U0",
        "|S3",
        ">U2",
        "<U1073741823",
        "<M8[Y]",
        "<m8[7h]",
    ])
}

properties! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn flipped_bytes(mut bytes in any_archive(), flips in vec((any::<Index>(), any::<u8>()), 1..8)) {
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes);
    }

    #[test]
    fn files_cut_short(bytes in any_archive(), at in any::<Index>()) {
        read(&bytes[..at.index(bytes.len())]);
    }

    #[test]
    fn one_file_spliced_to_another(a in any_archive(), b in any_archive(), i in any::<Index>(), j in any::<Index>()) {
        read(&[&a[..i.index(a.len())], &b[j.index(b.len())..]].concat());
    }

    /// Sizes, offsets, lengths, counts, methods and flags, in 16, 32 and 64 bits.
    #[test]
    fn numbers_that_lie(mut bytes in any_archive(), picks in vec((any::<Index>(), 0..16usize), 1..4)) {
        for (field, lie) in picks {
            let fields = lies::fields(&bytes);
            let field = fields[field.index(fields.len())].clone();
            let value = lies::lies(lies::get(&bytes, &field), bytes.len() as u64)[lie];
            lies::set(&mut bytes, &field, value);
        }
        read(&bytes);
    }

    /// Shapes whose product overflows, terabytes that are not there, axes of no length beside huge ones.
    #[test]
    fn shapes_that_lie(
        (version, descr, fortran) in (1..4u8, any_descr(), any::<bool>()),
        shape in vec(any_len(), 0..5),
        (claimed, data, method) in (proptest::option::weighted(0.2, any::<u32>()), 0..200usize, any_method()),
        extra in prop_oneof![Just(0), Just(1), 0..1u64 << 40],
    ) {
        let member = npy(version, descr, fortran, &shape, claimed, &vec![0; data]);
        parse_header(&member);
        read(&member);
        let size = member.len() as u64;
        let mut bytes = archive(&[("a", member)], method);
        read(&bytes);
        // The directory plays along: the member is as large as its header says.
        let central = places(&bytes, b"PK\x01\x02")[0];
        for at in [central + 20, central + 24] {
            lies::set(&mut bytes, &(at..at + 4), size.saturating_add(extra).min(u64::from(u32::MAX) - 1));
        }
        read(&bytes);
    }

    /// A scan whose members do not fit each other, or barely.
    #[test]
    fn scans_that_lie(
        (count, side) in (0..9u64, 0..5u64),
        (x, y, patterns) in (any_descr(), any_descr(), any_descr()),
        (bytes, fill, method) in (0..3000usize, any::<u8>(), any_method()),
        odd in vec(any_len(), 0..4),
    ) {
        let data = vec![fill; bytes];
        let members = [
            ("xcoords", npy(1, x, false, &[count], None, &data)),
            ("ycoords", npy(1, y, false, &[count], None, &data)),
            ("diff3d", npy(1, patterns, false, &[count, side, side], None, &data)),
            ("objectGuess", npy(1, "<c8", true, &[side, count], None, &data)),
            ("probeGuess", npy(1, "<c16", false, &odd, None, &data)),
            ("Y", npy(1, "<c8", false, &[count, side, side], None, &data)),
            ("other", npy(1, "|S3", false, &[&[count], &odd[..]].concat(), None, &data)),
        ];
        read(&archive(&members, method));
    }
}

mod bombs {
    use super::*;

    properties! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Zeros deflate a thousand to one, and more by other methods; the header may claim more of them than there are, or the directory.
        #[test]
        fn zip_bombs(size in 1..4u64 << 20, claim in select(vec![0u32, 1, 2, 1000]), directory in any::<bool>(), method in select(vec![8, 12, 93])) {
            let claimed = size << claim.min(3);
            let member = npy(1, "|u1", false, &[claimed], None, &vec![0; size as usize]);
            let mut bytes = archive(&[("a", member)], method);
            if directory {
                let central = places(&bytes, b"PK\x01\x02")[0];
                let most = u64::from(u32::MAX) - 1;
                lies::set(&mut bytes, &(central + 24..central + 28), (claimed * u64::from(claim.max(1))).min(most));
            }
            let seen = read(&bytes);
            prop_assert!(claim != 0 || directory || seen.rows > 0);
        }

        /// Directory records that point to another member's bytes, whole or in part, under its name or their
        /// own.
        #[test]
        fn members_that_overlap(count in 2..6usize, lies in vec((any::<Index>(), any::<Index>(), 0..40u64, any::<bool>()), 1..4)) {
            let names: Vec<String> = (0..count).map(|index| format!("m{index}")).collect();
            let members: Vec<_> =
                names.iter().map(|name| (name.as_str(), npy(1, "|u1", false, &[50], None, &[7; 50]))).collect();
            let mut bytes = archive(&members, 0);
            let directory = places(&bytes, b"PK\x01\x02");
            for (record, target, shift, rename) in lies {
                let (record, target) = (directory[record.index(count)], directory[target.index(count)]);
                let offset = lies::get(&bytes, &(target + 42..target + 46));
                lies::set(&mut bytes, &(record + 42..record + 46), offset + shift / 20 * shift);
                if rename {
                    // Names are equally long here.
                    bytes.copy_within(target + 46..target + 46 + 6, record + 46);
                }
            }
            read(&bytes);
        }

        /// Counts of members up to 2^64, in either end record.
        #[test]
        fn counts_that_lie(name in select(vec!["zip_stored", "zip_zip64_end", "zip_many"]), lie in 0..16usize) {
            let mut bytes = ARCHIVES[name].clone();
            let (signature, fields): (&[u8], _) = match name {
                "zip_zip64_end" => (b"PK\x06\x06", [24..32, 32..40]),
                _ => (b"PK\x05\x06", [8..10, 10..12]),
            };
            let at = *places(&bytes, signature).last().unwrap();
            for field in fields {
                let field = at + field.start..at + field.end;
                let value = lies::lies(lies::get(&bytes, &field), bytes.len() as u64)[lie];
                lies::set(&mut bytes, &field, value);
            }
            open_directory(&bytes, Way::Memory);
        }

        /// The same names again and again, with and without `.npy`.
        #[test]
        fn names_that_repeat(names in vec(select(vec!["a", "b", "a.npy", "b.npy", "", "A"]), 1..20)) {
            let named: Vec<String> = (0..names.len()).map(|index| format!("{index:05}")).collect();
            let members: Vec<_> = named.iter().map(|name| (name.as_str(), npy(1, "|u1", false, &[1], None, &[1]))).collect();
            let mut bytes = archive(&members, 0);
            // The writer takes no name twice: rename in place, filled up with NULs, which end a name.
            for (name, named) in names.iter().zip(&named) {
                let new: Vec<u8> = name.bytes().chain(*b".npy").chain([0; 9]).take(9).collect();
                for at in places(&bytes, format!("{named}.npy").as_bytes()) {
                    bytes[at..at + 9].copy_from_slice(&new);
                }
            }
            let seen = read(&bytes);
            prop_assert!(seen.members <= names.len() && seen.arrays > 0);
        }
    }
}
