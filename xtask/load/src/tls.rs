//! TLS of the generator.
//!
//! Owns one choice for every server that is measured: TLS 1.3, X25519 and the trust in the one
//! certificate of the benchmark, so that servers differ in how they shake hands and not in what.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::spec;

/// What a connection needs to shake hands. Each connection of the load has its own, so that it
/// resumes its own sessions and no other's.
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    pub(crate) fn new(spec: &spec::Tls) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let pem = CertificateDer::pem_file_iter(&spec.certificate).map_err(io::Error::other)?;
        for certificate in pem {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
        }
        let provider = CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = if spec.resume {
            Resumption::in_memory_sessions(4)
        } else {
            Resumption::disabled()
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(spec.name.clone()).map_err(io::Error::other)?,
        })
    }

    pub(crate) async fn shake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// Whether a handshake resumed a session.
pub(crate) fn resumed(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}
