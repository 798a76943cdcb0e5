//! Credentials of ours that a request carries, wherever they stand.
//!
//! Owns finding them in the bytes of a head: a key by its mark and public prefix, also percent-encoded or
//! as half of a Basic pair, and a token of ours by how it begins. Judges nothing: what is found here is
//! kept from apps and logs, or refused for its place.

use std::sync::LazyLock;

use identity::{api_key, credential, token::KeyTokens};
use memchr::memmem;
use wire::{Field, Name, Request, scan::Span};

/// The mark of a key, without its underscore and the underscore, which a query would encode.
const PARTS: (&str, &str) = api_key::MARK.split_at(api_key::MARK.len() - 1);
const STEM: &str = PARTS.0;

/// Finds [`STEM`]. Preparing the search costs more than most searches.
static STEMS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(STEM));

/// Most places in a head that are looked at one by one.
const PLACES: usize = 4;

/// Credentials of ours in a request's head, which never go upstream.
pub(crate) struct Credentials<'a> {
    /// How tokens of ours begin.
    tokens: &'a KeyTokens,
    /// Whether the request's key let it pass, so that the field that carried it is one.
    consumed: bool,
    /// Where in the head [`STEM`] stands: nearly always nowhere, or in the field of the key.
    places: [usize; PLACES],
    /// How many of them there are; more than fit means that it may stand anywhere.
    count: usize,
}

impl<'a> Credentials<'a> {
    /// Looks through the whole head once, so that a field without any costs nothing.
    pub(crate) fn of(request: &Request<'_>, consumed: bool, tokens: &'a KeyTokens) -> Self {
        let mut found = Self {
            tokens,
            consumed,
            places: [0; PLACES],
            count: 0,
        };
        for at in STEMS.find_iter(request.bytes()).take(PLACES + 1) {
            if let Some(place) = found.places.get_mut(found.count) {
                *place = at;
            }
            found.count += 1;
        }
        found
    }

    /// Whether a field of that request carries one.
    pub(crate) fn are_carried_by(&self, field: &Field<'_>) -> bool {
        let presents = match field.kind() {
            Name::Authorization => {
                credential::bearer(field.value())
                    .is_some_and(|bearer| self.consumed || self.tokens.begins(bearer))
                    || basic(field.value()).is_some_and(|pair| holds_key(&pair))
            }
            Name::XApiKey => self.consumed,
            _ => false,
        };
        presents || self.may_stand_in(field.place()) && holds_key(field.value())
    }

    fn may_stand_in(&self, place: Span) -> bool {
        match self.places.get(..self.count) {
            Some(places) => {
                let within = place.start as usize..place.end as usize;
                places.iter().any(|at| within.contains(at))
            }
            None => true,
        }
    }
}

/// User and password of `Authorization: Basic` (RFC 7617): many clients give a key as one of them.
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_first_chunk::<5>()?;
    let pair = rest.trim_ascii_start();
    if !scheme.eq_ignore_ascii_case(b"basic") || pair.len() == rest.len() {
        return None;
    }
    seal::encode::unbase64(pair).ok()
}

/// Whether an address holds a key of ours, also where an eager client encoded its letters.
pub(super) fn names_key(target: &[u8]) -> bool {
    if memchr::memchr(b'%', target).is_none() {
        return holds_key(target);
    }
    holds_key(&seal::encode::unpercent(target))
}

