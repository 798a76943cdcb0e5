//! Known field names.
//!
//! Owns the one list of names the engine and the gate look at, and finds a name in it without
//! copying. Refuses nothing: an unknown name is [`Name::Other`].

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
    SecFetchMode "sec-fetch-mode"
    SecFetchSite "sec-fetch-site"
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
            let [first, second, third, last] = sought;
            // One word tells nearly all names of a length apart: the others are looked at last.
            let found = run
                .iter()
                .find(|([a, b, c, d], _)| *a == first && *d == last && *b == second && *c == third);
            if let Some((_, known)) = found {
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

    /// [`crate::fields::speaks_of_identity`] of a known name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::speaks_of_identity;

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
    fn known_names_answer_as_their_spelling_does() {
        for (text, name) in KNOWN {
            let folded = speaks_of_identity(text.as_bytes());
            assert_eq!(name.speaks_of_identity(), folded, "{text}");
        }
    }
}
