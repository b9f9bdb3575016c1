//! Packs archives for tests, by every method that is read but LZMA, of which there is a decoder only.

use std::io::{Read, Write};

/// Holds an archive to which members are added.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Archive {
    /// Adds a member, compressed by the method with this number.
    pub fn add(&mut self, name: &str, method: u16, data: &[u8]) {
        self.add_packed(name, method, data, &compress(method, data));
    }

    /// Adds a member that becomes `data` and is packed already.
    pub fn add_packed(&mut self, name: &str, method: u16, data: &[u8], packed: &[u8]) {
        let offset = self.bytes.len() as u32;
        let mut fields = vec![63, 0, 0, 0];
        fields.extend(method.to_le_bytes());
        fields.extend([0; 4]);
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0; 2]);
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&fields);
        self.bytes.extend(name.bytes());
        self.bytes.extend(packed);
        self.directory.extend(b"PK\x01\x02\x3f\0");
        self.directory.extend(&fields);
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.bytes());
        self.count += 1;
    }

    /// Returns the archive.
    pub fn finish(mut self) -> Vec<u8> {
        let offset = self.bytes.len() as u32;
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes
            .extend((self.directory.len() as u32).to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes
    }
}

fn compress(method: u16, data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match method {
        8 => {
            let fast = flate2::Compression::fast();
            let mut encoder = flate2::write::DeflateEncoder::new(&mut packed, fast);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap();
        }
        12 => {
            let best = bzip2::Compression::best();
            let mut encoder = bzip2::read::BzEncoder::new(data, best);
            encoder.read_to_end(&mut packed).unwrap();
        }
        93 => {
            let fastest = ruzstd::encoding::CompressionLevel::Fastest;
            packed = ruzstd::encoding::compress_to_vec(data, fastest);
        }
        _ => packed.extend(data),
    }
    packed
}
