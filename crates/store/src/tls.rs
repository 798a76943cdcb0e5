//! Servers that prove who they are.
//!
//! Owns the way from an address to bytes that go back and forth: dialled, and behind TLS where the
//! address asks for it. Refuses a certificate that is not signed by the named authority or not made
//! out to the name in the URL, and plain text to an address outside this machine, whatever its name
//! resolved to. Trusts no authority but those named.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream, lookup_host},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::address::{Address, Host};

/// Most authorities in one file; the bundle of a distribution has about 150.
const ROOTS_LIMIT: usize = 1000;

/// The authorities whose word is taken for who a server is.
#[derive(Clone)]
pub struct Roots(Arc<ClientConfig>);

/// Why a file names no authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsFault {
    /// Not PEM, or PEM without a certificate.
    #[error("`ca` holds no certificate in PEM form")]
    None,
    /// A certificate that does not read.
    #[error("certificate {at} of `ca` does not read")]
    Unreadable {
        /// Which one, from 1.
        at: usize,
    },
    /// More than a thousand.
    #[error("`ca` holds more than {ROOTS_LIMIT} certificates")]
    TooMany,
}

impl RootsFault {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "store.ca-empty",
            Self::Unreadable { .. } => "store.ca-unreadable",
            Self::TooMany => "store.ca-many",
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::None | Self::Unreadable { .. } => {
                "give the authority's certificate, between BEGIN and END CERTIFICATE; for a public \
                 authority: /etc/ssl/certs/ca-certificates.crt"
            }
            Self::TooMany => "name only the authority that signs the server's certificate",
        }
    }
}

impl Roots {
    /// Takes the certificates of authorities in PEM form.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsFault> {
        let mut store = RootCertStore::empty();
        for (at, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            if at >= ROOTS_LIMIT {
                return Err(RootsFault::TooMany);
            }
            let unreadable = RootsFault::Unreadable { at: at + 1 };
            let certificate = certificate.map_err(|_| unreadable)?;
            store.add(certificate).map_err(|_| unreadable)?;
        }
        if store.is_empty() {
            return Err(RootsFault::None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|_| RootsFault::None)?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with the server called `host` over `stream`.
    pub(crate) async fn prove<S>(self, host: Host, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Host::Name(name) = host else {
            return Err(io::Error::other("a Unix socket has no certificate"));
        };
        let name = ServerName::try_from(name)
            .map_err(|_| io::Error::other("the host cannot stand in a certificate"))?;
        TlsConnector::from(self.0).connect(name, stream).await
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots(..)")
    }
}

/// Bytes that go back and forth.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Dials the server; nothing has been said on the line yet.
pub(crate) async fn dial(address: &Address) -> io::Result<Box<dyn Duplex>> {
    let name = match &address.host {
        Host::Folder(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{}", address.port));
            return Ok(Box::new(UnixStream::connect(socket).await?));
        }
        Host::Name(name) => name.as_str(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for found in lookup_host((name, address.port)).await? {
        match dial_one(address, found).await {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn dial_one(address: &Address, to: SocketAddr) -> io::Result<TcpStream> {
    if !address.tls && !to.ip().is_loopback() {
        return Err(io::Error::other(
            "the name leads to another machine, where plain text does not go",
        ));
    }
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether something in the chain of causes comes from TLS: then it is a question of trust, not of
/// reach.
pub(crate) fn is_about_trust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<rustls::Error>() {
            return Some(fault.to_string());
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_authority_is_refused() {
        assert_eq!(Roots::from_pem(b"").unwrap_err(), RootsFault::None);
        let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let found = Roots::from_pem(text).unwrap_err();
        assert_eq!(found, RootsFault::Unreadable { at: 1 });
        let authority = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        assert!(Roots::from_pem(authority.cert.pem().as_bytes()).is_ok());
    }
}
