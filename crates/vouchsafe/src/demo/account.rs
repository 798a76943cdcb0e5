//! People with a password of their own.
//!
//! Owns the steps from an account without a password to a session, as a browser takes them.

use control::{SystemRng, rng};
use serde_json::{Value, json};

use super::{
    stage::Stage,
    traffic::{post, through},
};
use crate::failure::Failure;

/// Makes an account with one role, sets its password by its link and signs in on the way to `page`.
/// Gives the line with which a browser sends the session.
pub(super) fn signed_in(
    stage: &Stage,
    name: &str,
    role: &str,
    page: &str,
) -> Result<String, Failure> {
    let wish = json!({ "name": name, "roles": [role] });
    let made = stage.asks_admin("/v1/users", &wish)?;
    let link = made.get("link").and_then(Value::as_str).unwrap_or_default();
    let (_, link) = link.rsplit_once("?link=").unwrap_or_default();
    let chance: [u8; 16] = rng::array(&SystemRng)
        .map_err(|fault| Failure::new(fault.to_string(), "check the operating system"))?;
    let password = format!("night-{}-train", seal::encode::hex(&chance));
    let claimed = format!("link={link}&password={password}&repeat={password}");
    let reply = stage.send(stage.gate(), &filled(stage, "/.vouchsafe/claim", &claimed))?;
    through(&reply, 200)?;
    let name = name.replace('@', "%40");
    let signs = format!("name={name}&password={password}&to={page}");
    let reply = stage.send(stage.gate(), &filled(stage, "/.vouchsafe/sign-in", &signs))?;
    through(&reply, 303)?;
    let set = reply.answer().and_then(|answer| answer.field("Set-Cookie"));
    let cookie = set.and_then(|set| set.split(';').next());
    Ok(format!("Cookie: {}\r\n", cookie.unwrap_or_default()))
}

/// A form as a browser sends it from a page of the gate.
fn filled(stage: &Stage, path: &str, pairs: &str) -> Vec<u8> {
    let kind = "application/x-www-form-urlencoded";
    let headers = [
        ("Content-Type", kind),
        ("Origin", stage.public_url()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    post(path, &headers, pairs.as_bytes())
}
