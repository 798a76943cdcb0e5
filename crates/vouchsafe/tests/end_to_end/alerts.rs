//! Who is told of a lock: the real binary between people who guess and a receiver of the team.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use control::{Clock as _, SystemClock, Timestamp};
use serde_json::Value;

use crate::{
    accounts::{GOOD, House, OTHER, configuration},
    guides::examples,
    support::{Deployment, Upstream, clock, field, run, until, vouchsafe},
};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATH: &str = "/hooks/vouchsafe?team=1";

/// A request that came to the receiver.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    line: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Received {
    fn field(&self, name: &str) -> &str {
        let found = self
            .fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver: it answers with each of its statuses in turn, the last of them for ever, and to 0 never.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Received>>>::default();
        let memory = Arc::clone(&seen);
        thread::spawn(move || {
            let mut held = Vec::new();
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let Some(received) = read(&stream) else {
                    continue;
                };
                memory.lock().unwrap().push(received);
                match statuses[number.min(statuses.len() - 1)] {
                    0 => held.push(stream),
                    status => {
                        let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
                        let _ = stream.write_all(head.as_bytes());
                    }
                }
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let mut received = Received {
        line: lines.next()?,
        fields: lines
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect(),
        body: String::new(),
    };
    let length = received.field("content-length").parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    received.body = String::from_utf8(body).ok()?;
    Some(received)
}

/// What has alerts go to this address.
pub(crate) fn section(receiver: SocketAddr, alerts: &str) -> String {
    let month = std::time::Duration::from_secs(30 * 86_400);
    let until = SystemClock::new().now().plus(month).to_string();
    let (port, until) = (receiver.port(), &until[..10]);
    format!(
        "[alerts]\nurl = \"http://{receiver}{PATH}\"\nsecret = \"env:ALERT_SECRET\"\n{alerts}\n\
         [[connect.exception]]\nhost = \"127.0.0.1\"\nnetwork = \"127.0.0.0/8\"\nport = {port}\n\
         reason = \"the receiver of this test\"\nuntil = {until}\n\n"
    )
}

/// A deployment whose alerts go there.
pub(crate) fn house(receiver: SocketAddr, alerts: &str, more: &str) -> House {
    let upstream = Upstream::start();
    let text = configuration(&upstream, "") + &section(receiver, alerts) + more;
    let deployment = Deployment::new(&text).with("ALERT_SECRET", SECRET);
    House::of(upstream, deployment)
}

impl House {
    /// The events of this kind, once there are as many.
    fn events_of(&self, kind: &str, many: usize) -> Vec<Value> {
        until(kind, || {
            let events = self.events();
            let found = events.into_iter().filter(|event| event["kind"] == kind);
            let found: Vec<Value> = found.collect();
            (found.len() >= many).then_some(found)
        })
    }

    /// How alerts have fared.
    fn fared(&self) -> Value {
        let said = self.deployment.run(&["healthcheck"], &[]).exits(0);
        said.json()["alerts"].clone()
    }

    /// Locks an account; the id of the request that did.
    fn lock(&self, name: &str) -> String {
        let mut last = None;
        for _ in 0..5 {
            last = Some(self.sign_in(name, OTHER));
        }
        field(&last.unwrap(), "x-request-id").to_owned()
    }
}

#[test]
fn a_lock_is_told_once_signed_and_without_a_name() {
    let receiver = Receiver::start(&[200]);
    let house = house(receiver.address, "", "");
    house.claimed("ann", &[]);
    let request = house.lock("ann");
    let sent = house.events_of("alert.sent", 1);
    // Whoever goes on guessing is not told of again, and neither is who fails less often.
    for _ in 0..3 {
        assert_eq!(house.sign_in("ann", OTHER).status, 401);
        assert_eq!(house.sign_in("bob", OTHER).status, 401);
    }
    let locks = house.events_of("account.lock", 1);
    let seen = receiver.seen();
    let [alert] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(alert.line, format!("POST {PATH} HTTP/1.1"));
    assert_eq!(alert.field("content-type"), "application/json");
    let said = alert.json();
    let users = house.user("list", &["--format", "json"]).exits(0).json();
    assert_eq!(said["type"], "account.lock");
    let at = Timestamp::from_millis(locks[0]["time"].as_i64().unwrap());
    assert_eq!(said["timestamp"], at.to_string());
    assert_eq!(said["data"]["what"], "account");
    assert_eq!(said["data"]["principal"], users["users"][0]["principal"]);
    assert_eq!(said["data"]["request"], request.as_str());
    assert_eq!(said["data"]["seconds"], 900);
    assert_eq!(said["data"]["count"], 1);
    assert_eq!(said["data"]["proof"], false);
    for hidden in ["ann", "127.0.0.1", GOOD, OTHER] {
        assert!(!alert.body.contains(hidden), "{hidden} in {}", alert.body);
    }
    let shown = serde_json::from_str(&examples("accounts.md", "json")[0]).unwrap();
    assert_eq!(names(&said), names(&shown), "as the guide shows it");
    // The ledger has both under one request.
    assert_eq!((locks.len(), sent.len()), (1, 1));
    assert_eq!(locks[0]["request"], request.as_str());
    assert_eq!(sent[0]["request"], request.as_str());
    assert_eq!(sent[0]["principal"], locks[0]["principal"]);
    assert_eq!(
        (&sent[0]["alert"], &sent[0]["tries"]),
        (&said["type"], &1.into())
    );
    // The receiver verifies it like any other webhook.
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    let verify = |secret: &str, body_text: &str| {
        let file = folder.path().join("secret");
        fs_write(&file, secret);
        fs_write(&body, body_text);
        let mut command = vouchsafe(&["webhook", "verify", "--scheme", "standard-webhooks"]);
        command
            .arg("--secret-file")
            .arg(&file)
            .arg("--body-file")
            .arg(&body);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            command.args(["--header", &format!("{name}: {}", alert.field(name))]);
        }
        run(&mut command)
    };
    verify(SECRET, &alert.body).exits(0);
    verify(SECRET, &alert.body.replace("900", "901")).exits(1);
    verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &alert.body).exits(1);
    let counts = serde_json::json!({"sent": 1, "failed": 0, "dropped": 0, "waiting": 0});
    assert_eq!(house.fared(), counts);
    assert!(
        house
            .gate
            .metrics()
            .contains("\nvouchsafe_alerts_sent_total 1\n")
    );
    house.gate.stop();
}

