//! A login provider of the proof's own.
//!
//! Owns a server that speaks as much OpenID Connect as a child's gate asks for: metadata, keys, and the
//! exchange of a code, which it takes once and only with the right verifier (RFC 7636). What the ID
//! token says is the probe's to choose: an honest provider for a twin, anything for an attack.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use control::{Rng, probe::TargetError, rng};
use seal::{encode::base64url, p256::SigningKey};
use serde_json::{Value, json};

use super::server::{Request, Server};

const DOING: &str = "start a provider";

/// The name of its key.
pub(crate) const KEY_ID: &str = "proof";

/// Codes that were given out, with what each is good for.
type Codes = Arc<Mutex<BTreeMap<String, Grant>>>;

struct Grant {
    challenge: String,
    token: String,
}

/// A running provider; stops when dropped.
pub(crate) struct Provider {
    server: Server,
    key: SigningKey,
    codes: Codes,
}

impl Provider {
    /// Starts on a free loopback port, with a key of its own.
    pub(crate) fn start(rng: &dyn Rng) -> Result<Self, TargetError> {
        let key = new_key(rng)?;
        let codes = Codes::default();
        let (given, jwks) = (
            Arc::clone(&codes),
            json!({ "keys": [jwk(&key)] }).to_string(),
        );
        let server = Server::start(Box::new(move |request| answer(request, &jwks, &given)))
            .map_err(|cause| TargetError::new(DOING, cause))?;
        Ok(Self { server, key, codes })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its name.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The key that signs its tokens.
    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Gives `code` to a browser that was sent with `challenge`; it is good for `token`, once.
    pub(crate) fn give(&self, code: &str, challenge: &str, token: String) {
        let grant = Grant {
            challenge: challenge.to_owned(),
            token,
        };
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.insert(code.to_owned(), grant);
    }
}

/// A fresh key.
pub(crate) fn new_key(rng: &dyn Rng) -> Result<SigningKey, TargetError> {
    let number = rng::array::<32>(rng).map_err(|cause| TargetError::new(DOING, cause))?;
    SigningKey::from_number(number).map_err(|cause| TargetError::new(DOING, cause))
}

fn jwk(key: &SigningKey) -> Value {
    let (x, y) = key.public();
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID,
        "x": base64url(x), "y": base64url(y),
    })
}

fn answer(request: &Request, jwks: &str, codes: &Codes) -> (u16, String) {
    let host = request
        .fields
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let issuer = host
        .map(|(_, host)| format!("http://{host}"))
        .unwrap_or_default();
    match request.target.as_str() {
        "/.well-known/openid-configuration" => {
            let metadata = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
            });
            (200, metadata.to_string())
        }
        "/keys" => (200, jwks.to_owned()),
        "/token" => exchange(&request.body, codes),
        _ => (404, String::new()),
    }
}

/// Takes a code back for its token.
fn exchange(body: &[u8], codes: &Codes) -> (u16, String) {
    let refused = || (400, json!({ "error": "invalid_grant" }).to_string());
    let text = String::from_utf8_lossy(body);
    let value = |name: &str| {
        let found = text.split('&').find_map(|pair| {
            let (n, value) = pair.split_once('=')?;
            (n == name).then_some(value)
        });
        found.unwrap_or_default()
    };
    let grant = {
        let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.remove(value("code"))
    };
    let Some(grant) = grant else {
        return refused();
    };
    let challenge = base64url(&seal::sha256(value("code_verifier").as_bytes()));
    if challenge != grant.challenge {
        return refused();
    }
    let given = json!({
        "id_token": grant.token, "access_token": "proof", "token_type": "Bearer",
    });
    (200, given.to_string())
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;

    #[test]
    fn a_code_is_taken_once_and_with_its_verifier_alone() {
        let provider = Provider::start(&CountingRng::from_seed(5)).unwrap();
        let challenge = base64url(&seal::sha256(b"verifier"));
        let ask = |verifier: &str| {
            let body = format!("grant_type=authorization_code&code=c1&code_verifier={verifier}");
            exchange(body.as_bytes(), &provider.codes)
        };
        provider.give("c1", &challenge, "token".to_owned());
        assert_eq!(ask("other").0, 400);
        provider.give("c1", &challenge, "token".to_owned());
        let (status, body) = ask("verifier");
        assert!(status == 200 && body.contains("\"token\""), "{body}");
        assert_eq!(ask("verifier").0, 400);
    }
}
