//! Known field names, and which names speak of identity.
//!
//! Owns the one list of names the engine and the gate look at. Refuses to trust spelling: whether a
//! name speaks of identity is asked of its folded form, because CGI, WSGI and Rack read `_` as `-`.
//! Trusts nothing.

use crate::scan::is_token;

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

/// The words of each name in [`KNOWN`].
static WORDS: [([u64; 4], Name); KNOWN.len()] = all_words();

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

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is a build failure"
)]
const fn all_words() -> [([u64; 4], Name); KNOWN.len()] {
    let mut table = [([0; 4], Name::Other); KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        table[at] = (words(KNOWN[at].0.as_bytes()), KNOWN[at].1);
        at += 1;
    }
    table
}

/// All bytes of a name of 2 to 32 bytes, in overlapping words, with the bit set that tells upper
/// from lower case. Tokens of one length but with other letters have other words: no token byte but
/// the same letter gives that lower-case letter, and none but the dash gives a dash.
#[inline]
const fn words(name: &[u8]) -> [u64; 4] {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            let (second, third) = match (name.first_chunk::<16>(), name.last_chunk::<16>()) {
                (
                    Some([_, _, _, _, _, _, _, _, second @ ..]),
                    Some([third @ .., _, _, _, _, _, _, _, _]),
                ) => (u64::from_le_bytes(*second), u64::from_le_bytes(*third)),
                _ => (0, 0),
            };
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            [first | LOWER, second | LOWER, third | LOWER, last | LOWER]
        }
        _ => [short_word(name) | LOWER, 0, 0, 0],
    }
}

/// All bytes of a name of 2 to 7 bytes.
#[inline]
const fn short_word(name: &[u8]) -> u64 {
    match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32
        }
        _ => match *name {
            [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
            [a, b, c] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
            _ => 0,
        },
    }
}

impl Name {
    /// The known name these bytes spell, whatever their case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        if is_token(name) {
            Self::of_token(name)
        } else {
            Self::Other
        }
    }

    /// [`Name::of`] for bytes that are known to be a token.
    #[inline]
    pub(crate) fn of_token(name: &[u8]) -> Self {
        let length = name.len();
        if let (Some(&from), Some(&to)) = (STARTS.get(length), STARTS.get(length + 1)) {
            let run = WORDS
                .get(usize::from(from)..usize::from(to))
                .unwrap_or_default();
            let sought = words(name);
            if let Some((_, known)) = run.iter().find(|(words, _)| *words == sought) {
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

/// The first eight bytes of each entry of [`IDENTITY`], and a mask of how many it has.
static BEGINNINGS: [(u64, u64); IDENTITY.len()] = beginnings();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is a build failure"
)]
const fn beginnings() -> [(u64, u64); IDENTITY.len()] {
    let mut table = [(0, 0); IDENTITY.len()];
    let mut at = 0;
    while at < IDENTITY.len() {
        let length = IDENTITY[at].len();
        let mask = if length < 8 {
            (1 << (8 * length)) - 1
        } else {
            u64::MAX
        };
        table[at] = (beginning(IDENTITY[at]), mask);
        at += 1;
    }
    table
}

#[inline]
const fn beginning(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let mut rest = (name, bytes.as_mut_slice());
    while let ([byte, name @ ..], [place, places @ ..]) = rest {
        *place = fold(*byte);
        rest = (name, places);
    }
    u64::from_le_bytes(bytes)
}

/// Whether the name is a spelling of an identity or forwarding header: case ignored and underscore
/// read as dash.
#[must_use]
pub fn speaks_of_identity(name: &[u8]) -> bool {
    let Some(&first) = name.first() else {
        return false;
    };
    // Most names are told apart by their first byte, nearly all others by their first eight.
    if !matches!(fold(first), b'c' | b'f' | b'p' | b'r' | b's' | b't' | b'x') {
        return false;
    }
    let start = beginning(name);
    BEGINNINGS
        .iter()
        .zip(IDENTITY)
        .filter(|((word, mask), _)| start & mask == *word)
        .any(|(_, entry)| match entry.last() {
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
