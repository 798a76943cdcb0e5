//! The configuration of this process, read whole.
//!
//! Owns the sections that belong to no crate below (`version`, `data_dir`, `[secrets]`,
//! `[log]`) and the order in which the others are read. Refuses a file with any fault, and shows all
//! of them at once. Two modes: resolved, for the gate, and unresolved, for verbs that must hold no
//! secret.

use std::path::{Path, PathBuf};

use config::{
    Document, Fault, Look,
    secret::{Mode, Sources},
};
use control::{Catalogue, Clock as _, SystemClock};
use gate::{Site, site::Surroundings};
use serde_json::Value;

use crate::{
    failure::Failure,
    storage::{Sharing, Storage},
};

/// A configuration without faults.
pub(crate) struct Loaded {
    /// The file.
    pub(crate) path: PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub(crate) digest: String,
    /// The file as a tree, secrets as references.
    pub(crate) tree: Value,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// Where keys and deliveries are kept.
    pub(crate) storage: Storage,
    /// Where nodes share what they forget.
    pub(crate) sharing: Sharing,
    /// What the gate runs; absent where secrets are not resolved.
    pub(crate) site: Option<Site>,
    /// How the ledger is kept.
    pub(crate) ledger: ledger::Section,
    /// Waivers and observers.
    pub(crate) settings: prove::Settings,
    /// Where connections to the outside may go.
    pub(crate) connect: connect::Section,
    /// Where alerts go, where any are sent; absent where secrets are not resolved.
    pub(crate) alerts: Option<hooks::alerts::Settings>,
    /// File of our own log lines; standard error when absent.
    pub(crate) log: Option<PathBuf>,
    /// Folder that relative paths start from.
    pub(crate) folder: PathBuf,
}

/// Reads the file with its secrets.
pub(crate) fn resolved(path: &Path) -> Result<Loaded, Failure> {
    let document = Document::load(path).map_err(faulty)?;
    read(path, document, &Sources::of_process(path))
}

/// Reads the file and no secret.
pub(crate) fn unresolved(path: &Path) -> Result<Loaded, Failure> {
    let document = Document::load(path).map_err(faulty)?;
    read(path, document, &Sources::unresolved())
}

/// Reads `text` as if it stood in `path`.
pub(crate) fn check_text(path: &Path, text: &str) -> Result<(), Failure> {
    let document = Document::parse(path.display().to_string(), text);
    read(path, document, &Sources::unresolved()).map(|_| ())
}

fn faulty(faults: config::Faults) -> Failure {
    use std::io::IsTerminal as _;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Failure::rendered(faults.render(Look::Drawn { colour }))
}

fn read(path: &Path, mut document: Document, sources: &Sources) -> Result<Loaded, Failure> {
    let catalogue = Catalogue::built_in()
        .map_err(|fault| Failure::new(fault.to_string(), "this build is damaged: install again"))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut root = document.root();
    if let Some(version) = root.count("version")
        && version.value != 1
    {
        root.fault(
            Fault::new(
                "config.version",
                format!("version {} is not known", version.value),
            )
            .at(version.span)
            .hint("this build reads version = 1"),
        );
    }
    let secrets = read_secrets(&mut root, sources);
    let mut ledger_table = root.table("ledger");
    let mut ledger = ledger::Section::read(&mut ledger_table);
    ledger.second_place = ledger.second_place.map(|place| folder.join(place));
    ledger_table.done();
    let now = SystemClock::new().now();
    let settings = prove::Settings::read(&mut root, &catalogue, now);
    let mut connect = connect::Section::read(&mut root, now);
    connect.roots = connect.roots.map(|roots| folder.join(roots));
    let alerts = hooks::alerts::section::read(&mut root, sources);
    let mut log_table = root.table("log");
    let log = log_table.text("file").map(|file| folder.join(file.value));
    log_table.done();
    let mut deployment = root.required_table("deployment");
    let data_dir = deployment
        .text("data_dir")
        .map_or_else(|| "data".to_owned(), |dir| dir.value);
    let storage = Storage::read(&mut deployment, &folder, sources);
    let sharing = Sharing::read(&mut deployment, &folder, sources);
    let surroundings = Surroundings {
        sources,
        secrets: &secrets,
        durable: ledger.durability == ledger::Durability::Sync,
        now,
    };
    let site = Site::read(&mut root, &mut deployment, &surroundings);
    deployment.done();
    root.done();
    document.finish().map_err(faulty)?;
    let site = match (site, sources.mode()) {
        (Some(site), Mode::Resolved) => Some(site),
        (_, Mode::Unresolved) => None,
        // The gate read no site and named no fault: never serve what was not understood.
        (None, Mode::Resolved) => {
            return Err(Failure::new(
                "the configuration was not understood",
                "report this as a defect",
            ));
        }
    };
    let orders = |site: &Site| site.listeners().iter().any(|it| it.order().is_some());
    if site.as_ref().is_some_and(orders) && sharing != Sharing::Process {
        return Err(Failure::new(
            "several nodes cannot order one certificate: an authority's question comes to any of them",
            "let another program order it, and name its files in the tls of [[listen]]",
        ));
    }
    Ok(Loaded {
        path: path.to_owned(),
        digest: seal::encode::hex(&seal::sha256(document.text().as_bytes())),
        tree: document.tree(),
        data_dir: folder.join(data_dir),
        storage,
        sharing,
        site,
        ledger,
        settings,
        connect,
        alerts,
        log,
        folder,
    })
}

fn read_secrets(root: &mut config::Table<'_>, sources: &Sources) -> hooks::source::Secrets {
    let mut table = root.table("secrets");
    let mut secrets = hooks::source::Secrets::new();
    for name in table.keys() {
        let Some(reference) = table.secret(&name.value) else {
            secrets.insert(name.value, None);
            continue;
        };
        let secret = match (sources.mode(), sources.resolve(&reference.value)) {
            (Mode::Unresolved, _) => None,
            (Mode::Resolved, Ok(secret)) => Some(secret),
            (Mode::Resolved, Err(fault)) => {
                table.fault(
                    Fault::new(fault.code(), fault.to_string())
                        .at(reference.span)
                        .hint(fault.hint()),
                );
                None
            }
        };
        secrets.insert(name.value, secret);
    }
    table.done();
    secrets
}
