//! Tickets: how a proof runs every stage without reaching the app.
//!
//! Owns the one table of tickets, shared by all cores behind a lock that only a request with the
//! ticket header takes. Refuses a ticket that is unknown, used, expired or minted for another
//! request; whatever it is presented with, a ticket is gone afterwards. Trusts the admin socket,
//! which alone can mint.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use control::{ControlId, Reason, Refusal, Rng, Secret, Timestamp, rng::NoRandomness};

/// The control that refuses tickets.
pub const TICKET: ControlId = ControlId("gate.ticket");

/// How long a ticket lives.
pub const LIFE: Duration = Duration::from_secs(30);

/// Most bytes of a ticketed body.
pub const BODY_CAP: u64 = 64 * 1024;

/// Most tickets alive at once.
pub const CAPACITY: usize = 1024;

/// Longest method and target a ticket can be minted for, in bytes together.
const REQUEST_CAP: usize = 16 * 1024;

/// Bytes of randomness in a ticket.
const TICKET_BYTES: usize = 24;

/// What a ticket is minted for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Method of the one request.
    pub method: &'a str,
    /// Request target as it will be sent.
    pub target: &'a str,
    /// SHA-256 of the body as it will be sent.
    pub body_sha256: [u8; 32],
    /// Path of the webhook route for which a source secret is minted as well.
    pub webhook: Option<&'a str>,
}

/// A ticket just minted.
pub struct Minted {
    /// Value of the `X-Vouchsafe-Ticket` field.
    pub ticket: String,
    /// The source secret, valid with this ticket alone.
    pub secret: Option<Secret>,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minted(..)")
    }
}

/// A ticket could not be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintFault {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Too many tickets are alive.
    #[error("{CAPACITY} tickets are alive; wait until some expire")]
    Full,
    /// The method and target are longer than any request could be.
    #[error("the method and target are longer than {REQUEST_CAP} bytes")]
    TooLong,
}

/// Why a ticket was refused. Each is the same 403 to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefusal {
    /// The header stands more than once.
    #[error("the ticket header stands more than once")]
    Duplicate,
    /// Never minted, used already, or expired and forgotten.
    #[error("the ticket is unknown or used")]
    Unknown,
    /// Too old.
    #[error("the ticket has expired")]
    Expired,
    /// Minted for another method, target or webhook route.
    #[error("the ticket was minted for another request")]
    Mismatch,
    /// Minted for another body.
    #[error("the ticket was minted for another body")]
    BodyMismatch,
    /// A key of a proof came without one: such a key must never reach the app.
    #[error("a key of a proof came without a ticket")]
    Missing,
}

impl TicketRefusal {
    /// The refusal the client meets.
    #[must_use]
    pub const fn to_refusal(self) -> Refusal {
        let reason = Reason(match self {
            Self::Duplicate => "ticket-duplicate",
            Self::Unknown => "ticket-unknown",
            Self::Expired => "ticket-expired",
            Self::Mismatch => "ticket-mismatch",
            Self::BodyMismatch => "ticket-body-mismatch",
            Self::Missing => "ticket-missing",
        });
        Refusal::new(
            TICKET,
            403,
            "the ticket does not admit this request",
            reason,
        )
    }
}

struct Entry {
    method: Box<str>,
    target: Box<str>,
    body_sha256: [u8; 32],
    webhook: Option<(Box<str>, Secret)>,
    expires: Timestamp,
}

/// Every ticket alive. Kept under the digest of the ticket, so that a lookup's time says nothing
/// about how much of a guess was right.
#[derive(Default)]
pub struct Tickets {
    alive: Mutex<HashMap<[u8; 32], Entry>>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets(..)")
    }
}

impl Tickets {
    /// Mints a ticket for one request.
    pub fn mint(
        &self,
        wish: &Wish<'_>,
        rng: &dyn Rng,
        now: Timestamp,
    ) -> Result<Minted, MintFault> {
        if wish.method.len() + wish.target.len() > REQUEST_CAP {
            return Err(MintFault::TooLong);
        }
        let ticket = seal::encode::base64url(&control::rng::array::<TICKET_BYTES>(rng)?);
        let secret = match wish.webhook {
            // As text, because that is how every scheme's secrets are written.
            Some(_) => Some(Secret::new(
                seal::encode::base64(&control::rng::array::<32>(rng)?).into_bytes(),
            )),
            None => None,
        };
        let entry = Entry {
            method: wish.method.into(),
            target: wish.target.into(),
            body_sha256: wish.body_sha256,
            webhook: wish
                .webhook
                .zip(secret.clone())
                .map(|(route, secret)| (route.into(), secret)),
            expires: now.plus(LIFE),
        };
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if alive.len() >= CAPACITY {
            alive.retain(|_, entry| entry.expires > now);
        }
        if alive.len() >= CAPACITY {
            return Err(MintFault::Full);
        }
        alive.insert(seal::sha256(ticket.as_bytes()), entry);
        Ok(Minted { ticket, secret })
    }

    /// Takes the ticket out of the table, so that it admits this request or none.
    pub fn claim(
        &self,
        ticket: &[u8],
        method: &[u8],
        target: &[u8],
        now: Timestamp,
    ) -> Result<Claimed, TicketRefusal> {
        let taken = self
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&seal::sha256(ticket));
        let entry = taken.ok_or(TicketRefusal::Unknown)?;
        if entry.expires <= now {
            return Err(TicketRefusal::Expired);
        }
        if entry.method.as_bytes() != method || entry.target.as_bytes() != target {
            return Err(TicketRefusal::Mismatch);
        }
        Ok(Claimed {
            body_sha256: entry.body_sha256,
            webhook: entry.webhook,
        })
    }
}

