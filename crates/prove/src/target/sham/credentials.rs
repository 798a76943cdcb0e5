//! What a flaw makes of keys and tokens.

use std::cell::RefCell;

use control::probe::{KeyWish, Reply, TargetError, TicketWish};
use serde_json::Value;

use super::{Sham, answers::succeeded, request::Request};

/// A token, as a sham sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// One of the proof's own.
    Minted,
    /// One of them that was revoked.
    Revoked,
    /// What nobody minted.
    MadeUp,
}

impl Sham<'_> {
    /// What token of a proof the request presents, if any.
    pub(super) fn presents_token(&self, request: &Request) -> Option<Presented> {
        let bearer = request.field("authorization")?.strip_prefix("Bearer ")?;
        if bearer.matches('.').count() != 2 {
            return None;
        }
        let is_among =
            |tokens: &RefCell<Vec<String>>| tokens.borrow().iter().any(|it| it == bearer);
        Some(if is_among(&self.revoked) {
            Presented::Revoked
        } else if is_among(&self.tokens) {
            Presented::Minted
        } else {
            Presented::MadeUp
        })
    }

    /// Whether the request asks the gate to make a key.
    pub(super) fn asks_for_a_key(&self, request: &Request) -> bool {
        let keys = self.facts.configuration.get("keys");
        let aliases = keys.and_then(|keys| keys.get("aliases")?.as_array());
        let alias = |path: &Value| path.as_str() == Some(&request.target);
        request.method == "POST"
            && (request.target == "/.vouchsafe/keys"
                || aliases.is_some_and(|aliases| aliases.iter().any(alias)))
    }

    /// The answer to whoever may make keys, given to anybody.
    pub(super) fn key_for_anybody(
        &self,
        request: &Request,
        reply: Reply,
    ) -> Result<Reply, TargetError> {
        let role = self.facts.configuration.pointer("/keys/role");
        let role = role.and_then(Value::as_str).unwrap_or("admin");
        let minted = self.good.mint_key(&KeyWish {
            scopes: vec![format!("POST {}", request.target)],
            roles: vec![role.to_owned()],
        })?;
        let ticket = self.good.ticket(&TicketWish {
            method: &request.method,
            target: &request.target,
            body: &request.body,
            webhook: None,
        })?;
        let asked = request.clone().without("Authorization");
        let asked = asked.with_key(&minted.key).with_ticket(&ticket.value);
        let made = self.good.send(&asked.bytes())?;
        Ok(if succeeded(&made) { made } else { reply })
    }

    /// Whether the request carries a key of a proof where keys belong.
    pub(super) fn carries_key(&self, request: &Request) -> bool {
        let key = request.field("x-api-key");
        let keys = self.keys.borrow();
        key.is_some_and(|key| keys.iter().any(|minted| minted.key == key))
    }
}
