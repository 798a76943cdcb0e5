//! One request and its answer, both ways at once.
//!
//! Owns the order of an exchange: the request goes up while the answer may already come down, and
//! each wait has its own time. Refuses a body slower than its pace, an upstream that neither reads
//! nor answers, and to go on for a client that has left or may no longer ask. Trusts the caller for
//! the heads: it is told how bodies end and never parses.
//!
//! **Who has left.** A client that closes its sending side may still read, and nothing on the wire
//! tells that from one that is gone. On a connection that was to be kept for another request, and
//! behind which nothing is pipelined, it counts as gone: nobody half-closes what they mean to use
//! again. On the last request of a connection it may read on, and only a reset says otherwise.

mod pace;

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

pub use pace::{BodyTimes, Pace};

use crate::{
    deadline::Deadline,
    link::{Link, Stream},
    relay::{Body, BodyFault, Waiting},
    tunnel::RECHECK,
};

/// How long each wait of an exchange may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How fast a request body must come.
    pub body: BodyTimes,
    /// Longest silence of the upstream: before its answer, within it, and in taking the request.
    pub answer: Duration,
    /// Longest time a client takes nothing of its answer.
    pub client: Duration,
}

/// Why an exchange ended before its answer did.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFault {
    /// The client's body is at fault, or the client is gone.
    #[error("the request did not arrive whole")]
    Request(#[source] BodyFault),
    /// The client's body is slower than allowed.
    #[error("the request body is too slow")]
    SlowBody,
    /// The upstream closed or failed before the answer was whole.
    #[error("the upstream closed the connection")]
    UpstreamClosed(#[source] io::Error),
    /// The upstream's body is at fault.
    #[error("the answer did not arrive whole")]
    Answer(#[source] BodyFault),
    /// The upstream said nothing, or took nothing, for too long.
    #[error("the upstream did not answer in time")]
    UpstreamSilent,
    /// The client takes nothing of its answer, or is gone.
    #[error("the client does not take the answer")]
    ClientGone,
    /// Whoever asked may no longer ask.
    #[error("the request is no longer allowed")]
    Revoked,
}

/// What an exchange heard while it waited for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// More bytes of the answer.
    Answer,
    /// The end of a request body: from now on the upstream alone is awaited. Said once, and only of
    /// a body that had not been whole from the beginning.
    WholeRequest,
}

/// Whether whoever asked may still do so; asked again and again while an exchange lasts. `None` is
/// a question that cannot be answered differently later.
pub type Allowed<'f> = Option<&'f dyn Fn() -> bool>;

/// How far the request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upload {
    /// Under way; `held` while the client waits for 100 Continue.
    Running {
        held: bool,
    },
    Sent,
    /// Ended early: the upstream takes no more of it.
    Stopped,
}

/// One exchange between a client and an upstream.
pub struct Exchange<'l, C, U> {
    /// The client's side.
    pub client: &'l mut Link<C>,
    /// The upstream's side; its output holds the request head.
    pub upstream: &'l mut Link<U>,
    deadline: &'l mut Deadline,
    request: Body,
    times: Times,
    upload: Upload,
    pace: Pace,
    upload_ends: Option<Instant>,
    answer_ends: Instant,
    /// When it is next asked whether the exchange may go on.
    recheck: Instant,
    /// Whether the end of the request body is still to be told.
    untold: bool,
    /// Whether the connection was to be kept for another request.
    kept: bool,
}

