//! The two sections of `vouchsafe.toml` that are `prove`'s own.
//!
//! Owns `[[waiver]]`, by which somebody takes over a promise that is not kept today, and
//! `[[observe]]`, by which side effects can be read. Refuses waivers of more than 90 days, waivers
//! of promises that do not exist, and observers that could write.

use std::time::Duration;

use config::{Fault, Table, secret::SecretReference};
use control::{Catalogue, Timestamp, card::Key};

use crate::{dates, document::nearest};

/// How far ahead a waiver may end.
pub const LONGEST_WAIVER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Longest target that an observer asks an app for, in bytes.
const LONGEST_TARGET: usize = 2048;

/// Waivers or observers that one configuration may carry.
const MOST: usize = 200;

/// The keys of both sections, for the generated reference.
pub const KEYS: &[Key] = &[
    Key {
        path: "[[waiver]] promise",
        takes: "id of a promise",
        default: "required",
        about: "The promise that is taken over although it is broken or unproven.",
    },
    Key {
        path: "[[waiver]] owner",
        takes: "a name",
        default: "required",
        about: "Who answers for it.",
    },
    Key {
        path: "[[waiver]] reason",
        takes: "a sentence",
        default: "required",
        about: "Why it is not kept today; reports print it.",
    },
    Key {
        path: "[[waiver]] until",
        takes: "a day, at most 90 days ahead",
        default: "required",
        about: "The last day on which the waiver counts; after it, `prove` ends with 1.",
    },
    Key {
        path: "[[observe]] files",
        takes: "list of globs, relative to the configuration",
        default: "one of files, database, app",
        about: "Files in which side effects of the app show.",
    },
    Key {
        path: "[[observe]] database",
        takes: "path of an SQLite file; with query",
        default: "one of files, database, app",
        about: "A database in which side effects of the app show; it is opened read-only.",
    },
    Key {
        path: "[[observe]] query",
        takes: "one SELECT",
        default: "required with database",
        about: "The rows that are searched for a canary.",
    },
    Key {
        path: "[[observe]] app",
        takes: "name of an app; with get",
        default: "one of files, database, app",
        about: "An app that shows side effects itself, asked past the gate.",
    },
    Key {
        path: "[[observe]] get",
        takes: "a path",
        default: "required with app",
        about: "What the app is asked for: visible ASCII, without the host.",
    },
    Key {
        path: "[[observe]] header",
        takes: "name of a field; with credential",
        default: "none",
        about: "The field in which the app asks for a credential of the team's own.",
    },
    Key {
        path: "[[observe]] credential",
        takes: "reference to a secret",
        default: "required with header",
        about: "What stands in that field. The gate never reads it; `prove` does when it looks.",
    },
];

/// What `prove` reads from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Promises somebody took over.
    pub waivers: Vec<Waiver>,
    /// Where side effects show.
    pub observers: Vec<Observer>,
}

/// A promise taken over by an owner until a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Catalogue id.
    pub promise: String,
    /// Who took it over.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The moment from which it no longer counts: the end of the day written, in UTC.
    pub until: Timestamp,
}

/// A place where the app's side effects show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observer {
    /// Files by glob, relative to the configuration's folder.
    Files(Vec<String>),
    /// The rows of one read-only query on an SQLite file.
    Rows {
        /// The database file, relative to the configuration's folder.
        database: String,
        /// A single `SELECT`.
        query: String,
    },
    /// The answer to a GET sent to an app, past the gate.
    Get {
        /// Name of the app.
        app: String,
        /// Request target.
        path: String,
        /// A field, and the secret that stands in it.
        credential: Option<(String, SecretReference)>,
    },
}

impl Settings {
    /// Reads both sections from the top of the file; faults go to the document.
    pub fn read(root: &mut Table<'_>, catalogue: &Catalogue, now: Timestamp) -> Self {
        let waivers = root.tables("waiver");
        let observers = root.tables("observe");
        for (name, tables) in [("waiver", &waivers), ("observe", &observers)] {
            if let Some(table) = tables.get(MOST) {
                table.fault(
                    Fault::new(
                        "prove.too-many",
                        format!("more than {MOST} [[{name}]] sections"),
                    )
                    .at(table.span()),
                );
            }
        }
        Self {
            waivers: waivers
                .into_iter()
                .take(MOST)
                .filter_map(|table| waiver(table, catalogue, now))
                .collect(),
            observers: observers
                .into_iter()
                .take(MOST)
                .filter_map(observer)
                .collect(),
        }
    }

