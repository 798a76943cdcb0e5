//! One address: public, or refused by a rule.
//!
//! Owns the verdict on an address however it is written. An IPv4 address in the clothing of an IPv6
//! one (`::ffff:0:0/96`, which the kernel connects by IPv4) is judged as what it is; one under a
//! NAT64 prefix of the operator is judged by what it holds. All other ways to hide IPv4 in IPv6
//! (compatible, translated, 6to4, Teredo, NAT64 nobody configured) are ranges of the table and
//! refused. Trusts nothing.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv6Net};

use crate::{
    nat64::{Embedded, Nat64},
    ranges::{Opens, Range, range_of},
};

/// An address that everybody may reach. Only [`judge`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Public(IpAddr);

impl Public {
    /// The address, in the form in which it is dialled.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

/// An address that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedAddress {
    /// The address as it was given.
    pub address: IpAddr,
    /// The address that it holds, where it hides one.
    pub embedded: Option<Ipv4Addr>,
    /// The range that refuses it.
    pub range: &'static Range,
}

impl RefusedAddress {
    /// Whether an exception may open it: not through a NAT64, whose far side nobody here can name.
    pub(crate) fn opens(&self) -> bool {
        let hidden = self.embedded.is_some() && self.address.to_canonical() == self.address;
        self.range.opens == Opens::ByException && !hidden
    }
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range {
            network, source, ..
        } = self.range;
        match self.embedded {
            Some(inner) => write!(f, "{} holds {inner}, which", self.address)?,
            None => self.address.fmt(f)?,
        }
        if network.prefix_len() == network.max_prefix_len() {
            write!(f, " is an address of its own kind ({source})")
        } else if network.prefix_len() == 0 {
            write!(f, " is not given out ({source})")
        } else {
            write!(f, " lies in {network} ({source})")
        }
    }
}

/// An address under a NAT64 prefix with bits that must be zero.
static MALFORMED: Range = Range {
    rule: "address.nat64",
    network: IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
    source: "RFC 6052 section 2.2",
    opens: Opens::Never,
};

/// Says whether `address` may be connected to; `nat64` are the prefixes of the operator.
///
/// # Errors
///
/// The range that refuses it.
pub fn judge(address: IpAddr, nat64: &[Nat64]) -> Result<Public, RefusedAddress> {
    let canonical = address.to_canonical();
    let (judged, embedded) = match canonical {
        IpAddr::V4(inner) => (canonical, address.is_ipv6().then_some(inner)),
        IpAddr::V6(v6) => match nat64.iter().find_map(|prefix| prefix.embedded(v6)) {
            None => (canonical, None),
            Some(Embedded::Address(inner)) => (IpAddr::V4(inner), Some(inner)),
            Some(Embedded::Malformed) => {
                return Err(RefusedAddress {
                    address,
                    embedded: None,
                    range: &MALFORMED,
                });
            }
        },
    };
    match range_of(judged) {
        None => Ok(Public(canonical)),
        Some(range) => Err(RefusedAddress {
            address,
            embedded,
            range,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(address: &str, nat64: &[&str]) -> Option<&'static str> {
        let nat64: Vec<_> = nat64
            .iter()
            .map(|text| Nat64::parse(text).unwrap())
            .collect();
        judge(address.parse().unwrap(), &nat64)
            .err()
            .map(|refused| refused.range.rule)
    }

    #[test]
    fn a_mapped_address_is_judged_as_the_address_it_is() {
        for (inner, expected) in [
            ("127.0.0.1", Some("address.loopback")),
            ("10.0.0.1", Some("address.private")),
            ("169.254.169.254", Some("address.metadata")),
            ("93.184.216.34", None),
        ] {
            assert_eq!(rule(inner, &[]), expected);
            assert_eq!(rule(&format!("::ffff:{inner}"), &[]), expected, "{inner}");
        }
        let public = judge("::ffff:93.184.216.34".parse().unwrap(), &[]).unwrap();
        assert_eq!(public.address().to_string(), "93.184.216.34");
    }

    #[test]
    fn ipv4_hidden_in_ipv6_is_refused_whatever_it_hides() {
        for (address, expected) in [
            ("::93.184.216.34", "address.ipv4-compatible"),
            ("::7f00:1", "address.ipv4-compatible"),
            ("::ffff:0:93.184.216.34", "address.ipv4-translated"),
            ("64:ff9b::93.184.216.34", "address.nat64"),
            ("64:ff9b:1::93.184.216.34", "address.nat64"),
            ("2002:5db8:d822::1", "address.6to4"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "address.teredo"),
        ] {
            assert_eq!(rule(address, &[]), Some(expected), "{address}");
        }
    }

    #[test]
    fn under_a_prefix_of_the_operator_what_is_embedded_counts() {
        let prefixes = ["64:ff9b::/96", "2a00:1:2::/48"];
        for (address, expected) in [
            ("64:ff9b::93.184.216.34", None),
            ("64:ff9b::10.0.0.1", Some("address.private")),
            ("64:ff9b::169.254.169.254", Some("address.metadata")),
            ("64:ff9b::192.0.2.33", Some("address.documentation")),
            ("2a00:1:2:5db8:d8:2200::", None),
            ("2a00:1:2:7f00:0:100::", Some("address.loopback")),
            ("2a00:1:2:5db8:1d8:2200::", Some("address.nat64")),
            ("2a00:1:3::1", None),
        ] {
            assert_eq!(rule(address, &prefixes), expected, "{address}");
        }
        // Without the prefix nobody could know what lies behind these.
        assert_eq!(rule("2a00:1:2:7f00:0:100::", &[]), None);
    }

    #[test]
    fn a_refusal_says_what_and_where_it_is_written() {
        for (address, said) in [
            (
                "127.0.0.1",
                "127.0.0.1 lies in 127.0.0.0/8 (RFC 1122 section 3.2.1.3)",
            ),
            (
                "::ffff:10.1.2.3",
                "::ffff:10.1.2.3 holds 10.1.2.3, which lies in 10.0.0.0/8 (RFC 1918)",
            ),
            (
                "168.63.129.16",
                "168.63.129.16 is an address of its own kind (Azure WireServer)",
            ),
            (
                "4000::",
                "4000:: is not given out (IANA IPv6 address space)",
            ),
        ] {
            let refused = judge(address.parse().unwrap(), &[]).unwrap_err();
            assert_eq!(refused.to_string(), said);
        }
    }
}
