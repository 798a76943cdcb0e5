//! Addresses that no connection of ours goes to.
//!
//! Owns the table: each range with its name, where that is written, and whether an exception may
//! open it. Of several ranges that hold an address the smallest speaks, so that a metadata service
//! inside a private network stays closed where the network is opened. Of IPv6 only 2000::/3 is given
//! out at all (IANA IPv6 address space); what lies outside of it is refused whether it has a row or
//! not. Trusts nothing: this is what the IANA registries of special-purpose addresses (RFC 6890, as of
//! 2026-11) and the documentation of providers say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Whether an exception of the configuration may open a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// Never.
    Never,
    /// For a named host, with a reason and an end: networks that people run services on.
    ByException,
}

/// A range of addresses that is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// The rule that refuses it: stable, for reports.
    pub rule: &'static str,
    /// The addresses.
    pub network: IpNet,
    /// Where it is written.
    pub source: &'static str,
    /// Whether an exception may open it.
    pub opens: Opens,
}

use Opens::{ByException, Never};

const fn v4(octets: [u8; 4], length: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(bits: u128, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length))
}

/// The first 32 bits of an address, as most networks are written.
const fn high(bits: u32) -> u128 {
    (bits as u128) << 96
}

macro_rules! table {
    ($($rule:literal $network:expr, $source:literal, $opens:ident;)+) => {
        &[$(Range {
            rule: concat!("address.", $rule),
            network: $network,
            source: $source,
            opens: $opens,
        }),+]
    };
}

