//! One timer for each connection.
//!
//! Owns the moment at which a connection's current wait ends. The timer is moved, not made anew,
//! and moved lazily: a later moment is only noted down, and the timer learns of it when it fires.
//! A busy connection therefore touches the timer wheel once in many requests. Trusts that one task
//! polls it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

/// The time allowed for a wait ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed for this ran out")]
pub struct Elapsed;

/// The moment at which the current wait of one task ends.
pub struct Deadline {
    sleep: Pin<Box<Sleep>>,
    at: Instant,
    /// Whether the task's waker lies in the timer, so that it need not be put there again.
    registered: bool,
}

impl Deadline {
    /// A deadline `wait` from now.
    #[must_use]
    pub fn after(wait: Duration) -> Self {
        let at = Instant::now() + wait;
        Self {
            sleep: Box::pin(sleep_until(at)),
            at,
            registered: false,
        }
    }

    /// Moves it to `at`.
    pub fn set(&mut self, at: Instant) {
        self.at = at;
        if at < self.sleep.deadline() {
            self.sleep.as_mut().reset(at);
            self.registered = false;
        }
    }

    /// Moves it to `wait` from now.
    pub fn restart(&mut self, wait: Duration) {
        self.set(Instant::now() + wait);
    }

    /// The moment at which it ends.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// Ready once the moment has passed; otherwise the task is woken when it does.
    ///
    /// The timer is asked outside the task's budget: one that has used it up, as a busy tunnel does
    /// on every turn, would hear "pending" from a timer that has not taken its waker, and never
    /// meet its deadline.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        if self.registered && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            match pin!(unconstrained(self.sleep.as_mut())).poll(cx) {
                Poll::Pending => {
                    self.registered = true;
                    return Poll::Pending;
                }
                Poll::Ready(()) => {
                    self.registered = false;
                    if Instant::now() >= self.at {
                        return Poll::Ready(Elapsed);
                    }
                    self.sleep.as_mut().reset(self.at);
                }
            }
        }
    }

    /// Waits for `work`, at most until the deadline. Work that is ready at once never touches the
    /// timer.
    ///
    /// # Errors
    /// [`Elapsed`] if the deadline came first.
    pub async fn guard<F: Future>(&mut self, work: F) -> Result<F::Output, Elapsed> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_the_deadline_and_not_before() {
        let start = Instant::now();
        let mut deadline = Deadline::after(Duration::from_secs(10));
        assert_eq!(deadline.guard(pending::<()>()).await, Err(Elapsed));
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(deadline.guard(async { 7 }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_moved_later_or_earlier_ends_where_it_was_moved_to() {
        for wait in [1, 60, 3, 90, 2] {
            let mut deadline = Deadline::after(Duration::from_secs(30));
            let start = Instant::now();
            let short = tokio::time::sleep(Duration::from_millis(10));
            assert_eq!(deadline.guard(short).await, Ok(()));
            deadline.set(start + Duration::from_secs(wait));
            assert_eq!(deadline.guard(pending::<()>()).await, Err(Elapsed));
            assert_eq!(start.elapsed().as_secs(), wait);
        }
    }
    #[tokio::test(start_paused = true)]
    async fn a_task_that_uses_up_its_budget_meets_its_deadline() {
        let start = Instant::now();
        let mut deadline = Deadline::after(Duration::from_secs(10));
        let busy = poll_fn(|cx| {
            while tokio::task::coop::has_budget_remaining() {
                let _ = pin!(tokio::task::coop::consume_budget()).poll(cx);
            }
            Poll::<()>::Pending
        });
        assert_eq!(deadline.guard(busy).await, Err(Elapsed));
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
