use control::rng::CountingRng;

use super::*;
use crate::ApiKey;

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn key(seed: u64) -> ApiKey {
    ApiKey::generate(&CountingRng::from_seed(seed)).unwrap()
}

/// A handle whose table holds the key, with one that was revoked.
fn live(key: &ApiKey, revoked: &ApiKey) -> LiveKeys {
    let row = |key: &ApiKey, revoked| KeyRow {
        id: key.id().to_string(),
        digest: key.digest(),
        name: "name".to_owned(),
        scopes: Vec::new(),
        roles: Vec::new(),
        tenant: "default".to_owned(),
        created: at(1),
        expires: None,
        last_used: None,
        revoked,
        probe: false,
    };
    let rows = [row(key, None), row(revoked, Some(at(2)))];
    LiveKeys::new(KeyTable::new(&rows).unwrap())
}

#[test]
fn keys_that_nobody_else_changes_need_no_confirmation() {
    let (good, gone) = (key(1), key(2));
    let live = live(&good, &gone);
    live.confirm(at(0));
    let asked = live.authenticate(good.expose().as_bytes(), at(1_000_000_000));
    assert!(asked.is_ok());
    assert!(live.stands(good.id(), at(1_000_000_000)));
}

#[test]
fn a_shared_table_counts_for_five_seconds_after_the_store_confirmed_it() {
    let (good, gone, stranger) = (key(1), key(2), key(3));
    let live = live(&good, &gone);
    let ask = |key: &ApiKey, now| {
        let asked = live.authenticate(key.expose().as_bytes(), at(now));
        asked.map(drop)
    };
    live.expect_confirmations(at(1000));
    for (now, known, unknown) in [
        (6000, Ok(()), Err(KeyRefusal::Unknown)),
        // Another node may have revoked the one and made the other.
        (6001, Err(KeyRefusal::Away), Err(KeyRefusal::Away)),
    ] {
        assert_eq!(ask(&good, now), known);
        assert_eq!(ask(&stranger, now), unknown);
        // These stay what they are, whatever the store would say.
        assert_eq!(ask(&gone, now), Err(KeyRefusal::Revoked));
        let malformed = live.authenticate(b"vsk_", at(now)).map(drop);
        assert_eq!(malformed, Err(KeyRefusal::Malformed));
    }
    live.confirm(at(7000));
    assert_eq!(ask(&good, 12_000), Ok(()));
    // Asked again where it is expected already, nothing moves.
    live.expect_confirmations(at(20_000));
    assert_eq!(ask(&good, 12_001), Err(KeyRefusal::Away));
}

#[test]
fn a_connection_that_lasts_is_given_ten_seconds() {
    let (good, gone) = (key(1), key(2));
    let live = live(&good, &gone);
    live.expect_confirmations(at(1000));
    assert!(live.stands(good.id(), at(11_000)));
    assert!(!live.stands(good.id(), at(11_001)));
}
