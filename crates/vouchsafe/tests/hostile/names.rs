//! Names of upstreams that stop resolving, or resolve to something else.
//!
//! Each test runs itself again in a mount namespace of its own, where `/etc/resolv.conf` points to
//! the test's own name server on a loopback address of its own, and `/etc/hosts` says nothing.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    ledgers::{ended_in_order, entries},
    shim::Shim,
    support::{Client, Deployment, Gate, Upstream, get, open_route, run, site, status, until},
};

/// What the name server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Address(Ipv4Addr),
    NoSuchName,
    Nothing,
}

/// A name server for one name.
struct Names(Arc<Mutex<Says>>);

impl Names {
    fn start(says: Says) -> Self {
        let socket = UdpSocket::bind((own_address(), 53)).unwrap();
        let told = Arc::new(Mutex::new(says));
        let telling = Arc::clone(&told);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let says = *telling.lock().unwrap();
                if let Some(answer) = answer(&question[..length], says) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Self(told)
    }

    fn say(&self, says: Says) {
        *self.0.lock().unwrap() = says;
    }
}

/// The answer to a question about addresses (RFC 1035, section 4).
fn answer(question: &[u8], says: Says) -> Option<Vec<u8>> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0)? + 5;
    let ipv4 = question[end - 4..end - 2] == [0, 1];
    let (code, found) = match says {
        Says::Nothing => return None,
        Says::NoSuchName => (3, None),
        Says::Address(address) => (0, ipv4.then_some(address)),
    };
    let mut answer = question[..2].to_vec();
    answer.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(found.is_some()),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(&question[12..end]);
    if let Some(address) = found {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// Says in there at which address the name server is to be.
const INSIDE: &str = "VOUCHSAFE_TEST_NAMES";

fn own_address() -> Ipv4Addr {
    std::env::var(INSIDE).unwrap().parse().unwrap()
}

/// Runs the test called `name` again where it has names of its own; true in there.
fn has_names_of_its_own(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !crate::needs_root("a resolver of its own") {
        return false;
    }
    let folder = tempfile::tempdir().unwrap();
    // One of the four million loopback addresses from 127.64.0.0 on, for each process another.
    let address = Ipv4Addr::from_bits(0x7f40_0000 | (std::process::id() & 0x003f_ffff));
    fs::write(
        folder.path().join("resolv.conf"),
        format!("nameserver {address}\noptions timeout:1 attempts:1\n"),
    )
    .unwrap();
    fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n").unwrap();
    fs::write(folder.path().join("nsswitch.conf"), "hosts: files dns\n").unwrap();
    // A mount over a link would be one over what it points to. What this machine does without is
    // left out: nothing may be made on it.
    let script = "cd \"$1\" && shift && for file in resolv.conf hosts nsswitch.conf; do \
        at=$(readlink -f /etc/$file); [ -e \"$at\" ] || continue; \
        mount --bind $file \"$at\" || exit 1; done && exec \"$@\"";
    let said = run(Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, address.to_string()));
    assert!(
        said.stdout.contains("1 passed"),
        "{}\n{}",
        said.stdout,
        said.stderr
    );
    said.exits(0);
    false
}

fn deployment(upstream: &Upstream) -> Deployment {
    let named = format!("app.test:{}", upstream.address.port());
    let text = site(upstream.address).replace(&upstream.address.to_string(), &named);
    Deployment::new(&(text + &open_route("/") + "[limits]\nconnect = \"2s\"\n"))
}

const HERE: Says = Says::Address(Ipv4Addr::LOCALHOST);

/// Asks on connections that the upstream has no reason to keep, so that each looks for it again.
fn ask(gate: &Gate) -> u16 {
    status(gate.address, get("/once"))
}

/// The reasons of refusals in the ledger.
fn reasons(deployment: &Deployment) -> Vec<String> {
    entries(deployment)
        .iter()
        .filter_map(|entry| entry["reason"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn without_an_address_requests_are_503_with_the_cause_until_there_is_one() {
    if !has_names_of_its_own(
        "names::without_an_address_requests_are_503_with_the_cause_until_there_is_one",
    ) {
        return;
    }
    let upstream = Upstream::start();
    for says in [Says::NoSuchName, Says::Nothing] {
        let names = NAMES.get_or_init(|| Names::start(says));
        names.say(says);
        let deployment = deployment(&upstream);
        let gate = deployment.up();
        let answer = Client::dial(gate.address).ask(get("/once"));
        assert_eq!(answer.status, 503);
        assert!(answer.field("Retry-After").is_some());
        // Whoever waits for a name keeps nobody else waiting.
        assert_eq!(status(gate.address, get("/.vouchsafe/jwks.json")), 200);
        deployment.run(&["healthcheck"], &[]).exits(0);
        names.say(HERE);
        until("the name is found", || (ask(&gate) == 200).then_some(()));
        gate.stop();
        ended_in_order(&deployment);
        assert!(reasons(&deployment).contains(&"upstream-unresolved".to_owned()));
    }
}

static NAMES: std::sync::OnceLock<Names> = std::sync::OnceLock::new();

#[test]
fn the_last_address_goes_on_when_the_resolver_is_lost_through_reloads_too() {
    if !has_names_of_its_own(
        "names::the_last_address_goes_on_when_the_resolver_is_lost_through_reloads_too",
    ) {
        return;
    }
    let upstream = Upstream::start();
    let names = Names::start(HERE);
    let (deployment, shim) = Shim::before(deployment(&upstream));
    let gate = deployment.up();
    // Both cores must know it: a core that has never asked has nothing to go on with.
    for _ in 0..64 {
        assert_eq!(ask(&gate), 200);
    }
    for (says, passed) in [(Says::NoSuchName, 60), (Says::Nothing, 250)] {
        names.say(says);
        shim.passed(passed);
        deployment.run(&["reload"], &[]).exits(0);
        for _ in 0..32 {
            assert_eq!(ask(&gate), 200, "{says:?}");
        }
    }
    // Not for ever: five minutes behind the last answer nothing is known any more.
    shim.passed(400);
    assert_eq!(ask(&gate), 503);
    names.say(HERE);
    until("the name is found again", || {
        (ask(&gate) == 200).then_some(())
    });
    gate.stop();
    ended_in_order(&deployment);
    let unresolved = |reason: &String| reason == "upstream-unresolved";
    assert!(reasons(&deployment).iter().all(unresolved));
}

#[test]
fn a_name_that_moves_is_followed_by_new_connections() {
    if !has_names_of_its_own("names::a_name_that_moves_is_followed_by_new_connections") {
        return;
    }
    let upstream = Upstream::start_on(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let port = upstream.address.port();
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let names = Names::start(HERE);
    let deployment = deployment(&upstream);
    let gate = deployment.up();
    let app = || {
        let answer = Client::dial(gate.address).ask(get("/once"));
        answer.field("X-App").map(str::to_owned)
    };
    let at = |ip: Ipv4Addr| Some(SocketAddr::from((ip, port)).to_string());
    assert_eq!(app(), at(Ipv4Addr::LOCALHOST));
    names.say(Says::Address(elsewhere));
    until("the name is followed", || {
        (app() == at(elsewhere)).then_some(())
    });
    gate.stop();
    ended_in_order(&deployment);
}
