//! Tokens that are good once and tokens that are revoked, over two replicas: behind one PostgreSQL, and
//! behind one Redis with a file each.

use std::{net::SocketAddr, thread};

use control::Clock as _;
use seal::{ed25519::SigningKey, jws};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    redis_server::RedisServer,
    support::{Deployment, Gate, Upstream, clock, request, site, status, until},
};

const STORE: &str = "VOUCHSAFE_TEST_STORE";
const SHARED: &str = "VOUCHSAFE_TEST_SHARED";
const ISSUER: &str = "https://login.test";

/// What the replicas have in common.
enum Common {
    Postgres(Cluster),
    Redis(RedisServer),
}

impl Common {
    fn url(&self) -> String {
        match self {
            Self::Postgres(cluster) => cluster.url("vouchsafe"),
            Self::Redis(server) => server.url(),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Postgres(cluster) => cluster.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    fn up(&mut self) {
        match self {
            Self::Postgres(cluster) => cluster.up(),
            Self::Redis(server) => server.up(),
        }
    }
}

fn signer() -> SigningKey {
    SigningKey::from_seed([5; 32]).unwrap()
}

/// One replica: `/once` and `/api` take the tokens of an issuer, where `once` says that they are good
/// once.
fn replica(upstream: &Upstream, common: &Common, once: bool) -> Deployment {
    let (name, table) = match common {
        Common::Postgres(_) => (STORE, "store"),
        Common::Redis(_) => (SHARED, "shared"),
    };
    let place = format!("[deployment]\n{table} = {{ url = \"env:{name}\" }}\n");
    let text = site(upstream.address).replace("[deployment]\n", &place)
        + &format!(
            "[tokens]\n\n[[issuer]]\nissuer = \"{ISSUER}\"\nalgorithms = [\"EdDSA\"]\n\
             audience = [\"desk\"]\nkeys = {{ file = \"jwks.json\" }}\nonce = {once}\nskew = \"0s\"\n\n\
             [[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\", \"token\"]\n"
        );
    let deployment = Deployment::new(&text).with(name, &common.url());
    let set = jws::jwks(&[("k1", &signer().verifying_key().unwrap())]);
    deployment.write("jwks.json", set.to_string().as_bytes());
    deployment
}

fn token(subject: &str, id: &str) -> String {
    let now = clock().now().seconds();
    let claims = json!({
        "iss": ISSUER, "sub": subject, "aud": "desk", "jti": id, "iat": now, "exp": now + 600,
    });
    jws::sign_eddsa(&signer(), "k1", &claims.to_string())
}

fn asked(address: SocketAddr, token: &str) -> u16 {
    let field = format!("Authorization: Bearer {token}\r\n");
    status(address, request("GET", "/api", &field, ""))
}

/// Asks until the answer is this one, slowly: whoever asks fast may be guessing.
fn becomes(gate: &Gate, token: &str, status: u16) {
    until("the answer is another", || {
        thread::sleep(std::time::Duration::from_millis(100));
        (asked(gate.address, token) == status).then_some(())
    });
}

/// Waits until tokens are issued later than the server began to remember.
fn remembers(gate: &Gate) {
    until("a token that is issued now opens", || {
        thread::sleep(std::time::Duration::from_millis(100));
        let id = clock().now().millis().to_string();
        (asked(gate.address, &token("robot", &id)) == 200).then_some(())
    });
}

fn good_once_on_all(common: &Common) {
    let upstream = Upstream::start();
    let (one, other) = (
        replica(&upstream, common, true),
        replica(&upstream, common, true),
    );
    let gates = [one.up(), other.up()];
    remembers(&gates[0]);
    for round in 0..5 {
        let token = &token("robot", &format!("t-{round}"));
        let mut answers: Vec<u16> = thread::scope(|scope| {
            let ask = |at: usize| {
                let address = gates[at % 2].address;
                scope.spawn(move || asked(address, token))
            };
            let asking: Vec<_> = (0..8).map(ask).collect();
            asking.into_iter().map(|it| it.join().unwrap()).collect()
        });
        answers.sort_unstable();
        assert_eq!(answers, [200, 401, 401, 401, 401, 401, 401, 401], "{round}");
    }
    for gate in gates {
        gate.stop();
    }
}

#[test]
fn a_token_that_is_good_once_opens_one_of_two_replicas_behind_a_postgres() {
    good_once_on_all(&Common::Postgres(Cluster::start()));
}

#[test]
fn a_token_that_is_good_once_opens_one_of_two_replicas_behind_a_redis() {
    good_once_on_all(&Common::Redis(RedisServer::start()));
}

#[test]
fn a_used_token_is_used_after_a_restart_and_nobody_knows_while_redis_is_away() {
    let mut common = Common::Redis(RedisServer::start());
    let upstream = Upstream::start();
    let node = replica(&upstream, &common, true);
    let gate = node.up();
    remembers(&gate);
    let (used, before) = (token("robot", "used"), token("robot", "before"));
    assert_eq!(asked(gate.address, &used), 200);
    common.kill();
    becomes(&gate, &before, 503);
    // It comes back without its memory: whoever was issued a token before is not believed.
    common.up();
    until("the server is there again", || {
        let status = asked(gate.address, &used);
        (status == 401).then_some(())
    });
    assert_eq!(asked(gate.address, &before), 401, "it may have been used");
    remembers(&gate);
    gate.stop();
}

/// What the list of revocations names.
fn listed(node: &Deployment) -> Vec<Value> {
    let said = node.run(&["token", "revocations"], &["--format", "json"]);
    said.exits(0).json()["revocations"]
        .as_array()
        .unwrap()
        .clone()
}

fn revoked_on_all(common: &mut Common) {
    let upstream = Upstream::start();
    let (one, other) = (
        replica(&upstream, common, false),
        replica(&upstream, common, false),
    );
    let (first, second) = (one.up(), other.up());
    let (ann, bea) = (token("ann@login.test", "t-1"), token("bea", "t-2"));
    for gate in [&first, &second] {
        for token in [&ann, &bea] {
            assert_eq!(asked(gate.address, token), 200);
        }
    }
    let revoke = ["token", "revoke"];
    one.run(
        &revoke,
        &["--issuer", ISSUER, "--subject", "ann@login.test"],
    )
    .exits(0);
    assert_eq!(asked(first.address, &ann), 401, "at once where it was said");
    becomes(&second, &ann, 401);
    assert_eq!(asked(second.address, &bea), 200, "another subject");
    other
        .run(&revoke, &["--issuer", ISSUER, "--jti", "t-2"])
        .exits(0);
    becomes(&first, &bea, 401);
    assert_eq!(asked(first.address, &token("bea", "t-3")), 200);
    for node in [&one, &other] {
        let listed = listed(node);
        assert_eq!(listed.len(), 2);
        let text = json!(listed).to_string();
        assert!(text.contains("t-2") && !text.contains("ann"), "{text}");
    }
    let good = token("bea", "t-4");
    assert_eq!(asked(first.address, &good), 200);
    common.kill();
    becomes(&first, &good, 503);
    assert_eq!(asked(second.address, &ann), 401, "revoked is revoked");
    common.up();
    becomes(&first, &good, 200);
    for gate in [&first, &second] {
        assert_eq!(asked(gate.address, &ann), 401, "nothing was forgotten");
    }
    // Not by a server that lost its memory either: one replica still knows for both.
    if matches!(common, Common::Redis(_)) {
        let fresh = replica(&upstream, common, false);
        let third = fresh.up();
        becomes(&third, &ann, 401);
        third.stop();
    }
    for gate in [first, second] {
        gate.stop().silent_about("ann@login.test");
    }
}

#[test]
fn what_one_replica_revokes_all_refuse_behind_a_postgres() {
    revoked_on_all(&mut Common::Postgres(Cluster::start()));
}

#[test]
fn what_one_replica_revokes_all_refuse_behind_a_redis() {
    revoked_on_all(&mut Common::Redis(RedisServer::start()));
}

#[test]
fn revocations_of_nobody_are_refused_with_what_there_is() {
    let upstream = Upstream::start();
    let text = site(upstream.address)
        + "[tokens]\n\n[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"token\"]\n";
    let node = Deployment::new(&text);
    let gate = node.up();
    let revoke = |arguments: &[&str]| node.run(&["token", "revoke"], arguments);
    revoke(&["--issuer", "https://other.test", "--jti", "t"])
        .exits(2)
        .says(&[
            "no tokens of https://other.test",
            "name one of http://localhost",
        ]);
    let ours = "http://localhost";
    revoke(&["--issuer", ours]).exits(2);
    revoke(&["--issuer", ours, "--jti", "t", "--subject", "u"]).exits(2);
    revoke(&["--issuer", ours, "--subject", "vsk_abcdefGHIJ12_s3cr3t"])
        .exits(2)
        .says(&["public prefix"])
        .silent_about("s3cr3t");
    revoke(&[
        "--issuer",
        ours,
        "--jti",
        "t",
        "--until",
        "2020-01-01T00:00:00Z",
    ])
    .exits(2)
    .says(&["needs no revocation"]);
    revoke(&["--issuer", ours, "--jti", "t", "--until", "tomorrow"])
        .exits(2)
        .says(&["is not a moment"]);
    assert!(listed(&node).is_empty());
    revoke(&["--issuer", ours, "--subject", "key:abcdefGHIJ12"]).exits(0);
    assert_eq!(listed(&node)[0]["principal"], "abcdefGHIJ12");
    let events = node.run(&["ledger", "tail"], &["--format", "json"]);
    let events = events.exits(0).stdout;
    for kind in ["token.revoke", "token.list"] {
        assert!(events.contains(kind), "{events}");
    }
    gate.stop();
}

const DOCUMENT: &str = "# Tokens

Gone when revoked. <!-- promise: token.revocable route=/api within=5s -->
Good once. <!-- promise: token.once route=/api issuer=https://login.test -->
Ours alone. <!-- promise: token.genuine route=/api -->
";

/// A deployment on a file of its own.
fn single(upstream: &Upstream, once: bool) -> Deployment {
    let deployment = Deployment::new("");
    let set = jws::jwks(&[("k1", &signer().verifying_key().unwrap())]);
    // A self-test starts children elsewhere.
    let keys = deployment.write("jwks.json", set.to_string().as_bytes());
    let keys = keys.display();
    let text = site(upstream.address)
        + &format!(
            "[tokens]\n\n[[issuer]]\nissuer = \"{ISSUER}\"\nalgorithms = [\"EdDSA\"]\n\
             audience = [\"desk\"]\nkeys = {{ file = \"{keys}\" }}\nonce = {once}\n\
             required = {{ kind = \"job\" }}\nrole_claim = \"groups\"\n\
             roles = {{ \"g-clerks\" = \"clerk\" }}\n\n\
             [[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\", \"token\"]\n\
             roles = [\"clerk\"]\n"
        );
    deployment.configure(&text);
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    deployment
}

#[test]
fn what_is_promised_of_tokens_is_proved_and_a_weaker_setting_is_not() {
    let upstream = Upstream::start();
    for (once, broken) in [(true, None), (false, Some("token.once"))] {
        let node = single(&upstream, once);
        let gate = node.up();
        let proof = node.run(&["prove"], &["--allow", "writes", "--format", "json"]);
        let proof = proof.exits(i32::from(!once)).json();
        for promise in proof["promises"].as_array().unwrap() {
            let expected = if promise["id"].as_str() == broken {
                "broken"
            } else {
                "kept"
            };
            assert_eq!(promise["verdict"], expected, "{promise:#}");
        }
        gate.stop();
    }
}

#[test]
fn the_proof_of_tokens_can_fail() {
    let upstream = Upstream::start();
    let node = single(&upstream, true);
    node.run(&["prove"], &["--self-test"]).exits(0);
}
