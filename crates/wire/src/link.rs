//! One end of a connection: a byte stream with what was received from it and what is to be sent.
//!
//! Owns reading into the input buffer and writing out of the output buffer, with as few system
//! calls as the stream allows: a short read means that nothing more waits, so it is never followed
//! by a second one. Generic over TCP and TLS. Refuses to send after the peer's fault; trusts the
//! stream alone.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::coop::unconstrained,
};

use crate::buffer::{Buffer, Outgoing};

/// A two-way byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A stream with its buffers.
pub struct Link<S> {
    /// The stream itself.
    pub stream: S,
    /// Received and not yet consumed.
    pub input: Buffer,
    /// Written and not yet sent.
    pub output: Outgoing,
    /// Where bytes come from instead of the stream, for as long as there are any.
    fed: Option<Fed>,
    ended: bool,
    /// Whether the stream may hold bytes that only a flush sends, as TLS does.
    unflushed: bool,
}

/// Bytes that were received before and kept elsewhere.
struct Fed {
    source: Box<dyn AsyncRead + Send + Unpin>,
    /// What the stream itself had sent beyond them.
    ahead: Buffer,
}

impl<S: Stream> Link<S> {
    /// A link over a fresh stream.
    pub const fn new(stream: S) -> Self {
        Self {
            stream,
            input: Buffer::new(),
            output: Outgoing::new(),
            fed: None,
            ended: false,
            unflushed: false,
        }
    }

    /// Whether the peer has said that it sends no more.
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// Reads from `source` from now on, as if the peer sent it, until it ends or
    /// [`Link::end_feed`]: for a body that was kept elsewhere and is relayed now. What the peer has
    /// sent beyond it is kept for then.
    pub fn feed(&mut self, source: Box<dyn AsyncRead + Send + Unpin>) {
        let ahead = std::mem::take(&mut self.input);
        self.fed = Some(Fed { source, ahead });
    }

    /// Reads from the stream again. What is left of the source is dropped.
    pub fn end_feed(&mut self) {
        if let Some(fed) = self.fed.take() {
            self.input = fed.ahead;
        }
    }