impl<'l, C: Stream, U: Stream> Exchange<'l, C, U> {
    /// An exchange whose request head lies in the upstream's output. `held` says that the client
    /// waits for 100 Continue, `kept` that its connection is to be kept for another request; the
    /// upstream's time to answer starts at `now`.
    #[expect(
        clippy::too_many_arguments,
        reason = "both sides, what is sent, and how: made in one place"
    )]
    pub fn new(
        client: &'l mut Link<C>,
        upstream: &'l mut Link<U>,
        deadline: &'l mut Deadline,
        request: Body,
        times: Times,
        held: bool,
        kept: bool,
        now: Instant,
    ) -> Self {
        let answer_ends = now + times.answer;
        let untold = !request.is_done();
        Self {
            client,
            upstream,
            deadline,
            request,
            times,
            upload: Upload::Running { held },
            pace: Pace::new(times.body),
            upload_ends: None,
            answer_ends,
            recheck: now + RECHECK,
            untold,
            kept,
        }
    }

    /// Whether the whole request has been sent.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.upload == Upload::Sent
    }

    /// Bytes of the request body so far.
    #[must_use]
    pub const fn request_bytes(&self) -> u64 {
        self.request.moved()
    }

    /// The client has been told to go on: its pace counts from now.
    pub fn release(&mut self) {
        if let Upload::Running { held } = &mut self.upload {
            *held = false;
        }
        self.answer_ends = Instant::now() + self.times.answer;
    }

    /// The upstream was heard: how long it may be silent counts from now.
    pub fn heard(&mut self) {
        self.answer_ends = Instant::now() + self.times.answer;
    }

    /// Sends no more of the request: a client that was waiting for 100 Continue got its final
    /// answer instead, and whether a body follows can no longer be known.
    pub fn stop_if_held(&mut self) {
        if self.upload == (Upload::Running { held: true }) {
            self.upload = Upload::Stopped;
        }
    }

    /// Moves the request on and says until when it may go on without more.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), ExchangeFault> {
        let Upload::Running { held } = self.upload else {
            return Ok(());
        };
        let polled = self.request.poll(cx, self.client, self.upstream);
        let stirred = self.request.take_stirred();
        match polled {
            Poll::Ready(Ok(())) => {
                self.upload = Upload::Sent;
                self.upload_ends = None;
                if self.request.moved() > 0 {
                    self.answer_ends = Instant::now() + self.times.answer;
                }
                Ok(())
            }
            // The upstream takes no more; its answer may lie there all the same.
            Poll::Ready(Err(BodyFault::Sink(_))) => {
                self.upload = Upload::Stopped;
                self.upload_ends = None;
                Ok(())
            }
            Poll::Ready(Err(fault)) => Err(ExchangeFault::Request(fault)),
            Poll::Pending => {
                let now = Instant::now();
                if stirred {
                    self.answer_ends = now + self.times.answer;
                }
                if held && self.request.moved() > 0 {
                    self.upload = Upload::Running { held: false };
                }
                self.upload_ends = if self.request.waiting() == Waiting::Sink {
                    self.pace.stall(now);
                    None
                } else if held && self.request.moved() == 0 {
                    None
                } else {
                    Some(self.pace.ends(now, self.request.moved()))
                };
                Ok(())
            }
        }
    }

    /// Whether the request or the answer has run out of time, or may no longer go on.
    fn poll_time(
        &mut self,
        cx: &mut Context<'_>,
        client_stalls: bool,
        allowed: Allowed<'_>,
    ) -> Poll<ExchangeFault> {
        // While the client is the one awaited, the upstream is not blamed for its silence.
        let ends = match self.upload_ends {
            Some(upload) if !client_stalls => upload,
            Some(upload) => upload.min(self.answer_ends),
            None => self.answer_ends,
        };
        loop {
            let recheck = allowed.filter(|_| self.recheck < ends);
            self.deadline.set(recheck.map_or(ends, |_| self.recheck));
            if self.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            match recheck {
                Some(allowed) if allowed() => self.recheck = Instant::now() + RECHECK,
                Some(_) => return Poll::Ready(ExchangeFault::Revoked),
                None if self.upload_ends == Some(ends) => {
                    return Poll::Ready(ExchangeFault::SlowBody);
                }
                None if client_stalls => return Poll::Ready(ExchangeFault::ClientGone),
                None => return Poll::Ready(ExchangeFault::UpstreamSilent),
            }
        }
    }

    /// Sends the request on until more bytes of an answer have arrived, at most `cap` of them
    /// unread. What lies in the client's output is sent too, so that an interim answer gets out.
    ///
    /// # Errors
    /// See [`ExchangeFault`].
    pub async fn answer_bytes(
        &mut self,
        cap: usize,
        allowed: Allowed<'_>,
    ) -> Result<Heard, ExchangeFault> {
        poll_fn(|cx| {
            if !self.client.output.is_empty() {
                match self.client.poll_drain(cx) {
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(ExchangeFault::ClientGone)),
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            if let Err(fault) = self.poll_upload(cx) {
                return Poll::Ready(Err(fault));
            }
            if self.untold && self.upload == Upload::Sent {
                self.untold = false;
                return Poll::Ready(Ok(Heard::WholeRequest));
            }
            match self.upstream.poll_fill(cx, cap) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(ExchangeFault::UpstreamClosed(
                    io::ErrorKind::UnexpectedEof.into(),
                ))),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(Heard::Answer)),
                Poll::Ready(Err(fault)) => Poll::Ready(Err(ExchangeFault::UpstreamClosed(fault))),
                Poll::Pending if self.client_left(cx, false) => {
                    Poll::Ready(Err(ExchangeFault::ClientGone))
                }
                Poll::Pending => self.poll_time(cx, false, allowed).map(Err),
            }
        })
        .await
    }

    /// Sends the answer down, after the head that lies in the client's output, while the rest of
    /// the request goes up. Ready when the answer has been sent to its end. `idle` is how long the
    /// upstream may be silent within it; `endless` says that it ends when its client leaves, in
    /// whatever way.
    ///
    /// # Errors
    /// See [`ExchangeFault`]. The client has then seen a part of the answer: nothing may follow it.
    pub async fn relay(
        &mut self,
        answer: &mut Body,
        idle: Duration,
        endless: bool,
        allowed: Allowed<'_>,
    ) -> Result<(), ExchangeFault> {
        let mut begun = false;
        poll_fn(|cx| {
            let polled = answer.poll(cx, self.upstream, self.client);
            match polled {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(BodyFault::Sink(_))) => {
                    return Poll::Ready(Err(ExchangeFault::ClientGone));
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(ExchangeFault::Answer(fault))),
                Poll::Pending => {}
            }
            let stalls = answer.waiting() == Waiting::Sink;
            if answer.take_stirred() || !begun {
                begun = true;
                let allowed = if stalls { self.times.client } else { idle };
                self.answer_ends = Instant::now() + allowed;
            }
            if let Err(fault) = self.poll_upload(cx) {
                return Poll::Ready(Err(fault));
            }
            if self.client_left(cx, endless) {
                return Poll::Ready(Err(ExchangeFault::ClientGone));
            }
            self.poll_time(cx, stalls, allowed).map(Err)
        })
        .await
    }

    /// Whether the client has left; see the head of this module. What it sends ahead is kept for
    /// its next request; once that fills a small buffer nobody listens any more.
    fn client_left(&mut self, cx: &mut Context<'_>, endless: bool) -> bool {
        // Where its body is under way, what comes is the body's and so is its end.
        if self.upload == (Upload::Running { held: false }) {
            return false;
        }
        loop {
            match self.client.poll_fill(cx, crate::buffer::SMALL) {
                Poll::Ready(Ok(0)) => {
                    return endless || (self.kept && self.client.input.is_empty());
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(fault)) => return fault.kind() != io::ErrorKind::StorageFull,
                Poll::Pending => return false,
            }
        }
    }
}
