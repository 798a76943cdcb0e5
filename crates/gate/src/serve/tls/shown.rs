//! Which certificate a client is shown.
//!
//! Owns the choice by the server name that a client asks for (RFC 6066, section 3). Whoever names nobody
//! gets the first. Where a listener has several and none is for the name, the handshake is refused:
//! whoever asked would refuse any of them, and a certificate of another site is how requests are
//! carried over to it (ALPACA, USENIX Security 2021).

use std::{collections::BTreeMap, sync::Arc};

use acme::{Challenges, challenges::PROTOCOL};
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use seal::certificate::Leaf;

/// The certificates of a listener.
#[derive(Debug, Default)]
pub(super) struct Shown {
    first: Option<Arc<CertifiedKey>>,
    /// By name in small letters; what begins with `*.` is for one label in its place.
    by_name: BTreeMap<String, Arc<CertifiedKey>>,
    several: bool,
    challenges: Option<Arc<Challenges>>,
}

impl Shown {
    /// None yet, but what authorities are answered.
    pub(super) fn answering(challenges: Option<Arc<Challenges>>) -> Self {
        Self {
            challenges,
            ..Self::default()
        }
    }

    /// Adds a certificate. What it shares with one before is given back, and nothing is added.
    pub(super) fn add(&mut self, leaf: Leaf, key: CertifiedKey) -> Result<(), String> {
        if let Some(name) = leaf.names.iter().find(|it| self.by_name.contains_key(*it)) {
            return Err(name.clone());
        }
        let key = Arc::new(key);
        self.several = self.first.is_some();
        self.first.get_or_insert_with(|| Arc::clone(&key));
        for name in leaf.names {
            self.by_name.insert(name, Arc::clone(&key));
        }
        Ok(())
    }

    /// The one for a client that asks for `name`, in small letters.
    fn of(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let Some(name) = name.filter(|_| self.several) else {
            return self.first.as_ref();
        };
        self.by_name.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(challenges) = &self.challenges
            && speaks_to_authority(&hello)
        {
            return challenges.certificate(hello.server_name()?);
        }
        self.of(hello.server_name()).cloned()
    }
}

/// Whether the protocol of authorities is all that is offered (RFC 8737, section 4).
fn speaks_to_authority(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|offered| offered.eq([PROTOCOL]))
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;

    use super::*;

    fn pair(names: &[&str]) -> (Leaf, CertifiedKey) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = made.signing_key.serialize_der();
        let key = any_supported_type(&key.try_into().unwrap()).unwrap();
        let der = made.cert.der().clone();
        (Leaf::read(&der).unwrap(), CertifiedKey::new(vec![der], key))
    }

    fn shown(all: &[&[&str]]) -> Shown {
        let mut shown = Shown::default();
        for names in all {
            let (leaf, key) = pair(names);
            shown.add(leaf, key).unwrap();
        }
        shown
    }

    #[test]
    fn each_name_gets_its_own_and_no_name_the_first() {
        let shown = shown(&[
            &["coach.example", "Mail.Example"],
            &["*.school.example"],
            &["a.school.example"],
        ]);
        let place = |name: Option<&str>| {
            let found = shown.of(name)?;
            let is = |key: &Arc<CertifiedKey>| Arc::ptr_eq(found, key);
            let names = shown.by_name.iter().filter(|(_, key)| is(key));
            names.map(|(name, _)| name.as_str()).next()
        };
        for (asked, expected) in [
            (None, Some("coach.example")),
            (Some("coach.example"), Some("coach.example")),
            (Some("mail.example"), Some("coach.example")),
            (Some("b.school.example"), Some("*.school.example")),
            (Some("a.school.example"), Some("a.school.example")),
            (Some("school.example"), None),
            (Some("x.b.school.example"), None),
            (Some("example"), None),
            (Some("stranger.test"), None),
        ] {
            assert_eq!(place(asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn the_only_certificate_is_shown_to_everybody() {
        let shown = shown(&[&["coach.example"]]);
        assert!(shown.of(None).is_some() && shown.of(Some("other.test")).is_some());
    }

    #[test]
    fn two_certificates_for_one_name_are_one_too_many() {
        let mut shown = shown(&[&["a.example", "b.example"]]);
        let (leaf, key) = pair(&["c.example", "b.example"]);
        assert_eq!(shown.add(leaf, key), Err("b.example".to_owned()));
        let (leaf, key) = pair(&["c.example"]);
        assert_eq!(shown.add(leaf, key), Ok(()));
    }
}
