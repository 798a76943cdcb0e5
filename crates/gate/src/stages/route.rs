//! Route: which part of the configuration governs this request.
//!
//! Owns the refusals of a lookup. Refuses what no route governs, what the governing route does not
//! list, and paths that another reader would send to another route. The lookup itself is
//! [`crate::site::router`].

use control::{ControlId, Reason, Refusal};
use wire::{Method, Request};

use super::framing::Paths;
use crate::site::{Site, router::Found};

/// The control that refuses paths without a route.
pub const ROUTE: ControlId = ControlId("gate.route");
/// The control that refuses methods a route does not list.
pub const METHOD: ControlId = ControlId("gate.method");

pub(crate) const NOTHING: Refusal =
    Refusal::new(ROUTE, 404, "nothing is served here", Reason("no-route"));
pub(crate) const NOT_LISTED: Refusal = Refusal::new(
    METHOD,
    405,
    "this method is not served here",
    Reason("method-not-listed"),
);
const AMBIGUOUS: Refusal = Refusal::new(
    wire::refusal::PATH,
    400,
    "the path can be read in two ways; write it plainly",
    Reason("path-ambiguous"),
);

/// The index of the route that governs. `TRACE` is never forwarded: it would show the client what
/// only the app may see.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn find(
    site: &Site,
    host: &[u8],
    paths: &Paths<'_>,
    request: &Request<'_>,
) -> Result<usize, Refusal> {
    if request.method() == Method::Trace {
        return Err(NOT_LISTED);
    }
    match site.find(host, &paths.plain, paths.folded(), request.method_text()) {
        Found::Route(index) => Ok(index),
        Found::MethodNotListed => Err(NOT_LISTED),
        Found::Nothing => Err(NOTHING),
        Found::Ambiguous => Err(AMBIGUOUS),
    }
}
