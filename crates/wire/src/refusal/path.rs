//! Every reason to refuse a path, with the sentence each client is told.

use control::{ControlId, Reason, Refusal};

/// The control that refuses ambiguous paths.
pub const PATH: ControlId = ControlId("gate.path");

/// Why a path could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.row().1)]
pub enum PathRefusal {
    /// The path does not begin with a slash (RFC 3986 section 3.3).
    NotAbsolute,
    /// The path begins with two slashes: whoever resolves it as a reference reads a host there (RFC
    /// 3986 section 4.2).
    AuthorityPath,
    /// A byte that may not stand in a path unencoded: control, beyond ASCII, `?` or `#`.
    RawByte,
    /// A backslash, raw or as `%5c`: some applications read it as a slash.
    Backslash,
    /// `%2f` in any case: whether it separates segments depends on who decodes first.
    EncodedSlash,
    /// `%00`: some applications end the path there.
    EncodedNul,
    /// Another encoded control byte.
    EncodedControl,
    /// `%` without two hexadecimal digits (RFC 3986 section 2.1).
    Encoding,
    /// What was decoded still holds `%` and two hexadecimal digits: a second decoder would read
    /// another path.
    DoubleEncoding,
    /// Not UTF-8 once decoded (RFC 3629): overlong forms and legacy code pages spell other paths.
    NotUtf8,
    /// A segment that is `.` or `..`, raw or encoded, with or without `;parameters`.
    DotSegment,
}

impl PathRefusal {
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::NotAbsolute => ("not-absolute", "the path must begin with a slash"),
            Self::AuthorityPath => ("authority-path", "the path must begin with one slash"),
            Self::RawByte => ("raw-byte", "a byte of the path must be percent-encoded"),
            Self::Backslash => ("backslash", "a path may not hold a backslash"),
            Self::EncodedSlash => ("encoded-slash", "a path may not hold an encoded slash"),
            Self::EncodedNul => ("encoded-nul", "a path may not hold an encoded zero byte"),
            Self::EncodedControl => (
                "encoded-control",
                "a path may not hold an encoded control byte",
            ),
            Self::Encoding => ("percent-encoding", "the percent-encoding is malformed"),
            Self::DoubleEncoding => ("double-encoding", "a path may be encoded only once"),
            Self::NotUtf8 => ("not-utf-8", "the path is not UTF-8"),
            Self::DotSegment => ("dot-segment", "send the path without . and .. segments"),
        }
    }

    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(self.row().0)
    }

    /// The refusal: 400. The framing was sound, so the connection stays usable.
    #[must_use]
    pub const fn to_refusal(self) -> Refusal {
        let (reason, public) = self.row();
        Refusal::new(PATH, 400, public, Reason(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_refusal_leaves_the_connection_usable() {
        let refusal = PathRefusal::EncodedSlash.to_refusal();
        assert_eq!((refusal.control, refusal.status), (PATH, 400));
        assert!(!refusal.close);
    }
}
