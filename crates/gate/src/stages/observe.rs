//! Observe: whether what a stage refuses is only noted, because its route is being observed.
//!
//! Owns the one way past a refusal: `LetPass`, which only `instead` makes, for a route whose file says
//! so and whose date has not passed by the gate's own clock, and only for the controls listed here.
//! Refuses it for everything else: what guards the gate itself, such as framing, sizes, room and the ledger;
//! what belongs to a proof; what a dependency that is down leaves open; and what would hand a credential of
//! ours to an app. Whoever is let pass has no identity: see `forward::Proof::Observed`.

use control::{ControlId, Reason, Refusal, Timestamp};
use hooks::refusal::SIGNATURE;
use identity::{
    refusal::{KEY, ROLE, SCOPE, TOKEN},
    session::fault::SESSION,
};
use limits::RATE;

use super::{exchange::Exchange, session::CSRF};
use crate::core::Core;

/// Controls whose refusals an observed route only notes: those that judge who asks, whether they may,
/// how often, and what stands in a body.
pub const OBSERVABLE: &[ControlId] = &[
    KEY,
    TOKEN,
    SESSION,
    CSRF,
    SCOPE,
    ROLE,
    RATE,
    SIGNATURE,
    schema::refusal::BODY,
];

/// Refusals of theirs that stand, because the app would receive a credential of ours.
const KEPT: &[Reason] = &[Reason("key-in-address"), Reason("token-place")];

/// Proof that an observed route lets pass what a stage would have refused.
#[derive(Debug)]
pub(crate) struct LetPass {
    until: Timestamp,
}

impl LetPass {
    /// The moment from which its route enforces.
    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }
}

/// What the first stage that would have refused a request said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) control: ControlId,
    pub(crate) reason: Reason,
    pub(crate) status: u16,
}

/// Lets pass instead of refusing, where the route of the request is observed, and notes the refusal.
///
/// # Errors
/// The refusal, which stands.
#[cold]
pub(super) fn instead(
    core: &Core,
    exchange: &mut Exchange,
    refusal: Refusal,
) -> Result<LetPass, Refusal> {
    let route = exchange.route();
    let observation = route.and_then(|route| route.observation());
    let Some(observation) = observation.filter(|it| it.holds(exchange.at)) else {
        return Err(refusal);
    };
    // 5xx says that something is down, which is no judgement of the request.
    let judged = (400..500).contains(&refusal.status)
        && OBSERVABLE.contains(&refusal.control)
        && !KEPT.contains(&refusal.reason);
    if !judged {
        return Err(refusal);
    }
    let pass = LetPass {
        until: observation.until(),
    };
    let id = route.map_or("", |route| &route.id);
    core.counters.observed(id, refusal.control, refusal.reason);
    exchange.observed.get_or_insert(Observed {
        control: refusal.control,
        reason: refusal.reason,
        status: refusal.status,
    });
    Ok(pass)
}
