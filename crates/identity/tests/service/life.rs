//! Which keys pass, for what, and until when.

use std::{fs, time::Duration};

use control::{Timestamp, rng::SystemRng};
use identity::{AccessRefusal, KeyRefusal, Keys, NewKey};
use store::Store;

use crate::{at, bench, wish};

/// The checksum by its definition, apart from the code under test.
fn checksum(text: &str) -> String {
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut value = usize::try_from(crc32fast::hash(text.as_bytes())).unwrap();
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(alphabet.get(value % 62).unwrap());
        value /= 62;
    }
    digits.into_iter().rev().collect()
}

#[test]
fn a_key_works_once_it_is_shown() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    assert_eq!(bench.ask(minted.key.expose(), 101), Ok(()));
    let reopened = Keys::open(Store::open(&bench.path).unwrap()).unwrap();
    let presented = minted.key.expose().as_bytes();
    assert!(reopened.live().authenticate(presented, at(101)).is_ok());
}

#[test]
fn every_wrong_key_is_refused_for_what_it_is() {
    let bench = bench();
    let good = bench.create(&wish(&["GET /api"], &[]));
    let good = good.key.expose();
    let other = bench.create(&wish(&["GET /api"], &[]));
    let stranger = identity::ApiKey::generate(&SystemRng).unwrap();
    // The prefix of one key with the secret of another, and a checksum to match.
    let mixed = format!("{}{}", &good[..17], &other.key.expose()[17..60]);
    let mixed = format!("{mixed}{}", checksum(&mixed));
    for (key, refusal) in [
        (stranger.expose(), KeyRefusal::Unknown),
        (&mixed, KeyRefusal::Mismatch),
        (&good[1..], KeyRefusal::Malformed),
        ("", KeyRefusal::Malformed),
        (&good.to_ascii_lowercase(), KeyRefusal::Malformed),
    ] {
        assert_eq!(bench.ask(key, 101), Err(refusal), "{key}");
    }
    assert_eq!(bench.ask(good, 101), Ok(()));
}

#[test]
fn a_revoked_key_is_refused_at_once_and_the_others_go_on() {
    let bench = bench();
    let first = bench.create(&wish(&["GET /api"], &[]));
    let second = bench.create(&wish(&["GET /api"], &[]));
    let live = bench.keys.live();
    assert_eq!(bench.ask(first.key.expose(), 101), Ok(()));
    assert!(live.stands(first.id, at(101)));
    bench.keys.revoke(first.id.as_str(), at(102)).unwrap();
    assert_eq!(bench.ask(first.key.expose(), 102), Err(KeyRefusal::Revoked));
    assert!(!live.stands(first.id, at(102)));
    assert!(live.stands(second.id, at(102)));
    assert_eq!(bench.ask(second.key.expose(), 102), Ok(()));
    let again = bench.keys.revoke(first.id.as_str(), at(900)).unwrap();
    assert_eq!(again, first.id);
    let listing = bench.keys.list().unwrap();
    let revoked = listing.iter().find(|l| l.id == first.id.as_str()).unwrap();
    assert_eq!(revoked.revoked, Some(at(102).to_string()));
}

#[test]
fn a_wrong_secret_does_not_learn_that_its_key_is_revoked() {
    let bench = bench();
    let key = bench.create(&wish(&["GET /api"], &[]));
    bench.keys.revoke(key.id.as_str(), at(102)).unwrap();
    let guess = format!("{}{}", &key.key.expose()[..17], "0".repeat(43));
    let guess = format!("{guess}{}", checksum(&guess));
    assert_eq!(bench.ask(&guess, 103), Err(KeyRefusal::Mismatch));
}

#[test]
fn a_revocation_by_another_process_is_seen_with_the_next_tick() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    bench.keys.tick(at(101)).unwrap();
    let elsewhere = Keys::open(Store::open(&bench.path).unwrap()).unwrap();
    elsewhere.revoke(minted.id.as_str(), at(102)).unwrap();
    assert_eq!(bench.ask(minted.key.expose(), 102), Ok(()));
    bench.keys.tick(at(102)).unwrap();
    assert_eq!(
        bench.ask(minted.key.expose(), 102),
        Err(KeyRefusal::Revoked)
    );
}

#[test]
fn a_key_ends_at_its_moment() {
    let bench = bench();
    let minted = bench.create(&NewKey {
        lifetime: Some(Duration::from_secs(60)),
        ..wish(&["GET /api"], &[])
    });
    assert_eq!(minted.expires, Some(at(160)));
    let last = Timestamp::from_millis(159_999);
    let key = minted.key.expose().as_bytes();
    assert!(bench.keys.live().authenticate(key, last).is_ok());
    assert_eq!(
        bench.ask(minted.key.expose(), 160),
        Err(KeyRefusal::Expired)
    );
}

#[test]
fn scopes_and_roles_decide_what_a_key_may_do() {
    let bench = bench();
    let key = bench.create(&wish(&["GET,POST /api"], &["mentor", "ops"]));
    let key = key.key.expose();
    assert_eq!(bench.may(key, "GET", "/api/students", &[]), None);
    assert_eq!(bench.may(key, "POST", "/api", &["admin", "ops"]), None);
    let outside = Some(AccessRefusal::Scope);
    assert_eq!(bench.may(key, "DELETE", "/api", &[]), outside);
    assert_eq!(bench.may(key, "GET", "/apis", &[]), outside);
    assert_eq!(bench.may(key, "GET", "/API", &["ops"]), outside);
    let without = Some(AccessRefusal::Role);
    assert_eq!(bench.may(key, "GET", "/api", &["admin"]), without);
    assert_eq!(bench.may(key, "GET", "/api", &["Ops"]), without);
}

#[test]
fn no_scope_is_no_access_and_everything_is_said_aloud() {
    let bench = bench();
    let none = bench.create(&wish(&[], &["mentor"]));
    let outside = Some(AccessRefusal::Scope);
    assert_eq!(bench.may(none.key.expose(), "GET", "/", &[]), outside);
    let all = bench.create(&NewKey {
        all: true,
        ..wish(&[], &[])
    });
    assert_eq!(
        bench.may(all.key.expose(), "DELETE", "/any/thing", &[]),
        None
    );
    let listed = bench.keys.list().unwrap();
    let scopes = |id: &str| listed.iter().find(|l| l.id == id).unwrap().scopes.clone();
    assert_eq!(scopes(none.id.as_str()), Vec::<String>::new());
    assert_eq!(scopes(all.id.as_str()), ["*"]);
}

#[test]
fn nothing_of_a_key_but_its_prefix_is_in_any_file_or_listing() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &["mentor"]));
    assert_eq!(bench.ask(minted.key.expose(), 101), Ok(()));
    bench.keys.tick(at(200)).unwrap();
    let listing = serde_json::to_string(&bench.keys.list().unwrap()).unwrap();
    let mut seen = vec![listing.into_bytes()];
    for file in fs::read_dir(bench.path.parent().unwrap()).unwrap() {
        seen.push(fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |needle: &[u8]| {
        seen.iter()
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let key = minted.key.expose().as_bytes();
    assert!(holds(minted.id.as_str().as_bytes()), "the search finds");
    // Any eight characters of the secret would be too much.
    for piece in key.get(17..).unwrap().windows(8) {
        assert!(!holds(piece));
    }
}
