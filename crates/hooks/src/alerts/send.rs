//! Delivery of alerts.
//!
//! Owns the request, its signature, and when to try again: a second after the first failure, twice as
//! long after each further one, to five minutes, less up to half of it by chance, until the time that
//! is configured has passed. Refuses to try again where the receiver says that it will never take
//! it. Trusts `connect` with where a request may go, and the receiver with nothing.

use std::{sync::Arc, time::Duration};

use connect::{
    Client,
    client::{Fault, Field, Request},
};
use control::{Clock, Rng, Secret, rng};

use super::{Alert, Settings, section::SCHEME};
use crate::{Scheme, Signing, sign};

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Why an alert was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The receiver answered with this status.
    Status(u16),
    /// The address is one that nothing here may connect to.
    Refused,
    /// The receiver could not prove who it is.
    Certificate,
    /// It did not answer in time.
    TimedOut,
    /// There was no answer for another reason.
    Unreached,
    /// It could not be signed, or nothing could be drawn for its id.
    Unsigned,
}

impl Undelivered {
    /// What the ledger is told.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status(_) => "answer",
            Self::Refused => "destination-refused",
            Self::Certificate => "certificate",
            Self::TimedOut => "timed-out",
            Self::Unreached => "unreached",
            Self::Unsigned => "unsigned",
        }
    }

    /// Whether another try may fare better.
    const fn may_pass(self) -> bool {
        match self {
            Self::Status(status) => {
                !matches!(status, 400..=499) || matches!(status, 408 | 425 | 429)
            }
            Self::Unsigned => false,
            Self::Refused | Self::Certificate | Self::TimedOut | Self::Unreached => true,
        }
    }

    const fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Refused(_) => Self::Refused,
            Fault::Certificate(_) | Fault::CertificateName => Self::Certificate,
            Fault::TimedOut => Self::TimedOut,
            _ => Self::Unreached,
        }
    }
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// How often it was tried.
    pub tries: u32,
    /// Why nobody was told, if so.
    pub failed: Option<Undelivered>,
}

/// Sends alerts.
pub struct Sender {
    client: Client,
    settings: Settings,
    /// The origin of the ledger that has what alerts are about.
    ledger: String,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sender({:?})", self.settings)
    }
}

impl Sender {
    /// One that sends by `client` as `settings` say.
    #[must_use]
    pub fn new(
        client: Client,
        settings: Settings,
        ledger: String,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            client,
            settings,
            ledger,
            clock,
            rng,
        }
    }

    /// Sends `alert` until the receiver has it or it is time to give up.
    pub async fn deliver(&self, alert: &Alert) -> Told {
        let mut told = Told {
            tries: 0,
            failed: Some(Undelivered::Unsigned),
        };
        // The same for every try, so that the receiver takes it once.
        let Ok(id) = rng::array::<16>(&*self.rng) else {
            return told;
        };
        let id = format!("alert_{}", seal::encode::hex(&id));
        let body = alert.body(&self.ledger);
        let end = self.clock.monotonic() + self.settings.retry;
        loop {
            told.tries = told.tries.saturating_add(1);
            let tried = self.attempt(&id, &body).await;
            told.failed = tried.err();
            let Some(failed) = told.failed else {
                return told;
            };
            let wait = self.wait(told.tries);
            if !failed.may_pass() || self.clock.monotonic() + wait > end {
                return told;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, id: &str, body: &Secret) -> Result<(), Undelivered> {
        let request = self.signed(id, body).ok_or(Undelivered::Unsigned)?;
        let answer = self.client.send(request).await;
        let status = answer.map_err(|fault| Undelivered::of(&fault))?.status();
        if (200..300).contains(&status) {
            Ok(())
        } else {
            Err(Undelivered::Status(status))
        }
    }

    /// The request, signed for this moment.
    fn signed(&self, id: &str, body: &Secret) -> Option<Request> {
        let target = self.settings.url.clone();
        let signing = Signing {
            method: "POST",
            public_url: "",
            target: target.path_and_query(),
            content_type: None,
            body: body.expose(),
            id,
            at: self.clock.now(),
        };
        let signed = sign(Scheme::find(SCHEME)?, &self.settings.secret, &signing).ok()?;
        let request = Request::post(target, "application/json", body.clone());
        signed
            .headers
            .iter()
            .try_fold(request, |request, (name, value)| {
                Some(request.with(Field::new(name, value.as_str()).ok()?))
            })
    }

    /// How long to wait after this many tries.
    fn wait(&self, tries: u32) -> Duration {
        // Without chance there is no jitter, and the alert still goes.
        let chance = rng::array::<1>(&*self.rng).map_or(0, |[chance]| chance);
        backoff(tries, chance)
    }
}

fn backoff(tries: u32, chance: u8) -> Duration {
    let factor = 1u32
        .checked_shl(tries.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let full = FIRST.saturating_mul(factor).min(LONGEST);
    full - full / 2 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_five_minutes_and_chance_takes_half_of_it_at_most() {
        let seconds = |tries, chance| backoff(tries, chance).as_secs_f64();
        assert_eq!(
            [1, 2, 3, 4].map(|tries| seconds(tries, 0)),
            [1.0, 2.0, 4.0, 8.0]
        );
        assert_eq!([1, 2, 3].map(|tries| seconds(tries, 255)), [0.5, 1.0, 2.0]);
        for tries in [10, 31, 32, 33, u32::MAX] {
            assert_eq!(seconds(tries, 0), 300.0, "{tries}");
            assert_eq!(seconds(tries, 255), 150.0, "{tries}");
        }
        assert!(seconds(1, 100) > 0.5 && seconds(1, 100) < 1.0);
    }

    #[test]
    fn what_the_receiver_will_never_take_is_not_sent_again() {
        for status in [301, 408, 425, 429, 500, 503] {
            assert!(Undelivered::Status(status).may_pass(), "{status}");
        }
        for status in [400, 401, 403, 404, 410, 422] {
            assert!(!Undelivered::Status(status).may_pass(), "{status}");
        }
        assert!(Undelivered::TimedOut.may_pass() && !Undelivered::Unsigned.may_pass());
    }
}
