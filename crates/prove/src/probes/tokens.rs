//! Tokens that are not ours, and tokens that are too old.

use std::time::Duration;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, KeyWish, MintedToken, RouteFact, TargetError, TokenWish},
    rng,
    sheet::Met,
};
use seal::{
    ed25519::SigningKey,
    encode::{base64url, unbase64url},
    hmac,
};
use serde_json::{Value, json};

use super::{
    draft::{Draft, Echo},
    keys::EVERYTHING,
    method_of, named_route,
};

/// Attacks `token.genuine`.
pub(super) struct Genuine;
/// Attacks `token.expires`.
pub(super) struct Expires;

/// How far from its end a token is tried, on both sides.
const MINUTE: Duration = Duration::from_secs(60);

/// The roles that a route for credentials names.
pub(super) fn roles_of(route: &RouteFact) -> &[String] {
    match &route.guard {
        Guard::Key(roles) | Guard::Token(roles) | Guard::Session(roles) => roles,
        Guard::Open(_) | Guard::Certificate(_) | Guard::Webhook(_) => &[],
    }
}

pub(super) fn minted(
    at: &dyn Target,
    route: &RouteFact,
    age: Duration,
) -> Result<MintedToken, TargetError> {
    at.mint_token(&TokenWish {
        key: KeyWish {
            scopes: vec![EVERYTHING.to_owned()],
            roles: roles_of(route).iter().take(1).cloned().collect(),
        },
        age,
    })
}

pub(super) fn bearing(draft: &Draft, token: &str) -> Draft {
    let value = format!("Bearer {token}");
    draft.clone().field("Authorization", &value)
}

/// Whether the proof can have a token for `route`: the gate must issue some. Otherwise `sheet` says why
/// nothing is proven there.
pub(super) fn can_be_had(at: &dyn Target, route: &RouteFact, sheet: &mut Sheet) -> bool {
    let outside =
        matches!(route.guard, Guard::Token(_)) && at.facts().configuration.get("tokens").is_none();
    if outside {
        let path = &route.path;
        sheet.unproven(format!(
            "{path} takes tokens of another issuer alone, and the proof has none of them"
        ));
    }
    !outside
}

/// A fresh token on its way to the echo. The app must have been told who asks: a route that is open
/// shows nothing about tokens.
pub(super) fn opens(at: &dyn Target, route: &RouteFact, draft: &Draft) -> Result<Met, TargetError> {
    let token = minted(at, route, Duration::ZERO)?.token;
    told(at, &bearing(draft, &token)).map(|(met, _)| met)
}

/// What a good token meets, and the assertion that the app would have received.
pub(super) fn told(at: &dyn Target, draft: &Draft) -> Result<(Met, Option<String>), TargetError> {
    let reply = draft.clone().ticketed(at)?.send(at)?;
    let echo = Echo::of(&reply);
    let assertion = echo.and_then(|echo| {
        let assertion = echo.field("X-Vouchsafe-Assertion");
        assertion.map(str::to_owned)
    });
    Ok(match assertion {
        Some(assertion) => (Met::status(&reply, &[200]), Some(assertion)),
        None if reply.answer().is_some_and(|answer| answer.status == 200) => {
            (Met::when(false, "200, but nobody was named"), None)
        }
        None => (Met::status(&reply, &[200]), None),
    })
}

impl Probe for Genuine {
    fn promise(&self) -> &'static str {
        "token.genuine"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let plain = Draft::new(at, method_of(route), &route.path);
        let good = minted(at, route, Duration::ZERO)?;
        let (first, assertion) = told(at, &bearing(&plain, &good.token))?;
        let stranger =
            rng::array::<32>(at.rng()).map_err(|fault| TargetError::new("make a key", fault))?;
        let stranger = SigningKey::from_seed(stranger)
            .map_err(|fault| TargetError::new("make a key", fault))?;
        let mut forged = forgeries(&good, &stranger)
            .ok_or_else(|| TargetError::new("read a token", "it has not the form of one"))?;
        if let Some(assertion) = assertion {
            forged.push(("the assertion that the app received", assertion));
        }
        let mut twin = Some(first);
        for (attempt, token) in forged {
            let attack = bearing(&plain, &token).ticketed(at)?.send(at)?;
            let beside = match twin.take() {
                Some(twin) => twin,
                None => told(at, &bearing(&plain, &good.token))?.0,
            };
            sheet.pair(attempt, Met::status(&attack, &[401]), beside);
        }
        Ok(())
    }
}

