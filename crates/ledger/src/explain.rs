//! Entries in words: why was this refused?
//!
//! Owns one sentence for each kind of event and one hint for each control that refuses. Reads only
//! the stored bytes; what it does not know it shows as it is.

use control::Timestamp;
use serde_json::{Map, Value};

/// An entry in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Its index in the ledger.
    pub index: u64,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// What happened, one sentence.
    pub what: String,
    /// Everything else the entry says, as `name value`.
    pub details: Vec<(String, String)>,
    /// What to do about it, where it is a refusal of a known control.
    pub hint: Option<&'static str>,
}

/// What a refusal by each control means, and what to do.
const HINTS: [(&str, &str); 21] = [
    (
        "wire.framing",
        "The request could have been read in two ways. A current HTTP library does not send such \
         a request: look for a client or proxy that writes HTTP by hand.",
    ),
    (
        "gate.host",
        "The Host field names no host of this deployment. If it should, add it to hosts in \
         [deployment].",
    ),
    (
        "gate.route",
        "No route covers this path, or its plain and its folded form lead to different routes. If \
         it should pass, add a [[route]]: the longest path decides, by whole segments.",
    ),
    (
        "gate.method",
        "The route that covers this path does not list this method. If it should, add it to its \
         methods.",
    ),
    (
        "gate.path",
        "The path holds something that two programs read differently, such as an encoded slash or \
         a dot segment. The client must send the path it means.",
    ),
    (
        "gate.body",
        "The body is larger than this route takes, or ended early. If it is wanted, raise the \
         route's limit.",
    ),
    (
        "gate.time",
        "The client was slower than the limits allow. One such request is a bad connection; many \
         are an attempt to hold connections open.",
    ),
    (
        "gate.ticket",
        "The ticket of a proof was unknown, used before, expired, or made for another request. \
         Nobody but vouchsafe prove sends one.",
    ),
    (
        "gate.upstream",
        "The app did not answer, or not as HTTP asks. Check that it runs and listens at the \
         upstream of its [[app]].",
    ),
    (
        "gate.overload",
        "There was more work than this gate takes at a time. If it lasts, give it more cores or \
         look for the client that asks so much.",
    ),
    (
        "gate.defect",
        "Code of the gate fell over while it served this connection. Standard error says where: \
         please report it.",
    ),
    (
        "identity.key",
        "No valid API key came with the request: none, a wrong one, or one that was revoked or \
         expired. vouchsafe key list shows the keys and their state.",
    ),
    (
        "identity.token",
        "The token that came with the request is not accepted; the reason says why. Its holder gets \
         a new one with the key.",
    ),
    (
        "identity.account",
        "Somebody could not sign in or set a password; the reason says why. vouchsafe user list shows \
         the accounts, user reset gives out a new link, and user unlock ends a lock.",
    ),
    (
        "identity.issue",
        "A key or a token was asked for in a way that is not served; the reason says what was wrong.",
    ),
    (
        "identity.scope",
        "The key is genuine, but its scopes do not cover this method and path. Create one that \
         does with vouchsafe key create --scope.",
    ),
    (
        "identity.role",
        "The credential is genuine, but gives none of the roles that the route asks for.",
    ),
    (
        "hooks.signature",
        "The sender could not prove who it is. If it is genuine, compare the secret with the \
         provider's, and public_url with the address that was given to the provider.",
    ),
    (
        "hooks.replay",
        "This delivery came before, or is too old. A genuine provider that repeats gets its \
         acknowledgement; compare the clocks if new deliveries are refused.",
    ),
    (
        "ledger.durable",
        "The ledger could not write to its disk, and what cannot be recorded is not let through. \
         Check that the disk of the data folder is neither full nor failing.",
    ),
    (
        "ledger.space",
        "The disk of the data folder has less free space than free_space_floor in [ledger], and \
         what could soon not be recorded is not let through. Make room: requests pass again by \
         themselves.",
    ),
];

/// What a refusal by `control` means and what to do.
#[must_use]
pub fn hint(control: &str) -> Option<&'static str> {
    HINTS
        .iter()
        .find(|(known, _)| *known == control)
        .map(|(_, hint)| *hint)
}

