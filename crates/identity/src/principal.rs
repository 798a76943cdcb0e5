//! Whoever asks, however that was proven.
//!
//! Owns one set of questions that is asked of every principal: who it is for the app, who for the
//! ledger, its roles, its tenant. Refuses to tell a person's name to the ledger: a [`PersonId`] is a
//! digest of issuer and subject, and the same for tokens, sessions and accounts of one person.

use std::{fmt, sync::Arc};

use control::Timestamp;

use crate::{
    Key, KeyId, LiveKeys, Session, SessionHash, base62,
    certificate::Shown,
    token::{Bearer, LiveRevocations, marks::Tenure},
};

/// What the digest of a [`PersonId`] begins with, so that it is no other digest of ours.
const PERSON: &[u8] = b"vouchsafe person v1";

/// Length of a [`PersonId`] in characters.
const PERSON_LENGTH: usize = 16;

/// A person as the ledger knows them: `p_` and 14 letters and digits that follow from who vouches
/// for the person and under which name. 83 bits: two of a billion persons share one by a chance of
/// less than one in ten million.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonId([u8; PERSON_LENGTH]);

impl PersonId {
    /// The id of the person whom `issuer` calls `subject`. Costs a digest: make it when a credential
    /// is first believed and keep it.
    #[must_use]
    pub fn of(issuer: &str, subject: &str) -> Self {
        let mut digest = seal::digest::Sha256::new();
        for part in [PERSON, issuer.as_bytes()] {
            digest.update(part);
            digest.update(&[0]);
        }
        digest.update(subject.as_bytes());
        let mut id = [b'0'; PERSON_LENGTH];
        let (mark, text) = id.split_at_mut(2);
        mark.copy_from_slice(b"p_");
        base62::of_digest(&digest.finish(), text);
        Self(id)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for PersonId {
    /// Says nothing: whoever knows issuer and subject could recognise the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonId(..)")
    }
}

/// Whoever asks.
#[derive(Debug)]
pub enum Principal {
    /// The holder of a key, or of a token that was made from one.
    Key(Arc<Key>),
    /// The person, or the machine, of whom a token of another issuer speaks.
    Bearer(Arc<Bearer>),
    /// A person who is logged in.
    Session(Arc<Session>),
    /// The program, or the person, whose certificate the connection began with.
    Certificate(Shown),
}

impl Principal {
    /// Who it is for the app.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Key(key) => Subject::Key(key.id()),
            Self::Bearer(bearer) => Subject::User {
                issuer: bearer.issuer(),
                name: bearer.subject(),
            },
            Self::Session(session) => Subject::User {
                issuer: session.issuer(),
                name: session.subject(),
            },
            Self::Certificate(shown) => Subject::Certificate(shown.holder().name()),
        }
    }

    /// Who it is for the ledger, in at most 16 bytes.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Key(key) => key.id_text(),
            Self::Bearer(bearer) => bearer.person().as_str(),
            Self::Session(session) => session.principal(),
            Self::Certificate(shown) => shown.holder().id(),
        }
    }

    /// Its roles.
    #[must_use]
    pub fn roles(&self) -> &[Box<str>] {
        match self {
            Self::Key(key) => key.roles(),
            Self::Bearer(bearer) => bearer.roles(),
            Self::Session(session) => session.roles(),
            Self::Certificate(shown) => shown.holder().roles(),
        }
    }

    /// Its tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        match self {
            Self::Key(key) => key.tenant(),
            Self::Bearer(bearer) => bearer.tenant(),
            Self::Session(session) => session.tenant(),
            Self::Certificate(shown) => shown.holder().tenant(),
        }
    }

    /// Whether it was made for a proof, and must never reach an app.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        match self {
            Self::Key(key) => key.is_probe(),
            Self::Bearer(_) | Self::Certificate(_) => false,
            Self::Session(session) => session.is_probe(),
        }
    }

    /// What apps tell its session from others by, if it has one.
    #[must_use]
    pub fn session(&self) -> Option<&SessionHash> {
        match self {
            Self::Key(_) | Self::Bearer(_) | Self::Certificate(_) => None,
            Self::Session(session) => Some(session.hash()),
        }
    }

    /// What tells credentials of one principal apart: tokens that give it other roles or another
    /// tenant, and every session. Whoever keeps something made of them keeps it under this and the
    /// id. Roles of a key never change.
    #[must_use]
    pub fn variant(&self) -> u64 {
        match self {
            Self::Key(_) => 0,
            Self::Bearer(bearer) => bearer.variant(),
            Self::Session(session) => session.variant(),
            Self::Certificate(shown) => shown.holder().variant(),
        }
    }

    /// Whether it has one of `wanted`; where none are wanted, it needs none.
    pub(crate) fn has_one_of<R: AsRef<str>>(&self, wanted: &[R]) -> bool {
        let has = |wanted: &R| self.roles().iter().any(|role| **role == *wanted.as_ref());
        wanted.is_empty() || wanted.iter().any(has)
    }
}

/// Who a principal is for the app: the text of `sub` in its assertion.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// The holder of the key with this public id.
    Key(KeyId),
    /// Somebody whom an issuer calls so.
    User {
        /// Who vouches.
        issuer: &'a str,
        /// For whom.
        name: &'a str,
    },
    /// The holder of a certificate that the configuration calls so.
    Certificate(&'a str),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{}", id.as_str()),
            Self::User { name, .. } => write!(f, "user:{name}"),
            Self::Certificate(name) => write!(f, "certificate:{name}"),
        }
    }
}

impl fmt::Debug for Subject<'_> {
    /// Says nothing of the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

/// What must go on being so while a request lasts that was let pass: its credential was not taken
/// back and has not ended. Ask about it once a second.
#[derive(Clone, Debug)]
pub struct Standing {
    pub(crate) key: Option<KeyId>,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) certificate: Option<Shown>,
    pub(crate) tenure: Option<Tenure>,
}

impl Standing {
    /// Whether it is still so at `now`.
    #[must_use]
    pub fn holds(&self, keys: &LiveKeys, revoked: &LiveRevocations, now: Timestamp) -> bool {
        let session = self.session.as_ref();
        let stands = |it: &Tenure| now < it.until && revoked.stands(&it.marks, now);
        self.tenure.as_ref().is_none_or(stands)
            && self.key.is_none_or(|key| keys.stands(key, now))
            && session.is_none_or(|session| session.stands(now))
            && self
                .certificate
                .as_ref()
                .is_none_or(|shown| shown.stands(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_the_same_id_wherever_it_is_made() {
        let id = PersonId::of("https://login.example", "u-1");
        assert_eq!(id, PersonId::of("https://login.example", "u-1"));
        assert_eq!(id.as_str().len(), PERSON_LENGTH);
        let rest = id.as_str().strip_prefix("p_").unwrap();
        assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn another_issuer_or_another_subject_is_another_person() {
        let id = PersonId::of("https://login.example", "u-1");
        for (issuer, subject) in [
            ("https://login.example", "u-2"),
            ("https://other.example", "u-1"),
            ("https://login.exampleu", "-1"),
            ("", "https://login.exampleu-1"),
        ] {
            assert_ne!(id, PersonId::of(issuer, subject), "{issuer} {subject}");
        }
    }

    #[test]
    fn nothing_that_is_printed_by_mistake_names_a_person() {
        let subject = Subject::User {
            issuer: "https://login.example",
            name: "j.smith",
        };
        let id = PersonId::of("https://login.example", "j.smith");
        assert_eq!(format!("{subject:?} {id:?}"), "Subject(..) PersonId(..)");
        assert_eq!(subject.to_string(), "user:j.smith");
    }
}
