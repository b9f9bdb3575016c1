//! NumPy's formats as ndarray-npy reads and writes them, beside ours: another program's reader on our files, its writer
//! under our reader and our views.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

use std::fmt::Debug;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::*;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::{ReadNpyExt, ReadableElement, ViewElement, WritableElement, WriteNpyExt};
use num_complex::Complex;
use ptychoarrow::array::{Column, RowSet, View};
use ptychoarrow::export::{AlignOptions, ExportOptions, NpzMember, align, write_npz};
use ptychoarrow::internals::{NpzWriter, header};
use ptychoarrow::npz::NpzFile;
use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The measured scan, amplitudes as f32, stored.
const SIEMENS: &str = "tests/data/siemens_star.npz";
/// The same with counts as u16, deflated.
const COUNTS: &str = "tests/data/siemens_star_counts_deflated.npz";

const MAX_AXES: usize = 4;

/// Counts what is compared, and what is not, with the reason.
#[derive(Default)]
struct Tally {
    compared: usize,
    left_out: Vec<(String, &'static str)>,
}

impl Tally {
    /// Prints what was left out and checks both numbers.
    fn check(&self, compared: usize, left_out: usize) {
        for (combination, reason) in &self.left_out {
            println!("left out: {combination}: {reason}");
        }
        assert_eq!((self.compared, self.left_out.len()), (compared, left_out));
    }
}

/// Makes an array of this many axes of lengths 2, 3, ..., in C or Fortran order.
fn array<T>(axes: usize, fortran: bool, value: impl Fn(i64) -> T) -> ArrayD<T> {
    let shape: Vec<usize> = (2..2 + axes).collect();
    let len: usize = shape.iter().product();
    let values = (0..len as i64).map(|i| value(7 * i - 3)).collect();
    ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), values).unwrap()
}

/// Reads a member's values in C order by our reader.
fn values(path: &Path, member: &str) -> (Vec<usize>, ArrayRef) {
    let npz = Arc::new(NpzFile::open(path).unwrap());
    let info = npz.info(member).unwrap();
    let column = Column::open(&npz, member, "value", &View::first_axis(info)).unwrap();
    let rows = column.array(&RowSet::Range(0..column.num_rows())).unwrap();
    let values = match rows.as_fixed_size_list_opt() {
        Some(list) => Arc::clone(list.values()),
        None => rows,
    };
    (info.shape.clone(), values)
}

/// Writes an array with ndarray-npy; reads it with our reader of columns, and as a view.
fn read_ours<T>(array: &ArrayD<T>) -> ArrayRef
where
    T: WritableElement + ReadableElement + ViewElement + PartialEq + Debug,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.npz");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("a.npy", options.with_alignment(64)).unwrap();
    array.write_npy(&mut zip).unwrap();
    zip.finish().unwrap();
    let npz = NpzFile::open(&path).unwrap();
    let view = npz.view::<T, IxDyn>("a").unwrap();
    assert!(view.is_view());
    assert_eq!(view, *array);
    let (shape, values) = values(&path, "a");
    assert_eq!(shape, array.shape());
    values
}

/// Writes an array with our writer, in its own order, and reads it with ndarray-npy.
fn read_theirs<T: ReadableElement>(
    descr: &str,
    shape: &[usize],
    fortran: bool,
    data: &[u8],
) -> ArrayD<T> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.npz");
    let mut writer = NpzWriter::new(File::create(&path).unwrap());
    let start = header::format(descr, shape, fortran);
    writer
        .begin_file("a.npy", &start, data.len() as u64)
        .unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap();
    by_name(&path, "a")
}

/// Reads a member with ndarray-npy.
fn by_name<T: ReadableElement>(path: &Path, member: &str) -> ArrayD<T> {
    let mut zip = ZipArchive::new(File::open(path).unwrap()).unwrap();
    ArrayD::read_npy(zip.by_name(&format!("{member}.npy")).unwrap()).unwrap()
}

/// Returns the values of an array in C order.
fn in_order<T: Copy>(array: &ArrayD<T>) -> Vec<T> {
    array.iter().copied().collect()
}

/// Compares both ways for every number of axes and both orders.
fn compare<T>(
    tally: &mut Tally,
    descr: &str,
    value: impl Fn(i64) -> T,
    ours: impl Fn(&ArrayRef) -> Vec<T>,
    bytes: impl Fn(&T) -> Vec<u8>,
) where
    T: WritableElement + ReadableElement + ViewElement + Copy + PartialEq + Debug,
{
    for axes in 0..=MAX_AXES {
        for fortran in [false, true] {
            let array = array(axes, fortran, &value);
            let expected = in_order(&array);
            assert_eq!(ours(&read_ours(&array)), expected, "{descr}, {axes} axes");
            let in_memory = array.as_slice_memory_order().unwrap();
            let data: Vec<u8> = in_memory.iter().flat_map(&bytes).collect();
            let theirs = read_theirs::<T>(descr, array.shape(), fortran, &data);
            assert_eq!(theirs, array, "{descr}, {axes} axes");
            tally.compared += 1;
        }
    }
}

fn primitive<A: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<A::Native> {
    array.as_primitive::<A>().values().to_vec()
}

