//! The request target, its authority and its canonical path (RFC 9112 section 3.2, RFC 3986).
//!
//! Owns the split of a target into form, authority, path and query; the paths policy speaks of are
//! made in the private module `path`. Refuses authority form, other
//! schemes than http and https, user information, and hosts that are neither plain name nor
//! address. Trusts no byte.

use std::net::Ipv6Addr;

pub use crate::path::{canonical, folded};

use crate::head_writer::Clean;
use crate::refusal::FramingRefusal;
use crate::scan::{Span, host_name_end};

/// Form of a request target (RFC 9112 section 3.2); authority form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// A path with an optional query.
    Origin,
    /// `http://…`.
    AbsoluteHttp,
    /// `https://…`.
    AbsoluteHttps,
    /// `*`, with OPTIONS.
    Asterisk,
}

/// The longest host that is accepted: a DNS name with its final dot (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 255;

/// Host and port as the client named them. Only [`Authority::parse`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'b> {
    pub(crate) host: &'b [u8],
    pub(crate) port: Option<u16>,
}

impl<'b> Authority<'b> {
    /// Reads `host` or `host:port`.
    ///
    /// A host is letters, digits, `-`, `.` and `_`, at most 255 of them, or an IPv6 address in
    /// brackets; a port is one to five digits below 65536. Percent-encoding, sub-delimiters and
    /// user information, which RFC 3986 section 3.2 would allow, are refused.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let host_length = match bytes.first()? {
            b'[' => bytes.iter().position(|&byte| byte == b']')? + 1,
            _ => host_name_end(bytes),
        };
        let (host, rest) = bytes.split_at_checked(host_length)?;
        if host.is_empty() || host.len() > LONGEST_HOST {
            return None;
        }
        let sound = match host {
            [b'[', address @ .., b']'] => std::str::from_utf8(address)
                .is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok()),
            // The walk above ended behind it.
            _ => true,
        };
        let port = match rest {
            [] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        sound.then_some(Self { host, port })
    }

    /// Name or address as received; IPv6 in brackets.
    #[must_use]
    pub const fn host(&self) -> &'b [u8] {
        self.host
    }

    /// Port, when one was named.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host, as part of a field value.
    #[must_use]
    pub const fn clean_host(&self) -> Clean<'b> {
        Clean::checked(self.host)
    }
}

fn port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where the parts of a target lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetParts {
    pub(crate) form: TargetForm,
    pub(crate) target: Span,
    pub(crate) authority: Span,
    /// Path and query together.
    pub(crate) path_and_query: Span,
    /// End of the path: where `?` stands, or the end of the target.
    pub(crate) path_end: u32,
}

impl TargetParts {
    pub(crate) const EMPTY: Self = Self {
        form: TargetForm::Origin,
        target: Span::new(0, 0),
        authority: Span::new(0, 0),
        path_and_query: Span::new(0, 0),
        path_end: 0,
    };

    /// Splits a target that lies at `start` of its head and holds only target bytes.
    pub(crate) fn split(target: &[u8], start: usize) -> Result<Self, FramingRefusal> {
        let end = start + target.len();
        let (form, authority_start, path_start) = match target {
            [b'/', ..] => (TargetForm::Origin, start, start),
            b"*" => (TargetForm::Asterisk, start, start),
            _ => {
                let (form, scheme) = absolute(target).ok_or(FramingRefusal::TargetForm)?;
                let rest = target.get(scheme..).unwrap_or_default();
                // A target without path, such as `http://host` or `http://host?x`, would have to be
                // rewritten before it could be forwarded: it is refused instead.
                let path = memchr::memchr2(b'/', b'?', rest)
                    .filter(|&at| rest.get(at) == Some(&b'/'))
                    .ok_or(FramingRefusal::TargetForm)?;
                if Authority::parse(rest.get(..path).unwrap_or_default()).is_none() {
                    return Err(FramingRefusal::TargetForm);
                }
                (form, start + scheme, start + scheme + path)
            }
        };
        let path = target.get(path_start - start..).unwrap_or_default();
        let path_end = memchr::memchr(b'?', path).map_or(end, |at| path_start + at);
        Ok(Self {
            form,
            target: Span::new(start, end),
            authority: Span::new(authority_start, path_start),
            path_and_query: Span::new(path_start, end),
            path_end: path_end as u32,
        })
    }

    pub(crate) const fn is_absolute(&self) -> bool {
        matches!(
            self.form,
            TargetForm::AbsoluteHttp | TargetForm::AbsoluteHttps
        )
    }
}

/// Form and length of the scheme, in any case (RFC 3986 section 3.1).
fn absolute(target: &[u8]) -> Option<(TargetForm, usize)> {
    let begins = |scheme: &[u8]| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if begins(b"http://") {
        Some((TargetForm::AbsoluteHttp, 7))
    } else if begins(b"https://") {
        Some((TargetForm::AbsoluteHttps, 8))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_with_or_without_port() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com.", "example.com.", None),
            ("a_b.internal:8080", "a_b.internal", Some(8080)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::7]:443", "[2001:db8::7]", Some(443)),
        ] {
            let host = host.as_bytes();
            let expected = Some(Authority { host, port });
            assert_eq!(Authority::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_two_readers_could_take_for_different_hosts_is_refused() {
        let long = "a".repeat(256);
        for text in [
            "",
            ":80",
            "host:",
            "host:x",
            "host:+80",
            "host:65536",
            "host:000080",
            "host:80:80",
            "a,b",
            "a b",
            "user@host",
            "a%2eb",
            "a/b",
            "a\\b",
            "a?b",
            "ho\u{73b}st",
            "[::1",
            "::1",
            "[::1]x",
            "[]",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            long.as_str(),
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text}");
        }
    }
}
