//! Client address: who is at the other end of the connection, or of the proxies we believe.
//!
//! Owns the reading of `X-Forwarded-For`, `Forwarded`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
//! Refuses to believe any of them unless the connection comes from a configured proxy; what is not
//! believed is removed later and never looked at. Refuses a client behind a proxy more requests at
//! once than one may have. Trusts a proxy to have appended the address it
//! saw, and nothing to the left of it.

use std::net::{IpAddr, SocketAddr};

use control::Refusal;
use wire::{Name, Request, Single};

use super::{Exchange, Peer, Spoken};
use crate::{
    serve::refusals::TOO_MANY_OF_CLIENT,
    site::deployment::{Deployment, Forwarding},
};

/// Most addresses of a forwarding chain that are looked at, from its end.
const LONGEST_CHAIN: usize = 32;

/// What is believed of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its address.
    pub address: IpAddr,
    /// Whether its connection carries more than one request at once: that of a trusted proxy, by whose
    /// word the client is known, or one that speaks HTTP/2.
    pub proxied: bool,
    /// Whether its side speaks TLS.
    pub secure: bool,
    /// The host a trusted proxy says it was asked for.
    pub host: Single<'a>,
}

/// Judges who the client is.
#[must_use]
#[cfg_attr(feature = "profile", inline(never))]
pub fn judge<'a>(deployment: &Deployment, peer: &Peer, request: &Request<'a>) -> Client<'a> {
    let address = peer.address.ip().to_canonical();
    if !deployment.trusts(address) {
        return Client {
            address,
            proxied: peer.spoken == Spoken::Http2,
            secure: peer.is_secure(),
            host: Single::Absent,
        };
    }
    let secure = match request.single(Name::XForwardedProto) {
        Single::Absent => peer.is_secure(),
        Single::One(proto) => proto.eq_ignore_ascii_case(b"https"),
        Single::Many => false,
    };
    let (address, disputed) = chain(deployment, address, request);
    Client {
        address,
        // Who makes two fields disagree must not get out of being counted by it.
        proxied: disputed || !deployment.trusts(address),
        secure,
        host: request.single(Name::XForwardedHost),
    }
}

/// Counts a request among those of its client that are under way, where the connection it came on does
/// not count for the client.
///
/// # Errors
/// The client has as many of them as one may.
pub(super) fn count(exchange: &mut Exchange, client: &Client<'_>) -> Result<(), Refusal> {
    if client.proxied && !exchange.count() {
        return Err(TOO_MANY_OF_CLIENT);
    }
    Ok(())
}

/// The rightmost address that is not one of our proxies, by the field that they write. Where the file
/// does not name it and the two ways of saying it disagree, one of them may be the client's own, passed on
/// by the proxy: neither is believed, and it is said that they were disputed.
fn chain(deployment: &Deployment, peer: IpAddr, request: &Request<'_>) -> (IpAddr, bool) {
    let by_list = || walk(deployment, peer, request, Name::XForwardedFor, listed);
    let by_forwarded = || walk(deployment, peer, request, Name::Forwarded, forwarded);
    let (by_list, by_forwarded) = match deployment.proxies_write {
        None => (by_list(), by_forwarded()),
        Some(Forwarding::List) => (by_list(), None),
        Some(Forwarding::Elements) => (None, by_forwarded()),
    };
    match (by_list, by_forwarded) {
        (Some(one), Some(other)) if one != other => (peer, true),
        (Some(one), _) | (None, Some(one)) => (one, false),
        (None, None) => (peer, false),
    }
}

fn walk(
    deployment: &Deployment,
    peer: IpAddr,
    request: &Request<'_>,
    name: Name,
    read: fn(&[u8]) -> Option<IpAddr>,
) -> Option<IpAddr> {
    // Several fields of one name are one list (RFC 9110, section 5.3): remember the last few
    // elements of the whole without copying any.
    let mut last: [&[u8]; LONGEST_CHAIN] = [b""; LONGEST_CHAIN];
    let mut count = 0;
    for field in request.fields().filter(|field| field.kind() == name) {
        for element in field.value().split(|byte| *byte == b',') {
            if let Some(slot) = last.get_mut(count % LONGEST_CHAIN) {
                *slot = element.trim_ascii();
            }
            count += 1;
        }
    }
    if count == 0 {
        return None;
    }
    let mut client = peer;
    for back in 1..=count.min(LONGEST_CHAIN) {
        let element = last.get((count - back) % LONGEST_CHAIN).copied();
        let Some(address) = element.and_then(read) else {
            break;
        };
        client = address;
        if !deployment.trusts(address) {
            break;
        }
    }
    Some(client)
}

