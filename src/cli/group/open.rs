//! Says how to open groups in Python.

use std::path::Path;

use arrow::datatypes::{Field, Schema};

use crate::array::{DTYPE_KEY, tensor};
use crate::cli::input::shown;
use crate::export::{Conversion, Format, Tensors};
use crate::table::is_wide;

/// Returns lines of Python, and of SQL, that open a file of these columns.
pub fn text(output: &Path, schema: &Schema, tensors: Option<Tensors>) -> String {
    let path = shown(output);
    let Ok(format) = Format::of(output) else {
        return String::new();
    };
    let patterns = schema.fields().iter().position(|field| is_wide(field));
    let written = Conversion::of(schema, output, format, tensors).ok();
    let patterns = patterns.zip(written).map(|(index, written)| Patterns {
        name: schema.field(index).name().clone(),
        shape: tensor::shape(schema.field(index)).unwrap_or_default(),
        written: written.schema().field(index).clone(),
    });
    match (format, patterns) {
        (Format::ArrowFile, Some(patterns)) => {
            format!(
                "{}\n{}",
                of_batches(&path, tensors),
                patterns.of_batch(tensors)
            )
        }
        (Format::ArrowFile, None) => format!("in Python: polars.read_ipc({path:?})"),
        (Format::ArrowStream, _) => format!("in Python: polars.read_ipc_stream({path:?})"),
        (Format::Npz, _) => format!("in Python: numpy.load({path:?})"),
        (Format::Parquet, patterns) => {
            let line =
                format!("in Python: polars.read_parquet({path:?}); in DuckDB: FROM '{path}'");
            let more = patterns.and_then(|patterns| patterns.of_parquet(&path, tensors));
            more.map_or(line.clone(), |more| format!("{line}\n{more}"))
        }
        (Format::Csv, _) => String::new(),
    }
}

fn of_batches(path: &str, tensors: Option<Tensors>) -> String {
    let batch = format!("batch = pyarrow.ipc.open_file(pyarrow.memory_map({path:?})).get_batch(0)");
    match tensors {
        Some(Tensors::Lists) => format!(
            "in Python: datasets.load_dataset(\"arrow\", data_files={path:?}), or without a copy:\n{batch}"
        ),
        _ => format!("in Python, without a copy:\n{batch}"),
    }
}

/// Describes the patterns of groups: the first wide column.
struct Patterns {
    name: String,
    /// The shape of the patterns of one group.
    shape: Vec<usize>,
    /// The field as it is in the file.
    written: Field,
}

impl Patterns {
    /// Returns Python that makes an array of NumPy of the column of an Arrow batch.
    fn of_batch(&self, tensors: Option<Tensors>) -> String {
        let (name, shape) = (&self.name, lengths(&self.shape));
        match tensors {
            None | Some(Tensors::Tensor) => format!("batch[{name:?}].to_numpy_ndarray()"),
            Some(Tensors::Lists) => {
                format!("batch[{name:?}].flatten().to_numpy().reshape(-1, {shape})")
            }
            Some(Tensors::Binary) => {
                let (dtype, shape) = self.of_bytes();
                format!(
                    "numpy.frombuffer(batch[{name:?}].buffers()[1], {dtype:?}).reshape(-1, {shape})"
                )
            }
        }
    }

    /// Returns Python that makes an array of NumPy of the column of a Parquet file, if polars needs help with it.
    fn of_parquet(&self, path: &str, tensors: Option<Tensors>) -> Option<String> {
        let name = &self.name;
        match tensors? {
            Tensors::Tensor => Some(format!(
                "pyarrow.parquet.read_table({path:?})[{name:?}].chunk(0).to_numpy_ndarray()"
            )),
            Tensors::Lists => None,
            Tensors::Binary => {
                let (dtype, shape) = self.of_bytes();
                Some(format!(
                    "[numpy.frombuffer(row, {dtype:?}).reshape({shape}) for row in polars.read_parquet({path:?})[{name:?}]]"
                ))
            }
        }
    }

    /// Returns dtype and shape of the bytes of a row.
    fn of_bytes(&self) -> (String, String) {
        let said = |key: &str| {
            self.written
                .metadata()
                .get(key)
                .cloned()
                .unwrap_or_default()
        };
        let shape = said(tensor::SHAPE_KEY);
        let shape = shape.trim_matches(['[', ']']).replace(',', ", ");
        (said(DTYPE_KEY), shape)
    }
}

fn lengths(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    lengths.join(", ")
}
