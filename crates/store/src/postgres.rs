//! A PostgreSQL server instead of the file, for deployments of several nodes.
//!
//! Owns what such a store is asked with: where the server is, who signs for it, how long to wait.
//! Refuses what [`Address`] refuses, users whom row-level security does not bind, standbys and
//! schemas of newer builds. Trusts the server to keep what it acknowledged; its clock is not asked.

mod error;
mod migrate;
mod pool;
mod proof;
mod session;

use std::{fmt, num::NonZero, sync::Arc, time::Duration};

use control::Clock;

pub(crate) use self::{pool::Pool, session::Session};
use crate::{Address, Place, Roots, StoreError};

/// How many connections a node keeps to the server, unless told otherwise.
pub const CONNECTIONS: NonZero<usize> = NonZero::new(4).unwrap();

/// Most connections a node may be told to keep.
pub const CONNECTIONS_LIMIT: NonZero<usize> = NonZero::new(64).unwrap();

/// How a server is asked.
#[derive(Clone)]
pub struct Options {
    /// The server and the user that the node works as.
    pub address: Address,
    /// The same database under the user who owns its schema, where that is another: used to bring
    /// the schema forward, and for nothing else.
    pub owner: Option<Address>,
    /// Who signs for the server; needed where [`Address::needs_ca`].
    pub roots: Option<Roots>,
    /// How many connections, and so jobs at one time; at most [`CONNECTIONS_LIMIT`].
    pub connections: NonZero<usize>,
    /// How long to wait for the server.
    pub patience: Patience,
    /// What durations are measured with.
    pub clock: Arc<dyn Clock>,
}

/// How long to wait for a server.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, from its name to its readiness.
    pub connect: Duration,
    /// For one statement.
    pub statement: Duration,
    /// For the first new attempt after one that failed; doubles up to [`Patience::longest`].
    pub first: Duration,
    /// Between two attempts at most.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(5),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// What is asked with the defaults.
    #[must_use]
    pub fn new(address: Address, clock: Arc<dyn Clock>) -> Self {
        Self {
            address,
            owner: None,
            roots: None,
            connections: CONNECTIONS,
            patience: Patience::default(),
            clock,
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.address.place()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({})", self.place())
    }
}

/// What a server is found to be before anything is changed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Where it is.
    pub place: Place,
    /// The schema it has; 0 for none.
    pub found: i64,
    /// The schema of this build.
    pub known: i64,
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            found,
            known,
        } = self;
        if found == known {
            write!(f, "the database {place} is ready")
        } else {
            write!(
                f,
                "the database {place} has schema {found} and would be brought to {known}"
            )
        }
    }
}

/// Asks a server whether it could be worked with, and changes nothing on it. Blocks: not for async
/// code.
pub fn look(options: &Options) -> Result<Outlook, StoreError> {
    let runtime = session::runtime()?;
    let session = Session::dial(&runtime, &options.address, options)?;
    session.judge()?;
    let (found, known) = migrate::look(&session)?;
    Ok(Outlook {
        place: options.place(),
        found,
        known,
    })
}

/// Brings the schema forward and proves that the server may be worked with.
pub(crate) fn open(options: &Options) -> Result<Pool, StoreError> {
    let runtime = session::runtime()?;
    let owner = options.owner.as_ref().unwrap_or(&options.address);
    let mut first = Session::dial(&runtime, owner, options)?;
    if options.owner.is_none() {
        // Before anything is made: a schema that a superuser owns is of no use to the right user.
        first.judge()?;
    }
    let user = options.address.user.as_deref();
    let other = user.filter(|user| Some(*user) != owner.user.as_deref());
    migrate::migrate(&mut first, other)?;
    drop(first);
    // The pool's own connections are judged as each of them is made; this one says why not while
    // there is still somebody to read it.
    drop(Session::open(&runtime, options)?);
    Pool::start(options.clone())
}
