use super::*;

fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, bool), FramingRefusal> {
    let mut decoder = ChunkedDecoder::new();
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let step = decoder.next(&input[at..])?;
        data.extend_from_slice(&input[at..][step.data.clone()]);
        at += step.consumed;
        if step.done || step.data.is_empty() {
            return Ok((data, at, step.done));
        }
    }
}

#[test]
fn a_body_is_decoded_and_what_follows_is_left() {
    let body = b"5\r\nhello\r\n0A;a=\"b\"\r\n, 10 bytes\r\n000\r\nX-T: 1\r\nY:\r\n\r\nGET";
    let (data, consumed, done) = decode(body).unwrap();
    assert_eq!(data, b"hello, 10 bytes");
    assert_eq!(consumed, body.len() - 3);
    assert!(done);
}

#[test]
fn a_decoder_that_has_ended_consumes_nothing() {
    let mut decoder = ChunkedDecoder::new();
    assert!(decoder.next(LAST_CHUNK).unwrap().done);
    let step = decoder.next(b"GET").unwrap();
    assert_eq!((step.consumed, step.done), (0, true));
}

#[test]
fn each_violation_is_refused_at_its_byte() {
    for (body, refusal) in [
        ("5\n", FramingRefusal::BareLf),
        ("5\r\nhello\n", FramingRefusal::BareLf),
        ("5;a\n", FramingRefusal::BareLf),
        ("0\r\n\n", FramingRefusal::BareLf),
        ("0\r\nA: b\n", FramingRefusal::BareLf),
        ("5\rh", FramingRefusal::BareCr),
        ("5\r\nhello\rx", FramingRefusal::BareCr),
        ("0\r\n\rx", FramingRefusal::BareCr),
        ("5;a\0", FramingRefusal::Nul),
        ("5;a\u{7f}", FramingRefusal::ControlByte),
        ("5;a=\"b\n", FramingRefusal::BareLf),
        ("5;a=\"\0", FramingRefusal::Nul),
        ("5;\r", FramingRefusal::ChunkExtension),
        ("5;;", FramingRefusal::ChunkExtension),
        ("5;=", FramingRefusal::ChunkExtension),
        ("5;a=\r", FramingRefusal::ChunkExtension),
        ("5;a=;", FramingRefusal::ChunkExtension),
        ("5;a=b=", FramingRefusal::ChunkExtension),
        ("5;a ", FramingRefusal::ChunkExtension),
        ("5; ", FramingRefusal::ChunkExtension),
        ("5;a=\"b\r", FramingRefusal::ChunkExtension),
        ("5;a=\"b\\\r", FramingRefusal::ChunkExtension),
        ("5;a=\"b\"c", FramingRefusal::ChunkExtension),
        ("5;a\"", FramingRefusal::ChunkExtension),
        ("\r", FramingRefusal::ChunkSize),
        ("+", FramingRefusal::ChunkSize),
        ("-", FramingRefusal::ChunkSize),
        (" ", FramingRefusal::ChunkSize),
        ("5 ", FramingRefusal::ChunkSize),
        ("a ", FramingRefusal::ChunkSize),
        ("0x", FramingRefusal::ChunkSize),
        ("5_", FramingRefusal::ChunkSize),
        (";", FramingRefusal::ChunkSize),
        ("g", FramingRefusal::ChunkSize),
        ("8000000000000000", FramingRefusal::ChunkSize),
        ("ffffffffffffffff", FramingRefusal::ChunkSize),
        ("00000000000000005", FramingRefusal::ChunkSize),
        ("5\r\nhello0", FramingRefusal::ChunkEnd),
        ("0\r\n ", FramingRefusal::ObsFold),
        ("0\r\nA: b\r\n\t", FramingRefusal::ObsFold),
        ("0\r\nA ", FramingRefusal::SpaceBeforeColon),
        ("0\r\nA\r", FramingRefusal::FieldName),
        ("0\r\n:", FramingRefusal::FieldName),
        ("0\r\nA: \0", FramingRefusal::Nul),
    ] {
        assert_eq!(decode(body.as_bytes()), Err(refusal), "{body:?}");
        // Known at that byte and not before.
        let before = &body.as_bytes()[..body.len() - 1];
        assert!(decode(before).is_ok_and(|(.., done)| !done), "{body:?}");
    }
}

#[test]
fn sixteen_digits_are_a_size_and_the_largest_is_signed() {
    let (data, _, done) = decode(b"0000000000000001\r\nx\r\n0\r\n\r\n").unwrap();
    assert_eq!((data.as_slice(), done), (&b"x"[..], true));
    assert!(decode(b"7fffffffffffffff\r\nx").is_ok());
}

#[test]
fn extensions_are_read_by_their_grammar_and_dropped() {
    for extension in [
        ";a",
        ";a;b",
        ";a=b;c",
        ";a=\"b;c\"",
        ";a=\"\\\"\\\\\";b",
        ";a=\"\u{e9} \t\"",
    ] {
        let body = format!("1{extension}\r\nx\r\n0{extension}\r\n\r\n");
        let (data, _, done) = decode(body.as_bytes()).unwrap();
        assert_eq!((data.as_slice(), done), (&b"x"[..], true), "{extension}");
    }
}

#[test]
fn extensions_and_trailers_have_limits() {
    let line = |length: usize| format!("1;{}\r\nx\r\n", "a".repeat(length - 1));
    assert!(decode(line(256).as_bytes()).is_ok());
    let refused = decode(line(257).as_bytes());
    assert_eq!(refused, Err(FramingRefusal::ChunkExtension));

    assert!(decode(line(256).repeat(64).as_bytes()).is_ok());
    let refused = decode(line(256).repeat(65).as_bytes());
    assert_eq!(refused, Err(FramingRefusal::ChunkExtension));

    // `A:`, line end and closing line take six bytes.
    let trailers = |length: usize| format!("0\r\nA:{}\r\n\r\n", "b".repeat(length - 6));
    assert!(decode(trailers(8192).as_bytes()).is_ok_and(|(.., done)| done));
    let refused = decode(trailers(8193).as_bytes());
    assert_eq!(refused, Err(FramingRefusal::TrailerTooLarge));
}

#[test]
fn size_lines_are_lower_case_hexadecimal_without_leading_zeros() {
    for len in [1, 9, 10, 15, 16, 255, 4096, 0xabcdef, usize::MAX] {
        assert_eq!(chunk_head(len).as_ref(), format!("{len:x}\r\n").as_bytes());
    }
}