/// Puts an entry into words. Bytes that are no event of ours are shown as they are.
#[must_use]
pub fn explain(index: u64, entry: &[u8]) -> Explained {
    let read = match serde_json::from_slice(entry) {
        Ok(Value::Object(read)) => read,
        _ => Map::new(),
    };
    let text = |name: &str| read.get(name).and_then(Value::as_str);
    let time = read.get("time").and_then(Value::as_i64);
    let what = match text("kind") {
        Some(kind) => sentence(kind, &read),
        None => format!("Not an event: {}", String::from_utf8_lossy(entry)),
    };
    let said = [
        "v", "time", "kind", "control", "reason", "observed", "because", "status", "count",
    ];
    let details = read
        .iter()
        .filter(|(name, _)| !said.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), plain(value)));
    Explained {
        index,
        time: time.map_or_else(String::new, |at| Timestamp::from_millis(at).to_string()),
        what,
        details: details.collect(),
        hint: text("control").or_else(|| text("observed")).and_then(hint),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn sentence(kind: &str, read: &Map<String, Value>) -> String {
    let text = |name: &str| read.get(name).map(plain).unwrap_or_default();
    if read.contains_key("control") {
        let how_many = match read.get("count") {
            Some(count) => format!("{count} more requests like this were refused"),
            None => "Refused".to_owned(),
        };
        return format!(
            "{how_many} with {} by {}: {}.",
            text("status"),
            text("control"),
            text("reason")
        );
    }
    let observed = match read.contains_key("observed") {
        true => format!(
            " Would have been refused by {}: {}; its route is observed.",
            text("observed"),
            text("because")
        ),
        false => String::new(),
    };
    let ended = |done: &str| match read.get("status") {
        Some(status) => format!("{done} with {status}.{observed}"),
        None => format!("{done} without an answer.{observed}"),
    };
    match kind {
        "request" => ended("Let through and answered"),
        "request.decision" => format!("Let through.{observed}"),
        "request.outcome" => ended("Answered"),
        "websocket.open" => "A WebSocket opened.".to_owned(),
        "websocket.close" => "A WebSocket closed.".to_owned(),
        "webhook.duplicate" => {
            "A delivery that was done before came again: acknowledged, not forwarded.".to_owned()
        }
        "request.refusals" => format!("{} refusals were only counted.", text("count")),
        "auth.success" => "A credential was accepted.".to_owned(),
        "auth.failure" => "A credential was refused.".to_owned(),
        "instance.start" => "The instance started.".to_owned(),
        "instance.stop" => "The instance stopped in order.".to_owned(),
        "instance.reload" => "A new configuration was taken over.".to_owned(),
        "instance.reload-refused" => {
            "A new configuration was refused; the old one stays.".to_owned()
        }
        "ledger.retention-announced" => {
            format!(
                "Entries before {} will be removed in a day: they are old enough.",
                text("minimum")
            )
        }
        "ledger.retention" => format!("Entries before {} were removed.", text("minimum")),
        "ledger.space-low" => "The disk of the ledger is getting full.".to_owned(),
        "ledger.space-short" => {
            "The disk of the ledger is nearly full: requests are refused until there is room."
                .to_owned()
        }
        "ledger.space-ample" => "The disk of the ledger has room again.".to_owned(),
        "session.login" => "A person logged in.".to_owned(),
        "session.logout" => "A session was ended.".to_owned(),
        "session.list" => "The sessions were listed.".to_owned(),
        "session.end" => "An operator ended sessions.".to_owned(),
        "account.create" => "An account was made.".to_owned(),
        "account.claim" => "A person set the password of an account.".to_owned(),
        "account.reset" => "An account lost its password and got a new link.".to_owned(),
        "account.disable" => "An account was disabled.".to_owned(),
        "account.enable" => "An account was enabled again.".to_owned(),
        "account.lock" => format!(
            "Failed attempts locked an {} for {} seconds.",
            text("what"),
            text("seconds")
        ),
        "account.unlock" => "An operator forgave an account its failed attempts.".to_owned(),
        "alert.sent" => "An alert reached the team's receiver.".to_owned(),
        "alert.failed" => format!("An alert reached nobody: {}.", text("why")),
        "account.list" => "The accounts were listed.".to_owned(),
        "token.issue" => "A token was issued to the holder of a key.".to_owned(),
        "token.revoke" => "Tokens were revoked.".to_owned(),
        "token.list" => "The revocations of tokens were listed.".to_owned(),
        "key.create" => "A key was created.".to_owned(),
        "key.revoke" => "A key was revoked.".to_owned(),
        "key.list" => "The keys were listed.".to_owned(),
        "prove.mint" => "A proof made a key or a ticket for itself.".to_owned(),
        "prove.past" => "A proof dated this back in a ledger of its own.".to_owned(),
        "prove.run" => "A proof ran.".to_owned(),
        "prove.verdict" => "A proof judged a promise.".to_owned(),
        other => format!("{other}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_why_and_what_to_do() {
        let entry = br#"{"v":1,"time":1763719200007,"kind":"request","request":"ab","route":"/hook","control":"hooks.signature","reason":"signature-mismatch","status":403}"#;
        let explained = explain(7, entry);
        assert_eq!(explained.time, "2025-11-21T10:00:00.007Z");
        assert_eq!(
            explained.what,
            "Refused with 403 by hooks.signature: signature-mismatch."
        );
        assert!(explained.hint.unwrap().contains("secret"));
        assert_eq!(
            explained.details,
            [("request", "ab"), ("route", "/hook")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_was_let_through_has_no_hint() {
        let entry = br#"{"v":1,"time":0,"kind":"request","status":200}"#;
        let explained = explain(0, entry);
        assert_eq!(explained.what, "Let through and answered with 200.");
        assert_eq!(explained.hint, None);
    }

    #[test]
    fn counted_refusals_and_foreign_bytes_are_shown() {
        let entry = br#"{"v":1,"time":0,"kind":"request.refusals","control":"gate.path","reason":"dot-segment","status":400,"count":9}"#;
        assert_eq!(
            explain(0, entry).what,
            "9 more requests like this were refused with 400 by gate.path: dot-segment."
        );
        assert!(explain(0, b"hello").what.contains("hello"));
        assert_eq!(explain(0, br#"{"kind":"new.kind"}"#).what, "new.kind.");
    }
}
