//! The normal form.
//!
//! Owns its words and bounds. A field that a sender did not say, or said in a way that is not known, is
//! absent and stands among the gaps.

use std::collections::BTreeMap;

use control::Timestamp;
use serde::{Serialize, Serializer};

/// Most alerts of one delivery.
pub const MAX_ALERTS: usize = 1000;
/// Most labels, and most annotations, of one alert.
pub const MAX_LABELS: usize = 64;
/// Most bytes of a name, fingerprint or label's name.
pub const MAX_NAME: usize = 256;
/// Most bytes of a label's value.
pub const MAX_VALUE: usize = 4096;
/// Most bytes of a description.
pub const MAX_DESCRIPTION: usize = 16 * 1024;

/// What a sender says of one thing that it watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// The kind of sender, such as `alertmanager`.
    pub source: &'static str,
    /// What the sender knows it by; never its name. Absent where it gives nothing of the kind.
    pub fingerprint: Option<String>,
    /// What it is called.
    pub name: String,
    /// What has become of it.
    pub status: Option<Status>,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// How bad it is in the sender's own word.
    pub raw_severity: Option<String>,
    /// What the sender says about it.
    pub description: Option<String>,
    /// What it is about: names and values.
    pub labels: BTreeMap<String, String>,
    /// What else is said: names and values.
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    #[serde(serialize_with = "moment")]
    pub started_at: Option<Timestamp>,
    /// When it ended; absent while it lasts.
    #[serde(serialize_with = "moment")]
    pub ended_at: Option<Timestamp>,
    /// What could not be carried over.
    pub mapping_gaps: Vec<Gap>,
}

fn moment<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&at.to_string()),
        None => serializer.serialize_none(),
    }
}

/// What has become of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is going on, and nobody has taken it.
    Firing,
    /// It is going on, and somebody has taken it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// It is going on, and was asked to be quiet.
    Suppressed,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Can wait.
    Low,
    /// Should be looked at.
    Warning,
    /// Must be looked at soon.
    High,
    /// Must be looked at now.
    Critical,
}

/// What could not be carried over from a sender's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "field", content = "said", rename_all = "kebab-case")]
pub enum Gap {
    /// No status, or a word that is not known.
    Status(Option<String>),
    /// No severity, or a word that is not known.
    Severity(Option<String>),
    /// A time that cannot be read.
    StartedAt(String),
    /// A time that cannot be read.
    EndedAt(String),
    /// Nothing that tells it from others: it stands alone.
    Fingerprint,
    /// It has no name.
    Name,
    /// This was longer, or more, than is kept.
    Truncated(&'static str),
    /// The sender says that it left alerts out: how many, where it says so.
    LeftOut(Option<u64>),
}

impl Alert {
    /// An alert of which nothing is known yet.
    pub(crate) fn of(source: &'static str) -> Self {
        Self {
            source,
            fingerprint: None,
            name: String::new(),
            status: None,
            severity: None,
            raw_severity: None,
            description: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            started_at: None,
            ended_at: None,
            mapping_gaps: Vec::new(),
        }
    }

    /// The same within its bounds, with what is missing said.
    pub(crate) fn finish(mut self) -> Self {
        if self.name.is_empty() {
            self.gap(Gap::Name);
        }
        self.fingerprint = self.fingerprint.filter(|it| !it.is_empty());
        // A fingerprint that is cut could be another's.
        if self
            .fingerprint
            .as_ref()
            .is_none_or(|it| it.len() > MAX_NAME)
        {
            self.fingerprint = None;
            self.gap(Gap::Fingerprint);
        }
        let mut cut = Vec::new();
        if shorten(&mut self.name, MAX_NAME) {
            cut.push("name");
        }
        if self
            .description
            .as_mut()
            .is_some_and(|text| shorten(text, MAX_DESCRIPTION))
        {
            cut.push("description");
        }
        if self
            .raw_severity
            .as_mut()
            .is_some_and(|text| shorten(text, MAX_NAME))
        {
            cut.push("raw_severity");
        }
        if bound(&mut self.labels) {
            cut.push("labels");
        }
        if bound(&mut self.annotations) {
            cut.push("annotations");
        }
        for what in cut {
            self.gap(Gap::Truncated(what));
        }
        self
    }

    /// Notes what could not be carried over, once.
    pub(crate) fn gap(&mut self, gap: Gap) {
        if !self.mapping_gaps.contains(&gap) {
            self.mapping_gaps.push(gap);
        }
    }
}

/// Cuts a text at a character; whether something went.
fn shorten(text: &mut String, most: usize) -> bool {
    if text.len() <= most {
        return false;
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    true
}

/// Keeps as many names as there may be, each within its bounds; whether something went.
fn bound(labels: &mut BTreeMap<String, String>) -> bool {
    let before = labels.len();
    labels.retain(|name, _| name.len() <= MAX_NAME);
    while labels.len() > MAX_LABELS {
        labels.pop_last();
    }
    let mut cut = labels.len() < before;
    for value in labels.values_mut() {
        cut |= shorten(value, MAX_VALUE);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_too_long_is_said() {
        let mut alert = Alert::of("generic");
        alert.fingerprint = Some("x".repeat(MAX_NAME + 1));
        alert.name = "é".repeat(MAX_NAME);
        alert.description = Some("x".repeat(MAX_DESCRIPTION));
        for at in 0..=MAX_LABELS {
            alert.labels.insert(format!("{at:03}"), "v".to_owned());
        }
        let alert = alert.finish();
        assert_eq!(alert.fingerprint, None, "a cut one could be another's");
        assert_eq!(alert.name.len(), MAX_NAME);
        assert_eq!(alert.labels.len(), MAX_LABELS);
        assert_eq!(
            alert.mapping_gaps,
            [
                Gap::Fingerprint,
                Gap::Truncated("name"),
                Gap::Truncated("labels")
            ]
        );
        let nameless = Alert::of("generic").finish();
        assert_eq!(nameless.mapping_gaps, [Gap::Name, Gap::Fingerprint]);
    }

    #[test]
    fn severities_are_in_order() {
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
    }

    #[test]
    fn the_form_is_the_same_for_everybody() {
        let mut alert = Alert::of("zabbix");
        alert.name = "disk".to_owned();
        alert.status = Some(Status::Firing);
        alert.started_at = Some(Timestamp::from_seconds(1_700_000_000));
        alert.gap(Gap::Severity(Some("odd".to_owned())));
        let json = serde_json::to_value(&alert).unwrap();
        assert_eq!(json["status"], "firing");
        assert_eq!(json["started_at"], "2023-11-14T22:13:20.000Z");
        assert_eq!(json["ended_at"], serde_json::Value::Null);
        assert_eq!(
            json["mapping_gaps"],
            serde_json::json!([{"field": "severity", "said": "odd"}])
        );
    }
}
