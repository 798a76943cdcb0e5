//! Logins at a provider that follows a script, over real connections and a real store.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

mod hostile;
mod logout;
mod peer;

use std::{collections::HashMap, sync::Arc, time::Duration};

use connect::{Client, Fixed, Host, Policy, client::Limits, policy::Exception};
use control::{Clock, Secret, Timestamp, clock::FixedClock, rng::SystemRng};
use identity::{
    oidc::{Finished, LoginFault, LoginRefusal, Provider, ReturnTo, Settings},
    token::Tenancy,
};
use store::Store;

use crate::peer::{NOW, Peer, pairs};

pub(crate) struct Bench {
    pub(crate) peer: Arc<Peer>,
    pub(crate) provider: Provider,
    pub(crate) clock: FixedClock,
    _folder: tempfile::TempDir,
}

/// A browser that was sent to the provider.
pub(crate) struct Away {
    pub(crate) sent: HashMap<String, String>,
    pub(crate) binding: String,
}

pub(crate) async fn bench() -> Bench {
    let peer = Peer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let clock = FixedClock::at(Timestamp::from_seconds(NOW));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let policy = Policy {
        exceptions: vec![Exception {
            host: Host::parse("127.0.0.1").unwrap(),
            network: "127.0.0.0/8".parse().unwrap(),
            port: Some(peer.address.port()),
            reason: "a provider of this test".to_owned(),
            until: Timestamp::from_seconds(NOW + 86_400),
        }],
        ..Policy::default()
    };
    let limits = Limits {
        total: Duration::from_millis(500),
        ..Limits::default()
    };
    let tls = connect::tls::config(None, Arc::clone(&shared)).unwrap();
    let resolver = Box::new(Fixed::default());
    let client = Client::new(policy, resolver, tls, Arc::clone(&shared), limits);
    let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
    let provider = Provider::new(settings(&peer), client, store, shared, Arc::new(SystemRng));
    Bench {
        peer,
        provider,
        clock,
        _folder: folder,
    }
}

fn settings(peer: &Peer) -> Settings {
    Settings {
        issuer: peer.issuer().into(),
        client_id: "us".into(),
        client_secret: Some(Secret::new(b"s :".to_vec())),
        redirect_uri: "https://app.test/.vouchsafe/callback".into(),
        home: "https://app.test/".into(),
        scopes: vec!["email".into()],
        domains: Vec::new(),
        role_claim: Some("groups".into()),
        roles: vec![("g-sales".into(), "sales".into())],
        tenant: Tenancy::Fixed("default".into()),
        idle: Duration::from_secs(1800),
        longest: Duration::from_secs(28_800),
    }
}

impl Bench {
    pub(crate) async fn leave(&self, binding: Option<&str>) -> Result<Away, LoginFault> {
        let to = ReturnTo::parse("/page?of=1").unwrap();
        let binding = binding.map(str::as_bytes);
        let beginning = self.provider.begin(binding, &to).await?;
        let (place, query) = beginning.location.split_once('?').unwrap();
        assert_eq!(place, format!("{}/auth", self.peer.issuer()));
        Ok(Away {
            sent: pairs(query),
            binding: beginning.binding.expose().to_owned(),
        })
    }

    pub(crate) async fn come_back(&self, away: &Away, more: &str) -> Result<Finished, LoginFault> {
        let code = self.peer.log_in(away.sent.clone());
        let query = format!("state={}&code={code}{more}", away.sent["state"]);
        self.finish(away, &query).await
    }

    pub(crate) async fn finish(&self, away: &Away, query: &str) -> Result<Finished, LoginFault> {
        let binding = Some(away.binding.as_bytes());
        self.provider.finish(query, binding).await
    }

    /// A whole login.
    pub(crate) async fn log_in(&self) -> Result<Finished, LoginFault> {
        let away = self.leave(None).await?;
        self.come_back(&away, "").await
    }
}

pub(crate) fn refused(refusal: LoginRefusal) -> Option<LoginFault> {
    Some(LoginFault::Refused(refusal))
}

#[tokio::test]
async fn whoever_the_provider_knows_gets_a_session_and_the_page_they_asked_for() {
    let bench = bench().await;
    let away = bench.leave(None).await.unwrap();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "us"),
        ("redirect_uri", "https://app.test/.vouchsafe/callback"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(away.sent[name], value);
    }
    let finished = bench.come_back(&away, "").await.unwrap();
    assert_eq!(finished.return_to.as_str(), "/page?of=1");
    let session = finished.session;
    assert_eq!(session.issuer, bench.peer.issuer());
    assert_eq!(
        (session.subject, session.roles),
        ("u-1".to_owned(), vec!["sales".to_owned()])
    );
    assert_eq!(
        (session.tenant.as_str(), session.sid.as_deref()),
        ("default", Some("s-1"))
    );
}

#[tokio::test]
async fn two_tabs_log_in_and_so_does_a_second_try() {
    let bench = bench().await;
    let first = bench.leave(None).await.unwrap();
    let second = bench.leave(Some(&first.binding)).await.unwrap();
    assert_eq!(first.binding, second.binding);
    assert_ne!(first.sent["state"], second.sent["state"]);
    assert_ne!(first.sent["nonce"], second.sent["nonce"]);
    assert_ne!(first.sent["code_challenge"], second.sent["code_challenge"]);
    assert!(bench.come_back(&second, "").await.is_ok());
    assert!(bench.come_back(&first, "").await.is_ok());
    // The back button: that login is over, and a new one goes on.
    let again = bench.come_back(&first, "").await.err();
    assert_eq!(again, refused(LoginRefusal::State));
    let third = bench.leave(Some(&first.binding)).await.unwrap();
    assert!(bench.come_back(&third, "").await.is_ok());
}

#[tokio::test]
async fn metadata_and_keys_are_asked_for_once_an_hour() {
    let bench = bench().await;
    for _ in 0..3 {
        assert!(bench.log_in().await.is_ok());
    }
    let asked =
        || ["/.well-known/openid-configuration", "/keys"].map(|path| bench.peer.asked(path));
    assert_eq!(asked(), [1, 1]);
    bench.clock.advance(Duration::from_secs(3600));
    drop(bench.leave(None).await.unwrap());
    assert_eq!(asked(), [2, 2]);
}

#[tokio::test]
async fn a_key_that_is_new_is_asked_for_and_not_more_often_than_is_good() {
    let bench = bench().await;
    assert!(bench.log_in().await.is_ok());
    let renewed = serde_json::json!({ "keys": [bench.peer.jwk("k-2")] });
    let signer = Arc::clone(&bench.peer);
    {
        let mut script = bench.peer.script.lock().unwrap();
        script.keys = Some(renewed.to_string());
        script.token = Some(Box::new(move |claims| {
            signer.sign(&serde_json::json!({"alg": "ES256", "kid": "k-2"}), &claims)
        }));
    }
    let unknown = refused(LoginRefusal::Token(identity::token::TokenRefusal::Key));
    assert_eq!(
        bench.log_in().await.err(),
        unknown,
        "keys are younger than half a minute"
    );
    assert_eq!(bench.peer.asked("/keys"), 1);
    bench.clock.advance(Duration::from_secs(30));
    assert!(bench.log_in().await.is_ok());
    assert_eq!(bench.peer.asked("/keys"), 2);
}
