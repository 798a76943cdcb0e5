//! The control of what the gate itself writes down.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::Value;

/// `log.no-payload` and `log.no-credentials`: there is no setting that makes the gate write a body
/// or a credential anywhere.
#[derive(Clone, Copy, Debug)]
pub struct OwnOutput;

impl Control for OwnOutput {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.output"),
            title: "Silent output",
            summary: "Log lines and ledger entries are made of constants of the program, ids and \
                      numbers. Neither bodies nor credentials can be part of them, and no setting \
                      changes that.",
            promises: &["log.no-payload", "log.no-credentials"],
            keys: &[Key {
                path: "[log] file",
                takes: "a path",
                default: "standard error",
                about: "Where the gate's own log lines go.",
            }],
        }
    }

    fn fit(&self, _: &Value, _: &Asked) -> Fit {
        Fit::Fits
    }

    fn weaken(&self, _: &mut Value, asked: &Asked) -> Weakening {
        match asked.promise.as_str() {
            "log.no-payload" => Weakening::Sham("canary-in-log"),
            _ => Weakening::Sham("key-in-log"),
        }
    }
}
