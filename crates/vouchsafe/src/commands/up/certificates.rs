//! The certificates that listeners show.
//!
//! Owns where they come from: the files that the configuration names, or the pair of our own making in the
//! data folder, which is made here when it is needed, or an authority, which is asked from here; and the look at all of them while the gate runs, so that a
//! renewed file is in force without a reload. One that does not fit changes nothing.

use std::{
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, PoisonError},
    time::Duration,
};

use acme::{Challenges, Kind, Looked, Settings};
use config::secret::Sources;
use control::{Clock, Timestamp};
use gate::{
    Site,
    serve::{
        certificate,
        tls::{self, Pair, Speaking, Terms},
    },
    site::listen::{Certificate, Files, Listen},
};
use hooks::alerts::{Alert, What};
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{
    admin::Instance,
    failure::{Failure, io},
};

/// How each listener speaks TLS, if it does. A certificate of our own making is looked for in the folder
/// given, and made there where it does not serve at that moment; without a folder it is left out.
pub(crate) fn certificates(
    site: &Site,
    configuration: &Path,
    data_dir: Option<&Path>,
    challenges: &Arc<Challenges>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Option<Speaking>>, Failure> {
    let sources = Sources::of_process(configuration);
    site.listeners()
        .iter()
        .map(|listen| {
            let Some(tls) = &listen.tls else {
                return Ok(None);
            };
            let mut lines = Vec::new();
            let order = listen.order();
            let pairs = match &tls.certificate {
                Certificate::Files(files) => {
                    lines.extend(files.iter().map(|files| files.line));
                    let pairs = files.iter().map(|files| of_files(files, &sources));
                    pairs.collect::<Result<_, _>>()?
                }
                Certificate::SelfSigned => match data_dir {
                    Some(data_dir) => vec![self_signed(site, data_dir, clock.now())?],
                    None => return Ok(None),
                },
                Certificate::Acme(settings) => match data_dir {
                    Some(data_dir) => vec![ordered(site, settings, data_dir, clock.now())?],
                    None => return Ok(None),
                },
            };
            let by_handshake = order.is_some_and(|it| it.challenge == Kind::TlsAlpn01);
            let terms = Terms {
                minimum: tls.minimum,
                http2: tls.http2,
                clients: tls.clients.as_ref(),
                challenges: by_handshake.then(|| Arc::clone(challenges)),
                clock: Arc::clone(clock),
            };
            tls::load(&pairs, terms).map(Some).map_err(|(at, fault)| {
                let line = at.and_then(|at| lines.get(at));
                let place = line.map(|line| format!("{}:{line}: ", configuration.display()));
                let what = format!("{}{fault}", place.unwrap_or_default());
                Failure::new(what, fault.hint())
            })
        })
        .collect()
}

fn of_files(files: &Files, sources: &Sources) -> Result<Pair, Failure> {
    let key = sources
        .resolve(&files.key)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    Ok(Pair {
        certificate: files.certificate.clone(),
        key,
    })
}

/// The certificate of an authority. Until there is one, the one that we sign ourselves, which nobody
/// believes: there is no moment without TLS.
fn ordered(
    site: &Site,
    settings: &Settings,
    data_dir: &Path,
    now: Timestamp,
) -> Result<Pair, Failure> {
    let files = acme::Files::in_folder(data_dir);
    let certificate = files.certificate(settings);
    match config::files::read_secret(&certificate) {
        Ok(key) => Ok(Pair { certificate, key }),
        Err(_) if !certificate.exists() => self_signed(site, data_dir, now),
        Err(fault) => Err(Failure::new(fault.to_string(), fault.hint())),
    }
}

/// Orders what is due, once a second a look; one order after the other.
pub(super) async fn order(instance: Arc<Instance>) {
    let keeper = acme::Keeper::new(
        acme::Files::in_folder(&instance.data_dir),
        Arc::clone(&instance.challenges),
        Arc::clone(&instance.clock),
        &*instance.rng,
    );
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        let site = instance.gate.site();
        let mut orders: Vec<&Settings> = Vec::new();
        for order in site.listeners().iter().filter_map(Listen::order) {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        for settings in orders {
            if !keeper.is_due(settings) {
                continue;
            }
            let names = settings.names.iter().cloned().collect::<Vec<_>>().join(" ");
            let log = &instance.log;
            let looked = match authority(&instance, settings).await {
                Ok(client) => keeper.look(settings, &client).await,
                Err(why) => keeper.failed(settings, &why),
            };
            match looked {
                Looked::Current => {}
                Looked::Renewed => log.info("acme.renewed", &[("names", &names)]),
                Looked::Failed(why) => {
                    log.warn("acme.failed", &[("names", &names), ("why", &why)]);
                    tell(&instance);
                }
            }
        }
    }
}

/// Raises an alert: a certificate was ordered in vain.
fn tell(instance: &Instance) {
    if let Some(alerts) = &instance.alerts {
        alerts.raise(Alert {
            what: What::CertificateNotRenewed,
            at: instance.clock.now(),
            principal: None,
            request: [0; 16],
            seconds: 0,
            address: None,
            proof: false,
            count: 1,
        });
    }
}

/// What asks the authority, made anew for each order: its roots and the policy may have changed.
async fn authority(
    instance: &Arc<Instance>,
    settings: &Settings,
) -> Result<Arc<connect::Client>, String> {
    let (held, roots) = (Arc::clone(instance), settings.roots.clone());
    let made = spawn_blocking(move || {
        let loaded = crate::load::resolved(&held.configuration)?;
        crate::people::client_of(&loaded, roots.as_deref(), &held.clock)
    });
    match made.await {
        Ok(Ok(client)) => Ok(Arc::new(client)),
        Ok(Err(failure)) => Err(failure.text().to_owned()),
        Err(_) => Err("the client could not be made".to_owned()),
    }
}

/// Looks at the files once a second, and once a minute at whatever else a certificate comes from. What has
/// changed is put in force; what is wrong is said once in the log, and what is in force goes on.
pub(super) async fn watch(instance: Arc<Instance>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut told) = (Stamps::new(), String::new());
    for second in 0_u64.. {
        seconds.tick().await;
        let held = Arc::clone(&instance);
        let before = std::mem::take(&mut seen);
        let due = second % 60 == 0 || !told.is_empty();
        let looked = spawn_blocking(move || {
            let after = stamps(&held.gate.site(), &held.data_dir);
            let renewed = (due || after != before).then(|| held.renew_certificates());
            (after, renewed)
        });
        let Ok((after, renewed)) = looked.await else {
            continue;
        };
        seen = after;
        match renewed {
            None => {}
            Some(Ok(renewed)) => {
                told.clear();
                if renewed {
                    instance.log.info("certificates.renewed", &[]);
                }
            }
            Some(Err(failure)) if failure.text() != told => {
                failure.text().clone_into(&mut told);
                instance
                    .log
                    .warn("certificates.not-renewed", &[("why", &told)]);
            }
            Some(Err(_)) => {}
        }
    }
}

