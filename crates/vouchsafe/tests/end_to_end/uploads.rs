//! Uploads through the real gate: what they cost, and what is left of them.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::support::{Client, Deployment, Gate, body, request, site, until};

const ROUTE: &str = "[[route]]\npath = \"/up\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n\
    uploads = { file = \"250MB\", audio = { kinds = [\"wav\"] } }\n";

/// An app that reads bodies of known length to their end and says how long they were.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || -> Option<()> {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte).ok()?;
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                let (_, length) = head.split_once("content-length: ")?;
                let length: u64 = length.lines().next()?.trim().parse().ok()?;
                let read = std::io::copy(&mut (&stream).take(length), &mut std::io::sink()).ok()?;
                let said = read.to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
                    said.len()
                );
                stream.write_all(answer.as_bytes()).ok()
            });
        }
    });
    address
}

/// The beginning of sound with this many bytes of samples.
fn wav(data: u32) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(data + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&48_000_u32.to_le_bytes());
    bytes.extend_from_slice(&96_000_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    bytes
}

fn head(length: usize) -> String {
    format!(
        "POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

fn peak_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// Files below `folder` that the gate has open, though they have no name.
fn open_files(gate: &Gate, folder: &Path) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", gate.id())).unwrap();
    let links = open
        .flatten()
        .filter_map(|it| std::fs::read_link(it.path()).ok());
    links.filter(|to| to.starts_with(folder)).count()
}

#[test]
fn memory_does_not_grow_with_an_upload_and_nothing_is_left_of_it() {
    const DATA: u32 = 200_000_000;
    /// The whole of it would be twelve times as much.
    const MOST_KIB: u64 = 16 * 1024;
    let deployment = Deployment::new(&(site(app()) + ROUTE));
    let gate = deployment.up();
    let folder = std::fs::canonicalize(deployment.data().join("uploads")).unwrap();
    let send = |data: u32| {
        let mut stream = TcpStream::connect(gate.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(300)))
            .unwrap();
        let start = wav(data);
        stream
            .write_all(head(start.len() + data as usize).as_bytes())
            .unwrap();
        stream.write_all(&start).unwrap();
        let piece = vec![0; 1_000_000];
        let mut left = data as usize;
        while left > 0 {
            let count = left.min(piece.len());
            stream.write_all(&piece[..count]).unwrap();
            left -= count;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.ends_with(&(data as usize + 44).to_string()),
            "{answer}"
        );
    };
    send(1_000_000);
    let before = peak_kib(&gate);
    send(DATA);
    let grown = peak_kib(&gate) - before;
    assert!(grown < MOST_KIB, "{grown} KiB");
    until("nothing is kept", || {
        (open_files(&gate, &folder) == 0).then_some(())
    });
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    gate.stop();
}

#[test]
fn a_gate_that_is_killed_in_the_middle_of_an_upload_leaves_nothing_of_it() {
    let deployment = Deployment::new(&(site(app()) + ROUTE));
    let gate = deployment.up();
    let folder = std::fs::canonicalize(deployment.data().join("uploads")).unwrap();
    let mut stream = TcpStream::connect(gate.address).unwrap();
    let start = wav(2_000_000);
    stream
        .write_all(head(start.len() + 2_000_000).as_bytes())
        .unwrap();
    stream.write_all(&start).unwrap();
    stream.write_all(&vec![0; 1_000_000]).unwrap();
    // It is kept by now, and no name leads to it.
    until("it is kept", || {
        (open_files(&gate, &folder) == 1).then_some(())
    });
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    gate.signal(Signal::SIGKILL);
    gate.finish_killed();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn the_ledger_has_the_reason_of_a_refusal_and_nothing_of_the_file() {
    let rules = ROUTE.replace("audio", "csv = { rows = 1 }, audio");
    let deployment = Deployment::new(&(site(app()) + &rules));
    let gate = deployment.up();
    let send = |name: &str, table: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n\
             {table}\r\n--b--\r\n"
        );
        let form = "Content-Type: multipart/form-data; boundary=b\r\n";
        Client::dial(gate.address).ask(request("POST", "/up", form, &body))
    };
    assert_eq!(send("q7canary.csv", "q7canary,b\n1,2\n").status, 200);
    let refused = send("q7canary.csv", "q7canary,b\nq7canary,2\n3,4\n");
    assert_eq!(refused.status, 413);
    assert!(body(&refused).contains("the CSV has more than 1 rows"));
    let told = send("q7canary/../a.csv", "a,b\n1,2\n");
    assert_eq!(told.status, 400);
    until("both are in the ledger", || {
        let tail = deployment.run(&["ledger", "tail"], &[]).exits(0);
        let told = ["gate.upload", "csv-rows", "name-separator"];
        let both = told.iter().all(|part| tail.stdout.contains(part));
        both.then(|| tail.silent_about("q7canary"))
    });
    assert!(
        gate.metrics().contains("control=\"gate.upload\"} 2"),
        "{}",
        gate.metrics()
    );
    assert!(!gate.log().contains("q7canary"));
    gate.stop();
}

#[test]
fn explain_names_what_a_route_takes() {
    let deployment = Deployment::new(&(site(app()) + ROUTE));
    let explained = deployment.run(&["explain"], &["POST", "/up"]).exits(0);
    for part in ["upload", "at most 1 of wav", "250000000 bytes"] {
        assert!(explained.stdout.contains(part), "{}", explained.stdout);
    }
    deployment
        .run(&["explain"], &["GET", "/up"])
        .exits(0)
        .silent_about("250000000");
}
