use std::collections::BTreeMap;

use control::{Asked, Catalogue, Control, Fit, Weakening};
use serde_json::{Value, json};

use super::*;

fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
    Asked {
        promise: promise.to_owned(),
        values: values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        line: 1,
        sentence: String::new(),
    }
}

fn coach() -> Value {
    json!({
        "deployment": {
            "name": "coach", "public_url": "https://coach.school.example:8443",
            "hosts": ["coach.internal"], "trusted_proxies": ["10.0.0.0/24"],
        },
        "app": [{ "name": "coach", "upstream": "http://127.0.0.1:1" }],
        "route": [
            { "path": "/webhook/whatsapp", "methods": ["POST"], "app": "coach",
              "webhook": { "scheme": "twilio", "secret": ["twilio"] } },
            { "path": "/webhook/health", "exact": true, "methods": ["GET"], "app": "coach",
              "auth": "none", "reason": "health" },
            { "path": "/people", "app": "coach", "auth": ["session"] },
            { "path": "/api", "app": "coach", "auth": ["api-key"], "roles": ["mentor"] },
            { "path": "/", "app": "coach", "auth": "none", "reason": "public" },
        ],
    })
}

/// Each promise of this crate, as the coach's document would ask for it.
fn sentences() -> Vec<(&'static dyn Control, Asked)> {
    CONTROLS
        .iter()
        .flat_map(|control| {
            control.card().promises.iter().map(|promise| {
                let values: &[(&str, &str)] = match *promise {
                    "host.allow-list" => &[("names", "coach.school.example, coach.internal")],
                    "proxy.trusted" => &[("from", "10.0.0.0/24")],
                    "auth.enforced" | "auth.header-only" => &[("route", "/api")],
                    "health.exact-path" => &[("path", "/webhook/health")],
                    _ => &[],
                };
                (*control, asked(promise, values))
            })
        })
        .collect()
}

fn wrong(fit: &Fit) -> &str {
    match fit {
        Fit::Fits => "",
        Fit::Falls(mend) => &mend.wrong,
    }
}

#[test]
fn every_promise_named_by_a_card_stands_in_the_catalogue() {
    let catalogue = Catalogue::built_in().unwrap();
    for (_, asked) in sentences() {
        assert!(catalogue.get(&asked.promise).is_some(), "{}", asked.promise);
    }
}

#[test]
fn a_configuration_that_says_what_the_sentences_say_fits() {
    for (control, asked) in sentences() {
        let fit = control.fit(&coach(), &asked);
        assert_eq!(fit, Fit::Fits, "{}: {}", asked.promise, wrong(&fit));
    }
}

#[test]
fn a_weakened_configuration_does_not_fit_and_says_what_mends_it() {
    for (control, asked) in sentences() {
        let mut weak = coach();
        if let Weakening::Configured(how) = control.weaken(&mut weak, &asked) {
            assert!(!how.is_empty());
            match control.fit(&weak, &asked) {
                Fit::Falls(mend) => assert!(!mend.wrong.is_empty() && !mend.write.is_empty()),
                Fit::Fits => panic!("{} still fits", asked.promise),
            }
        } else {
            assert_eq!(weak, coach(), "a sham leaves the configuration alone");
        }
    }
}

#[test]
fn an_open_route_below_a_guarded_one_breaks_its_promise() {
    let mut tree = coach();
    tree["route"].as_array_mut().unwrap().push(json!({
        "path": "/api/open", "app": "coach", "auth": "none", "reason": "x",
    }));
    let fit = AuthEnforced.fit(&tree, &asked("auth.enforced", &[("route", "/api")]));
    assert!(wrong(&fit).contains("/api/open"));
}

#[test]
fn a_path_that_only_looks_like_one_below_does_not_count() {
    let mut tree = coach();
    tree["route"].as_array_mut().unwrap().push(json!({
        "path": "/apix", "app": "coach", "auth": "none", "reason": "x",
    }));
    let fit = AuthEnforced.fit(&tree, &asked("auth.enforced", &[("route", "/api")]));
    assert_eq!(fit, Fit::Fits);
}

#[test]
fn a_path_under_an_open_route_is_not_enforced() {
    let fit = AuthEnforced.fit(&coach(), &asked("auth.enforced", &[("route", "/data")]));
    assert!(wrong(&fit).contains("governed by /"), "{}", wrong(&fit));
}

#[test]
fn names_and_proxies_beyond_the_sentence_break_it() {
    let fit = HostAllowList.fit(
        &coach(),
        &asked("host.allow-list", &[("names", "coach.school.example")]),
    );
    assert!(wrong(&fit).contains("coach.internal is served"));
    let fit = TrustedProxies.fit(&coach(), &asked("proxy.trusted", &[("from", "none")]));
    assert!(wrong(&fit).contains("10.0.0.0/24 is trusted"));
}

#[test]
fn a_route_that_switches_a_header_off_breaks_the_promise_for_the_site() {
    let mut tree = coach();
    tree["route"][4]["headers"] = json!({ "frame": "off", "reason": "embedded by a partner" });
    let fit = FrameHeader.fit(&tree, &asked("headers.frame", &[]));
    assert!(wrong(&fit).contains("the route /"));
}

#[test]
fn the_defaults_in_the_reference_are_those_in_force() {
    let (mut limits, mut app) = (String::from("[limits]\n"), String::new());
    for key in Limits.card().keys {
        let value = match key.takes {
            "a number" => key.default.to_owned(),
            _ => format!("\"{}\"", key.default),
        };
        match key.path.split_once("] ").unwrap() {
            ("[limits", name) => limits.push_str(&format!("{name} = {value}\n")),
            (_, name) => app.push_str(&format!("{name} = {value}\n")),
        }
    }
    // The app's section ends the text, so that its keys may follow it.
    let bare = crate::testing::text("");
    let written = format!("{bare}{app}{}{limits}", crate::testing::OPEN);
    let (site, otherwise) = (
        crate::testing::read(&written).unwrap(),
        crate::testing::site(crate::testing::OPEN),
    );
    assert_eq!(*site.limits(), crate::site::limits::Limits::default());
    assert_eq!(site.apps(), otherwise.apps());
}
