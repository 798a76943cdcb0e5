//! Fuzz bodies: plain functions over arbitrary bytes that assert what must always hold.
//!
//! Owns the invariants of the grammar. Each function takes any bytes and panics when an invariant
//! is broken; a fuzzer or a property test calls it. Trusts nothing.

use crate::answer::{AnswerHead, Asked};
use crate::chunked::{ChunkedDecoder, LAST_CHUNK, chunk_head};
use crate::fields::Fields;
use crate::framing::BodyFraming;
use crate::head::{HeadLimits, Method, Parsed, Version};
use crate::head_writer::HeadWriter;
use crate::names::Name;
use crate::refusal::FramingRefusal;
use crate::request::RequestHead;
use crate::target::{Authority, canonical, folded};

/// Small limits, so that short inputs reach them too.
const TIGHT: HeadLimits = HeadLimits {
    line: 48,
    block: 160,
    fields: 6,
    http10_without_host: true,
};

type Outcome<T> = Result<Option<T>, FramingRefusal>;

/// Every offset of a short input, and some of a long one.
fn splits(length: usize) -> impl Iterator<Item = usize> {
    (0..=length).step_by(length / 600 + 1)
}

/// Asserts that parsing in two pieces, at every offset, and byte by byte ends as parsing at once.
fn assert_undivided<T: PartialEq + std::fmt::Debug>(
    data: &[u8],
    parse: impl Fn(&[&[u8]]) -> Outcome<T>,
) -> Outcome<T> {
    let whole = parse(&[data]);
    for at in splits(data.len()) {
        let start = data.get(..at).unwrap_or_default();
        assert_eq!(parse(&[start, data]), whole, "divided at {at}");
    }
    let starts: Vec<&[u8]> = splits(data.len())
        .filter_map(|at| data.get(..at))
        .chain([data])
        .collect();
    assert_eq!(parse(&starts), whole, "in many pieces");
    whole
}

#[derive(Debug, PartialEq)]
struct Seen {
    first: Vec<u8>,
    second: Vec<u8>,
    fields: Vec<(Name, bool, Vec<u8>, Vec<u8>)>,
    framing: BodyFraming,
    version: Version,
    flags: [bool; 4],
    length: usize,
}

fn listed(fields: Fields<'_>) -> Vec<(Name, bool, Vec<u8>, Vec<u8>)> {
    fields
        .map(|field| {
            let identity = field.speaks_of_identity();
            let (name, value) = (field.name().to_vec(), field.value().to_vec());
            (field.kind(), identity, name, value)
        })
        .collect()
}

fn see_request(pieces: &[&[u8]], limits: &HeadLimits) -> Outcome<Seen> {
    let mut head = RequestHead::new();
    for bytes in pieces {
        let Parsed::Complete { len } = head.parse(bytes, limits)? else {
            continue;
        };
        let request = head.request(bytes);
        return Ok(Some(Seen {
            first: request.method_bytes().to_vec(),
            second: request.target().to_vec(),
            fields: listed(request.fields()),
            framing: request.framing(),
            version: request.version(),
            flags: [
                request.keep_alive(),
                request.expects_continue(),
                request.is_websocket(),
                request.connection_lists(b"x-identity"),
            ],
            length: len,
        }));
    }
    Ok(None)
}

/// Any bytes as a request head.
pub fn request_head(data: &[u8]) {
    for limits in [HeadLimits::REQUEST, TIGHT] {
        let outcome = assert_undivided(data, |pieces| see_request(pieces, &limits));
        let Ok(Some(seen)) = outcome else {
            continue;
        };
        assert_plain_lines(data.get(..seen.length).unwrap_or_default());
        assert!(seen.framing != BodyFraming::UntilClose);
        let hosts = count(&seen, Name::Host);
        assert!(hosts == 1 || (hosts == 0 && limits.http10_without_host));
        assert_framed_once(&seen);
        // Written by our writer, the request is the same request, except that it is ours: 1.1.
        if seen.version == Version::Http11 {
            let mut head = RequestHead::new();
            assert!(head.parse(data, &limits).is_ok());
            let request = head.request(data);
            let mut out = Vec::new();
            let mut writer = HeadWriter::new(&mut out);
            let line = writer.request_line(request.method_bytes(), request.target());
            assert_eq!(line, Ok(()));
            for field in request.fields() {
                assert_eq!(writer.field(field.name(), field.value()), Ok(()));
            }
            writer.end();
            let again = see_request(&[&out], &HeadLimits::REQUEST);
            let length = out.len();
            assert_eq!(again, Ok(Some(Seen { length, ..seen })));
        }
    }
}

fn see_answer(pieces: &[&[u8]], limits: &HeadLimits, asked: Asked) -> Outcome<Seen> {
    let mut head = AnswerHead::new();
    for bytes in pieces {
        let Parsed::Complete { len } = head.parse(bytes, limits, asked)? else {
            continue;
        };
        let answer = head.answer(bytes);
        return Ok(Some(Seen {
            first: answer.status().to_string().into_bytes(),
            second: answer.reason().to_vec(),
            fields: listed(answer.fields()),
            framing: answer.framing(),
            version: answer.version(),
            flags: [
                answer.keep_alive(),
                answer.is_interim(),
                answer.announced_length().is_some(),
                answer.connection_lists(b"x-identity"),
            ],
            length: len,
        }));
    }
    Ok(None)
}

