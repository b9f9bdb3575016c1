//! Writes Arrow IPC files and streams, uncompressed and aligned to 64 bytes, so that readers can map them.

use std::fs::File;
use std::io::Write;

use arrow::array::RecordBatchReader;
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use super::{Described, buffered};
use crate::error::Result;

fn options() -> Result<IpcWriteOptions> {
    Ok(IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?)
}

/// Writes an IPC file, whose footer gives random access to its batches.
pub fn write_file<R: RecordBatchReader>(
    reader: &mut Described<'_, R>,
    file: &mut File,
) -> Result<()> {
    let mut writer = FileWriter::try_new_with_options(buffered(file), reader.schema(), options()?)?;
    while let Some(batch) = reader.next_batch()? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(writer
        .get_mut()
        .flush()
        .map_err(arrow::error::ArrowError::from)?)
}

/// Writes an IPC stream, which can be read while it is written.
pub fn write_stream<R: RecordBatchReader>(
    reader: &mut Described<'_, R>,
    file: &mut File,
) -> Result<()> {
    let mut writer =
        StreamWriter::try_new_with_options(buffered(file), reader.schema(), options()?)?;
    while let Some(batch) = reader.next_batch()? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(writer
        .get_mut()
        .flush()
        .map_err(arrow::error::ArrowError::from)?)
}
