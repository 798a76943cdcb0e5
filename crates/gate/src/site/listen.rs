//! Where the gate listens.
//!
//! Owns `[[listen]]`: an address and, for TLS, a certificate file and a reference to its key. Files
//! are opened where the listener starts, not here. Refuses a site without a listener.

use std::{net::SocketAddr, path::PathBuf};

/// One listener.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address to bind; port 0 asks the system for one.
    pub address: SocketAddr,
    /// TLS, where the listener speaks it.
    pub tls: Option<Tls>,
}

/// The files of a TLS listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// Where the private key comes from, PEM.
    pub key: config::secret::SecretReference,
}
