//! Answers of a provider that are none, and what is written down of logins.
//!
//! Everything here happens on a child, whose provider is the proof's own: the one of the deployment is
//! not ours to forge.

mod house;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{LedgerMark, LedgerTail, Reply, TargetError},
    sheet::Met,
};
use serde_json::{Value, json};

pub(super) use self::house::{Forged, House, Signer, session};
use super::{accounts::SignIns, audit::request_id, draft::Draft, sessions, settled::ledger_that};

/// Attacks `login.genuine`.
pub(super) struct Genuine;
/// Attacks `audit.logins`.
pub(super) struct Logins;

/// Nobody was logged in.
fn refused(reply: &Reply) -> Met {
    if session(reply).is_some() {
        return Met::when(false, "a session");
    }
    Met::status(reply, &[400, 403])
}

impl Probe for Genuine {
    fn promise(&self) -> &'static str {
        "login.genuine"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let house = House::start(at)?;
        browsers(&house, sheet)?;
        codes(&house, sheet)?;
        let mut forged = tokens();
        if house.by_domain {
            forged.extend(strangers());
        }
        for (attempt, forged) in forged {
            let attack = house.log_in(&forged)?;
            sheet.pair(
                format!("{attempt} (on a child)"),
                refused(&attack),
                house.right_login()?,
            );
        }
        Ok(())
    }
}

/// Answers in a browser that did not ask for them.
fn browsers(house: &House, sheet: &mut Sheet) -> Result<(), TargetError> {
    let right = Forged::default();
    let (one, other) = (house.leave()?, house.leave()?);
    let code = house.code(&one, &right)?;
    let state = house.random()?;
    for (attempt, reply) in [
        (
            "a state that nobody was sent with",
            house.back((&state, &code), Some(&one))?,
        ),
        (
            "an answer in another browser, which logs in as well",
            house.back((one.state(), &code), Some(&other))?,
        ),
        (
            "an answer in a browser that never left",
            house.back((one.state(), &code), None)?,
        ),
    ] {
        sheet.pair(
            format!("{attempt} (on a child)"),
            refused(&reply),
            house.right_login()?,
        );
    }
    // None of that used it up: in its own browser it counts.
    let own = house.back((one.state(), &code), Some(&one))?;
    let twin = house.opens(&own)?;
    let again = house.back((one.state(), &code), Some(&one))?;
    sheet.pair(
        "the same answer once more (on a child)",
        refused(&again),
        twin,
    );
    Ok(())
}

/// Codes that were used, or meant for another login.
fn codes(house: &House, sheet: &mut Sheet) -> Result<(), TargetError> {
    let right = Forged::default();
    let first = house.leave()?;
    let used = house.code(&first, &right)?;
    let twin = house.opens(&house.back((first.state(), &used), Some(&first))?)?;
    let next = house.leave()?;
    let reply = house.back((next.state(), &used), Some(&next))?;
    sheet.pair(
        "a used code in a new login (on a child)",
        refused(&reply),
        twin,
    );
    let (mine, theirs) = (house.leave()?, house.leave()?);
    let stolen = house.code(&theirs, &right)?;
    let reply = house.back((mine.state(), &stolen), Some(&mine))?;
    sheet.pair(
        "the code of another login (on a child)",
        refused(&reply),
        house.right_login()?,
    );
    Ok(())
}

/// ID tokens that are not of this provider, for this client and this login.
fn tokens() -> Vec<(&'static str, Forged)> {
    let claims = |claims: Value| Forged {
        claims,
        ..Forged::default()
    };
    let signed = |signer| Forged {
        signer,
        ..Forged::default()
    };
    vec![
        (
            "an ID token of another issuer",
            claims(json!({"iss": "https://other.invalid"})),
        ),
        (
            "an ID token for another client",
            claims(json!({"aud": "somebody-else"})),
        ),
        ("an ID token for nobody", claims(json!({ "aud": null }))),
        (
            "an ID token of another login",
            claims(json!({"nonce": "another"})),
        ),
        ("an ID token of no login", claims(json!({ "nonce": null }))),
        (
            "an ID token that has ended",
            claims(json!({"iat": 1_000_000_000, "exp": 1_000_000_300})),
        ),
        ("an ID token without an end", claims(json!({ "exp": null }))),
        (
            "an ID token that names nobody",
            claims(json!({ "sub": null })),
        ),
        (
            "an ID token that a stranger signed",
            signed(Signer::Stranger),
        ),
        ("an ID token that nobody signed", signed(Signer::Nobody)),
        (
            "an ID token signed with the public key as a secret",
            signed(Signer::Public),
        ),
    ]
}

