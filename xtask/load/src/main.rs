//! Traffic for benchmarks: `load run | soak | origin | certificate FOLDER | peers FOLDER EVENTS`.
//!
//! Owns what an ordinary load generator lacks: requests sent by a schedule whatever the server does,
//! uploads, WebSocket messages and TLS handshakes with and without resumption, in one tool that
//! measures all of them alike; and an origin that reads what it is sent. Knows nothing of the
//! product: it sees addresses and bytes. Never shipped.
//!
//! `run` reads a [`spec::Spec`] as JSON from stdin and answers one [`report::Report`] on stdout;
//! `soak` reads a [`soak::Spec`] and answers what each kind of client was answered; `peers` measures
//! audit logs as people build them without us.

mod certificate;
mod client;
mod clock;
mod drive;
mod histogram;
mod message;
mod origin;
mod peers;
mod report;
mod schedule;
mod script;
mod soak;
mod spec;
mod tls;
mod websocket;

use std::{error::Error, io::Read as _, path::Path, process::ExitCode};

/// Descriptors to ask for: two sides of ten thousand connections, and room.
const DESCRIPTORS: u64 = 65_536;

const USAGE: &str =
    "usage: load run < SPEC | soak < SPEC | origin | certificate FOLDER | peers FOLDER EVENTS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match act(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("load: {fault}");
            ExitCode::from(2)
        }
    }
}

fn act(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    raise_descriptors();
    match arguments {
        ["run"] => {
            let report = drive::run(&serde_json::from_str(&given()?)?)?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
        ["soak"] => {
            let told = soak::run(serde_json::from_str(&given()?)?)?;
            println!("{}", serde_json::to_string(&told)?);
            Ok(())
        }
        ["origin"] => Ok(origin::serve()?),
        ["certificate", folder] => certificate::write(Path::new(folder)),
        ["peers", folder, events] => {
            println!("{}", peers::measure(Path::new(folder), events.parse()?)?);
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

/// What was written to our stdin.
fn given() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// As many descriptors as may be had; what that is not enough for fails by itself and says so.
fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE)
        && setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, most.max(DESCRIPTORS)).is_err()
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
