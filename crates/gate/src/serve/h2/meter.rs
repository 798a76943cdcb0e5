//! How much an HTTP/2 connection may ask that brings nobody anything.
//!
//! Owns two allowances of each connection: one for frames that carry neither a request nor a body
//! (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, whatever is unknown), one for streams that
//! end broken, by the client's RST_STREAM (CVE-2023-44487) or by one that a fault of the client made
//! us send (CVE-2025-8671). Both grow back with time, the first also with what was of use. Refuses to
//! read on once either is spent. Trusts the reader behind it for everything else.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use wire::Stream;

use super::frames::{Frame, Frames, kind};

/// How many idle frames a connection has in hand.
const IDLE_FRAMES: usize = 1000;

/// In what time all of them come back: twenty a second.
const IDLE_FRAMES_WITHIN: Duration = Duration::from_secs(50);

/// How many each HEADERS frame from the client and each DATA frame to it brings: clients answer
/// those with window updates and priorities.
const EARNED: usize = 4;

/// In what time all broken streams come back.
const RESETS_WITHIN: Duration = Duration::from_secs(10);

/// Codes of RST_STREAM that blame the client: NO_ERROR, INTERNAL_ERROR and CANCEL do not.
const BLAMING: std::ops::RangeInclusive<u32> = 1..=13;
const INTERNAL_ERROR: u32 = 2;
const CANCEL: u32 = 8;

/// Something in hand that grows back with time, to no more than it was.
#[derive(Debug)]
struct Allowance {
    left: usize,
    most: usize,
    /// How long it takes for one to come back.
    each: Duration,
    /// Until when what had grown back was added.
    counted: Instant,
}

impl Allowance {
    /// `most` in hand, all of which come back within `within`.
    fn new(most: usize, within: Duration, now: Instant) -> Self {
        let shares = u32::try_from(most).unwrap_or(u32::MAX).max(1);
        Self {
            left: most,
            most,
            each: (within / shares).max(Duration::from_nanos(1)),
            counted: now,
        }
    }

    fn earn(&mut self, more: usize) {
        self.left = self.left.saturating_add(more).min(self.most);
    }

    /// Takes one. Time that passed while nothing was missing brings nothing: it is settled each time.
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted);
        let back = passed.as_nanos() / self.each.as_nanos();
        let back = usize::try_from(back).unwrap_or(usize::MAX);
        let missing = self.most.saturating_sub(self.left);
        if back >= missing {
            self.left = self.most;
            self.counted = now;
        } else if let Ok(shares) = u32::try_from(back) {
            self.left = self.left.saturating_add(back);
            self.counted += self.each * shares;
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

/// What has passed on one connection.
#[derive(Debug)]
pub(super) struct Meter {
    idle: RefCell<Allowance>,
    resets: RefCell<Allowance>,
    spent: Cell<bool>,
    /// Streams that we ended because of what the client sent on them.
    faults: Cell<u64>,
}

impl Meter {
    /// A meter that lets `resets` streams end broken within ten seconds.
    pub(super) fn new(resets: usize) -> Self {
        let now = Instant::now();
        Self {
            idle: RefCell::new(Allowance::new(IDLE_FRAMES, IDLE_FRAMES_WITHIN, now)),
            resets: RefCell::new(Allowance::new(resets, RESETS_WITHIN, now)),
            spent: Cell::new(false),
            faults: Cell::new(0),
        }
    }

    /// Whether the client has asked for more than it may.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// How many streams we ended since this was last asked because of what the client sent.
    pub(super) fn take_faults(&self) -> u64 {
        self.faults.replace(0)
    }

    fn take(&self, allowance: &RefCell<Allowance>) {
        if !allowance.borrow_mut().take(Instant::now()) {
            self.spent.set(true);
        }
    }

    fn received(&self, frame: Frame) {
        match frame.kind {
            kind::HEADERS => self.idle.borrow_mut().earn(EARNED),
            kind::DATA if frame.length > 0 || frame.last => {}
            kind::RESET => self.take(&self.resets),
            _ => self.take(&self.idle),
        }
    }

    fn sent(&self, frame: Frame) {
        match frame.kind {
            kind::DATA => self.idle.borrow_mut().earn(EARNED),
            kind::RESET
                if BLAMING.contains(&frame.code)
                    && frame.code != INTERNAL_ERROR
                    && frame.code != CANCEL =>
            {
                self.faults.set(self.faults.get() + 1);
                self.take(&self.resets);
            }
            _ => {}
        }
    }
}

/// A connection that is metered both ways.
pub(super) struct Metered<S> {
    stream: Rc<RefCell<S>>,
    meter: Rc<Meter>,
    received: Frames,
    sent: Frames,
}

impl<S: Stream> Metered<S> {
    /// `stream`, whose first bytes are the client's preface (RFC 9113, section 3.4).
    pub(super) fn new(stream: Rc<RefCell<S>>, meter: Rc<Meter>) -> Self {
        Self {
            stream,
            meter,
            received: Frames::behind_preface(),
            sent: Frames::default(),
        }
    }

    fn note_sent(&mut self, bytes: &[u8]) {
        let meter = &self.meter;
        self.sent.read(bytes, |frame| meter.sent(frame));
    }
}

impl<S: Stream> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever is ended for it hears no more; the loop that polls this sees it in the same turn.
        if self.meter.is_spent() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, buffer);
        let this = &mut *self;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        this.received
            .read(fresh, |frame| this.meter.received(frame));
        polled
    }
}

