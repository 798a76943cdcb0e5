use control::{
    Card, Catalogue, Class, Control, ControlId, Mend, Probe, Sheet, Timestamp, sheet::Met,
};
use serde_json::json;

use super::*;
use crate::{
    document::Document,
    target::double::{Double, answer, echo},
};

/// Sends the name of its promise, which a good child refuses with 403.
struct Asks(&'static str);

impl Probe for Asks {
    fn promise(&self) -> &'static str {
        self.0
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let reply = at.send(self.0.as_bytes())?;
        sheet.pair("ask", Met::status(&reply, &[403]), Met::when(true, "200"));
        Ok(())
    }
}

/// Holds whatever happens: a probe that cannot fail.
struct Blind(&'static str);

impl Probe for Blind {
    fn promise(&self) -> &'static str {
        self.0
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        at.send(b"hello")?;
        sheet.pair("ask", Met::when(true, "403"), Met::when(true, "200"));
        Ok(())
    }
}

/// Dials the app on every interface.
struct Dials;

impl Probe for Dials {
    fn promise(&self) -> &'static str {
        "app.only-behind-gate"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        for interface in &at.facts().interfaces {
            let reached = at.reach((*interface, 8502).into());
            sheet.pair(
                "dial",
                Met::when(!reached, "dialled"),
                Met::when(true, "behind"),
            );
        }
        Ok(())
    }
}

/// Keeps one promise by a setting of its own, or by nothing a setting could take away.
struct Keeps {
    card: &'static Card,
    sham: Option<&'static str>,
    noticed: bool,
}

impl Control for Keeps {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let off = configuration["off"]
            .as_str()
            .is_some_and(|off| off == asked.promise);
        if off && self.noticed {
            return Fit::Falls(Mend {
                wrong: "off".into(),
                write: "on".into(),
            });
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        match self.sham {
            Some(name) => Weakening::Sham(name),
            None => {
                configuration["off"] = json!(asked.promise);
                Weakening::Configured(format!("{} is off", asked.promise))
            }
        }
    }
}

const fn card(promises: &'static [&'static str]) -> Card {
    Card {
        id: ControlId("test"),
        title: "Test",
        summary: "Test.",
        promises,
        keys: &[],
    }
}

static SIGNED: Card = card(&["webhook.signed"]);
static HOSTS: Card = card(&["host.allow-list"]);
static APP: Card = card(&["app.only-behind-gate"]);

fn by_setting(card: &'static Card) -> Keeps {
    Keeps {
        card,
        sham: None,
        noticed: true,
    }
}

/// A child that answers 200 to the names standing in its `off`, else 403.
fn start(configuration: &Value) -> Result<ChildStart, TargetError> {
    let off = configuration["off"].clone();
    let child = Double::answering(move |text| {
        if off
            .as_str()
            .is_some_and(|off| off.split(' ').any(|name| name == text))
        {
            echo(&[])
        } else {
            answer(403, &json!({}))
        }
    });
    Ok(ChildStart::Up(Box::new(child)))
}

fn tried(
    promises: &[&str],
    controls: &[&dyn Control],
    probes: &[&dyn Probe],
    start: Start<'_>,
) -> SelfTest {
    let sentences = promises
        .iter()
        .enumerate()
        .map(|(index, promise)| Sentence {
            asked: Asked {
                promise: (*promise).to_owned(),
                values: BTreeMap::new(),
                line: index + 1,
                sentence: String::new(),
            },
            attested: None,
            disagreeing: Vec::new(),
        })
        .collect();
    let plan = Plan {
        document: &Document {
            file: "SECURITY.md".into(),
            sentences,
        },
        configuration: &json!({"off": ""}),
        waivers: &[],
        controls,
        catalogue: &Catalogue::built_in().unwrap(),
        probes,
        allow: Class::Disruptive,
        now: Timestamp::from_seconds(0),
    };
    run_with(&plan, start).unwrap()
}

