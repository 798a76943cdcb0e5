//! The engine from start to drain: TLS, limits on connections, reload, whole bodies.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    num::NonZero,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use control::Secret;
use gate::serve::{Options, StartFault};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use support::{HOOK, OPEN, Origin, Wire, get, ok, site, speaking, start, start_at, start_with};

/// A certificate for the gate's name in a folder of its own, and its key.
struct Identity {
    folder: tempfile::TempDir,
    key: Secret,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        Self {
            folder,
            key: Secret::new(made.signing_key.serialize_pem().into_bytes()),
            certificate: CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap(),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// A connection that trusts this certificate alone.
    fn connect(
        &self,
        address: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from("gate.test").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::new(config), name).unwrap(),
            stream,
        )
    }
}

fn ask(stream: &mut (impl std::io::Read + std::io::Write), body: usize) -> String {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {body}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; body]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_pass_under_both_versions_of_tls() {
    let identity = Identity::new();
    let origin = Origin::answering(|_, body| ok(body));
    let path = identity.path();
    let gate = start_with(origin.address, OPEN, Some((&path, &identity.key)), 1);
    for version in [&TLS12, &TLS13] {
        let mut stream = identity.connect(gate.address(), version);
        let answer = ask(&mut stream, 100_000);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(answer.ends_with(&"x".repeat(100_000)));
        assert!(answer.contains("Strict-Transport-Security: "));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    // Plain HTTP on a TLS port gets no HTTP answer, and the next handshake works.
    let mut plain = Wire::connect(gate.address());
    plain.send(get("/"));
    assert!(!plain.rest().starts_with(b"HTTP"));
    let answer = ask(&mut identity.connect(gate.address(), &TLS13), 1);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_renewed_certificate_serves_new_connections() {
    let (old, new) = (Identity::new(), Identity::new());
    let origin = Origin::answering(|_, body| ok(body));
    let gate = start_with(origin.address, OPEN, Some((&old.path(), &old.key)), 1);
    let mut kept = old.connect(gate.address(), &TLS13);
    kept.flush().unwrap();
    kept.conn.complete_io(&mut kept.sock).unwrap();
    let renewed = speaking(&new.path(), &new.key);
    gate.running.as_ref().unwrap().renew(vec![Some(renewed)]);
    let mut fresh = new.connect(gate.address(), &TLS13);
    assert!(ask(&mut fresh, 1).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(&mut kept, 1).starts_with("HTTP/1.1 200 OK\r\n"));
    let mut stale = old.connect(gate.address(), &TLS13);
    let refused = stale.write_all(b"x").and_then(|()| stale.flush());
    assert!(refused.is_err() || stale.read(&mut [0]).is_err());
}

#[test]
fn threads_share_one_port() {
    let origin = Origin::mirror();
    let gate = start_with(origin.address, OPEN, None, 3);
    for number in 0..24 {
        let mut client = gate.connect();
        client.send(get(&format!("/{number}")));
        assert_eq!(client.answer().status, 200);
    }
    // Each thread has a pool of its own, and no more.
    assert!(origin.connections() <= 3);
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left_running() {
    let origin = Origin::mirror();
    let running = start(&origin);
    let taken = running.address();
    let address = format!("address = \"{taken}\"");
    let text = format!("{OPEN}[[listen]]\n{address}\n");
    let other = start(&origin);
    other.gate.replace(site(origin.address, &text)).unwrap();
    let options = Options {
        threads: NonZero::new(2),
        tls: vec![],
        descriptors: usize::MAX,
    };
    let fault = other.gate.start(options).err().unwrap();
    assert!(matches!(fault, StartFault::Listen { address, .. } if address == taken));
    assert_eq!(fault.code(), "gate::listen::in-use");
    assert!(fault.hint().contains("ss -ltnp"));
}

#[test]
fn a_drain_finishes_what_is_under_way_and_closes_the_rest() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (asked, asks) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        while let Some(head) = wire.try_head() {
            if head.starts_with("GET /slow ") {
                asked.send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
            }
            wire.try_send(ok(b"done"));
        }
    });
    let mut gate = start(&origin);
    let (mut idle, mut busy) = (gate.connect(), gate.connect());
    idle.send(get("/"));
    assert_eq!(idle.answer().text(), "done");
    busy.send(get("/slow"));
    asks.recv().unwrap();
    let running = gate.running.take().unwrap();
    let address = gate.address();
    let drained = thread::spawn(move || running.drain(Duration::from_secs(5)));
    assert!(idle.ended());
    release.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!(answer.text(), "done");
    assert_eq!(answer.value("connection"), Some("close"));
    assert!(busy.ended());
    drop(busy);
    drained.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_drain_ends_even_when_a_request_does_not() {
    let (asked, asks) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        asked.send(()).unwrap();
        let _ = wire.rest();
    });
    let mut gate = start(&origin);
    let mut stuck = gate.connect();
    stuck.send(get("/"));
    asks.recv().unwrap();
    gate.running
        .take()
        .unwrap()
        .drain(Duration::from_millis(50));
    assert!(stuck.ended());
}

