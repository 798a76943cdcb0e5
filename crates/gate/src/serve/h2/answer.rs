//! The engine's answer on its way to an HTTP/2 client.
//!
//! Owns the way from the bytes of an HTTP/1.1 answer, which the engine writes, to frames: its head
//! read by the parser that reads answers, its body without the framing of HTTP/1.1. Takes no more of a
//! body than the client's window and a small buffer allow, so that the engine waits where the client
//! does. Refuses to let an answer that broke off look whole: its stream is reset. Trusts the engine no
//! more than an upstream.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use wire::{Answer, AnswerHead, Asked, BodyFraming, ChunkedDecoder, HeadLimits, Name, Parsed};

/// Largest piece of a body that is copied at once.
const PIECE: usize = 16 * 1024;

/// Fields that speak of one connection (RFC 9113, section 8.2.2).
const OF_CONNECTION: &[&[u8]] = &[
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"upgrade",
];

/// How much of the body is still to come, by its framing.
#[derive(Debug)]
enum Body {
    Length(u64),
    Chunked(ChunkedDecoder),
}

/// How far the answer has come.
enum State {
    Head(SendResponse<Bytes>),
    /// None once the last of it was handed over.
    Body(SendStream<Bytes>, Option<Body>),
}

/// An answer being sent.
pub(super) struct Reply {
    state: State,
    asked: Asked,
    parser: Parser,
    /// The beginning of a head that did not come in one piece.
    held: Vec<u8>,
}

/// What reads the heads of all answers of a connection, one at a time and each from its beginning.
pub(super) type Parser = Rc<RefCell<AnswerHead>>;

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Reply {
    pub(super) fn new(respond: SendResponse<Bytes>, asked: Asked, parser: Parser) -> Self {
        Self {
            state: State::Head(respond),
            asked,
            parser,
            held: Vec::new(),
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.state, State::Body(_, None))
    }

    /// Ready when the client has reset the stream, or the connection has ended.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Head(respond) => respond.poll_reset(cx).map(|_| ()),
            State::Body(stream, _) => stream.poll_reset(cx).map(|_| ()),
        }
    }

    /// Takes bytes of the answer; ready with how many.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.state {
            State::Head(_) => Poll::Ready(self.write_head(bytes)),
            State::Body(stream, body @ Some(Body::Length(_))) => {
                let Some(Body::Length(left)) = body else {
                    return Poll::Ready(Err(broken()));
                };
                let wanted = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let Some(piece) = bytes.get(..wanted).filter(|piece| !piece.is_empty()) else {
                    return Poll::Ready(Err(broken()));
                };
                match send(cx, stream, piece, *left) {
                    Poll::Ready(Ok(count)) => {
                        *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                        if *left == 0 {
                            *body = None;
                        }
                        Poll::Ready(Ok(count))
                    }
                    other => other,
                }
            }
            State::Body(_, Some(_)) => self.poll_chunks(cx, bytes),
            State::Body(_, None) if bytes.is_empty() => Poll::Ready(Ok(0)),
            State::Body(_, None) => Poll::Ready(Err(broken())),
        }
    }

    fn poll_chunks(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let State::Body(stream, body) = &mut self.state else {
            return Poll::Ready(Err(broken()));
        };
        let Some(Body::Chunked(decoder)) = body else {
            return Poll::Ready(Err(broken()));
        };
        // What there is no room for is read again later, so the decoder is asked on a copy.
        let mut trial = decoder.clone();
        let Ok(mut step) = trial.next(bytes) else {
            return Poll::Ready(Err(broken()));
        };
        let piece = bytes.get(step.data.clone()).unwrap_or_default();
        if !piece.is_empty() {
            match send(cx, stream, piece, u64::MAX) {
                Poll::Ready(Ok(count)) if count < piece.len() => {
                    let taken = step.data.start + count;
                    trial = decoder.clone();
                    let Some(Ok(part)) = bytes.get(..taken).map(|part| trial.next(part)) else {
                        return Poll::Ready(Err(broken()));
                    };
                    step = part;
                }
                Poll::Ready(Ok(_)) => {}
                other => return other,
            }
        }
        *decoder = trial;
        if step.done {
            if stream.send_data(Bytes::new(), true).is_err() {
                return Poll::Ready(Err(gone()));
            }
            *body = None;
        }
        Poll::Ready(Ok(step.consumed))
    }

    fn write_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = self.held.len();
        let limits = HeadLimits::ANSWER;
        let all = if before == 0 {
            bytes
        } else {
            if before > limits.largest() {
                return Err(broken());
            }
            self.held.extend_from_slice(bytes);
            &self.held
        };
        let parser = Rc::clone(&self.parser);
        let mut head = parser.borrow_mut();
        head.clear();
        let parsed = head.parse(all, &limits, self.asked);
        let Ok(parsed) = parsed else {
            return Err(broken());
        };
        let Parsed::Complete { len } = parsed else {
            if before == 0 {
                self.held.extend_from_slice(bytes);
            }
            return Ok(bytes.len());
        };
        let answer = head.answer(all);
        let (interim, framing) = (answer.is_interim(), answer.framing());
        let response = response(&answer)?;
        self.send_head(response, interim, framing)?;
        self.held.clear();
        Ok(len.saturating_sub(before))
    }

    fn send_head(
        &mut self,
        response: Response<()>,
        interim: bool,
        framing: BodyFraming,
    ) -> io::Result<()> {
        let State::Head(respond) = &mut self.state else {
            return Err(broken());
        };
        if interim {
            return respond.send_informational(response).map_err(|_| gone());
        }
        let body = match framing {
            BodyFraming::None | BodyFraming::Length(0) => None,
            BodyFraming::Length(length) => Some(Body::Length(length)),
            BodyFraming::Chunked => Some(Body::Chunked(ChunkedDecoder::new())),
            // Its end could not be told from its breaking off.
            BodyFraming::UntilClose => return Err(broken()),
        };
        let stream = respond
            .send_response(response, body.is_none())
            .map_err(|_| gone())?;
        self.state = State::Body(stream, body);
        Ok(())
    }

    /// Ends the stream for `reason`, so that nothing looks whole.
    pub(super) fn reset(&mut self, reason: Reason) {
        match &mut self.state {
            State::Head(respond) => respond.send_reset(reason),
            State::Body(stream, _) => stream.send_reset(reason),
        }
    }
}

