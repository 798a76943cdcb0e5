//! What a flaw makes of an answer, a ledger or a key.
//!
//! Owns the alterations that need nothing of the target.

use control::probe::{Answer, Reply};
use serde_json::{Value, json};

use super::request::Request;

/// Fields in which apps look for who is asking, apart from where the request came from.
pub(super) fn is_identity(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    name.ends_with("remote-user")
        || name.starts_with("x-auth-request-")
        || matches!(
            name.as_str(),
            "x-forwarded-user" | "x-forwarded-email" | "x-forwarded-groups"
        )
}

/// Fields in which apps look for another method than the one of the request.
pub(super) fn overrides_method(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    matches!(
        name.as_str(),
        "x-http-method" | "x-http-method-override" | "x-method-override"
    )
}

/// The echo with the client's own fields that `which` picks.
pub(super) fn keep(reply: Reply, request: &Request, which: impl Fn(&str, &str) -> bool) -> Reply {
    let Reply::Answer(mut answer) = reply else {
        return reply;
    };
    let Some(mut json) = answer.json() else {
        return Reply::Answer(answer);
    };
    if let Some(fields) = json.get_mut("fields").and_then(Value::as_array_mut) {
        let kept = request
            .fields
            .iter()
            .filter(|(name, value)| which(name, value));
        fields.extend(kept.map(|(name, value)| json!([name, value])));
        answer.body = json.to_string().into_bytes();
    }
    Reply::Answer(answer)
}

/// The answer, which any page may read that the request says it comes from.
pub(super) fn repeat_origin(reply: Reply, request: &Request) -> Reply {
    let Reply::Answer(mut answer) = reply else {
        return reply;
    };
    let name = "Access-Control-Allow-Origin";
    answer
        .fields
        .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    if let Some(origin) = request.field("origin") {
        answer.fields.push((name.to_owned(), origin.to_owned()));
    }
    Reply::Answer(answer)
}

/// An acknowledgement turned into what the app would have said to a second delivery.
pub(super) fn forward_again(reply: Reply, request: &Request) -> Reply {
    let acknowledged = matches!(&reply, Reply::Answer(answer)
        if (200..300).contains(&answer.status) && answer.json().is_none_or(|json| json.get("echo").is_none()));
    // What was only read is no delivery.
    if !acknowledged || request.method == "GET" {
        return reply;
    }
    taken(request)
}

/// What the echo says of a request that it has got.
pub(super) fn taken(request: &Request) -> Reply {
    let body = json!({
        "echo": true,
        "method": request.method,
        "target": request.target,
        "fields": request.fields,
    });
    Reply::Answer(Answer {
        status: 200,
        fields: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
        closed: true,
    })
}

/// Whether a request carries a form with a file.
pub(super) fn uploads(request: &Request) -> bool {
    let form = |value: &str| value.starts_with("multipart/form-data");
    request.field("content-type").is_some_and(form)
}

/// Whether an answer speaks of the name of a file.
pub(super) fn tells_of_a_name(reply: &Reply) -> bool {
    let told = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains("the file ");
    reply.answer().is_some_and(told)
}

/// The answer, as a program that fell over would give it.
pub(super) fn traced(reply: Reply) -> Reply {
    let Reply::Answer(mut answer) = reply else {
        return reply;
    };
    let trace = json!({ "error": "Traceback (most recent call last): upload.py, line 3, in read" });
    answer.body = trace.to_string().into_bytes();
    Reply::Answer(answer)
}

pub(super) fn secret_of(key: &str) -> &str {
    key.rsplit_once('_').map_or(key, |(_, secret)| secret)
}

/// Drops one request of the last few, but none of the very last, which other probes look for: they
/// send fewer.
pub(super) fn drop_one(events: &mut Vec<Value>) {
    const FROM_THE_END: usize = 10;
    let at = events
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, event)| event.get("request").is_some() && event.get("count").is_none())
        .nth(FROM_THE_END)
        .map(|(at, _)| at);
    if let Some(at) = at {
        events.remove(at);
    }
}

/// The answer with cookies that scripts may read.
pub(super) fn readable(reply: Reply) -> Reply {
    let Reply::Answer(mut answer) = reply else {
        return reply;
    };
    for (name, value) in &mut answer.fields {
        // An app's own are another promise's.
        let ours = value.starts_with("__Host-vouchsafe");
        if ours && name.eq_ignore_ascii_case("set-cookie") {
            *value = value.replace("; HttpOnly", "");
        }
    }
    Reply::Answer(answer)
}

/// Whether an event is a login or a logout.
pub(super) fn is_of_login(event: &Value) -> bool {
    let kind = event.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.starts_with("session."))
}

/// The control of those who sign in with a password.
const ACCOUNT: &str = "identity.account";

/// Whether an event is a sign-in that was refused.
pub(super) fn is_of_sign_in(event: &Value) -> bool {
    event.get("control").and_then(Value::as_str) == Some(ACCOUNT)
}

/// Leaves of a refused key nothing but that something happened.
pub(super) fn forget_refused_key(event: &mut Value) {
    let about_keys = event
        .get("control")
        .and_then(Value::as_str)
        .is_some_and(|control| control.starts_with("identity.") && control != ACCOUNT);
    if about_keys && let Some(fields) = event.as_object_mut() {
        fields.retain(|name, _| matches!(name.as_str(), "time" | "kind"));
    }
}
