//! Framing: what two parsers could read differently never gets as far as policy.
//!
//! Owns the bridge from `wire`, which parses and refuses, to the stages: an answer for a head that
//! never became a request, and the two spellings of the path. Refuses targets that name no path.

use std::borrow::Cow;

use control::{ControlId, Reason, Refusal};
use wire::{Method, Request, TargetForm};

use super::{
    Peer,
    exchange::{Exchange, OwnAnswer},
};
use crate::core::{Core, CurrentSite};

/// The control that refuses slow clients.
pub const TIME: ControlId = ControlId("gate.time");

/// The header did not arrive in time.
pub const HEADER_TOO_SLOW: Refusal = Refusal::new(
    TIME,
    408,
    "the request's header did not arrive in time",
    Reason("header-too-slow"),
)
.closing();

const NO_PATH: Refusal = Refusal::new(
    wire::refusal::PATH,
    400,
    "a request for * is not served here",
    Reason("target-without-path"),
);

/// The answer to bytes that never became a request: broken framing, or a header too slow.
#[must_use]
pub fn refuse(core: &Core, site: &CurrentSite, peer: &Peer, refusal: Refusal) -> OwnAnswer {
    let (exchange, _) = Exchange::begin(core, site, peer, Method::Other);
    OwnAnswer::refused(exchange, refusal.closing())
}

/// A request's path in the spelling of policy and in the most lenient one.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    pub(crate) plain: Cow<'a, str>,
    folded: Option<String>,
}

impl Paths<'_> {
    pub(crate) fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.plain)
    }
}

#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn paths<'a>(request: &Request<'a>) -> Result<Paths<'a>, Refusal> {
    if request.target_form() == TargetForm::Asterisk {
        return Err(NO_PATH);
    }
    let plain = wire::target::canonical(request.path()).map_err(|refusal| refusal.to_refusal())?;
    let folded = match wire::target::folded(&plain) {
        Cow::Borrowed(_) => None,
        Cow::Owned(folded) => Some(folded).filter(|folded| *folded != *plain),
    };
    Ok(Paths { plain, folded })
}
