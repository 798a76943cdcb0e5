//! One transaction, whichever database it runs on.
//!
//! Owns the few shapes of statements, values and rows that both databases have in common. What is
//! written once is written in the words that both know; where they differ, a statement has a text
//! for each.

use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::ToSql;

use crate::{StoreError, postgres::Session};

/// A transaction, as jobs see it.
pub struct Access<'a>(pub(crate) Side<'a>);

pub(crate) enum Side<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a Session),
}

/// A statement. Parameters are written `?1`, which PostgreSQL is given as `$1`.
#[derive(Clone, Copy)]
pub(crate) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// One text for both.
    pub(crate) const fn both(text: &'static str) -> Self {
        Self {
            sqlite: text,
            postgres: text,
        }
    }

    /// A text for each.
    pub(crate) const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'v> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'v str),
    MaybeText(Option<&'v str>),
    Bytes(&'v [u8]),
    MaybeBytes(Option<&'v [u8]>),
    Flag(bool),
}

/// A row of an answer; columns count from 0.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Access<'_> {
    /// Runs a statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: Sql, values: &[Value<'_>]) -> Result<usize, StoreError> {
        match self.0 {
            Side::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql.sqlite)?;
                Ok(statement.execute(rusqlite::params_from_iter(values))?)
            }
            Side::Postgres(session) => session.execute(sql.postgres, values),
        }
    }

    /// Every row of an answer.
    pub(crate) fn rows<T>(
        &self,
        sql: Sql,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        match self.0 {
            Side::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql.sqlite)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row))?);
                }
                Ok(all)
            }
            Side::Postgres(session) => session
                .query(sql.postgres, values)?
                .iter()
                .map(|row| read(&Row::Postgres(row)))
                .collect(),
        }
    }

    /// The only row of an answer, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: Sql,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.rows(sql, values, read).map(|mut rows| rows.pop())
    }

    /// The one number that a `SELECT count(*)` on `table` answers.
    pub(crate) fn count(
        &self,
        sql: Sql,
        values: &[Value<'_>],
        table: &'static str,
    ) -> Result<u64, StoreError> {
        self.row(sql, values, |row| row.int(0))?
            .and_then(|count| u64::try_from(count).ok())
            .ok_or(StoreError::Unreadable { table })
    }

    /// Binds the transaction to a tenant. An SQLite file has no row-level security: there the
    /// conditions of the statements do it alone.
    pub(crate) fn bind(&self, tenant: &str) -> Result<(), StoreError> {
        if let Side::Postgres(session) = self.0 {
            let sql = "SELECT set_config('vouchsafe.tenant', ?1, true)";
            session.query(sql, &[Value::Text(tenant)])?;
        }
        Ok(())
    }

    /// See [`crate::Store::data_version`].
    pub(crate) fn data_version(&self) -> Result<i64, StoreError> {
        match self.0 {
            Side::Sqlite(connection) => {
                Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
            }
            Side::Postgres(_) => {
                let sql = Sql::both("SELECT number FROM revision WHERE subject = 'api_key'");
                self.row(sql, &[], |row| row.int(0))?
                    .ok_or(StoreError::Unreadable { table: "revision" })
            }
        }
    }
}

impl Row<'_> {
    pub(crate) fn int(&self, at: usize) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }

    pub(crate) fn maybe_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }

    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }

    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => {
                let bytes: &[u8] = row.try_get(at).map_err(misfit)?;
                bytes.try_into().map_err(|_| StoreError::Damaged {
                    cause: format!("a value of {} bytes where {N} belong", bytes.len()),
                })
            }
        }
    }

    /// Bytes of any length. Postgres and SQLite bound a value long before memory does.
    pub(crate) fn maybe_blob(&self, at: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            Self::Postgres(row) => row.try_get(at).map_err(misfit),
        }
    }
}

/// A column of another type than the schema gives it: somebody else has changed the table.
fn misfit(_: tokio_postgres::Error) -> StoreError {
    StoreError::Damaged {
        cause: "a column has another type than this build gave it".to_owned(),
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Int(number) | Self::MaybeInt(Some(number)) => ValueRef::Integer(number),
            Self::MaybeInt(None) | Self::MaybeText(None) | Self::MaybeBytes(None) => ValueRef::Null,
            Self::Text(text) | Self::MaybeText(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) | Self::MaybeBytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Flag(flag) => ValueRef::Integer(i64::from(flag)),
        }))
    }
}

impl Value<'_> {
    /// The value as the driver of PostgreSQL takes it, which checks it against the column's type.
    pub(crate) fn for_postgres(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Int(number) => number,
            Self::MaybeInt(number) => number,
            Self::Text(text) => text,
            Self::MaybeText(text) => text,
            Self::Bytes(bytes) => bytes,
            Self::MaybeBytes(bytes) => bytes,
            Self::Flag(flag) => flag,
        }
    }
}
