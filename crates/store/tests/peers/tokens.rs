//! Tokens that were used and tokens that were revoked, on a file and on a server alike.

use control::Timestamp;
use store::{
    StoreError,
    tokens::{self, RevocationRow, Revoked},
};

use crate::{
    at,
    bench::{Bench, on_both},
};

on_both! {
    a_token_is_used_once_until_it_has_ended,
    of_uses_at_the_same_moment_one_is_the_first,
    a_revocation_reads_back_and_is_widened_alone,
    revocations_are_bounded_by_those_that_still_count,
    rows_go_once_their_tokens_have_ended,
    a_node_notices_the_revocations_of_another,
    a_revocation_that_does_not_read_is_an_error,
}

fn of_token(number: u8, expires: i64) -> RevocationRow {
    RevocationRow {
        digest: [number; 32],
        issuer: "https://login.test".to_owned(),
        what: Revoked::Token(format!("token {number}")),
        revoked: at(number.into()),
        expires: at(expires),
    }
}

fn of_person(number: u8, expires: i64) -> RevocationRow {
    RevocationRow {
        what: Revoked::Principal(format!("p_{number}")),
        ..of_token(number, expires)
    }
}

fn a_token_is_used_once_until_it_has_ended(bench: &Bench<'_>) {
    let store = bench.open();
    let claim = |number: u8, expires, now| {
        store.run(move |access| tokens::claim(access, &[number; 32], at(expires), at(now)))
    };
    assert_eq!(claim(1, 100, 10), Ok(true));
    assert_eq!(claim(1, 100, 10), Ok(false));
    assert_eq!(claim(2, 100, 10), Ok(true), "another token");
    assert_eq!(claim(1, 200, 99), Ok(false));
    assert_eq!(claim(1, 200, 100), Ok(true), "as if it had been swept");
    assert_eq!(claim(1, 200, 199), Ok(false));
}

fn of_uses_at_the_same_moment_one_is_the_first(bench: &Bench<'_>) {
    let stores = [bench.open(), bench.open()];
    for number in 0..20 {
        let waiting: Vec<_> = (0..6)
            .zip(stores.iter().cycle())
            .map(|(_, store)| {
                store.submit(move |access| tokens::claim(access, &[number; 32], at(100), at(1)))
            })
            .collect();
        let first = waiting.into_iter().map(|pending| pending.wait().unwrap());
        assert_eq!(first.filter(|first| *first).count(), 1);
    }
}

fn a_revocation_reads_back_and_is_widened_alone(bench: &Bench<'_>) {
    let store = bench.open();
    let (one, two) = (of_token(1, 100), of_person(2, 200));
    store
        .run(move |access| {
            for row in [&one, &two] {
                assert!(tokens::revoke(access, row, 10, at(5))?);
            }
            assert_eq!(tokens::list(access, at(5))?, [two.clone(), one.clone()]);
            let later = RevocationRow {
                revoked: at(9),
                expires: at(150),
                ..one.clone()
            };
            for row in [&later, &one] {
                assert!(tokens::revoke(access, row, 10, at(5))?);
                assert_eq!(tokens::list(access, at(5))?, [later.clone(), two.clone()]);
            }
            assert_eq!(tokens::list(access, at(150))?, std::slice::from_ref(&two));
            Ok(())
        })
        .unwrap();
}

fn revocations_are_bounded_by_those_that_still_count(bench: &Bench<'_>) {
    let store = bench.open();
    store
        .run(|access| {
            let revoke = |row: &RevocationRow, now| tokens::revoke(access, row, 2, at(now));
            assert!(revoke(&of_token(1, 100), 5)?);
            assert!(revoke(&of_token(2, 200), 5)?);
            assert!(!revoke(&of_token(3, 200), 99)?);
            assert!(revoke(&of_token(2, 300), 99)?, "one that is there");
            assert!(revoke(&of_token(3, 200), 100)?, "one has ended");
            Ok(())
        })
        .unwrap();
}

fn rows_go_once_their_tokens_have_ended(bench: &Bench<'_>) {
    let store = bench.open();
    store
        .run(|access| {
            tokens::claim(access, &[1; 32], at(100), at(1))?;
            tokens::revoke(access, &of_token(1, 150), 9, at(1))?;
            for (now, swept) in [(99, 0), (100, 1), (149, 0), (150, 1), (999, 0)] {
                assert_eq!(tokens::sweep(access, at(now))?, swept, "{now}");
            }
            Ok(())
        })
        .unwrap();
}

fn a_node_notices_the_revocations_of_another(bench: &Bench<'_>) {
    let (one, other) = (bench.open(), bench.open());
    let revision = || one.run(tokens::revision).unwrap();
    let before = revision();
    assert_eq!(revision(), before);
    other
        .run(|access| tokens::revoke(access, &of_token(1, 100), 9, at(1)))
        .unwrap();
    assert_eq!(revision() != before, one.is_shared());
}

fn a_revocation_that_does_not_read_is_an_error(bench: &Bench<'_>) {
    let store = bench.open();
    let list = || store.run(|access| tokens::list(access, Timestamp::default()));
    store
        .run(|access| tokens::revoke(access, &of_token(1, 100), 9, at(1)))
        .unwrap();
    assert_eq!(list().map(|rows| rows.len()), Ok(1));
    // A file cannot lose the check that refuses such a row.
    if !store.is_shared() {
        return;
    }
    bench.meddle(
        "ALTER TABLE token_revocation DROP CONSTRAINT token_revocation_check;
         UPDATE token_revocation SET jti = NULL",
    );
    assert_eq!(
        list(),
        Err(StoreError::Unreadable {
            table: "token_revocation"
        })
    );
}
