//! What can be asked of the admin surface.
//!
//! Owns the table of methods and paths, the reading of each body, and the ledger event of each
//! change. Refuses what it does not know, bodies that are not the JSON asked for, and any change
//! whose event cannot be made durable.

use std::time::Duration;

use control::Timestamp;
use http::StatusCode;
use ledger::{Kind, Notice};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Instance, Said, people, tokens};

/// Answers what is known without asking anybody: it waits for no disk, and nothing that does is
/// between it and its answer. None is an ask for [`answer`].
pub(super) fn answer_at_once(instance: &Instance, method: &str, path: &str) -> Option<Said> {
    match (method, path) {
        ("GET", "/v1/instance") => Some(Said::ok(instance.about())),
        ("GET", "/v1/health") => Some(Said::ok(instance.health())),
        ("GET", "/v1/observed") => Some(Said::ok(instance.observed())),
        ("GET", "/metrics") => Some(Said::Metrics(instance.metrics())),
        _ => None,
    }
}

/// Answers every other ask. May block.
pub(super) fn answer(instance: &Instance, method: &str, path: &str, body: &[u8]) -> Said {
    let result = match (method, path) {
        ("GET", "/v1/storage") => storage(instance),
        ("POST", "/v1/reload") => reload(instance),
        ("POST", "/v1/keys") => read(body).and_then(|wish| create_key(instance, wish)),
        ("GET", "/v1/keys") => list_keys(instance),
        ("POST", "/v1/prove/ticket") => read(body).and_then(|wish| ticket(instance, &wish)),
        ("POST", "/v1/prove/key") => read(body).and_then(|wish| probe_key(instance, &wish)),
        ("POST", "/v1/prove/token") => read(body).and_then(|wish| probe_token(instance, &wish)),
        ("POST", "/v1/prove/session") => read(body).and_then(|wish| probe_session(instance, wish)),
        ("POST", "/v1/prove/record") => read(body).and_then(|verdict| record(instance, &verdict)),
        ("POST", "/v1/ledger/flush") => flush(instance),
        ("DELETE", path) if path.starts_with(PROBE_SESSION) => end_probe_session(instance, path),
        ("GET", "/v1/users") => people::list(instance),
        ("POST", "/v1/users") => read(body).and_then(|wish| people::add(instance, wish)),
        ("POST", "/v1/users/reset") => read(body).and_then(|who| people::reset(instance, &who)),
        ("POST", "/v1/users/disable") => read(body).and_then(|who| people::disable(instance, &who)),
        ("POST", "/v1/users/enable") => read(body).and_then(|who| people::enable(instance, &who)),
        ("POST", "/v1/users/unlock") => read(body).and_then(|who| people::unlock(instance, &who)),
        ("POST", "/v1/sessions") => read(body).and_then(|whose| people::sessions(instance, &whose)),
        ("POST", "/v1/sessions/end") => read(body).and_then(|which| people::end(instance, &which)),
        ("GET", "/v1/tokens/revoked") => tokens::list(instance),
        ("POST", "/v1/tokens/revoke") => read(body).and_then(|it| tokens::revoke(instance, it)),
        ("POST", "/v1/prove/token/revoke") => {
            read(body).and_then(|it| tokens::revoke_probe(instance, it))
        }
        ("POST", "/v1/prove/account") => people::probe(instance),
        ("POST", "/v1/prove/account/remove") => {
            read(body).and_then(|who| people::remove_probe(instance, &who))
        }
        ("DELETE", path) => match path
            .strip_prefix("/v1/keys/")
            .or_else(|| path.strip_prefix("/v1/prove/key/"))
        {
            Some(id) => revoke_key(instance, id),
            None => Err(unknown()),
        },
        _ => Err(unknown()),
    };
    result.unwrap_or_else(|said| said)
}

fn storage(instance: &Instance) -> Result<Said, Said> {
    let files = instance.storage().map_err(|fault| {
        bad(
            format!("list the data folder: {fault}"),
            "check who may read it",
        )
    })?;
    Ok(Said::ok(json!({ "files": files })))
}

