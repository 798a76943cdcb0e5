//! What is spoken with strangers before anything is said.
//!
//! Listeners are taken from the configuration and dialled one by one. Old versions and weak ciphers are
//! offered in a hello of our own making, because no library of today would offer them.

mod hello;

use std::time::Duration;

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target, probe::TargetError, sheet::Met,
};
use seal::certificate::Leaf;
use serde_json::Value;

use self::hello::{Offer, Said};
use super::{
    draft::{Draft, canary},
    passing,
};
use crate::target::dial::host_of;

/// Attacks `transport.https`.
pub(super) struct Https;
/// Attacks `transport.tls12`.
pub(super) struct Modern;
/// Attacks `transport.tls13`.
pub(super) struct Newest;
/// Attacks `transport.redirect`.
pub(super) struct Redirect;

/// What a listener is configured to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Plain,
    Tls,
    Redirect,
}

/// Every listener by its number.
fn listeners(at: &dyn Target) -> Vec<(usize, Spoken)> {
    let tables = at
        .facts()
        .configuration
        .get("listen")
        .and_then(Value::as_array);
    let spoken = |table: &Value| {
        if table.get("tls").is_some() {
            Spoken::Tls
        } else if table.get("redirect").and_then(Value::as_bool) == Some(true) {
            Spoken::Redirect
        } else {
            Spoken::Plain
        }
    };
    let tables = tables.into_iter().flatten();
    tables.map(spoken).enumerate().collect()
}

/// Whether the listener that probes ask speaks TLS.
pub(super) fn serves_over_tls(at: &dyn Target) -> bool {
    let first = listeners(at)
        .into_iter()
        .find(|(_, spoken)| *spoken != Spoken::Redirect);
    first.is_some_and(|(_, spoken)| spoken == Spoken::Tls)
}

impl Probe for Https {
    fn promise(&self) -> &'static str {
        "transport.https"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let left = asked.value("left").and_then(config::quantity::duration);
        let left =
            left.ok_or_else(|| TargetError::new("read the anchor", "left is no duration"))?;
        let now = SystemClock::new().now().seconds();
        let name = host_of(&at.facts().public_host).to_owned();
        for (number, spoken) in listeners(at) {
            let plain = plain(at, number, "GET", b"")?;
            let twin = whole(at, sheet)?;
            let met = match (spoken, status_of(&plain)) {
                (Spoken::Tls, None) => Met::when(true, "no answer"),
                (Spoken::Redirect, Some(308)) => Met::when(true, "sent to HTTPS"),
                (_, Some(status)) => Met::when(false, format!("answered with {status}")),
                (_, None) => Met::inconclusive("no answer"),
            };
            sheet.pair(
                format!("a request without TLS at listener {number}"),
                met,
                twin,
            );
            if spoken == Spoken::Tls {
                let leaf = Leaf::read(&at.certificate(number)?);
                let offered = said(at, number, &Offer::modern(at)?)?;
                sheet.pair(
                    format!("a certificate that serves us ill at listener {number}"),
                    serves(leaf.as_ref(), &name, now, left),
                    Met::when(offered.is_hello(), offered.told()),
                );
            }
        }
        Ok(())
    }
}

/// Whether a certificate is for `name`, and good for `left` more from `now` on.
fn serves(leaf: Option<&Leaf>, name: &str, now: i64, left: Duration) -> Met {
    let Some(leaf) = leaf else {
        return Met::when(false, "it does not read");
    };
    let more = leaf.ends - now;
    if !leaf.is_for(name) {
        Met::when(false, "it is for another name")
    } else if leaf.begins > now {
        Met::when(false, "it is not good yet")
    } else {
        let enough = u64::try_from(more).is_ok_and(|more| more >= left.as_secs());
        Met::when(enough, format!("good for {} more days", more / 86_400))
    }
}

