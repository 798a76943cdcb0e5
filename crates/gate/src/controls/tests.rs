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
        "listen": [
            { "address": "0.0.0.0:8443", "tls": { "self_signed": true, "minimum": "1.3" } },
            { "address": "0.0.0.0:80", "redirect": true },
        ],
        "headers": { "scripts": "same-origin" },
        "app": [{ "name": "coach", "upstream": "http://127.0.0.1:1" }],
        "route": [
            { "path": "/webhook/whatsapp", "methods": ["POST"], "app": "coach",
              "webhook": { "scheme": "twilio", "secret": ["twilio"] } },
            { "path": "/webhook/health", "exact": true, "methods": ["GET"], "app": "coach",
              "auth": "none", "reason": "health" },
            { "path": "/people", "app": "coach", "auth": ["session"],
              "csv": "neutralise", "download": true,
              "answers": { "schema": "people.json", "example": "{}" } },
            { "path": "/api", "app": "coach", "auth": ["api-key"], "roles": ["mentor"],
              "confine": [{ "parameter": "report", "kind": "name" }],
              "accepts": { "json": { "shortest": 1, "longest": 10000 }, "example": "{\"text\":\"a\"}" } },
            { "path": "/calls", "app": "coach", "auth": ["api-key"], "uploads": {
                "file": "10MiB", "csv": { "rows": 500, "layouts": [{ "name": "a", "columns": ["sku"] }] },
                "audio": { "kinds": ["wav"] },
            } },
            { "path": "/v1", "app": "coach", "auth": ["api-key"], "accepts": { "openapi": "v1.json" } },
            { "path": "/", "app": "coach", "auth": "none", "reason": "public" },
            { "path": "/forms", "files": { "root": "forms", "listing": "json" },
              "auth": "none", "reason": "public" },
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
                    "auth.enforced" | "auth.header-only" | "correlation.no-authority" => {
                        &[("route", "/api")]
                    }
                    "export.formulas" | "answer.described" | "download.inert" => {
                        &[("on", "/people")]
                    }
                    "files.confined" | "files.names" | "files.metadata" => &[("on", "/forms")],
                    "files.parameter" => &[("on", "/api"), ("parameter", "report")],
                    "api.contract" => &[("on", "/v1")],
                    "body.checked" => &[("on", "/api")],
                    "body.text" => &[("on", "/api"), ("longest", "10000")],
                    "upload.size" => &[("on", "/calls"), ("file", "10MiB")],
                    "upload.type" => &[("on", "/calls"), ("kinds", "csv, wav")],
                    "upload.rows" => &[("on", "/calls"), ("rows", "500")],
                    "upload.audio" => &[("on", "/calls"), ("lowest", "8000"), ("highest", "48000")],
                    "upload.names" | "upload.schema" | "upload.friendly" => &[("on", "/calls")],
                    "health.exact-path" => &[("path", "/webhook/health")],
                    "overload.slow" => &[("clients", "200"), ("within", "15s")],
                    "transport.https" => &[("left", "7d")],
                    "transport.hsts" => &[("age", "365d")],
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
    tree["route"][5]["headers"] = json!({ "frame": "off", "reason": "embedded by a partner" });
    let fit = FrameHeader.fit(&tree, &asked("headers.frame", &[]));
    assert!(wrong(&fit).contains("the route /"));
}

#[test]
fn an_id_is_promised_to_open_nothing_where_something_else_does() {
    let fit = |route| {
        RequestIds.fit(
            &coach(),
            &asked("correlation.no-authority", &[("route", route)]),
        )
    };
    assert_eq!((fit("/api"), fit("/people")), (Fit::Fits, Fit::Fits));
    for open in ["/", "/webhook/whatsapp", "/nothing"] {
        assert!(
            wrong(&fit(open)).contains("neither a key nor a session"),
            "{open}"
        );
    }
}

#[test]
fn a_listener_that_says_less_than_its_promise_breaks_it() {
    let fit = |promise: &str, listen: Value| {
        let mut tree = coach();
        tree["listen"] = listen;
        let fit = Listeners.fit(&tree, &asked(promise, &[("left", "7d")]));
        wrong(&fit).to_owned()
    };
    let tls = json!({ "address": "a", "tls": {} });
    let newest = json!({ "address": "b", "tls": { "minimum": "1.3" } });
    let without_http2 = json!({ "address": "e", "tls": { "http2": false } });
    let plain = json!({ "address": "c" });
    let redirect = json!({ "address": "d", "redirect": true });
    for (promise, listen, said) in [
        ("transport.https", json!([tls, redirect]), ""),
        (
            "transport.https",
            json!([tls, plain]),
            "c serves without TLS",
        ),
        (
            "transport.https",
            json!([redirect]),
            "no listener speaks TLS",
        ),
        ("transport.tls12", json!([tls]), ""),
        ("transport.tls12", json!([plain]), "no listener speaks TLS"),
        ("transport.tls13", json!([newest, redirect]), ""),
        (
            "transport.tls13",
            json!([newest, tls]),
            "a speaks TLS 1.2 as well",
        ),
        ("transport.http2", json!([newest]), ""),
        (
            "transport.http2",
            json!([without_http2]),
            "no listener offers HTTP/2",
        ),
        ("transport.http2", json!([plain]), "no listener speaks TLS"),
        ("transport.redirect", json!([tls, redirect]), ""),
        (
            "transport.redirect",
            json!([tls]),
            "no listener sends anybody to HTTPS",
        ),
    ] {
        assert_eq!(fit(promise, listen), said, "{promise}");
    }
}

#[test]
fn browsers_are_told_for_as_long_as_was_promised() {
    let fit = |hsts: Option<&str>, age: &str| {
        let mut tree = coach();
        if let Some(hsts) = hsts {
            tree["headers"] = json!({ "hsts": hsts, "reason": "a test" });
        }
        StrictTransport.fit(&tree, &asked("transport.hsts", &[("age", age)])) == Fit::Fits
    };
    assert!(fit(None, "365d") && fit(None, "30d") && fit(Some("730d"), "730d"));
    assert!(!fit(None, "366d") && !fit(Some("30d"), "365d") && !fit(Some("0s"), "1d"));
    assert!(!fit(None, "long"));
    let mut plain = coach();
    plain["listen"] = json!([{ "address": "a" }]);
    let fit = StrictTransport.fit(&plain, &asked("transport.hsts", &[("age", "1d")]));
    assert!(wrong(&fit).contains("no listener speaks TLS"));
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
