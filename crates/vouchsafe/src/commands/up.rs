//! `up`: starts the gate and runs it until it is told to stop.
//!
//! Owns the life of the process: what is told from outside is heard from the first moment on
//! (`signals`), things start in one order (`start`) and end in the opposite one. SIGTERM and SIGINT
//! drain, a second one cuts the drain short, SIGHUP reloads. Refuses to end with events that are not
//! on disk, and to wait for a start that does not come to its end.

mod certificates;
mod ready;
mod signals;
mod start;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, PoisonError},
    time::Duration,
};

use control::Doubter;
use gate::serve::Stopper;
use hooks::alerts::Sender;
use ledger::{Kind, Notice};
use serde_json::json;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    task::{JoinHandle, spawn_blocking},
};

pub(crate) use self::{certificates::certificates, start::open_data};
use self::{
    ready::Ready,
    signals::{End, Hangup, Signals},
};
use crate::{
    admin::{self, Faults, Instance, Surface},
    alerts,
    failure::{Failure, io},
    inspection,
};

#[derive(Clone, clap::Args)]
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

/// How long a start that is told to stop may go on, so that it can stop in order.
const START_GRACE: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
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
    let end = service.block_on(live(args.clone(), service.handle().clone()));
    // Tasks that still wait for a disk must not keep the process.
    service.shutdown_timeout(Duration::from_secs(1));
    end.map(|()| ExitCode::SUCCESS)
}

/// From the first moment to the last.
async fn live(args: Args, service: Handle) -> Result<(), Failure> {
    let (mut end, hangup) = Signals::take()?.split();
    let mut starting = spawn_blocking(move || start::start(&args, &service));
    let up = tokio::select! {
        started = &mut starting => whole(started)?,
        () = end.asked() => {
            return match tokio::time::timeout(START_GRACE, starting).await {
                Ok(started) => stop(whole(started)?, end).await,
                // What it has done so far is what a crash would have left: the next start finds its
                // way from there.
                Err(_) => Ok(()),
            };
        }
    };
    let served = serve_until_told(up, &mut end, hangup).await;
    let (up, ready) = served;
    stop(up, end).await.and(ready)
}

