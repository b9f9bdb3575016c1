//! What is done with untrusted bytes: all that the library does with a file. Shared by the fuzzer's targets
//! and by the replay in `tests/it/fuzz.rs`.
//!
//! Whatever the bytes are, each step ends in a result or in an error that names the file; nothing panics;
//! what comes out is a valid Arrow array of the size asked for, the same from memory and by positioned reads;
//! and memory stays within bounds that the bytes at hand justify.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch};
use bytes::Bytes;
use ptychoarrow::array::{Column, RowSet, View};
use ptychoarrow::group::{Channels, Groups, PatternOptions, Semantics};
use ptychoarrow::internals::header;
use ptychoarrow::npz::{AccessMode, ArrayInfo, Method, NpzFile, OpenOptions};
use ptychoarrow::scan::layout::{LayoutOptions, Measurement, PatternAxis, PositionOrder};
use ptychoarrow::scan::{Scan, ScanOptions, array, arrays};
use ptychoarrow::table::{ReadOptions, Table, TableReader, row_bytes, value_bytes};
use ptychoarrow::{Error, GroupSpec};

use super::memory::measure;

/// The name of an archive in memory, in messages.
const NAME: &str = "untrusted.npz";

/// Memory for inflated members: small, so that scratch files are used too.
const INFLATE_MEMORY: usize = 1 << 20;
/// The most bytes that each method packs into one.
fn max_ratio(method: Method) -> usize {
    match method {
        Method::Bzip2 => 1_434_376,
        Method::Lzma => 8192,
        Method::Zstd => 32_768,
        _ => 1032,
    }
}
/// Bound of a batch; small, so that small files have several.
const BATCH_BYTES: usize = 1 << 12;
/// Bytes read of a member as the archive has it.
const RAW_BYTES: u64 = 1 << 16;
/// Batches read of each table. A row without a byte costs a file nothing: there may be any number of batches.
const BATCHES: usize = 4;

/// What any call may take: an inflater with its buffers (0.4 MB), a few small batches.
const BASE: usize = 1 << 20;
/// What decoders of other methods than Deflate take: a block of bzip2 4 MB, tables of LZMA 6 MB, a few blocks of Zstandard
/// less.
const DECODER: usize = 7 << 20;
/// Bytes held per byte of the file, for its directory: the least record has 46 bytes and becomes about 100 in
/// a vector that doubles, then a few more with the name copied into each. Measured: 5.
const DIRECTORY: usize = 16;
/// Bytes held per byte of header text: the three bytes of `[],` become a value of 32 in a vector that
/// doubles. Measured: 18.
const TEXT: usize = 24;
/// Longest header text that is parsed, deflated or not.
const MAX_TEXT: usize = 1 << 20;
/// Bytes held per byte of an unpacked member. At worst it is half a position: two f8, the tree of neighbours,
/// an index row of C members (measured: 50); or a pixel, which a row of groups has as f4, twice, and as a
/// complex patch, twice (measured: 24).
const UNPACKED: usize = 64;
/// The most unpacked bytes of which scans and groups are read too; beyond, they would take long and show
/// nothing new.
const MAX_SCAN: usize = 1 << 20;

/// A way to reach the bytes.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// The bytes in memory, as they are.
    Memory,
    /// By positioned reads of this file, which is written for it.
    File(&'a Path),
}

/// Counts what was read; zeros where the file was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Members in the directory.
    pub members: usize,
    /// Those that are arrays.
    pub arrays: usize,
    /// Rows read of them, view by view.
    pub rows: usize,
    /// Rows read of the tables of a scan.
    pub scan_rows: usize,
    /// Rows read of groups and their members.
    pub group_rows: usize,
    /// Hash of everything read.
    pub digest: u64,
}

