//! Where a deployment keeps what it must remember besides its ledger.
//!
//! Owns `store` and `shared` of `[deployment]`: reading them, and opening or looking at what they
//! name. Refuses a URL
//! that stands in the file itself, and every address that could be taken over on the way.

use std::{
    fs::File,
    io::Read as _,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
};

use config::{
    Fault, Found, Table,
    secret::{SecretReference, Sources},
};
use control::Clock;
use store::{
    Address, Roots, Store,
    address::Kind,
    postgres::{CONNECTIONS, CONNECTIONS_LIMIT, Options, Outlook},
    shared::{Shared, redis},
};
use tokio::runtime::Handle;

use crate::failure::{Failure, io};

/// The longest bundle of authorities that is read.
const CA_LIMIT: u64 = 4 << 20;

/// What `store` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A file in the data folder.
    File,
    /// A schema on a server, which other nodes may use as well.
    Server(Server),
}

/// A server, with its secrets as references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    url: SecretReference,
    owner_url: Option<SecretReference>,
    ca: Option<PathBuf>,
    connections: NonZero<usize>,
}

/// What `shared` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nothing is shared with other nodes.
    Process,
    /// A Redis or Valkey server that every node uses.
    Server {
        url: SecretReference,
        ca: Option<PathBuf>,
    },
}

impl Sharing {
    /// Reads `shared` out of `[deployment]`. What is at fault is left behind as faults.
    pub(crate) fn read(deployment: &mut Table<'_>, folder: &Path, sources: &Sources) -> Self {
        let Some(mut table) = deployment.optional_table("shared") else {
            return Self::Process;
        };
        let url = table.required_secret("url");
        let ca = table.text("ca");
        if let Some(found) = &url {
            judge(&table, Kind::Redis, found, ca.is_some(), sources);
        }
        table.done();
        // Without a url, a fault says so.
        url.map_or(Self::Process, |url| Self::Server {
            url: url.value,
            ca: ca.map(|found| path(folder, &found.value)),
        })
    }

    /// Connects to what is shared, on the runtime of services. Blocks: not for async code.
    pub(crate) fn open(
        &self,
        deployment: &str,
        configuration: &Path,
        clock: Arc<dyn Clock>,
        service: &Handle,
    ) -> Result<Shared, Failure> {
        let Self::Server { url, ca } = self else {
            return Ok(Shared::in_process(clock));
        };
        let address = address(Kind::Redis, url, &Sources::of_process(configuration))?;
        let mut options = redis::Options::new(address, deployment, clock, service.clone());
        options.roots = ca.as_deref().map(authorities).transpose()?;
        service
            .block_on(Shared::connect(options))
            .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
    }
}

impl Storage {
    /// Reads `store` out of `[deployment]`. What is at fault is left behind as faults.
    pub(crate) fn read(deployment: &mut Table<'_>, folder: &Path, sources: &Sources) -> Self {
        if !deployment.holds_table("store") {
            deployment.one_of("store", &["sqlite"], "sqlite");
            return Self::File;
        }
        let mut table = deployment.table("store");
        let url = table.required_secret("url");
        let owner_url = table.secret("owner_url");
        let ca = table.text("ca");
        let most = u64::try_from(CONNECTIONS_LIMIT.get()).unwrap_or(u64::MAX);
        let connections = table.count_in("connections", 1..=most);
        for found in [&url, &owner_url].into_iter().flatten() {
            judge(&table, Kind::Postgres, found, ca.is_some(), sources);
        }
        table.done();
        let Some(url) = url else {
            // A fault says so.
            return Self::File;
        };
        Self::Server(Server {
            url: url.value,
            owner_url: owner_url.map(|found| found.value),
            ca: ca.map(|found| path(folder, &found.value)),
            connections: connections
                .and_then(|found| usize::try_from(found.value).ok())
                .and_then(NonZero::new)
                .unwrap_or(CONNECTIONS),
        })
    }

    /// Opens the store. Of a file, the caller holds the lock on the data folder.
    pub(crate) fn open(
        &self,
        data_dir: &Path,
        configuration: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, Failure> {
        let opened = match self {
            Self::File => Store::open(&data_dir.join("vouchsafe.db")),
            Self::Server(server) => Store::connect(&server.options(configuration, clock)?),
        };
        opened.map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
    }

    /// Asks a server whether it could be worked with, and changes nothing on it. `None` for a file:
    /// a running gate holds that.
    pub(crate) fn look(
        &self,
        configuration: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Outlook>, Failure> {
        let Self::Server(server) = self else {
            return Ok(None);
        };
        let options = server.options(configuration, clock)?;
        let outlook = store::postgres::look(&options)
            .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
        Ok(Some(outlook))
    }
}

impl Server {
    fn options(&self, configuration: &Path, clock: Arc<dyn Clock>) -> Result<Options, Failure> {
        let sources = Sources::of_process(configuration);
        let mut options = Options::new(address(Kind::Postgres, &self.url, &sources)?, clock);
        options.owner = self
            .owner_url
            .as_ref()
            .map(|url| address(Kind::Postgres, url, &sources))
            .transpose()?;
        options.roots = self.ca.as_deref().map(authorities).transpose()?;
        options.connections = self.connections;
        Ok(options)
    }
}

/// A file as the configuration names it, with or without `file:`.
fn path(folder: &Path, text: &str) -> PathBuf {
    folder.join(text.strip_prefix("file:").unwrap_or(text))
}

/// Leaves a fault where the URL behind a reference cannot be used.
fn judge(
    table: &Table<'_>,
    kind: Kind,
    found: &Found<SecretReference>,
    ca: bool,
    sources: &Sources,
) {
    let Some(url) = table.resolve(found, sources) else {
        return;
    };
    let (code, text, hint) = match Address::parse(kind, &url) {
        Ok(address) if address.needs_ca() && !ca => (
            "store.ca-missing",
            format!(
                "{} has to prove who it is, and no `ca` says who signs for it",
                address.place()
            ),
            "name the authority: ca = \"file:/etc/ssl/certs/ca-certificates.crt\" for a public one"
                .to_owned(),
        ),
        Ok(_) => return,
        Err(fault) => (fault.code(), fault.to_string(), fault.hint()),
    };
    table.fault(
        Fault::new(code, text)
            .at(found.span)
            .label("referred to here")
            .hint(hint),
    );
}

fn address(kind: Kind, reference: &SecretReference, sources: &Sources) -> Result<Address, Failure> {
    let url = sources
        .resolve(reference)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?;
    Address::parse(kind, &url).map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
}

fn authorities(path: &Path) -> Result<Roots, Failure> {
    let doing = format!("read `ca`, {}", path.display());
    let hint = "check the path and that this user may read it";
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(CA_LIMIT).read_to_end(&mut pem))
        .map_err(io(doing, hint))?;
    Roots::from_pem(&pem).map_err(|fault| Failure::new(fault.to_string(), fault.hint()))
}
