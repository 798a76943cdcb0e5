//! One request as given, one answer read strictly.
//!
//! Owns the blocking client of the probes. It sends bytes exactly as it is told, however broken, and
//! refuses answers that could be read in two ways, that are too large or that take too long.

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use control::{
    Clock,
    probe::{ANSWER_TIME, Answer, Reply},
};

/// Bytes of an answer's head.
const LARGEST_HEAD: usize = 64 * 1024;
/// Fields of an answer.
const MOST_FIELDS: usize = 128;
/// Bytes of an answer's body; what is beyond is read and dropped up to `LONGEST_BODY`.
pub const LARGEST_BODY: usize = 1 << 20;
/// Bytes of a body after which reading stops.
const LONGEST_BODY: usize = 16 << 20;
/// Interim answers before the final one.
const MOST_INTERIM: usize = 8;

/// A connection whose reads can be given a time limit.
pub trait Link: Read + Write {
    /// Limits the next reads and writes.
    fn limit(&mut self, time: Duration) -> std::io::Result<()>;
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Its bytes are not one HTTP/1.1 answer.
    #[error("the answer is not HTTP: {0}")]
    Malformed(&'static str),
    /// It is larger than a probe reads.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The connection failed in the middle of it.
    #[error("the answer broke off: {0}")]
    BrokeOff(std::io::Error),
}

/// Writes `bytes` and reads one answer within [`ANSWER_TIME`].
///
/// A peer that refuses early may close before everything was written; what it answered still
/// counts.
pub fn exchange(
    link: &mut dyn Link,
    bytes: &[u8],
    clock: &dyn Clock,
) -> Result<Reply, AnswerError> {
    let head_only = bytes.starts_with(b"HEAD ");
    let mut reading = Reading {
        link,
        clock,
        deadline: clock.monotonic() + ANSWER_TIME,
        buffer: Vec::new(),
        ended: false,
    };
    let _ = reading.link.limit(ANSWER_TIME);
    let written = reading
        .link
        .write_all(bytes)
        .and_then(|()| reading.link.flush());
    match written {
        Ok(()) => {}
        // No reason to stop: the refusal may already be waiting to be read.
        Err(cause) if is_reset(&cause) => {}
        Err(cause) if is_time(&cause) => return Ok(Reply::TimedOut),
        // TLS says so when the peer is not the one that is trusted.
        Err(cause) => return Err(AnswerError::BrokeOff(cause)),
    }
    for _ in 0..MOST_INTERIM {
        let (status, fields, length) = match reading.head()? {
            Head::Read(status, fields, length) => (status, fields, length),
            Head::Closed => return Ok(Reply::Closed),
            Head::TimedOut => return Ok(Reply::TimedOut),
        };
        reading.buffer.drain(..length);
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let mut answer = Answer {
            status,
            fields,
            body: Vec::new(),
            closed: false,
        };
        let bodiless = head_only || matches!(status, 101 | 204 | 304);
        match framing(&answer, bodiless)? {
            Framing::None => {}
            Framing::Length(length) => answer.body = reading.take(length)?,
            Framing::Chunked => answer.body = reading.chunks()?,
            Framing::UntilClose => answer.body = reading.rest()?,
        }
        answer.closed = reading.ended || says_close(&answer);
        return Ok(Reply::Answer(answer));
    }
    Err(AnswerError::Malformed(
        "more interim answers than anyone needs",
    ))
}

fn says_close(answer: &Answer) -> bool {
    answer.field("connection").is_some_and(|value| {
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case("close"))
    })
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

fn framing(answer: &Answer, bodiless: bool) -> Result<Framing, AnswerError> {
    let all = |name: &str| -> Vec<&str> {
        answer
            .fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    };
    let (lengths, encodings) = (all("content-length"), all("transfer-encoding"));
    match (lengths.as_slice(), encodings.as_slice()) {
        _ if bodiless => Ok(Framing::None),
        ([], []) => Ok(Framing::UntilClose),
        ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) => length
            .parse()
            .map(Framing::Length)
            .map_err(|_| AnswerError::Malformed("its length is no number")),
        _ => Err(AnswerError::Malformed(
            "its framing can be read in two ways",
        )),
    }
}

enum Head {
    Read(u16, Vec<(String, String)>, usize),
    Closed,
    TimedOut,
}

struct Reading<'a> {
    link: &'a mut dyn Link,
    clock: &'a dyn Clock,
    deadline: Duration,
    buffer: Vec<u8>,
    ended: bool,
}

