//! Record: what the ledger is told.
//!
//! Owns the one event of every request (two where decisions are durable), the note that a key was
//! accepted, and the count of what was refused. Refuses to let a request begin while the ledger
//! cannot take its event. Unauthenticated refusals go into a ring of their own, so that a flood of
//! them never makes that happen.

use std::{cell::Cell, collections::HashMap, net::IpAddr, rc::Rc, time::Duration};

use control::{ControlId, Reason, Refusal, Timestamp};
use identity::refusal::KEY;
use ledger::{Event, Kind, NotDurable, PrincipalId, RouteIndex};
use tokio::time::timeout;

use super::{
    exchange::{Content, Exchange, OwnAnswer},
    forward::Forwarding,
};
use crate::{core::Core, metrics::Metric, serve::refusals::OVERLOAD};

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

/// Most events one request ends in: acceptance of its key, decision, opening and end.
const EVENTS: u64 = 4;

/// A place in the ledger's ring for every event of one request, given back when the request is
/// over, however it ends.
#[derive(Debug)]
pub(crate) struct Reserved(Rc<Cell<u64>>);

impl Drop for Reserved {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(EVENTS));
    }
}

/// Reserves room for the events of one more request, or refuses to begin it.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn reserve(core: &Core) -> Result<Reserved, Refusal> {
    let wanted = core.reserved.get().saturating_add(EVENTS);
    core.recorder.ready(wanted).map_err(|cause| {
        core.counters.add(Metric::LedgerRefusals, 1);
        unrecorded(cause)
    })?;
    core.reserved.set(wanted);
    Ok(Reserved(Rc::clone(&core.reserved)))
}

/// Puts the decision on disk.
pub(crate) async fn decide(core: &Core, exchange: &mut Exchange) -> Result<(), Refusal> {
    let event = exchange.event(core, Kind::DECISION);
    let recorded = timeout(DISK_PATIENCE, core.recorder.record_durable(event)).await;
    if recorded.is_err() {
        // The event is on its way all the same, so the end of this request is its outcome.
        exchange.decided = true;
        core.counters.add(Metric::LedgerRefusals, 1);
        return Err(TOO_SLOW);
    }
    match recorded.unwrap_or(Err(NotDurable::Full)) {
        Ok(()) => {
            exchange.decided = true;
            Ok(())
        }
        Err(cause) => {
            core.counters.add(Metric::LedgerRefusals, 1);
            Err(unrecorded(cause))
        }
    }
}

/// Records the end of a forwarded request. A webhook delivery that was not settled is released.
#[cfg_attr(feature = "profile", inline(never))]
pub fn finish(core: &Core, mut forwarding: Forwarding, outcome: &Outcome) {
    forwarding.release(core);
    end(core, &forwarding, outcome);
}

/// Records the end of a forwarded request that was cut off. A webhook delivery may be with the app
/// at this moment: its lease holds repeats back until the app must be through with it.
pub fn cut_off(core: &Core, forwarding: Forwarding, outcome: &Outcome) {
    end(core, &forwarding, outcome);
}

fn end(core: &Core, forwarding: &Forwarding, outcome: &Outcome) {
    let exchange = &forwarding.exchange;
    let kind = match (forwarding.websocket, exchange.decided) {
        (true, _) => Kind::WEBSOCKET_CLOSE,
        (false, true) => Kind::OUTCOME,
        (false, false) => Kind::REQUEST,
    };
    let mut event = exchange.event(core, kind);
    if let Some(refusal) = &outcome.broken {
        event = event.refused(refusal);
        core.counters.refused(refusal.control);
    }
    event.status = outcome.status;
    event.received = Some(outcome.received);
    event.sent = Some(outcome.sent);
    let spent = spent(core, exchange);
    event.micros = Some(spent);
    put(core, event);
    count(core, spent, outcome.received, outcome.sent);
    if forwarding.websocket {
        core.counters.lower(Metric::WebSocketsOpen);
    }
}

/// Records an answer of our own, once it is written. `received` is how many body bytes were read.
pub fn finish_own(core: &Core, answer: OwnAnswer, received: u64) {
    let OwnAnswer { exchange, content } = answer;
    let kind = match &content {
        Content::Duplicate(_) => Kind::WEBHOOK_DUPLICATE,
        Content::Refusal(refusal) if refusal.control == KEY => Kind::AUTHENTICATION_FAILED,
        Content::Refusal(_) | Content::Document(_) if exchange.decided => Kind::OUTCOME,
        Content::Refusal(_) | Content::Document(_) => Kind::REQUEST,
    };
    let mut event = exchange.event(core, kind);
    event.received = Some(received);
    let spent = spent(core, &exchange);
    event.micros = Some(spent);
    count(core, spent, received, 0);
    match content {
        Content::Refusal(refusal) => {
            core.counters.refused(refusal.control);
            event = event.refused(&refusal);
            // What is refused for lack of room comes in floods, whoever asks: it is counted, unless
            // a decision waits for its outcome.
            let flood = [DURABLE, SPACE, OVERLOAD].contains(&refusal.control);
            let known = (exchange.principal.is_some() && !flood) || exchange.decided;
            if known && has_room(core, &exchange) {
                put(core, event);
            } else {
                core.recorder.record_refusal(event);
            }
        }
        Content::Document(_) => {
            core.counters.add(Metric::Answered, 1);
            event.status = Some(200);
            if has_room(core, &exchange) {
                put(core, event);
            } else {
                core.counters.add(Metric::LedgerRefusals, 1);
            }
        }
        Content::Duplicate(ack) => {
            core.counters.add(Metric::Answered, 1);
            event.status = Some(ack.status);
            put(core, event);
        }
    }
}

