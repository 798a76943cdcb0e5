//! Keys that somebody makes for others.
//!
//! Owns how a key is asked for in JSON, and what may be handed on. Refuses more than whoever asks has:
//! no role and no scope that is not theirs, and no tenant but their own. Takes the proof that they may
//! ask at all.

use control::{Rng, Timestamp};
use serde::Deserialize;

use super::{Keys, Minted, NewKey, scopes};
use crate::{Authorised, KeysFault, Principal};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    expires: Option<String>,
}

impl NewKey {
    /// Reads `{"name", "scopes", "roles", "expires"}`, of which the name is needed. None where it is
    /// not of this form; whether such a key may be made is not judged here.
    #[must_use]
    pub fn read(json: &[u8]) -> Option<Self> {
        let order: Order = serde_json::from_slice(json).ok()?;
        let lifetime = match order.expires {
            Some(text) => Some(config::quantity::duration(&text)?),
            None => None,
        };
        Some(Self {
            name: order.name,
            scopes: order.scopes,
            roles: order.roles,
            lifetime,
            ..Self::default()
        })
    }
}

impl Keys {
    /// Makes a key in the name of `by`. A principal of a proof gets a key of a proof.
    ///
    /// # Errors
    ///
    /// [`KeysFault`]; [`KeysFault::Beyond`] for more than `by` has.
    pub fn create_for(
        &self,
        by: &Authorised,
        wish: &NewKey,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Minted, KeysFault> {
        let who = by.principal();
        if !wish.roles.iter().all(|role| who.has_one_of(&[role])) {
            return Err(KeysFault::Beyond);
        }
        let wanted = scopes(wish)?;
        if let Principal::Key(key) = who
            && !key.scopes().include(&wanted)
        {
            return Err(KeysFault::Beyond);
        }
        if who.is_probe() {
            return self.create_probe(&wish.scopes, &wish.roles, now, rng);
        }
        let own = NewKey {
            tenant: Some(who.tenant().to_owned()),
            ..wish.clone()
        };
        self.create(&own, now, rng)
    }
}
