//! The promises that the ledger keeps.
//!
//! No setting switches the ledger off, so each control is weakened by a sham that carries one named
//! fault; but for how long entries are kept, which is a setting.

use std::time::Duration;

use config::quantity;
use control::{Asked, Card, Control, ControlId, Fit, Mend, Weakening, card::Key};
use serde_json::{Value, json};

use crate::retention::SHORTEST;

/// Every control of this crate, in the order in which references list them.
pub const CONTROLS: [&dyn Control; 4] = [&EveryRequest, &AuthEvents, &TamperEvident, &Retained];

const KEYS: [Key; 3] = [
    Key {
        path: "[ledger] durability",
        takes: "\"batched\" or \"sync\"",
        default: "\"batched\"",
        about: "When the decision on a request is on disk: within 50 ms, or before its first byte \
                goes upstream.",
    },
    Key {
        path: "[ledger] second_place",
        takes: "path of a file",
        default: "none",
        about: "Where every signed checkpoint is appended as well, best on another host: without \
                it, whoever owns this host could put an older ledger back.",
    },
    Key {
        path: "[ledger] free_space_floor",
        takes: "size",
        default: "\"256MiB\"",
        about: "Free space on the disk of data_dir below which new requests are refused with 503, \
                before nothing can be recorded any more; at twice as much, healthcheck and the \
                ledger warn. \"0B\" never refuses for that.",
    },
];

const KEEP: [Key; 1] = [Key {
    path: "[ledger] keep",
    takes: "duration, at least \"7d\"",
    default: "for ever",
    about: "How long entries are kept at least. Older ones are removed in whole bundles, a day \
                after that was announced in the ledger, and verification names any other that is \
                missing.",
}];

/// Every request is recorded.
#[derive(Clone, Copy, Debug)]
pub struct EveryRequest;

/// Every use and refusal of a credential is recorded.
#[derive(Clone, Copy, Debug)]
pub struct AuthEvents;

/// Nothing recorded can be changed unnoticed.
#[derive(Clone, Copy, Debug)]
pub struct TamperEvident;

/// What was recorded stays as long as is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Retained;

impl Control for EveryRequest {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("ledger.every-request"),
            title: "Every request recorded",
            summary: "Each request, refused ones included, is an entry of the ledger with its \
                      decision and outcome, never with path, query, body or address. A request \
                      that cannot be recorded is answered with 503.",
            promises: &["audit.every-request"],
            keys: &KEYS,
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        fits(configuration)
    }

    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Sham("event-dropped")
    }
}

impl Control for AuthEvents {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("ledger.auth-events"),
            title: "Credentials recorded",
            summary: "Every accepted and every refused credential is in the ledger, each login and \
                      each logout: who, as a pseudonym that an operator can open, and why where it \
                      was refused.",
            promises: &["audit.auth-events", "audit.logins"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let ways = ["login", "accounts"];
        let logs_in = ways.iter().any(|way| configuration.get(way).is_some());
        if asked.promise == "audit.logins" && !logs_in {
            return Fit::Falls(Mend {
                wrong: "nobody logs in".to_owned(),
                write: "[accounts]\n".to_owned(),
            });
        }
        fits(configuration)
    }

    fn weaken(&self, _: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "audit.logins" => "login-event-dropped",
            _ => "auth-event-dropped",
        })
    }
}

impl Control for TamperEvident {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("ledger.tamper-evident"),
            title: "Tamper-evident ledger",
            summary: "Entries form an append-only Merkle tree under checkpoints signed with the \
                      node's key, in a public format. Verification names the first entry that was \
                      changed, removed, added or moved, and a log that was cut back or forked.",
            promises: &["audit.tamper-evident"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        fits(configuration)
    }

    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Sham("verify-blind")
    }
}

impl Control for Retained {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("ledger.retention"),
            title: "Kept entries",
            summary: "Entries are kept for as long as is asked for. Older ones go in whole bundles, \
                      from the beginning on, under a signed minimum index and a day after the \
                      ledger said so: whoever sets a wrong clock right within that day has lost \
                      nothing.",
            promises: &["audit.retention"],
            keys: &KEEP,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let Some(promised) = asked.value("age").and_then(span) else {
            return Fit::Falls(Mend {
                wrong: "the anchor's value for age does not read".to_owned(),
                write: format!(
                    "# in the document, line {}: promise: {} age=365d\n",
                    asked.line, asked.promise
                ),
            });
        };
        let keep = match configuration.pointer("/ledger/keep") {
            None => return Fit::Fits,
            Some(keep) => keep.as_str().and_then(quantity::duration),
        };
        match keep {
            Some(keep) if keep >= promised => Fit::Fits,
            _ => Fit::Falls(Mend {
                wrong: "entries are kept for a shorter time than is promised".to_owned(),
                write: format!(
                    "[ledger]\nkeep = \"{}\"",
                    quantity::write_duration(promised.max(SHORTEST))
                ),
            }),
        }
    }

    fn weaken(&self, configuration: &mut Value, _: &Asked) -> Weakening {
        let shortest = quantity::write_duration(SHORTEST);
        if let Some(root) = configuration.as_object_mut() {
            let ledger = root.entry("ledger").or_insert_with(|| json!({}));
            if let Some(ledger) = ledger.as_object_mut() {
                ledger.insert("keep".to_owned(), Value::from(shortest.as_str()));
            }
        }
        Weakening::Configured(format!("entries are kept for {shortest}"))
    }
}

