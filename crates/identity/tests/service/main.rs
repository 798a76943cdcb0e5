//! Keys from their making to their end, over a real store.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod life;
mod uses;
mod wishes;

use std::path::PathBuf;

use control::{Timestamp, rng::SystemRng};
use identity::{AccessRefusal, KeyRefusal, Keys, Minted, NewKey};
use store::Store;

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
        verified.unwrap().authorise(method, path, roles, None).err()
    }
}
