//! Request heads, parsed as their bytes arrive (RFC 9112 sections 2 and 3).
//!
//! Owns the request line and what the fields of a request mean together. Refuses every request that
//! two parsers could read differently, at the byte where that becomes known. Trusts no byte.

mod view;

pub use view::Request;

use crate::fields::{Line, foreign};
use crate::framing::BodyFraming;
use crate::head::{HeadLimits, Method, Parsed, Version, version};
use crate::message::{Message, StartLine};
use crate::names::Name;
use crate::refusal::FramingRefusal;
use crate::scan::{target_end, token_end};
use crate::target::{Authority, TargetForm, TargetParts};

/// The longest method that is accepted; registered ones have at most 17 bytes.
const LONGEST_METHOD: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Method,
    Target,
    Version,
    LineFeed,
}

/// A request line, and what the fields behind it mean.
#[derive(Debug)]
struct RequestLine {
    phase: Phase,
    at: usize,
    method: Method,
    method_end: u32,
    target: TargetParts,
    version: Version,
    meaning: Meaning,
}

impl StartLine for RequestLine {
    const EMPTY: Self = Self {
        phase: Phase::Method,
        at: 0,
        method: Method::Other,
        method_end: 0,
        target: TargetParts::EMPTY,
        version: Version::Http11,
        meaning: Meaning::NOTHING,
    };

    fn read(&mut self, line: &[u8]) -> Result<Option<usize>, FramingRefusal> {
        loop {
            match (self.phase, self.next_byte(line)?) {
                (Phase::LineFeed, _) => return Ok(Some(self.at)),
                (_, None) => return Ok(None),
                (Phase::Method, Some(&byte)) => self.end_method(line, byte)?,
                (Phase::Target, Some(&byte)) => self.end_target(line, byte)?,
                (Phase::Version, Some(_)) => {
                    match version(line.get(self.at..).unwrap_or_default())? {
                        None => return Ok(None),
                        Some((version, b'\r')) => {
                            self.version = version;
                            self.at += 9;
                            self.phase = Phase::LineFeed;
                        }
                        Some((_, after)) => {
                            return Err(foreign(after, FramingRefusal::VersionSyntax));
                        }
                    }
                }
            }
        }
    }

    fn version(&self) -> Version {
        self.version
    }

    #[inline]
    fn note(&mut self, line: &Line<'_>, bytes: &[u8]) -> Result<(), FramingRefusal> {
        self.meaning.note(line, self.version, &self.target, bytes)
    }
}

impl RequestLine {
    /// Walks over what the phase allows and gives the byte after it.
    fn next_byte<'l>(&mut self, line: &'l [u8]) -> Result<Option<&'l u8>, FramingRefusal> {
        match self.phase {
            Phase::Method => {
                self.at = token_end(line, self.at);
                if self.at > LONGEST_METHOD {
                    return Err(FramingRefusal::Method);
                }
            }
            Phase::Target => self.at = target_end(line, self.at),
            _ => {}
        }
        Ok(line.get(self.at))
    }

    fn end_method(&mut self, line: &[u8], byte: u8) -> Result<(), FramingRefusal> {
        let method = line.get(..self.at).unwrap_or_default();
        match (byte, method) {
            (b' ', []) => return Err(FramingRefusal::RequestLine),
            (b' ', b"CONNECT") => return Err(FramingRefusal::Connect),
            (b' ', _) => {}
            (b'\r', []) => return Err(FramingRefusal::LeadingEmptyLine),
            (b'\r', _) => return Err(FramingRefusal::RequestLine),
            _ => return Err(foreign(byte, FramingRefusal::Method)),
        }
        self.method = Method::of(method);
        self.method_end = self.at as u32;
        self.at += 1;
        self.phase = Phase::Target;
        Ok(())
    }

    fn end_target(&mut self, line: &[u8], byte: u8) -> Result<(), FramingRefusal> {
        let start = self.method_end as usize + 1;
        let target = line.get(start..self.at).unwrap_or_default();
        match byte {
            b' ' if target.is_empty() => return Err(FramingRefusal::RequestLine),
            b' ' => {}
            b'#' => return Err(FramingRefusal::Fragment),
            b'\r' if target.is_empty() => return Err(FramingRefusal::RequestLine),
            b'\r' => return Err(FramingRefusal::Http09),
            _ => return Err(foreign(byte, FramingRefusal::TargetForm)),
        }
        self.target = TargetParts::split(target, start)?;
        if self.target.form == TargetForm::Asterisk && self.method != Method::Options {
            let method = line.get(..self.method_end as usize);
            return Err(if method == Some(b"PRI") {
                FramingRefusal::Http2Preface
            } else {
                FramingRefusal::Asterisk
            });
        }
        self.at += 1;
        self.phase = Phase::Version;
        Ok(())
    }
}

/// A request head: offsets into a buffer that the caller owns, reused for every request of a
/// connection without allocation.
#[derive(Debug)]
pub struct RequestHead(Message<RequestLine>);

