//! What it takes that people can log in.
//!
//! Owns the wiring of sessions, provider and local accounts, and what of the configuration they and
//! alerts were made from. Changing that needs a restart.

use std::{path::Path, sync::Arc};

use connect::{Client, Dns, client::Limits};
use control::{Clock, Rng};
use gate::Site;
use identity::{
    Sessions,
    account::{Accounts, Door, Terms},
    lockout::Lockout,
    oidc::{Provider, Settings},
    password::hash::Cost,
};
use store::{Store, shared::Shared, visitors::Visitors};

use crate::{commands::egress, failure::Failure, load::Loaded};

/// Those by whom people come in.
pub(crate) struct People {
    pub(crate) sessions: Sessions,
    pub(crate) provider: Option<Provider>,
    pub(crate) door: Option<Door>,
}

/// What people of this site need, if any log in. Nobody is asked yet.
pub(crate) fn open(
    loaded: &Loaded,
    site: &Site,
    store: &Store,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Option<People>, Failure> {
    let (login, accounts) = (site.login().cloned(), site.accounts());
    if login.is_none() && accounts.is_none() {
        return Ok(None);
    }
    let visitors = Visitors::new(store.clone(), shared.clone());
    let provider = login.map(|login| provider(loaded, login, &visitors, clock, rng));
    let deployment = site.deployment();
    let door = accounts.map(|settings| {
        let terms = Terms {
            link: settings.link,
            shortest: settings.shortest,
            documented: settings.documented.clone(),
            place: vec![
                deployment.name.to_string(),
                deployment.public_url.host.to_string(),
            ],
        };
        let accounts = Accounts::new(store.clone(), Cost::OURS, terms);
        let (account, address) = (settings.of_account(), settings.of_address());
        let lockout = Lockout::new(shared.clone(), account, address);
        Door::new(accounts, lockout, Arc::clone(rng))
    });
    Ok(Some(People {
        sessions: Sessions::new(visitors, Arc::clone(clock)),
        provider: provider.transpose()?,
        door,
    }))
}

/// The provider of `settings`.
fn provider(
    loaded: &Loaded,
    settings: Settings,
    visitors: &Visitors,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Provider, Failure> {
    Ok(Provider::new(
        settings,
        client(loaded, clock)?,
        visitors.clone(),
        Arc::clone(clock),
        Arc::clone(rng),
    ))
}

/// Whether any issuer of `site` is to be asked for its keys.
pub(crate) fn asks(site: &Site) -> bool {
    site.issuers()
        .iter()
        .any(identity::token::Issuer::publishes)
}

/// What asks providers and issuers.
pub(crate) fn client(loaded: &Loaded, clock: &Arc<dyn Clock>) -> Result<Client, Failure> {
    client_of(loaded, loaded.connect.roots.as_deref(), clock)
}

/// The same under the public roots and those of a file.
pub(crate) fn client_of(
    loaded: &Loaded,
    roots: Option<&Path>,
    clock: &Arc<dyn Clock>,
) -> Result<Client, Failure> {
    let tls = connect::tls::config(roots, Arc::clone(clock))
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    let resolver = Dns::of_system(loaded.connect.hosts_file).map_err(|cause| {
        Failure::new(
            format!("the name servers cannot be read: {cause}"),
            "whoever vouches for people has a name: check /etc/resolv.conf",
        )
    })?;
    Ok(Client::new(
        egress::policy(loaded)?,
        Box::new(resolver),
        tls,
        Arc::clone(clock),
        Limits::default(),
    ))
}

/// What of a configuration all of this is made from, and what sends alerts, to see whether it changed.
pub(crate) fn made_from(loaded: &Loaded) -> String {
    let part = |pointer: &str| loaded.tree.pointer(pointer).map(ToString::to_string);
    let mut parts = vec![
        "/login",
        "/accounts",
        "/alerts",
        "/connect",
        "/deployment/public_url",
    ];
    if part("/accounts").is_some() {
        // No password may resemble it.
        parts.push("/deployment/name");
    }
    let parts = parts.into_iter().map(|it| part(it).unwrap_or_default());
    parts.collect::<Vec<_>>().join("\n")
}
