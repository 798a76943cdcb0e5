//! Measures what it costs to know who asks and what they may do, and prints it as JSON.
//!
//! `cargo run --release -p identity --example know FOLDER`, as `cargo xtask bench identity` does.
//! Figures are nanoseconds of this thread's processor time for one judgement, the least of several
//! batches: what else the machine does makes some of them dearer and none cheaper.

use std::{error::Error, hint::black_box, path::Path, sync::Arc, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use control::{Clock, SystemClock, SystemRng, Timestamp};
use identity::{
    ApiKey, KeyTable, LiveKeys, Principal, RoleTable, Scope, Sessions,
    roles::{Effect, Rule},
    session::{NewSession, Seen},
    token::{Believed, Issuer, Issuers, KeyTokens, LiveRevocations, Rules, Tenancy, Terms},
};
use seal::{
    ed25519::SigningKey,
    encode::{base64url, unbase64url},
    jws::{Algorithm, Compact, Jwk, TokenKey, sign_eddsa},
};
use serde_json::{Value, json};
use store::{Store, keys::KeyRow};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Keys, and sessions, that the snapshot holds besides the one that is asked about.
const OTHERS: u16 = 1000;

/// Rules of the tables that are judged by.
const RULES: [usize; 3] = [1, 50, 500];

/// Batches of each measurement. Each takes some tenths of a second: the kernel may bring its account of a
/// running thread forward only every four milliseconds.
const BATCHES: u32 = 5;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder] = arguments.as_slice() else {
        return Err("usage: know FOLDER".into());
    };
    let mut rows = Vec::new();
    keys(&mut rows)?;
    own_tokens(&mut rows)?;
    other_tokens(&mut rows)?;
    sessions(&mut rows, Path::new(folder))?;
    roles(&mut rows)?;
    println!("{}", json!({ "rows": rows }));
    Ok(())
}

/// Nanoseconds of processor time that one call of `work` takes.
fn cost(calls: u32, mut work: impl FnMut()) -> Outcome<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..BATCHES {
        let before = processor_nanos()?;
        for _ in 0..calls {
            work();
        }
        let spent = processor_nanos()?.saturating_sub(before);
        least = least.min(spent as f64 / f64::from(calls));
    }
    Ok(least)
}

/// Time this thread ran so far (Documentation/scheduler/sched-stats.rst).
fn processor_nanos() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("no schedstat")?;
    Ok(first.parse()?)
}

fn row(what: &str, nanos: f64, floor: Option<f64>) -> Value {
    json!({ "what": what, "nanos": nanos, "floor": floor })
}

fn key_row(key: &ApiKey) -> KeyRow {
    KeyRow {
        id: key.id().to_string(),
        digest: seal::sha256(key.expose().get(17..60).unwrap_or_default().as_bytes()),
        name: "bench".to_owned(),
        scopes: vec!["GET,POST /api".to_owned()],
        roles: vec!["reader".to_owned()],
        tenant: "default".to_owned(),
        created: Timestamp::from_seconds(1),
        expires: None,
        last_used: None,
        revoked: None,
        probe: false,
    }
}

/// A snapshot of many keys, and one of them.
fn snapshot() -> Outcome<(LiveKeys, ApiKey)> {
    let key = ApiKey::generate(&SystemRng)?;
    let mut rows = vec![key_row(&key)];
    for _ in 0..OTHERS {
        rows.push(key_row(&ApiKey::generate(&SystemRng)?));
    }
    Ok((LiveKeys::new(KeyTable::new(&rows)?), key))
}

fn keys(rows: &mut Vec<Value>) -> Outcome<()> {
    let (live, key) = snapshot()?;
    let now = SystemClock::new().now();
    let secret = key.expose().as_bytes();
    let good = cost(1_000_000, || {
        let verified = live.authenticate(black_box(secret), now);
        let passed =
            verified.is_ok_and(|it| it.authorise("GET", "/api/x", &["reader"], None).is_ok());
        assert!(black_box(passed));
    })?;
    let digest = cost(1_000_000, || {
        black_box(seal::sha256(black_box(secret)));
    })?;
    rows.push(row("key, scope and role", good, Some(digest)));
    let stranger = ApiKey::generate(&SystemRng)?;
    let wrong = cost(1_000_000, || {
        let refused = live.authenticate(black_box(stranger.expose().as_bytes()), now);
        assert!(black_box(refused.is_err()));
    })?;
    rows.push(row("key that nobody has", wrong, Some(digest)));
    Ok(())
}

