//! `up`: starts the gate and runs it until it is told to stop.
//!
//! Owns the order in which things start (lock, store, ledger, gate, admin surface, ready file) and
//! the opposite order in which they end. Refuses to start half: a failure on the way undoes what was
//! started. SIGTERM and SIGINT drain, SIGHUP reloads.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::secret::Sources;
use control::{Clock, Rng, SystemClock, SystemRng, rng};
use gate::{Gate, Parts, Site, serve};
use ledger::{Kind, Ledger, Lock, Notice};
use rustls::ServerConfig;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::{self, Instance},
    descriptors,
    failure::{Failure, io},
    inspection,
    load::{self, Loaded},
    log::Log,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Written with the bound addresses, as JSON, once the gate listens
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Threads that serve requests; one for each core when absent
    #[arg(long)]
    threads: Option<std::num::NonZero<usize>>,
}

/// How long requests under way may take once the gate is told to stop.
const DRAIN: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::resolved(&args.config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let log = Log::open(loaded.log.as_deref(), Arc::clone(&clock)).map_err(io(
        "open the log",
        "choose a [log] file that can be written",
    ))?;
    // What may wait for a disk or another machine runs here, away from the cores of the gate.
    let service = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("service")
        .enable_all()
        .build()
        .map_err(io(
            "start the service runtime",
            "raise the limits on processes (ulimit -u)",
        ))?;
    let running = start(loaded, args, &clock, &rng, Arc::new(log), service.handle())?;
    let end = service.block_on(serve_until_told(&running));
    running.stop();
    // Tasks that still wait for a disk must not keep the process.
    service.shutdown_timeout(Duration::from_secs(1));
    end.map(|()| ExitCode::SUCCESS)
}

/// An instance that listens.
struct Up {
    instance: Arc<Instance>,
    socket: Socket,
    listener: Mutex<Option<std::os::unix::net::UnixListener>>,
    ready_file: Option<PathBuf>,
}

/// The file of the admin socket, removed with its owner: whoever dials from then on should see that
/// nobody is there.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // One that stays is removed by the next instance.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn start(
    loaded: Loaded,
    args: &Args,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
    log: Arc<Log>,
    service: &tokio::runtime::Handle,
) -> Result<Up, Failure> {
    let Some(site) = loaded.site else {
        return Err(Failure::new(
            "the configuration holds no site",
            "report this as a defect",
        ));
    };
    let tls = certificates(&site, &loaded.path)?;
    let (lock, store) = open_data(&loaded.data_dir)?;
    let keys = identity::Keys::open(store.clone())
        .map(Arc::new)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let ledger = Ledger::open(ledger::Options {
        lock,
        origin: origin(&site)?,
        second_place: loaded.ledger.second_place.clone(),
        ring: ledger::RING,
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
    })
    .map(Arc::new)
    .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let gate = Gate::new(Parts {
        site,
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
        ledger: Arc::clone(&ledger),
        replay: hooks::Replay::new(store.clone()),
        keys: keys.live(),
        assertion_seed: assertion_seed(&loaded.data_dir, &**rng)?,
        service: service.clone(),
    })
    .map(Arc::new)
    .map_err(|fault| Failure::new(fault.to_string(), "restart the gate"))?;
    gate::echo::start(&gate).map_err(io(
        "start the echo",
        "raise the limit on open files (ulimit -n)",
    ))?;
    let socket = Socket(admin::socket_path(&loaded.data_dir));
    let listener = admin::bind(&socket.0)?;
    let running = Arc::clone(&gate)
        .start(serve::Options {
            threads: args.threads,
            tls,
            descriptors: descriptors::raise(),
        })
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    descriptors::warn_if_few(&gate, &log);
    let now = clock.now();
    ledger
        .note_blocking(
            Notice::new(now, Kind::STARTED)
                .text("version", env!("CARGO_PKG_VERSION"))
                .text("configuration", &loaded.digest),
        )
        .map_err(|fault| Failure::new(fault.to_string(), "free some space for the data folder"))?;
    let instance = Arc::new(Instance {
        gate,
        addresses: running.addresses().to_vec(),
        running: Mutex::new(Some(running)),
        keys,
        ledger,
        replay: hooks::Replay::new(store),
        service: service.clone(),
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
        log,
        inspected: inspection::Found::new(),
        started: now,
        configuration: loaded.path,
        data_dir: loaded.data_dir,
        log_file: loaded.log,
        ledger_section: loaded.ledger,
        digest: Mutex::new(loaded.digest),
    });
    Ok(Up {
        instance,
        socket,
        listener: Mutex::new(Some(listener)),
        ready_file: args.ready_file.clone(),
    })
}

