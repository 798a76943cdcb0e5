//! What another site makes a browser send.

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{Guard, MintedSession, Reply, RouteFact, TargetError},
    sheet::Met,
};

use serde_json::Value;

use super::{
    draft::{Draft, canary},
    keys::wide_key,
    sessions,
    tokens::roles_of,
    webhooks::Source,
};
use crate::rights::Rights;

/// Attacks `csrf.refused`: every route that changes something and takes sessions.
pub(super) struct Refused;

/// Where a person ends their session.
const LOGOUT: &str = "/.vouchsafe/logout";

/// Methods that change something, where a route lists none.
const CHANGING: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// What a browser tells of where a request comes from, when that is another site. `{o}` is our origin.
const FOREIGN: &[(&str, &[(&str, &str)])] = &[
    (
        "by a form of another site",
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "https://other.invalid"),
        ],
    ),
    (
        "by another site, in a browser without Sec-Fetch-Site",
        &[("Origin", "https://other.invalid")],
    ),
    (
        "by a page that hides its origin",
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "null")],
    ),
    ("by a page without an origin", &[("Origin", "null")]),
    (
        "by another site that keeps its origin to itself",
        &[("Sec-Fetch-Site", "cross-site")],
    ),
    (
        "by a neighbour under the same name",
        &[("Sec-Fetch-Site", "same-site"), ("Origin", "{o}")],
    ),
    (
        "by a site whose name begins like ours",
        &[("Sec-Fetch-Site", "none"), ("Origin", "{o}.other.invalid")],
    ),
    ("by nobody knows whom", &[]),
];

impl Probe for Refused {
    fn promise(&self) -> &'static str {
        "csrf.refused"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        // Who may send is judged in one place: everything is tried on the first route, and on each other
        // whether it comes there.
        let (mut variants, mut methods) = (FOREIGN, usize::MAX);
        for route in sessions::routes(at) {
            for used in changing(at, route).into_iter().take(methods) {
                on_route(at, &route.path, &used, variants, sheet)?;
                variants = FOREIGN.get(..2).unwrap_or(FOREIGN);
            }
            socket(at, route, sheet)?;
            methods = 1;
        }
        logout(at, sheet)?;
        elsewhere(at, sheet)
    }
}

/// A method that changes something on a route, and the roles of somebody who may use it there.
type Use<'t> = (&'t str, Vec<String>);

fn changing<'t>(at: &dyn Target, route: &'t RouteFact) -> Vec<Use<'t>> {
    let methods: Vec<&str> = match route.methods.as_slice() {
        [] => CHANGING.to_vec(),
        listed => listed.iter().map(String::as_str).collect(),
    };
    let changing = methods
        .into_iter()
        .filter(|method| !sessions::reads(method));
    changing
        .filter_map(|method| Some((method, roles_for(at, route, method)?)))
        .collect()
}

/// The roles of somebody who may use `method` on a route; none where nobody may, whoever asks.
pub(super) fn roles_for(at: &dyn Target, route: &RouteFact, method: &str) -> Option<Vec<String>> {
    let configuration = &at.facts().configuration;
    let Some(rights) = Rights::of(configuration) else {
        return Some(roles_of(route).iter().take(1).cloned().collect());
    };
    let named = named_roles(configuration, route);
    let candidates = if named.is_empty() {
        &rights.roles
    } else {
        &named
    };
    let role = candidates
        .iter()
        .find(|role| rights.may(&[role], method, &route.path))?;
    Some(vec![role.clone()])
}

/// The roles that a route names in the file.
fn named_roles(configuration: &Value, route: &RouteFact) -> Vec<String> {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let is = |entry: &&Value| {
        entry.get("path").and_then(Value::as_str) == Some(&route.path)
            && texts(entry.get("methods")) == route.methods
    };
    let routes = configuration.get("route").and_then(Value::as_array);
    let entry = routes.into_iter().flatten().find(is);
    texts(entry.and_then(|entry| entry.get("roles")))
}

