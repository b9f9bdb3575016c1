//! Parses the part of Python's literals that NPY headers are made of.

use super::{MAX_AXES, MemberProblem};
use crate::npz::HeaderFault;

/// Holds a literal: what a header may contain, and nothing else of Python.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Bool(bool),
    Int(u64),
    Sequence(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

impl Literal {
    /// Parses a text that is one literal.
    pub(super) fn parse(text: &[u8]) -> Result<Self, HeaderFault> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let value = parser.value()?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.unexpected());
        }
        Ok(value)
    }

    /// Returns the entries of a dict, in the order they are written.
    pub(super) fn into_dict(self) -> Result<Vec<(String, Self)>, HeaderFault> {
        match self {
            Self::Dict(entries) => Ok(entries),
            _ => Err(HeaderFault::NoDict),
        }
    }

    /// Returns the value of `fortran_order`.
    pub(super) fn as_bool(&self) -> Result<bool, HeaderFault> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err(HeaderFault::BadOrder),
        }
    }

    /// Returns the value of `shape`.
    pub(super) fn as_shape(&self) -> Result<Vec<usize>, MemberProblem> {
        let Self::Sequence(items) = self else {
            return Err(HeaderFault::BadShape.into());
        };
        if items.len() > MAX_AXES {
            return Err(MemberProblem::TooManyAxes {
                axes: items.len(),
                max: MAX_AXES,
            });
        }
        let length = |item: &Self| match item {
            Self::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        };
        let lengths: Option<Vec<usize>> = items.iter().map(length).collect();
        lengths.ok_or(HeaderFault::BadShape.into())
    }
}

/// The deepest nesting that is parsed; a structured dtype nests a list in a list of tuples, honest headers no deeper.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Literal, HeaderFault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(HeaderFault::NestedTooDeeply);
        }
        self.skip_space();
        let value = match self.peek() {
            Some(b'{') => self.dict(),
            Some(b'(') => self.sequence(b')'),
            Some(b'[') => self.sequence(b']'),
            Some(quote @ (b'\'' | b'"')) => self.string(quote).map(Literal::Text),
            Some(b'0'..=b'9') => self.int(),
            _ if self.take(b"True") => Ok(Literal::Bool(true)),
            _ if self.take(b"False") => Ok(Literal::Bool(false)),
            _ => Err(self.unexpected()),
        };
        self.depth -= 1;
        value
    }

    fn dict(&mut self) -> Result<Literal, HeaderFault> {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.closes(b'}') {
            let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
            let key = self.string(quote.ok_or_else(|| self.unexpected())?)?;
            self.expect(b':')?;
            entries.push((key, self.value()?));
            self.separator(b'}')?;
        }
        Ok(Literal::Dict(entries))
    }

    fn sequence(&mut self, close: u8) -> Result<Literal, HeaderFault> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.closes(close) {
            items.push(self.value()?);
            self.separator(close)?;
        }
        Ok(Literal::Sequence(items))
    }

    fn string(&mut self, quote: u8) -> Result<String, HeaderFault> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let len = rest
            .iter()
            .position(|byte| *byte == quote)
            .ok_or_else(|| self.unexpected())?;
        self.at += len + 1;
        Ok(String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    /// Parses a length; Python 2 wrote some as `2L`.
    fn int(&mut self) -> Result<Literal, HeaderFault> {
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value = next.ok_or(HeaderFault::LengthBeyond64Bits)?;
            self.at += 1;
        }
        self.take(b"L");
        Ok(Literal::Int(value))
    }

    fn closes(&mut self, close: u8) -> bool {
        self.skip_space();
        self.take(&[close])
    }

    /// Takes a comma, unless the bracket closes.
    fn separator(&mut self, close: u8) -> Result<(), HeaderFault> {
        self.skip_space();
        if self.peek() == Some(close) {
            Ok(())
        } else {
            self.expect(b',')
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), HeaderFault> {
        self.skip_space();
        if self.take(&[byte]) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn unexpected(&self) -> HeaderFault {
        match self.peek() {
            Some(byte) => HeaderFault::UnexpectedCharacter {
                character: char::from(byte),
                byte: self.at,
            },
            None => HeaderFault::EndsEarly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_literal() {
        for (text, fault) in [
            ("", HeaderFault::EndsEarly),
            ("{", HeaderFault::EndsEarly),
            ("[[[[[[[[[[[[[[[[[[[[", HeaderFault::NestedTooDeeply),
            ("{'descr'", HeaderFault::EndsEarly),
            ("(18446744073709551616,)", HeaderFault::LengthBeyond64Bits),
            (
                "{'a': -1}",
                HeaderFault::UnexpectedCharacter {
                    character: '-',
                    byte: 6,
                },
            ),
        ] {
            assert_eq!(Literal::parse(text.as_bytes()), Err(fault), "{text}");
        }
    }
}
