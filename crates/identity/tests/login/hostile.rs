//! Browsers, providers and answers that are not what they should be.

use std::time::Duration;

use identity::{
    oidc::{LoginFault, LoginRefusal, ProviderFault},
    token::TokenRefusal,
};
use seal::encode::base64url;
use serde_json::{Value, json};

use crate::{bench, peer::NOW, refused};

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_is_refused_and_nobody_is_asked() {
    let bench = bench().await;
    let (away, other) = (
        bench.leave(None).await.unwrap(),
        bench.leave(None).await.unwrap(),
    );
    let forged = "A".repeat(43);
    let state = &away.sent["state"];
    for (query, refusal) in [
        (format!("state={forged}&code=c"), LoginRefusal::State),
        ("state=&code=c".to_owned(), LoginRefusal::State),
        // Of a login that another browser began.
        (
            format!("state={}&code=c", other.sent["state"]),
            LoginRefusal::State,
        ),
        ("code=c".to_owned(), LoginRefusal::Form),
        (
            format!("state={state}&state={state}&code=c"),
            LoginRefusal::Form,
        ),
        (format!("state={state}&code=%"), LoginRefusal::Form),
        (
            format!("state={state}&code={}", "c".repeat(9000)),
            LoginRefusal::Form,
        ),
    ] {
        assert_eq!(
            bench.finish(&away, &query).await.err(),
            refused(refusal),
            "{query:.60}"
        );
    }
    for binding in [None, Some(&b"short"[..])] {
        let query = format!("state={state}&code=c");
        let without = bench.provider.finish(&query, binding).await.err();
        assert_eq!(without, refused(LoginRefusal::Browser));
    }
    assert_eq!(bench.peer.asked("/token"), 0);
    // None of this used the login up.
    assert!(bench.come_back(&away, "").await.is_ok());
}