/// The names of all members, those within others included.
fn names(value: &Value) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let named = members.flat_map(|(name, value)| {
        let within = names(value)
            .into_iter()
            .map(move |inner| format!("{name}.{inner}"));
        within.chain([name.clone()])
    });
    named.collect()
}

fn fs_write(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_receiver_that_is_down_for_a_while_is_told_once_it_is_up() {
    let receiver = Receiver::start(&[503, 429, 204]);
    let house = house(receiver.address, "", "");
    house.claimed("ann", &[]);
    house.lock("ann");
    let sent = house.events_of("alert.sent", 1);
    assert_eq!(sent[0]["tries"], 3);
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    for other in &seen[1..] {
        assert_eq!(other.body, seen[0].body);
        assert_eq!(other.field("webhook-id"), seen[0].field("webhook-id"));
    }
    let signed = |at: usize| seen[at].field("webhook-signature").to_owned();
    assert_ne!(signed(0), signed(2), "signed anew for its moment");
    house.gate.stop();
}

#[test]
fn what_reaches_nobody_is_in_the_ledger_the_log_and_the_counts() {
    // One says that it never takes it, one that it cannot now, and one is not there.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (never, later) = (Receiver::start(&[422]), Receiver::start(&[500]));
    for (address, why, status) in [
        (never.address, "answer", Some(422)),
        (later.address, "answer", Some(500)),
        (gone, "unreached", None),
    ] {
        let house = house(address, "retry = \"1s\"", "");
        house.claimed("ann", &[]);
        let request = house.lock("ann");
        let failed = house.events_of("alert.failed", 1);
        assert_eq!(failed[0]["request"], request.as_str());
        assert_eq!(failed[0]["why"], why);
        assert_eq!(failed[0].get("status").and_then(Value::as_u64), status);
        let counts = serde_json::json!({"sent": 0, "failed": 1, "dropped": 0, "waiting": 0});
        assert_eq!(house.fared(), counts);
        assert!(house.gate.log().contains("alert.not-delivered"));
        house.gate.stop();
    }
    assert_eq!(never.seen().len(), 1, "it is not asked again");
}

#[test]
fn nobody_waits_for_a_receiver_that_does_not_answer() {
    let receiver = Receiver::start(&[0]);
    let house = house(receiver.address, "", "");
    house.claimed("ann", &[]);
    house.claimed("bob", &[]);
    house.lock("ann");
    until("the receiver is asked", || {
        (receiver.seen().len() == 1).then_some(())
    });
    let before = clock().monotonic();
    house.lock("bob");
    assert_eq!(house.visit("/app", "nobody").status, 303);
    // The receiver has ten seconds before anybody gives up on it.
    assert!((clock().monotonic() - before).as_secs() < 9);
    assert_eq!(house.fared()["waiting"], 2);
    let deployment = house.deployment;
    house.gate.stop();
    // Those that nobody will be told of are written down.
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    let lost = log.lines().find(|line| line.contains("\"alert.failed\""));
    let lost = lost.unwrap_or_else(|| panic!("{log}"));
    assert!(
        lost.contains("\"count\":2") && lost.contains("\"stopped\""),
        "{lost}"
    );
}

#[test]
fn an_address_that_guesses_keys_is_told_of_once() {
    let receiver = Receiver::start(&[200]);
    let route = "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n";
    let house = house(receiver.address, "", route);
    let guess = || {
        house
            .ask("GET", "/api", "X-API-Key: a guess\r\n", "")
            .status
    };
    // Each core counts a hundred for itself; two serve here.
    for _ in 0..210 {
        assert_eq!(guess(), 401);
    }
    let sent = house.events_of("alert.sent", 1);
    let seen = receiver.seen();
    assert_eq!((sent.len(), seen.len()), (1, 1));
    let said = seen[0].json();
    assert_eq!(said["type"], "auth.slow");
    assert_eq!(said["data"]["what"], "address");
    assert_eq!(said["data"]["principal"], Value::Null);
    assert!(said["data"]["seconds"].as_u64().unwrap() <= 60);
    assert!(!seen[0].body.contains("127.0.0.1"));
    house.gate.stop();
}

#[test]
fn a_receiver_that_nobody_opened_the_network_for_is_not_asked() {
    let receiver = Receiver::start(&[200]);
    let upstream = Upstream::start();
    let alerts = format!(
        "[alerts]\nurl = \"http://{}/\"\nsecret = \"env:ALERT_SECRET\"\nretry = \"1s\"\n",
        receiver.address
    );
    let text = configuration(&upstream, "") + &alerts;
    let deployment = Deployment::new(&text).with("ALERT_SECRET", SECRET);
    let house = House::of(upstream, deployment);
    house.claimed("ann", &[]);
    house.lock("ann");
    let failed = house.events_of("alert.failed", 1);
    assert_eq!(failed[0]["why"], "destination-refused");
    assert!(receiver.seen().is_empty());
    house.gate.stop();
}

#[test]
fn a_slip_in_the_section_is_named_before_anything_starts() {
    let upstream = Upstream::start();
    let check = |section: &str| {
        let text = configuration(&upstream, "") + section;
        let deployment = Deployment::new(&text).with("ALERT_SECRET", SECRET);
        deployment.run(&["check"], &[])
    };
    let good = "[alerts]\nurl = \"https://hooks.example/x\"\nsecret = \"env:ALERT_SECRET\"\n";
    check(good).exits(0);
    check(&good.replace("https:", "http:"))
        .exits(2)
        .says(&["use https"]);
    check(&good.replace("secret", "secrte"))
        .exits(2)
        .says(&["`secret`"]);
    check(&good.replace("ALERT_SECRET", "NOT_SET"))
        .exits(2)
        .says(&["NOT_SET"]);
}
