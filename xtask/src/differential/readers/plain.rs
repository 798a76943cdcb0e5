//! A reader on `httparse`: heads by that crate, bodies by the letter of RFC 9112 section 6.3.
//!
//! Shares no line with the gate's parser.

use super::{Kind, Message, Reading, Sample, hex};

/// Fields that are looked at.
const MOST: usize = 256;

pub(super) fn read(sample: &Sample) -> Reading {
    let mut messages = Vec::new();
    let mut rest = sample.bytes.as_slice();
    let mut finals = 0;
    while !rest.is_empty() {
        let headless = sample
            .methods
            .get(finals)
            .is_some_and(|method| method == "HEAD");
        match message(sample.kind, rest, headless) {
            Ok(Some((message, len, switched))) => {
                if !message.start.starts_with('1') {
                    finals += 1;
                }
                messages.push(message);
                if switched {
                    return ended(messages, "switched");
                }
                rest = rest.get(len..).unwrap_or_default();
            }
            Ok(None) => return ended(messages, "incomplete"),
            Err(fault) => return ended(messages, &format!("error: {fault}")),
        }
    }
    ended(messages, "clean")
}

fn ended(messages: Vec<Message>, end: &str) -> Reading {
    Reading {
        messages,
        end: end.to_owned(),
    }
}

/// The message at the start of `bytes`, its length, and whether another protocol follows it.
fn message(
    kind: Kind,
    bytes: &[u8],
    headless: bool,
) -> Result<Option<(Message, usize, bool)>, String> {
    let mut places = [httparse::EMPTY_HEADER; MOST];
    let (head, start, status) = match kind {
        Kind::Request => {
            let mut request = httparse::Request::new(&mut places);
            let parsed = request.parse(bytes).map_err(|fault| fault.to_string())?;
            let httparse::Status::Complete(head) = parsed else {
                return Ok(None);
            };
            let (method, path) = (request.method, request.path);
            let start = format!("{} {}", method.unwrap_or(""), path.unwrap_or(""));
            (head, start, 0)
        }
        Kind::Answer => {
            let mut answer = httparse::Response::new(&mut places);
            let parsed = answer.parse(bytes).map_err(|fault| fault.to_string())?;
            let httparse::Status::Complete(head) = parsed else {
                return Ok(None);
            };
            let status = answer.code.unwrap_or(0);
            (head, status.to_string(), status)
        }
    };
    let fields: Vec<(String, String)> = places
        .iter()
        .take_while(|field| !field.name.is_empty())
        .map(|field| {
            let value: String = field.value.iter().map(|&byte| char::from(byte)).collect();
            (
                field.name.to_ascii_lowercase(),
                value.trim_matches([' ', '\t']).to_owned(),
            )
        })
        .collect();
    let switched = match kind {
        Kind::Request => fields.iter().any(|(name, _)| name == "upgrade"),
        Kind::Answer => status == 101,
    };
    let bodiless = switched || headless || matches!(status, 100..=199 | 204 | 304);
    let rest = bytes.get(head..).unwrap_or_default();
    let body = if bodiless {
        Some((Vec::new(), 0))
    } else {
        body(kind, &fields, rest)?
    };
    Ok(body.map(|(body, len)| {
        let body = hex(&body);
        (
            Message {
                start,
                fields,
                body,
            },
            head + len,
            switched,
        )
    }))
}

/// The body at the start of `bytes` and how many of them it takes.
fn body(
    kind: Kind,
    fields: &[(String, String)],
    bytes: &[u8],
) -> Result<Option<(Vec<u8>, usize)>, String> {
    let all = |name: &str| -> Vec<&str> {
        let found = fields.iter().filter(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).collect()
    };
    match (
        all("transfer-encoding").as_slice(),
        all("content-length").as_slice(),
    ) {
        ([], []) if kind == Kind::Request => Ok(Some((Vec::new(), 0))),
        ([], []) => Ok(Some((bytes.to_vec(), bytes.len()))),
        (["chunked"], []) => chunks(bytes),
        ([], [length]) => {
            let length: usize = length.parse().map_err(|_| "length".to_owned())?;
            Ok(bytes.get(..length).map(|body| (body.to_vec(), length)))
        }
        _ => Err("ambiguous framing".to_owned()),
    }
}

fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let parsed = httparse::parse_chunk_size(rest).map_err(|_| "chunk size".to_owned())?;
        let httparse::Status::Complete((line, size)) = parsed else {
            return Ok(None);
        };
        let size = usize::try_from(size).map_err(|_| "chunk size".to_owned())?;
        at += line;
        if size == 0 {
            // Nothing but the empty line: whoever forwards drops trailers.
            return match bytes.get(at..at + 2) {
                Some(b"\r\n") => Ok(Some((body, at + 2))),
                Some(_) => Err("trailers".to_owned()),
                None => Ok(None),
            };
        }
        let Some(data) = bytes.get(at..at + size) else {
            return Ok(None);
        };
        body.extend_from_slice(data);
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Err("chunk end".to_owned()),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Reading {
        read(&Sample {
            kind: Kind::Request,
            bytes: text.as_bytes().to_vec(),
            methods: Vec::new(),
        })
    }

    #[test]
    fn messages_end_by_the_letter() {
        let two = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
                   GET /b HTTP/1.1\r\n\r\n";
        let found = request(two);
        let starts: Vec<&str> = found.messages.iter().map(|m| m.start.as_str()).collect();
        assert_eq!(
            (starts.as_slice(), found.end.as_str()),
            (&["POST /a", "GET /b"][..], "clean")
        );
        assert_eq!(request("GET / HTTP/1.1\r\n").end, "incomplete");
        let both = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(request(both).end, "error: ambiguous framing");
    }
}