/// What a token costs when it was believed before, and at first sight beside a signature alone: of
/// `alone`, a token of the same kind.
fn judged(
    rows: &mut Vec<Value>,
    name: &str,
    token: &str,
    (alone, key): (&str, &TokenKey),
    issuers: Issuers<'_>,
    keys: &LiveKeys,
) -> Outcome<()> {
    let now = SystemClock::new().now();
    let mut believed = Believed::default();
    let mut ask = |forget: bool| {
        if forget {
            believed.forget();
        }
        let verified = believed.authenticate(issuers, keys, black_box(token.as_bytes()), now);
        assert!(black_box(verified.is_ok()));
    };
    let first = cost(5_000, || ask(true))?;
    let known = cost(1_000_000, || ask(false))?;
    let parsed = || Compact::parse(alone).is_ok_and(|it| it.check(key).is_ok());
    let signature = cost(5_000, || assert!(black_box(parsed())))?;
    let digest = cost(1_000_000, || {
        black_box(seal::sha256(black_box(token.as_bytes())));
    })?;
    rows.push(row(&format!("{name}, seen before"), known, Some(digest)));
    rows.push(row(
        &format!("{name}, at first sight"),
        first,
        Some(signature),
    ));
    Ok(())
}

fn own_tokens(rows: &mut Vec<Value>) -> Outcome<()> {
    let (live, key) = snapshot()?;
    let now = SystemClock::new().now();
    let tokens = KeyTokens::derived(&[7; 32])?;
    let terms = Terms::new("https://bench.example", Duration::from_secs(3600));
    let verified = live.authenticate(key.expose().as_bytes(), now)?;
    let Principal::Key(holder) = verified.principal() else {
        return Err("a key is no key".into());
    };
    let issued = tokens.issue(holder, &terms, "t1", now);
    let token = String::from_utf8(issued.token.expose().to_vec())?;
    let issuers = Issuers {
        tokens: &tokens,
        terms: Some(&terms),
        others: &[],
        revoked: &LiveRevocations::default(),
        sessions: None,
    };
    // Our own key is nobody else's: the signature alone is that of another, over as many claims.
    let signer = SigningKey::from_seed([1; 32])?;
    let verifier = TokenKey::from(&signer.verifying_key()?);
    let claims = token.split('.').nth(1).ok_or("no claims")?;
    let claims = String::from_utf8(unbase64url(claims)?)?;
    let alone = sign_eddsa(&signer, "a", &claims);
    let name = "our token (EdDSA)";
    judged(rows, name, &token, (&alone, &verifier), issuers, &live)
}

/// A token of somebody else, signed by `sign`.
fn signed(algorithm: &str, sign: impl Fn(&[u8]) -> Outcome<Vec<u8>>) -> Outcome<String> {
    let now = SystemClock::new().now().seconds();
    let header = json!({ "alg": algorithm, "kid": "a" }).to_string();
    let claims = json!({
        "iss": "https://login.test", "sub": "u-1", "aud": "bench",
        "iat": now, "exp": now + 1800, "groups": ["g-readers"],
    });
    let (header, claims) = (
        base64url(header.as_bytes()),
        base64url(claims.to_string().as_bytes()),
    );
    let text = format!("{header}.{claims}");
    let signature = base64url(&sign(text.as_bytes())?);
    Ok(format!("{text}.{signature}"))
}

fn issuer(algorithm: Algorithm, key: TokenKey) -> Issuer {
    let rules = Rules {
        issuer: "https://login.test".into(),
        audience: vec!["bench".into()],
        required: Vec::new(),
        skew: Duration::from_secs(60),
        longest: Duration::from_secs(3600),
        role_claim: Some("groups".into()),
        roles: vec![("g-readers".into(), "reader".into())],
        tenant: Tenancy::Fixed("default".into()),
        once: false,
    };
    let id = Some("a".to_owned());
    Issuer::new(rules, vec![algorithm], vec![Jwk { id, key }])
}