/// The lock on the data folder and the store in it: the folder has one writer.
pub(crate) fn open_data(data_dir: &Path) -> Result<(Arc<Lock>, store::Store), Failure> {
    let lock = Lock::acquire(data_dir)
        .map(Arc::new)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let store = store::Store::open(&data_dir.join("vouchsafe.db"))
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    Ok((lock, store))
}

/// `<public host>/<deployment>/<node>`: the name of this node's ledger.
fn origin(site: &Site) -> Result<String, Failure> {
    let node = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .ok_or_else(|| Failure::new("this machine has no name", "set one with hostname"))?;
    let deployment = site.deployment();
    Ok(format!(
        "{}/{}/{node}",
        deployment.public_url.host, deployment.name
    ))
}

/// The key that signs assertions: made once, kept beside the store, read by nobody else.
fn assertion_seed(data_dir: &Path, rng: &dyn Rng) -> Result<[u8; 32], Failure> {
    let path = data_dir.join("assertion.key");
    if !path.exists() {
        let seed: [u8; 32] = rng::array(rng)
            .map_err(|fault| Failure::new(fault.to_string(), "check the operating system"))?;
        // As text: reading a secret drops a final newline, and any byte of a seed may be one.
        config::files::create_secret(&path, seal::encode::hex(&seed).as_bytes())
            .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    }
    let secret = config::files::read_secret(&path)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let seed = std::str::from_utf8(secret.expose())
        .ok()
        .and_then(|text| seal::encode::unhex(text).ok())
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    seed.ok_or_else(|| {
        let what = format!("{} is not a key of this build", path.display());
        Failure::new(
            what,
            "restore it from a backup, or remove it: apps then see a new key",
        )
    })
}

/// The certificate of each listener that speaks TLS.
pub(crate) fn certificates(
    site: &Site,
    configuration: &Path,
) -> Result<Vec<Option<Arc<ServerConfig>>>, Failure> {
    let sources = Sources::of_process(configuration);
    site.listeners()
        .iter()
        .map(|listen| {
            let Some(tls) = &listen.tls else {
                return Ok(None);
            };
            let key = sources
                .resolve(&tls.key)
                .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
            serve::tls::load(&tls.certificate, &key)
                .map(Some)
                .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
        })
        .collect()
}

async fn serve_until_told(up: &Up) -> Result<(), Failure> {
    let hint = "report this as a defect";
    let mut terminate = signal(SignalKind::terminate()).map_err(io("wait for signals", hint))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("wait for signals", hint))?;
    let mut hangup = signal(SignalKind::hangup()).map_err(io("wait for signals", hint))?;
    let listener = up.listener.lock().ok().and_then(|mut slot| slot.take());
    if let Some(listener) = listener {
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(io("serve the admin surface", hint))?;
        tokio::spawn(admin::serve(listener, Arc::clone(&up.instance)));
    }
    tokio::spawn(tick(Arc::clone(&up.instance)));
    tokio::spawn(inspection::run(Arc::clone(&up.instance)));
    up.say_ready()?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => up.reload().await,
        }
    }
}

