//! What can be promised: sentences, numbers and references, as data.
//!
//! Owns the reading of `catalogue/*.toml`, which is compiled in. A promise is bound to a probe by
//! its id alone; a test in the binary fails when one side has no other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::probe::Class;

/// Every promise the product knows, by id.
#[derive(Clone, Debug)]
pub struct Catalogue {
    promises: BTreeMap<String, Promise>,
}

/// One sentence that can be true or false of a deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// Stable id, such as `webhook.signed`.
    pub id: String,
    /// What is proven, in our words; `{key}` is replaced by the anchor's value.
    pub sentence: String,
    /// Rows of the promise table this covers, such as `P-028`; our own rows start with `V-`.
    pub rows: Vec<String>,
    /// How it can be shown.
    pub kind: Kind,
    /// What a probe of it may do to the deployment.
    #[serde(default)]
    pub class: Class,
    /// The anchor's values.
    #[serde(default, rename = "parameter")]
    pub parameters: Vec<Parameter>,
    /// For `constructed`: the test or lint of this build that shows it.
    #[serde(default)]
    pub shown_by: Option<String>,
    /// Promises that necessarily fall when this one does.
    #[serde(default)]
    pub dependants: Vec<String>,
    /// Ids in the frameworks an auditor asks about.
    #[serde(default)]
    pub references: References,
}

/// How a promise can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// By attacking the running deployment.
    Probed,
    /// By a named test or lint of this build.
    Constructed,
    /// By a person who answers for it.
    Attested,
    /// By nothing yet: the control is not built. Its verdict is `unproven` and may be waived.
    Planned,
}

/// One value an anchor may carry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The key in the anchor.
    pub name: String,
    /// How its value is read.
    pub takes: Takes,
    /// Whether the anchor must carry it.
    #[serde(default)]
    pub required: bool,
}

/// How an anchor's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takes {
    /// A path or several, by comma.
    Paths,
    /// A number with a unit of time: `30d`, `60m`, `1s`.
    Duration,
    /// A number with a unit of size: `10MiB`, `500MB`.
    Size,
    /// A whole number.
    Count,
    /// Words; not compared with the sentence.
    Text,
}

/// Ids in frameworks; our own short labels stand elsewhere.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct References {
    /// NIST SP 800-53 revision 5 controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nist: Vec<String>,
    /// OWASP ASVS 5.0.0 requirement ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asvs: Vec<String>,
    /// ISO/IEC 27001:2022 Annex A ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iso27001: Vec<String>,
    /// SOC 2 trust services criteria ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soc2: Vec<String>,
    /// HIPAA security rule sections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hipaa: Vec<String>,
    /// GDPR articles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gdpr: Vec<String>,
}

/// The compiled-in catalogue does not read; a fault of the build.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file is not of the catalogue's shape.
    #[error("catalogue file {file}: {cause}")]
    Unreadable {
        /// File name.
        file: &'static str,
        /// The reader's own words.
        cause: toml::de::Error,
    },
    /// Two entries share an id.
    #[error("promise {0} stands in the catalogue twice")]
    Twice(String),
    /// An entry names a dependant that does not exist.
    #[error("promise {0} names a dependant that is not in the catalogue: {1}")]
    NoSuchDependant(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    promise: Vec<Promise>,
}

/// The files of the catalogue, one per family of promises.
const FILES: &[(&str, &str)] = &[
    ("access.toml", include_str!("../catalogue/access.toml")),
    ("accounts.toml", include_str!("../catalogue/accounts.toml")),
    ("answers.toml", include_str!("../catalogue/answers.toml")),
    ("audit.toml", include_str!("../catalogue/audit.toml")),
    ("bodies.toml", include_str!("../catalogue/bodies.toml")),
    ("uploads.toml", include_str!("../catalogue/uploads.toml")),
    ("browser.toml", include_str!("../catalogue/browser.toml")),
    ("files.toml", include_str!("../catalogue/files.toml")),
    ("limits.toml", include_str!("../catalogue/limits.toml")),
    (
        "organisation.toml",
        include_str!("../catalogue/organisation.toml"),
    ),
    ("outreach.toml", include_str!("../catalogue/outreach.toml")),
    (
        "repository.toml",
        include_str!("../catalogue/repository.toml"),
    ),
    ("savings.toml", include_str!("../catalogue/savings.toml")),
    ("sessions.toml", include_str!("../catalogue/sessions.toml")),
    (
        "transport.toml",
        include_str!("../catalogue/transport.toml"),
    ),
    ("webhooks.toml", include_str!("../catalogue/webhooks.toml")),
    ("wire.toml", include_str!("../catalogue/wire.toml")),
];

impl Catalogue {
    /// The catalogue this build carries.
    pub fn built_in() -> Result<Self, CatalogueError> {
        let mut promises = BTreeMap::new();
        for (file, text) in FILES {
            let read: File =
                toml::from_str(text).map_err(|cause| CatalogueError::Unreadable { file, cause })?;
            for promise in read.promise {
                if let Some(before) = promises.insert(promise.id.clone(), promise) {
                    return Err(CatalogueError::Twice(before.id));
                }
            }
        }
        let ids: BTreeSet<&String> = promises.keys().collect();
        for promise in promises.values() {
            if let Some(missing) = promise.dependants.iter().find(|id| !ids.contains(id)) {
                return Err(CatalogueError::NoSuchDependant(
                    promise.id.clone(),
                    missing.clone(),
                ));
            }
        }
        Ok(Self { promises })
    }

    /// The promise called `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Promise> {
        self.promises.get(id)
    }

    /// All promises, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Promise> {
        self.promises.values()
    }
}

impl Promise {
    /// The parameter called `name`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The catalogue sentence with an anchor's values put in; a value not given reads as `any`.
    #[must_use]
    pub fn sentence_for(&self, asked: &crate::Asked) -> String {
        self.parameters
            .iter()
            .fold(self.sentence.clone(), |text, parameter| {
                let value = asked.value(&parameter.name).unwrap_or("any");
                text.replace(&format!("{{{}}}", parameter.name), value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_reads() {
        let catalogue = Catalogue::built_in().unwrap();
        for promise in catalogue.iter() {
            assert!(!promise.rows.is_empty(), "{} covers no row", promise.id);
            let constructed = promise.kind == Kind::Constructed;
            assert_eq!(promise.shown_by.is_some(), constructed, "{}", promise.id);
        }
    }
}
