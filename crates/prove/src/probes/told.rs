//! What an app tells a browser in the head of its answers: cookies, and what it is made of.
//!
//! The echo, where a request with a ticket ends, sets cookies as careless apps do.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, Reply, TargetError},
    sheet::Met,
};

use super::{answers::Stage, draft::canary};

/// Attacks `cookie.hardened`.
pub(super) struct Hardened;
/// Attacks `headers.inside`.
pub(super) struct Inside;

/// The name of our own cookies, which no app may set.
const OURS: &str = "__Host-vouchsafe";

impl Probe for Hardened {
    fn promise(&self) -> &'static str {
        "cookie.hardened"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let public = &at.facts().public_host;
        let host = public.split(':').next().unwrap_or_default();
        let wider = host.split_once('.').map_or("example", |(_, parent)| parent);
        for route in &at.facts().routes {
            let Some(stage) = Stage::new(at, route)? else {
                continue;
            };
            for (attempt, name, attributes) in [
                ("without a word", "vsc", String::new()),
                (
                    "for other sites",
                    "vsc",
                    "; Path=/; SameSite=None".to_owned(),
                ),
                ("for scripts", "vsc", "; Secure; SameSite=Strict".to_owned()),
                (
                    "for plain HTTP",
                    "vsc",
                    "; HttpOnly; SameSite=Lax".to_owned(),
                ),
                ("for the neighbours", "vsc", format!("; Domain={wider}")),
                (
                    "of a name of the gate's",
                    OURS,
                    "; Path=/; Secure".to_owned(),
                ),
            ] {
                let mark = canary(at)?;
                let set = |name: &str, attributes: &str| {
                    stage.told(&format!("Set-Cookie: {name}={mark}{attributes}"))
                };
                let good = set("vsc", "; Path=/; Secure; HttpOnly; SameSite=Strict")?;
                sheet.pair(
                    format!("{}: a cookie {attempt}", route.path),
                    weak(&set(name, &attributes)?, &mark, name == OURS),
                    passes(&good, &mark),
                );
            }
        }
        Ok(())
    }
}

/// The cookie with this value, as it was set.
fn cookie<'a>(answer: &'a Answer, mark: &str) -> Option<&'a str> {
    let named = |name: &str| name.eq_ignore_ascii_case("set-cookie");
    let mut cookies = answer.fields.iter().filter(|(name, _)| named(name));
    let found = cookies.find(|(_, value)| value.contains(mark));
    found.map(|(_, value)| value.as_str())
}

fn weak(reply: &Reply, mark: &str, ours: bool) -> Met {
    let Some(answer) = reply.answer().filter(|answer| answer.status == 200) else {
        return Met::inconclusive("no answer");
    };
    match cookie(answer, mark) {
        None if ours => Met::when(true, "it was not set"),
        None => Met::inconclusive("the cookie was lost"),
        Some(_) if ours => Met::when(false, "an app sets a cookie of the gate's"),
        Some(value) => match lacking(value) {
            Some(lacks) => Met::when(false, format!("a cookie {lacks}")),
            None => Met::when(true, "Secure, HttpOnly, SameSite, for this host"),
        },
    }
}

/// What a `Set-Cookie` of an app lacks.
fn lacking(value: &str) -> Option<&'static str> {
    let attributes = value
        .split(';')
        .skip(1)
        .map(|part| part.trim().to_ascii_lowercase());
    let attributes: Vec<String> = attributes.collect();
    let has = |wanted: &str| attributes.iter().any(|one| one == wanted);
    let sites: Vec<&String> = attributes
        .iter()
        .filter(|one| one.starts_with("samesite"))
        .collect();
    if !has("secure") {
        return Some("without Secure");
    }
    if !has("httponly") {
        return Some("without HttpOnly");
    }
    // The last one counts for browsers, so there must be no other.
    if !matches!(sites.as_slice(), [one] if matches!(one.as_str(), "samesite=lax" | "samesite=strict"))
    {
        return Some("without SameSite");
    }
    let wide = attributes.iter().any(|one| one.starts_with("domain"));
    wide.then_some("for more than this host")
}

fn passes(reply: &Reply, mark: &str) -> Met {
    let good = reply
        .answer()
        .and_then(|answer| cookie(answer, mark))
        .is_some_and(|value| lacking(value).is_none() && value.contains("Strict"));
    Met::when(
        good,
        if good {
            "a good cookie is set"
        } else {
            "a good cookie was lost"
        },
    )
}

