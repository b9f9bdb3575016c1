//! Decodes packed members as streams, whatever they are packed by.
//!
//! A decoder takes little memory of its own: Deflate 32 KiB, bzip2 4 MB, LZMA up to 6 MB of tables; LZMA and Zstandard
//! also the window that the stream refers back to, which grows with what was decoded and has at most [`MAX_WINDOW`] bytes. What a header claims is never
//! set aside. A stream of which no output comes ends in an error.

mod bzip2;
mod lzma;
mod zstd;

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex};

use flate2::bufread::DeflateDecoder;

use super::Method;

/// The largest window, in bytes: as much as the strongest settings of usual programs ask for.
const MAX_WINDOW: u64 = 256 << 20;

/// The number of packed bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// Decodes a packed member. An error of kind `InvalidData` tells what is wrong with its bytes; any other is one of the
/// file's.
pub(super) struct Decoder {
    method: Method,
    reader: Box<dyn Read + Send>,
    failed: Failed,
}

impl Decoder {
    /// Creates a decoder of `packed`, which is said to become `size` bytes.
    pub fn new(method: Method, packed: impl Read + Send + 'static, size: u64) -> Self {
        let failed = Failed::default();
        let source = Source {
            packed,
            failed: failed.clone(),
        };
        let buffered = |source| BufReader::with_capacity(BUFFER_BYTES, source);
        let reader: Box<dyn Read + Send> = match method {
            Method::Stored | Method::Other(_) => Box::new(source),
            Method::Deflated => Box::new(DeflateDecoder::new(buffered(source))),
            Method::Bzip2 => Box::new(bzip2::Decoder::new(buffered(source))),
            Method::Lzma => Box::new(lzma::Decoder::new(source, size)),
            Method::Zstd => Box::new(zstd::Decoder::new(buffered(source), size)),
        };
        Self {
            method,
            reader,
            failed,
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into).map_err(|error| {
            self.failed.take().unwrap_or_else(|| {
                damaged(match self.method {
                    Method::Deflated => format!("bytes that do not inflate ({error})"),
                    method => format!("bytes that do not unpack as {} ({error})", method.name()),
                })
            })
        })
    }
}

/// Reads packed bytes, and keeps the first error of the file: a decoder may hand it on as one of its own.
struct Source<R> {
    packed: R,
    failed: Failed,
}

/// Holds an error of the file.
#[derive(Clone, Default)]
struct Failed(Arc<Mutex<Option<io::Error>>>);

impl Failed {
    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).take()
    }

    fn keep(&self, error: io::Error) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = Some(error);
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.packed.read(into).map_err(|error| {
            let kind = error.kind();
            self.failed.keep(error);
            kind.into()
        })
    }
}

/// Creates the error about bytes that are not those that were written.
fn damaged(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

#[cfg(test)]
mod tests;
