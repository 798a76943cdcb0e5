//! Record: what the ledger is told.
//!
//! Owns the one event of every request (two where decisions are durable), the note that a key was
//! accepted, and the count of what was refused. Refuses to let a request begin while the ledger
//! cannot take its event, and to let one that began go without an end: what is dropped on the way is
//! recorded as cut off. Unauthenticated refusals go into a ring of their own, so that a flood of them
//! never makes that happen.

mod acceptances;
mod books;

use std::time::Duration;

use control::{ControlId, Reason, Refusal};
use identity::{
    account::fault::ACCOUNT,
    refusal::{KEY, TOKEN},
    session::fault::SESSION,
};
use ledger::{Event, Kind, NotDurable, PrincipalId, RouteIndex};
use limits::RATE;
use tokio::time::timeout;

pub(crate) use self::{acceptances::Acceptances, books::Books};
use super::{
    exchange::{Content, Exchange, OwnAnswer},
    forward::Forwarding,
    rate,
};
use crate::{
    core::Core,
    metrics::Metric,
    serve::refusals::{CUT_OFF, DEFECT, OVERLOAD},
};

/// The control that refuses what could not be recorded.
pub const DURABLE: ControlId = ControlId("ledger.durable");

/// The control that refuses what could soon not be recorded any more.
pub const SPACE: ControlId = ControlId("ledger.space");

/// How a forwarded request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Status sent to the client; `None` when no answer was begun.
    pub status: Option<u16>,
    /// Body bytes received from the client.
    pub received: u64,
    /// Body bytes sent to the client.
    pub sent: u64,
    /// The refusal that ended it after its answer had begun, where one did.
    pub broken: Option<Refusal>,
}

/// How long a request waits for a disk before it is refused: one that has said nothing for so long
/// may never say anything again.
pub(crate) const DISK_PATIENCE: Duration = Duration::from_secs(5);

const TOO_SLOW: Refusal = Refusal::new(
    DURABLE,
    503,
    "The request cannot be recorded now. Try again shortly.",
    Reason("ledger-slow"),
)
.retry_after(5);

/// Reserves room for the events of one more request, or refuses to begin it.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn reserve(exchange: &mut Exchange) -> Result<(), Refusal> {
    exchange.books.reserve().map_err(unrecorded)?;
    exchange.reserved = true;
    Ok(())
}

/// Puts the decision on disk, as an event of this kind.
pub(crate) async fn decide(exchange: &mut Exchange, kind: Kind) -> Result<(), Refusal> {
    let event = exchange.event(kind);
    exchange.books.decided(event).map_err(unrecorded)?;
    // It is on its way, so the end of this request is its outcome, whatever becomes of either.
    exchange.ends = Some(Kind::OUTCOME);
    let on_disk = timeout(DISK_PATIENCE, exchange.books.recorder.settled()).await;
    let refusal = match on_disk {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(cause)) => unrecorded(cause),
        Err(_) => TOO_SLOW,
    };
    exchange.books.counters.add(Metric::LedgerRefusals, 1);
    Err(refusal)
}

/// Records the end of a forwarded request. A webhook delivery that was not settled is released.
#[cfg_attr(feature = "profile", inline(never))]
pub fn finish(core: &Core, mut forwarding: Forwarding, outcome: &Outcome) {
    forwarding.release(core);
    let exchange = &mut forwarding.exchange;
    rate::ended(exchange, outcome.status);
    let kind = exchange.take_end();
    let mut event = exchange.event(kind);
    let books = &exchange.books;
    if let Some(refusal) = &outcome.broken {
        event = event.refused(refusal);
        books.counters.refused(refusal.control);
    }
    event.status = outcome.status;
    event.received = Some(outcome.received);
    event.sent = Some(outcome.sent);
    let spent = exchange.spent();
    event.micros = Some(spent);
    books.put(event);
    books.count(spent, outcome.received, outcome.sent);
}

/// Records an answer of our own, once it is written. `received` is how many body bytes were read.
pub fn finish_own(core: &Core, answer: OwnAnswer, received: u64) {
    let status = answer.status();
    let OwnAnswer {
        mut exchange,
        content,
    } = answer;
    rate::ended(&exchange, Some(status));
    let end = exchange.take_end();
    let decided = end == Kind::OUTCOME;
    let kind = match &content {
        Content::Duplicate(_) => Kind::WEBHOOK_DUPLICATE,
        Content::Refusal(refusal) if [KEY, TOKEN, SESSION].contains(&refusal.control) => {
            Kind::AUTHENTICATION_FAILED
        }
        // A name and a password, or a link, that did not fit; not a password that is too weak.
        Content::Refusal(refusal)
            if refusal.control == ACCOUNT && matches!(refusal.status, 401 | 403) =>
        {
            Kind::AUTHENTICATION_FAILED
        }
        Content::Refusal(_)
        | Content::Document(_)
        | Content::Sent(_)
        | Content::Page(_)
        | Content::Question(_)
        | Content::File(_) => end,
    };
    let books = &core.books;
    let mut event = exchange.event(kind);
    event.received = Some(received);
    let spent = exchange.spent();
    event.micros = Some(spent);
    books.count(spent, received, 0);
    match content {
        Content::Refusal(refusal) => {
            books.counters.refused(refusal.control);
            event = event.refused(&refusal);
            // What is refused for lack of room or too often comes in floods, whoever asks: it is counted, unless
            // a decision waits for its outcome.
            let flood = [DURABLE, SPACE, OVERLOAD, RATE].contains(&refusal.control);
            let known = (exchange.principal.is_some() && !flood) || decided;
            if known && exchange.has_room() {
                books.put(event);
            } else {
                books.recorder.record_refusal(event);
            }
        }
        Content::Document(_)
        | Content::Sent(_)
        | Content::Page(_)
        | Content::Question(_)
        | Content::File(_) => {
            books.counters.add(Metric::Answered, 1);
            event.status = Some(status);
            if exchange.has_room() {
                books.put(event);
            } else {
                books.counters.add(Metric::LedgerRefusals, 1);
            }
        }
        Content::Duplicate(ack) => {
            books.counters.add(Metric::Answered, 1);
            event.status = Some(ack.status);
            books.put(event);
        }
    }
}

