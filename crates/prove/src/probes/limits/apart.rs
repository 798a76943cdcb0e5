//! Clients behind one proxy.
//!
//! The proof plays the proxy, in front of a child that believes it: nothing of it reaches the deployment,
//! whose own limits are what the child has.

use config::quantity;
use control::{
    Asked, Probe, Sheet, Target,
    probe::{ChildStart, Reply, TargetError},
    sheet::Met,
};
use serde_json::{Value, json};

use super::{Limit, MOST, Spent};
use crate::probes::draft::Draft;

/// Attacks `limits.apart`.
pub(crate) struct Apart;

/// Who the proxy says it speaks for.
const GREEDY: &str = "198.51.100.7";
const OTHERS: [&str; 2] = ["198.51.100.8", "2001:db8::8"];

/// A limit of the configuration that strangers can reach.
struct Reachable {
    limit: Limit,
    method: String,
    path: String,
}

impl Probe for Apart {
    fn promise(&self) -> &'static str {
        "limits.apart"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(rate) = reachable(&at.facts().configuration) else {
            sheet.unproven(format!(
                "no limit of {MOST} requests or fewer counts them all"
            ));
            return Ok(());
        };
        let child = match at.child(&mut |configuration| behind_a_proxy(configuration, &rate))? {
            ChildStart::Up(child) => child,
            ChildStart::Refused { exit, .. } => {
                sheet.error(format!("a child behind a proxy ended with {exit}"));
                return Ok(());
            }
        };
        attack(child.as_ref(), &rate, sheet)
    }
}

/// How a proxy names its clients, by what the file says that proxies write.
#[derive(Clone, Copy)]
struct Proxy {
    /// Whether it writes `Forwarded`, and passes `X-Forwarded-For` on.
    elements: bool,
}

impl Proxy {
    fn of(at: &dyn Target) -> Self {
        let written = at
            .facts()
            .configuration
            .pointer("/deployment/proxies_write");
        Self {
            elements: written.and_then(Value::as_str) == Some("forwarded"),
        }
    }

    /// The field and value for these addresses, as this proxy writes them or as the other kind does.
    fn names(self, addresses: &[&str], own: bool) -> (&'static str, String) {
        let element = |address: &&str| match address.contains(':') {
            true => format!("for=\"[{address}]\""),
            false => format!("for={address}"),
        };
        if self.elements == own {
            let all: Vec<String> = addresses.iter().map(element).collect();
            ("Forwarded", all.join(", "))
        } else {
            ("X-Forwarded-For", addresses.join(", "))
        }
    }
}

fn attack(at: &dyn Target, rate: &Reachable, sheet: &mut Sheet) -> Result<(), TargetError> {
    let proxy = Proxy::of(at);
    let send = |chain: &[&str], more: Option<(&'static str, String)>| {
        let (name, value) = proxy.names(chain, true);
        let draft = Draft::new(at, &rate.method, &rate.path).field(name, &value);
        let draft = match more {
            Some((name, value)) => draft.field(name, &value),
            None => draft,
        };
        draft.send(at)
    };
    let mut spent = Spent::begin(&rate.limit);
    for other in OTHERS {
        let refused = spent.exhaust(|| send(&[GREEDY], None))?;
        let served = send(&[other], None)?;
        sheet.pair(
            format!("another client of the same proxy, {other}, once the first has had them all"),
            served_in(&served),
            refused,
        );
    }
    let mut made_up = 0_u32;
    for (number, (attempt, disguise)) in DISGUISES.iter().enumerate() {
        let met = spent.exhaust(|| {
            made_up += 1;
            let address = format!("203.0.113.{}", made_up % 250);
            match disguise {
                Disguise::InFront => send(&[&address, GREEDY], None),
                Disguise::OtherField => send(&[GREEDY], Some(proxy.names(&[&address], false))),
                Disguise::Real => send(&[GREEDY], Some(("X-Real-IP", address))),
            }
        })?;
        let twin = send(&[&format!("198.51.100.{}", number + 9)], None)?;
        sheet.pair(
            format!("who has had them all, {attempt} (on a child)"),
            met,
            served_in(&twin),
        );
    }
    Ok(())
}

/// What a client may say of itself, which the proxy passes on.
enum Disguise {
    InFront,
    OtherField,
    Real,
}

const DISGUISES: &[(&str, Disguise)] = &[
    ("under an address that it puts in front", Disguise::InFront),
    (
        "under an address in the field that the proxy does not write",
        Disguise::OtherField,
    ),
    ("under an X-Real-IP of its own", Disguise::Real),
];

/// Whether it was served: a limit that holds up whoever stands beside the greedy one is not theirs alone.
fn served_in(reply: &Reply) -> Met {
    match reply.answer() {
        Some(answer) if [200, 429].contains(&answer.status) => {
            Met::when(answer.status == 200, answer.status.to_string())
        }
        Some(answer) => Met::inconclusive(answer.status.to_string()),
        None => Met::inconclusive("no answer"),
    }
}

