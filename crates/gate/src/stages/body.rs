//! Body: how much of it there may be, and whether somebody must see it whole first.
//!
//! Owns the size limits as they are known from the head, and the refusals of bodies that grow
//! beyond them or come too slowly; the engine counts as bytes arrive. Refuses a declared length
//! beyond the limit before a byte of it is read.

use control::{ControlId, Reason, Refusal};
use wire::{BodyFraming, Request};

use super::{
    confine::Confined,
    content::{self, Unread},
    framing::TIME,
};
use crate::{
    site::route::{Guard, Route},
    tickets,
};

/// The control that refuses bodies.
pub const BODY: ControlId = ControlId("gate.body");

/// The body is longer than allowed.
pub const TOO_LARGE: Refusal = Refusal::new(
    BODY,
    413,
    "the body is longer than is accepted here",
    Reason("body-too-large"),
)
.closing();

/// The body comes more slowly than allowed.
pub const TOO_SLOW: Refusal = Refusal::new(
    TIME,
    408,
    "the body did not arrive in time",
    Reason("body-too-slow"),
)
.closing();

/// The body ended before it was whole.
pub const CUT_SHORT: Refusal = Refusal::new(
    BODY,
    400,
    "the body ended before it was whole",
    Reason("body-cut-short"),
)
.closing();

/// What is to be done with a body.
#[derive(Debug)]
pub(crate) enum Plan {
    /// It streams, unread, and the engine counts.
    Stream(Unread),
    /// It is held until it is whole, up to this many bytes.
    Hold(u64),
    /// It is an upload: judged as it comes, and kept on disk until it is whole.
    Upload(super::upload::Planned),
}

/// Judges the body by its declared length, of a request whose parameters were judged: whatever goes on to
/// an app has a plan.
#[cfg_attr(feature = "profile", inline(never))]
pub(super) fn plan(
    route: &Route,
    request: &Request<'_>,
    ticketed: bool,
    _confined: &Confined,
) -> Result<Plan, Refusal> {
    let held = ticketed || matches!(route.guard, Guard::Webhook(_));
    let unread = content::unread(route, request);
    let mut cap = route.limits.body;
    if ticketed {
        cap = cap.min(tickets::BODY_CAP);
    }
    if let (None, Some(accepts)) = (&unread, &route.accepts) {
        cap = cap.min(accepts.largest);
    }
    match (request.framing(), unread) {
        (BodyFraming::Length(length), _) if length > cap => Err(TOO_LARGE),
        (_, Some(unread)) if !held => Ok(Plan::Stream(unread)),
        _ => Ok(Plan::Hold(cap)),
    }
}
