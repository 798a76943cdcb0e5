//! The promises kept here, as a control.
//!
//! Owns whether a limit of the configuration keeps a sentence, and what is taken away for a self-test.

mod processes;
mod reads;

use std::time::Duration;

use config::quantity;
use control::{Asked, Card, Control, Fit, Mend, Weakening, card::Key};
use serde_json::Value;

use crate::RATE;

/// The controls of this crate.
pub const CONTROLS: &[&dyn Control] = &[&ByCaller, &Together];

pub use self::processes::Together;

/// `[[rate]]`: how often, and how many at once, by who asks.
#[derive(Clone, Copy, Debug)]
pub struct ByCaller;

/// The promise about clients of one proxy.
const APART: &str = "limits.apart";

/// Over how long uploads are promised to be limited.
const HOUR: Duration = Duration::from_secs(60 * 60);

const fn key(
    path: &'static str,
    takes: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        path,
        takes,
        default,
        about,
    }
}

const KEYS: &[Key] = &[
    key(
        "[[rate]] name",
        "small letters, digits and dashes",
        "-",
        "What answers, metrics and this file call the limit.",
    ),
    key(
        "[[rate]] requests",
        "a number",
        "-",
        "How many may come within `per`: that many at once, then one more each time a share of `per` has passed.",
    ),
    key(
        "[[rate]] per",
        "a duration",
        "-",
        "The time that `requests` is about: 1s to 24h.",
    ),
    key(
        "[[rate]] at_once",
        "a number",
        "-",
        "Instead of the two above: how many may be under way at once, in each process.",
    ),
    key(
        "[[rate]] by",
        "\"caller\", \"session\", \"address\" or \"everyone\"",
        "\"caller\"",
        "Whose requests are counted together. A caller is a key, whatever token stands for it, or a person; without a credential it is an address, or an IPv6 /64.",
    ),
    key(
        "[[rate]] paths",
        "a list of paths",
        "every path",
        "What is counted: each path and everything below.",
    ),
    key(
        "[[rate]] methods",
        "a list of methods",
        "every method",
        "What is counted: requests with these methods.",
    ),
    key(
        "[[rate]] counts",
        "\"all\" or \"failures\"",
        "\"all\"",
        "Whether every request is counted, or those alone that end in 400 to 499. Who has had too many failures is refused whatever comes next.",
    ),
];

impl Control for ByCaller {
    fn card(&self) -> &'static Card {
        &Card {
            id: RATE,
            title: "Limits by who asks",
            summary: "Requests are counted for whoever sends them, by the generic cell rate algorithm: there is no window whose edge doubles a limit. Who has had too many is refused with 429 and told when to come again; nobody else is held up. Nodes that share a Redis or Valkey count together; while it does not answer, each keeps the limits for itself and raises an alert.",
            promises: &[
                "limits.rate",
                "limits.uploads",
                "limits.apart",
                reads::PROMISE,
            ],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if asked.promise == APART {
            return apart(configuration);
        }
        if asked.promise == reads::PROMISE {
            return reads::fit(configuration, asked);
        }
        let Some(promised) = Promised::of(asked) else {
            return Fit::Falls(Mend {
                wrong: "the anchor does not say how many".to_owned(),
                write: String::new(),
            });
        };
        let rates = configuration.get("rate").and_then(Value::as_array);
        if rates
            .into_iter()
            .flatten()
            .any(|rate| promised.is_kept(rate))
        {
            return Fit::Fits;
        }
        Fit::Falls(Mend {
            wrong: format!(
                "no limit lets so few pass on {}",
                promised.on.as_deref().unwrap_or("every path")
            ),
            write: promised.mend(),
        })
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        if asked.promise == APART {
            return Weakening::Sham("forwarded-leftmost");
        }
        if asked.promise == reads::PROMISE {
            return reads::weaken(configuration, asked);
        }
        let rates = configuration.get_mut("rate").and_then(Value::as_array_mut);
        if let (Some(promised), Some(rates)) = (Promised::of(asked), rates) {
            rates.retain(|rate| !promised.is_kept(rate));
        }
        Weakening::Configured("without the [[rate]] that keeps it".to_owned())
    }
}

