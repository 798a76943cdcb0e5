//! A configuration keeps a sentence, falls without it, and falls once weakened.

use std::collections::BTreeMap;

use control::Catalogue;

use super::*;

fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
    Asked {
        promise: promise.to_owned(),
        values: values
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        line: 1,
        sentence: String::new(),
    }
}

fn configuration() -> Value {
    json!({
        "secrets": { "twilio": "env:A", "register": "env:B", "again": "env:A" },
        "route": [
            { "path": "/webhook/whatsapp", "webhook": { "scheme": "twilio", "secret": ["twilio"] } },
            { "path": "/webhook/register", "webhook": { "scheme": "standard-webhooks", "secret": "register" } },
            { "path": "/", "auth": "none", "reason": "public" },
        ],
    })
}

const WHATSAPP: (&str, &str) = ("route", "/webhook/whatsapp");

#[test]
fn every_control_names_promises_of_the_catalogue() {
    let catalogue = Catalogue::built_in().unwrap();
    for control in CONTROLS {
        for promise in control.card().promises {
            assert!(catalogue.get(promise).is_some(), "{promise}");
        }
    }
}

/// A fixed secret shows who sent a delivery and nothing of what was sent.
#[test]
fn a_route_with_a_fixed_secret_keeps_no_promise_of_signed_bodies() {
    let alerts = asked("webhook.signed", &[("route", "/alerts")]);
    let with = |scheme: &str| {
        json!({
            "secrets": { "alerts": "env:A" },
            "route": [{ "path": "/alerts", "webhook": { "scheme": scheme, "secret": "alerts" } }],
        })
    };
    for control in [&Signed as &dyn Control, &RawBody] {
        for fixed in ["bearer", "datadog", "mailgun"] {
            assert!(
                matches!(control.fit(&with(fixed), &alerts), Fit::Falls(_)),
                "{fixed}"
            );
        }
        assert_eq!(control.fit(&with("pagerduty"), &alerts), Fit::Fits);
    }
    assert_eq!(FailClosed.fit(&with("bearer"), &alerts), Fit::Fits);
}

/// The catalogue's claim names a test that exists under that name.
#[test]
fn the_constant_time_promise_names_its_test() {
    let catalogue = Catalogue::built_in().unwrap();
    let shown_by = catalogue
        .get("webhook.constant-time")
        .unwrap()
        .shown_by
        .as_deref();
    assert_eq!(shown_by, Some(CONSTANT_TIME_SHOWN_BY));
    let (_, name) = CONSTANT_TIME_SHOWN_BY.rsplit_once(' ').unwrap();
    assert!(include_str!("../../tests/constant_time.rs").contains(&format!("fn {name}()")));
}

#[test]
fn a_configuration_that_verifies_fits_and_falls_once_weakened() {
    for control in [&Signed as &dyn Control, &RawBody] {
        let asked = asked("webhook.signed", &[WHATSAPP]);
        let mut tree = configuration();
        assert_eq!(control.fit(&tree, &asked), Fit::Fits);
        assert!(matches!(
            control.weaken(&mut tree, &asked),
            Weakening::Configured(_)
        ));
        let Fit::Falls(mend) = control.fit(&tree, &asked) else {
            panic!("a weakened configuration fits");
        };
        assert!(mend.write.contains("webhook = { scheme = \"twilio\""));
        assert_eq!(
            DocumentedOpen.fit(&tree, &asked),
            Fit::Fits,
            "weakened, but loadable"
        );
    }
}

#[test]
fn a_missing_route_scheme_or_secret_falls() {
    let tree = configuration();
    for values in [
        &[("route", "/nowhere")][..],
        &[],
        &[WHATSAPP, ("scheme", "github")],
        &[("route", "/webhook/whatsapp,/")],
    ] {
        let asked = asked("webhook.signed", values);
        assert!(
            matches!(Signed.fit(&tree, &asked), Fit::Falls(_)),
            "{values:?}"
        );
    }
    let named = asked("webhook.signed", &[WHATSAPP, ("scheme", "twilio")]);
    assert_eq!(Signed.fit(&tree, &named), Fit::Fits);
    let mut tree = configuration();
    tree["route"][0]["webhook"]["secret"] = json!([]);
    assert!(matches!(FailClosed.fit(&tree, &named), Fit::Falls(_)));
}

#[test]
fn a_second_open_entry_of_the_same_path_falls() {
    let mut tree = configuration();
    let open =
        json!({ "path": "/webhook/whatsapp", "methods": ["PUT"], "auth": "none", "reason": "x" });
    tree["route"].as_array_mut().unwrap().push(open);
    let asked = asked("webhook.signed", &[WHATSAPP]);
    assert!(matches!(Signed.fit(&tree, &asked), Fit::Falls(_)));
}

#[test]
fn two_sources_must_not_share_a_secret_under_any_name() {
    let asked = asked(
        "webhook.raw-body",
        &[
            ("route", "/webhook/register"),
            ("other", "/webhook/whatsapp"),
        ],
    );
    let mut tree = configuration();
    assert_eq!(RawBody.fit(&tree, &asked), Fit::Fits);
    tree["route"][1]["webhook"]["secret"] = json!(["again"]);
    assert!(matches!(RawBody.fit(&tree, &asked), Fit::Falls(_)));
    tree["route"][1]["webhook"]["secret"] = json!(["twilio"]);
    assert!(matches!(RawBody.fit(&tree, &asked), Fit::Falls(_)));
}

#[test]
fn an_open_route_without_a_reason_falls() {
    let asked = asked("webhook.documented-open", &[]);
    for route in [
        json!({ "path": "/x" }),
        json!({ "path": "/x", "auth": "none" }),
        json!({ "path": "/x", "auth": "none", "reason": " " }),
        json!({ "path": "/x", "auth": [] }),
    ] {
        let mut tree = configuration();
        assert_eq!(DocumentedOpen.fit(&tree, &asked), Fit::Fits);
        tree["route"].as_array_mut().unwrap().push(route);
        assert!(matches!(DocumentedOpen.fit(&tree, &asked), Fit::Falls(_)));
    }
}
