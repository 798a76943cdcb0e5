//! Alerts out: telling a team's own service that somebody guesses.
//!
//! Owns what an alert says, the queue it waits in and its delivery as a signed webhook (Standard
//! Webhooks), so that the receiver verifies it like any other. Refuses to say more than the ledger
//! holds: no name, no address, nothing that was typed, but the id under which the ledger has the
//! rest. Never on the path of a request: whoever raises an alert hands it to a queue with an end.
//!
//! - [`queue`]: what waits, what is merged, what is dropped;
//! - [`section`]: what `[alerts]` says;
//! - [`send`]: delivery, and when to give up;
//! - [`control`](mod@control): the promise kept here.

pub mod control;
pub mod queue;
pub mod section;
pub mod send;

use std::net::IpAddr;

use ::control::{Secret, Timestamp};
use serde_json::json;

pub use queue::{Counts, Queue};
pub use section::Settings;
pub use send::{Sender, Told, Undelivered};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Failed sign-ins locked an account.
    AccountLocked,
    /// Failed sign-ins locked an address.
    AddressLocked,
    /// An address that presents keys or tokens of nobody is not believed for a while.
    GuessesSlowed,
    /// The server that processes share their limits on does not answer: each keeps them for itself.
    LimitsAlone,
    /// A certificate was ordered in vain.
    CertificateNotRenewed,
}

impl What {
    /// What `type` says: the kind of event, where the ledger has one for it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::AccountLocked | Self::AddressLocked => "account.lock",
            Self::GuessesSlowed => "auth.slow",
            Self::LimitsAlone => "limits.alone",
            Self::CertificateNotRenewed => "certificate.failed",
        }
    }

    /// What is locked or slowed.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::AccountLocked => "account",
            Self::AddressLocked | Self::GuessesSlowed => "address",
            Self::LimitsAlone => "limits",
            Self::CertificateNotRenewed => "certificate",
        }
    }
}

/// Something that a person should know soon.
#[derive(Clone, PartialEq, Eq)]
pub struct Alert {
    /// What happened.
    pub what: What,
    /// When.
    pub at: Timestamp,
    /// Whose account it is, as the lists of accounts and the ledger call the person.
    pub principal: Option<String>,
    /// The request that brought it about, by its id.
    pub request: [u8; 16],
    /// For how long it is locked or slowed.
    pub seconds: u64,
    /// The address, to tell it from others in the queue; it is never sent.
    pub address: Option<IpAddr>,
    /// Whether a proof did it, with an account of its own.
    pub proof: bool,
    /// How often, where several were merged while they waited.
    pub count: u32,
}

impl Alert {
    /// Whether both are about the same account or address.
    fn is_like(&self, other: &Self) -> bool {
        let known = self.principal.is_some() || self.address.is_some();
        known
            && self.what == other.what
            && self.principal == other.principal
            && self.address == other.address
            && self.proof == other.proof
    }

    /// What is sent: small, and the same however often it is tried. `ledger` is the origin of the
    /// ledger that has the rest.
    #[must_use]
    pub fn body(&self, ledger: &str) -> Secret {
        let body = json!({
            "type": self.what.kind(),
            "timestamp": self.at.to_string(),
            "data": {
                "what": self.what.subject(),
                "principal": self.principal,
                "request": seal::encode::hex(&self.request),
                "seconds": self.seconds,
                "count": self.count,
                "ledger": ledger,
                "proof": self.proof,
            },
        });
        Secret::new(body.to_string().into_bytes())
    }
}

impl std::fmt::Debug for Alert {
    /// Says nothing of the person or the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Alert({:?}, ..)", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_the_ledger_says_and_no_address() {
        let alert = Alert {
            what: What::AccountLocked,
            at: Timestamp::from_seconds(1_800_000_000),
            principal: Some("p_abcdefghijklmn".to_owned()),
            request: [0xab; 16],
            seconds: 900,
            address: Some([192, 0, 2, 7].into()),
            proof: false,
            count: 1,
        };
        let body = alert.body("coach.example/coach/n1");
        let said: serde_json::Value = serde_json::from_slice(body.expose()).unwrap();
        assert_eq!(
            said,
            json!({
                "type": "account.lock", "timestamp": "2027-01-15T08:00:00.000Z",
                "data": {
                    "what": "account", "principal": "p_abcdefghijklmn", "request": "ab".repeat(16),
                    "seconds": 900, "count": 1, "ledger": "coach.example/coach/n1", "proof": false,
                },
            })
        );
        assert_eq!(format!("{alert:?}"), "Alert(AccountLocked, ..)");
    }
}