    /// The waiver of `promise`, the last to end where there are several.
    #[must_use]
    pub fn waiver(&self, promise: &str) -> Option<&Waiver> {
        waiver_of(&self.waivers, promise)
    }
}

pub(crate) fn waiver_of<'a>(waivers: &'a [Waiver], promise: &str) -> Option<&'a Waiver> {
    waivers
        .iter()
        .filter(|waiver| waiver.promise == promise)
        .max_by_key(|waiver| waiver.until)
}

fn waiver(mut table: Table<'_>, catalogue: &Catalogue, now: Timestamp) -> Option<Waiver> {
    let promise = table.required_text("promise");
    let owner = table.required_text("owner");
    let reason = table.required_text("reason");
    let until = table.required_date("until");
    if let Some(promise) = &promise
        && catalogue.get(&promise.value).is_none()
    {
        let near = nearest(&promise.value, catalogue.iter().map(|p| p.id.as_str()));
        let hint = near.map_or_else(
            || "name the promise as its anchor in the document does".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        table.fault(
            Fault::new(
                "waiver.unknown-promise",
                format!("no promise is called `{}`", promise.value),
            )
            .at(promise.span)
            .hint(hint),
        );
    }
    let until = until.and_then(|found| {
        let end = dates::end_of_day(&found.value.to_string())?;
        // The day written counts whole, so the furthest end is the midnight behind the last day.
        let furthest = now.plus(LONGEST_WAIVER);
        if dates::day(end) > dates::day(furthest.plus(Duration::from_secs(24 * 60 * 60))) {
            table.fault(
                Fault::new(
                    "waiver.too-long",
                    "a waiver ends at most 90 days from today",
                )
                .at(found.span)
                .hint(format!("write {} or earlier", dates::day(furthest))),
            );
        }
        Some(end)
    });
    table.done();
    Some(Waiver {
        promise: promise?.value,
        owner: owner?.value,
        reason: reason?.value,
        until: until?,
    })
}

fn observer(mut table: Table<'_>) -> Option<Observer> {
    let files = table.one_or_more("files");
    let database = table.text("database");
    let query = table.text("query");
    let app = table.text("app");
    let get = table.parse("get", "a path such as /records", target);
    let header = table.parse("header", "the name of a field", field_name);
    let credential = table.secret("credential");
    let credential = match (header, credential, &app) {
        (None, None, _) => None,
        (Some(header), Some(credential), Some(_)) => Some((header.value, credential.value)),
        _ => {
            table.fault(
                Fault::new(
                    "observe.half-credential",
                    "header and credential come together, where an app is asked",
                )
                .at(table.span())
                .hint("write header = \"Authorization\" and credential = \"env:NAME\""),
            );
            None
        }
    };
    let span = table.span();
    let observer = match (files, database, query, app, get) {
        (Some(files), None, None, None, None) => {
            for file in &files {
                if let Err(cause) = globset::Glob::new(&file.value) {
                    table.fault(
                        Fault::new("observe.bad-glob", cause.kind().to_string())
                            .at(file.span)
                            .hint("write a path in which * stands for part of a name"),
                    );
                }
            }
            Some(Observer::Files(
                files.into_iter().map(|file| file.value).collect(),
            ))
        }
        (None, Some(database), Some(query), None, None) => Some(Observer::Rows {
            database: database.value,
            query: query.value,
        }),
        (None, None, None, Some(app), Some(get)) => Some(Observer::Get {
            app: app.value,
            path: get.value,
            credential,
        }),
        _ => {
            table.fault(
                Fault::new("observe.shape", "an observer looks at files, at a query or at an app")
                    .at(span)
                    .hint("write `files = [\"…\"]`, or `database` with `query`, or `app` with `get = \"/…\"`"),
            );
            None
        }
    };
    table.done();
    observer
}

/// A request target that cannot end its line.
fn target(text: &str) -> Result<String, &'static str> {
    if !text.starts_with('/') {
        Err("does not begin with a slash")
    } else if text.len() > LONGEST_TARGET {
        Err("is longer than 2,048 bytes")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("holds something else than visible ASCII")
    } else {
        Ok(text.to_owned())
    }
}

