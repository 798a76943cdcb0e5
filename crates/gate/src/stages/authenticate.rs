//! Authenticate: whose credential this is.
//!
//! Owns where a credential may stand and the first step of every guard: an open route lets pass for
//! its stated reason, a key is checked against the snapshot of this moment, a signature waits for
//! the body it covers. Refuses a key in a query on every route, because it cannot be taken out of
//! what the app receives, and a key in a cookie where a key is asked for.

use control::{Reason, Refusal, Timestamp};
use identity::{Key, LiveKeys, Verified, api_key, credential, refusal::KEY};
use memchr::memmem;
use wire::{Field, Name, Request};

use crate::site::route::{Guard, OpenPass, Route};

const IN_QUERY: Refusal = Refusal::new(
    KEY,
    401,
    "A key in the address is not accepted: send it as Authorization: Bearer or as X-API-Key, and replace this one.",
    Reason("key-in-query"),
);

const IN_COOKIE: Refusal = Refusal::new(
    KEY,
    401,
    "A key in a cookie is not accepted: send it as Authorization: Bearer or as X-API-Key, and replace this one.",
    Reason("key-in-cookie"),
);

/// Who asks, as far as the head alone can tell.
#[derive(Debug)]
pub(crate) enum Caller {
    /// Anyone: the route says why.
    Open(OpenPass),
    /// The holder of a key.
    Key(Verified<Key>),
    /// Whoever signed the body, which is not read yet.
    Unsigned,
}

/// Finds out who asks.
pub(crate) fn judge(
    keys: &LiveKeys,
    route: &Route,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    if request.query().is_some_and(holds_key) {
        return Err(IN_QUERY);
    }
    match &route.guard {
        Guard::Open(reason) => Ok(Caller::Open(reason.pass())),
        Guard::Webhook(_) => Ok(Caller::Unsigned),
        Guard::Key { .. } => {
            if values(request, Name::Cookie).any(holds_key) {
                return Err(IN_COOKIE);
            }
            let presented = credential::presented(
                values(request, Name::Authorization),
                values(request, Name::XApiKey),
            )?;
            Ok(Caller::Key(keys.authenticate(presented, now)?))
        }
    }
}

fn values<'a>(request: &Request<'a>, name: Name) -> impl Iterator<Item = &'a [u8]> {
    request
        .fields()
        .filter(move |field| field.kind() == name)
        .map(|field| field.value())
}

/// Whether a field carries a credential of ours, which never goes upstream. `consumed` says that
/// the request's key let it pass, so the field that carried it is one.
pub(crate) fn carries_credential(field: &Field<'_>, consumed: bool) -> bool {
    let presents = match field.kind() {
        Name::Authorization => consumed && credential::bearer(field.value()).is_some(),
        Name::XApiKey => consumed,
        _ => false,
    };
    presents || holds_key(field.value())
}

/// Whether `bytes` hold a key of ours or the beginning of one: its mark and a public prefix. The
/// underscore may be percent-encoded, as a query would have it.
pub(crate) fn holds_key(bytes: &[u8]) -> bool {
    let (stem, mark) = api_key::MARK.as_bytes().split_at(api_key::MARK.len() - 1);
    if bytes.len() < api_key::MARK.len() + api_key::ID_LENGTH {
        return false;
    }
    memmem::find_iter(bytes, stem).any(|at| {
        let Some(behind) = bytes.get(at + stem.len()..) else {
            return false;
        };
        let prefix = behind
            .strip_prefix(mark)
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
}
