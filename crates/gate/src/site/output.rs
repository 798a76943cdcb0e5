//! What leaves of an app's answers, on a route.
//!
//! Owns `errors`, `csv`, `cookies` and `download` of `[[route]]`. Refuses, without a reason beside it, every setting
//! that lets more through than the default does. Trusts an app's answer for nothing but its framing.

use std::sync::Arc;

use config::{Fault, Table, secret::Sources};
use schema::csv_export::CsvRules;
use wire::{Answer, Name};

use super::described::Described;

/// Most names of cookies in one list.
const MOST_NAMES: usize = 64;

/// What happens to the answers of a route.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Which errors of the app are told in our own words.
    pub errors: Errors,
    /// Which answers are tables whose formulas are made text.
    pub csv: Option<Tables>,
    /// What answers that succeed are held against.
    pub described: Option<Arc<Described>>,
    /// What is made of the cookies an app sets.
    pub cookies: Cookies,
    /// Whether what succeeds is handed out to be stored, and never shown.
    pub download: bool,
}

/// Which errors of the app are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// Those that are the app's own fault: 500 to 599.
    #[default]
    Server,
    /// Those it blames on the client as well: 400 to 599.
    All,
    /// None.
    Nothing,
}

impl Errors {
    /// Whether an answer with this status is told in our own words.
    #[must_use]
    pub const fn hide(self, status: u16) -> bool {
        match self {
            Self::Server => status >= 500,
            Self::All => status >= 400,
            Self::Nothing => false,
        }
    }
}

/// Which answers are tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// Those that say so, by type or by the name they are saved under.
    Typed,
    /// All that succeed and have a body.
    All,
}

impl Tables {
    /// How cells are judged.
    pub(crate) const RULES: CsvRules = CsvRules::DEFAULT;

    /// Whether this answer is one.
    #[must_use]
    pub fn has(self, answer: &Answer<'_>) -> bool {
        let bodiless = matches!(answer.status(), 204 | 205 | 304) || answer.status() < 200;
        let success = matches!(answer.status(), 200..=299);
        !bodiless && ((self == Self::All && success) || says_table(answer))
    }
}

/// Types of tables: the one of RFC 4180, those in use before it, and the one with tabs.
const TABLES: [&[u8]; 6] = [
    b"text/csv",
    b"application/csv",
    b"text/x-csv",
    b"application/x-csv",
    b"text/comma-separated-values",
    b"text/tab-separated-values",
];

/// How files end that a spreadsheet opens as a table.
const ENDINGS: [&[u8]; 2] = [b".csv", b".tsv"];

fn says_table(answer: &Answer<'_>) -> bool {
    let typed = |value: &[u8]| {
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        TABLES.iter().any(|one| essence.eq_ignore_ascii_case(one))
    };
    let named = |value: &[u8]| {
        ENDINGS.iter().any(|ending| {
            value
                .windows(ending.len())
                .any(|window| window.eq_ignore_ascii_case(ending))
        })
    };
    // Of two fields nobody knows which one a browser believes, so either is enough.
    answer.fields().any(|field| match field.kind() {
        Name::ContentType => typed(field.value()),
        Name::ContentDisposition => named(field.value()),
        _ => false,
    })
}

/// What is made of the cookies of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// Whether they pass as the app sets them.
    pub left: bool,
    /// Names of those that scripts of the app's own pages read.
    readable: Vec<Box<str>>,
    /// Names of those that requests from other sites carry.
    cross_site: Vec<Box<str>>,
}

impl Cookies {
    /// Whether scripts may read the cookie of this name. Names are case-sensitive (RFC 6265, section
    /// 5.3).
    #[must_use]
    pub fn is_readable(&self, name: &[u8]) -> bool {
        self.readable.iter().any(|one| one.as_bytes() == name)
    }

    /// Whether requests from other sites may carry it.
    #[must_use]
    pub fn crosses_sites(&self, name: &[u8]) -> bool {
        self.cross_site.iter().any(|one| one.as_bytes() == name)
    }