/// The first limit that counts every request, with a place of its own that it governs.
fn reachable(configuration: &Value) -> Option<Reachable> {
    let rates = configuration.get("rate").and_then(Value::as_array)?;
    rates.iter().find_map(|rate| {
        let text = |key: &str| rate.get(key).and_then(Value::as_str);
        let first = |key: &str| rate.get(key)?.get(0)?.as_str();
        let requests = rate.get("requests").and_then(Value::as_u64)?;
        let per = quantity::duration(text("per")?)?;
        if requests > MOST || text("counts") == Some("failures") {
            return None;
        }
        let above = first("paths").unwrap_or_default().trim_end_matches('/');
        Some(Reachable {
            limit: Limit::new(requests, per),
            method: first("methods").unwrap_or("GET").to_owned(),
            path: format!("{above}/vouchsafe-apart"),
        })
    })
}

/// A place that strangers may ask, behind a proxy on loopback.
fn behind_a_proxy(configuration: &mut Value, rate: &Reachable) {
    let app = configuration.pointer("/app/0/name").cloned();
    if let Some(deployment) = configuration
        .get_mut("deployment")
        .and_then(Value::as_object_mut)
    {
        let behind = |proxies: &Value| proxies.as_array().is_some_and(|all| !all.is_empty());
        if !deployment.get("trusted_proxies").is_some_and(behind) {
            // One that stands behind none may begin to: as whoever sets it up must.
            deployment.insert("proxies_write".to_owned(), json!("x-forwarded-for"));
        }
        deployment.insert(
            "trusted_proxies".to_owned(),
            json!(["127.0.0.0/8", "::1/128"]),
        );
    }
    let routes = configuration.get_mut("route").and_then(Value::as_array_mut);
    if let Some(routes) = routes {
        routes.push(json!({
            "path": rate.path,
            "exact": true,
            "methods": [rate.method],
            "app": app,
            "auth": "none",
            "reason": "a proof counts here",
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::HashMap};

    use control::{Verdict, probe::Answer};

    use super::*;
    use crate::target::double::{Double, echo};

    /// A child that lets each of what `who` finds in a request send five.
    fn child(who: impl Fn(&str) -> String + 'static) -> Double {
        let counts = RefCell::new(HashMap::new());
        Double::answering(move |request| {
            let mut counts = counts.borrow_mut();
            let count: &mut u64 = counts.entry(who(request)).or_default();
            *count += 1;
            if *count <= 5 {
                return echo(&[]);
            }
            Reply::Answer(Answer {
                status: 429,
                fields: vec![("Retry-After".to_owned(), "720".to_owned())],
                ..Answer::default()
            })
        })
    }

    fn field<'r>(request: &'r str, name: &str) -> &'r str {
        let named = |line: &&str| line.starts_with(&format!("{name}: "));
        let line = request.lines().find(named).unwrap_or_default();
        line.split_once(": ").map_or("", |(_, value)| value)
    }

    fn verdict(who: impl Fn(&str) -> String + 'static) -> Verdict {
        let rate = Reachable {
            limit: Limit::new(5, std::time::Duration::from_secs(3600)),
            method: "GET".to_owned(),
            path: "/vouchsafe-apart".to_owned(),
        };
        let mut sheet = Sheet::new();
        attack(&child(who), &rate, &mut sheet).unwrap();
        sheet.verdict()
    }

    /// What the proxy saw.
    fn seen(request: &str) -> String {
        let forwarded = field(request, "X-Forwarded-For");
        let (_, last) = forwarded.rsplit_once(", ").unwrap_or(("", forwarded));
        last.to_owned()
    }

    #[test]
    fn clients_of_a_proxy_are_counted_apart_and_every_lesser_way_is_found_out() {
        assert_eq!(verdict(seen), Verdict::Kept);
        assert_eq!(verdict(|_| "the proxy".to_owned()), Verdict::Broken);
        let leftmost = |request: &str| {
            let forwarded = field(request, "X-Forwarded-For");
            forwarded.split(", ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(verdict(leftmost), Verdict::Broken);
        for name in ["Forwarded", "X-Real-IP"] {
            let believed = move |request: &str| seen(request) + field(request, name);
            assert_eq!(verdict(believed), Verdict::Broken, "{name}");
        }
    }

    #[test]
    fn the_limit_that_is_tried_is_one_of_the_configuration() {
        let tree = json!({"app": [{"name": "app"}], "deployment": {}, "route": [], "rate": [
            {"at_once": 2}, {"requests": 5, "per": "1h", "counts": "failures"},
            {"requests": 9, "per": "1h", "paths": ["/up"], "methods": ["POST"]},
        ]});
        let rate = reachable(&tree).unwrap();
        assert_eq!((rate.limit.requests, rate.method.as_str()), (9, "POST"));
        assert_eq!(rate.path, "/up/vouchsafe-apart");
        let mut changed = tree.clone();
        behind_a_proxy(&mut changed, &rate);
        assert_eq!(changed.pointer("/route/0/app"), Some(&json!("app")));
        assert!(reachable(&json!({"rate": [{"requests": 5000, "per": "1h"}]})).is_none());
    }
}
