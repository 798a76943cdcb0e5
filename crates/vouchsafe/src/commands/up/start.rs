//! The order in which an instance starts: lock, store, ledger, gate, admin surface.
//!
//! Owns each step of it and the two keys it makes at first use. Refuses to start half: a failure on
//! the way undoes what was started before it.

use std::{
    path::Path,
    sync::{Arc, Mutex, RwLock},
};

use control::{Clock, Rng, SteadyClock, SystemClock, SystemRng, rng};
use gate::{Gate, Parts, Site, serve};
use hooks::alerts::Queue;
use identity::token::{Revocations, Uses};
use ledger::{Kind, Ledger, Lock, Notice};
use tokio::runtime::Handle;

use super::{Args, Socket, Up, certificates::certificates, ready::Ready};
use crate::{
    admin::{self, Instance, Pulse},
    alerts, descriptors,
    failure::{Failure, io},
    inspection,
    load::{self, Loaded},
    log::Log,
    people,
};

/// Starts everything but what runs on the service runtime.
pub(super) fn start(args: &Args, service: &Handle) -> Result<Up, Failure> {
    let mut loaded = load::resolved(&args.config)?;
    let steady = Arc::new(SteadyClock::new(Arc::new(SystemClock::new())));
    let clock: Arc<dyn Clock> = Arc::<SteadyClock>::clone(&steady);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let log = Log::open(loaded.log.as_deref(), Arc::clone(&clock)).map_err(io(
        "open the log",
        "choose a [log] file that can be written",
    ))?;
    let Some(site) = loaded.site.take() else {
        return Err(Failure::new(
            "the configuration holds no site",
            "report this as a defect",
        ));
    };
    let (lock, store) = open_data(&loaded, Arc::clone(&clock))?;
    let challenges = Arc::<acme::Challenges>::default();
    let tls = certificates(
        &site,
        &loaded.path,
        Some(&loaded.data_dir),
        &challenges,
        &clock,
    )?;
    let deployment = site.deployment().name.clone();
    let shared = loaded
        .sharing
        .open(&deployment, &loaded.path, Arc::clone(&clock), service)?;
    let ready = Ready::none_yet(args.ready_file.as_deref())?;
    let keys = identity::Keys::open(store.clone())
        .map(Arc::new)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let revocations = Revocations::open(store.clone(), &shared, clock.now());
    let revocations = service
        .block_on(revocations)
        .map(Arc::new)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let uses = Uses::new(store.clone(), shared.clone());
    let ledger = Ledger::open(ledger::Options {
        lock,
        origin: origin(&site)?,
        second_place: loaded.ledger.second_place.clone(),
        keeping: loaded.ledger.keeping(),
        ring: ledger::RING,
        clock: Arc::clone(&clock),
        rng: Arc::clone(&rng),
    })
    .map(Arc::new)
    .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let sender = alerts::sender(&loaded, ledger.origin(), &clock, &rng)?;
    let outside = people::asks(&site)
        .then(|| people::client(&loaded, &clock).map(Arc::new))
        .transpose()?;
    let opened = people::open(&loaded, &site, &store, &shared, &clock, &rng)?;
    let gate = Gate::new(Parts {
        site,
        clock: Arc::clone(&clock),
        rng: Arc::clone(&rng),
        ledger: Arc::clone(&ledger),
        replay: hooks::Replay::new(store.clone()),
        keys: Arc::clone(&keys),
        revocations: revocations.live(),
        uses: uses.clone(),
        assertion_seed: assertion_seed(&loaded.data_dir, &*rng)?,
        service: service.clone(),
    })
    .map(Arc::new)
    .map_err(|fault| Failure::new(fault.to_string(), "restart the gate"))?;
    let people = people::made_from(&loaded);
    let (mut sessions, mut door) = (None, None);
    if let Some(opened) = opened {
        sessions = Some(opened.sessions.clone());
        door.clone_from(&opened.door);
        gate.let_in(opened.sessions, opened.provider, opened.door);
    }
    gate.answer_by(Arc::clone(&challenges));
    gate.share_limits(shared.clone());
    gate.keep_uploads_in(&loaded.data_dir.join("uploads"))
        .map_err(io(
            "make the folder for uploads",
            "let the user that runs this write to data_dir",
        ))?;
    let alerts = sender.as_ref().map(|_| Arc::<Queue>::default());
    if let Some(queue) = &alerts {
        gate.alert_by(Arc::clone(queue));
    }
    gate::echo::start(&gate).map_err(io(
        "start the echo",
        "raise the limit on open files (ulimit -n)",
    ))?;
    let socket = Socket(admin::socket_path(&loaded.data_dir));
    let listener = admin::bind(&socket.0, &loaded.data_dir)?;
    let running = Arc::clone(&gate)
        .start(serve::Options {
            threads: args.threads,
            tls,
            descriptors: descriptors::raise(),
        })
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    descriptors::warn_if_few(&gate, &log);
    for warning in gate.site().warnings() {
        if warning.code.starts_with("webhook.") {
            log.warn(
                warning.code,
                &[("what", &warning.message), ("hint", warning.hint)],
            );
        }
    }
    let stopper = running.stopper();
    let now = clock.now();
    ledger
        .note_blocking(
            Notice::new(now, Kind::STARTED)
                .text("version", env!("CARGO_PKG_VERSION"))
                .text("configuration", &loaded.digest),
        )
        .map_err(|fault| Failure::new(fault.to_string(), "free some space for the data folder"))?;
    let instance = Arc::new(Instance {
        pulse: Pulse::new(clock.monotonic()),
        gate,
        addresses: running.addresses().to_vec(),
        running: Mutex::new(Some(running)),
        keys,
        revocations,
        uses,
        ledger,
        replay: hooks::Replay::new(store.clone()),
        store,
        storage: loaded.storage,
        shared,
        sessions,
        door,
        outside,
        alerts,
        challenges,
        people,
        sharing: loaded.sharing,
        service: service.clone(),
        clock,
        steady,
        rng,
        log: Arc::new(log),
        inspected: inspection::Found::new(),
        started: now,
        configuration: loaded.path,
        data_dir: loaded.data_dir,
        log_file: loaded.log,
        ledger_section: loaded.ledger,
        digest: Mutex::new(loaded.digest),
        reloading: Mutex::default(),
        ended: RwLock::default(),
    });
    Ok(Up {
        instance,
        socket,
        listener: Some(listener),
        surface: None,
        sender,
        ready,
        stopper,
    })
}

/// The lock on the data folder, which has one writer, and the store in it or on a server.
pub(crate) fn open_data(
    loaded: &Loaded,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Lock>, store::Store), Failure> {
    let lock = Lock::acquire(&loaded.data_dir)
        .map(Arc::new)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let store = loaded.storage.open(&loaded.data_dir, &loaded.path, clock)?;
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