/// Whether `bytes` hold a key of ours or the beginning of one: its mark and a public prefix. The
/// underscore may be percent-encoded, as a query would have it.
pub(crate) fn holds_key(bytes: &[u8]) -> bool {
    if bytes.len() < api_key::MARK.len() + api_key::ID_LENGTH {
        return false;
    }
    STEMS.find_iter(bytes).any(|at| {
        let Some(behind) = bytes.get(at + STEM.len()..) else {
            return false;
        };
        let prefix = behind
            .strip_prefix(PARTS.1.as_bytes())
            .or_else(|| behind.strip_prefix(b"%5f"))
            .or_else(|| behind.strip_prefix(b"%5F"));
        prefix
            .and_then(|prefix| prefix.get(..api_key::ID_LENGTH))
            .is_some_and(|prefix| prefix.iter().all(u8::is_ascii_alphanumeric))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Received;

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        for text in [
            "vsk_abcdefGHIJ12_rest",
            "key=vsk_abcdefGHIJ12_rest&x=1",
            "key=vsk%5fabcdefGHIJ12",
            "key=vsk%5FabcdefGHIJ12",
            "a=vsk_; b=vsk_abcdefGHIJ12",
        ] {
            assert!(holds_key(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_key_is_found_in_an_address_however_it_is_written() {
        for target in [
            "/invite/vsk_abcdefGHIJ12_rest",
            "/?key=vsk%5Fabcdef%47HIJ12",
            "/a%20b?key=%76%73%6b%5f%61bcdefGHIJ12",
            "/100%25?a=%zz&key=vsk_abcdefGHIJ12",
        ] {
            assert!(names_key(target.as_bytes()), "{target}");
        }
        for target in ["/", "/a%20b?key=abc", "/vsk_?a=%76sk%5F", "/100%", "/%7"] {
            assert!(!names_key(target.as_bytes()), "{target}");
        }
    }

    #[test]
    fn a_key_given_as_user_or_password_is_found() {
        for (pair, found) in [
            ("vsk_abcdefGHIJ12_rest:", true),
            ("me:vsk_abcdefGHIJ12_rest", true),
            ("me:password", false),
        ] {
            let line = format!(
                "Authorization: basic {}",
                seal::encode::base64(pair.as_bytes())
            );
            let received = Received::of(&["GET / HTTP/1.1", "Host: a", &line]);
            let request = received.request();
            assert_eq!(carrying(&request, false), [false, found], "{pair}");
        }
    }

    #[test]
    fn words_that_only_look_like_a_key_are_left_alone() {
        for text in [
            "",
            "vsk_",
            "what does vsk_ mean in the manual",
            "VSK_abcdefGHIJ12",
            "vsk_abcdef_GHIJ12",
        ] {
            assert!(!holds_key(text.as_bytes()), "{text}");
        }
    }

    /// For each field whether it carries a credential.
    fn carrying(request: &Request<'_>, consumed: bool) -> Vec<bool> {
        let tokens = KeyTokens::derived(&[7; 32]).unwrap();
        let credentials = Credentials::of(request, consumed, &tokens);
        let fields = request.fields();
        fields.map(|f| credentials.are_carried_by(&f)).collect()
    }

    #[test]
    fn a_key_is_found_in_the_field_it_stands_in_and_in_no_other() {
        const KEY: &str = "vsk_abcdefGHIJ12_rest";
        for keys in 0..7 {
            let mut lines = vec!["GET /vsk_ HTTP/1.1".to_owned(), "Host: a".to_owned()];
            let mut expected = vec![false];
            for number in 0..keys {
                lines.push(format!("X-A{number}: vsk_ alone"));
                lines.push(format!("X-B{number}: before {KEY} behind"));
                expected.extend([false, true]);
            }
            lines.push("X-Last: vsk".to_owned());
            expected.push(false);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let received = Received::of(&lines);
            assert_eq!(carrying(&received.request(), false), expected, "{keys}");
        }
    }

    #[test]
    fn a_token_of_ours_is_one_on_every_route_and_anothers_is_not() {
        let ours = KeyTokens::derived(&[7; 32]).unwrap();
        for (tokens, found) in [(ours, true), (KeyTokens::derived(&[8; 32]).unwrap(), false)] {
            let line = format!("Authorization: Bearer {}e30.c2ln", tokens.beginning());
            let received = Received::of(&["GET / HTTP/1.1", "Host: a", &line]);
            assert_eq!(carrying(&received.request(), false), [false, found]);
        }
    }

    #[test]
    fn the_field_of_a_consumed_key_is_one_whatever_it_holds() {
        let received = Received::of(&[
            "GET / HTTP/1.1",
            "Host: a",
            "X-API-Key: x",
            "Authorization: Bearer x",
        ]);
        let request = received.request();
        assert_eq!(carrying(&request, true), [false, true, true]);
        assert_eq!(carrying(&request, false), [false, false, false]);
    }
}
