//! Logging out at the provider, and being logged out by it.

use identity::oidc::{LoginRefusal, logout::Leaving};
use serde_json::{Value, json};

use crate::{Bench, bench, peer::NOW, refused};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn leaving(
    bench: &Bench,
    changes: Value,
) -> Result<Leaving, Option<identity::oidc::LoginFault>> {
    let mut claims = json!({
        "iss": bench.peer.issuer(), "aud": "us", "iat": NOW, "exp": NOW + 120, "jti": "j-1",
        "sid": "s-1", "events": { EVENT: {} },
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let header = json!({"alg": "ES256", "kid": "k-1", "typ": "logout+jwt"});
    let token = bench.peer.sign(&header, &claims.to_string());
    let body = format!("logout_token={token}");
    bench.provider.leaving(body.as_bytes()).await.map_err(Some)
}

#[tokio::test]
async fn the_provider_says_whose_sessions_end() {
    let bench = bench().await;
    let session = leaving(&bench, json!({"sub": "u-1"})).await;
    assert_eq!(session, Ok(Leaving::Session("s-1".to_owned())));
    let person = leaving(&bench, json!({"sid": null, "sub": "u-1"})).await;
    // By a clock that may be a minute behind ours.
    let by = control::Timestamp::from_seconds(NOW + 60);
    assert_eq!(person, Ok(Leaving::Person("u-1".to_owned(), by)));
}

#[tokio::test]
async fn what_is_no_logout_token_ends_nothing() {
    let bench = bench().await;
    for changes in [
        json!({"nonce": "n"}),
        json!({"events": null}),
        json!({"events": {"other": {}}}),
        json!({"events": [EVENT]}),
        json!({"jti": null}),
        json!({"iat": null}),
        json!({"iat": NOW - 181, "exp": NOW + 60}),
        json!({"sid": null}),
    ] {
        let refusal = Err(refused(LoginRefusal::Logout));
        assert_eq!(leaving(&bench, changes.clone()).await, refusal, "{changes}");
    }
    for changes in [json!({"aud": "them"}), json!({"iss": "https://evil.test"})] {
        assert!(leaving(&bench, changes).await.is_err());
    }
    for body in [
        &b""[..],
        b"logout_token=",
        b"logout_token=a.b.c",
        b"\xff",
        b"token=a",
    ] {
        assert!(bench.provider.leaving(body).await.is_err());
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_log_out_there_once_the_place_is_known() {
    let bench = bench().await;
    assert_eq!(bench.provider.logout_location(), None);
    drop(bench.leave(None).await.unwrap());
    let location = bench.provider.logout_location().unwrap();
    let expected = "/end?client_id=us&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2F";
    assert_eq!(location, format!("{}{expected}", bench.peer.issuer()));
}
