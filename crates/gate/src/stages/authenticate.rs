//! Authenticate: whose credential this is.
//!
//! Owns where a credential may stand and the first step of every guard: an open route lets pass for
//! its stated reason, a key is checked against the snapshot of this moment, a signature waits for
//! the body it covers. Refuses a key in the address on every route, because it cannot be taken out
//! of what the app receives, and a key in a cookie where a key is asked for.

mod carried;
mod guesses;

use std::time::Duration;

use control::{Reason, Refusal, Timestamp};
use hooks::alerts::{Alert, What};
use identity::{
    KeyRefusal, Verified, api_key, credential,
    refusal::KEY,
    token::{Believed, Issuers, Seen, TokenRefusal, Unused},
};
use memchr::memmem;
use tokio::time::timeout;
use wire::{Name, Request};

use self::carried::names_key;
pub(crate) use self::{
    carried::{Credentials, holds_key},
    guesses::Guesses,
};
use super::{
    exchange::Exchange,
    observe::LetPass,
    record::{self, DISK_PATIENCE},
    session,
};
use crate::{
    core::Core,
    room::addresses::network,
    site::route::{Accepts, Guard, OpenPass, Route},
    tickets::TicketRefusal,
};

const IN_ADDRESS: Refusal = Refusal::new(
    KEY,
    401,
    "A key in the address is not accepted: send it as Authorization: Bearer or as X-API-Key, and replace this one.",
    Reason("key-in-address"),
);

const IN_COOKIE: Refusal = Refusal::new(
    KEY,
    401,
    "A key in a cookie is not accepted: send it as Authorization: Bearer or as X-API-Key, and replace this one.",
    Reason("key-in-cookie"),
);

/// What the ledger is told of a good credential from an address that guesses.
const GUESSES: Reason = Reason("address-guesses");

/// Who asks, as far as the head alone can tell.
#[derive(Debug)]
pub(crate) enum Caller {
    /// Anyone: the route says why.
    Open(OpenPass),
    /// Whoever a credential is of.
    Known(Verified),
    /// Somebody of whom only the store knows more.
    Unproven(Unproven),
    /// Whoever signed the body, which is not read yet.
    Unsigned,
    /// Nobody knows: what they showed was not enough, on a route that is observed.
    Observed(LetPass),
}

impl Caller {
    /// Whether they showed a key or a token that is genuine, which stays here.
    pub(super) fn shows_a_key_or_token(&self) -> bool {
        match self {
            Self::Known(verified) => {
                !matches!(verified.principal(), identity::Principal::Session(_))
            }
            Self::Open(_) | Self::Unproven(_) | Self::Unsigned | Self::Observed(_) => false,
        }
    }
}

/// What a request presents that only the store can judge.
#[derive(Debug)]
pub(crate) enum Unproven {
    /// A session that was not confirmed lately.
    Session(identity::session::Unconfirmed),
    /// A token that is good once.
    Token(Unused),
}

/// Asks the store, on the service runtime.
pub(crate) async fn prove(
    core: &Core,
    unproven: Unproven,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    match unproven {
        Unproven::Session(unconfirmed) => {
            let of_token = unconfirmed.is_of_token();
            let confirmed = session::confirm(core, unconfirmed, now).await;
            confirmed.map_err(|refusal| match of_token {
                true => TokenRefusal::from(refusal).into(),
                false => refusal.into(),
            })
        }
        Unproven::Token(unused) => Ok(claim(core, unused, now).await?),
    }
}

/// Claims the one use of a token. Where the store is slow it may be used up although it let nobody pass.
async fn claim(core: &Core, unused: Unused, now: Timestamp) -> Result<Verified, TokenRefusal> {
    let uses = core.gate.uses.clone();
    let asked = core
        .gate
        .service
        .spawn(async move { uses.claim(unused, now).await });
    match timeout(DISK_PATIENCE, asked).await {
        Ok(Ok(claimed)) => claimed,
        Ok(Err(_)) | Err(_) => Err(TokenRefusal::Away),
    }
}

