//! When an authority is asked, and when it is left in peace.
//!
//! Owns the moment of an order: when there is no certificate, when a third of its life is left, a little
//! earlier by chance, so that not everybody comes at once, and after a failure later and later.

use std::{fmt, sync::Arc, time::Duration};

use connect::Client;
use control::{Clock, Rng, Timestamp, rng};
use tokio::time::timeout;

use crate::{
    Challenges, Files, Settings,
    order::{self, OrderFault},
};

/// First wait after a failure; each further one is four times as long, up to [`LONGEST_WAIT`]. Let's Encrypt
/// takes five failures of a name in an hour.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// Longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(12 * 3600);

/// Longest time one order may take.
const LONGEST_ORDER: Duration = Duration::from_secs(600);

/// Longest text of a failure that is kept, in characters.
const LONGEST_WHY: usize = 300;

/// Keeps certificates of authorities current.
pub struct Keeper {
    files: Files,
    challenges: Arc<Challenges>,
    clock: Arc<dyn Clock>,
    /// How much earlier than others, as a part of 65536 of a twentieth of a certificate's life.
    early: u16,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper(..)")
    }
}

/// What came of a look.
#[derive(Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing is due.
    Current,
    /// There is a new certificate.
    Renewed,
    /// There is none, and why.
    Failed(String),
}

impl Keeper {
    /// A keeper of `files` whose answers go up in `challenges`. Without randomness it comes when everybody
    /// does.
    #[must_use]
    pub fn new(
        files: Files,
        challenges: Arc<Challenges>,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
    ) -> Self {
        let early = rng::array::<2>(rng)
            .map(u16::from_be_bytes)
            .unwrap_or_default();
        Self {
            files,
            challenges,
            clock,
            early,
        }
    }

    /// Orders a certificate for `settings` where that is due.
    pub async fn look(&self, settings: &Settings, client: &Arc<Client>) -> Looked {
        if !self.is_due(settings) {
            return Looked::Current;
        }
        let order = order::order(settings, &self.files, client, &self.challenges);
        let ordered = timeout(LONGEST_ORDER, order).await;
        let stored = ordered
            .unwrap_or(Err(OrderFault::TooLong))
            .and_then(|pem| Ok(self.files.store(settings, &pem)?));
        match stored {
            Ok(()) => Looked::Renewed,
            Err(fault) => self.failed(settings, &fault.to_string()),
        }
    }

    /// Notes that an order came to nothing, so that the next one waits.
    #[must_use]
    pub fn failed(&self, settings: &Settings, why: &str) -> Looked {
        let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
        let why: String = plain.take(LONGEST_WHY).collect();
        match self.files.failed(settings, self.clock.now(), &why) {
            Ok(()) => Looked::Failed(why),
            Err(fault) => Looked::Failed(format!("{why}; {fault}")),
        }
    }

    /// Whether an order is due.
    #[must_use]
    pub fn is_due(&self, settings: &Settings) -> bool {
        let now = self.clock.now();
        if let Some(failure) = self.files.failure(settings) {
            let at = Timestamp::from_seconds(failure.at);
            // A clock that was set back is no reason to wait longer.
            if at <= now && now < at.plus(wait_after(failure.failures)) {
                return false;
            }
        }
        let leaf = self.files.leaf(settings);
        leaf.is_none_or(|leaf| now.seconds() >= self.due(leaf.begins, leaf.ends))
    }

    /// When a certificate of this life is renewed, in seconds since 1970.
    fn due(&self, begins: i64, ends: i64) -> i64 {
        let life = ends.saturating_sub(begins).max(0);
        ends - life / 3 - life / 20 * i64::from(self.early) / 65_536
    }
}

fn wait_after(failures: u32) -> Duration {
    let times = 4_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_WAIT.saturating_mul(times).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use control::{SystemClock, rng::NoRandomness};

    use super::*;

    struct Fixed(u8);

    impl Rng for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    fn keeper(early: u8) -> Keeper {
        let files = Files::in_folder(std::path::Path::new("/nowhere"));
        let clock = Arc::new(SystemClock::new());
        Keeper::new(files, Arc::default(), clock, &Fixed(early))
    }

    #[test]
    fn a_certificate_is_renewed_with_a_third_of_its_life_left_or_a_little_more() {
        let day = 86_400;
        assert_eq!(keeper(0).due(0, 90 * day), 60 * day);
        let earliest = keeper(255).due(0, 90 * day);
        assert!((55 * day..56 * day).contains(&earliest), "{earliest}");
        assert_eq!(keeper(255).due(10, 10), 10);
    }

    #[test]
    fn each_failure_is_waited_for_longer() {
        let minutes = [1, 2, 3, 4, 5, 6, 99].map(|failures| wait_after(failures).as_secs() / 60);
        assert_eq!(minutes, [1, 4, 16, 64, 256, 720, 720]);
    }

    #[test]
    fn what_failed_lately_is_left_in_peace_and_then_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper {
            files: Files::in_folder(folder.path()),
            ..keeper(0)
        };
        let settings = Settings {
            directory: crate::settings::DEFAULT_DIRECTORY.to_owned(),
            email: None,
            names: ["coach.example".to_owned()].into(),
            challenge: crate::Kind::Http01,
            roots: None,
        };
        assert!(keeper.is_due(&settings));
        let now = keeper.clock.now();
        keeper.files.failed(&settings, now, "no").unwrap();
        assert!(!keeper.is_due(&settings));
        let before = Timestamp::from_seconds(now.seconds() - 120);
        std::fs::remove_dir_all(folder.path().join("acme")).unwrap();
        keeper.files.failed(&settings, before, "no").unwrap();
        assert!(keeper.is_due(&settings));
        keeper.files.failed(&settings, before, "no").unwrap();
        assert!(!keeper.is_due(&settings), "the second wait is longer");
    }
}