/// An element of `X-Forwarded-For`: an address, with or without a port.
fn listed(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

/// An element of `Forwarded` (RFC 7239, section 4): the node of its one `for` parameter.
fn forwarded(element: &[u8]) -> Option<IpAddr> {
    let mut node = None;
    for pair in element.split(|byte| *byte == b';') {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(at);
        if name.trim_ascii().eq_ignore_ascii_case(b"for") {
            if node.is_some() {
                return None;
            }
            let value = value.get(1..)?.trim_ascii();
            let bare = value
                .strip_prefix(b"\"")
                .and_then(|rest| rest.strip_suffix(b"\""))
                .unwrap_or(value);
            node = Some(listed(bare)?);
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, Received, read, text};

    /// Who the client is for these fields, seen from `peer`, with 10.0.0.0/8 trusted.
    fn judged(peer: &str, fields: &[&str]) -> (String, bool) {
        let client = judged_by("", peer, fields);
        (client.0, client.1)
    }

    /// The same where the file says what proxies write: address, TLS, and whether it counts as a client.
    fn judged_by(written: &str, peer: &str, fields: &[&str]) -> (String, bool, bool) {
        let text = text(OPEN).replace(
            "hosts = [\"coach.internal\"]",
            &format!("trusted_proxies = [\"10.0.0.0/8\"]\n{written}"),
        );
        let site = read(&text).unwrap();
        let mut lines = vec!["GET / HTTP/1.1", "Host: coach.school.example"];
        lines.extend(fields);
        let received = Received::of(&lines);
        let peer = Peer {
            address: SocketAddr::new(peer.parse().unwrap(), 5000),
            spoken: crate::stages::Spoken::Plain,
            certificate: None,
        };
        let client = judge(site.deployment(), &peer, &received.request());
        (client.address.to_string(), client.secure, client.proxied)
    }

    fn address(peer: &str, fields: &[&str]) -> String {
        judged(peer, fields).0
    }

    #[test]
    fn a_stranger_is_not_believed() {
        for field in [
            "X-Forwarded-For: 203.0.113.9",
            "Forwarded: for=203.0.113.9",
            "X-Real-IP: 203.0.113.9",
        ] {
            assert_eq!(address("192.0.2.1", &[field]), "192.0.2.1", "{field}");
            let proto = [field, "X-Forwarded-Proto: https"];
            assert!(!judged("192.0.2.1", &proto).1);
        }
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        for field in [
            "X-Forwarded-For: 203.0.113.9",
            "X-Forwarded-For: 203.0.113.9:4711",
            "Forwarded: for=203.0.113.9;proto=https",
            "Forwarded: proto=http; For=\"203.0.113.9:4711\"",
        ] {
            assert_eq!(address("10.0.0.1", &[field]), "203.0.113.9", "{field}");
        }
        let six = ["Forwarded: for=\"[2001:db8::7]:4711\""];
        assert_eq!(address("10.0.0.1", &six), "2001:db8::7");
        assert_eq!(
            address("::ffff:10.0.0.1", &["X-Forwarded-For: 203.0.113.9"]),
            "203.0.113.9"
        );
        assert!(judged("10.0.0.1", &["X-Forwarded-Proto: https"]).1);
    }

    #[test]
    fn what_the_client_put_in_front_of_the_chain_is_not_believed() {
        for field in [
            "X-Forwarded-For: 198.51.100.66, 203.0.113.9",
            "X-Forwarded-For: 198.51.100.66, 203.0.113.9, 10.0.0.7",
            "Forwarded: for=198.51.100.66, for=203.0.113.9, for=10.0.0.7",
        ] {
            assert_eq!(address("10.0.0.1", &[field]), "203.0.113.9", "{field}");
        }
        let split = [
            "X-Forwarded-For: 198.51.100.66",
            "X-Forwarded-For: 203.0.113.9",
        ];
        assert_eq!(address("10.0.0.1", &split), "203.0.113.9");
    }

    #[test]
    fn a_chain_is_read_from_its_end_up_to_the_first_thing_that_is_no_address() {
        for field in [
            "X-Forwarded-For: 203.0.113.9, unknown",
            "X-Forwarded-For: 203.0.113.9, ",
            "Forwarded: for=_hidden",
            "Forwarded: for=203.0.113.9;for=198.51.100.66",
            "Forwarded: nonsense",
        ] {
            assert_eq!(address("10.0.0.1", &[field]), "10.0.0.1", "{field}");
        }
        let behind = ["X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.7"];
        assert_eq!(address("10.0.0.1", &behind), "10.0.0.7");
    }

    #[test]
    fn two_ways_of_saying_it_must_agree() {
        let agree = ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"];
        assert_eq!(address("10.0.0.1", &agree), "203.0.113.9");
        let differ = [
            "X-Forwarded-For: 203.0.113.9",
            "Forwarded: for=198.51.100.66",
        ];
        assert_eq!(address("10.0.0.1", &differ), "10.0.0.1");
    }

    #[test]
    fn what_a_client_says_in_the_other_field_changes_nothing_where_the_file_names_one() {
        let both = [
            "X-Forwarded-For: 203.0.113.9",
            "Forwarded: for=198.51.100.66",
        ];
        for (written, address) in [
            ("proxies_write = \"x-forwarded-for\"", "203.0.113.9"),
            ("proxies_write = \"forwarded\"", "198.51.100.66"),
        ] {
            let (found, _, counts) = judged_by(written, "10.0.0.1", &both);
            assert_eq!((found.as_str(), counts), (address, true));
        }
        let other = ["Forwarded: for=198.51.100.66"];
        let (found, ..) = judged_by("proxies_write = \"x-forwarded-for\"", "10.0.0.1", &other);
        assert_eq!(found, "10.0.0.1");
    }

    #[test]
    fn who_makes_them_disagree_is_counted_all_the_same() {
        let differ = [
            "X-Forwarded-For: 203.0.113.9",
            "Forwarded: for=198.51.100.66",
        ];
        let (address, _, counts) = judged_by("", "10.0.0.1", &differ);
        assert_eq!((address.as_str(), counts), ("10.0.0.1", true));
        let (_, _, counts) = judged_by("", "10.0.0.1", &[]);
        assert!(!counts, "a request of the proxy's own is its connection's");
    }

    #[test]
    fn a_chain_longer_than_is_looked_at_ends_at_its_oldest_link() {
        let chain = format!("X-Forwarded-For: 203.0.113.9{}", ", 10.0.0.7".repeat(200));
        assert_eq!(address("10.0.0.1", &[&chain]), "10.0.0.7");
    }
}
