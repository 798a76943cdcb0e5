//! The certificates that listeners show.
//!
//! Owns where they come from: the files that the configuration names, or the pair of our own making in the
//! data folder, which is made here when it is needed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use config::secret::Sources;
use control::{Secret, Timestamp};
use gate::{
    Site,
    serve::{
        self,
        certificate::{self, Pair},
    },
    site::listen::Certificate,
};
use rustls::ServerConfig;

use crate::failure::{Failure, io};

/// The certificate of each listener that speaks TLS. One of our own making is looked for in the folder
/// given, and made there where it does not serve at that moment; without a folder it is left out.
pub(crate) fn certificates(
    site: &Site,
    configuration: &Path,
    own: Option<(&Path, Timestamp)>,
) -> Result<Vec<Option<Arc<ServerConfig>>>, Failure> {
    let sources = Sources::of_process(configuration);
    site.listeners()
        .iter()
        .map(|listen| {
            let Some(tls) = &listen.tls else {
                return Ok(None);
            };
            let (certificate, key) = match &tls.certificate {
                Certificate::Files { certificate, key } => {
                    let key = sources
                        .resolve(key)
                        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
                    (certificate.clone(), key)
                }
                Certificate::SelfSigned => match own {
                    Some((data_dir, now)) => self_signed(site, data_dir, now)?,
                    None => return Ok(None),
                },
            };
            serve::tls::load(&certificate, &key, tls.minimum)
                .map(|loaded| match tls.http2 {
                    true => Some(serve::h2::offer(loaded)),
                    false => Some(loaded),
                })
                .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
        })
        .collect()
}

/// The certificate of our own making in the data folder, made anew where it does not serve.
fn self_signed(site: &Site, data_dir: &Path, now: Timestamp) -> Result<(PathBuf, Secret), Failure> {
    let deployment = site.deployment();
    let hosts = std::iter::once(&deployment.public_url.host).chain(&deployment.hosts);
    let names = hosts
        .map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase())
        .collect();
    let pair = Pair::in_folder(data_dir);
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
    Ok((pair.certificate, key))
}
