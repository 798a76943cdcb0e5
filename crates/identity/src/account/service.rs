//! Making, listing, resetting, disabling and claiming accounts.
//!
//! Owns the order of things: a link is in the store before anybody has it, and used up in the same
//! statement that sets the password. Calls wait for the store; run them where waiting is allowed.

use std::{fmt, time::Duration};

use control::{Rng, Secret, Timestamp};
use serde::Serialize;
use store::{
    Store, StoreError, Tenant, Within,
    accounts::{self as rows, AccountRow},
};

use super::{AccountFault, AccountName, ClaimRefusal, ISSUER};
use crate::{
    PersonId,
    keys::{ROLES_LIMIT, is_word},
    password::{About, Hashed, Password, hash::Cost, strength},
    session::id::{SessionId, digest_of},
};

/// Most accounts: they are for operators and small teams.
pub const ACCOUNTS_LIMIT: u64 = 1000;

/// How long a link is good.
pub const CLAIM_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// An account that somebody wants to make.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name, as typed.
    pub name: String,
    /// Roles of the person.
    pub roles: Vec<String>,
    /// Tenant of the person.
    pub tenant: String,
}

/// The link by which a person sets a password, once. In the form of the id of a session.
pub struct ClaimLink(SessionId);

impl ClaimLink {
    /// Its text, for the person alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for ClaimLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimLink(..)")
    }
}

/// An account that was made or reset, and the link for its person.
#[derive(Debug)]
pub struct Made {
    /// Its name as it is kept.
    pub name: AccountName,
    /// What the person is given.
    pub link: ClaimLink,
    /// Until when it is good.
    pub until: Timestamp,
}

/// An account as an operator sees it. Serialises with times in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whose it is, as the ledger names them.
    pub principal: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When it was made.
    pub created: String,
    /// When the password was set; none while nobody has claimed it.
    pub changed: Option<String>,
    /// Since when nobody comes in with it.
    pub disabled: Option<String>,
    /// Until when a link is good, where one is out.
    pub claimable: Option<String>,
}

/// The accounts of a deployment. Clones are the same.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    cost: Cost,
    shortest: usize,
    /// Names of the place, which no password may resemble.
    place: Vec<String>,
}

impl Accounts {
    /// The accounts in `store`. New passwords have at least `shortest` characters and do not resemble
    /// the names of the place.
    #[must_use]
    pub const fn new(store: Store, cost: Cost, shortest: usize, place: Vec<String>) -> Self {
        Self {
            store,
            cost,
            shortest,
            place,
        }
    }

