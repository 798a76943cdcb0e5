//! What request and answer heads share: limits, versions, methods and how far parsing has come.
//!
//! Refuses versions other than 1.0 and 1.1. Trusts no byte.

use crate::fields::foreign;
use crate::refusal::FramingRefusal;

/// Sizes beyond which a head is refused.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the first line, its line end included.
    pub line: u32,
    /// Bytes of all field lines, line ends and the closing empty line included.
    pub block: u32,
    /// Fields, at most [`crate::fields::MAX_FIELDS`].
    pub fields: u16,
    /// Whether HTTP/1.0 requests may come without Host. RFC 9112 section 3.2 asks for Host only
    /// since 1.1; without it a request belongs to no site, so the default is to refuse.
    pub http10_without_host: bool,
}

impl HeadLimits {
    /// Requests: line 8 KiB, block 32 KiB, 100 fields, Host required.
    pub const REQUEST: Self = Self {
        line: 8 << 10,
        block: 32 << 10,
        fields: 100,
        http10_without_host: false,
    };

    /// Answers: status line 8 KiB, block 64 KiB, 100 fields.
    pub const ANSWER: Self = Self {
        line: 8 << 10,
        block: 64 << 10,
        fields: 100,
        http10_without_host: false,
    };

    /// The most bytes a head within these limits takes: a buffer this large always suffices.
    #[must_use]
    pub const fn largest(&self) -> usize {
        self.line as usize + self.block as usize
    }
}

/// How far a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed; call again with the same bytes and more after them.
    Incomplete,
    /// The head is whole and takes the first `len` bytes.
    Complete {
        /// Bytes of the head, closing empty line included.
        len: usize,
    },
}

/// Request method; case matters (RFC 9110 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the method it is named after")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Trace,
    /// Any other token; see [`crate::Request::method_bytes`].
    Other,
}

impl Method {
    /// The method a token names.
    #[must_use]
    pub const fn of(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// The token it stands for, where that is one alone.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Other => return None,
        })
    }

    /// Whether sending it twice does what sending it once does (RFC 9110 section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch | Self::Other)
    }
}

/// Protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Reads a version and the byte after it, as far as the bytes go.
///
/// `None` when more bytes are needed: at most nine are looked at again.
pub(crate) fn version(bytes: &[u8]) -> Result<Option<(Version, u8)>, FramingRefusal> {
    if let Some(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', after]) = bytes.first_chunk() {
        return Ok(Some((Version::Http11, after)));
    }
    for (&byte, &expected) in bytes.iter().zip(b"HTTP/d.d") {
        let fits = match expected {
            b'd' => byte.is_ascii_digit(),
            literal => byte == literal,
        };
        if !fits {
            return Err(match byte {
                b'\r' => FramingRefusal::VersionSyntax,
                _ => foreign(byte, FramingRefusal::VersionSyntax),
            });
        }
    }
    let Some((version, after)) = bytes.split_at_checked(8) else {
        return Ok(None);
    };
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        _ => return Err(FramingRefusal::VersionUnknown),
    };
    Ok(after.first().map(|&after| (version, after)))
}
