//! The running instance, as the admin surface sees it.
//!
//! Owns the handles that an ask needs and the way to a new configuration. Refuses a reload that
//! changes what only a restart can change.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use control::{Clock, Rng, SteadyClock, Timestamp};
use gate::{Gate, serve::Running, tickets::Wish};
use http::StatusCode;
use identity::{
    Keys,
    token::{Revocations, Uses},
};
use ledger::{Ledger, NotDurable, Notice};
use serde_json::{Value, json};

use super::{Faults, Pulse, Said};
use crate::{
    alerts,
    failure::Failure,
    inspection, load,
    log::Log,
    storage::{Sharing, Storage},
};

/// Steps of the machine's clock that time services make every day.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// Everything an ask may need.
pub(crate) struct Instance {
    pub(crate) gate: Arc<Gate>,
    /// Where the gate listens.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The engine, until it is told to drain.
    pub(crate) running: Mutex<Option<Running>>,
    pub(crate) keys: Arc<Keys>,
    /// The tokens that count no longer, and those that were used and are good once.
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) uses: Uses,
    pub(crate) ledger: Arc<Ledger>,
    /// Where keys and deliveries are kept, as it runs and as the configuration says it.
    pub(crate) store: store::Store,
    pub(crate) storage: Storage,
    /// What nodes share for a while, as it runs and as the configuration says it.
    pub(crate) shared: store::shared::Shared,
    /// Who is logged in, where anybody logs in.
    pub(crate) sessions: Option<identity::Sessions>,
    /// The local accounts and who has failed too often, where there are any.
    pub(crate) door: Option<identity::account::Door>,
    /// What asks issuers for their keys, where any publishes them.
    pub(crate) outside: Option<Arc<connect::Client>>,
    /// What waits to be told to the team, where alerts are sent.
    pub(crate) alerts: Option<Arc<hooks::alerts::Queue>>,
    /// What these were made from.
    pub(crate) people: String,
    pub(crate) sharing: Sharing,
    /// The replay rules, to sweep them and to forget sources that are gone.
    pub(crate) replay: hooks::Replay,
    /// The runtime that awaits the store.
    pub(crate) service: tokio::runtime::Handle,
    pub(crate) clock: Arc<dyn Clock>,
    /// The same clock, to ask whether the machine's was set back.
    pub(crate) steady: Arc<SteadyClock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) log: Arc<Log>,
    /// What the inspection of the whole ledger found.
    pub(crate) inspected: inspection::Found,
    pub(crate) started: Timestamp,
    pub(crate) configuration: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) ledger_section: ledger::Section,
    /// SHA-256 of the configuration in force; never held while anything is waited for.
    pub(crate) digest: Mutex<String>,
    /// Held while a reload runs, so that two never cross.
    pub(crate) reloading: Mutex<()>,
    /// When the store last answered.
    pub(crate) pulse: Pulse,
    /// Whether the last notice is in the ledger; see [`Instance::note`].
    pub(crate) ended: RwLock<bool>,
}

impl Instance {
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How far our clock goes ahead of the machine's, where that was set back by more than
    /// [`CLOCK_TOLERANCE`].
    pub(crate) fn clock_ahead(&self) -> Option<Duration> {
        let ahead = self.steady.ahead();
        (ahead > CLOCK_TOLERANCE).then_some(ahead)
    }

    pub(super) fn about(&self) -> Value {
        let gate: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        json!({
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "configuration_sha256": *self.digest.lock().unwrap_or_else(PoisonError::into_inner),
            "gate": gate,
            "public_url": self.gate.site().deployment().public_url.text,
            "started": self.started.to_string(),
            "origin": self.ledger.origin(),
            "node": self.ledger.origin().rsplit('/').next().unwrap_or_default(),
            "ledger_key": self.ledger.verifier_key(),
        })
    }

