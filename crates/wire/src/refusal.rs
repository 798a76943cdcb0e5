//! Every reason to refuse, with status and clause.
//!
//! Owns the closed sets of framing and path refusals and the sentence each client is told. Holds no
//! byte of the message that was refused, so that each may be logged anywhere.

mod path;

pub use path::{PATH, PathRefusal};

use control::{ControlId, Reason, Refusal};

/// The control that refuses broken framing.
pub const FRAMING: ControlId = ControlId("wire.framing");

/// Why bytes are not one message that every parser reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.row().2)]
pub enum FramingRefusal {
    /// A line feed without carriage return (RFC 9112 section 2.2, which allows leniency we refuse).
    BareLf,
    /// A carriage return without line feed (RFC 9112 section 2.2).
    BareCr,
    /// A zero byte (RFC 9110 section 5.5).
    Nul,
    /// Another control byte, or one beyond ASCII outside a field value (RFC 9110 section 5.5).
    ControlByte,
    /// An empty line before the request line (RFC 9112 section 2.2 lets a server ignore it; a
    /// stray line is more often the end of a body that somebody else measured differently).
    LeadingEmptyLine,
    /// A request line that is not three parts with one space between (RFC 9112 section 3).
    RequestLine,
    /// A method that is not a token of at most 32 bytes (RFC 9110 section 9.1).
    Method,
    /// CONNECT, which asks for a tunnel (RFC 9110 section 9.3.6).
    Connect,
    /// `#` in the request target (RFC 9112 section 3.2).
    Fragment,
    /// A target of neither origin, absolute nor asterisk form, or absolute without http, plain
    /// host or path (RFC 9112 section 3.2).
    TargetForm,
    /// `*` with a method other than OPTIONS (RFC 9112 section 3.2.4).
    Asterisk,
    /// A request line without version: HTTP/0.9.
    Http09,
    /// The connection preface of HTTP/2 (RFC 9113 section 3.4).
    Http2Preface,
    /// Not a version (RFC 9112 section 2.3).
    VersionSyntax,
    /// A version other than 1.0 and 1.1 (RFC 9110 section 15.6.6).
    VersionUnknown,
    /// The first line is longer than its limit (RFC 9110 section 15.5.15).
    LineTooLong,
    /// The field lines are longer than their limit (RFC 6585 section 5).
    BlockTooLarge,
    /// More fields than the limit (RFC 6585 section 5).
    TooManyFields,
    /// A field name that is not a token, or a line without colon (RFC 9112 section 5).
    FieldName,
    /// White space between name and colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A folded line (RFC 9112 section 5.2), or white space before the first field (section 2.2).
    ObsFold,
    /// An underscore spelling of a field that decides framing or routing, such as
    /// `Transfer_Encoding`, which CGI-like servers read as the field itself.
    FramingAlias,
    /// A field that may stand once stands twice: Authorization, Content-Type, Expect, Upgrade,
    /// Sec-WebSocket-Key or Sec-WebSocket-Version (RFC 9110 section 5.3).
    FieldTwice,
    /// No Host (RFC 9112 section 3.2).
    HostAbsent,
    /// Two Hosts, equal or not (RFC 9112 section 3.2).
    HostTwice,
    /// Host is empty or neither name nor address (RFC 9112 section 3.2).
    HostInvalid,
    /// Host differs from the authority of an absolute target (RFC 9112 section 3.2.2).
    HostMismatch,
    /// Two Content-Lengths, equal or not (RFC 9110 section 8.6).
    LengthTwice,
    /// Content-Length is not a plain decimal number below 2^63 (RFC 9110 section 8.6).
    LengthInvalid,
    /// Content-Length with Transfer-Encoding (RFC 9112 section 6.3).
    LengthAndCoding,
    /// Two Transfer-Encodings (RFC 9112 section 6.1).
    CodingTwice,
    /// Transfer-Encoding other than `chunked` (RFC 9112 section 6.1).
    CodingUnknown,
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1).
    CodingOnHttp10,
    /// Connection is not a list of at most 32 tokens (RFC 9110 section 7.6.1).
    Connection,
    /// Connection lists a field that decides framing or routing (RFC 9110 section 7.6.1).
    ConnectionNamesFraming,
    /// Upgrade to something other than `websocket`; also h2c (RFC 9110 section 7.8).
    UpgradeUnknown,
    /// A WebSocket handshake with a part missing or wrong (RFC 6455 section 4.2.1).
    UpgradeIncomplete,
    /// A WebSocket handshake with a body: its bytes would be read as frames or as a request.
    UpgradeBody,
    /// Expect other than `100-continue` (RFC 9110 section 10.1.1).
    Expect,
    /// TRACE with a body (RFC 9110 section 9.3.8).
    TraceBody,
    /// An answer whose first line is malformed or whose status is not 100 to 599 (RFC 9112
    /// section 4).
    StatusLine,
    /// 101 that nobody asked for, or that is no WebSocket handshake (RFC 9110 section 15.2.2).
    SwitchUnasked,
    /// A body announced on 1xx or 204 (RFC 9110 section 8.6, RFC 9112 section 6.1).
    BodyForbidden,
    /// A chunk size that is not 1 to 16 hexadecimal digits below 2^63, or what follows it (RFC
    /// 9112 section 7.1).
    ChunkSize,
    /// Chunk extensions that are no names with values, or beyond 256 bytes a line or 16 KiB a body
    /// (RFC 9112 section 7.1.1).
    ChunkExtension,
    /// Chunk data that is not followed by a line end (RFC 9112 section 7.1).
    ChunkEnd,
    /// Trailers beyond 8 KiB (RFC 9112 section 7.1.2).
    TrailerTooLarge,
}

