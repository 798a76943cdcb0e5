//! What a connection works with, kept from one to the next.
//!
//! Owns the heads and buffers of connections that have ended, a few for each thread: over HTTP/2 each
//! request is a connection to the engine, and making these anew costs more than judging some requests.
//! Refuses to keep what grew large, and more than a burst needs. What is given out again holds nothing
//! that was not read, and nothing that was not sent.

use std::cell::RefCell;

use wire::{AnswerHead, Buffer, Outgoing, RequestHead};

/// The most that one thread keeps.
const MOST: usize = 64;

/// What one connection works with. Large, so it lies apart from the task that uses it.
#[derive(Default)]
pub(crate) struct Kit {
    pub(super) request: RequestHead,
    pub(super) answer: AnswerHead,
    pub(super) buffers: Buffers,
}

/// The buffers of a connection.
#[derive(Default)]
pub(super) struct Buffers {
    /// What came from the client.
    pub(super) input: Buffer,
    /// What goes to it.
    pub(super) output: Outgoing,
    /// What goes to its upstream, before there is a connection to one.
    pub(super) upward: Outgoing,
}

impl Kit {
    /// Forgets everything that it was used for.
    fn clear(&mut self) {
        self.request.clear();
        self.answer.clear();
        let Buffers {
            input,
            output,
            upward,
        } = &mut self.buffers;
        input.clear();
        input.shrink();
        for outgoing in [output, upward] {
            outgoing.clear();
            outgoing.shrink();
        }
    }
}

/// The kits that nobody uses.
#[derive(Default)]
pub(crate) struct Kits(RefCell<Vec<Box<Kit>>>);

impl Kits {
    /// One that has seen nothing.
    pub(crate) fn take(&self) -> Box<Kit> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps `kit` for the next connection, while there is room.
    pub(crate) fn give_back(&self, mut kit: Box<Kit>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < MOST {
            kit.clear();
            kept.push(kit);
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::HeadLimits;

    use super::*;

    #[test]
    fn a_kit_that_was_used_comes_back_as_if_it_had_not_been() {
        let kits = Kits::default();
        let mut kit = kits.take();
        let head = b"GET /secret HTTP/1.1\r\nHost: gate.test\r\n\r\n";
        kit.buffers.input.extend(head);
        kit.buffers.output.begin().extend_from_slice(b"unsent");
        kit.buffers.upward.begin().extend_from_slice(&[7; 100_000]);
        let unread = kit.buffers.input.unread();
        assert!(kit.request.parse(unread, &HeadLimits::REQUEST).is_ok());
        kits.give_back(kit);
        let mut kit = kits.take();
        assert!(kits.0.borrow().is_empty());
        assert!(kit.buffers.input.is_empty() && kit.buffers.output.is_empty());
        assert!(kit.buffers.upward.is_empty() && kit.buffers.upward.begin().capacity() < 100_000);
        // A head that begins where another ended would be read as a part of it.
        let other = b"POST / HTTP/1.1\r\nHost: gate.test\r\n\r\n";
        assert!(kit.request.parse(other, &HeadLimits::REQUEST).is_ok());
        assert_eq!(kit.request.request(other).target(), b"/");
    }

    #[test]
    fn no_more_are_kept_than_a_burst_needs() {
        let kits = Kits::default();
        let burst: Vec<_> = (0..MOST + 5).map(|_| kits.take()).collect();
        for kit in burst {
            kits.give_back(kit);
        }
        assert_eq!(kits.0.borrow().len(), MOST);
    }
}
