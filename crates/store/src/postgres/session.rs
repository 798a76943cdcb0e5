//! One connection to the server, and the transactions on it.
//!
//! Owns the settings a connection runs under, its prepared statements and every time limit. Refuses
//! to be used after anything that leaves its state in doubt, and to commit a transaction in which a
//! statement has failed. Blocks the thread it is used on, which is one of the pool's.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    rc::Rc,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{Client, Config, NoTls, Row, Statement, config::SslMode};

use super::{Options, error, migrate, proof::Proof};
use crate::{
    Address, Place, StoreError,
    access::Value,
    tls::{self, Roots},
};

/// How much longer than the server's own limit we wait for its word that it was reached.
const GRACE: Duration = Duration::from_millis(500);

/// How long to wait for a connection to be closed in good order.
const FAREWELL: Duration = Duration::from_millis(200);

/// A connection to the server.
pub(crate) struct Session {
    runtime: Rc<Runtime>,
    client: Option<Client>,
    /// Carries the bytes, whenever the runtime runs.
    line: Option<JoinHandle<()>>,
    statements: RefCell<HashMap<&'static str, Statement>>,
    place: Place,
    patience: Duration,
    /// What the first failed statement of the transaction said.
    failed: RefCell<Option<StoreError>>,
    broken: Cell<bool>,
}

/// What a thread of the pool waits with.
pub(super) fn runtime() -> Result<Rc<Runtime>, StoreError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map(Rc::new).map_err(|cause| StoreError::Failed {
        cause: cause.to_string(),
    })
}

impl Session {
    /// Connects as the node's user and proves that everything is as it must be.
    pub(super) fn open(runtime: &Rc<Runtime>, options: &Options) -> Result<Self, StoreError> {
        let session = Self::dial(runtime, &options.address, options)?;
        session.judge()?;
        migrate::is_current(&session)?;
        Ok(session)
    }

    /// Connects to `address`.
    pub(super) fn dial(
        runtime: &Rc<Runtime>,
        address: &Address,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let place = address.place();
        let connecting = connect(address, options.roots.clone(), &place);
        let connected =
            runtime.block_on(async { timeout(options.patience.connect, connecting).await });
        let (client, line) = connected.unwrap_or_else(|_| {
            let seconds = options.patience.connect.as_secs_f32();
            Err(StoreError::Unreachable {
                place: place.clone(),
                cause: format!("no connection within {seconds} s"),
            })
        })?;
        let session = Self {
            runtime: Rc::clone(runtime),
            client: Some(client),
            line: Some(line),
            statements: RefCell::default(),
            place,
            patience: options.patience.statement,
            failed: RefCell::default(),
            broken: Cell::new(false),
        };
        session.settle()?;
        Ok(session)
    }

    /// The settings every connection runs under.
    fn settle(&self) -> Result<(), StoreError> {
        let limit = self.patience.as_millis().max(1);
        self.batch(&format!(
            "SET search_path = vouchsafe, pg_temp;
             SET row_security = on;
             SET default_transaction_isolation = 'read committed';
             SET statement_timeout = {limit};
             SET lock_timeout = {limit};
             SET idle_in_transaction_session_timeout = {};
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') = 'off'",
            limit.saturating_mul(2)
        ))
    }

    /// Whether the server takes writes, and row-level security binds us.
    pub(super) fn judge(&self) -> Result<(), StoreError> {
        let rows = self.query(
            "SELECT pg_is_in_recovery(), rolsuper OR rolbypassrls
             FROM pg_roles WHERE rolname = current_user",
            &[],
        )?;
        let answer = |at| rows.first().and_then(|row| row.try_get(at).ok());
        let place = self.place.clone();
        match (answer(0), answer(1)) {
            (Some(false), Some(false)) => Ok(()),
            (Some(true), _) => Err(StoreError::ReadOnly { place }),
            _ => Err(StoreError::Unbound { place }),
        }
    }

    pub(super) fn begin(&self) -> Result<(), StoreError> {
        self.failed.take();
        self.batch("BEGIN")
    }

