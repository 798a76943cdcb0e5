//! A piece of work that waits for its transaction.
//!
//! Owns the promise that whoever asked is answered exactly once, and only behind the commit.

use crate::{Access, StoreError, pending::Completer};

pub(crate) trait Job: Send {
    /// Does the work and keeps its outcome; says why if it failed.
    fn run(&mut self, access: &Access<'_>) -> Result<(), StoreError>;

    /// Answers with the outcome, or with why it could not be committed.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

pub(crate) struct Task<T, J> {
    work: Option<J>,
    outcome: Result<T, StoreError>,
    completer: Completer<T>,
}

impl<T, J> Task<T, J> {
    pub(crate) fn new(work: J, completer: Completer<T>) -> Self {
        Self {
            work: Some(work),
            outcome: Err(StoreError::Stopped),
            completer,
        }
    }
}

impl<T, J> Job for Task<T, J>
where
    T: Send,
    J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, access: &Access<'_>) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            self.outcome = work(access);
        }
        self.outcome.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = self.outcome;
        self.completer.answer(committed.and(outcome));
    }
}