/// Records the end of a file that was sent, whole or not.
pub fn finish_file(core: &Core, answer: OwnAnswer, outcome: &Outcome) {
    let OwnAnswer { mut exchange, .. } = answer;
    rate::ended(&exchange, outcome.status);
    let kind = exchange.take_end();
    let mut event = exchange.event(kind);
    let books = &core.books;
    if let Some(refusal) = &outcome.broken {
        event = event.refused(refusal);
        books.counters.refused(refusal.control);
    }
    event.status = outcome.status;
    event.received = Some(outcome.received);
    event.sent = Some(outcome.sent);
    let spent = exchange.spent();
    event.micros = Some(spent);
    books.counters.add(Metric::Answered, 1);
    books.count(spent, outcome.received, outcome.sent);
    books.put(event);
}

/// Records the end of a request that is dropped without one, because its task was ended by a stop or
/// fell over. How much of an answer had left is not known here, so nothing is said of that. A webhook
/// delivery is not released: it may be with the app at this moment, and its lease holds repeats back
/// until the app must be through with it.
pub(super) fn cut_off(exchange: &mut Exchange) {
    if exchange.ends.is_none() {
        return;
    }
    let end = exchange.take_end();
    let books = &exchange.books;
    let fell = std::thread::panicking();
    let refusal = if fell { DEFECT } else { CUT_OFF };
    books.counters.refused(refusal.control);
    let mut event = exchange.event(end).refused(&refusal);
    event.status = None;
    event.micros = Some(exchange.spent());
    if exchange.reserved || end != Kind::REQUEST {
        books.put(event);
    } else {
        books.recorder.record_refusal(event);
    }
    if fell {
        books.tell_defect();
    }
}

/// Records that a WebSocket opened; its close is the [`finish`] of its request.
pub fn websocket_opened(forwarding: &mut Forwarding) {
    let exchange = &mut forwarding.exchange;
    exchange.ends = Some(Kind::WEBSOCKET_CLOSE);
    exchange.books.counters.add(Metric::WebSocketsOpen, 1);
    let mut event = exchange.event(Kind::WEBSOCKET_OPEN);
    event.status = Some(101);
    exchange.books.put(event);
}

/// Notes that a key was accepted. Each request names its key anyway; this event says when it was
/// first seen from where, and again every minute.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn authenticated(core: &Core, exchange: &Exchange, who: PrincipalId) {
    let news = core
        .acceptances
        .borrow_mut()
        .is_news(who, exchange.client, exchange.at);
    if news && exchange.has_room() {
        exchange.books.put(exchange.event(Kind::AUTHENTICATED));
    }
}

fn unrecorded(cause: NotDurable) -> Refusal {
    let reason = match cause {
        NotDurable::Full => "ledger-full",
        NotDurable::Disk => "ledger-disk",
        NotDurable::Closed => "ledger-closed",
        NotDurable::Space => {
            return Refusal::new(
                SPACE,
                503,
                "There is no room to record the request. Try again later.",
                Reason("disk-nearly-full"),
            )
            .retry_after(30);
        }
    };
    Refusal::new(
        DURABLE,
        503,
        "The request cannot be recorded now. Try again shortly.",
        Reason(reason),
    )
    .retry_after(1)
}

impl Exchange {
    /// The event of this request, with what every event of it says.
    fn event(&self, kind: Kind) -> Event {
        let mut event = Event::new(self.books.clock.now(), kind);
        event.request = Some(self.id);
        event.route = self
            .route
            .and_then(|index| self.site.ledger_route(index))
            .map(RouteIndex);
        event.principal = self.principal;
        event.client = Some(self.client);
        event.observed = self.observed.map(|it| (it.control, it.reason));
        event
    }

    /// The kind of event this request ends in, which nobody else will record.
    fn take_end(&mut self) -> Kind {
        let end = self.ends.take().unwrap_or(Kind::REQUEST);
        if end == Kind::WEBSOCKET_CLOSE {
            self.books.counters.lower(Metric::WebSocketsOpen);
        }
        end
    }

    /// Whether one event of this request has a place: its own, or one that nobody has reserved. A
    /// request that is answered before it reserved any must not take the place of one under way.
    fn has_room(&self) -> bool {
        self.reserved || self.books.has_room()
    }

    /// Microseconds since it began.
    fn spent(&self) -> u64 {
        let spent = self.books.clock.monotonic().saturating_sub(self.began);
        u64::try_from(spent.as_micros()).unwrap_or(u64::MAX)
    }
}
