use std::io::Cursor;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// What all the streams below hold.
fn text() -> Vec<u8> {
    let numbers = (0..4).flat_map(|_| 0..64u8);
    numbers.chain(b"ptychography".repeat(8)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Made by Python: `lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[...])`, with an end marker, behind the header of the zip
/// format.
fn lzma_of_python() -> Vec<u8> {
    bytes(concat!(
        "091405005d0000010000000052500a84f99bb28021a969d627e03e065a5f048d53d404ba39570509c15524de9db871593160a19ff96f",
        "4973f2c8ea8cba1a8b29692180fe33837c344612b33998e48bf87840a0039fea18407b4727ffffa9f20000"
    ))
}

/// Made by the encoder of lzma-rust2, without an end marker.
fn lzma_without_a_marker() -> Vec<u8> {
    bytes(concat!(
        "091405005d0000010000000052500a84f99bb28021a969d627e03e065a5f048d53d404ba39570509c15524de9db871593160a19ff96f",
        "4973f2c8ea8cba1a8b29692180fe33837c344612b33998e48bf87840a0039fea183fb2b000"
    ))
}

/// Made by Zstandard 1.5 at level 19, with a checksum.
fn zstd_of_its_library() -> Vec<u8> {
    bytes(concat!(
        "28b52ffd646000cd0200d404000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829",
        "2a2b2c2d2e2f303132333435363738393a3b3c3d3e3f70747963686f677261706879700200f09a1ee80d54380372d9b349"
    ))
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A Zstandard frame of one block that stands for `len` bytes, with the window that this descriptor means.
fn zstd_of_one_value(window: u8, len: u32) -> Vec<u8> {
    let block = len << 3 | 1 << 1 | 1;
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0, window];
    [&header[..], &block.to_le_bytes()[..3], &[7]].concat()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    ::bzip2::read::BzEncoder::new(data, ::bzip2::Compression::best())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

fn streams() -> Vec<(Method, Vec<u8>)> {
    vec![
        (Method::Bzip2, bzip2(&text())),
        (Method::Lzma, lzma_of_python()),
        (Method::Lzma, lzma_without_a_marker()),
        (Method::Zstd, zstd_of_its_library()),
        (Method::Zstd, zstd(&text())),
    ]
}

fn decode(method: Method, packed: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    let decoder = Decoder::new(method, Cursor::new(packed.to_vec()), size);
    // One byte more than is promised shows a longer stream.
    decoder
        .take(size.saturating_add(1))
        .read_to_end(&mut decoded)?;
    Ok(decoded)
}

#[test]
fn streams_of_every_method_are_decoded() {
    let text = text();
    for (method, packed) in streams() {
        let decoded = decode(method, &packed, text.len() as u64).unwrap();
        assert!(decoded == text, "{method}");
        // However little is read at a time, and whatever stands behind the stream.
        let behind = [&packed[..], b"behind"].concat();
        let mut decoder = Decoder::new(method, Cursor::new(behind), text.len() as u64);
        let mut slowly = vec![0; text.len()];
        for part in slowly.chunks_mut(7) {
            decoder.read_exact(part).unwrap();
        }
        assert!(slowly == text, "{method}");
    }
}

#[test]
fn empty_members_are_decoded() {
    for (method, packed) in [(Method::Bzip2, bzip2(&[])), (Method::Zstd, zstd(&[]))] {
        assert_eq!(decode(method, &packed, 0).unwrap(), [0u8; 0], "{method}");
    }
    // Made by Python, as above.
    let packed = bytes("091405005d000080000083fffbffffc0000000");
    assert_eq!(decode(Method::Lzma, &packed, 0).unwrap(), [0u8; 0]);
}

#[test]
fn streams_cut_short_are_errors() {
    let size = text().len() as u64;
    for (method, packed) in streams() {
        for len in 0..packed.len() {
            // The last bytes may be a checksum that is not looked at, or a marker that need not be there.
            match decode(method, &packed[..len], size) {
                Ok(decoded) => assert!(
                    decoded.len() < size as usize || (decoded == text() && len + 12 > packed.len()),
                    "{method} {len}"
                ),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{method}"),
            }
        }
    }
}

#[test]
fn a_stream_longer_than_promised_does_not_pass() {
    let size = text().len() as u64 - 1;
    for (method, packed) in streams() {
        let decoded = decode(method, &packed, size);
        assert!(
            decoded.is_err() || decoded.is_ok_and(|decoded| decoded.len() as u64 > size),
            "{method}"
        );
    }
}

#[test]
fn sizes_that_headers_claim_are_not_set_aside() {
    let told = |method, packed: &[u8], size| {
        let error = decode(method, packed, size).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        error.to_string()
    };
    let mut lzma = lzma_of_python();
    lzma[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
    // No more than the member is needed.
    assert!(decode(Method::Lzma, &lzma, text().len() as u64).unwrap() == text());
    insta::assert_snapshot!(told(Method::Lzma, &lzma, 1 << 40), @"bytes that do not unpack as LZMA (a dictionary of 4294967295 bytes, expected at most 268435456)");
    lzma[4] = 225;
    insta::assert_snapshot!(told(Method::Lzma, &lzma, 9), @"bytes that do not unpack as LZMA (properties 225, expected at most 224)");
    lzma[2] = 6;
    insta::assert_snapshot!(told(Method::Lzma, &lzma, 9), @"bytes that do not unpack as LZMA (6 bytes of properties, expected 5)");
    // A window of 128 MiB is set aside as little as one of 2 MiB; one of 1 TiB is refused.
    for window in [0x58, 0x88] {
        let packed = zstd_of_one_value(window, 1000);
        assert_eq!(decode(Method::Zstd, &packed, 1000).unwrap(), [7; 1000]);
    }
    assert!(told(Method::Zstd, &zstd_of_one_value(0xf0, 1000), 1000).contains("indow"));
    // Nor is more decoded than the member is said to have: blocks of 128 KiB without an end, in a window of 128 MiB.
    let block = (((128 << 10) << 3 | 1 << 1) as u32).to_le_bytes();
    let endless = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0, 0x88][..],
        &[&block[..3], &[7]].concat().repeat(900),
    ];
    insta::assert_snapshot!(told(Method::Zstd, &endless.concat(), 1000), @"bytes that do not unpack as Zstandard (more than 1000 bytes)");
    // A frame that says it is to be skipped, and is not there.
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18], &u32::MAX.to_le_bytes()[..]].concat();
    assert!(told(Method::Zstd, &skipped, 9).contains("Zstandard"));
    let behind = [
        &[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2],
        &zstd(b"data")[..],
    ]
    .concat();
    assert_eq!(decode(Method::Zstd, &behind, 4).unwrap(), b"data");
}

