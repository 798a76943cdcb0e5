//! Reading typed values out of a table.
//!
//! Owns one method per kind of value and the words for what was expected. Refuses empty text, so
//! that a `reason = ""` is not a reason.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use control::Secret;
use time::Date;

use crate::{
    document::has_password,
    fault::Fault,
    node::{Item, Node},
    quantity,
    secret::{SecretFault, SecretReference, Sources},
    suggest::{alternatives, nearest},
    table::{Found, Table, shown},
};

impl Table<'_> {
    /// The text under `key`.
    pub fn text(&mut self, key: &str) -> Option<Found<String>> {
        let item = &self.look(key)?.item;
        self.text_in(key, item, "text")
    }

    /// The text under `key`; absence is a fault.
    pub fn required_text(&mut self, key: &str) -> Option<Found<String>> {
        self.require(key, "\"...\"");
        self.text(key)
    }

    /// The list of texts under `key`. An empty list is `Some` of nothing.
    pub fn texts(&mut self, key: &str) -> Option<Vec<Found<String>>> {
        let item = &self.look(key)?.item;
        match &item.node {
            Node::List(items) => Some(self.each_text(key, items)),
            _ => {
                self.wrong(
                    key,
                    item,
                    "a list of texts",
                    &format!("write {key} = [\"...\"]"),
                );
                None
            }
        }
    }

    /// One text or a list of texts under `key`.
    pub fn one_or_more(&mut self, key: &str) -> Option<Vec<Found<String>>> {
        let item = &self.look(key)?.item;
        match &item.node {
            Node::List(items) => Some(self.each_text(key, items)),
            _ => self
                .text_in(key, item, "text or a list of texts")
                .map(|one| vec![one]),
        }
    }

    /// The text under `key`, understood by `read`, whose error is a few words that follow the
    /// key's name: `is not an address`. `expected` completes "write": `an address such as ...`.
    pub fn parse<T, E: Display>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Found<T>> {
        let text = self.text(key)?;
        self.understand(key, text, expected, &read)
    }

    /// As [`Table::parse`]; absence is a fault.
    pub fn required_parse<T, E: Display>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Found<T>> {
        if !self.has(key) {
            self.missing(key, &format!("add `{key}`: {expected}"));
        }
        self.parse(key, expected, read)
    }

    /// The list of texts under `key`, each understood by `read` as in [`Table::parse`].
    pub fn parse_each<T, E: Display>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<Found<T>>> {
        let texts = self.texts(key)?;
        Some(
            texts
                .into_iter()
                .filter_map(|text| self.understand(key, text, expected, &read))
                .collect(),
        )
    }

    /// The choice under `key`, or `default`.
    pub fn one_of(
        &mut self,
        key: &str,
        choices: &[&'static str],
        default: &'static str,
    ) -> &'static str {
        self.optional_one_of(key, choices)
            .map_or(default, |found| found.value)
    }

    /// The choice under `key`, if there is one.
    pub fn optional_one_of(
        &mut self,
        key: &str,
        choices: &[&'static str],
    ) -> Option<Found<&'static str>> {
        let text = self.text(key)?;
        let choice = choices.iter().find(|choice| **choice == text.value);
        if choice.is_none() {
            let quoted: Vec<String> = choices.iter().map(|c| format!("\"{c}\"")).collect();
            let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
            let hint = match nearest(&text.value, choices.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("write {}", alternatives(&quoted)),
            };
            let why = format!(
                "takes {}, not \"{}\"",
                alternatives(&quoted),
                shown(&text.value)
            );
            self.unusable(key, text.span, &why, &hint);
        }
        choice.map(|choice| Found {
            value: *choice,
            span: text.span,
        })
    }

    /// The flag under `key`, or `default`.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        self.optional_flag(key).map_or(default, |found| found.value)
    }

    /// The flag under `key`, if there is one.
    pub fn optional_flag(&mut self, key: &str) -> Option<Found<bool>> {
        let item = &self.look(key)?.item;
        let Node::Flag(value) = item.node else {
            self.wrong(
                key,
                item,
                "true or false",
                &format!("write {key} = true, without quotes"),
            );
            return None;
        };
        Some(Found {
            value,
            span: item.span,
        })
    }

    /// The whole number from 0 under `key`.
    pub fn count(&mut self, key: &str) -> Option<Found<u64>> {
        self.count_in(key, 0..=u64::MAX)
    }

    /// The whole number under `key`, within `range`.
    pub fn count_in(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Found<u64>> {
        let item = &self.look(key)?.item;
        let Node::Integer(number) = item.node else {
            let hint = match &item.node {
                Node::Text(text) if text.parse::<u64>().is_ok() => {
                    format!("write {key} = {text}, without quotes")
                }
                _ => format!("write {key} = and a number, without quotes"),
            };
            self.wrong(key, item, "a whole number", &hint);
            return None;
        };
        let value = u64::try_from(number).ok().filter(|n| range.contains(n));
        if value.is_none() {
            let hint = limits(&range, u64::to_string, *range.end() == u64::MAX);
            self.unusable(key, item.span, &format!("is out of range: {number}"), &hint);
        }
        value.map(|value| Found {
            value,
            span: item.span,
        })
    }

    /// The duration under `key`, written `30d` or `500ms`.
    pub fn duration(&mut self, key: &str) -> Option<Found<Duration>> {
        self.duration_in(key, Duration::ZERO..=Duration::MAX)
    }

    /// The duration under `key`, within `range`.
    pub fn duration_in(
        &mut self,
        key: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Found<Duration>> {
        let found = self.amount(key, "a duration", quantity::DURATION, quantity::duration)?;
        if !range.contains(&found.value) {
            let open = *range.end() == Duration::MAX;
            let hint = limits(&range, |d| quantity::write_duration(*d), open);
            self.unusable(key, found.span, "is out of range", &hint);
            return None;
        }
        Some(found)
    }

    /// The number of bytes under `key`, written `10MiB` or `500MB`.
    pub fn size(&mut self, key: &str) -> Option<Found<u64>> {
        self.size_in(key, 0..=u64::MAX)
    }

    /// The number of bytes under `key`, within `range`.
    pub fn size_in(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Found<u64>> {
        let found = self.amount(key, "a size", quantity::SIZE, quantity::size)?;
        if !range.contains(&found.value) {
            let open = *range.end() == u64::MAX;
            let hint = limits(&range, |size| quantity::write_size(*size), open);
            self.unusable(key, found.span, "is out of range", &hint);
            return None;
        }
        Some(found)
    }

    /// The day under `key`: a TOML local date, or the same as text.
    pub fn date(&mut self, key: &str) -> Option<Found<Date>> {
        let item = &self.look(key)?.item;
        let value = match &item.node {
            Node::Moment(moment) if moment.time.is_none() => moment.date.and_then(|date| {
                let month = time::Month::try_from(date.month).ok()?;
                Date::from_calendar_date(i32::from(date.year), month, date.day).ok()
            }),
            Node::Text(text) => {
                let form = time::macros::format_description!("[year]-[month]-[day]");
                Date::parse(text, form).ok()
            }
            _ => None,
        };
        if value.is_none() {
            self.wrong(
                key,
                item,
                "a date",
                &format!("write {key} = 2027-02-01, without quotes"),
            );
        }
        value.map(|value| Found {
            value,
            span: item.span,
        })
    }

    /// The day under `key`; absence is a fault.
    pub fn required_date(&mut self, key: &str) -> Option<Found<Date>> {
        self.require(key, "2027-02-01");
        self.date(key)
    }

    /// The reference to a secret under `key`. Anything but a reference is refused and never shown.
    pub fn secret(&mut self, key: &str) -> Option<Found<SecretReference>> {
        let item = &self.look(key)?.item;
        self.reference(key, item)
    }

    /// The reference to a secret under `key`; absence is a fault.
    pub fn required_secret(&mut self, key: &str) -> Option<Found<SecretReference>> {
        self.require(key, "\"env:NAME\"");
        self.secret(key)
    }

    /// Resolves a reference; a failure is a fault at its place. Sources that are not to be read
    /// give `None` without a fault.
    pub fn resolve(&self, found: &Found<SecretReference>, sources: &Sources) -> Option<Secret> {
        match sources.resolve(&found.value) {
            Ok(secret) => Some(secret),
            Err(SecretFault::Unresolved) => None,
            Err(cause) => {
                self.fault(
                    Fault::new(cause.code(), cause.to_string())
                        .at(found.span)
                        .label("referred to here")
                        .hint(cause.hint()),
                );
                None
            }
        }
    }

    fn reference(&self, key: &str, item: &Item) -> Option<Found<SecretReference>> {
        let read = match &item.node {
            Node::Text(text) => text.parse::<SecretReference>(),
            _ => Err(SecretFault::NotAReference),
        };
        match read {
            Ok(value) => Some(Found {
                value,
                span: item.span,
            }),
            // Said already, when the document was parsed.
            Err(_) if matches!(&item.node, Node::Text(text) if has_password(text)) => None,
            Err(cause) => {
                self.document.hide(item.span);
                self.fault(
                    Fault::new(cause.code(), format!("`{key}`: {cause}"))
                        .at(item.span)
                        .label("not a reference")
                        .hint(cause.hint()),
                );
                None
            }
        }
    }

    fn require(&mut self, key: &str, example: &str) {
        if !self.has(key) {
            let place = match self.span() {
                Some(_) => format!("to {}", self.title()),
                None if self.exists() => "to the top of the file".to_owned(),
                None => format!("under {}", self.title()),
            };
            self.missing(key, &format!("add `{key} = {example}` {place}"));
        }
    }

    fn text_in(&self, key: &str, item: &Item, expected: &str) -> Option<Found<String>> {
        let Node::Text(text) = &item.node else {
            self.wrong(
                key,
                item,
                expected,
                &format!("write {key} = \"...\", in quotes"),
            );
            return None;
        };
        if text.trim().is_empty() {
            self.unusable(
                key,
                item.span,
                "is empty",
                "write a value, or remove the key",
            );
            return None;
        }
        Some(Found {
            value: text.clone(),
            span: item.span,
        })
    }

    fn each_text(&self, key: &str, items: &[Item]) -> Vec<Found<String>> {
        items
            .iter()
            .filter_map(|item| self.text_in(key, item, "a list of texts"))
            .collect()
    }

    fn understand<T, E: Display>(
        &self,
        key: &str,
        text: Found<String>,
        expected: &str,
        read: &impl Fn(&str) -> Result<T, E>,
    ) -> Option<Found<T>> {
        match read(&text.value) {
            Ok(value) => Some(Found {
                value,
                span: text.span,
            }),
            Err(why) => {
                self.unusable(
                    key,
                    text.span,
                    &why.to_string(),
                    &format!("write {expected}"),
                );
                None
            }
        }
    }

    fn amount<T>(
        &mut self,
        key: &str,
        expected: &str,
        hint: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        let item = &self.look(key)?.item;
        let hint = format!("write {hint}");
        let Node::Text(text) = &item.node else {
            self.wrong(key, item, &format!("{expected} in quotes"), &hint);
            return None;
        };
        let value = read(text);
        if value.is_none() {
            let why = format!("takes {expected}, not \"{}\"", shown(text));
            self.unusable(key, item.span, &why, &hint);
        }
        value.map(|value| Found {
            value,
            span: item.span,
        })
    }
}

fn limits<T>(range: &RangeInclusive<T>, write: impl Fn(&T) -> String, open: bool) -> String {
    if open {
        format!("write at least {}", write(range.start()))
    } else {
        let (least, most) = (write(range.start()), write(range.end()));
        format!("write something from {least} to {most}")
    }
}
