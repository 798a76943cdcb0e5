//! Certificates: what one says of itself, and one that we sign ourselves.
//!
//! Owns the reading of names and dates of a leaf, and the pair of files in the data folder that a listener
//! with `self_signed` shows. That is made once and again when it is about to end or the names have
//! changed, so that a browser which was told to believe it goes on believing it. Its key is drawn by the
//! crypto provider, like every key of TLS.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use control::{Secret, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

use super::tls::{self, TlsFault};

/// How long one of ours is good: what browsers accept at most (CA/Browser Forum baseline requirements,
/// section 6.3.2).
const LIFE: Duration = Duration::from_secs(397 * 86_400);

/// When one of ours is made anew, and when an operator is told that one ends.
pub const SOON: Duration = Duration::from_secs(30 * 86_400);

/// What a leaf certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Names and addresses it is for.
    pub names: BTreeSet<String>,
    /// When it begins to count.
    pub begins: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
}

impl Leaf {
    /// Reads the first certificate of a file.
    ///
    /// # Errors
    /// See [`TlsFault`]; what is no certificate of X.509 is [`TlsFault::NoCertificate`].
    pub fn of(certificate: &Path) -> Result<Self, TlsFault> {
        let chain = tls::chain(certificate)?;
        let leaf = chain.first().and_then(|first| Self::read(first));
        leaf.ok_or_else(|| TlsFault::NoCertificate(certificate.to_owned()))
    }

    /// Whether it is for `host`: by that name, or by one with `*` for its first label (RFC 9525, section
    /// 6.3).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let parent = host
            .split_once('.')
            .map(|(_, parent)| format!("*.{parent}"));
        let wild = parent.filter(|_| host.parse::<IpAddr>().is_err());
        self.names.contains(&host) || wild.is_some_and(|wild| self.names.contains(&wild))
    }

    /// Reads a certificate in DER form.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let alternatives = certificate.subject_alternative_name().ok()?;
        let names = alternatives
            .into_iter()
            .flat_map(|it| &it.value.general_names);
        Some(Self {
            names: names.filter_map(name_of).collect(),
            begins: Timestamp::from_seconds(validity.not_before.timestamp()),
            ends: Timestamp::from_seconds(validity.not_after.timestamp()),
        })
    }
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// PEM of the certificate.
    pub certificate: PathBuf,
    /// PEM of the key, which nobody else may read.
    pub key: PathBuf,
}

impl Pair {
    /// Those of our own making in the data folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            certificate: folder.join("self-signed.pem"),
            key: folder.join("self-signed.key"),
        }
    }

    /// Whether they are for exactly these names, and good for a while from `now` on.
    #[must_use]
    pub fn serves(&self, names: &BTreeSet<String>, now: Timestamp) -> bool {
        let leaf = Leaf::of(&self.certificate).ok();
        let fits = leaf.is_some_and(|leaf| {
            leaf.names == *names && leaf.begins <= now && now.plus(SOON) < leaf.ends
        });
        fits && self.key.is_file()
    }
}

/// A certificate for `names` that we sign ourselves, and its key, both PEM; none where the provider can
/// make none.
#[must_use]
pub fn sign(names: &BTreeSet<String>, now: Timestamp) -> Option<(String, Secret)> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>()).ok()?;
    let at = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.seconds()).ok();
    // Clocks of browsers are minutes apart.
    params.not_before = at(Timestamp::from_seconds(now.seconds() - 3600))?;
    params.not_after = at(now.plus(LIFE))?;
    params.distinguished_name = DistinguishedName::new();
    let subject = "Vouchsafe, self-signed";
    params.distinguished_name.push(DnType::CommonName, subject);
    let key = KeyPair::generate().ok()?;
    let certificate = params.self_signed(&key).ok()?;
    let secret = Secret::new(key.serialize_pem().into_bytes());
    Some((certificate.pem(), secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_of_our_own_says_for_whom_and_until_when_it_is() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let wanted = names(&["coach.example", "localhost", "127.0.0.1", "::1"]);
        let (certificate, key) = sign(&wanted, now).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair::in_folder(folder.path());
        assert!(!pair.serves(&wanted, now));
        std::fs::write(&pair.certificate, certificate).unwrap();
        std::fs::write(&pair.key, key.expose()).unwrap();
        let leaf = Leaf::of(&pair.certificate).unwrap();
        assert_eq!(leaf.names, wanted);
        assert_eq!(leaf.ends, now.plus(LIFE));
        for (host, fits) in [
            ("coach.example", true),
            ("Coach.Example", true),
            ("127.0.0.1", true),
            ("example", false),
            ("a.coach.example", false),
        ] {
            assert_eq!(leaf.is_for(host), fits, "{host}");
        }
        assert!(pair.serves(&wanted, now));
        assert!(tls::load(&pair.certificate, &key, crate::site::listen::Minimum::Tls13).is_ok());
        // Neither for other names nor for long when it is about to end.
        assert!(!pair.serves(&names(&["coach.example"]), now));
        assert!(!pair.serves(&wanted, now.plus(LIFE - SOON)));
        assert!(pair.serves(&wanted, now.plus(LIFE - SOON - Duration::from_secs(1))));
    }

    #[test]
    fn a_wildcard_stands_for_one_label_of_a_name() {
        let leaf = Leaf {
            names: names(&["*.school.example", "*.0.0.1"]),
            begins: Timestamp::from_seconds(0),
            ends: Timestamp::from_seconds(1),
        };
        assert!(leaf.is_for("coach.school.example"));
        for host in ["school.example", "a.coach.school.example", "127.0.0.1"] {
            assert!(!leaf.is_for(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(Leaf::read(b""), None);
        assert_eq!(Leaf::read(&[0x30, 0x82, 0xff, 0xff]), None);
    }
}
