//! The promises that the ledger keeps.
//!
//! No setting switches the ledger off, so each control is weakened by a sham that carries one named
//! fault.

use control::{Asked, Card, Control, ControlId, Fit, Mend, Weakening, card::Key};
use serde_json::Value;

/// Every control of this crate, in the order in which references list them.
pub const CONTROLS: [&dyn Control; 3] = [&EveryRequest, &AuthEvents, &TamperEvident];

const KEYS: [Key; 4] = [
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
        path: "[ledger] keep",
        takes: "duration, at least \"7d\"",
        default: "for ever",
        about: "How long entries are kept at least. Older ones are removed in whole bundles, a day \
                after that was announced in the ledger, and verification names any other that is \
                missing.",
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

/// Every request is recorded.
#[derive(Clone, Copy, Debug)]
pub struct EveryRequest;

/// Every use and refusal of a credential is recorded.
#[derive(Clone, Copy, Debug)]
pub struct AuthEvents;

/// Nothing recorded can be changed unnoticed.
#[derive(Clone, Copy, Debug)]
pub struct TamperEvident;

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
            summary: "Every accepted and every refused credential is in the ledger: who, as a \
                      pseudonym that an operator can open, and why where it was refused.",
            promises: &["audit.auth-events"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        fits(configuration)
    }

    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Sham("auth-event-dropped")
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

/// No anchor of these promises carries a value, and no setting takes the ledger away: what remains
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
    fn each_control_keeps_a_promise_of_the_catalogue_and_has_a_sham_of_its_own() {
        let catalogue = Catalogue::built_in().unwrap();
        let mut shams = BTreeSet::new();
        for control in CONTROLS {
            for promise in control.card().promises {
                assert!(catalogue.get(promise).is_some(), "{promise}");
                let mut configuration = json!({});
                match control.weaken(&mut configuration, &asked(promise)) {
                    Weakening::Sham(name) => assert!(shams.insert(name)),
                    Weakening::Configured(how) => panic!("{how}"),
                }
                assert_eq!(configuration, json!({}));
            }
        }
        assert_eq!(shams.len(), 3);
    }

    #[test]
    fn a_durability_that_does_not_exist_falls_and_is_mended() {
        for control in CONTROLS {
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
