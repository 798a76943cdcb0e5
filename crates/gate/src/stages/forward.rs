//! Forward: what the app receives.
//!
//! Owns [`Admitted`], the proof that every stage was passed, and the head that goes upstream: the
//! client's fields less everything that speaks of identity, forwarding or one connection, then
//! ours. Refuses to write a head without that proof: [`write_head`] takes it by value, and only the
//! stages make one.

use std::net::SocketAddr;

use wire::{BodyFraming, Request};

use super::exchange::{Exchange, OwnAnswer};
use crate::{
    core::Core,
    site::{app::Upstream, limits::RouteLimits, route::OpenPass},
    tickets::Redeemed,
};

/// Proof that a request passed every stage. Cannot be copied, and is used up by [`write_head`].
#[derive(Debug)]
pub struct Admitted {
    pub(super) exchange: Exchange,
    pub(super) proof: Proof,
    pub(super) echo: Option<Redeemed>,
    pub(super) claim: Option<hooks::Claim>,
}

/// What proves it.
#[derive(Debug)]
pub(super) enum Proof {
    /// The route's own statement that it is open.
    Open(OpenPass),
    /// The provider's signature over this very delivery.
    Signed(hooks::Verified<hooks::Signature>),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// To its app.
    App(&'a Upstream),
    /// To the gate's own echo, because a ticket says so.
    Echo(SocketAddr),
}

/// A request on its way: everything its answer and its record need.
#[derive(Debug)]
pub struct Forwarding {
    pub(super) exchange: Exchange,
    pub(super) echo: Option<SocketAddr>,
    pub(super) claim: Option<hooks::Claim>,
}

impl Forwarding {
    /// Where it goes.
    #[must_use]
    pub fn destination(&self) -> Destination<'_> {
        todo!()
    }

    /// The sizes and times that hold for it.
    #[must_use]
    pub fn limits(&self) -> &RouteLimits {
        todo!()
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Ends it with a refusal, because the upstream or the client's body failed and no byte of an
    /// answer was sent. The claim of a webhook delivery is released.
    #[must_use]
    pub fn fail(self, core: &Core, refusal: control::Refusal) -> OwnAnswer {
        let _ = core;
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// Appends the head that goes upstream to `out`. `framing` is how the body will be sent; a
/// WebSocket handshake is recognised from the request and its upgrade is passed on.
///
/// # Errors
///
/// An answer to send instead, when the head cannot be written: no echo is running, no assertion can
/// be signed. `out` is as it was.
#[expect(
    clippy::result_large_err,
    reason = "the error is the answer, moved once"
)]
pub fn write_head(
    core: &Core,
    admitted: Admitted,
    request: &Request<'_>,
    framing: BodyFraming,
    out: &mut Vec<u8>,
) -> Result<Forwarding, OwnAnswer> {
    let _ = (core, admitted, request, framing, out);
    todo!()
}
