//! A data folder on a disk that fills up: a real file system of 24 MiB, in a mount namespace of its
//! own.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{
    Client, Deployment, Process, Said, Upstream, field, get, open_route, run, site, status, until,
};

/// A deployment whose data folder is a small disk for as long as this lives.
struct SmallDisk {
    deployment: Deployment,
    holder: Process,
}

impl SmallDisk {
    /// `None` where this system lets nobody mount anything.
    fn mount(deployment: Deployment) -> Option<Self> {
        fs::create_dir_all(deployment.data()).unwrap();
        let mounted = deployment.folder().join("mounted");
        let script = format!(
            "mount -t tmpfs -o size=24m,mode=700 tmpfs '{}' && touch '{}' && exec sleep 600",
            deployment.data().display(),
            mounted.display()
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        let mut holder = Process::start_group(unshare.stdin(Stdio::null()));
        let done = until("the disk is mounted", || {
            let failed = holder.ended().is_some();
            (failed || mounted.exists()).then_some(!failed)
        });
        done.then_some(Self { deployment, holder })
    }

    /// A program, where the disk is mounted.
    fn enter(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.holder.id()))
            .args(["--user", "--mount", "--preserve-credentials", "--"])
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// A command of the deployment, where the disk is mounted.
    fn command(&self, verb: &[&str], arguments: &[&str]) -> Command {
        let inner = self.deployment.command(verb, arguments);
        let mut command = self.enter(inner.get_program());
        command.args(inner.get_args());
        command
    }

    fn run(&self, verb: &[&str], arguments: &[&str]) -> Said {
        run(&mut self.command(verb, arguments))
    }

    /// Starts the gate there, and waits until it listens.
    fn up(&self) -> (Process, SocketAddr) {
        let ready = self.deployment.folder().join("ready.json");
        let mut up = self.command(&["up"], &["--threads", "2", "--ready-file"]);
        let mut gate = Process::start(up.arg(&ready));
        let said = until("the gate is ready", || {
            let ended = gate.ended();
            assert!(ended.is_none(), "{ended:?}: {}", gate.stderr());
            fs::read_to_string(&ready).ok()
        });
        let said: Value = serde_json::from_str(&said).unwrap();
        (gate, said["gate"][0].as_str().unwrap().parse().unwrap())
    }

    /// The events of the ledger there, which must be whole.
    fn events(&self) -> Vec<Value> {
        let folder = self.deployment.data().join("ledger");
        let mut verify = self.enter(env!("CARGO_BIN_EXE_vouchsafe"));
        run(verify.args(["ledger", "verify"]).arg(folder)).exits(0);
        let lines = self.run(&["ledger", "export"], &[]).exits(0).stdout;
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Where a file of the data folder is from outside.
    fn path(&self, name: &str) -> PathBuf {
        let disk = format!("/proc/{}/root", self.holder.id());
        let data = self.deployment.data();
        let path = PathBuf::from(disk).join(data.strip_prefix("/").unwrap());
        path.join(name)
    }

    /// Takes up every last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.path("filler")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    /// Takes up all but `mebibytes` of what is free at first.
    fn leave(&self, mebibytes: usize) {
        let mut file = fs::File::create(self.path("filler")).unwrap();
        file.write_all(&vec![1; (24 - mebibytes) << 20]).unwrap();
    }
}

#[test]
fn a_nearly_full_disk_refuses_requests_until_there_is_room_and_the_ledger_stays_whole() {
    let upstream = Upstream::start();
    let floor = "[ledger]\nfree_space_floor = \"6MiB\"\n";
    let text = site(upstream.address) + &open_route("/") + floor;
    let Some(disk) = SmallDisk::mount(Deployment::new(&text)) else {
        eprintln!("no mount namespaces here: the floor was not tried on a real file system");
        return;
    };
    let (gate, address) = disk.up();
    let health = || disk.run(&["healthcheck"], &[]).json();
    let room = |word: &'static str| {
        until(word, || {
            let health = health();
            (health["ledger"]["room"] == word).then_some(health)
        })
    };
    assert_eq!(status(address, get("/")), 200);

    disk.leave(10);
    let warned = room("low");
    assert_eq!(warned["well"], true);
    assert_eq!(status(address, get("/")), 200);

    disk.leave(3);
    let short = room("short");
    assert_eq!(short["well"], false);
    let forwarded = upstream.seen().len();
    for _ in 0..20 {
        let refused = Client::dial(address).ask(get("/"));
        assert_eq!(refused.status, 503);
        assert_eq!(field(&refused, "Retry-After"), "30");
    }
    assert_eq!(upstream.seen().len(), forwarded);

    disk.leave(20);
    room("ample");
    assert_eq!(status(address, get("/")), 200);
    gate.signal(nix::sys::signal::Signal::SIGTERM);
    gate.finish().exits(0);
    let events = disk.events();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .filter(|kind| kind.starts_with("ledger."))
        .collect();
    assert_eq!(kinds.first(), Some(&"ledger.space-low"));
    assert_eq!(kinds.last(), Some(&"ledger.space-ample"));
    assert!(kinds.contains(&"ledger.space-short"));
    let refused = events
        .iter()
        .filter(|event| event["control"] == "ledger.space");
    let counted: u64 = refused
        .map(|event| event["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(counted, 20);
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_refuses_says_why_and_resumes_by_itself() {
    let upstream = Upstream::start();
    let durable = "[ledger]\ndurability = \"sync\"\nfree_space_floor = \"0B\"\n";
    let text = site(upstream.address) + &open_route("/") + durable;
    let Some(disk) = SmallDisk::mount(Deployment::new(&text)) else {
        eprintln!("no mount namespaces here: no real file system was filled");
        return;
    };
    let (gate, address) = disk.up();
    let mut acknowledged = Vec::new();
    let mut ask = || {
        let answer = Client::dial(address).ask(get("/"));
        if answer.status == 200 {
            acknowledged.push(field(&answer, "X-Request-Id").to_owned());
        }
        answer
    };
    assert_eq!(ask().status, 200);
    for _ in 0..2 {
        disk.fill();
        // What the file system had set aside for the journal may take some events yet.
        let refused = until("the disk is full", || {
            let answer = ask();
            (answer.status != 200).then_some(answer)
        });
        assert_eq!(refused.status, 503);
        assert!(!field(&refused, "Retry-After").is_empty());
        let health = disk.run(&["healthcheck"], &[]);
        assert_eq!(health.exit, Some(1), "{health:?}");
        let why = health.json()["ledger"]["failing"].to_string();
        assert!(why.contains("No space left"), "{why}");
        // The admin surface answers meanwhile, and what cannot be recorded is not done.
        let forwarded = upstream.seen().len();
        assert_eq!(ask().status, 503);
        assert_eq!(upstream.seen().len(), forwarded);

        fs::remove_file(disk.path("filler")).unwrap();
        until("it resumes", || (ask().status == 200).then_some(()));
        assert_eq!(disk.run(&["healthcheck"], &[]).exit, Some(0));
    }
    gate.signal(nix::sys::signal::Signal::SIGTERM);
    gate.finish().exits(0);
    let events = disk.events();
    for id in &acknowledged {
        let decided =
            |event: &Value| event["kind"] == "request.decision" && event["request"] == id.as_str();
        assert!(events.iter().any(decided), "{id} is lost");
    }
}
