//! When keys were last used, and the keys of proofs, which leave nothing.

use control::rng::SystemRng;
use identity::{KeyRefusal, Keys, KeysFault, keys::PROBES_LIMIT};
use store::Store;

use crate::{at, bench, wish};

#[test]
fn last_use_is_shown_at_once_and_stored_within_a_minute() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    let last_used = |keys: &Keys| keys.list().unwrap().remove(0).last_used;
    bench.keys.tick(at(100)).unwrap();
    assert_eq!(last_used(&bench.keys), None);
    bench.ask(minted.key.expose(), 110).unwrap();
    assert_eq!(last_used(&bench.keys), Some(at(110).to_string()));
    let stored = || last_used(&Keys::open(Store::open(&bench.path).unwrap()).unwrap());
    bench.keys.tick(at(159)).unwrap();
    assert_eq!(stored(), None);
    bench.keys.tick(at(160)).unwrap();
    assert_eq!(stored(), Some(at(110).to_string()));
    // Another use within the same minute is not worth a write.
    bench.ask(minted.key.expose(), 165).unwrap();
    assert_eq!(last_used(&bench.keys), Some(at(110).to_string()));
    bench.ask(minted.key.expose(), 170).unwrap();
    bench.keys.store_uses().unwrap();
    assert_eq!(stored(), Some(at(170).to_string()));
}

#[test]
fn what_is_known_of_last_use_survives_other_changes() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    bench.ask(minted.key.expose(), 110).unwrap();
    bench.create(&wish(&["GET /api"], &[]));
    let listed = bench.keys.list().unwrap();
    let first = listed.iter().find(|l| l.id == minted.id.as_str()).unwrap();
    assert_eq!(first.last_used, Some(at(110).to_string()));
}

#[test]
fn a_refused_use_is_no_use() {
    let bench = bench();
    let minted = bench.create(&wish(&["GET /api"], &[]));
    bench.keys.revoke(minted.id.as_str(), at(101)).unwrap();
    assert!(bench.ask(minted.key.expose(), 110).is_err());
    assert_eq!(bench.keys.list().unwrap().remove(0).last_used, None);
}

#[test]
fn a_key_of_a_proof_lives_a_minute_in_its_own_tenant_and_leaves_nothing() {
    let bench = bench();
    let real = bench.create(&wish(&["GET /api"], &[]));
    let scopes = ["GET /api".to_owned()];
    let probe = bench
        .keys
        .create_probe(&scopes, &[], at(100), &SystemRng)
        .unwrap();
    let revoked = bench
        .keys
        .create_probe(&scopes, &[], at(100), &SystemRng)
        .unwrap();
    let live = bench.keys.live();
    let verified = live.authenticate(probe.key.expose().as_bytes(), at(159));
    assert_eq!(verified.unwrap().principal().tenant(), "probe");
    assert_eq!(bench.ask(probe.key.expose(), 160), Err(KeyRefusal::Expired));
    bench.keys.revoke(revoked.id.as_str(), at(110)).unwrap();
    assert_eq!(
        bench.ask(revoked.key.expose(), 110),
        Err(KeyRefusal::Revoked)
    );
    bench.keys.tick(at(111)).unwrap();
    let ids = || -> Vec<String> {
        let listed = bench.keys.list().unwrap();
        listed.into_iter().map(|l| l.id).collect()
    };
    assert!(!ids().contains(&revoked.id.to_string()));
    assert!(ids().contains(&probe.id.to_string()));
    bench.keys.tick(at(160)).unwrap();
    assert_eq!(ids(), [real.id.to_string()]);
    assert_eq!(bench.ask(real.key.expose(), 160), Ok(()));
}

#[test]
fn proofs_cannot_fill_the_store() {
    let bench = bench();
    for _ in 0..PROBES_LIMIT {
        bench
            .keys
            .create_probe(&[], &[], at(100), &SystemRng)
            .unwrap();
    }
    let more = bench.keys.create_probe(&[], &[], at(100), &SystemRng);
    assert_eq!(
        more.unwrap_err(),
        KeysFault::TooMany {
            limit: PROBES_LIMIT
        }
    );
    assert!(
        bench
            .keys
            .create(&wish(&[], &[]), at(100), &SystemRng)
            .is_ok()
    );
    bench.keys.tick(at(160)).unwrap();
    assert!(
        bench
            .keys
            .create_probe(&[], &[], at(160), &SystemRng)
            .is_ok()
    );
}
