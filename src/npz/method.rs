//! Names the methods by which members of a zip archive are packed.

use std::fmt;

/// Names how a member is packed.
///
/// `Display` gives the word that tables show: `stored`, `deflated`, `bzip2`, `lzma`, `zstd`, or the name of a method that
/// is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The member's bytes are stored as they are, so that they can be mapped.
    Stored,
    /// The member is deflated, as `np.savez_compressed` does.
    Deflated,
    /// The member is compressed by bzip2.
    Bzip2,
    /// The member is compressed by LZMA.
    Lzma,
    /// The member is compressed by Zstandard.
    Zstd,
    /// The member is packed by another method, whose number in the zip specification this is.
    Other(u16),
}

impl Method {
    /// Returns the method with this number in the zip specification.
    pub(super) fn of_number(number: u16) -> Self {
        match number {
            0 => Self::Stored,
            8 => Self::Deflated,
            12 => Self::Bzip2,
            14 => Self::Lzma,
            93 => Self::Zstd,
            other => Self::Other(other),
        }
    }

    /// Returns the largest number of bytes that the method packs into one: a directory that claims more is lying.
    ///
    /// Of Deflate by its format. Of bzip2: a block has at least 32 bytes and stands for 900,000, each five of which stand
    /// for up to 255. Of LZMA: a match of 273 bytes takes 14 decisions of at least 0.022 bits. Of Zstandard: a block of
    /// one value has 4 bytes and stands for 131,072.
    pub(super) fn max_ratio(self) -> u64 {
        match self {
            Self::Stored | Self::Other(_) => 1,
            Self::Deflated => 1032,
            Self::Bzip2 => 900_000 / 5 * 255 / 32 + 1,
            Self::Lzma => 8192,
            Self::Zstd => 32_768,
        }
    }

    /// Returns the name as it stands in a sentence: `compressed by LZMA`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Stored => "no method".to_string(),
            Self::Deflated => "Deflate".to_string(),
            Self::Bzip2 => "bzip2".to_string(),
            Self::Lzma => "LZMA".to_string(),
            Self::Zstd => "Zstandard".to_string(),
            Self::Other(number) => other_name(number),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored => f.write_str("stored"),
            Self::Deflated => f.write_str("deflated"),
            Self::Bzip2 => f.write_str("bzip2"),
            Self::Lzma => f.write_str("lzma"),
            Self::Zstd => f.write_str("zstd"),
            Self::Other(number) => f.write_str(&other_name(*number)),
        }
    }
}

/// Returns the name of a method that is not read. Source: PKWARE APPNOTE 6.3.10, section 4.4.5.
fn other_name(number: u16) -> String {
    let name = match number {
        1 => "Shrink",
        2 => "Reduce with factor 1",
        3 => "Reduce with factor 2",
        4 => "Reduce with factor 3",
        5 => "Reduce with factor 4",
        6 => "Implode",
        7 => "Tokenize",
        9 => "Deflate64",
        10 => "PKWARE DCL Implode",
        16 => "IBM z/OS CMPSC",
        18 => "IBM TERSE",
        19 => "IBM LZ77",
        20 => "Zstandard under its old number",
        94 => "MP3",
        95 => "XZ",
        96 => "JPEG",
        97 => "WavPack",
        98 => "PPMd",
        99 => "AES encryption",
        _ => return format!("a method that the zip specification does not name ({number})"),
    };
    name.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names() {
        let name = |number| Method::of_number(number).name();
        assert_eq!(
            [6, 9, 12, 14, 20, 93, 95, 98].map(name),
            [
                "Implode",
                "Deflate64",
                "bzip2",
                "LZMA",
                "Zstandard under its old number",
                "Zstandard",
                "XZ",
                "PPMd"
            ]
        );
        assert!(name(77).contains("(77)"));
        for number in 0..120 {
            assert!(!Method::of_number(number).to_string().is_empty());
        }
    }
}
