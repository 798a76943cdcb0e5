//! Making, listing, resetting, disabling and claiming accounts.
//!
//! Owns the order of things: a link is in the store before anybody has it, and used up in the same
//! statement that sets the password. Calls wait for the store; run them where waiting is allowed.

use std::{fmt, time::Duration};

use control::{Rng, Secret, Timestamp, rng};
use serde::Serialize;
use store::{
    Store, StoreError, Tenant, Within,
    accounts::{self as rows, AccountRow},
};

use super::{AccountFault, AccountName, ClaimRefusal, ISSUER};
use crate::{
    PersonId,
    keys::{PROBE_TENANT, ROLES_LIMIT, is_word},
    password::{About, Documented, Hashed, Password, hash::Cost, strength},
    session::id::{SessionId, digest_of},
};

/// Most accounts: they are for operators and small teams.
pub const ACCOUNTS_LIMIT: u64 = 1000;

/// How long an account lives that was made for a proof.
pub const PROBE_LIFE: Duration = Duration::from_secs(60);

/// What the names of accounts begin with that were made for a proof, for whoever meets one in a list.
const PROBE_NAME: &str = "probe-";

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

/// What is asked of links and passwords.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long a link is good.
    pub link: Duration,
    /// Fewest characters of a new password.
    pub shortest: usize,
    /// Passwords that nobody may have.
    pub documented: Documented,
    /// Names of the place, which no password may resemble.
    pub place: Vec<String>,
}

/// Whose account one is: a person's, or a proof's. Neither is ever taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A person's.
    Person,
    /// A proof's: it lives [`PROBE_LIFE`] in a tenant of its own.
    Proof,
}

impl Owner {
    /// Whether it is of this row.
    pub(super) fn has(self, row: &AccountRow, now: Timestamp) -> bool {
        let of_proof = row.tenant == PROBE_TENANT;
        match self {
            Self::Person => !of_proof,
            Self::Proof => of_proof && now < row.created.plus(PROBE_LIFE),
        }
    }
}

/// The accounts of a deployment. Clones are the same.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    cost: Cost,
    terms: Terms,
}

impl Accounts {
    /// The accounts in `store`, on these terms.
    #[must_use]
    pub const fn new(store: Store, cost: Cost, terms: Terms) -> Self {
        Self { store, cost, terms }
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a password stands in documentation: it opens nothing, whenever it was set.
    pub(super) fn is_documented(&self, password: &Password) -> bool {
        self.terms.documented.knows(password)
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
        if wish.tenant == PROBE_TENANT {
            return Err(AccountFault::Tenant);
        }
        let name = AccountName::read(&wish.name).ok_or(AccountFault::Name)?;
        self.insert(name, wish.roles, wish.tenant, self.terms.link, now, rng)
    }

    /// Makes an account for a proof, with a name of its own.
    ///
    /// # Errors
    ///
    /// [`AccountFault`].
    pub fn add_probe(&self, now: Timestamp, rng: &dyn Rng) -> Result<Made, AccountFault> {
        let chance = rng::array::<8>(rng)?;
        let name = format!("{PROBE_NAME}{}", seal::encode::hex(&chance));
        let name = AccountName::read(&name).ok_or(AccountFault::Name)?;
        let tenant = PROBE_TENANT.to_owned();
        self.insert(name, Vec::new(), tenant, PROBE_LIFE, now, rng)
    }

    /// Removes an account of a proof; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`AccountFault::Store`].
    pub fn remove_probe(&self, name: &str) -> Result<bool, AccountFault> {
        let name = name.to_owned();
        Ok(self.of_proofs(move |within| rows::remove(within, &name))?)
    }

    /// Removes the accounts of proofs that are over.
    ///
    /// # Errors
    ///
    /// [`AccountFault::Store`].
    pub fn sweep(&self, now: Timestamp) -> Result<usize, AccountFault> {
        let life = i64::try_from(PROBE_LIFE.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.millis().saturating_sub(life));
        Ok(self.of_proofs(move |within| rows::sweep(within, before))?)
    }

    /// Takes an account back that was just made and that nobody knows of.
    ///
    /// # Errors
    ///
    /// [`AccountFault::Store`].
    pub fn take_back(&self, made: &Made) -> Result<(), AccountFault> {
        let name = made.name.as_str().to_owned();
        self.every(move |within| rows::remove(within, &name))?;
        Ok(())
    }

    fn insert(
        &self,
        name: AccountName,
        roles: Vec<String>,
        tenant_name: String,
        life: Duration,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Made, AccountFault> {
        if let Some(at) = roles.iter().position(|role| !is_word(role)) {
            return Err(AccountFault::Role { at: at + 1 });
        }
        if roles.len() > ROLES_LIMIT {
            return Err(AccountFault::Role {
                at: ROLES_LIMIT + 1,
            });
        }
        let tenant = Tenant::named(&tenant_name).ok_or(AccountFault::Tenant)?;
        let link = ClaimLink(SessionId::generate(rng)?);
        let until = now.plus(life);
        let row = AccountRow {
            name: name.as_str().to_owned(),
            password: None,
            claim: Some((link.0.digest(), until)),
            roles,
            tenant: tenant_name,
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
        let until = now.plus(self.terms.link);
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
        owner: Owner,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<AccountName, ClaimRefusal> {
        let digest = digest_of(link.expose()).ok_or(ClaimRefusal::Link)?;
        let away = |_: StoreError| ClaimRefusal::Away;
        let found = self.every(move |within| rows::claimed_by(within, &digest, now));
        let row = found.map_err(away)?.ok_or(ClaimRefusal::Link)?;
        if !owner.has(&row, now) {
            return Err(ClaimRefusal::Link);
        }
        let name = AccountName::read(&row.name).ok_or(ClaimRefusal::Away)?;
        let mut known = vec![name.as_str()];
        known.extend(self.terms.place.iter().map(String::as_str));
        let about = About {
            texts: &known,
            documented: Some(&self.terms.documented),
        };
        let sound = strength::judge(Password::read(password)?, about, self.terms.shortest)
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

    /// Runs `job` for the tenant of proofs.
    fn of_proofs<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Within<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(tenant) = Tenant::named(PROBE_TENANT) else {
            return Err(StoreError::OtherTenant { table: "account" });
        };
        self.store.run(move |access| job(&access.within(&tenant)?))
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
