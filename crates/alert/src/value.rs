//! Text, numbers and times as senders write them.
//!
//! Owns the readings on which all drivers agree: numbers come as strings and strings as numbers, times
//! in seconds, milliseconds or RFC 3339, and a variable that a template did not fill is nothing.

use std::collections::BTreeMap;

use control::Timestamp;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::normal::{Alert, Gap, Severity};

/// The text of a string, number or truth value that says something.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(it) => it.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty() && !is_unfilled(&text)).then_some(text)
}

/// Whether a text is a variable that a template did not fill: `$ALERT_ID`, `{EVENT.ID}`, `{{ id }}`,
/// and what Zabbix writes for a macro it cannot fill.
fn is_unfilled(text: &str) -> bool {
    let plain = |inner: &str| {
        !inner.is_empty()
            && inner
                .bytes()
                .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || b"_.".contains(&it))
    };
    let dollar = text.strip_prefix('$').is_some_and(plain);
    let macro_ = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(plain);
    let handlebars = text.starts_with("{{") && text.ends_with("}}");
    dollar || macro_ || handlebars || text == "*UNKNOWN*"
}

/// The first of `names` that says something in an object.
pub(crate) fn first(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(object.get(name)))
}

/// What a time says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing, or the zero time that stands for it.
    None,
    /// A moment.
    At(Timestamp),
    /// Something that is no time.
    Odd(String),
}

/// Reads a time.
pub(crate) fn moment(value: Option<&Value>) -> Moment {
    let Some(text) = text(value) else {
        return Moment::None;
    };
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            0 => Moment::None,
            // Seconds reach this in the year 5138; milliseconds passed it in 1973.
            1..100_000_000_000 => Moment::At(Timestamp::from_seconds(number)),
            100_000_000_000..100_000_000_000_000 => Moment::At(Timestamp::from_millis(number)),
            _ => Moment::Odd(text),
        };
    }
    match OffsetDateTime::parse(&text, &Rfc3339) {
        // The zero time of Go, which its writers send for "not yet".
        Ok(at) if at.year() <= 1 => Moment::None,
        Ok(at) => i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000))
            .map_or(Moment::Odd(text), |it| {
                Moment::At(Timestamp::from_millis(it))
            }),
        Err(_) => Moment::Odd(text),
    }
}

/// Takes the time something began.
pub(crate) fn started(alert: &mut Alert, value: Option<&Value>) {
    match moment(value) {
        Moment::At(at) => alert.started_at = Some(at),
        Moment::Odd(said) => alert.gap(Gap::StartedAt(said)),
        Moment::None => {}
    }
}

/// Takes the time something ended.
pub(crate) fn ended(alert: &mut Alert, value: Option<&Value>) {
    match moment(value) {
        Moment::At(at) => alert.ended_at = Some(at),
        Moment::Odd(said) => alert.gap(Gap::EndedAt(said)),
        Moment::None => {}
    }
}

/// Takes a severity: the sender's word, and what `of` makes of it.
pub(crate) fn severity(
    alert: &mut Alert,
    said: Option<String>,
    of: impl FnOnce(&str) -> Option<Severity>,
) {
    alert.severity = said
        .as_deref()
        .and_then(|word| of(&word.to_ascii_lowercase()));
    if alert.severity.is_none() {
        alert.gap(Gap::Severity(said.clone()));
    }
    alert.raw_severity = said;
}

/// The words that mean the same everywhere.
pub(crate) fn common_severity(word: &str) -> Option<Severity> {
    Some(match word {
        "critical" => Severity::Critical,
        "high" => Severity::High,
        "warning" | "medium" => Severity::Warning,
        "low" => Severity::Low,
        "info" | "informational" | "information" => Severity::Info,
        _ => return None,
    })
}

/// P1 to P5.
pub(crate) fn priority(word: &str) -> Option<Severity> {
    Some(match word {
        "p1" => Severity::Critical,
        "p2" => Severity::High,
        "p3" => Severity::Warning,
        "p4" => Severity::Low,
        "p5" => Severity::Info,
        _ => return None,
    })
}

/// Names and values of an object whose values are single ones.
pub(crate) fn labels(value: Option<&Value>) -> BTreeMap<String, String> {
    let object = value.and_then(Value::as_object);
    let pairs = object.into_iter().flat_map(Map::iter);
    pairs
        .filter_map(|(name, value)| Some((name.clone(), text(Some(value))?)))
        .collect()
}

/// Names and values of tags: a list, or a text with commas, of `name:value` or words.
pub(crate) fn tags(value: Option<&Value>) -> BTreeMap<String, String> {
    let words: Vec<String> = match value {
        Some(Value::Array(list)) => list.iter().filter_map(|it| text(Some(it))).collect(),
        other => text(other)
            .map(|it| it.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
    };
    let mut tags = BTreeMap::new();
    for word in &words {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        if !name.trim().is_empty() {
            tags.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_as_strings_and_strings_as_numbers() {
        assert_eq!(text(Some(&json!(7))), Some("7".to_owned()));
        assert_eq!(text(Some(&json!(" 7 "))), Some("7".to_owned()));
        assert_eq!(text(Some(&json!(true))), Some("true".to_owned()));
        for nothing in [json!(null), json!(""), json!({}), json!([1])] {
            assert_eq!(text(Some(&nothing)), None);
        }
    }

    #[test]
    fn a_variable_that_was_not_filled_is_nothing() {
        for unfilled in ["$ALERT_ID", "{EVENT.ID}", "{{ issueId }}", "*UNKNOWN*"] {
            assert_eq!(text(Some(&json!(unfilled))), None, "{unfilled}");
        }
        for filled in ["$5 saved", "{a}", "{{", "$", "{}", "UNKNOWN"] {
            assert!(text(Some(&json!(filled))).is_some(), "{filled}");
        }
    }

    #[test]
    fn a_time_is_seconds_milliseconds_or_rfc_3339() {
        let at = Moment::At(Timestamp::from_seconds(1_700_000_000));
        for same in [
            json!(1_700_000_000),
            json!("1700000000"),
            json!(1_700_000_000_000_i64),
            json!("2023-11-14T22:13:20Z"),
            json!("2023-11-14T23:13:20.000+01:00"),
        ] {
            assert_eq!(moment(Some(&same)), at, "{same}");
        }
        for none in [
            json!("0001-01-01T00:00:00Z"),
            json!(0),
            json!("0"),
            json!(""),
        ] {
            assert_eq!(moment(Some(&none)), Moment::None, "{none}");
        }
        for odd in ["yesterday", "-5", "99999999999999999", "2023-11-14"] {
            assert_eq!(moment(Some(&json!(odd))), Moment::Odd(odd.to_owned()));
        }
    }
}