const BOTH: [&str; 2] = ["webhook.signed", "host.allow-list"];

#[test]
fn a_probe_that_notices_passes() {
    let controls: [&dyn Control; 3] = [
        &by_setting(&SIGNED),
        &by_setting(&HOSTS),
        &Keeps {
            card: &APP,
            sham: Some("app-exposed"),
            noticed: true,
        },
    ];
    let promises = ["webhook.signed", "host.allow-list", "app.only-behind-gate"];
    let probes: [&dyn Probe; 3] = [&Asks(BOTH[0]), &Asks(BOTH[1]), &Dials];
    let test = tried(&promises, &controls, &probes, &start);
    assert_eq!(test.exit_code(), 0, "{test:?}");
    assert_eq!(test.trials.len(), 3);
    assert_eq!(
        test.line(),
        "3 of 3 faults were found by exactly the right probes"
    );
}

#[test]
fn a_probe_that_cannot_fail_is_found_out() {
    let test = tried(
        &BOTH[..1],
        &[&by_setting(&SIGNED)],
        &[&Blind(BOTH[0])],
        &start,
    );
    assert_eq!(test.exit_code(), 1);
    let fault = test.trials[0].fault.as_deref().unwrap();
    assert_eq!(fault, "its probe says kept where it must say broken");
}

#[test]
fn a_promise_that_falls_without_depending_is_a_fault_and_a_dependant_is_none() {
    let taking_both = |configuration: &Value| {
        let both = json!({"off": "webhook.signed host.allow-list webhook.replay"});
        let weak = configuration["off"] != "";
        start(if weak { &both } else { configuration })
    };
    let probes: [&dyn Probe; 3] = [&Asks(BOTH[0]), &Asks(BOTH[1]), &Asks("webhook.replay")];
    let controls: [&dyn Control; 1] = [&by_setting(&SIGNED)];
    let test = tried(&BOTH, &controls, &probes, &taking_both);
    let fault = test.trials[0].fault.as_deref().unwrap();
    assert!(fault.contains("host.allow-list (line 2)"), "{fault}");
    let test = tried(
        &["webhook.signed", "webhook.replay"],
        &controls,
        &probes,
        &taking_both,
    );
    assert_eq!(test.trials[0].fault, None);
    assert_eq!(test.trials[0].beside, ["webhook.replay (line 2)"]);
    assert_eq!(test.trials[1].fault.as_deref(), Some("no control keeps it"));
}

#[test]
fn a_weakened_configuration_must_not_read_as_a_good_one() {
    let control = Keeps {
        noticed: false,
        ..by_setting(&SIGNED)
    };
    let test = tried(&BOTH[..1], &[&control], &[&Asks(BOTH[0])], &start);
    assert_eq!(
        test.trials[0].fault.as_deref(),
        Some("reading the configuration does not notice")
    );
}

#[test]
fn a_fault_no_sham_has_is_said() {
    let control = Keeps {
        sham: Some("framing-lenien"),
        ..by_setting(&SIGNED)
    };
    let test = tried(&BOTH[..1], &[&control], &[&Asks(BOTH[0])], &start);
    assert_eq!(
        test.trials[0].fault.as_deref(),
        Some("no sham has a flaw called framing-lenien")
    );
}

#[test]
fn what_does_not_hold_on_a_good_child_fails_the_test() {
    let bad = |configuration: &Value| {
        let _ = configuration;
        start(&json!({"off": "webhook.signed"}))
    };
    let test = tried(&BOTH[..1], &[&by_setting(&SIGNED)], &[&Asks(BOTH[0])], &bad);
    assert_eq!(test.unheld[0].verdict, Verdict::Broken);
    assert_eq!(test.unheld[0].saw, ["ask: 200"]);
    assert_eq!(test.exit_code(), 1);
}

/// Takes each promise away by the sham its control names.
struct Shams;

