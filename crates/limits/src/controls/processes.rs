//! One limit for all processes.
//!
//! Owns whether the configuration names what they count in. That the count is exact is shown by tests,
//! which start several: a proof has one deployment and may not start another beside it.

use control::{Asked, Card, Control, ControlId, Fit, Mend, Weakening};
use serde_json::Value;

/// `[deployment] shared`, as far as limits are counted there.
#[derive(Clone, Copy, Debug)]
pub struct Together;

impl Control for Together {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("limits.together"),
            title: "One limit for all processes",
            summary: "Processes that name one Redis or Valkey count every limit over time there, with one question for each request; the server decides in one step, so no two of them let the same last request pass. `at_once` is counted by each process.",
            promises: &["limits.processes"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        let falls = |wrong: &str, write: &str| {
            Fit::Falls(Mend {
                wrong: wrong.to_owned(),
                write: write.to_owned(),
            })
        };
        let rates = configuration.get("rate").and_then(Value::as_array);
        let counted = |rate: &Value| rate.get("requests").is_some();
        if !rates.is_some_and(|rates| rates.iter().any(counted)) {
            return falls(
                "no [[rate]] says how often somebody may ask",
                "[[rate]]\nname = \"requests\"\nrequests = 120\nper = \"1m\"\n",
            );
        }
        if configuration.pointer("/deployment/shared/url").is_none() {
            return falls(
                "each process counts for itself: none names what they share",
                "[deployment.shared]\nurl = \"env:VOUCHSAFE_REDIS_URL\"\n",
            );
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, _: &Asked) -> Weakening {
        let deployment = configuration.get_mut("deployment");
        if let Some(deployment) = deployment.and_then(Value::as_object_mut) {
            deployment.remove("shared");
        }
        Weakening::Configured("without [deployment] shared".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controls::tests::asked;

    #[test]
    fn processes_that_share_nothing_have_a_limit_each() {
        let asked = asked("limits.processes", &[]);
        let mut whole = json!({
            "deployment": {"shared": {"url": "env:REDIS"}},
            "rate": [{"name": "a", "requests": 9, "per": "1m"}],
        });
        assert_eq!(Together.fit(&whole, &asked), Fit::Fits);
        let mut at_once = whole.clone();
        at_once["rate"] = json!([{"name": "a", "at_once": 9}]);
        assert!(matches!(Together.fit(&at_once, &asked), Fit::Falls(_)));
        Together.weaken(&mut whole, &asked);
        assert!(matches!(Together.fit(&whole, &asked), Fit::Falls(_)));
    }
}
