//! Waiting for a reply of the ledger's threads on a thread that has no runtime, or must not use it.
//!
//! Owns the one way of blocking here. Refuses to wait without end.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use tokio::sync::oneshot;

use super::Ledger;

impl Ledger {
    /// Waits for a reply on this thread, be it one of a runtime or not: tokio's own way of blocking
    /// panics on a runtime's thread, and a ledger may be closed on one.
    pub(super) fn wait<T>(&self, reply: oneshot::Receiver<T>) -> Waited<T> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut reply = pin!(reply);
        let until = self.clock.monotonic() + self.limit;
        loop {
            match reply.as_mut().poll(&mut context) {
                Poll::Ready(Ok(reply)) => return Waited::Told(reply),
                Poll::Ready(Err(_)) => return Waited::Dropped,
                Poll::Pending => {}
            }
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Waited::TooLong;
            }
            thread::park_timeout(left);
        }
    }
}

/// How waiting for a reply ended.
pub(super) enum Waited<T> {
    Told(T),
    Dropped,
    TooLong,
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
