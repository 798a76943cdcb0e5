//! Where in a request a key may stand.
//!
//! Owns the two fields that carry one, `Authorization: Bearer` (RFC 6750 section 2.1) and
//! `X-API-Key`. Refuses a request that brings two, because which one counts would be a guess, and
//! never looks at the query or a cookie, which end up in logs and are sent unasked.

use crate::KeyRefusal;

/// The field for a bearer key, lower case.
pub const AUTHORIZATION: &str = "authorization";

/// The field for a bare key, lower case.
pub const API_KEY: &str = "x-api-key";

/// The key a request presents, given every value of the two fields it carries.
///
/// An `Authorization` field of another scheme is the app's and presents nothing here.
pub fn presented<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    api_key: impl IntoIterator<Item = &'a [u8]>,
) -> Result<&'a [u8], KeyRefusal> {
    let mut keys = authorization.into_iter().filter_map(bearer).chain(api_key);
    match (keys.next(), keys.next()) {
        (None, _) => Err(KeyRefusal::Missing),
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(KeyRefusal::Ambiguous),
    }
}

/// What stands behind `Bearer`, whose case does not matter (RFC 9110 section 11.1).
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_first_chunk::<6>()?;
    let key = rest.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(b"bearer") && key.len() < rest.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(authorization: &[&'a str], api_key: &[&'a str]) -> Result<&'a [u8], KeyRefusal> {
        presented(
            authorization.iter().map(|value| value.as_bytes()),
            api_key.iter().map(|value| value.as_bytes()),
        )
    }

    #[test]
    fn either_field_presents_a_key() {
        for authorization in ["Bearer key", "bearer key", "BEARER  key"] {
            assert_eq!(of(&[authorization], &[]), Ok(&b"key"[..]));
        }
        assert_eq!(of(&[], &["key"]), Ok(&b"key"[..]));
    }

    #[test]
    fn other_schemes_present_nothing_and_do_not_stand_in_the_way() {
        for authorization in ["Basic a2V5", "Bearerkey", "Bearer", "", "key", "Bear key"] {
            assert_eq!(of(&[authorization], &[]), Err(KeyRefusal::Missing));
            assert_eq!(of(&[authorization], &["key"]), Ok(&b"key"[..]));
        }
        assert_eq!(of(&[], &[]), Err(KeyRefusal::Missing));
    }

    #[test]
    fn two_keys_are_one_too_many_even_if_they_are_equal() {
        for (authorization, api_key) in [
            (&["Bearer a"][..], &["b"][..]),
            (&["Bearer a"], &["a"]),
            (&["Bearer a", "Bearer b"], &[]),
            (&[], &["a", "b"]),
        ] {
            assert_eq!(of(authorization, api_key), Err(KeyRefusal::Ambiguous));
        }
    }
}
