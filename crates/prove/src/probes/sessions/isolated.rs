//! Sessions of two people at once.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{MintedSession, Reply, TargetError},
    sheet::Met,
};

use super::{first, fresh, from_our_page, named, subject};
use crate::probes::{
    draft::{Draft, Echo, canary},
    method_of,
    tokens::roles_of,
};

/// Attacks `session.isolated`.
pub(in crate::probes) struct Isolated;

/// How often two browsers take turns.
const TURNS: usize = 5;

impl Probe for Isolated {
    fn promise(&self) -> &'static str {
        "session.isolated"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = first(at)?;
        let (roles, method) = (roles_of(route), method_of(route));
        let plain = Draft::new(at, method, &route.path);
        let (one, other) = (fresh(at, roles)?, fresh(at, roles)?);
        let ask = |draft: &Draft, session: &MintedSession| {
            from_our_page(at, draft, session).ticketed(at)?.send(at)
        };
        for turn in 1..=TURNS {
            let (first, second) = (ask(&plain, &one)?, ask(&plain, &other)?);
            for (name, met, twin) in [
                ("the second", alone(&second, &other, &one), named(&first)),
                ("the first", alone(&first, &one, &other), named(&second)),
            ] {
                sheet.pair(format!("{name} of two browsers in turn, {turn}"), met, twin);
            }
        }
        let (_, id) = other.cookie.split_once('=').unwrap_or_default();
        let mark = canary(at)?;
        for (attempt, draft) in [
            (
                "another's session in the query",
                Draft::new(at, method, &format!("{}?session={id}", route.path)),
            ),
            (
                "another's session in a field",
                plain.clone().field("X-Session-Id", id),
            ),
            (
                "another's session in a field of ours",
                plain.clone().field("X-Vouchsafe-Session", id),
            ),
            (
                "another's name in a field",
                plain.clone().field("X-Forwarded-User", &other.subject),
            ),
        ] {
            let attack = ask(&draft.field("X-Ordinary", &mark), &one)?;
            sheet.pair(attempt, is_of(&attack, &one), named(&ask(&plain, &one)?));
        }
        let both = from_our_page(at, &plain, &one).field("Cookie", &other.cookie);
        sheet.pair(
            "both sessions at once",
            Met::status(&both.ticketed(at)?.send(at)?, &[400, 401]),
            named(&ask(&plain, &one)?),
        );
        Ok(())
    }
}

/// The app was told of the person whose session it is.
fn is_of(reply: &Reply, owner: &MintedSession) -> Met {
    match subject(reply) {
        Some(subject) if subject == owner.subject => {
            Met::when(true, "the app was told of its owner")
        }
        Some(_) => Met::when(false, "the app was told of somebody else"),
        None => named(reply),
    }
}

/// The same, and nothing of `other` reached the app.
fn alone(reply: &Reply, owner: &MintedSession, other: &MintedSession) -> Met {
    let name = other.subject.rsplit(':').next().unwrap_or_default();
    let (_, id) = other.cookie.split_once('=').unwrap_or_default();
    let leaks = Echo::of(reply).is_some_and(|echo| {
        [name, id]
            .into_iter()
            .any(|text| !echo.carrying(text).is_empty())
    });
    if leaks {
        return Met::when(false, "something of the other reached the app");
    }
    is_of(reply, owner)
}