/// Hands over as much of `piece` as there is room for; `left` bytes are the last.
fn send(
    cx: &mut Context<'_>,
    stream: &mut SendStream<Bytes>,
    piece: &[u8],
    left: u64,
) -> Poll<io::Result<usize>> {
    let wanted = piece.len().min(PIECE);
    stream.reserve_capacity(wanted);
    while stream.capacity() == 0 {
        match stream.poll_capacity(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return Poll::Ready(Err(gone())),
        }
    }
    let count = wanted.min(stream.capacity());
    let data = Bytes::copy_from_slice(piece.get(..count).unwrap_or(piece));
    let last = u64::try_from(count) == Ok(left);
    match stream.send_data(data, last) {
        Ok(()) => Poll::Ready(Ok(count)),
        Err(_) => Poll::Ready(Err(gone())),
    }
}

/// The head of an answer without what speaks of a connection.
fn response(answer: &Answer<'_>) -> io::Result<Response<()>> {
    let mut fields = HeaderMap::with_capacity(answer.fields().len());
    for field in answer.fields() {
        let name = field.name();
        let dropped = field.kind() == Name::TransferEncoding
            || OF_CONNECTION
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known));
        if dropped {
            continue;
        }
        let name = HeaderName::from_bytes(name).map_err(|_| broken())?;
        let value = HeaderValue::from_bytes(field.value()).map_err(|_| broken())?;
        fields.try_append(name, value).map_err(|_| broken())?;
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status()).map_err(|_| broken())?;
    *response.headers_mut() = fields;
    Ok(response)
}
