//! `cargo xtask bench soak`: mixed traffic for a long time, and whether anything grows.
//!
//! Owns the gate under test with its ledger, the changes an operator makes meanwhile (reloads, keys
//! made and revoked), a sample each second, and the judgement: figures stay flat over the second half,
//! every client was answered rightly, the ledger is whole and holds every request. Exits 1 otherwise.

mod judge;
mod tally;
mod watch;

use std::{
    io::BufReader,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use self::{tally::Counts, watch::Sample};
use super::{
    Setting, Table,
    figures::clock,
    http, load,
    stage::{self, Folder, Up},
    table::{Aim, Verdict},
};
use crate::{command, failure::Failure};

const HOST: &str = "Host: bench.example";

/// What GitHub would sign with.
const SECRET: &str = "a secret of the soak test";

/// Seconds between two changes of an operator.
const CHANGES: u64 = 15;

/// What a reload adds and takes away.
const ADDED: &str = "\n[[route]]\npath = \"/added\"\napp = \"app\"\nauth = \"none\"\n\
                     reason = \"comes and goes with each reload\"\n";

const ABOUT: &str = "\
    Drift is the slope of the second half by Theil and Sen, times its length. Clients of seventeen \
    kinds come at once: with keys, over TLS, without, out of scope, signed, repeated and forged \
    webhooks, uploads, event streams, WebSockets, slow readers and writers, clients that leave in the \
    middle, and garbage. Every answer must be the one that is right for its kind. Every 15 s the \
    configuration is reloaded and a key is made, used, revoked and refused.";

/// The account of one kind of client, as the generator tells it.
#[derive(Debug, Default, Deserialize)]
struct Visits {
    right: u64,
    wrong: u64,
    left: u64,
    statuses: std::collections::BTreeMap<u16, u64>,
    words: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Told {
    kinds: std::collections::BTreeMap<String, Visits>,
}

/// The gate under test.
struct Gate {
    up: Up,
    folder: PathBuf,
    binary: PathBuf,
    /// Where the app behind it listens.
    app: SocketAddr,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let minutes = setting.number("--minutes", 30);
    let folder = Folder::fresh(setting.workspace.target().join("bench-soak"))?;
    let path = folder.path();
    stage::create_certificate(&setting.load, path)?;
    let (origin, app) = stage::origin(&setting.load, path)?;
    let gate = Gate::start(setting, path, app)?;
    let key = stage::create_key(&setting.binary, path)?;
    let spec = json!({
        "address": gate.up.address,
        "secure": gate.up.secure,
        "certificate": path.join("cert.pem"),
        "host": "bench.example",
        "key": key,
        "secret": SECRET,
        "seconds": minutes as f64 * 60.0,
    });
    let limit = Duration::from_secs(minutes as u64 * 60 + 120);
    let (told, watched) = thread::scope(|scope| {
        let traffic = scope.spawn(|| load::tell(&setting.load, "soak", &spec, limit));
        let watched = watch(&gate, || traffic.is_finished());
        let lost = |_| Err(Failure::stuck("the traffic was lost", "run it again"));
        (traffic.join().unwrap_or_else(lost), watched)
    });
    let (samples, mut own) = watched?;
    let told: Told = serde_json::from_str(&told?).map_err(|cause| {
        Failure::stuck(
            format!("the traffic's account is unreadable: {cause}"),
            "run it again",
        )
    })?;
    let mut faults = gate.quiet()?;
    let key = gate.verifier_key()?;
    gate.stop()?;
    drop(origin);
    for visits in told.kinds.values() {
        for (status, count) in &visits.statuses {
            *own.entry(*status).or_default() += count;
        }
    }
    let left = told.kinds.values().map(|visits| visits.left).sum();
    let (recorded, more) = check_ledger(&setting.binary, path, &key, &own, left)?;
    faults.extend(more);
    judge(minutes, &samples, &told, recorded, faults)
}

/// Samples each second and changes something now and then, until the traffic is over. Answers also
/// what its own requests were answered.
fn watch(gate: &Gate, over: impl Fn() -> bool) -> Result<(Vec<Sample>, Counts), Failure> {
    let (begun, mut samples, mut own) = (clock(), Vec::new(), Counts::new());
    let mut second = 0;
    while !over() {
        let next = Duration::from_secs(second);
        thread::sleep(next.saturating_sub(begun.elapsed()));
        if over() {
            break;
        }
        samples.push(gate.sample()?);
        if second % CHANGES == CHANGES / 2 {
            gate.change(second / CHANGES, &mut own)?;
        }
        if second % 60 == 0 {
            eprintln!("minute {}", second / 60);
        }
        second += 1;
    }
    Ok((samples, own))
}

impl Gate {
    fn start(setting: &Setting<'_>, folder: &Path, app: SocketAddr) -> Result<Self, Failure> {
        stage::write(&folder.join("secret"), SECRET)?;
        stage::private(&folder.join("secret"))?;
        stage::write(&folder.join("vouchsafe.toml"), configuration(app, false))?;
        Ok(Self {
            up: stage::up(&setting.binary, folder)?,
            folder: folder.to_path_buf(),
            binary: setting.binary.clone(),
            app,
        })
    }

    fn sample(&self) -> Result<Sample, Failure> {
        let data = self.folder.join("data");
        Sample::take(&self.up.running, &self.up.admin, self.app, &data)
    }

    /// Reloads, and lets a key live for a moment.
    fn change(&self, number: u64, own: &mut Counts) -> Result<(), Failure> {
        let text = configuration(self.app, number.is_multiple_of(2));
        stage::write(&self.folder.join("vouchsafe.toml"), text)?;
        self.ask(&["reload", "--config", "vouchsafe.toml"])?;
        let create = [
            "key",
            "create",
            "--config",
            "vouchsafe.toml",
            "--name",
            "passing",
        ];
        let scope = [
            "--scope", "GET /api", "--role", "reader", "--format", "json",
        ];
        let made: Value = serde_json::from_str(&self.ask(&[&create[..], &scope].concat())?)
            .map_err(|_| Failure::stuck("a key was lost", "run it again"))?;
        let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
        let fields = [HOST.to_owned(), format!("X-API-Key: {}", text("key"))];
        for expected in [200, 401] {
            let answer = http::get(self.up.address, "/api", &fields).map_err(|cause| {
                Failure::no(
                    format!("a new key was not answered: {cause}"),
                    "see the gate's log",
                )
            })?;
            *own.entry(answer.status).or_default() += 1;
            if answer.status != expected {
                let what = format!("a key was answered {} instead of {expected}", answer.status);
                return Err(Failure::no(
                    what,
                    "is it known and forgotten at once on every core?",
                ));
            }
            if expected == 200 {
                self.ask(&["key", "revoke", "--config", "vouchsafe.toml", text("id")])?;
            }
        }
        Ok(())
    }

    /// Runs a command of the product beside the running gate.
    fn ask(&self, arguments: &[&str]) -> Result<String, Failure> {
        product(&self.binary, &self.folder, arguments)
    }

    fn verifier_key(&self) -> Result<String, Failure> {
        Ok(self
            .ask(&["ledger", "key", "--config", "vouchsafe.toml"])?
            .trim()
            .to_owned())
    }

    /// What is still open when every client has gone; nothing, where all is as it should be.
    fn quiet(&self) -> Result<Vec<String>, Failure> {
        const PAUSE: Duration = Duration::from_millis(100);
        let mut left = Duration::from_secs(20);
        loop {
            let open = self.sample()?.open;
            if open == 0.0 {
                return Ok(Vec::new());
            }
            if left.is_zero() {
                return Ok(vec![format!(
                    "{open} connections are open, and every client has gone"
                )]);
            }
            thread::sleep(PAUSE);
            left = left.saturating_sub(PAUSE);
        }
    }

    fn stop(self) -> Result<(), Failure> {
        match self.up.running.stop() {
            Some(0) => Ok(()),
            code => Err(Failure::no(
                format!("the gate ended with {code:?} when it was asked to"),
                "see its log: an end in order is 0",
            )),
        }
    }
}

fn configuration(app: SocketAddr, added: bool) -> String {
    let text = include_str!("vouchsafe.toml").replace("{origin}", &app.port().to_string());
    if added { text + ADDED } else { text }
}

/// Runs the product and answers what it said; anything but 0 is a fault of its.
fn product(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut ask = command::command(folder, binary, arguments);
    let said = command::listen(&mut ask, Duration::from_secs(300))?;
    if said.success {
        return Ok(said.stdout);
    }
    Err(Failure::no(
        format!(
            "`vouchsafe {}` failed: {}",
            arguments.join(" "),
            command::last_lines(&said.stderr, 5)
        ),
        "mend it",
    ))
}

/// Verifies the ledger and counts what it holds. Answers how many requests, and what is wrong.
fn check_ledger(
    binary: &Path,
    folder: &Path,
    key: &str,
    answered: &Counts,
    left: u64,
) -> Result<(u64, Vec<String>), Failure> {
    product(
        binary,
        folder,
        &["ledger", "verify", "data/ledger", "--key", key],
    )?;
    let export = ["ledger", "export", "--config", "vouchsafe.toml"];
    let mut export = command::command(folder, binary, &export);
    let mut child = export
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|cause| Failure::io(binary, &cause))?;
    let counts = child
        .stdout
        .take()
        .map(BufReader::new)
        .and_then(tally::recorded);
    let ended = child.wait().is_ok_and(|status| status.success());
    let counts = counts.filter(|_| ended).ok_or_else(|| {
        Failure::no(
            "the ledger cannot be exported whole",
            "run `vouchsafe ledger verify`",
        )
    })?;
    let faults = tally::compare(answered, left, &counts);
    Ok((counts.values().sum(), faults))
}

/// The table, or the failure where something is not as it should be.
fn judge(
    minutes: usize,
    samples: &[Sample],
    told: &Told,
    recorded: u64,
    mut faults: Vec<String>,
) -> Result<Vec<Table>, Failure> {
    let columns = [
        "figure", "first", "half-way", "last", "greatest", "drift", "bound",
    ];
    let mut table = Table::titled("Soak", &columns);
    for series in watch::series(samples) {
        let seen = series.judge();
        let name = format!("{} {}", series.name, series.unit)
            .trim_end()
            .to_owned();
        let bound = series
            .bound
            .map_or_else(|| "–".to_owned(), |bound| format!("{bound:.0}"));
        table.row([
            name.clone(),
            format!("{:.0}", seen.first),
            format!("{:.0}", seen.middle),
            format!("{:.0}", seen.last),
            format!("{:.0}", seen.greatest),
            format!("{:.1}", seen.drift),
            bound,
        ]);
        if !seen.flat {
            faults.push(format!(
                "{name} grew by {:.1} over the second half",
                seen.drift
            ));
        }
    }
    let (mut right, mut left) = (0, 0);
    for (kind, visits) in &told.kinds {
        right += visits.right;
        left += visits.left;
        if visits.wrong > 0 || visits.right + visits.left == 0 {
            let words = visits.words.join("; ");
            faults.push(format!(
                "{kind}: {} answered wrongly ({words})",
                visits.wrong
            ));
        }
    }
    table.aim(Aim {
        what: format!("{minutes} minutes: flat, answered rightly, recorded whole"),
        bound: "no fault".to_owned(),
        measured: format!("{} faults", faults.len()),
        verdict: Verdict::of(faults.is_empty(), 0),
    });
    table.note(format!(
        "{right} requests were answered rightly and {left} clients left before they were; the \
         ledger verifies and holds {recorded} requests. {ABOUT}"
    ));
    if faults.is_empty() {
        return Ok(vec![table]);
    }
    println!("{}", table.aligned());
    Err(Failure::no(
        faults.join("\n"),
        "what grows for minutes fills the machine in weeks",
    ))
}
