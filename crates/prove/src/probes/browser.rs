//! What every answer tells a browser.
//!
//! Asks for answers of every kind the gate gives, its own refusals included, and reads one field.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, Guard, Reply, RouteFact, TargetError},
    sheet::Met,
};

use super::{draft::Draft, first_route, method_of, transport};

/// Attacks `headers.nosniff`.
pub(super) struct Nosniff;
/// Attacks `headers.frame`.
pub(super) struct Frame;
/// Attacks `headers.referrer`.
pub(super) struct Referrer;
/// Attacks `transport.hsts`.
pub(super) struct StrictTransport;

impl Probe for Nosniff {
    fn promise(&self) -> &'static str {
        "headers.nosniff"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        on_every_answer(at, sheet, |answer| {
            field_is(answer, "X-Content-Type-Options", |value| {
                value.eq_ignore_ascii_case("nosniff")
            })
        })
    }
}

impl Probe for Frame {
    fn promise(&self) -> &'static str {
        "headers.frame"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        on_every_answer(at, sheet, |answer| {
            field_is(answer, "X-Frame-Options", |value| {
                value.eq_ignore_ascii_case("deny") || value.eq_ignore_ascii_case("sameorigin")
            })
        })
    }
}

impl Probe for Referrer {
    fn promise(&self) -> &'static str {
        "headers.referrer"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        on_every_answer(at, sheet, |answer| {
            field_is(answer, "Referrer-Policy", |value| {
                value.eq_ignore_ascii_case("same-origin")
                    || value.eq_ignore_ascii_case("no-referrer")
            })
        })
    }
}

impl Probe for StrictTransport {
    fn promise(&self) -> &'static str {
        "transport.hsts"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let age = asked.value("age").and_then(config::quantity::duration);
        let age = age.ok_or_else(|| TargetError::new("read the anchor", "age is no duration"))?;
        let preload = asked.value("preload").is_some();
        if !transport::serves_over_tls(at) {
            sheet.unproven("the listener that is asked speaks no TLS, where nothing may be said");
            return Ok(());
        }
        on_every_answer(at, sheet, |answer| {
            field_is(answer, "Strict-Transport-Security", |value| {
                insists(value, age.as_secs()) && (!preload || is_listed(value))
            })
        })
    }
}

/// Whether a value has browsers insist on TLS for so many seconds, sub-domains included (RFC 6797,
/// section 6.1).
fn insists(value: &str, seconds: u64) -> bool {
    let directives = || value.split(';').map(str::trim);
    let age = directives().find_map(|it| it.strip_prefix("max-age="));
    let age = age.and_then(|age| age.parse::<u64>().ok());
    age.is_some_and(|age| age >= seconds)
        && directives().any(|it| it.eq_ignore_ascii_case("includeSubDomains"))
}

/// Whether a value agrees that browsers ship with the name.
fn is_listed(value: &str) -> bool {
    let mut directives = value.split(';').map(str::trim);
    directives.any(|it| it.eq_ignore_ascii_case("preload"))
}

/// One value, once, and the right one: two fields of the name are read differently by browsers.
fn field_is(answer: &Answer, name: &str, right: impl Fn(&str) -> bool) -> Met {
    let values: Vec<&str> = answer
        .fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    match values.as_slice() {
        [] => Met::when(false, format!("no {name}")),
        [value] => Met::when(right(value.trim()), format!("{name}: {value}")),
        _ => Met::when(false, format!("{} {name} fields", values.len())),
    }
}

fn on_every_answer(
    at: &dyn Target,
    sheet: &mut Sheet,
    judge: impl Fn(&Answer) -> Met,
) -> Result<(), TargetError> {
    for (name, draft, statuses) in answers(at)? {
        let reply = draft.send(at)?;
        let met = match &reply {
            Reply::Answer(answer) => judge(answer),
            Reply::Closed | Reply::TimedOut => Met::inconclusive("no answer"),
        };
        sheet.pair(name, met, Met::status(&reply, statuses));
    }
    Ok(())
}

/// A kind of answer: its name, a request for it, and the statuses that show it is that kind.
type Kind = (&'static str, Draft, &'static [u16]);

/// One request for each kind of answer, with the statuses that show it is that kind.
fn answers(at: &dyn Target) -> Result<Vec<Kind>, TargetError> {
    let mut drafts: Vec<Kind> = Vec::new();
    if let Some(route) = first_route(at, |guard| matches!(guard, Guard::Open(_))) {
        let plain = Draft::new(at, method_of(route), &route.path);
        drafts.push((
            "an answer from behind the gate",
            plain.ticketed(at)?,
            &[200],
        ));
    }
    if let Some(route) = first_route(at, |guard| matches!(guard, Guard::Key(_))) {
        drafts.push((
            "no credential (401)",
            Draft::new(at, method_of(route), &route.path),
            &[401],
        ));
    }
    if let Some(route) = first_route(at, |guard| matches!(guard, Guard::Session(_))) {
        let plain = Draft::new(at, method_of(route), &route.path);
        drafts.push(("no session (401)", plain.clone(), &[401]));
        if plain.method == "GET" {
            let step = plain.field("Sec-Fetch-Mode", "navigate");
            drafts.push(("the way to the login (303)", step, &[303]));
        }
    }
    if let Some(route) = first_route(at, |guard| matches!(guard, Guard::Webhook(_))) {
        let unsigned = Draft::new(at, method_of(route), &route.path);
        drafts.push((
            "no signature (403)",
            unsigned.body("application/json", b"{}"),
            &[403],
        ));
    }
    let listed = |route: &&RouteFact| {
        !route.methods.is_empty() && !route.methods.iter().any(|method| method == "DELETE")
    };
    if let Some(route) = at.facts().routes.iter().find(listed) {
        drafts.push((
            "a method that is not listed (405)",
            Draft::new(at, "DELETE", &route.path),
            &[405],
        ));
    }
    if !at
        .facts()
        .routes
        .iter()
        .any(|route| route.path == "/" && !route.exact)
    {
        drafts.push((
            "no route (404)",
            Draft::new(at, "GET", "/no-such-route-here"),
            &[404],
        ));
    }
    drafts.push((
        "broken framing (400)",
        Draft::new(at, "GET", "/a#b"),
        &[400],
    ));
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_insist_for_as_long_as_was_promised_and_everywhere() {
        for value in [
            "max-age=60; includeSubDomains",
            "includesubdomains;max-age=61; preload",
        ] {
            assert!(insists(value, 60), "{value}");
        }
        for value in [
            "max-age=59; includeSubDomains",
            "max-age=60",
            "includeSubDomains",
            "",
        ] {
            assert!(!insists(value, 60), "{value}");
        }
    }
}
