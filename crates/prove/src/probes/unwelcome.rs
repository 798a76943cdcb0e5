//! Tokens that are genuine and count no longer.

use std::time::Duration;

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{ChildStart, RouteFact, TargetError},
    rng,
    sheet::Met,
};
use seal::{ed25519::SigningKey, encode::hex, jws};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    draft::Draft,
    keys::{Ended, now, until_refused},
    method_of, named_route,
    tokens::{bearing, minted, roles_of, told},
};

/// Attacks `token.revocable`.
pub(super) struct Revocable;
/// Attacks `token.once`.
pub(super) struct Once;

const DOING: &str = "show a token on a child";

/// How long a token of the proof lives, in seconds: any configuration allows that.
const LIFE: i64 = 50;

impl Probe for Revocable {
    fn promise(&self) -> &'static str {
        "token.revocable"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let within = asked
            .value("within")
            .and_then(config::quantity::duration)
            .ok_or_else(|| TargetError::new("read the anchor", "within is not a duration"))?;
        let plain = Draft::new(at, method_of(route), &route.path);
        let revoked = minted(at, route, Duration::ZERO)?;
        let kept = minted(at, route, Duration::ZERO)?;
        let ask = || bearing(&plain, &revoked.token).ticketed(at)?.send(at);
        let (before, _) = told(at, &bearing(&plain, &revoked.token))?;
        at.revoke_token(&revoked)?;
        let start = now();
        let met = match until_refused(within, || now() - start, ask)? {
            Ended::Refused(sent) => {
                let after = sent.as_millis();
                Met::when(true, format!("refused when asked {after} ms later"))
            }
            Ended::Open(last) => Met::status(&last, &[401]),
        };
        sheet.pair("a revoked token", met, before);
        let again = Met::status(&ask()?, &[401]);
        let (other, _) = told(at, &bearing(&plain, &kept.token))?;
        sheet.pair("the revoked token once more, beside another", again, other);
        Ok(())
    }
}

/// A child that believes an issuer whose key is the proof's own.
struct House<'t> {
    child: Box<dyn Target>,
    route: &'t RouteFact,
    issuer: String,
    audience: String,
    signer: SigningKey,
    /// Holds the public key for as long as the child may read it.
    _folder: TempDir,
}

impl<'t> House<'t> {
    fn start(at: &dyn Target, route: &'t RouteFact, issuer: &str) -> Result<Self, TargetError> {
        let seed = rng::array::<32>(at.rng()).map_err(|fault| TargetError::new(DOING, fault))?;
        let signer = SigningKey::from_seed(seed).map_err(|it| TargetError::new(DOING, it))?;
        let public = signer.verifying_key();
        let public = public.map_err(|fault| TargetError::new(DOING, fault))?;
        let folder = tempfile::tempdir().map_err(|fault| TargetError::new(DOING, fault))?;
        let file = folder.path().join("jwks.json");
        std::fs::write(&file, jws::jwks(&[("proof", &public)]).to_string())
            .map_err(|fault| TargetError::new(DOING, fault))?;
        let audience = "proof".to_owned();
        let role = roles_of(route).first().cloned();
        let mut found = false;
        let started = at.child(&mut |tree| {
            if let Some(table) = table_of(tree, issuer) {
                found = true;
                table["algorithms"] = json!(["EdDSA"]);
                table["keys"] = json!({ "file": file.display().to_string() });
                table["audience"] = json!([audience]);
                table["role_claim"] = json!("groups");
                table["roles"] = role
                    .as_ref()
                    .map_or(json!({}), |role| json!({ "proof": role }));
                if let Some(members) = table.as_object_mut() {
                    members.remove("required");
                    members.remove("tenant_claim");
                }
            }
        })?;
        if !found {
            let cause = format!("no [[issuer]] is called {issuer}");
            return Err(TargetError::new(DOING, cause));
        }
        match started {
            ChildStart::Up(child) => Ok(Self {
                child,
                route,
                issuer: issuer.to_owned(),
                audience,
                signer,
                _folder: folder,
            }),
            ChildStart::Refused { exit, .. } => {
                let cause = format!("the child ended with {exit}");
                Err(TargetError::new(DOING, cause))
            }
        }
    }

    fn fresh_name(&self) -> Result<String, TargetError> {
        let name = rng::array::<16>(self.child.rng());
        name.map(|name| hex(&name))
            .map_err(|fault| TargetError::new(DOING, fault))
    }

    /// A token called `name` of `subject`.
    fn token(&self, name: &str, subject: &str) -> String {
        let now = SystemClock::new().now().seconds();
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": subject, "jti": name,
            "iat": now, "exp": now + LIFE, "groups": ["proof"],
        });
        jws::sign_eddsa(&self.signer, "proof", &claims.to_string())
    }

    fn draft(&self, token: &str) -> Draft {
        let plain = Draft::new(self.child.as_ref(), method_of(self.route), &self.route.path);
        bearing(&plain, token)
    }

    /// What a token meets that nobody has used.
    fn opens(&self, token: &str) -> Result<Met, TargetError> {
        told(self.child.as_ref(), &self.draft(token)).map(|(met, _)| met)
    }

    /// What a token meets that somebody may have used.
    fn refuses(&self, token: &str) -> Result<Met, TargetError> {
        let at = self.child.as_ref();
        let reply = self.draft(token).ticketed(at)?.send(at)?;
        Ok(Met::status(&reply, &[401]))
    }
}

fn table_of<'v>(tree: &'v mut Value, issuer: &str) -> Option<&'v mut Value> {
    let issuers = tree.get_mut("issuer")?.as_array_mut()?;
    let named = |table: &&mut Value| table.get("issuer").and_then(Value::as_str) == Some(issuer);
    issuers.iter_mut().find(named)
}

impl Probe for Once {
    fn promise(&self) -> &'static str {
        "token.once"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let issuer = asked.value("issuer").unwrap_or_default();
        let house = House::start(at, route, issuer)?;
        let (first, other) = (house.fresh_name()?, house.fresh_name()?);
        let token = house.token(&first, "proof-person");
        let twin = house.opens(&token)?;
        sheet.pair(
            "a token that was used (on a child)",
            house.refuses(&token)?,
            twin,
        );
        let renamed = house.token(&first, "proof-other");
        sheet.pair(
            "another token of the same name (on a child)",
            house.refuses(&renamed)?,
            house.opens(&house.token(&other, "proof-other"))?,
        );
        sheet.pair(
            "the first token once more, beside one that is new (on a child)",
            house.refuses(&token)?,
            house.opens(&house.token(&house.fresh_name()?, "proof-person"))?,
        );
        Ok(())
    }
}
