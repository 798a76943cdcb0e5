//! Garbage on the wire never ends the process, fills its memory or reaches the app.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use crate::support::{Deployment, Gate, PATIENCE, Upstream, get, open_route, site, status};

/// A small generator (xorshift64*), so that every run sends the same bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Requests whose mutations come close to being requests.
const SEEDS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /a?b=c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03",
];

/// Pieces that parsers disagree about.
const SPLICES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    "%2f",
    "%00",
    "..",
    "//",
    "\\",
    "#",
    ";",
    "Content-Length: 0\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: +1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Host: localhost\r\n",
    "Host: evil\r\n",
    " folded\r\n",
    "fffffffffffffffff\r\n",
    "HTTP/1.0",
    "Connection: close, X-Forwarded-For\r\n",
    "Expect: 100-continue\r\n",
    "\u{ff}\u{fe}",
];

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => {
                let splice = SPLICES[random.below(SPLICES.len())].bytes();
                bytes.splice(at..at, splice);
            }
            1 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            bytes = random.bytes(64);
        }
    }
    bytes
}

/// Sends `bytes`, says that no more will come, and reads until the gate closes.
fn throw(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(15)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(15)))
        .unwrap();
    // A gate that refuses early closes while bytes are still under way: that is no failure.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(cause) = stream.take(1 << 20).read_to_end(&mut answer) {
        let left = cause.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(left, "{cause} after {:?}", String::from_utf8_lossy(bytes));
    }
}

fn resident_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn random_and_mutated_connections_leave_a_gate_that_serves() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let mut gate = deployment.up();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut round = |gate: &Gate, count: usize| {
        for number in 0..count {
            let bytes = match number % 4 {
                0 => {
                    let count = random.below(2048);
                    random.bytes(count)
                }
                _ => mutated(&mut random),
            };
            throw(gate.address, &bytes);
        }
    };
    round(&gate, 300);
    let before = resident_kib(&gate);
    round(&gate, 1200);
    let after = resident_kib(&gate);
    assert!(after < before + 16 * 1024, "from {before} to {after} KiB");

    assert!(gate.is_running());
    assert!(!gate.log().contains("panicked"), "{}", gate.log());
    for received in upstream.seen() {
        // What came close enough to be a request reached the app in one form only.
        let hosts = received.fields("Host");
        assert!(
            hosts.len() == 1 && hosts[0].eq_ignore_ascii_case("localhost"),
            "{received:?}"
        );
        let framed =
            received.fields("Content-Length").len() + received.fields("Transfer-Encoding").len();
        assert!(framed <= 1, "{received:?}");
        assert!(
            received
                .head
                .starts_with(|first: char| first.is_ascii_alphabetic()),
            "{received:?}"
        );
        assert!(
            received.head.lines().next().unwrap().ends_with(" HTTP/1.1"),
            "{received:?}"
        );
        assert!(
            received
                .head
                .bytes()
                .all(|byte| byte >= b' ' || b"\r\n\t".contains(&byte)),
            "{received:?}"
        );
    }
    let sent = upstream.seen().len();
    assert_eq!(status(gate.address, get("/")), 200);
    assert_eq!(upstream.seen().len(), sent + 1);
    gate.stop();
    let verified = crate::support::run(
        crate::support::vouchsafe(&["ledger", "verify"]).arg(deployment.data().join("ledger")),
    );
    verified.exits(0);
}

#[test]
fn what_never_ends_is_cut_off_at_its_limit() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    let long = "x".repeat(100_000);
    for (bytes, expected) in [
        (
            format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            414,
        ),
        (format!("{start}Cookie: {long}\r\n\r\n"), 431),
        (format!("{start}{}\r\n", "A: b\r\n".repeat(101)), 431),
        (format!("{start}Cookie: {long}"), 431),
    ] {
        assert_eq!(status(gate.address, bytes), expected);
    }
    let before = resident_kib(&gate);
    for _ in 0..50 {
        throw(gate.address, &vec![b'x'; 1 << 20]);
    }
    let after = resident_kib(&gate);
    assert!(after < before + 16 * 1024, "from {before} to {after} KiB");
    assert_eq!(upstream.seen().len(), 0);
    assert_eq!(status(gate.address, get("/")), 200);
    gate.stop();
}