/// Any bytes as an answer head, to each kind of question.
pub fn answer_head(data: &[u8]) {
    for (method, upgrade) in [
        (Method::Get, false),
        (Method::Get, true),
        (Method::Head, false),
    ] {
        let asked = Asked { method, upgrade };
        for limits in [HeadLimits::ANSWER, TIGHT] {
            let outcome = assert_undivided(data, |pieces| see_answer(pieces, &limits, asked));
            let Ok(Some(seen)) = outcome else {
                continue;
            };
            assert_plain_lines(data.get(..seen.length).unwrap_or_default());
            assert_framed_once(&seen);
            let bodiless = matches!(seen.first.as_slice(), [b'1', ..] | b"204" | b"304");
            assert!(seen.framing == BodyFraming::None || !(bodiless || method == Method::Head));
            assert!(seen.first != b"101" || upgrade);
        }
    }
}

/// An accepted head has no line end but CR LF, and its only empty line is its last.
fn assert_plain_lines(head: &[u8]) {
    let Some(lines) = head.strip_suffix(b"\r\n\r\n") else {
        assert!(head.ends_with(b"\r\n\r\n"), "no empty line at the end");
        return;
    };
    let mut previous = 0;
    for &byte in lines {
        assert_eq!(byte == b'\n', previous == b'\r');
        assert!(byte == b'\t' || byte == b'\r' || byte == b'\n' || byte >= 0x20);
        assert!(byte != 0x7f);
        assert!(previous != b'\n' || !matches!(byte, b'\r' | b' ' | b'\t'));
        previous = byte;
    }
}

fn count(seen: &Seen, name: Name) -> usize {
    seen.fields.iter().filter(|field| field.0 == name).count()
}

fn assert_framed_once(seen: &Seen) {
    let announced = count(seen, Name::ContentLength) + count(seen, Name::TransferEncoding);
    assert!(announced <= 1);
}

/// Decodes all pieces: the data, how much was used up, and whether the body ended.
fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), FramingRefusal> {
    let mut decoder = ChunkedDecoder::new();
    let mut data = Vec::new();
    let mut total = 0;
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let step = decoder.next(rest)?;
            assert!(step.consumed <= rest.len() && step.data.end <= step.consumed);
            data.extend_from_slice(rest.get(step.data.clone()).unwrap_or_default());
            total += step.consumed;
            rest = rest.get(step.consumed..).unwrap_or_default();
            if step.done {
                return Ok((data, total, true));
            }
            if step.data.is_empty() {
                assert!(rest.is_empty(), "input was left without a reason");
                break;
            }
        }
    }
    Ok((data, total, false))
}

/// Any bytes as a chunked body, and as the data of one.
pub fn chunked(data: &[u8]) {
    let whole = decode(&[data]);
    for at in splits(data.len()) {
        let (start, rest) = data.split_at_checked(at).unwrap_or_default();
        assert_eq!(decode(&[start, rest]), whole, "divided at {at}");
    }
    let single: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(decode(&single), whole, "byte by byte");

    for size in [1, 7, 4096] {
        let mut coded = Vec::new();
        for chunk in data.chunks(size) {
            coded.extend_from_slice(chunk_head(chunk.len()).as_ref());
            coded.extend_from_slice(chunk);
            coded.extend_from_slice(b"\r\n");
        }
        coded.extend_from_slice(LAST_CHUNK);
        let length = coded.len();
        coded.extend_from_slice(b"GET");
        assert_eq!(decode(&[&coded]), Ok((data.to_vec(), length, true)));
    }
}

/// Encodes every byte that may not stand raw in a path, and `%`.
fn encode(path: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for &byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(byte);
        } else {
            let digit = |value: u8| char::from_digit(u32::from(value), 16).map_or(0, |c| c as u8);
            encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Any bytes as a path.
pub fn path(data: &[u8]) {
    let Ok(plain) = canonical(data) else {
        return;
    };
    assert!(plain.starts_with('/'));
    assert!(!plain.contains('\\') && !plain.bytes().any(|byte| byte.is_ascii_control()));
    assert_eq!(
        plain.matches('/').count(),
        data.iter().filter(|&&byte| byte == b'/').count(),
        "decoding made a separator"
    );
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    assert!(!plain.split('/').any(dots));
    // Encoded again, the canonical path leads to itself; a path of plain bytes is one already.
    assert_eq!(canonical(&encode(&plain)).as_ref(), Ok(&plain));
    if !plain.contains(['%', '?', '#', ' ']) && plain.is_ascii() {
        assert_eq!(canonical(plain.as_bytes()).as_ref(), Ok(&plain));
    }

    let fold = folded(&plain);
    assert_eq!(folded(&fold), fold, "folding twice");
    assert!(fold.starts_with('/') && (fold == "/" || !fold.ends_with(['/', '.'])));
    assert!(!fold.contains("//") && !fold.contains("./") && !fold.contains(';'));
    assert!(!fold.bytes().any(|byte| byte.is_ascii_uppercase()));
}

/// Any bytes as a host with port.
pub fn authority(data: &[u8]) {
    let Some(authority) = Authority::parse(data) else {
        return;
    };
    assert!(!authority.host.is_empty() && data.starts_with(authority.host));
    assert!(!data.iter().any(|byte| b"@/\\?#%, \t\r\n\0".contains(byte)));
    assert_eq!(
        authority.port.is_some(),
        data.len() > authority.host.len(),
        "what is not host is a port"
    );
    assert_eq!(
        Authority::parse(authority.host).map(|it| it.port),
        Some(None)
    );
}
