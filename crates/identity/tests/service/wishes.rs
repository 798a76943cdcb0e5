//! Keys that are not made, and rows that are not read.

use std::time::Duration;

use control::rng::{CountingRng, NoRandomness, Rng, SystemRng};
use identity::{Keys, NewKey};
use store::{Store, Tenant};

use crate::{at, bench, wish};

#[test]
fn wishes_that_break_a_rule_are_refused_with_a_hint() {
    let bench = bench();
    let base = wish(&["GET /api"], &["mentor"]);
    let long = "x".repeat(101);
    for (change, code) in [
        (
            NewKey {
                name: " ".to_owned(),
                ..base.clone()
            },
            "key.name",
        ),
        (
            NewKey {
                name: long,
                ..base.clone()
            },
            "key.name",
        ),
        (
            NewKey {
                name: "a\nb".to_owned(),
                ..base.clone()
            },
            "key.name",
        ),
        (wish(&["GET /api", "api"], &[]), "key.scope"),
        (
            NewKey {
                all: true,
                ..base.clone()
            },
            "key.all-and-scopes",
        ),
        (wish(&[], &["Mentor"]), "key.role"),
        (wish(&[], &[""]), "key.role"),
        (wish(&[], &["r"; 33]), "key.too-many-roles"),
        (wish(&["GET /a"; 65], &[]), "key.scope"),
        (
            NewKey {
                tenant: Some("probe".to_owned()),
                ..base.clone()
            },
            "key.tenant",
        ),
        (
            NewKey {
                tenant: Some("a b".to_owned()),
                ..base.clone()
            },
            "key.tenant",
        ),
        (
            NewKey {
                lifetime: Some(Duration::ZERO),
                ..base.clone()
            },
            "key.lifetime",
        ),
        (
            NewKey {
                lifetime: Some(Duration::MAX),
                ..base.clone()
            },
            "key.lifetime",
        ),
    ] {
        let fault = bench.keys.create(&change, at(100), &SystemRng).unwrap_err();
        assert_eq!(fault.code(), code, "{change:?}");
        assert!(!fault.hint().is_empty());
    }
    assert!(bench.keys.list().unwrap().is_empty());
    assert!(bench.keys.create(&base, at(100), &SystemRng).is_ok());
}

#[test]
fn a_key_pasted_where_an_id_belongs_is_not_repeated() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    let fault = bench.keys.revoke(minted.key.expose(), at(101)).unwrap_err();
    assert_eq!(fault.code(), "key.unknown");
    assert!(!fault.to_string().contains(&minted.key.expose()[17..]));
    assert_eq!(bench.ask(minted.key.expose(), 102), Ok(()));
    let fault = bench.keys.revoke("000000000000", at(101)).unwrap_err();
    assert_eq!(fault.to_string(), "there is no key 000000000000");
}

#[test]
fn without_randomness_there_is_no_key() {
    struct Broken;
    impl Rng for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }
    let bench = bench();
    let fault = bench.keys.create(&wish(&[], &[]), at(100), &Broken);
    assert_eq!(fault.unwrap_err().code(), "key.random");
    assert!(bench.keys.list().unwrap().is_empty());
}

#[test]
fn a_generator_that_repeats_itself_makes_no_second_key() {
    struct Repeating;
    impl Rng for Repeating {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            CountingRng::from_seed(1).fill(bytes)
        }
    }
    let bench = bench();
    let first = bench.keys.create(&wish(&[], &[]), at(100), &Repeating);
    let second = bench.keys.create(&wish(&[], &[]), at(100), &Repeating);
    assert!(first.is_ok());
    assert_eq!(second.unwrap_err().code(), "key.random");
}

#[test]
fn a_stored_key_that_does_not_read_stops_the_start() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    drop(bench.keys);
    let store = Store::open(&bench.path).unwrap();
    let mut row = store
        .run(move |access| store::keys::get(&access.within(&Tenant::every())?, minted.id.as_str()))
        .unwrap()
        .unwrap();
    row.id = "000000000000".to_owned();
    row.scopes = vec!["* /".to_owned()];
    assert_eq!(
        store.run(move |access| store::keys::insert(&access.within(&Tenant::every())?, &row)),
        Ok(true)
    );
    let Err(fault) = Keys::open(store) else {
        panic!("a row with an impossible scope was read");
    };
    assert_eq!(fault.code(), "key.unreadable");
}
