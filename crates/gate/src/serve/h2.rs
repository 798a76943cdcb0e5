//! HTTP/2 from clients (RFC 9113), over TLS where both sides chose it by ALPN.
//!
//! Owns one connection from its preface to its last GOAWAY, and one task for each of its streams. A
//! stream is given to the engine of HTTP/1.1 as a connection with one request, so that whatever judges
//! a request judges it here as there: there is no second way to an app. Refuses floods of frames and of
//! broken streams, more streams than may be, and to wait for long with nothing under way. Trusts the
//! `h2` crate to read frames and to keep windows, and is itself what limits how many it reads.
//!
//! 1. `frames` and `meter`: what passes, and how much of it may be idle or broken;
//! 2. `head`: a request on its way in; `answer`: its answer on the way out;
//! 3. `stream`: both, as the engine sees them.

mod answer;
mod frames;
mod head;
mod meter;
mod stream;

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use control::Refusal;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::Request;
use tokio::{io::ReadBuf, task::JoinSet, time::Instant};
use wire::{AnswerHead, Asked, Deadline, Method};

use self::{
    answer::{Parser, Reply},
    meter::{Meter, Metered},
    stream::Stream,
};
use super::{
    connection,
    local::{Local, Seat},
    refusals::{BROKEN_FRAMES, TOO_MANY_FRAMES},
};
use crate::{
    metrics::Metric,
    site::limits::Limits,
    stages::{Peer, Spoken, framing, record},
};

/// How ALPN names it (RFC 9113, section 3.1).
pub(super) const NAME: &[u8] = b"h2";

/// How much of one body may be on its way, unread, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;

/// How much of all bodies of one connection.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How much of one answer may wait for its client, in bytes.
const SEND_BUFFER: usize = 64 * 1024;

/// How long a connection that is being closed may take to say so.
const LINGER: Duration = Duration::from_secs(2);

/// The most bytes that are read while it does.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// What HPACK counts for each field beyond its name and value (RFC 7541, section 4.1).
const FIELD_OVERHEAD: usize = 32;

/// Fields that every request has: method, scheme, authority, path.
const PSEUDO_FIELDS: usize = 4;

/// Whether the two sides of a connection chose HTTP/2.
pub(super) fn is_chosen(protocol: Option<&[u8]>) -> bool {
    protocol == Some(NAME)
}

