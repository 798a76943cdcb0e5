//! What must not stand in anything the gate writes.

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{Guard, LedgerMark, Reply, TargetError},
    sheet::Met,
};

use super::{
    draft::{Draft, Echo, canary},
    first_route,
    keys::wide_key,
    method_of,
    settled::{ledger_that, speaks_of},
    webhooks::Source,
};
use crate::search::{Needle, Walk};

/// Attacks `log.no-payload`.
pub(super) struct NoPayload;
/// Attacks `log.no-credentials`.
pub(super) struct NoCredentials;

fn search(at: &dyn Target, value: &str) -> Result<Walk, TargetError> {
    Needle::new(value)
        .ok_or_else(|| TargetError::new("search", "the value is too short"))?
        .walk(&at.storage()?)
        .map_err(|fault| TargetError::new("search the storage", fault))
}

fn nowhere(walk: &Walk) -> Met {
    match walk.hits.first() {
        Some(hit) => Met::when(false, format!("found in {hit}")),
        None => Met::when(
            true,
            format!("0 hits in {} files, {} bytes", walk.files, walk.bytes),
        ),
    }
}

/// The search reaches what was just written: the id of the same request is in the ledger.
fn fresh(at: &dyn Target, before: &LedgerMark, reply: &Reply) -> Result<Met, TargetError> {
    let echo = Echo::of(reply);
    let Some(id) = echo.as_ref().and_then(|echo| echo.field("X-Request-Id")) else {
        return Ok(Met::when(false, "no echo"));
    };
    // Once the ledger has it, whatever will be written of this request is written.
    ledger_that(at, before, |tail| speaks_of(tail, id))?;
    let walk = search(at, id)?;
    Ok(Met::when(
        !walk.hits.is_empty(),
        "the request's id was found",
    ))
}

impl Probe for NoPayload {
    fn promise(&self) -> &'static str {
        "log.no-payload"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let (before, now) = (at.ledger_mark()?, SystemClock::new().now());
        let mut marks = Vec::new();
        let mut last = None;
        for route in at.facts().routes.clone() {
            let mark = canary(at)?;
            match &route.guard {
                Guard::Webhook(_) => {
                    last = Some(Source::of(at, &route)?.genuine(&mark, &canary(at)?, now)?);
                    let refused = canary(at)?;
                    Draft::new(at, "POST", &route.path)
                        .body(
                            "application/x-www-form-urlencoded",
                            format!("Body={refused}").as_bytes(),
                        )
                        .send(at)?;
                    marks.push(("the body of a refused delivery", refused));
                    marks.push(("the body of a genuine delivery", mark));
                }
                Guard::Open(_)
                | Guard::Key(_)
                | Guard::Token(_)
                | Guard::Session(_)
                | Guard::Certificate(_) => {
                    let target = format!("{}?q={mark}", route.path);
                    Draft::new(at, method_of(&route), &target)
                        .field("User-Agent", &mark)
                        .field("Cookie", &format!("c={mark}"))
                        .send(at)?;
                    marks.push(("query, cookie and agent of a request", mark));
                }
            }
        }
        let Some(last) = last else {
            sheet.unproven("no route takes webhooks");
            return Ok(());
        };
        let twin = fresh(at, &before, &last)?;
        for (attempt, mark) in marks {
            sheet.pair(attempt, nowhere(&search(at, &mark)?), twin.clone());
        }
        Ok(())
    }
}

impl Probe for NoCredentials {
    fn promise(&self) -> &'static str {
        "log.no-credentials"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = first_route(at, |guard| matches!(guard, Guard::Key(_)))
            .ok_or_else(|| TargetError::new("find a route", "no route asks for a key"))?;
        let roles = match &route.guard {
            Guard::Key(roles) => roles.clone(),
            Guard::Open(_)
            | Guard::Token(_)
            | Guard::Session(_)
            | Guard::Certificate(_)
            | Guard::Webhook(_) => Vec::new(),
        };
        let before = at.ledger_mark()?;
        let (key, path) = (wide_key(at, &roles)?, route.path.clone());
        let plain = |target: &str| Draft::new(at, method_of(route), target);
        plain(&format!("{path}?api_key={key}")).send(at)?;
        plain(&path)
            .field("Cookie", &format!("api_key={key}"))
            .send(at)?;
        plain(&path).field("X-Unrelated", &key).send(at)?;
        plain(&format!("/{key}")).send(at)?;
        let last = plain(&path)
            .field("X-API-Key", &key)
            .ticketed(at)?
            .send(at)?;
        let twin = fresh(at, &before, &last)?;
        let secret = key
            .rsplit_once('_')
            .map_or(key.as_str(), |(_, secret)| secret);
        let half = secret.len() / 2;
        for (attempt, part) in [
            ("the key", key.as_str()),
            (
                "the first 8 characters of its secret",
                secret.get(..8).unwrap_or_default(),
            ),
            (
                "the first 20 characters of its secret",
                secret.get(..20).unwrap_or_default(),
            ),
            (
                "the first half of its secret",
                secret.get(..half).unwrap_or_default(),
            ),
            (
                "the second half of its secret",
                secret.get(half..).unwrap_or_default(),
            ),
        ] {
            sheet.pair(
                format!("search for {attempt}"),
                nowhere(&search(at, part)?),
                twin.clone(),
            );
        }
        Ok(())
    }
}