/// Tokens that say what a good one says, and are none. An attacker has seen a good one and knows the
/// public key.
fn forgeries(good: &MintedToken, stranger: &SigningKey) -> Option<Vec<(&'static str, String)>> {
    let (head, rest) = good.token.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    let header: Value = serde_json::from_slice(&unbase64url(head).ok()?).ok()?;
    let claims: Value = serde_json::from_slice(&unbase64url(payload).ok()?).ok()?;
    let with = |of: &Value, name: &str, value: Value| {
        let mut of = of.clone();
        if let Some(members) = of.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
        base64url(of.to_string().as_bytes())
    };
    let signed = |head: &str, payload: &str| {
        let text = format!("{head}.{payload}");
        format!("{text}.{}", base64url(&stranger.sign(text.as_bytes())))
    };
    let shared = |secret: &[u8]| {
        let text = format!("{}.{payload}", with(&header, "alg", json!("HS256")));
        let key = hmac::Key::new(hmac::Algorithm::Sha256, secret);
        let mac = key.sign(&[text.as_bytes()]);
        format!("{text}.{}", base64url(mac.as_ref()))
    };
    let public = base64url(&stranger.verifying_bytes());
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": public});
    let mut forged = vec![
        ("without its signature", format!("{head}.{payload}.")),
        ("signed by a stranger", signed(head, payload)),
        (
            "with a key of its own (jwk)",
            signed(&with(&header, "jwk", own), payload),
        ),
        (
            "with the address of its keys (jku)",
            signed(
                &with(&header, "jku", json!("https://keys.invalid/")),
                payload,
            ),
        ),
        (
            "with the address of its certificate (x5u)",
            signed(
                &with(&header, "x5u", json!("https://keys.invalid/")),
                payload,
            ),
        ),
        (
            "with a path for the name of its key",
            signed(&with(&header, "kid", json!("../../dev/null")), payload),
        ),
        (
            "signed with the public key as a secret",
            shared(&good.public),
        ),
        (
            "signed with the text of the public key as a secret",
            shared(base64url(&good.public).as_bytes()),
        ),
        ("signed with an empty secret", shared(b"")),
    ];
    for none in ["none", "None", "NONE", "nOnE"] {
        let head = with(&header, "alg", json!(none));
        forged.push(("with alg none", format!("{head}.{payload}.")));
        forged.push((
            "with alg none and a signature",
            format!("{head}.{payload}.{signature}"),
        ));
    }
    for (attempt, name, value) in [
        ("with a later end", "exp", json!(253_402_300_799_i64)),
        ("with another subject", "sub", json!("000000000000")),
        (
            "with another audience",
            "aud",
            json!("https://other.invalid"),
        ),
        ("with a role it was not given", "roles", json!(["admin"])),
    ] {
        let payload = with(&claims, name, value);
        forged.push((attempt, format!("{head}.{payload}.{signature}")));
    }
    Some(forged)
}

impl Probe for Expires {
    fn promise(&self) -> &'static str {
        "token.expires"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let life = asked
            .value("age")
            .and_then(config::quantity::duration)
            .ok_or_else(|| TargetError::new("read the anchor", "its age is no duration"))?;
        let plain = Draft::new(at, method_of(route), &route.path);
        for (attempt, age) in [
            ("issued a minute longer ago", life + MINUTE),
            ("issued twice as long ago", life * 2),
            ("issued a day longer ago", life + MINUTE * 24 * 60),
        ] {
            let old = minted(at, route, age)?.token;
            let attack = bearing(&plain, &old).ticketed(at)?.send(at)?;
            let young = minted(at, route, life.saturating_sub(MINUTE))?.token;
            let (twin, _) = told(at, &bearing(&plain, &young))?;
            sheet.pair(attempt, Met::status(&attack, &[401]), twin);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::target::double::Double;

    #[test]
    fn forgeries_differ_from_the_token_and_from_one_another() {
        let good = Double::new().mint_token(&TokenWish::default()).unwrap();
        let stranger = SigningKey::from_seed([9; 32]).unwrap();
        let forged = forgeries(&good, &stranger).unwrap();
        let tokens: BTreeSet<&String> = forged.iter().map(|(_, token)| token).collect();
        assert_eq!(tokens.len(), forged.len());
        assert!(!tokens.contains(&good.token));
        assert!(tokens.iter().all(|token| token.matches('.').count() == 2));
    }

    #[test]
    fn an_open_route_shows_nothing_about_tokens() {
        let at = Double::new();
        let route = at.facts.routes.last().unwrap().clone();
        let draft = Draft::new(&at, "GET", &route.path);
        // The echo of the double names nobody.
        let twin = opens(&at, &route, &draft).unwrap();
        assert_eq!(twin, Met::when(false, "200, but nobody was named"));
    }
}
