//! Two replicas, behind one PostgreSQL and one Redis, or behind one Redis with a file each: sessions and
//! locks are of both.

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

/// One replica with a file of its own.
fn replica_with_file(shared: &str) -> House {
    let upstream = Upstream::start();
    let server = format!("[deployment]\nshared = {{ url = \"env:{SHARED}\" }}\n");
    let text = configuration(&upstream, "").replace("[deployment]\n", &server);
    let deployment = Deployment::new(&text).with(SHARED, shared);
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

#[test]
fn replicas_behind_a_redis_alone_share_sessions_and_their_ends() {
    let mut server = RedisServer::start();
    let (one, other) = (
        replica_with_file(&server.url()),
        replica_with_file(&server.url()),
    );
    one.claimed("ann", &[]);
    let (kept, ended, named) = (one.session("ann"), one.session("ann"), one.session("ann"));
    for house in [&one, &other] {
        for session in [&kept, &ended, &named] {
            assert!(opens(house, session));
        }
    }
    let list = |house: &House| {
        let said = house
            .deployment
            .run(&["session", "list"], &["--format", "json"]);
        let listed = said.exits(0).json()["sessions"].as_array().unwrap().clone();
        let ids = listed
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    assert_eq!(list(&other).len(), 3);
    let cookie = format!("{OURS}Cookie: __Host-vouchsafe={ended}\r\n");
    let out = other.ask("POST", "/.vouchsafe/logout", &cookie, "");
    assert_eq!(out.status, 303);
    assert!(!opens(&other, &ended), "who logs out is out at once");
    until("the other replica has heard of it", || {
        (!opens(&one, &ended)).then_some(())
    });
    assert!(opens(&one, &kept), "another session of the same person");
    // A server that does not answer: a session counts for five seconds, and again once it answers.
    server.hang(true);
    for house in [&one, &other] {
        until("nobody knows whether the session still stands", || {
            (house.visit("/app", &kept).status == 503).then_some(())
        });
    }
    server.hang(false);
    for house in [&one, &other] {
        until("the session goes on", || {
            (house.visit("/app", &kept).status == 200).then_some(())
        });
    }
    let ids = list(&one);
    assert_eq!(ids.len(), 2);
    one.user("disable", &["ann"]).exits(0);
    for session in [&kept, &named] {
        until("nobody is in with a disabled account", || {
            (!opens(&other, session)).then_some(())
        });
    }
    assert!(list(&other).is_empty());
    server.kill();
    for house in [one, other] {
        house
            .gate
            .stop()
            .silent_about("p@ss")
            .silent_about("p%40ss");
    }
}

#[test]
fn guesses_on_any_replica_behind_a_redis_alone_count_on_all() {
    let server = RedisServer::start();
    let (one, other) = (
        replica_with_file(&server.url()),
        replica_with_file(&server.url()),
    );
    for house in [&one, &other] {
        house.claimed("ann", &[]);
    }
    for house in [&one, &other, &one, &other, &one] {
        assert_eq!(house.sign_in("ann", OTHER).status, 401);
    }
    for house in [&one, &other] {
        assert_eq!(house.sign_in("ann", GOOD).status, 401, "locked");
    }
    other.user("unlock", &["ann"]).exits(0);
    let session = one.session("ann");
    assert!(opens(&other, &session));
    for house in [one, other] {
        house.gate.stop();
    }
}