fn field_name(text: &str) -> Result<String, &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match text.len() {
        1..=64 if text.bytes().all(token) => Ok(text.to_owned()),
        _ => Err("is not 1 to 64 letters, digits and dashes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, config::Faults> {
        let catalogue = Catalogue::built_in().unwrap();
        let now = dates::end_of_day("2026-11-20").unwrap();
        let mut document = config::Document::parse("vouchsafe.toml", text);
        let mut root = document.root();
        let settings = Settings::read(&mut root, &catalogue, now);
        root.done();
        document.finish()?;
        Ok(settings)
    }

    fn codes(text: &str) -> Vec<&'static str> {
        read(text)
            .unwrap_err()
            .list()
            .iter()
            .map(|fault| fault.code)
            .collect()
    }

    fn waiver(promise: &str, until: &str) -> String {
        format!(
            "[[waiver]]\npromise = \"{promise}\"\nowner = \"M. Jansen\"\nreason = \"records move in March\"\nuntil = {until}\n"
        )
    }

    #[test]
    fn a_waiver_of_ninety_days_reads_and_one_day_more_does_not() {
        let settings = read(&waiver("retention.max", "2027-02-19")).unwrap();
        assert_eq!(settings.waiver("retention.max").unwrap().owner, "M. Jansen");
        assert_eq!(
            codes(&waiver("retention.max", "2027-02-20")),
            ["waiver.too-long"]
        );
    }

    #[test]
    fn an_expired_waiver_reads_so_that_the_gate_still_starts() {
        assert_eq!(
            read(&waiver("retention.max", "2020-01-01"))
                .unwrap()
                .waivers
                .len(),
            1
        );
    }

    #[test]
    fn a_waiver_of_an_unknown_promise_is_refused_with_the_nearest_name() {
        let faults = read(&waiver("retention.mux", "2027-01-01")).unwrap_err();
        assert_eq!(faults.list()[0].code, "waiver.unknown-promise");
        assert!(format!("{faults:?}").contains("did you mean `retention.max`?"));
    }

    #[test]
    fn a_waiver_must_say_who_and_why() {
        let text = waiver("retention.max", "2027-01-01").replace("M. Jansen", " ");
        assert_eq!(codes(&text), ["config.value"]);
    }

    #[test]
    fn observers_of_each_kind_read() {
        let settings = read(
            "[[observe]]\nfiles = [\"data/*.csv\"]\n[[observe]]\ndatabase = \"a.db\"\nquery = \"SELECT * FROM t\"\n[[observe]]\napp = \"coach\"\nget = \"/records\"\n",
        )
        .unwrap();
        assert_eq!(settings.observers.len(), 3);
    }

    #[test]
    fn an_observer_that_asks_with_a_credential_names_the_field_and_never_the_secret() {
        let get = "[[observe]]\napp = \"coach\"\nget = \"/records\"\n";
        let with = |more: &str| format!("{get}{more}\n");
        let both = "header = \"Authorization\"\ncredential = \"env:OBSERVER\"";
        let settings = read(&with(both)).unwrap();
        let Some(Observer::Get { credential, .. }) = settings.observers.first() else {
            unreachable!("an app is asked");
        };
        assert_eq!(credential.as_ref().unwrap().0, "Authorization");
        for (half, code) in [
            ("header = \"Authorization\"", "observe.half-credential"),
            ("credential = \"env:OBSERVER\"", "observe.half-credential"),
            (
                "header = \"A: b\"\ncredential = \"env:OBSERVER\"",
                "config.value",
            ),
        ] {
            assert!(
                codes(&with(half)).contains(&code),
                "{half}: {:?}",
                codes(&with(half))
            );
        }
        let plain = with("header = \"Authorization\"\ncredential = \"Bearer canary\"");
        assert!(read(&plain).is_err(), "a secret itself is no reference");
        for bad in ["records", "/a b", "/a\\r\\nX: y"] {
            let text = format!("[[observe]]\napp = \"coach\"\nget = \"{bad}\"\n");
            assert!(read(&text).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_observer_of_no_kind_is_refused() {
        assert_eq!(
            codes("[[observe]]\ndatabase = \"a.db\"\n"),
            ["observe.shape"]
        );
        assert_eq!(
            codes("[[observe]]\nfiles = [\"[\"]\n"),
            ["observe.bad-glob"]
        );
    }
}
