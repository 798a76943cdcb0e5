//! TLS of a listener.
//!
//! Owns what certificate files and keys become: TLS 1.2 and 1.3, or 1.3 alone, with aws-lc-rs, HTTP/1.1
//! by ALPN, and one ticket issuer for the whole process, so that a session resumes on any core and
//! survives a renewed certificate. Refuses a file without a certificate, a key that is not one, a
//! pair that does not belong together, and two certificates for one name. Trusts the files' owner.
//!
//! 1. `shown`: which certificate a client is shown;
//! 2. `clients`: what verifies the certificates of clients;
//! 3. `tickets`: sessions that are resumed.

mod clients;
mod shown;
mod tickets;

use std::{
    fmt,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use acme::{Challenges, challenges::PROTOCOL};
use control::{Clock, Secret};
use identity::certificate::Trust;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::NoServerSessionStorage,
    sign::CertifiedKey,
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _};
use seal::certificate::Leaf;

use self::shown::Shown;
use super::h2;
use crate::site::listen::{Clients, Minimum};

/// Why a listener cannot speak TLS. Code and hint say what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The certificate file cannot be read.
    #[error("the certificate {path} cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{path} holds no certificate in PEM form", path = .0.display())]
    NoCertificate(PathBuf),
    /// The key is not a private key.
    #[error("the key beside {path} is not a private key in PEM form", path = .0.display())]
    NoKey(PathBuf),
    /// The two do not belong together, or the key is of a kind we do not speak.
    #[error("the key does not fit the certificate {path}: {cause}", path = path.display())]
    Mismatch {
        /// The certificate file.
        path: PathBuf,
        /// What the library says of it.
        cause: rustls::Error,
    },
    /// Another certificate of the listener is for the same name.
    #[error("{path} is for {name}, and so is a certificate before it", path = path.display())]
    TwoForOneName {
        /// The certificate file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The file of revocations holds none that can be used.
    #[error("{path} holds no usable list of revocations in PEM form", path = .0.display())]
    NoRevocations(PathBuf),
    /// The library cannot work.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

impl TlsFault {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "gate::tls::certificate-unreadable",
            Self::NoCertificate(_) => "gate::tls::no-certificate",
            Self::NoKey(_) => "gate::tls::no-key",
            Self::Mismatch { .. } => "gate::tls::key-mismatch",
            Self::TwoForOneName { .. } => "gate::tls::two-for-one-name",
            Self::NoRevocations(_) => "gate::tls::no-revocations",
            Self::Library(_) => "gate::tls::library",
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path and that this user may read it",
            Self::NoCertificate(_) => {
                "give the full chain, leaf first, each between BEGIN and END CERTIFICATE"
            }
            Self::NoKey(_) => "give the unencrypted key, between BEGIN and END PRIVATE KEY",
            Self::Mismatch { .. } => "use the key that the certificate was requested with",
            Self::TwoForOneName { .. } => {
                "let each name stand in one certificate, or give the others a listener of their own"
            }
            Self::NoRevocations(_) => {
                "give a list of each authority, between BEGIN and END X509 CRL"
            }
            Self::Library(_) => "report this as a defect",
        }
    }
}

/// The longest certificate file that is read; a longer one ends in the middle of a certificate, which
/// is then refused.
const CHAIN_LIMIT: u64 = 1 << 20;

/// A certificate and its key, not read yet.
#[derive(Clone, Debug)]
pub struct Pair {
    /// PEM of the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM of the key.
    pub key: Secret,
}

/// What a listener does besides showing certificates.
pub struct Terms<'a> {
    /// The oldest version it speaks.
    pub minimum: Minimum,
    /// Whether it offers HTTP/2.
    pub http2: bool,
    /// Whose certificates it asks for, if it does.
    pub clients: Option<&'a Clients>,
    /// What it shows an authority that looks at it, where one does.
    pub challenges: Option<Arc<Challenges>>,
    /// What dates are judged by.
    pub clock: Arc<dyn Clock>,
}

impl Terms<'_> {
    /// Those of a listener that does nothing else.
    #[must_use]
    pub fn plain(minimum: Minimum, clock: Arc<dyn Clock>) -> Self {
        Self {
            minimum,
            http2: false,
            clients: None,
            challenges: None,
            clock,
        }
    }
}

/// How a listener speaks TLS.
#[derive(Clone)]
pub struct Speaking {
    pub(super) config: Arc<ServerConfig>,
    /// By what certificates of clients are verified, where they are asked for.
    pub(super) trust: Option<Arc<Trust>>,
    digest: [u8; 32],
}

impl fmt::Debug for Speaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Speaking(..)")
    }
}

impl Speaking {
    /// What it was made from, to see whether files have changed.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Takes the place of `before`. Certificates that were shown under another trust count no longer.
    pub(super) fn take_up(&mut self, before: &Self) {
        let Some(old) = &before.trust else { return };
        match &mut self.trust {
            Some(new) if new.digest() == old.digest() => *new = Arc::clone(old),
            _ => old.end(),
        }
    }
}