    pub(super) fn health(&self) -> Value {
        let state = self.ledger.state();
        // Read once: between two looks the inspection may end, and its verdict be left out.
        let inspected = self.inspected.get();
        let altered = inspected.and_then(|found| found.as_ref().err());
        let lacking = self.gate.lacks_descriptors();
        let ahead = self.clock_ahead();
        let silent = self.pulse.silent(self.clock.monotonic());
        let faults = self.pulse.faults();
        // Asked once a second, as the store is.
        let shared_fault = self.shared.failing();
        json!({
            "well": state.failing.is_none()
                && altered.is_none()
                && silent.is_none()
                && faults == Faults::default()
                && shared_fault.is_none()
                && !lacking
                && ahead.is_none()
                && state.room != ledger::Room::Short,
            "clock_set_back_seconds": ahead.map(|ahead| ahead.as_secs()),
            "connections": {
                "open": self.gate.connections(),
                "most": self.gate.most_connections(),
                "descriptors_lacking": lacking,
            },
            "store": {
                "kind": self.store.kind(),
                "failing": faults.store,
                "silent_seconds": silent.map(|silent| silent.as_secs()),
            },
            "revocations": { "failing": faults.revocations },
            "alerts": alerts::health(self.alerts.as_ref()),
            "shared": {
                "kind": self.shared.kind(),
                "failing": shared_fault.map(|fault| fault.to_string()),
            },
            "ledger": {
                "durable": state.durable,
                "signed": state.signed,
                "failing": state.failing,
                "behind": state.behind,
                "room": state.room.word(),
                "free": state.free,
                "minimum": state.minimum,
                "announced": state.announced.map(|next| next.index),
                "unkept": state.unkept.map(|kind| kind.to_string()),
                "inspected": inspected.is_some(),
                "altered": altered,
            },
        })
    }

    /// Every place the product writes to: what lies in the data folder, the log, the second place
    /// of checkpoints, and the files that standard output and standard error go to, if they do.
    pub(super) fn storage(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut places = std::fs::read_dir(std::path::absolute(&self.data_dir)?)?
            .map(|entry| entry.map(|entry| entry.path()))
            .filter(|path| !path.as_ref().is_ok_and(|path| path.ends_with("admin.sock")))
            .collect::<std::io::Result<Vec<_>>>()?;
        places.extend(self.log_file.clone());
        places.extend(self.ledger_section.second_place.clone());
        places.extend([1, 2].into_iter().filter_map(output_file));
        Ok(places)
    }

    pub(super) fn metrics(&self) -> String {
        let mut text = self.gate.metrics().render();
        alerts::metrics(self.alerts.as_ref(), &mut text);
        text
    }