/// A span as an anchor writes it. A month has no fixed number of days: it is taken as the longest, so
/// that no entry goes too early.
fn span(text: &str) -> Option<Duration> {
    let days = |count: &str, each: u64| count.parse::<u64>().ok()?.checked_mul(each);
    let calendar = match (text.strip_suffix("mo"), text.strip_suffix('y')) {
        (Some(months), _) => days(months, 31),
        (_, Some(years)) => days(years, 366),
        _ => None,
    };
    let calendar = calendar.and_then(|days| days.checked_mul(24 * 60 * 60));
    quantity::duration(text).or_else(|| calendar.map(Duration::from_secs))
}

/// No anchor of the other promises carries a value, and no setting takes the ledger away: what remains
/// is that the section is one that starts.
fn fits(configuration: &Value) -> Fit {
    match configuration.pointer("/ledger/durability") {
        None => Fit::Fits,
        Some(Value::String(text)) if text == "batched" || text == "sync" => Fit::Fits,
        Some(_) => Fit::Falls(Mend {
            wrong: "the ledger's durability is neither batched nor sync".to_owned(),
            write: "[ledger]\ndurability = \"batched\"".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use control::Catalogue;
    use serde_json::json;

    use super::*;

    fn asked(promise: &str) -> Asked {
        Asked {
            promise: promise.to_owned(),
            values: BTreeMap::new(),
            line: 1,
            sentence: String::new(),
        }
    }

    #[test]
    fn each_control_keeps_a_promise_of_the_catalogue_and_is_weakened_in_a_way_of_its_own() {
        let catalogue = Catalogue::built_in().unwrap();
        let mut ways = BTreeSet::new();
        for control in CONTROLS {
            for promise in control.card().promises {
                assert!(catalogue.get(promise).is_some(), "{promise}");
                let mut configuration = json!({});
                let way = match control.weaken(&mut configuration, &asked(promise)) {
                    Weakening::Sham(name) => {
                        assert_eq!(configuration, json!({}));
                        name.to_owned()
                    }
                    Weakening::Configured(how) => {
                        assert_ne!(configuration, json!({}));
                        how
                    }
                };
                assert!(ways.insert(way));
            }
        }
        let promises: usize = CONTROLS.iter().map(|it| it.card().promises.len()).sum();
        assert_eq!(ways.len(), promises);
    }

    #[test]
    fn a_ledger_must_keep_for_at_least_as_long_as_is_promised() {
        let fit = |keep: Option<&str>, age: &str| {
            let mut asked = asked("audit.retention");
            asked.values.insert("age".to_owned(), age.to_owned());
            let configuration = keep.map_or(json!({}), |keep| json!({"ledger": {"keep": keep}}));
            Retained.fit(&configuration, &asked)
        };
        for (keep, age) in [
            (None, "7y"),
            (Some("365d"), "365d"),
            (Some("366d"), "1y"),
            (Some("31d"), "1mo"),
            (Some("53w"), "365d"),
        ] {
            assert_eq!(fit(keep, age), Fit::Fits, "{keep:?} {age}");
        }
        for (keep, age, write) in [
            ("364d", "365d", "keep = \"365d\""),
            ("365d", "1y", "keep = \"366d\""),
            ("7d", "7y", "keep = \"2562d\""),
            ("for ever", "1d", "keep = \"7d\""),
        ] {
            let Fit::Falls(mend) = fit(Some(keep), age) else {
                panic!("{keep} fits {age}");
            };
            assert!(mend.write.contains(write), "{}", mend.write);
        }
        for age in ["", "long", "99999999999999999999y"] {
            assert!(matches!(fit(None, age), Fit::Falls(_)), "{age}");
        }
    }

    #[test]
    fn logins_are_promised_where_somebody_logs_in() {
        let asked = asked("audit.logins");
        for way in ["login", "accounts"] {
            assert_eq!(AuthEvents.fit(&json!({ way: {} }), &asked), Fit::Fits);
        }
        assert!(matches!(AuthEvents.fit(&json!({}), &asked), Fit::Falls(_)));
    }

    #[test]
    fn what_weakens_is_noticed() {
        let mut asked = asked("audit.retention");
        asked.values.insert("age".to_owned(), "365d".to_owned());
        let mut configuration = json!({"ledger": {"durability": "sync"}});
        assert_eq!(Retained.fit(&configuration, &asked), Fit::Fits);
        Retained.weaken(&mut configuration, &asked);
        assert!(matches!(
            Retained.fit(&configuration, &asked),
            Fit::Falls(_)
        ));
    }

    #[test]
    fn a_durability_that_does_not_exist_falls_and_is_mended() {
        for control in [&EveryRequest as &dyn Control, &AuthEvents, &TamperEvident] {
            let asked = asked(control.card().promises[0]);
            for good in [json!({}), json!({"ledger": {"durability": "sync"}})] {
                assert_eq!(control.fit(&good, &asked), Fit::Fits);
            }
            let bad = json!({"ledger": {"durability": "off"}});
            let Fit::Falls(mend) = control.fit(&bad, &asked) else {
                panic!("it fits");
            };
            assert!(mend.write.contains("durability"));
        }
    }
}