/// Whether every limit of how often goes by who asks, and there is one.
fn apart(configuration: &Value) -> Fit {
    let rates = configuration.get("rate").and_then(Value::as_array);
    let rates: Vec<&Value> = rates
        .into_iter()
        .flatten()
        .filter(|rate| rate.get("requests").is_some())
        .collect();
    let text = |rate: &Value, key| rate.get(key).and_then(Value::as_str).map(str::to_owned);
    let common = rates
        .iter()
        .find(|rate| text(rate, "by").as_deref() == Some("everyone"));
    let proxies = configuration
        .pointer("/deployment/trusted_proxies")
        .and_then(Value::as_array)
        .is_some_and(|proxies| !proxies.is_empty());
    let written = configuration.pointer("/deployment/proxies_write");
    match common {
        _ if proxies && written.is_none() => Fit::Falls(Mend {
            wrong:
                "the file does not say in which field the proxies name a client, so a client may \
                    make the two disagree"
                    .to_owned(),
            write: "[deployment]\nproxies_write = \"x-forwarded-for\"".to_owned(),
        }),
        Some(rate) => Fit::Falls(Mend {
            wrong: format!(
                "the limit {} is of everybody together",
                text(rate, "name").unwrap_or_default()
            ),
            write: "by = \"caller\"".to_owned(),
        }),
        None if rates.is_empty() => Fit::Falls(Mend {
            wrong: "no [[rate]] says how often somebody may ask".to_owned(),
            write: "[[rate]]\nname = \"requests\"\nrequests = 120\nper = \"1m\"".to_owned(),
        }),
        None => Fit::Fits,
    }
}

/// What a sentence promises.
#[derive(Debug)]
struct Promised {
    requests: u64,
    per: Duration,
    on: Option<String>,
    method: Option<String>,
}

impl Promised {
    fn of(asked: &Asked) -> Option<Self> {
        let uploads = asked.promise == "limits.uploads";
        let (count, per) = if uploads {
            (asked.value("most")?, HOUR)
        } else {
            (
                asked.value("requests")?,
                quantity::duration(asked.value("per")?)?,
            )
        };
        let method = if uploads {
            Some("POST")
        } else {
            asked.value("method")
        };
        Some(Self {
            requests: count.parse().ok()?,
            per,
            on: asked.value("on").map(str::to_owned),
            method: method.map(str::to_owned),
        })
    }

