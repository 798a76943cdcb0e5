//! Certificates: what one says of itself, and one that we sign ourselves.
//!
//! Owns the reading of a leaf's file, and the pair of files in the data folder that a listener
//! with `self_signed` shows. That is made once and again when it is about to end or the names have
//! changed, so that a browser which was told to believe it goes on believing it. Its key is drawn by the
//! crypto provider, like every key of TLS.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use control::{Secret, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
pub use seal::certificate::Leaf;

use super::tls::{self, TlsFault};

/// How long one of ours is good: what browsers accept at most (CA/Browser Forum baseline requirements,
/// section 6.3.2).
const LIFE: Duration = Duration::from_secs(397 * 86_400);

/// When one of ours is made anew, and when an operator is told that one ends.
pub const SOON: Duration = Duration::from_secs(30 * 86_400);

/// Reads the first certificate of a file.
///
/// # Errors
/// See [`TlsFault`]; what is no certificate of X.509 is [`TlsFault::NoCertificate`].
pub fn leaf(certificate: &Path) -> Result<Leaf, TlsFault> {
    let chain = tls::chain(certificate)?;
    let leaf = chain.first().and_then(|first| Leaf::read(first));
    leaf.ok_or_else(|| TlsFault::NoCertificate(certificate.to_owned()))
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
        let fits = leaf(&self.certificate).is_ok_and(|leaf| {
            let serves = leaf.begins..leaf.ends - SOON.as_secs().cast_signed();
            leaf.names == *names && serves.contains(&now.seconds())
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
        let leaf = leaf(&pair.certificate).unwrap();
        assert_eq!(leaf.names, wanted);
        assert_eq!(leaf.ends, now.plus(LIFE).seconds());
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
        let shown = tls::Pair {
            certificate: pair.certificate.clone(),
            key,
        };
        let clock = std::sync::Arc::new(control::SystemClock::new());
        let minimum = crate::site::listen::Minimum::Tls13;
        assert!(tls::load(&[shown], tls::Terms::plain(minimum, clock)).is_ok());
        // Neither for other names nor for long when it is about to end.
        assert!(!pair.serves(&names(&["coach.example"]), now));
        assert!(!pair.serves(&wanted, now.plus(LIFE - SOON)));
        assert!(pair.serves(&wanted, now.plus(LIFE - SOON - Duration::from_secs(1))));
    }
}