/// Once a second: keys changed by another process, ended keys of proofs, last uses. Once a minute:
/// deliveries that can no longer be genuine.
async fn tick(instance: Arc<Instance>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    for second in 0_u64.. {
        every.tick().await;
        let held = Arc::clone(&instance);
        let ticked = tokio::task::spawn_blocking(move || held.keys.tick(held.clock.now())).await;
        if let Ok(Err(fault)) = ticked {
            instance
                .log
                .warn("keys.not-taken-up", &[("why", &fault.to_string())]);
        }
        if second % 60 == 0
            && let Err(fault) = instance.replay.sweep(instance.clock.now()).await
        {
            instance
                .log
                .warn("replay.not-swept", &[("why", &fault.to_string())]);
        }
    }
}

impl Up {
    fn say_ready(&self) -> Result<(), Failure> {
        let gate: Vec<String> = self
            .instance
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        self.instance
            .log
            .info("instance.started", &[("gate", &gate.join(" "))]);
        let ready = json!({
            "gate": gate,
            "admin": format!("unix:{}", self.socket.0.display()),
            "pid": std::process::id(),
        });
        match &self.ready_file {
            Some(path) => super::write_ready(path, &ready.to_string()),
            None => Ok(()),
        }
    }

    async fn reload(&self) {
        let instance = Arc::clone(&self.instance);
        let reloaded = tokio::task::spawn_blocking(move || {
            let (kind, digest) = match instance.reload() {
                Ok(digest) => (Kind::RELOADED, digest),
                Err(_) => (Kind::RELOAD_REFUSED, String::new()),
            };
            let notice = Notice::new(instance.clock.now(), kind).text("configuration", digest);
            instance.ledger.note_blocking(notice)
        });
        if let Ok(Err(fault)) = reloaded.await {
            self.instance
                .log
                .warn("ledger.not-durable", &[("why", &fault.to_string())]);
        }
    }

    /// Ends in the opposite order of the start; what was recorded is on disk when this returns.
    fn stop(self) {
        let instance = self.instance;
        instance.log.info("instance.stopping", &[]);
        let running = instance
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(running) = running {
            running.drain(DRAIN);
        }
        if let Err(fault) = instance.keys.store_uses() {
            instance
                .log
                .warn("keys.uses-not-stored", &[("why", &fault.to_string())]);
        }
        // The stop is the last entry: what the cores have recorded goes before it.
        let flushed = instance.ledger.flush_blocking();
        let stopped = Notice::new(instance.clock.now(), Kind::STOPPED);
        let noted = flushed.map_err(|fault| fault.to_string()).and_then(|_| {
            instance
                .ledger
                .note_blocking(stopped)
                .map_err(|fault| fault.to_string())
        });
        let closed = instance.ledger.close().map_err(|fault| fault.to_string());
        if let Err(why) = noted.and(closed.map(|_| ())) {
            instance.log.warn("ledger.not-closed", &[("why", &why)]);
        }
        drop(self.socket);
        instance.log.info("instance.stopped", &[]);
    }
}

/// Blocks until the process is told to end; for verbs that stay up without a gate of their own.
pub(crate) fn wait_for_end() -> Result<(), Failure> {
    let hint = "report this as a defect";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io("wait for signals", hint))?;
    runtime.block_on(async {
        let mut terminate =
            signal(SignalKind::terminate()).map_err(io("wait for signals", hint))?;
        let mut interrupt =
            signal(SignalKind::interrupt()).map_err(io("wait for signals", hint))?;
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use control::rng::NoRandomness;

    use super::*;

    /// Gives the one byte that a file of text loses at its end.
    struct Newlines;

    impl Rng for Newlines {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(b'\n');
            Ok(())
        }
    }

    #[test]
    fn an_assertion_key_is_read_as_it_was_made_whatever_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            assert_eq!(
                assertion_seed(folder.path(), &Newlines).unwrap(),
                [b'\n'; 32]
            );
        }
    }

    #[test]
    fn an_assertion_key_that_is_no_key_is_refused() {
        for text in [&b"short"[..], &[b'x'; 64], &[0xff; 64]] {
            let folder = tempfile::tempdir().unwrap();
            config::files::create_secret(&folder.path().join("assertion.key"), text).unwrap();
            let failure = assertion_seed(folder.path(), &Newlines).unwrap_err();
            assert!(failure.text().contains("is not a key of this build"));
        }
    }
}