fn whole<T>(ran: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Failure> {
    ran.unwrap_or_else(|_| {
        Err(Failure::new(
            "the gate fell over while it started or stopped",
            "report this as a defect",
        ))
    })
}

/// An instance that listens.
struct Up {
    instance: Arc<Instance>,
    socket: Socket,
    listener: Option<std::os::unix::net::UnixListener>,
    surface: Option<Surface>,
    /// What sends alerts, until it runs.
    sender: Option<Sender>,
    ready: Ready,
    stopper: Stopper,
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

/// Serves until the process is told to end. Gives the instance back, and why it never said that it
/// was ready, if so.
async fn serve_until_told(mut up: Up, end: &mut End, hangup: Hangup) -> (Up, Result<(), Failure>) {
    let ready = up.serve(hangup).and_then(|()| up.say_ready());
    if ready.is_ok() {
        end.asked().await;
    }
    (up, ready)
}

/// Ends the instance; a second signal cuts its drain short.
async fn stop(up: Up, mut end: End) -> Result<(), Failure> {
    let stopper = up.stopper.clone();
    let mut stopping: JoinHandle<Result<(), Failure>> = spawn_blocking(move || {
        up.stop();
        Ok(())
    });
    loop {
        tokio::select! {
            stopped = &mut stopping => return whole(stopped),
            () = end.asked() => stopper.stop(),
        }
    }
}

/// Reloads whenever the process is told to, one reload after the other.
async fn reloads(instance: Arc<Instance>, mut hangup: Hangup) {
    while hangup.asked().await {
        let held = Arc::clone(&instance);
        let reloaded = spawn_blocking(move || {
            let (kind, digest) = match held.reload() {
                Ok(digest) => (Kind::RELOADED, digest),
                Err(_) => (Kind::RELOAD_REFUSED, String::new()),
            };
            let notice = Notice::new(held.clock.now(), kind).text("configuration", digest);
            held.note(notice)
        });
        if let Ok(Err(fault)) = reloaded.await {
            instance
                .log
                .warn("ledger.not-durable", &[("why", &fault.to_string())]);
        }
    }
}

/// Once a second: keys and revocations changed by another process, ended keys of proofs, last uses, a wall clock that
/// was set back. Once a minute: deliveries that can certainly no longer be genuine.
async fn tick(instance: Arc<Instance>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut doubter = Doubter::default();
    let mut was_ahead = false;
    for second in 0_u64.. {
        every.tick().await;
        instance.ask_issuers();
        let held = Arc::clone(&instance);
        let ticked = tokio::task::spawn_blocking(move || held.keys.tick(held.clock.now())).await;
        let store = match ticked {
            Ok(ticked) => ticked.err().map(|fault| fault.to_string()),
            Err(_) => Some("the look at the keys fell over".to_owned()),
        };
        let revoked = instance.revocations.tick(instance.clock.now()).await;
        let revocations = revoked.err().map(|fault| fault.to_string());
        for (what, fault) in [
            ("keys.not-taken-up", &store),
            ("revocations.not-taken-up", &revocations),
        ] {
            if let Some(why) = fault {
                instance.log.warn(what, &[("why", why)]);
            }
        }
        let faults = Faults { store, revocations };
        instance.pulse.beat(instance.clock.monotonic(), faults);
        if let Some(sessions) = &instance.sessions
            && let Err(fault) = sessions.tick(instance.clock.now()).await
        {
            instance
                .log
                .warn("sessions.not-taken-up", &[("why", &fault.to_string())]);
        }
        if second % 60 == 0
            && let Some(door) = &instance.door
        {
            let (accounts, now) = (door.accounts().clone(), instance.clock.now());
            // What stays is nobody's: its time is over, and the next minute removes it.
            let _ = tokio::task::spawn_blocking(move || accounts.sweep(now)).await;
        }
        // How it went is remembered where healthcheck looks.
        let _ = instance.shared.ping().await;
        let ahead = instance.clock_ahead();
        if ahead.is_some() && !was_ahead {
            let seconds = ahead.unwrap_or_default().as_secs().to_string();
            instance
                .log
                .warn("clock.set-back", &[("seconds", &seconds)]);
        }
        was_ahead = ahead.is_some();
        // What was swept because of a wrong moment would be taken for new once that is mended.
        let certain = doubter.certain(&*instance.clock);
        if second % 60 == 0
            && let Err(fault) = instance.replay.sweep(certain).await
        {
            instance
                .log
                .warn("replay.not-swept", &[("why", &fault.to_string())]);
        }
        if second % 60 == 0
            && let Err(fault) = instance.uses.sweep(certain).await
        {
            instance
                .log
                .warn("tokens.not-swept", &[("why", &fault.to_string())]);
        }
    }
}

impl Up {
    /// Starts what runs beside the gate's own cores.
    fn serve(&mut self, hangup: Hangup) -> Result<(), Failure> {
        if let Some(listener) = self.listener.take() {
            self.surface = Some(admin::serve(listener, Arc::clone(&self.instance))?);
        }
        if let (Some(sender), Some(queue)) = (self.sender.take(), &self.instance.alerts) {
            let (instance, queue) = (Arc::clone(&self.instance), Arc::clone(queue));
            tokio::spawn(alerts::run(instance, queue, sender));
        }
        tokio::spawn(tick(Arc::clone(&self.instance)));
        tokio::spawn(certificates::watch(Arc::clone(&self.instance)));
        tokio::spawn(certificates::order(Arc::clone(&self.instance)));
        tokio::spawn(inspection::run(Arc::clone(&self.instance)));
        tokio::spawn(reloads(Arc::clone(&self.instance), hangup));
        Ok(())
    }

    fn say_ready(&self) -> Result<(), Failure> {
        let addresses = self.instance.addresses.iter();
        let gate: Vec<String> = addresses.map(SocketAddr::to_string).collect();
        self.instance
            .log
            .info("instance.started", &[("gate", &gate.join(" "))]);
        let ready = json!({
            "gate": gate,
            "admin": format!("unix:{}", self.socket.0.display()),
            "pid": std::process::id(),
        });
        self.ready.say(&ready.to_string())
    }

    /// Ends in the opposite order of the start; what was recorded is on disk when this returns.
    fn stop(self) {
        let instance = self.instance;
        instance.log.info("instance.stopping", &[]);
        drop(self.ready);
        let running = instance
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(running) = running {
            running.drain(instance.gate.site().limits().drain);
        }
        alerts::close(&instance);
        if let Err(fault) = instance.keys.store_uses() {
            instance
                .log
                .warn("keys.uses-not-stored", &[("why", &fault.to_string())]);
        }
        if let Some(sessions) = &instance.sessions
            && let Err(fault) = instance.service.block_on(sessions.store_uses())
        {
            instance
                .log
                .warn("sessions.uses-not-stored", &[("why", &fault.to_string())]);
        }
        // The stop is the last entry: what the cores have recorded goes before it.
        let flushed = instance.ledger.flush_blocking();
        let stopped = Notice::new(instance.clock.now(), Kind::STOPPED);
        let noted = flushed.map_err(|fault| fault.to_string()).and_then(|_| {
            instance
                .note_last(stopped)
                .map_err(|fault| fault.to_string())
        });
        let closed = instance.ledger.close().map_err(|fault| fault.to_string());
        if let Err(why) = noted.and(closed.map(|_| ())) {
            instance.log.warn("ledger.not-closed", &[("why", &why)]);
        }
        drop(self.socket);
        drop(self.surface);
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
