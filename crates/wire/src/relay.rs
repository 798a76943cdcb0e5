//! A body on its way from one connection to another.
//!
//! Owns the count of what belongs to a body and its framing on the far side: a length stays a
//! length, chunks are read to their data and framed anew, so that extensions and trailers never
//! pass. Nothing is held back: what has arrived is sent before more is awaited. Refuses a body
//! longer than its cap, broken chunks and an early end. Trusts the heads, which said how each body
//! ends.

use std::{
    cmp, io,
    task::{Context, Poll, ready},
};

use crate::{
    buffer::{Buffer, LARGE, Outgoing},
    chunked::{CHUNK_END, ChunkedDecoder, LAST_CHUNK, chunk_head},
    framing::BodyFraming,
    link::{Link, Stream},
    refusal::FramingRefusal,
};

/// Why a body did not arrive whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// The sender's chunks are not chunked coding.
    #[error("the body is not chunked coding: {0}")]
    Framing(FramingRefusal),
    /// More bytes than allowed.
    #[error("the body is longer than allowed")]
    TooLarge,
    /// The sender closed before the end that its head named.
    #[error("the body ended early")]
    Truncated,
    /// Receiving failed.
    #[error("receiving the body failed")]
    Source(#[source] io::Error),
    /// Sending failed: the receiver is gone.
    #[error("sending the body on failed")]
    Sink(#[source] io::Error),
}

#[derive(Debug)]
enum Reading {
    Done,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// What a body waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// More bytes from its sender.
    Source,
    /// Its receiver, which does not keep up.
    Sink,
}

/// One body under way.
#[derive(Debug)]
pub struct Body {
    reading: Reading,
    /// Whether the far side gets chunks; otherwise the bytes as they are.
    chunks: bool,
    cap: u64,
    moved: u64,
    waiting: Waiting,
    /// Whether anything has moved since it was last asked.
    stirred: bool,
}

impl Body {
    /// A body that ends as `framing` says, of at most `cap` bytes. `chunks` frames it in chunks on
    /// the far side.
    #[must_use]
    pub fn new(framing: BodyFraming, chunks: bool, cap: u64) -> Self {
        let reading = match framing {
            BodyFraming::None | BodyFraming::Length(0) => Reading::Done,
            BodyFraming::Length(length) => Reading::Length(length),
            BodyFraming::Chunked => Reading::Chunked(ChunkedDecoder::new()),
            BodyFraming::UntilClose => Reading::UntilClose,
        };
        Self {
            reading,
            chunks,
            cap,
            moved: 0,
            waiting: Waiting::Source,
            stirred: false,
        }
    }

    /// Whether its last byte has been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.reading, Reading::Done)
    }

    /// Whether all of it has come, as far as its head tells: `input` holds what is still to be read.
    #[must_use]
    pub fn is_here(&self, input: &Buffer) -> bool {
        match self.reading {
            Reading::Done => true,
            Reading::Length(left) => left <= as_u64(input.len()),
            Reading::Chunked(_) | Reading::UntilClose => false,
        }
    }

    /// Bytes of the body so far, framing not counted.
    #[must_use]
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// What it waited for when it was last pending.
    #[must_use]
    pub const fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// Whether anything has moved since the last call.
    pub const fn take_stirred(&mut self) -> bool {
        std::mem::replace(&mut self.stirred, false)
    }

    /// Moves what has already arrived from `input` to `output`, framed for the far side, until
    /// `output` holds `cap` bytes.
    ///
    /// # Errors
    /// Broken chunks, and a body that is too large.
    pub fn take(
        &mut self,
        input: &mut Buffer,
        output: &mut Outgoing,
        cap: usize,
    ) -> Result<(), BodyFault> {
        while !self.is_done() && !input.is_empty() && output.len() < cap {
            let room = cap - output.len();
            let unread = input.unread();
            let (consumed, data, done) = match &mut self.reading {
                Reading::Done => return Ok(()),
                Reading::UntilClose => {
                    let count = cmp::min(unread.len(), room);
                    (count, 0..count, false)
                }
                Reading::Length(left) => {
                    let count = cmp::min(at_most(*left), cmp::min(unread.len(), room));
                    *left = left.saturating_sub(as_u64(count));
                    (count, 0..count, *left == 0)
                }
                Reading::Chunked(decoder) => {
                    let shown = unread
                        .get(..cmp::min(unread.len(), room))
                        .unwrap_or_default();
                    let step = decoder.next(shown).map_err(BodyFault::Framing)?;
                    (step.consumed, step.data, step.done)
                }
            };
            let data = unread.get(data).unwrap_or_default();
            self.moved = self.moved.saturating_add(as_u64(data.len()));
            if self.moved > self.cap {
                return Err(BodyFault::TooLarge);
            }
            let out = output.begin();
            if self.chunks {
                if !data.is_empty() {
                    out.extend_from_slice(chunk_head(data.len()).as_ref());
                    out.extend_from_slice(data);
                    out.extend_from_slice(CHUNK_END);
                }
                if done {
                    out.extend_from_slice(LAST_CHUNK);
                }
            } else {
                out.extend_from_slice(data);
            }
            input.consume(consumed);
            if done {
                self.reading = Reading::Done;
            }
        }
        Ok(())
    }

    /// How many of the unread bytes may be written to the far side as they are.
    fn direct(&self, unread: usize) -> usize {
        if self.chunks {
            return 0;
        }
        match self.reading {
            Reading::Length(left) => cmp::min(at_most(left), unread),
            Reading::UntilClose => unread,
            Reading::Done | Reading::Chunked(_) => 0,
        }
    }

    /// Counts bytes that were written directly.
    fn wrote(&mut self, count: usize) -> Result<(), BodyFault> {
        self.stirred = true;
        self.moved = self.moved.saturating_add(as_u64(count));
        if let Reading::Length(left) = &mut self.reading {
            *left = left.saturating_sub(as_u64(count));
            if *left == 0 {
                self.reading = Reading::Done;
            }
        }
        if self.moved > self.cap {
            return Err(BodyFault::TooLarge);
        }
        Ok(())
    }

    /// Moves the body on. Ready once its end has been sent to `to`, together with whatever lay in
    /// the output of `to` before it.
    ///
    /// # Errors
    /// See [`BodyFault`]; after one, neither side can go on with this exchange.
    pub fn poll<A: Stream, B: Stream>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Link<A>,
        to: &mut Link<B>,
    ) -> Poll<Result<(), BodyFault>> {
        loop {
            if to.output.is_empty() {
                while let count @ 1.. = self.direct(from.input.len()) {
                    let bytes = from.input.unread().get(..count).unwrap_or_default();
                    self.waiting = Waiting::Sink;
                    let count = ready!(to.poll_write(cx, bytes)).map_err(BodyFault::Sink)?;
                    from.input.consume(count);
                    self.wrote(count)?;
                }
            }
            self.take(&mut from.input, &mut to.output, LARGE)?;
            if !to.output.is_empty() {
                self.waiting = Waiting::Sink;
                let before = to.output.len();
                let drained = to.poll_drain(cx);
                self.stirred |= to.output.len() < before;
                ready!(drained).map_err(BodyFault::Sink)?;
                continue;
            }
            if self.is_done() {
                self.waiting = Waiting::Sink;
                return to.poll_flush(cx).map_err(BodyFault::Sink);
            }
            if !from.input.is_empty() {
                continue;
            }
            match from.poll_fill(cx, LARGE).map_err(BodyFault::Source)? {
                Poll::Pending => {
                    self.waiting = Waiting::Sink;
                    ready!(to.poll_flush(cx)).map_err(BodyFault::Sink)?;
                    self.waiting = Waiting::Source;
                    return Poll::Pending;
                }
                Poll::Ready(0) => {
                    if !matches!(self.reading, Reading::UntilClose) {
                        return Poll::Ready(Err(BodyFault::Truncated));
                    }
                    self.reading = Reading::Done;
                    if self.chunks {
                        to.output.begin().extend_from_slice(LAST_CHUNK);
                    }
                }
                Poll::Ready(_) => self.stirred = true,
            }
        }
    }
}

