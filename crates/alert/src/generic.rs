//! A sender of your own, described by pointers.
//!
//! Owns the mapping an operator declares: where the fields stand, and which of the sender's words mean
//! what. Refuses mappings that would merge what is not the same, or that know no status. A word that is
//! not declared is a gap.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    driver::{Unreadable, list},
    normal::{Alert, Gap, Severity, Status},
    value::{ended, severity, started, text},
};

const SOURCE: &str = "generic";

/// Most pointers of one list of a mapping.
pub const MAX_POINTERS: usize = 32;

/// A mapping as declared.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Where the list of alerts stands; absent where the body is one alert. The other pointers are
    /// read from each alert.
    pub alerts: Option<String>,
    /// What tells one alert from another, joined in this order. All of them must be there.
    pub fingerprint: Vec<String>,
    /// What it is called.
    pub name: String,
    /// What has become of it.
    pub status: String,
    /// Which word means what.
    pub statuses: BTreeMap<String, Status>,
    /// How bad it is.
    pub severity: Option<String>,
    /// Which word means what.
    pub severities: BTreeMap<String, Severity>,
    /// What is said about it.
    pub description: Option<String>,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Labels by name.
    pub labels: BTreeMap<String, String>,
}

/// A mapping that can be used.
#[derive(Clone, Debug)]
pub struct Mapping(Draft);

/// Why a mapping cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingFault {
    /// Text that is no JSON pointer.
    #[error("`{0}` is no JSON pointer: it begins with `/`, as in /alert/id")]
    NotAPointer(String),
    /// Nothing tells one alert from another.
    #[error("a mapping needs a fingerprint: what tells one alert from another")]
    NoFingerprint,
    /// The name is all that tells alerts apart.
    #[error("a name alone is no fingerprint: two things may be called the same")]
    NameAlone,
    /// No word means that it is firing, or none that it is over.
    #[error("a mapping says which word means firing and which resolved")]
    NoStatuses,
    /// More of them than are looked at.
    #[error("a mapping has at most {MAX_POINTERS} pointers in one list")]
    TooMany,
}

impl Mapping {
    /// Takes a mapping as declared.
    ///
    /// # Errors
    ///
    /// [`MappingFault`].
    pub fn new(draft: Draft) -> Result<Self, MappingFault> {
        if draft.fingerprint.is_empty() {
            return Err(MappingFault::NoFingerprint);
        }
        if draft
            .fingerprint
            .iter()
            .all(|pointer| *pointer == draft.name)
        {
            return Err(MappingFault::NameAlone);
        }
        let means = |wanted: Status| draft.statuses.values().any(|it| *it == wanted);
        if !means(Status::Firing) || !means(Status::Resolved) {
            return Err(MappingFault::NoStatuses);
        }
        if draft.fingerprint.len() > MAX_POINTERS || draft.labels.len() > MAX_POINTERS {
            return Err(MappingFault::TooMany);
        }
        let optional = [
            &draft.alerts,
            &draft.severity,
            &draft.description,
            &draft.started_at,
            &draft.ended_at,
        ];
        let pointers = [&draft.name, &draft.status]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .chain(&draft.fingerprint)
            .chain(draft.labels.values());
        for pointer in pointers {
            if !pointer.starts_with('/') || pointer.len() < 2 {
                return Err(MappingFault::NotAPointer(pointer.clone()));
            }
        }
        Ok(Self(draft))
    }

    pub(crate) fn alerts(&self, body: &Value) -> Result<Vec<Alert>, Unreadable> {
        match &self.0.alerts {
            None => Ok(vec![self.one(body)]),
            Some(pointer) => Ok(list(body.pointer(pointer))?
                .iter()
                .map(|it| self.one(it))
                .collect()),
        }
    }

