//! What an ID token must say of a person (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Owns the judgement on claims whose signature, issuer, audience and times are good already. Refuses
//! a token of another login, one meant for another party, and people of other domains.

use serde_json::Value;

use super::{LoginRefusal, settings::Settings};
use crate::token::Claims;

/// Longest name that a provider gives a session.
const SID_LIMIT: usize = 256;

/// A person, as the provider says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) subject: String,
    pub(super) sid: Option<String>,
}

/// Judges `claims` as those of the login with this nonce.
pub(super) fn judge(
    claims: &Claims,
    nonce: &str,
    access_token: Option<&str>,
    settings: &Settings,
) -> Result<Person, LoginRefusal> {
    if claims.issued().is_none() {
        return Err(LoginRefusal::Undated);
    }
    let named = text(claims, "nonce").unwrap_or_default();
    if !seal::equal(named.as_bytes(), nonce.as_bytes()) {
        return Err(LoginRefusal::Nonce);
    }
    judge_party(claims, &settings.client_id)?;
    judge_hash(claims, access_token)?;
    judge_domain(claims, &settings.domains)?;
    let subject = claims.subject().ok_or(LoginRefusal::Form)?.to_owned();
    let sid = text(claims, "sid").filter(|sid| sid.len() <= SID_LIMIT);
    Ok(Person {
        subject,
        sid: sid.map(str::to_owned),
    })
}

/// A member that is one text.
pub(super) fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// A token for several is for us only where it says that we asked for it.
fn judge_party(claims: &Claims, client_id: &str) -> Result<(), LoginRefusal> {
    match claims.get("azp") {
        None if claims.audience().len() <= 1 => Ok(()),
        Some(Value::String(party)) if *party == *client_id => Ok(()),
        _ => Err(LoginRefusal::Party),
    }
}

/// Where it says so, the token came with this access token.
fn judge_hash(claims: &Claims, access_token: Option<&str>) -> Result<(), LoginRefusal> {
    let Some(hash) = claims.get("at_hash") else {
        return Ok(());
    };
    let digest = access_token.map(|token| seal::sha256(token.as_bytes()));
    let half = digest.as_ref().and_then(|digest| digest.get(..16));
    let expected = half.map(seal::encode::base64url);
    match (hash.as_str(), expected) {
        (Some(hash), Some(expected)) if *hash == *expected => Ok(()),
        _ => Err(LoginRefusal::Hash),
    }
}

/// Whether the person is of one of `domains`, by the provider's own word on the organisation or by
/// an e-mail address that it has verified.
fn judge_domain(claims: &Claims, domains: &[Box<str>]) -> Result<(), LoginRefusal> {
    if domains.is_empty() {
        return Ok(());
    }
    let domain = match claims.get("hd") {
        Some(hosted) => hosted.as_str(),
        None => {
            let verified = claims.get("email_verified") == Some(&Value::Bool(true));
            let address = text(claims, "email").filter(|_| verified);
            // Two @ are read differently by different readers.
            address
                .and_then(|address| address.split_once('@'))
                .filter(|(name, domain)| !name.is_empty() && !domain.contains('@'))
                .map(|(_, domain)| domain)
        }
    };
    domain
        .filter(|domain| domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain)))
        .map(|_| ())
        .ok_or(LoginRefusal::Domain)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::token::Tenancy;

    fn settings(domains: &[&str]) -> Settings {
        Settings {
            issuer: "https://id.test".into(),
            client_id: "us".into(),
            client_secret: None,
            redirect_uri: "https://app.test/.vouchsafe/callback".into(),
            home: "https://app.test/".into(),
            scopes: Vec::new(),
            domains: domains.iter().map(|&domain| domain.into()).collect(),
            role_claim: None,
            roles: Vec::new(),
            tenant: Tenancy::Fixed("default".into()),
            idle: Duration::from_secs(1800),
            longest: Duration::from_secs(28_800),
        }
    }

    fn judged(changes: Value, domains: &[&str]) -> Result<Person, LoginRefusal> {
        let mut claims = json!({
            "sub": "u-1", "aud": "us", "iat": 1_800_000_000, "nonce": "n",
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let claims = Claims::read(claims.to_string().as_bytes()).unwrap();
        judge(&claims, "n", Some("token"), &settings(domains))
    }

    #[test]
    fn a_token_of_this_login_says_who_it_is() {
        let person = judged(json!({"sid": "s-1", "azp": "us"}), &[]).unwrap();
        assert_eq!(
            (&*person.subject, person.sid.as_deref()),
            ("u-1", Some("s-1"))
        );
        assert!(judged(json!({"aud": ["us", "them"], "azp": "us"}), &[]).is_ok());
        let hash = seal::encode::base64url(&seal::sha256(b"token")[..16]);
        assert!(judged(json!({ "at_hash": hash }), &[]).is_ok());
    }

    #[test]
    fn a_token_of_another_login_or_for_another_party_is_refused() {
        for (changes, refusal) in [
            (json!({"nonce": "m"}), LoginRefusal::Nonce),
            (json!({"nonce": null}), LoginRefusal::Nonce),
            (json!({"nonce": ["n"]}), LoginRefusal::Nonce),
            (json!({"nonce": ""}), LoginRefusal::Nonce),
            (json!({"azp": "them"}), LoginRefusal::Party),
            (json!({"azp": ["us"]}), LoginRefusal::Party),
            (json!({"aud": ["us", "them"]}), LoginRefusal::Party),
            (
                json!({"aud": ["us", "them"], "azp": "them"}),
                LoginRefusal::Party,
            ),
            (json!({"iat": null}), LoginRefusal::Undated),
            (
                json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
                LoginRefusal::Hash,
            ),
            (json!({"at_hash": 7}), LoginRefusal::Hash),
        ] {
            assert_eq!(
                judged(changes.clone(), &[]).err(),
                Some(refusal),
                "{changes}"
            );
        }
    }

    #[test]
    fn people_of_our_domains_pass_and_others_do_not() {
        let verified = |email: &str| json!({"email": email, "email_verified": true});
        for good in [
            verified("a@school.test"),
            verified("a.b+c@SCHOOL.test"),
            json!({"hd": "school.test"}),
            json!({"hd": "School.Test", "email": "a@other.test"}),
        ] {
            assert!(judged(good.clone(), &["school.test"]).is_ok(), "{good}");
        }
        for bad in [
            json!({}),
            verified("a@other.test"),
            verified("a@b@school.test"),
            verified("a@school.test@other.test"),
            verified("a@sub.school.test"),
            verified("a@school.test.other.test"),
            verified("school.test"),
            verified("@school.test"),
            verified("a@school.test "),
            json!({"email": "a@school.test"}),
            json!({"email": "a@school.test", "email_verified": "true"}),
            json!({"email": "a@school.test", "email_verified": false}),
            json!({"hd": "other.test", "email": "a@school.test", "email_verified": true}),
            json!({"hd": ["school.test"]}),
        ] {
            assert_eq!(
                judged(bad.clone(), &["school.test"]).err(),
                Some(LoginRefusal::Domain),
                "{bad}"
            );
        }
    }
}
