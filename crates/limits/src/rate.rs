//! One limit, and all of them.
//!
//! Owns which requests a limit governs and what becomes of one. Refuses to let a limit of one spelling
//! be escaped by another: paths are compared in their most lenient form. What was counted survives a
//! reload for as long as a limit of that name counts by the same.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use crate::{
    Held, Standing, Table,
    pace::{Pace, Turn},
    shared::Asked,
    who::{By, Who},
};

/// One limit.
#[derive(Debug)]
pub struct Rate {
    /// Its name in the configuration, the answers and the ledger.
    pub name: Box<str>,
    /// The line of the configuration it stands in, from 1.
    pub line: usize,
    /// How callers are told apart.
    pub by: By,
    /// Methods it governs; empty means all.
    pub methods: Vec<Box<str>>,
    /// Paths it governs, each with everything below, in their most lenient spelling; empty means all.
    pub paths: Vec<Box<str>>,
    /// What it limits.
    pub measure: Measure,
    table: Arc<Table>,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Requests over time.
    Pace(Pace, Counts),
    /// Requests under way.
    AtOnce(u32),
}

/// Which requests are counted over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// All of them.
    All,
    /// Those that end in a status from 400 to 499 other than 429. Who has had too many of them is
    /// refused whatever comes next.
    Failures,
}

/// Most limits of a configuration.
pub const MOST_RATES: usize = 64;

/// All limits, in the order of the file.
#[derive(Debug, Default)]
pub struct Rates {
    all: Vec<Rate>,
    spread: Spread,
}

/// The secret under which callers are hashed; shared with the next configuration.
#[derive(Clone, Debug, Default)]
struct Spread(Arc<RandomState>);

/// What a request's limits have to do with it until its end.
#[derive(Debug, Default)]
pub struct Tally {
    /// How it stands with the nearest of its limits.
    pub standing: Option<Standing>,
    /// Boxed, because every request is moved and few keep anything.
    kept: Option<Box<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Its places among the requests under way.
    held: Vec<Held>,
    /// Callers whose failures are counted, with the place of the limit.
    failures: Vec<(u16, u64)>,
    /// What a server that is shared must be asked.
    asked: Asked,
}

/// A request, as limits see it.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path in the most lenient spelling.
    pub folded: &'a str,
    /// When it came, in nanoseconds since 1970.
    pub now: i64,
    /// Whether other processes must be asked as well.
    pub shared: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It comes too often: the limit's place, and seconds to wait.
    Pace(u16, u32),
    /// There are too many at once: the limit's place.
    AtOnce(u16),
}

impl Rate {
    /// A limit that has counted nothing.
    #[must_use]
    pub fn new(name: &str, by: By, measure: Measure) -> Self {
        Self {
            name: name.into(),
            line: 0,
            by,
            methods: Vec::new(),
            paths: Vec::new(),
            measure,
            table: Arc::default(),
        }
    }

    /// Whether it governs a request with this method and this path, in its most lenient spelling.
    #[must_use]
    pub fn governs(&self, method: &str, folded: &str) -> bool {
        let listed = self.methods.is_empty() || self.methods.iter().any(|it| **it == *method);
        let below = |path: &str| {
            folded
                .strip_prefix(path)
                .is_some_and(|rest| path == "/" || rest.is_empty() || rest.starts_with('/'))
        };
        listed && (self.paths.is_empty() || self.paths.iter().any(|path| below(path)))
    }

    /// How often requests may come, where it says so of all of them.
    #[must_use]
    pub const fn pace(&self) -> Option<&Pace> {
        match &self.measure {
            Measure::Pace(pace, Counts::All) => Some(pace),
            Measure::Pace(_, Counts::Failures) | Measure::AtOnce(_) => None,
        }
    }
}

/// What it says, in a few words: `api: 120 within 1m by caller`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.measure {
            Measure::AtOnce(most) => write!(f, "{most} at once")?,
            Measure::Pace(pace, counts) => {
                let failures = match counts {
                    Counts::All => "",
                    Counts::Failures => " failures",
                };
                let per = config::quantity::write_duration(pace.per());
                write!(f, "{}{failures} within {per}", pace.requests())?;
            }
        }
        match self.by {
            By::Everyone => f.write_str(" for everyone together"),
            By::Caller => f.write_str(" by caller"),
            By::Session => f.write_str(" by session"),
            By::Address => f.write_str(" by address"),
        }
    }
}

impl Rates {
    /// These limits, in this order.
    #[must_use]
    pub fn new(all: Vec<Rate>) -> Self {
        Self {
            all,
            spread: Spread::default(),
        }
    }

