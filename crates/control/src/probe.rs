//! How a promise is attacked.
//!
//! Owns the [`Probe`] trait and the [`Target`] it reaches. The running instance, a child started
//! for one proof and a sham peer with one named fault all are targets, so a probe cannot tell them
//! apart and cannot be written to please one of them. Probes are plain blocking code: an attack
//! reads from top to bottom.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{card::Asked, rng::Rng, sheet::Sheet};

/// An attempt to falsify one promise.
pub trait Probe: Sync {
    /// Catalogue id of the promise it attacks.
    fn promise(&self) -> &'static str;

    /// Attacks, and writes what it saw. An `Err` is a verdict of `error` with that text.
    fn run(&self, asked: &Asked, target: &dyn Target, sheet: &mut Sheet)
    -> Result<(), TargetError>;
}

/// What a probe may do to the deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Every attack is refused at the gate; twins end at the gate's echo.
    #[default]
    Refused,
    /// Writes canaries that it removes again; needs `--allow writes`.
    Writes,
    /// May disturb others; needs `--allow disruptive`.
    Disruptive,
}

/// What a probe reaches.
pub trait Target {
    /// Addresses and shapes, taken from configuration and the running process.
    fn facts(&self) -> &Facts;

    /// Random bytes for canaries.
    fn rng(&self) -> &dyn Rng;

    /// Dials the real listener, writes `bytes` as they are and reads one answer. On a TLS listener
    /// this happens inside TLS with the public name.
    fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError>;

    /// Sends `bytes` to the listener of this number, outside of TLS whatever it speaks, and gives what
    /// comes back: one record of TLS, or everything until it closes, at most 64 KiB.
    fn dial(&self, listener: usize, bytes: &[u8]) -> Result<Vec<u8>, TargetError>;

    /// The certificate in DER form that the listener of this number shows in a handshake.
    fn certificate(&self, listener: usize) -> Result<Vec<u8>, TargetError>;

    /// Whether something accepts a TCP connection at `address` within a second.
    fn reach(&self, address: SocketAddr) -> bool;

    /// A single-use ticket for one request, which makes the gate's echo its destination.
    fn ticket(&self, wish: &TicketWish<'_>) -> Result<Ticket, TargetError>;

    /// A canary key that lives 60 seconds in the probes' own tenant.
    fn mint_key(&self, wish: &KeyWish) -> Result<MintedKey, TargetError>;

    /// A token of a canary key, issued as long ago as is wished.
    fn mint_token(&self, wish: &TokenWish) -> Result<MintedToken, TargetError>;

    /// A session of a canary person, as old as is wished.
    fn mint_session(&self, wish: &SessionWish) -> Result<MintedSession, TargetError>;

    /// A canary account that nobody has claimed, for a minute.
    fn mint_account(&self) -> Result<MintedAccount, TargetError>;

    /// Removes a canary account, and what it has against it.
    fn remove_account(&self, name: &str) -> Result<(), TargetError>;

    /// Revokes a canary key.
    fn revoke_key(&self, id: &str) -> Result<(), TargetError>;

    /// Revokes a canary token, and not its key.
    fn revoke_token(&self, token: &MintedToken) -> Result<(), TargetError>;

    /// What an administrator sees of the keys.
    fn list_keys(&self) -> Result<Value, TargetError>;

    /// How far the ledger has come.
    fn ledger_mark(&self) -> Result<LedgerMark, TargetError>;

    /// What the ledger gained since `mark`, up to this moment; `None` is from its beginning. Reads
    /// what was gained and no more, however old the ledger is.
    fn ledger_since(&self, mark: Option<&LedgerMark>) -> Result<LedgerTail, TargetError>;

    /// What the verifier says of the ledger where it lies, beside the checkpoint `seen` earlier.
    /// Reads all of it.
    fn inspect_ledger(&self, seen: Option<&str>) -> Result<Inspection, TargetError>;

    /// What the instance itself says of its ledger, which it inspects after each start.
    fn inspected(&self) -> Result<Inspection, TargetError>;

    /// A copy of the whole ledger for a probe that alters it.
    fn ledger_copy(&self) -> Result<LedgerCopy, TargetError>;

    /// What the verifier says of a ledger folder.
    fn verify(
        &self,
        folder: &Path,
        key: &str,
        seen: Option<&str>,
    ) -> Result<Inspection, TargetError>;

    /// Every file in which the product keeps or writes anything: database and its journals, logs,
    /// ledger. Read where they lie.
    fn storage(&self) -> Result<Vec<PathBuf>, TargetError>;

    /// Looks for `canary` through the observers that the deployment declares.
    fn observe(&self, canary: &str) -> Result<Observed, TargetError>;

    /// Starts another instance of this build under a changed copy of the configuration, with fresh
    /// secrets, a temporary data folder and an echo for every app.
    fn child(&self, change: &mut dyn FnMut(&mut Value)) -> Result<ChildStart, TargetError>;

    /// The same, on a ledger that looks back on `past`.
    fn child_with_past(
        &self,
        past: &LedgerPast,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError>;
}

/// Addresses and shapes of the deployment under proof.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `http` or `https`.
    pub scheme: String,
    /// The public name, with a port only where the public URL has one.
    pub public_host: String,
    /// Bound listeners; the first is the one attacked.
    pub gate: Vec<SocketAddr>,
    /// Addresses of apps.
    pub apps: Vec<AppFact>,
    /// Routes in configuration order, without those that are observed.
    pub routes: Vec<RouteFact>,
    /// Routes on which refusals are only noted, each with the last day of that.
    pub observed: Vec<(RouteFact, String)>,
    /// Networks whose forwarding headers are believed, as written.
    pub trusted_proxies: Vec<String>,
    /// Addresses of this machine's interfaces other than loopback.
    pub interfaces: Vec<IpAddr>,
    /// The configuration as a tree, secrets as references.
    pub configuration: Value,
    /// Whether the app runs as the same user as the gate.
    pub same_user: bool,
}

/// An app behind the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppFact {
    /// Its name in the configuration.
    pub name: String,
    /// Where it listens.
    pub upstream: SocketAddr,
    /// Whether that address belongs to this machine.
    pub local: bool,
}

