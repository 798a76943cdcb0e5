//! Bytes on their way in and bytes on their way out.
//!
//! Owns the two reusable buffers of a connection: [`Buffer`] holds what was received and not yet
//! understood, [`Outgoing`] holds what was written and not yet sent. Both keep their storage from
//! one request to the next and give back what an unusually large one needed. Refuses to grow past
//! the size its user names. Trusts nothing: the bytes have no meaning here.

use std::cmp;

/// Storage a buffer starts with and returns to, in bytes.
pub const SMALL: usize = 4 * 1024;

/// The most a buffer grows to while it relays a body, in bytes.
pub const LARGE: usize = 64 * 1024;

/// Received bytes, of which the front has been consumed and the back is free.
#[derive(Default)]
pub struct Buffer {
    /// Always initialised over its whole length, so that reading into the back needs no `unsafe`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last read took all the room there was: more is waiting, so read larger.
    filled: bool,
}

impl Buffer {
    /// A buffer that owns no storage until it is first read into.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            filled: false,
        }
    }

    /// What was received and not yet consumed.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Number of bytes not yet consumed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether everything has been consumed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks the first `count` unread bytes as consumed; more than there are means all of them.
    pub fn consume(&mut self, count: usize) {
        self.start = cmp::min(self.start.saturating_add(count), self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room for at least one more byte, moving what is unread to the front or growing towards
    /// `cap`. Empty exactly when `cap` bytes are unread already.
    pub fn spare(&mut self, cap: usize) -> &mut [u8] {
        let len = self.bytes.len();
        if self.end == len && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if (self.filled || self.end == len) && len < cap {
            self.filled = false;
            let wanted = cmp::max(len.saturating_mul(4), SMALL);
            self.bytes.resize(cmp::min(wanted, cap), 0);
        }
        let room = cap.saturating_sub(self.len());
        let back = self.bytes.get_mut(self.end..).unwrap_or_default();
        let room = cmp::min(room, back.len());
        back.get_mut(..room).unwrap_or_default()
    }

    /// Counts `count` bytes of [`Buffer::spare`] as received.
    pub fn received(&mut self, count: usize) {
        self.end = cmp::min(self.end.saturating_add(count), self.bytes.len());
        self.filled = self.end == self.bytes.len();
    }

    /// Appends bytes that were received elsewhere.
    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.end.saturating_add(bytes.len());
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        if let Some(back) = self.bytes.get_mut(self.end..end) {
            back.copy_from_slice(bytes);
        }
        self.end = end;
    }

    /// Takes the first `count` unread bytes out, for the rare request whose head must be kept
    /// while its body is read through this buffer.
    pub fn split_front(&mut self, count: usize) -> Vec<u8> {
        let count = cmp::min(count, self.len());
        let front = self.unread().get(..count).unwrap_or_default().to_vec();
        self.consume(count);
        front
    }

    /// Forgets everything that was received.
    pub const fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.filled = false;
    }

    /// Gives back storage beyond [`SMALL`] when nothing is unread.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.bytes.len() > SMALL {
            *self = Self::new();
        }
    }
}

/// Bytes to be sent: a head, then whatever of the body arrived with it, so that both leave in one
/// write.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// Nothing to send, and no storage yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
        }
    }

    /// Where a writer appends. What has been sent is forgotten first.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// What is still to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Number of bytes still to be sent.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything has been sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Whether there is something to send of which not a byte has left.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        self.sent == 0 && !self.bytes.is_empty()
    }

    /// Counts `count` more bytes as sent.
    pub fn sent(&mut self, count: usize) {
        self.sent = cmp::min(self.sent.saturating_add(count), self.bytes.len());
    }

    /// Makes everything since the last [`Outgoing::begin`] on an empty buffer unsent again, to
    /// repeat a request on another connection.
    pub fn rewind(&mut self) {
        self.sent = 0;
    }

    /// What is still to be sent, as storage of its own.
    #[must_use]
    pub fn into_unsent(mut self) -> Vec<u8> {
        self.bytes.drain(..self.sent);
        self.bytes
    }

    /// Drops everything, sent or not.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Gives back storage beyond four times [`SMALL`] when nothing is to be sent.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.bytes.capacity() > 4 * SMALL {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut Buffer, bytes: &[u8], cap: usize) -> usize {
        let spare = buffer.spare(cap);
        let count = spare.len().min(bytes.len());
        spare[..count].copy_from_slice(&bytes[..count]);
        buffer.received(count);
        count
    }

    #[test]
    fn what_is_received_is_read_in_order_across_moves_and_growth() {
        let mut buffer = Buffer::new();
        let stream: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (mut given, mut seen) = (0, Vec::new());
        while seen.len() < stream.len() {
            given += receive(&mut buffer, &stream[given..], LARGE);
            let take = (buffer.len() / 2).max(1);
            seen.extend_from_slice(&buffer.unread()[..take]);
            buffer.consume(take);
        }
        assert_eq!(seen, stream);
    }

    #[test]
    fn a_buffer_offers_room_only_up_to_its_cap() {
        let mut buffer = Buffer::new();
        assert_eq!(receive(&mut buffer, &[7; 6000], 5000), SMALL);
        assert_eq!(receive(&mut buffer, &[7; 6000], 5000), 5000 - SMALL);
        assert!(buffer.spare(5000).is_empty());
        buffer.consume(1);
        assert_eq!(buffer.spare(5000).len(), 1);
    }

    #[test]
    fn reads_grow_while_they_fill_the_room_they_are_given() {
        let mut buffer = Buffer::new();
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let count = receive(&mut buffer, &[1; LARGE], LARGE);
            buffer.consume(count);
            sizes.push(count);
        }
        assert_eq!(sizes, [SMALL, 4 * SMALL, LARGE, LARGE]);
    }

    #[test]
    fn a_large_buffer_shrinks_only_when_empty() {
        let mut buffer = Buffer::new();
        while receive(&mut buffer, &[1; LARGE], LARGE) > 0 {}
        buffer.shrink();
        assert_eq!(buffer.len(), LARGE);
        buffer.consume(LARGE);
        buffer.shrink();
        assert_eq!(buffer.bytes.len(), 0);
    }

    #[test]
    fn the_front_can_be_split_off() {
        let mut buffer = Buffer::new();
        buffer.extend(b"head");
        buffer.extend(b"body");
        assert_eq!(buffer.split_front(4), b"head");
        assert_eq!(buffer.unread(), b"body");
    }

    #[test]
    fn what_was_sent_can_be_sent_again_until_something_new_begins() {
        let mut outgoing = Outgoing::new();
        outgoing.begin().extend_from_slice(b"GET /");
        assert!(outgoing.is_untouched());
        outgoing.sent(5);
        assert!(!outgoing.is_untouched());
        assert!(outgoing.is_empty());
        outgoing.rewind();
        assert_eq!(outgoing.unsent(), b"GET /");
        outgoing.sent(5);
        outgoing.begin().extend_from_slice(b"x");
        outgoing.rewind();
        assert_eq!(outgoing.unsent(), b"x");
    }
}
