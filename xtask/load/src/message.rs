//! HTTP/1.1 messages, as far as a benchmark reads them.
//!
//! Owns heads and the ends of bodies, for the generator's answers and the origin's requests alike.
//! Refuses what it does not understand: a benchmark that guesses measures something else.

use std::io;

/// Longest head.
pub(crate) const HEAD: usize = 16 * 1024;

/// Most fields of a head.
const FIELDS: usize = 64;

/// What a body is followed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes still.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// The end of the connection.
    Close,
}

/// How far a chunked body was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// Bytes of the chunk that are still to come, its line end included.
    left: u64,
    /// The size line as far as it came.
    line: Vec<u8>,
    last: bool,
}

/// The fields that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) close: bool,
    pub(crate) upgrade: bool,
}

impl Fields {
    fn of(headers: &[httparse::Header<'_>]) -> io::Result<Self> {
        let mut fields = Self::default();
        for header in headers {
            let value = header.value.trim_ascii();
            if header.name.eq_ignore_ascii_case("content-length") {
                let number = std::str::from_utf8(value).ok().and_then(|t| t.parse().ok());
                fields.length = Some(number.ok_or_else(|| odd("a length that is no number"))?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                fields.chunked = value.eq_ignore_ascii_case(b"chunked");
            } else if header.name.eq_ignore_ascii_case("connection") {
                fields.close |= value.eq_ignore_ascii_case(b"close");
            } else if header.name.eq_ignore_ascii_case("upgrade") {
                fields.upgrade = value.eq_ignore_ascii_case(b"websocket");
            }
        }
        Ok(fields)
    }
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    /// Bytes of the head.
    pub(crate) size: usize,
}

/// Reads the head of an answer; `None` while it is not whole.
pub(crate) fn answer(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(size) => Ok(Some(Answer {
            status: head.code.unwrap_or_default(),
            fields: Fields::of(head.headers)?,
            size,
        })),
    }
}

impl Answer {
    /// How the body ends; the methods of this generator all have one.
    pub(crate) fn body(&self) -> Body {
        match (self.status, self.fields.length) {
            (100..=199 | 204 | 304, _) => Body::Length(0),
            _ if self.fields.chunked => Body::Chunked(Chunks::default()),
            (_, Some(length)) => Body::Length(length),
            _ => Body::Close,
        }
    }
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) fields: Fields,
    pub(crate) size: usize,
}

/// Reads the head of a request; `None` while it is not whole.
pub(crate) fn request(bytes: &[u8]) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(size) => Ok(Some(Request {
            path: head.path.unwrap_or_default().to_owned(),
            fields: Fields::of(head.headers)?,
            size,
        })),
    }
}

impl Request {
    pub(crate) fn body(&self) -> Body {
        if self.fields.chunked {
            Body::Chunked(Chunks::default())
        } else {
            Body::Length(self.fields.length.unwrap_or(0))
        }
    }
}

impl Body {
    /// Takes what belongs to the body off the front of `bytes`. Answers how many bytes that was and
    /// how many of them were content.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> io::Result<(usize, u64)> {
        match self {
            Self::Close => Ok((bytes.len(), bytes.len() as u64)),
            Self::Length(left) => {
                let taken = (bytes.len() as u64).min(*left);
                *left -= taken;
                Ok((usize::try_from(taken).unwrap_or(bytes.len()), taken))
            }
            Self::Chunked(chunks) => chunks.take(bytes),
        }
    }

    /// Whether nothing more belongs to it.
    pub(crate) const fn ended(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.last && chunks.left == 0,
            Self::Close => false,
        }
    }
}

impl Chunks {
    fn take(&mut self, bytes: &[u8]) -> io::Result<(usize, u64)> {
        let (mut taken, mut content) = (0, 0);
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.left > 0 {
                let now = (rest.len() as u64).min(self.left);
                // The last two bytes are the line end behind the content.
                content += now.min(self.left.saturating_sub(2));
                self.left -= now;
                taken += usize::try_from(now).unwrap_or(rest.len());
            } else if self.last {
                break;
            } else if let Some(end) = memchr::memchr(b'\n', rest) {
                self.line
                    .extend_from_slice(rest.get(..end).unwrap_or_default());
                taken += end + 1;
                self.begin()?;
            } else {
                self.line.extend_from_slice(rest);
                taken = bytes.len();
            }
            if self.line.len() > 64 {
                return Err(odd("a chunk's size that does not end"));
            }
        }
        Ok((taken, content))
    }

    /// A size line is whole. Trailers are not understood and so refused by what comes after.
    fn begin(&mut self) -> io::Result<()> {
        let text = std::str::from_utf8(self.line.trim_ascii()).unwrap_or_default();
        let size = u64::from_str_radix(text, 16).map_err(|_| odd("a chunk without a size"))?;
        self.line.clear();
        self.last = size == 0;
        self.left = size + 2;
        Ok(())
    }
}

pub(crate) fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_where_it_ends_however_it_is_cut() {
        let bytes = b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET";
        for cut in 1..bytes.len() {
            let mut body = Body::Chunked(Chunks::default());
            let (mut at, mut content) = (0, 0);
            for piece in bytes.chunks(cut) {
                let (taken, more) = body.take(piece).unwrap();
                at += taken;
                content += more;
                assert!(taken == piece.len() || body.ended());
                if body.ended() {
                    break;
                }
            }
            assert_eq!((at, content), (bytes.len() - 3, 13), "cut at {cut}");
        }
    }

    #[test]
    fn a_chunk_without_a_size_is_refused() {
        let mut body = Body::Chunked(Chunks::default());
        assert!(body.take(b"xyz\r\n").is_err());
        let mut body = Body::Chunked(Chunks::default());
        assert!(body.take(&[b'0'; 65]).is_err());
    }

    #[test]
    fn the_end_of_an_answer_follows_its_head() {
        let body = |head: &str| answer(head.as_bytes()).unwrap().unwrap().body();
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
            Body::Length(7)
        );
        assert_eq!(body("HTTP/1.1 204 No\r\n\r\n"), Body::Length(0));
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\n"), Body::Close);
        let chunked = body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(chunked, Body::Chunked(_)));
        assert!(answer(b"HTTP/1.1 200 OK\r\n").unwrap().is_none());
        assert!(answer(b"SSH-2.0\r\n").is_err());
    }
}
