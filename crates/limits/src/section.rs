//! `[[rate]]`: the limits of a configuration.
//!
//! Owns the section. Refuses two limits of one name, one that says neither how often nor how many at
//! once, and more than the gate would look at for each request.

use std::time::Duration;

use config::{Fault, Table};

use crate::{
    pace::{LONGEST, MOST, Pace},
    rate::{Counts, MOST_RATES, Measure, Rate, Rates},
    who::By,
};

/// Longest name of a limit.
const LONGEST_NAME: usize = 32;

/// How paths and methods of limits are read: as those of routes.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Reads a path.
    pub path: fn(&str) -> Result<Box<str>, &'static str>,
    /// Reads a method.
    pub method: fn(&str) -> Result<Box<str>, &'static str>,
    /// The most lenient spelling of a path.
    pub fold: fn(&str) -> Box<str>,
}

/// Reads every `[[rate]]`; faults go to the document.
pub fn read(root: &mut Table<'_>, readers: Readers) -> Rates {
    let mut all: Vec<Rate> = Vec::new();
    for (place, mut table) in root.tables("rate").into_iter().enumerate() {
        if place == MOST_RATES {
            table.fault(
                Fault::new(
                    "rate.too-many",
                    format!("there are more than {MOST_RATES} limits"),
                )
                .at(table.span())
                .hint("let one limit govern several paths"),
            );
        }
        let Some(rate) = one(&mut table, readers) else {
            continue;
        };
        if all.iter().any(|other| other.name == rate.name) {
            table.fault(
                Fault::new(
                    "rate.twice",
                    format!("two limits are called \"{}\"", rate.name),
                )
                .at(table.span())
                .label("the second")
                .hint("give each limit a name of its own"),
            );
        }
        all.push(rate);
    }
    Rates::new(all)
}

fn one(table: &mut Table<'_>, readers: Readers) -> Option<Rate> {
    let expected = "small letters, digits and dashes, such as api";
    let name = table.required_parse("name", expected, name);
    let by = table.one_of("by", By::NAMES, "caller");
    let methods = table.parse_each("methods", "a method such as POST", readers.method);
    let paths = table.parse_each("paths", "a path such as /api", readers.path);
    let measure = measure(table);
    let values = |found: Option<Vec<config::Found<Box<str>>>>| -> Vec<Box<str>> {
        let found = found.unwrap_or_default();
        found.into_iter().map(|it| it.value).collect()
    };
    let mut rate = Rate::new(&name?.value, By::named(by)?, measure?);
    rate.line = table.line();
    rate.methods = values(methods);
    rate.paths = values(paths).iter().map(|it| (readers.fold)(it)).collect();
    Some(rate)
}

/// How often, or how many at once: exactly one of the two.
fn measure(table: &mut Table<'_>) -> Option<Measure> {
    let requests = table.count_in("requests", 1..=MOST.into());
    let per = table.duration_in("per", Duration::from_secs(1)..=LONGEST);
    let at_once = table.count_in("at_once", 1..=1 << 20);
    let counts = match table.one_of("counts", &["all", "failures"], "all") {
        "failures" => Counts::Failures,
        _ => Counts::All,
    };
    let said = ["requests", "per", "at_once"].map(|key| table.has(key));
    match said {
        [true, true, false] => {
            let requests = u32::try_from(requests?.value).ok()?;
            Some(Measure::Pace(Pace::new(requests, per?.value)?, counts))
        }
        [false, false, true] => {
            let span = table.span_of("counts");
            if let Some(span) = span {
                table.fault(
                    Fault::new(
                        "rate.counts-at-once",
                        "what is under way has not failed yet",
                    )
                    .at(span)
                    .hint("remove counts, or write requests and per"),
                );
            }
            Some(Measure::AtOnce(u32::try_from(at_once?.value).ok()?))
        }
        _ => {
            table.fault(
                Fault::new(
                    "rate.measure",
                    "a limit says how often, or how many at once, and not both",
                )
                .at(table.span())
                .hint("write requests = 120 and per = \"1m\", or at_once = 10"),
            );
            None
        }
    }
}

fn name(text: &str) -> Result<Box<str>, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(fits) {
        return Err("is not a name of up to 32 small letters, digits and dashes");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use config::Document;

    use super::*;

    fn readers() -> Readers {
        Readers {
            path: |text| Ok(text.into()),
            method: |text| Ok(text.into()),
            fold: |text| text.to_ascii_lowercase().into(),
        }
    }

    fn of(text: &str) -> Result<Rates, Vec<String>> {
        let mut document = Document::parse("vouchsafe.toml", text);
        let mut root = document.root();
        let rates = read(&mut root, readers());
        root.done();
        match document.finish() {
            Ok(()) => Ok(rates),
            Err(faults) => Err(faults.list().iter().map(|it| it.code.to_owned()).collect()),
        }
    }

    fn codes(text: &str) -> Vec<String> {
        of(text).map(drop).unwrap_err()
    }

    const API: &str = "[[rate]]\nname = \"api\"\nrequests = 120\nper = \"1m\"\n";

    #[test]
    fn a_limit_is_read_with_its_defaults() {
        let rates = of(API).unwrap();
        let rate = &rates.all()[0];
        let pace = Pace::new(120, Duration::from_secs(60)).unwrap();
        assert_eq!(rate.measure, Measure::Pace(pace, Counts::All));
        assert_eq!((rate.by, &*rate.name), (By::Caller, "api"));
        assert!(rate.methods.is_empty() && rate.paths.is_empty());
    }

    #[test]
    fn a_limit_may_be_for_some_requests_and_by_something_else() {
        let text = "[[rate]]\nname = \"busy\"\nat_once = 3\nby = \"everyone\"\n\
                    paths = [\"/API\"]\nmethods = [\"POST\"]\n\
                    [[rate]]\nname = \"guess\"\nrequests = 5\nper = \"1h\"\nby = \"address\"\ncounts = \"failures\"\n";
        let rates = of(text).unwrap();
        let [busy, guess] = rates.all() else {
            panic!("two limits")
        };
        assert_eq!((busy.measure, busy.by), (Measure::AtOnce(3), By::Everyone));
        assert_eq!(&*busy.paths[0], "/api", "in the most lenient spelling");
        assert!(matches!(guess.measure, Measure::Pace(_, Counts::Failures)));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        assert_eq!(codes("[[rate]]\nname = \"api\"\n"), ["rate.measure"]);
        for more in ["at_once = 3\n", "requests = 1\n"] {
            let both = format!("[[rate]]\nname = \"api\"\nper = \"1m\"\n{more}");
            let expected = match more {
                "requests = 1\n" => Ok(()),
                _ => Err(vec!["rate.measure".to_owned()]),
            };
            assert_eq!(of(&both).map(drop), expected, "{more}");
        }
        assert_eq!(codes(&API.repeat(2)), ["rate.twice"]);
        let failing = "[[rate]]\nname = \"busy\"\nat_once = 3\ncounts = \"failures\"\n";
        assert_eq!(codes(failing), ["rate.counts-at-once"]);
        let many: String = (0..65)
            .map(|it| API.replace("api", &format!("api{it}")))
            .collect();
        assert_eq!(codes(&many), ["rate.too-many"]);
        for wrong in [
            API.replace("api", "Api"),
            API.replace("120", "0"),
            API.replace("1m", "25h"),
        ] {
            assert_eq!(codes(&wrong).len(), 1, "{wrong}");
        }
    }
}
