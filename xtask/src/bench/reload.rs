//! `cargo xtask bench reload`: whether anybody notices that the configuration changes.
//!
//! Owns a gate that is told again and again to take up another configuration (another certificate,
//! other limits, a route that comes and goes) while requests over kept connections, new connections with
//! TLS and open WebSockets go through it. After each reload a new connection must be shown the new
//! certificate and the other route must be there or gone. One request that fails, or one WebSocket that
//! breaks, is a failure: it exits 1.

use std::{net::SocketAddr, path::Path, thread, time::Duration};

use serde_json::json;

use super::{
    Setting, Table, http,
    load::{self, Load, Phase},
    stage::{self, Folder, Up},
    table::{Aim, Verdict},
};
use crate::{command, failure::Failure};

const HOST: &str = "Host: bench.example";

/// Requests that the aim speaks of.
const MILLION: u64 = 1_000_000;

/// How long each configuration is in force at least.
const IN_FORCE: Duration = Duration::from_millis(200);

/// Bytes of an answer.
const ANSWER: usize = 100;

const ABOUT: &str = "\
    Each reload changes the certificate, the numbers of two limits that nobody reaches, and whether a \
    route is there; the next one waits until the new certificate was shown. Three kinds of clients never \
    pause: requests over 64 kept connections, each on a new connection with TLS by 4 clients who trust both \
    certificates, and messages through 8 WebSockets that are opened once.";

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let seconds = setting.number("--seconds", if setting.smoke { 3 } else { 60 });
    let folder = Folder::fresh(setting.workspace.target().join("bench-reload"))?;
    let gate = Gate::start(setting, folder.path())?;
    let (phases, reloads) = thread::scope(|scope| {
        let loads = gate.loads(seconds as f64);
        let traffic = loads.map(|load| scope.spawn(move || load::run(setting, &load)));
        let reloads = gate.reload(setting, || traffic.iter().any(|kind| !kind.is_finished()));
        (traffic.map(|kind| kind.join()), reloads)
    });
    let reloads = reloads?;
    let mut told = Vec::new();
    for phase in phases {
        let phase = phase.map_err(|_| Failure::stuck("the traffic was lost", "run it again"))??;
        told.push(phase.first().cloned().unwrap_or_default());
    }
    judge(&told, reloads, setting.smoke)
}

struct Gate<'a> {
    up: Up,
    folder: &'a Path,
    origin: SocketAddr,
    _origin: super::Running,
}

impl<'a> Gate<'a> {
    fn start(setting: &Setting<'_>, folder: &'a Path) -> Result<Self, Failure> {
        let mut both = Vec::new();
        for name in NAMES {
            let place = folder.join(name);
            std::fs::create_dir_all(&place).map_err(|cause| Failure::io(&place, &cause))?;
            stage::create_certificate(&setting.load, &place)?;
            let path = place.join("cert.pem");
            both.extend(std::fs::read(&path).map_err(|cause| Failure::io(&path, &cause))?);
        }
        stage::write(&folder.join("both.pem"), both)?;
        let (running, origin) = stage::origin(&setting.load, folder)?;
        stage::write(&folder.join("vouchsafe.toml"), configuration(origin, 0))?;
        Ok(Self {
            up: stage::up(&setting.binary, folder)?,
            folder,
            origin,
            _origin: running,
        })
    }

    /// Requests over kept connections, over new ones with TLS, and messages.
    fn loads(&self, seconds: f64) -> [Load; 3] {
        let load = |connections| Load {
            address: self.up.address,
            connections,
            phases: vec![(seconds, None)],
            fresh: false,
            tls: None,
            talk: load::get("/open/100", &[HOST.to_owned()], ANSWER),
        };
        let fresh = Load {
            address: self.up.secure,
            fresh: true,
            tls: Some(self.trusting("both.pem")),
            ..load(4)
        };
        let echo = json!({"echo": {"path": "/open/ws", "headers": [HOST], "message": ANSWER}});
        let echo = Load {
            talk: echo,
            ..load(8)
        };
        [load(64), fresh, echo]
    }

    fn trusting(&self, file: &str) -> serde_json::Value {
        json!({"name": "bench.example", "certificate": self.folder.join(file), "resume": false})
    }