    #[cfg(test)]
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }

    /// Makes an account that nobody can sign in to before its link was used.
    ///
    /// # Errors
    ///
    /// [`AccountFault`].
    pub fn add(
        &self,
        wish: NewAccount,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Made, AccountFault> {
        let name = AccountName::read(&wish.name).ok_or(AccountFault::Name)?;
        let roles = wish.roles;
        if let Some(at) = roles.iter().position(|role| !is_word(role)) {
            return Err(AccountFault::Role { at: at + 1 });
        }
        if roles.len() > ROLES_LIMIT {
            return Err(AccountFault::Role {
                at: ROLES_LIMIT + 1,
            });
        }
        let tenant = Tenant::named(&wish.tenant).ok_or(AccountFault::Tenant)?;
        let link = ClaimLink(SessionId::generate(rng)?);
        let until = now.plus(CLAIM_LIFE);
        let row = AccountRow {
            name: name.as_str().to_owned(),
            password: None,
            claim: Some((link.0.digest(), until)),
            roles,
            tenant: wish.tenant,
            created: now,
            changed: None,
            disabled: None,
        };
        let made = self.store.run(move |access| {
            if rows::count(&access.within(&Tenant::every())?)? >= ACCOUNTS_LIMIT {
                return Ok(None);
            }
            rows::insert(&access.within(&tenant)?, &row).map(Some)
        })?;
        match made {
            Some(true) => Ok(Made { name, link, until }),
            Some(false) => Err(AccountFault::Taken),
            None => Err(AccountFault::TooMany {
                limit: ACCOUNTS_LIMIT,
            }),
        }
    }

    /// Takes the password of an account away and gives out a new link. Sessions are for the caller to
    /// end.
    ///
    /// # Errors
    ///
    /// [`AccountFault`].
    pub fn reset(&self, name: &str, now: Timestamp, rng: &dyn Rng) -> Result<Made, AccountFault> {
        let name = AccountName::read(name).ok_or(AccountFault::Unknown)?;
        let link = ClaimLink(SessionId::generate(rng)?);
        let until = now.plus(CLAIM_LIFE);
        let (called, digest) = (name.as_str().to_owned(), link.0.digest());
        if self.every(move |within| rows::reset(within, &called, &digest, until))? {
            Ok(Made { name, link, until })
        } else {
            Err(AccountFault::Unknown)
        }
    }

    /// Lets nobody in with an account from `disabled` on, or its person again.
    ///
    /// # Errors
    ///
    /// [`AccountFault`].
    pub fn disable(&self, name: &str, disabled: Option<Timestamp>) -> Result<(), AccountFault> {
        let name = AccountName::read(name).ok_or(AccountFault::Unknown)?;
        let called = name.as_str().to_owned();
        if self.every(move |within| rows::disable(within, &called, disabled))? {
            Ok(())
        } else {
            Err(AccountFault::Unknown)
        }
    }

    /// Every account, by name.
    ///
    /// # Errors
    ///
    /// [`AccountFault::Store`].
    pub fn list(&self) -> Result<Vec<Listed>, AccountFault> {
        let most = u32::try_from(ACCOUNTS_LIMIT).unwrap_or(u32::MAX);
        let rows = self.every(move |within| rows::list(within, most))?;
        Ok(rows.into_iter().map(listed).collect())
    }

    /// Sets the password of the account that `link` was given out for, and uses the link up. Takes as
    /// long as a hash does: not for a thread of the gate.
    ///
    /// # Errors
    ///
    /// [`ClaimRefusal`]; the link is still good where the password was at fault.
    pub fn claim(
        &self,
        link: &Secret,
        password: &str,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<AccountName, ClaimRefusal> {
        let digest = digest_of(link.expose()).ok_or(ClaimRefusal::Link)?;
        let away = |_: StoreError| ClaimRefusal::Away;
        let found = self.every(move |within| rows::claimed_by(within, &digest, now));
        let row = found.map_err(away)?.ok_or(ClaimRefusal::Link)?;
        let name = AccountName::read(&row.name).ok_or(ClaimRefusal::Away)?;
        let mut known = vec![name.as_str()];
        known.extend(self.place.iter().map(String::as_str));
        let about = About { texts: &known };
        let sound = strength::judge(Password::read(password)?, about, self.shortest)
            .map_err(ClaimRefusal::Weak)?;
        let hashed = Hashed::new(&sound, self.cost, rng).map_err(|_| ClaimRefusal::Away)?;
        let text = hashed.as_str().to_owned();
        let set = self.every(move |within| rows::claim(within, &digest, &text, now));
        if set.map_err(away)? {
            Ok(name)
        } else {
            Err(ClaimRefusal::Link)
        }
    }

    /// Runs `job` for every tenant: whose an account is, is what its row says.
    pub(super) fn every<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Within<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store
            .run(move |access| job(&access.within(&Tenant::every())?))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts(..)")
    }
}

fn listed(row: AccountRow) -> Listed {
    let text = |at: Timestamp| at.to_string();
    Listed {
        principal: PersonId::of(ISSUER, &row.name).as_str().to_owned(),
        name: row.name,
        roles: row.roles,
        tenant: row.tenant,
        created: text(row.created),
        changed: row.changed.map(text),
        disabled: row.disabled.map(text),
        claimable: row.claim.map(|(_, until)| text(until)),
    }
}
