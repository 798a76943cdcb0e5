//! Where the gate listens.
//!
//! Owns `[[listen]]`: an address and, for TLS, a certificate file and a reference to its key. Files
//! are opened where the listener starts, not here. Refuses a site without a listener.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use config::{Fault, Table, secret::Sources};

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

impl Listen {
    /// Reads every `[[listen]]`.
    pub(super) fn read(root: &mut Table<'_>, sources: &Sources) -> Vec<Self> {
        let tables = root.tables("listen");
        if tables.is_empty() && !root.has("listen") {
            root.fault(
                Fault::new("listen.none", "nothing says where the gate listens")
                    .hint("add a [[listen]] table with address = \"127.0.0.1:8080\""),
            );
        }
        let mut listeners: Vec<Self> = Vec::new();
        for mut table in tables {
            let address = table.required_parse(
                "address",
                "an address and a port, such as 0.0.0.0:8443",
                |text| {
                    text.parse::<SocketAddr>()
                        .map_err(|_| "is not an address with a port")
                },
            );
            let tls = table.optional_table("tls").and_then(|mut tls| {
                let certificate = tls.required_text("certificate");
                let key = tls.required_secret("key");
                Some(Tls {
                    certificate: sources.locate(Path::new(&certificate?.value)),
                    key: key?.value,
                })
            });
            let Some(address) = address else { continue };
            let twice = listeners
                .iter()
                .any(|other| other.address == address.value && address.value.port() != 0);
            if twice {
                table.fault(
                    Fault::new("listen.twice", format!("{} is named twice", address.value))
                        .at(address.span)
                        .hint("remove one of the two [[listen]] tables"),
                );
            }
            listeners.push(Self {
                address: address.value,
                tls,
            });
        }
        listeners
    }
}