impl Probe for Modern {
    fn promise(&self) -> &'static str {
        "transport.tls12"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let old = Offer::old(at)?.into_iter().chain(Offer::weak(at)?);
        offered(at, sheet, &old.collect::<Vec<_>>())
    }
}

impl Probe for Newest {
    fn promise(&self) -> &'static str {
        "transport.tls13"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let mut old = Offer::old(at)?;
        old.push(Offer::tls12(at)?);
        offered(at, sheet, &old)
    }
}

/// Makes each offer to each listener that speaks TLS, beside one that is fine.
fn offered(at: &dyn Target, sheet: &mut Sheet, offers: &[Offer]) -> Result<(), TargetError> {
    let secure = listeners(at).into_iter();
    let secure: Vec<usize> = secure
        .filter(|(_, spoken)| *spoken == Spoken::Tls)
        .map(|(number, _)| number)
        .collect();
    if secure.is_empty() {
        sheet.unproven("no listener speaks TLS");
        return Ok(());
    }
    for number in secure {
        for offer in offers {
            let attack = said(at, number, offer)?;
            let fine = said(at, number, &Offer::modern(at)?)?;
            sheet.pair(
                format!("{} at listener {number}", offer.name),
                Met::when(!attack.is_hello(), attack.told()),
                Met::when(fine.is_hello(), fine.told()),
            );
        }
    }
    Ok(())
}

fn said(at: &dyn Target, number: usize, offer: &Offer) -> Result<Said, TargetError> {
    Ok(Said::read(&at.dial(number, &offer.bytes)?))
}

impl Probe for Redirect {
    fn promise(&self) -> &'static str {
        "transport.redirect"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        // Whatever speaks no TLS has to send people to it.
        let without = listeners(at).into_iter();
        let without: Vec<usize> = without
            .filter(|(_, spoken)| *spoken != Spoken::Tls)
            .map(|(number, _)| number)
            .collect();
        if without.is_empty() {
            sheet.unproven("every listener speaks TLS, and nobody is sent to it");
        }
        for number in without {
            let read = plain(at, number, "GET", b"")?;
            let there = format!("https://{}/vsc", at.facts().public_host);
            let location = field_of(&read, "location");
            let sent = status_of(&read) == Some(308) && location.as_deref() == Some(&there);
            let told = status_of(&read).map_or("no answer".to_owned(), |it| it.to_string());
            let twin = whole(at, sheet)?;
            sheet.pair(
                format!("a page without TLS at listener {number}"),
                Met::when(sent, told),
                twin,
            );
            let body = canary(at)?;
            let changed = plain(at, number, "POST", body.as_bytes())?;
            let told = status_of(&changed).map_or("no answer".to_owned(), |it| it.to_string());
            let twin = whole(at, sheet)?;
            sheet.pair(
                format!("a change without TLS at listener {number}"),
                Met::when(status_of(&changed) == Some(403), told),
                twin,
            );
        }
        Ok(())
    }
}

/// A request for a page that no route needs to have, outside of TLS, to the listener of a number. Its ticket
/// keeps it from the app where it is served after all.
fn plain(
    at: &dyn Target,
    number: usize,
    method: &str,
    body: &[u8],
) -> Result<Vec<u8>, TargetError> {
    let draft = Draft::new(at, method, "/vsc");
    let draft = match body {
        [] => draft,
        body => draft.body("text/plain", body),
    };
    at.dial(number, &draft.ticketed(at)?.bytes())
}

/// What a plain request meets that is sent as it should be.
fn whole(at: &dyn Target, sheet: &mut Sheet) -> Result<Met, TargetError> {
    Ok(match passing(at, sheet)? {
        Some(draft) => Met::status(&draft.ticketed(at)?.send(at)?, &[200]),
        None => Met::inconclusive("nothing passes"),
    })
}

/// The status of an answer, where `read` is one of HTTP.
fn status_of(read: &[u8]) -> Option<u16> {
    let line = read.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

fn field_of(read: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(read);
    let (head, _) = text.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field.eq_ignore_ascii_case(name)).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests;
