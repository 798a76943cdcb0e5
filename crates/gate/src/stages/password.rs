//! Password: a token for a person who has one here, asked for by a program.
//!
//! Owns the form of RFC 6749 section 4.3.2 (`username`, `password`), which programs of people send to the
//! token desk, and the session that the token stands for: it is begun for the token alone and lasts as
//! long. Everything that slows guessing at the sign-in page does so here, and counts together with it.
//! Served only where `[tokens] passwords = true` says so. Refuses what another site makes a browser send.

use control::{Reason, Refusal, Secret};
use identity::{account::person, lockout::Origin, refusal::ISSUE};
use ledger::Kind;
use serde_json::json;
use wire::{Name, Request};

use super::{
    exchange::Exchange,
    own::Document,
    record, route, session,
    sign_in::{self, Entry, Fields},
};
use crate::{core::Core, request_id};

const NOT_READ: Refusal = Refusal::new(
    ISSUE,
    400,
    "Send username and password as a form: application/x-www-form-urlencoded.",
    Reason("form-unreadable"),
);

/// Whether the head asks for a token with a password: it sends a form and shows no key.
pub(super) fn is_meant(exchange: &Exchange, request: &Request<'_>) -> bool {
    exchange.site.desks().takes_passwords()
        && sign_in::is_form(request)
        && request.values(Name::Authorization).next().is_none()
        && request.values(Name::XApiKey).next().is_none()
}

/// Judges such a request by its head.
pub(super) fn judge(
    exchange: &mut Exchange,
    ticketed: bool,
    request: &Request<'_>,
) -> Result<Origin, Refusal> {
    // No browser's page asks for tokens; whatever is none says nothing of where it comes from.
    if request.value(Name::Origin).is_some() || request.value(Name::SecFetchSite).is_some() {
        session::same_site(exchange.site.deployment(), request)?;
    }
    record::reserve(exchange)?;
    Ok(if ticketed {
        Origin::Proof
    } else {
        Origin::Client(exchange.client)
    })
}

/// A token for whoever name and password are of.
pub(super) async fn token(
    core: &Core,
    exchange: &mut Exchange,
    origin: Origin,
    body: &[u8],
) -> Result<Document, Refusal> {
    let site = exchange.site.clone();
    let terms = site.desks().tokens().ok_or(route::NOTHING)?;
    let entry = Entry::of(core, origin).ok_or(route::NOTHING)?;
    let text = std::str::from_utf8(body).map_err(|_| NOT_READ)?;
    let fields = Fields::read(text).ok_or(NOT_READ)?;
    if !matches!(fields.text("grant_type"), "" | "password") {
        return Err(NOT_READ);
    }
    let checked = entry.check(core, exchange, fields, ("username", "password"));
    let signed_in = checked.await?;
    let whose = person(&signed_in.name);
    record::decide(exchange, Kind::TOKEN_ISSUED).await?;
    let begun = entry.begin(core, signed_in, (terms.life(), terms.life()), None);
    let begun = begun.await?;
    let id = request_id::hex(&exchange.id);
    let id = String::from_utf8_lossy(&id);
    let tokens = &core.gate.tokens;
    let issued = tokens.issue_for_session(&begun, &whose, terms, &id, exchange.at);
    Ok(handed(&issued))
}

/// The answer with a token.
pub(super) fn handed(issued: &identity::token::Issued) -> Document {
    let body = json!({
        "access_token": String::from_utf8_lossy(issued.token.expose()),
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
    });
    Document::Handed(Secret::new(body.to_string().into_bytes()))
}