impl Reading<'_> {
    fn head(&mut self) -> Result<Head, AnswerError> {
        loop {
            if let Some(head) = parse_head(&self.buffer)? {
                return Ok(head);
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(AnswerError::TooLarge(LARGEST_HEAD));
            }
            match self.more() {
                Ok(()) if !self.ended => {}
                Ok(()) if self.buffer.is_empty() => return Ok(Head::Closed),
                Ok(()) => return Err(AnswerError::Malformed("its head has no end")),
                Err(cause) if is_time(&cause) && self.buffer.is_empty() => {
                    return Ok(Head::TimedOut);
                }
                Err(cause) if is_reset(&cause) && self.buffer.is_empty() => {
                    return Ok(Head::Closed);
                }
                Err(cause) => return Err(AnswerError::BrokeOff(cause)),
            }
        }
    }

    fn more(&mut self) -> std::io::Result<()> {
        let left = self.deadline.saturating_sub(self.clock.monotonic());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.link.limit(left)?;
        let mut part = [0; 16 * 1024];
        let read = loop {
            match self.link.read(&mut part) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                // A TLS peer that ends without saying so; the framing tells whether that matters.
                Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => break 0,
                other => break other?,
            }
        };
        self.ended |= read == 0;
        self.buffer
            .extend_from_slice(part.get(..read).unwrap_or_default());
        Ok(())
    }

    /// Exactly `length` bytes of body, of which at most [`LARGEST_BODY`] are kept.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, AnswerError> {
        if length > LONGEST_BODY {
            return Err(AnswerError::TooLarge(LONGEST_BODY));
        }
        while self.buffer.len() < length {
            self.more().map_err(AnswerError::BrokeOff)?;
            if self.ended && self.buffer.len() < length {
                return Err(AnswerError::Malformed("its body is shorter than it says"));
            }
        }
        let mut body: Vec<u8> = self.buffer.drain(..length).collect();
        body.truncate(LARGEST_BODY);
        Ok(body)
    }

    fn rest(&mut self) -> Result<Vec<u8>, AnswerError> {
        while !self.ended {
            self.more().map_err(AnswerError::BrokeOff)?;
            if self.buffer.len() > LONGEST_BODY {
                return Err(AnswerError::TooLarge(LONGEST_BODY));
            }
        }
        self.buffer.truncate(LARGEST_BODY);
        Ok(std::mem::take(&mut self.buffer))
    }

    fn chunks(&mut self) -> Result<Vec<u8>, AnswerError> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default();
            let is_hex = !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit());
            let size = usize::from_str_radix(size, 16)
                .ok()
                .filter(|_| is_hex)
                .ok_or(AnswerError::Malformed("a chunk has no size"))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            if body.len().saturating_add(size) > LONGEST_BODY {
                return Err(AnswerError::TooLarge(LONGEST_BODY));
            }
            body.extend(self.take(size)?);
            body.truncate(LARGEST_BODY);
            if !self.line()?.is_empty() {
                return Err(AnswerError::Malformed("a chunk is longer than it says"));
            }
        }
    }

    /// One line that ends with CRLF, without it.
    fn line(&mut self) -> Result<String, AnswerError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line)
                    .map_err(|_| AnswerError::Malformed("a line is not text"));
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(AnswerError::TooLarge(LARGEST_HEAD));
            }
            self.more().map_err(AnswerError::BrokeOff)?;
            if self.ended {
                return Err(AnswerError::Malformed("a line has no end"));
            }
        }
    }
}

fn parse_head(buffer: &[u8]) -> Result<Option<Head>, AnswerError> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(AnswerError::Malformed("its head does not read")),
    };
    let bytes = buffer.get(..length).unwrap_or_default();
    let bare = bytes.iter().enumerate().any(|(at, b)| {
        *b == b'\n' && at.checked_sub(1).and_then(|at| bytes.get(at)) != Some(&b'\r')
    });
    if bare {
        return Err(AnswerError::Malformed(
            "a line ends without a carriage return",
        ));
    }
    let fields = head
        .headers
        .iter()
        .map(|field| {
            let value = String::from_utf8_lossy(field.value).trim().to_owned();
            (field.name.to_owned(), value)
        })
        .collect();
    Ok(Some(Head::Read(
        head.code.unwrap_or_default(),
        fields,
        length,
    )))
}

fn is_time(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn is_reset(cause: &std::io::Error) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

impl Link for std::net::TcpStream {
    fn limit(&mut self, time: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

impl Link for std::os::unix::net::UnixStream {
    fn limit(&mut self, time: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

/// Reads any bytes as an answer, for fuzzing.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    struct Once<'a>(&'a [u8]);
    impl Read for Once<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(to)
        }
    }
    impl Write for Once<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Link for Once<'_> {
        fn limit(&mut self, _: Duration) -> std::io::Result<()> {
            Ok(())
        }
    }
    let clock = control::SystemClock::new();
    let _ = exchange(&mut Once(bytes), b"GET / HTTP/1.1\r\n\r\n", &clock);
}

#[cfg(test)]
mod tests;