/// Records that a WebSocket opened; its close is the [`finish`] of its request.
pub fn websocket_opened(core: &Core, forwarding: &mut Forwarding) {
    forwarding.websocket = true;
    core.counters.add(Metric::WebSocketsOpen, 1);
    let mut event = forwarding.exchange.event(core, Kind::WEBSOCKET_OPEN);
    event.status = Some(101);
    put(core, event);
}

/// How often the acceptance of one key from one client is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Most pairs of key and client remembered.
const NOTED_CAPACITY: usize = 1024;

/// The acceptances of keys one core has noted lately.
#[derive(Default)]
pub(crate) struct Acceptances(HashMap<(PrincipalId, IpAddr), Timestamp>);

impl Acceptances {
    fn is_news(&mut self, who: PrincipalId, from: IpAddr, now: Timestamp) -> bool {
        if let Some(noted) = self.0.get(&(who, from))
            && *noted <= now
            && now.since(*noted) < NOTED_EVERY
        {
            return false;
        }
        if self.0.len() >= NOTED_CAPACITY {
            self.0.retain(|_, noted| now.since(*noted) < NOTED_EVERY);
        }
        if self.0.len() >= NOTED_CAPACITY {
            self.0.clear();
        }
        self.0.insert((who, from), now);
        true
    }
}

/// Notes that a key was accepted. Each request names its key anyway; this event says when it was
/// first seen from where, and again every minute.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn authenticated(core: &Core, exchange: &Exchange, who: PrincipalId) {
    let news = core
        .acceptances
        .borrow_mut()
        .is_news(who, exchange.client, exchange.at);
    if news && has_room(core, exchange) {
        let event = exchange.event(core, Kind::AUTHENTICATED);
        put(core, event);
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

/// Whether one event of this request has a place: its own, or one that nobody has reserved. A
/// request that is answered before it reserved any must not take the place of one under way.
fn has_room(core: &Core, exchange: &Exchange) -> bool {
    exchange.reserved.is_some()
        || core
            .recorder
            .ready(core.reserved.get().saturating_add(1))
            .is_ok()
}

fn put(core: &Core, event: Event) {
    if core.recorder.record(event).is_err() {
        core.counters.add(Metric::LedgerRefusals, 1);
    }
}

fn spent(core: &Core, exchange: &Exchange) -> u64 {
    let spent = core.gate.clock.monotonic().saturating_sub(exchange.began);
    u64::try_from(spent.as_micros()).unwrap_or(u64::MAX)
}

fn count(core: &Core, spent: u64, received: u64, sent: u64) {
    core.counters.add(Metric::BytesReceived, received);
    core.counters.add(Metric::BytesSent, sent);
    core.counters.add(Metric::MicrosecondsServing, spent);
}

impl Exchange {
    /// The event of this request, with what every event of it says.
    fn event(&self, core: &Core, kind: Kind) -> Event {
        let mut event = Event::new(core.gate.clock.now(), kind);
        event.request = Some(self.id);
        event.route = self
            .route
            .and_then(|index| self.site.ledger_route(index))
            .map(RouteIndex);
        event.principal = self.principal;
        event.client = Some(self.client);
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptance_is_news_once_a_minute_for_each_key_and_client() {
        let mut noted = Acceptances::default();
        let (one, two) = (
            PrincipalId::new("one").unwrap(),
            PrincipalId::new("two").unwrap(),
        );
        let (here, there) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let at = Timestamp::from_seconds;
        assert!(noted.is_news(one, here, at(0)));
        assert!(!noted.is_news(one, here, at(59)));
        assert!(noted.is_news(one, there, at(59)));
        assert!(noted.is_news(two, here, at(59)));
        assert!(noted.is_news(one, here, at(60)));
    }

    #[test]
    fn the_memory_of_acceptances_is_bounded() {
        let mut noted = Acceptances::default();
        let who = PrincipalId::new("one").unwrap();
        for client in 0..=u32::try_from(NOTED_CAPACITY).unwrap() {
            let client = IpAddr::from(std::net::Ipv4Addr::from_bits(client));
            noted.is_news(who, client, Timestamp::from_seconds(0));
        }
        assert!(noted.0.len() <= NOTED_CAPACITY);
    }
}
