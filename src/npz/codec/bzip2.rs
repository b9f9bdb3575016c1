//! Decodes bzip2 members.

use std::io::{self, BufRead, Read};

use bzip2::{Decompress, Status};

use super::damaged;

/// Decodes one bzip2 stream, as Python's `zipfile` does; what follows it is not looked at.
pub struct Decoder<R> {
    packed: R,
    state: Decompress,
    has_ended: bool,
}

impl<R> Decoder<R> {
    pub fn new(packed: R) -> Self {
        Self {
            packed,
            state: Decompress::new(false),
            has_ended: false,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while !self.has_ended {
            let packed = self.packed.fill_buf()?;
            let before = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(packed, into).map_err(damaged_by)?;
            let taken = (self.state.total_in() - before.0) as usize;
            let decoded = (self.state.total_out() - before.1) as usize;
            self.packed.consume(taken);
            self.has_ended = status == Status::StreamEnd;
            if decoded > 0 {
                return Ok(decoded);
            }
            // The end of the packed bytes, or of the memory: it would be so for ever.
            if taken == 0 && !self.has_ended {
                return Err(damaged("cut short"));
            }
        }
        Ok(0)
    }
}

fn damaged_by(error: bzip2::Error) -> io::Error {
    let text = error.to_string();
    damaged(text.strip_prefix("bzip2: ").unwrap_or(&text))
}