#[test]
fn a_connection_too_many_is_503_and_room_comes_back() {
    let gate = start_at(Origin::mirror().address, "[limits]\nconnections = 1\n");
    let mut first = gate.connect();
    first.send(get("/"));
    assert_eq!(first.answer().status, 200);
    let mut second = gate.connect();
    let answer = second.answer();
    assert_eq!(answer.status, 503);
    assert!(answer.has("retry-after"));
    assert!(second.ended());
    gate.has_refused("gate.overload");
    first.send("GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n");
    assert_eq!(first.answer().status, 200);
    assert!(first.ended());
    drop(first);
    // The seat is given back once the engine has seen the client leave.
    let served = (0..100).any(|_| {
        let mut client = gate.connect();
        client.send(get("/"));
        client.answer().status == 200
    });
    assert!(served);
}

const HANDSHAKE: &str = "GET /PATH HTTP/1.1\r\nHost: gate.test\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn open_route(path: &str, reason: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = \"none\"\nreason = \"{reason}\"\n")
}

#[test]
fn a_reload_keeps_websockets_and_pools_of_unchanged_routes_alone() {
    let origin = Origin::scripted(|_, mut wire| {
        while let Some(head) = wire.try_head() {
            if head.contains("websocket") {
                wire.send(SWITCHING);
                while let Some(byte) = wire.try_exactly(1) {
                    wire.send(byte);
                }
                return;
            }
            wire.send(ok(b"pooled"));
        }
    });
    let before = [open_route("/kept", "a test"), open_route("/gone", "a test")].concat();
    let gate = start_with(origin.address, &before, None, 1);
    let (mut kept, mut gone, mut plain) = (gate.connect(), gate.connect(), gate.connect());
    for (client, path) in [(&mut kept, "kept"), (&mut gone, "gone")] {
        client.send(HANDSHAKE.replace("PATH", path));
        assert!(client.head().starts_with("HTTP/1.1 101 "));
    }
    plain.send(get("/kept"));
    assert_eq!(plain.answer().status, 200);
    let after = [open_route("/kept", "a test"), open_route("/new", "a test")].concat();
    gate.gate.replace(site(origin.address, &after)).unwrap();
    assert!(gone.ended());
    kept.send("x");
    assert_eq!(kept.exactly(1), b"x");
    for (path, status) in [("/new", 200), ("/gone", 404), ("/kept", 200)] {
        plain.send(get(path));
        assert_eq!(plain.answer().status, status, "{path}");
    }
    assert_eq!(origin.connections(), 3);
}

fn webhook() -> &'static str {
    "[[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"app\"\n\
     webhook = { scheme = \"github\", secret = [\"hook\"] }\n[limits]\nwebhook_body = \"1KiB\"\n"
}

fn delivery(body: &str, signed: &str, more: &str) -> String {
    let tag = seal::hmac::sign(seal::hmac::Algorithm::Sha256, HOOK, &[signed.as_bytes()]);
    format!(
        "POST /hook HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {}\r\n\
         X-Hub-Signature-256: sha256={}\r\n{more}\r\n{body}",
        body.len(),
        seal::encode::hex(tag.as_bytes()),
    )
}

#[test]
fn a_webhook_is_seen_whole_before_it_goes_on() {
    let origin = Origin::answering(|head, body| {
        assert!(head.starts_with("GET ") || head.contains("Content-Length: "));
        ok(body)
    });
    let gate = start_at(origin.address, webhook());
    let mut client = gate.connect();
    client.send(delivery("forged", "other", ""));
    assert_eq!(client.answer().status, 403);
    assert_eq!(origin.connections(), 0);
    // Its body was read to the end, so the connection goes on.
    client.send(delivery("genuine", "genuine", ""));
    assert_eq!(client.answer().text(), "genuine");
    // In chunks it arrives with a length, and a pipelined request behind it is answered.
    let tag = seal::hmac::sign(seal::hmac::Algorithm::Sha256, HOOK, &[b"chunks"]);
    let tag = seal::encode::hex(tag.as_bytes());
    client.send(format!(
        "POST /hook HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\
         X-Hub-Signature-256: sha256={tag}\r\n\r\n2\r\nch\r\n4\r\nunks\r\n0\r\n\r\n{}",
        get("/after")
    ));
    assert_eq!(client.answer().text(), "chunks");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_webhook_that_waits_for_100_gets_ours_and_one_too_large_gets_413() {
    let gate = start_at(Origin::answering(|_, body| ok(body)).address, webhook());
    let mut client = gate.connect();
    let whole = delivery("expected", "expected", "Expect: 100-continue\r\n");
    let (head, body) = whole.split_at(whole.len() - 8);
    client.send(head);
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(body);
    assert_eq!(client.answer().text(), "expected");

    let large = "x".repeat(1025);
    let mut client = gate.connect();
    client.send(delivery(&large, &large, "Expect: 100-continue\r\n"));
    assert_eq!(client.answer().status, 413);
    assert!(client.ended());
    let mut client = gate.connect();
    client.send(
        "POST /hook HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\
         X-Hub-Signature-256: sha256=00\r\n\r\n",
    );
    client.try_send(format!("401\r\n{large}\r\n"));
    assert_eq!(client.answer().status, 413);
    assert!(client.ended());
}
