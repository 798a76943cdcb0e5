//! Alerts, as a control.
//!
//! Owns what `[alerts]` takes, and what it must say for the sentence about it to be true.

use std::time::Duration;

use control::{
    Asked, Card, Control, ControlId, Fit, Weakening,
    card::{Key, Mend},
};
use serde_json::Value;

/// Where alerts go, and how they fare.
#[derive(Clone, Copy, Debug)]
pub struct Alerts;

/// How soon an alert has surely arrived where the receiver is well: a proof looks for it for this long.
const WITHIN: Duration = Duration::from_secs(10);

static CARD: Card = Card {
    id: ControlId("hooks.alerts"),
    title: "Alerts",
    summary: "A lock of an account or an address, and an address that guesses keys or tokens, is told to the \
              team's own receiver as a webhook signed by Standard Webhooks. It is tried again until it \
              is taken or the time is over; either is in the ledger. No request waits for it.",
    promises: &["account.alerted"],
    keys: &[
        Key {
            path: "[alerts] url",
            takes: "\"https://...\"; http:// to this machine alone",
            default: "required",
            about: "Where alerts are posted. A private address needs an exception in [connect]. Without the table [alerts] nobody is told.",
        },
        Key {
            path: "[alerts] secret",
            takes: "\"env:NAME\", \"file:PATH\" and the like",
            default: "required",
            about: "What signs them: whsec_ and 24 to 64 bytes in base64, or whsk_ and an Ed25519 key.",
        },
        Key {
            path: "[alerts] retry",
            takes: "1s to 24h",
            default: "\"15m\"",
            about: "How long an alert is tried. A receiver that answers 4xx, but for 408, 425 and 429, is not asked again.",
        },
    ],
};

impl Control for Alerts {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if configuration.get("accounts").is_none() {
            return falls("there are no local accounts", "[accounts]\n");
        }
        if configuration.get("alerts").is_none() {
            return falls(
                "nobody is told of a lock",
                "[alerts]\nurl = \"https://hooks.example/vouchsafe\"\nsecret = \"env:ALERT_SECRET\"\n",
            );
        }
        let within = asked.value("within").and_then(config::quantity::duration);
        if within.is_some_and(|within| within >= WITHIN) {
            Fit::Fits
        } else {
            let write = "<!-- promise: account.alerted within=10s -->";
            falls("an alert is looked for for ten seconds, not less", write)
        }
    }

    fn weaken(&self, configuration: &mut Value, _: &Asked) -> Weakening {
        if let Some(root) = configuration.as_object_mut() {
            root.shift_remove("alerts");
        }
        Weakening::Configured("nobody is told of a lock".to_owned())
    }
}

fn falls(wrong: &str, write: &str) -> Fit {
    Fit::Falls(Mend {
        wrong: wrong.to_owned(),
        write: write.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sentence_fits_where_somebody_is_told_and_there_is_time_for_it() {
        let asked = |within: &str| Asked {
            promise: "account.alerted".to_owned(),
            values: [("within".to_owned(), within.to_owned())].into(),
            line: 1,
            sentence: String::new(),
        };
        let whole = json!({ "accounts": {}, "alerts": {} });
        assert_eq!(Alerts.fit(&whole, &asked("10s")), Fit::Fits);
        assert_eq!(Alerts.fit(&whole, &asked("1m")), Fit::Fits);
        for (configuration, within) in [
            (whole.clone(), "5s"),
            (whole.clone(), "soon"),
            (json!({ "accounts": {} }), "10s"),
            (json!({ "alerts": {} }), "10s"),
        ] {
            let fit = Alerts.fit(&configuration, &asked(within));
            assert!(matches!(fit, Fit::Falls(_)), "{configuration} {within}");
        }
        let mut weak = whole;
        Alerts.weaken(&mut weak, &asked("10s"));
        assert!(matches!(Alerts.fit(&weak, &asked("10s")), Fit::Falls(_)));
    }
}