impl RequestHead {
    /// A head that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Message::new())
    }

    /// Forgets everything: call before the first byte of each request.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Reads on. `bytes` starts at the first byte of the request and, on a later call, repeats what
    /// earlier calls saw; each byte is looked at once. Bytes after the head are ignored.
    ///
    /// # Errors
    ///
    /// The first thing wrong, at the byte where it becomes known, however the bytes were divided.
    /// The connection must be closed, and the head cleared before it is used again.
    #[cfg_attr(feature = "profile", inline(never))]
    pub fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parsed, FramingRefusal> {
        let parsed = self.0.parse(bytes, limits)?;
        if let Parsed::Complete { .. } = parsed {
            self.check(limits)?;
        }
        Ok(parsed)
    }

    /// What can only be judged once all fields are known.
    fn check(&self, limits: &HeadLimits) -> Result<(), FramingRefusal> {
        let Self(Message {
            start,
            connection,
            block,
            ..
        }) = self;
        let hostless = start.version == Version::Http10 && limits.http10_without_host;
        if !block.has(Name::Host) && !hostless {
            return Err(FramingRefusal::HostAbsent);
        }
        let body = match self.framing() {
            BodyFraming::None | BodyFraming::Length(0) => false,
            BodyFraming::Length(_) | BodyFraming::Chunked | BodyFraming::UntilClose => true,
        };
        if start.method == Method::Trace && body {
            return Err(FramingRefusal::TraceBody);
        }
        if block.has(Name::Upgrade) {
            if body {
                return Err(FramingRefusal::UpgradeBody);
            }
            let whole = start.method == Method::Get
                && start.version == Version::Http11
                && connection.upgrade
                && start.meaning.websocket_key
                && start.meaning.websocket_version;
            if !whole {
                return Err(FramingRefusal::UpgradeIncomplete);
            }
        }
        Ok(())
    }

    const fn framing(&self) -> BodyFraming {
        self.0.framing(BodyFraming::None)
    }

    /// The parsed head together with its bytes. Only meaningful after [`Parsed::Complete`].
    #[must_use]
    pub const fn request<'b>(&'b self, bytes: &'b [u8]) -> Request<'b> {
        Request::new(self, bytes)
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

/// What the fields seen so far mean to a request alone.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    expects_continue: bool,
    websocket_key: bool,
    websocket_version: bool,
    /// How much of the value of Host is the host, at most 255 bytes.
    host_length: u8,
    port: Option<u16>,
}

impl Meaning {
    const NOTHING: Self = Self {
        expects_continue: false,
        websocket_key: false,
        websocket_version: false,
        host_length: 0,
        port: None,
    };

    #[inline]
    fn note(
        &mut self,
        line: &Line<'_>,
        version: Version,
        target: &TargetParts,
        bytes: &[u8],
    ) -> Result<(), FramingRefusal> {
        match line.kind {
            Name::Host if line.again => return Err(FramingRefusal::HostTwice),
            Name::Host => {
                let authority = host(line.value, target, bytes)?;
                self.host_length = authority.host.len() as u8;
                self.port = authority.port;
            }
            Name::Authorization
            | Name::ContentType
            | Name::Expect
            | Name::Upgrade
            | Name::SecWebSocketKey
            | Name::SecWebSocketVersion
                if line.again =>
            {
                return Err(FramingRefusal::FieldTwice);
            }
            Name::Expect => {
                if !line.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(FramingRefusal::Expect);
                }
                // A client that speaks 1.0 cannot mean it (RFC 9110 section 10.1.1).
                self.expects_continue = version == Version::Http11;
            }
            Name::Upgrade if !line.value.eq_ignore_ascii_case(b"websocket") => {
                return Err(FramingRefusal::UpgradeUnknown);
            }
            Name::SecWebSocketKey => self.websocket_key = is_nonce(line.value),
            Name::SecWebSocketVersion => self.websocket_version = line.value == b"13",
            _ => {}
        }
        Ok(())
    }
}

fn host<'v>(
    value: &'v [u8],
    target: &TargetParts,
    bytes: &[u8],
) -> Result<Authority<'v>, FramingRefusal> {
    let authority = Authority::parse(value).ok_or(FramingRefusal::HostInvalid)?;
    // Compared as written: `host` and `host:80` name one origin but two strings, and somebody
    // behind us may compare strings.
    if target.is_absolute() && !target.authority.of(bytes).eq_ignore_ascii_case(value) {
        return Err(FramingRefusal::HostMismatch);
    }
    Ok(authority)
}

/// Whether the value is the base64 of 16 bytes (RFC 6455 section 4.1).
fn is_nonce(value: &[u8]) -> bool {
    let [digits @ .., last, b'=', b'='] = value else {
        return false;
    };
    digits.len() == 21
        && digits
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        // The last digit carries two bits of the value; the other four are zero.
        && matches!(last, b'A' | b'Q' | b'g' | b'w')
}