fn other_tokens(rows: &mut Vec<Value>) -> Outcome<()> {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    // RSAPublicKey in DER (RFC 8017, A.1.1): the modulus of 2048 bits from its tenth byte, and 65537.
    let public = rsa.public_key().as_ref();
    let modulus = public.get(9..265).ok_or("no modulus")?;
    let rsa_key = || TokenKey::rsa_pkcs1(modulus, &[1, 0, 1]);
    let by_rsa = signed("RS256", |text| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)?;
        Ok(signature)
    })?;
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let point = ec.public_key().as_ref().get(1..).ok_or("no point")?;
    let (x, y) = point.split_at(32);
    let by_ec = signed("ES256", |text| {
        Ok(ec.sign(&random, text)?.as_ref().to_vec())
    })?;
    let (keys, tokens) = (LiveKeys::default(), KeyTokens::derived(&[7; 32])?);
    for (name, token, algorithm, key, same) in [
        (
            "RS256 of an issuer",
            by_rsa,
            Algorithm::Rs256,
            rsa_key()?,
            rsa_key()?,
        ),
        (
            "ES256 of an issuer",
            by_ec,
            Algorithm::Es256,
            TokenKey::p256(x, y)?,
            TokenKey::p256(x, y)?,
        ),
    ] {
        let others = [issuer(algorithm, key)];
        let issuers = Issuers {
            tokens: &tokens,
            terms: None,
            others: &others,
            revoked: &LiveRevocations::default(),
            sessions: None,
        };
        judged(rows, name, &token, (&token, &same), issuers, &keys)?;
    }
    Ok(())
}

fn sessions(rows: &mut Vec<Value>, folder: &Path) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Store::open(&folder.join("vouchsafe.db"))?;
    let sessions = Sessions::new(store, Arc::clone(&clock));
    let begin = |subject: String| {
        let new = NewSession {
            issuer: "https://login.test".to_owned(),
            subject,
            roles: vec!["reader".to_owned()],
            tenant: "default".to_owned(),
            sid: None,
            idle: Duration::from_secs(1800),
            longest: Duration::from_secs(28_800),
            replaces: None,
        };
        runtime.block_on(sessions.begin(new, &SystemRng))
    };
    let ours = begin("u-0".to_owned())?;
    for number in 1..OTHERS {
        begin(format!("u-{number}"))?;
    }
    let (live, id) = (sessions.live(), ours.id.expose().as_bytes());
    let confirm = || -> Outcome<()> {
        match live.look(id, clock.now())? {
            Seen::Unconfirmed(unconfirmed) => {
                drop(runtime.block_on(sessions.confirm(unconfirmed, clock.now()))?);
            }
            Seen::Good(_) => {}
        }
        Ok(())
    };
    confirm()?;
    let mut good = f64::INFINITY;
    for _ in 0..BATCHES {
        confirm()?;
        let now = clock.now();
        let before = processor_nanos()?;
        for _ in 0..500_000 {
            let Seen::Good(verified) = live.look(black_box(id), now)? else {
                return Err("a session that was just confirmed is not believed".into());
            };
            black_box(
                verified
                    .authorise("GET", "/api/x", &["reader"], None)
                    .is_ok(),
            );
        }
        good = good.min(processor_nanos()?.saturating_sub(before) as f64 / 500_000.0);
    }
    let digest = cost(1_000_000, || {
        black_box(seal::sha256(black_box(id)));
    })?;
    rows.push(row("session, confirmed within 5 s", good, Some(digest)));
    Ok(())
}

fn roles(rows: &mut Vec<Value>) -> Outcome<()> {
    for count in RULES {
        let rules: Result<Vec<Rule>, _> = (0..count)
            .map(|number| {
                let scope: Scope = format!("GET,POST /api/r{}/p{number}", number % 50).parse()?;
                let effect = if number % 5 == 4 {
                    Effect::Deny
                } else {
                    Effect::Allow
                };
                Ok::<Rule, Box<dyn Error>>(Rule {
                    role: format!("role{}", number % 40).into(),
                    effect,
                    scope,
                    line: 0,
                })
            })
            .collect();
        let table = RoleTable::new(Vec::new(), rules?)?;
        let nanos = cost(1_000_000, || {
            let ruling = table.judge(
                black_box(&["role0", "reader"]),
                "GET",
                black_box("/api/r0/p0/42"),
            );
            black_box(ruling);
        })?;
        let rules = if count == 1 {
            "1 rule".to_owned()
        } else {
            format!("{count} rules")
        };
        rows.push(row(&format!("decision by a table of {rules}"), nanos, None));
    }
    Ok(())
}
