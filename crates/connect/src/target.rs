//! URLs as texts, parsed once and under strict rules (RFC 3986).
//!
//! Owns the way from a text to a [`Target`]: scheme, typed [`Host`], port, and what stands on the
//! request line. Refuses every text that two parsers could read differently, before it parses
//! anything: controls, white space, backslashes, user information, percent-encoding in the
//! authority, addresses in forms that only some readers take for addresses. Trusts no byte. The
//! text itself is not kept: whoever dials, names a certificate or writes a `Host` field has only
//! what was parsed here.

mod host;
mod reference;

use std::fmt;

pub use host::{Host, Name};

use reference::without_dots;

/// The longest text that is read, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// Why a text is not a URL that we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Nothing at all.
    #[error("the URL is empty")]
    Empty,
    /// More than [`LONGEST`] bytes.
    #[error("the URL is longer than {LONGEST} bytes")]
    TooLong,
    /// A control byte, tab, CR, LF and NUL among them; some readers drop them.
    #[error("the URL holds a control byte")]
    Control,
    /// A space; some readers trim it.
    #[error("the URL holds a space")]
    Space,
    /// A backslash; some readers take it for a slash.
    #[error("the URL holds a backslash")]
    Backslash,
    /// A byte that is not ASCII; some readers map such letters and digits to others.
    #[error("the URL holds a character that is not ASCII")]
    NonAscii,
    /// No scheme.
    #[error("the URL does not begin with http:// or https://")]
    NoScheme,
    /// A scheme other than http and https.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// Not exactly two slashes behind the scheme; some readers take any number.
    #[error("the scheme is not followed by exactly two slashes")]
    Slashes,
    /// A user name or password; some readers look for the host on the wrong side of it.
    #[error("the URL holds user information")]
    UserInfo,
    /// Percent-encoding in the host; some readers decode it, some do not.
    #[error("the host is percent-encoded")]
    EncodedHost,
    /// A host that is no plain name: an empty label, a label of more than 63 bytes, or a byte that
    /// is not a letter, digit, dash or underscore.
    #[error("the host is not a plain name")]
    Host,
    /// Brackets that do not hold an IPv6 address.
    #[error("the brackets do not hold an IPv6 address")]
    Literal,
    /// An IPv6 address with a zone, which names an interface of whoever reads it.
    #[error("the address has a zone")]
    Zone,
    /// A host that ends in a number and is not an address of four plain decimal parts: `127.1`,
    /// `2130706433`, `0x7f.1` and `0177.0.0.1` are 127.0.0.1 to some readers and names to others.
    #[error("the host is an address in a form that is read differently")]
    LegacyAddress,
    /// A port that is empty, 0, above 65535, or written with a sign or a leading zero.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A `?` or `#` straight behind the authority, where some readers look for a host beyond it.
    #[error("the host is not followed by a path")]
    AuthorityEnd,
    /// A byte in path, query or fragment that must be percent-encoded.
    #[error("the path or query holds a byte that must be percent-encoded")]
    Byte,
    /// A `%` without two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Escape,
    /// A dot segment with an encoded dot; some readers resolve it.
    #[error("the path holds an encoded dot segment")]
    EncodedDots,
}

impl UrlFault {
    /// The rule that refuses it: stable, for reports.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Empty => "url.empty",
            Self::TooLong => "url.too-long",
            Self::Control => "url.control",
            Self::Space => "url.space",
            Self::Backslash => "url.backslash",
            Self::NonAscii => "url.non-ascii",
            Self::NoScheme => "url.no-scheme",
            Self::Scheme => "url.scheme",
            Self::Slashes => "url.slashes",
            Self::UserInfo => "url.user-information",
            Self::EncodedHost => "url.encoded-host",
            Self::Host => "url.host",
            Self::Literal => "url.literal",
            Self::Zone => "url.zone",
            Self::LegacyAddress => "url.legacy-address",
            Self::Port => "url.port",
            Self::AuthorityEnd => "url.authority-end",
            Self::Byte => "url.byte",
            Self::Escape => "url.escape",
            Self::EncodedDots => "url.encoded-dots",
        }
    }
}