impl FramingRefusal {
    /// Every refusal, in the order of declaration.
    pub const ALL: [Self; 47] = [
        Self::BareLf,
        Self::BareCr,
        Self::Nul,
        Self::ControlByte,
        Self::LeadingEmptyLine,
        Self::RequestLine,
        Self::Method,
        Self::Connect,
        Self::Fragment,
        Self::TargetForm,
        Self::Asterisk,
        Self::Http09,
        Self::Http2Preface,
        Self::VersionSyntax,
        Self::VersionUnknown,
        Self::LineTooLong,
        Self::BlockTooLarge,
        Self::TooManyFields,
        Self::FieldName,
        Self::SpaceBeforeColon,
        Self::ObsFold,
        Self::FramingAlias,
        Self::FieldTwice,
        Self::HostAbsent,
        Self::HostTwice,
        Self::HostInvalid,
        Self::HostMismatch,
        Self::LengthTwice,
        Self::LengthInvalid,
        Self::LengthAndCoding,
        Self::CodingTwice,
        Self::CodingUnknown,
        Self::CodingOnHttp10,
        Self::Connection,
        Self::ConnectionNamesFraming,
        Self::UpgradeUnknown,
        Self::UpgradeIncomplete,
        Self::UpgradeBody,
        Self::Expect,
        Self::TraceBody,
        Self::StatusLine,
        Self::SwitchUnasked,
        Self::BodyForbidden,
        Self::ChunkSize,
        Self::ChunkExtension,
        Self::ChunkEnd,
        Self::TrailerTooLarge,
    ];