impl Probe for Inside {
    fn promise(&self) -> &'static str {
        "headers.inside"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        for route in &at.facts().routes {
            let Some(stage) = Stage::new(at, route)? else {
                continue;
            };
            for name in ["Server", "X-Powered-By", "X-Debug-Token-Link", "VIA"] {
                let mark = canary(at)?;
                // Beside it stands a field that says nothing of the inside, which must arrive.
                let plain = format!("X-Vsc-Other: {mark}");
                let attack = stage.told(&format!("{name}: {mark}"))?;
                let twin = stage.told(&plain)?;
                sheet.pair(
                    format!("{}: an app that says {name}", route.path),
                    carried(&attack, &mark).map_or_else(
                        || Met::inconclusive("no answer"),
                        |carried| {
                            let saw = if carried {
                                "it arrives"
                            } else {
                                "it does not arrive"
                            };
                            Met::when(!carried, saw)
                        },
                    ),
                    Met::when(
                        carried(&twin, &mark) == Some(true),
                        "whether another field arrives",
                    ),
                );
            }
        }
        Ok(())
    }
}

/// Whether a field of an answer has `mark`.
fn carried(reply: &Reply, mark: &str) -> Option<bool> {
    let answer = reply.answer().filter(|answer| answer.status == 200)?;
    Some(answer.fields.iter().any(|(_, value)| value.contains(mark)))
}

#[cfg(test)]
mod tests {
    use control::Verdict;
    use serde_json::json;

    use super::*;
    use crate::target::double::Double;

    /// A gate that makes `change` of each field that the echo answers with.
    fn gate(change: fn(&str, &str) -> Option<String>) -> Double {
        let mut at = Double::answering(move |request| {
            let wish = request
                .lines()
                .find_map(|line| line.strip_prefix("X-Echo-Head: "));
            let bytes = seal::encode::unbase64(wish.unwrap_or_default()).unwrap();
            let head = String::from_utf8(bytes).unwrap();
            let fields = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "));
            let fields = fields.filter_map(|(name, value)| {
                change(name, value).map(|value| (name.to_owned(), value))
            });
            Reply::Answer(Answer {
                status: 200,
                fields: fields.collect(),
                ..Answer::default()
            })
        });
        at.facts.routes.truncate(1);
        at.facts.configuration = json!({});
        at
    }

    fn verdict(probe: &dyn Probe, at: &Double) -> Verdict {
        let asked = Asked {
            promise: probe.promise().to_owned(),
            values: std::collections::BTreeMap::new(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        probe.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    const GUARDED: &str = "; Secure; HttpOnly; SameSite=";

    fn hardened(value: &str) -> Option<String> {
        let pair = value.split(';').next().unwrap_or_default();
        let strict = if value.contains("Strict") {
            "Strict"
        } else {
            "Lax"
        };
        (!pair.starts_with(OURS)).then(|| format!("{pair}{GUARDED}{strict}"))
    }

    /// Whether it was set as it should be, which the twin demands of every gate.
    fn is_good(value: &str) -> bool {
        value.contains("HttpOnly; SameSite=Strict")
    }

    #[test]
    fn whoever_leaves_one_weakness_to_a_cookie_is_found_out() {
        assert_eq!(
            verdict(&Hardened, &gate(|_, value| hardened(value))),
            Verdict::Kept
        );
        let careless: [fn(&str, &str) -> Option<String>; 5] = [
            |_, value| Some(value.to_owned()),
            |_, value| Some(hardened(value).unwrap_or_else(|| value.to_owned())),
            |_, value| {
                let without = |it: String| it.replace("; Secure", "");
                let good = is_good(value);
                hardened(value).map(|it| if good { it } else { without(it) })
            },
            |_, value| {
                let last = if is_good(value) {
                    ""
                } else {
                    "; SameSite=None"
                };
                hardened(value).map(|it| it + last)
            },
            |_, value| {
                let domain = value.split("; ").find(|part| part.starts_with("Domain"));
                hardened(value).map(|it| format!("{it}; {}", domain.unwrap_or("Path=/")))
            },
        ];
        for change in careless {
            assert_eq!(verdict(&Hardened, &gate(change)), Verdict::Broken);
        }
        assert_eq!(
            verdict(&Hardened, &gate(|_, _| None)),
            Verdict::Error,
            "all are lost"
        );
    }

    #[test]
    fn whoever_lets_one_field_through_is_found_out() {
        let other = |name: &str, value: &str| {
            (name == "Content-Type" || name == "X-Vsc-Other").then(|| value.to_owned())
        };
        assert_eq!(verdict(&Inside, &gate(other)), Verdict::Kept);
        let careless: [fn(&str, &str) -> Option<String>; 3] = [
            |_, value| Some(value.to_owned()),
            |name, value| (name != "Server").then(|| value.to_owned()),
            |name, value| (name != "VIA").then(|| value.to_owned()),
        ];
        for change in careless {
            assert_eq!(verdict(&Inside, &gate(change)), Verdict::Broken);
        }
        assert_eq!(verdict(&Inside, &gate(|_, _| None)), Verdict::Error);
    }
}
