//! The same questions as the engine's, answered slowly and plainly over whole inputs.
//!
//! Owns a decoder of chunks, a canonical path, and heads as `httparse` reads them. Shares no code
//! with `wire`; limits are written here as numbers, so that a changed limit is seen.

use std::ops::Range;

/// What a whole input is, read as a chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// The data, and how many bytes it took.
    Whole(Vec<u8>, usize),
    /// It could still become one.
    Open,
    /// It cannot.
    Broken,
}

/// Reads a chunked body (RFC 9112 section 7.1).
#[must_use]
pub fn chunked(input: &[u8]) -> Chunked {
    let (mut data, mut rest, mut extensions) = (Vec::new(), input, 0);
    loop {
        let Some((line, after)) = line(rest) else {
            return Chunked::Open;
        };
        let (size, extension) = match line.iter().position(|byte| *byte == b';') {
            Some(at) => line.split_at(at),
            None => (line, &b""[..]),
        };
        extensions += extension.len();
        let digits = str::from_utf8(size).unwrap_or("");
        let plain = (1..=16).contains(&size.len()) && size.iter().all(u8::is_ascii_hexdigit);
        let size = u64::from_str_radix(digits, 16).unwrap_or(u64::MAX);
        let clean = are_extensions(extension);
        let limited = extension.len() <= 256 && extensions <= 16 * 1024;
        if !plain || size > i64::MAX.unsigned_abs() || !clean || !limited {
            return Chunked::Broken;
        }
        if size == 0 {
            rest = after;
            break;
        }
        let Some((chunk, after)) = usize::try_from(size)
            .ok()
            .and_then(|size| after.split_at_checked(size))
        else {
            return Chunked::Open;
        };
        data.extend_from_slice(chunk);
        match after {
            [b'\r', b'\n', more @ ..] => rest = more,
            [] | [b'\r'] => return Chunked::Open,
            _ => return Chunked::Broken,
        }
    }
    let trailers = rest;
    loop {
        let Some((line, after)) = line(rest) else {
            return Chunked::Open;
        };
        rest = after;
        if trailers.len() - rest.len() > 8 * 1024 {
            return Chunked::Broken;
        }
        if line.is_empty() {
            return Chunked::Whole(data, input.len() - rest.len());
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Chunked::Broken;
        };
        let (name, value) = line.split_at(colon);
        let sound = !name.is_empty() && name.iter().all(|&byte| is_token(byte));
        if !sound || !value.iter().all(|&byte| is_value(byte)) {
            return Chunked::Broken;
        }
    }
}

/// Whether these are extensions: `;name`, `;name=token` or `;name="quoted"`, any number of them
/// (RFC 9112 section 7.1.1), without the white space it calls bad.
fn are_extensions(mut rest: &[u8]) -> bool {
    while let Some(after) = rest.strip_prefix(b";") {
        let (name, after) = token(after);
        rest = match after.strip_prefix(b"=") {
            None => after,
            Some(value) => match value.strip_prefix(b"\"").map(quoted) {
                Some(Some(after)) => after,
                Some(None) => return false,
                None => match token(value) {
                    ([], _) => return false,
                    (_, after) => after,
                },
            },
        };
        if name.is_empty() {
            return false;
        }
    }
    rest.is_empty()
}

/// The token at the front, and what is behind it.
fn token(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| !is_token(byte));
    bytes
        .split_at_checked(end.unwrap_or(bytes.len()))
        .unwrap_or_default()
}

/// What is behind the closing quote.
fn quoted(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', escaped, after @ ..] if is_value(*escaped) => after,
            [b'\\', ..] | [] => return None,
            [byte, after @ ..] if is_value(*byte) => after,
            _ => return None,
        };
    }
}

/// The bytes before the first CR LF, and those behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((bytes.get(..end)?, bytes.get(end + 2..)?))
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
#[must_use]
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte may stand in a value (RFC 9110 section 5.5).
#[must_use]
pub fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

/// The canonical path, or nothing where it must be refused.
#[must_use]
pub fn canonical(path: &[u8]) -> Option<String> {
    let text = str::from_utf8(path).ok()?;
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '?' | '#');
    if !text.starts_with('/') || !text.chars().all(plain) {
        return None;
    }
    // To others a host stands behind two slashes.
    if text.starts_with("//") {
        return None;
    }
    let mut pieces = text.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\') {
            return None;
        }
        decoded.push(byte);
        decoded.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    let decoded = String::from_utf8(decoded).ok()?;
    let bytes = decoded.as_bytes();
    let twice = |at: usize| {
        let two: Range<usize> = at + 1..at + 3;
        let digits = bytes.get(two).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if decoded.match_indices('%').any(|(at, _)| twice(at)) {
        return None;
    }
    for segment in decoded.split('/') {
        let name = segment.split(';').next().unwrap_or("");
        if name == "." || name == ".." {
            return None;
        }
    }
    Some(decoded)
}

/// A head as `httparse` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method, or the status in digits.
    pub first: Vec<u8>,
    /// The target, or the reason.
    pub second: Vec<u8>,
    /// Whether it says HTTP/1.1.
    pub one_one: bool,
    /// Names and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many bytes it took.
    pub length: usize,
}

/// Reads a request head as `httparse` does without any leniency.
#[must_use]
pub fn request(bytes: &[u8]) -> Option<Head> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        _ => return None,
    };
    Some(Head {
        first: request.method?.as_bytes().to_vec(),
        second: request.path?.as_bytes().to_vec(),
        one_one: request.version? == 1,
        fields: owned(request.headers),
        length,
    })
}

/// Reads an answer head as `httparse` does without any leniency.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<Head> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        _ => return None,
    };
    Some(Head {
        first: answer.code?.to_string().into_bytes(),
        second: answer.reason.unwrap_or("").as_bytes().to_vec(),
        one_one: answer.version? == 1,
        fields: owned(answer.headers),
        length,
    })
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields
        .iter()
        .map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec()))
        .collect()
}

impl Head {
    /// The values of a field.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// The options of all Connection fields, in lower case.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        self.values("connection")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(|option| String::from_utf8_lossy(option).trim().to_ascii_lowercase())
            .filter(|option| !option.is_empty())
            .collect()
    }

    /// Whether the connection may go on behind this message: never after HTTP/1.0.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.one_one && !self.options().iter().any(|option| option == "close")
    }

    /// The body behind this head, as one who takes the framing fields at their word reads it: the
    /// data, and how many of `rest` it took. Nothing where it is not all there.
    #[must_use]
    pub fn body(&self, rest: &[u8]) -> Option<(Vec<u8>, usize)> {
        if self.values("transfer-encoding").next().is_some() {
            return match chunked(rest) {
                Chunked::Whole(data, length) => Some((data, length)),
                Chunked::Open | Chunked::Broken => None,
            };
        }
        let length: usize = match self.values("content-length").next() {
            Some(digits) => str::from_utf8(digits).ok()?.parse().ok()?,
            None => 0,
        };
        Some((rest.get(..length)?.to_vec(), length))
    }
}
