//! Ending sessions at the provider, and by its word.
//!
//! Owns where a browser is sent to log out there (OpenID Connect RP-Initiated Logout 1.0), and the
//! judgement on a logout token that the provider sends us (Back-Channel Logout 1.0, section 2.6).
//! Refuses every token that is one of another kind. A token that comes once more ends nothing that began
//! after it: a session has one name and is gone, and of a person only what had begun when the provider spoke.

use std::time::Duration;

use control::Timestamp;
use serde_json::Value;

use super::{LoginFault, LoginRefusal, Provider, metadata::extend, person, settings::SKEW};
use crate::form;

/// Longest logout token ago.
const FRESH: Duration = Duration::from_secs(3 * 60);

/// What a logout token is told from others by.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Whose sessions the provider ends.
#[derive(Clone, PartialEq, Eq)]
pub enum Leaving {
    /// The session that it calls so.
    Session(String),
    /// Every session of a person that had begun by then.
    Person(String, Timestamp),
}

impl std::fmt::Debug for Leaving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaving(..)")
    }
}

impl Provider {
    /// Where a browser is sent to end its session at the provider too; none where the provider has
    /// no such place, or nobody has asked it yet.
    #[must_use]
    pub fn logout_location(&self) -> Option<String> {
        let known = self.known_now()?;
        let endpoint = known.metadata.end_session.as_deref()?;
        let query = form::write(&[
            ("client_id", &self.settings.client_id),
            ("post_logout_redirect_uri", &self.settings.home),
        ]);
        Some(extend(endpoint, &query))
    }

    /// Judges the body of a request to our back-channel logout.
    ///
    /// # Errors
    ///
    /// [`LoginFault`].
    pub async fn leaving(&self, body: &[u8]) -> Result<Leaving, LoginFault> {
        let text = std::str::from_utf8(body).map_err(|_| LoginRefusal::Logout)?;
        let pairs = form::read(text).ok_or(LoginRefusal::Logout)?;
        let token = form::value(&pairs, "logout_token").ok_or(LoginRefusal::Logout)?;
        let now = self.clock.now();
        let claims = self.believe(token, now).await?.claims;
        let is_event = |events: &Value| events.get(EVENT).is_some_and(Value::is_object);
        let issued = claims.issued().filter(|at| now.since(*at) <= FRESH);
        let events = claims.get("events").is_some_and(is_event);
        let issued = issued.ok_or(LoginRefusal::Logout)?;
        if !events || claims.get("nonce").is_some() || claims.id().is_none() {
            return Err(LoginRefusal::Logout.into());
        }
        // The provider's clock may be behind ours: better one session too many than one too few.
        let by = issued.plus(SKEW);
        match (person::text(&claims, "sid"), claims.subject()) {
            (Some(sid), _) => Ok(Leaving::Session(sid.to_owned())),
            (None, Some(subject)) => Ok(Leaving::Person(subject.to_owned(), by)),
            (None, None) => Err(LoginRefusal::Logout.into()),
        }
    }
}
