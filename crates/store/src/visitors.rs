//! Where it is kept who is logged in, and who is about to be.
//!
//! Owns the few operations that sessions and logins under way need, over the tables of a store and over
//! Redis. Redis is taken where it is what nodes share and the store is not. Each operation is atomic with
//! regard to every other, on whichever node. Sessions of every tenant are meant: whose one is, its row
//! says.

mod redis;

use control::Timestamp;

use crate::{
    Store, StoreError, Tenant, Within, logins,
    logins::LoginRow,
    sessions::{self, Bounds, Digest, Inserted, SessionRow, Which},
    shared::Shared,
};

/// Sessions and logins. Clones are the same.
#[derive(Clone, Debug)]
pub struct Visitors(Place);

#[derive(Clone, Debug)]
enum Place {
    Tables(Store),
    Redis(Shared),
}

/// Which sessions are to end; as [`Which`], for whoever waits.
#[derive(Clone)]
pub enum Ending {
    /// The one with this digest.
    Digest(Digest),
    /// The one with this handle.
    Handle(String),
    /// Every one of a person.
    Principal(String),
    /// Those of a person that began by then.
    Begun(String, Timestamp),
    /// Those with this digest of their provider's name for them.
    Sid(Digest),
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ending(..)")
    }
}

impl From<Store> for Visitors {
    /// In its tables.
    fn from(store: Store) -> Self {
        Self(Place::Tables(store))
    }
}

impl Visitors {
    /// In the tables of `store`, unless only `shared` is shared with other nodes.
    #[must_use]
    pub fn new(store: Store, shared: Shared) -> Self {
        if shared.is_shared() && !store.is_shared() {
            Self(Place::Redis(shared))
        } else {
            store.into()
        }
    }

    /// Adds a session, in the place of another one where `replaced` names it. Says which had to go.
    pub async fn insert(
        &self,
        row: SessionRow,
        replaced: Option<Digest>,
        bounds: Bounds,
        now: Timestamp,
    ) -> Result<(Inserted, Vec<Digest>), StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::insert(shared, &row, replaced, bounds, now).await,
            Place::Tables(store) => {
                let inserted = every(store, move |within| {
                    let mut gone = match replaced {
                        Some(replaced) => sessions::remove(within, Which::Digest(&replaced))?,
                        None => Vec::new(),
                    };
                    let inserted = sessions::insert(within, &row, bounds)?;
                    if let Inserted::Made(crowded_out) = &inserted {
                        gone.extend(crowded_out);
                    }
                    Ok((inserted, gone))
                });
                inserted.await
            }
        }
    }

    /// The sessions with these digests, in their order.
    pub async fn get(&self, digests: Vec<Digest>) -> Result<Vec<Option<SessionRow>>, StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::get(shared, &digests).await,
            Place::Tables(store) => {
                let found = every(store, move |within| {
                    let found = digests.iter().map(|digest| sessions::get(within, digest));
                    found.collect()
                });
                found.await
            }
        }
    }

    /// Up to `most` sessions, of one person where `principal` names one; the one used last comes first.
    pub async fn list(
        &self,
        principal: Option<String>,
        most: u32,
    ) -> Result<Vec<SessionRow>, StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::list(shared, principal.as_deref(), most).await,
            Place::Tables(store) => {
                let listed = every(store, move |within| {
                    sessions::list(within, principal.as_deref(), most)
                });
                listed.await
            }
        }
    }

    /// Moves the moments of last use forward, never back. `uses` are in the order of their digests.
    pub async fn touch(
        &self,
        uses: Vec<(Digest, Timestamp)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::touch(shared, &uses, now).await,
            Place::Tables(store) => {
                let touched = every(store, move |within| {
                    for (digest, at) in &uses {
                        sessions::touch(within, digest, *at)?;
                    }
                    Ok(())
                });
                touched.await
            }
        }
    }

    /// Ends sessions; returns the digests of those that were there.
    pub async fn remove(&self, ending: Ending) -> Result<Vec<Digest>, StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::remove(shared, &ending).await,
            Place::Tables(store) => {
                let removed = every(store, move |within| {
                    let which = match &ending {
                        Ending::Digest(digest) => Which::Digest(digest),
                        Ending::Handle(handle) => Which::Handle(handle),
                        Ending::Principal(principal) => Which::Principal(principal),
                        Ending::Begun(principal, by) => Which::Begun(principal, *by),
                        Ending::Sid(sid) => Which::Sid(sid),
                    };
                    sessions::remove(within, which)
                });
                removed.await
            }
        }
    }

    /// Removes what has ended by `now`, and sessions idle for `grace` milliseconds longer than they may
    /// be. Redis does so by itself.
    pub async fn sweep(&self, now: Timestamp, grace: i64) -> Result<(), StoreError> {
        let Place::Tables(store) = &self.0 else {
            return Ok(());
        };
        every(store, move |within| sessions::sweep(within, now, grace)).await?;
        store
            .submit(move |access| logins::sweep(access, now))
            .await?;
        Ok(())
    }

    /// Notes a login; false if there are `most` already that have not expired by then.
    pub async fn begin(&self, row: LoginRow, most: u64) -> Result<bool, StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::begin(shared, &row, most).await,
            Place::Tables(store) => {
                let begun = store.submit(move |access| logins::begin(access, &row, most));
                begun.await
            }
        }
    }

    /// Takes the login with this state out, if it was begun by the browser with this binding and has not
    /// expired by `now`. Of two at the same moment, one gets it.
    pub async fn take(
        &self,
        state: Digest,
        binding: Digest,
        now: Timestamp,
    ) -> Result<Option<LoginRow>, StoreError> {
        match &self.0 {
            Place::Redis(shared) => redis::take(shared, &state, &binding, now).await,
            Place::Tables(store) => {
                let taken = store.submit(move |access| logins::take(access, &state, &binding, now));
                taken.await
            }
        }
    }
}

/// Runs `job` for every tenant.
async fn every<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&Within<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let submitted = store.submit(move |access| job(&access.within(&Tenant::every())?));
    submitted.await
}
