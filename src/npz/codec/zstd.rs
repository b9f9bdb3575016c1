//! Decodes Zstandard members.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{MAX_WINDOW, damaged};

/// The number of bytes that are decoded at a time; no block has more.
const STEP: usize = 128 << 10;

/// Decodes one Zstandard frame, as Python's `zipfile` does; frames that are to be skipped may stand before it.
///
/// A frame is given out once more than its window was decoded, or all of it: where its window is larger than the member
/// is said to be, no more is decoded than that.
pub struct Decoder<R> {
    packed: R,
    frame: Option<FrameDecoder>,
    size: u64,
    /// At most as many bytes as were decoded.
    decoded: u64,
}

impl<R> Decoder<R> {
    /// Creates a decoder of a member that is said to become `size` bytes.
    pub fn new(packed: R, size: u64) -> Self {
        Self {
            packed,
            frame: None,
            size,
            decoded: 0,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let packed = &mut self.packed;
        let frame = match &mut self.frame {
            Some(frame) => frame,
            none => none.insert(begin(packed)?),
        };
        while frame.can_collect() == 0 && !frame.is_finished() {
            if self.decoded > self.size {
                return Err(damaged(format!("more than {} bytes", self.size)));
            }
            let step = BlockDecodingStrategy::UptoBytes(STEP);
            frame
                .decode_blocks(&mut *packed, step)
                .map_err(damaged_by)?;
            self.decoded += STEP as u64;
        }
        frame.read(into)
    }
}

/// Reads the header of the first frame that has contents.
fn begin(packed: &mut impl BufRead) -> io::Result<FrameDecoder> {
    loop {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        use FrameDecoderError::ReadFrameHeaderError as OfHeader;
        match frame.init(&mut *packed) {
            Ok(()) => return Ok(frame),
            Err(OfHeader(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let skipped = packed.by_ref().take(length.into());
                io::copy(&mut { skipped }, &mut io::sink())?;
            }
            Err(error) => return Err(damaged_by(error)),
        }
    }
}

fn damaged_by(error: FrameDecoderError) -> io::Error {
    damaged(error.to_string())
}
