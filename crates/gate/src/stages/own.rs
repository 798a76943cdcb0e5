//! Our own endpoints, under `/.vouchsafe/`.
//!
//! Owns the health check, the key set that verifies our assertions, and the way to the desks, which
//! may have other paths as well. Refuses every other path below `/.vouchsafe`, every spelling but the
//! exact one and every method but GET and HEAD for documents and POST for desks. Nothing here reaches
//! an app or reads a body.

use std::sync::Arc;

use control::{Refusal, Secret};
use wire::{Method, Request};

use super::{Peer, desk::Desk, framing::Paths, login::Endpoint, route, sign_in::Form};
use crate::{core::Core, site::Site};

/// The path below which nothing is ever forwarded.
pub const PREFIX: &str = "/.vouchsafe";
/// Answers 200 while the gate serves.
pub const HEALTH: &str = "/.vouchsafe/health";
/// The JSON Web Key Set of the assertions.
pub const JWKS: &str = "/.vouchsafe/jwks.json";

/// Gives the holder of a key a token.
pub const TOKEN: &str = "/.vouchsafe/token";
/// Makes a key.
pub const KEYS: &str = "/.vouchsafe/keys";

/// What nobody may keep.
pub(crate) const NOT_KEPT: &[u8] = b"no-store";

/// What is served under a path of ours.
#[derive(Debug)]
pub(crate) enum Ours {
    /// To anybody.
    Document(Document),
    /// To whoever has the right credential.
    Desk(Desk),
}

/// One of our own documents.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// `{"status":"ok"}`.
    Health,
    /// The key set.
    Jwks(Arc<str>),
    /// What a browser is told before it sends something for a page of another site.
    Preflight,
    /// What an authority is answered that asks whether a name is ours.
    Challenge(Arc<str>),
    /// What a desk gave out.
    Handed(Secret),
    /// What a desk made.
    Made(Secret),
}

impl Document {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Health => b"{\"status\":\"ok\"}\n",
            Self::Preflight => b"",
            Self::Jwks(text) | Self::Challenge(text) => text.as_bytes(),
            Self::Handed(secret) | Self::Made(secret) => secret.expose(),
        }
    }

    /// How long others may keep it. Keys last for years; five minutes are what a team waits that
    /// gives the nodes another.
    pub(crate) const fn caching(&self) -> &'static [u8] {
        match self {
            Self::Jwks(_) => b"public, max-age=300",
            Self::Health
            | Self::Preflight
            | Self::Challenge(_)
            | Self::Handed(_)
            | Self::Made(_) => NOT_KEPT,
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Health | Self::Jwks(_) | Self::Challenge(_) | Self::Handed(_) => 200,
            Self::Made(_) => 201,
            Self::Preflight => 204,
        }
    }
}

/// The answer to an authority that certificates are ordered from, which asks without TLS (RFC 8555, section
/// 8.3). Whatever else comes below that path goes its way.
pub(crate) fn challenge(
    core: &Core,
    peer: &Peer,
    paths: &Paths<'_>,
    request: &Request<'_>,
) -> Option<Document> {
    let reads = matches!(request.method(), Method::Get | Method::Head);
    let challenges = core
        .gate
        .challenges
        .get()
        .filter(|_| reads && !peer.is_secure())?;
    challenges.answer_at(&paths.plain).map(Document::Challenge)
}

/// Why a path of ours is not served, and what `Allow` lists where it is the method.
pub(crate) type NotServed = (Refusal, Option<&'static str>);

/// What is at this path, where the path is ours.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn find(
    core: &Core,
    site: &Site,
    paths: &Paths<'_>,
    request: &Request<'_>,
) -> Result<Option<Ours>, NotServed> {
    let desks = site.desks();
    let people = people_at(site, &paths.plain);
    let ours = match &*paths.plain {
        HEALTH => Ours::Document(Document::Health),
        JWKS => Ours::Document(Document::Jwks(core.gate.signer.jwks())),
        TOKEN if desks.tokens().is_some() => Ours::Desk(Desk::Token),
        KEYS if desks.key_role().is_some() => Ours::Desk(Desk::Keys),
        plain => match people.or_else(|| desks.at(plain)) {
            Some(desk) => Ours::Desk(desk),
            None if below(plain) || below(paths.folded()) || desks.resembles(paths.folded()) => {
                return Err((route::NOTHING, None));
            }
            None => return Ok(None),
        },
    };
    let page = matches!(&ours, Ours::Desk(Desk::Login(endpoint)) if endpoint.is_page());
    let form = matches!(&ours, Ours::Desk(Desk::Form(_)));
    match (&ours, request.method()) {
        (Ours::Desk(_), Method::Get) if form => Ok(Some(ours)),
        (Ours::Desk(_), method) if form && method != Method::Post => {
            Err((route::NOT_LISTED, Some("GET, POST")))
        }
        (Ours::Desk(_), Method::Get) if page => Ok(Some(ours)),
        (Ours::Desk(_), _) if page => Err((route::NOT_LISTED, Some("GET"))),
        (Ours::Document(_), Method::Get | Method::Head) | (Ours::Desk(_), Method::Post) => {
            Ok(Some(ours))
        }
        (Ours::Document(_), _) => Err((route::NOT_LISTED, Some("GET, HEAD"))),
        (Ours::Desk(_), _) => Err((route::NOT_LISTED, Some("POST"))),
    }
}

/// Where people log in and out, if anything of that is at `path`.
fn people_at(site: &Site, path: &str) -> Option<Desk> {
    let (login, accounts) = (site.login().is_some(), site.accounts().is_some());
    let form = Form::at(path).filter(|_| accounts).map(Desk::Form);
    form.or_else(|| {
        let endpoint = Endpoint::at(path)?;
        let served = login || accounts && endpoint.needs_no_provider();
        served.then_some(Desk::Login(endpoint))
    })
}

fn below(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
