//! A provider as it is known at this moment, and how it is asked.
//!
//! Owns its metadata and keys, fetched when a login needs them and kept for an hour, and the exchange
//! of a code. One login asks at a time, and what failed is not tried again for a few seconds, so that
//! a provider that hangs holds up nobody but those who log in, for no longer than one request may
//! take. Keys are asked for anew when a token names one we do not have, twice a minute at most.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use connect::{
    Client, Target,
    client::{Fault, Field, Request, Response},
};
use control::{Clock, Rng, Secret, Timestamp};
use seal::jws::read_set;
use serde::Deserialize;
use store::visitors::Visitors;

use super::{
    LoginFault, LoginRefusal, ProviderFault,
    metadata::Metadata,
    settings::{ALGORITHMS, LONGEST_TOKEN, SKEW, Settings},
};
use crate::{
    form,
    token::{Claims, Issuer, Rules, TokenRefusal},
};

/// How long metadata and keys are used before they are asked for again.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// How long an asking that failed is not repeated.
const PAUSE: Duration = Duration::from_secs(5);

/// How long keys are not asked for again because of a name that is not among them.
const KEYS_PAUSE: Duration = Duration::from_secs(30);

/// Longest answer to a code.
const ANSWER_LIMIT: usize = 64 * 1024;

/// The provider, and all that a login needs.
pub struct Provider {
    pub(super) settings: Settings,
    pub(super) store: Visitors,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
    client: Client,
    known: Mutex<Option<Arc<Known>>>,
    /// Held by whoever asks; when that last failed, and how.
    asking: tokio::sync::Mutex<Option<(Duration, ProviderFault)>>,
}

/// What is known of it.
pub(super) struct Known {
    pub(super) metadata: Metadata,
    issuer: Issuer,
    /// When, by the monotonic clock.
    since: Duration,
}

