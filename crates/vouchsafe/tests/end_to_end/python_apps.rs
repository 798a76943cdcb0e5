//! Ordinary Python apps, unmodified, behind the gate: FastAPI and Streamlit as PyPI has them.
//!
//! `cargo xtask test` makes the virtual environment. Without one these tests fail: whether real
//! apps work is not a thing to be skipped in silence.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Client, Deployment, Process, get, open_route, run, site, until};

/// Names the interpreter of the virtual environment.
const PYTHON: &str = "VOUCHSAFE_TEST_PYTHON";

fn python() -> PathBuf {
    let python = std::env::var_os(PYTHON).map(PathBuf::from);
    python.filter(|python| python.is_file()).unwrap_or_else(|| {
        panic!(
            "no Python with the apps of tests/python/requirements.txt: run `cargo xtask test`, \
             which makes one, or set {PYTHON} to an interpreter that has them"
        )
    })
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/python")
        .canonicalize()
        .unwrap()
}

/// A Python command that writes nothing beside its scripts.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command
        .args(arguments)
        .current_dir(scripts())
        .stdin(Stdio::null());
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1");
    command
}

/// Runs a driver through a gate in front of `app`; each of `works` must work.
fn drive(driver: &str, app: SocketAddr, works: &[&str]) {
    let text = site(app).replace(
        "name = \"test\"",
        "name = \"test\"\nhosts = [\"127.0.0.1\"]",
    );
    let deployment = Deployment::new(&(text + &open_route("/")));
    let gate = deployment.up();
    let said = run(&mut command(&[driver, &format!("http://{}", gate.address)])).exits(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    for name in works {
        assert!(
            lines.contains(&format!("{name}: ok").as_str()),
            "no {name} in {lines:?}"
        );
    }
    gate.stop();
    // They went through the gate, and the gate has written them down.
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    assert!(log.lines().count() >= works.len(), "{log}");
    assert!(log.contains("\"kind\":\"websocket.open\""), "{log}");
}

#[test]
fn a_fastapi_app_works_behind_the_gate() {
    // The app is given a socket that listens already, so no port is chosen twice.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _app = Process::start(
        command(&[
            "-m",
            "uvicorn",
            "fastapi_app:app",
            "--fd",
            "0",
            "--no-access-log",
        ])
        .stdin(OwnedFd::from(listener)),
    );
    let works = [
        "page",
        "upload",
        "chunked upload",
        "event stream",
        "websocket message of 5",
        "websocket message of 70000",
    ];
    drive("drive_fastapi.py", address, &works);
}

/// Streamlit takes a port and no socket: a free one is handed over, and another when somebody was
/// faster.
pub(crate) fn streamlit() -> (Process, SocketAddr) {
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let port = address.port().to_string();
        let mut app = Process::start(&mut command(&[
            "-m",
            "streamlit",
            "run",
            "streamlit_app.py",
            "--server.port",
            &port,
            "--server.address",
            "127.0.0.1",
            "--server.headless",
            "true",
            "--browser.gatherUsageStats",
            "false",
            "--server.fileWatcherType",
            "none",
        ]));
        let up = until("Streamlit is up", || {
            if app.ended().is_some() {
                return Some(false);
            }
            std::net::TcpStream::connect(address).ok()?;
            let health = Client::dial(address).ask(get("/_stcore/health"));
            (health.status == 200).then_some(true)
        });
        if up {
            return (app, address);
        }
        assert!(
            app.stderr().contains("is not available"),
            "{}",
            app.stderr()
        );
    }
    panic!("no port stayed free");
}

#[test]
fn a_streamlit_page_works_behind_the_gate() {
    let (_app, address) = streamlit();
    drive(
        "drive_streamlit.py",
        address,
        &["page", "health", "websocket", "upload"],
    );
}