    pub(super) fn mint_ticket(
        &self,
        method: &str,
        target: &str,
        body_sha256: &str,
        webhook: Option<&str>,
    ) -> Result<Value, Said> {
        let bad = |fault: &dyn std::fmt::Display, hint: &str| {
            Said::refused(StatusCode::BAD_REQUEST, fault.to_string(), hint)
        };
        let body_sha256 = seal::encode::unhex(body_sha256)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| {
                bad(
                    &"body_sha256 is not a SHA-256",
                    "send it as 64 hexadecimal digits",
                )
            })?;
        let minted = self
            .gate
            .mint(&Wish {
                method,
                target,
                body_sha256,
                webhook,
            })
            .map_err(|fault| bad(&fault, "wait half a minute and try again"))?;
        let secret = minted
            .secret
            .as_ref()
            .map(|secret| seal::encode::base64(secret.expose()));
        Ok(json!({ "ticket": minted.ticket, "secret": secret }))
    }

    /// Puts a notice into the ledger and waits until it is durable; none follows the last.
    pub(crate) fn note(&self, notice: Notice) -> Result<(), NotDurable> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Err(NotDurable::Closed);
        }
        self.ledger.note_blocking(notice)
    }

    /// Puts the last notice into the ledger, behind all that are under way.
    pub(crate) fn note_last(&self, notice: Notice) -> Result<(), NotDurable> {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        *ended = true;
        self.ledger.note_blocking(notice)
    }

    /// Reads the configuration again and puts it in force, or changes nothing. Answers its digest.
    pub(crate) fn reload(&self) -> Result<String, Failure> {
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = self.take_up();
        match &result {
            Ok(taken) => {
                self.digest
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone_from(taken);
                self.log
                    .info("configuration.reloaded", &[("configuration", taken)]);
            }
            Err(failure) => {
                self.log
                    .warn("configuration.refused", &[("why", failure.text())]);
            }
        }
        result
    }

    /// Forgets the deliveries of sources whose secrets are gone: nothing they signed can come again.
    fn retire(&self, before: &gate::Site) {
        let after = self.gate.site();
        for old in before
            .routes()
            .iter()
            .filter_map(gate::site::route::Route::source)
        {
            let new = after
                .routes()
                .iter()
                .filter_map(gate::site::route::Route::source)
                .find(|new| new.id() == old.id());
            let retired = self.service.block_on(self.replay.retire(old, new));
            if let Err(fault) = retired {
                // Rows that stay cost space and never let a delivery through.
                self.log
                    .warn("replay.not-retired", &[("why", &fault.to_string())]);
            }
        }
    }

    /// Asks issuers for the keys they publish, where that is due. Nobody waits for it.
    pub(crate) fn ask_issuers(&self) {
        let (Some(client), site, now) = (&self.outside, self.gate.site(), self.clock.now()) else {
            return;
        };
        let due = site.issuers().iter().enumerate();
        for (at, _) in due.filter(|(_, issuer)| issuer.is_due(now)) {
            let (site, client) = (Arc::clone(&site), Arc::clone(client));
            let log = Arc::clone(&self.log);
            self.service.spawn(async move {
                let Some(issuer) = site.issuers().get(at) else {
                    return;
                };
                if let Err(fault) = issuer.refresh(&client, now).await {
                    let who = issuer.rules().issuer.to_string();
                    log.warn(
                        "issuer.keys-not-taken-up",
                        &[("issuer", &who), ("why", &fault.to_string())],
                    );
                }
            });
        }
    }

    fn take_up(&self) -> Result<String, Failure> {
        let loaded = load::resolved(&self.configuration)?;
        let restart = |what: &str| {
            Failure::new(
                format!("{what} changed, which needs a restart"),
                "stop and start the gate",
            )
        };
        if loaded.data_dir != self.data_dir {
            return Err(restart("data_dir"));
        }
        if loaded.sharing != self.sharing {
            return Err(restart("shared"));
        }
        if loaded.storage != self.storage {
            return Err(restart("store"));
        }
        if loaded.ledger != self.ledger_section {
            return Err(restart("[ledger]"));
        }
        let quota = self.gate.site().upload_quota();
        let site = loaded.site.as_ref();
        if site.is_some_and(|site| site.upload_quota() != quota) {
            return Err(restart("[uploads] quota"));
        }
        if crate::people::made_from(&loaded) != self.people {
            return Err(restart(
                "[login], [accounts], [alerts], [connect], name or public_url",
            ));
        }
        if loaded.log != self.log_file {
            return Err(restart("[log]"));
        }
        let Some(site) = loaded.site else {
            return Err(restart("the configuration"));
        };
        let addresses = |site: &gate::Site| -> Vec<(SocketAddr, bool)> {
            let listeners = site.listeners().iter();
            listeners
                .map(|listen| (listen.address, listen.redirects))
                .collect()
        };
        if addresses(&site) != addresses(&self.gate.site()) {
            return Err(restart("[[listen]]"));
        }
        if self.outside.is_none() && crate::people::asks(&site) {
            return Err(restart(
                "an [[issuer]] publishes its keys, the first one, and that",
            ));
        }
        let own = Some((self.data_dir.as_path(), self.clock().now()));
        let tls = crate::commands::up::certificates(&site, &self.configuration, own)?;
        let before = self.gate.site();
        site.take_up_keys(&before);
        self.gate
            .replace(site)
            .map_err(|fault| Failure::new(fault.to_string(), "restart the gate"))?;
        self.retire(&before);
        if let Some(running) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            running.renew(tls);
        }
        Ok(loaded.digest)
    }
}

/// The regular file that an output of this process goes to; none for a terminal, a pipe, or a file
/// that has been removed.
fn output_file(descriptor: u8) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
    path.is_file().then_some(path)
}
