//! The apps behind the gate.
//!
//! Owns `[[app]]`: a name and an upstream `http://host:port`. Refuses other schemes, paths,
//! credentials in the URL and two apps of one name.

use std::net::SocketAddr;

/// An app behind the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Where it listens.
    pub upstream: Upstream,
}

/// Where an app listens. Part of the key of every connection pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Host as written, in lower case; an IPv6 address without brackets.
    pub host: Box<str>,
    /// Port; 80 where the URL names none.
    pub port: u16,
    /// The address, where the host is one; a name is resolved by the service runtime.
    pub address: Option<SocketAddr>,
}
