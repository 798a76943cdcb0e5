//! What every benchmark of a running gate needs around it.
//!
//! Owns the folder that goes with its benchmark, the certificate, the key, and waiting until a server
//! answers.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::process::Running;
use crate::{command, failure::Failure};

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// An empty folder, whatever was there before.
    pub(super) fn fresh(path: PathBuf) -> Result<Self, Failure> {
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).map_err(|cause| Failure::io(&path, &cause))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|cause| Failure::io(path, &cause))
}

/// Lets nobody else read a file.
pub(super) fn private(path: &Path) -> Result<(), Failure> {
    let owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owner).map_err(|cause| Failure::io(path, &cause))
}

/// Puts the certificate that all servers show into `folder`.
pub(super) fn create_certificate(load: &Path, folder: &Path) -> Result<(), Failure> {
    let mut create = command::command(folder, load, &["certificate", "."]);
    let said = command::listen(&mut create, Duration::from_secs(20))?;
    said.success.then_some(()).ok_or_else(|| {
        Failure::stuck(
            "the load generator made no certificate",
            command::last_lines(&said.stderr, 5),
        )
    })
}

/// Starts the origin that reads what it is sent; it says where it listens.
pub(super) fn origin(load: &Path, folder: &Path) -> Result<(Running, SocketAddr), Failure> {
    let talk = folder.join("origin.talk");
    let running = Running::start(folder, load, &["origin"], &talk)?;
    let address = await_ready(&running, &talk, || {
        let text = std::fs::read_to_string(&talk).ok()?;
        let said = serde_json::from_str::<Value>(&text).ok()?;
        said.get("address")?.as_str()?.parse().ok()
    })?;
    Ok((running, address))
}

/// A running gate of ours.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) running: Running,
    pub(super) address: SocketAddr,
    /// Where it speaks TLS: its second listener.
    pub(super) secure: SocketAddr,
    pub(super) admin: PathBuf,
}

/// Starts the product with `vouchsafe.toml` in `folder`: it takes its ports itself and says which.
pub(super) fn up(binary: &Path, folder: &Path) -> Result<Up, Failure> {
    let talk = folder.join("talk");
    let arguments = ["up", "--config", "vouchsafe.toml", "--ready-file", "ready"];
    let running = Running::start(folder, binary, &arguments, &talk)?;
    let ready = await_ready(&running, &talk, || {
        let text = std::fs::read_to_string(folder.join("ready")).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    })?;
    let address = |path: &str| ready.pointer(path)?.as_str()?.parse().ok();
    let admin = ready.get("admin").and_then(Value::as_str);
    let (Some(plain), Some(secure), Some(admin)) = (address("/gate/0"), address("/gate/1"), admin)
    else {
        return Err(Failure::stuck(
            format!("the ready file does not say where the gate listens: {ready}"),
            "mend `vouchsafe up`",
        ));
    };
    Ok(Up {
        running,
        address: plain,
        secure,
        admin: PathBuf::from(admin.trim_start_matches("unix:")),
    })
}

/// A key for `GET /api` with the role `reader`.
pub(crate) fn create_key(binary: &Path, folder: &Path) -> Result<String, Failure> {
    let mut create = command::command(folder, binary, &["key", "create"]);
    create
        .args(["--config", "vouchsafe.toml", "--name", "bench"])
        .args(["--scope", "GET /api", "--role", "reader"])
        .args(["--format", "json"]);
    let said = command::listen(&mut create, Duration::from_secs(20))?;
    let made = serde_json::from_str::<Value>(&said.stdout).ok();
    made.as_ref()
        .and_then(|made| made.get("key")?.as_str())
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::stuck(
                "`vouchsafe key create` made no key",
                command::last_lines(&said.stderr, 5),
            )
        })
}

/// Asks again and again until there is an answer or the server has ended.
pub(crate) fn await_ready<T>(
    running: &Running,
    talk: &Path,
    mut ask: impl FnMut() -> Option<T>,
) -> Result<T, Failure> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut left = Duration::from_secs(20);
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if running.ended() || left.is_zero() {
            let said = std::fs::read_to_string(talk).unwrap_or_default();
            return Err(Failure::stuck(
                "a server did not start",
                format!("it said: {}", command::last_lines(&said, 10)),
            ));
        }
        thread::sleep(PAUSE);
        left = left.saturating_sub(PAUSE);
    }
}
