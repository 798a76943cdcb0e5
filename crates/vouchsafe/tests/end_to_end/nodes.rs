//! Several nodes over one PostgreSQL.

use std::net::SocketAddr;

use crate::{
    cluster::Cluster,
    redis_server::RedisServer,
    support::{Deployment, Gate, Upstream, open_route, request, site, status, until},
};

const URL: &str = "VOUCHSAFE_TEST_URL";

/// A node with a data folder of its own and the store of `url`.
fn node(upstream: SocketAddr, url: &str) -> Deployment {
    let site = site(upstream).replace(
        "[deployment]\n",
        &format!("[deployment]\nstore = {{ url = \"env:{URL}\" }}\n"),
    );
    let route = "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n";
    Deployment::new(&(site + route)).with(URL, url)
}

fn with_key(gate: &Gate, key: &str) -> u16 {
    let fields = format!("X-API-Key: {key}\r\n");
    status(gate.address, request("GET", "/api", &fields, ""))
}

fn well(node: &Deployment) -> bool {
    let said = node.run(&["healthcheck"], &[]);
    let (code, health) = (said.exit, said.json());
    assert_eq!(health["store"]["kind"], "postgresql");
    let silent = |part: &str| health[part]["failing"].is_null();
    let both = silent("store") && silent("revocations");
    assert_eq!(both, code == Some(0), "{health}");
    code == Some(0)
}

#[test]
fn nodes_share_keys_through_a_server_and_outlive_its_absence() {
    let mut cluster = Cluster::start();
    let upstream = Upstream::start();
    let url = cluster.url("vouchsafe");
    let (one, other) = (node(upstream.address, &url), node(upstream.address, &url));
    let checked = one.run(&["check"], &[]).exits(0);
    let (first, second) = (one.up(), other.up());
    let version = cluster.sql("SELECT version FROM vouchsafe.schema_version");
    checked.says(&[&format!("has schema 0 and would be brought to {version}\n")]);
    one.run(&["check"], &[]).exits(0).says(&["is ready"]);
    let made = one
        .run(
            &["key", "create"],
            &["--name", "ci", "--all", "--format", "json"],
        )
        .exits(0)
        .json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(with_key(&first, key), 200);
    until("the other node knows the key", || {
        // Asked as fast as it answers, this would be guessing, which is slowed down.
        std::thread::sleep(std::time::Duration::from_millis(200));
        (with_key(&second, key) == 200).then_some(())
    });
    cluster.kill();
    until("the node says that its store is away", || {
        (!well(&one)).then_some(())
    });
    // Another node may have revoked it: after five seconds nobody knows, and nobody is let in. What
    // cannot be a key is none, whatever the store would say.
    until("nobody knows whether the key still counts", || {
        (with_key(&first, key) == 503).then_some(())
    });
    assert_eq!(with_key(&first, &key.replace("vsk_", "vsk_x")), 401);
    cluster.up();
    until("the node is well again", || well(&one).then_some(()));
    until("the key counts again", || {
        (with_key(&first, key) == 200).then_some(())
    });
    other.run(&["key", "revoke"], &[id]).exits(0);
    assert_eq!(with_key(&second, key), 401);
    until("the first node refuses the revoked key", || {
        (with_key(&first, key) == 401).then_some(())
    });
    for gate in [first, second] {
        gate.stop().silent_about("p@ss").silent_about("p%40ss");
    }
}

#[test]
fn a_store_that_cannot_be_had_stops_the_start_and_the_check() {
    let cluster = Cluster::start();
    let upstream = Upstream::start();
    for (url, parts) in [
        (
            "postgres://u:s3cret@db.example/d?sslmode=prefer",
            ["sslmode=prefer", "verify-full"],
        ),
        (
            "postgres://u:s3cret@db.example/d",
            ["prove who it is", "ca"],
        ),
        (
            "mysql://u:s3cret@db.example/d",
            ["PostgreSQL", "postgres://"],
        ),
        (
            &cluster.url("vouchsafe").replace("p%40ss", "s3cret"),
            ["refuses our user", "hint: check user"],
        ),
        (&cluster.url("root"), ["row-level security", "NOSUPERUSER"]),
    ] {
        let node = node(upstream.address, url);
        node.refuses_to_start(&parts).silent_about("s3cret");
        node.run(&["check"], &[])
            .exits(2)
            .says(&parts)
            .silent_about("s3cret");
    }
    let right = node(upstream.address, &cluster.url("vouchsafe"));
    right.up().stop();
}

#[test]
fn what_store_does_not_take_is_refused_with_what_it_does() {
    let upstream = Upstream::start();
    let with = |store: &str| {
        let site = site(upstream.address);
        let store = format!("[deployment]\nstore = {store}\n");
        Deployment::new(&site.replace("[deployment]\n", &store))
            .with(URL, "postgres://u@localhost/d")
    };
    for (store, parts) in [
        ("\"postgres\"", ["\"sqlite\"", "store"]),
        ("{}", ["lacks `url`", "store"]),
        (
            "{ urll = \"env:X\" }",
            ["does not take `urll`", "did you mean `url`?"],
        ),
        (
            "{ url = \"postgres://u:s3cret@h/d\" }",
            ["carries a password", "env:URL"],
        ),
        (
            "{ url = \"env:VOUCHSAFE_TEST_URL\", connections = 0 }",
            ["connections", "1"],
        ),
        (
            "{ url = \"env:NOWHERE_AT_ALL\" }",
            ["NOWHERE_AT_ALL", "set"],
        ),
    ] {
        let said = with(store).run(&["check"], &[]).exits(2);
        said.says(&parts).silent_about("s3cret");
    }
}

#[test]
fn a_shared_server_is_asked_by_the_check_the_start_and_the_healthcheck() {
    let mut server = RedisServer::start();
    let upstream = Upstream::start();
    let with = |url: &str| {
        let shared = format!("[deployment]\nshared = {{ url = \"env:{URL}\" }}\n");
        let site = site(upstream.address).replace("[deployment]\n", &shared);
        Deployment::new(&(site + &open_route("/"))).with(URL, url)
    };
    for (url, parts) in [
        ("redis://cache.example", ["plain text", "rediss://"]),
        ("rediss://u:s3cret@cache.example", ["prove who it is", "ca"]),
        (
            &server.url().replace("p%40ss", "s3cret"),
            ["refuses", "hint: check user"],
        ),
    ] {
        let node = with(url);
        node.refuses_to_start(&parts).silent_about("s3cret");
        let said = node.run(&["check"], &[]).exits(2);
        said.says(&parts).silent_about("s3cret");
    }
    let node = with(&server.url());
    node.run(&["check"], &[]).exits(0);
    let gate = node.up();
    let well = || {
        let said = node.run(&["healthcheck"], &[]);
        let (code, health) = (said.exit, said.json());
        assert_eq!(health["shared"]["kind"], "redis");
        let silent = |part: &str| health[part]["failing"].is_null();
        // The disk is not to blame for the server.
        assert!(silent("store"), "{health}");
        let both = silent("shared") && silent("revocations");
        assert_eq!(both, code == Some(0), "{health}");
        code == Some(0)
    };
    assert!(well());
    server.kill();
    until("the node says that the server is away", || {
        (!well()).then_some(())
    });
    server.up();
    until("the node is well again", || well().then_some(()));
    gate.stop().silent_about("p@ss");
}
