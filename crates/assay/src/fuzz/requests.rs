//! A whole client connection: several requests in any division.

use wire::{
    Body, BodyFault, BodyFraming, Buffer, FramingRefusal, HeadLimits, HeadWriter, Outgoing, Parsed,
    Request, RequestHead, Version, buffer::LARGE, chunked,
};

use super::reference::{self, Head};

/// Small limits, so that short inputs reach them too.
const TIGHT: HeadLimits = HeadLimits {
    line: 64,
    block: 220,
    fields: 6,
    http10_without_host: true,
};

/// One request with its body.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    head: Head,
    framing: BodyFraming,
    keep_alive: bool,
    body: Vec<u8>,
}

/// How the reading of a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// More may come; this many bytes of a head, or of the data of a body, are there.
    Head(usize),
    Body(usize),
    /// The last request was the last one.
    Closed,
    Refused(FramingRefusal),
}

/// How `stream` is divided, as two bytes of the input say.
pub(super) fn divide(plan: [u8; 2], stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let [mut size, step] = plan;
    let mut rest = stream;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = usize::from(size % 64 + 1).min(rest.len());
        size = size.wrapping_mul(5).wrapping_add(step);
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

/// The places at which a short stream is divided in two: each of them for one input in four, for
/// it takes as many readings as there are bytes.
pub(super) fn every_offset([_, second]: [u8; 2], stream: &[u8]) -> std::ops::Range<usize> {
    let each = second >= 0xc0 && stream.len() <= 256;
    0..if each { stream.len() } else { 0 }
}

fn head_of(request: &Request<'_>, length: usize) -> Head {
    Head {
        first: request.method_bytes().to_vec(),
        second: request.target().to_vec(),
        one_one: request.version() == Version::Http11,
        fields: request
            .fields()
            .map(|field| (field.name().to_vec(), field.value().to_vec()))
            .collect(),
        length,
    }
}

/// Reads requests as the engine does: head, body, next head.
fn read<'s>(pieces: impl Iterator<Item = &'s [u8]>, limits: &HeadLimits) -> (Vec<Seen>, End) {
    let (mut head, mut input, mut data) = (RequestHead::new(), Buffer::new(), Outgoing::new());
    let mut seen: Vec<Seen> = Vec::new();
    let mut body: Option<Body> = None;
    for piece in pieces {
        input.extend(piece);
        loop {
            let Some(under_way) = &mut body else {
                if input.is_empty() {
                    break;
                }
                let length = match head.parse(input.unread(), limits) {
                    Ok(Parsed::Complete { len }) => len,
                    Ok(Parsed::Incomplete) => break,
                    Err(refusal) => return (seen, End::Refused(refusal)),
                };
                let request = head.request(input.unread());
                check_options(&request);
                seen.push(Seen {
                    head: head_of(&request, length),
                    framing: request.framing(),
                    keep_alive: request.keep_alive(),
                    body: Vec::new(),
                });
                // Data comes out as it is: what is compared is what a receiver makes of it.
                body = Some(Body::new(request.framing(), false, u64::MAX));
                input.consume(length);
                head.clear();
                continue;
            };
            let taken = under_way.take(&mut input, &mut data, LARGE);
            let Some(last) = seen.last_mut() else {
                return (seen, End::Closed);
            };
            last.body.extend_from_slice(data.unsent());
            data.clear();
            match taken {
                Ok(()) => {}
                Err(BodyFault::Framing(refusal)) => return (seen, End::Refused(refusal)),
                Err(fault) => panic!("nothing else can be wrong with a body: {fault}"),
            }
            if under_way.is_done() {
                body = None;
                if !last.keep_alive {
                    return (seen, End::Closed);
                }
            } else if input.is_empty() {
                break;
            }
        }
    }
    let end = match (&body, seen.last()) {
        (Some(_), Some(last)) => End::Body(last.body.len()),
        _ => End::Head(input.len()),
    };
    (seen, end)
}