    /// Reason, status and the sentence for the client.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BareLf => ("bare-lf", 400, "a line must end with CR LF"),
            Self::BareCr => ("bare-cr", 400, "CR must be followed by LF"),
            Self::Nul => ("nul", 400, "a zero byte is not allowed"),
            Self::ControlByte => ("control-byte", 400, "a control byte is not allowed here"),
            Self::LeadingEmptyLine => (
                "leading-empty-line",
                400,
                "a request must begin with its request line",
            ),
            Self::RequestLine => (
                "request-line",
                400,
                "the request line must be method, target and version",
            ),
            Self::Method => ("method-syntax", 400, "the method is not a token"),
            Self::Connect => ("connect", 400, "CONNECT is not served here"),
            Self::Fragment => ("fragment", 400, "encode # in the target as %23"),
            Self::TargetForm => (
                "target-form",
                400,
                "the target must be a path or an http URL with the same host",
            ),
            Self::Asterisk => ("asterisk-form", 400, "the target * is for OPTIONS only"),
            Self::Http09 => ("http-0.9", 400, "the request line names no version"),
            Self::Http2Preface => ("http-2-preface", 505, "HTTP/2 is not served here"),
            Self::VersionSyntax => ("version-syntax", 400, "the version is malformed"),
            Self::VersionUnknown => ("version-unknown", 505, "use HTTP/1.1"),
            Self::LineTooLong => ("line-too-long", 414, "the request line is too long"),
            Self::BlockTooLarge => ("fields-too-large", 431, "the header is too large"),
            Self::TooManyFields => ("too-many-fields", 431, "the header has too many fields"),
            Self::FieldName => ("field-name", 400, "a field name is malformed"),
            Self::SpaceBeforeColon => (
                "space-before-colon",
                400,
                "no white space may stand before the colon of a field",
            ),
            Self::ObsFold => ("obs-fold", 400, "a field must stand on one line"),
            Self::FramingAlias => (
                "framing-alias",
                400,
                "a field that governs the message is spelled with an underscore",
            ),
            Self::FieldTwice => (
                "field-twice",
                400,
                "a field that may stand once stands twice",
            ),
            Self::HostAbsent => ("host-absent", 400, "send a Host field"),
            Self::HostTwice => ("host-twice", 400, "send one Host field"),
            Self::HostInvalid => ("host-invalid", 400, "the Host field is malformed"),
            Self::HostMismatch => (
                "host-mismatch",
                400,
                "the Host field differs from the host of the target",
            ),
            Self::LengthTwice => ("length-twice", 400, "send one Content-Length"),
            Self::LengthInvalid => (
                "length-invalid",
                400,
                "Content-Length must be a plain decimal number",
            ),
            Self::LengthAndCoding => (
                "length-and-coding",
                400,
                "send either Content-Length or Transfer-Encoding",
            ),
            Self::CodingTwice => ("coding-twice", 400, "send one Transfer-Encoding"),
            Self::CodingUnknown => (
                "coding-unknown",
                400,
                "the only Transfer-Encoding served here is chunked",
            ),
            Self::CodingOnHttp10 => (
                "coding-on-http-1.0",
                400,
                "Transfer-Encoding needs HTTP/1.1",
            ),
            Self::Connection => (
                "connection-syntax",
                400,
                "the Connection field is malformed",
            ),
            Self::ConnectionNamesFraming => (
                "connection-names-framing",
                400,
                "Connection lists a field that is not about the connection",
            ),
            Self::UpgradeUnknown => (
                "upgrade-unknown",
                400,
                "the only Upgrade served here is websocket",
            ),
            Self::UpgradeIncomplete => (
                "upgrade-incomplete",
                400,
                "the WebSocket handshake is incomplete",
            ),
            Self::UpgradeBody => ("upgrade-body", 400, "a WebSocket handshake carries no body"),
            Self::Expect => ("expect", 417, "the only Expect served here is 100-continue"),
            Self::TraceBody => ("trace-body", 400, "TRACE carries no body"),
            Self::StatusLine => ("status-line", 400, "the status line is malformed"),
            Self::SwitchUnasked => ("switch-unasked", 400, "a switch nobody asked for"),
            Self::BodyForbidden => ("body-forbidden", 400, "this status carries no body"),
            Self::ChunkSize => ("chunk-size", 400, "a chunk size is malformed"),
            Self::ChunkExtension => (
                "chunk-extension",
                400,
                "a chunk extension is malformed or too long",
            ),
            Self::ChunkEnd => ("chunk-end", 400, "chunk data must end with CR LF"),
            Self::TrailerTooLarge => ("trailer-too-large", 431, "the trailers are too large"),
        }
    }

    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(self.row().0)
    }

    /// The status a client is answered with: 400, 414, 417, 431 or 505.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// The refusal of a request; always closing, because where the next request begins is unknown.
    #[must_use]
    pub const fn to_refusal(self) -> Refusal {
        let (reason, status, public) = self.row();
        Refusal::new(FRAMING, status, public, Reason(reason)).closing()
    }

    /// The refusal of an upstream's answer: 502, which tells the client nothing of the upstream.
    ///
    /// It closes nothing towards the client, whose own request was read whole; the caller closes
    /// the upstream connection, and marks the refusal closing when the request's body was not read.
    #[must_use]
    pub const fn to_bad_gateway(self) -> Refusal {
        let (reason, ..) = self.row();
        Refusal::new(
            FRAMING,
            502,
            "the application gave an answer that cannot be passed on",
            Reason(reason),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_framing_refusal_closes_and_has_a_reason_of_its_own() {
        let mut reasons = HashSet::new();
        for refusal in FramingRefusal::ALL {
            let shown = refusal.to_refusal();
            assert!(shown.close, "{refusal:?}");
            assert_eq!(shown.control, FRAMING);
            assert!(matches!(shown.status, 400 | 414 | 417 | 431 | 505));
            assert_eq!(refusal.to_string(), shown.public);
            assert!(reasons.insert(refusal.reason().0), "{refusal:?}");
        }
    }

    #[test]
    fn an_answer_at_fault_says_nothing_of_the_upstream() {
        let all: HashSet<_> = FramingRefusal::ALL
            .iter()
            .map(|refusal| refusal.to_bad_gateway().public)
            .collect();
        assert_eq!(all.len(), 1);
        assert_eq!(FramingRefusal::BareLf.to_bad_gateway().status, 502);
    }
}
