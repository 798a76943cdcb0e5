//! Field lines: known names, and which names speak of identity.

use crate::scan::Span;

/// The most fields a head may carry.
pub const MAX_FIELDS: usize = 100;

/// A field name the engine or the gate looks at, or [`Name::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the field it is named after")]
pub enum Name {
    Other,
    Accept,
    AcceptEncoding,
    AcceptLanguage,
    Authorization,
    CacheControl,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentSecurityPolicy,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    Location,
    Origin,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Referer,
    ReferrerPolicy,
    RetryAfter,
    SecWebSocketAccept,
    SecWebSocketExtensions,
    SecWebSocketKey,
    SecWebSocketProtocol,
    SecWebSocketVersion,
    Server,
    SetCookie,
    StrictTransportSecurity,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    Via,
    XApiKey,
    XContentTypeOptions,
    XForwarded,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    XFrameOptions,
    XRealIp,
    XRequestId,
    /// Any other name that begins with `x-vouchsafe-`.
    XVouchsafe,
    XVouchsafeTicket,
}

impl Name {
    /// The known name these bytes spell, whatever their case.
    #[must_use]
    pub fn of(_name: &[u8]) -> Self {
        todo!()
    }

    /// Whether the field belongs to one connection and is never forwarded (RFC 9110 section 7.6.1).
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        todo!()
    }
}

/// Whether the name is a spelling of an identity or forwarding header: case ignored and underscore
/// read as dash, because CGI, WSGI and Rack do the same.
#[must_use]
pub fn speaks_of_identity(_name: &[u8]) -> bool {
    todo!()
}

/// Whether two names are one to a server that folds case and underscores.
#[must_use]
pub fn same_folded(_a: &[u8], _b: &[u8]) -> bool {
    todo!()
}

/// Where a field lies in its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Name,
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// One field of a parsed head. Only parsing makes one, so its bytes are a token and a clean value.
#[derive(Clone, Copy, Debug)]
pub struct Field<'b> {
    kind: Name,
    name: &'b [u8],
    value: &'b [u8],
}

impl<'b> Field<'b> {
    /// The known name, or [`Name::Other`].
    #[must_use]
    pub fn kind(&self) -> Name {
        self.kind
    }

    /// The name as received.
    #[must_use]
    pub fn name(&self) -> &'b [u8] {
        self.name
    }

    /// The value without surrounding white space.
    #[must_use]
    pub fn value(&self) -> &'b [u8] {
        self.value
    }
}

/// The fields of a head in the order they were sent.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    pub(crate) places: std::slice::Iter<'b, Place>,
    pub(crate) bytes: &'b [u8],
}

impl<'b> Iterator for Fields<'b> {
    type Item = Field<'b>;

    fn next(&mut self) -> Option<Field<'b>> {
        let place = self.places.next()?;
        Some(Field {
            kind: place.kind,
            name: place.name.of(self.bytes),
            value: place.value.of(self.bytes),
        })
    }
}

/// How often a field stands in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'b> {
    /// Not at all.
    Absent,
    /// Once.
    One(&'b [u8]),
    /// More than once: nothing may be concluded from any of them.
    Many,
}
