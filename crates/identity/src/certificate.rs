//! Programs, and people, that show a certificate when they connect.
//!
//! Owns what a connection's certificate says, and the table of those that are somebody here. Refuses one
//! that no entry names, one that two name, one that has ended, and one that was shown under authorities or
//! revocations which are no longer in force. Trusts the handshake to have verified chain, dates and
//! possession of the key (RFC 8446, section 4.4); what comes in a field of a request is never looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use control::Timestamp;
use seal::certificate::Leaf;

use crate::{Scopes, Verified, principal::Principal};

/// Length of a name in bytes at most: with `c_` before it, it must fit where the ledger keeps who asks.
pub const LONGEST_NAME: usize = 14;

/// Most entries of a table.
pub const MOST: usize = 1024;

/// What a listener believes of certificates: its authorities and what they have revoked.
#[derive(Debug)]
pub struct Trust {
    digest: [u8; 32],
    ended: AtomicBool,
}

impl Trust {
    /// One that is told from others by `digest`.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self {
            digest,
            ended: AtomicBool::new(false),
        }
    }

    /// What tells it from others.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Takes it back: certificates that were shown under it count no longer.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn stands(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }
}

/// The certificate that a connection began with, or the one whose session it resumed.
pub struct Presented {
    fingerprint: [u8; 32],
    leaf: Option<Leaf>,
    until: Timestamp,
    trust: Arc<Trust>,
}

impl fmt::Debug for Presented {
    /// Says nothing: names in certificates are often names of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(..)")
    }
}

impl Presented {
    /// Reads a chain that was verified under `trust`, leaf first, each in DER form. It ends with the first
    /// of its certificates that does; one that does not read has ended.
    #[must_use]
    pub fn read<C: AsRef<[u8]>>(chain: &[C], trust: Arc<Trust>) -> Self {
        let ends = |der: &C| Leaf::read(der.as_ref()).map_or(0, |leaf| leaf.ends);
        let until = chain.iter().map(ends).min().unwrap_or_default();
        let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
        Self {
            fingerprint: seal::sha256(first),
            leaf: Leaf::read(first),
            until: Timestamp::from_seconds(until),
            trust,
        }
    }

    fn stands(&self, now: Timestamp) -> bool {
        self.trust.stands() && now < self.until
    }
}

/// How an entry knows its certificates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// SHA-256 of the certificate in DER form.
    Sha256([u8; 32]),
    /// A DNS name it is for, in small letters.
    Dns(Box<str>),
    /// A URI it is for.
    Uri(Box<str>),
    /// A mail address it is for.
    Email(Box<str>),
}

/// Somebody whom certificates stand for.
#[derive(Debug)]
pub struct Holder {
    id: Box<str>,
    roles: Vec<Box<str>>,
    tenant: Box<str>,
    scopes: Scopes,
    marks: BTreeSet<Mark>,
    variant: u64,
    ended: AtomicBool,
}

impl Holder {
    /// Somebody called `name`, of at most [`LONGEST_NAME`] bytes, known by `marks`.
    #[must_use]
    pub fn new(
        name: &str,
        roles: Vec<Box<str>>,
        tenant: Box<str>,
        scopes: Scopes,
        marks: BTreeSet<Mark>,
    ) -> Self {
        let mut digest = seal::Sha256::new();
        for text in roles.iter().chain([&tenant]) {
            digest.update(text.as_bytes());
            digest.update(&[0]);
        }
        let digest = digest.finish();
        Self {
            id: format!("c_{name}").into(),
            roles,
            tenant,
            scopes,
            marks,
            variant: u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()),
            ended: AtomicBool::new(false),
        }
    }

    /// What the configuration calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.get(2..).unwrap_or_default()
    }

    /// Its roles.
    #[must_use]
    pub fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    pub(crate) const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// What tells it from one of the same name under another configuration.
    pub(crate) const fn variant(&self) -> u64 {
        self.variant
    }

    /// Whether another entry says the same.
    fn is(&self, other: &Self) -> bool {
        (&self.id, &self.roles, &self.tenant) == (&other.id, &other.roles, &other.tenant)
            && (&self.scopes, &self.marks) == (&other.scopes, &other.marks)
    }
}

/// Whose certificate a connection began with.
#[derive(Clone, Debug)]
pub struct Shown {
    holder: Arc<Holder>,
    presented: Arc<Presented>,
}

