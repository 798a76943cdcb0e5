//! What the engine itself turns away, and what it says of an upstream that fails.
//!
//! Owns the refusals of upstreams that fail and of `gate.overload`, and how each fault of an exchange
//! reads to the client and to the ledger.

use control::{ControlId, Reason, Refusal};
use wire::{BodyFault, ExchangeFault};

use crate::stages::{
    body::{CUT_SHORT, TOO_LARGE, TOO_SLOW},
    forward::UPSTREAM,
};

/// The control that refuses what there is no room for.
pub const OVERLOAD: ControlId = ControlId("gate.overload");

/// No connection to the upstream could be made.
pub(super) const UNREACHABLE: Refusal = Refusal::new(
    UPSTREAM,
    503,
    "the application cannot be reached just now",
    Reason("upstream-unreachable"),
)
.retry_after(5);

/// The upstream's name stands for no address, as far as can be found out.
pub(super) const UNRESOLVED: Refusal = Refusal::new(
    UPSTREAM,
    503,
    "the application cannot be reached just now",
    Reason("upstream-unresolved"),
)
.retry_after(5);

/// The upstream did not answer in time.
pub(super) const SILENT: Refusal = Refusal::new(
    UPSTREAM,
    503,
    "the application did not answer in time",
    Reason("upstream-silent"),
)
.retry_after(5);

/// The upstream closed the connection instead of answering.
pub(super) const CLOSED: Refusal = Refusal::new(
    UPSTREAM,
    502,
    "the application closed the connection without an answer",
    Reason("upstream-closed"),
);

/// The upstream's answer broke off or broke its framing after it had begun.
pub(super) const BROKEN: Refusal = Refusal::new(
    UPSTREAM,
    502,
    "the application's answer broke off",
    Reason("answer-broken"),
)
.closing();

/// The upstream sent more than its answer.
pub(super) const SURPLUS: Refusal = Refusal::new(
    UPSTREAM,
    502,
    "the application gave an answer that cannot be passed on",
    Reason("answer-surplus"),
);

/// The upstream switched protocols without having read this client's key.
pub(super) const NOT_ACCEPTED: Refusal = Refusal::new(
    UPSTREAM,
    502,
    "the application gave an answer that cannot be passed on",
    Reason("websocket-not-accepted"),
);

/// Code of ours fell over while it served a request or a connection, which is a defect and ends both.
pub(crate) const DEFECT: Refusal = Refusal::new(
    ControlId("gate.defect"),
    500,
    "the gate failed",
    Reason("panic"),
)
.closing();

/// The client left before its answer was whole.
pub(super) const CLIENT_LEFT: Refusal = Refusal::new(
    ControlId("gate.time"),
    408,
    "the answer was not taken in time",
    Reason("client-left"),
)
.closing();

/// A file was cut, or could not be read, while it was sent.
pub(super) const FILE_CHANGED: Refusal = Refusal::new(
    crate::stages::files::FILES,
    503,
    "the file changed while it was sent",
    Reason("file-changed"),
)
.closing();

/// The gate stopped before the exchange had come to its end.
pub(crate) const CUT_OFF: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "the gate is stopping",
    Reason("gate-stopped"),
)
.closing();

/// Bytes behind a WebSocket handshake, before it was answered: another reader could take them for
/// a request.
pub(super) const BEFORE_SWITCH: Refusal = Refusal::new(
    wire::refusal::FRAMING,
    400,
    "nothing may follow a WebSocket handshake before its answer",
    Reason("bytes-before-switch"),
)
.closing();

/// An HTTP/2 client that broke off streams, or sent frames that carry nothing, beyond what one may.
pub(super) const TOO_MANY_FRAMES: Refusal = Refusal::new(
    OVERLOAD,
    429,
    "too many frames or broken streams",
    Reason("http2-flood"),
)
.closing();

