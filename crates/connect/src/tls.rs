//! TLS towards servers.
//!
//! Owns whom we believe: the public roots that are compiled in (those of Mozilla), and the roots of
//! a file of the operator. Every certificate is verified, always, against the host that was typed;
//! there is no setting that leaves it out. Refuses a file without a root. Trusts the operator's file
//! and the clock it is given.

use std::{
    fmt,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use control::Clock;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};

use crate::target::Host;

/// The longest file of roots that is read; of a longer one the end is missing, and it is refused.
const LONGEST: u64 = 4 << 20;

/// Why there are no roots.
#[derive(Debug, thiserror::Error)]
pub enum RootsFault {
    /// The file cannot be read.
    #[error("the roots in {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The file holds no certificate, or something that is none.
    #[error("{} holds no root certificates in PEM form", .0.display())]
    NotCertificates(PathBuf),
    /// The library cannot work.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

impl RootsFault {
    /// What to do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check `roots` in [connect] and that this user may read it",
            Self::NotCertificates(_) => {
                "give the certificate of your authority, between BEGIN and END CERTIFICATE"
            }
            Self::Library(_) => "report this as a defect",
        }
    }
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

/// What a connection under TLS needs: the public roots, and those of the file `more`.
///
/// # Errors
///
/// See [`RootsFault`].
pub fn config(more: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Arc<ClientConfig>, RootsFault> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in more.map(read).transpose()?.unwrap_or_default() {
        let path = || more.map(Path::to_path_buf).unwrap_or_default();
        roots
            .add(root)
            .map_err(|_| RootsFault::NotCertificates(path()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(Time(clock)))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsFault> {
    let mut pem = Vec::new();
    config::files::open_regular(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut pem))
        .map_err(|cause| RootsFault::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|roots| !roots.is_empty())
        .ok_or_else(|| RootsFault::NotCertificates(path.to_owned()))
}

/// The name a certificate must carry for `host`; also the SNI, where it is a name.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
        Host::V4(address) => Some(ServerName::IpAddress((*address).into())),
        Host::V6(address) => Some(ServerName::IpAddress((*address).into())),
    }
}

#[cfg(test)]
mod tests {
    use control::SystemClock;

    use super::*;

    fn load(path: &Path) -> Result<Arc<ClientConfig>, RootsFault> {
        config(Some(path), Arc::new(SystemClock::new()))
    }

    #[test]
    fn a_file_of_roots_is_added_and_one_without_a_root_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        assert_eq!(load(&path).unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
        for text in [
            "",
            "nothing",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nnot base64 at all",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(load(&path), Err(RootsFault::NotCertificates(_))),
                "{text}"
            );
        }
        assert!(matches!(
            load(folder.path()),
            Err(RootsFault::Unreadable { .. })
        ));
    }

    #[test]
    fn a_certificate_must_name_the_typed_host() {
        let name = |text| server_name(&Host::parse(text).unwrap());
        assert!(matches!(name("id.example"), Some(ServerName::DnsName(_))));
        assert!(matches!(name("127.0.0.1"), Some(ServerName::IpAddress(_))));
        assert!(matches!(name("::1"), Some(ServerName::IpAddress(_))));
    }
}