/// By what a file that was written anew is told from the one before, for each file that is there.
type Stamps = Vec<Option<(u64, u64, i64, i64)>>;

fn stamps(site: &Site, data_dir: &Path) -> Stamps {
    let stamp = |path: &Path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
    };
    let mut all = Stamps::new();
    for tls in site.listeners().iter().filter_map(|it| it.tls.as_ref()) {
        match &tls.certificate {
            Certificate::Files(files) => {
                all.extend(files.iter().map(|files| stamp(&files.certificate)));
            }
            Certificate::Acme(settings) => {
                let files = acme::Files::in_folder(data_dir);
                all.push(stamp(&files.certificate(settings)));
            }
            Certificate::SelfSigned => {}
        }
        if let Some(clients) = &tls.clients {
            all.push(stamp(&clients.roots));
            all.extend(clients.revoked.as_deref().map(stamp));
        }
    }
    all
}

impl Instance {
    /// Puts certificates in force whose files have changed, and says whether any have.
    pub(crate) fn renew_certificates(&self) -> Result<bool, Failure> {
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let site = self.gate.site();
        let folder = Some(self.data_dir.as_path());
        let tls = certificates(
            &site,
            &self.configuration,
            folder,
            &self.challenges,
            &self.clock,
        )?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_ref().filter(|running| running.differs(&tls)) else {
            return Ok(false);
        };
        running.renew(tls);
        Ok(true)
    }
}

/// The certificate of our own making in the data folder, made anew where it does not serve.
fn self_signed(site: &Site, data_dir: &Path, now: Timestamp) -> Result<Pair, Failure> {
    let deployment = site.deployment();
    let hosts = std::iter::once(&deployment.public_url.host).chain(&deployment.hosts);
    let names = hosts
        .map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase())
        .collect();
    let pair = certificate::Pair::in_folder(data_dir);
    let told = |fault: config::files::FileFault| Failure::new(fault.to_string(), fault.hint());
    if !pair.serves(&names, now) {
        let (certificate, key) = certificate::sign(&names, now).ok_or_else(|| {
            Failure::new(
                "no certificate can be made for the names of this deployment",
                "give certificate and key in the tls table, or check public_url and hosts",
            )
        })?;
        let doing = || format!("write {}", pair.certificate.display());
        let hint = "check the data folder and its space";
        for stale in [&pair.certificate, &pair.key] {
            match std::fs::remove_file(stale) {
                Ok(()) => {}
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {}
                Err(fault) => return Err(io(doing(), hint)(fault)),
            }
        }
        // The key first: a certificate without its key is never found whole.
        config::files::create_secret(&pair.key, key.expose()).map_err(told)?;
        std::fs::write(&pair.certificate, certificate).map_err(io(doing(), hint))?;
    }
    let key = config::files::read_secret(&pair.key).map_err(told)?;
    Ok(Pair {
        certificate: pair.certificate,
        key,
    })
}
