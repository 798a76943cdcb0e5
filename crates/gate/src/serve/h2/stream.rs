//! One HTTP/2 stream as the engine sees it: a connection on which one request comes and its answer
//! goes.
//!
//! Owns what is read of a stream, which is its head as [`super::head`] wrote it and its DATA frames,
//! and gives the client's window back as the engine takes them: a body that nobody reads fills one
//! window and no more. Refuses to end a body that ended early. Trusts the decoder of frames.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{answer::Reply, head::Framing};
use crate::serve::reset::Client;

/// A stream.
pub(super) struct Stream {
    /// What stands before `piece`: the head, then the lines between chunks.
    text: Bytes,
    piece: Bytes,
    framing: Framing,
    body: RecvStream,
    /// Whether all of the request was read.
    whole: bool,
    reply: Reply,
    shut: bool,
}

impl Stream {
    pub(super) fn new(head: Vec<u8>, framing: Framing, body: RecvStream, reply: Reply) -> Self {
        Self {
            text: head.into(),
            piece: Bytes::new(),
            framing,
            body,
            whole: framing == Framing::None,
            reply,
            shut: false,
        }
    }

    /// Waits for the next piece of the body; ready without one at its end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.body.poll_data(cx)) {
            Some(Ok(piece)) if piece.is_empty() => {}
            Some(Ok(piece)) => {
                match &mut self.framing {
                    Framing::Chunked => self.text = format!("{:x}\r\n", piece.len()).into(),
                    Framing::Length(left) => {
                        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                        *left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
                    }
                    Framing::None => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                }
                self.piece = piece;
            }
            Some(Err(_)) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None if !self.body.is_end_stream() => {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            None => {
                match self.framing {
                    Framing::Chunked => self.text = Bytes::from_static(b"0\r\n\r\n"),
                    Framing::Length(1..) => {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    Framing::Length(0) | Framing::None => {}
                }
                self.whole = true;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Copies what lies ready, a piece of the body giving its window back.
    fn copy(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.text.len().min(buffer.remaining());
        buffer.put_slice(&self.text.split_to(count));
        let count = self.piece.len().min(buffer.remaining());
        if !self.text.is_empty() || count == 0 {
            return;
        }
        buffer.put_slice(self.piece.get(..count).unwrap_or_default());
        self.piece.advance(count);
        // A stream that has ended has no window any more.
        let _ = self.body.flow_control().release_capacity(count);
        if self.piece.is_empty() && self.framing == Framing::Chunked {
            self.text = Bytes::from_static(b"\r\n");
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            while buffer.remaining() > 0 && !(self.text.is_empty() && self.piece.is_empty()) {
                self.copy(buffer);
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 || self.shut {
                return Poll::Ready(Ok(()));
            }
            if self.whole {
                // Whoever has said all may still listen: only a reset says otherwise.
                ready!(self.reply.poll_reset(cx));
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            ready!(self.poll_piece(cx))?;
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.reply.poll_write(cx, bytes)
    }

    /// What was handed over is sent by the task of the connection.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Client for Stream {
    /// However it ends before its answer is whole, it is a reset.
    fn reset_on_close(&self) {}
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.reply.is_whole() {
            self.reply.reset(Reason::INTERNAL_ERROR);
        }
    }
}
