//! Upstreams that misbehave, and clients that are slow: what the client sees, what the ledger says,
//! and that everybody else is served meanwhile.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt::Linger};

use crate::support::{
    Client, Deployment, Gate, Socket, Upstream, get, open_route, request, site, status, until,
};

/// What an upstream does with its connections.
type Behaviour = fn(TcpStream) -> std::io::Result<()>;

/// An upstream that treats every connection in the same way.
fn upstream(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A connection that breaks is the business of whoever broke it.
            thread::spawn(move || stream.and_then(behaviour));
        }
    });
    address
}

/// Reads a head; its body stays where it is.
fn head(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1, stream.try_clone()?);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Says nothing more until the other side has gone.
fn hang(mut stream: TcpStream) -> std::io::Result<()> {
    std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ())
}

fn says(mut stream: TcpStream, answer: &str) -> std::io::Result<TcpStream> {
    head(&stream)?;
    stream.write_all(answer.as_bytes())?;
    Ok(stream)
}

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// A whole answer with this status.
    Answer(u16),
    /// The beginning of an answer, then a reset.
    Part,
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Each misbehaviour, what the client gets of it and the reason in the ledger.
const CASES: &[(&str, Behaviour, Gets, &str)] = &[
    (
        "hangs before its head",
        hang,
        Gets::Answer(503),
        "upstream-silent",
    ),
    (
        "hangs within its head",
        |stream| hang(says(stream, "HTTP/1.1 200 OK\r\nContent-Le")?),
        Gets::Answer(503),
        "upstream-silent",
    ),
    (
        "hangs within its answer",
        |stream| {
            hang(says(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
            )?)
        },
        Gets::Part,
        "answer-broken",
    ),
    (
        "resets the connection",
        |stream| {
            head(&stream)?;
            let linger = nix::libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, Linger, &linger).map_err(std::io::Error::from)
        },
        Gets::Answer(502),
        "upstream-closed",
    ),
    (
        "closes within its head",
        |stream| says(stream, "HTTP/1.1 200 OK\r\nConte").map(drop),
        Gets::Answer(502),
        "upstream-closed",
    ),
    (
        "sends less than it says",
        |stream| {
            let stream = says(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")?;
            // Its beginning is on its way before its end is seen.
            thread::sleep(Duration::from_millis(50));
            stream.shutdown(Shutdown::Both)
        },
        Gets::Part,
        "answer-broken",
    ),
    (
        "sends more than it says",
        |stream| says(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhello").map(drop),
        Gets::Answer(502),
        "answer-surplus",
    ),
    (
        "sends garbage",
        |stream| hang(says(stream, "\0\x01\x02 what is this\r\n\r\n")?),
        Gets::Answer(502),
        "",
    ),
    (
        "closes after each answer",
        |stream| says(stream, WHOLE).map(drop),
        Gets::Answer(200),
        "",
    ),
    (
        "trickles its answer",
        |mut stream| {
            head(&stream)?;
            for byte in WHOLE.as_bytes().chunks(8) {
                stream.write_all(byte)?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        },
        Gets::Answer(200),
        "",
    ),
];

/// The status, the request's id and whether the answer came whole.
fn ask(address: SocketAddr, bytes: &str) -> (u16, String, bool) {
    let mut socket = Socket::dial(address);
    socket.send(bytes);
    let head = socket.read_until("\r\n\r\n");
    let lower = head.to_ascii_lowercase();
    let field = |name: &str| {
        lower
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
            .to_owned()
    };
    let mut body = Vec::new();
    let ended = socket.0.read_to_end(&mut body).is_ok();
    let whole = ended && body.len() == field("content-length").parse::<usize>().unwrap();
    (head[9..12].parse().unwrap(), field("x-request-id"), whole)
}

#[test]
fn each_misbehaviour_of_an_upstream_has_its_answer_and_its_entry() {
    let well = Upstream::start();
    let mut configuration = site(well.address) + &open_route("/") + "[limits]\nanswer = \"1s\"\n\n";
    for (number, (_, behaviour, ..)) in CASES.iter().enumerate() {
        let address = upstream(*behaviour);
        configuration += &format!(
            "[[app]]\nname = \"app{number}\"\nupstream = \"http://{address}\"\n\n{}",
            open_route(&format!("/case{number}"))
                .replace("app = \"app\"", &format!("app = \"app{number}\""))
        );
    }
    let deployment = Deployment::new(&configuration);
    let gate = deployment.up();
    let address = gate.address;
    // All at once: those that hang keep nobody from being served, and this takes a second.
    let asking: Vec<_> = (0..CASES.len())
        .map(|number| thread::spawn(move || ask(address, &get(&format!("/case{number}")))))
        .collect();
    for _ in 0..5 {
        assert_eq!(status(gate.address, get("/")), 200);
    }
    let seen: Vec<_> = asking
        .into_iter()
        .map(|asking| asking.join().unwrap())
        .collect();
    gate.stop();
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    for ((what, _, gets, reason), (status, id, whole)) in CASES.iter().zip(&seen) {
        let got = match whole {
            true => Gets::Answer(*status),
            false => Gets::Part,
        };
        assert_eq!(got, *gets, "{what}");
        let entry = log
            .lines()
            .find(|line| line.contains(id.as_str()))
            .unwrap_or_else(|| panic!("{what}: no entry {id} in {log}"));
        assert!(entry.contains(reason), "{what}: {entry}");
    }
}

#[test]
fn an_upstream_that_never_reads_is_503_and_holds_no_more_than_buffers() {
    const UPLOADS: u64 = 8;
    let deaf = upstream(|stream| {
        // Keeps the connection and takes nothing from it.
        thread::sleep(Duration::from_secs(20));
        drop(stream);
        Ok(())
    });
    let deployment =
        Deployment::new(&(site(deaf) + &open_route("/") + "[limits]\nanswer = \"1s\"\n"));
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/.vouchsafe/health")), 200);
    let before = memory_kib(&gate, "VmHWM");
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|_| {
            let address = gate.address;
            thread::spawn(move || {
                let body = "x".repeat(9 << 20);
                Client::dial(address).ask(request("POST", "/", "", &body))
            })
        })
        .collect();
    for upload in uploads {
        assert_eq!(upload.join().unwrap().status, 503);
    }
    let grown = memory_kib(&gate, "VmHWM") - before;
    assert!(grown < UPLOADS * CONNECTION_KIB + SLACK_KIB, "{grown} KiB");
    gate.stop();
}

fn resident_kib(gate: &Gate) -> u64 {
    memory_kib(gate, "VmRSS")
}

/// The memory of the gate: `VmRSS` now, `VmHWM` at its most.
fn memory_kib(gate: &Gate, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let prefix = format!("{which}:");
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(&prefix)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What memory may grow by beyond what is stated: caches and the allocator's own.
const SLACK_KIB: u64 = 16 * 1024;

/// Most that a connection holds while a body moves: four buffers of 64 KiB.
const CONNECTION_KIB: u64 = 256;

#[test]
fn slow_clients_with_large_bodies_hold_no_more_memory_than_is_stated() {
    const CLIENTS: u64 = 150;
    let large = upstream(|mut stream| {
        head(&stream)?;
        let body = vec![b'x'; 16 << 20];
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(&body)
    });
    let configuration = site(large)
        + &open_route("/")
        + "[secrets]\nhook = \"env:HOOK\"\n\n\
           [[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"app\"\n\
           webhook = { scheme = \"github\", secret = [\"hook\"] }\n";
    let deployment =
        Deployment::new(&configuration).with("HOOK", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/.vouchsafe/health")), 200);
    let before = resident_kib(&gate);

    // Answers that nobody reads.
    let readers: Vec<Socket> = (0..CLIENTS)
        .map(|_| {
            let mut socket = Socket::dial(gate.address);
            socket.send(get("/"));
            socket
        })
        .collect();
    // Deliveries that nobody signed and that never end: a megabyte each, less one byte. The gate
    // says no to most of them and may close while they are still being sent.
    let strangers: Vec<Socket> = (0..CLIENTS)
        .map(|_| {
            let mut socket = Socket::dial(gate.address);
            let _ = socket.0.set_write_timeout(Some(Duration::from_millis(200)));
            let head = "POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
            socket.send(head);
            let _ = socket.0.write_all(&vec![b'x'; (1 << 20) - 1]);
            socket
        })
        .collect();
    assert_eq!(status(gate.address, get("/.vouchsafe/health")), 200);
    // Two threads hold an eighth of 64 MiB each for the one address that all of this comes from.
    let held = 2 * 8 * 1024;
    let stated = before + 2 * CLIENTS * CONNECTION_KIB + held + SLACK_KIB;
    let after = resident_kib(&gate);
    assert!(
        after <= stated,
        "{before} KiB grew to {after}, stated {stated}"
    );
    let metrics = gate.metrics();
    let refused = metrics
        .lines()
        .find(|line| line.contains("control=\"gate.overload\""))
        .unwrap();
    assert!(!refused.ends_with(" 0"), "nobody was refused: {metrics}");
    drop((readers, strangers));
    until("they are gone", || {
        let metrics = gate.metrics();
        metrics
            .lines()
            .any(|line| line == "vouchsafe_connections_open 0")
            .then_some(())
    });
    gate.stop();
}

#[test]
fn idle_connections_by_the_hundred_cost_little_and_hold_nobody_up() {
    const CLIENTS: u64 = 600;
    let well = Upstream::start();
    let deployment = Deployment::new(&(site(well.address) + &open_route("/")));
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 200);
    let before = resident_kib(&gate);
    let idle: Vec<Socket> = (0..CLIENTS)
        .map(|number| {
            let mut socket = Socket::dial(gate.address);
            // Some say nothing, some begin a head and leave it at that.
            if number % 2 == 0 {
                socket.send("GET / HTTP/1.1\r\nHost: loc");
            }
            socket
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(status(gate.address, get("/")), 200);
    }
    deployment.run(&["healthcheck"], &[]).exits(0);
    let after = resident_kib(&gate);
    let stated = before + CLIENTS * 16 + SLACK_KIB;
    assert!(
        after <= stated,
        "{before} KiB grew to {after}, stated {stated}"
    );
    drop(idle);
    gate.stop();
}