/// Parses an NPY header.
pub fn parse_header(bytes: &[u8]) {
    measure(BASE + TEXT * bytes.len(), || match header::parse(bytes) {
        Ok(header) => {
            assert!(header.data_offset <= bytes.len(), "{header:?}");
            assert_eq!(header::header_len(bytes), Ok(header.data_offset));
            let _ = header.num_bytes();
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    });
}

/// Opens an archive and describes its members. Returns the most bytes held at once, too.
pub fn open_directory(bytes: &[u8], way: Way<'_>) -> (Seen, usize) {
    alone(|| {
        open(bytes, way)
            .map(|(_, seen, peak)| (seen, peak))
            .unwrap_or_default()
    })
}

/// Opens an archive and reads all that it holds, in every way there is. Returns the most bytes held at once,
/// too.
pub fn read_file(bytes: &[u8], way: Way<'_>) -> (Seen, usize) {
    alone(|| {
        let Some((npz, seen, opening)) = open(bytes, way) else {
            return Default::default();
        };
        let limit = BASE
            + decoder(bytes)
            + INFLATE_MEMORY
            + DIRECTORY * bytes.len()
            + UNPACKED * unpacked(&npz);
        let (seen, reading) = measure(limit, || read(&npz, seen));
        (seen, opening.max(reading))
    })
}

/// Runs on the one thread of a pool, together with all that would be shared out among threads.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
    let pool = || {
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("one thread can be had")
    };
    POOL.get_or_init(pool).install(work)
}

/// The value, or nothing for an error, which says something.
fn ok<T>(result: Result<T, Error>) -> Option<T> {
    result
        .map_err(|error| assert!(!error.report().is_empty()))
        .ok()
}

fn open(bytes: &[u8], way: Way<'_>) -> Option<(Arc<NpzFile>, Seen, usize)> {
    let owned = Bytes::copy_from_slice(bytes);
    let mut options = OpenOptions::default().with_inflate_memory(INFLATE_MEMORY as u64);
    if let Way::File(path) = way {
        std::fs::write(path, bytes).expect("the temporary folder can be written to");
        options.access = AccessMode::Read;
    }
    // The header of a compressed member is unpacked before it is parsed.
    let decoder = decoder(bytes);
    let text = if decoder > 0 {
        MAX_TEXT
    } else {
        MAX_TEXT.min(max_ratio(Method::Deflated) * bytes.len())
    };
    let (npz, peak) = measure(
        BASE + decoder + DIRECTORY * bytes.len() + TEXT * text,
        || {
            let (npz, name) = match way {
                Way::Memory => (NpzFile::from_bytes(NAME, owned, &options), NAME.into()),
                Way::File(path) => (NpzFile::open_with(path, &options), path.to_string_lossy()),
            };
            let npz = npz
                .map_err(|error| assert!(error.report().contains(&*name), "{}", error.report()))
                .ok()?;
            npz.members();
            Some(Arc::new(npz))
        },
    );
    let npz = npz?;
    npz.arrays()
        .for_each(|info| check_info(info, bytes.len() as u64));
    let seen = Seen {
        members: npz.members().len(),
        arrays: npz.arrays().count(),
        ..Seen::default()
    };
    Some((npz, seen, peak))
}

/// Returns what decoders take, if the directory names other methods than Deflate.
fn decoder(bytes: &[u8]) -> usize {
    let records = bytes.windows(12).filter(|at| at.starts_with(b"PK\x01\x02"));
    let mut methods = records.map(|record| u16::from_le_bytes([record[10], record[11]]));
    if methods.any(|method| matches!(method, 12 | 14 | 93)) {
        DECODER
    } else {
        0
    }
}

/// What a description claims lies within the file.
fn check_info(info: &ArrayInfo, file_len: u64) {
    assert!(info.packed_bytes <= file_len, "{info:?}");
    if info.method == Method::Stored {
        let start = info.byte_offset.expect("a stored member has its place");
        assert!(
            info.header_bytes + info.num_bytes <= info.packed_bytes,
            "{info:?}"
        );
        assert!(start + info.num_bytes <= file_len, "{info:?}");
    }
}