/// A route as a prober needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteFact {
    /// Path, by whole segments.
    pub path: String,
    /// Whether only that path itself.
    pub exact: bool,
    /// Methods; empty means all.
    pub methods: Vec<String>,
    /// A method that a plain request may use: GET where the route and the first of its roles may.
    pub method: String,
    /// Host the route is limited to.
    pub host: Option<String>,
    /// Who may pass.
    pub guard: Guard,
    /// Whether a person who is logged in may pass as well, or alone.
    pub sessions: bool,
    /// Name of its app.
    pub app: String,
}

/// Who may pass a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Anyone, for the stated reason.
    Open(String),
    /// A key, with one of these roles where any are named.
    Key(Vec<String>),
    /// A signed token and no key, with one of these roles where any are named.
    Token(Vec<String>),
    /// A person who is logged in and no key or token, with one of these roles where any are named.
    Session(Vec<String>),
    /// A program that shows a certificate and nothing else, with one of these roles where any are named.
    Certificate(Vec<String>),
    /// A sender whose signature verifies under this scheme.
    Webhook(WebhookFact),
}

/// How a webhook's sender signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookFact {
    /// Name of the scheme.
    pub scheme: String,
    /// What was chosen at the provider, by the option's name.
    pub options: BTreeMap<String, String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An HTTP answer.
    Answer(Answer),
    /// The connection was closed without one.
    Closed,
    /// Nothing came in time.
    TimedOut,
}

/// An HTTP answer as read from the wire.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Field names as sent, values trimmed.
    pub fields: Vec<(String, String)>,
    /// Body, decoded from its framing; at most 1 MiB is kept.
    pub body: Vec<u8>,
    /// Whether the peer closed the connection behind it.
    pub closed: bool,
}

impl Answer {
    /// The value of the first field called `name`, ignoring case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The body as JSON, where it is.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Reply {
    /// The answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Closed | Self::TimedOut => None,
        }
    }
}

/// What a ticket is bound to.
#[derive(Clone, Copy, Debug)]
pub struct TicketWish<'a> {
    /// Method of the one request.
    pub method: &'a str,
    /// Request target as it will be sent.
    pub target: &'a str,
    /// Body as it will be sent.
    pub body: &'a [u8],
    /// Path of the webhook route for which a source secret is minted with the ticket.
    pub webhook: Option<&'a str>,
}