    /// Whether a `[[rate]]` governs what is promised and lets no more pass, at once or over time.
    fn is_kept(&self, rate: &Value) -> bool {
        let texts = |key| {
            let list = rate.get(key).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str)
        };
        let none = |key| texts(key).next().is_none();
        let path = self.on.as_deref().unwrap_or("/");
        let below = |above: &str| {
            path.strip_prefix(above)
                .is_some_and(|rest| above == "/" || rest.is_empty() || rest.starts_with('/'))
        };
        let governs = (none("paths") || texts("paths").any(below))
            && (none("methods") || texts("methods").any(|it| self.method.as_deref() == Some(it)));
        let counts = rate.get("counts").and_then(Value::as_str);
        let requests = rate.get("requests").and_then(Value::as_u64);
        let per = rate.get("per").and_then(Value::as_str);
        let (Some(requests), Some(per)) = (requests, per.and_then(quantity::duration)) else {
            return false;
        };
        let slower = u128::from(requests) * self.per.as_millis()
            <= u128::from(self.requests) * per.as_millis();
        governs && counts != Some("failures") && requests <= self.requests && slower
    }

    /// A limit that would keep it.
    fn mend(&self) -> String {
        let mut write = format!(
            "[[rate]]\nname = \"api\"\nrequests = {}\nper = \"{}\"\n",
            self.requests,
            quantity::write_duration(self.per)
        );
        for (key, value) in [("paths", &self.on), ("methods", &self.method)] {
            if let Some(value) = value {
                write.push_str(&format!("{key} = [\"{value}\"]\n"));
            }
        }
        write
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Asked {
            promise: promise.to_owned(),
            values: values.iter().map(pair).collect(),
            line: 1,
            sentence: String::new(),
        }
    }

    fn fits(rate: Value, asked: &Asked) -> bool {
        ByCaller.fit(&json!({ "rate": [rate] }), asked) == Fit::Fits
    }

    #[test]
    fn a_limit_keeps_a_sentence_that_promises_no_less() {
        let minute = asked(
            "limits.rate",
            &[("requests", "120"), ("per", "60s"), ("on", "/api")],
        );
        for (rate, keeps) in [
            (json!({"requests": 120, "per": "1m"}), true),
            (
                json!({"requests": 60, "per": "1m", "paths": ["/api"]}),
                true,
            ),
            (json!({"requests": 121, "per": "1m"}), false),
            // No more at once, but more over time, and the other way round.
            (json!({"requests": 100, "per": "10s"}), false),
            (json!({"requests": 1000, "per": "1h"}), false),
            (
                json!({"requests": 120, "per": "1m", "paths": ["/apis"]}),
                false,
            ),
            (
                json!({"requests": 120, "per": "1m", "methods": ["POST"]}),
                false,
            ),
            (
                json!({"requests": 120, "per": "1m", "counts": "failures"}),
                false,
            ),
            (json!({"at_once": 1}), false),
        ] {
            assert_eq!(fits(rate.clone(), &minute), keeps, "{rate}");
        }
        let uploads = asked("limits.uploads", &[("most", "10"), ("on", "/app/uploads")]);
        let posts = json!({"requests": 10, "per": "1h", "paths": ["/app"], "methods": ["POST"]});
        assert!(fits(posts, &uploads));
        assert!(!fits(json!({"requests": 10, "per": "1m"}), &uploads));
    }

    #[test]
    fn what_it_says_to_write_keeps_the_sentence() {
        for asked in [
            asked("limits.rate", &[("requests", "30"), ("per", "1m")]),
            asked("limits.uploads", &[("most", "10"), ("on", "/app")]),
        ] {
            let Fit::Falls(mend) = ByCaller.fit(&json!({}), &asked) else {
                panic!("nothing is configured")
            };
            let mut document = config::Document::parse("vouchsafe.toml", mend.write);
            assert_eq!(ByCaller.fit(&document.tree(), &asked), Fit::Fits);
            let _ = document.finish();
        }
    }

    #[test]
    fn clients_are_apart_where_every_limit_goes_by_who_asks() {
        let apart = asked(APART, &[]);
        for by in ["caller", "session", "address"] {
            assert!(fits(json!({"requests": 9, "per": "1m", "by": by}), &apart));
        }
        assert!(fits(json!({"requests": 9, "per": "1m"}), &apart));
        assert!(!fits(
            json!({"requests": 9, "per": "1m", "by": "everyone"}),
            &apart
        ));
        assert!(!fits(json!({"at_once": 9}), &apart));
        let behind = |written: Value| {
            json!({
                "rate": [{"requests": 9, "per": "1m"}],
                "deployment": {"trusted_proxies": ["10.0.0.7"], "proxies_write": written},
            })
        };
        let mut silent = behind(json!("forwarded"));
        assert_eq!(ByCaller.fit(&silent, &apart), Fit::Fits);
        if let Some(deployment) = silent["deployment"].as_object_mut() {
            deployment.remove("proxies_write");
        }
        assert!(matches!(ByCaller.fit(&silent, &apart), Fit::Falls(_)));
    }

    #[test]
    fn a_weakened_configuration_lacks_what_kept_the_sentence_and_nothing_else() {
        let mut tree = json!({"rate": [
            {"name": "a", "requests": 10, "per": "1h", "paths": ["/up"], "methods": ["POST"]},
            {"name": "b", "requests": 120, "per": "1m"},
        ]});
        let uploads = asked("limits.uploads", &[("most", "10"), ("on", "/up")]);
        ByCaller.weaken(&mut tree, &uploads);
        assert!(!fits(tree["rate"][0].clone(), &uploads));
        assert_eq!(tree["rate"].as_array().unwrap().len(), 1);
        assert_eq!(tree["rate"][0]["name"], "b");
    }
}
