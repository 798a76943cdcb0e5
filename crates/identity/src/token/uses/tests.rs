use control::clock::FixedClock;
use seal::jws::{Algorithm, Jwk, TokenKey, sign_eddsa};
use serde_json::json;

use super::*;
use crate::token::{Issuer, Rules, Tenancy};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + seconds)
}

/// A token of this issuer, as it is believed.
fn believed(issuer: &str, id: &str) -> Unused {
    let rules = Rules {
        issuer: issuer.into(),
        audience: vec!["desk".into()],
        required: Vec::new(),
        skew: Duration::from_secs(30),
        longest: Duration::from_secs(3600),
        role_claim: None,
        roles: Vec::new(),
        tenant: Tenancy::Fixed("default".into()),
        once: true,
    };
    let signer = seal::ed25519::SigningKey::from_seed([1; 32]).unwrap();
    let key = TokenKey::from(&signer.verifying_key().unwrap());
    let jwk = Jwk { id: None, key };
    let claims = json!({
        "iss": issuer, "sub": "u-1", "aud": "desk", "jti": id,
        "iat": NOW.seconds(), "exp": NOW.seconds() + 600,
    });
    let token = sign_eddsa(&signer, "a", &claims.to_string());
    let issuer = Issuer::new(rules, vec![Algorithm::EdDsa], vec![jwk]);
    Unused(Arc::new(issuer.verify(&token, NOW).unwrap()))
}

fn uses(folder: &tempfile::TempDir) -> Uses {
    let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
    Uses::new(store, Shared::in_process(Arc::new(FixedClock::at(NOW))))
}

#[tokio::test]
async fn a_token_is_used_once_and_its_bearer_is_known_then() {
    let folder = tempfile::tempdir().unwrap();
    let uses = uses(&folder);
    let claim = |issuer, id, now| {
        let uses = uses.clone();
        async move { uses.claim(believed(issuer, id), now).await.map(drop) }
    };
    assert_eq!(claim("https://a.test", "t-1", NOW).await, Ok(()));
    for now in [NOW, later(629)] {
        let again = claim("https://a.test", "t-1", now).await;
        assert_eq!(again, Err(TokenRefusal::Used));
    }
    assert_eq!(claim("https://a.test", "t-2", NOW).await, Ok(()));
    assert_eq!(claim("https://b.test", "t-1", NOW).await, Ok(()));
    let verified = uses.claim(believed("https://a.test", "t-3"), NOW).await;
    assert!(matches!(
        verified.unwrap().principal(),
        Principal::Bearer(bearer) if bearer.subject() == "u-1"
    ));
}

#[tokio::test]
async fn what_was_used_is_known_after_a_restart_and_swept_once_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let before = uses(&folder);
    let first = before.claim(believed("https://a.test", "t-1"), NOW).await;
    assert!(first.is_ok());
    drop(before);
    let again = uses(&folder);
    let used = again.claim(believed("https://a.test", "t-1"), NOW).await;
    assert_eq!(used.map(drop), Err(TokenRefusal::Used));
    assert_eq!(again.sweep(later(629)).await, Ok(0));
    assert_eq!(again.sweep(later(630)).await, Ok(1));
}
