//! Mixed traffic for a long time: `load soak`.
//!
//! Owns the kinds of clients that a gate meets at once, how many there are of each and how fast they
//! are, and the account of what they were answered: every answer is either the one that is right for
//! its kind or is told. Knows of the gate only what its operator would tell a tester: addresses, a
//! key, a webhook secret.

mod account;
mod client;
mod rough;

use std::{io, net::SocketAddr, path::PathBuf, rc::Rc, time::Duration};

use serde::Deserialize;
use tokio::task::LocalSet;

use self::{account::Account, client::Visitor};
use crate::clock::clock;

pub(crate) use account::Told;

/// What the traffic needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    address: SocketAddr,
    /// Where TLS is spoken.
    secure: SocketAddr,
    /// The certificate to trust, PEM.
    certificate: PathBuf,
    /// The name to ask for.
    host: String,
    /// A key for `GET /api`.
    key: String,
    /// The secret of the GitHub webhook at `/hook`.
    secret: String,
    seconds: f64,
}

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Requests with a key over a kept connection.
    Keyed,
    /// The same over TLS, each on a connection of its own.
    KeyedOverTls,
    /// The same route without a key.
    Keyless,
    /// A key that does not cover the method.
    OutOfScope,
    /// A name that is not ours.
    ForeignHost,
    /// A path that no route governs.
    Nowhere,
    /// A signed delivery, each with a body of its own.
    Delivery,
    /// A delivery that was made before.
    Repeated,
    /// A delivery whose signature is wrong.
    Forged,
    /// A body with its length, and in chunks.
    Upload,
    /// A body that is announced to be too long.
    TooLong,
    /// An answer of a mebibyte, read slowly.
    SlowReader,
    /// A request that comes a few bytes at a time.
    SlowWriter,
    /// An event stream, to its end.
    Events,
    /// A WebSocket with a score of messages.
    WebSocket,
    /// A client that leaves in the middle of a request or of its answer.
    Aborted,
    /// What no parser should take for a request.
    Garbage,
}

impl Kind {
    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Keyed => "with a key",
            Self::KeyedOverTls => "with a key, new TLS connection",
            Self::Keyless => "without a key",
            Self::OutOfScope => "key out of its scope",
            Self::ForeignHost => "foreign host",
            Self::Nowhere => "no such route",
            Self::Delivery => "signed webhook",
            Self::Repeated => "repeated webhook",
            Self::Forged => "forged webhook",
            Self::Upload => "upload",
            Self::TooLong => "upload that is too long",
            Self::SlowReader => "slow reader",
            Self::SlowWriter => "slow writer",
            Self::Events => "event stream",
            Self::WebSocket => "WebSocket",
            Self::Aborted => "aborted",
            Self::Garbage => "garbage",
        }
    }
}

/// Every kind, how many clients of it there are, and how many milliseconds each rests in between.
const CROWD: &[(Kind, usize, u64)] = &[
    (Kind::Keyed, 8, 20),
    (Kind::KeyedOverTls, 2, 100),
    (Kind::Keyless, 2, 50),
    (Kind::OutOfScope, 1, 100),
    (Kind::ForeignHost, 1, 200),
    (Kind::Nowhere, 1, 200),
    (Kind::Delivery, 2, 100),
    (Kind::Repeated, 1, 200),
    (Kind::Forged, 2, 100),
    (Kind::Upload, 2, 200),
    (Kind::TooLong, 1, 500),
    (Kind::SlowReader, 2, 100),
    (Kind::SlowWriter, 4, 100),
    (Kind::Events, 4, 50),
    (Kind::WebSocket, 4, 50),
    (Kind::Aborted, 4, 100),
    (Kind::Garbage, 2, 50),
];

/// How long anything may take before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends all of it until the time is over and every client is through with what it began.
pub(crate) fn run(spec: Spec) -> io::Result<Told> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let end = clock() + Duration::from_secs_f64(spec.seconds);
    let (spec, account) = (Rc::new(spec), Rc::new(Account::default()));
    LocalSet::new().block_on(&runtime, async {
        let mut visitors = Vec::new();
        for &(kind, count, rest) in CROWD {
            for number in 0..count {
                let visitor = Visitor::new(Rc::clone(&spec), kind, number)?;
                let account = Rc::clone(&account);
                let rest = Duration::from_millis(rest);
                visitors.push(tokio::task::spawn_local(async move {
                    visit(visitor, &account, rest, end).await;
                }));
            }
        }
        for visitor in visitors {
            visitor.await.map_err(io::Error::other)?;
        }
        Ok(account.told())
    })
}

async fn visit(mut visitor: Visitor, account: &Account, rest: Duration, end: std::time::Instant) {
    while clock() < end {
        let seen = tokio::time::timeout(PATIENCE, visitor.once()).await;
        let late = || Err(io::Error::from(io::ErrorKind::TimedOut));
        account.enter(visitor.kind(), seen.unwrap_or_else(|_| late()));
        tokio::time::sleep(rest).await;
    }
}