impl<S: Stream> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.note_sent(bytes.get(..count).unwrap_or(bytes));
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(cx, pieces);
        if let Poll::Ready(Ok(mut count)) = polled {
            for piece in pieces {
                let part = piece.get(..count).unwrap_or(piece);
                self.note_sent(part);
                count -= part.len();
            }
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many come back each second.
    const IDLE_FRAMES_A_SECOND: usize = 20;

    fn frame(kind: u8) -> Frame {
        Frame {
            kind,
            length: 8,
            last: false,
            code: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_frames_are_bounded_and_come_back_with_time_and_with_use() {
        const PING: u8 = 6;
        let meter = Meter::new(10);
        let ping = |count| (0..count).for_each(|_| meter.received(frame(PING)));
        ping(IDLE_FRAMES);
        assert!(!meter.is_spent());
        tokio::time::advance(Duration::from_secs(2)).await;
        ping(2 * IDLE_FRAMES_A_SECOND);
        assert!(!meter.is_spent());
        meter.received(frame(kind::HEADERS));
        meter.sent(frame(kind::DATA));
        ping(2 * EARNED);
        assert!(!meter.is_spent());
        ping(1);
        assert!(meter.is_spent());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_with_everything_in_hand_has_no_more_of_it() {
        const PING: u8 = 6;
        for waited in [10, 50, 3600] {
            let meter = Meter::new(200);
            meter.received(frame(kind::RESET));
            meter.received(frame(PING));
            tokio::time::advance(Duration::from_secs(waited)).await;
            let left = IDLE_FRAMES.min(IDLE_FRAMES - 1 + waited as usize * IDLE_FRAMES_A_SECOND);
            (0..left).for_each(|_| meter.received(frame(PING)));
            (0..200).for_each(|_| meter.received(frame(kind::RESET)));
            assert!(!meter.is_spent(), "{waited}");
            meter.received(frame(kind::RESET));
            assert!(meter.is_spent(), "{waited}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_come_back_as_slowly_as_is_said() {
        let mut few = Allowance::new(3, RESETS_WITHIN, Instant::now());
        assert!((0..3).all(|_| few.take(Instant::now())));
        assert!(!few.take(Instant::now()));
        tokio::time::advance(Duration::from_millis(3300)).await;
        assert!(!few.take(Instant::now()));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(few.take(Instant::now()));
        assert!(!few.take(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn data_that_carries_something_costs_nothing() {
        let meter = Meter::new(10);
        for _ in 0..10 * IDLE_FRAMES {
            meter.received(frame(kind::DATA));
        }
        assert!(!meter.is_spent());
        for _ in 0..=IDLE_FRAMES {
            meter.received(Frame {
                length: 0,
                ..frame(kind::DATA)
            });
        }
        assert!(meter.is_spent());
    }

    #[tokio::test(start_paused = true)]
    async fn broken_streams_are_bounded_whoever_breaks_them() {
        const PROTOCOL_ERROR: u32 = 1;
        let meter = Meter::new(10);
        let broken = |code| Frame {
            code,
            ..frame(kind::RESET)
        };
        for _ in 0..5 {
            meter.received(broken(CANCEL));
            meter.sent(broken(PROTOCOL_ERROR));
            meter.sent(broken(INTERNAL_ERROR));
        }
        assert!(!meter.is_spent());
        assert_eq!((meter.take_faults(), meter.take_faults()), (5, 0));
        tokio::time::advance(Duration::from_secs(1)).await;
        meter.received(broken(CANCEL));
        assert!(!meter.is_spent());
        meter.received(broken(CANCEL));
        assert!(meter.is_spent());
    }
}
