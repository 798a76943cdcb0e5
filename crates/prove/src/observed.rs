//! What observation of routes does to promises.
//!
//! Owns which promises fall while a route is observed: those that name it, and those about every route of
//! its kind. They are broken whatever else would hold, and no other probe touches such a route, because what
//! it expects to be refused would reach the app. What is shown of it is one request that proves nothing,
//! with a ticket, which ends at the echo.

use control::{
    Asked, Evidence, Mend, Target, Timestamp,
    probe::{Guard, RouteFact},
};
use serde_json::Value;

use crate::{dates, probes, rights::is_below};

/// Promises about every route that asks for a credential.
const OF_CREDENTIALS: &[&str] = &[
    "auth.enforced",
    "auth.header-only",
    "correlation.no-authority",
    "key.scoped",
    "key.unrestricted",
    "key.revocable",
    "token.genuine",
    "token.expires",
    "token.revocable",
    "token.once",
    "access.by-role",
    "access.restricted",
    "session.idle",
    "session.longest",
    "session.isolated",
    "csrf.refused",
];

/// Promises about every route of webhooks.
const OF_WEBHOOKS: &[&str] = &["webhook.signed", "webhook.raw-body", "webhook.replay"];

/// Promises about bodies, and about how often somebody may ask.
const OF_ANYBODY: &[&str] = &[
    "body.checked",
    "body.text",
    "limits.rate",
    "limits.uploads",
    "limits.apart",
];

/// Names under which an anchor carries paths.
const PATHS: &[&str] = &["route", "on", "path"];

/// The last day of a route's observation, where it goes on at `now`.
pub(crate) fn last_day(route: &Value, now: Timestamp) -> Option<String> {
    let text = |name: &str| route.get(name).and_then(Value::as_str);
    if text("mode") != Some("observe") {
        return None;
    }
    // A day that does not read would not have started; were it to, it counts as going on.
    let day = text("until").unwrap_or_default();
    match dates::end_of_day(day) {
        Some(end) if end <= now => None,
        _ => Some(day.to_owned()),
    }
}

/// The observed route that breaks a promise, with its last day.
pub(crate) fn breaks<'t>(asked: &Asked, at: &'t dyn Target) -> Option<&'t (RouteFact, String)> {
    let promise = asked.promise.as_str();
    let paths: Vec<&str> = PATHS.iter().flat_map(|key| asked.list(key)).collect();
    let speaks_of = |route: &RouteFact| {
        if !paths.is_empty() {
            return paths.iter().any(|path| meet(route, path));
        }
        let by_guard = match &route.guard {
            Guard::Key(_) | Guard::Token(_) | Guard::Session(_) | Guard::Certificate(_) => {
                OF_CREDENTIALS
            }
            Guard::Webhook(_) => OF_WEBHOOKS,
            Guard::Open(_) => &[],
        };
        by_guard.contains(&promise) || OF_ANYBODY.contains(&promise)
    };
    let mut observed = at.facts().observed.iter();
    observed.find(|(route, _)| speaks_of(route))
}

/// Whether a sentence about `path` is also about `route`: it governs that, or lies below it.
fn meet(route: &RouteFact, path: &str) -> bool {
    is_below(&route.path, path) || !route.exact && is_below(path, &route.path)
}

/// What would mend it.
pub(crate) fn mend((route, until): &(RouteFact, String)) -> Mend {
    Mend {
        wrong: format!(
            "the route {} is observed until {until}: what it would refuse passes",
            route.path
        ),
        write: format!(
            "in the [[route]] {}: remove mode = \"observe\" and until",
            route.path
        ),
    }
}

/// A request that proves nothing, and what became of it.
pub(crate) fn shown((route, _): &(RouteFact, String), at: &dyn Target) -> Evidence {
    let attempt = format!(
        "{} {} with nothing that proves anything",
        route.method, route.path
    );
    let body: &[u8] = match route.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" | "DELETE" => b"",
        _ => b"{}",
    };
    let saw = match probes::bare(at, route, body) {
        Ok(saw) => saw,
        Err(cause) => format!("not sent: {cause}"),
    };
    Evidence {
        attempt,
        saw,
        twin: None,
        held: false,
    }
}

/// Makes every route of a child enforce: it shows what this build can keep.
pub(crate) fn enforce(configuration: &mut Value) {
    let routes = configuration.get_mut("route").and_then(Value::as_array_mut);
    for route in routes
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if route.shift_remove("mode").is_some() {
            route.shift_remove("until");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, echo};

    fn observed(path: &str, guard: Guard) -> (RouteFact, String) {
        let at = Double::answering(|_| echo(&[]));
        let mut route = at.facts.routes.first().unwrap().clone();
        path.clone_into(&mut route.path);
        route.exact = false;
        route.guard = guard;
        (route, "2027-01-31".to_owned())
    }

    fn asked(promise: &str, pairs: &[(&str, &str)]) -> Asked {
        Asked {
            promise: promise.to_owned(),
            values: pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            line: 1,
            sentence: String::new(),
        }
    }

    #[test]
    fn a_promise_falls_with_a_route_that_it_names_or_that_is_of_its_kind() {
        let mut at = Double::answering(|_| echo(&[]));
        at.facts.observed = vec![observed("/api", Guard::Key(Vec::new()))];
        for (promise, pairs, falls) in [
            ("auth.enforced", &[("route", "/api")][..], true),
            ("auth.enforced", &[("route", "/")], true),
            ("auth.enforced", &[("route", "/api/below")], true),
            ("auth.enforced", &[("route", "/apix, /api")], true),
            ("auth.enforced", &[("route", "/apix")], false),
            ("body.checked", &[("on", "/api")], true),
            ("key.revocable", &[], true),
            ("limits.rate", &[], true),
            ("webhook.signed", &[("route", "/hook")], false),
            ("wire.framing", &[], false),
            ("audit.every-request", &[], false),
        ] {
            assert_eq!(
                breaks(&asked(promise, pairs), &at).is_some(),
                falls,
                "{promise} {pairs:?}"
            );
        }
        at.facts.observed.clear();
        assert!(breaks(&asked("auth.enforced", &[("route", "/api")]), &at).is_none());
    }

    #[test]
    fn every_promise_listed_here_stands_in_the_catalogue() {
        let catalogue = control::Catalogue::built_in().unwrap();
        for promise in [OF_CREDENTIALS, OF_WEBHOOKS, OF_ANYBODY].concat() {
            assert!(catalogue.get(promise).is_some(), "{promise}");
        }
    }

    #[test]
    fn an_observation_ends_with_its_day() {
        let route = json!({"path": "/", "mode": "observe", "until": "2027-01-31"});
        let end = dates::end_of_day("2027-01-31").unwrap();
        let before = Timestamp::from_millis(end.millis() - 1);
        assert_eq!(last_day(&route, before).as_deref(), Some("2027-01-31"));
        assert_eq!(last_day(&route, end), None);
        assert_eq!(last_day(&json!({"path": "/"}), before), None);
        let mut tree = json!({"route": [route]});
        enforce(&mut tree);
        assert_eq!(tree, json!({"route": [{"path": "/"}]}));
    }

    #[test]
    fn what_is_shown_never_speaks_for_the_promise() {
        let at = Double::answering(|_| echo(&[]));
        let route = observed("/api", Guard::Key(Vec::new()));
        let shown = shown(&route, &at);
        assert!(!shown.held && shown.saw.contains("200"), "{shown:?}");
        let sent = at.sent.borrow();
        assert!(sent.iter().all(|sent| sent.contains("X-Vouchsafe-Ticket")));
    }
}
