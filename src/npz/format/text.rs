//! Tells what a text is: a pointer to a file kept elsewhere, a web page, a document, or just text.

use crate::error::FileKind;

/// The number of characters at the begin of a text that are looked at.
const LOOKED_AT: usize = 4096;

/// Names what a text is that begins so; none if it is no text.
pub fn kind(start: &[u8]) -> Option<FileKind> {
    let text = decoded(start)?;
    let text = text.trim_start().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|with| text.starts_with(with));
    Some(match () {
        () if begins(&[
            "version https://git-lfs.github.com/spec/",
            "version https://hawser.github.com/spec/",
        ]) =>
        {
            FileKind::LfsPointer
        }
        () if begins(&[
            "/annex/objects/",
            "../.git/annex/objects/",
            ".git/annex/objects/",
        ]) =>
        {
            FileKind::AnnexPointer
        }
        () if is_html(&text) => FileKind::Html,
        () if is_xml(&text) => FileKind::Xml,
        () if text.starts_with('{')
            && ["headerid", "edf_", "byteorder"]
                .iter()
                .any(|key| text.contains(key)) =>
        {
            FileKind::DetectorImage
        }
        () if is_json(&text) => FileKind::Json,
        () => FileKind::Text,
    })
}

/// Returns the begin of a text; none if it has characters that no text has.
fn decoded(start: &[u8]) -> Option<String> {
    let start = &start[..start.len().min(LOOKED_AT)];
    let text = match start {
        // UTF-16, of which only what ASCII has matters here.
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes)?,
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, text @ ..] => single_bytes(text),
        text => single_bytes(text),
    };
    let is_text = |character: char| !character.is_control() || "\t\n\r\x0c\x1b".contains(character);
    (!text.is_empty() && text.chars().all(is_text)).then_some(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, _) = bytes.as_chunks();
    let units: Vec<u16> = units.iter().map(|bytes| unit(*bytes)).collect();
    // The last character may be cut in two.
    let whole = units.len().saturating_sub(1);
    String::from_utf16(&units)
        .or_else(|_| String::from_utf16(&units[..whole]))
        .ok()
}

/// Decodes UTF-8, and any text of one byte per character as far as ASCII has it.
fn single_bytes(bytes: &[u8]) -> String {
    let ascii = bytes.iter().filter(|byte| byte.is_ascii()).count();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        // The last character may be cut.
        Err(error) if error.valid_up_to() + 4 > bytes.len() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        // A few characters such as the sign of a degree; more of them are no text.
        Err(_) if ascii * 10 >= bytes.len() * 9 => String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => "\0".to_string(),
    }
}

fn is_html(text: &str) -> bool {
    const STARTS: &[&str] = &[
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<title",
        "<script",
        "<meta",
    ];
    let begins_so = STARTS.iter().any(|start| text.starts_with(start));
    begins_so || (text.starts_with('<') && text.contains("<html"))
}

fn is_xml(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('<') else {
        return false;
    };
    rest.starts_with(|first: char| first.is_ascii_alphabetic() || "?!".contains(first))
}

fn is_json(text: &str) -> bool {
    let Some(open) = text.chars().next().filter(|first| "{[".contains(*first)) else {
        return false;
    };
    let next = text[1..].trim_start().chars().next();
    next.is_none_or(|next| match open {
        '{' => "\"}".contains(next),
        _ => "\"{[]-0123456789tfn".contains(next),
    })
}