#[tokio::test]
async fn an_answer_counts_once_and_not_for_ever() {
    let bench = bench().await;
    let away = bench.leave(None).await.unwrap();
    let code = bench.peer.log_in(away.sent.clone());
    let query = format!("state={}&code={code}", away.sent["state"]);
    assert!(bench.finish(&away, &query).await.is_ok());
    assert_eq!(
        bench.finish(&away, &query).await.err(),
        refused(LoginRefusal::State)
    );
    // The same code for another login: the provider knows that it was used.
    let next = bench.leave(None).await.unwrap();
    let query = format!("state={}&code={code}", next.sent["state"]);
    assert_eq!(
        bench.finish(&next, &query).await.err(),
        refused(LoginRefusal::Code)
    );
    // Somebody else's code: its challenge is of another login.
    let (mine, theirs) = (
        bench.leave(None).await.unwrap(),
        bench.leave(None).await.unwrap(),
    );
    let code = bench.peer.log_in(theirs.sent.clone());
    let query = format!("state={}&code={code}", mine.sent["state"]);
    assert_eq!(
        bench.finish(&mine, &query).await.err(),
        refused(LoginRefusal::Code)
    );
    let late = bench.leave(None).await.unwrap();
    bench.clock.advance(Duration::from_secs(600));
    assert_eq!(
        bench.come_back(&late, "").await.err(),
        refused(LoginRefusal::State)
    );
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused() {
    let bench = bench().await;
    let issuer = format!("&iss=http%3A%2F%2F{}", bench.peer.address);
    for (announced, more, refusal) in [
        (false, "", None),
        (false, issuer.as_str(), None),
        (
            false,
            "&iss=https%3A%2F%2Fevil.test",
            Some(LoginRefusal::Issuer),
        ),
        (true, issuer.as_str(), None),
        (true, "", Some(LoginRefusal::Issuer)),
        (
            true,
            "&iss=https%3A%2F%2Fevil.test",
            Some(LoginRefusal::Issuer),
        ),
    ] {
        let metadata = json!({ "authorization_response_iss_parameter_supported": announced });
        bench.peer.script.lock().unwrap().metadata = metadata;
        bench.clock.advance(Duration::from_secs(3600));
        bench.peer.script.lock().unwrap().claims = json!({
            "iat": control::Clock::now(&bench.clock).seconds() - 1,
            "exp": control::Clock::now(&bench.clock).seconds() + 600,
        });
        let away = bench.leave(None).await.unwrap();
        let error = bench.come_back(&away, more).await.err();
        assert_eq!(
            error,
            refusal.map(LoginFault::Refused),
            "{announced} {more}"
        );
    }
}

#[tokio::test]
async fn a_refusal_by_the_provider_is_no_login() {
    let bench = bench().await;
    for (error, fault) in [
        ("access_denied", LoginFault::Refused(LoginRefusal::Denied)),
        ("login_required", LoginFault::Refused(LoginRefusal::Denied)),
        ("server_error", LoginFault::Provider(ProviderFault::Busy)),
    ] {
        let away = bench.leave(None).await.unwrap();
        let query = format!("state={}&error={error}&code=c", away.sent["state"]);
        assert_eq!(bench.finish(&away, &query).await.err(), Some(fault));
    }
    assert_eq!(bench.peer.asked("/token"), 0);
}

#[tokio::test]
async fn id_tokens_of_others_or_of_another_time_are_refused() {
    let bench = bench().await;
    for (claims, refusal) in [
        (
            json!({"iss": "https://evil.test"}),
            LoginRefusal::Token(TokenRefusal::Issuer),
        ),
        (
            json!({"aud": "them"}),
            LoginRefusal::Token(TokenRefusal::Audience),
        ),
        (json!({"aud": ["us", "them"]}), LoginRefusal::Party),
        (json!({"azp": "them"}), LoginRefusal::Party),
        (json!({"nonce": "another"}), LoginRefusal::Nonce),
        (json!({"nonce": null}), LoginRefusal::Nonce),
        (
            json!({"exp": NOW - 61}),
            LoginRefusal::Token(TokenRefusal::Expired),
        ),
        (
            json!({"exp": null}),
            LoginRefusal::Token(TokenRefusal::Endless),
        ),
        (
            json!({"exp": NOW + 90_000}),
            LoginRefusal::Token(TokenRefusal::Endless),
        ),
        (
            json!({"iat": NOW + 61}),
            LoginRefusal::Token(TokenRefusal::Early),
        ),
        (json!({"iat": null}), LoginRefusal::Undated),
        (json!({"sub": null}), LoginRefusal::Form),
        (
            json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
            LoginRefusal::Hash,
        ),
    ] {
        bench.peer.script.lock().unwrap().claims = claims.clone();
        assert_eq!(bench.log_in().await.err(), refused(refusal), "{claims}");
    }
    bench.peer.script.lock().unwrap().claims = json!({});
    assert!(bench.log_in().await.is_ok());
}

type Forge = Box<dyn Fn(String) -> String + Send>;

#[tokio::test]
async fn id_tokens_in_another_form_or_signed_by_nobody_are_refused() {
    let bench = bench().await;
    let part = |value: Value| base64url(value.to_string().as_bytes());
    let unsigned = part(json!({"alg": "none"}));
    let shared = part(json!({"alg": "HS256", "kid": "k-1"}));
    let wrong = part(json!({"alg": "ES256", "kid": "k-1"}));
    let brings = part(json!({"alg": "ES256", "jku": "https://evil.test/keys"}));
    let signer = std::sync::Arc::clone(&bench.peer);
    let deep = format!("{{\"nonce\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
    let signature = base64url(&[1; 64]);
    let forged = |header: String, signature: String| -> Forge {
        Box::new(move |claims| format!("{header}.{}.{signature}", base64url(claims.as_bytes())))
    };
    let cases: [(Forge, TokenRefusal); 7] = [
        (forged(unsigned, String::new()), TokenRefusal::Algorithm),
        (forged(shared, signature.clone()), TokenRefusal::Algorithm),
        (forged(wrong, signature.clone()), TokenRefusal::Signature),
        (forged(brings, signature), TokenRefusal::Header),
        (Box::new(|_| "a.b".to_owned()), TokenRefusal::Form),
        (Box::new(|_| "a".repeat(20_000)), TokenRefusal::Form),
        (
            Box::new(move |_| signer.sign(&json!({"alg": "ES256", "kid": "k-1"}), &deep)),
            TokenRefusal::Form,
        ),
    ];
    for (at, (token, refusal)) in cases.into_iter().enumerate() {
        bench.peer.script.lock().unwrap().token = Some(token);
        let error = bench.log_in().await.err();
        assert_eq!(error, refused(LoginRefusal::Token(refusal)), "{at}");
    }
    bench.peer.script.lock().unwrap().token = None;
    assert!(bench.log_in().await.is_ok());
}

#[tokio::test]
async fn a_provider_that_says_nonsense_is_named_and_not_the_browser() {
    let away = |keys: Option<String>, metadata: Value| async move {
        let bench = bench().await;
        bench.peer.script.lock().unwrap().keys = keys;
        bench.peer.script.lock().unwrap().metadata = metadata;
        bench.log_in().await.err()
    };
    let thousand: Vec<Value> = (0..1000)
        .map(|n| json!({"kty": "EC", "kid": n.to_string()}))
        .collect();
    for keys in [
        json!({ "keys": thousand }).to_string(),
        json!({ "keys": [] }).to_string(),
        "[".repeat(100_000),
        String::new(),
    ] {
        let fault = away(Some(keys), json!({})).await;
        assert_eq!(fault, Some(LoginFault::Provider(ProviderFault::Keys)));
    }
    for metadata in [
        json!({"issuer": "https://evil.test"}),
        json!({"token_endpoint": "http://login.example/token"}),
    ] {
        let fault = away(None, metadata).await;
        assert_eq!(fault, Some(LoginFault::Provider(ProviderFault::Metadata)));
    }
}

#[tokio::test]
async fn a_provider_that_is_busy_or_does_not_know_us_is_named() {
    let bench = bench().await;
    for (status, body, fault) in [
        (429, "slow down", ProviderFault::Busy),
        (503, "{}", ProviderFault::Busy),
        (302, "", ProviderFault::Away),
        (200, "{}", ProviderFault::Answer),
        (200, "not json", ProviderFault::Answer),
        (400, "not json", ProviderFault::Answer),
        (401, r#"{"error":"invalid_client"}"#, ProviderFault::Client),
    ] {
        bench.peer.script.lock().unwrap().answer = Some((status, body.to_owned()));
        let error = bench.log_in().await.err();
        assert_eq!(error, Some(LoginFault::Provider(fault)), "{status} {body}");
    }
    bench.peer.script.lock().unwrap().answer = None;
    assert!(bench.log_in().await.is_ok());
}

#[tokio::test]
async fn a_provider_that_hangs_holds_nobody_up_for_long() {
    let bench = bench().await;
    bench.peer.script.lock().unwrap().hangs = true;
    let fault = Some(LoginFault::Provider(ProviderFault::Away));
    assert_eq!(bench.log_in().await.err(), fault);
    // Whoever comes next is told at once, and the provider is not asked again.
    for _ in 0..50 {
        assert_eq!(bench.log_in().await.err(), fault);
    }
    assert_eq!(bench.peer.asked("/.well-known/openid-configuration"), 1);
    bench.peer.script.lock().unwrap().hangs = false;
    assert_eq!(bench.log_in().await.err(), fault);
    bench.clock.advance(Duration::from_secs(5));
    assert!(bench.log_in().await.is_ok());
}
