//! Somebody of a proof who may use a route.

use control::{
    Target,
    probe::{Guard, MintedSession, Reply, RouteFact, TargetError},
};

use super::{csrf::roles_for, draft::Draft, keys::wide_key, sessions};

/// A caller with a credential of its own, where the route asks for one.
pub(super) enum Visitor {
    /// Without a credential.
    Anybody,
    /// With a key.
    Key(String),
    /// Who is logged in.
    Person(MintedSession),
}

impl Visitor {
    /// Somebody new who may use `method` on `route`; none for a route of webhooks.
    pub(super) fn new(
        at: &dyn Target,
        route: &RouteFact,
        method: &str,
    ) -> Result<Option<Self>, TargetError> {
        let roles = || roles_for(at, route, method).unwrap_or_default();
        Ok(match &route.guard {
            Guard::Open(_) => Some(Self::Anybody),
            Guard::Key(_) => Some(Self::Key(wide_key(at, &roles())?)),
            Guard::Session(_) => Some(Self::Person(sessions::fresh(at, &roles())?)),
            Guard::Token(_) if route.sessions => Some(Self::Person(sessions::fresh(at, &roles())?)),
            Guard::Token(_) | Guard::Certificate(_) | Guard::Webhook(_) => None,
        })
    }

    /// Whether it can be told from others.
    pub(super) const fn is_known(&self) -> bool {
        !matches!(self, Self::Anybody)
    }

    /// Sends a request with its credential and a ticket.
    pub(super) fn sends(&self, at: &dyn Target, draft: &Draft) -> Result<Reply, TargetError> {
        let draft = match self {
            Self::Anybody => draft.clone(),
            Self::Key(key) => draft.clone().field("X-API-Key", key),
            Self::Person(session) => sessions::from_our_page(at, draft, session),
        };
        draft.ticketed(at)?.send(at)
    }
}
