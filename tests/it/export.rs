//! Exported files hold the same rows and the same bytes every time, and a failed export leaves no file.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ptychoarrow::array::{Access, Column, RowSet, View};
use ptychoarrow::export::{AlignOptions, ByteOrder, ExportOptions, IfExists, align, write};
use ptychoarrow::progress::Progress;
use ptychoarrow::table::{TableInfo, TableReader};
use ptychoarrow::{Error, GroupSpec, Groups, NpzFile, ReadOptions, Scan};

use crate::support::{SIEMENS, collect, f8, folder, npy};

fn groups(seed: u64) -> Groups {
    let spec = GroupSpec::default()
        .with_n_groups(40)
        .with_neighbors(6)
        .with_seed(seed);
    Groups::try_new(&Scan::open(SIEMENS).unwrap(), spec).unwrap()
}

fn write_groups(path: &Path, seed: u64, if_exists: IfExists) -> Result<Option<u64>, Error> {
    let groups = groups(seed);
    let reader = groups.read(&ReadOptions::default())?;
    let options = ExportOptions::default()
        .with_if_exists(if_exists)
        .with_provenance(groups.provenance())
        .with_expected_bytes(reader.num_bytes());
    Ok(write(reader, path, &options)?.map(|written| written.rows))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn arrow_files_and_streams_hold_the_rows() {
    let folder = folder();
    let expected = collect(groups(1).read(&ReadOptions::default()).unwrap());
    let file = folder.path().join("g.arrow");
    assert_eq!(write_groups(&file, 1, IfExists::Error).unwrap(), Some(40));
    let reader = FileReader::try_new(std::fs::File::open(&file).unwrap(), None).unwrap();
    assert_eq!(reader.schema().fields(), expected.schema().fields());
    let batches = collect(reader);
    assert_eq!(batches.columns(), expected.columns());
    let stream = folder.path().join("g.arrows");
    write_groups(&stream, 1, IfExists::Error).unwrap();
    let batches =
        collect(StreamReader::try_new(std::fs::File::open(&stream).unwrap(), None).unwrap());
    assert_eq!(batches.columns(), expected.columns());
    assert_eq!(names(folder.path()), ["g.arrow", "g.arrows"]);
}

#[test]
fn every_buffer_can_be_mapped() {
    let folder = folder();
    let path = folder.path().join("g.arrow");
    write_groups(&path, 1, IfExists::Error).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // A page-aligned copy stands for a map.
    let mut aligned = arrow::buffer::MutableBuffer::new(bytes.len());
    aligned.extend_from_slice(&bytes);
    let buffer: arrow::buffer::Buffer = aligned.into();
    let footer_len =
        i32::from_le_bytes(bytes[bytes.len() - 10..bytes.len() - 6].try_into().unwrap()) as usize;
    let footer =
        arrow::ipc::root_as_footer(&bytes[bytes.len() - 10 - footer_len..bytes.len() - 10])
            .unwrap();
    let schema = Arc::new(arrow::ipc::convert::fb_to_schema(footer.schema().unwrap()));
    let decoder =
        arrow::ipc::reader::FileDecoder::new(schema, footer.version()).with_require_alignment(true);
    for block in footer.recordBatches().unwrap() {
        assert_eq!(block.offset() % 64, 0);
        let len = block.bodyLength() as usize + block.metaDataLength() as usize;
        let data = buffer.slice_with_length(block.offset() as usize, len);
        assert!(decoder.read_record_batch(block, &data).unwrap().is_some());
    }
}

#[test]
fn the_same_spec_gives_the_same_bytes() {
    let folder = folder();
    for ending in ["arrow", "arrows", "parquet", "csv"] {
        let path = |name: &str| folder.path().join(format!("{name}.{ending}"));
        let narrow = |path: &Path, seed: u64| {
            let groups = groups(seed);
            let columns = ["group_id", "nn_indices", "span"];
            let reader = groups
                .read(&ReadOptions::default().with_columns(columns))
                .unwrap();
            let options = ExportOptions::default().with_provenance(groups.provenance());
            write(reader, path, &options).unwrap();
            std::fs::read(path).unwrap()
        };
        let first = narrow(&path("a"), 7);
        assert_eq!(first, narrow(&path("b"), 7), "{ending}");
        assert_ne!(first, narrow(&path("c"), 8), "{ending}");
    }
}

#[test]
fn parquet_holds_narrow_columns_and_patterns() {
    let folder = folder();
    let path = folder.path().join("g.parquet");
    write_groups(&path, 1, IfExists::Error).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    let batch = collect(reader.build().unwrap());
    let expected = collect(groups(1).read(&ReadOptions::default()).unwrap());
    assert_eq!(batch.num_rows(), 40);
    for field in expected.schema().fields() {
        assert_eq!(
            batch[field.name().as_str()].to_data(),
            expected[field.name().as_str()].to_data()
        );
    }
}

#[test]
fn csv_holds_lists_as_text_and_refuses_patterns() {
    let folder = folder();
    let path = folder.path().join("g.csv");
    assert!(
        write_groups(&path, 1, IfExists::Error)
            .unwrap_err()
            .to_string()
            .contains("diffraction")
    );
    assert!(
        names(folder.path()).is_empty(),
        "nothing is left of a failed export"
    );
    let columns = ["group_id", "nn_indices"];
    let reader = groups(1)
        .read(&ReadOptions::default().with_columns(columns))
        .unwrap();
    write(reader, &path, &ExportOptions::default()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("group_id,nn_indices", 41));
    assert!(lines[1].starts_with("0,\"["), "{}", lines[1]);
}

#[test]
fn an_output_that_exists_is_kept_skipped_or_replaced() {
    let folder = folder();
    let path = folder.path().join("g.arrow");
    std::fs::write(&path, b"precious").unwrap();
    assert!(matches!(
        write_groups(&path, 1, IfExists::Error).unwrap_err(),
        Error::OutputExists { .. }
    ));
    assert_eq!(write_groups(&path, 1, IfExists::Skip).unwrap(), None);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(write_groups(&path, 1, IfExists::Replace).unwrap(), Some(40));
    assert!(std::fs::metadata(&path).unwrap().len() > 1000);
    assert_eq!(names(folder.path()), ["g.arrow"]);
}

#[test]
fn provenance_names_the_source_and_nothing_of_this_machine() {
    let folder = folder();
    let path = folder.path().join("g.arrow");
    write_groups(&path, 1, IfExists::Error).unwrap();
    let reader = FileReader::try_new(std::fs::File::open(&path).unwrap(), None).unwrap();
    let schema = reader.schema();
    let metadata = schema.metadata();
    let sources: serde_json::Value =
        serde_json::from_str(&metadata["ptychoarrow.sources"]).unwrap();
    assert_eq!(sources[0]["name"], "siemens_star.npz");
    assert_eq!(sources[0]["size"], 8_509_330);
    assert_eq!(sources[0]["crc32"].as_object().unwrap().len(), 7);
    let spec: GroupSpec = serde_json::from_str(&metadata["ptychoarrow.spec"]).unwrap();
    assert_eq!(&spec, groups(1).spec());
    assert_eq!(metadata["ptychoarrow.table"], "groups");
    assert_eq!(metadata["ptychoarrow.version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    let folder = folder();
    let source = folder.path().join("scan.npz");
    std::fs::copy(SIEMENS, &source).unwrap();
    let scan = Scan::open(&source).unwrap();
    let options = ReadOptions::default().with_batch_bytes(1 << 20);
    let reader = TableReader::try_new(Arc::new(scan), &options).unwrap();
    let output = folder.path().join("s.arrow");
    // The file is written to after the first batches.
    let touched = AtomicBool::new(false);
    let progress = Progress::new(move |_| {
        if !touched.swap(true, Ordering::Relaxed) {
            let file = std::fs::OpenOptions::new()
                .append(true)
                .open(&source)
                .unwrap();
            std::io::Write::write_all(&mut &file, b"more").unwrap();
        }
    });
    let options = ExportOptions::default().with_progress(progress);
    let error = write(reader, &output, &options);
    assert!(matches!(error.unwrap_err(), Error::FileChanged { .. }));
    assert_eq!(names(folder.path()), ["scan.npz"]);
}

#[test]
fn what_the_disk_cannot_hold_is_refused_at_once() {
    let folder = folder();
    let groups = groups(1);
    let reader = groups.read(&ReadOptions::default()).unwrap();
    let options = ExportOptions::default().with_expected_bytes(u64::MAX / 2);
    let error = write(reader, &folder.path().join("g.arrow"), &options).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
}

/// Writes members of every kind: both orders, both byte orders, deflated, and one that is no array.
fn mixed(path: &Path) {
    let cube: Vec<f64> = (0..60).map(f64::from).collect();
    let big: Vec<u8> = (0..6u16).flat_map(u16::to_be_bytes).collect();
    let members = [
        ("cube", npy("'<f8'", true, &[3, 4, 5], &f8(&cube))),
        ("big", npy("'>u2'", false, &[6], &big)),
        ("flags", npy("'|b1'", false, &[3], &[1, 0, 1])),
        (
            "words",
            npy("'<U1'", false, &[2], &[97, 0, 0, 0, 98, 0, 0, 0]),
        ),
        ("pickle", npy("'|O'", false, &[], b"\x80\x04N.")),
        (
            "record",
            npy("[('a', '<f4'), ('b', '<i2')]", false, &[2], &[7; 12]),
        ),
        ("none", npy("'<c8'", true, &[0, 3], &[])),
        ("text", b"no array".to_vec()),
    ];
    crate::support::npz(path, &members, zip::CompressionMethod::Deflated);
}

#[test]
fn an_aligned_archive_maps_and_is_reproducible() {
    let folder = folder();
    let (from, to, again) = (
        folder.path().join("a.npz"),
        folder.path().join("b.npz"),
        folder.path().join("c.npz"),
    );
    mixed(&from);
    let npz = Arc::new(NpzFile::open(&from).unwrap());
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let options = AlignOptions::default().with_progress(Progress::new(move |step| {
        seen.lock().unwrap().push((step.done, step.total.unwrap()));
    }));
    let aligned = align(&npz, &to, &options).unwrap().unwrap();
    let reports = reports.lock().unwrap();
    assert!(
        reports.windows(2).all(|pair| pair[0].0 <= pair[1].0)
            && reports.iter().all(|(done, total)| done <= total)
    );
    let (done, total) = reports.last().unwrap();
    assert_eq!(done, total, "the last report is that of the end");
    let kept: Vec<String> = aligned
        .not_mapped
        .iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    insta::assert_snapshot!(kept.join("\n"), @r"
    big: big-endian
    flags: Arrow packs eight booleans into a byte
    words: Arrow's text has no fixed width
    pickle: pickled Python objects (dtype object), which are never unpickled
    record: a structured dtype (several fields per value)
    text: plain text, no NPY array
    ");
    let out = Arc::new(NpzFile::open(&to).unwrap());
    assert_eq!(out.names(), npz.names());
    for (before, after) in npz.arrays().zip(out.arrays()) {
        assert_eq!(
            (&before.dtype, &before.shape),
            (&after.dtype, &after.shape),
            "{}",
            before.name
        );
        assert!(
            after.byte_offset.unwrap().is_multiple_of(64),
            "{}",
            after.name
        );
        let rows = |npz: &Arc<NpzFile>| {
            let view = View::first_axis(npz.info(&before.name).unwrap());
            let column = Column::open(npz, &before.name, "value", &view).unwrap();
            column.array(&RowSet::Range(0..column.num_rows())).unwrap()
        };
        assert_eq!(&rows(&npz), &rows(&out), "{}", before.name);
    }
    let bytes = |npz: &NpzFile, name: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut npz.raw(name).unwrap(), &mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes(&out, "text"), b"no array");
    assert!(bytes(&out, "pickle").ends_with(b"\n\x80\x04N."));
    assert!(bytes(&out, "record").ends_with(&[7; 12]));
    align(&npz, &again, &AlignOptions::default()).unwrap();
    assert_eq!(
        std::fs::read(&to).unwrap(),
        std::fs::read(&again).unwrap(),
        "the same bytes"
    );
    let little = AlignOptions::default()
        .with_byte_order(ByteOrder::Little)
        .with_if_exists(IfExists::Replace);
    align(&npz, &to, &little).unwrap();
    let out = Arc::new(NpzFile::open(&to).unwrap());
    assert_eq!(out.info("big").unwrap().dtype.descr, "<u2");
    assert_eq!(Access::of(&out, out.info("big").unwrap()), Access::Mapped);
    assert_eq!(Access::of(&out, out.info("cube").unwrap()), Access::Mapped);
}

#[test]
fn a_damaged_member_is_not_aligned() {
    let folder = folder();
    let (from, to) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
    let values = npy("'<f8'", false, &[4], &f8(&[1.0, 2.0, 3.0, 4.0]));
    crate::support::npz(&from, &[("a", values)], zip::CompressionMethod::Stored);
    let mut bytes = std::fs::read(&from).unwrap();
    let at = bytes
        .windows(8)
        .position(|window| window == 2f64.to_le_bytes())
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&from, bytes).unwrap();
    let npz = Arc::new(NpzFile::open(&from).unwrap());
    let error = align(&npz, &to, &AlignOptions::default())
        .unwrap_err()
        .report();
    assert!(
        error.contains("member `a`: found CRC-32")
            && error.contains("a stored member of 160 bytes"),
        "{error}"
    );
    assert!(!to.exists());
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_the_output() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("far")).unwrap();
    write_groups(&at("far/real.arrow"), 1, IfExists::Error).unwrap();
    std::os::unix::fs::symlink("far/real.arrow", at("link.arrow")).unwrap();
    let first = std::fs::read(at("far/real.arrow")).unwrap();
    let error = write_groups(&at("link.arrow"), 2, IfExists::Error).unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
    assert_eq!(
        write_groups(&at("link.arrow"), 2, IfExists::Skip).unwrap(),
        None
    );
    assert_eq!(std::fs::read(at("far/real.arrow")).unwrap(), first);
    write_groups(&at("link.arrow"), 2, IfExists::Replace).unwrap();
    assert!(at("link.arrow").is_symlink() && !at("far/real.arrow").is_symlink());
    assert_ne!(std::fs::read(at("far/real.arrow")).unwrap(), first);
    assert_eq!(names(&at("far")), ["real.arrow"]);
    // A link that leads nowhere is refused before any work is done.
    std::os::unix::fs::symlink("nowhere.arrow", at("dangling.arrow")).unwrap();
    for if_exists in [IfExists::Error, IfExists::Replace] {
        let error = write_groups(&at("dangling.arrow"), 1, if_exists).unwrap_err();
        assert!(
            error
                .report()
                .contains("a symbolic link to nowhere.arrow, which does not exist"),
            "{error}"
        );
    }
    assert_eq!(
        names(folder.path()),
        ["dangling.arrow", "far", "link.arrow"]
    );
}
