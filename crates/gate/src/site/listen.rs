//! Where the gate listens.
//!
//! Owns `[[listen]]`: an address, and what is spoken there: TLS with a certificate of the operator's or
//! one that we sign ourselves, plain HTTP, or nothing but the way to HTTPS. Files are opened where the
//! listener starts, not here. Refuses a site without a listener, a certificate beside one of our own
//! making, and a way to HTTPS where there is none.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use config::{Fault, Table, secret::Sources};

use super::deployment::PublicUrl;

/// One listener.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address to bind; port 0 asks the system for one.
    pub address: SocketAddr,
    /// TLS, where the listener speaks it.
    pub tls: Option<Tls>,
    /// Whether it does nothing but send people to HTTPS; never where it speaks TLS.
    pub redirects: bool,
}

/// What a listener needs to speak TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whose certificate it shows.
    pub certificate: Certificate,
    /// The oldest version it speaks.
    pub minimum: Minimum,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

/// Whose certificate a listener shows.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// The operator's.
    Files {
        /// PEM file with the certificate and its chain.
        certificate: PathBuf,
        /// Where the private key comes from, PEM.
        key: config::secret::SecretReference,
    },
    /// One that we sign ourselves, for machines that only its operator looks at.
    SelfSigned,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Minimum {
    /// TLS 1.2 (RFC 5246) and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446) alone.
    Tls13,
}

impl Listen {
    /// Reads every `[[listen]]`.
    pub(super) fn read(
        root: &mut Table<'_>,
        sources: &Sources,
        url: Option<&PublicUrl>,
    ) -> Vec<Self> {
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
            let tls = table.optional_table("tls").map(|tls| tls_of(tls, sources));
            let redirects = redirects(&mut table, tls.is_some(), url);
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
                tls: tls.flatten(),
                redirects,
            });
        }
        listeners
    }
}

/// What a `tls` table says; nothing where a fault of it is noted.
fn tls_of(mut table: Table<'_>, sources: &Sources) -> Option<Tls> {
    let minimum = match table.optional_one_of("minimum", &["1.2", "1.3"]) {
        Some(found) if found.value == "1.3" => Minimum::Tls13,
        _ => Minimum::default(),
    };
    let http2 = table.flag("http2", true);
    let own = table.flag("self_signed", false);
    if own {
        for key in ["certificate", "key"] {
            if let Some(span) = table.span_of(key) {
                table.fault(
                    Fault::new(
                        "listen.two-certificates",
                        format!(
                            "{} names a {key} beside one of our own making",
                            table.title()
                        ),
                    )
                    .at(span)
                    .hint("keep the files, or self_signed = true"),
                );
            }
        }
        table.done();
        let certificate = Certificate::SelfSigned;
        return Some(Tls {
            certificate,
            minimum,
            http2,
        });
    }
    let certificate = table.required_text("certificate");
    let key = table.required_secret("key");
    table.done();
    let certificate = Certificate::Files {
        certificate: sources.locate(Path::new(&certificate?.value)),
        key: key?.value,
    };
    Some(Tls {
        certificate,
        minimum,
        http2,
    })
}

/// Whether the listener only sends people to HTTPS, which must be somewhere else.
fn redirects(table: &mut Table<'_>, tls: bool, url: Option<&PublicUrl>) -> bool {
    let redirects = table.flag("redirect", false);
    let span = table.span_of("redirect");
    if redirects && tls {
        table.fault(
            Fault::new(
                "listen.redirect-tls",
                format!("{} speaks TLS and sends people to HTTPS", table.title()),
            )
            .at(span)
            .hint(
                "give the two a [[listen]] table each: a redirect stands where TLS is not spoken",
            ),
        );
    }
    if redirects && url.is_some_and(|url| !url.secure) {
        table.fault(
            Fault::new(
                "listen.redirect-nowhere",
                format!("{} sends people to an address without TLS", table.title()),
            )
            .at(span)
            .hint("let public_url begin with https://"),
        );
    }
    redirects && !tls
}
