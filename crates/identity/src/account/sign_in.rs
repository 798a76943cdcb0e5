//! From a name and a password to somebody who has proved who they are.
//!
//! Owns the door, where passwords are checked and set: failed attempts are counted before anything is looked up, and what is spent does not
//! depend on whether the name is somebody's, the password wrong or the account locked. At most
//! [`Door::AT_ONCE`] passwords are checked at the same moment, because each takes
//! [`crate::password::hash::MEMORY`]; whoever comes on top waits his turn for a while.

use std::{fmt, sync::Arc, time::Duration};

use control::{Rng, Secret, Timestamp};
use store::{StoreError, Tenant, accounts as rows};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{AccountName, Accounts, ClaimRefusal, ISSUER, Owner, SignInRefusal, person};
use crate::{
    PersonId,
    lockout::{Locked, Lockout, Origin, Subject},
    password::{Checked, Hashed, NoPassword, Password},
    session::id::digest_of,
};

/// How long an attempt waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who has proved who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What the account is called: the subject of [`ISSUER`].
    pub name: Box<str>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When the password was set.
    changed: Option<Timestamp>,
}

impl SignedIn {
    /// Who says so.
    #[must_use]
    pub const fn issuer(&self) -> &'static str {
        ISSUER
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedIn(..)")
    }
}

/// Why nobody came in, and what is locked now because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: SignInRefusal,
    /// What this attempt locked: worth an event and an alert.
    pub locks: Option<Locked>,
    /// Whose account was tried, where there is one.
    pub tried: Option<PersonId>,
}

impl From<SignInRefusal> for Refused {
    fn from(refusal: SignInRefusal) -> Self {
        Self {
            refusal,
            locks: None,
            tried: None,
        }
    }
}

/// Where people sign in. Clones are the same.
#[derive(Clone)]
pub struct Door {
    accounts: Accounts,
    lockout: Lockout,
    turns: Arc<Semaphore>,
    rng: Arc<dyn Rng>,
}

impl Door {
    /// Most passwords that are checked at the same moment.
    pub const AT_ONCE: usize = 4;

    /// The door to `accounts`.
    #[must_use]
    pub fn new(accounts: Accounts, lockout: Lockout, rng: Arc<dyn Rng>) -> Self {
        Self {
            accounts,
            lockout,
            turns: Arc::new(Semaphore::new(Self::AT_ONCE)),
            rng,
        }
    }

