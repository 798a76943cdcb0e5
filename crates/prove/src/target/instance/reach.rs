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

pub(super) fn dialer(reach: &Reach, facts: &Facts) -> Result<Dialer, TargetError> {
    let first = facts
        .gate
        .first()
        .copied()
        .ok_or_else(|| TargetError::new("dial the gate", "there is no listener"))?;
    let clock = Arc::clone(&reach.clock);
    let certificate = reach
        .configuration
        .pointer("/listen/0/tls/certificate")
        .and_then(Value::as_str);
    match certificate {
        None => Ok(Dialer::plain(first, clock)),
        Some(file) => Dialer::tls(
            first,
            &facts.public_host,
            &reach.folder.join(Path::new(file)),
            clock,
        ),
    }
}
