//! `check`: says whether a configuration would start. Does everything but listen: a server that is
//! configured is asked, and nothing on it is changed.

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use control::{Clock, SystemClock, Timestamp};
use gate::{
    serve::certificate::{self, Leaf, SOON},
    site::listen::Certificate,
};

use crate::{
    failure::{Failure, io},
    load,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::resolved(&args.config)?;
    let mut stderr = std::io::stderr().lock();
    if let Some(site) = &loaded.site {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        super::up::certificates(site, &args.config, None, &Arc::default(), &clock)?;
        let _ = writeln!(
            stderr,
            "{} would start: {} routes, {} apps, data in {}",
            loaded.path.display(),
            site.routes().len(),
            site.apps().len(),
            loaded.data_dir.display()
        );
    }
    for route in loaded.site.iter().flat_map(|site| site.routes()) {
        if let Some(folder) = &route.files {
            let root = folder.root.path().display();
            let _ = writeln!(stderr, "{} serves files beneath {root}", route.id);
        }
    }
    let clock = Arc::new(SystemClock::new());
    if let Some(outlook) = loaded.storage.look(&args.config, clock)? {
        let _ = writeln!(stderr, "{outlook}");
    }
    if let Some(site) = &loaded.site {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(io("ask the shared server", "raise the limits on processes"))?;
        let (deployment, clock) = (&site.deployment().name, Arc::new(SystemClock::new()));
        let sharing = &loaded.sharing;
        sharing.open(deployment, &args.config, clock, runtime.handle())?;
    }
    for warning in warnings(&loaded) {
        let _ = writeln!(stderr, "warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What starts and is still weaker than it could be.
fn warnings(loaded: &load::Loaded) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(site) = &loaded.site else {
        return warnings;
    };
    let secure = site.deployment().public_url.secure;
    let plain = |listen: &&gate::site::listen::Listen| {
        listen.tls.is_none() && !listen.redirects && !listen.address.ip().is_loopback()
    };
    if let Some(listen) = site.listeners().iter().find(plain) {
        let address = listen.address;
        warnings.push(if secure {
            format!(
                "{address} speaks plain HTTP to the network: something else must end TLS before it"
            )
        } else {
            format!("{address} speaks plain HTTP to the network: add tls to its [[listen]]")
        });
    }
    let now = SystemClock::new().now();
    for listen in site.listeners() {
        if let Some(tls) = &listen.tls {
            warnings.extend(of_certificates(&tls.certificate, loaded, site, now));
        }
    }
    for route in site.routes() {
        let Some(observation) = route.observation() else {
            continue;
        };
        let (id, day) = (&route.id, observation.last_day());
        warnings.push(if observation.holds(now) {
            format!(
                "{id} is observed until {day}: what it would refuse reaches the app, and its promises are \
                 broken; see vouchsafe observed"
            )
        } else {
            format!("the observation of {id} ended on {day} and it enforces: remove mode and until")
        });
    }
    let of_site = site.warnings().into_iter();
    let of_site = of_site.filter(|warning| {
        warning.code.starts_with("files.") || warning.code.starts_with("webhook.")
    });
    warnings.extend(of_site.map(|it| format!("{}: {}", it.message, it.hint)));
    if loaded.ledger.second_place.is_none() {
        warnings.push(
            "checkpoints go to no second place: whoever owns this host could replace the whole \
             ledger; set [ledger] second_place"
                .to_owned(),
        );
    }
    if loaded.ledger.free_space_floor == 0 {
        warnings.push(
            "free_space_floor in [ledger] is off: requests are answered until the disk is full, \
             and then fail without a count"
                .to_owned(),
        );
    }
    match prove::target::facts::read(&loaded.tree, Vec::new(), now) {
        Ok(facts) => {
            for app in facts
                .apps
                .iter()
                .filter(|app| !prove::target::dial::reaches(app.upstream))
            {
                warnings.push(format!(
                    "nothing listens at {}, the upstream of {}: requests would be answered 503",
                    app.upstream, app.name
                ));
            }
            if facts.same_user {
                warnings.push(
                    "an app runs as the same user as the gate and could read its data: give it a \
                     user of its own"
                        .to_owned(),
                );
            }
        }
        Err(fault) => warnings.push(fault.to_string()),
    }
    warnings
}

/// What is wrong with the certificates of a listener, or soon will be.
fn of_certificates(
    certificate: &Certificate,
    loaded: &load::Loaded,
    site: &gate::Site,
    now: Timestamp,
) -> Vec<String> {
    let host = site.deployment().public_url.host.trim_matches(['[', ']']);
    let files = match certificate {
        Certificate::Files(files) => files,
        Certificate::Acme(settings) => return of_order(settings, &loaded.data_dir, now),
        Certificate::SelfSigned => {
            let what =
                "a listener shows a certificate that we sign ourselves: no browser believes it";
            let local = ["localhost", "127.0.0.1", "::1"].contains(&host);
            return (!local).then(|| what.to_owned()).into_iter().collect();
        }
    };
    let leaves: Vec<_> = files
        .iter()
        .filter_map(|files| Some((files, certificate::leaf(&files.certificate).ok()?)))
        .collect();
    let told = leaves
        .iter()
        .filter_map(|(files, leaf)| of_time(&files.certificate, leaf, now));
    let mut warnings: Vec<String> = told.collect();
    if let (false, [(files, _), ..]) = (leaves.iter().any(|(_, leaf)| leaf.is_for(host)), &*leaves)
    {
        let what = match files.certificate.display() {
            path if leaves.len() == 1 => format!("the certificate {path} is not for {host}"),
            path => {
                format!("none of {path} and the other certificates of its listener is for {host}")
            }
        };
        warnings.push(what);
    }
    warnings
}

/// What came of the last order of a certificate, where that was nothing.
fn of_order(settings: &acme::Settings, data_dir: &std::path::Path, now: Timestamp) -> Vec<String> {
    let files = acme::Files::in_folder(data_dir);
    let mut warnings = Vec::new();
    let path = files.certificate(settings);
    match files.leaf(settings) {
        // Renewed with a third of its life left: what ends so soon was not.
        Some(leaf) if leaf.ends - now.seconds() < (leaf.ends - leaf.begins) / 4 => {
            warnings.push(format!(
                "the certificate {} was not renewed in time",
                path.display()
            ));
        }
        _ => {}
    }
    if let Some(failure) = files.failure(settings) {
        let at = Timestamp::from_seconds(failure.at);
        let (times, why) = (failure.failures, failure.why);
        warnings.push(format!(
            "{times} orders of a certificate failed, the last at {at}: {why}"
        ));
    }
    warnings
}

fn of_time(certificate: &std::path::Path, leaf: &Leaf, now: Timestamp) -> Option<String> {
    let (begins, ends) = (
        Timestamp::from_seconds(leaf.begins),
        Timestamp::from_seconds(leaf.ends),
    );
    let path = certificate.display();
    let day = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    if ends <= now {
        return Some(format!("the certificate {path} ended on {}", day(ends)));
    }
    if now < begins {
        return Some(format!("the certificate {path} begins on {}", day(begins)));
    }
    (ends <= now.plus(SOON)).then(|| {
        let ends = day(ends);
        format!("the certificate {path} ends on {ends}: renew it")
    })
}