/// Builds what a listener needs to show `pairs`, of which the first is for whoever names nobody.
///
/// # Errors
/// See [`TlsFault`]; also which of the pairs it is about, if it is about one.
pub fn load(pairs: &[Pair], terms: Terms<'_>) -> Result<Speaking, (Option<usize>, TlsFault)> {
    let mut shown = Shown::answering(terms.challenges.clone());
    let mut digest = seal::Sha256::new();
    for (at, pair) in pairs.iter().enumerate() {
        let named = |fault| (Some(at), fault);
        let pem = read(&pair.certificate).map_err(named)?;
        for bytes in [&*pem, pair.key.expose()] {
            digest.update(&seal::sha256(bytes));
        }
        let (leaf, key) = certified(pair, &pem).map_err(named)?;
        shown.add(leaf, key).map_err(|name| {
            let path = pair.certificate.clone();
            named(TlsFault::TwoForOneName { path, name })
        })?;
    }
    let whole = |fault| (None, fault);
    let library = |fault| whole(TlsFault::Library(fault));
    let versions: &[&SupportedProtocolVersion] = match terms.minimum {
        Minimum::Tls12 => &[&TLS13, &TLS12],
        Minimum::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(Time(terms.clock)))
        .with_protocol_versions(versions)
        .map_err(library)?;
    let verified = terms
        .clients
        .map(clients::verifier)
        .transpose()
        .map_err(whole)?;
    let (builder, trust) = match verified {
        Some((verifier, trust)) => (builder.with_client_cert_verifier(verifier), Some(trust)),
        None => (builder.with_no_client_auth(), None),
    };
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    // Every cipher here is strong; scanners ask for an order all the same, and clients lose nothing by ours.
    config.ignore_client_order = true;
    config.alpn_protocols = protocols(terms.http2, terms.challenges.is_some());
    // Tickets alone: a table of sessions would be a lock that all cores share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let bound_to = trust
        .as_ref()
        .map_or(tickets::NO_CLIENTS, |it| *it.digest());
    if let Some(tickets) = tickets::bound_to(bound_to) {
        config.ticketer = tickets;
        config.send_tls13_tickets = 1;
    }
    digest.update(&bound_to);
    Ok(Speaking {
        config: Arc::new(config),
        trust,
        digest: digest.finish(),
    })
}

/// What is spoken within TLS, most wanted first (RFC 7301).
fn protocols(http2: bool, challenges: bool) -> Vec<Vec<u8>> {
    let all = [
        http2.then(|| h2::NAME.to_vec()),
        Some(b"http/1.1".to_vec()),
        challenges.then(|| PROTOCOL.to_vec()),
    ];
    all.into_iter().flatten().collect()
}

/// The certificates in a file, leaf first; never none.
///
/// # Errors
/// [`TlsFault::Unreadable`] and [`TlsFault::NoCertificate`].
pub fn chain(certificate: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    certificates(certificate, &read(certificate)?)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let mut pem = Vec::new();
    config::files::open_regular(path)
        .and_then(|file| file.take(CHAIN_LIMIT).read_to_end(&mut pem))
        .map_err(|cause| TlsFault::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
    Ok(pem)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsFault::NoCertificate(path.to_owned()))
}

/// A certificate with its key, which fits.
fn certified(pair: &Pair, pem: &[u8]) -> Result<(Leaf, CertifiedKey), TlsFault> {
    let path = &pair.certificate;
    let chain = certificates(path, pem)?;
    let leaf = chain.first().and_then(|first| Leaf::read(first));
    let leaf = leaf.ok_or_else(|| TlsFault::NoCertificate(path.clone()))?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.expose())
        .map_err(|_| TlsFault::NoKey(path.clone()))?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    let certified = certified.map_err(|cause| TlsFault::Mismatch {
        path: path.clone(),
        cause,
    })?;
    Ok((leaf, certified))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// Time as rustls asks for it.
struct Time(Arc<dyn Clock>);

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use control::SystemClock;

    use super::*;

    fn load(certificate: &Path, key: &Secret, minimum: Minimum) -> Result<Speaking, TlsFault> {
        let pair = Pair {
            certificate: certificate.to_owned(),
            key: key.clone(),
        };
        let clock = Arc::new(SystemClock::new());
        super::load(&[pair], Terms::plain(minimum, clock)).map_err(|(_, fault)| fault)
    }

    fn pair() -> (String, Secret) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = Secret::new(made.signing_key.serialize_pem().into_bytes());
        (made.cert.pem(), key)
    }

    #[test]
    fn a_certificate_and_its_key_make_a_listener_for_http_1() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        let (certificate, key) = pair();
        fs::write(&path, certificate).unwrap();
        let config = load(&path, &key, Minimum::default()).unwrap().config;
        assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
        assert!(config.ticketer.enabled());
    }

    #[test]
    fn each_bad_pair_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        let ((certificate, key), (_, other)) = (pair(), pair());
        assert!(matches!(
            load(&path, &key, Minimum::default()),
            Err(TlsFault::Unreadable { .. })
        ));
        fs::write(&path, "nothing").unwrap();
        assert!(matches!(
            load(&path, &key, Minimum::default()),
            Err(TlsFault::NoCertificate(_))
        ));
        fs::write(&path, certificate).unwrap();
        let text = Secret::new(b"nothing".to_vec());
        assert!(matches!(
            load(&path, &text, Minimum::default()),
            Err(TlsFault::NoKey(_))
        ));
        assert!(matches!(
            load(&path, &other, Minimum::Tls13),
            Err(TlsFault::Mismatch { .. })
        ));
    }
}
