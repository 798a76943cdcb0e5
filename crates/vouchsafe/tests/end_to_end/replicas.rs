//! Two replicas behind one PostgreSQL and one Redis: people, sessions and locks are of both.

use crate::{
    accounts::{GOOD, House, OTHER, OURS, configuration},
    cluster::Cluster,
    redis_server::RedisServer,
    support::{Deployment, Upstream, until},
};

const STORE: &str = "VOUCHSAFE_TEST_STORE";
const SHARED: &str = "VOUCHSAFE_TEST_SHARED";

/// One replica.
fn replica(store: &str, shared: &str) -> House {
    let upstream = Upstream::start();
    let servers = format!(
        "[deployment]\nstore = {{ url = \"env:{STORE}\" }}\nshared = {{ url = \"env:{SHARED}\" }}\n"
    );
    let text = configuration(&upstream, "").replace("[deployment]\n", &servers);
    let deployment = Deployment::new(&text)
        .with(STORE, store)
        .with(SHARED, shared);
    House::of(upstream, deployment)
}

/// Whether the session still opens a page.
fn opens(house: &House, session: &str) -> bool {
    let status = house.visit("/app", session).status;
    assert!([200, 303].contains(&status), "{status}");
    status == 200
}

#[test]
fn replicas_share_accounts_sessions_and_their_ends() {
    let (cluster, server) = (Cluster::start(), RedisServer::start());
    let url = cluster.url("vouchsafe");
    let (one, other) = (replica(&url, &server.url()), replica(&url, &server.url()));
    one.claimed("ann", &[]);
    let (kept, ended) = (other.session("ann"), one.session("ann"));
    for house in [&one, &other] {
        assert!(opens(house, &kept) && opens(house, &ended));
    }
    let cookie = format!("{OURS}Cookie: __Host-vouchsafe={ended}\r\n");
    let out = other.ask("POST", "/.vouchsafe/logout", &cookie, "");
    assert_eq!(out.status, 303);
    assert!(!opens(&other, &ended), "who logs out is out at once");
    until("the other replica has heard of it", || {
        (!opens(&one, &ended)).then_some(())
    });
    assert!(opens(&one, &kept), "another session of the same person");
    one.user("disable", &["ann"]).exits(0);
    until("nobody is in with a disabled account", || {
        (!opens(&other, &kept)).then_some(())
    });
    for house in [one, other] {
        house
            .gate
            .stop()
            .silent_about("p@ss")
            .silent_about("p%40ss");
    }
}

#[test]
fn guesses_on_any_replica_count_on_all() {
    let (cluster, mut server) = (Cluster::start(), RedisServer::start());
    let url = cluster.url("vouchsafe");
    let (one, other) = (replica(&url, &server.url()), replica(&url, &server.url()));
    for name in ["ann", "ben"] {
        one.claimed(name, &[]);
    }
    for house in [&one, &other, &one, &other, &one] {
        assert_eq!(house.sign_in("ann", OTHER).status, 401);
    }
    for house in [&one, &other] {
        assert_eq!(house.sign_in("ann", GOOD).status, 401, "locked");
        assert_eq!(house.sign_in("ben", GOOD).status, 303, "another account");
    }
    other.user("unlock", &["ann"]).exits(0);
    let session = one.session("ann");
    // Without the place where attempts are counted, nobody may try; who is in stays in.
    server.kill();
    for house in [&one, &other] {
        until("attempts cannot be counted", || {
            (house.sign_in("ben", GOOD).status == 503).then_some(())
        });
        assert!(opens(house, &session));
    }
    server.up();
    until("people sign in again", || {
        (one.sign_in("ben", GOOD).status == 303).then_some(())
    });
    for house in [one, other] {
        house
            .gate
            .stop()
            .silent_about("p@ss")
            .silent_about("p%40ss");
    }
}
