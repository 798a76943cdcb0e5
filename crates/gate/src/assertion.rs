//! The signed assertion by which an app learns who asks.
//!
//! Owns the signing key, its published set and the cache of assertions of each core. Refuses to
//! speak for a request without a principal: an open route carries no assertion. A signature costs
//! more than everything else of a request together, so one is made per principal and route and
//! renewed well before it ends; a route with `bind = "request"` gets one per request. A principal
//! whose credentials differ in roles or tenant has one for each of these, and a person one for each
//! session.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use control::Timestamp;
use identity::{IdHash, SessionHash};
use ledger::{PrincipalId, RequestId};
use seal::ed25519::{KeyFault, SigningKey};
use serde_json::{Value, json};
use wire::{CleanText, WriteFault};

use crate::request_id;

/// How long an assertion lives.
pub(crate) const LIFE: Duration = Duration::from_secs(60);

/// When it is signed anew: an app whose clock runs 20 seconds ahead still believes the last one.
const RENEW: Duration = Duration::from_secs(40);

/// Most assertions one core keeps.
const CAPACITY: usize = 4096;

/// The key that signs, and the set that verifies.
pub(crate) struct Signer {
    key: SigningKey,
    kid: String,
    jwks: Arc<str>,
}

impl Signer {
    /// Signs with the key grown from `seed`.
    pub(crate) fn from_seed(seed: [u8; 32]) -> Result<Self, KeyFault> {
        let key = SigningKey::from_seed(seed)?;
        let verifying = key.verifying_key()?;
        let kid = seal::jws::thumbprint(&verifying);
        let jwks = seal::jws::jwks(&[(&kid, &verifying)]).to_string().into();
        Ok(Self { key, kid, jwks })
    }

    /// The key set as JSON text.
    pub(crate) fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.jwks)
    }

    fn sign(&self, claims: &Claims<'_>, now: Timestamp) -> String {
        let issued = now.seconds();
        let mut object = json!({
            "iss": claims.issuer,
            "sub": claims.subject.to_string(),
            "roles": claims.roles,
            "tenant": claims.tenant,
            "aud": claims.audience,
            "iat": issued,
            "exp": issued.saturating_add(LIFE.as_secs().cast_signed()),
        });
        if let (
            Subject::Principal(identity::Subject::User { issuer, name }),
            Value::Object(fields),
        ) = (claims.subject, &mut object)
        {
            // Names are only unique with whoever gave them (RFC 9493, section 3.2.3).
            let id = json!({ "format": "iss_sub", "iss": issuer, "sub": name });
            fields.insert("sub_id".into(), id);
        }
        if let (Some(session), Value::Object(fields)) = (claims.session, &mut object) {
            fields.insert("sid_hash".into(), session.to_string().into());
        }
        if let (Some(bound), Value::Object(fields)) = (&claims.bound, &mut object) {
            let method = String::from_utf8_lossy(bound.method);
            fields.insert("method".into(), method.into());
            fields.insert("path_sha256".into(), path_hash(bound.path).into());
            let id = request_id::hex(bound.request);
            fields.insert("jti".into(), String::from_utf8_lossy(&id).into());
        }
        seal::jws::sign_eddsa(&self.key, &self.kid, &object.to_string())
    }
}

/// What an assertion says.
pub(crate) struct Claims<'a> {
    /// The public URL of the deployment.
    pub(crate) issuer: &'a str,
    /// Who asks.
    pub(crate) subject: Subject<'a>,
    /// Roles of the principal.
    pub(crate) roles: &'a [Box<str>],
    /// Its tenant.
    pub(crate) tenant: &'a str,
    /// What its session is told apart by, where it has one.
    pub(crate) session: Option<&'a SessionHash>,
    /// The route's id.
    pub(crate) audience: &'a str,
    /// The one request it is good for, where the route asks for that.
    pub(crate) bound: Option<Bound<'a>>,
}

/// The request an assertion is bound to.
pub(crate) struct Bound<'a> {
    /// Its method.
    pub(crate) method: &'a [u8],
    /// The path as it goes upstream, without the query.
    pub(crate) path: &'a [u8],
    /// Its id.
    pub(crate) request: &'a RequestId,
}

/// Who an assertion speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// The owner of a credential.
    Principal(identity::Subject<'a>),
    /// The source of the webhook route with this path.
    Webhook(&'a str),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(subject) => subject.fmt(f),
            Self::Webhook(route) => write!(f, "webhook:{route}"),
        }
    }
}

/// SHA-256 of a path, base64url without padding.
fn path_hash(path: &[u8]) -> String {
    seal::encode::base64url(&seal::sha256(path))
}

/// What an assertion is kept under.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Who it speaks of.
    pub(crate) principal: PrincipalId,
    /// Which of its credentials, where these differ in what an assertion says.
    pub(crate) variant: u64,
    /// The route, by its index in the configuration in force.
    pub(crate) route: usize,
}

/// The assertions one core has signed and may use again.
#[derive(Default)]
pub(crate) struct Assertions {
    kept: HashMap<Place, Kept, IdHash>,
}

struct Kept {
    token: CleanText,
    renew: Timestamp,
}

/// An assertion, and whether it was signed just now.
pub(crate) struct Asserted {
    pub(crate) token: CleanText,
    pub(crate) fresh: bool,
}

impl Assertions {
    /// Forgets them all, because routes may have changed.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    /// An assertion for one request alone, because it is bound to it or because the request began
    /// under a configuration that is no longer in force: routes may have changed places since.
    pub(crate) fn once(
        signer: &Signer,
        claims: &Claims<'_>,
        now: Timestamp,
    ) -> Result<Asserted, WriteFault> {
        Ok(Asserted {
            token: CleanText::new(signer.sign(claims, now))?,
            fresh: true,
        })
    }

