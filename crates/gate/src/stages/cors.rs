//! CORS: which pages of other sites may read an answer.
//!
//! Owns the answer to a preflight and the `Access-Control-` fields of every answer. Refuses to reflect:
//! an origin is one of those that the route names, letter by letter, or nothing is said; and whatever an
//! app says in such fields is taken out, because many apps repeat any origin they are sent. Sources: the
//! Fetch standard, section 3.3.

use control::{ControlId, Reason, Refusal};
use wire::{Method, Name, Request, Single};

use super::{exchange::Exchange, framing::Paths};
use crate::site::{Site, router::Found};

/// The control that keeps answers from pages of other sites.
pub const CORS: ControlId = ControlId("gate.cors");

const FOREIGN: Refusal = Refusal::new(
    CORS,
    403,
    "pages of this origin may not use this",
    Reason("origin-not-named"),
);

/// How every field of ours and of an app begins that speaks of other origins.
const BEGINNING: &[u8] = b"access-control-";

/// What a script may read of an answer besides its body.
const EXPOSED: &[u8] =
    b"Access-Control-Expose-Headers: x-request-id, retry-after, ratelimit, ratelimit-policy\r\n";

/// What a browser asks before it lets a page of another site send something.
#[derive(Debug)]
pub(crate) struct Preflight {
    /// The route that would govern it.
    pub(crate) route: usize,
    /// Its place among the origins of the route, if it is one of them.
    origin: Option<usize>,
    /// The method it would use, which the route lists.
    method: Box<str>,
}

/// The preflight that this request is, where the route that it asks about names any origins. Others are
/// judged as any request.
#[cfg_attr(feature = "profile", inline(never))]
pub(super) fn preflight(
    site: &Site,
    host: &[u8],
    paths: &Paths<'_>,
    request: &Request<'_>,
) -> Option<Preflight> {
    if request.method() != Method::Options {
        return None;
    }
    let Single::One(origin) = request.single(Name::Origin) else {
        return None;
    };
    let wanted = |name: &[u8]| name.eq_ignore_ascii_case(b"access-control-request-method");
    let mut methods = request.fields().filter(|field| wanted(field.name()));
    let (method, None) = (methods.next()?, methods.next()) else {
        return None;
    };
    let method = std::str::from_utf8(method.value()).ok()?;
    let found = site.find(host, &paths.plain, paths.folded(), method);
    let Found::Route(route) = found else {
        return None;
    };
    let cors = site.routes().get(route)?.cors.as_ref()?;
    Some(Preflight {
        route,
        origin: cors.find(origin),
        method: method.into(),
    })
}

impl Preflight {
    /// Notes what the browser is told.
    pub(super) fn answer(self, exchange: &mut Exchange) -> Result<(), Refusal> {
        exchange.origin = self.origin;
        if self.origin.is_none() {
            return Err(FOREIGN);
        }
        exchange.allowed = Some(self.method);
        Ok(())
    }
}

/// Notes which of the origins that the route names a request comes from, if any.
#[cfg_attr(feature = "profile", inline(never))]
pub(super) fn note(exchange: &mut Exchange, request: &Request<'_>) {
    let cors = exchange.route().and_then(|route| route.cors.as_ref());
    exchange.origin = match (cors, request.single(Name::Origin)) {
        (Some(cors), Single::One(origin)) => cors.find(origin),
        _ => None,
    };
}

/// Whether a field of an app's answer speaks of other origins.
pub(super) fn speaks_of_origins(name: &[u8]) -> bool {
    name.get(..BEGINNING.len())
        .is_some_and(|begins| begins.eq_ignore_ascii_case(BEGINNING))
}

/// Appends what a browser is told of other origins: nothing, unless the route names some.
pub(super) fn write(exchange: &Exchange, out: &mut Vec<u8>) {
    let Some(cors) = exchange.route().and_then(|route| route.cors.as_ref()) else {
        return;
    };
    // Whatever is kept of this answer is for this origin alone.
    out.extend_from_slice(b"Vary: Origin\r\n");
    if let Some(origin) = exchange.origin.and_then(|place| cors.origin(place)) {
        out.extend_from_slice(b"Access-Control-Allow-Origin: ");
        out.extend_from_slice(origin.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(EXPOSED);
    }
}

/// Appends what a preflight is told besides.
pub(super) fn write_preflight(exchange: &Exchange, out: &mut Vec<u8>) {
    let cors = exchange.route().and_then(|route| route.cors.as_ref());
    if let (Some(cors), Some(method)) = (cors, &exchange.allowed) {
        out.extend_from_slice(b"Access-Control-Allow-Methods: ");
        out.extend_from_slice(method.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(cors.allowed());
    }
}