/// The two schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Under TLS.
    Https,
}

impl Scheme {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where a URL names none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom a URL speaks to: what RFC 6454 calls an origin.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Destination {
    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, from 1 on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands in a `Host` field: the host, and the port where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

/// A URL that was read: whom it speaks to and what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    destination: Destination,
    /// Begins with a slash, has no dot segments and holds only what a request line may.
    path_and_query: Box<str>,
}

impl Target {
    /// Reads a URL. A fragment is checked and dropped.
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        screen(text)?;
        let (scheme, rest) = text.split_once(':').ok_or(UrlFault::NoScheme)?;
        if !is_scheme(scheme) {
            return Err(UrlFault::NoScheme);
        }
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(UrlFault::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(UrlFault::Slashes)?;
        if rest.starts_with('/') {
            return Err(UrlFault::Slashes);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = host::authority(authority)?;
        if path.starts_with(['?', '#']) {
            return Err(UrlFault::AuthorityEnd);
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self {
            destination: Destination {
                scheme,
                host,
                port: port.unwrap_or(scheme.port()),
            },
            path_and_query: asked(path)?,
        })
    }

    /// Reads a reference as it stands in a `Location` field, from here (RFC 3986 section 5.2).
    ///
    /// # Errors
    ///
    /// As [`Target::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, UrlFault> {
        screen_bytes(reference)?;
        let start = reference.find(['/', '?', '#']).unwrap_or(reference.len());
        let before = reference.get(..start).unwrap_or(reference);
        if before.contains(':') {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            let scheme = self.destination.scheme.name();
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let base = match self.path_and_query.split_once('?') {
            Some((path, _)) => path,
            None => &self.path_and_query,
        };
        let path = match reference.as_bytes().first() {
            None | Some(b'#') => self.path_and_query.to_string(),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{base}{reference}"),
            Some(_) => {
                let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{reference}")
            }
        };
        if path.len() > LONGEST {
            return Err(UrlFault::TooLong);
        }
        Ok(Self {
            destination: self.destination.clone(),
            path_and_query: asked(&path)?,
        })
    }

    /// Whom it speaks to.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// What stands on the request line. May hold a secret: it is not for logs.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

impl fmt::Debug for Target {
    /// Shows whom it speaks to; path and query may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}/..)", self.destination)
    }
}

/// What is wrong with a text whatever it means.
fn screen(text: &str) -> Result<(), UrlFault> {
    if text.is_empty() {
        return Err(UrlFault::Empty);
    }
    screen_bytes(text)
}

fn screen_bytes(text: &str) -> Result<(), UrlFault> {
    if text.len() > LONGEST {
        return Err(UrlFault::TooLong);
    }
    text.bytes().try_for_each(|byte| match byte {
        0..=0x1f | 0x7f => Err(UrlFault::Control),
        b' ' => Err(UrlFault::Space),
        b'\\' => Err(UrlFault::Backslash),
        0x80.. => Err(UrlFault::NonAscii),
        _ => Ok(()),
    })
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Path and query of a text that begins with a slash, its dot segments resolved and its fragment
/// dropped.
fn asked(text: &str) -> Result<Box<str>, UrlFault> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    well_formed(path, |_| false)?;
    for rest in [query.unwrap_or_default(), fragment] {
        well_formed(rest, |byte| matches!(byte, b'?' | b'[' | b']'))?;
    }
    let mut asked = without_dots(path)?;
    if let Some(query) = query {
        asked.push('?');
        asked.push_str(query);
    }
    Ok(asked.into())
}

/// Whether every byte may stand in a path (RFC 3986 section 3.3), or is one of `more`.
fn well_formed(text: &str, more: impl Fn(u8) -> bool) -> Result<(), UrlFault> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                if !(digit() && digit()) {
                    return Err(UrlFault::Escape);
                }
            }
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' | b':' | b'@' | b'/' => {}
            _ if byte.is_ascii_alphanumeric() || more(byte) => {}
            _ => return Err(UrlFault::Byte),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