    /// Commits, unless a statement has failed: the server would take the transaction back and call
    /// that a success.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        match self.failed.take() {
            None => self.batch("COMMIT"),
            Some(failed) => {
                self.rollback();
                Err(failed)
            }
        }
    }

    /// Takes the transaction back. Where even that fails, the server does it when the connection
    /// ends.
    pub(super) fn rollback(&self) {
        if !self.broken.get() && self.batch("ROLLBACK").is_err() {
            self.broken.set(true);
        }
    }

    /// Whether the connection is of no more use.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get() || self.client.as_ref().is_none_or(Client::is_closed)
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn execute(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<usize, StoreError> {
        let values: Vec<_> = values.iter().map(Value::for_postgres).collect();
        let changed = self.run(async |client: &Client| {
            let statement = self.prepared(client, sql).await?;
            client.execute(&statement, &values).await
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn query(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let values: Vec<_> = values.iter().map(Value::for_postgres).collect();
        self.run(async |client: &Client| {
            let statement = self.prepared(client, sql).await?;
            client.query(&statement, &values).await
        })
    }

    /// Runs statements that take no values.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.run(async |client: &Client| client.batch_execute(sql).await)
    }

    async fn prepared(
        &self,
        client: &Client,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = client.prepare(&sql.replace('?', "$")).await?;
        self.statements.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Waits for the server, within the limit of a statement.
    fn run<'s, T, F>(&'s self, ask: impl FnOnce(&'s Client) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let Some(client) = self.client.as_ref().filter(|_| !self.broken.get()) else {
            return Err(StoreError::Lost);
        };
        let limit = self.patience.saturating_add(GRACE);
        let answered = self
            .runtime
            .block_on(async { timeout(limit, ask(client)).await });
        let error = match answered {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(fault)) => {
                let verdict = error::of_statement(&fault, &self.place);
                self.broken.set(self.broken.get() || verdict.broken);
                verdict.error
            }
            // The answer may still come, to a question nobody asks any more.
            Err(_) => {
                self.broken.set(true);
                StoreError::Slow
            }
        };
        self.failed
            .borrow_mut()
            .get_or_insert_with(|| error.clone());
        Err(error)
    }
}

impl Drop for Session {
    /// Closes the line now, so that the server lets go of what a lost transaction holds.
    fn drop(&mut self) {
        let broken = self.is_broken();
        self.client = None;
        if let Some(mut line) = self.line.take() {
            if broken {
                line.abort();
            }
            let waited = self
                .runtime
                .block_on(async { timeout(FAREWELL, &mut line).await });
            if waited.is_err() {
                line.abort();
            }
        }
    }
}

async fn connect(
    address: &Address,
    roots: Option<Roots>,
    place: &Place,
) -> Result<(Client, JoinHandle<()>), StoreError> {
    let stream = tls::dial(address)
        .await
        .map_err(|cause| StoreError::Unreachable {
            place: place.clone(),
            cause: cause.to_string(),
        })?;
    let mut config = Config::new();
    config
        .application_name("vouchsafe")
        .dbname(&address.database)
        .user(address.user.as_deref().unwrap_or_default());
    if let Some(password) = &address.password {
        config.password(password.expose());
    }
    let refused = |fault| error::of_connecting(&fault, place);
    // What the line ends with is seen by whoever asks next on it.
    if address.tls {
        let roots = roots.ok_or_else(|| StoreError::Untrusted {
            place: place.clone(),
            cause: "no `ca` is named".to_owned(),
        })?;
        let host = address.host.clone();
        config.ssl_mode(SslMode::Require);
        let proof = Proof { roots, host };
        let (client, line) = config.connect_raw(stream, proof).await.map_err(refused)?;
        Ok((client, tokio::spawn(async { drop(line.await) })))
    } else {
        config.ssl_mode(SslMode::Disable);
        let (client, line) = config.connect_raw(stream, NoTls).await.map_err(refused)?;
        Ok((client, tokio::spawn(async { drop(line.await) })))
    }
}
