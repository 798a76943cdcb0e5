//! Desk: what the gate hands out itself.
//!
//! Owns tokens for the holders of keys, and keys for those who may make them; tokens for a password are
//! given here and made next door. Refuses a token to
//! whoever shows a token, because there would be no end to it; a key to whoever has not the role; and
//! anything whose issue is not in the ledger. Nothing here reaches an app. What waits for a disk is
//! awaited on the service runtime.

use std::sync::Arc;

use control::{Reason, Refusal, Secret};
use identity::{
    Authorised, KeysFault, NewKey, Principal, Verified, lockout::Origin, refusal::ISSUE,
    token::TokenRefusal,
};
use ledger::{Kind, Notice};
use serde_json::json;
use tokio::{sync::oneshot, time::timeout};
use wire::Request;

use super::{
    authenticate,
    exchange::{Content, Exchange, OwnAnswer},
    login::{self, Endpoint, Wanted},
    own::Document,
    password,
    record::{self, DISK_PATIENCE},
    route,
    sign_in::{self, Form},
};
use crate::{
    core::Core,
    request_id,
    site::route::Accepts,
    tickets::{Claimed, TicketRefusal},
};

/// Most bytes of a body that are read.
pub const CAP: u64 = 16 * 1024;

const NOT_READ: Refusal = Refusal::new(
    ISSUE,
    400,
    "Send JSON such as {\"name\":\"reports\",\"scopes\":[\"GET /api\"],\"roles\":[\"mentor\"],\"expires\":\"90d\"}.",
    Reason("body-unreadable"),
);

const NOT_A_KEY: Refusal = Refusal::new(
    ISSUE,
    400,
    "A key has a name of 1 to 100 characters, scopes such as GET,POST /api, roles of small letters, and an end such as 90d.",
    Reason("wish-refused"),
);

const BEYOND: Refusal = Refusal::new(
    ISSUE,
    403,
    "Nobody gives a key roles or scopes that they do not have.",
    Reason("beyond-own"),
);

const AWAY: Refusal = Refusal::new(
    ISSUE,
    503,
    "No key can be made right now. Try again shortly.",
    Reason("store-away"),
)
.retry_after(5);

/// Something that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desk {
    /// A token for the holder of a key.
    Token,
    /// A key.
    Keys,
    /// A session, or its end.
    Login(Endpoint),
    /// A form of people who have a password here.
    Form(Form),
}

/// What somebody who may asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A token for this key.
    Token(Verified),
    /// A token for a password.
    Password(Origin),
    /// A key of their making.
    Key(Authorised),
    /// A session, or its end.
    Login(Wanted),
    /// A form, or what it is filled in with.
    Form(sign_in::Wanted),
}

/// A request to a desk, whose body is not read yet.
#[derive(Debug)]
pub struct AwaitingDesk {
    exchange: Exchange,
    asked: Asked,
    ticket: Option<Claimed>,
}

impl AwaitingDesk {
    pub(super) const fn new(exchange: Exchange, asked: Asked, ticket: Option<Claimed>) -> Self {
        Self {
            exchange,
            asked,
            ticket,
        }
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Most bytes of its body that are read.
    #[must_use]
    pub const fn cap(&self) -> u64 {
        match self.asked {
            Asked::Form(_) => sign_in::CAP,
            Asked::Token(_) | Asked::Password(_) | Asked::Key(_) | Asked::Login(_) => CAP,
        }
    }

    /// Ends the request because its body does not come as it should.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.exchange, refusal)
    }
}

/// Judges a request to a desk by its head.
pub(super) fn judge(
    core: &Core,
    exchange: &mut Exchange,
    desk: Desk,
    ticketed: bool,
    request: &Request<'_>,
    path: &str,
) -> Result<Asked, Refusal> {
    if let Desk::Login(endpoint) = desk {
        // Nobody logs in for a proof.
        if ticketed {
            return Err(TicketRefusal::Mismatch.to_refusal());
        }
        return login::judge(exchange, endpoint, request).map(Asked::Login);
    }
    if let Desk::Form(form) = desk {
        return sign_in::judge(exchange, form, ticketed, request).map(Asked::Form);
    }
    if desk == Desk::Token && password::is_meant(exchange, request) {
        return password::judge(exchange, ticketed, request).map(Asked::Password);
    }
    let accepts = Accepts {
        keys: true,
        tokens: desk == Desk::Keys && exchange.site.takes_tokens(),
        sessions: false,
        certificates: false,
    };
    let caller = authenticate::credential(core, exchange, accepts, request)?;
    // A token that is good once is for the app, and so is one of a person: keys are made by keys.
    let verified = match caller {
        authenticate::Caller::Known(verified)
            if !matches!(verified.principal(), Principal::Session(_)) =>
        {
            verified
        }
        _ => return Err(TokenRefusal::Place.into()),
    };
    authenticate::take_up(core, exchange, &verified, ticketed)?;
    // A ticket sends what it admits to the echo, and there is none of a desk: only what is made for
    // a proof is made with one.
    if ticketed && !verified.principal().is_probe() {
        return Err(TicketRefusal::Mismatch.to_refusal());
    }
    let asked = match desk {
        // A token does nothing that its key does not, so the key needs no scope for it.
        Desk::Token => Asked::Token(verified),
        Desk::Keys => {
            let site = exchange.site.clone();
            let role = site.desks().key_role().ok_or(route::NOTHING)?;
            // The table of roles speaks of apps; who may do what here is said by [keys].
            Asked::Key(verified.authorise(request.method_text(), path, &[role], None)?)
        }
        Desk::Login(_) | Desk::Form(_) => return Err(route::NOTHING),
    };
    record::reserve(exchange)?;
    Ok(asked)
}