fn unknown() -> Said {
    Said::refused(
        StatusCode::NOT_FOUND,
        "nothing of that name can be asked",
        "is this client older or newer?",
    )
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Said> {
    serde_json::from_slice(body).map_err(|fault| {
        Said::refused(
            StatusCode::BAD_REQUEST,
            fault.to_string(),
            "is this client older or newer?",
        )
    })
}

pub(super) fn bad(fault: impl ToString, hint: impl AsRef<str>) -> Said {
    Said::refused(StatusCode::BAD_REQUEST, fault.to_string(), hint)
}

/// Writes what is about to be answered into the ledger; no event, no change.
pub(super) fn note(instance: &Instance, notice: Notice) -> Result<(), Said> {
    instance.note(notice).map_err(|fault| {
        let hint = "free some disk space; see the gate's own log";
        Said::refused(StatusCode::SERVICE_UNAVAILABLE, fault.to_string(), hint)
    })
}

pub(super) fn notice(instance: &Instance, kind: Kind) -> Notice {
    Notice::new(instance.clock().now(), kind)
}

fn reload(instance: &Instance) -> Result<Said, Said> {
    match instance.reload() {
        Ok(digest) => {
            note(
                instance,
                notice(instance, Kind::RELOADED).text("configuration", &digest),
            )?;
            Ok(Said::ok(json!({ "configuration_sha256": digest })))
        }
        Err(failure) => {
            note(instance, notice(instance, Kind::RELOAD_REFUSED))?;
            let hint =
                "the configuration in force goes on unchanged; mend the file and reload again";
            Ok(Said::refused(StatusCode::CONFLICT, failure.text(), hint))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWish {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    expires_seconds: Option<u64>,
    #[serde(default)]
    all: bool,
}

fn create_key(instance: &Instance, wish: KeyWish) -> Result<Said, Said> {
    let new = identity::NewKey {
        name: wish.name,
        scopes: wish.scopes,
        all: wish.all,
        roles: wish.roles,
        tenant: wish.tenant,
        lifetime: wish.expires_seconds.map(Duration::from_secs),
    };
    let minted = instance
        .keys()
        .create(&new, instance.clock().now(), instance.rng())
        .map_err(|fault| bad(&fault, fault.hint()))?;
    noted_or_revoked(instance, Kind::KEY_CREATED, minted)
}

/// A key whose making cannot be written down must not live.
fn noted_or_revoked(
    instance: &Instance,
    kind: Kind,
    minted: identity::Minted,
) -> Result<Said, Said> {
    let id = minted.id;
    let event = notice(instance, kind).text("key", id.as_str());
    if let Err(said) = note(instance, event) {
        // It may be that the store fails as well; nobody has seen the key then.
        let _ = instance.keys().revoke(id.as_str(), instance.clock().now());
        return Err(said);
    }
    Ok(Said::ok(
        json!({ "id": id.as_str(), "key": minted.key.expose() }),
    ))
}

fn list_keys(instance: &Instance) -> Result<Said, Said> {
    let keys = instance
        .keys()
        .list()
        .map_err(|fault| bad(&fault, fault.hint()))?;
    note(instance, notice(instance, Kind::KEYS_LISTED))?;
    Ok(Said::ok(json!({ "keys": keys })))
}

fn revoke_key(instance: &Instance, id: &str) -> Result<Said, Said> {
    let now = instance.clock().now();
    let id = instance
        .keys()
        .revoke(id, now)
        .map_err(|fault| bad(&fault, fault.hint()))?;
    note(
        instance,
        notice(instance, Kind::KEY_REVOKED).text("key", id.as_str()),
    )?;
    Ok(Said::ok(json!({ "id": id.as_str() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketWish {
    method: String,
    target: String,
    body_sha256: String,
    #[serde(default)]
    webhook: Option<String>,
}

fn ticket(instance: &Instance, wish: &TicketWish) -> Result<Said, Said> {
    let minted = instance.mint_ticket(
        &wish.method,
        &wish.target,
        &wish.body_sha256,
        wish.webhook.as_deref(),
    )?;
    note(
        instance,
        notice(instance, Kind::PROBE_MINTED).text("what", "ticket"),
    )?;
    Ok(Said::ok(minted))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeKeyWish {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
}

fn probe_key(instance: &Instance, wish: &ProbeKeyWish) -> Result<Said, Said> {
    let minted = instance
        .keys()
        .create_probe(
            &wish.scopes,
            &wish.roles,
            instance.clock().now(),
            instance.rng(),
        )
        .map_err(|fault| bad(&fault, fault.hint()))?;
    noted_or_revoked(instance, Kind::PROBE_MINTED, minted)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeTokenWish {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    age_seconds: u64,
}

/// A token of a key of a proof, as it would be had it been issued that long ago. Like its key it opens
/// nothing without a ticket.
fn probe_token(instance: &Instance, wish: &ProbeTokenWish) -> Result<Said, Said> {
    let site = instance.gate.site();
    let terms = site
        .desks()
        .tokens()
        .ok_or_else(|| bad("no tokens are issued here", "add a [tokens] table"))?;
    let now = instance.clock().now();
    let issued = now
        .seconds()
        .checked_sub_unsigned(wish.age_seconds)
        .filter(|issued| *issued > 0)
        .ok_or_else(|| bad("nothing is that old", "ask for a smaller age_seconds"))?;
    let minted = instance
        .keys()
        .create_probe(&wish.scopes, &wish.roles, now, instance.rng())
        .map_err(|fault| bad(&fault, fault.hint()))?;
    let id = minted.id;
    noted_or_revoked(instance, Kind::PROBE_MINTED, minted)?;
    let name: [u8; 16] = control::rng::array(instance.rng())
        .map_err(|fault| bad(fault, "check the operating system"))?;
    let jti = seal::encode::hex(&name);
    let token = instance
        .gate
        .back_dated(id, terms, &jti, Timestamp::from_seconds(issued))
        .ok_or_else(|| bad("its key is gone already", "ask again"))?;
    Ok(Said::ok(json!({
        "id": id.as_str(),
        "jti": jti,
        "token": String::from_utf8_lossy(token.expose()),
        "public": seal::encode::hex(&instance.gate.tokens().verifying_key().to_bytes()),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeSessionWish {
    #[serde(default)]
    roles: Vec<String>,
    created_seconds_ago: u64,
    seen_seconds_ago: u64,
}

/// Where a session of a proof is ended, by its handle.
const PROBE_SESSION: &str = "/v1/prove/session/";

/// The handles and roles of one person that are ever asked for.
const MOST_ROLES: usize = 32;

/// A session of somebody who does not exist, as old as is asked for. It opens nothing without a ticket.
fn probe_session(instance: &Instance, wish: ProbeSessionWish) -> Result<Said, Said> {
    let site = instance.gate.site();
    let login = site.login().map(|it| (&*it.issuer, it.idle, it.longest));
    let local = site.accounts();
    let local = local.map(|it| (identity::account::ISSUER, it.idle, it.longest));
    let (Some(sessions), Some((issuer, idle, longest))) = (&instance.sessions, login.or(local))
    else {
        return Err(bad(
            "nobody logs in here",
            "add a [login] or an [accounts] table",
        ));
    };
    if wish.roles.len() > MOST_ROLES {
        return Err(bad("too many roles", "ask for fewer"));
    }
    let name: [u8; 12] = control::rng::array(instance.rng())
        .map_err(|fault| bad(fault, "check the operating system"))?;
    let subject = format!("proof-{}", seal::encode::hex(&name));
    let new = identity::session::NewSession {
        issuer: issuer.to_owned(),
        subject: subject.clone(),
        roles: wish.roles,
        tenant: String::new(),
        sid: None,
        idle,
        longest,
        replaces: None,
    };
    let dated = identity::session::service::BackDated {
        created: Duration::from_secs(wish.created_seconds_ago),
        last_seen: Duration::from_secs(wish.seen_seconds_ago),
    };
    let begun = instance
        .service
        .block_on(sessions.begin_probe(new, dated, instance.rng()))
        .map_err(|fault| bad(&fault, fault.hint()))?;
    let event = notice(instance, Kind::PROBE_MINTED).text("session", &begun.handle);
    if let Err(said) = note(instance, event) {
        // Nobody has seen it, and it ends by itself within a minute.
        let _ = instance
            .service
            .block_on(sessions.end_called(&begun.handle));
        return Err(said);
    }
    let cookie = [gate::stages::session::COOKIE, b"="].concat();
    let cookie = String::from_utf8_lossy(&cookie).into_owned() + begun.id.expose();
    Ok(Said::ok(json!({
        "id": begun.handle,
        "cookie": cookie,
        "subject": format!("user:{subject}"),
    })))
}

/// Ends a session of a proof; one that has ended already is as good.
fn end_probe_session(instance: &Instance, path: &str) -> Result<Said, Said> {
    let handle = path.strip_prefix(PROBE_SESSION).unwrap_or_default();
    let Some(sessions) = &instance.sessions else {
        return Err(bad("nobody logs in here", "add a [login] table"));
    };
    instance
        .service
        .block_on(sessions.end_called(handle))
        .map_err(|fault| bad(&fault, fault.hint()))?;
    Ok(Said::ok(json!({ "id": handle })))
}

fn record(instance: &Instance, verdict: &Value) -> Result<Said, Said> {
    let text = |key: &str| {
        verdict
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let event = notice(instance, Kind::PROVE_VERDICT)
        .text("promise", text("promise"))
        .text("verdict", text("verdict"));
    note(instance, event)?;
    Ok(Said::ok(json!({})))
}

fn flush(instance: &Instance) -> Result<Said, Said> {
    let flushed = instance.ledger().flush_blocking().map_err(|fault| {
        let hint = "free some disk space; see the gate's own log";
        Said::refused(StatusCode::SERVICE_UNAVAILABLE, fault.to_string(), hint)
    })?;
    Ok(Said::ok(
        json!({ "size": flushed.size, "checkpoint": flushed.checkpoint }),
    ))
}
