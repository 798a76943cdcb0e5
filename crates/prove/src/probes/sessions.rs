//! Sessions that are over, and sessions of somebody else.
//!
//! Owns what every probe does with a canary session: a request of a page of ours, and the person that
//! the app is told of.

mod isolated;

use std::time::Duration;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{MintedSession, Reply, RouteFact, SessionWish, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::{Draft, Echo},
    method_of,
    tokens::roles_of,
};

pub(super) use self::isolated::Isolated;

/// Attacks `session.idle`.
pub(super) struct Idle;
/// Attacks `session.longest`.
pub(super) struct Longest;

/// How far from its end a session is tried, on both sides.
const MINUTE: Duration = Duration::from_secs(60);

/// Where people begin who are not logged in: at a provider's login, or where they sign in with a
/// password.
const BEGINS: [&str; 2] = ["/.vouchsafe/login", "/.vouchsafe/sign-in"];

/// The session of somebody who has just logged in, with the first of `roles`.
pub(super) fn fresh(at: &dyn Target, roles: &[String]) -> Result<MintedSession, TargetError> {
    aged(at, roles, Duration::ZERO, Duration::ZERO)
}

fn aged(
    at: &dyn Target,
    roles: &[String],
    created: Duration,
    last_seen: Duration,
) -> Result<MintedSession, TargetError> {
    at.mint_session(&SessionWish {
        roles: roles.iter().take(1).cloned().collect(),
        created,
        last_seen,
    })
}

/// Whether a method changes nothing, so that another site may have a browser send it.
pub(super) fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// The deployment's own origin, as a browser writes it.
pub(super) fn origin(at: &dyn Target) -> String {
    format!("{}://{}", at.facts().scheme, at.facts().public_host)
}

/// The request as a page of ours has the browser of that person send it.
pub(super) fn from_our_page(at: &dyn Target, draft: &Draft, session: &MintedSession) -> Draft {
    with_cookie(at, draft, &session.cookie)
}

/// The same with all that the browser keeps for this site.
pub(super) fn with_cookie(at: &dyn Target, draft: &Draft, cookie: &str) -> Draft {
    let draft = draft.clone().field("Cookie", cookie);
    if reads(&draft.method) {
        return draft;
    }
    let origin = origin(at);
    draft
        .field("Origin", &origin)
        .field("Sec-Fetch-Site", "same-origin")
}

/// A fresh session on its way to the echo. The app must have been told who asks: a route that is open
/// shows nothing about sessions.
pub(super) fn opens(at: &dyn Target, draft: &Draft, roles: &[String]) -> Result<Met, TargetError> {
    let session = fresh(at, roles)?;
    let reply = from_our_page(at, draft, &session).ticketed(at)?.send(at)?;
    Ok(named(&reply))
}

/// 200, and somebody was named to the app.
fn named(reply: &Reply) -> Met {
    match (subject(reply), reply.answer()) {
        (None, Some(answer)) if answer.status == 200 => {
            Met::when(false, "200, but nobody was named")
        }
        _ => Met::status(reply, &[200]),
    }
}

