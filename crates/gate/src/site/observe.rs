//! Observation of a route: until when refusals are only noted there.
//!
//! Owns `mode` and `until` of `[[route]]`. Refuses an observation without an end, one that ends more than
//! 120 days from now, and one of a route whose answers are cut to what their reader may see: rows cannot
//! be shown and withheld at once. An end that is past starts, and the route enforces.

use std::time::Duration;

use config::{Fault, Found, Table};
use control::Timestamp;
use time::Date;

/// How far ahead an observation may end.
pub const LONGEST: Duration = Duration::from_secs(120 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// That a route is observed, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The end of the day that was written, in UTC.
    until: Timestamp,
}

impl Observation {
    /// The moment from which the route enforces again.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether it still goes on at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// The last day of it, as it is written in the file.
    #[must_use]
    pub fn last_day(&self) -> String {
        let last = Timestamp::from_millis(self.until.millis().saturating_sub(1));
        last.to_string().chars().take(10).collect()
    }
}

/// Reads `mode` and `until`. `None` where the route enforces, or where a fault was noted.
pub(super) fn read(
    table: &mut Table<'_>,
    now: Timestamp,
    cuts_answers: bool,
) -> Option<Observation> {
    let mode = table.optional_one_of("mode", &["enforce", "observe"]);
    let observes = mode.filter(|mode| mode.value == "observe");
    let Some(mode) = observes else {
        if let Some(until) = table.date("until") {
            table.fault(
                Fault::new(
                    "route.until-without-observe",
                    "until says when an observation ends, and this route enforces",
                )
                .at(until.span)
                .hint("remove until, or write mode = \"observe\""),
            );
        }
        return None;
    };
    if cuts_answers {
        table.fault(
            Fault::new(
                "route.observed-rows",
                "a route whose answers hold rows cannot be observed: everybody would see all of them",
            )
            .at(mode.span)
            .hint("remove answers until the route enforces, or observe another route"),
        );
    }
    let until = table.required_date("until")?;
    end(table, &until, now)
}

fn end(table: &Table<'_>, until: &Found<Date>, now: Timestamp) -> Option<Observation> {
    let midnight = until.value.next_day()?.midnight().assume_utc();
    let end = Timestamp::from_seconds(midnight.unix_timestamp());
    // The day written counts whole, so the furthest end is the midnight behind the last day.
    let furthest = now.plus(LONGEST);
    if end.seconds().div_euclid(DAY.cast_signed())
        > furthest.seconds().div_euclid(DAY.cast_signed()) + 1
    {
        let day: String = furthest.to_string().chars().take(10).collect();
        table.fault(
            Fault::new(
                "route.observed-too-long",
                "an observation ends at most 120 days from today",
            )
            .at(until.span)
            .hint(format!("write until = {day} or earlier")),
        );
        return None;
    }
    Some(Observation { until: end })
}

#[cfg(test)]
mod tests {
    use control::Timestamp;

    use crate::{
        site::route::Route,
        testing::{read, text},
    };

    /// A guarded route with `more`; tests read configurations on 2027-01-15.
    fn guarded(more: &str) -> String {
        text(&format!(
            "[[route]]\npath = \"/\"\napp = \"coach\"\nauth = [\"api-key\"]\n{more}"
        ))
    }

    fn observed(more: &str) -> Option<(String, Timestamp)> {
        let site = read(&guarded(more)).unwrap();
        let observation = site.routes().first().and_then(Route::observation)?;
        Some((observation.last_day(), observation.until()))
    }

    fn code(more: &str) -> &'static str {
        let faults = read(&guarded(more)).unwrap_err();
        faults.list().first().unwrap().code
    }

    #[test]
    fn the_day_written_is_observed_whole() {
        let (day, until) = observed("mode = \"observe\"\nuntil = 2027-01-31\n").unwrap();
        assert_eq!(day, "2027-01-31");
        assert_eq!(until.to_string(), "2027-02-01T00:00:00.000Z");
    }

    #[test]
    fn a_route_enforces_unless_it_says_otherwise() {
        assert_eq!(observed(""), None);
        assert_eq!(observed("mode = \"enforce\"\n"), None);
    }

    #[test]
    fn an_end_stands_there_and_is_near() {
        assert_eq!(code("mode = \"observe\"\n"), "config.missing-key");
        assert!(observed("mode = \"observe\"\nuntil = 2027-05-15\n").is_some());
        assert_eq!(
            code("mode = \"observe\"\nuntil = 2027-05-16\n"),
            "route.observed-too-long"
        );
        assert_eq!(code("until = 2027-01-31\n"), "route.until-without-observe");
    }

    #[test]
    fn an_end_that_is_past_starts_and_enforces() {
        let site = read(&guarded("mode = \"observe\"\nuntil = 2027-01-14\n")).unwrap();
        let observation = site.routes().first().and_then(Route::observation).unwrap();
        let today = Timestamp::from_seconds(1_800_000_000);
        assert!(!observation.holds(today));
        let end = observation.until();
        assert!(
            observation.holds(Timestamp::from_millis(end.millis() - 1)) && !observation.holds(end)
        );
    }
}