    /// The assertion of a principal on a route.
    pub(crate) fn of(
        &mut self,
        signer: &Signer,
        place: Place,
        claims: &Claims<'_>,
        now: Timestamp,
    ) -> Result<Asserted, WriteFault> {
        if claims.bound.is_some() {
            return Self::once(signer, claims, now);
        }
        if let Some(kept) = self.kept.get(&place)
            // A clock set back must not stretch the life of an assertion.
            && now < kept.renew
            && kept.renew.since(now) <= RENEW
        {
            return Ok(Asserted {
                token: kept.token.clone(),
                fresh: false,
            });
        }
        if self.kept.len() >= CAPACITY {
            self.kept.retain(|_, kept| now < kept.renew);
        }
        if self.kept.len() >= CAPACITY {
            self.kept.clear();
        }
        let signed = Self::once(signer, claims, now)?;
        self.kept.insert(
            place,
            Kept {
                token: signed.token.clone(),
                renew: now.plus(RENEW),
            },
        );
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seal::{
        ed25519::VerifyingKey,
        jws::{Compact, TokenKey},
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn claims<'a>(roles: &'a [Box<str>], bound: Option<Bound<'a>>) -> Claims<'a> {
        Claims {
            issuer: "https://coach.school.example",
            subject: Subject::Webhook("/hook"),
            roles,
            tenant: "default",
            session: None,
            audience: "/api",
            bound,
        }
    }

    fn place(route: usize) -> Place {
        Place {
            principal: PrincipalId::new("abc").unwrap(),
            variant: 0,
            route,
        }
    }

    /// Verifies with nothing but the published set, as an app would.
    fn verified(signer: &Signer, token: &str) -> Value {
        let set: Value = serde_json::from_str(&signer.jwks()).unwrap();
        let x = set["keys"][0]["x"].as_str().unwrap();
        let key = VerifyingKey::from_bytes(&seal::encode::unbase64url(x).unwrap()).unwrap();
        let parts = Compact::parse(token).unwrap();
        serde_json::from_slice(&parts.verified_by(&TokenKey::from(&key)).unwrap()).unwrap()
    }

    #[test]
    fn an_app_can_verify_who_asks_with_the_published_keys() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let roles = ["mentor".into()];
        let mut kept = Assertions::default();
        let made = kept.of(&signer, place(0), &claims(&roles, None), NOW);
        assert_eq!(
            verified(&signer, made.unwrap().token.as_str()),
            json!({
                "iss": "https://coach.school.example", "sub": "webhook:/hook", "roles": ["mentor"],
                "tenant": "default", "aud": "/api", "iat": 1_800_000_000, "exp": 1_800_000_060,
            })
        );
    }

    #[test]
    fn a_person_is_named_with_who_vouches_for_them() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let claims = Claims {
            subject: Subject::Principal(identity::Subject::User {
                issuer: "https://login.example",
                name: "u-1",
            }),
            ..claims(&[], None)
        };
        let made = Assertions::once(&signer, &claims, NOW).unwrap();
        let said = verified(&signer, made.token.as_str());
        assert_eq!(said["sub"], "user:u-1");
        assert_eq!(
            said["sub_id"],
            json!({"format": "iss_sub", "iss": "https://login.example", "sub": "u-1"})
        );
    }

    #[test]
    fn an_assertion_is_used_again_until_it_is_time_to_renew() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let mut kept = Assertions::default();
        let mut at = |seconds| {
            let now = NOW.plus(Duration::from_secs(seconds));
            kept.of(&signer, place(0), &claims(&[], None), now)
                .unwrap()
                .fresh
        };
        assert_eq!([at(0), at(39), at(40), at(41)], [true, false, true, false]);
    }

    #[test]
    fn a_clock_set_back_does_not_stretch_an_assertion() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let mut kept = Assertions::default();
        kept.of(&signer, place(0), &claims(&[], None), NOW).unwrap();
        let before = Timestamp::from_seconds(NOW.seconds() - 3600);
        assert!(
            kept.of(&signer, place(0), &claims(&[], None), before)
                .unwrap()
                .fresh
        );
    }

    #[test]
    fn routes_and_principals_do_not_share_assertions() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let mut kept = Assertions::default();
        let other = Place {
            principal: PrincipalId::new("def").unwrap(),
            ..place(0)
        };
        // Another credential of the same principal, with other roles.
        let variant = Place {
            variant: 1,
            ..place(0)
        };
        for place in [place(0), place(1), other, variant] {
            assert!(
                kept.of(&signer, place, &claims(&[], None), NOW)
                    .unwrap()
                    .fresh
            );
        }
    }

    #[test]
    fn a_bound_assertion_names_its_request_and_is_never_used_again() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let mut kept = Assertions::default();
        let mut made = |id: u8| {
            let request = RequestId([id; 16]);
            let bound = Bound {
                method: b"POST",
                path: b"/api/x",
                request: &request,
            };
            let made = kept.of(&signer, place(0), &claims(&[], Some(bound)), NOW);
            verified(&signer, made.unwrap().token.as_str())
        };
        let (one, two) = (made(1), made(2));
        assert_eq!(one["method"], "POST");
        assert_eq!(one["path_sha256"], path_hash(b"/api/x"));
        assert_eq!(one["jti"], "01".repeat(16));
        assert_ne!(one["jti"], two["jti"]);
    }

    #[test]
    fn the_cache_is_bounded() {
        let signer = Signer::from_seed([7; 32]).unwrap();
        let mut kept = Assertions::default();
        for route in 0..=CAPACITY {
            kept.of(&signer, place(route), &claims(&[], None), NOW)
                .unwrap();
        }
        assert!(kept.kept.len() <= CAPACITY);
    }
}
