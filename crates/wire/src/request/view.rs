//! What a parsed request says.
//!
//! Owns nothing but the view: each answer is read from the head and the bytes it was parsed from.

use super::RequestHead;
use crate::fields::{Fields, Single};
use crate::framing::BodyFraming;
use crate::head::{Method, Version};
use crate::names::Name;
use crate::scan::Span;
use crate::target::{Authority, TargetForm};

/// A parsed request head and the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    head: &'b RequestHead,
    bytes: &'b [u8],
}

impl<'b> Request<'b> {
    pub(super) const fn new(head: &'b RequestHead, bytes: &'b [u8]) -> Self {
        Self { head, bytes }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.head.0.start.method
    }

    /// The method as text; every token is.
    #[must_use]
    pub fn method_text(&self) -> &'b str {
        match self.head.0.start.method.name() {
            Some(name) => name,
            None => std::str::from_utf8(self.method_bytes()).unwrap_or_default(),
        }
    }

    /// The method as received.
    #[must_use]
    pub fn method_bytes(&self) -> &'b [u8] {
        Span {
            start: 0,
            end: self.head.0.start.method_end,
        }
        .of(self.bytes)
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.0.start.version
    }

    /// The target as received.
    #[must_use]
    pub fn target(&self) -> &'b [u8] {
        self.head.0.start.target.target.of(self.bytes)
    }

    /// Which form the target has.
    #[must_use]
    pub const fn target_form(&self) -> TargetForm {
        self.head.0.start.target.form
    }

    /// Path and query as received, without scheme and authority: what goes upstream. `*` stays `*`.
    #[must_use]
    pub fn path_and_query(&self) -> &'b [u8] {
        self.head.0.start.target.path_and_query.of(self.bytes)
    }

    /// The path as received; see [`crate::target::canonical`] for the one policy speaks of.
    #[must_use]
    pub fn path(&self) -> &'b [u8] {
        Span {
            start: self.head.0.start.target.path_and_query.start,
            end: self.head.0.start.target.path_end,
        }
        .of(self.bytes)
    }

    /// The query as received, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'b [u8]> {
        let target = &self.head.0.start.target;
        (target.path_end < target.path_and_query.end).then(|| {
            Span {
                start: target.path_end + 1,
                end: target.path_and_query.end,
            }
            .of(self.bytes)
        })
    }

    /// Host and port that the request names; `None` only for HTTP/1.0 where limits allow it.
    #[must_use]
    pub fn authority(&self) -> Option<Authority<'b>> {
        match self.value(Name::Host) {
            // Parsed when it arrived.
            Some(value) => Some(Authority {
                host: value.get(..usize::from(self.head.0.start.meaning.host_length))?,
                port: self.head.0.start.meaning.port,
            }),
            None if self.head.0.start.target.is_absolute() => {
                Authority::parse(self.head.0.start.target.authority.of(self.bytes))
            }
            None => None,
        }
    }

    /// All fields in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'b> {
        self.head.0.block.fields(self.bytes)
    }

    /// Whether a field of that name, other than [`Name::Other`], was sent; costs no walk.
    #[must_use]
    pub const fn has(&self, name: Name) -> bool {
        self.head.0.block.has(name)
    }

    /// Values of all fields of that name, other than [`Name::Other`]; without any it costs no walk.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.head.0.block.values(self.bytes, name)
    }

    /// The bytes of the head, first line and closing empty line included.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes.get(..self.head.0.length()).unwrap_or_default()
    }

    /// Value of the first field of that name.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<&'b [u8]> {
        self.head.0.block.value(self.bytes, name)
    }

    /// Value of the only field of that name.
    #[must_use]
    pub fn single(&self, name: Name) -> Single<'b> {
        self.head.0.block.single(self.bytes, name)
    }

    /// Value of the only field with these bytes as its name, whatever their case.
    #[must_use]
    pub fn single_named(&self, name: &[u8]) -> Single<'b> {
        self.head.0.block.single_named(self.bytes, name)
    }

    /// Whether `Connection` lists this name, case and underscores folded: then the field is not
    /// forwarded.
    #[must_use]
    pub fn connection_lists(&self, name: &[u8]) -> bool {
        self.head.0.connection.others && self.head.0.block.connection_lists(self.bytes, name)
    }

    /// How the body ends; never [`BodyFraming::UntilClose`].
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.head.framing()
    }

    /// Whether the connection may be used again: HTTP/1.1 without `Connection: close`. HTTP/1.0
    /// is always answered with a close.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        matches!(self.head.0.start.version, Version::Http11) && !self.head.0.connection.close
    }

    /// Whether the client waits for 100 Continue before it sends its body.
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.head.0.start.meaning.expects_continue
            && !matches!(
                self.head.framing(),
                BodyFraming::None | BodyFraming::Length(0)
            )
    }

    /// Whether this is a whole WebSocket handshake (RFC 6455 section 4.1): any other Upgrade was
    /// refused.
    #[must_use]
    pub const fn is_websocket(&self) -> bool {
        self.head.0.block.has(Name::Upgrade)
    }
}
