//! TLS of a listener.
//!
//! Owns what a certificate file and a key become: TLS 1.2 and 1.3, or 1.3 alone, with aws-lc-rs, HTTP/1.1
//! by ALPN, and one ticket issuer for the whole process, so that a session resumes on any core and
//! survives a renewed certificate. Refuses a file without a certificate, a key that is not one, and a
//! pair that does not belong together. Trusts the files' owner.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use control::Secret;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, ProducesTickets},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::site::listen::Minimum;

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
        }
    }
}

/// The longest certificate file that is read; a longer one ends in the middle of a certificate, which
/// is then refused.
const CHAIN_LIMIT: u64 = 1 << 20;

/// Builds what a listener needs from a certificate file and the PEM of its key.
///
/// # Errors
/// See [`TlsFault`].
pub fn load(
    certificate: &Path,
    key: &Secret,
    minimum: Minimum,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let chain = chain(certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose())
        .map_err(|_| TlsFault::NoKey(certificate.to_owned()))?;
    let mismatch = |cause| TlsFault::Mismatch {
        path: certificate.to_owned(),
        cause,
    };
    let versions: &[&SupportedProtocolVersion] = match minimum {
        Minimum::Tls12 => &[&TLS13, &TLS12],
        Minimum::Tls13 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets alone: a table of sessions would be a lock that all cores share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if let Some(tickets) = tickets() {
        config.ticketer = tickets;
        config.send_tls13_tickets = 1;
    }
    Ok(Arc::new(config))
}

/// The certificates in a file, leaf first; never none.
///
/// # Errors
/// [`TlsFault::Unreadable`] and [`TlsFault::NoCertificate`].
pub fn chain(certificate: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let mut pem = Vec::new();
    config::files::open_regular(certificate)
        .and_then(|file| file.take(CHAIN_LIMIT).read_to_end(&mut pem))
        .map_err(|cause| TlsFault::Unreadable {
            path: certificate.to_owned(),
            cause,
        })?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsFault::NoCertificate(certificate.to_owned()))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// The one issuer of session tickets, which rotates its keys every 6 hours. Without randomness
/// there is none, and each connection shakes hands in full.
fn tickets() -> Option<Arc<dyn ProducesTickets>> {
    static TICKETS: OnceLock<Option<Arc<dyn ProducesTickets>>> = OnceLock::new();
    TICKETS
        .get_or_init(|| aws_lc_rs::Ticketer::new().ok())
        .clone()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
        let config = load(&path, &key, Minimum::default()).unwrap();
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