/// A ticket taken for one request; its body must still be the right one.
pub struct Claimed {
    body_sha256: [u8; 32],
    webhook: Option<(Box<str>, Secret)>,
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claimed(..)")
    }
}

impl Claimed {
    /// Whether the ticket may be used on the route at `path`: one minted with a source secret is
    /// good for its own webhook route alone.
    pub fn check_route(&self, path: &str) -> Result<(), TicketRefusal> {
        match &self.webhook {
            Some((route, _)) if **route != *path => Err(TicketRefusal::Mismatch),
            _ => Ok(()),
        }
    }

    /// The source secret that replaces the configured ones for this request.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.webhook.as_ref().map(|(_, secret)| secret)
    }

    /// Checks the body. What comes back is the one thing that sends a request to the echo.
    pub fn redeem(self, body: &[u8]) -> Result<Redeemed, TicketRefusal> {
        self.redeem_digest(&seal::sha256(body))
    }

    /// As [`Claimed::redeem`], for a body of which only the SHA-256 is at hand.
    pub fn redeem_digest(self, digest: &[u8; 32]) -> Result<Redeemed, TicketRefusal> {
        if seal::equal(digest, &self.body_sha256) {
            Ok(Redeemed(()))
        } else {
            Err(TicketRefusal::BodyMismatch)
        }
    }
}

/// Proof that a ticket admitted this very request.
#[derive(Debug)]
pub struct Redeemed(());

#[cfg(test)]
mod tests {
    use super::*;
    use control::rng::CountingRng;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn wish<'a>() -> Wish<'a> {
        Wish {
            method: "POST",
            target: "/hook?a=1",
            body_sha256: seal::sha256(b"body"),
            webhook: None,
        }
    }

    fn minted(tickets: &Tickets, wish: &Wish<'_>) -> Minted {
        tickets.mint(wish, &CountingRng::from_seed(1), NOW).unwrap()
    }

    #[test]
    fn a_ticket_admits_its_request_once() {
        let tickets = Tickets::default();
        let ticket = minted(&tickets, &wish()).ticket;
        let claim = || tickets.claim(ticket.as_bytes(), b"POST", b"/hook?a=1", NOW);
        assert!(claim().unwrap().redeem(b"body").is_ok());
        assert_eq!(claim().unwrap_err(), TicketRefusal::Unknown);
    }

    #[test]
    fn an_unknown_ticket_is_refused() {
        let tickets = Tickets::default();
        minted(&tickets, &wish());
        let refused = tickets.claim(b"guess", b"POST", b"/hook?a=1", NOW);
        assert_eq!(refused.unwrap_err(), TicketRefusal::Unknown);
    }

    #[test]
    fn a_ticket_ends_after_thirty_seconds() {
        for (age, good) in [(29, true), (30, false)] {
            let tickets = Tickets::default();
            let ticket = minted(&tickets, &wish()).ticket;
            let then = NOW.plus(Duration::from_secs(age));
            let claimed = tickets.claim(ticket.as_bytes(), b"POST", b"/hook?a=1", then);
            assert_eq!(claimed.is_ok(), good, "{age} s");
        }
    }

    #[test]
    fn a_ticket_for_another_request_is_refused_and_gone() {
        for (method, target) in [
            ("GET", "/hook?a=1"),
            ("POST", "/hook"),
            ("POST", "/hook?a=2"),
        ] {
            let tickets = Tickets::default();
            let ticket = minted(&tickets, &wish()).ticket;
            let claim = |method: &str, target: &str| {
                tickets.claim(ticket.as_bytes(), method.as_bytes(), target.as_bytes(), NOW)
            };
            assert_eq!(claim(method, target).unwrap_err(), TicketRefusal::Mismatch);
            assert_eq!(
                claim("POST", "/hook?a=1").unwrap_err(),
                TicketRefusal::Unknown
            );
        }
    }

    #[test]
    fn a_ticket_for_another_body_is_refused() {
        let tickets = Tickets::default();
        let ticket = minted(&tickets, &wish()).ticket;
        let claimed = tickets
            .claim(ticket.as_bytes(), b"POST", b"/hook?a=1", NOW)
            .unwrap();
        assert_eq!(
            claimed.redeem(b"other").unwrap_err(),
            TicketRefusal::BodyMismatch
        );
    }

    #[test]
    fn a_minted_secret_is_good_on_its_own_route_alone() {
        let tickets = Tickets::default();
        let wish = Wish {
            webhook: Some("/hook"),
            ..wish()
        };
        let minted = minted(&tickets, &wish);
        let claimed = tickets
            .claim(minted.ticket.as_bytes(), b"POST", b"/hook?a=1", NOW)
            .unwrap();
        assert_eq!(
            claimed.secret().unwrap().expose(),
            minted.secret.unwrap().expose()
        );
        assert!(claimed.check_route("/hook").is_ok());
        assert_eq!(
            claimed.check_route("/other").unwrap_err(),
            TicketRefusal::Mismatch
        );
    }

    #[test]
    fn the_table_is_bounded_and_forgets_what_expired() {
        let (tickets, rng) = (Tickets::default(), CountingRng::from_seed(3));
        for _ in 0..CAPACITY {
            tickets.mint(&wish(), &rng, NOW).unwrap();
        }
        let full = tickets.mint(&wish(), &rng, NOW).unwrap_err();
        assert_eq!(full, MintFault::Full);
        assert!(tickets.mint(&wish(), &rng, NOW.plus(LIFE)).is_ok());
    }
}