/// A request with a body: what the route takes, or a form.
fn form(at: &dyn Target, method: &str, path: &str) -> Draft {
    let draft = Draft::new(at, method, path);
    if !draft.body.is_empty() {
        return draft;
    }
    draft.body("application/x-www-form-urlencoded", b"a=b")
}

/// The request with what a browser tells of its origin.
fn told(at: &dyn Target, mut draft: Draft, tells: &[(&str, &str)]) -> Draft {
    for (name, value) in tells {
        draft = draft.field(name, &value.replace("{o}", &sessions::origin(at)));
    }
    draft
}

fn on_route(
    at: &dyn Target,
    path: &str,
    (method, roles): &Use<'_>,
    variants: &[(&str, &[(&str, &str)])],
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let session = sessions::fresh(at, roles)?;
    let plain = form(at, method, path);
    for (attempt, tells) in variants {
        let attack = told(at, plain.clone(), tells).field("Cookie", &session.cookie);
        let attack = attack.ticketed(at)?.send(at)?;
        let twin = sessions::from_our_page(at, &plain, &session);
        sheet.pair(
            format!("{method} {path} {attempt}"),
            Met::status(&attack, &[403]),
            Met::status(&twin.ticketed(at)?.send(at)?, &[200]),
        );
    }
    Ok(())
}

/// A WebSocket changes what it likes, and no browser asks before it opens one to another site.
fn socket(at: &dyn Target, route: &RouteFact, sheet: &mut Sheet) -> Result<(), TargetError> {
    if !(route.methods.is_empty() || route.methods.iter().any(|method| method == "GET")) {
        return Ok(());
    }
    let Some(roles) = roles_for(at, route, "GET") else {
        return Ok(());
    };
    let session = sessions::fresh(at, &roles)?;
    let handshake = |origin: &str| -> Result<Reply, TargetError> {
        let draft = Draft::new(at, "GET", &route.path)
            .field("Cookie", &session.cookie)
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", "13")
            .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .field("Origin", origin)
            .ticketed(at)?;
        let text = String::from_utf8_lossy(&draft.bytes())
            .replace("Connection: close", "Connection: Upgrade");
        at.send(text.as_bytes())
    };
    let attack = handshake("https://other.invalid")?;
    // The echo speaks no WebSocket: it answers the handshake as any request.
    let twin = handshake(&sessions::origin(at))?;
    sheet.pair(
        format!("{} by a WebSocket of another site", route.path),
        Met::status(&attack, &[403]),
        Met::status(&twin, &[200]),
    );
    Ok(())
}

/// Nor does another site log anybody out.
fn logout(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let session = sessions::fresh(at, &[])?;
    let plain = form(at, "POST", LOGOUT);
    for (attempt, tells) in FOREIGN.iter().take(2) {
        let attack = told(at, plain.clone(), tells).field("Cookie", &session.cookie);
        let attack = attack.send(at)?;
        // A session of its own: what ends with the twin must not have ended with the attack.
        let other = sessions::fresh(at, &[])?;
        let twin = sessions::from_our_page(at, &plain, &other).send(at)?;
        sheet.pair(
            format!("a logout {attempt}"),
            Met::status(&attack, &[403]),
            Met::status(&twin, &[303]),
        );
    }
    Ok(())
}