    /// Every limit.
    #[must_use]
    pub fn all(&self) -> &[Rate] {
        &self.all
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Goes on with what the limits of `before` have counted.
    pub fn take_up(&mut self, before: &Self) {
        self.spread = before.spread.clone();
        for rate in &mut self.all {
            let over_time = |rate: &Rate| matches!(rate.measure, Measure::Pace(..));
            let same = |other: &&Rate| {
                other.name == rate.name
                    && other.by == rate.by
                    && over_time(other) == over_time(rate)
            };
            if let Some(other) = before.all.iter().find(same) {
                rate.table = Arc::clone(&other.table);
            }
        }
    }

    /// Counts a request for each limit that governs it, of those whose callers `who` names. The first
    /// that is reached refuses it; what others have counted of it by then stays counted. With `shared`,
    /// the tally notes what other processes must be asked as well.
    pub fn count(
        &self,
        tally: &mut Tally,
        request: &Counted<'_>,
        who: impl Fn(By) -> Option<Who>,
    ) -> Result<(), Over> {
        for (place, rate) in (0..).zip(&self.all) {
            let Some(who) = who(rate.by) else { continue };
            if !rate.governs(request.method, request.folded) {
                continue;
            }
            let hash = self.spread.0.hash_one(who);
            match &rate.measure {
                Measure::Pace(pace, Counts::All) => {
                    let ahead = granted(place, rate.table.charge(hash, pace, request.now))?;
                    let standing = Standing::new(place, pace, ahead);
                    tally.standing = Some(standing.nearer(tally.standing));
                    if request.shared {
                        tally.keep().asked.push((place, who));
                    }
                }
                Measure::Pace(pace, Counts::Failures) => {
                    granted(place, rate.table.look(hash, pace, request.now))?;
                    tally.keep().failures.push((place, hash));
                }
                Measure::AtOnce(most) => {
                    let held = rate.table.enter(hash, *most).ok_or(Over::AtOnce(place))?;
                    tally.keep().held.push(held);
                }
            }
        }
        Ok(())
    }

    /// Takes back what was counted of a request that other processes have refused.
    pub fn take_back(&self, asked: &[(u16, Who)]) {
        for (place, who) in asked {
            if let Some(rate) = self.get(*place)
                && let Some(pace) = rate.pace()
            {
                rate.table.refund(self.spread.0.hash_one(who), pace);
            }
        }
    }

    /// The limit in this place.
    #[must_use]
    pub fn get(&self, place: u16) -> Option<&Rate> {
        self.all.get(usize::from(place))
    }

    /// Counts the end of a request, where its failure counts.
    pub fn ended(&self, tally: &Tally, status: u16, now: i64) {
        if !(400..500).contains(&status) || status == 429 {
            return;
        }
        let failures = tally.kept.iter().flat_map(|kept| &kept.failures);
        for (place, who) in failures {
            if let Some(rate) = self.get(*place)
                && let Measure::Pace(pace, _) = &rate.measure
            {
                let _ = rate.table.charge(*who, pace, now);
            }
        }
    }
}

fn granted(place: u16, turn: Turn) -> Result<i64, Over> {
    match turn {
        Turn::Granted { ahead, .. } => Ok(ahead),
        Turn::Wait(wait) => Err(Over::Pace(place, crate::pace::seconds(wait))),
    }
}

impl Tally {
    fn keep(&mut self) -> &mut Kept {
        self.kept.get_or_insert_default()
    }

    /// What a server that is shared must be asked, where there is anything.
    pub fn take_asked(&mut self) -> Option<Asked> {
        let asked = std::mem::take(&mut self.kept.as_mut()?.asked);
        (!asked.is_empty()).then_some(asked)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: i64 = 1_800_000_000_000_000_000;

    fn pace(requests: u32) -> Pace {
        Pace::new(requests, Duration::from_secs(60)).unwrap()
    }

    fn rate(by: By, requests: u32) -> Rate {
        Rate::new("api", by, Measure::Pace(pace(requests), Counts::All))
    }

    fn who(by: By) -> Option<Who> {
        Some(match by {
            By::Everyone => Who::Everyone,
            By::Address => Who::at([192, 0, 2, 1].into()),
            By::Caller | By::Session => Who::Principal([7; 16]),
        })
    }

    const GET: Counted<'_> = Counted {
        method: "GET",
        folded: "/",
        now: NOW,
        shared: false,
    };

    fn passes(rates: &Rates, tries: usize) -> usize {
        let one = |_: &usize| rates.count(&mut Tally::default(), &GET, who).is_ok();
        (0..tries).filter(one).count()
    }

    #[test]
    fn a_limit_governs_its_paths_and_methods_by_whole_segments() {
        let mut rate = rate(By::Caller, 1);
        assert!(rate.governs("GET", "/anything"));
        rate.paths = vec!["/api".into(), "/in".into()];
        rate.methods = vec!["POST".into()];
        for (method, path, governs) in [
            ("POST", "/api", true),
            ("POST", "/api/x", true),
            ("POST", "/in", true),
            ("POST", "/apix", false),
            ("POST", "/", false),
            ("GET", "/api", false),
        ] {
            assert_eq!(rate.governs(method, path), governs, "{method} {path}");
        }
        rate.paths = vec!["/".into()];
        assert!(rate.governs("POST", "/x"));
    }

