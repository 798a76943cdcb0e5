//! Whoever asks in `bench identity`: a program with a key and a token, a person with a session.
//!
//! Owns the way to each credential, which is the one a user goes: the token is asked for with the key,
//! the person claims an account and signs in.

use std::{net::SocketAddr, path::Path, time::Duration};

use serde_json::Value;

use super::{
    super::http::{self, Answer},
    systems::HOST,
};
use crate::{command, failure::Failure};

/// Rules of the table that every request with a credential is judged by.
pub(super) const RULES: usize = 500;

/// Roles of the table besides the one that is used.
const ROLES: usize = 40;

const PASSWORD: &str = "copper lantern walks slowly";

/// A table of [`RULES`] rules, of which one is used.
pub(super) fn rules() -> String {
    let mut table = "[roles.reader]\nallow = [\"GET /api\"]\n".to_owned();
    let paths = |role: usize| (role..RULES - 1).step_by(ROLES);
    for role in 0..ROLES {
        let rules: Vec<String> = paths(role)
            .map(|rule| format!("\"GET,POST /api/r{}/p{rule}\"", rule % 50))
            .collect();
        let effect = if role % 5 == 4 { "deny" } else { "allow" };
        table.push_str(&format!(
            "[roles.role{role}]\n{effect} = [{}]\n",
            rules.join(", ")
        ));
    }
    table
}

/// Paths, and the field that opens each.
pub(super) fn credentials(
    binary: &Path,
    folder: &Path,
    gate: SocketAddr,
    key: &str,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let bearer = format!("Authorization: Bearer {key}");
    let form = http::post_form(
        gate,
        "/.vouchsafe/token",
        &format!("{HOST}\r\n{bearer}"),
        "",
    );
    let given = right("a token", form, 200)?;
    let token = serde_json::from_slice::<Value>(&given.body).ok();
    let token = token
        .as_ref()
        .and_then(|given| given.get("access_token")?.as_str());
    let token = token.ok_or_else(|| wrong("a token", "there is none in the answer"))?;
    Ok(vec![
        ("/api/token", format!("Authorization: Bearer {token}")),
        (
            "/api/session",
            format!("Cookie: {}", session(binary, folder, gate)?),
        ),
    ])
}

/// The cookie of a person who claims an account and signs in.
fn session(binary: &Path, folder: &Path, gate: SocketAddr) -> Result<String, Failure> {
    let mut add = command::command(folder, binary, &["user", "add", "ann@bench.example"]);
    add.args([
        "--config",
        "vouchsafe.toml",
        "--role",
        "reader",
        "--format",
        "json",
    ]);
    let said = command::listen(&mut add, Duration::from_secs(20))?;
    let (_, link) = said
        .stdout
        .split_once("?link=")
        .ok_or_else(|| wrong("an account", &command::last_lines(&said.stderr, 5)))?;
    let link: String = link
        .chars()
        .take_while(|c| !matches!(c, '"' | '&'))
        .collect();
    let password = PASSWORD.replace(' ', "+");
    let claim = format!("link={link}&password={password}&repeat={password}");
    let claimed = http::post_form(gate, "/.vouchsafe/claim", HOST, &claim);
    if let Ok(answer) = &claimed
        && ![200, 303].contains(&answer.status)
    {
        return Err(wrong("an account", &answer.head));
    }
    let form = format!("name=ann%40bench.example&password={password}");
    let signed = right(
        "a session",
        http::post_form(gate, "/.vouchsafe/sign-in", HOST, &form),
        303,
    )?;
    let cookie = signed.head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let ours =
            name.eq_ignore_ascii_case("set-cookie") && value.starts_with("__Host-vouchsafe=");
        ours.then(|| value.split(';').next().unwrap_or_default().to_owned())
    });
    cookie.ok_or_else(|| wrong("a session", &signed.head))
}

fn right(what: &str, answer: std::io::Result<Answer>, status: u16) -> Result<Answer, Failure> {
    match answer {
        Ok(answer) if answer.status == status => Ok(answer),
        Ok(answer) => Err(wrong(what, &answer.head)),
        Err(cause) => Err(wrong(what, &cause.to_string())),
    }
}

fn wrong(what: &str, said: &str) -> Failure {
    Failure::stuck(
        format!("{what} was not given: {said}"),
        "mend it: what answers wrongly is not worth measuring",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_as_many_rules_as_it_says() {
        assert_eq!(rules().matches(" /api").count(), RULES);
    }
}
