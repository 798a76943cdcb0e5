//! Who this deployment is: its name, its public address, the names it answers to and the proxies
//! it believes.
//!
//! Owns the keys `name`, `public_url`, `hosts` and `trusted_proxies` of `[deployment]`. Refuses
//! wildcard names, a public URL with a path, and proxies that are not networks. Trusts nothing: a
//! name from a request is compared with this list and never becomes part of it.

use std::net::IpAddr;

use ipnet::IpNet;

/// The deployment as the gate needs it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its name, as it stands in the ledger's origin.
    pub name: Box<str>,
    /// Where people and providers reach it.
    pub public_url: PublicUrl,
    /// Further names the gate answers to, in lower case.
    pub hosts: Vec<Box<str>>,
    /// Networks whose forwarding headers are believed; empty unless configured.
    pub trusted_proxies: Vec<IpNet>,
}

/// The one address webhooks are verified against and assertions are issued by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Whether the scheme is `https`.
    pub secure: bool,
    /// Host in lower case; an IPv6 address stands in brackets.
    pub host: Box<str>,
    /// The port where the URL names one that is not the scheme's own.
    pub port: Option<u16>,
    /// `scheme://host[:port]`, without a final slash.
    pub text: Box<str>,
}

impl Deployment {
    /// Whether `name` (a host without its port) is one of ours. Compared without case and as a
    /// whole: no suffix, no wildcard, no final dot.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.public_url.host)
            || self
                .hosts
                .iter()
                .any(|host| name.eq_ignore_ascii_case(host))
    }

    /// Whether forwarding headers from `peer` are believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}
