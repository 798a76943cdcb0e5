use seal::jws::{Algorithm, Jwk, TokenKey, sign_eddsa};
use serde_json::{Value, json};

use super::*;
use crate::{
    LiveKeys, PersonId,
    token::{Believed, Issuer, Issuers, KeyTokens, Rules, Seen, Tenancy},
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://login.test";
const SKEW: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + seconds)
}

/// A deployment with one issuer.
struct Bench {
    revocations: Revocations,
    issuers: [Issuer; 1],
    tokens: KeyTokens,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let rules = Rules {
            issuer: ISSUER.into(),
            audience: vec!["desk".into()],
            required: Vec::new(),
            skew: SKEW,
            longest: LONGEST,
            role_claim: None,
            roles: Vec::new(),
            tenant: Tenancy::Fixed("default".into()),
            once: false,
        };
        let key = TokenKey::from(&signer().verifying_key().unwrap());
        let jwk = Jwk { id: None, key };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
        Self {
            revocations: opened(store),
            issuers: [Issuer::new(rules, vec![Algorithm::EdDsa], vec![jwk])],
            tokens: KeyTokens::derived(&[7; 32]).unwrap(),
            _folder: folder,
        }
    }

    /// What becomes of a token with these claims, seen before or not.
    fn asked(&self, believed: &mut Believed, token: &str, now: Timestamp) -> Option<TokenRefusal> {
        let issuers = Issuers {
            tokens: &self.tokens,
            terms: None,
            others: &self.issuers,
            revoked: &self.revocations.live(),
            sessions: None,
        };
        match believed.authenticate(issuers, &LiveKeys::default(), token.as_bytes(), now) {
            Ok(Seen::Good(_)) => None,
            Ok(Seen::Unused(_) | Seen::Unconfirmed(_)) => panic!("it is good until it ends"),
            Err(refusal) => Some(refusal),
        }
    }

    fn revoke(&self, which: Which, until: Option<Timestamp>) -> Result<Listed, RevocationFault> {
        let wish = Wish {
            issuer: ISSUER.to_owned(),
            which,
            until,
            longest: LONGEST,
            skew: SKEW,
        };
        now(self.revocations.revoke(&wish, NOW))
    }
}

fn alone() -> Shared {
    Shared::in_process(Arc::new(control::clock::FixedClock::at(NOW)))
}

fn opened(store: Store) -> Revocations {
    now(Revocations::open(store, &alone(), NOW)).unwrap()
}

/// Waits for a file, which needs no runtime.
fn now<T>(waiting: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(waiting)
}

fn signer() -> seal::ed25519::SigningKey {
    seal::ed25519::SigningKey::from_seed([1; 32]).unwrap()
}

fn token(subject: &str, id: &str, issued: Option<i64>) -> String {
    let mut claims = json!({
        "iss": ISSUER, "sub": subject, "aud": "desk", "exp": later(600).seconds(), "jti": id,
    });
    if let Some(issued) = issued {
        claims["iat"] = Value::from(later(issued).seconds());
    }
    sign_eddsa(&signer(), "a", &claims.to_string())
}

fn named(id: &str) -> Which {
    Which::Token(id.to_owned())
}

fn of(subject: &str) -> Which {
    Which::Principal(PersonId::of(ISSUER, subject).as_str().to_owned())
}

#[test]
fn a_revoked_token_is_refused_from_the_next_request_on_and_no_other() {
    let bench = Bench::new();
    let mut believed = Believed::default();
    let (one, other) = (token("u-1", "t-1", Some(0)), token("u-1", "t-2", Some(0)));
    for token in [&one, &other] {
        assert_eq!(bench.asked(&mut believed, token, NOW), None);
    }
    bench.revoke(named("t-1"), None).unwrap();
    for believed in [&mut believed, &mut Believed::default()] {
        let revoked = Some(TokenRefusal::Revoked);
        assert_eq!(bench.asked(believed, &one, NOW), revoked);
        assert_eq!(bench.asked(believed, &other, NOW), None);
    }
}

#[test]
fn every_token_of_a_subject_that_was_issued_before_is_refused() {
    let bench = Bench::new();
    bench.revoke(of("u-1"), None).unwrap();
    let asked = |subject, issued, now| {
        bench.asked(&mut Believed::default(), &token(subject, "t", issued), now)
    };
    // A clock that is ahead by no more than it may be has issued it before.
    for issued in [Some(-500), Some(0), Some(30), None] {
        let refused = asked("u-1", issued, later(31));
        assert_eq!(refused, Some(TokenRefusal::Revoked), "{issued:?}");
        assert_eq!(asked("u-2", issued, later(31)), None, "{issued:?}");
    }
    assert_eq!(asked("u-1", Some(31), later(31)), None);
}

#[test]
fn a_revocation_lasts_as_long_as_its_tokens() {
    let bench = Bench::new();
    bench.revoke(named("t-1"), None).unwrap();
    bench.revoke(named("t-2"), Some(later(60))).unwrap();
    let known = |at| now(bench.revocations.list(at)).unwrap().len();
    let counts = [89, 90, 3659, 3660].map(|after| known(later(after)));
    assert_eq!(counts, [2, 1, 1, 0]);
    for until in [NOW, later(-1), NOW.plus(FARTHEST).plus(SKEW)] {
        let refused = bench.revoke(named("t-3"), Some(until));
        assert_eq!(refused, Err(RevocationFault::Until));
    }
}

#[test]
fn what_is_revoked_can_be_a_name() {
    let bench = Bench::new();
    for name in [String::new(), "a\nb".to_owned(), "a".repeat(1025)] {
        let refused = bench.revoke(Which::Token(name), None);
        assert_eq!(refused, Err(RevocationFault::Name));
    }
    let listed = bench.revoke(named("t-1"), None).unwrap();
    assert_eq!(listed.jti.as_deref(), Some("t-1"));
    assert_eq!(now(bench.revocations.list(NOW)), Ok(vec![listed]));
}

#[test]
fn where_others_revoke_a_token_counts_for_as_long_as_their_word() {
    let bench = Bench::new();
    let one = token("u-1", "t-1", Some(0));
    let asked = |now| bench.asked(&mut Believed::default(), &one, now);
    assert_eq!(asked(later(500)), None, "nobody else revokes");
    bench.revocations.live.confirm(NOW);
    assert_eq!(asked(later(5)), None);
    assert_eq!(asked(later(6)), Some(TokenRefusal::Away));
    bench.revocations.live.confirm(later(6));
    assert_eq!(asked(later(6)), None);
    // What is revoked is refused for good, whoever is away.
    bench.revoke(named("t-1"), None).unwrap();
    assert_eq!(asked(later(500)), Some(TokenRefusal::Revoked));
}

#[test]
fn a_revocation_outlives_a_restart() {
    let bench = Bench::new();
    bench.revoke(named("t-1"), None).unwrap();
    let again = opened(bench.revocations.store.clone());
    let bench = Bench {
        revocations: again,
        ..bench
    };
    let asked = bench.asked(&mut Believed::default(), &token("u-1", "t-1", Some(0)), NOW);
    assert_eq!(asked, Some(TokenRefusal::Revoked));
}