/// What Connection says, against the plain reading of its options.
fn check_options(request: &Request<'_>) {
    let head = head_of(request, 0);
    assert_eq!(request.keep_alive(), head.keeps_alive());
    let fold = |name: &[u8]| {
        String::from_utf8_lossy(name)
            .to_ascii_lowercase()
            .replace('_', "-")
    };
    let options: Vec<String> = head
        .options()
        .iter()
        .map(|it| fold(it.as_bytes()))
        .collect();
    for (name, _) in &head.fields {
        assert_eq!(
            request.connection_lists(name),
            options.contains(&fold(name)),
            "{}",
            name.escape_ascii()
        );
    }
}

/// The request as our writer sends it on, its body framed anew where it was chunked.
fn write(seen: &Seen, piece: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = HeadWriter::new(&mut out);
    let line = writer.request_line(&seen.head.first, &seen.head.second);
    assert_eq!(line, Ok(()), "an accepted request line");
    for (name, value) in &seen.head.fields {
        assert_eq!(writer.field(name, value), Ok(()), "an accepted field");
    }
    writer.end();
    if seen.framing == BodyFraming::Chunked {
        for data in seen.body.chunks(piece) {
            out.extend_from_slice(chunked::chunk_head(data.len()).as_ref());
            out.extend_from_slice(data);
            out.extend_from_slice(chunked::CHUNK_END);
        }
        out.extend_from_slice(chunked::LAST_CHUNK);
    } else {
        out.extend_from_slice(&seen.body);
    }
    out
}

/// A whole connection: divided in any way it reads the same; an independent parser sees the same
/// requests at the same places; and what we send on is one request to it and to us, the same.
pub fn request_connection(data: &[u8]) {
    let Some((plan, stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let limits = match plan {
        [first, _] if first & 0x80 != 0 => TIGHT,
        _ => HeadLimits::REQUEST,
    };
    let whole = read(std::iter::once(stream), &limits);
    assert_eq!(read(divide(*plan, stream), &limits), whole, "divided");
    assert_eq!(read(stream.chunks(1), &limits), whole, "byte by byte");
    for at in every_offset(*plan, stream) {
        let (start, rest) = stream.split_at_checked(at).unwrap_or_default();
        let again = read([start, rest].into_iter(), &limits);
        assert_eq!(again, whole, "divided at {at}");
    }

    let (requests, end) = whole;
    let last = requests.len().saturating_sub(1);
    let mut at = 0;
    for (number, seen) in requests.iter().enumerate() {
        let rest = stream.get(at..).unwrap_or_default();
        let theirs = reference::request(rest);
        assert_eq!(
            theirs.as_ref(),
            Some(&seen.head),
            "httparse reads another head"
        );
        let after = rest.get(seen.head.length..).unwrap_or_default();
        let body = seen.head.body(after);
        let open = number == last && matches!(end, End::Body(_) | End::Refused(_));
        let Some((data, length)) = body else {
            assert!(open, "the plain reading sees no whole body");
            return;
        };
        assert_eq!(data, seen.body, "another body");
        at += seen.head.length + length;
        if seen.head.one_one {
            check_written(seen, usize::from(plan[1]) + 1);
        }
    }
}

fn check_written(seen: &Seen, piece: usize) {
    let written = write(seen, piece);
    let (again, end) = read(std::iter::once(written.as_slice()), &HeadLimits::REQUEST);
    let [again] = again.as_slice() else {
        panic!("{} requests were written as one: {end:?}", again.len());
    };
    let theirs = reference::request(&written);
    let Some(theirs) = theirs else {
        panic!("httparse does not read what we write");
    };
    let rest = written.get(theirs.length..).unwrap_or_default();
    assert_eq!(theirs.body(rest), Some((seen.body.clone(), rest.len())));
    for head in [&again.head, &theirs] {
        assert_eq!(head.first, seen.head.first);
        assert_eq!(head.second, seen.head.second);
        assert_eq!(head.fields, seen.head.fields);
    }
    assert_eq!(again.framing, seen.framing);
    assert_eq!(again.body, seen.body);
    assert_eq!(again.keep_alive, seen.keep_alive);
}