/// Hands out what was asked for, once that is in the ledger.
pub async fn serve(core: &Core, awaiting: AwaitingDesk, body: &[u8]) -> OwnAnswer {
    let AwaitingDesk {
        mut exchange,
        asked,
        ticket,
    } = awaiting;
    let redeemed = ticket
        .map(|ticket| ticket.redeem(body))
        .transpose()
        .map_err(|refusal| refusal.to_refusal());
    let answer = match (redeemed, asked) {
        (Err(refusal), _) => Err(refusal),
        (Ok(_), Asked::Token(verified)) => token(core, &mut exchange, &verified).await,
        (Ok(_), Asked::Password(origin)) => {
            Box::pin(password::token(core, &mut exchange, origin, body)).await
        }
        (Ok(_), Asked::Key(authorised)) => key(core, &mut exchange, authorised, body).await,
        (Ok(_), Asked::Login(wanted)) => {
            return Box::pin(login::serve(core, exchange, wanted, body)).await;
        }
        (Ok(_), Asked::Form(wanted)) => {
            return Box::pin(sign_in::serve(core, exchange, wanted, body)).await;
        }
    };
    let content = match answer {
        Ok(document) => Content::Document(document),
        Err(refusal) => Content::Refusal(refusal),
    };
    OwnAnswer { exchange, content }
}

async fn token(
    core: &Core,
    exchange: &mut Exchange,
    verified: &Verified,
) -> Result<Document, Refusal> {
    let site = exchange.site.clone();
    let terms = site.desks().tokens().ok_or(route::NOTHING)?;
    let Principal::Key(key) = verified.principal() else {
        return Err(NOT_READ);
    };
    record::decide(exchange, Kind::TOKEN_ISSUED).await?;
    let id = request_id::hex(&exchange.id);
    let id = String::from_utf8_lossy(&id);
    let issued = core.gate.tokens.issue(key, terms, &id, exchange.at);
    Ok(password::handed(&issued))
}

async fn key(
    core: &Core,
    exchange: &mut Exchange,
    by: Authorised,
    body: &[u8],
) -> Result<Document, Refusal> {
    let wish = NewKey::read(body).ok_or(NOT_READ)?;
    if exchange.site.durable() {
        record::decide(exchange, Kind::DECISION).await?;
    }
    let gate = Arc::clone(&core.gate);
    let (request, principal) = (exchange.id, exchange.principal);
    let (tell, told) = oneshot::channel();
    core.gate.service.spawn_blocking(move || {
        let now = gate.clock.now();
        let made = gate.key_maker.create_for(&by, &wish, now, &*gate.rng);
        let made = made.map_err(refusal_of).and_then(|made| {
            let mut notice = Notice::new(now, Kind::KEY_CREATED).text("key", made.id.as_str());
            (notice.request, notice.principal) = (Some(request), principal);
            match gate.ledger.note_blocking(notice) {
                Ok(()) => Ok(made),
                Err(_) => {
                    // A key whose making is not written down must not live.
                    let _ = gate.key_maker.revoke(made.id.as_str(), now);
                    Err(AWAY)
                }
            }
        });
        if let Err(Ok(made)) = tell.send(made) {
            // Nobody waits for it any more, so nobody will ever have it.
            let _ = gate.key_maker.revoke(made.id.as_str(), now);
        }
    });
    let made = match timeout(DISK_PATIENCE, told).await {
        Ok(Ok(made)) => made?,
        Ok(Err(_)) | Err(_) => return Err(AWAY),
    };
    let body = json!({
        "id": made.id.as_str(),
        "key": made.key.expose(),
        "expires": made.expires.map(|end| end.to_string()),
    });
    Ok(Document::Made(Secret::new(body.to_string().into_bytes())))
}

fn refusal_of(fault: KeysFault) -> Refusal {
    match fault {
        KeysFault::Beyond => BEYOND,
        KeysFault::Name
        | KeysFault::Scope { .. }
        | KeysFault::AllAndScopes
        | KeysFault::Role { .. }
        | KeysFault::TooManyRoles
        | KeysFault::Tenant
        | KeysFault::Lifetime => NOT_A_KEY,
        KeysFault::TooMany { .. }
        | KeysFault::NoSuchKey { .. }
        | KeysFault::Unreadable { .. }
        | KeysFault::Random(_)
        | KeysFault::Store(_) => AWAY,
    }
}
