//! The rows of both tables and the rules they keep.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use control::Timestamp;
use store::{
    Store, StoreError, keys,
    keys::KeyRow,
    replay::{self, Claim, Claimed},
};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
    (folder, store)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn key(id: &str, probe: bool, expires: Option<i64>) -> KeyRow {
    KeyRow {
        id: id.to_owned(),
        digest: [7; 32],
        name: "name".to_owned(),
        scopes: vec!["GET,POST /api".to_owned(), "* /ünïcode".to_owned()],
        roles: vec![],
        tenant: "default".to_owned(),
        created: at(1),
        expires: expires.map(at),
        last_used: None,
        revoked: None,
        probe,
    }
}

#[test]
fn a_key_reads_back_as_it_was_written() {
    let (_folder, store) = store();
    let row = KeyRow {
        last_used: Some(at(5)),
        revoked: Some(at(6)),
        ..key("a", true, Some(9))
    };
    let expected = row.clone();
    let read = store.run(move |access| {
        keys::insert(access, &row)?;
        keys::get(access, "a")
    });
    assert_eq!(read, Ok(Some(expected)));
    assert_eq!(store.run(|access| keys::get(access, "b")), Ok(None));
}

#[test]
fn an_id_is_given_once() {
    let (_folder, store) = store();
    store
        .run(|access| {
            assert!(keys::insert(access, &key("a", false, None))?);
            assert!(!keys::insert(access, &key("a", false, Some(9)))?);
            assert_eq!(keys::get(access, "a")?.unwrap().expires, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_first_revocation_is_the_one_that_counts() {
    let (_folder, store) = store();
    store
        .run(|access| {
            keys::insert(access, &key("a", false, None))?;
            keys::insert(access, &key("b", false, None))?;
            assert!(keys::revoke(access, "a", at(5))?);
            assert!(keys::revoke(access, "a", at(9))?);
            assert!(!keys::revoke(access, "c", at(9))?);
            assert_eq!(keys::get(access, "a")?.unwrap().revoked, Some(at(5)));
            assert_eq!(keys::get(access, "b")?.unwrap().revoked, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn last_use_never_moves_back() {
    let (_folder, store) = store();
    store
        .run(|access| {
            keys::insert(access, &key("a", false, None))?;
            for (used, last) in [(5, 5), (9, 9), (7, 9)] {
                assert!(keys::touch(access, "a", at(used))?);
                assert_eq!(keys::get(access, "a")?.unwrap().last_used, Some(at(last)));
            }
            assert!(!keys::touch(access, "b", at(9))?);
            Ok(())
        })
        .unwrap();
}

#[test]
fn only_keys_made_for_proofs_are_ever_removed() {
    let (_folder, store) = store();
    store
        .run(|access| {
            keys::insert(access, &key("real", false, Some(5)))?;
            keys::insert(access, &key("revoked", false, None))?;
            keys::insert(access, &key("ended", true, Some(5)))?;
            keys::insert(access, &key("running", true, Some(6)))?;
            keys::revoke(access, "revoked", at(4))?;
            let count = |probe| keys::count(access, probe);
            assert_eq!((count(false)?, count(true)?), (1, 2));
            assert_eq!(keys::sweep_probes(access, at(5))?, 1);
            assert_eq!((count(false)?, count(true)?), (1, 1));
            keys::revoke(access, "running", at(5))?;
            assert_eq!(keys::sweep_probes(access, at(5))?, 1);
            let left: Vec<_> = keys::list(access)?.into_iter().map(|row| row.id).collect();
            assert_eq!(left, ["real", "revoked"]);
            Ok(())
        })
        .unwrap();
}

fn wish(now: i64) -> Claim {
    Claim {
        source: "/webhook".to_owned(),
        digest: [1; 32],
        candidate: [u8::try_from(now).unwrap(); 16],
        now: at(now),
        lease: Duration::from_secs(70),
        expires: Some(at(1000)),
    }
}

fn fresh(id: u8, attempt: i64) -> Claimed {
    Claimed::Fresh {
        delivery: [id; 16],
        attempt,
    }
}

#[test]
fn a_second_delivery_waits_while_the_first_is_in_flight() {
    let (_folder, store) = store();
    let claimed = store.run(|access| {
        Ok([
            replay::claim(access, &wish(1))?,
            replay::claim(access, &wish(2))?,
            replay::claim(access, &wish(70))?,
        ])
    });
    let waiting = Claimed::InFlight {
        delivery: [1; 16],
        until: at(71),
    };
    assert_eq!(claimed, Ok([fresh(1, 1), waiting, waiting]));
}

#[test]
fn a_lease_given_before_the_clock_was_set_back_holds_no_longer_than_a_new_one() {
    let (_folder, store) = store();
    let waiting = |until| Claimed::InFlight {
        delivery: [200; 16],
        until: at(until),
    };
    let claimed = store.run(|access| {
        Ok([
            replay::claim(access, &wish(200))?,
            replay::claim(access, &wish(1))?,
            replay::claim(access, &wish(70))?,
            replay::claim(access, &wish(71))?,
        ])
    });
    assert_eq!(
        claimed,
        Ok([fresh(200, 1), waiting(71), waiting(71), fresh(200, 2)])
    );
}

#[test]
fn a_done_delivery_stays_done() {
    let (_folder, store) = store();
    let claimed = store.run(|access| {
        replay::claim(access, &wish(1))?;
        assert!(replay::done(access, "/webhook", &[1; 32], at(2))?);
        assert!(!replay::done(access, "/webhook", &[1; 32], at(3))?);
        assert!(!replay::release(access, "/webhook", &[1; 32], 1)?);
        replay::claim(access, &wish(100))
    });
    assert_eq!(
        claimed,
        Ok(Claimed::Done {
            delivery: [1; 16],
            at: at(2)
        })
    );
}

#[test]
fn a_released_delivery_is_forwarded_again_under_its_id() {
    let (_folder, store) = store();
    let claimed = store.run(|access| {
        replay::claim(access, &wish(1))?;
        assert!(replay::release(access, "/webhook", &[1; 32], 1)?);
        replay::claim(access, &wish(2))
    });
    assert_eq!(claimed, Ok(fresh(1, 2)));
}

#[test]
fn a_lease_lost_in_a_crash_is_claimed_again_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouchsafe.db");
    let store = Store::open(&path).unwrap();
    let claimed = store.run(|access| replay::claim(access, &wish(1)));
    assert_eq!(claimed, Ok(fresh(1, 1)));
    drop(store);
    let store = Store::open(&path).unwrap();
    let early = store.run(|access| replay::claim(access, &wish(70)));
    assert!(matches!(early, Ok(Claimed::InFlight { .. })));
    let later = store.run(|access| replay::claim(access, &wish(71)));
    assert_eq!(later, Ok(fresh(1, 2)));
}

#[test]
fn an_attempt_that_lost_its_lease_cannot_release_the_next_but_can_say_done() {
    let (_folder, store) = store();
    store
        .run(|access| {
            replay::claim(access, &wish(1))?;
            assert_eq!(replay::claim(access, &wish(80))?, fresh(1, 2));
            assert!(!replay::release(access, "/webhook", &[1; 32], 1)?);
            assert!(matches!(
                replay::claim(access, &wish(81))?,
                Claimed::InFlight { .. }
            ));
            assert!(replay::done(access, "/webhook", &[1; 32], at(82))?);
            assert!(matches!(
                replay::claim(access, &wish(83))?,
                Claimed::Done { .. }
            ));
            Ok(())
        })
        .unwrap();
}

#[test]
fn other_sources_and_other_digests_are_other_deliveries() {
    let (_folder, store) = store();
    let claimed = store.run(|access| {
        let mut other_source = wish(2);
        other_source.source = "/other".to_owned();
        let mut other_digest = wish(3);
        other_digest.digest = [2; 32];
        Ok([
            replay::claim(access, &wish(1))?,
            replay::claim(access, &other_source)?,
            replay::claim(access, &other_digest)?,
        ])
    });
    assert_eq!(claimed, Ok([fresh(1, 1), fresh(2, 1), fresh(3, 1)]));
}

#[test]
fn an_expired_row_counts_as_gone_whether_or_not_it_was_swept() {
    for swept in [false, true] {
        let (_folder, store) = store();
        let claimed = store.run(move |access| {
            let mut short = wish(1);
            short.expires = Some(at(90));
            replay::claim(access, &short)?;
            replay::done(access, "/webhook", &[1; 32], at(2))?;
            assert_eq!(replay::sweep(access, at(89))?, 0);
            assert!(matches!(
                replay::claim(access, &wish(89))?,
                Claimed::Done { .. }
            ));
            if swept {
                assert_eq!(replay::sweep(access, at(90))?, 1);
            }
            replay::claim(access, &wish(90))
        });
        assert_eq!(claimed, Ok(fresh(90, 1)));
    }
}

#[test]
fn rows_without_an_end_are_kept_until_their_source_is_forgotten() {
    let (_folder, store) = store();
    store
        .run(|access| {
            let mut endless = wish(1);
            endless.expires = None;
            replay::claim(access, &endless)?;
            assert_eq!(replay::sweep(access, at(i64::MAX / 1000))?, 0);
            assert_eq!(replay::forget(access, "/other")?, 0);
            assert_eq!(replay::forget(access, "/webhook")?, 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_row_that_does_not_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouchsafe.db");
    let store = Store::open(&path).unwrap();
    store
        .run(|access| keys::insert(access, &key("a", false, None)))
        .unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute("UPDATE api_key SET scopes = 'GET /api'", [])
        .unwrap();
    assert_eq!(
        store.run(keys::list),
        Err(StoreError::Unreadable { table: "api_key" })
    );
}
