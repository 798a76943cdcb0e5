//! `check`: says whether a configuration would start. Does everything but listen: a server that is
//! configured is asked, and nothing on it is changed.

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use control::{Clock as _, SystemClock, Timestamp};
use gate::{
    serve::certificate::{self, SOON},
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
        super::up::certificates(site, &args.config, None)?;
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
            warnings.extend(of_certificate(&tls.certificate, site, now));
        }
    }
    let of_files = site.warnings().into_iter();
    let of_files = of_files.filter(|warning| warning.code.starts_with("files."));
    warnings.extend(of_files.map(|it| format!("{}: {}", it.message, it.hint)));
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
    match prove::target::facts::read(&loaded.tree, Vec::new()) {
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

/// What is wrong with a certificate, or soon will be.
fn of_certificate(certificate: &Certificate, site: &gate::Site, now: Timestamp) -> Option<String> {
    let Certificate::Files { certificate, .. } = certificate else {
        let what = "a listener shows a certificate that we sign ourselves: no browser believes it";
        let public = site.deployment().public_url.host.as_ref();
        return (!["localhost", "127.0.0.1", "[::1]"].contains(&public)).then(|| what.to_owned());
    };
    let leaf = certificate::leaf(certificate).ok()?;
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
    if ends <= now.plus(SOON) {
        let ends = day(ends);
        return Some(format!(
            "the certificate {path} ends on {ends}: renew it and reload"
        ));
    }
    let host = site.deployment().public_url.host.trim_matches(['[', ']']);
    (!leaf.is_for(host)).then(|| format!("the certificate {path} is not for {host}"))
}
