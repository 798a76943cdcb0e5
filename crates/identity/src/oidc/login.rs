//! Sending a browser to the provider, and judging what it brings back.
//!
//! Owns a login from its beginning to the record of a session. Refuses an answer that this browser
//! did not ask for, before the provider is asked anything.

use std::{fmt, time::Duration};

use control::rng::{NoRandomness, Rng, array};
use seal::{encode::base64url, hmac};
use store::{StoreError, logins::LoginRow};
use zeroize::Zeroizing;

use super::{LoginFault, LoginRefusal, Provider, ProviderFault, ReturnTo, person};
use crate::{
    form,
    session::{NewSession, id},
};

/// How long a login may take.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Most logins under way.
pub const LOGINS_LIMIT: u64 = 10_000;

/// Longest query of an answer, in bytes.
const QUERY_LIMIT: usize = 8 * 1024;

/// Longest code, in bytes.
const CODE_LIMIT: usize = 4 * 1024;

/// A browser that is on its way to the provider.
pub struct Beginning {
    /// Where it is sent.
    pub location: String,
    /// What it keeps until it is back: the value of a cookie.
    pub binding: Binding,
}

/// The secret of a browser that logs in.
pub struct Binding(Zeroizing<String>);

impl Binding {
    /// Its text, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the browser has already, where it has one: another tab began a login too.
    fn kept(presented: &[u8]) -> Option<Self> {
        id::digest_of(presented)?;
        let text = String::from_utf8(presented.to_vec()).ok()?;
        Some(Self(Zeroizing::new(text)))
    }

    fn generate(rng: &dyn Rng) -> Result<Self, NoRandomness> {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(array(rng)?);
        Ok(Self(Zeroizing::new(base64url(&*bytes))))
    }

    fn digest(&self) -> [u8; 32] {
        seal::sha256(self.0.as_bytes())
    }

    /// What of this login only this browser and we can know, for one purpose.
    fn derive(&self, purpose: &[u8], state: &str) -> Zeroizing<String> {
        let parts = [purpose, &[0], state.as_bytes()];
        let tag = hmac::sign(hmac::Algorithm::Sha256, self.0.as_bytes(), &parts);
        Zeroizing::new(base64url(tag.as_bytes()))
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(..)")
    }
}

impl fmt::Debug for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beginning(..)")
    }
}

/// A login that is over: somebody has proved who they are.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The session to make.
    pub session: NewSession,
    /// The page that was asked for.
    pub return_to: ReturnTo,
}

impl Provider {
    /// Begins a login, by a browser that may have a binding already.
    ///
    /// # Errors
    ///
    /// [`LoginFault`], never a refusal.
    pub async fn begin(
        &self,
        presented: Option<&[u8]>,
        to: &ReturnTo,
    ) -> Result<Beginning, LoginFault> {
        let known = self.known().await?;
        let binding = match presented.and_then(Binding::kept) {
            Some(kept) => kept,
            None => Binding::generate(&*self.rng)?,
        };
        let state: [u8; 32] = array(&*self.rng)?;
        let state = base64url(&state);
        let began = self.clock.now();
        let row = LoginRow {
            state: seal::sha256(state.as_bytes()),
            binding: binding.digest(),
            return_to: to.as_str().to_owned(),
            began,
            expires: began.plus(PATIENCE),
        };
        if !self.store.begin(row, LOGINS_LIMIT).await? {
            return Err(LoginFault::Full);
        }
        let challenge = base64url(&seal::sha256(binding.derive(PKCE, &state).as_bytes()));
        let scopes: Vec<&str> = ["openid"]
            .into_iter()
            .chain(self.settings.scopes.iter().map(|scope| &**scope))
            .collect();
        let query = form::write(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.settings.redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", &state),
            ("nonce", &binding.derive(NONCE, &state)),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Beginning {
            location: known.metadata.authorization_with(&query),
            binding,
        })
    }

    /// Judges what a browser brings back: the query of the address it was sent to, and its binding.
    ///
    /// # Errors
    ///
    /// [`LoginFault`].
    pub async fn finish(
        &self,
        query: &str,
        presented: Option<&[u8]>,
    ) -> Result<Finished, LoginFault> {
        if query.len() > QUERY_LIMIT {
            return Err(LoginRefusal::Form.into());
        }
        let pairs = form::read(query).ok_or(LoginRefusal::Form)?;
        let value = |name| form::value(&pairs, name);
        let state = value("state").ok_or(LoginRefusal::Form)?;
        let binding = presented
            .and_then(Binding::kept)
            .ok_or(LoginRefusal::Browser)?;
        let row = self.take(state, &binding).await?;
        let row = row.ok_or(LoginRefusal::State)?;
        let return_to = ReturnTo::parse(&row.return_to).unwrap_or_else(|_| ReturnTo::home());
        let known = self.known().await?;
        match value("iss") {
            Some(issuer) if *issuer == *self.settings.issuer => {}
            None if !known.metadata.names_itself => {}
            _ => return Err(LoginRefusal::Issuer.into()),
        }
        match value("error") {
            None => {}
            Some("temporarily_unavailable" | "server_error") => {
                return Err(ProviderFault::Busy.into());
            }
            Some(_) => return Err(LoginRefusal::Denied.into()),
        }
        let code = value("code").filter(|code| (1..=CODE_LIMIT).contains(&code.len()));
        let code = code.ok_or(LoginRefusal::Form)?;
        let tokens = self.exchange(code, &binding.derive(PKCE, state)).await?;
        let id_token =
            std::str::from_utf8(tokens.id.expose()).map_err(|_| ProviderFault::Answer)?;
        let believed = self.believe(id_token, self.clock.now()).await?;
        let access = tokens.access.as_ref().map(control::Secret::expose);
        let access = access.and_then(|token| std::str::from_utf8(token).ok());
        let nonce = binding.derive(NONCE, state);
        let person = person::judge(&believed.claims, &nonce, access, &self.settings)?;
        Ok(Finished {
            session: NewSession {
                issuer: self.settings.issuer.to_string(),
                subject: person.subject,
                roles: believed.roles.iter().map(ToString::to_string).collect(),
                tenant: believed.tenant.into(),
                sid: person.sid,
                idle: self.settings.idle,
                longest: self.settings.longest,
                replaces: None,
            },
            return_to,
        })
    }

    async fn take(&self, state: &str, binding: &Binding) -> Result<Option<LoginRow>, StoreError> {
        let state = seal::sha256(state.as_bytes());
        let binding = binding.digest();
        let now = self.clock.now();
        self.store.take(state, binding, now).await
    }
}

/// What the nonce is derived for.
const NONCE: &[u8] = b"vouchsafe login nonce v1";

/// What the PKCE verifier is derived for.
const PKCE: &[u8] = b"vouchsafe login pkce v1";
