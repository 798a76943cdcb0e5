//! One request and its answer, both ways at once.
//!
//! Owns the order of an exchange: the request goes up while the answer may already come down, and
//! each wait has its own time. Refuses a body slower than its pace and an upstream that neither
//! reads nor answers. Trusts the caller for the heads: it is told how bodies end and never parses.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    deadline::Deadline,
    link::{Link, Stream},
    relay::{Body, BodyFault, Waiting},
};

/// How long each wait of an exchange may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Slowest request body in bytes a second, once `body_grace` has passed.
    pub body_rate: u64,
    /// How long a request body may be slower than that.
    pub body_grace: Duration,
    /// Longest silence of the upstream: before its answer, within it, and in taking the request.
    pub answer: Duration,
    /// Longest time a client takes nothing of its answer.
    pub client: Duration,
}

/// The slowest a request body may come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: u64,
    grace: Duration,
    /// When it is counted from; moved on by waits that are not the client's fault.
    from: Option<Instant>,
    stalled_since: Option<Instant>,
}

impl Pace {
    /// At least `rate` bytes a second once `grace` has passed.
    #[must_use]
    pub const fn new(rate: u64, grace: Duration) -> Self {
        Self {
            rate,
            grace,
            from: None,
            stalled_since: None,
        }
    }

    /// The client is not awaited: its time stands still until the next [`Pace::ends`].
    pub fn stall(&mut self, now: Instant) {
        self.stalled_since.get_or_insert(now);
    }

    /// The moment at which a body of which `moved` bytes have come, and no more, is too slow. The
    /// first call starts its time.
    pub fn ends(&mut self, now: Instant, moved: u64) -> Instant {
        let from = self.from.get_or_insert(now);
        if let Some(since) = self.stalled_since.take() {
            *from += now.duration_since(since);
        }
        let earned = moved.saturating_mul(1000) / self.rate.max(1);
        *from + self.grace + Duration::from_millis(earned)
    }
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
}

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
}

impl<'l, C: Stream, U: Stream> Exchange<'l, C, U> {
    /// An exchange whose request head lies in the upstream's output. `held` says that the client
    /// waits for 100 Continue; the upstream's time to answer starts at `now`.
    pub fn new(
        client: &'l mut Link<C>,
        upstream: &'l mut Link<U>,
        deadline: &'l mut Deadline,
        request: Body,
        times: Times,
        held: bool,
        now: Instant,
    ) -> Self {
        let answer_ends = now + times.answer;
        Self {
            client,
            upstream,
            deadline,
            request,
            times,
            upload: Upload::Running { held },
            pace: Pace::new(times.body_rate, times.body_grace),
            upload_ends: None,
            answer_ends,
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

    /// Whether the request or the answer has run out of time.
    fn poll_time(&mut self, cx: &mut Context<'_>, client_stalls: bool) -> Poll<ExchangeFault> {
        // While the client is the one awaited, the upstream is not blamed for its silence.
        let ends = match self.upload_ends {
            Some(upload) if !client_stalls => upload,
            Some(upload) => upload.min(self.answer_ends),
            None => self.answer_ends,
        };
        self.deadline.set(ends);
        match self.deadline.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) if self.upload_ends == Some(ends) => {
                Poll::Ready(ExchangeFault::SlowBody)
            }
            Poll::Ready(_) if client_stalls => Poll::Ready(ExchangeFault::ClientGone),
            Poll::Ready(_) => Poll::Ready(ExchangeFault::UpstreamSilent),
        }
    }

    /// Sends the request on until more bytes of an answer have arrived, at most `cap` of them
    /// unread. What lies in the client's output is sent too, so that an interim answer gets out.
    ///
    /// # Errors
    /// See [`ExchangeFault`].
    pub async fn answer_bytes(&mut self, cap: usize) -> Result<(), ExchangeFault> {
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
            match self.upstream.poll_fill(cx, cap) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(ExchangeFault::UpstreamClosed(
                    io::ErrorKind::UnexpectedEof.into(),
                ))),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
                Poll::Ready(Err(fault)) => Poll::Ready(Err(ExchangeFault::UpstreamClosed(fault))),
                Poll::Pending => self.poll_time(cx, false).map(Err),
            }
        })
        .await
    }

    /// Sends the answer down, after the head that lies in the client's output, while the rest of
    /// the request goes up. Ready when the answer has been sent to its end. `idle` is how long the
    /// upstream may be silent within it; `watch` ends the exchange when the client leaves, for
    /// answers that may be silent for long.
    ///
    /// # Errors
    /// See [`ExchangeFault`]. The client has then seen a part of the answer: nothing may follow it.
    pub async fn relay(
        &mut self,
        answer: &mut Body,
        idle: Duration,
        watch: bool,
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
            if watch && self.upload != (Upload::Running { held: false }) && self.client_left(cx) {
                return Poll::Ready(Err(ExchangeFault::ClientGone));
            }
            self.poll_time(cx, stalls).map(Err)
        })
        .await
    }

    /// Whether the client has closed. What it sends ahead is kept for its next request; once that
    /// fills a small buffer nobody listens any more.
    fn client_left(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.client.poll_fill(cx, crate::buffer::SMALL) {
                Poll::Ready(Ok(0)) => return true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(fault)) => return fault.kind() != io::ErrorKind::StorageFull,
                Poll::Pending => return false,
            }
        }
    }
}
