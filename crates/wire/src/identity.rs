//! Which names speak of identity, however they are spelled.
//!
//! Owns the list of names by which applications learn who asks and from where. Refuses to trust
//! spelling: every question is asked of the folded name, because CGI, WSGI and Rack read `_` as `-`.

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
/// The method overrides are here because routes and scopes name methods: an app that believed one
/// would do under `POST` what only `DELETE` was granted.
///
/// `proxy` is here because CGI hands it to programs as `HTTP_PROXY` (CVE-2016-5385).
const IDENTITY: &[&[u8]] = &[
    b"cf-access-",
    b"cf-connecting-",
    b"client-cert",
    b"client-cert-",
    b"client-ip",
    b"fastly-client-",
    b"fly-client-ip",
    b"forwarded",
    b"front-end-https",
    b"oidc-",
    b"proxy",
    b"remote-addr",
    b"remote-email",
    b"remote-groups",
    b"remote-name",
    b"remote-user",
    b"ssl-client-",
    b"tailscale-user-",
    b"teleport-jwt-assertion",
    b"true-client-ip",
    b"x-amzn-oidc-",
    b"x-appengine-user-",
    b"x-arr-clientcert",
    b"x-auth-email",
    b"x-auth-groups",
    b"x-auth-name",
    b"x-auth-request-",
    b"x-auth-roles",
    b"x-auth-subject",
    b"x-auth-user",
    b"x-auth-username",
    b"x-authenticated-",
    b"x-authentik-",
    b"x-azure-clientip",
    b"x-azure-socketip",
    b"x-client-cert",
    b"x-client-cert-",
    b"x-client-dn",
    b"x-client-ip",
    b"x-client-verify",
    b"x-cluster-client-ip",
    b"x-consumer-",
    b"x-credential-identifier",
    b"x-envoy-external-address",
    b"x-forward-for",
    b"x-forwarded",
    b"x-forwarded-",
    b"x-goog-authenticated-",
    b"x-goog-iap-",
    b"x-host",
    b"x-http-host-override",
    b"x-http-method",
    b"x-http-method-override",
    b"x-identity",
    b"x-identity-",
    b"x-jwt-assertion",
    b"x-method-override",
    b"x-ms-client-principal",
    b"x-ms-client-principal-",
    b"x-ms-token-",
    b"x-original-",
    b"x-originating-ip",
    b"x-override-url",
    b"x-pomerium-",
    b"x-real-",
    b"x-remote-",
    b"x-request-id",
    b"x-rewrite-url",
    b"x-scheme",
    b"x-ssl-",
    b"x-tls-client-",
    b"x-url-scheme",
    b"x-user",
    b"x-user-",
    b"x-userid",
    b"x-username",
    b"x-vouch-",
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

/// [`beginning`] of a longer name without looking at each byte. A byte that is no part of a token
/// may come out as one that is: the entry is compared afterwards.
#[inline]
fn wide_beginning(first: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let lower = u64::from_le_bytes(first) | (ONES * 0x20);
    // An underscore is now 0x7f; sums of 7-bit bytes carry into their own eighth bit alone.
    let other = lower ^ (ONES * 0x7f);
    let other = ((other & (ONES * 0x7f)) + ONES * 0x7f) | other;
    let underscores = (!other & (ONES * 0x80)) >> 7;
    lower ^ (underscores * (0x7f ^ b'-' as u64))
}

/// For each first letter, where its run of entries in [`IDENTITY`] begins and ends.
static RUNS: [(u8, u8); 26] = runs();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is a build failure"
)]
const fn runs() -> [(u8, u8); 26] {
    let mut table = [(0, 0); 26];
    let mut at = 0;
    while at < IDENTITY.len() {
        let run = &mut table[(IDENTITY[at][0] - b'a') as usize];
        if run.1 == 0 {
            run.0 = at as u8;
        }
        at += 1;
        run.1 = at as u8;
    }
    table
}

/// Whether the name is a spelling of an identity or forwarding header: case ignored and underscore
/// read as dash.
#[must_use]
pub fn speaks_of_identity(name: &[u8]) -> bool {
    let Some(&first) = name.first() else {
        return false;
    };
    // Most names are told apart by their first byte, nearly all others by their first eight.
    let letter = fold(first).wrapping_sub(b'a');
    let Some(&(from, to)) = RUNS.get(usize::from(letter)) else {
        return false;
    };
    let (from, to) = (usize::from(from), usize::from(to));
    let (Some(words), Some(entries)) = (BEGINNINGS.get(from..to), IDENTITY.get(from..to)) else {
        return false;
    };
    if words.is_empty() {
        return false;
    }
    let start = match name.first_chunk::<8>() {
        Some(first) => wide_beginning(*first),
        None => beginning(name),
    };
    words
        .iter()
        .zip(entries)
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

    /// The question without tables: every entry compared with the whole name.
    fn plainly_speaks(name: &[u8]) -> bool {
        IDENTITY.iter().any(|entry| match entry.last() {
            Some(b'-') => folded_starts_with(name, entry),
            _ => same_folded(name, entry),
        })
    }

    #[test]
    fn the_list_is_in_order_so_that_each_letter_has_one_run() {
        assert!(IDENTITY.is_sorted());
    }

    #[test]
    fn the_tables_answer_as_a_walk_through_the_whole_list_does() {
        for entry in IDENTITY {
            for at in 0..=entry.len() {
                for byte in *b"-_aAzZ9^~\r\x7f\x80\xad\xdf" {
                    let mut name = entry.to_ascii_uppercase();
                    match name.get_mut(at) {
                        Some(place) => *place = byte,
                        None => name.push(byte),
                    }
                    let folded: Vec<u8> = name.iter().map(|b| b.to_ascii_lowercase()).collect();
                    for name in [&name[..], &name[..at], &folded] {
                        assert_eq!(speaks_of_identity(name), plainly_speaks(name), "{name:?}");
                    }
                }
            }
        }
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
            "X-HTTP-Method-Override",
            "x_http_method",
            "X-Method-Override",
            "Cf-Access-Jwt-Assertion",
            "OIDC_CLAIM_email",
            "X-authentik-username",
            "X-Consumer-Username",
        ] {
            assert!(speaks_of_identity(name.as_bytes()), "{name}");
        }
        for name in [
            "X-Requested-With",
            "X-HTTP-Methods",
            "Origin",
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
}
