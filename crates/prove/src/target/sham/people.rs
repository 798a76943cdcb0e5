//! What a flaw makes of somebody's session.

use control::probe::{Answer, Reply, SessionWish, TargetError};
use serde_json::Value;

use super::{Sham, request::Request};
use crate::search::percent_encoded;

impl Sham<'_> {
    /// The session of a proof that the request carries, by its place among all.
    pub(super) fn session_of(&self, request: &Request) -> Option<usize> {
        let cookie = request.field("cookie")?;
        let sessions = self.sessions.borrow();
        sessions
            .iter()
            .position(|minted| cookie.contains(minted.as_str()))
    }

    /// The request with the session that was made before its own.
    pub(super) fn of_another(&self, request: &Request) -> Option<Request> {
        let at = self.session_of(request)?;
        let sessions = self.sessions.borrow();
        let (own, other) = (sessions.get(at)?, sessions.get(at.checked_sub(1)?)?);
        let cookies = request.field("cookie")?.replace(own, other);
        Some(request.clone().with_cookie(&cookies))
    }

    /// The answer to a wrong password, which says so where nobody has the name.
    pub(super) fn tell_unknown(&self, request: &Request, reply: Reply) -> Reply {
        let body = String::from_utf8_lossy(&request.body);
        let name = body.split('&').find_map(|pair| pair.strip_prefix("name="));
        let known = self.accounts.borrow();
        let known = name.is_some_and(|name| known.iter().any(|known| known == name));
        match reply {
            Reply::Answer(mut answer) if name.is_some() && !known => {
                answer.body = b"nobody is called that".to_vec();
                Reply::Answer(answer)
            }
            other => other,
        }
    }

    /// The answer to whoever sets a password, where the one that was refused stands in the documentation.
    pub(super) fn take_documented(&self, request: &Request, reply: Reply) -> Reply {
        let body = String::from_utf8_lossy(&request.body);
        let chosen = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("password="));
        let documented = self.facts.configuration.pointer("/accounts/documented");
        let documented = documented.and_then(Value::as_array).into_iter().flatten();
        let mut documented = documented.filter_map(Value::as_str);
        match reply {
            Reply::Answer(mut answer)
                if documented.any(|known| {
                    let known = percent_encoded(known, b"-._~");
                    chosen.is_some_and(|chosen| chosen.as_bytes() == known)
                }) =>
            {
                answer.status = 200;
                Reply::Answer(answer)
            }
            other => other,
        }
    }

    /// The answer to whoever has logged in, for somebody who has not.
    pub(super) fn logged_in(&self) -> Result<Reply, TargetError> {
        let minted = self.good.mint_session(&SessionWish::default())?;
        let set = format!("{}; Path=/; Secure; HttpOnly; SameSite=Lax", minted.cookie);
        let fields = [("Location", "/".to_owned()), ("Set-Cookie", set)];
        Ok(Reply::Answer(Answer {
            status: 303,
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
            ..Answer::default()
        }))
    }
}

/// Whether a browser comes back from its provider.
pub(super) fn returns_from_login(request: &Request) -> bool {
    request.target.starts_with("/.vouchsafe/callback?")
}