    fn one(&self, said: &Value) -> Alert {
        let map = &self.0;
        let at = |pointer: &Option<String>| said.pointer(pointer.as_ref()?);
        let mut alert = Alert::of(SOURCE);
        let parts: Option<Vec<String>> = map
            .fingerprint
            .iter()
            .map(|pointer| text(said.pointer(pointer)))
            .collect();
        alert.fingerprint = parts.map(|parts| parts.join("/"));
        alert.name = text(said.pointer(&map.name)).unwrap_or_default();
        alert.description = text(at(&map.description));
        let status = text(said.pointer(&map.status));
        alert.status = status.as_ref().and_then(|it| map.statuses.get(it)).copied();
        if alert.status.is_none() {
            alert.gap(Gap::Status(status));
        }
        let word = text(at(&map.severity));
        let known = word.as_ref().and_then(|it| map.severities.get(it)).copied();
        severity(&mut alert, word, |_| known);
        for (label, pointer) in &map.labels {
            if let Some(value) = text(said.pointer(pointer)) {
                alert.labels.insert(label.clone(), value);
            }
        }
        started(&mut alert, at(&map.started_at));
        if alert.status == Some(Status::Resolved) {
            ended(&mut alert, at(&map.ended_at));
        }
        alert
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::read_generic;

    fn draft() -> Draft {
        let text = |it: &str| it.to_owned();
        Draft {
            alerts: Some(text("/items")),
            fingerprint: vec![text("/host"), text("/check/id")],
            name: text("/check/name"),
            status: text("/state"),
            statuses: BTreeMap::from([(text("2"), Status::Firing), (text("0"), Status::Resolved)]),
            severity: Some(text("/level")),
            severities: BTreeMap::from([(text("rot"), Severity::Critical)]),
            labels: BTreeMap::from([(text("host"), text("/host"))]),
            started_at: Some(text("/since")),
            ..Draft::default()
        }
    }

    #[test]
    fn a_sender_of_ones_own_is_read_by_its_pointers() {
        let mapping = Mapping::new(draft()).unwrap();
        let body = br#"{"items":[
            {"host":"web-1","check":{"id":7,"name":"disk"},"state":2,"level":"rot","since":1700000000},
            {"host":"web-2","check":{"id":7,"name":"disk"},"state":"0","level":"lila"},
            {"host":"web-3","check":{"name":"disk"},"state":"new"}
        ]}"#;
        let alerts = read_generic(&mapping, body).unwrap();
        let [firing, resolved, odd] = alerts.as_slice() else {
            panic!("{alerts:?}");
        };
        assert_eq!(firing.fingerprint.as_deref(), Some("web-1/7"));
        assert_eq!(firing.status, Some(Status::Firing));
        assert_eq!(firing.severity, Some(Severity::Critical));
        assert!(firing.mapping_gaps.is_empty() && firing.started_at.is_some());
        assert_eq!(resolved.status, Some(Status::Resolved));
        assert_eq!(
            resolved.mapping_gaps,
            [Gap::Severity(Some("lila".to_owned()))]
        );
        assert_eq!(
            odd.mapping_gaps,
            [
                Gap::Status(Some("new".to_owned())),
                Gap::Severity(None),
                Gap::Fingerprint
            ],
            "a part of a fingerprint is none"
        );
    }

    #[test]
    fn a_mapping_that_would_merge_or_guess_is_refused() {
        let with = |change: &dyn Fn(&mut Draft)| {
            let mut draft = draft();
            change(&mut draft);
            Mapping::new(draft).err()
        };
        assert_eq!(with(&|_| {}), None);
        assert_eq!(
            with(&|it| it.fingerprint.clear()),
            Some(MappingFault::NoFingerprint)
        );
        assert_eq!(
            with(&|it| it.fingerprint = vec![it.name.clone()]),
            Some(MappingFault::NameAlone)
        );
        assert_eq!(
            with(&|it| it.statuses.retain(|_, status| *status == Status::Firing)),
            Some(MappingFault::NoStatuses)
        );
        assert_eq!(
            with(&|it| it.status = "state".to_owned()),
            Some(MappingFault::NotAPointer("state".to_owned()))
        );
        assert_eq!(
            with(&|it| it.fingerprint = vec!["/x".to_owned(); 33]),
            Some(MappingFault::TooMany)
        );
    }
}
