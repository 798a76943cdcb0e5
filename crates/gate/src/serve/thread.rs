//! What each core runs.
//!
//! Owns a thread's runtime, the tasks that accept on its sockets, its once-a-second sweep and its
//! end. Refuses work from other threads: nothing moves between them but the phase. Trusts the
//! operating system to spread connections over the sockets.

use std::{
    io,
    rc::Rc,
    sync::{Arc, mpsc::sync_channel},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::{self, LocalOptions, LocalRuntime},
    sync::watch,
    task::spawn_local,
    time::{MissedTickBehavior, interval},
};

use super::{Phase, accept, local::Local};
use crate::core::{Core, Gate};

/// Starts thread `number`.
///
/// # Errors
/// Those of the system.
pub(super) fn start(
    number: usize,
    gate: Arc<Gate>,
    doors: Vec<accept::Door>,
    phase: watch::Receiver<Phase>,
) -> io::Result<JoinHandle<()>> {
    let (ready, started) = sync_channel::<io::Result<()>>(1);
    let thread = Builder::new()
        .name(format!("gate-{number}"))
        .spawn(move || match open(doors) {
            Ok((runtime, doors)) => {
                let _ = ready.send(Ok(()));
                run(&runtime, gate, doors, phase);
            }
            Err(fault) => {
                let _ = ready.send(Err(fault));
            }
        })?;
    match started.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(io::Error::other("the thread ended before it began")),
    }
}

/// A runtime, and the thread's sockets registered with it.
fn open(doors: Vec<accept::Door>) -> io::Result<(LocalRuntime, Vec<accept::OpenDoor>)> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default())?;
    let guard = runtime.enter();
    let doors = doors.into_iter().map(accept::Door::open);
    let doors = doors.collect::<io::Result<Vec<_>>>()?;
    drop(guard);
    Ok((runtime, doors))
}

/// Serves until the phase says otherwise.
fn run(
    runtime: &LocalRuntime,
    gate: Arc<Gate>,
    doors: Vec<accept::OpenDoor>,
    mut phase: watch::Receiver<Phase>,
) {
    runtime.block_on(async move {
        let local = Rc::new(Local::new(Core::new(gate)));
        let accepting: Vec<_> = doors
            .into_iter()
            .map(|door| spawn_local(accept::accept(Rc::clone(&local), door)))
            .collect();
        let sweeping = spawn_local(sweep(Rc::clone(&local)));
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
        for task in accepting {
            task.abort();
            let _ = task.await;
        }
        local.drain();
        tokio::select! {
            () = local.empty() => {}
            _ = phase.wait_for(|phase| *phase == Phase::Stopping) => {
                local.abort();
                local.empty().await;
            }
        }
        sweeping.abort();
    });
}

async fn sweep(local: Rc<Local>) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        local.sweep();
    }
}
