//! What it takes that people can log in.
//!
//! Owns the wiring of sessions and provider, and what of the configuration they were made from.
//! Changing that needs a restart.

use std::sync::Arc;

use connect::{Client, Dns, client::Limits};
use control::{Clock, Rng};
use identity::{
    Sessions,
    oidc::{Provider, Settings},
};

use crate::{commands::egress, failure::Failure, load::Loaded};

/// Sessions and the provider of `settings`. Nobody is asked yet.
pub(crate) fn open(
    loaded: &Loaded,
    settings: Settings,
    store: &store::Store,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<(Sessions, Provider), Failure> {
    let tls = connect::tls::config(loaded.connect.roots.as_deref(), Arc::clone(clock))
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let resolver = Dns::of_system(loaded.connect.hosts_file).map_err(|cause| {
        Failure::new(
            format!("the name servers cannot be read: {cause}"),
            "people log in at a provider that has a name: check /etc/resolv.conf",
        )
    })?;
    let client = Client::new(
        egress::policy(loaded)?,
        Box::new(resolver),
        tls,
        Arc::clone(clock),
        Limits::default(),
    );
    let provider = Provider::new(
        settings,
        client,
        store.clone(),
        Arc::clone(clock),
        Arc::clone(rng),
    );
    Ok((Sessions::new(store.clone(), Arc::clone(clock)), provider))
}

/// What of a configuration sessions and provider are made from, to see whether it changed.
pub(crate) fn made_from(loaded: &Loaded) -> String {
    let parts = ["/login", "/connect", "/deployment/public_url"];
    let part = |pointer: &str| loaded.tree.pointer(pointer).map(ToString::to_string);
    parts
        .map(|pointer| part(pointer).unwrap_or_default())
        .join("\n")
}
