//! Deliveries in flight and deliveries done.
//!
//! Owns the decision what a genuine delivery may do next: go to the app, wait, or be acknowledged
//! without going anywhere. Refuses to forward when the table cannot be asked. Trusts the digest of
//! a [`Verified<Signature>`] and nothing else.

use std::time::Duration;

use control::{ControlId, Refusal, Timestamp};

use crate::{
    scheme::Ack,
    source::Source,
    verify::{Signature, Verified},
};

/// The control that answers repeats.
pub const REPLAY: ControlId = ControlId("hooks.replay");

/// Where the replay rows are kept.
pub trait Table: Send + Sync {}

/// The replay rules over one table.
pub struct Replay {}

/// A delivery that goes to the app now; settle it with the app's answer.
#[derive(Debug)]
#[must_use = "a claim that is not settled holds repeats back until its lease ends"]
pub struct Claim {}

/// What a genuine delivery may do next.
#[derive(Debug)]
pub enum Admission {
    /// Go to the app, with this claim.
    Forward(Claim),
    /// It was done before: acknowledge, do not forward, record `webhook.duplicate`.
    Duplicate(&'static Ack),
    /// It is in flight, or the table cannot be asked: 503 with `Retry-After`.
    Refused(Refusal),
}

impl Replay {
    /// Admits a genuine delivery. Blocking: call it on the service runtime, never on a gate core.
    ///
    /// `upstream_timeout` is how long the app may take; the lease outlives it by ten seconds.
    pub fn admit(
        &self,
        _source: &Source,
        _delivery: &Verified<Signature>,
        _upstream_timeout: Duration,
        _now: Timestamp,
    ) -> Admission {
        todo!()
    }

    /// Settles a claim: done on the app's 2xx, released otherwise. Blocking.
    pub fn settle(&self, _claim: Claim, _status: Option<u16>, _now: Timestamp) {
        todo!()
    }
}
