//! Who this deployment is: its name, its public address, the names it answers to and the proxies
//! it believes.
//!
//! Owns the keys `name`, `public_url`, `hosts`, `trusted_proxies` and `proxies_write` of `[deployment]`. Refuses
//! wildcard names, a public URL with a path, and proxies that are not networks. Trusts nothing: a
//! name from a request is compared with this list and never becomes part of it.

use std::net::IpAddr;

use config::{Fault, Found, Table};
use ipnet::IpNet;
use wire::Authority;

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
    /// The field in which they name the client; where none is named, both must agree.
    pub proxies_write: Option<Forwarding>,
}

/// A field in which a proxy names its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// `X-Forwarded-For`.
    List,
    /// `Forwarded` (RFC 7239).
    Elements,
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
    pub fn answers_to(&self, name: &[u8]) -> bool {
        let ours = || std::iter::once(&self.public_url.host).chain(&self.hosts);
        // Nearly every client writes a name as it is configured.
        ours().any(|host| name == host.as_bytes())
            || ours().any(|host| name.eq_ignore_ascii_case(host.as_bytes()))
    }

    /// Whether forwarding headers from `peer` are believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

impl Deployment {
    /// Reads the gate's keys of `[deployment]`; the other keys of that table belong to the binary,
    /// which ends its reading.
    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        let name = table.required_parse("name", "a short name such as coach", deployment_name);
        let public_url = table.required_parse(
            "public_url",
            "the address people use, such as https://coach.school.example",
            PublicUrl::read,
        );
        let hosts = table
            .parse_each(
                "hosts",
                "a name without a port, such as coach.internal",
                host_name,
            )
            .unwrap_or_default();
        let proxies = table
            .parse_each(
                "trusted_proxies",
                "an address or a network, such as 10.0.0.7 or 10.0.0.0/24",
                network,
            )
            .unwrap_or_default();
        refuse_everybody(table, &proxies);
        let written = table.optional_one_of("proxies_write", &["x-forwarded-for", "forwarded"]);
        let proxies_write = written.map(|written| match written.value {
            "forwarded" => Forwarding::Elements,
            _ => Forwarding::List,
        });
        Some(Self {
            name: name?.value,
            public_url: public_url?.value,
            hosts: hosts.into_iter().map(|host| host.value).collect(),
            trusted_proxies: proxies.into_iter().map(|proxy| proxy.value).collect(),
            proxies_write,
        })
    }
}

impl PublicUrl {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("does not begin with https:// or http://"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err("has a path; it names the whole site");
        }
        let authority = Authority::parse(rest.as_bytes()).ok_or("does not name a host")?;
        let host = std::str::from_utf8(authority.host())
            .map_err(|_| "does not name a host")?
            .to_ascii_lowercase();
        let port = authority
            .port()
            .filter(|port| *port != if secure { 443 } else { 80 });
        let scheme = if secure { "https" } else { "http" };
        let text = match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Ok(Self {
            secure,
            host: host.into(),
            port,
            text: text.into(),
        })
    }
}

fn deployment_name(text: &str) -> Result<Box<str>, &'static str> {
    let sound = text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if sound {
        Ok(text.into())
    } else {
        Err("is not a name of at most 64 letters, digits, dots and dashes")
    }
}

/// A host name in lower case, without a port.
pub(super) fn host_name(text: &str) -> Result<Box<str>, &'static str> {
    if text.contains('*') {
        return Err("holds a wildcard; name each host");
    }
    let authority = Authority::parse(text.as_bytes()).ok_or("is not a host name")?;
    if authority.port().is_some() {
        return Err("holds a port; hosts are compared by name alone");
    }
    Ok(text.to_ascii_lowercase().into())
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|net| net.trunc())
        .map_err(|_| "is neither an address nor a network")
}

fn refuse_everybody(table: &Table<'_>, proxies: &[Found<IpNet>]) {
    for proxy in proxies.iter().filter(|proxy| proxy.value.prefix_len() == 0) {
        table.fault(
            Fault::new(
                "deployment.trusts-everybody",
                "trusted_proxies names every address there is",
            )
            .at(proxy.span)
            .label("every address")
            .hint("name the addresses of your own proxies; with none, leave the key out"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(hosts: &[&str], proxies: &[&str]) -> Deployment {
        Deployment {
            name: "coach".into(),
            public_url: PublicUrl::read("https://Coach.School.example/").unwrap(),
            hosts: hosts.iter().map(|host| host_name(host).unwrap()).collect(),
            trusted_proxies: proxies.iter().map(|net| network(net).unwrap()).collect(),
            proxies_write: None,
        }
    }

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        let url = PublicUrl::read("https://Coach.School.example:8443").unwrap();
        assert!(url.secure);
        assert_eq!(&*url.host, "coach.school.example");
        assert_eq!(&*url.text, "https://coach.school.example:8443");
        assert_eq!(&*PublicUrl::read("http://a:80/").unwrap().text, "http://a");
        assert_eq!(&*PublicUrl::read("http://[::1]:9").unwrap().host, "[::1]");
    }

    #[test]
    fn a_public_url_names_the_whole_site() {
        for bad in [
            "https://a/b",
            "https://a?b",
            "ftp://a",
            "a",
            "https://",
            "https://a b",
        ] {
            assert!(PublicUrl::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_compared_whole_and_without_case() {
        let ours = deployment(&["coach.internal"], &[]);
        for name in [
            "coach.school.example",
            "COACH.school.EXAMPLE",
            "Coach.Internal",
        ] {
            assert!(ours.answers_to(name.as_bytes()), "{name}");
        }
        for name in [
            "school.example",
            "x.coach.internal",
            "coach.internal.",
            "",
            "localhost",
        ] {
            assert!(!ours.answers_to(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_wildcard_is_not_a_host() {
        assert!(
            host_name("*.school.example")
                .unwrap_err()
                .contains("wildcard")
        );
        assert!(host_name("coach.internal:80").unwrap_err().contains("port"));
    }

    #[test]
    fn only_configured_proxies_are_trusted_in_either_spelling_of_their_address() {
        let ours = deployment(&[], &["10.0.0.0/24", "::1"]);
        for (address, trusted) in [
            ("10.0.0.7", true),
            ("::ffff:10.0.0.7", true),
            ("10.0.1.7", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(ours.trusts(address.parse().unwrap()), trusted, "{address}");
        }
        assert!(!deployment(&[], &[]).trusts("127.0.0.1".parse().unwrap()));
    }
}