/// Returns the bytes of all members once unpacked, at most what the packed bytes can hold.
fn unpacked(npz: &NpzFile) -> usize {
    let of_member = |info: &ArrayInfo| {
        (info.num_bytes as usize).min(info.packed_bytes as usize * max_ratio(info.method))
    };
    npz.arrays().map(of_member).sum()
}

fn read(npz: &Arc<NpzFile>, seen: Seen) -> Seen {
    let mut digest = DefaultHasher::new();
    let hash = &mut digest;
    npz.names()
        .iter()
        .for_each(|name| read_raw(npz, name, hash));
    // Says how each array is reached: that depends on the way.
    read_table(ok(arrays(npz)), &mut DefaultHasher::new());
    let rows = npz
        .arrays()
        .map(|info| read_table(ok(array(npz, &info.name)), hash) + read_array(npz, info, hash))
        .sum();
    let options = if unpacked(npz) <= MAX_SCAN {
        options()
    } else {
        Vec::new()
    };
    let scans: Vec<Scan> = options
        .iter()
        .filter_map(|said| ok(Scan::try_new(Arc::clone(npz), said)))
        .collect();
    let scan_rows = scans.iter().map(|scan| read_scan(scan, hash)).sum();
    let group_rows = scans.iter().map(|scan| read_groups(scan, hash)).sum();
    Seen {
        rows,
        scan_rows,
        group_rows,
        digest: digest.finish(),
        ..seen
    }
}

/// Reads the first bytes of a member as the archive has it.
fn read_raw(npz: &NpzFile, name: &str, hash: &mut DefaultHasher) {
    if let Some(raw) = ok(npz.raw(name)) {
        let mut bytes = Vec::new();
        let read = raw.take(RAW_BYTES).read_to_end(&mut bytes);
        (read.is_ok(), bytes).hash(hash);
    }
}

/// Reads an array from several sides. Returns the rows read.
fn read_array(npz: &Arc<NpzFile>, info: &ArrayInfo, hash: &mut DefaultHasher) -> usize {
    let last = info.shape.len().saturating_sub(1);
    let mut views = vec![View::whole(), View::first_axis(info), View::along(last)];
    if last >= 1 {
        views.push(View {
            rows: vec![0, 1],
            fixed: Vec::new(),
        });
    }
    if last >= 2 {
        views.extend([
            View::along(1),
            View {
                rows: vec![last, 0],
                fixed: vec![(1, 1)],
            },
        ]);
    }
    let columns = views
        .iter()
        .filter_map(|view| ok(Column::open(npz, &info.name, "column", view)));
    columns.map(|column| read_column(&column, hash)).sum()
}

fn read_column(column: &Column, hash: &mut DefaultHasher) -> usize {
    let num_rows = column.num_rows();
    let step = (BATCH_BYTES / value_bytes(column.field()).max(1)).max(1);
    let mut batches: Vec<_> = (0..num_rows)
        .step_by(step)
        .take(BATCHES)
        .map(|at| at..num_rows.min(at + step))
        .collect();
    batches.push(num_rows.saturating_sub(1)..num_rows);
    let mut seen = 0;
    for range in batches {
        let len = range.len();
        let Some(array) = ok(column.array(&RowSet::Range(range.clone()))) else {
            return seen;
        };
        check_array(&array, len);
        assert_eq!(array.data_type(), column.field().data_type());
        if let Some(last) = range.last() {
            let alone = column
                .array(&RowSet::List(&[last]))
                .expect("the range was read");
            assert_eq!(
                alone.to_data(),
                array.slice(len - 1, 1).to_data(),
                "the same row by range and by number"
            );
        }
        hash_data(&array.to_data(), hash);
        seen += len;
    }
    seen
}

fn check_array(array: &ArrayRef, len: usize) {
    assert_eq!(array.len(), len);
    array.to_data().validate_full().expect("a valid array");
}

fn hash_data(data: &ArrayData, hash: &mut DefaultHasher) {
    (data.len(), data.null_count()).hash(hash);
    data.buffers()
        .iter()
        .for_each(|buffer| buffer.as_slice().hash(hash));
    data.child_data()
        .iter()
        .for_each(|child| hash_data(child, hash));
}