/// A single-use ticket, good for 30 seconds.
pub struct Ticket {
    /// Value of the `X-Vouchsafe-Ticket` field.
    pub value: String,
    /// The minted source secret, valid with this ticket alone.
    pub secret: Option<Vec<u8>>,
}

/// What a canary key may do.
#[derive(Clone, Debug, Default)]
pub struct KeyWish {
    /// Scopes as on the command line: `GET,POST /api`.
    pub scopes: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
}

/// A canary key.
pub struct MintedKey {
    /// Its public id.
    pub id: String,
    /// The key itself.
    pub key: String,
}

/// What a canary token is to be.
#[derive(Clone, Debug, Default)]
pub struct TokenWish {
    /// What its key may do.
    pub key: KeyWish,
    /// How long ago it was issued.
    pub age: Duration,
}

/// A canary token.
pub struct MintedToken {
    /// The public id of its key.
    pub id: String,
    /// What it is called.
    pub jti: String,
    /// The token itself.
    pub token: String,
    /// The public half of the key that signed it, which an attacker may know.
    pub public: Vec<u8>,
}

/// What a canary session is to be.
#[derive(Clone, Debug, Default)]
pub struct SessionWish {
    /// Roles of the person.
    pub roles: Vec<String>,
    /// How long ago they logged in.
    pub created: Duration,
    /// How long ago their last request was.
    pub last_seen: Duration,
}

/// A canary session, each of a person of its own. It lives 60 seconds in the probes' own tenant.
pub struct MintedSession {
    /// What administrators call it.
    pub id: String,
    /// What a browser sends in its `Cookie` field: name, `=` and value.
    pub cookie: String,
    /// What the app is told that the person is called: `sub` of the assertion.
    pub subject: String,
}

/// A canary account.
pub struct MintedAccount {
    /// Its name.
    pub name: String,
    /// What sets its password, once.
    pub link: String,
}

/// A moment of the ledger from which it is read on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerMark {
    /// Entries until then.
    pub size: u64,
    /// The checkpoint that was signed over them.
    pub checkpoint: String,
}

/// What a ledger gained since a mark. Its entries were proved to lead from the checkpoint of the
/// mark to the present one.
#[derive(Clone, Debug, Default)]
pub struct LedgerTail {
    /// The index of the first event.
    pub first: u64,
    /// Every event since, oldest first.
    pub events: Vec<Value>,
    /// The present end, from which the next look may go on.
    pub end: LedgerMark,
    /// The signed minimum index: entries below it may be gone.
    pub minimum: u64,
}

/// What the ledger of a child looks back on: events of the kind `prove.past`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerPast {
    /// How old they are, oldest first: 256 of each age, which carry its place as `age`.
    pub ages: Vec<Duration>,
    /// How long ago it was announced that all of them go; never, where absent.
    pub announced: Option<Duration>,
    /// Whether one bit of the oldest is flipped behind the ledger's back.
    pub altered: bool,
}

/// A copy of the ledger in a folder of its own.
#[derive(Debug)]
pub struct LedgerCopy {
    /// The folder; a probe may alter it.
    pub folder: PathBuf,
    /// The verifier key, signed-note form.
    pub key: String,
    /// The signed checkpoint in it.
    pub checkpoint: String,
    /// Whether checkpoints also go to a second place.
    pub second_place: bool,
}

/// What the verifier said of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// Whole, with this many entries.
    Whole(u64),
    /// Altered; names the first bad entry or tile.
    Altered(String),
}

/// What observers saw of a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The deployment declares no observer: side effects cannot be read.
    NoObserver,
    /// Looked in this many places and found it in these.
    Looked {
        /// How many files, rows or answers were read.
        places: usize,
        /// Where the canary was.
        found: Vec<String>,
    },
}

/// What became of a child.
pub enum ChildStart {
    /// It listens.
    Up(Box<dyn Target>),
    /// It refused to start.
    Refused {
        /// Exit code.
        exit: i32,
        /// What it said, for evidence by code; never printed whole.
        stderr: String,
    },
}

/// A target could not do what a probe asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct TargetError {
    /// What was tried: `mint a ticket`.
    pub doing: &'static str,
    /// Why it failed.
    pub cause: String,
}

impl TargetError {
    /// An error while `doing`.
    pub fn new(doing: &'static str, cause: impl ToString) -> Self {
        Self {
            doing,
            cause: cause.to_string(),
        }
    }
}

/// How long a probe waits for one answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);
