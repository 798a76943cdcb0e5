//! The ordered list of stages: the table of contents of the product.
//!
//! Owns the order in which a request is judged, and nothing else: each stage is a module of its own
//! with typed input and output, its own refusal and its own metric. Refuses to forward anything
//! that did not pass every stage; the only way to a [`forward::write_head`] is an [`Admitted`],
//! which no other code can make. Trusts `wire` for the framing of what it is handed.
//!
//! The engine drives a request through four calls:
//!
//! 1. [`admit_head`], without awaiting: most requests end here, with an [`Admitted`] or an answer
//!    of our own;
//! 2. [`admit_body`], when a stage must see the whole body (webhook, ticket), with the bytes;
//!    or [`admit_recorded`], when the decision must be on disk first;
//! 3. [`forward::write_head`], which takes the [`Admitted`] and gives a [`Forwarding`];
//! 4. [`response::write_head`] for the app's answer, and [`record::finish`] at the end.
//!
//! An [`OwnAnswer`] from any of them is written with [`response::write_own`] and ended with
//! [`record::finish_own`].

pub mod authenticate;
pub mod authorise;
pub mod body;
pub mod client;
pub mod exchange;
pub mod forward;
pub mod framing;
pub mod host;
pub mod own;
pub mod record;
pub mod response;
pub mod route;
pub mod ticket;
pub mod webhook;

use std::net::SocketAddr;

use control::Refusal;
use wire::Request;

pub use self::{
    exchange::{Exchange, OwnAnswer},
    forward::{Admitted, Destination, Forwarding},
};
use crate::core::{Core, CurrentSite};

/// The connection a request came in on.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Address of the other end.
    pub address: SocketAddr,
    /// Whether the connection speaks TLS.
    pub tls: bool,
}

/// What became of a request's head.
#[derive(Debug)]
pub enum HeadDecision {
    /// It goes no further: a refusal or an answer of our own.
    Answer(OwnAnswer),
    /// It may go upstream now; its body streams.
    Forward(Admitted),
    /// A stage must see the whole body: read up to [`AwaitingBody::cap`] bytes, then
    /// [`admit_body`].
    Body(AwaitingBody),
    /// The decision must be on disk first: [`admit_recorded`].
    Record(AwaitingRecord),
}

/// A request whose body must be whole before it is judged.
#[derive(Debug)]
pub struct AwaitingBody {
    pub(crate) passed: authorise::Passed,
    pub(crate) cap: u64,
}

impl AwaitingBody {
    /// Most bytes to hold; one more is 413, see [`AwaitingBody::too_large`].
    #[must_use]
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// Ends the request because its body does not come as it should: too large, too slow, broken.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.passed.exchange, refusal)
    }

    /// Ends the request because its body is longer than [`AwaitingBody::cap`].
    #[must_use]
    pub fn too_large(self) -> OwnAnswer {
        self.refuse(body::TOO_LARGE)
    }
}

/// A request that passed every stage and waits for its decision to be on disk.
#[derive(Debug)]
pub struct AwaitingRecord {
    pub(crate) passed: authorise::Passed,
}

/// Judges a request by its head. Never awaits.
#[must_use]
pub fn admit_head(
    core: &Core,
    site: &CurrentSite,
    peer: &Peer,
    request: &Request<'_>,
) -> HeadDecision {
    let _ = (core, site, peer, request);
    todo!()
}

/// Judges a request by its whole body.
///
/// # Errors
///
/// The answer to send instead.
pub async fn admit_body(
    core: &Core,
    awaiting: AwaitingBody,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Admitted, OwnAnswer> {
    let _ = (core, awaiting, request, body);
    todo!()
}

/// Admits a request once its decision is on disk.
///
/// # Errors
///
/// The answer to send instead: 503, when it cannot be.
pub async fn admit_recorded(core: &Core, awaiting: AwaitingRecord) -> Result<Admitted, OwnAnswer> {
    let _ = (core, awaiting);
    todo!()
}
