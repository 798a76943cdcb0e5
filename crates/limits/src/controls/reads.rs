//! A team may say that reading is not limited.
//!
//! Owns whether that is so: a document that states a risk is wrong too where the risk is not there.

use control::{Asked, Fit, Mend, Weakening};
use serde_json::{Value, json};

/// The promise about requests that only read.
pub(super) const PROMISE: &str = "limits.reads-free";

/// Methods of requests that only read.
const READING: [&str; 2] = ["GET", "HEAD"];

pub(super) fn fit(configuration: &Value, asked: &Asked) -> Fit {
    let on = asked.value("on").unwrap_or("/");
    let rates = configuration.get("rate").and_then(Value::as_array);
    let limit = rates.into_iter().flatten().find(|rate| counts(rate, on));
    let Some(limit) = limit else {
        return Fit::Fits;
    };
    let name = limit.get("name").and_then(Value::as_str);
    Fit::Falls(Mend {
        wrong: format!(
            "the limit {} counts reading as well",
            name.unwrap_or_default()
        ),
        write: "methods = [\"POST\", \"PUT\", \"PATCH\", \"DELETE\"]\n".to_owned(),
    })
}

pub(super) fn weaken(configuration: &mut Value, asked: &Asked) -> Weakening {
    let strict = json!({
        "name": "vouchsafe-reads",
        "requests": 1,
        "per": "1h",
        "methods": READING,
        "paths": [asked.value("on").unwrap_or("/")],
    });
    if let Some(root) = configuration.as_object_mut() {
        let rates = root.entry("rate").or_insert_with(|| json!([]));
        if let Some(rates) = rates.as_array_mut() {
            rates.push(strict);
        }
    }
    Weakening::Configured("with a [[rate]] for reading".to_owned())
}

/// Whether `rate` counts what reads at `on` or below it.
fn counts(rate: &Value, on: &str) -> bool {
    let texts = |key| {
        let list = rate.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    };
    let none = |key| texts(key).next().is_none();
    let meets = |path: &str| within(path, on) || within(on, path);
    (none("methods") || texts("methods").any(|it| READING.contains(&it)))
        && (none("paths") || texts("paths").any(meets))
}

/// Whether `path` is `above` or below it.
fn within(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::tests::asked;

    #[test]
    fn whatever_counts_reading_there_makes_the_sentence_untrue() {
        let asked = asked(PROMISE, &[("on", "/api")]);
        let posts = json!({"requests": 9, "per": "1m", "methods": ["POST"]});
        let beside = json!({"requests": 9, "per": "1m", "paths": ["/apis"]});
        let below = json!({"requests": 9, "per": "1m", "paths": ["/api/people"]});
        for (rate, free) in [
            (posts, true),
            (beside, true),
            (below, false),
            (json!({"requests": 9, "per": "1m"}), false),
            (json!({"at_once": 9, "methods": ["HEAD"]}), false),
            (json!({"requests": 9, "per": "1m", "paths": ["/"]}), false),
        ] {
            let fit = fit(&json!({ "rate": [rate] }), &asked);
            assert_eq!(fit == Fit::Fits, free, "{rate}");
        }
        let mut tree = json!({});
        assert_eq!(fit(&tree, &asked), Fit::Fits);
        weaken(&mut tree, &asked);
        assert!(matches!(fit(&tree, &asked), Fit::Falls(_)));
    }
}
