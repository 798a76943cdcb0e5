//! Genuine work of a helpline, and attacks on it.
//!
//! Owns how an admin, case workers and their programs use the gate: a key that is made over HTTP, a
//! token for it, and calls with that; an account, and a browser that signs in. A request that does not get through is a fault of the demo.

use control::probe::Reply;
use seal::encode::{base64url, unbase64url};
use serde_json::{Value, json};

use super::{
    account,
    attacks::{self, Attack, Outcome, body_has},
    stage::Stage,
    traffic::{get, post, through},
};
use crate::failure::Failure;

const CALLS: &str = "/api/v1/calls";
const TOKEN: &str = "/auth/token";
const KEYS: &str = "/auth/generate-key";

/// What the case worker of this run has.
pub(crate) struct Worker {
    key: String,
    token: String,
}

/// The account that another case worker signs in with.
const ACCOUNT: &str = "sam@helpline.example";

/// What went through.
pub(crate) struct Sent {
    pub(crate) calls: usize,
    pub(crate) reads: usize,
}

/// Calls as they are entered; nobody said any of it.
const SAID: &[(&str, &str)] = &[
    ("Neema", "I do not want to go home after school."),
    ("Juma", "Nimeogopa, sijui nimwambie nani."),
    ("Zawadi", "Thank you for last week, it is better now."),
];

/// An admin makes a key for a case worker, who exchanges it for a token and works with that.
pub(crate) fn work(stage: &Stage) -> Result<(Worker, Sent), Failure> {
    let scopes = [format!("POST {KEYS}"), "GET,POST,DELETE /api/v1".to_owned()];
    let admin = stage.key(&json!({
        "name": "admin", "scopes": scopes, "roles": ["admin", "case-worker"],
    }))?;
    let order = json!({
        "name": "case worker", "scopes": ["GET,POST /api/v1"], "roles": ["case-worker"],
        "expires": "90d",
    });
    let made = asked(stage, "POST", KEYS, admin, Some(&order), 201)?;
    let key = text(&made, "key")?;
    let given = asked(stage, "POST", TOKEN, &key, None, 200)?;
    let worker = Worker {
        token: text(&given, "access_token")?,
        key,
    };
    let mut sent = Sent { calls: 0, reads: 0 };
    let mut last = String::new();
    for (subject, transcript) in SAID {
        let call = json!({"subject": subject, "consent": true, "transcript": transcript});
        let made = asked(stage, "POST", CALLS, &worker.token, Some(&call), 201)?;
        last = text(&made, "id")?;
        sent.calls += 1;
    }
    through(
        &stage.send(stage.gate(), &recording(&worker, &sound(16_000)))?,
        201,
    )?;
    sent.calls += 1;
    let text_of = json!({"text": SAID.first().map_or("", |(_, said)| said)});
    asked(
        stage,
        "POST",
        "/api/v1/analyze",
        &worker.token,
        Some(&text_of),
        200,
    )?;
    for path in [
        CALLS.to_owned(),
        format!("{CALLS}/{last}"),
        format!("{CALLS}/{last}/export"),
    ] {
        asked(stage, "GET", &path, &worker.token, None, 200)?;
        sent.reads += 1;
    }
    asked(
        stage,
        "DELETE",
        &format!("{CALLS}/{last}"),
        admin,
        None,
        204,
    )?;
    let cookie = account::signed_in(stage, ACCOUNT, "case-worker", CALLS)?;
    let reply = stage.send(stage.gate(), &get(CALLS, &cookie))?;
    through(&reply, 200)?;
    sent.reads += 1;
    Ok((worker, sent))
}

/// Asks the gate with a credential, and gives the JSON of the answer.
fn asked(
    stage: &Stage,
    method: &str,
    target: &str,
    credential: &str,
    body: Option<&Value>,
    status: u16,
) -> Result<Value, Failure> {
    let bytes = request(method, target, credential, body);
    let reply = stage.send(stage.gate(), &bytes)?;
    through(&reply, status)?;
    Ok(reply.answer().and_then(|it| it.json()).unwrap_or_default())
}

fn text(answer: &Value, name: &str) -> Result<String, Failure> {
    let found = answer.get(name).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| {
        Failure::new(
            format!("an answer of the demo names no {name}"),
            "report this as a defect",
        )
    })
}

fn request(method: &str, target: &str, credential: &str, body: Option<&Value>) -> Vec<u8> {
    let bearer = format!("Bearer {credential}");
    if method == "GET" {
        return get(target, &format!("Authorization: {bearer}\r\n"));
    }
    let headers = [
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Authorization".to_owned(), bearer),
    ];
    let body = body.map(Value::to_string).unwrap_or_default();
    let posted = post(target, &headers, body.as_bytes());
    match posted.strip_prefix(b"POST") {
        Some(rest) => [method.as_bytes(), rest].concat(),
        None => posted,
    }
}

