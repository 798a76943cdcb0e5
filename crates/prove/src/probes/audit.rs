//! Whether the ledger says everything.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, Inspection, LedgerMark, LedgerTail, Reply, RouteFact, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::{Draft, Echo},
    first_route,
    keys::wide_key,
    method_of, passing, sessions,
    settled::{ledger_that, speaks_of},
    tokens::roles_of,
};

/// Attacks `audit.every-request`.
pub(super) struct EveryRequest;
/// Attacks `audit.auth-events`.
pub(super) struct AuthEvents;

/// How many requests of each outcome are sent and then looked for.
const REQUESTS: usize = 20;

/// The id under which an exchange is in the ledger: what the app saw, or what a refusal said.
pub(super) fn request_id(reply: &Reply) -> Option<String> {
    if let Some(echo) = Echo::of(reply) {
        return echo.field("X-Request-Id").map(str::to_owned);
    }
    reply.answer()?.field("X-Request-Id").map(str::to_owned)
}

/// The events of one request, by kind.
fn events_of<'t>(tail: &'t LedgerTail, id: &str, kinds: &[&str]) -> Vec<&'t Value> {
    let text = |event: &'t Value, key: &str| event.get(key).and_then(Value::as_str);
    tail.events
        .iter()
        .filter(|event| text(event, "request") == Some(id))
        .filter(|event| text(event, "kind").is_some_and(|kind| kinds.contains(&kind)))
        .collect()
}

/// A request event, whichever durability is configured.
const DECISIONS: &[&str] = &["request", "request.decision"];

impl Probe for EveryRequest {
    fn promise(&self) -> &'static str {
        "audit.every-request"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let before = at.ledger_mark()?;
        let Some(plain) = passing(at, sheet)? else {
            return Ok(());
        };
        let mut replies = Vec::new();
        for _ in 0..REQUESTS {
            replies.push(plain.clone().ticketed(at)?.send(at)?);
        }
        let ids: Vec<String> = replies.iter().filter_map(request_id).collect();
        if ids.len() != replies.len() {
            return Err(TargetError::new(
                "read the request id",
                "an answer named none",
            ));
        }
        let answered = replies
            .iter()
            .filter(|reply| Echo::of(reply).is_some())
            .count();
        let twin = Met::when(
            answered == REQUESTS,
            format!("{answered} of {REQUESTS} answered"),
        );
        const GAP: &str = "a gap in the sequence";
        if let Inspection::Altered(what) = at.inspect_ledger(None)? {
            sheet.pair(GAP, Met::when(false, what), twin);
            return Ok(());
        }
        let tail = ledger_that(at, &before, |tail| ids.iter().all(|id| speaks_of(tail, id)))?;
        let found: Vec<usize> = ids
            .iter()
            .map(|id| events_of(&tail, id, DECISIONS).len())
            .collect();
        let missing = found.iter().filter(|count| **count == 0).count();
        let twice = found.iter().filter(|count| **count > 1).count();
        sheet.pair(
            "requests that are not in the ledger",
            Met::when(missing == 0, missing.to_string()),
            twin.clone(),
        );
        sheet.pair(
            "requests that are there twice",
            Met::when(twice == 0, twice.to_string()),
            twin.clone(),
        );
        let (gained, count) = (tail.end.size - before.size, tail.events.len() as u64);
        let met = Met::when(
            gained == count,
            format!("{gained} entries, {count} events, behind a whole ledger"),
        );
        sheet.pair(GAP, met, twin.clone());
        let refused = refusals(at, &tail.end)?;
        sheet.pair("refusals that are not counted", refused, twin);
        Ok(())
    }
}

/// Sends requests that are refused and compares how many refusals the ledger has gained. Refusals
/// of one second, control and client may share an entry, which then carries their count.
fn refusals(at: &dyn Target, before: &LedgerMark) -> Result<Met, TargetError> {
    for _ in 0..REQUESTS {
        Draft::new(at, "GET", "/a#b").send(at)?;
    }
    let wanted = REQUESTS as i64;
    let gained = refusals_counted(&ledger_that(at, before, |tail| {
        refusals_counted(tail) >= wanted
    })?);
    Ok(Met::when(
        gained >= wanted,
        format!("{gained} counted of {REQUESTS} sent"),
    ))
}