    #[test]
    fn the_narrowest_of_several_limits_refuses_and_is_told() {
        let mut wide = rate(By::Caller, 5);
        wide.name = "wide".into();
        let rates = Rates::new(vec![wide, rate(By::Address, 2)]);
        let mut tally = Tally::default();
        rates.count(&mut tally, &GET, who).unwrap();
        assert_eq!(
            tally.standing.map(|it| (it.rate, it.left)),
            Some((1, 1)),
            "one of two is left, and four of five"
        );
        assert_eq!(passes(&rates, 9), 1);
        let over = rates.count(&mut Tally::default(), &GET, who);
        assert_eq!(over, Err(Over::Pace(0, 12)), "both are reached by now");
    }

    #[test]
    fn a_limit_whose_caller_is_not_known_yet_waits_for_its_turn() {
        let rates = Rates::new(vec![rate(By::Caller, 1)]);
        let early = |by: By| who(by).filter(|_| by.needs_no_credential());
        for _ in 0..5 {
            let counted = rates.count(&mut Tally::default(), &GET, early);
            assert_eq!(counted, Ok(()));
        }
        assert_eq!(passes(&rates, 5), 1);
    }

    #[test]
    fn failures_alone_are_counted_where_that_is_said() {
        let measure = Measure::Pace(pace(2), Counts::Failures);
        let rates = Rates::new(vec![Rate::new("guess", By::Address, measure)]);
        let once = |status| {
            let mut tally = Tally::default();
            let counted = rates.count(&mut tally, &GET, who);
            rates.ended(&tally, status, NOW);
            counted.is_ok()
        };
        for status in [200, 500, 429, 302, 200, 200] {
            assert!(once(status), "{status}");
        }
        assert!(once(404) && once(401));
        assert!(!once(200), "two have failed");
    }

    #[test]
    fn others_are_asked_of_what_is_counted_over_time_and_of_nothing_else() {
        let busy = Rate::new("busy", By::Caller, Measure::AtOnce(2));
        let rates = Rates::new(vec![rate(By::Caller, 2), busy]);
        let mut tally = Tally::default();
        let shared = Counted {
            shared: true,
            ..GET
        };
        rates.count(&mut tally, &shared, who).unwrap();
        let asked = tally.take_asked().unwrap();
        assert_eq!(asked, [(0, Who::Principal([7; 16]))]);
        assert_eq!(tally.take_asked(), None);
        rates.take_back(&asked);
        rates.count(&mut tally, &GET, who).unwrap();
        assert_eq!(tally.take_asked(), None);
        assert_eq!(
            tally.standing.map(|it| it.left),
            Some(1),
            "one was taken back"
        );
    }

    #[test]
    fn a_limit_says_what_it_is_in_a_few_words() {
        let failing = Measure::Pace(pace(5), Counts::Failures);
        let said = [
            rate(By::Caller, 120).to_string(),
            Rate::new("busy", By::Session, Measure::AtOnce(2)).to_string(),
            Rate::new("bad", By::Address, failing).to_string(),
            rate(By::Everyone, 1).to_string(),
        ];
        assert_eq!(
            said,
            [
                "api: 120 within 1m by caller",
                "busy: 2 at once by session",
                "bad: 5 failures within 1m by address",
                "api: 1 within 1m for everyone together",
            ]
        );
    }

    #[test]
    fn so_many_at_once_until_one_is_dropped() {
        let rates = Rates::new(vec![Rate::new("busy", By::Caller, Measure::AtOnce(2))]);
        let mut tallies: Vec<Tally> = (0..3).map(|_| Tally::default()).collect();
        let mut counted = tallies
            .iter_mut()
            .map(|tally| rates.count(tally, &GET, who));
        assert_eq!(counted.next(), Some(Ok(())));
        assert_eq!(counted.next(), Some(Ok(())));
        assert_eq!(counted.next(), Some(Err(Over::AtOnce(0))));
        tallies.remove(0);
        assert_eq!(passes(&rates, 1), 1);
    }

    #[test]
    fn a_reload_forgets_nothing_that_the_same_limit_counted() {
        let before = Rates::new(vec![rate(By::Caller, 2)]);
        assert_eq!(passes(&before, 5), 2);
        let after = |rate: Rate| {
            let mut rates = Rates::new(vec![rate]);
            rates.take_up(&before);
            passes(&rates, 9)
        };
        assert_eq!(after(rate(By::Caller, 2)), 0);
        // A debt is time: who had used up the old limit begins with none of the new one.
        assert_eq!(after(rate(By::Caller, 4)), 0);
        assert_eq!(after(rate(By::Everyone, 2)), 2, "another limit");
    }
}