/// Whom the app would have been told of.
pub(super) fn subject(reply: &Reply) -> Option<String> {
    let echo = Echo::of(reply)?;
    let assertion = echo.field("X-Vouchsafe-Assertion")?;
    let claims = assertion.split('.').nth(1)?;
    let claims = seal::encode::unbase64url(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

/// Every route on which a person who is logged in may pass.
pub(super) fn routes(at: &dyn Target) -> impl Iterator<Item = &RouteFact> {
    at.facts().routes.iter().filter(|route| route.sessions)
}

fn first(at: &dyn Target) -> Result<&RouteFact, TargetError> {
    routes(at)
        .next()
        .ok_or_else(|| TargetError::new("find a route", "no route takes sessions"))
}

/// A route for people alone: nothing opens it that is no session, and a person on their way to a page
/// is sent to the login.
pub(super) fn none_passes_without(
    at: &dyn Target,
    route: &RouteFact,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let (path, roles) = (&route.path, roles_of(route));
    let plain = Draft::new(at, method_of(route), path);
    let session = fresh(at, roles)?;
    let altered = flipped(&session.cookie);
    let elsewhere = session.cookie.replacen("__Host-", "", 1);
    let key = super::keys::wide_key(at, roles)?;
    for (attempt, name, value) in [
        ("a session that is none", "Cookie", "__Host-vouchsafe=null"),
        ("one character changed", "Cookie", altered.as_str()),
        ("the session under another name", "Cookie", &elsewhere),
        ("a key", "X-API-Key", &key),
    ] {
        let attack = from_a_page(at, &plain)
            .field(name, value)
            .ticketed(at)?
            .send(at)?;
        sheet.pair(
            format!("{path} with {attempt}"),
            Met::status(&attack, &[401]),
            opens(at, &plain, roles)?,
        );
    }
    let attack = plain.clone().ticketed(at)?.send(at)?;
    sheet.pair(
        format!("{path} without a credential"),
        Met::status(&attack, &[401]),
        opens(at, &plain, roles)?,
    );
    if plain.method == "GET" {
        let step = plain.clone().field("Sec-Fetch-Mode", "navigate");
        let attack = step.ticketed(at)?.send(at)?;
        sheet.pair(
            format!("{path} without a credential, as a step to a page"),
            to_the_login(&attack),
            opens(at, &plain, roles)?,
        );
    }
    tickets(at, &plain, &session, sheet)
}

/// A session of a proof opens nothing but the echo: it needs a ticket, and a ticket is good for once.
fn tickets(
    at: &dyn Target,
    plain: &Draft,
    session: &MintedSession,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let path = &plain.target;
    let asked = from_our_page(at, plain, session);
    let ticketed = asked.clone().ticketed(at)?;
    let twin = named(&ticketed.send(at)?);
    sheet.pair(
        format!("{path} with a ticket that was used"),
        Met::status(&ticketed.send(at)?, &[403]),
        twin.clone(),
    );
    sheet.pair(
        format!("{path} with a session of a proof and no ticket"),
        Met::status(&asked.send(at)?, &[403]),
        twin,
    );
    Ok(())
}

/// What a page of ours adds to a request, whoever sends it.
fn from_a_page(at: &dyn Target, plain: &Draft) -> Draft {
    with_cookie(at, plain, "theme=dark")
}

/// The cookie with the first character of its id exchanged.
fn flipped(cookie: &str) -> String {
    let (name, id) = cookie.split_once('=').unwrap_or((cookie, ""));
    let other = if id.starts_with('A') { 'B' } else { 'A' };
    format!("{name}={other}{}", id.get(1..).unwrap_or_default())
}

/// Sent to the login of this site.
fn to_the_login(reply: &Reply) -> Met {
    let location = reply.answer().and_then(|answer| answer.field("Location"));
    match location {
        Some(place) if BEGINS.iter().any(|begins| place.starts_with(begins)) => {
            Met::status(reply, &[303])
        }
        Some(_) => Met::when(false, "sent elsewhere"),
        None => match Met::status(reply, &[303]) {
            met if met == Met::when(true, "303") => Met::when(false, "sent nowhere"),
            met => met,
        },
    }
}

/// Refused as whoever is not logged in, and the browser lets go of its cookie.
fn over(reply: &Reply, status: u16) -> Met {
    let taken_back = reply.answer().is_some_and(|answer| {
        answer.fields.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("set-cookie")
                && value.starts_with("__Host-vouchsafe=;")
                && value.contains("Max-Age=0;")
        })
    });
    let refused = Met::status(reply, &[status]);
    match reply.answer().map(|answer| answer.status) {
        Some(met) if met == status && !taken_back => {
            Met::when(false, format!("{status}, but the cookie stays"))
        }
        _ => refused,
    }
}

/// The duration an anchor names.
fn duration(asked: &Asked, name: &'static str) -> Result<Duration, TargetError> {
    asked
        .value(name)
        .and_then(config::quantity::duration)
        .ok_or_else(|| TargetError::new("read the anchor", format!("{name} is no duration")))
}

/// How long ago a session was made and last used.
type Ages = (Duration, Duration);

/// A session that must be over beside one that must stand, as an API client and as a browser asks.
fn dead_beside_living(
    at: &dyn Target,
    attempt: &str,
    (dead, living): (Ages, Ages),
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let route = first(at)?;
    let (plain, roles) = (
        Draft::new(at, method_of(route), &route.path),
        roles_of(route),
    );
    let twin = || -> Result<Met, TargetError> {
        let session = aged(at, roles, living.0, living.1)?;
        let reply = from_our_page(at, &plain, &session).ticketed(at)?.send(at)?;
        Ok(named(&reply))
    };
    let session = aged(at, roles, dead.0, dead.1)?;
    let asked = from_our_page(at, &plain, &session);
    for time in ["", ", once more"] {
        let attack = asked.clone().ticketed(at)?.send(at)?;
        sheet.pair(format!("{attempt}{time}"), over(&attack, 401), twin()?);
    }
    if plain.method == "GET" {
        let session = aged(at, roles, dead.0, dead.1)?;
        let step = from_our_page(at, &plain, &session).field("Sec-Fetch-Mode", "navigate");
        let attack = step.ticketed(at)?.send(at)?;
        sheet.pair(
            format!("{attempt}, as a step to a page"),
            over(&attack, 303),
            twin()?,
        );
    }
    Ok(())
}

impl Probe for Idle {
    fn promise(&self) -> &'static str {
        "session.idle"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let idle = duration(asked, "idle")?;
        let created = idle + 2 * MINUTE;
        let living = (created, idle.saturating_sub(MINUTE));
        for (attempt, dead) in [
            ("last used a minute too long ago", idle + MINUTE),
            ("used at its login alone", created),
        ] {
            dead_beside_living(at, attempt, ((created, dead), living), sheet)?;
        }
        Ok(())
    }
}

impl Probe for Longest {
    fn promise(&self) -> &'static str {
        "session.longest"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let longest = duration(asked, "longest")?;
        let living = (longest.saturating_sub(MINUTE), Duration::ZERO);
        for (attempt, created) in [
            ("begun a minute too long ago and in use", longest + MINUTE),
            ("begun twice as long ago and in use", longest * 2),
        ] {
            dead_beside_living(at, attempt, ((created, Duration::ZERO), living), sheet)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
