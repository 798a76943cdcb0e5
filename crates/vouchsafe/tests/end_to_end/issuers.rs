//! Tokens of an issuer that publishes its keys: asked for over the guarded connector, renewed while the
//! gate runs.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use control::Clock as _;
use seal::{ed25519::SigningKey, encode::base64url, jws::sign_eddsa};
use serde_json::json;

use crate::support::{Client, Deployment, Gate, Upstream, clock, request, site, until};

/// A server that publishes a key set, and counts how often it was asked.
struct Publisher {
    address: SocketAddr,
    state: Arc<Mutex<(String, usize)>>,
}

impl Publisher {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((String::new(), 0)));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    head.push(byte[0]);
                }
                let (body, _) = {
                    let mut state = shared.lock().unwrap();
                    state.1 += 1;
                    state.clone()
                };
                let status = if body.is_empty() {
                    "503 Busy"
                } else {
                    "200 OK"
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, state }
    }

    /// From now on it publishes the keys of these seeds.
    fn publish(&self, seeds: &[u8]) {
        let key = |seed: &u8| {
            let public = signer(*seed).verifying_key().unwrap();
            let x = base64url(&public.to_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": seed.to_string(), "x": x})
        };
        let keys: Vec<_> = seeds.iter().map(key).collect();
        self.state.lock().unwrap().0 = json!({ "keys": keys }).to_string();
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().1
    }
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn token(seed: u8) -> String {
    let now = clock().now().seconds();
    let claims = json!({
        "iss": "https://login.test", "sub": "robot", "aud": "desk",
        "iat": now, "exp": now + 600, "groups": ["g-clerks"],
    });
    sign_eddsa(&signer(seed), &seed.to_string(), &claims.to_string())
}

/// Status and `Retry-After` of a request with the token.
fn asked(gate: &Gate, token: &str) -> (u16, Option<String>) {
    let field = format!("Authorization: Bearer {token}\r\n");
    let answer = Client::dial(gate.address).ask(request("GET", "/api", &field, ""));
    let after = answer.field("retry-after").map(str::to_owned);
    (answer.status, after)
}

fn configuration(upstream: &Upstream, keys: SocketAddr) -> String {
    site(upstream.address)
        + &format!(
            "[[issuer]]\nissuer = \"https://login.test\"\nalgorithms = [\"EdDSA\"]\n\
             audience = [\"desk\"]\nkeys = {{ url = \"http://{keys}/jwks.json\" }}\n\
             role_claim = \"groups\"\nroles = {{ \"g-clerks\" = \"clerk\" }}\n\n\
             [[connect.exception]]\nhost = \"127.0.0.1\"\nnetwork = \"127.0.0.0/8\"\n\
             port = {}\nreason = \"the issuer of this test\"\nuntil = {}\n\n\
             [[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"token\"]\nroles = [\"clerk\"]\n",
            keys.port(),
            soon()
        )
}

/// A day that an exception may last until.
fn soon() -> String {
    let then = clock()
        .now()
        .plus(std::time::Duration::from_secs(30 * 86_400));
    then.to_string().chars().take(10).collect()
}

#[test]
fn published_keys_are_asked_for_renewed_and_kept_while_the_issuer_is_away() {
    let (upstream, publisher) = (Upstream::start(), Publisher::start());
    let deployment = Deployment::new(&configuration(&upstream, publisher.address));
    let gate = deployment.up();
    // The issuer is busy: nobody knows whether the token is its own, and nobody is let in.
    assert_eq!(asked(&gate, &token(1)), (503, Some("1".to_owned())));
    publisher.publish(&[1]);
    until("the issuer's keys are known", || {
        (asked(&gate, &token(1)).0 == 200).then_some(())
    });
    let seen = upstream.seen();
    assert!(!seen[0].head.contains(&token(1)), "the app saw the token");
    // A key that is none of them was asked for just now, and is refused for good.
    assert_eq!(asked(&gate, &token(9)).0, 401);
    let altered = token(1).replace('.', ".e");
    assert_eq!(asked(&gate, &altered).0, 401);
    // The same issuer after a reload is not asked again, and goes on when it is away.
    let times = publisher.asked();
    publisher.state.lock().unwrap().0.clear();
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(asked(&gate, &token(1)).0, 200);
    assert_eq!(publisher.asked(), times);
    gate.stop();
}

#[test]
fn what_only_tokens_of_another_open_is_unproven_and_says_why() {
    let (upstream, publisher) = (Upstream::start(), Publisher::start());
    publisher.publish(&[1]);
    let alone = configuration(&upstream, publisher.address);
    let document = "# Security\n\n<!-- vouchsafe:status -->\n<!-- /vouchsafe:status -->\n\n\
                    Nobody without a credential. <!-- promise: auth.enforced route=/api -->\n";
    for (text, verdict) in [
        (alone.clone(), "unproven"),
        (format!("{alone}\n[tokens]\n"), "kept"),
    ] {
        let deployment = Deployment::new(&text);
        deployment.write("SECURITY.md", document.as_bytes());
        let gate = deployment.up();
        let proof = deployment
            .run(&["prove"], &["--format", "json"])
            .exits(0)
            .json();
        let promise = &proof["promises"][0];
        assert_eq!(promise["verdict"], verdict, "{promise}");
        let said = promise.to_string().contains("tokens of another issuer");
        assert_eq!(said, verdict == "unproven", "{promise}");
        gate.stop();
    }
}

#[test]
fn keys_come_from_one_place_and_over_https() {
    let (upstream, publisher) = (Upstream::start(), Publisher::start());
    let good = configuration(&upstream, publisher.address);
    Deployment::new(&good).run(&["check"], &[]).exits(0);
    assert_eq!(publisher.asked(), 0, "a check asks nobody");
    let url = format!("url = \"http://{}/jwks.json\"", publisher.address);
    for (to, said) in [
        ("url = \"http://login.test/jwks.json\"", "https"),
        ("url = \"https://login.test/k\", file = \"a\"", "one place"),
        ("place = \"https://login.test/k\"", "place"),
    ] {
        let broken = Deployment::new(&good.replacen(&url, to, 1));
        broken.run(&["check"], &[]).exits(2).says(&[said]);
    }
}
