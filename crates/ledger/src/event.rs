//! What can be recorded.
//!
//! Owns the two shapes of an event: [`Event`], made on a gate core for every request without
//! allocation, and [`Notice`], owned, for everything an administrator or a proof does. Refuses
//! text that comes from a request: kinds, controls and reasons are constants of the program.
//! Trusts the caller that a notice's values are ids, numbers and words of ours, never personal.

use std::{fmt, net::IpAddr};

use control::{ControlId, Reason, Refusal, Timestamp};

/// What happened, in one dotted word of ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub &'static str);

impl Kind {
    /// A request and how it ended; the one event of a request with `durability = "batched"`.
    pub const REQUEST: Self = Self("request");
    /// What was decided of a request, before its first byte goes upstream (`durability = "sync"`).
    pub const DECISION: Self = Self("request.decision");
    /// How a decided request ended (`durability = "sync"`).
    pub const OUTCOME: Self = Self("request.outcome");
    /// A WebSocket opened; it closes with [`Kind::WEBSOCKET_CLOSE`] and the same request id.
    pub const WEBSOCKET_OPEN: Self = Self("websocket.open");
    /// A WebSocket closed.
    pub const WEBSOCKET_CLOSE: Self = Self("websocket.close");
    /// A delivery that had been done before was acknowledged and not forwarded.
    pub const WEBHOOK_DUPLICATE: Self = Self("webhook.duplicate");
    /// Many refusals of one second, control, reason and client, counted.
    pub const REFUSALS: Self = Self("request.refusals");
    /// A credential was accepted.
    pub const AUTHENTICATED: Self = Self("auth.success");
    /// A credential was refused.
    pub const AUTHENTICATION_FAILED: Self = Self("auth.failure");
    /// The instance started.
    pub const STARTED: Self = Self("instance.start");
    /// The instance stopped in order.
    pub const STOPPED: Self = Self("instance.stop");
    /// A configuration replaced another.
    pub const RELOADED: Self = Self("instance.reload");
    /// A configuration was refused; the old one stays.
    pub const RELOAD_REFUSED: Self = Self("instance.reload-refused");
    /// A key was made.
    pub const KEY_CREATED: Self = Self("key.create");
    /// A token was issued to the holder of a key.
    pub const TOKEN_ISSUED: Self = Self("token.issue");
    /// Tokens were revoked.
    pub const TOKEN_REVOKED: Self = Self("token.revoke");
    /// The revocations of tokens were listed.
    pub const REVOCATIONS_LISTED: Self = Self("token.list");
    /// A person logged in.
    pub const LOGIN: Self = Self("session.login");
    /// A session was ended, by its person or by the provider.
    pub const LOGOUT: Self = Self("session.logout");
    /// The sessions were listed.
    pub const SESSIONS_LISTED: Self = Self("session.list");
    /// An operator ended sessions.
    pub const SESSIONS_ENDED: Self = Self("session.end");
    /// An account was made.
    pub const ACCOUNT_CREATED: Self = Self("account.create");
    /// A person set the password of an account.
    pub const ACCOUNT_CLAIMED: Self = Self("account.claim");
    /// An account lost its password and got a new link.
    pub const ACCOUNT_RESET: Self = Self("account.reset");
    /// Nobody comes in with an account any more.
    pub const ACCOUNT_DISABLED: Self = Self("account.disable");
    /// The person of a disabled account comes in again.
    pub const ACCOUNT_ENABLED: Self = Self("account.enable");
    /// Failed attempts locked an account, or an address.
    pub const ACCOUNT_LOCKED: Self = Self("account.lock");
    /// An operator forgave an account its failed attempts.
    pub const ACCOUNT_UNLOCKED: Self = Self("account.unlock");
    /// An alert reached the team's receiver.
    pub const ALERT_SENT: Self = Self("alert.sent");
    /// An alert was given up, or dropped because too many waited.
    pub const ALERT_FAILED: Self = Self("alert.failed");
    /// The accounts were listed.
    pub const ACCOUNTS_LISTED: Self = Self("account.list");
    /// A key was revoked.
    pub const KEY_REVOKED: Self = Self("key.revoke");
    /// Entries below an index go in a day, because they are older than is asked for.
    pub const RETENTION_ANNOUNCED: Self = Self("ledger.retention-announced");
    /// Entries below an index are removed.
    pub const RETENTION: Self = Self("ledger.retention");
    /// The disk has less than twice the floor of free space.
    pub const SPACE_LOW: Self = Self("ledger.space-low");
    /// The disk has less free space than the floor: nothing new is taken.
    pub const SPACE_SHORT: Self = Self("ledger.space-short");
    /// The disk has enough free space again.
    pub const SPACE_AMPLE: Self = Self("ledger.space-ample");
    /// The keys were listed.
    pub const KEYS_LISTED: Self = Self("key.list");
    /// A proof made a canary key or a ticket.
    pub const PROBE_MINTED: Self = Self("prove.mint");
    /// A proof ran.
    pub const PROVE_RUN: Self = Self("prove.run");
    /// What a proof said of one promise.
    pub const PROVE_VERDICT: Self = Self("prove.verdict");
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The random id of a request, sent to the client and the app as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

/// Who asked, as at most 16 bytes that mean nothing by themselves: the public id of a key, the
/// name of a webhook source. Written as a pseudonym only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrincipalId([u8; 16]);

impl PrincipalId {
    /// The id `text`, which must be 1 to 16 bytes without NUL.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.contains(&0) {
            return None;
        }
        let mut id = [0; 16];
        id.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(id))
    }

    /// The id, padded with NUL to one width, so that a pseudonym does not tell its length.
    pub(crate) const fn padded(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrincipalId(..)")
    }
}