    #[cfg(test)]
    pub(super) fn turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.turns)
    }

    /// The accounts behind it.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Who has failed too often.
    #[must_use]
    pub const fn lockout(&self) -> &Lockout {
        &self.lockout
    }

    /// Lets somebody in who says this name and this password, from `origin`, at `now`. A proof comes in
    /// with its own accounts alone, and nobody else does. Must be awaited on a runtime that may wait.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        origin: Origin,
        now: Timestamp,
    ) -> Result<SignedIn, Refused> {
        let away = Refused::from(SignInRefusal::Away);
        // What has not the form of a name is counted under what was typed, like any other.
        let name = AccountName::read(name).map_or_else(
            || (name.to_ascii_lowercase(), None),
            |name| (name.as_str().to_owned(), Some(name)),
        );
        let begun = self.lockout.begin(&name.0, origin, now).await;
        let attempt = match begun.map_err(|_| away)? {
            Ok(attempt) => attempt,
            Err(Locked {
                subject: Subject::Address,
                ..
            }) => {
                // Says nothing about any account, so nothing is spent on it.
                return Err(SignInRefusal::AddressLocked.into());
            }
            Err(Locked {
                subject: Subject::Account,
                ..
            }) => {
                // Nobody is checked, for as long as somebody would be.
                return Err(match self.checked(None, password).await {
                    Err(SignInRefusal::Away) => away,
                    _ => SignInRefusal::AccountLocked.into(),
                });
            }
        };
        let tried = name.1.as_ref().map(|name| person(name.as_str()));
        match self.checked(owned(name.1, origin, now), password).await {
            Ok(signed_in) => {
                attempt
                    .succeeded(&self.lockout, now)
                    .await
                    .map_err(|_| away)?;
                Ok(signed_in)
            }
            Err(SignInRefusal::Away) => {
                // Nobody was judged: a crowd at the door must not lock out whoever waits in it.
                let _ = attempt.unjudged(&self.lockout, now).await;
                Err(away)
            }
            Err(refusal) => Err(Refused {
                refusal,
                locks: attempt.locks(),
                // What is nobody's name may be a password that was typed into the wrong field.
                tried: tried.filter(|_| refusal != SignInRefusal::Unknown),
            }),
        }
    }

    /// Whose password `link` sets, if anybody's.
    ///
    /// # Errors
    ///
    /// [`ClaimRefusal::Link`] and [`ClaimRefusal::Away`].
    pub async fn claimable(
        &self,
        link: &Secret,
        owner: Owner,
        now: Timestamp,
    ) -> Result<AccountName, ClaimRefusal> {
        let digest = digest_of(link.expose()).ok_or(ClaimRefusal::Link)?;
        let found = self.accounts.store().submit(move |access| {
            let every = Tenant::every();
            rows::claimed_by(&access.within(&every)?, &digest, now)
        });
        let row = found.await.map_err(|_| ClaimRefusal::Away)?;
        let row = row.filter(|row| owner.has(row, now));
        let name = row.and_then(|row| AccountName::read(&row.name));
        name.ok_or(ClaimRefusal::Link)
    }

    /// As [`Accounts::claim`], in its turn and away from this thread.
    ///
    /// # Errors
    ///
    /// [`ClaimRefusal`].
    pub async fn claim(
        &self,
        link: Secret,
        password: Secret,
        owner: Owner,
        now: Timestamp,
    ) -> Result<AccountName, ClaimRefusal> {
        let away = ClaimRefusal::Away;
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(away);
        };
        let (accounts, rng) = (self.accounts.clone(), Arc::clone(&self.rng));
        let claimed = spawn_blocking(move || {
            let _turn = turn;
            let password = std::str::from_utf8(password.expose());
            let password = password.map_err(|_| NoPassword::Control)?;
            accounts.claim(&link, password, owner, now, &*rng)
        });
        claimed.await.unwrap_or(Err(away))
    }

    /// Whether the account is still as it was when somebody came in: whoever disables or resets it ends
    /// the sessions there are, and one that is begun at that very moment is ended by who asks here.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn stands(&self, signed_in: &SignedIn) -> Result<bool, StoreError> {
        let (name, changed) = (signed_in.name.to_string(), signed_in.changed);
        let found = self.accounts.store().submit(move |access| {
            let every = Tenant::every();
            rows::get(&access.within(&every)?, &name)
        });
        let row = found.await?;
        Ok(row.is_some_and(|row| row.disabled.is_none() && row.changed == changed))
    }

    /// Checks in turn, away from this thread. `None` spends the same on nobody.
    async fn checked(
        &self,
        name: Option<Asked>,
        password: &str,
    ) -> Result<SignedIn, SignInRefusal> {
        let away = SignInRefusal::Away;
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| away)?.map_err(|_| away)?;
        let (accounts, rng) = (self.accounts.clone(), Arc::clone(&self.rng));
        let password = Password::read(password);
        let checked = spawn_blocking(move || {
            let _turn = turn;
            // What is no password is nobody's; it costs what another costs.
            let other = || Password::read("no password").map_err(|_| away);
            let (password, given) = match password {
                Ok(password) => (password, true),
                Err(_) => (other()?, false),
            };
            check(&accounts, name.filter(|_| given), &password, &*rng)
        });
        checked.await.map_err(|_| away)?
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door(..)")
    }
}

/// The account that is asked for.
struct Asked {
    name: AccountName,
    owner: Owner,
    now: Timestamp,
}

fn owned(name: Option<AccountName>, origin: Origin, now: Timestamp) -> Option<Asked> {
    let owner = match origin {
        Origin::Client(_) => Owner::Person,
        Origin::Proof => Owner::Proof,
    };
    name.map(|name| Asked { name, owner, now })
}

/// Looks an account up and checks a password against it. Costs one hash whatever comes of it.
fn check(
    accounts: &Accounts,
    asked: Option<Asked>,
    password: &Password,
    rng: &dyn Rng,
) -> Result<SignedIn, SignInRefusal> {
    let cost = accounts.cost();
    let Some(asked) = asked else {
        Hashed::nobody(password, cost)?;
        return Err(SignInRefusal::Unknown);
    };
    let called = asked.name.as_str().to_owned();
    let found = accounts.every(move |within| rows::get(within, &called));
    let found = found.map_err(|_| SignInRefusal::Away)?;
    let found = found.filter(|row| asked.owner.has(row, asked.now));
    let Some(row) = found else {
        Hashed::nobody(password, cost)?;
        return Err(SignInRefusal::Unknown);
    };
    let Some(stored) = row.password else {
        Hashed::nobody(password, cost)?;
        return Err(SignInRefusal::Unclaimed);
    };
    let right = Hashed::stored(&stored)?.check(password, cost)?;
    let Some(right) = right else {
        return Err(SignInRefusal::Password);
    };
    if accounts.is_documented(password) {
        return Err(SignInRefusal::Documented);
    }
    if row.disabled.is_some() {
        return Err(SignInRefusal::Disabled);
    }
    if right == Checked::Stale
        && let Ok(anew) = Hashed::again(password, cost, rng)
    {
        let name = row.name.clone();
        // The next time will do as well, if it does not work now.
        let _ = accounts.every(move |within| rows::rehash(within, &name, &stored, anew.as_str()));
    }
    Ok(SignedIn {
        name: row.name.into(),
        roles: row.roles,
        tenant: row.tenant,
        changed: row.changed,
    })
}