/// Frames or fields that are no HTTP/2, or a request that HTTP/1.1 has no equal of.
pub(super) const BROKEN_FRAMES: Refusal = Refusal::new(
    wire::refusal::FRAMING,
    400,
    "the request is not HTTP/2 as it must be",
    Reason("http2-malformed"),
)
.closing();

/// Every connection there is room for is taken.
pub(super) const NO_CONNECTIONS: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many connections; try again shortly",
    Reason("connections-exhausted"),
)
.retry_after(1)
.closing();

/// One client address holds as many connections as one may.
pub(super) const TOO_MANY_OF_ADDRESS: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many connections from this address; close some and try again",
    Reason("connections-of-address"),
)
.retry_after(1)
.closing();

/// One client behind a trusted proxy has as many requests under way as one may.
pub(crate) const TOO_MANY_OF_CLIENT: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many requests at once from this address; wait for some to end and try again",
    Reason("requests-of-address"),
)
.retry_after(1);

/// The process or the machine has no descriptor left for a socket.
pub(super) const NO_DESCRIPTORS: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many connections; try again shortly",
    Reason("descriptors-exhausted"),
)
.retry_after(1)
.closing();

/// The same, met on the way to the app: the client's connection may stay.
pub(super) const NO_DESCRIPTORS_HERE: Refusal = Refusal {
    close: false,
    ..NO_DESCRIPTORS
};

/// The app has as much to do as it is given at once, and others wait already.
pub(super) const APP_BUSY: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "the application has too much to do; try again shortly",
    Reason("app-busy"),
)
.retry_after(1);

/// As many connections to the app are in use as may be.
pub(super) const APP_CONNECTIONS: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "the application has too much to do; try again shortly",
    Reason("app-connections"),
)
.retry_after(1);

/// All apps together have as much to do as the gate gives them at once.
pub(super) const ALL_BUSY: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many requests at once; try again shortly",
    Reason("requests-exhausted"),
)
.retry_after(1);

/// The key was revoked, or ended, while its request was under way.
pub(super) const KEY_GONE: Refusal = Refusal::new(
    identity::refusal::KEY,
    401,
    "the key is no longer valid",
    Reason("revoked-meanwhile"),
)
.closing();

/// The route was changed while an answer without an end was under way.
pub(super) const ROUTE_CHANGED: Refusal = Refusal::new(
    crate::stages::route::ROUTE,
    404,
    "nothing is served here any longer",
    Reason("route-changed"),
)
.closing();

/// The memory for bodies that must be seen whole is taken.
pub(super) const NO_MEMORY: Refusal = Refusal::new(
    OVERLOAD,
    503,
    "too many large requests at once; try again shortly",
    Reason("body-memory-exhausted"),
)
.retry_after(1)
.closing();

/// The refusal of a client's body.
pub(super) const fn of_body(fault: &BodyFault) -> Refusal {
    match fault {
        BodyFault::Framing(refusal) => refusal.to_refusal(),
        BodyFault::TooLarge => TOO_LARGE,
        BodyFault::Truncated | BodyFault::Source(_) | BodyFault::Sink(_) => CUT_SHORT,
    }
}

/// The refusal of an exchange that failed before its answer began.
pub(super) const fn before_answer(fault: &ExchangeFault) -> Refusal {
    match fault {
        ExchangeFault::Request(fault) => of_body(fault),
        ExchangeFault::SlowBody => TOO_SLOW,
        ExchangeFault::UpstreamClosed(_) | ExchangeFault::Answer(_) => CLOSED,
        ExchangeFault::UpstreamSilent => SILENT,
        ExchangeFault::ClientGone => CLIENT_LEFT,
        ExchangeFault::Revoked => KEY_GONE,
    }
}

/// The refusal that the record of an exchange carries when its answer had begun.
pub(super) const fn within_answer(fault: &ExchangeFault) -> Refusal {
    match fault {
        ExchangeFault::UpstreamClosed(_)
        | ExchangeFault::UpstreamSilent
        | ExchangeFault::Answer(_) => BROKEN,
        other => before_answer(other),
    }
}