/// People of no allowed domain.
fn strangers() -> Vec<(&'static str, Forged)> {
    let said = |claims: Value| Forged {
        claims,
        ..Forged::default()
    };
    vec![
        (
            "a person of another domain",
            said(json!({"email": "proof@other.invalid"})),
        ),
        (
            "a person whose address nobody verified",
            said(json!({"email_verified": false})),
        ),
        (
            "a person of an organisation that is not ours",
            said(json!({"hd": "other.invalid"})),
        ),
        (
            "a person of no domain",
            said(json!({"email": null, "email_verified": null})),
        ),
    ]
}

impl Probe for Logins {
    fn promise(&self) -> &'static str {
        "audit.logins"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let has = |table: &str| at.facts().configuration.get(table).is_some();
        if !has("login") && !has("accounts") {
            return Err(TargetError::new("log in", "nobody logs in here"));
        }
        if has("accounts") {
            with_passwords(at, sheet)?;
        }
        if has("login") {
            at_a_provider(at, sheet)?;
        }
        Ok(())
    }
}

/// Logins with a password of an account of the proof.
fn with_passwords(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let mark = at.ledger_mark()?;
    let met = SignIns::of(at)?;
    let twin = Met::status(&met.right, &[303]);
    let id = session(&met.right).unwrap_or_default();
    let out = sessions::with_cookie(
        at,
        &Draft::new(at, "POST", house::LOGOUT),
        &format!("{}={id}", house::SESSION),
    );
    let out = out.send(at)?;
    let of = |event: &Value, reply: &Reply| {
        let request = event.get("request").and_then(Value::as_str);
        request.is_some() && request == request_id(reply).as_deref()
    };
    sheet.pair(
        "a sign-in that is not in the ledger",
        recorded(at, &mark, &|event| {
            of(event, &met.right) && is(event, "session.login", "principal")
        })?,
        twin.clone(),
    );
    sheet.pair(
        "a refused sign-in that is not there with its reason",
        recorded(at, &mark, &|event| {
            of(event, &met.wrong) && event.get("reason").is_some()
        })?,
        twin,
    );
    sheet.pair(
        "its logout that is not in the ledger",
        recorded(at, &mark, &|event| {
            of(event, &out) && is(event, "session.logout", "principal")
        })?,
        Met::status(&out, &[303]),
    );
    met.put_away(at)
}

/// Logins at the provider of the proof, on a child.
fn at_a_provider(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let house = House::start(at)?;
    let child = house.at();
    let mark = child.ledger_mark()?;
    let back = house.log_in(&Forged::default())?;
    let twin = house.opens(&back)?;
    sheet.pair(
        "a login that is not in the ledger (on a child)",
        recorded(child, &mark, &|event| {
            is(event, "session.login", "principal")
        })?,
        twin.clone(),
    );
    house.log_in(&Forged {
        claims: json!({ "nonce": "another" }),
        ..Forged::default()
    })?;
    sheet.pair(
        "a refused login that is not there with its reason (on a child)",
        recorded(child, &mark, &|event| {
            event.get("control").and_then(Value::as_str) == Some("identity.login")
                && event.get("reason").is_some()
        })?,
        twin.clone(),
    );
    let out = house.log_out(&back)?;
    sheet.pair(
        "a logout that is not in the ledger (on a child)",
        recorded(child, &mark, &|event| {
            is(event, "session.logout", "principal")
        })?,
        Met::status(&out, &[303]),
    );
    let id = session(&back).unwrap_or_default();
    let shown = |event: &Value| event.to_string().contains(&id);
    let tail = child.ledger_since(Some(&mark))?;
    let clear = !id.is_empty() && tail.events.iter().any(shown);
    let saw = if clear { "in clear" } else { "not there" };
    sheet.pair(
        "the session itself in the ledger",
        Met::when(!clear, saw),
        twin,
    );
    Ok(())
}

/// An event of that kind that says so much.
fn is(event: &Value, kind: &str, says: &str) -> bool {
    event.get("kind").and_then(Value::as_str) == Some(kind) && event.get(says).is_some()
}

/// Whether the ledger of the child has such an event.
fn recorded(
    child: &dyn Target,
    mark: &LedgerMark,
    wanted: &dyn Fn(&Value) -> bool,
) -> Result<Met, TargetError> {
    let has = |tail: &LedgerTail| tail.events.iter().any(wanted);
    let found = has(&ledger_that(child, mark, has)?);
    let saw = if found { "recorded" } else { "not recorded" };
    Ok(Met::when(found, saw))
}