    /// Reloads until the traffic is over, and answers how often.
    fn reload(&self, setting: &Setting<'_>, busy: impl Fn() -> bool) -> Result<usize, Failure> {
        let mut reloads = 0;
        while busy() {
            thread::sleep(IN_FORCE);
            reloads += 1;
            let text = configuration(self.origin, reloads);
            stage::write(&self.folder.join("vouchsafe.toml"), text)?;
            let reload = ["reload", "--config", "vouchsafe.toml"];
            let mut reload = command::command(self.folder, &setting.binary, &reload);
            let said = command::listen(&mut reload, Duration::from_secs(60))?;
            if !said.success {
                let hint = command::last_lines(&said.stderr, 5);
                return Err(Failure::no("a reload was refused", hint));
            }
            self.in_force(setting, reloads)?;
        }
        Ok(reloads)
    }

    /// Sees that what was reloaded is what holds now.
    fn in_force(&self, setting: &Setting<'_>, number: usize) -> Result<(), Failure> {
        let file = format!("{}/cert.pem", certificate(number));
        let shown = Load {
            address: self.up.secure,
            connections: 1,
            phases: vec![(0.02, None)],
            fresh: true,
            tls: Some(self.trusting(&file)),
            talk: load::get("/open/100", &[HOST.to_owned()], ANSWER),
        };
        let shown = load::run(setting, &shown)?;
        if shown
            .iter()
            .any(|phase| phase.good == 0 || phase.failed() > 0)
        {
            let what = format!("reload {number} did not change the certificate");
            return Err(Failure::no(what, "is it read anew?"));
        }
        let answer = http::get(self.up.address, "/passing", &[HOST.to_owned()]);
        let status = answer.map_or(0, |answer| answer.status);
        if status != expected(number) {
            let what = format!("after reload {number} the other route was answered {status}");
            return Err(Failure::no(what, "is the table of routes changed whole?"));
        }
        Ok(())
    }
}

const NAMES: [&str; 2] = ["one", "two"];

const fn certificate(number: usize) -> &'static str {
    let [even, odd] = NAMES;
    if number.is_multiple_of(2) { even } else { odd }
}

/// What the route that comes and goes is answered.
const fn expected(number: usize) -> u16 {
    if number.is_multiple_of(2) { 200 } else { 404 }
}

fn configuration(origin: SocketAddr, number: usize) -> String {
    let route = |path: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = \"none\"\n\
             reason = \"what is measured here is reloading\"\n"
        )
    };
    let name = certificate(number);
    let passing = match expected(number) {
        200 => route("/passing"),
        _ => String::new(),
    };
    let (most, at_once) = (900_000 + number, 1000 + number);
    format!(
        "version = 1\n[deployment]\nname = \"bench\"\npublic_url = \"https://bench.example\"\n\
         data_dir = \"data\"\n\
         [[rate]]\nname = \"all\"\nrequests = {most}\nper = \"1s\"\n\
         [[rate]]\nname = \"many\"\nat_once = {at_once}\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificate = \"{name}/cert.pem\", key = \"file:{name}/key.pem\" }}\n\
         [[app]]\nname = \"app\"\nupstream = \"http://{origin}\"\n{}{passing}",
        route("/open")
    )
}

fn judge(told: &[Phase], reloads: usize, smoke: bool) -> Result<Vec<Table>, Failure> {
    let columns = ["traffic", "answered", "a second", "p99 ms", "failed"];
    let mut table = Table::titled("Reloads under load", &columns);
    let kinds = [
        "requests over kept connections",
        "requests on new connections with TLS",
        "messages through WebSockets",
    ];
    let (mut failed, mut answered) = (0, 0);
    for (name, phase) in kinds.iter().zip(told) {
        failed += phase.failed() + phase.broken + phase.wrong;
        answered += phase.good;
        table.row([
            (*name).to_owned(),
            phase.good.to_string(),
            format!("{:.0}", phase.per_second),
            format!("{:.2}", phase.times.p99 / 1e3),
            (phase.failed() + phase.broken + phase.wrong).to_string(),
        ]);
    }
    table.aim(Aim {
        what: format!("failed of {answered}, over {reloads} reloads"),
        bound: "0".to_owned(),
        measured: failed.to_string(),
        verdict: Verdict::of(failed == 0, failed),
    });
    if !smoke {
        let requests: u64 = told.iter().take(2).map(|phase| phase.good).sum();
        table.aim(Aim {
            what: "requests while it was reloaded".to_owned(),
            bound: format!("≥ {MILLION}"),
            measured: requests.to_string(),
            verdict: Verdict::of(requests >= MILLION, 0),
        });
    }
    table.note(ABOUT);
    if failed == 0 && reloads > 0 && told.iter().all(|phase| phase.good > 0) {
        return Ok(vec![table]);
    }
    println!("{}", table.aligned());
    Err(Failure::no(
        format!("{failed} failed over {reloads} reloads"),
        "a reload that somebody notices is one that nobody dares",
    ))
}