/// What a code was exchanged for.
pub(super) struct Tokens {
    pub(super) id: Secret,
    pub(super) access: Option<Secret>,
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Failed {
    error: String,
}

impl Provider {
    /// The provider of `settings`, asked through `client`. Nothing is asked yet.
    #[must_use]
    pub fn new(
        settings: Settings,
        client: Client,
        store: impl Into<Visitors>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            settings,
            store: store.into(),
            clock,
            rng,
            client,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// What the configuration says about it.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is known of it now, without asking.
    pub(super) fn known_now(&self) -> Option<Arc<Known>> {
        self.slot().clone()
    }

    /// What is known of it, asked for where that is too old.
    pub(super) async fn known(&self) -> Result<Arc<Known>, ProviderFault> {
        self.younger_than(KEPT).await
    }

    async fn younger_than(&self, age: Duration) -> Result<Arc<Known>, ProviderFault> {
        let fresh = || {
            let now = self.clock.monotonic();
            self.known_now()
                .filter(|known| now.saturating_sub(known.since) < age)
        };
        if let Some(known) = fresh() {
            return Ok(known);
        }
        let mut failed = self.asking.lock().await;
        // Whoever held the lock may have asked meanwhile.
        if let Some(known) = fresh() {
            return Ok(known);
        }
        if let Some((at, fault)) = *failed
            && self.clock.monotonic().saturating_sub(at) < PAUSE
        {
            return Err(fault);
        }
        match self.ask().await {
            Ok(known) => {
                *failed = None;
                let known = Arc::new(known);
                *self.slot() = Some(Arc::clone(&known));
                Ok(known)
            }
            Err(fault) => {
                *failed = Some((self.clock.monotonic(), fault));
                Err(fault)
            }
        }
    }

    /// Asks for metadata and keys.
    async fn ask(&self) -> Result<Known, ProviderFault> {
        let issuer = &self.settings.issuer;
        let document = self.get(Metadata::place(issuer)?).await?;
        let metadata = Metadata::read(document.body(), issuer)?;
        let set = self.get(metadata.keys.clone()).await?;
        let keys = read_set(set.body(), &ALGORITHMS).map_err(|_| ProviderFault::Keys)?;
        if keys.is_empty() {
            return Err(ProviderFault::Keys);
        }
        Ok(Known {
            metadata,
            issuer: Issuer::new(self.rules(), ALGORITHMS.to_vec(), keys),
            since: self.clock.monotonic(),
        })
    }

    fn rules(&self) -> Rules {
        let settings = &self.settings;
        Rules {
            issuer: settings.issuer.clone(),
            audience: vec![settings.client_id.clone()],
            required: Vec::new(),
            skew: SKEW,
            longest: LONGEST_TOKEN,
            role_claim: settings.role_claim.clone(),
            roles: settings.roles.clone(),
            tenant: settings.tenant.clone(),
            once: false,
        }
    }

    async fn get(&self, target: Target) -> Result<Response, ProviderFault> {
        let answer = self.send(Request::get(target)).await?;
        match answer.status() {
            200 => Ok(answer),
            _ => Err(ProviderFault::Busy),
        }
    }

    async fn send(&self, request: Request) -> Result<Response, ProviderFault> {
        send(&self.client, request).await
    }

    /// Believes a token of the provider, asking for its keys once more where it names one that is
    /// not among them.
    pub(super) async fn believe(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Believed, LoginFault> {
        let known = self.known().await?;
        let judge = |known: &Known| {
            let claims = known.issuer.believe(token, now)?;
            let rules = known.issuer.rules();
            let roles = rules.roles_of(&claims);
            let tenant = rules.tenant_of(&claims)?;
            Ok::<_, TokenRefusal>(Believed {
                claims,
                roles,
                tenant,
            })
        };
        match judge(&known) {
            Ok(believed) => Ok(believed),
            Err(TokenRefusal::Key) => {
                let renewed = self.younger_than(KEYS_PAUSE).await?;
                judge(&renewed).map_err(|refusal| LoginRefusal::from(refusal).into())
            }
            Err(refusal) => Err(LoginRefusal::from(refusal).into()),
        }
    }

    /// Exchanges a code for tokens.
    pub(super) async fn exchange(&self, code: &str, verifier: &str) -> Result<Tokens, LoginFault> {
        let known = self.known().await?;
        let settings = &self.settings;
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &settings.redirect_uri),
            ("code_verifier", verifier),
        ];
        let secret = match &settings.client_secret {
            Some(secret) => {
                Some(std::str::from_utf8(secret.expose()).map_err(|_| ProviderFault::Client)?)
            }
            None => None,
        };
        let basic = secret.filter(|_| !known.metadata.secret_in_body);
        if basic.is_none() {
            pairs.push(("client_id", &settings.client_id));
            if let Some(secret) = secret {
                pairs.push(("client_secret", secret));
            }
        }
        let body = Secret::new(form::write(&pairs).into_bytes());
        let target = known.metadata.token.clone();
        let mut request = Request::post(target, "application/x-www-form-urlencoded", body);
        if let Some(secret) = basic {
            let field = Field::new("Authorization", basic_pair(&settings.client_id, secret));
            request = request.with(field.map_err(|_| ProviderFault::Client)?);
        }
        read_exchanged(&self.send(request).await?)
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Known>>> {
        // One pointer: a panic elsewhere leaves it whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a request that is answered in JSON.
pub(crate) async fn send(client: &Client, request: Request) -> Result<Response, ProviderFault> {
    let accept = Field::new("Accept", "application/json");
    let request = match accept {
        Ok(accept) => request.with(accept),
        Err(_) => request,
    };
    client.send(request).await.map_err(|fault| match fault {
        Fault::Malformed(_) | Fault::TooLarge(_) | Fault::Encoded | Fault::Interim => {
            ProviderFault::Answer
        }
        _ => ProviderFault::Away,
    })
}

/// What a believed token says.
pub(super) struct Believed {
    pub(super) claims: Claims,
    pub(super) roles: Box<[Box<str>]>,
    pub(super) tenant: Box<str>,
}

/// Client id and secret as RFC 6749 section 2.3.1 has them: each in form encoding first.
fn basic_pair(id: &str, secret: &str) -> String {
    let mut pair = String::new();
    form::encode_into(id, &mut pair);
    pair.push(':');
    form::encode_into(secret, &mut pair);
    format!("Basic {}", seal::encode::base64(pair.as_bytes()))
}

fn read_exchanged(answer: &Response) -> Result<Tokens, LoginFault> {
    let body = answer.body();
    if body.len() > ANSWER_LIMIT {
        return Err(ProviderFault::Answer.into());
    }
    match answer.status() {
        200 => {
            let exchanged: Exchanged =
                serde_json::from_slice(body).map_err(|_| ProviderFault::Answer)?;
            Ok(Tokens {
                id: Secret::new(exchanged.id_token.into_bytes()),
                access: exchanged
                    .access_token
                    .map(|token| Secret::new(token.into_bytes())),
            })
        }
        400 | 401 => {
            let failed: Failed = serde_json::from_slice(body).map_err(|_| ProviderFault::Answer)?;
            Err(match failed.error.as_str() {
                "invalid_grant" => LoginRefusal::Code.into(),
                _ => ProviderFault::Client.into(),
            })
        }
        _ => Err(ProviderFault::Busy.into()),
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({}, ..)", self.settings.issuer)
    }
}
