//! What a request costs in memory: once its connection is warm, nothing at all on the gate's thread.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{net::TcpListener, sync::Arc, thread, time::Duration};

use control::{Clock as _, SystemClock, SystemRng};
use gate::{fuzz::Engine, stages::Peer};
use identity::{NewKey, Sessions, session::service::NewSession};
use support::{OPEN, Origin, Wire, Wired, ok, wired};

/// Requests that make a connection warm: buffers have their size, the assertion is signed.
const WARM: usize = 30;

/// Requests that are counted; few enough for the ledger's ring, however slow its disk.
const COUNTED: usize = 100;

const GUARDED: &str = "[accounts]\n[[route]]\npath = \"/people\"\napp = \"app\"\nauth = [\"session\"]\n\
                       roles = [\"reader\"]\n[tokens]\n[[route]]\npath = \"/tokens\"\napp = \"app\"\n\
                       auth = [\"api-key\", \"token\"]\nroles = [\"reader\"]\n[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n\
                       roles = [\"reader\"]\n";

const FIELDS: &str = "Host: gate.test\r\nUser-Agent: test/1.0\r\nAccept: */*\r\n\
                      Accept-Language: en-GB,en;q=0.9\r\nCookie: session=5f2a; theme=dark\r\n\
                      Sec-Fetch-Mode: cors\r\nX-Requested-With: test\r\nConnection: keep-alive\r\n";

fn gate(origin: &Origin) -> (Wired, String) {
    let wired = wired(origin.address, &format!("{OPEN}{GUARDED}"));
    let wish = NewKey {
        name: "test".to_owned(),
        scopes: vec!["GET,POST /api".to_owned(), "GET /tokens".to_owned()],
        roles: vec!["reader".to_owned()],
        ..NewKey::default()
    };
    let now = SystemClock::new().now();
    let minted = wired.keys.create(&wish, now, &SystemRng).unwrap();
    let key = minted.key.expose().to_owned();
    (wired, key)
}

/// Allocations of a thread that serves one connection with `count` times `request`.
fn allocated(engine: &Engine, request: &str, count: usize) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let request = request.to_owned();
    let client = thread::spawn(move || {
        let mut wire = Wire::connect(address);
        for _ in 0..count {
            wire.send(&request);
            assert_eq!(wire.answer().status, 200);
        }
    });
    let (stream, address) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let peer = Peer {
        address,
        spoken: gate::stages::Spoken::Plain,
        certificate: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cost = allocation_counter::measure(|| {
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            engine.serve(peer, stream).await;
            // What is kept belongs to this runtime and goes with it.
            engine.forget();
        });
    });
    client.join().unwrap();
    cost.count_total
}

/// Allocations that `COUNTED` more requests cost a connection that is warm.
fn each(request: impl Fn(&str) -> String) -> u64 {
    each_with(|_, key| key, request)
}

/// The same with a credential that is made of the key.
fn each_with(
    credential: impl Fn(&Engine, String) -> String,
    request: impl Fn(&str) -> String,
) -> u64 {
    let origin = Origin::answering(|_, _| ok(&[b'x'; 99]));
    let (wired, key) = gate(&origin);
    let engine = Engine::new(wired.gate.clone());
    each_of(&engine, &request(&credential(&engine, key)))
}

/// The same of one request.
fn each_of(engine: &Engine, request: &str) -> u64 {
    allocated(engine, request, WARM);
    let few = allocated(engine, request, WARM);
    allocated(engine, request, WARM + COUNTED) - few
}

#[test]
fn an_open_request_allocates_nothing() {
    let cost = each(|_| format!("GET /page HTTP/1.1\r\n{FIELDS}\r\n"));
    assert_eq!(cost, 0);
}

#[test]
fn a_request_with_a_key_allocates_nothing() {
    let cost = each(|key| format!("GET /api HTTP/1.1\r\n{FIELDS}X-API-Key: {key}\r\n\r\n"));
    assert_eq!(cost, 0);
    let cost =
        each(|key| format!("GET /api/x HTTP/1.1\r\n{FIELDS}Authorization: Bearer {key}\r\n\r\n"));
    assert_eq!(cost, 0);
}

/// The answer to one request.
fn answered(engine: &Engine, request: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || {
        let mut wire = Wire::connect(address);
        wire.send(&request);
        String::from_utf8(wire.answer().body).unwrap()
    });
    let (stream, address) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let peer = Peer {
        address,
        spoken: gate::stages::Spoken::Plain,
        certificate: None,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            engine.serve(peer, stream).await;
        });
    client.join().unwrap()
}

#[test]
fn a_request_with_a_token_that_was_seen_before_allocates_nothing() {
    let token = |engine: &Engine, key: String| {
        let asked = format!(
            "POST /.vouchsafe/token HTTP/1.1\r\nHost: gate.test\r\nX-API-Key: {key}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let body = answered(engine, asked);
        let (_, rest) = body.split_once("\"access_token\":\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let cost = each_with(token, |token| {
        format!("GET /tokens HTTP/1.1\r\n{FIELDS}Authorization: Bearer {token}\r\n\r\n")
    });
    assert_eq!(cost, 0);
}

/// The cookie of somebody who is logged in at this gate.
fn logged_in(wired: &Wired) -> String {
    let sessions = Sessions::new(wired.store.clone(), Arc::new(SystemClock::new()));
    wired.gate.let_in(sessions.clone(), None, None);
    let new = NewSession {
        issuer: "https://gate.test".to_owned(),
        subject: "ann".to_owned(),
        roles: vec!["reader".to_owned()],
        tenant: "default".to_owned(),
        sid: None,
        idle: Duration::from_secs(1800),
        longest: Duration::from_secs(28_800),
        replaces: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let begun = runtime.block_on(sessions.begin(new, &SystemRng)).unwrap();
    format!("__Host-vouchsafe={}", begun.id.expose())
}

#[test]
fn a_request_with_a_session_that_was_confirmed_allocates_nothing() {
    let origin = Origin::answering(|_, _| ok(&[b'x'; 99]));
    let (wired, _) = gate(&origin);
    let cookie = logged_in(&wired);
    let engine = Engine::new(wired.gate.clone());
    for (method, fields) in [
        ("GET", ""),
        ("POST", "Origin: https://gate.test\r\nContent-Length: 0\r\n"),
    ] {
        let request = format!(
            "{method} /people HTTP/1.1\r\nHost: gate.test\r\nAccept: */*\r\n\
             Cookie: theme=dark; {cookie}; a=b\r\n{fields}\r\n"
        );
        assert_eq!(each_of(&engine, &request), 0, "{method}");
    }
}

#[test]
fn a_small_body_allocates_nothing() {
    let body = "name=value&other=thing";
    let length = body.len();
    let cost = each(|key| {
        format!(
            "POST /api HTTP/1.1\r\n{FIELDS}X-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    });
    assert_eq!(cost, 0);
}

#[test]
fn what_does_allocate_is_counted() {
    // An encoded path is decoded into memory of its own: once a request, and seen as such.
    let cost = each(|_| format!("GET /p%61ge HTTP/1.1\r\n{FIELDS}\r\n"));
    assert!(cost >= COUNTED as u64, "{cost}");
}
