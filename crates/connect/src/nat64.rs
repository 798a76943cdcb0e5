//! IPv4 addresses inside IPv6 ones, as a NAT64 of the operator translates them (RFC 6052).
//!
//! Owns the prefixes an operator may name and the decoding of all six lengths. Refuses prefixes
//! that RFC 6052 does not know, and addresses whose reserved bits are set. Trusts the operator that
//! the prefix is that of a NAT64.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// The prefix of a NAT64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat64(Ipv6Net);

/// Why a text is not the prefix of a NAT64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixFault {
    /// Not a network of IPv6.
    #[error("is not an IPv6 network")]
    NotANetwork,
    /// A length RFC 6052 section 2.2 does not list.
    #[error("has none of the lengths /32, /40, /48, /56, /64 and /96")]
    Length,
    /// Bits behind the prefix, or bits 64 to 71, which must be zero (RFC 6052 section 2.2).
    #[error("has bits that must be zero")]
    Bits,
}

/// What an address under a prefix holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedded {
    /// An address of IPv4.
    Address(Ipv4Addr),
    /// Bits that must be zero are not.
    Malformed,
}

/// Bits 64 to 71 of an address, counted from the front: the `u` octet.
const RESERVED: u128 = 0xff << 56;

impl Nat64 {
    /// Reads a prefix such as `64:ff9b::/96`.
    ///
    /// # Errors
    ///
    /// See [`PrefixFault`].
    pub fn parse(text: &str) -> Result<Self, PrefixFault> {
        let net: Ipv6Net = text.parse().map_err(|_| PrefixFault::NotANetwork)?;
        if !matches!(net.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(PrefixFault::Length);
        }
        if net.addr() != net.network() || u128::from(net.addr()) & RESERVED != 0 {
            return Err(PrefixFault::Bits);
        }
        Ok(Self(net))
    }

    /// What `address` holds, where it lies under the prefix.
    pub(crate) fn embedded(self, address: Ipv6Addr) -> Option<Embedded> {
        if !self.0.contains(&address) {
            return None;
        }
        let bits = u128::from(address);
        let length = u32::from(self.0.prefix_len());
        if length == 96 {
            return Some(Embedded::Address(low(bits)));
        }
        // The four octets follow the prefix and step over the reserved one; zeros follow them.
        let before = 64 - length;
        let head = bits >> 64 & ((1 << before) - 1);
        let tail = bits & ((1 << 56) - 1);
        let (tail, rest) = (tail >> (24 + before), tail & ((1 << (24 + before)) - 1));
        if bits & RESERVED != 0 || rest != 0 {
            return Some(Embedded::Malformed);
        }
        Some(Embedded::Address(low(head << (32 - before) | tail)))
    }
}

/// The last 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the last 32 bits are what is asked for"
)]
const fn low(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(bits as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(prefix: &str, address: &str) -> Option<Embedded> {
        Nat64::parse(prefix)
            .unwrap()
            .embedded(address.parse().unwrap())
    }

    #[test]
    fn the_vectors_of_rfc_6052_section_2_4_decode() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let expected = Embedded::Address(Ipv4Addr::new(192, 0, 2, 33));
            assert_eq!(decode(prefix, address), Some(expected), "{prefix}");
        }
    }

    #[test]
    fn an_address_outside_the_prefix_holds_nothing() {
        assert_eq!(decode("64:ff9b::/96", "64:ff9b:0:0:0:1::"), None);
        assert_eq!(decode("2001:db8:122::/48", "2001:db8:123::"), None);
    }

    #[test]
    fn reserved_bits_that_are_set_are_malformed() {
        for (prefix, address) in [
            ("2001:db8:122::/48", "2001:db8:122:c000:102:2100::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::1"),
            ("2001:db8::/32", "2001:db8:c000:221:100::"),
            ("2001:db8::/32", "2001:db8:c000:221:0:1::"),
        ] {
            let malformed = Some(Embedded::Malformed);
            assert_eq!(decode(prefix, address), malformed, "{address}");
        }
    }

    #[test]
    fn a_prefix_has_one_of_six_lengths_and_no_bits_behind_it() {
        for (text, fault) in [
            ("10.0.0.0/8", PrefixFault::NotANetwork),
            ("64:ff9b::", PrefixFault::NotANetwork),
            ("64:ff9b::/95", PrefixFault::Length),
            ("64:ff9b::/128", PrefixFault::Length),
            ("64:ff9b::1/96", PrefixFault::Bits),
            ("2001:db8:0:0:100::/96", PrefixFault::Bits),
        ] {
            assert_eq!(Nat64::parse(text), Err(fault), "{text}");
        }
        assert!(Nat64::parse("2001:db8:122:344::/96").is_ok());
    }

    proptest::proptest! {
        /// Encoding as section 2.2 draws it, byte by byte, and decoding are inverse.
        #[test]
        fn what_is_encoded_decodes(v4: u32, high: u64, length in 0_usize..5) {
            let octets = [4_usize, 5, 6, 7, 8][length];
            let mut bytes = [0_u8; 16];
            bytes[..8].copy_from_slice(&high.to_be_bytes());
            bytes[octets..].fill(0);
            let prefix = Ipv6Addr::from(bytes);
            let mut at = octets;
            for octet in v4.to_be_bytes() {
                at += usize::from(at == 8);
                bytes[at] = octet;
                at += 1;
            }
            let prefix = Nat64::parse(&format!("{prefix}/{}", octets * 8)).unwrap();
            let expected = Some(Embedded::Address(Ipv4Addr::from(v4)));
            proptest::prop_assert_eq!(prefix.embedded(Ipv6Addr::from(bytes)), expected);
        }
    }
}
