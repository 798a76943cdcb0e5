//! Bodies that must be seen whole before their request is judged.
//!
//! Owns their memory: each has its cap, and a thread has one for all of them together. Refuses a
//! body that is longer, slower or broken, and one there is no room for. Asks a client that waits
//! for 100 Continue to go on only here, after everything the head alone decides.

use std::{cell::Cell, rc::Rc};

use control::Refusal;
use tokio::time::Instant;
use wire::{Body, BodyTimes, Outgoing, buffer, exchange::Pace};

use super::{
    connection::{Connection, Facts},
    refusals,
    reset::Client,
};
use crate::stages::body::{CUT_SHORT, TOO_SLOW};

/// Bytes of whole bodies that one thread holds at once.
const PER_THREAD: usize = 64 * 1024 * 1024;

/// How much of that memory is taken.
#[derive(Default)]
pub(super) struct Held(Rc<Cell<usize>>);

impl Held {
    fn hold(&self) -> Holding {
        Holding {
            total: Rc::clone(&self.0),
            bytes: 0,
        }
    }
}

/// One body's share, given back when it is dropped.
pub(super) struct Holding {
    total: Rc<Cell<usize>>,
    bytes: usize,
}

impl Holding {
    /// Takes as much as `bytes` in all, or says that there is no room.
    fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let total = self.total.get().saturating_add(more);
        if total > PER_THREAD {
            return false;
        }
        self.total.set(total);
        self.bytes = self.bytes.saturating_add(more);
        true
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.total.set(self.total.get().saturating_sub(self.bytes));
    }
}

/// A whole body.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    holding: Holding,
}

impl Whole {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its share of the memory, for as long as a copy of it waits for its upstream.
    pub(super) fn into_holding(self) -> Holding {
        self.holding
    }
}

impl<S: Client> Connection<S> {
    /// Reads the whole body, of at most `cap` bytes.
    pub(super) async fn whole_body(
        &mut self,
        times: BodyTimes,
        facts: Facts,
        cap: u64,
    ) -> Result<Whole, Refusal> {
        let mut holding = self.local.held.hold();
        let mut body = Body::new(facts.framing, false, cap);
        let mut whole = Outgoing::new();
        let mut pace = Pace::new(times);
        let mut asked = !facts.expects;
        loop {
            body.take(&mut self.client.input, &mut whole, usize::MAX)
                .map_err(|fault| refusals::of_body(&fault))?;
            if !holding.grow(whole.len()) {
                return Err(refusals::NO_MEMORY);
            }
            if body.is_done() {
                return Ok(Whole {
                    bytes: whole.into_unsent(),
                    holding,
                });
            }
            if !asked {
                asked = true;
                let line = b"HTTP/1.1 100 Continue\r\n\r\n";
                self.client.output.begin().extend_from_slice(line);
                self.deadline.restart(super::CLIENT_STALL);
                match self.deadline.guard(self.client.drain()).await {
                    Ok(Ok(())) => {}
                    _ => return Err(CUT_SHORT),
                }
            }
            self.deadline.set(pace.ends(Instant::now(), body.moved()));
            match self.deadline.guard(self.client.fill(buffer::LARGE)).await {
                Err(_) => return Err(TOO_SLOW),
                Ok(Ok(1..)) => {}
                Ok(_) => return Err(CUT_SHORT),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_given_back() {
        let held = Held::default();
        let (mut one, mut two) = (held.hold(), held.hold());
        assert!(one.grow(PER_THREAD / 2) && two.grow(PER_THREAD / 2));
        assert!(!two.grow(PER_THREAD / 2 + 1));
        drop(one);
        assert!(two.grow(PER_THREAD));
        drop(two);
        assert_eq!(held.0.get(), 0);
    }
}