/// Every range.
pub const RANGES: &[Range] = table! {
    "this-network" v4([0, 0, 0, 0], 8), "RFC 791 section 3.2", Never;
    "private" v4([10, 0, 0, 0], 8), "RFC 1918", ByException;
    "shared" v4([100, 64, 0, 0], 10), "RFC 6598", ByException;
    "metadata" v4([100, 100, 100, 200], 32), "Alibaba Cloud instance metadata", Never;
    "loopback" v4([127, 0, 0, 0], 8), "RFC 1122 section 3.2.1.3", ByException;
    "metadata" v4([168, 63, 129, 16], 32), "Azure WireServer", Never;
    "link-local" v4([169, 254, 0, 0], 16), "RFC 3927", Never;
    "metadata" v4([169, 254, 42, 42], 32), "Scaleway instance metadata", Never;
    "metadata" v4([169, 254, 169, 254], 32), "instance metadata of AWS, Azure, Google Cloud and others", Never;
    "metadata" v4([169, 254, 170, 2], 32), "AWS ECS task metadata", Never;
    "metadata" v4([169, 254, 170, 23], 32), "AWS EKS pod identity", Never;
    "private" v4([172, 16, 0, 0], 12), "RFC 1918", ByException;
    "protocol" v4([192, 0, 0, 0], 24), "RFC 6890 section 2.1", Never;
    "metadata" v4([192, 0, 0, 192], 32), "Oracle Cloud Classic instance metadata", Never;
    "documentation" v4([192, 0, 2, 0], 24), "RFC 5737", Never;
    "as112" v4([192, 31, 196, 0], 24), "RFC 7535", Never;
    "amt" v4([192, 52, 193, 0], 24), "RFC 7450", Never;
    "6to4-relay" v4([192, 88, 99, 0], 24), "RFC 7526", Never;
    "private" v4([192, 168, 0, 0], 16), "RFC 1918", ByException;
    "as112" v4([192, 175, 48, 0], 24), "RFC 7534", Never;
    "benchmarking" v4([198, 18, 0, 0], 15), "RFC 2544", Never;
    "documentation" v4([198, 51, 100, 0], 24), "RFC 5737", Never;
    "documentation" v4([203, 0, 113, 0], 24), "RFC 5737", Never;
    "multicast" v4([224, 0, 0, 0], 4), "RFC 1112 section 4", Never;
    "reserved" v4([240, 0, 0, 0], 4), "RFC 1112 section 4", Never;
    "broadcast" v4([255, 255, 255, 255], 32), "RFC 919 section 7", Never;

    "unspecified" v6(0, 128), "RFC 4291 section 2.5.2", Never;
    "loopback" v6(1, 128), "RFC 4291 section 2.5.3", ByException;
    "ipv4-compatible" v6(0, 96), "RFC 4291 section 2.5.5.1", Never;
    "ipv4-translated" v6(0xffff << 48, 96), "RFC 2765 section 2.1", Never;
    "nat64" v6(high(0x0064_ff9b), 96), "RFC 6052 section 2.1", Never;
    "nat64" v6(high(0x0064_ff9b) | 1 << 80, 48), "RFC 8215", Never;
    "discard" v6(high(0x0100_0000), 64), "RFC 6666", Never;
    "dummy" v6(high(0x0100_0000) | 1 << 64, 64), "RFC 9780", Never;
    "protocol" v6(high(0x2001_0000), 23), "RFC 2928", Never;
    "teredo" v6(high(0x2001_0000), 32), "RFC 4380", Never;
    "benchmarking" v6(high(0x2001_0002), 48), "RFC 5180", Never;
    "orchid" v6(high(0x2001_0010), 28), "RFC 4843", Never;
    "orchid" v6(high(0x2001_0020), 28), "RFC 7343", Never;
    "drip" v6(high(0x2001_0030), 28), "RFC 9374", Never;
    "documentation" v6(high(0x2001_0db8), 32), "RFC 3849", Never;
    "6to4" v6(high(0x2002_0000), 16), "RFC 3056", Never;
    "as112" v6(high(0x2620_004f) | 0x8000 << 80, 48), "RFC 7534", Never;
    "6bone" v6(high(0x3ffe_0000), 16), "RFC 3701", Never;
    "documentation" v6(high(0x3fff_0000), 20), "RFC 9637", Never;
    "segment-routing" v6(high(0x5f00_0000), 16), "RFC 9602", Never;
    "unique-local" v6(high(0xfc00_0000), 7), "RFC 4193", ByException;
    "metadata" v6(high(0xfd00_0042) | 0x42, 128), "Scaleway instance metadata", Never;
    "metadata" v6(high(0xfd00_0ec2) | 0x23, 128), "AWS EKS pod identity", Never;
    "metadata" v6(high(0xfd00_0ec2) | 0x254, 128), "AWS instance metadata", Never;
    "metadata" v6(high(0xfd20_00ce) | 0x254, 128), "Google Cloud instance metadata", Never;
    "link-local" v6(high(0xfe80_0000), 10), "RFC 4291 section 2.5.6", Never;
    "site-local" v6(high(0xfec0_0000), 10), "RFC 3879", Never;
    "multicast" v6(high(0xff00_0000), 8), "RFC 4291 section 2.7", Never;
};

/// What no row names and IANA has not given out: everything outside 2000::/3.
static UNALLOCATED: Range = Range {
    rule: "address.unallocated",
    network: v6(0, 0),
    source: "IANA IPv6 address space",
    opens: Never,
};

const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::from_bits(high(0x2000_0000)), 3);

/// The smallest range that holds `address`. IPv4 in IPv6 clothing is not unwrapped here.
pub(crate) fn range_of(address: IpAddr) -> Option<&'static Range> {
    let row = RANGES
        .iter()
        .filter(|range| range.network.contains(&address))
        .max_by_key(|range| range.network.prefix_len());
    match address {
        IpAddr::V6(v6) if row.is_none() && !GLOBAL_UNICAST.contains(&v6) => Some(&UNALLOCATED),
        _ => row,
    }
}

/// Whether an exception may name `network`: the smallest range that holds all of it is one that
/// exceptions open, or it touches none.
pub(crate) fn may_open(network: IpNet) -> bool {
    let holding = RANGES
        .iter()
        .filter(|range| range.network.contains(&network))
        .max_by_key(|range| range.network.prefix_len());
    if let Some(range) = holding {
        return range.opens == ByException;
    }
    let given_out = match network {
        IpNet::V4(_) => true,
        IpNet::V6(v6) => GLOBAL_UNICAST.contains(&v6),
    };
    given_out && !RANGES.iter().any(|range| network.contains(&range.network))
}

#[cfg(test)]
mod tests;