impl Shown {
    /// Whose it is.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether it still is, at `now`.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        !self.holder.ended.load(Ordering::Acquire) && self.presented.stands(now)
    }
}

/// Why a connection's certificate does not let anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CertificateRefusal {
    /// The connection began without one.
    #[error("no certificate")]
    Missing,
    /// No entry names it.
    #[error("no entry names the certificate")]
    Unlisted,
    /// More than one entry names it.
    #[error("more than one entry names the certificate")]
    Ambiguous,
    /// It has reached its end, or one that vouches for it has.
    #[error("the certificate has ended")]
    Ended,
    /// What it was verified by has changed since.
    #[error("the certificate was verified by what is no longer in force")]
    Withdrawn,
}

/// Everybody whom certificates stand for.
#[derive(Debug, Default)]
pub struct Holders {
    all: Vec<Arc<Holder>>,
    by_sha256: BTreeMap<[u8; 32], usize>,
    by_dns: BTreeMap<Box<str>, usize>,
    by_uri: BTreeMap<Box<str>, usize>,
    by_email: BTreeMap<Box<str>, usize>,
}

impl Holders {
    /// The table of `holders`, of which no two may share a mark: the later one would lose it.
    #[must_use]
    pub fn new(holders: Vec<Holder>) -> Self {
        let mut table = Self::default();
        for holder in holders {
            let at = table.all.len();
            for mark in holder.marks.iter().cloned() {
                match mark {
                    Mark::Sha256(digest) => drop(table.by_sha256.entry(digest).or_insert(at)),
                    Mark::Dns(name) => drop(table.by_dns.entry(name).or_insert(at)),
                    Mark::Uri(uri) => drop(table.by_uri.entry(uri).or_insert(at)),
                    Mark::Email(mail) => drop(table.by_email.entry(mail).or_insert(at)),
                }
            }
            table.all.push(Arc::new(holder));
        }
        table
    }

