//! Reloads without end, under traffic.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use control::probe::Answer;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::{
    hooks::{delivery, hook},
    ledgers::{ended_in_order, kinds},
    support::{Client, Deployment, Gate, Upstream, get, open_route, request, site, status, until},
};

/// Rounds of the storm; each is three reloads.
const ROUNDS: usize = 24;

/// Reloads before and behind which the process is measured.
const QUIET: usize = 70;

/// A configuration that says `frame` of every answer, and sends to one app.
fn configured(upstream: SocketAddr, frame: &str) -> String {
    site(upstream)
        + &open_route("/")
        + &format!("[headers]\nframe = \"{frame}\"\nreason = \"a test\"\n")
        + "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n"
        + &hook()
}

/// Which of both configurations an answer was made under, if it was one of them as a whole.
fn made_under(answer: &Answer, apps: [SocketAddr; 2]) -> Option<usize> {
    let frame = answer.field("X-Frame-Options")?;
    let app = answer.field("X-App")?;
    [("DENY", apps[0]), ("SAMEORIGIN", apps[1])]
        .iter()
        .position(|(says, address)| *says == frame && address.to_string() == app)
}

struct Size {
    descriptors: usize,
    threads: usize,
    kilobytes: u64,
}

fn size(gate: &Gate) -> Size {
    let process = format!("/proc/{}", gate.id());
    let count = |what: &str| fs::read_dir(format!("{process}/{what}")).unwrap().count();
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    Size {
        descriptors: count("fd"),
        threads: count("task"),
        kilobytes: resident.trim().trim_end_matches(" kB").parse().unwrap(),
    }
}

#[test]
fn a_storm_of_reloads_loses_no_request_mixes_no_answer_and_costs_nothing() {
    let apps = [Upstream::start(), Upstream::start()];
    let addresses = [apps[0].address, apps[1].address];
    let good = [
        configured(addresses[0], "deny"),
        configured(addresses[1], "same-origin"),
    ];
    let broken = good[0].clone() + &open_route("/");
    let deployment = Deployment::new(&good[0]);
    let bytes = delivery(&deployment, "/hook", "{}");
    let gate = deployment.up();
    let key = |name: &str| {
        let made = deployment.run(
            &["key", "create"],
            &["--name", name, "--all", "--format", "json"],
        );
        let made = made.exits(0).json();
        let field = format!("X-API-Key: {}\r\n", made["key"].as_str().unwrap());
        (
            made["id"].as_str().unwrap().to_owned(),
            request("GET", "/api", &field, ""),
        )
    };
    let (_, stays) = key("stays");
    let (id, goes) = key("goes");
    assert_eq!(status(gate.address, &goes), 200);
    assert_eq!(status(gate.address, &bytes), 200);

    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..3)
        .map(|number| {
            let (over, served, address) = (Arc::clone(&over), Arc::clone(&served), gate.address);
            thread::spawn(move || {
                let mut kept = Client::dial(address);
                while !over.load(Ordering::SeqCst) {
                    // Some on one connection all along, some on new ones.
                    let answer = if number == 0 {
                        kept.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    } else {
                        Client::dial(address).ask(get("/"))
                    };
                    assert_eq!(answer.status, 200);
                    assert!(made_under(&answer, addresses).is_some(), "{answer:?}");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();

    let reload = || gate.admin.post("/v1/reload", &json!({}));
    for round in 0..ROUNDS {
        deployment.configure(&good[1]);
        reload().unwrap();
        deployment.configure(&broken);
        reload().unwrap_err();
        assert_eq!(
            made_under(&Client::dial(gate.address).ask(get("/")), addresses),
            Some(1)
        );
        deployment.configure(&good[0]);
        if round % 2 == 0 {
            reload().unwrap();
        } else {
            let taken = gate.log().matches("configuration.reloaded").count();
            gate.signal(Signal::SIGHUP);
            until("the signal is taken up", || {
                (gate.log().matches("configuration.reloaded").count() > taken).then_some(())
            });
        }
        assert_eq!(
            made_under(&Client::dial(gate.address).ask(get("/")), addresses),
            Some(0)
        );
        if round == ROUNDS / 4 {
            deployment.run(&["key", "revoke"], &[&id]).exits(0);
        }
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }

    // Without traffic, so that what is measured is what reloads cost.
    let quiet = |reloads: usize| {
        for number in 0..reloads {
            deployment.configure(&good[number % 2]);
            reload().unwrap();
        }
        size(&gate)
    };
    let (before, _) = (quiet(QUIET), quiet(QUIET));
    // Fewer is no growth: connections are closed and threads without work end after a while. A file
    // that the ledger or the store has open for a moment is none either, so it is asked again.
    let after = until("threads and descriptors are no more than before", || {
        let after = size(&gate);
        let grown = after.threads > before.threads || after.descriptors > before.descriptors;
        (!grown).then_some(after)
    });
    let grown = after.kilobytes.saturating_sub(before.kilobytes);
    assert!(grown < 4096, "{grown} kB more after {QUIET} reloads");

    assert_eq!(
        status(gate.address, &goes),
        401,
        "a revoked key stays revoked"
    );
    assert_eq!(status(gate.address, &stays), 200);
    assert_eq!(
        status(gate.address, &bytes),
        202,
        "a delivery that was done stays done"
    );
    let forwarded = gate
        .metrics()
        .lines()
        .find_map(|line| line.strip_prefix("vouchsafe_requests_forwarded_total "))
        .map(|count| count.parse::<usize>().unwrap());
    assert!(
        forwarded.unwrap() >= served.load(Ordering::SeqCst),
        "counters go on"
    );
    gate.stop();
    ended_in_order(&deployment);
    let kinds = kinds(&deployment);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!(count("instance.reload"), 2 * ROUNDS + 2 * QUIET);
    assert_eq!(count("instance.reload-refused"), ROUNDS);
}

#[test]
fn a_reload_of_what_only_a_restart_can_change_says_so_and_changes_nothing() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    // The verb looks for the gate where the file now says; the gate itself knows better.
    let named = "name = \"test\"";
    let moved = text.replace(named, "name = \"test\"\ndata_dir = \"elsewhere\"");
    deployment.configure(&moved);
    deployment
        .run(&["reload"], &[])
        .could_not_ask(&["elsewhere", "another data_dir"]);
    let refused = gate.admin.post("/v1/reload", &json!({})).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("data_dir changed, which needs a restart"),
        "{refused}"
    );
    for (what, changed) in [
        ("[[listen]]", text.replace("127.0.0.1:0", "127.0.0.2:0")),
        (
            "[ledger]",
            text.clone() + "[ledger]\ndurability = \"sync\"\n",
        ),
        ("[log]", text.clone() + "[log]\nfile = \"gate.log\"\n"),
    ] {
        deployment.configure(&changed);
        deployment
            .run(&["reload"], &[])
            .exits(1)
            .says(&[what, "needs a restart"]);
        assert_eq!(status(gate.address, get("/")), 200);
    }
    assert!(!deployment.folder().join("elsewhere").exists());
    assert!(!deployment.folder().join("gate.log").exists());
    deployment.configure(&text);
    deployment.run(&["reload"], &[]).exits(0);
    gate.stop();
}
