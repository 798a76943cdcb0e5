//! The upstream's side of a connection: interim and final answers in any division.

use wire::{
    Answer, AnswerHead, Asked, BodyFraming, FramingRefusal, HeadLimits, HeadWriter, Method, Parsed,
    Version,
};

use super::{
    connection::{self, Seen},
    reference::{self, Head},
};

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

/// Reads heads of answers, checking each.
fn heads(
    limits: HeadLimits,
    asked: Asked,
) -> impl FnMut(&[u8]) -> Result<Option<Seen>, FramingRefusal> {
    let mut head = AnswerHead::new();
    move |unread| {
        let Parsed::Complete { len } = head.parse(unread, &limits, asked)? else {
            return Ok(None);
        };
        let answer = head.answer(unread);
        // Never longer than the fields allow; shorter where the body forbids it.
        assert!(!answer.keep_alive() || head_of(&answer, 0).keeps_alive());
        let seen = Seen {
            head: head_of(&answer, len),
            framing: answer.framing(),
            keep_alive: answer.keep_alive(),
            interim: answer.is_interim(),
            body: Vec::new(),
            whole: false,
        };
        head.clear();
        Ok(Some(seen))
    }
}

/// A whole connection to an upstream: divided in any way it reads the same, an independent parser
/// sees the same answers, no answer has a body where none may be, and what we pass on is to that
/// parser the same answer.
pub fn answer_connection(data: &[u8]) {
    let Some((plan, stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let limits = connection::limits(*plan, HeadLimits::ANSWER);
    let asked = asked(plan[1]);
    let (answers, _) = connection::read_alike(*plan, stream, || heads(limits, asked));

    let mut at = 0;
    for seen in &answers {
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
