//! What a configuration says of local accounts.
//!
//! Owns the numbers and what they are where nothing else is written. An address may fail more often
//! than an account, because many people share one.

use std::time::Duration;

use crate::{
    lockout::Rules,
    password::{Documented, strength::SHORTEST},
    session::{IDLE, LONGEST},
};

/// `[accounts]`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Failures within [`Settings::window`] that lock an account.
    pub attempts: u32,
    /// Failures within it that lock an address, whatever accounts it tries.
    pub address_attempts: u32,
    /// From the first failure on.
    pub window: Duration,
    /// How long the first lock holds; each further one twice as long, to a day.
    pub lock: Duration,
    /// How long the link is good by which a person sets a password.
    pub link: Duration,
    /// Fewest characters of a new password.
    pub shortest: usize,
    /// Passwords that nobody may have, because they stand in documentation.
    pub documented: Documented,
    /// How long a session may be without a request.
    pub idle: Duration,
    /// How long it lasts at most.
    pub longest: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            attempts: rules.failures,
            address_attempts: 25,
            window: rules.window,
            lock: rules.first,
            link: Duration::from_secs(24 * 60 * 60),
            shortest: SHORTEST,
            documented: Documented::default(),
            idle: IDLE,
            longest: LONGEST,
        }
    }
}

impl Settings {
    /// When an account is locked.
    #[must_use]
    pub fn of_account(&self) -> Rules {
        let rules = Rules::default();
        Rules {
            failures: self.attempts,
            window: self.window,
            first: self.lock,
            longest: rules.longest.max(self.lock),
        }
    }

    /// When an address is locked.
    #[must_use]
    pub fn of_address(&self) -> Rules {
        Rules {
            failures: self.address_attempts,
            ..self.of_account()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_fails_more_often_than_an_account_before_it_is_locked() {
        let settings = Settings::default();
        let (account, address) = (settings.of_account(), settings.of_address());
        assert_eq!(account, Rules::default());
        assert!(address.failures > account.failures);
        assert_eq!(address.window, account.window);
    }
}
