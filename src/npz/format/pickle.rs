//! Tells Python pickles by their instructions; nothing is carried out.
//!
//! From protocol 2 on, a pickle begins with the number of its protocol. Protocols 0 and 1 have no such mark: there the
//! instructions themselves must make sense, up to the last one at the last byte. Source: `pickletools.py` of CPython.

use std::ops::ControlFlow;

/// The least number of instructions of a pickle: a value, and the end.
const FEWEST: usize = 2;

/// Returns whether `size` bytes are a pickle, of which `start` are the first.
pub fn is_pickle(start: &[u8], size: u64) -> bool {
    if let [0x80, 2..=9, ..] = start {
        return true;
    }
    let (mut at, mut count) = (0, 0);
    loop {
        let Some(operation) = start.get(at) else {
            // What lies beyond was not looked at.
            return (start.len() as u64) < size && count >= FEWEST;
        };
        count += 1;
        match after(*operation, &start[at + 1..]) {
            ControlFlow::Continue(Some(argument)) => at = at.saturating_add(1 + argument),
            ControlFlow::Continue(None) => return false,
            ControlFlow::Break(()) => return at as u64 + 1 == size && count >= FEWEST,
        }
    }
}

/// Returns the length of an instruction's argument, which `rest` begins with; none if there is no such instruction, or if
/// its argument is none. The last instruction breaks off.
fn after(operation: u8, rest: &[u8]) -> ControlFlow<(), Option<usize>> {
    let len = match operation {
        b'.' => return ControlFlow::Break(()),
        b'(' | b'0' | b'1' | b'2' | b'N' | b'Q' | b'R' | b'a' | b'b' | b'd' | b'e' | b'l'
        | b'o' | b's' | b't' | b'u' | b'}' | b']' | b')' => Some(0),
        b'K' | b'h' | b'q' => Some(1),
        b'M' => Some(2),
        b'J' | b'j' | b'r' => Some(4),
        b'G' => Some(8),
        b'U' => rest.first().map(|len| 1 + usize::from(*len)),
        b'T' | b'X' => rest
            .first_chunk()
            .map(|len| (u32::from_le_bytes(*len) as usize).saturating_add(4)),
        b'I' | b'L' | b'F' | b'g' | b'p' | b'S' => line(rest).filter(|len| {
            let argument = &rest[..len - 1];
            is_argument(operation, argument.strip_suffix(b"\r").unwrap_or(argument))
        }),
        b'V' | b'P' => line(rest),
        b'c' | b'i' => names(rest),
        _ => None,
    };
    ControlFlow::Continue(len)
}

/// Returns the length of the line that comes next, its end included.
fn line(rest: &[u8]) -> Option<usize> {
    rest.iter()
        .position(|byte| *byte == b'\n')
        .map(|len| len + 1)
}

/// Returns the length of the two lines that come next, the names of a module and of something in it.
fn names(rest: &[u8]) -> Option<usize> {
    let first = line(rest)?;
    let second = line(&rest[first..])?;
    let is_name = |text: &[u8]| {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.\r".contains(byte);
        text.len() > 1 && text[..text.len() - 1].iter().all(is_allowed)
    };
    let all = first + second;
    (is_name(&rest[..first]) && is_name(&rest[first..all])).then_some(all)
}

/// Returns whether a line can be the argument of an instruction that takes a number or a text in quotes.
fn is_argument(operation: u8, line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else {
        return false;
    };
    match operation {
        b'F' => text.parse::<f64>().is_ok(),
        b'S' => text.len() >= 2 && (text.starts_with('\'') || text.starts_with('"')),
        _ => {
            let digits = text.strip_suffix('L').unwrap_or(text);
            let digits = digits.strip_prefix('-').unwrap_or(digits);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}
