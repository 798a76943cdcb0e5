//! The store beside real servers.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::panic, reason = "a test may fail loudly")]

mod accounts;
mod authority;
mod bench;
#[path = "../support/cluster.rs"]
mod cluster;
#[path = "../support/held_port.rs"]
mod held_port;
mod people;
mod redis_server;
mod rows;
mod server;
mod shared;
mod tokens;
mod trust;
mod visitors;

use std::sync::Arc;

use control::{Clock, Secret, SystemClock, Timestamp};
use store::{
    Address, Store, StoreError, Tenant, Within, address::Kind, keys::KeyRow, postgres::Options,
};

/// How the server at `url` is asked.
fn options(url: &str) -> Options {
    let url = Secret::new(url.as_bytes().to_vec());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Options::new(Address::parse(Kind::Postgres, &url).unwrap(), clock)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Runs `job` for every tenant.
fn every<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&Within<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.run(move |access| job(&access.within(&Tenant::every())?))
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
