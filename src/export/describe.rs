//! Describes Arrow and Parquet files by their headers alone: schema, rows, provenance.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{FileReader, StreamReader, read_footer_length};
use arrow::ipc::{root_as_footer, root_as_message};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::{Error, Result};

/// Describes a file of rows.
#[derive(Debug, Clone)]
pub struct Description {
    /// The name of the format: `Arrow IPC file`, `Arrow IPC stream` or `Parquet`.
    pub format: &'static str,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The columns.
    pub schema: SchemaRef,
    /// The number of rows.
    pub rows: u64,
    /// The number of batches, or of row groups.
    pub batches: usize,
    /// The keys and values of the schema's metadata, which tell where the rows came from.
    pub provenance: BTreeMap<String, String>,
}

/// The first bytes of an Arrow IPC file.
const ARROW_FILE: &[u8] = b"ARROW1";
/// The first bytes of an Arrow IPC stream, and of every message.
const ARROW_STREAM: &[u8] = &[0xff, 0xff, 0xff, 0xff];
/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// The key under which Parquet files keep Arrow's schema, which is not provenance.
const ENCODED_SCHEMA: &str = "ARROW:schema";

/// The largest header that is read; a larger one is damaged.
const HEADER_LIMIT: u64 = 64 << 20;

/// Describes a file; returns `None` if it is neither an Arrow IPC nor a Parquet file.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn describe(path: &Path) -> Result<Option<Description>> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let bytes = file
        .metadata()
        .map_err(|e| Error::io(path, "read", e))?
        .len();
    let mut start = Vec::new();
    (&file)
        .take(8)
        .read_to_end(&mut start)
        .map_err(|e| Error::io(path, "read", e))?;
    let bad = |problem: String| Error::BadTable {
        path: path.to_path_buf(),
        problem,
    };
    (&file).rewind().map_err(|e| Error::io(path, "read", e))?;
    let described = if start.starts_with(ARROW_FILE) {
        arrow_file(file, bytes)
    } else if start.starts_with(ARROW_STREAM) {
        arrow_stream(file, bytes)
    } else if start.starts_with(PARQUET) {
        parquet_file(file, bytes)
    } else {
        return Ok(None);
    };
    described
        .map(Some)
        .map_err(|e| bad(crate::error::chain(e.as_ref())))
}

type Described<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn arrow_file(mut file: File, bytes: u64) -> Described<Description> {
    let schema = FileReader::try_new(BufReader::new(file.try_clone()?), None)?.schema();
    let mut end = [0; 10];
    file.seek(SeekFrom::End(-10))?;
    file.read_exact(&mut end)?;
    let len = read_footer_length(end)? as u64;
    let at = (bytes - 10)
        .checked_sub(len)
        .ok_or("its footer is longer than the file")?;
    let footer = read(&mut file, at, len)?;
    let footer = root_as_footer(&footer).map_err(|e| e.to_string())?;
    let (mut rows, mut batches) = (0, 0);
    for block in footer.recordBatches().iter().flatten() {
        let (at, len) = (
            u64::try_from(block.offset())?,
            u64::try_from(block.metaDataLength())?,
        );
        let message = read(&mut file, at, len)?;
        // A marker and a length come before the message.
        rows += rows_of(message.get(8..).ok_or("a batch without a header")?)?.unwrap_or(0);
        batches += 1;
    }
    Ok(description("Arrow IPC file", bytes, schema, rows, batches))
}

fn arrow_stream(mut file: File, bytes: u64) -> Described<Description> {
    let schema = StreamReader::try_new(BufReader::new(file.try_clone()?), None)?.schema();
    let (mut at, mut rows, mut batches) = (0, 0, 0);
    while at + 8 <= bytes {
        let start = read(&mut file, at, 8)?;
        let len = u64::from(u32::from_le_bytes([start[4], start[5], start[6], start[7]]));
        if !start.starts_with(ARROW_STREAM) {
            return Err(format!("no message at byte {at}").into());
        }
        if len == 0 {
            break;
        }
        let message = read(&mut file, at + 8, len)?;
        if let Some(count) = rows_of(&message)? {
            (rows, batches) = (rows + count, batches + 1);
        }
        at += 8
            + len
            + u64::try_from(
                root_as_message(&message)
                    .map_err(|e| e.to_string())?
                    .bodyLength(),
            )?;
        if at > bytes {
            return Err("it ends within a batch".into());
        }
    }
    Ok(description(
        "Arrow IPC stream",
        bytes,
        schema,
        rows,
        batches,
    ))
}

fn parquet_file(file: File, bytes: u64) -> Described<Description> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let metadata = builder.metadata();
    let (rows, batches) = (
        u64::try_from(metadata.file_metadata().num_rows())?,
        metadata.num_row_groups(),
    );
    Ok(description(
        "Parquet",
        bytes,
        builder.schema().clone(),
        rows,
        batches,
    ))
}

fn description(
    format: &'static str,
    bytes: u64,
    schema: SchemaRef,
    rows: u64,
    batches: usize,
) -> Description {
    let mut provenance: BTreeMap<String, String> = schema.metadata().clone().into_iter().collect();
    provenance.remove(ENCODED_SCHEMA);
    Description {
        format,
        bytes,
        schema,
        rows,
        batches,
        provenance,
    }
}

/// Returns the number of rows of a message, if it is a batch.
fn rows_of(message: &[u8]) -> Described<Option<u64>> {
    let message = root_as_message(message).map_err(|e| e.to_string())?;
    Ok(message
        .header_as_record_batch()
        .map(|batch| u64::try_from(batch.length()))
        .transpose()?)
}

/// Reads a header.
fn read(file: &mut File, at: u64, len: u64) -> Described<Vec<u8>> {
    if len > HEADER_LIMIT {
        return Err(format!("a header of {len} bytes").into());
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}
