//! The login provider of a demo.
//!
//! Owns a process of Node that runs a certified OpenID provider for people who do not exist, the folder
//! its packages lie in, and what a configuration must say to send people there. Installs nothing: without
//! Node or the packages it says what to run.

use std::{
    fs::File,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use control::{Clock, Secret};
use savings_analysis::{PROVIDER, PROVIDER_PACKAGES};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{
    stage::{Process, named, text_of},
    system::LOGIN_SECRET,
};
use crate::{
    commands::demo::waived_until,
    failure::{Failure, io},
};

/// The package that must be there.
const PACKAGE: &str = "node_modules/oidc-provider/package.json";

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running provider; ends when dropped.
pub(crate) struct Provider {
    issuer: String,
    address: SocketAddr,
    _process: Process,
}

impl Provider {
    /// Starts it, for browsers that come back to `redirect`, in a folder of its own. `packages` names
    /// where it is installed, if that is not the usual place.
    pub(super) fn start(
        folder: &Path,
        packages: Option<&Path>,
        (redirect, known, secret): (&str, &Value, &Secret),
        clock: &dyn Clock,
    ) -> Result<Self, Failure> {
        let packages = installed(packages)?;
        let hint = "free some space in the temporary folder, or set TMPDIR";
        let (script, said) = (folder.join("provider.mjs"), folder.join("provider.err"));
        std::fs::write(&script, PROVIDER).map_err(io("write the provider's script", hint))?;
        let output = File::create(&said).map_err(io("make a file", hint))?;
        let mut command = Command::new("node");
        command
            .arg(&script)
            .arg(&packages)
            .arg(redirect)
            .arg(known.to_string())
            .env("PROVIDER_CLIENT_SECRET", text_of(secret))
            .stderr(output);
        let mut process = Process::start(&mut command)?;
        let issuer = process.wait_for("the login provider", PATIENCE, clock, || {
            let said = std::fs::read_to_string(&said).ok()?;
            let line = said.lines().find_map(|line| line.strip_prefix("issuer "));
            line.map(str::to_owned)
        })?;
        let address = issuer
            .strip_prefix("http://")
            .and_then(|it| it.parse().ok());
        Ok(Self {
            address: address.ok_or_else(|| {
                Failure::new(
                    "the login provider named no address",
                    "report this as a defect",
                )
            })?,
            issuer,
            _process: process,
        })
    }

    /// Its name, which is its address as well.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Where people log in, and the address they come back to, which the provider is told beforehand.
pub(super) struct People {
    pub(super) provider: Provider,
    listen: SocketAddr,
    /// Bound to `listen`, so that nobody is given it before the gate listens there.
    _held: TcpSocket,
}

impl People {
    pub(super) fn start(
        folder: &Path,
        packages: Option<&Path>,
        known: &Value,
        secrets: &[(&'static str, Secret)],
        clock: &dyn Clock,
    ) -> Result<Self, Failure> {
        let (held, listen) =
            hold().map_err(io("find a free port", "free some ports of loopback"))?;
        let redirect = format!("{}/.vouchsafe/callback", public_url(listen));
        let secret = named(secrets, LOGIN_SECRET)?;
        let provider = Provider::start(folder, packages, (&redirect, known, secret), clock)?;
        Ok(Self {
            provider,
            listen,
            _held: held,
        })
    }

    /// Has the gate listen there, and send people to the provider.
    pub(super) fn take_over(&self, tree: &mut Value, clock: &dyn Clock) {
        let until = waived_until(clock.now()).to_string();
        let exception = json!({
            "host": "127.0.0.1",
            "network": "127.0.0.0/8",
            "port": self.provider.address().port(),
            "reason": "the login provider of a demo",
            "until": until.get(..10).unwrap_or_default(),
        });
        for (pointer, value) in [
            ("/listen/0/address", self.listen.to_string()),
            ("/deployment/public_url", public_url(self.listen)),
            ("/login/issuer", self.provider.issuer().to_owned()),
        ] {
            if let Some(slot) = tree.pointer_mut(pointer) {
                *slot = value.into();
            }
        }
        if let Some(root) = tree.as_object_mut() {
            root.insert("connect".to_owned(), json!({ "exception": [exception] }));
        }
    }
}

/// A free port of loopback, kept free for a listener that names it: the kernel gives it to nobody who asks
/// for any, and lets in who says `SO_REUSEADDR`, as the gate does (socket(7)).
fn hold() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// The address of a gate that people of this machine open.
fn public_url(listen: SocketAddr) -> String {
    format!("https://localhost:{}", listen.port())
}

/// The folder with its packages, where Node is there to run them.
fn installed(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match given {
        Some(folder) => folder.to_owned(),
        None => usual_place()?,
    };
    let install = format!(
        "npm ci --ignore-scripts --no-audit --no-fund --prefix {}",
        folder.display()
    );
    let version = Command::new("node")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(cause) = version {
        let what = match cause.kind() {
            ErrorKind::NotFound => "this demo needs Node, which is not there".to_owned(),
            _ => format!("Node cannot be started: {cause}"),
        };
        let hint = format!("install Node 20 or newer, then run: {install}");
        return Err(Failure::new(what, hint));
    }
    if folder.join(PACKAGE).is_file() {
        return Ok(folder);
    }
    if given.is_none() {
        lay_down(&folder)?;
    }
    Err(Failure::new(
        "this demo needs a login provider, whose packages are not installed",
        format!("run: {install}"),
    ))
}

/// Where the packages of this build lie unless somebody says otherwise.
fn usual_place() -> Result<PathBuf, Failure> {
    let named = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty());
    let cache = named("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let cache = cache.ok_or_else(|| {
        Failure::new(
            "there is no home folder",
            "name the packages with --provider FOLDER",
        )
    })?;
    let all: String = PROVIDER_PACKAGES.iter().map(|(_, text)| *text).collect();
    let mut digest = seal::encode::hex(&seal::sha256(all.as_bytes()));
    digest.truncate(16);
    Ok(cache.join("vouchsafe").join(format!("provider-{digest}")))
}

/// Writes what npm reads, so that one command installs exactly the packages of this build.
fn lay_down(folder: &Path) -> Result<(), Failure> {
    let hint = "name another folder with --provider FOLDER";
    let doing = format!("write into {}", folder.display());
    std::fs::create_dir_all(folder).map_err(io(&doing, hint))?;
    for (name, text) in PROVIDER_PACKAGES {
        std::fs::write(folder.join(name), text).map_err(io(&doing, hint))?;
    }
    Ok(())
}