/// A route by its place in the ledger's own table; see [`crate::Ledger::route`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteIndex(pub u16);

/// One thing that happened to a request.
///
/// Made on a gate core: plain data, no allocation. Encoded on the writer thread, where client and
/// principal become pseudonyms.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// Which request; absent where framing failed before it had an id.
    pub request: Option<RequestId>,
    /// The route it took, if it reached one.
    pub route: Option<RouteIndex>,
    /// The control that refused it.
    pub control: Option<ControlId>,
    /// Why that control refused it.
    pub reason: Option<Reason>,
    /// The control that would have refused it, and why, where its route is only observed.
    pub observed: Option<(ControlId, Reason)>,
    /// HTTP status answered; absent where none was.
    pub status: Option<u16>,
    /// Who asked, where that was established.
    pub principal: Option<PrincipalId>,
    /// The address that asked, judged from trusted proxies.
    pub client: Option<IpAddr>,
    /// Body bytes sent to the client.
    pub sent: Option<u64>,
    /// Body bytes received from the client.
    pub received: Option<u64>,
    /// Microseconds from the first byte of the request to the last of the answer.
    pub micros: Option<u64>,
}

impl Event {
    /// An event that says when and what, and nothing else yet.
    #[must_use]
    pub const fn new(time: Timestamp, kind: Kind) -> Self {
        Self {
            time,
            kind,
            request: None,
            route: None,
            control: None,
            reason: None,
            observed: None,
            status: None,
            principal: None,
            client: None,
            sent: None,
            received: None,
            micros: None,
        }
    }

    /// The same event with what a refusal says.
    #[must_use]
    pub const fn refused(mut self, refusal: &Refusal) -> Self {
        self.control = Some(refusal.control);
        self.reason = Some(refusal.reason);
        self.status = Some(refusal.status);
        self
    }
}

/// A value of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word or id of ours; at most 1,024 bytes are kept.
    Text(String),
    /// A whole number.
    Count(i64),
    /// Words or ids of ours.
    List(Vec<String>),
}

/// One thing that an administrator, a proof or the instance itself did; always durable.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// Which request, where it was one.
    pub request: Option<RequestId>,
    /// Who, as far as known.
    pub principal: Option<PrincipalId>,
    /// What else, in the order it will be written. Names are constants of the program.
    pub values: Vec<(&'static str, Value)>,
}

impl Notice {
    /// A notice that says when and what.
    #[must_use]
    pub const fn new(time: Timestamp, kind: Kind) -> Self {
        Self {
            time,
            kind,
            request: None,
            principal: None,
            values: Vec::new(),
        }
    }

    /// The same notice with a word or id of ours.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.push((name, Value::Text(value.into())));
        self
    }

    /// The same notice with a whole number.
    #[must_use]
    pub fn count(mut self, name: &'static str, value: i64) -> Self {
        self.values.push((name, Value::Count(value)));
        self
    }

    /// The same notice with several words or ids of ours.
    #[must_use]
    pub fn list(mut self, name: &'static str, values: Vec<String>) -> Self {
        self.values.push((name, Value::List(values)));
        self
    }
}