    /// Whether there is nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Everybody, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &Holder> {
        self.all.iter().map(AsRef::as_ref)
    }

    /// Whose certificate it is, at `now`.
    ///
    /// # Errors
    ///
    /// See [`CertificateRefusal`].
    pub fn authenticate(
        &self,
        presented: Option<&Arc<Presented>>,
        now: Timestamp,
    ) -> Result<Verified, CertificateRefusal> {
        let presented = presented.ok_or(CertificateRefusal::Missing)?;
        if !presented.trust.stands() {
            return Err(CertificateRefusal::Withdrawn);
        }
        if now >= presented.until {
            return Err(CertificateRefusal::Ended);
        }
        let mut found = None;
        for at in self.naming(presented) {
            if found.is_some_and(|before| before != at) {
                return Err(CertificateRefusal::Ambiguous);
            }
            found = Some(at);
        }
        let holder = found.and_then(|at| self.all.get(at));
        let holder = holder.ok_or(CertificateRefusal::Unlisted)?;
        let shown = Shown {
            holder: Arc::clone(holder),
            presented: Arc::clone(presented),
        };
        Ok(Verified::new(Principal::Certificate(shown), None))
    }

    /// The entries that name it.
    fn naming<'t>(&'t self, presented: &'t Presented) -> impl Iterator<Item = usize> + 't {
        let texts = |map: &'t BTreeMap<Box<str>, usize>, names: Option<&'t BTreeSet<String>>| {
            let names = names.into_iter().flatten();
            names.filter_map(|name| map.get(name.as_str()).copied())
        };
        let leaf = presented.leaf.as_ref();
        let digest = self.by_sha256.get(&presented.fingerprint).copied();
        digest
            .into_iter()
            .chain(texts(&self.by_dns, leaf.map(|leaf| &leaf.names)))
            .chain(texts(&self.by_uri, leaf.map(|leaf| &leaf.uris)))
            .chain(texts(&self.by_email, leaf.map(|leaf| &leaf.emails)))
    }

    /// Takes the place of `before`: whoever is the same in both goes on, and whoever is not here any more
    /// has ended, for requests under way as well.
    pub fn take_up(&mut self, before: &Self) {
        for old in &before.all {
            match self.all.iter_mut().find(|new| new.is(old)) {
                Some(new) => *new = Arc::clone(old),
                None => old.ended.store(true, Ordering::Release),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn holder(name: &str, roles: &[&str], marks: &[Mark]) -> Holder {
        let roles = roles.iter().map(|role| (*role).into()).collect();
        let marks = marks.iter().cloned().collect();
        Holder::new(name, roles, "default".into(), Scopes::All, marks)
    }

    fn presented(dns: &str, uri: &str, trust: &Arc<Trust>) -> Arc<Presented> {
        Arc::new(Presented {
            fingerprint: [7; 32],
            leaf: Some(Leaf {
                names: [dns.to_owned()].into(),
                uris: [uri.to_owned()].into(),
                emails: BTreeSet::new(),
                begins: 0,
                ends: 0,
            }),
            until: Timestamp::from_seconds(NOW.seconds() + 60),
            trust: Arc::clone(trust),
        })
    }

    #[test]
    fn a_certificate_is_known_by_what_its_entry_names_and_by_nothing_else() {
        let trust = Arc::new(Trust::new([0; 32]));
        let billing = presented("billing.test", "spiffe://test/billing", &trust);
        for (mark, known) in [
            (Mark::Dns("billing.test".into()), true),
            (Mark::Uri("spiffe://test/billing".into()), true),
            (Mark::Sha256([7; 32]), true),
            (Mark::Dns("other.test".into()), false),
            (Mark::Uri("billing.test".into()), false),
            (Mark::Email("billing.test".into()), false),
            (Mark::Sha256([8; 32]), false),
        ] {
            let holders = Holders::new(vec![holder("billing", &["reader"], &[mark])]);
            let judged = holders.authenticate(Some(&billing), NOW);
            match judged {
                Ok(verified) => {
                    assert!(known);
                    assert_eq!(verified.principal().id(), "c_billing");
                    let subject = verified.principal().subject();
                    assert_eq!(subject.to_string(), "certificate:billing");
                }
                Err(refusal) => assert_eq!((refusal, known), (CertificateRefusal::Unlisted, false)),
            }
        }
        let nobody = Holders::default().authenticate(None, NOW);
        assert_eq!(nobody.unwrap_err(), CertificateRefusal::Missing);
    }

    #[test]
    fn one_that_two_entries_name_is_nobodys() {
        let trust = Arc::new(Trust::new([0; 32]));
        let shown = presented("a.test", "urn:b", &trust);
        let (dns, uri) = (Mark::Dns("a.test".into()), Mark::Uri("urn:b".into()));
        let one = Holders::new(vec![holder("a", &[], &[dns.clone(), uri.clone()])]);
        assert!(one.authenticate(Some(&shown), NOW).is_ok());
        let two = Holders::new(vec![holder("a", &[], &[dns]), holder("b", &[], &[uri])]);
        let judged = two.authenticate(Some(&shown), NOW).unwrap_err();
        assert_eq!(judged, CertificateRefusal::Ambiguous);
    }

    #[test]
    fn a_certificate_counts_until_its_end_and_while_its_authorities_are_in_force() {
        let trust = Arc::new(Trust::new([0; 32]));
        let shown = presented("a.test", "urn:b", &trust);
        let holders = Holders::new(vec![holder("a", &[], &[Mark::Dns("a.test".into())])]);
        let judged = |at| holders.authenticate(Some(&shown), at).err();
        assert_eq!(judged(Timestamp::from_seconds(NOW.seconds() + 59)), None);
        let end = Timestamp::from_seconds(NOW.seconds() + 60);
        assert_eq!(judged(end), Some(CertificateRefusal::Ended));
        trust.end();
        assert_eq!(judged(NOW), Some(CertificateRefusal::Withdrawn));
    }

    #[test]
    fn a_request_under_way_ends_with_its_entry_and_goes_on_with_an_equal_one() {
        let trust = Arc::new(Trust::new([0; 32]));
        let shown = presented("a.test", "urn:b", &trust);
        let table = |roles| Holders::new(vec![holder("a", roles, &[Mark::Dns("a.test".into())])]);
        let first = table(&["reader"]);
        let verified = first.authenticate(Some(&shown), NOW).unwrap();
        let Principal::Certificate(under_way) = verified.principal() else {
            panic!("not by certificate");
        };
        let mut second = table(&["reader"]);
        second.take_up(&first);
        assert!(under_way.stands(NOW));
        let mut third = table(&["writer"]);
        third.take_up(&second);
        assert!(!under_way.stands(NOW));
        assert!(third.authenticate(Some(&shown), NOW).is_ok());
    }
}