    fn read(route: &mut Table<'_>) -> Self {
        let Some(mut table) = route.optional_table("cookies") else {
            return Self::default();
        };
        let expected = "the name of a cookie";
        let mut names = |key| -> Vec<Box<str>> {
            let names = table.parse_each(key, expected, cookie_name);
            let names = names.unwrap_or_default().into_iter();
            names.map(|found| found.value).collect()
        };
        let (readable, cross_site) = (names("readable"), names("cross_site"));
        let left = table.flag("left", false);
        if readable.len() > MOST_NAMES || cross_site.len() > MOST_NAMES {
            table.fault(
                Fault::new(
                    "cookies.names",
                    format!("a list of cookies has at most {MOST_NAMES} names"),
                )
                .at(table.span())
                .hint("name those alone that scripts or other sites need"),
            );
        }
        let reason = table.text("reason");
        if reason.is_none() && (left || !readable.is_empty() || !cross_site.is_empty()) {
            unreasoned(
                &mut table,
                "cookies.no-reason",
                "lets cookies of the app be weaker",
            );
        }
        Self {
            left,
            readable,
            cross_site,
        }
    }
}

fn cookie_name(text: &str) -> Result<Box<str>, &'static str> {
    let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if text.is_empty() || text.len() > 256 || !text.bytes().all(token) {
        return Err("is not the name of a cookie");
    }
    Ok(text.into())
}

fn unreasoned(table: &mut Table<'_>, code: &'static str, what: &str) {
    table.fault(
        Fault::new(code, format!("{} {what} without saying why", table.title()))
            .at(table.span())
            .hint("add reason = \"...\" beside it"),
    );
}

impl Output {
    /// Reads the keys of a route.
    pub(super) fn read(route: &mut Table<'_>, sources: &Sources) -> Self {
        let errors = route.optional_table("errors").map(|mut table| {
            let hide = table.optional_one_of("hide", &["server", "all", "nothing"]);
            let hide = hide.map_or(Errors::default(), |found| match found.value {
                "all" => Errors::All,
                "nothing" => Errors::Nothing,
                _ => Errors::Server,
            });
            let reason = table.text("reason");
            if hide == Errors::Nothing && reason.is_none() {
                unreasoned(
                    &mut table,
                    "errors.no-reason",
                    "shows what the app says of its faults",
                );
            }
            hide
        });
        let csv = route.optional_one_of("csv", &["neutralise", "always"]);
        Self {
            errors: errors.unwrap_or_default(),
            csv: csv.map(|found| match found.value {
                "always" => Tables::All,
                _ => Tables::Typed,
            }),
            described: Described::read(route, sources),
            cookies: Cookies::read(route),
            download: route.flag("download", false),
        }
    }

    /// Whether answers are read on their way, so that an app must send them whole and as they are.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.csv.is_some() || self.described.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, read, site};

    fn with(line: &str) -> String {
        OPEN.replacen("[[route]]", &format!("[[route]]\n{line}"), 1)
    }

    #[test]
    fn without_a_word_errors_are_hidden_and_cookies_hardened() {
        let site = site(OPEN);
        let output = &site.routes()[0].output;
        assert_eq!(output.cookies, Cookies::default());
        assert!(output.errors.hide(500) && output.errors.hide(599) && !output.errors.hide(499));
        assert!(!output.cookies.left && !output.is_read());
    }

    #[test]
    fn a_route_says_otherwise_with_a_reason() {
        for good in [
            "errors = { hide = \"all\" }",
            "errors = { hide = \"nothing\", reason = \"its errors are ours\" }",
            "csv = \"neutralise\"",
            "csv = \"always\"",
            "download = true",
            "cookies = { readable = [\"csrftoken\"], reason = \"its forms read it\" }",
        ] {
            assert!(read(&crate::testing::text(&with(good))).is_ok(), "{good}");
        }
        for bad in [
            "errors = { hide = \"nothing\" }",
            "errors = { hide = \"some\" }",
            "errors = { shows = true }",
            "csv = \"yes\"",
            "download = \"yes\"",
            "cookies = { readable = [\"csrftoken\"] }",
            "cookies = { left = true }",
            "cookies = { readable = [\"a b\"], reason = \"x\" }",
        ] {
            assert!(read(&crate::testing::text(&with(bad))).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_choice_says_which_statuses_it_hides() {
        for (errors, hidden, shown) in [
            (Errors::All, 404, 302),
            (Errors::Server, 503, 404),
            (Errors::Nothing, 0, 500),
        ] {
            assert!(hidden == 0 || errors.hide(hidden), "{errors:?}");
            assert!(!errors.hide(shown), "{errors:?}");
        }
    }
}