fn refusals_counted(tail: &LedgerTail) -> i64 {
    tail.events
        .iter()
        .filter(|event| event.get("control").and_then(Value::as_str) == Some("wire.framing"))
        .map(|event| event.get("count").and_then(Value::as_i64).unwrap_or(1))
        .sum()
}

/// A kind of credential, on the first route that asks for it.
struct Credential {
    accepted: Draft,
    refused: Draft,
    nobody: Draft,
    /// What it is called, and what of it nobody may write down.
    name: &'static str,
    secret: String,
}

/// A key where a route takes one, otherwise a session.
fn credential(at: &dyn Target) -> Result<Credential, TargetError> {
    let plain = |route: &RouteFact| Draft::new(at, method_of(route), &route.path);
    let wrong = |text: &str| format!("{}!", text.get(..text.len() - 1).unwrap_or_default());
    if let Some(route) = first_route(at, |guard| matches!(guard, Guard::Key(_))) {
        let key = wide_key(at, roles_of(route))?;
        return Ok(Credential {
            accepted: plain(route).field("X-API-Key", &key),
            refused: plain(route).field("X-API-Key", &wrong(&key)),
            nobody: plain(route),
            name: "key",
            secret: key,
        });
    }
    let route = first_route(at, |guard| matches!(guard, Guard::Session(_)))
        .ok_or_else(|| TargetError::new("find a route", "no route asks for a key or a session"))?;
    let fresh = sessions::fresh(at, roles_of(route))?;
    let (_, secret) = fresh.cookie.split_once('=').unwrap_or_default();
    Ok(Credential {
        accepted: sessions::from_our_page(at, &plain(route), &fresh),
        refused: plain(route).field("Cookie", &wrong(&fresh.cookie)),
        nobody: plain(route),
        name: "session",
        secret: secret.to_owned(),
    })
}

impl Probe for AuthEvents {
    fn promise(&self) -> &'static str {
        "audit.auth-events"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let before = at.ledger_mark()?;
        let credential = credential(at)?;
        let accepted = credential.accepted.ticketed(at)?.send(at)?;
        let refused = credential.refused.send(at)?;
        let nobody = credential.nobody.send(at)?;
        let name = credential.name;
        let ids: Vec<String> = [&accepted, &refused, &nobody]
            .into_iter()
            .filter_map(request_id)
            .collect();
        let tail = ledger_that(at, &before, |tail| ids.iter().all(|id| speaks_of(tail, id)))?;
        for (attempt, reply, status, kinds, names) in [
            (
                format!("an accepted {name}"),
                &accepted,
                200,
                &["request", "request.decision", "auth.success"][..],
                "principal",
            ),
            (
                format!("a refused {name}"),
                &refused,
                401,
                &["request", "request.decision", "auth.failure"],
                "reason",
            ),
            (
                format!("no {name}"),
                &nobody,
                401,
                &["request", "request.decision", "auth.failure"],
                "reason",
            ),
        ] {
            let id = request_id(reply).unwrap_or_default();
            let named = events_of(&tail, &id, kinds)
                .iter()
                .any(|event| event.get(names).is_some());
            let saw = if named {
                format!("in the ledger with its {names}")
            } else {
                format!("no entry with a {names}")
            };
            sheet.pair(
                attempt,
                Met::when(named, saw),
                Met::status(reply, &[status]),
            );
        }
        let raw = tail
            .events
            .iter()
            .any(|event| event.to_string().contains(&credential.secret));
        let saw = if raw {
            format!("the {name} stands in the ledger")
        } else {
            "under a pseudonym".to_owned()
        };
        sheet.pair(
            format!("who used the {name}, in clear"),
            Met::when(!raw, saw),
            Met::status(&accepted, &[200]),
        );
        Ok(())
    }
}
