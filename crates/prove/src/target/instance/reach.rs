//! The way to an instance: what it takes, what it names, and why it cannot be asked.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{
    Clock, Rng,
    probe::{Facts, TargetError},
};
use serde_json::Value;

use crate::{admin::AdminError, settings::Observer, target::dial::Dialer};

/// The certificate of the gate's own making, in its data folder.
const SELF_SIGNED: &str = "self-signed.pem";

/// How an instance is reached.
pub struct Reach {
    /// Its admin socket.
    pub socket: PathBuf,
    /// The configuration as a tree.
    pub configuration: Value,
    /// SHA-256 of the configuration file, hexadecimal; `None` for a child, which was just given it.
    pub configuration_sha256: Option<String>,
    /// The folder the configuration's relative paths start from.
    pub folder: PathBuf,
    /// Where side effects show.
    pub observers: Vec<Observer>,
    /// The program that starts children.
    pub executable: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub rng: Arc<dyn Rng>,
}

/// The instance cannot be asked; the proof ends with 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// Nothing runs, or it does not answer as an instance does.
    #[error("{0}\n  hint: start it with `vouchsafe up`, as the same user")]
    Nobody(AdminError),
    /// Another configuration runs than the one in the file.
    #[error(
        "the instance runs another configuration than the file\n  hint: run `vouchsafe reload`, then prove again"
    )]
    OtherConfiguration,
    /// The configuration or the answer lacks what a prober needs.
    #[error("{0}\n  hint: run `vouchsafe check`")]
    Unusable(TargetError),
}

pub(super) fn listeners(about: &Value) -> Result<Vec<SocketAddr>, TargetError> {
    const DOING: &str = "ask for the listeners";
    let gate: Vec<SocketAddr> = about
        .get("gate")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|address| address.as_str()?.parse().ok())
        .collect();
    if gate.is_empty() {
        return Err(TargetError::new(DOING, "the instance names none"));
    }
    Ok(gate)
}

/// How each listener is spoken to, in the order of the configuration.
pub(super) fn dialers(reach: &Reach, facts: &Facts) -> Result<Vec<Dialer>, TargetError> {
    let tables = reach.configuration.get("listen").and_then(Value::as_array);
    let tables = tables.map_or(&[][..], Vec::as_slice);
    let at = |(number, address): (usize, &SocketAddr)| {
        let tls = tables.get(number).and_then(|table| table.get("tls"));
        let clock = Arc::clone(&reach.clock);
        match tls.map(|tls| certificate(reach, tls)) {
            None => Ok(Dialer::plain(*address, clock)),
            Some(file) => Dialer::tls(*address, &facts.public_host, &file, clock),
        }
    };
    facts.gate.iter().enumerate().map(at).collect()
}

/// The number of the listener that is attacked: the first that does more than send people away.
pub(super) fn main_listener(configuration: &Value) -> usize {
    let tables = configuration.get("listen").and_then(Value::as_array);
    let serves = |table: &Value| table.get("redirect").and_then(Value::as_bool) != Some(true);
    let first = tables.and_then(|tables| tables.iter().position(serves));
    first.unwrap_or_default()
}

/// The file with the certificate of a listener.
fn certificate(reach: &Reach, tls: &Value) -> PathBuf {
    let own = || {
        let data = reach.configuration.pointer("/deployment/data_dir");
        let data = data.and_then(Value::as_str).unwrap_or("data");
        reach.folder.join(data).join(SELF_SIGNED)
    };
    match tls.get("certificate").and_then(Value::as_str) {
        Some(file) => reach.folder.join(Path::new(file)),
        None => own(),
    }
}
