//! Decodes the names of members.

use super::extra_field;
use super::fields::Fields;

/// Decodes a name: from UTF-8 if its flag says so or an Info-ZIP Unicode field has it, else from code page 437, as
/// CPython's `zipfile` does. A name ends at its first NUL.
pub(super) fn decode(raw: &[u8], flags: u16, extra: &[u8]) -> String {
    const UTF8: u16 = 1 << 11;
    let name = match unicode_field(raw, extra) {
        Some(name) if !name.is_empty() => name.to_string(),
        _ if flags & UTF8 != 0 => String::from_utf8_lossy(raw).into_owned(),
        _ => raw.iter().map(|byte| code_page_437(*byte)).collect(),
    };
    name.split('\0').next().unwrap_or_default().to_string()
}

/// Returns the name in the Info-ZIP Unicode field, if there is one and it belongs to this name.
fn unicode_field<'a>(raw: &[u8], extra: &'a [u8]) -> Option<&'a str> {
    let contents = extra_field(extra, 0x7075)?;
    let mut fields = Fields::new(contents);
    fields.skip(1)?;
    if fields.u32()? != crc32fast::hash(raw) {
        return None;
    }
    std::str::from_utf8(contents.get(5..)?).ok()
}

fn code_page_437(byte: u8) -> char {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                         └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(upper) => UPPER.chars().nth(usize::from(upper)).unwrap_or('?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_page_437_has_256_characters() {
        let all: std::collections::BTreeSet<char> = (0..=255).map(code_page_437).collect();
        assert_eq!(all.len(), 256);
    }
}
