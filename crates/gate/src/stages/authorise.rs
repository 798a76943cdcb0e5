//! Authorise: whether who asks may do what is asked, here.
//!
//! Owns the step from a caller to a proof: the scope of a key over method and path, the roles of the
//! route, the table of roles, what may be seen of the answer. Refuses everything a credential does not name. A signature proves nothing yet; it passes on
//! as unsigned, from which no request can be admitted.

use control::Refusal;
use wire::Request;

use super::{authenticate::Caller, exchange::Exchange, forward::Proof, rows};
use crate::{
    site::{
        Site,
        route::{Guard, Route},
    },
    tickets::Claimed,
};

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
    /// Proven by the head.
    Proven(Proof),
    /// A signature must still be verified over the body.
    Unsigned,
}

/// Judges what the caller asks for. `path` is the canonical path.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn judge(
    caller: Caller,
    site: &Site,
    route: &Route,
    request: &Request<'_>,
    path: &str,
) -> Result<Pass, Refusal> {
    match caller {
        Caller::Open(pass) => Ok(Pass::Proven(Proof::Open(pass))),
        Caller::Unsigned => Ok(Pass::Unsigned),
        Caller::Observed(pass) => Ok(Pass::Proven(Proof::observed(pass))),
        // Nobody is let in before the store has been asked.
        Caller::Unproven(_) => Err(identity::SessionRefusal::Away.into()),
        Caller::Known(verified) => {
            let roles = match &route.guard {
                Guard::Credential { roles, .. } => roles.as_slice(),
                Guard::Open(_) | Guard::Webhook(_) => &[],
            };
            let method = request.method_text();
            let authorised = verified.authorise(method, path, roles, site.roles())?;
            let sight = rows::judge(&authorised, route, request)?;
            Ok(Pass::Proven(Proof::Known(authorised, sight)))
        }
    }
}