/// Joins real and imaginary parts.
fn pairs<T: Copy>(parts: Vec<T>) -> Vec<Complex<T>> {
    let pairs = parts.chunks_exact(2);
    pairs.map(|pair| Complex::new(pair[0], pair[1])).collect()
}

fn truths(array: &ArrayRef) -> Vec<bool> {
    array.as_boolean().iter().map(Option::unwrap).collect()
}

#[test]
fn dtypes_axes_and_orders_match_ndarray_npy() {
    let mut tally = Tally::default();
    macro_rules! compare {
        ($($descr:literal, $type:ty, $arrow:ty;)*) => {$(
            let value = |i| i as $type;
            let bytes = |v: &$type| v.to_le_bytes().to_vec();
            compare(&mut tally, $descr, value, primitive::<$arrow>, bytes);
        )*};
    }
    compare! {
        "|i1", i8, Int8Type;
        "<i2", i16, Int16Type;
        "<i4", i32, Int32Type;
        "<i8", i64, Int64Type;
        "|u1", u8, UInt8Type;
        "<u2", u16, UInt16Type;
        "<u4", u32, UInt32Type;
        "<u8", u64, UInt64Type;
        "<f4", f32, Float32Type;
        "<f8", f64, Float64Type;
    }
    compare(
        &mut tally,
        "|b1",
        |i| i % 3 == 0,
        truths,
        |v| vec![u8::from(*v)],
    );
    macro_rules! compare_complex {
        ($descr:literal, $type:ty, $arrow:ty) => {
            let value = |i| Complex::new(i as $type, 0.5 - i as $type);
            let ours = |array: &ArrayRef| pairs(primitive::<$arrow>(array));
            let bytes = |v: &Complex<$type>| [v.re.to_le_bytes(), v.im.to_le_bytes()].concat();
            compare(&mut tally, $descr, value, ours, bytes);
        };
    }
    compare_complex!("<c8", f32, Float32Type);
    compare_complex!("<c16", f64, Float64Type);
    for axes in 0..=MAX_AXES {
        for order in ["C", "Fortran"] {
            let combination = format!("<f2, {axes} axes, {order} order");
            let reason = "ndarray-npy has no half floats";
            tally.left_out.push((combination, reason));
        }
    }
    tally.check(13 * 5 * 2, 5 * 2);
}

/// Compares every member of a file that `align` has written with the values our reader finds in the file before.
fn compare_aligned(from: &str, tally: &mut Tally) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("aligned.npz");
    let npz = Arc::new(NpzFile::open(from).unwrap());
    align(&npz, &to, &AlignOptions::default()).unwrap();
    for info in npz.arrays() {
        let (_, before) = values(Path::new(from), &info.name);
        macro_rules! same {
            ($arrow:ty) => {{
                let after: ArrayD<<$arrow as ArrowPrimitiveType>::Native> =
                    by_name(&to, &info.name);
                assert_eq!(after.shape(), info.shape);
                assert_eq!(primitive::<$arrow>(&before), in_order(&after));
                tally.compared += 1;
            }};
        }
        match info.dtype.descr.as_str() {
            "<f4" => same!(Float32Type),
            "<f8" => same!(Float64Type),
            "<u2" => same!(UInt16Type),
            "<i8" => same!(Int64Type),
            "<i4" => same!(Int32Type),
            "<c8" => {
                let after: ArrayD<Complex<f32>> = by_name(&to, &info.name);
                assert_eq!(pairs(primitive::<Float32Type>(&before)), in_order(&after));
                tally.compared += 1;
            }
            descr => panic!("{}: {descr}", info.name),
        }
    }
}

#[test]
fn ndarray_npy_reads_aligned_archives() {
    let mut tally = Tally::default();
    compare_aligned(SIEMENS, &mut tally);
    compare_aligned(COUNTS, &mut tally);
    tally.check(14, 0);
}

#[test]
fn ndarray_npy_reads_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("groups.npz");
    let scan = Scan::open(SIEMENS).unwrap();
    let spec = GroupSpec::default().with_gridsize(2).with_neighbors(6);
    let groups = Groups::try_new(&scan, spec).unwrap();
    let read = |column: &str| {
        let options = ReadOptions::default().with_columns([column]);
        groups.read(&options).unwrap()
    };
    let member = |column: &str| NpzMember {
        name: column.to_string(),
        rows: Some(read(column).rows_left() as u64),
        reader: Box::new(read(column)),
        cast: None,
    };
    let members = vec![member("nn_indices"), member("diffraction")];
    write_npz(members, &path, &ExportOptions::default()).unwrap();
    let expected = |column: &str| {
        let reader = read(column);
        let schema = arrow::array::RecordBatchReader::schema(&reader);
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        let batch = arrow::compute::concat_batches(&schema, &batches).unwrap();
        Arc::clone(batch.column(0).as_fixed_size_list().values())
    };
    let indices: ArrayD<i32> = by_name(&path, "nn_indices");
    assert_eq!(indices.shape()[1], 4);
    assert_eq!(
        primitive::<Int32Type>(&expected("nn_indices")),
        in_order(&indices)
    );
    let patterns: ArrayD<f32> = by_name(&path, "diffraction");
    assert_eq!(patterns.shape(), [indices.shape()[0], 4, 64, 64]);
    assert_eq!(
        primitive::<Float32Type>(&expected("diffraction")),
        in_order(&patterns)
    );
}
