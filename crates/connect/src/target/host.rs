//! The authority of a URL: a name or an address, and a port.
//!
//! Owns [`Host`], which is typed: what looks like an address is one or is refused, and never a name
//! that somebody further down could take for an address. Refuses everything but letters, digits,
//! dashes and underscores in a name, four plain decimal numbers, and IPv6 in brackets without a
//! zone. Trusts no byte.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::UrlFault;

/// The longest name, without its final dot (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;

/// The longest label of a name (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// A name of the DNS: lower case, at least one label, no final dot, not an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Reads a name; one final dot is dropped.
    ///
    /// # Errors
    ///
    /// [`UrlFault::Host`] for what is no name, [`UrlFault::LegacyAddress`] for what somebody could
    /// take for an address.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        match named(text)? {
            Host::Name(name) => Ok(name),
            Host::V4(_) | Host::V6(_) => Err(UrlFault::Host),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `parent` or lies below it.
    #[must_use]
    pub fn is_within(&self, parent: &str) -> bool {
        self.0
            .strip_suffix(parent)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// Whether it has one label alone, which resolvers complete from their own settings.
    #[must_use]
    pub fn is_single_label(&self) -> bool {
        !self.0.contains('.')
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// The host of a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, which must be resolved.
    Name(Name),
    /// An address.
    V4(Ipv4Addr),
    /// An address; it stands in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host as a person writes it on its own: a name, an IPv4 address, or an IPv6 address
    /// with or without brackets.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if let Ok(address) = text.parse() {
            return Ok(Self::V6(address));
        }
        match authority(text)? {
            (host, None) => Ok(host),
            (_, Some(_)) => Err(UrlFault::Port),
        }
    }

    /// The address, where it is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// The name, where it is one.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::V4(_) | Self::V6(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({self})")
    }
}

/// Reads `host` or `host:port`.
pub(super) fn authority(text: &str) -> Result<(Host, Option<u16>), UrlFault> {
    if text.contains('@') {
        return Err(UrlFault::UserInfo);
    }
    let (host, rest) = match text.strip_prefix('[') {
        Some(literal) => {
            let (literal, rest) = literal.split_once(']').ok_or(UrlFault::Literal)?;
            (bracketed(literal)?, rest)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            (named(name)?, rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(UrlFault::Host),
    };
    Ok((host, port))
}

fn bracketed(literal: &str) -> Result<Host, UrlFault> {
    if literal.contains('%') {
        return Err(UrlFault::Zone);
    }
    let address = literal.parse().map_err(|_| UrlFault::Literal)?;
    Ok(Host::V6(address))
}

fn named(text: &str) -> Result<Host, UrlFault> {
    if text.contains('%') {
        return Err(UrlFault::EncodedHost);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if ends_in_number(text) {
        // The standard library takes four plain decimal numbers and nothing else (RFC 6943
        // section 3.1.1).
        let address = text.parse().map_err(|_| UrlFault::LegacyAddress)?;
        return Ok(Host::V4(address));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let sound = text.len() <= LONGEST_NAME
        && text
            .split('.')
            .all(|label| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(plain));
    if !sound {
        return Err(UrlFault::Host);
    }
    Ok(Host::Name(Name(text.to_ascii_lowercase().into())))
}

/// Whether the last label is a number to anybody: then the whole would be an address to readers
/// that follow the WHATWG's "ends in a number checker" or `inet_aton`.
fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or(text);
    let hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    hexadecimal || decimal
}

fn port(digits: &str) -> Result<u16, UrlFault> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).ok_or(UrlFault::Port)
}
