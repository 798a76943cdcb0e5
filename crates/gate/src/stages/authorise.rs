//! Authorise: whether who asks may do what is asked, here.
//!
//! Owns the step from a verified caller to one who passed: scope of the key, roles of the route.
//! Refuses everything a key does not name. What comes out is the only thing later stages accept.

use super::exchange::Exchange;
use crate::{site::route::OpenPass, tickets::Claimed};

/// A request that passed every stage its head alone decides.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) exchange: Exchange,
    pub(crate) pass: Pass,
    pub(crate) ticket: Option<Claimed>,
}

/// Why it may pass.
#[derive(Debug)]
pub(crate) enum Pass {
    /// The route asks for no credential, for a stated reason.
    Open(OpenPass),
    /// A signature must still be verified over the body: not a proof of anything yet.
    Unsigned,
}