fn at_most(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes `wire` through a body in the given pieces; what arrives on the far side and what is
    /// left behind the body.
    fn take_all(
        mut body: Body,
        wire: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Vec<u8>), BodyFault> {
        let (mut input, mut output) = (Buffer::new(), Outgoing::new());
        for bytes in wire.chunks(piece) {
            input.extend(bytes);
            body.take(&mut input, &mut output, usize::MAX)?;
        }
        assert!(body.is_done());
        Ok((output.unsent().to_vec(), input.unread().to_vec()))
    }

    #[test]
    fn a_length_takes_exactly_its_bytes() {
        let body = Body::new(BodyFraming::Length(5), false, 100);
        let (sent, left) = take_all(body, b"helloGET / HTTP/1.1", 3).unwrap();
        assert_eq!(
            (&sent[..], &left[..]),
            (&b"hello"[..], &b"GET / HTTP/1.1"[..])
        );
    }

    #[test]
    fn extensions_and_trailers_do_not_pass() {
        let wire = b"5;name=value\r\nhello\r\n0\r\nX-Evil: 1\r\n\r\nNEXT";
        let body = Body::new(BodyFraming::Chunked, true, 100);
        let (sent, left) = take_all(body, wire, wire.len()).unwrap();
        assert_eq!(sent, b"5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(left, b"NEXT");
    }

    #[test]
    fn a_body_may_be_as_long_as_its_cap_and_no_longer() {
        let wire = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
        let body = Body::new(BodyFraming::Chunked, true, 6);
        assert!(take_all(body, wire, 4).is_ok());
        let body = Body::new(BodyFraming::Chunked, true, 5);
        assert!(matches!(take_all(body, wire, 4), Err(BodyFault::TooLarge)));
    }

    #[test]
    fn broken_chunks_are_refused_at_once() {
        let mut body = Body::new(BodyFraming::Chunked, true, 100);
        let (mut input, mut output) = (Buffer::new(), Outgoing::new());
        input.extend(b"5\nhello");
        let fault = body.take(&mut input, &mut output, usize::MAX).unwrap_err();
        assert!(matches!(fault, BodyFault::Framing(_)));
        assert!(output.is_empty());
    }

    proptest! {
        #[test]
        fn chunks_framed_anew_hold_the_same_data(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..12),
            piece in 1_usize..64,
        ) {
            let mut wire = Vec::new();
            for data in &pieces {
                wire.extend_from_slice(format!("{:x};x=y\r\n", data.len()).as_bytes());
                wire.extend_from_slice(data);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let first = Body::new(BodyFraming::Chunked, true, u64::MAX);
            let (anew, left) = take_all(first, &wire, piece).unwrap();
            prop_assert!(left.is_empty());
            let second = Body::new(BodyFraming::Chunked, false, u64::MAX);
            let (data, left) = take_all(second, &anew, piece + 3).unwrap();
            prop_assert!(left.is_empty());
            prop_assert_eq!(data, pieces.concat());
        }
    }
}
