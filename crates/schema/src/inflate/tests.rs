use super::*;
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

const WIDE: Expansion = Expansion {
    bytes: 1 << 30,
    ratio: 1 << 20,
};

fn gzip(data: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255];
    out.extend_from_slice(extra);
    out.extend(compress_to_vec(data, 6));
    out.extend(crc32fast::hash(data).to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out
}

fn run(coding: Coding, bounds: Expansion, body: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
    let mut inflater = Inflater::new(coding, bounds);
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        inflater.push(piece, &mut out).map_err(|it| it.fault)?;
    }
    inflater.finish().map_err(|it| it.fault)?;
    Ok(out)
}

fn text() -> Vec<u8> {
    (0..200_000_u32)
        .flat_map(|it| (it / 7).to_be_bytes())
        .collect()
}

#[test]
fn streams_inflate_whatever_their_pieces() {
    let data = text();
    for piece in [1, 7, 4096, usize::MAX] {
        let plain = gzip(&data, 0, b"");
        assert_eq!(run(Coding::Gzip, WIDE, &plain, piece).unwrap(), data);
        let named = gzip(&data, 8, b"report.json\0");
        assert_eq!(run(Coding::Gzip, WIDE, &named, piece).unwrap(), data);
        let all = gzip(&data, 4 | 8 | 16, b"\x03\0abcname\0comment\0");
        assert_eq!(run(Coding::Gzip, WIDE, &all, piece).unwrap(), data);
        let zlib = compress_to_vec_zlib(&data, 6);
        assert_eq!(run(Coding::Deflate, WIDE, &zlib, piece).unwrap(), data);
        assert_eq!(run(Coding::Plain, WIDE, &data, piece).unwrap(), data);
    }
    assert_eq!(run(Coding::Gzip, WIDE, &gzip(b"", 0, b""), 1).unwrap(), b"");
}

#[test]
fn a_bomb_is_stopped_by_bytes_or_by_ratio() {
    let zeros = vec![0; 5_000_000];
    let bomb = gzip(&zeros, 0, b"");
    let bytes = Expansion {
        bytes: 1_000_000,
        ..WIDE
    };
    let too_large = Err(Fault::TooLarge { limit: 1_000_000 });
    assert_eq!(run(Coding::Gzip, bytes, &bomb, 100), too_large);
    assert_eq!(run(Coding::Plain, bytes, &zeros, 100), too_large);
    let ratio = Expansion { ratio: 100, ..WIDE };
    assert_eq!(
        run(Coding::Gzip, ratio, &bomb, usize::MAX),
        Err(Fault::CodingRatio { limit: 100 })
    );
    let mild = gzip(&text(), 0, b"");
    assert!(run(Coding::Gzip, ratio, &mild, 100).is_ok());
    let mut inflater = Inflater::new(Coding::Gzip, bytes);
    let mut out = Vec::new();
    assert!(inflater.push(&bomb, &mut out).is_err());
    assert!(out.len() <= 1_000_000 + STEP, "{}", out.len());
}

#[test]
fn a_stream_that_is_not_whole_is_refused() {
    let good = gzip(b"hello hello hello", 0, b"");
    for cut in 0..good.len() {
        let part = good.get(..cut).unwrap();
        assert_eq!(
            run(Coding::Gzip, WIDE, part, 3),
            Err(Fault::CodingCut),
            "{cut}"
        );
    }
    let zlib = compress_to_vec_zlib(b"hello hello hello", 6);
    let short = zlib.get(..zlib.len() - 1).unwrap();
    assert_eq!(run(Coding::Deflate, WIDE, short, 3), Err(Fault::CodingCut));
}

#[test]
fn what_follows_a_stream_is_refused() {
    let good = gzip(b"hello", 0, b"");
    for behind in [&b"x"[..], &good] {
        let body = [&good, behind].concat();
        assert_eq!(
            run(Coding::Gzip, WIDE, &body, 5),
            Err(Fault::CodingTrailing)
        );
    }
    let zlib = [compress_to_vec_zlib(b"hello", 6), vec![0]].concat();
    assert_eq!(
        run(Coding::Deflate, WIDE, &zlib, 50),
        Err(Fault::CodingTrailing)
    );
}

#[test]
fn a_changed_byte_is_noticed() {
    let good = gzip(b"hello hello hello", 0, b"");
    for at in (10..good.len()).chain([0, 1, 2]) {
        let mut bad = good.clone();
        *bad.get_mut(at).unwrap() ^= 0x10;
        assert!(run(Coding::Gzip, WIDE, &bad, 9).is_err(), "{at}");
    }
    for flags in [2, 32, 64, 128] {
        assert!(run(Coding::Gzip, WIDE, &gzip(b"a", flags, b""), 9).is_err());
    }
    let endless = gzip(b"a", 8, &[b'n'; 2 * HEADER]);
    assert_eq!(
        run(Coding::Gzip, WIDE, &endless, 9),
        Err(Fault::CodingBroken)
    );
    let raw = compress_to_vec(b"hello", 6);
    assert!(run(Coding::Deflate, WIDE, &raw, 9).is_err());
    assert!(run(Coding::Gzip, WIDE, b"hello", 9).is_err());
}

#[test]
fn one_known_coding_is_taken() {
    let parsed = |value: &str| Coding::parse(Some(value.as_bytes())).map_err(|it| it.fault);
    assert_eq!(Coding::parse(None), Ok(Coding::Plain));
    assert_eq!(parsed("identity"), Ok(Coding::Plain));
    assert_eq!(parsed("GZip"), Ok(Coding::Gzip));
    assert_eq!(parsed("x-gzip"), Ok(Coding::Gzip));
    assert_eq!(parsed(" deflate "), Ok(Coding::Deflate));
    for value in ["gzip, gzip", "gzip,identity", ","] {
        assert_eq!(parsed(value), Err(Fault::CodingNested), "{value}");
    }
    for value in ["", "br", "zstd", "compress", "gzip gzip", "chunked"] {
        assert_eq!(parsed(value), Err(Fault::CodingUnknown), "{value}");
    }
}