/// Finds out who asks.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn judge(
    core: &Core,
    exchange: &mut Exchange,
    route: &Route,
    request: &Request<'_>,
) -> Result<Caller, Refusal> {
    if names_key(request.path_and_query()) {
        return Err(IN_ADDRESS);
    }
    if exchange.site.desks().tokens().is_some() && names_token(core, request.path_and_query()) {
        return Err(TokenRefusal::Place.into());
    }
    match &route.guard {
        Guard::Open(reason) => Ok(Caller::Open(reason.pass())),
        Guard::Webhook(_) => Ok(Caller::Unsigned),
        Guard::Credential { accepts, .. }
            if accepts.sessions && is_for_session(*accepts, request) =>
        {
            session::look(core, exchange, request)
        }
        Guard::Credential { accepts, .. }
            if accepts.certificates && !presents_another(*accepts, request) =>
        {
            let holders = exchange.site.certificates();
            let verified = holders.authenticate(exchange.certificate.as_ref(), exchange.at)?;
            Ok(Caller::Known(verified))
        }
        Guard::Credential { accepts, .. } => credential(core, exchange, *accepts, request),
    }
}

/// Whether the request presents a key or a token where a certificate would do as well. It is judged by
/// what it presents, and never let pass by a certificate that it did not mean.
fn presents_another(accepts: Accepts, request: &Request<'_>) -> bool {
    (accepts.keys || accepts.tokens)
        && (request.values(Name::Authorization).next().is_some()
            || request.values(Name::XApiKey).next().is_some())
}

/// Whether it is a session that the request presents, on a route that accepts some: what stands in a
/// field for keys and tokens is a key or a token where the route accepts those, and the app's where
/// not.
fn is_for_session(accepts: Accepts, request: &Request<'_>) -> bool {
    let others = accepts.keys || accepts.tokens;
    let bearer = |value: &[u8]| credential::bearer(value).is_some();
    let presents = request.values(Name::Authorization).any(bearer)
        || request.values(Name::XApiKey).next().is_some();
    !(others && presents)
}

/// Whose credential the request presents in the fields that are for them.
pub(crate) fn credential(
    core: &Core,
    exchange: &Exchange,
    accepts: Accepts,
    request: &Request<'_>,
) -> Result<Caller, Refusal> {
    if request.values(Name::Cookie).any(holds_key) {
        return Err(IN_COOKIE);
    }
    let presented = credential::presented(
        request.values(Name::Authorization),
        request.values(Name::XApiKey),
    )?;
    let as_key =
        accepts.keys && (!accepts.tokens || presented.starts_with(api_key::MARK.as_bytes()));
    let judged = if as_key {
        let judged = core.gate.keys.authenticate(presented, exchange.at);
        judged
            .map(Caller::Known)
            .map_err(|refusal| (guessed_key(refusal), refusal.into()))
    } else {
        let judged = token(core, exchange, request, presented);
        judged.map_err(|refusal| (guessed_token(refusal), refusal.into()))
    };
    // Whoever guesses does not learn that a guess was right.
    let wrong: Refusal = if as_key {
        KeyRefusal::Mismatch.into()
    } else {
        TokenRefusal::Signature.into()
    };
    let held = Refusal {
        reason: GUESSES,
        ..wrong
    };
    slowed(core, exchange, request, judged, held)
}

