//! Known field names, and which names speak of identity.
//!
//! Owns the one list of names the engine and the gate look at. Refuses to trust spelling: whether a
//! name speaks of identity is asked of its folded form, because CGI, WSGI and Rack read `_` as `-`.
//! Trusts nothing.

macro_rules! names {
    ($($name:ident $text:literal)*) => {
        /// A field name the engine or the gate looks at, or [`Name::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each variant is the field it is named after")]
        pub enum Name {
            /// Any name that is not listed here.
            Other,
            /// Any other name that begins with `x-forwarded-`.
            XForwarded,
            /// Any other name that begins with `x-vouchsafe-`.
            XVouchsafe,
            $($name),*
        }

        /// Lower case, shortest first, so that a length leads to a short run of candidates.
        const KNOWN: &[(&str, Name)] = &[$(($text, Name::$name)),*];
    };
}

names! {
    Te "te"
    Age "age"
    Via "via"
    Date "date"
    ETag "etag"
    Host "host"
    Vary "vary"
    Accept "accept"
    Cookie "cookie"
    Expect "expect"
    Origin "origin"
    Server "server"
    Referer "referer"
    Trailer "trailer"
    Upgrade "upgrade"
    Location "location"
    Forwarded "forwarded"
    XApiKey "x-api-key"
    XRealIp "x-real-ip"
    Connection "connection"
    KeepAlive "keep-alive"
    SetCookie "set-cookie"
    UserAgent "user-agent"
    RetryAfter "retry-after"
    ContentType "content-type"
    XRequestId "x-request-id"
    Authorization "authorization"
    CacheControl "cache-control"
    LastModified "last-modified"
    ContentLength "content-length"
    AcceptEncoding "accept-encoding"
    AcceptLanguage "accept-language"
    ReferrerPolicy "referrer-policy"
    XForwardedFor "x-forwarded-for"
    XFrameOptions "x-frame-options"
    ContentEncoding "content-encoding"
    ProxyConnection "proxy-connection"
    WwwAuthenticate "www-authenticate"
    XForwardedHost "x-forwarded-host"
    SecWebSocketKey "sec-websocket-key"
    TransferEncoding "transfer-encoding"
    XForwardedProto "x-forwarded-proto"
    PermissionsPolicy "permissions-policy"
    XVouchsafeTicket "x-vouchsafe-ticket"
    ProxyAuthenticate "proxy-authenticate"
    ContentDisposition "content-disposition"
    ProxyAuthorization "proxy-authorization"
    SecWebSocketAccept "sec-websocket-accept"
    XVouchsafeDelivery "x-vouchsafe-delivery"
    SecWebSocketVersion "sec-websocket-version"
    XVouchsafeAssertion "x-vouchsafe-assertion"
    XContentTypeOptions "x-content-type-options"
    SecWebSocketProtocol "sec-websocket-protocol"
    ContentSecurityPolicy "content-security-policy"
    SecWebSocketExtensions "sec-websocket-extensions"
    StrictTransportSecurity "strict-transport-security"
    CrossOriginOpenerPolicy "cross-origin-opener-policy"
}

const LONGEST: usize = 26;

/// For each length, where its run of candidates begins in [`KNOWN`].
const STARTS: [u8; LONGEST + 2] = starts();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is a build failure"
)]
const fn starts() -> [u8; LONGEST + 2] {
    let mut table = [0; LONGEST + 2];
    let mut at = 0;
    let mut length = 0;
    while length < table.len() {
        while at < KNOWN.len() && KNOWN[at].0.len() < length {
            at += 1;
        }
        table[length] = at as u8;
        length += 1;
    }
    table
}

impl Name {
    /// The known name these bytes spell, whatever their case.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let length = name.len();
        let (Some(&from), Some(&to)) = (STARTS.get(length), STARTS.get(length + 1)) else {
            return Self::of_prefix(name);
        };
        let run = KNOWN
            .get(usize::from(from)..usize::from(to))
            .unwrap_or_default();
        for (text, known) in run {
            let text = text.as_bytes();
            // The last byte tells candidates of one length apart better than the first.
            if name.last().map(u8::to_ascii_lowercase).as_ref() == text.last()
                && name.eq_ignore_ascii_case(text)
            {
                return *known;
            }
        }
        Self::of_prefix(name)
    }

    fn of_prefix(name: &[u8]) -> Self {
        if !matches!(name.first(), Some(b'x' | b'X')) {
            Self::Other
        } else if starts_with(name, b"x-forwarded-") {
            Self::XForwarded
        } else if starts_with(name, b"x-vouchsafe-") {
            Self::XVouchsafe
        } else {
            Self::Other
        }
    }

    /// Whether the field belongs to one connection and is never forwarded (RFC 9110 section 7.6.1).
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// [`speaks_of_identity`] of a known name.
    pub(crate) const fn speaks_of_identity(self) -> bool {
        matches!(
            self,
            Self::Forwarded
                | Self::XForwarded
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedProto
                | Self::XRealIp
                | Self::XRequestId
                | Self::XVouchsafe
                | Self::XVouchsafeAssertion
                | Self::XVouchsafeDelivery
                | Self::XVouchsafeTicket
        )
    }

    /// A bit of its own in a set of names.
    pub(crate) const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