/// Keys and signatures count from anywhere, and a session in their place does not.
fn elsewhere(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let tells: &[(&str, &str)] = FOREIGN.first().map_or(&[], |(_, tells)| tells);
    let session = sessions::fresh(at, &[])?;
    for route in &at.facts().routes {
        let path = &route.path;
        match &route.guard {
            Guard::Key(_) => {
                let Some((method, roles)) = changing(at, route).into_iter().next() else {
                    continue;
                };
                let plain = told(at, form(at, method, path), tells);
                let key = wide_key(at, &roles)?;
                let twin = plain.clone().field("X-API-Key", &key).ticketed(at)?;
                let attack = with(plain, &session).ticketed(at)?.send(at)?;
                sheet.pair(
                    format!("{method} {path} by another site with a session instead of a key"),
                    Met::status(&attack, &[401, 403]),
                    Met::status(&twin.send(at)?, &[200]),
                );
            }
            Guard::Webhook(_) => {
                let source = Source::of(at, route)?;
                let now = SystemClock::new().now();
                let genuine = source.genuine(&canary(at)?, &canary(at)?, now)?;
                let unsigned = told(at, form(at, "POST", path), tells);
                let attack = with(unsigned, &session).send(at)?;
                sheet.pair(
                    format!("POST {path} by another site with a session instead of a signature"),
                    Met::status(&attack, &[401, 403]),
                    Met::status(&genuine, &[200]),
                );
            }
            Guard::Open(_) | Guard::Token(_) | Guard::Session(_) | Guard::Certificate(_) => {}
        }
    }
    Ok(())
}

fn with(draft: Draft, session: &MintedSession) -> Draft {
    draft.field("Cookie", &session.cookie)
}

#[cfg(test)]
mod tests {
    use control::Verdict;
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer, echo};

    /// A gate with a route for people, and how it judges where a request comes from.
    fn gate(judges: impl Fn(&str) -> bool + 'static) -> Double {
        let mut at = Double::answering(move |request| {
            if request.starts_with("GET") && !request.contains("Upgrade") || judges(request) {
                if request.contains(LOGOUT) {
                    return answer(303, &json!({}));
                }
                return echo(&[]);
            }
            answer(403, &json!({}))
        });
        at.facts.routes.truncate(1);
        if let Some(route) = at.facts.routes.first_mut() {
            route.guard = Guard::Session(Vec::new());
            route.sessions = true;
        }
        at
    }

    fn verdict(at: &Double) -> Verdict {
        let asked = Asked {
            promise: String::new(),
            values: std::collections::BTreeMap::new(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        Refused.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn who_changes_something_is_somebody_who_may() {
        let mut at = Double::new();
        at.facts.configuration = json!({
            "roles": {
                "reader": { "allow": ["GET /app"] },
                "writer": { "allow": ["POST /app"] },
                "chief": { "allow": ["*"] },
            },
            "route": [{ "path": "/app", "roles": ["reader", "writer"] }, { "path": "/any" }],
        });
        let mut route = at.facts.routes.remove(0);
        for (path, expected) in [
            ("/app", vec![("POST", "writer")]),
            ("/any", CHANGING.map(|method| (method, "chief")).to_vec()),
        ] {
            path.clone_into(&mut route.path);
            let found = changing(&at, &route);
            let found: Vec<_> = found
                .iter()
                .map(|(method, roles)| (*method, roles[0].as_str()))
                .collect();
            assert_eq!(found, expected);
        }
        at.facts.configuration = json!({});
        route.guard = Guard::Session(vec!["mentor".to_owned(), "lead".to_owned()]);
        assert_eq!(
            changing(&at, &route)[0],
            ("POST", vec!["mentor".to_owned()])
        );
    }

    #[test]
    fn whoever_looks_at_half_of_what_a_browser_tells_is_found_out() {
        let same = |request: &str| {
            let ours = request.contains("Origin: http://coach.example\r\n");
            let foreign = ["cross-site", "same-site"];
            ours && !foreign.iter().any(|site| request.contains(site))
        };
        assert_eq!(verdict(&gate(same)), Verdict::Kept);
        let halves: [fn(&str) -> bool; 4] = [
            |request| !request.contains("cross-site"),
            |request| !request.contains("other.invalid"),
            |request| request.contains("Origin: http://coach.example"),
            |_| true,
        ];
        for half in halves {
            assert_eq!(verdict(&gate(half)), Verdict::Broken);
        }
        assert_eq!(
            verdict(&gate(|_| false)),
            Verdict::Error,
            "nothing passes at all"
        );
    }
}
