//! `key create|list|revoke`: over the admin socket of a running gate, else on the store itself.
//!
//! Owns the choice between both and the reading of arguments. Offline, the lock on the data folder
//! makes sure that no gate runs beside; a running gate takes part in every change.

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use control::{Clock as _, SystemClock, SystemRng};
use prove::admin::AdminError;
use serde_json::{Value, json};

use super::{Format, print, roles};
use crate::{
    admin,
    failure::Failure,
    load::{self, Loaded},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key; it is shown once and never again
    Create(Create),
    /// List the keys by their public prefix
    List(List),
    /// Revoke a key; a running gate refuses it from the next request on
    Revoke(Revoke),
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// What people call it
    #[arg(long)]
    name: String,
    /// Methods and a path, such as 'GET,POST /api'; repeat it. No scope is no access
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// Every method on every path
    #[arg(long, conflicts_with = "scopes")]
    all: bool,
    /// A role; repeat it
    #[arg(long = "role")]
    roles: Vec<String>,
    /// Tenant
    #[arg(long)]
    tenant: Option<String>,
    /// How long it lives, such as 90d; without end when absent
    #[arg(long)]
    expires: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Revoke {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Public prefix of the key
    id: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Create(args) => create(args),
        Command::List(args) => list(args),
        Command::Revoke(args) => revoke(args),
    }
}

/// Asks the running gate; without one, does it on the store.
fn ask_or(
    loaded: &Loaded,
    ask: impl FnOnce(&prove::admin::Admin) -> Result<Value, AdminError>,
    offline: impl FnOnce(&identity::Keys) -> Result<Value, identity::KeysFault>,
) -> Result<Value, Failure> {
    match ask(&admin::client(loaded)) {
        Err(AdminError::Nobody { .. }) => {}
        answered => return answered.map_err(admin::unanswered),
    }
    let (_lock, store) = super::up::open_data(loaded, Arc::new(SystemClock::new()))?;
    let faulty = |fault: identity::KeysFault| Failure::new(fault.to_string(), fault.hint());
    let keys = identity::Keys::open(store).map_err(faulty)?;
    offline(&keys).map_err(faulty)
}

/// Says of a change to the store that no ledger has it: the gate alone writes one, and none runs here.
fn unwritten(what: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "note: no gate runs here, so no ledger says that this key was {what}"
    );
}

fn create(args: &Create) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    roles::known(&loaded, &args.roles)?;
    let lifetime = args.expires.as_deref().map(lifetime).transpose()?;
    let wish = json!({
        "name": args.name,
        "scopes": args.scopes,
        "all": args.all,
        "roles": args.roles,
        "tenant": args.tenant,
        "expires_seconds": lifetime.map(|life| life.as_secs()),
    });
    let new = identity::NewKey {
        name: args.name.clone(),
        scopes: args.scopes.clone(),
        all: args.all,
        roles: args.roles.clone(),
        tenant: args.tenant.clone(),
        lifetime,
    };
    let made = ask_or(
        &loaded,
        |admin| admin.post("/v1/keys", &wish),
        |keys| {
            let minted = keys.create(&new, SystemClock::new().now(), &SystemRng)?;
            unwritten("made");
            Ok(json!({ "id": minted.id.as_str(), "key": minted.key.expose() }))
        },
    )?;
    let text = |name: &str| {
        made.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if args.scopes.is_empty() && !args.all {
        let _ = writeln!(
            std::io::stderr(),
            "note: this key may do nothing yet; give it a --scope such as 'GET,POST /api'"
        );
    }
    let line = match args.format {
        Format::Json => json!({ "id": text("id"), "key": text("key") }).to_string(),
        Format::Text => {
            let _ = writeln!(
                std::io::stderr(),
                "key {}; it is shown now and never again:",
                text("id")
            );
            text("key")
        }
    };
    // Whoever reads our output, `head` included, has not seen the key if this fails.
    writeln!(std::io::stdout(), "{line}").map_err(|cause| {
        Failure::new(
            format!(
                "key {} was made and could not be shown: {cause}",
                text("id")
            ),
            format!(
                "nobody can use it; run: vouchsafe key revoke {}",
                text("id")
            ),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn lifetime(text: &str) -> Result<Duration, Failure> {
    config::quantity::duration(text).ok_or_else(|| {
        Failure::new(
            format!("{text} is not a length of time"),
            "write it as 90d, 12h or 30m",
        )
    })
}

/// Every key, as the running gate or the store lists it.
pub(super) fn listed(loaded: &Loaded) -> Result<Value, Failure> {
    ask_or(
        loaded,
        |admin| admin.get("/v1/keys"),
        |keys| Ok(json!({ "keys": keys.list()? })),
    )
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    let listed = listed(&load::unresolved(&args.config)?)?;
    if args.format == Format::Json {
        return print(&listed.to_string());
    }
    let rows = listed
        .get("keys")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut text = format!(
        "{:<13} {:<20} {:<25} {:<25} scopes and roles",
        "id", "name", "last used", "state"
    );
    for row in &rows {
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-");
        let words = |name: &str| -> String {
            let list = row
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            list.iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join("; ")
        };
        let state = match (field("revoked"), field("expires")) {
            ("-", "-") => "valid".to_owned(),
            ("-", expires) => format!("until {expires}"),
            (revoked, _) => format!("revoked {revoked}"),
        };
        text.push_str(&format!(
            "\n{:<13} {:<20} {:<25} {state:<25} {} {}",
            field("id"),
            field("name"),
            field("last_used"),
            words("scopes"),
            words("roles")
        ));
    }
    print(&text)
}

fn revoke(args: &Revoke) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let revoked = ask_or(
        &loaded,
        |admin| admin.delete(&format!("/v1/keys/{}", url_safe(&args.id)?)),
        |keys| {
            let id = keys.revoke(&args.id, SystemClock::new().now())?;
            unwritten("revoked");
            Ok(json!({ "id": id.as_str() }))
        },
    )?;
    let id = revoked
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "revoked {id}");
    Ok(ExitCode::SUCCESS)
}

/// An id that can stand in a path as it is. Anything else is no id, and perhaps a whole key pasted
/// by mistake: it is not sent anywhere.
fn url_safe(id: &str) -> Result<&str, AdminError> {
    identity::KeyId::new(id)
        .map(|_| id)
        .ok_or_else(|| AdminError::Refused {
            status: 400,
            error: "that is not the public prefix of a key".to_owned(),
            hint: Some("see vouchsafe key list".to_owned()),
        })
}
