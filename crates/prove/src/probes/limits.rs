//! Asking too often.
//!
//! Every caller here is a proof's own, so nobody else's limit is used up. A limit lets its number pass at
//! once and gives one back each time a share of its time has passed: what may pass is counted with that.

mod apart;
mod reads;

use std::time::Duration;

use config::quantity;
use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{Guard, Reply, RouteFact, TargetError},
    sheet::Met,
};

pub(super) use self::{apart::Apart, reads::ReadsFree};
use super::{draft::Draft, method_of, visitor::Visitor};

/// Attacks `limits.rate`.
pub(super) struct Rate;
/// Attacks `limits.uploads`.
pub(super) struct Uploads;

/// Most requests that a probe sends to reach a limit.
const MOST: u64 = 2000;

/// What a client might send to be taken for another.
const DISGUISES: &[(&str, &str, &str)] = &[
    (
        "under a forwarded address",
        "X-Forwarded-For",
        "198.51.100.7",
    ),
    (
        "under another forwarded address",
        "Forwarded",
        "for=198.51.100.8",
    ),
    ("under a real address", "X-Real-IP", "198.51.100.9"),
    ("as another browser", "User-Agent", "another/1.0"),
];

impl Probe for Rate {
    fn promise(&self) -> &'static str {
        "limits.rate"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let per = asked.value("per").and_then(quantity::duration);
        let per = per.ok_or_else(|| TargetError::new("read the anchor", "per is no duration"))?;
        let limit = Limit::new(number(asked, "requests")?, per);
        attack(asked, at, &limit, asked.value("method"), sheet)
    }
}

impl Probe for Uploads {
    fn promise(&self) -> &'static str {
        "limits.uploads"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let limit = Limit::new(number(asked, "most")?, Duration::from_secs(60 * 60));
        attack(asked, at, &limit, Some("POST"), sheet)
    }
}

fn number(asked: &Asked, key: &str) -> Result<u64, TargetError> {
    let number = asked.value(key).and_then(|text| text.parse().ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| TargetError::new("read the anchor", format!("{key} is not a number")))
}

fn attack(
    asked: &Asked,
    at: &dyn Target,
    limit: &Limit,
    method: Option<&str>,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    if limit.requests > MOST {
        sheet.unproven(format!("it would take more than {MOST} requests"));
        return Ok(());
    }
    let path = asked.value("on");
    let Some(route) = route(at, path, method) else {
        sheet.unproven("no route there knows who asks: keys and people alone can be told apart");
        return Ok(());
    };
    let method = method.unwrap_or_else(|| method_of(route));
    let path = path.unwrap_or(&route.path);
    let draft = || {
        let draft = Draft::new(at, method, path);
        if method == "GET" || !draft.body.is_empty() {
            return draft;
        }
        draft.body("application/json", b"{}")
    };
    let greedy = visitor(at, route, method)?;
    let other = visitor(at, route, method)?;
    let mut spent = Spent::begin(limit);
    let met = spent.exhaust(|| greedy.sends(at, &draft()))?;
    let others = |other: &Visitor| other.sends(at, &draft());
    sheet.pair(
        format!("{method} {path}, one more than {}", limit.requests),
        met,
        Met::status(&others(&other)?, &[200]),
    );
    for (attempt, name, value) in DISGUISES {
        let met = spent.exhaust(|| greedy.sends(at, &draft().field(name, value)))?;
        sheet.pair(
            format!("{method} {path} {attempt}, by who has had them all"),
            met,
            Met::status(&others(&visitor(at, route, method)?)?, &[200]),
        );
    }
    let mut queried = draft();
    queried.target = format!("{path}?again=1");
    let met = spent.exhaust(|| greedy.sends(at, &queried))?;
    sheet.pair(
        format!("{method} {path} with a query, by who has had them all"),
        met,
        Met::status(&others(&visitor(at, route, method)?)?, &[200]),
    );
    Ok(())
}

/// The route that governs `path`, or the first that knows who asks.
fn route<'t>(
    at: &'t dyn Target,
    path: Option<&str>,
    method: Option<&str>,
) -> Option<&'t RouteFact> {
    let takes = |route: &&RouteFact| {
        route.sessions || matches!(route.guard, Guard::Key(_) | Guard::Session(_))
    };
    let lists = |route: &&RouteFact| {
        route.methods.is_empty()
            || method.is_none_or(|method| route.methods.iter().any(|listed| listed == method))
    };
    let governs = |route: &&RouteFact| {
        path.is_none_or(|path| {
            let above = route.path.trim_end_matches('/');
            path.strip_prefix(above)
                .is_some_and(|rest| rest.is_empty() || !route.exact && rest.starts_with('/'))
        })
    };
    let mut routes = at.facts().routes.iter().filter(lists).filter(governs);
    match path {
        // The longest path governs, whether it suits us or not.
        Some(_) => routes.max_by_key(|route| route.path.len()).filter(takes),
        None => routes.find(takes),
    }
}

