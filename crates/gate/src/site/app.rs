//! The apps behind the gate.
//!
//! Owns `[[app]]`: a name, an upstream `http://host:port` and how much it is given to do at once.
//! Refuses other schemes, paths, credentials in the URL and two apps of one name.

use std::net::{IpAddr, SocketAddr};

use config::{Fault, Table};
use wire::Authority;

/// An app behind the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Where it listens.
    pub upstream: Upstream,
    /// Most requests it is given at once that it has not begun to answer.
    pub requests: usize,
    /// Most connections to it in use at once, WebSockets and event streams included.
    pub connections: usize,
}

/// Most requests an app is given at once, where its section says nothing.
pub const REQUESTS: usize = 256;

/// Most connections to an app in use at once, where its section says nothing.
pub const CONNECTIONS: usize = 4096;

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

impl App {
    /// Reads every `[[app]]`.
    pub(super) fn read(root: &mut Table<'_>) -> Vec<Self> {
        let mut apps: Vec<Self> = Vec::new();
        for mut table in root.tables("app") {
            let name = table.required_text("name");
            let upstream = table.required_parse(
                "upstream",
                "where the app listens, such as http://127.0.0.1:8502",
                Upstream::read,
            );
            let mut count = |key, otherwise: usize| {
                table
                    .count_in(key, 1..=1 << 20)
                    .and_then(|found| usize::try_from(found.value).ok())
                    .unwrap_or(otherwise)
            };
            let requests = count("requests", REQUESTS);
            let connections = count("connections", CONNECTIONS);
            let (Some(name), Some(upstream)) = (name, upstream) else {
                continue;
            };
            if apps.iter().any(|app| *app.name == *name.value) {
                table.fault(
                    Fault::new(
                        "app.twice",
                        format!("two apps are called \"{}\"", name.value),
                    )
                    .at(name.span)
                    .label("the second")
                    .hint("give each app a name of its own"),
                );
            }
            apps.push(Self {
                name: name.value.into(),
                upstream: upstream.value,
                requests,
                connections,
            });
        }
        apps
    }
}

impl Upstream {
    fn read(text: &str) -> Result<Self, &'static str> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("does not begin with http://")?;
        if rest.contains(['/', '?', '#']) {
            return Err("has a path; requests keep their own");
        }
        let authority = Authority::parse(rest.as_bytes()).ok_or("does not name a host")?;
        let host = std::str::from_utf8(authority.host())
            .map_err(|_| "does not name a host")?
            .to_ascii_lowercase();
        let host = host.trim_matches(['[', ']']);
        let port = authority.port().unwrap_or(80);
        if port == 0 {
            return Err("names port 0");
        }
        let address = host
            .parse::<IpAddr>()
            .ok()
            .map(|address| SocketAddr::new(address, port));
        Ok(Self {
            host: host.into(),
            port,
            address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        let read = |text| Upstream::read(text).unwrap();
        assert_eq!(
            read("http://127.0.0.1:8502").address,
            Some("127.0.0.1:8502".parse().unwrap())
        );
        assert_eq!(
            read("http://[::1]:8502").address,
            Some("[::1]:8502".parse().unwrap())
        );
        let named = read("http://App");
        assert_eq!((&*named.host, named.port, named.address), ("app", 80, None));
    }

    #[test]
    fn an_upstream_is_plain_http_without_a_path() {
        for bad in [
            "https://a",
            "http://a/b",
            "http://a?b",
            "http://",
            "a:80",
            "http://a:0",
        ] {
            assert!(Upstream::read(bad).is_err(), "{bad}");
        }
    }
}
