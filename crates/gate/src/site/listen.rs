//! Where the gate listens.
//!
//! Owns `[[listen]]`: an address, and what is spoken there: TLS with a certificate of the operator's or
//! one that we sign ourselves (`tls`), plain HTTP, or nothing but the way to HTTPS. Files are opened where the
//! listener starts, not here. Refuses a site without a listener, two listeners that believe
//! different authorities, and a way to HTTPS where there is none.

mod tls;

use std::net::SocketAddr;

use config::{Fault, Table, secret::Sources};

pub use self::tls::{Certificate, Clients, Files, Minimum, Tls};
use super::deployment::{Deployment, PublicUrl};

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

impl Listen {
    /// What it orders from an authority, if it does.
    #[must_use]
    pub fn order(&self) -> Option<&acme::Settings> {
        match &self.tls.as_ref()?.certificate {
            Certificate::Acme(settings) => Some(settings),
            Certificate::Files(_) | Certificate::SelfSigned => None,
        }
    }

    /// Reads every `[[listen]]`.
    pub(super) fn read(
        root: &mut Table<'_>,
        sources: &Sources,
        deployment: Option<&Deployment>,
    ) -> Vec<Self> {
        let url = deployment.map(|it| &it.public_url);
        let hosts = deployment.into_iter().flat_map(|it| &it.hosts);
        let ours: Vec<&str> = url
            .map(|url| &url.host)
            .into_iter()
            .chain(hosts)
            .map(AsRef::as_ref)
            .collect();
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
            let tls = table
                .optional_table("tls")
                .map(|tls| Tls::read(tls, sources, &ours));
            let redirects = redirects(&mut table, tls.is_some(), url);
            one_authority(&table, &listeners, tls.as_ref().and_then(Option::as_ref));
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
        let asks =
            |it: &Self| matches!(it.order(), Some(order) if order.challenge == acme::Kind::Http01);
        if listeners.iter().any(asks) && listeners.iter().all(|it| it.tls.is_some()) {
            root.fault(
                Fault::new(
                    "acme.no-plain-listener",
                    "the authority asks without TLS, and no listener answers there",
                )
                .hint("add [[listen]] with address = \"0.0.0.0:80\" and redirect = true, or challenge = \"tls-alpn-01\""),
            );
        }
        listeners
    }
}

/// Faults a listener that believes other authorities than one before it: an entry of `[[certificate]]`
/// does not say whose certificates it means, so one authority could make what another vouches for.
fn one_authority(table: &Table<'_>, before: &[Listen], tls: Option<&Tls>) {
    let roots = |tls: &Tls| tls.clients.as_ref().map(|clients| clients.roots.clone());
    let Some(ours) = tls.and_then(roots) else {
        return;
    };
    let mut others = before
        .iter()
        .filter_map(|it| it.tls.as_ref().and_then(roots));
    if others.any(|theirs| theirs != ours) {
        table.fault(
            Fault::new(
                "listen.two-authorities",
                format!(
                    "{} believes other authorities than a listener before it",
                    table.title()
                ),
            )
            .at(table.span())
            .hint("let all listeners that ask for certificates name one file of roots"),
        );
    }
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
