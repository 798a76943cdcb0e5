//! Redirect: a listener that does nothing but send people to HTTPS.
//!
//! Owns where they are sent: the same name and path, at the port of the public URL. What only reads is
//! sent on with 308; whatever else comes is refused, because a client that is sent on would send it in
//! the clear again the next time. No body is read: the connection is closed behind the answer.

use control::{ControlId, Reason, Refusal};
use wire::{Method, Request};

use super::{exchange::Exchange, host::Asked};

/// The control that keeps plain HTTP out.
pub const REDIRECT: ControlId = ControlId("gate.redirect");

const MOVED: Refusal = Refusal::new(
    REDIRECT,
    308,
    "this service is served over HTTPS alone",
    Reason("plain-http"),
)
.closing();

const UNSAFE: Refusal = Refusal::new(
    REDIRECT,
    403,
    "this service is served over HTTPS alone: send this there, and change any secret it carried",
    Reason("plain-http-change"),
)
.closing();

/// Turns away what came without TLS.
pub(crate) fn judge(exchange: &mut Exchange, host: &Asked<'_>, request: &Request<'_>) -> Refusal {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return UNSAFE;
    }
    exchange.moved = place(exchange, host, request).map(Into::into);
    MOVED
}

/// The same page over HTTPS.
fn place(exchange: &Exchange, host: &Asked<'_>, request: &Request<'_>) -> Option<String> {
    let name = std::str::from_utf8(host.name).ok()?.to_ascii_lowercase();
    let page = std::str::from_utf8(request.path_and_query()).ok()?;
    let port = match exchange.site.deployment().public_url.port {
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    Some(format!("https://{name}{port}{page}"))
}
