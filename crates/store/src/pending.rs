//! An answer that is on its way.
//!
//! Owns the hand-over from the store's thread to whoever asked, which may be a plain thread or a
//! task of any async runtime. If the store ends first, the answer is [`StoreError::Stopped`]: an
//! asker never waits for ever.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::StoreError;

/// The answer to a submitted job. Await it, or [`Pending::wait`] on a thread that may block.
///
/// Dropping it does not take the job back.
#[must_use = "the job may have failed"]
pub struct Pending<T>(Arc<Shared<T>>);

/// The other end: answers once, or `Stopped` when dropped without an answer.
pub(crate) struct Completer<T> {
    shared: Arc<Shared<T>>,
    answered: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

struct State<T> {
    answer: Option<Result<T, StoreError>>,
    waker: Option<Waker>,
}

impl<T> Shared<T> {
    /// The state holds no invariant that a panic elsewhere could break.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn pending<T>() -> (Completer<T>, Pending<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            answer: None,
            waker: None,
        }),
        ready: Condvar::new(),
    });
    let completer = Completer {
        shared: Arc::clone(&shared),
        answered: false,
    };
    (completer, Pending(shared))
}

impl<T> Completer<T> {
    pub(crate) fn answer(mut self, answer: Result<T, StoreError>) {
        self.put(answer);
    }

    fn put(&mut self, answer: Result<T, StoreError>) {
        self.answered = true;
        let mut state = self.shared.lock();
        state.answer = Some(answer);
        let waker = state.waker.take();
        drop(state);
        self.shared.ready.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        if !self.answered {
            self.put(Err(StoreError::Stopped));
        }
    }
}

impl<T> Pending<T> {
    /// Blocks until the answer is there.
    pub fn wait(self) -> Result<T, StoreError> {
        let mut state = self.0.lock();
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            state = self
                .0
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
        thread,
    };

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_is_woken_once_the_answer_is_there() {
        let (completer, mut pending) = pending();
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        assert_eq!(Pin::new(&mut pending).poll(&mut context), Poll::Pending);
        assert_eq!(Pin::new(&mut pending).poll(&mut context), Poll::Pending);
        assert_eq!(counter.0.load(Ordering::SeqCst), 0);
        completer.answer(Ok(7));
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert_eq!(
            Pin::new(&mut pending).poll(&mut context),
            Poll::Ready(Ok(7))
        );
    }

    #[test]
    fn a_thread_waits_for_the_answer() {
        let (completer, pending) = pending();
        let asker = thread::spawn(move || pending.wait());
        completer.answer(Ok("answer"));
        assert_eq!(asker.join().unwrap(), Ok("answer"));
    }

    #[test]
    fn an_asker_never_waits_for_a_store_that_ended() {
        let (completer, pending) = pending::<()>();
        drop(completer);
        assert_eq!(pending.wait(), Err(StoreError::Stopped));
    }
}