    fn poll_feed(&mut self, cx: &mut Context<'_>, cap: usize) -> Poll<io::Result<usize>> {
        let Some(fed) = &mut self.fed else {
            return Poll::Ready(Ok(0));
        };
        let spare = self.input.spare(cap);
        if spare.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        let mut read = ReadBuf::new(spare);
        ready!(Pin::new(&mut fed.source).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        self.input.received(count);
        if count == 0 && self.input.is_empty() {
            self.end_feed();
            return Poll::Ready(Ok(self.input.len()));
        }
        Poll::Ready(Ok(count))
    }

    /// Reads once, up to `cap` unread bytes. Ready with the number of bytes; zero at the end of
    /// the stream, and again each time after it.
    ///
    /// A full buffer is [`io::ErrorKind::StorageFull`]: callers consume before they ask for more.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, cap: usize) -> Poll<io::Result<usize>> {
        if self.fed.is_some() {
            match ready!(self.poll_feed(cx, cap)) {
                Ok(0) if self.fed.is_none() => {}
                read => return Poll::Ready(read),
            }
        }
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let spare = self.input.spare(cap);
        if spare.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        let mut read = ReadBuf::new(spare);
        match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Ready(Ok(())) => {
                let count = read.filled().len();
                self.ended = count == 0;
                self.input.received(count);
                Poll::Ready(Ok(count))
            }
        }
    }

    /// Waits for more bytes; see [`Link::poll_fill`].
    ///
    /// # Errors
    /// Those of the stream, and a full buffer.
    pub async fn fill(&mut self, cap: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, cap)).await
    }

    /// Sends what lies in the output buffer. Ready when all of it has left this process.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.output.unsent()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.output.sent(count),
            }
            self.unflushed = true;
        }
        self.poll_flush(cx)
    }

    /// Writes `bytes` past the output buffer, which must be empty. Ready with how many were taken.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) if !bytes.is_empty() => {
                Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
            }
            Poll::Ready(Ok(count)) => {
                self.unflushed = true;
                Poll::Ready(Ok(count))
            }
            other => other,
        }
    }

    /// Sends what the stream itself holds back.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }

    /// Sends what lies in the output buffer.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn drain(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_drain(cx)).await
    }

    /// Says that no more will be sent, once the output buffer is empty.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_drain(cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_shutdown(cx),
            other => other,
        }
    }

    /// Whether an idle connection has nothing to say: not ended, no fault, no byte nobody asked
    /// for. Costs no system call while nothing has happened on it.
    ///
    /// Looked at outside the task's budget: a task that has used it up is told "pending" by every
    /// stream, and a connection with an answer nobody asked for would pass for a quiet one.
    pub fn quiet(&mut self) -> bool {
        if self.ended || !self.input.is_empty() || !self.output.is_empty() {
            return false;
        }
        let mut byte = [0_u8; 1];
        let mut read = ReadBuf::new(&mut byte);
        let mut look = pin!(unconstrained(poll_fn(|cx| {
            Pin::new(&mut self.stream).poll_read(cx, &mut read)
        })));
        let mut cx = Context::from_waker(Waker::noop());
        look.as_mut().poll(&mut cx).is_pending()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_link_sends_what_was_written_and_receives_what_was_sent() {
        let (near, mut far) = duplex(16);
        let mut link = Link::new(near);
        link.output
            .begin()
            .extend_from_slice(b"a message longer than the pipe");
        let mut seen = vec![0; 30];
        let (sent, read) = tokio::join!(link.drain(), far.read_exact(&mut seen));
        sent.unwrap();
        read.unwrap();
        assert_eq!(seen, b"a message longer than the pipe");
        far.write_all(b"answer").await.unwrap();
        assert_eq!(link.fill(100).await.unwrap(), 6);
        assert_eq!(link.input.unread(), b"answer");
        drop(far);
        assert_eq!(link.fill(100).await.unwrap(), 0);
        assert!(link.ended());
    }

    #[tokio::test]
    async fn what_is_fed_comes_before_what_the_peer_sends_next() {
        let (near, mut far) = duplex(64);
        let mut link = Link::new(near);
        far.write_all(b"next request").await.unwrap();
        assert_eq!(link.fill(5).await.unwrap(), 5);
        link.feed(Box::new(&b"kept"[..]));
        assert_eq!(link.fill(100).await.unwrap(), 4);
        assert_eq!(link.input.unread(), b"kept");
        link.input.consume(4);
        // At its end, what the peer had sent is there again, and then what it sends.
        assert_eq!(link.fill(100).await.unwrap(), 5);
        assert_eq!(link.input.unread(), b"next ");
        link.input.consume(5);
        assert_eq!(link.fill(100).await.unwrap(), 7);
        assert_eq!(link.input.unread(), b"request");
    }

    #[tokio::test]
    async fn a_feed_that_is_ended_early_leaves_nothing_behind() {
        let (near, far) = duplex(64);
        let mut link = Link::new(near);
        drop(far);
        assert_eq!(link.fill(5).await.unwrap(), 0);
        // A peer that has ended does not end what it sent before.
        link.feed(Box::new(&b"kept"[..]));
        assert_eq!(link.fill(2).await.unwrap(), 2);
        link.end_feed();
        assert!(link.input.is_empty());
        assert_eq!(link.fill(5).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_full_buffer_is_a_fault_and_not_a_wait() {
        let (near, mut far) = duplex(16);
        let mut link = Link::new(near);
        far.write_all(b"12345678").await.unwrap();
        assert_eq!(link.fill(4).await.unwrap(), 4);
        let fault = link.fill(4).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn only_a_connection_that_says_nothing_is_quiet() {
        let (near, mut far) = duplex(16);
        let mut link = Link::new(near);
        assert!(link.quiet());
        far.write_all(b"x").await.unwrap();
        assert!(!link.quiet());

        let (near, far) = duplex(16);
        let mut link = Link::new(near);
        drop(far);
        assert!(!link.quiet());
    }

    #[tokio::test]
    async fn a_connection_that_speaks_is_not_quiet_to_a_task_without_budget_either() {
        let (near, mut far) = duplex(16);
        let (mut speaks, (silent, _far)) = (Link::new(near), duplex(16));
        let mut silent = Link::new(silent);
        far.write_all(b"x").await.unwrap();
        poll_fn(|cx| {
            while tokio::task::coop::has_budget_remaining() {
                let _ = pin!(tokio::task::coop::consume_budget()).poll(cx);
            }
            assert!(silent.quiet());
            assert!(!speaks.quiet());
            Poll::Ready(())
        })
        .await;
    }
}