/// Somebody new, with a limit of their own.
fn visitor(at: &dyn Target, route: &RouteFact, method: &str) -> Result<Visitor, TargetError> {
    let visitor = Visitor::new(at, route, method)?.filter(Visitor::is_known);
    visitor.ok_or_else(|| TargetError::new("find a caller", "the route knows nobody"))
}

/// So many within so long.
struct Limit {
    requests: u64,
    per: Duration,
}

impl Limit {
    const fn new(requests: u64, per: Duration) -> Self {
        Self { requests, per }
    }

    /// How many may have passed by now.
    fn allows(&self, elapsed: Duration) -> u64 {
        let back = elapsed.as_millis() * u128::from(self.requests) / self.per.as_millis().max(1);
        self.requests
            .saturating_add(u64::try_from(back).unwrap_or(u64::MAX))
    }
}

/// What one caller has had.
struct Spent<'l> {
    limit: &'l Limit,
    clock: SystemClock,
    passed: u64,
}

impl<'l> Spent<'l> {
    fn begin(limit: &'l Limit) -> Self {
        Self {
            limit,
            clock: SystemClock::new(),
            passed: 0,
        }
    }

    /// Sends until it is refused, or until more have passed than may.
    fn exhaust(
        &mut self,
        mut send: impl FnMut() -> Result<Reply, TargetError>,
    ) -> Result<Met, TargetError> {
        loop {
            let reply = send()?;
            let Some(answer) = reply.answer() else {
                return Ok(Met::inconclusive("no answer"));
            };
            match answer.status {
                200 => self.passed += 1,
                429 => {
                    let wait = answer.field("Retry-After");
                    let wait = wait.and_then(|text| text.parse::<u64>().ok());
                    let told = wait.is_some_and(|seconds| seconds > 0);
                    let said = wait.map_or_else(
                        || "no word on when to come again".to_owned(),
                        |seconds| format!("again after {seconds} s"),
                    );
                    return Ok(Met::when(
                        told,
                        format!("429 behind {}, {said}", self.passed),
                    ));
                }
                status => return Ok(Met::inconclusive(format!("{status}"))),
            }
            if self.passed > self.limit.allows(self.clock.monotonic()) {
                return Ok(Met::when(false, format!("{} passed", self.passed)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::HashMap};

    use control::{Verdict, probe::Answer};
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, echo};

    /// A gate that lets each of what `who` finds in a request send five.
    fn gate(who: impl Fn(&str) -> String + 'static, wait: Option<&'static str>) -> Double {
        let counts = RefCell::new(HashMap::new());
        let mut at = Double::answering(move |request| {
            let mut counts = counts.borrow_mut();
            let count: &mut u64 = counts.entry(who(request)).or_default();
            *count += 1;
            if *count <= 5 {
                return echo(&[]);
            }
            let told = wait.map(|wait| ("Retry-After".to_owned(), wait.to_owned()));
            Reply::Answer(Answer {
                status: 429,
                fields: told.into_iter().collect(),
                ..Answer::default()
            })
        });
        at.facts.configuration = json!({});
        at.facts
            .routes
            .retain(|route| matches!(route.guard, Guard::Key(_)));
        at
    }

    fn line(request: &str, name: &str) -> String {
        let found = request.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_owned()
    }

    fn verdict(at: &Double, requests: &str) -> Verdict {
        let pairs = [("requests", requests), ("per", "1h")];
        let asked = Asked {
            promise: "limits.rate".to_owned(),
            values: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        Rate.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn a_limit_by_who_asks_is_kept_and_every_lesser_one_is_found_out() {
        let key = |request: &str| line(request, "X-API-Key");
        assert_eq!(verdict(&gate(key, Some("720")), "5"), Verdict::Kept);
        assert_eq!(verdict(&gate(key, Some("720")), "4"), Verdict::Broken);
        assert_eq!(
            verdict(&gate(key, None), "5"),
            Verdict::Broken,
            "nobody is told when to come again"
        );
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "User-Agent"] {
            let disguised = move |request: &str| key(request) + &line(request, name);
            assert_eq!(
                verdict(&gate(disguised, Some("720")), "5"),
                Verdict::Broken,
                "{name}"
            );
        }
        let by_target = move |request: &str| key(request) + request.lines().next().unwrap();
        assert_eq!(verdict(&gate(by_target, Some("1")), "5"), Verdict::Broken);
    }

    #[test]
    fn a_limit_of_everybody_together_holds_up_others_and_is_not_kept() {
        let everybody = |_: &str| String::new();
        assert_eq!(verdict(&gate(everybody, Some("1")), "5"), Verdict::Error);
    }

    #[test]
    fn what_came_back_meanwhile_may_pass() {
        let limit = Limit::new(120, Duration::from_secs(60));
        for (elapsed, allowed) in [(0, 120), (499, 120), (500, 121), (60_000, 240)] {
            assert_eq!(limit.allows(Duration::from_millis(elapsed)), allowed);
        }
    }
}
