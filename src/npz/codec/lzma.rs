//! Decodes LZMA members.
//!
//! Such a member begins with a header of its own (PKWARE APPNOTE 6.3.10, section 5.8.8): the version of the encoder (2
//! bytes), the length of the properties (2 bytes, always 5), the properties (one byte for the numbers of literal and
//! position bits, 4 for the size of the dictionary). The stream may end in a marker (bit 1 of the zip flags says so, and is
//! not always true) or where the member has its size.

use std::io::{self, Read};

use lzma_rust2::LzmaReader;

use super::{MAX_WINDOW, damaged};

/// The length of what stands before the stream.
const HEADER_LEN: usize = 9;

/// Decodes one LZMA stream, up to the size that the member is said to have.
pub struct Decoder<R: Read> {
    size: u64,
    state: State<R>,
}

enum State<R: Read> {
    /// Nothing was read yet.
    New(R),
    Running(Box<LzmaReader<R>>),
    /// The header was none.
    Failed,
}

impl<R: Read> Decoder<R> {
    /// Creates a decoder of a member that is said to become `size` bytes.
    pub fn new(packed: R, size: u64) -> Self {
        Self {
            size,
            state: State::New(packed),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Failed) {
                State::New(packed) => {
                    self.state = State::Running(Box::new(begin(packed, self.size)?));
                }
                State::Running(mut reader) => {
                    let read = reader.read(into)?;
                    self.state = State::Running(reader);
                    return Ok(read);
                }
                State::Failed => return Err(damaged("cut short")),
            }
        }
    }
}

/// Reads the header, and returns a reader of the stream behind it.
fn begin<R: Read>(mut packed: R, size: u64) -> io::Result<LzmaReader<R>> {
    let mut header = [0; HEADER_LEN];
    packed.read_exact(&mut header)?;
    let [_, _, len, more_len, bits, dictionary @ ..] = header;
    let properties_len = u16::from_le_bytes([len, more_len]);
    if properties_len != 5 {
        return Err(damaged(format!(
            "{properties_len} bytes of properties, expected 5"
        )));
    }
    // Of literal context bits there are 0 to 8, of the two kinds of position bits 0 to 4: one byte for the three.
    if bits >= 9 * 5 * 5 {
        return Err(damaged(format!("properties {bits}, expected at most 224")));
    }
    // No stream refers farther back than to its begin.
    let dictionary = u64::from(u32::from_le_bytes(dictionary)).min(size);
    if dictionary > MAX_WINDOW {
        return Err(damaged(format!(
            "a dictionary of {dictionary} bytes, expected at most {MAX_WINDOW}"
        )));
    }
    let mut reader = LzmaReader::new_with_props(packed, size, bits, dictionary as u32, None)?;
    // At the size it is said to have, the stream must be at its end, with a marker or without.
    reader.set_relaxed_end_condition(false);
    Ok(reader)
}
