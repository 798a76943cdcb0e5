//! A whole client connection: several requests in any division.

use wire::{
    BodyFraming, FramingRefusal, HeadLimits, HeadWriter, Parsed, Request, RequestHead, Version,
    chunked,
};

use super::{
    connection::{self, End, Seen},
    reference::{self, Head},
};

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

/// Reads heads of requests, checking each.
fn heads(limits: HeadLimits) -> impl FnMut(&[u8]) -> Result<Option<Seen>, FramingRefusal> {
    let mut head = RequestHead::new();
    move |unread| {
        let Parsed::Complete { len } = head.parse(unread, &limits)? else {
            return Ok(None);
        };
        let request = head.request(unread);
        check_options(&request);
        let seen = Seen {
            head: head_of(&request, len),
            framing: request.framing(),
            keep_alive: request.keep_alive(),
            interim: false,
            body: Vec::new(),
            whole: false,
        };
        head.clear();
        Ok(Some(seen))
    }
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
    let limits = connection::limits(*plan, HeadLimits::REQUEST);
    let (requests, end) = connection::read_alike(*plan, stream, || heads(limits));
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
    let (again, end) = connection::read(
        std::iter::once(written.as_slice()),
        heads(HeadLimits::REQUEST),
    );
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
