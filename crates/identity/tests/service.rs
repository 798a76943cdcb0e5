//! Keys from their making to their end, over a real store.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{fs, path::PathBuf, time::Duration};

use control::{
    Timestamp,
    rng::{CountingRng, NoRandomness, Rng, SystemRng},
};
use identity::{AccessRefusal, KeyRefusal, Keys, KeysFault, Minted, NewKey, keys::PROBES_LIMIT};
use store::{Store, Tenant};

struct Bench {
    keys: Keys,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouchsafe.db");
    let keys = Keys::open(Store::open(&path).unwrap()).unwrap();
    Bench {
        keys,
        path,
        _folder: folder,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn wish(scopes: &[&str], roles: &[&str]) -> NewKey {
    NewKey {
        name: "reporting".to_owned(),
        scopes: scopes.iter().map(|&s| s.to_owned()).collect(),
        roles: roles.iter().map(|&r| r.to_owned()).collect(),
        ..NewKey::default()
    }
}

impl Bench {
    fn create(&self, wish: &NewKey) -> Minted {
        self.keys.create(wish, at(100), &SystemRng).unwrap()
    }

    fn ask(&self, key: &str, now: i64) -> Result<(), KeyRefusal> {
        self.keys
            .live()
            .authenticate(key.as_bytes(), at(now))
            .map(drop)
    }

    fn may(&self, key: &str, method: &str, path: &str, roles: &[&str]) -> Option<AccessRefusal> {
        let verified = self.keys.live().authenticate(key.as_bytes(), at(101));
        verified.unwrap().authorise(method, path, roles).err()
    }
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
    assert_eq!(verified.unwrap().subject().tenant(), "probe");
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