#[test]
fn an_error_of_the_file_is_not_one_of_the_stream() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    for method in [
        Method::Stored,
        Method::Deflated,
        Method::Bzip2,
        Method::Lzma,
        Method::Zstd,
    ] {
        for readable in [0, 1, 30] {
            let size = text().len() as u64;
            let stream = streams().into_iter().find(|(other, _)| *other == method);
            let packed = stream.map_or_else(Vec::new, |(_, packed)| packed);
            let start = packed[..readable.min(packed.len())].to_vec();
            let packed = Cursor::new(start).chain(Fails);
            let mut decoder = Decoder::new(method, packed, size);
            let error = std::io::copy(&mut decoder, &mut io::sink()).unwrap_err();
            assert_eq!(error.to_string(), "the disk is gone", "{method}");
        }
    }
}

properties! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 }))]
    #[test]
    fn no_stream_panics_or_goes_on_for_ever(
        (method, mut packed) in select(streams()),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        (len, size) in (any::<Index>(), prop_oneof![Just(352u64), 0..1000u64, any::<u64>()]),
        is_cut in any::<bool>(),
    ) {
        for (at, byte) in changes {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        if is_cut {
            packed.truncate(len.index(packed.len()));
        }
        let decoder = Decoder::new(method, Cursor::new(packed), size);
        // No method makes so much of so little, but of a directory that lies.
        let copied = io::copy(&mut decoder.take(1 << 24), &mut io::sink());
        if let Err(error) = copied {
            prop_assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