/// What happens next on a connection.
enum Event {
    Stream(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    /// The last stream has ended.
    Quiet,
    /// The client asks for more than it may.
    Flood,
    /// It has waited long enough.
    Late,
    /// The gate stops.
    Drains,
    /// What the client sent was no HTTP/2, and it was told so.
    Broken,
    /// Nothing more comes.
    Ended,
}

/// Serves a connection to its end.
pub(crate) async fn serve<S: wire::Stream>(
    local: Rc<Local>,
    seat: Seat,
    peer: Peer,
    stream: S,
    mut deadline: Deadline,
) {
    let limits = *local.core.site().limits();
    let meter = Rc::new(Meter::new(limits.stream_resets));
    let stream = Rc::new(RefCell::new(stream));
    let metered = Metered::new(Rc::clone(&stream), Rc::clone(&meter));
    let shaken = builder(&limits).handshake(metered);
    let peer = Peer {
        spoken: Spoken::Http2,
        ..peer
    };
    local.core.counters().add(Metric::Http2Connections, 1);
    let mut served = Served {
        local,
        seat,
        peer,
        limits,
        meter,
        parser: Rc::new(RefCell::new(AnswerHead::new())),
        streams: JoinSet::new(),
    };
    match deadline.guard(shaken).await {
        Ok(Ok(connection)) => served.run(connection, &mut deadline).await,
        // Whoever left, or said nothing, has asked for nothing.
        Ok(Err(fault)) if fault.is_io() => return,
        Err(_) => return,
        Ok(Err(_)) => served.refuse(BROKEN_FRAMES),
    }
    // Streams still under way have been told that their client is gone.
    deadline.restart(LINGER);
    let ended = async { while served.streams.join_next().await.is_some() {} };
    let _ = deadline.guard(ended).await;
    served.streams.abort_all();
    linger(&stream, deadline).await;
}

fn builder(limits: &Limits) -> server::Builder {
    let fields = (limits.header_fields + PSEUDO_FIELDS) * FIELD_OVERHEAD;
    let list = limits.request_line + limits.header_block + fields;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(number(limits.streams))
        .max_header_list_size(number(list))
        .max_local_error_reset_streams(Some(limits.stream_resets))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// Closes so that the client sees the last frame: closing while its bytes are still arriving would
/// reset the connection and could take that frame away.
async fn linger<S: wire::Stream>(stream: &RefCell<S>, mut deadline: Deadline) {
    deadline.restart(LINGER);
    let read = async {
        let mut bytes = [0; 4096];
        let mut left = LINGER_BYTES;
        loop {
            let count = poll_fn(|cx| {
                let mut buffer = ReadBuf::new(&mut bytes);
                let polled = Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut buffer);
                polled.map_ok(|()| buffer.filled().len())
            });
            match count.await {
                Ok(count @ 1..) if count < left => left -= count,
                _ => return,
            }
        }
    };
    let shut = poll_fn(|cx| Pin::new(&mut *stream.borrow_mut()).poll_shutdown(cx));
    if matches!(deadline.guard(shut).await, Ok(Ok(()))) {
        let _ = deadline.guard(read).await;
    }
}

/// A connection being served.
struct Served {
    local: Rc<Local>,
    seat: Seat,
    peer: Peer,
    limits: Limits,
    meter: Rc<Meter>,
    parser: Parser,
    /// One task for each stream; dropping them ends them.
    streams: JoinSet<()>,
}

impl Served {
    async fn run<S: wire::Stream>(
        &mut self,
        mut connection: server::Connection<Metered<S>, Bytes>,
        deadline: &mut Deadline,
    ) {
        let local = Rc::clone(&self.local);
        let mut drains = pin!(local.drains());
        // Until then the deadline is that of a header, within which the first stream must come.
        let mut leaving = false;
        self.seat.set_idle(Some(Instant::now()));
        self.seat.takes_leave();
        loop {
            let event = poll_fn(|cx| {
                while let Poll::Ready(Some(_)) = self.streams.poll_join_next(cx) {
                    if self.streams.is_empty() {
                        return Poll::Ready(Event::Quiet);
                    }
                }
                let polled = connection.poll_accept(cx);
                // What is read in vain is known only now.
                if self.meter.is_spent() {
                    return Poll::Ready(Event::Flood);
                }
                match polled {
                    Poll::Ready(Some(Ok(stream))) => {
                        return Poll::Ready(Event::Stream(Box::new(stream)));
                    }
                    Poll::Ready(Some(Err(fault))) if fault.is_go_away() && fault.is_library() => {
                        return Poll::Ready(Event::Broken);
                    }
                    Poll::Ready(_) => return Poll::Ready(Event::Ended),
                    Poll::Pending => {}
                }
                if !leaving && drains.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Drains);
                }
                if self.streams.is_empty() && deadline.poll(cx).is_ready() {
                    return Poll::Ready(Event::Late);
                }
                Poll::Pending
            })
            .await;
            self.note_faults();
            match event {
                Event::Stream(stream) => {
                    self.begin(*stream);
                    if !self.streams.is_empty() {
                        self.seat.set_idle(None);
                    }
                }
                Event::Quiet => {
                    let wait = if leaving {
                        LINGER
                    } else {
                        self.limits.keep_alive
                    };
                    deadline.restart(wait);
                    self.seat.set_idle(Some(Instant::now()));
                }
                Event::Late if leaving => return,
                Event::Late | Event::Drains => {
                    leaving = true;
                    deadline.restart(LINGER);
                    connection.graceful_shutdown();
                }
                Event::Flood => {
                    self.refuse(TOO_MANY_FRAMES);
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    deadline.restart(LINGER);
                    let closed = poll_fn(|cx| connection.poll_closed(cx));
                    let _ = deadline.guard(closed).await;
                    return;
                }
                Event::Broken => return self.refuse(BROKEN_FRAMES),
                Event::Ended => return,
            }
        }
    }

    /// Starts the task of a stream, which is the engine's.
    fn begin(&mut self, (request, mut respond): (Request<RecvStream>, SendResponse<Bytes>)) {
        // A stream that was reset no longer counts for its client, but its work may go on.
        if self.streams.len() >= self.limits.streams {
            return respond.send_reset(Reason::REFUSED_STREAM);
        }
        let (head, body) = request.into_parts();
        let Ok((text, framing)) = head::write(&head, body.is_end_stream()) else {
            return respond.send_reset(Reason::PROTOCOL_ERROR);
        };
        self.local.core.counters().add(Metric::Http2Requests, 1);
        let method = match head.method {
            http::Method::HEAD => Method::Head,
            _ => Method::Other,
        };
        let asked = Asked {
            method,
            upgrade: false,
        };
        let reply = Reply::new(respond, asked, Rc::clone(&self.parser));
        let stream = Stream::new(text, framing, body, reply);
        let deadline = Deadline::after(self.limits.header_time);
        let local = Rc::clone(&self.local);
        let (seat, peer) = (self.seat.share(), self.peer.clone());
        let served = connection::serve(local, seat, peer, stream, deadline);
        // Boxed: a task's place is copied when it begins and when its end is taken note of.
        self.streams.spawn_local(Box::pin(served));
    }

    /// Records streams that were reset because of what the client sent on them.
    fn note_faults(&self) {
        for _ in 0..self.meter.take_faults() {
            self.refuse(BROKEN_FRAMES);
        }
    }

    fn refuse(&self, refusal: Refusal) {
        let core = &self.local.core;
        let answer = framing::refuse(core, &core.site(), &self.peer, refusal);
        record::finish_own(core, answer, 0);
    }
}