static ALL: Card = card(&[
    "wire.framing",
    "host.allow-list",
    "identity.headers-stripped",
    "proxy.trusted",
    "app.only-behind-gate",
    "health.exact-path",
    "auth.header-only",
    "key.scoped",
    "key.revocable",
    "key.digest-only",
    "key.prefix-entropy",
    "log.no-payload",
    "log.no-credentials",
    "audit.every-request",
    "audit.auth-events",
    "webhook.replay",
    "webhook.fail-closed",
    "webhook.documented-open",
    "auth.default-on",
]);

impl Control for Shams {
    fn card(&self) -> &'static Card {
        &ALL
    }

    fn fit(&self, _: &Value, _: &Asked) -> Fit {
        Fit::Fits
    }

    fn weaken(&self, _: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "wire.framing" => "framing-lenient",
            "host.allow-list" => "any-host",
            "identity.headers-stripped" => "headers-kept",
            "proxy.trusted" => "forwarded-believed",
            "app.only-behind-gate" => "app-exposed",
            "health.exact-path" => "health-by-prefix",
            "auth.header-only" => "key-in-query",
            "key.scoped" => "scope-ignored",
            "key.revocable" => "revocation-ignored",
            "key.digest-only" => "key-stored-raw",
            "key.prefix-entropy" => "key-shown-whole",
            "log.no-payload" => "canary-in-log",
            "log.no-credentials" => "key-in-log",
            "audit.every-request" => "event-dropped",
            "audit.auth-events" => "auth-event-dropped",
            "webhook.replay" => "replay-forwarded",
            "webhook.fail-closed" => "unsigned-without-secret",
            "webhook.documented-open" => "open-without-reason",
            _ => "auth-optional",
        })
    }
}

#[test]
fn every_sham_is_noticed_by_its_own_probe_and_by_no_other() {
    let text = include_str!("../../../../systems/student-outreach/SECURITY.md");
    let file = include_str!("../../../../systems/student-outreach/vouchsafe.toml");
    let catalogue = Catalogue::built_in().unwrap();
    let mut document = Document::read("SECURITY.md", text, &catalogue).unwrap();
    // The real ledger is altered byte by byte; this stand-in has none. Nor does anybody log in to it.
    document.sentences.retain(|sentence| {
        let promise = sentence.asked.promise.as_str();
        promise != "audit.tamper-evident" && !promise.starts_with("access.")
    });
    let mut tree = config::Document::parse("vouchsafe.toml", file).tree();
    let routes = tree["route"].as_array_mut().unwrap();
    routes.retain(|route| route["auth"] != json!(["session"]));
    // The flaw that ignores a revocation is asked for as long as the sentence allows.
    for sentence in &mut document.sentences {
        let values = &mut sentence.asked.values;
        values
            .entry("within".to_owned())
            .and_modify(|within| "20ms".clone_into(within));
    }
    let plan = Plan {
        document: &document,
        configuration: &tree,
        waivers: &[],
        controls: &[&Shams],
        catalogue: &catalogue,
        probes: crate::PROBES,
        allow: Class::Disruptive,
        now: Timestamp::from_seconds(0),
    };
    let test = run_with(&plan, &|tree| Ok(strict::Strict::start(tree))).unwrap();
    assert_eq!(test.unheld, []);
    let further = test.trials.iter().filter(|trial| {
        FURTHER
            .iter()
            .any(|(_, flaw)| trial.weakened.contains(flaw.name()))
    });
    // The inspection is that of the promise left out, and nobody logs in here.
    assert_eq!(further.count(), FURTHER.len() - 2);
    // Two of them are of a promise that no sham of a control is about.
    let tried = |trial: &&Trial| {
        ALL.promises.contains(&trial.promise.as_str()) || trial.weakened.contains("ticket")
    };
    let faults: Vec<&Trial> = test
        .trials
        .iter()
        .filter(tried)
        .filter(|t| t.fault.is_some())
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
