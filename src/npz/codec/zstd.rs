//! Decodes Zstandard members.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{MAX_WINDOW, damaged};

/// Decodes one Zstandard frame, as Python's `zipfile` does; frames that are to be skipped may stand before it.
pub struct Decoder<R> {
    packed: R,
    frame: Option<FrameDecoder>,
}

impl<R> Decoder<R> {
    pub fn new(packed: R) -> Self {
        Self {
            packed,
            frame: None,
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
            let one = BlockDecodingStrategy::UptoBlocks(1);
            frame.decode_blocks(&mut *packed, one).map_err(damaged_by)?;
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