/// What the file does not say, said in different ways.
fn options() -> Vec<ScanOptions> {
    let layout = LayoutOptions::default()
        .with_measurement(Measurement::Intensity)
        .with_pattern_axis(PatternAxis::Last)
        .with_position_order(PositionOrder::YX)
        .with_pixel_size(1e-8);
    vec![
        ScanOptions::default(),
        ScanOptions::default().with_layout(layout),
    ]
}

fn read_scan(scan: &Scan, hash: &mut DefaultHasher) -> usize {
    for (member, axis) in ok(scan.scan_point_axes()).into_iter().flatten() {
        let info = scan
            .npz()
            .array_info(&member)
            .expect("a member that has scan points");
        assert_eq!(info.shape[axis], scan.num_positions(), "{member}");
    }
    // Holds the file's path, which depends on the way.
    read_table(ok(scan.scans()), &mut DefaultHasher::new())
        + read_table(ok(scan.probe()), hash)
        + read_table(ok(scan.object()), hash)
        + read_table(Some(scan.clone()), hash)
}

fn read_groups(scan: &Scan, hash: &mut DefaultHasher) -> usize {
    let spec = |gridsize, neighbors, semantics| {
        let neighbors = Some(neighbors);
        GroupSpec::default()
            .with_gridsize(gridsize)
            .with_neighbors(neighbors)
            .with_semantics(semantics)
    };
    let as_stored = |channels| PatternOptions::default().with_channels(channels);
    let binned = |bin: usize| PatternOptions::default().with_bin(bin);
    let specs = [
        (spec(2, 5, Semantics::Native), as_stored(Channels::First)),
        (spec(2, 4, Semantics::Ptychopinn), as_stored(Channels::Last)),
        (spec(1, 1, Semantics::Native), as_stored(Channels::Last)),
        (
            spec(1, 1, Semantics::Native),
            binned(2).with_crop(2).with_center([1, 1]),
        ),
        (spec(2, 5, Semantics::Native), binned(1)),
    ];
    let mut seen = 0;
    for (spec, patterns) in specs {
        if let Some(groups) = ok(Groups::try_new_with(scan, spec, patterns)) {
            seen += read_table(Some(groups.members()), hash) + read_table(Some(groups), hash);
        }
    }
    seen
}

/// Reads the first batches of a table, with every column. Returns the rows read.
fn read_table(table: Option<impl Table + 'static>, hash: &mut DefaultHasher) -> usize {
    let Some(table) = table else { return 0 };
    let columns: Vec<String> = table
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let options = ReadOptions::default()
        .with_columns(columns)
        .with_batch_bytes(BATCH_BYTES);
    let Some(mut reader) = ok(TableReader::try_new(Arc::new(table), &options)) else {
        return 0;
    };
    let mut seen = 0;
    for _ in 0..BATCHES {
        match reader.next() {
            None => break,
            Some(Ok(batch)) => seen += check_batch(&batch, hash),
            Some(Err(error)) => {
                assert!(!Error::from(error).report().is_empty());
                assert!(reader.next().is_none(), "an error ends the reader");
            }
        }
    }
    seen
}

/// Checks that a batch is valid, and that it keeps the bound unless it is one row.
fn check_batch(batch: &RecordBatch, hash: &mut DefaultHasher) -> usize {
    for column in batch.columns() {
        check_array(column, batch.num_rows());
        hash_data(&column.to_data(), hash);
    }
    let size = |column: &ArrayRef| {
        column
            .to_data()
            .get_slice_memory_size()
            .expect("these types have a size")
    };
    let bytes: usize = batch.columns().iter().map(size).sum();
    // Offsets of texts, and texts without a width, are not known before they are read.
    let bound = 2 * BATCH_BYTES.max(row_bytes(&batch.schema()));
    assert!(
        batch.num_rows() <= 1 || bytes <= bound,
        "{bytes} bytes in {} rows",
        batch.num_rows()
    );
    batch.num_rows()
}