const fn fold(byte: u8) -> u8 {
    match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

/// Whether two names are one to a server that folds case and underscores.
#[must_use]
pub fn same_folded(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| fold(a) == fold(b))
}

fn folded_starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| same_folded(start, prefix))
}

/// Names and beginnings of names by which applications and frameworks learn who asks, from where,
/// and for what. Those that end with `-` are beginnings.
///
/// `proxy` is here because CGI hands it to programs as `HTTP_PROXY` (CVE-2016-5385).
const IDENTITY: &[&[u8]] = &[
    b"cf-connecting-",
    b"client-ip",
    b"fastly-client-",
    b"fly-client-ip",
    b"forwarded",
    b"front-end-https",
    b"proxy",
    b"remote-addr",
    b"remote-email",
    b"remote-groups",
    b"remote-name",
    b"remote-user",
    b"ssl-client-",
    b"tailscale-user-",
    b"true-client-ip",
    b"x-amzn-oidc-",
    b"x-appengine-user-",
    b"x-auth-email",
    b"x-auth-groups",
    b"x-auth-name",
    b"x-auth-request-",
    b"x-auth-roles",
    b"x-auth-subject",
    b"x-auth-user",
    b"x-auth-username",
    b"x-authenticated-",
    b"x-client-cert",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-envoy-external-address",
    b"x-forward-for",
    b"x-forwarded",
    b"x-forwarded-",
    b"x-goog-authenticated-",
    b"x-goog-iap-",
    b"x-host",
    b"x-http-host-override",
    b"x-identity",
    b"x-identity-",
    b"x-ms-client-principal",
    b"x-ms-client-principal-",
    b"x-original-",
    b"x-originating-ip",
    b"x-pomerium-",
    b"x-real-",
    b"x-remote-",
    b"x-request-id",
    b"x-rewrite-url",
    b"x-scheme",
    b"x-ssl-",
    b"x-url-scheme",
    b"x-user",
    b"x-user-",
    b"x-vouchsafe",
    b"x-vouchsafe-",
    b"x-webauth-",
];

/// Whether the name is a spelling of an identity or forwarding header: case ignored and underscore
/// read as dash.
#[must_use]
pub fn speaks_of_identity(name: &[u8]) -> bool {
    let Some(&first) = name.first() else {
        return false;
    };
    // Most names are told apart by their first byte.
    if !matches!(fold(first), b'c' | b'f' | b'p' | b'r' | b's' | b't' | b'x') {
        return false;
    }
    IDENTITY.iter().any(|entry| match entry.last() {
        Some(b'-') => folded_starts_with(name, entry),
        _ => same_folded(name, entry),
    })
}

/// Names that decide framing or routing; nobody may spell them with an underscore or list them in
/// Connection.
const GOVERNING: &[&[u8]] = &[b"host", b"content-length", b"transfer-encoding"];

/// Whether the name folds to one that decides framing or routing.
pub(crate) fn governs_message(name: &[u8]) -> bool {
    GOVERNING.iter().any(|known| same_folded(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for (text, name) in KNOWN {
            assert_eq!(Name::of(text.as_bytes()), *name, "{text}");
            assert_eq!(Name::of(text.to_uppercase().as_bytes()), *name, "{text}");
            let longer = format!("{text}q");
            assert_ne!(Name::of(longer.as_bytes()), *name, "{text}");
        }
    }

    #[test]
    fn the_list_is_sorted_by_length_and_fits_a_set() {
        assert!(KNOWN.is_sorted_by_key(|(text, _)| text.len()));
        assert_eq!(KNOWN.last().unwrap().0.len(), LONGEST);
        assert!(KNOWN.iter().all(|(_, name)| (*name as u8) < 64));
    }

    #[test]
    fn names_of_ours_and_forwarding_names_are_found_by_their_beginning() {
        assert_eq!(Name::of(b"X-Vouchsafe-Anything"), Name::XVouchsafe);
        assert_eq!(Name::of(b"x-forwarded-prefix"), Name::XForwarded);
        assert_eq!(Name::of(b"x-forwardedprefix"), Name::Other);
        assert_eq!(Name::of(b"x-vouchsafe"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
    }

    #[test]
    fn spellings_of_identity_are_recognised_and_their_neighbours_are_not() {
        for name in [
            "X-Forwarded-User",
            "X_Forwarded_User",
            "x_forwarded-USER",
            "X-FORWARDED-FOR",
            "Forwarded",
            "X_Real_IP",
            "X-Request-Id",
            "x_request_id",
            "X_Vouchsafe_Assertion",
            "X-Identity",
            "Remote_User",
            "Proxy",
            "X-Original-URL",
        ] {
            assert!(speaks_of_identity(name.as_bytes()), "{name}");
        }
        for name in [
            "X-Requested-With",
            "X-Api-Key",
            "X-CSRF-Token",
            "Content-Type",
            "Cookie",
            "Forwarde",
            "X-Hub-Signature-256",
            "",
        ] {
            assert!(!speaks_of_identity(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn known_names_answer_as_their_spelling_does() {
        for (text, name) in KNOWN {
            let folded = speaks_of_identity(text.as_bytes());
            assert_eq!(name.speaks_of_identity(), folded, "{text}");
        }
    }
}
