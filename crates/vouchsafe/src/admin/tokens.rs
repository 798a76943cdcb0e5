//! What can be asked of tokens that count no longer.
//!
//! Owns the reading of each body, and which issuer, which token and which subject are meant. Refuses
//! issuers whose tokens are not believed here: a slip of the pen would revoke nothing. A revocation whose
//! event cannot be made durable stays, because it shuts somebody out.

use control::Timestamp;
use identity::{
    KeyId, PersonId,
    keys::PROBE_LIFE,
    token::{
        own,
        revocations::{RevocationFault, Which, Wish},
        rules::{LONGEST_EVER, MOST_SKEW},
    },
};
use ledger::{Kind, PrincipalId};
use serde::Deserialize;
use serde_json::json;

use super::{
    Instance, Said,
    ask::{bad, note, notice},
};

/// Which tokens are to count no longer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    issuer: String,
    /// What one token is called.
    #[serde(default)]
    jti: Option<String>,
    /// Or whose tokens are meant, as the issuer names them; of our own tokens, their key.
    #[serde(default)]
    subject: Option<String>,
    /// When the one ends, in milliseconds.
    #[serde(default)]
    until: Option<i64>,
}

/// A token of a proof.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    jti: String,
}

fn faulty(fault: RevocationFault) -> Said {
    let hint = fault.hint();
    bad(fault, hint)
}

/// What is meant, in the words of `identity`.
fn wish(instance: &Instance, tokens: Tokens) -> Result<Wish, Said> {
    let site = instance.gate.site();
    let ours = site.desks().tokens().map(own::Terms::issuer);
    let own = ours == Some(&*tokens.issuer);
    let others = site.issuers().iter().map(|it| &*it.rules().issuer);
    let known: Vec<&str> = ours.into_iter().chain(others).collect();
    if !known.contains(&&*tokens.issuer) {
        let fault = format!("no tokens of {} are believed here", tokens.issuer);
        let hint = match known.as_slice() {
            [] => "add a [tokens] or an [[issuer]] table".to_owned(),
            known => format!("name one of {}", known.join(", ")),
        };
        return Err(bad(fault, hint));
    }
    let which = match (tokens.jti, tokens.subject) {
        (Some(id), None) => Which::Token(id),
        (None, Some(subject)) if own => {
            let id = subject.strip_prefix("key:").unwrap_or(&subject);
            let key = KeyId::new(id).ok_or_else(|| {
                // It may be a whole key, pasted by mistake: never repeat it.
                bad(
                    "a token of our own is of a key, and that is no public prefix of one",
                    "see vouchsafe key list",
                )
            })?;
            Which::Principal(key.as_str().to_owned())
        }
        (None, Some(subject)) => {
            let person = PersonId::of(&tokens.issuer, &subject);
            Which::Principal(person.as_str().to_owned())
        }
        _ => {
            return Err(bad(
                "which tokens are meant is not clear",
                "name one by its jti, or a subject",
            ));
        }
    };
    // A reload may allow more than the configuration of this moment does.
    let (longest, skew) = if own {
        (own::LONGEST, own::APART)
    } else {
        (LONGEST_EVER, MOST_SKEW)
    };
    Ok(Wish {
        issuer: tokens.issuer,
        which,
        until: tokens.until.map(Timestamp::from_millis),
        longest,
        skew,
    })
}

pub(super) fn revoke(instance: &Instance, tokens: Tokens) -> Result<Said, Said> {
    let wish = wish(instance, tokens)?;
    let now = instance.clock().now();
    let revoked = instance.revocations.revoke(&wish, now);
    let revoked = instance.service.block_on(revoked).map_err(faulty)?;
    let mut event = notice(instance, Kind::TOKEN_REVOKED).text("issuer", &wish.issuer);
    match wish.which {
        Which::Token(id) => event = event.text("token", id),
        Which::Principal(principal) => event.principal = PrincipalId::new(&principal),
    }
    note(instance, event)?;
    Ok(Said::ok(json!(revoked)))
}

/// Revokes a token of a proof for as long as its key lives.
pub(super) fn revoke_probe(instance: &Instance, probe: Probe) -> Result<Said, Said> {
    let until = instance.clock().now().plus(PROBE_LIFE);
    let site = instance.gate.site();
    let issuer = site.desks().tokens().map(own::Terms::issuer);
    let tokens = Tokens {
        issuer: issuer.unwrap_or_default().to_owned(),
        jti: Some(probe.jti),
        subject: None,
        until: Some(until.millis()),
    };
    revoke(instance, tokens)
}

pub(super) fn list(instance: &Instance) -> Result<Said, Said> {
    let listed = instance.revocations.list(instance.clock().now());
    let listed = instance.service.block_on(listed);
    let listed = listed.map_err(|fault| faulty(fault.into()))?;
    note(instance, notice(instance, Kind::REVOCATIONS_LISTED))?;
    Ok(Said::ok(json!({ "revocations": listed })))
}
