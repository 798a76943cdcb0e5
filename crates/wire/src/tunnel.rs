//! Two connections joined after 101 Switching Protocols.
//!
//! Owns the bytes of both directions once nobody reads them as HTTP any more, the time both may be
//! silent, and the question, asked again and again, whether the tunnel may stay open. Refuses
//! nothing else: what the two sides say is theirs. Trusts the caller that the upstream has agreed.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    buffer::LARGE,
    deadline::Deadline,
    link::{Link, Stream},
};

/// How often a silent tunnel asks whether it may stay, which bounds how long it outlives a revoked
/// key or a changed route.
pub const RECHECK: Duration = Duration::from_millis(500);

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelEnd {
    /// Both sides closed, or one side failed.
    Closed,
    /// Both were silent for too long.
    Idle,
    /// It was no longer allowed.
    Revoked,
}

/// What passed through a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelReport {
    /// Why it ended.
    pub end: TunnelEnd,
    /// Bytes from the client.
    pub up: u64,
    /// Bytes from the upstream.
    pub down: u64,
}

/// One direction of a tunnel.
#[derive(Default)]
struct Lane {
    moved: u64,
    closed: bool,
}

impl Lane {
    /// Moves bytes until nothing more can be done; ready when this direction has ended.
    fn poll<A: Stream, B: Stream>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Link<A>,
        to: &mut Link<B>,
    ) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        loop {
            if to.poll_drain(cx)?.is_pending() {
                return Poll::Pending;
            }
            while !from.input.is_empty() {
                let Poll::Ready(count) = to.poll_write(cx, from.input.unread())? else {
                    return Poll::Pending;
                };
                from.input.consume(count);
                self.moved = self
                    .moved
                    .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            }
            match from.poll_fill(cx, LARGE)? {
                Poll::Pending => {
                    // Whatever the flush says, this direction itself still waits.
                    let _ = to.poll_flush(cx)?;
                    return Poll::Pending;
                }
                Poll::Ready(0) => {
                    if to.poll_shutdown(cx)?.is_pending() {
                        return Poll::Pending;
                    }
                    self.closed = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(_) => {}
            }
        }
    }
}

/// Joins two connections until both directions have ended, both are silent for `idle`, or
/// `allowed` says no, which is asked at least every [`RECHECK`].
pub async fn tunnel<C: Stream, U: Stream>(
    client: &mut Link<C>,
    upstream: &mut Link<U>,
    deadline: &mut Deadline,
    idle: Duration,
    mut allowed: impl FnMut() -> bool,
) -> TunnelReport {
    let (mut up, mut down) = (Lane::default(), Lane::default());
    let mut seen = 0;
    let mut silent_since = Instant::now();
    deadline.restart(RECHECK);
    let end = poll_fn(|cx| {
        let (sent, received) = (
            up.poll(cx, client, upstream),
            down.poll(cx, upstream, client),
        );
        match (sent, received) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => {
                return Poll::Ready(TunnelEnd::Closed);
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(TunnelEnd::Closed),
            _ => {}
        }
        let moved = up.moved.saturating_add(down.moved);
        while deadline.poll(cx).is_ready() {
            let now = Instant::now();
            if !allowed() {
                return Poll::Ready(TunnelEnd::Revoked);
            }
            if moved != seen {
                seen = moved;
                silent_since = now;
            } else if now.duration_since(silent_since) >= idle {
                return Poll::Ready(TunnelEnd::Idle);
            }
            deadline.set(now + RECHECK);
        }
        Poll::Pending
    })
    .await;
    TunnelReport {
        end,
        up: up.moved,
        down: down.moved,
    }
}
