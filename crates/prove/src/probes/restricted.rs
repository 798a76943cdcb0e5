//! Coming to a page that is for others.
//!
//! Owns the attempts on paths that a document reserves for some roles: by everybody with another role or
//! none, by whoever shows nothing, and with a key where people log in. Roles apart, each attempt is what
//! the twin of a promised role does.

use std::collections::BTreeSet;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, LedgerMark, Reply, RouteFact, TargetError},
    sheet::Met,
};

use super::{
    audit::request_id,
    draft::Draft,
    keys::wide_key,
    method_of,
    roles::{People, STRANGER, governing, named_roles},
    settled::{ledger_that, speaks_of},
    tokens::can_be_had,
};
use crate::rights::Rights;

/// Attacks `access.restricted`.
pub(super) struct Restricted;

impl Probe for Restricted {
    fn promise(&self) -> &'static str {
        "access.restricted"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let promised = asked.list("roles");
        let mut others: BTreeSet<String> = named_roles(at).into_iter().flatten().collect();
        let table = Rights::of(&at.facts().configuration);
        others.extend(table.into_iter().flat_map(|it| it.roles));
        others.insert(STRANGER.to_owned());
        others.retain(|role| !promised.contains(&role.as_str()));
        let people = People::of(at);
        for path in asked.list("path") {
            let Some((_, route)) = governing(at, path) else {
                let cause = format!("no [[route]] governs {path}");
                return Err(TargetError::new("find the route", cause));
            };
            let (Guard::Key(able) | Guard::Token(able) | Guard::Session(able)) = &route.guard
            else {
                sheet.unproven(format!("{path} asks for no credential"));
                return Ok(());
            };
            if !can_be_had(at, route, sheet) {
                return Ok(());
            }
            let Some(insider) = able.iter().find(|role| promised.contains(&role.as_str())) else {
                let cause = format!("none of the promised roles may anything at {path}");
                return Err(TargetError::new("find a role", cause));
            };
            let twin = || -> Result<Met, TargetError> {
                let reply = people.ask(route, &[insider], method_of(route), path)?;
                Ok(Met::status(&reply, &[200]))
            };
            as_others(at, &people, (route, path), &others, &twin, sheet)?;
            with_nothing(at, (route, path), insider, &twin, sheet)?;
        }
        Ok(())
    }
}

/// With a credential of the right kind and another role, or none.
fn as_others(
    at: &dyn Target,
    people: &People<'_>,
    (route, path): (&RouteFact, &str),
    others: &BTreeSet<String>,
    twin: &dyn Fn() -> Result<Met, TargetError>,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let method = method_of(route);
    let nobody: &[&str] = &[];
    let single: Vec<[&str; 1]> = others.iter().map(|role| [role.as_str()]).collect();
    for roles in single.iter().map(|role| &role[..]).chain([nobody]) {
        let mark = at.ledger_mark()?;
        let attack = people.ask(route, roles, method, path)?;
        let name = roles.first().copied().unwrap_or("nobody in particular");
        sheet.pair(
            format!("{method} {path} as {name}"),
            refused_and_recorded(at, &mark, &attack)?,
            twin()?,
        );
    }
    Ok(())
}

/// Without any credential, and where people log in with a key of the very role.
fn with_nothing(
    at: &dyn Target,
    (route, path): (&RouteFact, &str),
    insider: &str,
    twin: &dyn Fn() -> Result<Met, TargetError>,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let method = method_of(route);
    let attack = Draft::new(at, method, path).ticketed(at)?.send(at)?;
    sheet.pair(
        format!("{method} {path} without a credential"),
        Met::status(&attack, &[401]),
        twin()?,
    );
    if matches!(route.guard, Guard::Session(_)) {
        let key = wide_key(at, &[insider.to_owned()])?;
        let attack = Draft::new(at, method, path)
            .field("Authorization", &format!("Bearer {key}"))
            .ticketed(at)?
            .send(at)?;
        sheet.pair(
            format!("{method} {path} with a key as {insider}"),
            Met::status(&attack, &[401]),
            twin()?,
        );
    }
    Ok(())
}

/// Whether the attempt ended with 403 and stands in the ledger.
fn refused_and_recorded(
    at: &dyn Target,
    mark: &LedgerMark,
    reply: &Reply,
) -> Result<Met, TargetError> {
    let met = Met::status(reply, &[403]);
    let Some(id) = request_id(reply).filter(|_| reply.answer().is_some_and(|it| it.status == 403))
    else {
        return Ok(met);
    };
    let tail = ledger_that(at, mark, |tail| speaks_of(tail, &id))?;
    Ok(if speaks_of(&tail, &id) {
        Met::when(true, "403, in the ledger")
    } else {
        Met::when(false, "403, but not in the ledger")
    })
}
