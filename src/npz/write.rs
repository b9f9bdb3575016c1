//! Writes an archive that NumPy reads as its own, and that maps everywhere: members stored, data at multiples of 64
//! bytes, one member after the other at constant memory. Nothing in it depends on time: the same data gives the same
//! bytes.

use std::io::{self, Seek, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::header;

/// The number of bytes of which the place of a member's data in the file is a multiple.
const ALIGNMENT: u16 = 64;

/// Writes an archive, member by member.
pub struct NpzWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    /// The number of bytes that the member at hand still lacks.
    missing: u64,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Self {
        Self {
            zip: ZipWriter::new(out),
            missing: 0,
        }
    }

    /// Begins the member `name.npy` in C order; its data, `num_bytes` bytes, is then written to this writer. `descr` is
    /// NumPy's text for the dtype, such as `<f4`.
    ///
    /// # Errors
    /// If the member before is not complete, or if writing fails.
    pub fn begin(
        &mut self,
        name: &str,
        descr: &str,
        shape: &[usize],
        num_bytes: u64,
    ) -> io::Result<()> {
        self.begin_file(
            &format!("{name}.npy"),
            &header::format(descr, shape, false),
            num_bytes,
        )
    }

    /// Begins a member of any kind. It is called `file_name` and begins with `start`; `num_bytes` bytes are to come.
    ///
    /// # Errors
    /// As [`NpzWriter::begin`].
    pub fn begin_file(&mut self, file_name: &str, start: &[u8], num_bytes: u64) -> io::Result<()> {
        self.check_complete()?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(ALIGNMENT)
            // Sizes are known only afterwards: leave room for large ones, as NumPy does.
            .large_file(true)
            .last_modified_time(DateTime::default());
        self.zip.start_file(file_name, options).map_err(io_error)?;
        self.zip.write_all(start)?;
        self.missing = num_bytes;
        Ok(())
    }

    /// Completes the archive.
    ///
    /// # Errors
    /// If the last member is not complete, or if writing fails.
    pub fn finish(self) -> io::Result<W> {
        self.check_complete()?;
        self.zip.finish().map_err(io_error)
    }

    fn check_complete(&self) -> io::Result<()> {
        match self.missing {
            0 => Ok(()),
            missing => Err(io::Error::other(format!(
                "a member lacks {missing} bytes of the data its shape asks for"
            ))),
        }
    }
}

impl<W: Write + Seek> Write for NpzWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.missing {
            return Err(io::Error::other(
                "more data than the member's shape asks for",
            ));
        }
        let written = self.zip.write(bytes)?;
        self.missing -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(inner) => inner,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn too_little_or_too_much_data_is_an_error() {
        let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
        writer.begin("a", "<f4", &[2], 8).unwrap();
        writer.write_all(&[0; 4]).unwrap();
        assert!(writer.begin("b", "<f4", &[2], 8).is_err());
        assert!(writer.write_all(&[0; 5]).is_err());
        assert!(writer.finish().is_err());
    }
}