const ATTACKS: &[Attack<Worker>] = &[
    (
        "every call, without a credential",
        |_| get(CALLS, ""),
        reads,
    ),
    ("the same with a made-up key", made_up, reads),
    ("the same with a token that nobody signed", unsigned, reads),
    ("the same with a token that was altered", altered, reads),
    ("the same with a token in the address", in_address, reads),
    (
        "the same with a session that nobody began",
        |_| {
            get(
                CALLS,
                "Cookie: __Host-vouchsafe=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
            )
        },
        reads,
    ),
    ("removing a call with a key that may not", removing, removed),
    ("a key from whoever gives one", |_| ordering(""), made),
    ("a key for who has an ordinary one", order, made),
    ("being somebody else by a header", impersonation, believed),
    (
        "a page with a script, sent as a recording",
        |worker| recording(worker, b"<html><script>alert(1)</script></html>"),
        made_call,
    ),
    (
        "a program, sent as a recording",
        |worker| recording(worker, b"MZ\x90\0\x03\0\0\0"),
        made_call,
    ),
    (
        "a recording of a rate that nobody speaks at",
        |worker| recording(worker, &sound(96_000)),
        made_call,
    ),
];

pub(crate) fn attack(stage: &Stage, worker: &Worker) -> Result<Vec<Outcome>, Failure> {
    attacks::on_each(stage, worker, ATTACKS)
}

/// A recording, sent by a case worker.
fn recording(worker: &Worker, bytes: &[u8]) -> Vec<u8> {
    let headers = [
        ("Content-Type".to_owned(), "audio/wav".to_owned()),
        (
            "Authorization".to_owned(),
            format!("Bearer {}", worker.token),
        ),
    ];
    post(CALLS, &headers, bytes)
}

/// A tenth of a second of silence.
fn sound(rate: u32) -> Vec<u8> {
    let data = rate / 10 * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(data + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&(rate * 2).to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    bytes.resize(bytes.len() + usize::try_from(data).unwrap_or(0), 0);
    bytes
}

fn made_call(reply: &Reply, _: &str) -> bool {
    reply.answer().is_some_and(|answer| answer.status == 201)
}

fn made_up(_: &Worker) -> Vec<u8> {
    get(CALLS, "X-API-Key: vsk_letmein\r\n")
}

fn unsigned(worker: &Worker) -> Vec<u8> {
    let claims = worker.token.split('.').nth(1).unwrap_or_default();
    let head = base64url(br#"{"alg":"none","typ":"at+jwt"}"#);
    request("GET", CALLS, &format!("{head}.{claims}."), None)
}

fn altered(worker: &Worker) -> Vec<u8> {
    let mut parts = worker.token.split('.').map(str::to_owned);
    let (head, claims, signature) = (parts.next(), parts.next(), parts.next());
    let claims = claims.and_then(|claims| {
        let claims = unbase64url(&claims).ok()?;
        let mut claims: Value = serde_json::from_slice(&claims).ok()?;
        let members = claims.as_object_mut()?;
        members.insert("exp".to_owned(), json!(4_102_444_800_i64));
        Some(base64url(claims.to_string().as_bytes()))
    });
    let parts: Vec<String> = [head, claims, signature].into_iter().flatten().collect();
    request("GET", CALLS, &parts.join("."), None)
}

fn in_address(worker: &Worker) -> Vec<u8> {
    get(&format!("{CALLS}?access_token={}", worker.token), "")
}

fn removing(worker: &Worker) -> Vec<u8> {
    request("DELETE", "/api/v1/calls/c0", &worker.key, None)
}

fn order(worker: &Worker) -> Vec<u8> {
    ordering(&worker.key)
}

fn ordering(key: &str) -> Vec<u8> {
    request("POST", KEYS, key, Some(&json!({"name": "mine"})))
}

fn impersonation(worker: &Worker) -> Vec<u8> {
    let key = &worker.key;
    let fields = format!("X-API-Key: {key}\r\nX-Forwarded-User: director\r\n");
    get("/api/v1/whoami", &fields)
}

fn reads(reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"transcript\"")
}

fn removed(reply: &Reply, _: &str) -> bool {
    reply.answer().is_some_and(|answer| answer.status == 204)
}

fn made(reply: &Reply, _: &str) -> bool {
    let answer = reply.answer().filter(|answer| answer.status == 201);
    answer.is_some_and(|answer| String::from_utf8_lossy(&answer.body).contains("\"key\""))
}

fn believed(reply: &Reply, _: &str) -> bool {
    body_has(reply, "director")
}
