//! The upstream's side of a connection: interim and final answers in any division.

use wire::{
    Answer, AnswerHead, Asked, Body, BodyFault, BodyFraming, Buffer, FramingRefusal, HeadLimits,
    HeadWriter, Method, Outgoing, Parsed, Version, buffer::LARGE,
};

use super::{
    reference::{self, Head},
    requests::{divide, every_offset},
};

/// Small limits, so that short inputs reach them too.
const TIGHT: HeadLimits = HeadLimits {
    line: 64,
    block: 220,
    fields: 6,
    http10_without_host: true,
};

/// One answer with its body.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    head: Head,
    framing: BodyFraming,
    keep_alive: bool,
    interim: bool,
    body: Vec<u8>,
    whole: bool,
}

/// What was asked, as a byte of the input says.
fn asked(byte: u8) -> Asked {
    let (method, upgrade) = match byte & 3 {
        0 => (Method::Get, true),
        1 => (Method::Head, false),
        _ => (Method::Post, false),
    };
    Asked { method, upgrade }
}

fn head_of(answer: &Answer<'_>, length: usize) -> Head {
    Head {
        first: answer.status().to_string().into_bytes(),
        second: answer.reason().to_vec(),
        one_one: answer.version() == Version::Http11,
        fields: answer
            .fields()
            .map(|field| (field.name().to_vec(), field.value().to_vec()))
            .collect(),
        length,
    }
}

/// Reads answers as the engine does until the first that does not leave the connection open.
fn read<'s>(
    pieces: impl Iterator<Item = &'s [u8]>,
    limits: &HeadLimits,
    asked: Asked,
) -> (Vec<Seen>, Option<FramingRefusal>) {
    let (mut head, mut input, mut data) = (AnswerHead::new(), Buffer::new(), Outgoing::new());
    let mut seen: Vec<Seen> = Vec::new();
    let mut body: Option<Body> = None;
    for piece in pieces {
        input.extend(piece);
        loop {
            let Some(under_way) = &mut body else {
                if input.is_empty() {
                    break;
                }
                let length = match head.parse(input.unread(), limits, asked) {
                    Ok(Parsed::Complete { len }) => len,
                    Ok(Parsed::Incomplete) => break,
                    Err(refusal) => return (seen, Some(refusal)),
                };
                let answer = head.answer(input.unread());
                // Never longer than the fields allow; shorter where the body forbids it.
                assert!(!answer.keep_alive() || head_of(&answer, 0).keeps_alive());
                seen.push(Seen {
                    head: head_of(&answer, length),
                    framing: answer.framing(),
                    keep_alive: answer.keep_alive(),
                    interim: answer.is_interim(),
                    body: Vec::new(),
                    whole: false,
                });
                body = Some(Body::new(answer.framing(), false, u64::MAX));
                input.consume(length);
                head.clear();
                continue;
            };
            let taken = under_way.take(&mut input, &mut data, LARGE);
            let Some(last) = seen.last_mut() else {
                return (seen, None);
            };
            last.body.extend_from_slice(data.unsent());
            data.clear();
            match taken {
                Ok(()) => {}
                Err(BodyFault::Framing(refusal)) => return (seen, Some(refusal)),
                Err(fault) => panic!("nothing else can be wrong with a body: {fault}"),
            }
            if under_way.is_done() {
                last.whole = true;
                body = None;
                if !last.interim && !last.keep_alive {
                    return (seen, None);
                }
            } else if input.is_empty() {
                break;
            }
        }
    }
    (seen, None)
}

/// A whole connection to an upstream: divided in any way it reads the same, an independent parser
/// sees the same answers, no answer has a body where none may be, and what we pass on is to that
/// parser the same answer.
pub fn answer_connection(data: &[u8]) {
    let Some((plan, stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let [first, second] = *plan;
    let limits = if first & 0x80 == 0 {
        HeadLimits::ANSWER
    } else {
        TIGHT
    };
    let asked = asked(second);
    let whole = read(std::iter::once(stream), &limits, asked);
    assert_eq!(
        read(divide(*plan, stream), &limits, asked),
        whole,
        "divided"
    );
    assert_eq!(
        read(stream.chunks(1), &limits, asked),
        whole,
        "byte by byte"
    );
    for at in every_offset(*plan, stream) {
        let (start, rest) = stream.split_at_checked(at).unwrap_or_default();
        let again = read([start, rest].into_iter(), &limits, asked);
        assert_eq!(again, whole, "divided at {at}");
    }

    let mut at = 0;
    for seen in &whole.0 {
        let rest = stream.get(at..).unwrap_or_default();
        let mut theirs = reference::answer(rest);
        if let Some(theirs) = &mut theirs
            && !seen.head.second.is_ascii()
        {
            // httparse finds the end of such a reason and gives none of it.
            theirs.second.clone_from(&seen.head.second);
        }
        assert_eq!(
            theirs.as_ref(),
            Some(&seen.head),
            "httparse reads another head"
        );
        let after = rest.get(seen.head.length..).unwrap_or_default();
        let status = seen.head.first.as_slice();
        let bodiless = matches!(status, [b'1', ..] | b"204" | b"304");
        if bodiless || asked.method == Method::Head {
            assert_eq!(seen.framing, BodyFraming::None);
            assert!(seen.body.is_empty());
        } else if seen.framing == BodyFraming::UntilClose {
            assert_eq!(seen.body, after);
            return;
        } else if seen.whole {
            let plain = seen.head.body(after);
            let Some((data, length)) = plain else {
                panic!("the plain reading sees no whole body");
            };
            assert_eq!(data, seen.body);
            at += length;
        }
        at += seen.head.length;
        check_written(seen);
    }
}

fn check_written(seen: &Seen) {
    let mut written = Vec::new();
    let mut writer = HeadWriter::new(&mut written);
    let status = String::from_utf8_lossy(&seen.head.first).parse();
    let line = writer.status_line(status.unwrap_or(0), &seen.head.second);
    assert_eq!(line, Ok(()), "an accepted status line");
    for (name, value) in &seen.head.fields {
        assert_eq!(writer.field(name, value), Ok(()), "an accepted field");
    }
    writer.end();
    let Some(theirs) = reference::answer(&written) else {
        panic!("httparse does not read what we write");
    };
    assert_eq!(theirs.length, written.len());
    assert_eq!(theirs.first, seen.head.first);
    assert_eq!(theirs.fields, seen.head.fields);
}