/// The judgement, or `held` where its address has guessed too often to be believed. A proof, which
/// presents much that is nobody's, is known by its ticket, and a proxy is not who guesses behind it.
fn slowed(
    core: &Core,
    exchange: &Exchange,
    request: &Request<'_>,
    judged: Result<Caller, (bool, Refusal)>,
    held: Refusal,
) -> Result<Caller, Refusal> {
    let (from, now) = (exchange.client, exchange.at);
    match judged {
        Ok(caller) if !core.guesses.borrow().hold(from, now) => Ok(caller),
        Ok(_) if request.value(Name::XVouchsafeTicket).is_none() => Err(held),
        Ok(caller) => Ok(caller),
        Err((guess, refusal)) => {
            let counts = guess
                && request.value(Name::XVouchsafeTicket).is_none()
                && !exchange.site.deployment().trusts(from);
            if counts {
                let held = core.guesses.borrow_mut().count(from, now);
                if let Some(held) = held {
                    tell(core, exchange, held);
                }
            }
            Err(refusal)
        }
    }
}

/// Raises an alert: an address has guessed too often. Once for each time that it is held, so hardly ever.
#[cold]
fn tell(core: &Core, exchange: &Exchange, held: Duration) {
    let Some(alerts) = core.gate.alerts.get() else {
        return;
    };
    alerts.raise(Alert {
        what: What::GuessesSlowed,
        at: exchange.at,
        principal: None,
        request: exchange.id.0,
        seconds: held.as_secs(),
        address: Some(network(exchange.client)),
        proof: false,
        count: 1,
    });
}

/// Whether what was presented may have been a guess, and not a key that was good once.
const fn guessed_key(refusal: KeyRefusal) -> bool {
    matches!(
        refusal,
        KeyRefusal::Malformed | KeyRefusal::Unknown | KeyRefusal::Mismatch
    )
}

/// The same of a token.
const fn guessed_token(refusal: TokenRefusal) -> bool {
    matches!(
        refusal,
        TokenRefusal::Form
            | TokenRefusal::Header
            | TokenRefusal::Algorithm
            | TokenRefusal::Key
            | TokenRefusal::Signature
    )
}

/// Whose token it is.
fn token(
    core: &Core,
    exchange: &Exchange,
    request: &Request<'_>,
    presented: &[u8],
) -> Result<Caller, TokenRefusal> {
    if request.values(Name::XApiKey).next().is_some() {
        return Err(TokenRefusal::Place);
    }
    let in_cookie = |cookie: &[u8]| names_token(core, cookie);
    if request.values(Name::Cookie).any(in_cookie) {
        return Err(TokenRefusal::Place);
    }
    let (gate, now) = (&core.gate, exchange.at);
    let issuers = Issuers {
        tokens: &gate.tokens,
        terms: exchange.site.desks().tokens(),
        others: exchange.site.issuers(),
        revoked: &gate.revocations,
        sessions: gate.people.get().map(|people| &people.live),
    };
    let seen = if core.is_current(&exchange.site) {
        let mut believed = core.believed.borrow_mut();
        believed.authenticate(issuers, &gate.keys, presented, now)
    } else {
        // What is remembered was believed under another configuration.
        let mut believed = Believed::default();
        believed.authenticate(issuers, &gate.keys, presented, now)
    };
    Ok(match seen? {
        Seen::Good(verified) => Caller::Known(verified),
        Seen::Unused(unused) => Caller::Unproven(Unproven::Token(unused)),
        Seen::Unconfirmed(asked) => Caller::Unproven(Unproven::Session(asked)),
    })
}

/// Notes who asks. A principal of a proof goes nowhere without a ticket.
pub(crate) fn take_up(
    core: &Core,
    exchange: &mut Exchange,
    verified: &Verified,
    ticketed: bool,
) -> Result<(), Refusal> {
    let principal = verified.principal();
    exchange.principal = ledger::PrincipalId::new(principal.id());
    if let Some(who) = exchange.principal {
        record::authenticated(core, exchange, who);
    }
    if principal.is_probe() && !ticketed {
        return Err(TicketRefusal::Missing.to_refusal());
    }
    Ok(())
}

/// Whether `bytes` hold the beginning of a token of ours.
fn names_token(core: &Core, bytes: &[u8]) -> bool {
    let beginning = core.gate.tokens.beginning().as_bytes();
    bytes.len() > beginning.len() && memmem::find(bytes, beginning).is_some()
}
