//! What a limit counts by.
//!
//! Owns the ways of telling callers apart, and their names on a server that is shared. Refuses to tell
//! addresses of one IPv6 network apart, all of which one client may use.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// How a limit tells callers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By key, token or person; by address where a request has no credential.
    Caller,
    /// By session; by caller where there is none.
    Session,
    /// By the address of the client, as far as proxies are trusted for it.
    Address,
    /// Not at all: everybody together.
    Everyone,
}

impl By {
    /// Every way, as the configuration writes it.
    pub const NAMES: &'static [&'static str] = &["caller", "session", "address", "everyone"];

    /// The way called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "caller" => Some(Self::Caller),
            "session" => Some(Self::Session),
            "address" => Some(Self::Address),
            "everyone" => Some(Self::Everyone),
            _ => None,
        }
    }

    /// Whether it is known before anybody has shown a credential.
    #[must_use]
    pub const fn needs_no_credential(self) -> bool {
        matches!(self, Self::Address | Self::Everyone)
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everybody's.
    Everyone,
    /// Those of an address, or of an IPv6 /64.
    Address(IpAddr),
    /// Those of somebody with a credential, by the id that the ledger has.
    Principal([u8; 16]),
    /// Those of a session, by its digest.
    Session([u8; 32]),
}

impl fmt::Debug for Who {
    /// The kind alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everyone => "Everyone",
            Self::Address(_) => "Address(..)",
            Self::Principal(_) => "Principal(..)",
            Self::Session(_) => "Session(..)",
        })
    }
}

impl Who {
    /// Whoever is at `address`.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(four) => IpAddr::V4(four),
            IpAddr::V6(six) => {
                IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)))
            }
        })
    }

    /// Whoever the ledger knows by `id`, of which the first 16 bytes count.
    #[must_use]
    pub fn principal(id: &str) -> Self {
        let mut bytes = [0; 16];
        for (byte, of_id) in bytes.iter_mut().zip(id.bytes()) {
            *byte = of_id;
        }
        Self::Principal(bytes)
    }

    /// The digest under which a server that is shared counts it for the limit called `rate`.
    #[must_use]
    pub fn digest(&self, rate: &str) -> [u8; 32] {
        let whole = |kind: &[u8], id: &[u8]| {
            seal::sha256(&[rate.as_bytes(), b"\0", kind, b"\0", id].concat())
        };
        match self {
            Self::Everyone => whole(b"everyone", b""),
            Self::Address(IpAddr::V4(four)) => whole(b"four", &four.octets()),
            Self::Address(IpAddr::V6(six)) => whole(b"six", &six.octets()),
            Self::Principal(id) => whole(b"principal", id),
            Self::Session(hash) => whole(b"session", hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Who {
        Who::at(text.parse().unwrap())
    }

    #[test]
    fn a_network_that_one_client_may_fill_is_one_caller() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn every_way_has_a_name() {
        for name in By::NAMES {
            assert!(By::named(name).is_some(), "{name}");
        }
        assert_eq!(By::named("key"), None);
    }

    #[test]
    fn digests_tell_limits_and_kinds_apart() {
        let all = [
            Who::Everyone,
            at("192.0.2.1"),
            at("2001:db8::1"),
            Who::Principal([7; 16]),
            Who::Session([7; 32]),
        ];
        let mut digests: Vec<_> = all
            .iter()
            .flat_map(|who| [who.digest("a"), who.digest("b")])
            .collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 2 * all.len());
        assert_eq!(format!("{:?}", at("192.0.2.1")), "Address(..)");
    }
}
