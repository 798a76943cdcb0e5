//! Every scheme against vectors that others published: a round trip of our own would share its own
//! bug.
//!
//! `vectors/NAME.toml` holds those of `schemes/NAME.toml`, each with its source. Each must be genuine
//! as it stands, and not with another body, another secret, another signature or another time.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::panic, reason = "a test may fail loudly")]
#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::{collections::BTreeMap, fs, path::Path};

use control::{Secret, Timestamp};
use hooks::{
    Delivery, Scheme, SignatureRefusal,
    scheme::{Integrity, Mac, Place},
    verify,
};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vector: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Vector {
    /// Who published it, and where.
    source: String,
    secret: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default = "public_url")]
    public_url: String,
    #[serde(default = "target")]
    target: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_base64: Option<String>,
    /// A moment at which it is fresh; needed where the scheme signs a time.
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

fn post() -> String {
    "POST".to_owned()
}

fn public_url() -> String {
    "https://a.example".to_owned()
}

fn target() -> String {
    "/hook".to_owned()
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => seal::encode::unbase64(text.as_bytes()).unwrap(),
            _ => panic!("{}: one of body and body-base64", self.source),
        }
    }

    fn now(&self) -> Timestamp {
        self.now.as_ref().map_or_else(Timestamp::default, |text| {
            let at = OffsetDateTime::parse(text, &Rfc3339).unwrap();
            Timestamp::from_seconds(at.unix_timestamp())
        })
    }

    fn outcome(&self, scheme: &'static Scheme) -> Result<(), SignatureRefusal> {
        self.judged(scheme, &self.bytes(), self.now())
    }

    fn judged(
        &self,
        scheme: &'static Scheme,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureRefusal> {
        let scheme = hooks::load::options::choose(scheme, &self.options).unwrap();
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let delivery = Delivery {
            method: &self.method,
            public_url: &self.public_url,
            target: self.target.as_bytes(),
            headers: &headers,
            body,
            now,
        };
        let secret = Secret::new(self.secret.clone().into_bytes());
        verify(scheme, &[secret], &delivery).map(|_| ())
    }
}

fn vectors(scheme: &Scheme) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/{}.toml", scheme.name));
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str::<File>(&text).unwrap().vector,
        Err(_) => Vec::new(),
    }
}

fn is_static(scheme: &Scheme) -> bool {
    scheme.way.iter().any(|way| way.mac == Mac::Static)
}

/// Another text of the same length: its first letter or digit in the middle, changed.
fn other(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    let at = (middle..bytes.len())
        .find(|at| bytes[*at].is_ascii_alphanumeric())
        .unwrap();
    bytes[at] = match bytes[at] {
        b'0' => b'1',
        b'A' => b'B',
        b'a' => b'b',
        other if other.is_ascii_digit() => b'0',
        other if other.is_ascii_uppercase() => b'A',
        _ => b'a',
    };
    String::from_utf8(bytes).unwrap()
}

/// A scheme says that it has a vector where it has one, and that it is experimental where not.
#[test]
fn every_scheme_has_a_vector_from_elsewhere_or_says_that_it_has_none() {
    for scheme in Scheme::built_in() {
        let has = !vectors(scheme).is_empty();
        let says = scheme.vector.is_some();
        // These three have cases of their own, in `vectors.rs`.
        let elsewhere = matches!(
            scheme.name.as_str(),
            "github" | "standard-webhooks" | "twilio"
        );
        assert_eq!(has || elsewhere, says, "{}", scheme.name);
        assert!(
            says != scheme.experimental || is_static(scheme),
            "{}",
            scheme.name
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(Scheme::find(&name).is_some(), "no scheme is called {name}");
    }
}

#[test]
fn what_others_published_is_genuine() {
    let mut count = 0;
    for scheme in Scheme::built_in() {
        for vector in vectors(scheme) {
            assert_eq!(
                vector.outcome(scheme),
                Ok(()),
                "{}: {}",
                scheme.name,
                vector.source
            );
            assert!(!vector.source.is_empty());
            count += 1;
        }
    }
    assert!(count >= 30, "only {count} vectors were found");
}

#[test]
fn what_others_published_is_not_genuine_when_it_is_changed() {
    for scheme in Scheme::built_in() {
        for vector in vectors(scheme) {
            let name = &scheme.name;
            if scheme.integrity == Integrity::Body {
                let mut body = vector.bytes();
                body.push(b' ');
                let changed = vector.judged(scheme, &body, vector.now());
                assert!(changed.is_err(), "{name}: a longer body");
            }
            let mut wrong = vector.clone();
            wrong.secret = other(&vector.secret);
            assert!(wrong.outcome(scheme).is_err(), "{name}: another secret");
            if scheme.freshness.is_some() {
                for hours in [-2, 2] {
                    let at = Timestamp::from_seconds(vector.now().seconds() + hours * 3600);
                    let outcome = vector.judged(scheme, &vector.bytes(), at);
                    assert!(
                        matches!(
                            outcome,
                            Err(SignatureRefusal::Stale | SignatureRefusal::Future)
                        ),
                        "{name}: {hours} hours later: {outcome:?}"
                    );
                }
            }
            let mut wrong = vector.clone();
            for (header, value) in &mut wrong.headers {
                let header = header.to_ascii_lowercase();
                if header.contains("sign") || header.contains("hmac") {
                    *value = other(value);
                }
            }
            if let Place::Json(pointer) = &scheme.signature.from {
                let body: serde_json::Value = serde_json::from_slice(&vector.bytes()).unwrap();
                let written = body.pointer(pointer).unwrap().as_str().unwrap();
                let text = String::from_utf8(vector.bytes()).unwrap();
                wrong.body = Some(text.replace(written, &other(written)));
                wrong.body_base64 = None;
            }
            assert!(wrong.outcome(scheme).is_err(), "{name}: another signature");
        }
    }
}
