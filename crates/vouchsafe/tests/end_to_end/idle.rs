//! As many connections as there may be, all of them idle.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::AsRawFd as _,
    process::Command,
};

use nix::sys::{
    resource::{Resource, getrlimit},
    socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket},
};

use crate::support::{Deployment, Gate, Upstream, open_route, run, site};

/// Connections at once: the default of `[limits] connections`.
const CONNECTIONS: u32 = 10_000;

/// Those from one address: the default of `[limits] connections_per_address`.
const PER_ADDRESS: u32 = 1_000;

/// Most memory that an idle connection may take in a build without optimisation, whose tasks are
/// several times as large.
const IDLE_KIB: u64 = 32;

/// Descriptors that either end needs: the gate gives two thirds of them to clients.
const DESCRIPTORS: u64 = 16_000;

/// Lets us, and the gate that we start, have enough descriptors; whether that could be done.
fn raise_descriptors() -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let hard = hard.max(DESCRIPTORS);
    let mut raise = Command::new("prlimit");
    raise
        .arg(format!("--pid={}", std::process::id()))
        .arg(format!("--nofile={hard}:{hard}"));
    run(&mut raise).exit == Some(0)
}

/// A connection from the loopback address that ends in `last`.
fn dial(last: u8, gate: SocketAddr) -> TcpStream {
    let kind = SockType::Stream;
    let own = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(own.as_raw_fd(), &SockaddrIn::new(127, 0, 0, last, 0)).unwrap();
    let SocketAddr::V4(there) = gate else {
        panic!("{gate}")
    };
    assert_eq!(*there.ip(), Ipv4Addr::LOCALHOST);
    connect(own.as_raw_fd(), &SockaddrIn::from(there)).unwrap();
    let stream = TcpStream::from(own);
    stream
        .set_read_timeout(Some(crate::support::PATIENCE))
        .unwrap();
    stream
}

/// The status of one request whose connection stays; none where it has been closed.
fn ask(stream: &mut TcpStream) -> Option<u16> {
    let request = b"GET /.vouchsafe/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 2048];
        let count = stream.read(&mut piece).ok()?;
        if count == 0 {
            return None;
        }
        answer.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let (_, rest) = head.split_once("Content-Length: ").unwrap();
        let length: usize = rest.lines().next().unwrap().parse().unwrap();
        if body.len() >= length {
            return head.get(9..12)?.parse().ok();
        }
    }
}

fn resident_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_thousand_idle_connections_are_served_and_one_more_is_treated_by_the_rules() {
    if !raise_descriptors() {
        eprintln!(
            "NOT RUN: it takes a hard limit of {DESCRIPTORS} open files (ulimit -Hn), or root"
        );
        return;
    }
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/") + "[limits]\nkeep_alive = \"1h\"\n";
    let gate = Deployment::new(&text);
    let gate = gate.up();
    assert_eq!(ask(&mut dial(1, gate.address)), Some(200));
    let before = resident_kib(&gate);

    let mut idle = Vec::new();
    for number in 0..CONNECTIONS {
        let last = u8::try_from(2 + number / PER_ADDRESS).unwrap();
        let mut stream = dial(last, gate.address);
        assert_eq!(ask(&mut stream), Some(200), "connection {number}");
        idle.push(stream);
    }
    let each = resident_kib(&gate).saturating_sub(before) / u64::from(CONNECTIONS);
    assert!(each < IDLE_KIB, "{each} KiB for each connection");
    let open = format!("vouchsafe_connections_open {CONNECTIONS}\n");
    assert!(gate.metrics().contains(&open));

    // One address has had its share; another finds its place because an idle connection gives way.
    assert_eq!(ask(&mut dial(2, gate.address)), Some(503));
    assert_eq!(ask(&mut dial(200, gate.address)), Some(200));
    let served = idle
        .iter_mut()
        .filter_map(ask)
        .filter(|status| *status == 200);
    assert_eq!(served.count(), idle_count() - 1);
    gate.stop();
}

fn idle_count() -> usize {
    usize::try_from(CONNECTIONS).unwrap()
}
