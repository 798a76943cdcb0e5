//! Observation of routes, as a control.
//!
//! Owns what its settings are called. It keeps no promise: while a route is observed, those of the route
//! are broken, and a proof says so by itself.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::Value;

/// Routes on which refusals are only noted.
#[derive(Clone, Copy, Debug)]
pub struct Observation;

impl Control for Observation {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.observe"),
            title: "Observing before enforcing",
            summary: "On an observed route the stages that judge who asks, how often, and what stands in a body decide, record and count as ever, and let pass. It ends by itself, and every promise of the route is broken meanwhile. Framing, hosts, methods, sizes, other sites' pages, and what the ledger must record are enforced all the same.",
            promises: &[],
            keys: &[
                Key {
                    path: "[[route]] mode",
                    takes: "\"enforce\" or \"observe\"",
                    default: "\"enforce\"",
                    about: "Whether what the route refuses is refused, or only noted.",
                },
                Key {
                    path: "[[route]] until",
                    takes: "a day, at most 120 days ahead",
                    default: "required with mode = \"observe\"",
                    about: "The last day of the observation, in UTC; from the midnight behind it on the route enforces by itself.",
                },
            ],
        }
    }

    fn fit(&self, _: &Value, _: &Asked) -> Fit {
        Fit::Fits
    }

    /// No sentence asks for it, so nothing is weakened.
    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Configured("nothing: no promise speaks of observing".to_owned())
    }
}
